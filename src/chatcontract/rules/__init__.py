"""The rules, one module a section; each declares what it finds, why, and how bad that is."""

import os
from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from typing import Any

from chatcontract.model import Part, Rule

INDEX = os.path.join(os.path.dirname(__path__[0]), "contract", "rules.json")
"""What `index` made when the package was built, so that a check imports only the modules that it needs."""


@cache
def load() -> tuple[Rule, ...]:
    """Every rule, by code; raises ValueError when two have the same code or name."""
    found = [rule for name in _modules() for rule in _declared(name)]
    codes: set[str] = set()
    for rule in found:
        if {rule.code, rule.name} & codes:
            raise ValueError(f"two rules are called {rule.code} or {rule.name}")
        codes |= {rule.code, rule.name}
    return tuple(sorted(found, key=lambda rule: rule.code))


def parts(wanted: Callable[[str, str], bool]) -> frozenset[str]:
    """The parts that a wanted rule looks at; imports none of them."""
    return frozenset(
        of for module in _index().values() for code, (title, of, _) in module.items() if wanted(code, title)
    )


def fitting(part: Part, traits: frozenset[str], wanted: Callable[[str, str], bool]) -> tuple[Rule, ...]:
    """The rules with a check of their own that may have something to say of a part of an exchange, by code.

    Args:
        part: what they look at.
        traits: what the exchange has; rules that need more are left out, and their modules not imported.
        wanted: tells by code and name whether a rule applies.
    """
    found: list[Rule] = []
    for name, module in _index().items():
        asked = [
            code
            for code, (title, of, needs) in module.items()
            if of == part and traits.issuperset(needs) and wanted(code, title)
        ]
        if asked:
            found.extend(rule for rule in _declared(name) if rule.code in asked and rule.check is not None)
    return tuple(sorted(found, key=lambda rule: rule.code))


def get(code: str) -> Rule:
    """The rule of that code; raises KeyError if there is none."""
    module = next((name for name, module in _index().items() if code in module), None)
    found = _declared(module) if module is not None else load()
    return {rule.code: rule for rule in found}[code]


def names() -> Mapping[str, str]:
    """The name of every rule by its code; imports none of them."""
    return {code: title for module in _index().values() for code, (title, *_) in module.items()}


def index() -> dict[str, dict[str, tuple[str, str, list[str]]]]:
    """Name, part and needs of every rule by its code, by module."""
    return {
        name: {rule.code: (rule.name, rule.part.value, sorted(rule.needs)) for rule in _declared(name)}
        for name in _modules()
    }


@cache
def _index() -> Mapping[str, Mapping[str, Any]]:
    import json

    try:
        with open(INDEX, encoding="utf-8") as file:
            made: Mapping[str, Mapping[str, Any]] = json.load(file)
    except FileNotFoundError:
        return index()
    return made


def _modules() -> list[str]:
    return sorted(name[:-3] for name in os.listdir(__path__[0]) if name.endswith(".py") and name[0] != "_")


def declared(module: object) -> list[Rule]:
    """The rules that a module declares, whether alone or in a tuple called RULES."""
    members = vars(module)
    return list(members.get("RULES", ())) or [value for value in members.values() if isinstance(value, Rule)]


def _declared(name: str) -> list[Rule]:
    return declared(import_module(f"{__name__}.{name}"))
