"""Bytes of `text/event-stream` → events, and every oddity of their framing by name.

Read by the text of the standard, https://html.spec.whatwg.org/multipage/server-sent-events.html, with one
addition: what the standard drops in silence is kept as evidence. An event whose closing blank line never came
is delivered and marked; lines that say nothing to a reader are named in `EventReader.oddities`.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, pairwise, repeat

from chatcontract.model import Arrival, Event, Oddity
from chatcontract.oddities import (
    FIELDS,
    FOREIGN,
    MAX_ODDITIES,
    ODDITIES,
    ending,
    foreign,
    may_be_joined,
    shape,
    terminator,
)

__all__ = ["MAX_EVENT_BYTES", "MAX_ODDITIES", "ODDITIES", "EventReader", "read_events"]

MAX_EVENT_BYTES = 8 * 1024 * 1024
"""The longest event kept, in bytes of its lines; a longer one is dropped up to its blank line and named."""

_BOM = b"\xef\xbb\xbf"
_RETRY_DIGITS = 18
_WORTHWHILE = 1024


class _Block:
    """What the lines since the last blank line have said so far."""

    __slots__ = ("data", "event", "fields", "lines", "newline", "oddities", "retry", "start")

    def __init__(self, start: int) -> None:
        self.start = start
        self.data = bytearray()
        self.lines = 0
        self.fields = ""
        self.event = ""
        self.retry: int | None = None
        self.newline: bytes | None = None
        self.oddities: dict[str, Oddity] = {}

    def name(self, name: str, offset: int, detail: str = "") -> None:
        self.oddities.setdefault(name, Oddity(name, offset, detail))


class EventReader:
    r"""An incremental reader: pieces of bytes in, events out, equal for every way to cut the stream.

    `comments` counts comment lines (keep-alives). Memory stays within a small multiple of `max_event_bytes`
    and of the piece at hand, and every byte is looked at a fixed number of times. A carriage return at the
    end of a piece waits for the next byte, which may be its line feed. Each kind of oddity is named once an
    event, at its first place. No input makes the reader raise.

    >>> reader = EventReader()
    >>> reader.feed(b'data: {"a"')
    []
    >>> [event.data for event in reader.feed(b": 1}\n\n")]
    ['{"a": 1}']
    """

    __slots__ = (
        "_arrival", "_begun", "_blanks", "_block", "_done", "_id", "_limit", "_midline", "_mixed", "_newline",
        "_oddities", "_offset", "_pending", "_skipping", "comments",
    )  # fmt: skip

    def __init__(self, *, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        self.comments = 0
        self._limit = max_event_bytes
        self._arrival: float | None = None
        self._begun = self._blanks = self._done = self._midline = self._mixed = self._skipping = False
        self._newline = b""
        self._id = ""
        self._oddities: list[Oddity] = []
        self._offset = 0
        self._pending = bytearray()
        self._block = _Block(0)

    @property
    def oddities(self) -> tuple[Oddity, ...]:
        """Those that belong to no event: between events, at the end, or of the stream as a whole."""
        return tuple(self._oddities)

    def feed(self, data: bytes, arrival: float | None = None) -> list[Event]:
        """The events that `data` completes; `arrival` is the time in seconds at which these bytes came."""
        events: list[Event] = []
        if not data:
            return events
        if self._pending.endswith(b"\r") and not data.startswith(b"\n"):
            events = self._lines([self._release()])
        self._arrival = arrival
        if not self._begun:
            data = self._begin(data)
        if b"\n" in data or b"\r" in data:
            events += self._split(self._release() + data if self._pending else data)
        else:
            self._hold(data)
        return events

    def close(self) -> list[Event]:
        """The events that the end of the stream completes or cuts; call it once, after the last `feed`."""
        tail = self._release()
        events = self._lines([tail]) if tail else []
        if self._offset > self._block.start and not self._skipping:
            events += self._last(self._block, cut=bool(tail) and not tail.endswith(b"\r"))
        return events

    def _begin(self, data: bytes) -> bytes:
        head = self._release() + data
        if len(head) < len(_BOM) and _BOM.startswith(head):
            self._pending += head
            return b""
        self._begun = True
        if head.startswith(_BOM):
            self._note("bom", 0)
            self._offset = len(_BOM)
            self._block = _Block(self._offset)
        return head[self._offset :]

    def _release(self) -> bytes:
        held = bytes(self._pending)
        self._pending.clear()
        return held

    def _hold(self, tail: bytes) -> None:
        self._pending += tail
        # A held carriage return may be the blank line, and that one doesn't count.
        held = len(self._pending) - self._pending.startswith(b"\r")
        if self._offset + held - self._block.start > self._limit:
            self._give_up()
        if self._skipping:
            self._forget()

    def _give_up(self) -> None:
        if not self._skipping:
            self._note("event-too-large", self._block.start, f"more than {self._limit} bytes")
            self._skipping = True
            self._block = _Block(self._block.start)

    def _forget(self) -> None:
        dropped = len(self._pending) - self._pending.endswith(b"\r")
        del self._pending[:dropped]
        self._offset += dropped
        self._midline = self._midline or dropped > 0

    def _split(self, buffer: bytes) -> list[Event]:
        start = self._offset
        events = self._frames(buffer)
        lines = buffer[self._offset - start :].splitlines(keepends=True)
        tail = lines.pop() if lines and not lines[-1].endswith(b"\n") else b""
        events += self._lines(lines)
        self._hold(tail)
        return events

    def _frames(self, buffer: bytes) -> list[Event]:
        """What `_lines` would make of the frames `data: {…}` at the head of the buffer, or nothing.

        A few passes over the whole replace the calls a line; nothing unless every frame there has that form.
        """
        if len(buffer) < _WORTHWHILE or not buffer.startswith(b"data: {") or not self._between():
            return []
        end = buffer.rfind(b"\n\n")
        if end < 0:
            return []
        raw = buffer[6:end].split(b"\n\ndata: ")
        flat = b",".join(raw)
        if not _plain(raw, flat) or max(map(len, raw)) + 7 > self._limit:
            return []
        try:
            return self._framed([payload.decode() for payload in raw], raw, may_be_joined(flat))
        except UnicodeDecodeError:
            return []

    def _between(self) -> bool:
        fresh = self._offset == self._block.start and not self._skipping and not self._done
        return fresh and self._newline in (b"", b"\n")

    def _framed(self, texts: list[str], raw: list[bytes], joined: bool) -> list[Event]:
        lengths = [len(payload) + 8 for payload in raw]
        offsets = list(accumulate(lengths, initial=self._offset))
        oddities = map(_named, texts, offsets) if joined else repeat(())
        named = repeat(""), repeat(self._id), repeat(None)
        bounds = offsets, lengths, repeat(self._arrival), repeat("\n")
        self._newline, self._done, self._offset = b"\n", raw[-1] == b"[DONE]", offsets[-1]
        self._block = _Block(self._offset)
        return list(map(tuple.__new__, repeat(Event), zip(texts, *named, *bounds, oddities, strict=False)))

    def _lines(self, lines: Iterable[bytes]) -> list[Event]:
        return [event for line in lines if (event := self._line(line)) is not None]

    def _line(self, line: bytes) -> Event | None:
        text = line.rstrip(b"\r\n")
        offset, self._offset = self._offset, self._offset + len(line)
        if text and self._offset - self._block.start > self._limit:
            self._give_up()
        ending = line[len(text) :]
        if ending != self._newline:
            self._compare(ending)
        if self._block.newline is None:
            self._block.newline = ending
        if not text:
            return self._blank()
        if not self._skipping:
            self._field(text, offset)
        self._midline = False
        return None

    def _compare(self, ending: bytes) -> None:
        if not self._newline:
            self._newline = ending
        elif ending and not self._mixed:
            self._mixed = True
            self._note(
                "mixed-line-endings",
                self._offset - len(ending),
                f"{self._newline.decode()!r}, then {ending.decode()!r}",
            )

    def _blank(self) -> Event | None:
        if self._midline:
            self._midline = False
            return None
        block, self._block = self._block, _Block(self._offset)
        if self._skipping:
            self._skipping = False
            return None
        if block.lines:
            return self._event(block)
        self._no_event(block)
        return None

    def _event(self, block: _Block) -> Event:
        data = block.data[:-1].decode("utf-8", "replace")
        for name in self._order(data) + shape(data, block.lines):
            block.name(name, block.start)
        length = self._offset - block.start
        newline = (block.newline or b"").decode()
        oddities = tuple(block.oddities.values())
        return Event(data, block.event, self._id, block.retry, block.start, length, self._arrival, newline, oddities)

    def _no_event(self, block: _Block) -> None:
        self._oddities_of(block)
        if block.fields:
            self._note("event-without-data", block.start, block.fields)
        elif self._id:
            self._note("blank-block-after-id", block.start)
        elif not (self._blanks or self._done or block.oddities):
            self._blanks = True
            self._note("blank-block", block.start)

    def _last(self, block: _Block, cut: bool) -> list[Event]:
        if block.lines:
            block.name(ending(block.data.decode("utf-8", "replace")), block.start)
            return [self._event(block)]
        self._oddities_of(block)
        if block.fields or (cut and block.oddities.keys().isdisjoint(FOREIGN)):
            self._note("frame-cut", block.start)
        return []

    def _order(self, data: str) -> list[str]:
        spelling = None if data.startswith("{") else terminator(data)
        if spelling is None:
            return ["data-after-done"] if self._done else []
        again, self._done = self._done, True
        return [name for name in (spelling, "duplicate-done" if again else "") if name]

    def _oddities_of(self, block: _Block) -> None:
        for oddity in block.oddities.values():
            self._note(*oddity)

    def _note(self, name: str, offset: int, detail: str = "") -> None:
        if len(self._oddities) < MAX_ODDITIES:
            self._oddities.append(Oddity(name, offset, detail))
        elif len(self._oddities) == MAX_ODDITIES:
            self._oddities.append(Oddity("more-oddities", offset))

    def _field(self, text: bytes, offset: int) -> None:
        if not text.isascii():
            self._check_encoding(text, offset)
        name, _, value = text.partition(b":")
        if value.startswith(b" "):
            value = value[1:]
        if name == b"data":
            self._block.data += value + b"\n"
            self._block.lines += 1
        elif not name:
            self.comments += 1
        else:
            self._other_field(name, value, text, offset)

    def _check_encoding(self, text: bytes, offset: int) -> None:
        try:
            text.decode()
        except UnicodeDecodeError as error:
            self._block.name("invalid-utf8", offset + error.start, f"byte 0x{text[error.start]:02x}")

    def _other_field(self, name: bytes, value: bytes, text: bytes, offset: int) -> None:
        if name not in FIELDS:
            oddity = foreign(text, name)
            if oddity != "unknown-field" or self._block.oddities.keys().isdisjoint(FOREIGN):
                self._block.name(oddity, offset, _excerpt(name))
            return
        self._block.fields = self._block.fields or _excerpt(text)
        if name == b"event":
            self._block.event = value.decode("utf-8", "replace")
        elif name == b"id":
            self._set_id(value, offset)
        else:
            self._set_retry(value, offset)

    def _set_id(self, value: bytes, offset: int) -> None:
        if b"\0" in value:
            self._block.name("nul-in-id", offset, _excerpt(value))
        else:
            self._id = value.decode("utf-8", "replace")

    def _set_retry(self, value: bytes, offset: int) -> None:
        if value.isdigit() and len(value) <= _RETRY_DIGITS:
            self._block.retry = int(value)
        else:
            self._block.name("invalid-retry", offset, _excerpt(value))


def read_events(
    body: bytes | Iterable[bytes], arrivals: Sequence[Arrival] = (), *, max_event_bytes: int = MAX_EVENT_BYTES
) -> tuple[list[Event], list[Oddity]]:
    r"""All events of a whole body, and the oddities that belong to no event.

    `arrivals` says which byte began each piece and when, in seconds, the piece came.

    >>> read_events(b"data: 1\n\ndata: 2")[0][1].oddities[0].name
    'missing-final-blank-line'
    """
    reader = EventReader(max_event_bytes=max_event_bytes)
    events: list[Event] = []
    for piece, time in _pieces(body, arrivals):
        events += reader.feed(piece, time)
    return events + reader.close(), list(reader.oddities)


def _pieces(body: bytes | Iterable[bytes], arrivals: Sequence[Arrival]) -> Iterator[tuple[bytes, float | None]]:
    if not arrivals:
        yield from ((piece, None) for piece in ([body] if isinstance(body, bytes) else body))
        return
    whole = body if isinstance(body, bytes) else b"".join(body)
    cuts: list[tuple[int, float | None]] = [(0, None), *sorted((max(0, at), time) for at, time in arrivals)]
    for (start, time), (end, _) in pairwise([*cuts, (len(whole), None)]):
        yield whole[start:end], time


def _plain(raw: list[bytes], flat: bytes) -> bool:
    objects = {payload[:1] for payload in (raw[:-1] if raw[-1] == b"[DONE]" else raw)} == {b"{"}
    return objects and b"\n" not in flat and b"\r" not in flat


def _named(data: str, offset: int) -> tuple[Oddity, ...]:
    return tuple(Oddity(name, offset) for name in shape(data, 1))


def _excerpt(value: bytes) -> str:
    return value[:60].decode("utf-8", "replace")
