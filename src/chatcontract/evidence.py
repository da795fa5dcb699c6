"""What was seen on the wire, cut to what matters, with the offending place marked."""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from chatcontract import pointer
from chatcontract.spans import Span, locate
from chatcontract.sse import read_events

CONTEXT = 320
"""Characters that are shown before and after a mark."""
LINES = 8
"""Lines that are shown before and after a mark."""
LONGEST = 800
"""Characters of a mark that are shown."""

_MISSING = re.compile(r'"([^"]+)" is missing')


class Excerpt(NamedTuple):
    """A part of a body: `before`, the `marked` characters, `after`.

    `skipped` and `left` characters lie around it; `where` says what it is a part of, `note` what is to be
    known of the mark.
    """

    where: str
    before: str
    marked: str = ""
    after: str = ""
    skipped: int = 0
    left: int = 0
    note: str = ""


def excerpt(violation: dict[str, Any], result: dict[str, Any]) -> Excerpt | None:
    """The place of a violation in what a result keeps of its exchanges; None where it keeps nothing of it."""
    found: Excerpt | None = None
    for exchange in _nearest(violation, result.get("exchanges") or ()):
        shown = _in_exchange(violation, exchange)
        if shown is not None and shown.marked:
            return shown
        found = found or shown
    return found


def _nearest(violation: dict[str, Any], exchanges: Any) -> list[dict[str, Any]]:
    """The exchanges, those first that the violation's own command shows again."""
    curl = violation.get("curl")
    return sorted(exchanges, key=lambda exchange: not curl or exchange.get("curl") != curl)


def _in_exchange(violation: dict[str, Any], exchange: dict[str, Any]) -> Excerpt | None:
    """The place in the message at fault; what is said of the exchange as a whole may be in either."""
    if violation["part"] != "exchange":
        return _in_message(violation, exchange, asked=violation["part"] == "request")
    answer = _in_message(violation, exchange, asked=False)
    question = _in_message(violation, exchange, asked=True) if violation["pointer"] else None
    if question is not None and question.marked and not question.note:
        return question
    return answer if answer is None or not answer.note else _beginning(answer.where, exchange["response"])


def _in_message(violation: dict[str, Any], exchange: dict[str, Any], *, asked: bool) -> Excerpt | None:
    message = exchange.get("request" if asked else "response") or {}
    text = message.get("body_text") or ""
    if not text:
        return None
    if asked or not is_stream(message):
        return _of_json(text, violation, "request body" if asked else "response body")
    return _of_stream(text, violation, bool(message.get("truncated")))


def _beginning(where: str, message: dict[str, Any]) -> Excerpt:
    return _around(message["body_text"], Span(0, 0), where)


def is_stream(message: dict[str, Any]) -> bool:
    """Whether the body of a response is an event stream, by its media type or its first bytes."""
    media = next((value for name, value in pairs(message.get("headers")) if name.lower() == "content-type"), "")
    start = (message.get("body_text") or "")[:100].lstrip("\ufeff\r\n")
    framed = start.startswith(("data:", "event:", "id:", "retry:", ":"))
    return framed or ("event-stream" in media.lower() and not start.startswith(("{", "[")))


def pairs(headers: Any) -> Iterator[tuple[str, str]]:
    """Headers as pairs, be they an object or a list of pairs in the report."""
    listed = headers.items() if isinstance(headers, dict) else headers or ()
    for name, value in listed:
        yield str(name), str(value)


def _of_json(text: str, violation: dict[str, Any], where: str) -> Excerpt:
    tokens = _tokens(violation)
    span = locate(text, tokens) if tokens else None
    return _around(text, span or Span(0, 0), where)


def _tokens(violation: dict[str, Any]) -> list[str]:
    """The place of a violation, down to the member that it says is missing."""
    missing = _MISSING.fullmatch(violation.get("message") or "")
    return [*pointer.split(violation["pointer"]), *(missing.groups() if missing else ())]


def _of_stream(text: str, violation: dict[str, Any], cut: bool) -> Excerpt:
    chunk = violation["chunk"]
    block = None if chunk is None else _block(text, chunk)
    if block is not None:
        where = f"response stream, chunk {chunk}"
        return _around(text, _in_block(text, block, _tokens(violation)), where)
    note = "" if chunk is None else f"chunk {chunk} lies behind what was kept"
    if cut:
        return _around(text, Span(0, 0), "response stream")._replace(note=note)
    skipped = max(0, len(text) - 2 * CONTEXT)
    return Excerpt("end of the response stream", text[skipped:], skipped=skipped, note=note)


def _in_block(text: str, block: Span, tokens: list[str]) -> Span:
    """The place of the pointer in the data of an event; the whole event where that is not to be found."""
    shown = text[block.start : block.end]
    opening = re.search(r"[{\[]", shown)
    if not tokens or opening is None:
        return block
    at = opening.start()
    span = locate(shown[at:], tokens)
    return (
        block if span is None else span._replace(start=span.start + block.start + at, end=span.end + block.start + at)
    )


def _block(text: str, chunk: int) -> Span | None:
    """The characters of the data event at that position."""
    data = text.encode(errors="replace")
    events = [event for event in read_events(data)[0] if event.data]
    if chunk >= len(events):
        return None
    event = events[chunk]
    start = len(data[: event.offset].decode(errors="replace"))
    shown = data[event.offset : event.offset + event.length].decode(errors="replace")
    return Span(start, start + len(shown.rstrip("\r\n")))


def _around(text: str, span: Span, where: str) -> Excerpt:
    """The text around a span; an empty one shows the beginning."""
    if span.cut:
        span = span._replace(end=span.start)
    room = CONTEXT if span.end > span.start else 2 * CONTEXT
    start = span.start - len(_lines(text[max(0, span.start - CONTEXT) : span.start][::-1]))
    end = span.end + len(_lines(text[span.end : span.end + room]))
    marked = text[span.start : span.end]
    note = span.absent and (f'"{span.absent}" is absent here' if marked else "the place lies behind what was kept")
    before, after = text[start : span.start], text[span.end : end]
    return Excerpt(where, before, _shortened(marked), after, start, len(text) - end, note)


def _lines(text: str) -> str:
    """The first lines of a text."""
    return "\n".join(text.split("\n", LINES)[:LINES])


def _shortened(marked: str) -> str:
    if len(marked) <= LONGEST:
        return marked
    half = LONGEST // 2
    return f"{marked[:half]} … {len(marked) - LONGEST} characters … {marked[-half:]}"
