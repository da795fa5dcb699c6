"""Content encodings undone, within a bound: gzip, deflate, and with their packages brotli and zstd."""

import io
import zlib
from collections.abc import Callable
from typing import Any

from chatcontract.exceptions import SourceError

IDENTITY = ("", "identity")
_MAGIC = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd")
"""How gzip and zstd begin: what begins so is encoded, however damaged."""


def decoded(data: bytes, header: str, limit: int) -> bytes:
    """The bytes without the encodings that a `content-encoding` header names, the last applied undone first.

    >>> import gzip
    >>> decoded(gzip.compress(b"{}"), "gzip", 1000)
    b'{}'

    Raises:
        SourceError: an encoding is not known, the data is not of it or is cut, or there are more than `limit` bytes.
    """
    for encoding in reversed([name.strip().lower() for name in header.split(",")]):
        if encoding not in IDENTITY:
            data = _one(data, encoding, limit)
    return data


def undone(data: bytes, header: str, limit: int) -> tuple[bytes, str]:
    """The bytes without their encodings, and why they could not be read; those that are not encoded stay as they are.

    Of data that are cut, as by a client that hung up, it is what they hold.

    >>> undone(b"plain", "gzip", 1000)
    (b'plain', '')
    """
    if data[:1] in (b"{", b"[") and _is_text(data):
        return data, ""
    try:
        return decoded(data, header, limit), ""
    except SourceError as error:
        if _is_text(data):
            return data, ""
        if isinstance(error, _Cut) and error.made and "," not in header:
            return error.made, ""
        is_plain = isinstance(error, _Damaged) and not data.startswith(_MAGIC)
        return (data, "") if is_plain else (b"", f"not read: {error}")


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


class _Damaged(SourceError):
    """What is no data of the encoding, or not all of it."""


class _Cut(_Damaged):
    """What ends before its encoding does; `made` is what could be undone."""

    def __init__(self, encoding: str, made: bytes) -> None:
        super().__init__(f"the {encoding} encoding cannot be undone: the data is cut")
        self.made = made


def _one(data: bytes, encoding: str, limit: int) -> bytes:
    undo = _DECODERS.get(encoding)
    if undo is None:
        raise SourceError(f"the content encoding {encoding[:40]!r} is not known")
    try:
        made, is_whole = undo(data, limit + 1)
    except (ValueError, zlib.error) as error:
        raise _Damaged(f"the {encoding} encoding cannot be undone: {error}") from None
    if len(made) <= limit and not is_whole:
        raise _Cut(encoding, made)
    if len(made) > limit:
        raise SourceError(f"more than {limit} bytes when the {encoding} encoding is undone")
    return made


def _zlib(data: bytes, most: int) -> tuple[bytes, bool]:
    """gzip, also in several members, and deflate with or without its zlib header; what follows is passed over."""
    made = b""
    while data and len(made) < most:
        inflate = zlib.decompressobj(_window(data))
        made += inflate.decompress(data, most - len(made))
        if not inflate.eof:
            return made, False
        data = inflate.unused_data if inflate.unused_data.startswith(_MAGIC[0]) else b""
    return made, True


def _window(data: bytes) -> int:
    """zlib's parameter: negative for raw deflate, which some servers send under that name."""
    wrapped = data[:2] == b"\x1f\x8b" or (data[0] & 0x0F == 8 and int.from_bytes(data[:2]) % 31 == 0)
    return zlib.MAX_WBITS | 32 if wrapped else -zlib.MAX_WBITS


def _brotli(data: bytes, most: int) -> tuple[bytes, bool]:
    brotli = _imported("brotli")
    try:
        inflate = brotli.Decompressor()
        made = bytes(inflate.process(data, output_buffer_limit=most))
    except brotli.error as error:
        raise ValueError(str(error)) from None
    return made, inflate.is_finished()


def _zstd(data: bytes, most: int) -> tuple[bytes, bool]:
    zstandard = _imported("zstandard")
    try:
        reader = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data), read_across_frames=True)
        return bytes(reader.read(most)), True
    except zstandard.ZstdError as error:
        raise ValueError(str(error)) from None


def _imported(package: str) -> Any:
    from importlib import import_module

    try:
        return import_module(package)
    except ImportError:
        raise SourceError(f"that needs the package {package}: pip install 'chatcontract[traffic]'") from None


_DECODERS: dict[str, Callable[[bytes, int], tuple[bytes, bool]]] = {
    "gzip": _zlib, "x-gzip": _zlib, "deflate": _zlib, "br": _brotli, "zstd": _zstd,
}  # fmt: skip
