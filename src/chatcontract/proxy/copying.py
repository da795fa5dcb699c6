"""The copy of a body that passes: bounded, without its content encoding, with the times of its pieces."""

import re
import zlib
from typing import Any

from chatcontract.encodings import IDENTITY, decoded
from chatcontract.exceptions import SourceError
from chatcontract.model import Arrival

_TERMINATOR = re.compile(rb"[\r\n]data: *\"?\[DONE\]\"? *(?:[\r\n]|$)")
_TAIL = 24
"""Bytes before a piece in which its terminator may begin."""
_INFLATED = ("gzip", "x-gzip", "deflate")


class Copy:
    """Collects the pieces of a body up to a bound.

    Args:
        limit: bytes that are kept, before and after decoding.
        encoding: the content encoding that the headers tell.
        streams: whether it is an event stream: its pieces are decoded one by one where that is possible, and its
            terminator is looked for.
    """

    def __init__(self, limit: int, encoding: str = "", *, streams: bool = False) -> None:
        self._limit = limit
        self._encoding = encoding.strip().lower()
        self.streams = streams
        self._inflate: Any = None
        if streams and self._encoding in _INFLATED:
            self._inflate = zlib.decompressobj(zlib.MAX_WBITS | 32)
            self._encoding = ""
        self._data = bytearray()
        self._arrivals: list[Arrival] = []
        self._broken = ""
        self._tail = b"\n"
        self.is_cut = False
        self.is_terminated = False

    def add(self, piece: bytes, moment: float) -> None:
        """Take a piece that came `moment` seconds after the request was sent."""
        if self._inflate is not None:
            piece = self._inflated(piece)
        if self.streams:
            self._watch(piece)
        room = self._limit - len(self._data)
        if len(piece) > room:
            self.is_cut = True
            piece = piece[:room]
        if not piece:
            return
        self._arrivals.append(Arrival(len(self._data), moment))
        self._data += piece

    def _watch(self, piece: bytes) -> None:
        seen = self._tail + piece
        if b"DONE]" in seen and _TERMINATOR.search(seen):
            self.is_terminated = True
        self._tail = seen[-_TAIL:]

    def _inflated(self, piece: bytes) -> bytes:
        if self._inflate.eof:
            return b""
        try:
            made: bytes = self._inflate.decompress(piece, self._limit - len(self._data) + 1)
        except zlib.error as error:
            self._broken = self._broken or f"the content encoding cannot be undone: {error}"
            return b""
        return made

    def whole(self) -> tuple[bytes, tuple[Arrival, ...], str]:
        """The bytes without content encoding, the arrivals of the pieces in them, and what went wrong."""
        data, arrivals = bytes(self._data), tuple(self._arrivals) if self.streams else ()
        if self.is_cut:
            return data, arrivals, f"only the first {len(data)} bytes of a body were kept"
        if self._encoding in IDENTITY or not data:
            return data, arrivals, self._broken
        try:
            return decoded(data, self._encoding, self._limit), (), ""
        except SourceError as error:
            return data, arrivals, str(error)
