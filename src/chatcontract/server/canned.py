"""Canned replies from a file: for tests of other programs that need a certain answer.

A list in JSON or YAML; the first entry that fits is used, without `when` it always fits:

    - when: {contains: refund, model: reference-1}
      say: Your money is on its way.
    - when: {contains: angry}
      refuse: I won't.
    - when: {contains: weather}
      call: [{name: get_weather, arguments: {city: Bonn}}]
    - when: {contains: limit}
      error: {status: 429, message: Slow down., code: rate_limit_exceeded, headers: {retry-after: "2"}}
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from chatcontract.model import JSON
from chatcontract.reading import items, members
from chatcontract.server.dialogue import Reply, last_request
from chatcontract.server.errors import Refused
from chatcontract.server.tool_calls import Call

_WHEN = {"contains", "model"}
_THEN = {"say", "refuse", "call", "error"}


class Canned(NamedTuple):
    """One entry: when it fits, and the reply or the error."""

    contains: str
    model: str
    reply: Reply | None
    error: Refused | None

    def fits(self, asked: Mapping[str, JSON]) -> bool:
        """Whether it is for this request."""
        is_model = not self.model or self.model == asked.get("model")
        return is_model and self.contains.lower() in last_request(asked).lower()


def read(path: str) -> tuple[Canned, ...]:
    """The entries of a file.

    Raises:
        ValueError: it is no such file; the message says which entry is wrong, and how.
    """
    import yaml

    try:
        entries = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from None
    if not isinstance(entries, list):
        raise ValueError(f"{path}: expected a list of entries")
    return tuple(_entry(entry, f"{path}: entry {number}") for number, entry in enumerate(entries, 1))


def _entry(entry: JSON, place: str) -> Canned:
    if not isinstance(entry, dict) or len(_THEN & entry.keys()) != 1:
        raise ValueError(f"{place}: expected one of {', '.join(sorted(_THEN))}")
    when = members(entry.get("when"))
    unknown = [*(entry.keys() - _THEN - {"when"}), *(when.keys() - _WHEN)]
    if unknown:
        raise ValueError(f"{place}: {unknown[0]!r} is not known")
    error = _error(members(entry["error"])) if "error" in entry else None
    return Canned(str(when.get("contains", "")), str(when.get("model", "")), _reply(entry), error)


def _reply(entry: dict[str, JSON]) -> Reply:
    if "call" in entry:
        calls = (_call(members(call), number) for number, call in enumerate(items(entry["call"]), 1))
        return Reply(calls=tuple(calls))
    return Reply(refusal=str(entry["refuse"])) if "refuse" in entry else Reply(str(entry.get("say", "")))


def _call(call: dict[str, JSON], number: int) -> Call:
    kind = "custom" if "input" in call else "function"
    given = call.get("input", call.get("arguments", {}))
    text = given if isinstance(given, str) else json.dumps(given, ensure_ascii=False)
    return Call(kind, str(call.get("name", "")), text, str(call.get("id", f"call_canned{number}")))


def _error(error: dict[str, JSON]) -> Refused:
    headers = tuple((str(name), str(value)) for name, value in members(error.get("headers")).items())
    return Refused(
        int(error.get("status", 500)), str(error.get("message", "A canned error.")), error.get("code"),
        error.get("param"), kind=str(error.get("type", "invalid_request_error")), headers=headers,
    )  # fmt: skip
