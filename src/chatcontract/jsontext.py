"""Bytes of JSON → a value, with everything named that the JSON standard or a strict reader refuses.

The usual text takes one fast pass; only a text with something unusual is read again slowly, to say what and
where. Source of the grammar: https://www.rfc-editor.org/rfc/rfc8259
"""

import json
import re
import sys
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

from chatcontract.model import JSON
from chatcontract.patterns import pattern
from chatcontract.pointer import join

MAX_DEPTH = 254
"""Arrays and objects inside each other; deeper texts are refused (JSON itself sets no bound)."""
MAX_BYTES = 64 * 2**20
"""Bytes of one body; a longer one is refused unread."""
MAX_FAULTS = 1000
"""Faults of one text that are named."""
NON_FINITE = "{!r} is no number that JSON knows"
"""What is said of NaN and the infinities."""
FAST_FROM = 2**20
"""From this many bytes on it pays to import the faster parser for a single text."""


class _Absent:
    """The type of ABSENT: what stands where no value could be read."""

    def __repr__(self) -> str:
        return "ABSENT"

    def __bool__(self) -> bool:
        return False


ABSENT: Any = _Absent()


class TextFault(NamedTuple):
    """Something wrong with a JSON text.

    `kind` is one of `duplicate-key`, `invalid-json`, `non-finite-number`, `invalid-utf8`,
    `excessive-nesting`, `excessive-size`, `undecoded-body`; `pointer` the member it is about (the whole text: empty).
    """

    kind: str
    pointer: str
    message: str


def prefer_speed() -> None:
    """Import the faster parser now: worth its 4 ms from about a megabyte of input on."""
    import orjson  # noqa: F401


def parse(data: bytes | bytearray | memoryview | str) -> tuple[JSON, tuple[TextFault, ...]]:
    """The value (ABSENT if there is none) and the faults of the text; never raises on bytes or str.

    >>> parse(b'{"a": 1, "a": NaN}')[0]
    {'a': nan}
    >>> [fault.kind for fault in parse(b'{"a": 1, "a": NaN}')[1]]
    ['duplicate-key', 'non-finite-number']
    """
    if isinstance(data, bytearray | memoryview):
        data = bytes(data)
    if len(data) > MAX_BYTES:
        return ABSENT, (TextFault("excessive-size", "", f"{len(data)} bytes, more than the {MAX_BYTES} read here"),)
    value = plain_value(data)
    return _parse_slowly(data) if value is ABSENT else (value, ())


def plain_value(data: bytes | str) -> JSON:
    """The value of a text that certainly has no fault, by the fast parser where that is at hand; else ABSENT."""
    return _parse_fast(data) if "orjson" in sys.modules or len(data) >= FAST_FROM else ABSENT


def lenient_value(text: str) -> JSON:
    """The value of a text in which nothing is wrong but that a member is repeated; else ABSENT.

    >>> lenient_value('{"a": 1, "a": 2}'), lenient_value("{a}")
    ({'a': 2}, ABSENT)
    """
    is_flat = len(text) <= MAX_DEPTH or text.count("[") + text.count("{") <= MAX_DEPTH
    if is_flat and len(text) <= MAX_BYTES and (orjson := sys.modules.get("orjson")) is not None:
        try:
            return orjson.loads(text)
        except ValueError:
            return ABSENT
    value, faults = parse(text)
    return value if all(fault.kind == "duplicate-key" for fault in faults) else ABSENT


def parse_each(texts: Sequence[bytes] | Sequence[str]) -> list[tuple[JSON, tuple[TextFault, ...]]]:
    """What `parse` gives for each of the texts, quicker where none of them has a fault.

    >>> parse_each(["1", "[2]"])
    [(1, ()), ([2], ())]
    """
    values = plain_values(texts)
    return [(value, ()) for value in values] if values is not None else [parse(text) for text in texts]


def plain_values(texts: Sequence[bytes] | Sequence[str]) -> list[JSON] | None:
    """The values of texts of which none has a fault; None where one has, or where that is not plain."""
    if not texts:
        return []
    size = sum(map(len, texts))
    if size > MAX_BYTES or not ("orjson" in sys.modules or size >= FAST_FROM):
        return None
    import orjson

    try:
        values = list(map(orjson.loads, texts))
    except (ValueError, RecursionError):
        return None
    whole = ",".join(texts).encode() if isinstance(texts[0], str) else b",".join(texts)  # type: ignore[arg-type]
    return values if _loses_nothing(b"[%b]" % whole, values) else None


def _parse_fast(data: bytes | str) -> JSON:
    """The value of a text without any fault; else, or when that is not plain, ABSENT."""
    import orjson

    try:
        value = orjson.loads(data)
    except (ValueError, RecursionError):
        return ABSENT
    return value if _loses_nothing(data, value) else ABSENT


def _loses_nothing(data: bytes | str, value: JSON) -> bool:
    """Whether the text certainly has no repeated member, and at most MAX_DEPTH levels.

    A dropped duplicate makes the text written anew lose quotation marks; an escape of a quotation mark could
    hide that, so a text with one is left to the slow reader. Writing also refuses more than MAX_DEPTH levels.
    Most texts are written without blanks, and are then the same again.
    """
    import orjson

    try:
        written = orjson.dumps(value)
    except (TypeError, RecursionError):
        return False
    given = data if isinstance(data, bytes) else data.encode()
    return given == written or (given.count(b'"') == written.count(b'"') and b"\\u0022" not in given)


def _parse_slowly(data: bytes | str) -> tuple[JSON, tuple[TextFault, ...]]:
    text, faults = _decode(data)
    if (depth := _depth(text)) > MAX_DEPTH:
        message = f"{depth} arrays and objects inside each other, more than the {MAX_DEPTH} read here"
        return ABSENT, (*faults, TextFault("excessive-nesting", "", message))
    repeated: dict[int, list[str]] = {}
    alive: list[JSON] = []
    strange: list[str] = []

    def members(pairs: list[tuple[str, JSON]]) -> dict[str, JSON]:
        made = dict(pairs)
        if len(made) != len(pairs):
            repeated[id(made)] = _repeated(pairs)
            alive.append(made)
        return made

    def constant(name: str) -> float:
        strange.append(name)
        return float(name)

    try:
        value = json.loads(text, object_pairs_hook=members, parse_constant=constant)
    except (ValueError, RecursionError) as error:
        return ABSENT, (*faults, TextFault("invalid-json", "", _why(text, error)))
    if repeated or strange:
        located = list(islice(_locate(value, repeated, bool(strange)), MAX_FAULTS))
        if strange and not any(fault.kind == "non-finite-number" for fault in located):
            located.append(
                TextFault("non-finite-number", "", f"{strange[0]} is not JSON (in a member that is repeated)")
            )
        faults += tuple(located)
    return value, faults + tuple(islice(_surrogates(text, value), MAX_FAULTS))


def _decode(data: bytes | str) -> tuple[str, tuple[TextFault, ...]]:
    faults: tuple[TextFault, ...] = ()
    mark = "\ufeff" if isinstance(data, str) else b"\xef\xbb\xbf"
    if data.startswith(mark):  # type: ignore[arg-type]
        faults = (TextFault("invalid-json", "", "begins with a byte order mark, which JSON text must not have"),)
        data = data[len(mark) :]
    if isinstance(data, str):
        return data, faults
    try:
        return data.decode(), faults
    except UnicodeDecodeError as error:
        message = f"byte {error.start} (0x{data[error.start]:02x}) is not UTF-8: {error.reason}"
        return data.decode(errors="replace"), (*faults, TextFault("invalid-utf8", "", message))


_STRUCTURE = pattern(r'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.S)


def _depth(text: str) -> int:
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return 0
    depth = deepest = 0
    for match in _STRUCTURE.finditer(text):
        mark = match[0]
        if mark in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif mark in "]}":
            depth -= 1
    return deepest


def _repeated(pairs: list[tuple[str, JSON]]) -> list[str]:
    seen: set[str] = set()
    return [name for name, _ in pairs if name in seen or seen.add(name)]  # type: ignore[func-returns-value]


def _why(text: str, error: Exception) -> str:
    if isinstance(error, RecursionError):
        return f"cannot be read: more than {MAX_DEPTH} arrays and objects inside each other"
    if not text.strip():
        return "is empty: no JSON value"
    if not isinstance(error, json.JSONDecodeError):
        return f"cannot be read: {error}"
    near = text[max(0, error.pos - 20) : error.pos + 20]
    return f"{error.msg} at line {error.lineno} column {error.colno}, near {near!r}"


def _locate(value: JSON, repeated: dict[int, list[str]], strange: bool) -> Iterator[TextFault]:
    for tokens, node in walk(value):
        for name in dict.fromkeys(repeated.get(id(node), ())):
            message = f'the member "{name}" stands more than once; most readers keep the last'
            yield TextFault("duplicate-key", join([*tokens, name]), message)
        if strange and isinstance(node, float) and (node != node or abs(node) == float("inf")):
            yield TextFault("non-finite-number", join(tokens), NON_FINITE.format(node))


def _surrogates(text: str, value: JSON) -> Iterator[TextFault]:
    return lone_surrogates(value) if "\\u" in text or not text.isascii() else iter(())


def lone_surrogates(value: JSON) -> Iterator[TextFault]:
    """A fault for every text inside `value` that has half of a surrogate pair."""
    for tokens, node in walk(value):
        names = [node] if isinstance(node, str) else list(node) if isinstance(node, dict) else []
        for name in names:
            if _LONE.search(name):
                place = tokens if name is node else [*tokens, name]
                yield TextFault("invalid-utf8", join(place), "half of a surrogate pair, which UTF-8 cannot hold")


def without_surrogates(value: JSON) -> JSON:
    """The value with a question mark for every half of a surrogate pair."""
    return json.loads(json.dumps(value, ensure_ascii=False).encode(errors="replace"))


_LONE = pattern("[\ud800-\udfff]")


def object_faults(value: JSON) -> tuple[TextFault, ...]:
    """The faults that the JSON text of a value made of Python objects would have.

    Raises:
        TypeError: something in it has no JSON form.
    """
    for tokens, node in walk(value):
        if not isinstance(node, dict | list | tuple | str | int | float | None):
            raise TypeError(f"{type(node).__name__} at {_at(tokens)} is no JSON value. {_CURE}")
        if isinstance(node, dict) and not all(isinstance(name, str) for name in node):
            raise TypeError(f"a member of the object at {_at(tokens)} has a name that is no text. {_CURE}")
        if len(tokens) >= MAX_DEPTH and isinstance(node, dict | list | tuple):
            return (TextFault("excessive-nesting", "", f"more than {MAX_DEPTH} arrays and objects inside each other"),)
    return tuple(islice(lone_surrogates(value), MAX_FAULTS))


_CURE = "Give a dict of plain values, or JSON text."


def _at(tokens: list[str | int]) -> str:
    return repr(join(tokens)) if tokens else "the top"


def walk(value: JSON) -> Iterator[tuple[list[str | int], JSON]]:
    """Every value inside `value` with its raw tokens, parents first; needs no recursion."""
    stack: list[tuple[list[str | int], JSON]] = [([], value)]
    while stack:
        tokens, node = stack.pop()
        yield tokens, node
        if isinstance(node, dict):
            stack.extend(([*tokens, name], member) for name, member in reversed(list(node.items())))
        elif isinstance(node, list | tuple):
            stack.extend(([*tokens, index], node[index]) for index in range(len(node) - 1, -1, -1))
