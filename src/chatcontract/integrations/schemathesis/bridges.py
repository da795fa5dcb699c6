"""What one schema is tested with: its contract, the model to ask, and what it is asked."""

import os
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from chatcontract import closures, settings
from chatcontract.contract import PROFILES, Contract
from chatcontract.integrations.schemathesis.documents import document
from chatcontract.model import JSON, Profile, Severity

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from chatcontract.generate import Negative

LEVELS = ("error", "warning", "info", "never")
"""The severities from which on a finding fails a case, and `never`."""


class Wishes(NamedTuple):
    """What a bridge is made of; None where nothing was said.

    `config` is the path of the settings file, `none` for no file, None for the one that is found.
    """

    model: str | None = None
    profile: Profile | None = None
    spec: str | Mapping[str, JSON] | None = None
    fail_on: str | None = None
    select: Sequence[str] | None = None
    ignore: Sequence[str] | None = None
    severity: Mapping[str, str] | None = None
    no_fix: Sequence[str] | None = None
    config: str | None = None


class Bridge:
    """The contract of one schema, and the traffic to test it with.

    `contract` is what answers are checked against, `whole` the same with every rule in force: what tells whether a
    request is valid.

    Raises:
        ValueError: no profile or level is called that, or the settings file is wrong.
        SpecError: the document cannot be used.
    """

    def __init__(self, wishes: Wishes) -> None:
        wished = {name: value for name, value in wishes._asdict().items() if value is not None}
        given: dict[str, Any] = {**_settings(wishes.config), **wished}
        self.model: str | None = given.get("model")
        self.profile: Profile = _one_of("profile", given.get("profile", "openai"), PROFILES)
        self.level: str = _one_of("fail_on", given.get("fail_on", given.get("fail-on", "error")), LEVELS)
        self._spec = given.get("spec")
        fixes = given.get("no_fix", given.get("no-fix", ()))
        self.whole = Contract.load(self._spec, profile=self.profile, without_fixes=fixes)
        self.contract = Contract.load(
            self._spec,
            profile=self.profile,
            select=given.get("select"),
            ignore=given.get("ignore"),
            severity=given.get("severity"),
            without_fixes=fixes,
        )

    def document(self, mark: str) -> dict[str, Any]:
        """The OpenAPI document that schemathesis is given."""
        texts = closures.own() if self._spec is None else closures.of(self._spec)
        return document(texts, self.profile, mark)

    def fails(self, severity: Severity) -> bool:
        """Whether a finding of that severity fails a case."""
        return LEVELS.index(severity.value) <= LEVELS.index(self.level) and self.level != "never"

    @property
    def negatives(self) -> "Mapping[bytes, Negative]":
        """Every labelled breach by its bytes; none of the oversized ones."""
        return _negatives(self.model)

    @property
    def covering(self) -> tuple[dict[str, Any], ...]:
        """Valid requests that together take every branch of the document."""
        return _covering(self.model)

    def bodies(self, *, valid: bool, broken: bool) -> "SearchStrategy[Any]":
        """Valid requests as dicts, labelled breaches as bytes, or both."""
        from hypothesis import strategies

        from chatcontract import generate

        wanted = [generate.requests(model=self.model)] if valid else []
        if broken:
            wanted.append(strategies.sampled_from(list(self.negatives)))
        return strategies.one_of(wanted)


@cache
def _negatives(model: str | None) -> "Mapping[bytes, Negative]":
    from chatcontract import generate

    return {negative.body: negative for negative in generate.negatives(model=model)}


@cache
def _covering(model: str | None) -> tuple[dict[str, Any], ...]:
    from chatcontract import generate

    return tuple(generate.covering(model=model))


def configured() -> Bridge:
    """The bridge that the environment asks for: each wish in `CHATCONTRACT_` and its name, lists with commas.

    Raises:
        ValueError: a variable has no such value.
    """
    found: dict[str, Any] = {name: os.environ.get(f"CHATCONTRACT_{name.upper()}") or None for name in Wishes._fields}
    for name in ("select", "ignore", "no_fix"):
        found[name] = found[name] and [word.strip() for word in found[name].split(",") if word.strip()]
    found["severity"] = found["severity"] and dict(map(_level, found["severity"].split(",")))
    return Bridge(Wishes(**found))


def _level(word: str) -> tuple[str, str]:
    rule, equals, level = word.strip().partition("=")
    if not equals or level not in (*LEVELS[:-1], "ignore"):
        raise ValueError(f"CHATCONTRACT_SEVERITY: {word!r} is not RULE=LEVEL with error, warning, info or ignore")
    return rule, level


def _settings(config: str | None) -> Mapping[str, Any]:
    if config == "none":
        return {}
    return settings.read(config).values if config else settings.find(os.getcwd()).values


def _one_of(name: str, value: Any, words: Any) -> Any:
    if value not in words:
        raise ValueError(f"{name} is one of {', '.join(words)}, not {value!r}")
    return value


_BRIDGES: dict[str, Bridge] = {}
_MOST = 100


def keep(bridge: Bridge) -> str:
    """A mark by which `kept` finds the bridge again; the oldest ones are forgotten after a hundred."""
    for mark in list(islice(_BRIDGES, max(0, len(_BRIDGES) - _MOST + 1))):
        del _BRIDGES[mark]
    mark = f"{id(bridge):x}"
    _BRIDGES[mark] = bridge
    return mark


def kept(mark: Any) -> Bridge | None:
    """The bridge of that mark; None where there is none."""
    return _BRIDGES.get(mark) if isinstance(mark, str) else None
