"""The rules, one module a section; each declares what it finds, why, and how bad that is."""

import os
from functools import cache
from importlib import import_module

from chatcontract.model import Rule


@cache
def load() -> tuple[Rule, ...]:
    """Every rule, by code; raises ValueError when two have the same code or name."""
    files = sorted(name for name in os.listdir(__path__[0]) if name.endswith(".py") and name[0] != "_")
    found = [rule for name in files for rule in declared(import_module(f"{__name__}.{name[:-3]}"))]
    codes: set[str] = set()
    for rule in found:
        if {rule.code, rule.name} & codes:
            raise ValueError(f"two rules are called {rule.code} or {rule.name}")
        codes |= {rule.code, rule.name}
    return tuple(sorted(found, key=lambda rule: rule.code))


def declared(module: object) -> list[Rule]:
    """The rules that a module declares, whether alone or in a tuple called RULES."""
    members = vars(module)
    return list(members.get("RULES", ())) or [value for value in members.values() if isinstance(value, Rule)]
