"""The oddities that a stream's framing can have: their names, and the tests on text that tell them.

What a field or a blank line is, is said in https://html.spec.whatwg.org/multipage/server-sent-events.html.
"""

import json
from collections.abc import Mapping

from chatcontract.patterns import pattern

MAX_ODDITIES = 1000
"""How many oddities outside of events one stream keeps."""

ODDITIES: Mapping[str, str] = {
    "blank-block-after-id": "A blank line without fields after an `id`; some clients see an empty event.",
    "blank-block": "A blank line that ends no event, as after a comment; some clients see an empty event.",
    "blank-line-with-spaces": "A line of blanks where an empty line was meant; it ends no event.",
    "bom": "A byte order mark at the start: legal, yet most clients lose the first event over it.",
    "data-after-done": "An event with data after the terminator [DONE].",
    "data-prefix-twice": "The data begin with another `data:`, as if the frame had been wrapped twice.",
    "data-starts-with-colon": "The data begin with a colon, as a comment does that was passed on as data.",
    "done-variant": "A terminator that isn't spelt [DONE]: other case, quotes or brackets.",
    "done-with-spaces": "A terminator [DONE] with blanks or line ends around it.",
    "duplicate-done": "The terminator [DONE] a second time.",
    "empty-data": "An event whose data are empty.",
    "event-too-large": "An event beyond the size limit; its bytes were dropped up to the next blank line.",
    "event-without-data": "Fields but no `data`: legal, yet some clients parse the empty data.",
    "frame-cut": "The stream ends in the middle of a line or of an event.",
    "html-without-data-prefix": "A line of markup among the fields, as an error page of a gateway has.",
    "invalid-retry": "A `retry` that isn't a whole number of milliseconds; it is ignored.",
    "invalid-utf8": "Bytes that aren't UTF-8; they are read as the replacement character.",
    "json-without-data-prefix": "A line of JSON without `data:`; readers ignore it.",
    "misspelt-field": "A field name that differs from a known one in case, blanks or its colon; readers ignore it.",
    "missing-final-blank-line": "The last event is whole, but no blank line closes it: readers drop it.",
    "mixed-line-endings": "Lines of one stream end in different ways.",
    "more-oddities": f"Over {MAX_ODDITIES} oddities outside of events; those after this one aren't kept.",
    "multi-line-data": "The data of one event stand on several `data` lines.",
    "nul-in-id": "An `id` with a NUL character; it is ignored.",
    "two-documents-in-event": "Several JSON documents in one event; clients parse its data as one and fail.",
    "unknown-field": "A line that is neither a comment nor a field of the standard; readers ignore it.",
}
"""Every oddity by name, with what it means."""

FIELDS = frozenset((b"data", b"event", b"id", b"retry"))
"""The fields of the standard."""

FOREIGN = ("json-without-data-prefix", "html-without-data-prefix")
"""Oddities of a body that is no event stream."""

UNREADABLE = frozenset(("data-prefix-twice", "data-starts-with-colon", "frame-cut", "two-documents-in-event"))
"""Oddities of an event that say why its data are no JSON text."""

_JOINT = r"\}[ \t\r\n]*[{\[]"
_JOINT_TEXT = pattern(_JOINT)
_JOINT_BYTES = pattern(_JOINT.encode())
_STARTS = (("empty-data", ""), ("data-starts-with-colon", ":"), ("data-prefix-twice", "data:"))
_DECODER = json.JSONDecoder()
_INVISIBLE = dict.fromkeys(map(ord, "\ufeff\u200b\u200c\u200d\u2060\u00a0"))
_MAX_NAME = 60
_IN_PLACE_OF_COLON = ("=", "\uff1a", "{")


def terminator(data: str) -> str | None:
    """None unless the data are the terminator; then "", or the name of what is odd about its spelling."""
    if data == "[DONE]":
        return ""
    word = data[:80].strip()
    if len(data) > len(word) + 40 or word.strip("[]\"'").upper() != "DONE":
        return None
    return "done-with-spaces" if word == "[DONE]" else "done-variant"


def shape(data: str, lines: int) -> list[str]:
    """The names of what is odd about an event's data, which stood on that many `data` lines."""
    names = [] if data.startswith("{") else [name for name, start in _STARTS if _begins(data, start)]
    if lines > 1:
        names.append("multi-line-data")
    if (lines > 1 or _JOINT_TEXT.search(data) or "data:" in data) and _several(data):
        names.append("two-documents-in-event")
    return names


def may_be_joined(payloads: bytes) -> bool:
    """Whether `shape` can find several documents in one of these payloads, which commas keep apart."""
    return b"data:" in payloads or _JOINT_BYTES.search(payloads) is not None


def _begins(data: str, start: str) -> bool:
    return data.startswith(start) if start else not data


def _several(data: str) -> bool:
    """Whether the data go on after one JSON document, or hold a whole one after a cut one and `data:`."""
    text = data.lstrip()
    try:
        _, end = _DECODER.raw_decode(text)
    except (ValueError, RecursionError):
        head, _, tail = data.rpartition("data:")
        return bool(head.strip()) and tail.lstrip().startswith(("{", "[")) and ending(tail) != "frame-cut"
    return text[end:].lstrip().startswith(("{", "[", "data:"))


def ending(data: str) -> str:
    """The name of what is odd about data that no blank line closed."""
    last = data.strip().rpartition("\n")[2]
    whole = last == "[DONE]" or _parses(data) or _parses(last)
    return "missing-final-blank-line" if whole else "frame-cut"


def _parses(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def foreign(text: bytes, name: bytes) -> str:
    """The name of what is odd about a line whose field `name` isn't of the standard."""
    line = text.strip()
    if not line:
        return "blank-line-with-spaces"
    if line.startswith((b"{", b"[")):
        return "json-without-data-prefix"
    if line.startswith(b"<"):
        return "html-without-data-prefix"
    if _letters(name).encode() in FIELDS or stands_for_data(text):
        return "misspelt-field"
    return "json-without-data-prefix" if b'"chat.completion.chunk"' in line else "unknown-field"


def stands_for_data(text: bytes) -> bool:
    """Whether the line, or the name of its field, means `data`, save for case, invisible signs and the colon.

    >>> stands_for_data(b"Data"), stands_for_data(b'data={"id": 1}'), stands_for_data(b"date")
    (True, True, False)
    """
    head = _letters(text)
    rest = head[4:].lstrip()
    return head.startswith("data") and (not rest or rest.startswith((":", *_IN_PLACE_OF_COLON)))


def _letters(text: bytes) -> str:
    """The beginning of a text in lower case, without blanks around it and invisible characters."""
    return text[:_MAX_NAME].decode("utf-8", "ignore").translate(_INVISIBLE).strip().lower()
