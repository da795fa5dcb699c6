"""Files as bytes: opened, unpacked on the way, read a first time for their head."""

import io
import os
import sys
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

        packed: Any = gzip.GzipFile(fileobj=raw)
        stream: IO[bytes] = packed
        return stream
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

    class Reader(io.RawIOBase):
        """The stream with errors that are those of files."""

        def __init__(self) -> None:
            self._stream = package.ZstdDecompressor().stream_reader(raw, read_across_frames=True, closefd=False)

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: Any) -> int:
            try:
                piece = self._stream.read(len(buffer))
            except package.ZstdError as error:
                raise OSError(str(error)) from None
            buffer[: len(piece)] = piece
            return len(piece)

    made: Any = io.BufferedReader(Reader(), 2**17)
    stream: IO[bytes] = made
    return stream


class _Rejoined(io.RawIOBase):
    def __init__(self, head: bytes, rest: IO[bytes]) -> None:
        self._head = memoryview(head)
        self._rest = rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        piece = self._head[: len(buffer)] or self._rest.read(len(buffer))
        self._head = self._head[len(piece) :]
        buffer[: len(piece)] = piece
        return len(piece)


def rejoined(head: bytes, rest: IO[bytes]) -> io.BufferedReader:
    """The whole file again, its head read once already."""
    return io.BufferedReader(_Rejoined(head, rest), 2**16)
