"""The client's end of a passage: its connection, and answers with the headers that they were given."""

import asyncio
from collections.abc import Callable
from typing import Any

from aiohttp import web
from multidict import CIMultiDict

from chatcontract.model import Headers
from chatcontract.patterns import pattern

_SETTLE_SECONDS = 0.02
_FORBIDDEN = pattern("[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]")


class Answer(web.StreamResponse):
    """An answer with the headers that it was given and no others, but for `date` where that was missing."""

    def __init__(self, status: int, reason: str | None, headers: Headers) -> None:
        pairs = [(name, _sendable(value)) for name, value in headers]
        super().__init__(status=status, reason=reason and _sendable(reason), headers=CIMultiDict(pairs))

    def send_at_once(self) -> None:
        """Send the headers together with the body, which is there already."""
        self._send_headers_immediately = False

    async def _prepare_headers(self) -> None:
        absent = [name for name in ("server", "content-type") if name not in self.headers]
        await super()._prepare_headers()
        for name in absent:
            self.headers.popall(name, None)


def _sendable(value: str) -> str:
    """The value without the control characters that HTTP forbids and the library would refuse to send.

    >>> _sendable("\\x1b[31mred")
    ' [31mred'
    """
    return _FORBIDDEN.sub(" ", value)


class Connection(web.RequestHandler):
    """A client's connection; one that will send no more may still get its answer.

    `on_end` is called when the client ends its side; it says whether an answer is still to be given.
    """

    __slots__ = ("on_end",)

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.on_end: Callable[[], bool] | None = None

    def eof_received(self) -> bool:  # type: ignore[override]
        """Keep the connection open while an answer is under way."""
        if self.on_end is not None:
            return self.on_end()
        asyncio.get_running_loop().call_later(_SETTLE_SECONDS, self._settle)
        return True

    def _settle(self) -> None:
        """Close the connection, if the request that came with the end has not begun by now."""
        if self.transport is not None and (self.on_end is None or not self.on_end()):
            self.transport.close()
