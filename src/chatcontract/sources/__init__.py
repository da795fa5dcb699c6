"""Recordings: files of any known format → what is to be checked."""

import os
import sys
from collections.abc import Iterator
from typing import IO, Any, NamedTuple

from chatcontract.exceptions import SourceError
from chatcontract.jsontext import FAST_FROM, MAX_BYTES, parse, prefer_speed
from chatcontract.model import Part
from chatcontract.reading import looks_like_events
from chatcontract.recording import Recorded, Unreadable, payload, recorded

Items = Iterator[Recorded | Unreadable]
"""What a source yields, in the order of the file."""


class Source(NamedTuple):
    """An opened recording; a context manager that closes it.

    `format` says what was found in words; `size` is the number of bytes, 0 if unknown.
    """

    name: str
    format: str
    items: Items
    size: int
    raw: IO[bytes]

    def position(self) -> int:
        """How many bytes of the file were read; 0 if unknown."""
        return self.raw.tell() if self.size else 0

    def __enter__(self) -> "Source":
        return self

    def __exit__(self, *error: object) -> None:
        if self.raw is not sys.stdin.buffer:
            self.raw.close()


def open_source(name: str, wanted: Part | None = None) -> Source:
    """Open a file, or standard input for `-`.

    Args:
        name: path of a JSON body, a raw event stream, or JSON lines (native, bare pairs or bodies); `.gz` is
            unpacked on the way.
        wanted: the part that every record is said to be; None finds out.

    Raises:
        SourceError: there is no such file, or it is empty or not to be recognised.
    """
    raw = _opened(name)
    label = "(standard input)" if name == "-" else name
    source = Source(label, "", iter(()), os.stat(name).st_size if name != "-" else 0, raw)
    try:
        stream = _unpacked(raw)
        head = stream.read(FAST_FROM)
        form, items = _recognised(head, stream, label, wanted)
    except (OSError, EOFError) as error:
        source.__exit__()
        raise SourceError(f"{label}: cannot be read: {error}. Is the file complete?") from None
    except SourceError:
        source.__exit__()
        raise
    return source._replace(format=form, items=items)


def _opened(name: str) -> IO[bytes]:
    if name == "-":
        return sys.stdin.buffer
    try:
        return open(name, "rb")
    except FileNotFoundError:
        raise SourceError(f"{name}: no such file.") from None
    except OSError as error:
        raise SourceError(f"{name}: cannot be read: {error.strerror}.") from None


def _unpacked(raw: IO[bytes]) -> IO[bytes]:
    peek = getattr(raw, "peek", None)
    if peek is None or peek(2)[:2] != b"\x1f\x8b":
        return raw
    import gzip

    unpacked: Any = gzip.GzipFile(fileobj=raw)
    stream: IO[bytes] = unpacked
    return stream


def _recognised(head: bytes, rest: IO[bytes], name: str, wanted: Part | None) -> tuple[str, Items]:
    if not head.strip():
        raise SourceError(f"{name}: empty.")
    if wanted is Part.STREAM or (wanted is None and looks_like_events(head)):
        return "event stream", iter([payload(Part.STREAM, _whole(head, rest, name), name)])
    if _is_lines(head):
        prefer_speed()
        return "JSON lines", _lines(head, rest, name, wanted)
    return "JSON", _body(_whole(head, rest, name), name, wanted)


def _whole(head: bytes, rest: IO[bytes], name: str) -> bytes:
    data = head + rest.read(MAX_BYTES + 1 - len(head)) if len(head) == FAST_FROM else head
    if len(data) > MAX_BYTES:
        raise SourceError(f"{name}: more than {MAX_BYTES} bytes in one body. Split the recording.")
    return data


def _is_lines(head: bytes) -> bool:
    """Whether the first line is complete in itself and another one follows."""
    first, newline, more = head.lstrip(b"\xef\xbb\xbf \r\n\t").partition(b"\n")
    if not newline:
        return len(head) == FAST_FROM and first.startswith(b"{")
    return first.startswith(b"{") and first.rstrip().endswith(b"}") and bool(more.strip())


def _body(data: bytes, name: str, wanted: Part | None) -> Items:
    value, faults = parse(data)
    if isinstance(value, list):
        from chatcontract.recording import dumped

        for index, item in enumerate(value):
            yield _item(item, dumped(item), f"{name}#/{index}", wanted)
    elif faults and wanted is None and not isinstance(value, dict):
        yield Unreadable(name, faults[0].message)
    else:
        yield _item(value, data, name, wanted)


def _item(value: object, text: bytes, origin: str, wanted: Part | None) -> Recorded | Unreadable:
    try:
        return recorded(value, text, origin, wanted)
    except SourceError as error:
        return Unreadable(origin, str(error).removeprefix(f"{origin}: "))


def _lines(head: bytes, rest: IO[bytes], name: str, wanted: Part | None) -> Items:
    number = 0
    try:
        for number, line in enumerate(_split(head, rest), 1):
            if line.strip():
                yield _line(line, f"{name}:{number}", wanted)
    except (OSError, EOFError) as error:
        yield Unreadable(f"{name}:{number + 1}", f"the file ends here: {error}")


def _line(line: bytes, origin: str, wanted: Part | None) -> Recorded | Unreadable:
    if len(line) > MAX_BYTES:
        return Unreadable(origin, f"a line of more than {MAX_BYTES} bytes")
    value, faults = parse(line.rstrip(b"\r\n"))
    if faults and wanted is None and not isinstance(value, dict):
        return Unreadable(origin, faults[0].message)
    return _item(value, line.rstrip(b"\r\n"), origin, wanted)


def _split(head: bytes, rest: IO[bytes]) -> Iterator[bytes]:
    """The lines; of one beyond MAX_BYTES only so much that its length shows is kept."""
    pending = head
    more = True
    while more:
        lines = pending.split(b"\n")
        pending = lines.pop()
        yield from lines
        piece = rest.read(FAST_FROM)
        more = bool(piece)
        pending = pending + piece if len(pending) <= MAX_BYTES else _skipped(pending, piece)
    yield pending


def _skipped(pending: bytes, piece: bytes) -> bytes:
    _, newline, after = piece.partition(b"\n")
    return pending + newline + after
