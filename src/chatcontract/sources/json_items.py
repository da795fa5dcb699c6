"""The items of an array in a JSON document of any size, as bytes, with one of them in memory at a time.

The document is not parsed: one regular expression skips strings whole and finds the next bracket.
"""

import re
from collections.abc import Iterator
from typing import IO, NamedTuple

from chatcontract.jsontext import FAST_FROM, MAX_BYTES
from chatcontract.patterns import pattern
from chatcontract.sources.files import taken

_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_TOKEN = pattern(rb"(?:[^\"{}\[\]:]*+)(" + _STRING + rb"|[{}\[\]:])", re.S)
_BRACKET = pattern(rb'(?:[^"{}\[\]]++|' + _STRING + rb")*+([{}\[\]])", re.S)
_SCALAR = pattern(_STRING + rb'|[^\s,"{}\[\]]++', re.S)
_BETWEEN = pattern(rb"[\s,]*+")
_DEPTH = {b"{": 1, b"[": 1, b"}": -1, b"]": -1}
MAX_HEAD = 256 * 2**20
"""Bytes before the array that are looked through, and of one text that can be read over."""


class Item(NamedTuple):
    """One item: its position from 0, and its bytes, or why there are none."""

    position: int
    data: bytes
    fault: str = ""


class _Window:
    """The part of the file at hand, from `place` on; what was read before `start` is let go at the next read."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.data = b""
        self.start = self.place = 0

    def more(self) -> bool:
        """Read on, the more the longer the item at hand already is; False at the end of the file."""
        piece = taken(self._stream, max(FAST_FROM, len(self.data) - self.start))
        self.data = self.data[self.start :] + piece
        self.start, self.place = 0, self.place - self.start
        return bool(piece)

    def next(self, pattern: re.Pattern[bytes]) -> bytes:
        """The next token, its end being the new place; nothing at the end of the file."""
        while True:
            match = pattern.match(self.data, self.place)
            if match:
                self.place = match.end()
                return match[1]
            if len(self.data) - self.place > MAX_HEAD:
                raise EOFError(f"a single text of more than {MAX_HEAD} bytes cannot be read over")
            if not self.more():
                return b""


def items(stream: IO[bytes], names: tuple[str, ...] = ()) -> Iterator[Item]:
    """The items, in order; the last one is a fault where the file ends too early or cannot be read on.

    Args:
        stream: the document.
        names: the member that holds the array, one of these, in the outermost object or one below; none of
            them means that the document is the array.
    """
    window = _Window(stream)
    position = 0
    try:
        if not _enter(window, {f'"{name}"'.encode() for name in names}):
            yield Item(0, b"", f"it has no array {' or '.join(names)}".rstrip())
            return
        while (item := _item(window, position)) is not None:
            yield item
            position += 1
    except (OSError, EOFError) as error:
        yield Item(position, b"", f"the file ends here: {error}")


def _enter(window: _Window, names: set[bytes]) -> bool:
    """Go behind the bracket that opens the array; False where there is none."""
    depth, read, before, last = 0, 0, b"", b""
    while read < MAX_HEAD and (token := window.next(_TOKEN)):
        opens = token == b"[" and (last == b":" and before in names and depth <= 2 if names else depth == 0)
        if opens:
            window.start = window.place
            return True
        depth += _DEPTH.get(token, 0)
        before, last = last, token
        read += window.place - window.start
        window.start = window.place
    return False


def _item(window: _Window, position: int) -> Item | None:
    """The next item; None at the end of the array."""
    if not _skip_between(window):
        raise EOFError("before its array does")
    first = window.data[window.place : window.place + 1]
    if first in (b"]", b"}"):
        return None
    if first not in (b"{", b"["):
        return _scalar(window, position)
    return _container(window, position)


def _skip_between(window: _Window) -> bool:
    """Go to the next item or the closing bracket; False at the end of the file."""
    while True:
        between = _BETWEEN.match(window.data, window.place)
        window.start = window.place = between.end() if between else window.place
        if window.place < len(window.data):
            return True
        if not window.more():
            return False


def _scalar(window: _Window, position: int) -> Item:
    match = _SCALAR.match(window.data, window.place)
    while (match is None or match.end() == len(window.data)) and window.more():
        if len(window.data) > MAX_BYTES:
            raise EOFError(f"an entry of more than {MAX_BYTES} bytes that is no object")
        match = _SCALAR.match(window.data, window.place)
    if match is None:
        raise EOFError("inside this entry")
    window.place = match.end()
    return Item(position, match[0])


def _container(window: _Window, position: int) -> Item:
    depth, dropped = 0, False
    while True:
        token = window.next(_BRACKET)
        if not token:
            raise EOFError("inside this entry")
        depth += _DEPTH[token]
        if depth == 0:
            break
        if window.place - window.start > MAX_BYTES:
            window.start, dropped = window.place, True
    if dropped or window.place - window.start > MAX_BYTES:
        return Item(position, b"", f"an entry of more than {MAX_BYTES} bytes")
    return Item(position, window.data[window.start : window.place])
