"""Values as they may be stored and shown: short, on one line, without keys.

Every value that leaves the library in a violation, a report or a file passes through here first.
"""

import json
import re
from json.encoder import encode_basestring

from chatcontract.model import JSON
from chatcontract.patterns import pattern

FILTERED = "[Filtered]"
SECRET_HEADERS = frozenset(
    {
        "authorization",
        "proxy-authorization",
        "api-key",
        "x-api-key",
        "cookie",
        "set-cookie",
        "x-goog-api-key",
        "openai-organization",
        "openai-project",
    }
)
MAX_VALUE = 120

_SECRET_NAMES = pattern(r"(?i)^(authorization|(x[-_])?(goog[-_])?api[-_]?key|access[-_]?token|cookie|password)$")
_KEYS = pattern(
    r"(?i)\b(?:sk|pk|rk|gsk|xai|hf|csk|pplx|sess)[-_][A-Za-z0-9_\-]{8,}"
    r"|\bAIza[A-Za-z0-9_\-]{20,}"
    r"|\bbearer\s+[A-Za-z0-9._~+/\-]{6,}=*"
    r"|\beyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]*"
)
_SHORTEST_KEY = len("sk-12345678")
_PLAIN = (int, float, type(None))  # a union would be made, and is slower to ask, at each call
_WORDS = {None: "null", True: "true", False: "false"}
_CONTROL = pattern("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def text(value: str) -> str:
    """The text with everything that looks like a key replaced.

    >>> text("Bearer abcdef123456 and sk-proj-abcdefgh1234")
    '[Filtered] and [Filtered]'
    """
    return value if len(value) < _SHORTEST_KEY or _has_no_key(value) else _KEYS.sub(FILTERED, value)


def _has_no_key(value: str) -> bool:
    """Whether nothing in the text is like what every alternative of _KEYS begins with: quicker told than searched."""
    if not value.isascii():
        return False
    lower = value.lower()
    is_like = "sk" in lower or "pk" in lower or "rk" in lower or "xai" in lower or "hf" in lower or "pplx" in lower
    return not (is_like or "sess" in lower or "aiza" in lower or "bearer" in lower or "eyj" in lower)


def printable(value: str) -> str:
    """The text without terminal control, direction marks and lone surrogates; they become visible escapes.

    >>> printable("a\\x1b[31mb")
    'a\\\\x1b[31mb'
    """
    return value if value.isprintable() else _CONTROL.sub(_visible, value)


def one_line(value: str) -> str:
    """The same on one line: line ends and tabs are escapes too, so that no text can begin a line of its own.

    >>> one_line("a\\nb")
    'a\\\\nb'
    """
    return printable(value).replace("\n", "\\n").replace("\t", "\\t")


def _visible(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def headers(pairs: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """Header pairs with the values of those that carry a key replaced."""
    return tuple((name, FILTERED if name.lower() in SECRET_HEADERS else text(value)) for name, value in pairs)


def short(value: JSON, limit: int = MAX_VALUE) -> str:
    """The value as JSON text on one line of about `limit` characters at most, keys redacted.

    Its cost is bounded by `limit`, not by the size of the value.

    >>> short({"role": "user", "api_key": "secret"})
    '{"role": "user", "api_key": "[Filtered]"}'
    >>> short(list(range(1000)), 20)
    '[0, 1, 2, 3, 4, 5, …'
    """
    if isinstance(value, str):
        if len(value) < _SHORTEST_KEY < limit and value.isalnum() and value.isprintable():
            return f'"{value}"'
    elif isinstance(value, _PLAIN) and (plain := _plain(value)):
        return plain
    pieces: list[str] = []
    _write(value, pieces, limit, 0)
    whole = printable(text("".join(pieces)))
    return whole if len(whole) <= limit else whole[: limit - 1] + "…"


def _plain(value: float | None) -> str:
    """What needs no encoder; empty for other numbers."""
    if value is None or value is True or value is False:
        return _WORDS[value]
    return repr(value) if -1e15 < value < 1e15 else ""


def _write(value: JSON, pieces: list[str], room: int, depth: int) -> int:
    if room <= 0 or depth > 20:
        pieces.append("…")
        return 0
    if isinstance(value, dict):
        return _write_members(value, pieces, room, depth)
    if isinstance(value, (list, tuple)):
        return _write_items(value, pieces, room, depth)
    piece = _scalar(value, room)
    pieces.append(piece)
    return room - len(piece)


def _scalar(value: JSON, room: int) -> str:
    if isinstance(value, str):
        return encode_basestring(value[: room + 40])
    if isinstance(value, _PLAIN) and (plain := _plain(value)):
        return plain
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 200:
        return f"(an integer of {value.bit_length()} bits)"
    try:
        return json.dumps(value)
    except (TypeError, ValueError):
        return f"({type(value).__name__})"


def _write_members(value: dict[str, JSON], pieces: list[str], room: int, depth: int) -> int:
    pieces.append("{")
    comma = ""
    for name, member in value.items():
        if room <= 0:
            break
        name = str(name)
        head = f"{comma}{encode_basestring(name[: room + 40])}: "
        room -= len(head)
        pieces.append(head)
        if isinstance(member, str) and room > 0:
            piece = encode_basestring((FILTERED if _SECRET_NAMES.match(name) else member)[: room + 40])
            room -= len(piece)
            pieces.append(piece)
        else:
            room = _write(member, pieces, room, depth + 1)
        comma = ", "
    pieces.append("}")
    return room - 2


def _write_items(value: list[JSON] | tuple[JSON, ...], pieces: list[str], room: int, depth: int) -> int:
    pieces.append("[")
    for position, item in enumerate(value):
        if room <= 0:
            break
        if position:
            pieces.append(", ")
        room = _write(item, pieces, room - 2, depth + 1)
    pieces.append("]")
    return room - 2
