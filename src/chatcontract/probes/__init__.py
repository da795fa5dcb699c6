"""The probes, one module a section; each says what it sends, what may come back, and why that matters."""

import os
from collections.abc import Iterable
from functools import cache
from importlib import import_module

from chatcontract.model import SECTIONS
from chatcontract.probe import Probe, Section

FIRST = "request-minimal"
"""The probe that every audit begins with."""


@cache
def load() -> tuple[Probe, ...]:
    """Every probe, by section; raises ValueError when two have the same id or provide the same capability."""
    order = [*SECTIONS.values()]
    stems = [name[:-3] for name in os.listdir(__path__[0]) if name.endswith(".py") and name[0] != "_"]
    modules = [
        import_module(f"{__name__}.{stem}") for stem in sorted(stems, key=lambda stem: (stem not in order, stem))
    ]
    found = [probe for module in modules for probe in declared(module)]
    for names in ([probe.id for probe in found], [probe.provides for probe in found if probe.provides]):
        if len(set(names)) < len(names):
            raise ValueError(f"declared twice: {', '.join(sorted({name for name in names if names.count(name) > 1}))}")
    return tuple(sorted(found, key=lambda probe: (probe.id != FIRST, order.index(probe.section))))


def declared(module: object) -> list[Probe]:
    """The probes that a module declares by its sections."""
    return [probe for value in vars(module).values() if isinstance(value, Section) for probe in value.probes]


def select(probes: Iterable[Probe], sections: Iterable[str] = (), names: Iterable[str] = ()) -> tuple[Probe, ...]:
    """The probes of those sections or with those ids (or beginnings of ids), and the first one always.

    Raises:
        ValueError: there is no such section or probe.
    """
    known, wanted, words = tuple(probes), set(sections), tuple(names)
    if unknown := wanted.difference(probe.section for probe in known):
        raise ValueError(f"no section of probes is called {sorted(unknown)[0]!r}")
    for word in words:
        if not any(probe.id.startswith(word) for probe in known):
            raise ValueError(f"no probe is called {word!r}; `chatcontract probes` lists them")
    if not wanted and not words:
        return known
    return tuple(
        probe for probe in known
        if probe.id == FIRST or probe.section in wanted or any(probe.id.startswith(word) for word in words)
    )  # fmt: skip
