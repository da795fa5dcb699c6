"""What an error answer says, in any of the forms that servers give it; whether the form is right, the rules say."""

from collections.abc import Iterator

from chatcontract.jsontext import ABSENT
from chatcontract.model import JSON
from chatcontract.reading import Reading, members
from chatcontract.redact import printable, text

MAX_SHOWN = 160
_NAMES = ("error", "message", "detail", "msg", "error_message")
"""Members that hold the words, or what holds them."""
_MAX_WORDS = 400
_MAX_ITEMS = 4
_MAX_DEPTH = 5
_MARKUP = ("<", "{", "[")


def said(reading: Reading, turn: str = "") -> str:
    """Status and message of an answer, shortly; behind the status, which turn it came in.

    >>> from chatcontract.model import Exchange, Response
    >>> body = b'{"detail": [{"loc": ["body", "n"], "msg": "Extra input"}]}'
    >>> said(Reading(Exchange("1", None, Response(422, (), body))))
    'status 422: n: Extra input'
    """
    line = " ".join(message(reading).split())
    status = f"status {reading.status}{turn}"
    return f"{status}: {printable(text(line))[:MAX_SHOWN]}" if line else status


def message(reading: Reading) -> str:
    """The words of an error answer, with the places that it names beside them; empty where there are none."""
    if reading.kind != "error":
        return ""
    value = reading.answer.value
    return _plain(reading) if value is ABSENT else ": ".join(dict.fromkeys(_words(value)))[:_MAX_WORDS]


def param(reading: Reading) -> str:
    """The parameter that an error answer names in a member of its own; empty where there is none."""
    value = reading.answer.value if reading.kind == "error" else None
    body = members(value[0] if isinstance(value, list) and value else value)
    named = members(body.get("error")).get("param") or body.get("param")
    return named if isinstance(named, str) else ""


def _words(value: JSON, depth: int = 0) -> Iterator[str]:
    if isinstance(value, str):
        yield from filter(None, (value[:_MAX_WORDS].strip(),))
    elif depth < _MAX_DEPTH and isinstance(value, list):
        for item in value[:_MAX_ITEMS]:
            yield from _words(item, depth + 1)
    elif depth < _MAX_DEPTH and isinstance(value, dict):
        yield from filter(None, (_place(value.get("loc")),))
        for name in _NAMES:
            yield from _words(value.get(name), depth + 1)


def _place(location: JSON) -> str:
    """The place that a validator names by its tokens, as a path inside the body."""
    tokens = location if isinstance(location, list) else []
    told = [str(token)[:80] for token in tokens[:20] if isinstance(token, str | int)]
    return ".".join(told[1:] if told[:1] == ["body"] else told)


def _plain(reading: Reading) -> str:
    """The beginning of a body that is plain text, not a page, and not JSON that is broken."""
    response = reading.exchange.response
    start = response.body[:_MAX_WORDS].decode("utf-8", "ignore").strip() if response is not None else ""
    is_text = not start.startswith(_MARKUP) and all(sign.isprintable() or sign.isspace() for sign in start)
    return start if is_text else ""
