"""The reader of event streams: what it gives, what it names, and what it costs."""

import json
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chatcontract import sse
from chatcontract.model import Arrival, Event, Oddity
from chatcontract.sse import MAX_ODDITIES, ODDITIES, EventReader, read_events

PIECES = (
    b"data: {}\n\n", b'data: {"a":"\xc3\xa9"}\n\n', b"data: [DONE]\n\n", b"data:", b"data", b"event: e",
    b"id: 1", b"id: a\0", b"id", b"retry: 10", b"retry: x", b": c", b":", b"\n", b"\r", b"\r\n", b"\n\n",
    b" ", b"x: y", b'{"error":{}}', b"[", b"}{", b"} {", b"data: {}{}", b"\xef\xbb\xbf", b"\xc3\xa9", b"\xc3",
    b"\xff", b"\0", "\u2028\x85".encode(), b"<html>", b"Data: 1", b"data: :", b"data:  [DONE]",
    b"data: [done]",
)  # fmt: skip
streams = st.lists(st.sampled_from(PIECES), max_size=25).map(b"".join) | st.binary(max_size=200)
Read = tuple[list[Event], list[Oddity]]


def read_in(pieces: Iterable[bytes], limit: int = sse.MAX_EVENT_BYTES) -> Read:
    return read_events(pieces, max_event_bytes=limit)


def cut(body: bytes, size: int) -> list[bytes]:
    return [body[start : start + size] for start in range(0, len(body), size)]


def names(body: bytes) -> set[str]:
    events, stray = read_events(body)
    return {oddity.name for event in events for oddity in event.oddities} | {oddity.name for oddity in stray}


def data_of(body: bytes) -> list[str]:
    return [event.data for event in read_events(body)[0]]


@pytest.fixture
def frames_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "_WORTHWHILE", 0)


class LineByLine(EventReader):
    """The reader without its shorter way for usual frames."""

    __slots__ = ()

    def _frames(self, buffer: bytes) -> list[Event]:
        return []


def by_the_standard(body: bytes) -> list[tuple[str, str, str]]:
    """Data, event and id of each event, by a second and plainer reading of the standard."""
    text = body.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace")
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")[:-1]
    events, data, kind, last_id = [], "", "", ""
    for line in lines:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            if data:
                events.append((data[:-1], kind, last_id))
            data, kind = "", ""
        elif name == "data":
            data += value + "\n"
        elif name == "event":
            kind = value
        elif name == "id" and "\0" not in value:
            last_id = value
    return events


@given(streams)
def test_events_are_those_of_the_standard_and_the_last_unclosed_one(body: bytes) -> None:
    events, _ = read_events(body)
    if events and {"frame-cut", "missing-final-blank-line"} & {oddity.name for oddity in events[-1].oddities}:
        events.pop()
    assert [(event.data, event.event, event.id) for event in events] == by_the_standard(body)


@pytest.mark.usefixtures("frames_at_once")
@given(streams, st.lists(st.integers(0, 200)), st.integers(4, 300))
@example(b"data: 1\r\n\r\ndata: 2\r\r", [], 8)
@example(b"\xef\xbb\xbfdata: 1\n\n", [1, 2], 8)
def test_every_byte_split_gives_equal_events_and_oddities(body: bytes, at: list[int], limit: int) -> None:
    whole = read_in([body], limit)
    bounds = [0, *sorted(min(place, len(body)) for place in at), len(body)]
    assert read_in((body[a:b] for a, b in pairwise(bounds)), limit) == whole
    assert read_in(cut(body, 1), limit) == whole


frames = st.sampled_from(
    [b'data: {"a":1}\n\n', b'data: {"b":"\xc3\xa9"}\n\n', b"data: {}{}\n\n", b'data: {"c":"data: 1"}\n\n',
     b"data: [DONE]\n\n", b'data: {"d":"[DONE]"}\n\n', b'data: {"x":\n\n', b"data: {}\n", b": ping\n\n",
     b'data: {"e":"}  {"}\n\n', b"data: {\xff}\n\n", b"data: {}\r\n\r\n", b"id: 7\n", b"data: {", b"\n"]
)  # fmt: skip


@pytest.mark.usefixtures("frames_at_once")
@given(st.lists(frames, max_size=12).map(b"".join), st.integers(10, 200))
def test_the_shorter_way_for_usual_frames_gives_what_the_longer_one_gives(body: bytes, limit: int) -> None:
    short, long = EventReader(max_event_bytes=limit), LineByLine(max_event_bytes=limit)
    for piece in cut(body, 40):
        assert short.feed(piece, 1.5) == long.feed(piece, 1.5)
    assert short.close() == long.close()
    assert short.oddities == long.oddities


def test_the_shorter_way_is_taken_for_a_usual_stream() -> None:
    class Counting(EventReader):
        __slots__ = ("lines",)

        def _line(self, line: bytes) -> Event | None:
            pytest.fail(f"{line!r} was read on its own")

    reader = Counting()
    assert len(reader.feed(b'data: {"choices": []}\n\n' * 100 + b"data: [DONE]\n\n")) == 101


@given(st.binary())
def test_no_bytes_make_it_raise_and_every_oddity_has_a_meaning(body: bytes) -> None:
    assert names(body) <= ODDITIES.keys()


@given(streams)
def test_events_lie_in_order_and_within_the_stream(body: bytes) -> None:
    end = 0
    for event in read_events(body)[0]:
        assert end <= event.offset < event.offset + event.length <= len(body)
        end = event.offset + event.length


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_offset_length_and_line_ending_are_those_of_the_bytes(newline: str) -> None:
    first, second = (part.replace("\n", newline).encode() for part in ("data: é\n\n", "event: x\ndata: 2\n\n"))
    events, stray = read_events(first + second)
    assert [(event.offset, event.length, event.newline) for event in events] == [
        (0, len(first), newline),
        (len(first), len(second), newline),
    ]
    assert not stray
    assert events[1].event == "x"


def test_an_event_arrives_when_its_last_byte_does() -> None:
    body = b"data: 1\n\ndata: 2\n\n"
    arrivals = (Arrival(0, 0.5), Arrival(4, 1.0), Arrival(12, 2.0))
    assert [event.arrival for event in read_events(body, arrivals)[0]] == [1.0, 2.0]


def test_a_held_carriage_return_keeps_its_own_time() -> None:
    reader = EventReader()
    assert reader.feed(b"data: 1\r\r", 1.0) == []
    assert [event.arrival for event in reader.feed(b"data", 2.0)] == [1.0]


@given(st.lists(st.tuples(st.integers(-5, 60), st.floats(0, 9)), max_size=6))
def test_arrivals_of_any_order_lose_no_byte(arrivals: list[tuple[int, float]]) -> None:
    body = b"data: 1\n\nid: 4\ndata: 2\n\n"
    timed = read_events(body, [Arrival(*arrival) for arrival in arrivals])[0]
    assert [event._replace(arrival=None) for event in timed] == read_events(body)[0]


LEGAL = {
    "comments": (b": ping\n\ndata: 1\n\n: ping\n\n", ["1"], {"blank-block"}),
    "a comment without a blank line": (b": ping\ndata: 1\n\n: ping\n", ["1"], set()),
    "a blank line after the terminator": (b"data: [DONE]\n\n\n: bye\n\n", ["[DONE]"], set()),
    "no blank after the colon": (b"data:1\n\n", ["1"], set()),
    "only one blank is taken off": (b"data:  1\n\n", [" 1"], set()),
    "carriage returns": (b"data: 1\r\rdata: 2\r\r", ["1", "2"], set()),
    "extra blank lines": (b"\n\ndata: 1\n\n\n\n", ["1"], {"blank-block"}),
    "line and paragraph separators": ("data: a\u2028b\x85c\x0b\n\n".encode(), ["a\u2028b\x85c\x0b"], set()),
    "nul in data": (b"data: \0\n\n", ["\0"], set()),
    "event, id, retry": (b"event: a\nid: 1\nretry: 5\ndata: 1\n\n", ["1"], set()),
    "comment inside an event": (b"data: 1\n: c\n\n", ["1"], set()),
    "braces in text": (b'data: {"a":"}{ [DONE] data: {"}\n\n', ['{"a":"}{ [DONE] data: {"}'], set()),
    "bom": (b"\xef\xbb\xbfdata: 1\n\n", ["1"], {"bom"}),
    "several data lines": (b"data: [1,\ndata: 2]\n\n", ["[1,\n2]"], {"multi-line-data"}),
    "field without colon": (b"data\n\n", [""], {"empty-data"}),
    "event without data": (b"event: ping\n\ndata: 1\n\n", ["1"], {"event-without-data"}),
    "blank line after an id": (b"id: 1\ndata: 1\n\n\n", ["1"], {"blank-block-after-id"}),
}
ILLEGAL = {
    "json line": (b'{"error": {}}\n\n', [], {"json-without-data-prefix"}),
    "json body": (b'{"error": {}}', [], {"json-without-data-prefix"}),
    "indented json body": (b'{\n  "error": {}\n}\n', [], {"json-without-data-prefix"}),
    "page": (b"<html>\n<body>\n</html>", [], {"html-without-data-prefix"}),
    "two in a line": (b"data: {}{}\n\n", ["{}{}"], {"two-documents-in-event"}),
    "two frames in a line": (b"data: {}data: {}\n\n", ["{}data: {}"], {"two-documents-in-event"}),
    "first of two cut": (b'data: {"a"data: {}\n\n', ['{"a"data: {}'], {"two-documents-in-event"}),
    "single line feeds": (
        b"data: {}\ndata: {}\ndata: [DONE]\n\n",
        ["{}\n{}\n[DONE]"],
        {"two-documents-in-event", "multi-line-data"},
    ),
    "wrapped twice": (b"data: data: {}\n\n", ["data: {}"], {"data-prefix-twice"}),
    "comment as data": (b"data: : ping\n\n", [": ping"], {"data-starts-with-colon"}),
    "cut in a line": (b'data: {"a":', ['{"a":'], {"frame-cut"}),
    "cut in a field": (b"data: 1\n\nda", ["1"], {"frame-cut", "unknown-field"}),
    "cut after a field": (b"event: x\n", [], {"frame-cut"}),
    "no blank line at the end": (b"data: {}\n\ndata: [DONE]", ["{}", "[DONE]"], {"missing-final-blank-line"}),
    "data after the end": (b"data: [DONE]\n\ndata: 1\n\n", ["[DONE]", "1"], {"data-after-done"}),
    "two ends": (b"data: [DONE]\n\ndata: [DONE]\n\n", ["[DONE]"] * 2, {"duplicate-done"}),
    "end with blanks": (b"data: [DONE] \n\n", ["[DONE] "], {"done-with-spaces"}),
    "end in another case": (b"data: [done]\n\n", ["[done]"], {"done-variant"}),
    "end in quotes": (b'data: "[DONE]"\n\n', ['"[DONE]"'], {"done-variant"}),
    "end without brackets": (b"data: DONE\n\n", ["DONE"], {"done-variant"}),
    "nul in id": (b"id: 1\0\ndata: 1\n\n", ["1"], {"nul-in-id"}),
    "retry with letters": (b"retry: 1s\ndata: 1\n\n", ["1"], {"invalid-retry"}),
    "endless retry": (b"retry: " + b"9" * 5000 + b"\ndata: 1\n\n", ["1"], {"invalid-retry"}),
    "not utf-8": (b"data: \xff\n\n", ["\ufffd"], {"invalid-utf8"}),
    "unknown field": (b"foo: 1\ndata: 1\n\n", ["1"], {"unknown-field"}),
    "capital": (b"Data: 1\n\n", [], {"misspelt-field"}),
    "blank before the field": (b" data: 1\n\n", [], {"misspelt-field"}),
    "line of blanks": (b"data: 1\n \ndata: 2\n\n", ["1\n2"], {"blank-line-with-spaces", "multi-line-data"}),
    "endings mixed": (b"data: 1\n\r\n", ["1"], {"mixed-line-endings"}),
}


@pytest.mark.parametrize(("body", "data", "expected"), LEGAL.values(), ids=LEGAL.keys())
def test_what_is_legal_is_read_and_named_only_where_clients_stumble(
    body: bytes, data: list[str], expected: set[str]
) -> None:
    assert data_of(body) == data
    assert names(body) == expected


@pytest.mark.parametrize(("body", "data", "expected"), ILLEGAL.values(), ids=ILLEGAL.keys())
def test_what_is_illegal_is_named_and_nothing_else(body: bytes, data: list[str], expected: set[str]) -> None:
    assert data_of(body) == data
    assert names(body) == expected


def test_every_oddity_of_the_table_occurs_in_these_tests() -> None:
    bodies = [body for body, _, _ in (*LEGAL.values(), *ILLEGAL.values())]
    assert set().union(*map(names, bodies)) == ODDITIES.keys() - {"event-too-large", "more-oddities"}


def test_comments_are_counted_as_keep_alives() -> None:
    reader = EventReader()
    reader.feed(b": OPENROUTER PROCESSING\n\n:\n\ndata: 1\n\n")
    assert reader.comments == 2
    assert [oddity.name for oddity in reader.oddities] == ["blank-block"]


def test_an_invalid_byte_is_named_by_its_offset_in_the_stream() -> None:
    events, _ = read_events(b"data: 1\n\ndata: caf\xe9 \xff\n\n")
    assert events[1].oddities == (Oddity("invalid-utf8", 18, "byte 0xe9"),)


def test_the_last_id_holds_for_later_events() -> None:
    events, _ = read_events(b"id: 7\ndata: 1\n\ndata: 2\n\nid\ndata: 3\n\n")
    assert [event.id for event in events] == ["7", "7", ""]


def test_an_oversized_event_is_dropped_and_the_next_one_read() -> None:
    body = b"data: 1\n\ndata: " + b"x" * 50 + b"\nid: 4\n\ndata: 2\n\n"
    events, stray = read_in([body], 30)
    assert [(event.data, event.offset) for event in events] == [("1", 0), ("2", body.index(b"data: 2"))]
    assert stray == [Oddity("event-too-large", 9, "more than 30 bytes")]


def test_an_event_of_exactly_the_limit_is_kept() -> None:
    assert [event.data for event in read_in([b"data: 1\n\n"], 8)[0]] == ["1"]
    assert read_in([b"data: 1\n\n"], 7)[0] == []


@pytest.mark.parametrize(
    "piece",
    [b"x" * 65536, b"data: x\n" * 8192, b": x\n\r" * 13107],
    ids=["endless line", "endless event", "comments"],
)
def test_memory_stays_within_the_limit(piece: bytes) -> None:
    reader = EventReader(max_event_bytes=65536)
    reader.feed(piece)
    tracemalloc.start()
    for _ in range(20):
        reader.feed(piece)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 25 * len(piece)


def test_oddities_between_events_are_kept_up_to_a_number() -> None:
    _, stray = read_events(b"event: ping\n\n" * (MAX_ODDITIES + 50))
    assert len(stray) == MAX_ODDITIES + 1
    assert stray[-1] == Oddity("more-oddities", 13 * MAX_ODDITIES)


class Weighed(EventReader):
    """Counts the bytes that it scans and the lines that it handles."""

    __slots__ = ("handled", "scanned")

    def __init__(self) -> None:
        super().__init__()
        self.handled = self.scanned = 0

    def _split(self, buffer: bytes) -> list[Event]:
        self.scanned += len(buffer)
        return super()._split(buffer)

    def _line(self, line: bytes) -> Event | None:
        self.handled += len(line)
        return super()._line(line)


@pytest.mark.parametrize("size", [1, 7, 1400])
@pytest.mark.parametrize(
    "body",
    [
        b"data: " + b"x" * 20000 + b"\n\n",
        b"\r" * 20000,
        b"data\n" * 4000,
        b"\n" * 20000,
        b"data: {}\n\n" * 2000,
        b"data: x\r\n" * 2000,
        b'data: {"a":"' + b"x" * 1200 + b'"}\n\n' + b'data: {"a":"' + b"y" * 20000,
    ],
    ids=lambda body: repr(body[:16]),
)
def test_every_byte_is_looked_at_a_fixed_number_of_times(body: bytes, size: int) -> None:
    reader = Weighed()
    for piece in cut(body, size):
        reader.feed(piece)
    reader.close()
    assert reader.scanned <= 3 * len(body)
    assert reader.handled <= len(body)


def in_httpx_sse(body: bytes) -> Iterator[Any]:
    reason = "the oracle httpx-sse isn't installed"
    httpx = pytest.importorskip("httpx", reason=reason)
    package = pytest.importorskip("httpx_sse", reason=reason)
    response = httpx.Response(200, headers={"content-type": "text/event-stream"}, content=body)
    return iter(package.EventSource(response).iter_sse())


def in_httpx2(body: bytes) -> Iterator[Any]:
    httpx2 = pytest.importorskip("httpx2", reason="the oracle httpx2 isn't installed")
    request = httpx2.Request("POST", "http://localhost/")
    headers = {"content-type": "text/event-stream"}
    return iter(httpx2.EventSource(httpx2.Response(200, headers=headers, content=body, request=request)))


def in_openai(body: bytes) -> Iterator[Any]:
    streaming = pytest.importorskip("openai._streaming", reason="the oracle openai isn't installed")
    return iter(streaming.SSEDecoder().iter_bytes(iter(cut(body, 11))))


fields = st.sampled_from(
    ["data: {}", "data:1", "data", "data:  é", "data: a\u2028b", "event: e", "event", "id: 4", "id",
     "id: x\0", "retry: 30", ": c", ":", "foo: 1", "data : 2"]
)  # fmt: skip
newlines = st.sampled_from(["\n", "\r\n", "\r"])
blocks = st.lists(st.tuples(fields, newlines).map("".join), max_size=4)
agreed = st.lists(st.tuples(blocks.map("".join), newlines).map("".join), max_size=6).map("".join)


def told(event: Any) -> tuple[str, str, str, int | None]:
    kind = event.event if event.event != "message" else ""
    return event.data, kind or "", event.id or "", event.retry


@pytest.mark.parametrize("oracle", [in_httpx_sse, in_httpx2, in_openai])
@settings(deadline=None)
@given(text=agreed)
def test_other_readers_agree_where_they_keep_to_the_standard(
    oracle: Callable[[bytes], Iterator[Any]], text: str
) -> None:
    body = text.encode()
    unclosed = {"frame-cut", "missing-final-blank-line"}
    ours = [event for event in read_events(body)[0] if unclosed.isdisjoint(o.name for o in event.oddities)]
    # Events without data are dropped: the standard ignores them, two of the three readers deliver them.
    assert [told(event) for event in ours if event.data] == [told(e) for e in oracle(body) if e.data]


def test_a_recorded_kind_of_stream_has_no_oddity() -> None:
    chunk = json.dumps({"id": "chatcmpl-1", "choices": [{"index": 0, "delta": {"content": "né"}}]})
    body = f"data: {chunk}\n\n".encode() * 50 + b"data: [DONE]\n\n"
    assert names(body) == set()
    assert data_of(body) == [chunk] * 50 + ["[DONE]"]
