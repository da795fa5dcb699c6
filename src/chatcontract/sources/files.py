"""Files as bytes: opened, unpacked on the way, read a first time for their head."""

import io
import os
import sys
from collections.abc import Callable
from typing import IO, Any

from chatcontract.exceptions import SourceError

GZIP, ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
PACKED = (".gz", ".zst")
"""Endings that a packed file has behind the one of its format."""


def label(name: str) -> str:
    """What people call the file."""
    return "(standard input)" if name == "-" else name


def opened(name: str) -> IO[bytes]:
    """The file, or standard input for `-`; raises SourceError."""
    if name == "-":
        if sys.stdin is None:
            raise SourceError("standard input is closed.")
        return sys.stdin.buffer
    try:
        return open(name, "rb")
    except FileNotFoundError:
        raise SourceError(f"{name}: no such file.") from None
    except OSError as error:
        raise SourceError(f"{name}: cannot be read: {error.strerror}.") from None


def size(name: str) -> int:
    """Bytes of the file as it lies on the disk; 0 if unknown."""
    return os.stat(name).st_size if name != "-" else 0


def unpacked(raw: IO[bytes]) -> IO[bytes]:
    """The bytes without gzip or zstd around them, told by their first bytes; raises SourceError."""
    peek = getattr(raw, "peek", None)
    start = peek(4)[:4] if peek is not None else b""
    if start.startswith(GZIP):
        import gzip
        import zlib

        return _buffered(_Unpacked(gzip.GzipFile(fileobj=raw).read1, (OSError, EOFError, zlib.error)))
    return _zstd(raw) if start == ZSTD else raw


def is_packed(raw: IO[bytes]) -> bool:
    """Whether `unpacked` unpacks anything."""
    peek = getattr(raw, "peek", None)
    return peek is not None and peek(4)[:4].startswith((GZIP, ZSTD))


def zstandard() -> Any:
    """The package; raises SourceError where it is missing."""
    from importlib import import_module

    try:
        return import_module("zstandard")
    except ImportError:
        raise SourceError("zstd needs the package zstandard: pip install 'chatcontract[traffic]'.") from None


def _zstd(raw: IO[bytes]) -> IO[bytes]:
    package = zstandard()
    stream = package.ZstdDecompressor().stream_reader(raw, read_across_frames=True, closefd=False)
    return _buffered(_Unpacked(stream.read1, (OSError, package.ZstdError)))


def _buffered(raw: io.RawIOBase) -> IO[bytes]:
    made: Any = io.BufferedReader(raw, 2**17)
    stream: IO[bytes] = made
    return stream


class _Unpacked(io.RawIOBase):
    """Unpacked bytes as they come. Whatever is wrong with them is an error of the file, and stays one."""

    def __init__(self, read: Callable[[int], bytes], errors: tuple[type[Exception], ...]) -> None:
        self._read = read
        self._errors = errors
        self._fault = ""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            piece = b"" if self._fault else self._read(len(buffer))
        except self._errors as error:
            self._fault, piece = str(error) or type(error).__name__, b""
        if self._fault:
            raise OSError(self._fault)
        buffer[: len(piece)] = piece
        return len(piece)


def taken(stream: IO[bytes], size: int) -> bytes:
    """That many bytes; fewer at the end of the file, or where it cannot be read on.

    What comes before a damaged place is not lost: the next call says what is wrong with it.
    """
    read: Callable[[int], bytes] = getattr(stream, "read1", stream.read)
    pieces: list[bytes] = []
    try:
        while size > 0 and (piece := read(size)):
            pieces.append(piece)
            size -= len(piece)
    except (OSError, EOFError):
        if not pieces:
            raise
    return b"".join(pieces)


class _Rejoined(io.RawIOBase):
    def __init__(self, head: bytes, rest: IO[bytes]) -> None:
        self._head = memoryview(head)
        self._rest = rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        piece = self._head[: len(buffer)] or taken(self._rest, len(buffer))
        self._head = self._head[len(piece) :]
        buffer[: len(piece)] = piece
        return len(piece)


def rejoined(head: bytes, rest: IO[bytes]) -> io.BufferedReader:
    """The whole file again, its head read once already."""
    return io.BufferedReader(_Rejoined(head, rest), 2**16)
