"""Where in a JSON text the value of a pointer stands, also in one that is cut or broken behind it."""

import json
import re
from collections.abc import Sequence
from typing import NamedTuple

_SPACE = re.compile(r"[ \t\r\n]*+")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*+"', re.S)
_SCALAR = re.compile(r"[^\s,:\[\]{}\"]++")
_STRUCTURE = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.S)
MAX_MEMBERS = 100_000
"""Members and items that are passed in the search for one pointer."""


class Span(NamedTuple):
    """Characters `start` to `end` of a text; `absent` names what is missing there.

    A member of an object spans from its name on. An absent one spans the opening bracket of what should hold
    it; `cut` tells that the text ends before that is closed: the member may have stood behind the cut.
    """

    start: int
    end: int
    absent: str = ""
    cut: bool = False


def locate(text: str, tokens: Sequence[str]) -> Span | None:
    """The place of the value that the raw tokens lead to; None where the text has no JSON value at all.

    Of a repeated member the last one counts, as it does for readers.

    >>> text = '{"choices": [{"index": 7}]}'
    >>> span = locate(text, ["choices", "0", "index"])
    >>> text[span.start : span.end]
    '"index": 7'
    >>> locate(text, ["choices", "0", "delta"])
    Span(start=13, end=14, absent='delta', cut=False)
    """
    begin = start = _space(text, 0)
    if start >= len(text):
        return None
    for token in tokens:
        place = _child(text, start, token)
        if place is None:
            nested = text.startswith(("{", "["), start)
            return Span(start, start + 1, token, nested and _closing(text, start) is None)
        begin, start = place
    return Span(begin, _after(text, start))


def _child(text: str, start: int, token: str) -> tuple[int, int] | None:
    """Where the member or item begins, and where its value does."""
    if text.startswith("{", start):
        return _member(text, start + 1, token)
    if text.startswith("[", start) and token.isdecimal():
        at = _item(text, start + 1, int(token))
        return None if at is None else (at, at)
    return None


def _member(text: str, start: int, name: str) -> tuple[int, int] | None:
    found: tuple[int, int] | None = None
    at: int | None = start
    for _ in range(MAX_MEMBERS):
        key = None if at is None else _STRING.match(text, _space(text, at))
        colon = _space(text, key.end()) if key else 0
        if key is None or not text.startswith(":", colon):
            break
        value = _space(text, colon + 1)
        if _unquoted(key[0]) == name:
            found = key.start(), value
        at = _next(text, value)
    return found


def _item(text: str, start: int, index: int) -> int | None:
    at: int | None = _space(text, start)
    if index > MAX_MEMBERS or text.startswith("]", at or 0):
        return None
    for _ in range(index):
        at = None if at is None else _next(text, at)
    return None if at is None or at >= len(text) else at


def _next(text: str, at: int) -> int | None:
    """Where the next member or item begins, after the value at `at`; None if there is none."""
    end = _after(text, at)
    comma = _space(text, end)
    return _space(text, comma + 1) if end > at and text.startswith(",", comma) else None


def _unquoted(quoted: str) -> str:
    try:
        return str(json.loads(quoted, strict=False))
    except ValueError:
        return quoted[1:-1]


def _space(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _after(text: str, at: int) -> int:
    """The position behind the value that begins at `at`; the end of the text where it is cut."""
    if text[at : at + 1] in ("{", "["):
        return _closing(text, at) or len(text)
    match = _STRING.match(text, at) or _SCALAR.match(text, at)
    if match:
        return match.end()
    return len(text) if text.startswith('"', at) else at


def _closing(text: str, at: int) -> int | None:
    """The position behind the bracket that closes the one at `at`; None where the text ends before it."""
    depth = 0
    for match in _STRUCTURE.finditer(text, at):
        depth += {"{": 1, "[": 1, "}": -1, "]": -1}.get(match[0], 0)
        if depth == 0:
            return match.end()
    return None
