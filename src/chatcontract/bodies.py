"""Payloads and streams in the forms that callers have them: parsed, as text, in pieces."""

from collections.abc import Callable
from functools import cache
from typing import Any

from chatcontract.jsontext import ABSENT, MAX_BYTES, TextFault, object_faults, parse
from chatcontract.model import JSON
from chatcontract.sse import MAX_EVENT_BYTES

_TEXT = (bytes, str, bytearray, memoryview)


def loaded(body: Any) -> JSON:
    """The value of a JSON text, or ABSENT; anything else stays what it is."""
    if not isinstance(body, _TEXT):
        return body
    loads = _loader()
    try:
        return loads(body) if len(body) <= MAX_BYTES else ABSENT
    except ValueError:
        value, faults = parse(body)
        return value if all(fault.kind == "duplicate-key" for fault in faults) else ABSENT


@cache
def _loader() -> Callable[[Any], JSON]:
    import orjson

    return orjson.loads


def read(body: Any) -> tuple[JSON, tuple[TextFault, ...]]:
    """The value of a payload as every check takes it, and the faults of its text."""
    if body.__class__ is dict or not isinstance(body, _TEXT):
        return body, ()
    _loader()
    return parse(body)


def plain_payloads(body: bytes) -> list[bytes]:
    """The payloads of a stream that has nothing but frames `data: {…}` and the last `[DONE]`; of any other none.

    A payload with a member called `error` makes it another one: it may be an error in place of a chunk.
    """
    if not (body.startswith(b"data: {") and body.endswith(b"\n\n")) or len(body) > MAX_EVENT_BYTES:
        return []
    frames = body[6:-2].split(b"\n\ndata: ")
    if body.count(b"\n") != 2 * len(frames) or b"\r" in body or b'"error"' in body:
        return []
    return frames[:-1] if frames[-1] == b"[DONE]" else frames


def stream_bytes(data: Any) -> bytes:
    """The bytes of a stream given as bytes, as pieces of them, or as the list of its chunks."""
    if isinstance(data, str):
        return data.encode(errors="surrogatepass")
    if isinstance(data, bytes | bytearray | memoryview):
        return bytes(data)
    pieces = list(data)
    if all(isinstance(piece, bytes | bytearray) for piece in pieces):
        return b"".join(pieces)
    texts = [piece if isinstance(piece, str) else _dumped(piece) for piece in pieces]
    if texts and not any(isinstance(piece, str) for piece in pieces):
        texts.append("[DONE]")  # what parsed the chunks took it away
    return "".join(f"data: {text}\n\n" for text in texts).encode(errors="surrogatepass")


def _dumped(chunk: JSON) -> str:
    import json

    try:
        return json.dumps(chunk)
    except TypeError:
        object_faults(chunk)  # which says what it is and where
        raise
    except (ValueError, RecursionError):
        raise TypeError("a chunk contains itself or is nested too deeply. Give dicts as JSON text has them.") from None
