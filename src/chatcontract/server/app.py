"""The service as an ASGI application."""

import asyncio
import traceback
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from chatcontract.model import Headers, Request
from chatcontract.server.answers import Answer, Piece, as_json
from chatcontract.server.service import Service, Settings

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
MAX_DRAINED = 64 * 1024 * 1024
"""Bytes of a body that is too large which are still taken, so that the caller gets to read the answer."""
_CRASH = {
    "error": {
        "message": "A fault of the reference server.",
        "type": "server_error",
        "param": None,
        "code": None,
    }
}


class App:
    """The reference server, for any ASGI server.

    >>> App(Settings(faults=["usage-total-wrong"])).service.settings.latency
    0.0
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self.service = Service(settings or Settings())

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        body = await _read(receive, self.service.settings.max_body)
        url = scope.get("raw_path", scope["path"].encode()).decode("latin-1")
        request = Request(scope["method"], url, _headers(scope["headers"]), body or b"")
        answer = self.service.too_large() if body is None else self._answer(request)
        if self.service.settings.latency:
            await asyncio.sleep(self.service.settings.latency)
        if not await _send(answer, receive, send):
            self.service.note_abort()

    def _answer(self, request: Request) -> Answer:
        try:
            return self.service.answer(request)
        except Exception:
            traceback.print_exc()
            return as_json(_CRASH, 500)


def _headers(raw: Iterable[tuple[bytes, bytes]]) -> Headers:
    return tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in raw)


async def _read(receive: Receive, limit: int) -> bytes | None:
    """The body of a request; None if it is larger than the limit."""
    pieces: list[bytes] = []
    size = 0
    while size <= MAX_DRAINED:
        message = await receive()
        piece = message.get("body", b"")
        size += len(piece)
        if size <= limit:
            pieces.append(piece)
        if not message.get("more_body"):
            break
    return b"".join(pieces) if size <= limit else None


async def _send(answer: Answer, receive: Receive, send: Send) -> bool:
    """Send the answer; False if the caller hung up before its end."""
    pieces = answer.pieces
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers]
    if not answer.is_stream:
        pieces = answer.whole()
        headers.append((b"content-length", str(sum(len(piece.data) for piece in pieces)).encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    gone = asyncio.ensure_future(receive())
    try:
        return await _send_all(pieces, gone, send)
    finally:
        gone.cancel()


async def _send_all(pieces: Iterable[Piece], gone: asyncio.Future[Message], send: Send) -> bool:
    for piece in pieces:
        if piece.wait:
            await asyncio.wait((gone,), timeout=piece.wait)
        if gone.done():
            return False
        if piece.is_cut:
            return True
        await send({"type": "http.response.body", "body": piece.data, "more_body": True})
    await send({"type": "http.response.body", "body": b""})
    return True
