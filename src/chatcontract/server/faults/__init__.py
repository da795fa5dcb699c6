"""The faults: breaches of the contract that the reference server commits on request, each declared once."""

from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from difflib import get_close_matches
from enum import Flag, StrEnum, auto
from functools import cache
from importlib import import_module
from typing import Any, Literal, NamedTuple

from chatcontract.examples import changed
from chatcontract.model import JSON

SECTIONS = (
    "completions", "messages", "tools", "usage", "logprobs", "chunks", "fragments", "pieces", "frames",
    "parameters", "errors", "http", "oddities", "audits", "refusals", "legal",
)  # fmt: skip
"""The modules that declare faults."""
Seen = Literal["rules", "audit"]
Apply = Callable[[Any], Any]


class Stage(StrEnum):
    """Where in the making of an answer a fault is committed; at `REPLY` it is given a pair: the request, the reply."""

    REQUEST = "request"
    COMPLETION = "completion"
    REPLY = "reply"
    CHUNKS = "chunks"
    FRAMES = "frames"
    ERROR = "error"
    ANSWER = "answer"


_PLAIN = (Stage.REQUEST, Stage.COMPLETION, Stage.REPLY, Stage.CHUNKS)


class Skip(Flag):
    """What the server does not look at."""

    NOTHING = 0
    KEY = auto()
    MEDIA = auto()
    CONTRACT = auto()
    MODEL = auto()
    PATH = auto()


class Fault(NamedTuple):
    """One breach: how it is called, what it does, and the rules that find it.

    `rules` are codes: all of them find it in the answer to `request` (see `samples.py`), and no other rule of
    severity error does. A fault that no single exchange shows is `seen_by` an audit; `audited` are rules that
    an audit adds to those of the exchange, for it meets the fault in other forms too. `unseen` says why an audit
    cannot find it by its rules. `apply` changes what its stage is about, in place or by what it
    returns.
    """

    name: str
    summary: str
    rules: tuple[str, ...]
    stage: Stage
    apply: Apply
    request: str = "text"
    seen_by: Seen = "rules"
    skips: Skip = Skip.NOTHING
    audited: tuple[str, ...] = ()
    unseen: str = ""

    def commit(self, value: Any) -> Any:
        """The value with the fault; the value as it was where the fault does not fit it."""
        copy = deepcopy(value) if self.stage in _PLAIN else value
        try:
            made = self.apply(copy)
        except (LookupError, TypeError, AttributeError, ValueError, StopIteration):
            return value
        return copy if made is None else made


def fault(
    *rules: str,
    stage: Stage,
    request: str = "text",
    seen_by: Seen = "rules",
    skips: Skip = Skip.NOTHING,
    audited: tuple[str, ...] = (),
    unseen: str = "",
) -> Callable[[Apply], Fault]:
    """Make a fault of a function: its name with dashes is the fault's, its docstring the summary."""

    def made(apply: Apply) -> Fault:
        name = apply.__name__.replace("_", "-")
        said = (apply.__doc__ or "").strip()
        return Fault(name, said, rules, stage, apply, request, seen_by, skips, audited, unseen)

    return made


def edit(
    name: str,
    summary: str,
    changes: Mapping[str, JSON],
    *rules: str,
    request: str = "text",
    stage: Stage = Stage.COMPLETION,
    audited: tuple[str, ...] = (),
) -> Fault:
    """Make a fault of changes by pointer; `examples.changed` says how they are written."""
    return Fault(name, summary, rules, stage, lambda value: changed(value, changes), request, audited=audited)


@cache
def load() -> dict[str, Fault]:
    """Every fault by name, in the order of the sections."""
    found: dict[str, Fault] = {}
    for section in SECTIONS:
        for fault in declared(import_module(f"{__name__}.{section}")):
            if fault.name in found:
                raise ValueError(f"two faults are called {fault.name}")
            found[fault.name] = fault
    return found


def declared(module: object) -> list[Fault]:
    """The faults that a module declares, by themselves or in a tuple called FAULTS."""
    members = vars(module)
    return [*members.get("FAULTS", ()), *(value for value in members.values() if isinstance(value, Fault))]


def named(names: Iterable[str]) -> tuple[Fault, ...]:
    """The faults of these names.

    Raises:
        ValueError: there is none of that name.
    """
    return tuple(map(_named, names))


def _named(name: str) -> Fault:
    if name in load():
        return load()[name]
    near = ", ".join(get_close_matches(name, load(), 3, 0.5))
    raise ValueError(f"no fault is called {name!r}" + (f"; near: {near}" if near else "; see: serve --list-faults"))
