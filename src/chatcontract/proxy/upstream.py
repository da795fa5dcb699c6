"""The way to the upstream: one pool of connections, and what its failures mean for the client."""

import asyncio
import inspect
import os
import ssl
from collections.abc import AsyncIterator, Callable
from contextvars import ContextVar
from types import TracebackType
from typing import Any, NamedTuple, Self
from urllib.parse import urlsplit
from weakref import WeakSet

import aiohttp
from yarl import URL

from chatcontract.client import proxy_of, said_by, way_of
from chatcontract.model import Headers
from chatcontract.proxy.wire import Refusal

CONNECT_SECONDS = 10.0
MAX_HEADER = 64 * 1024
MAX_HEADERS = 512
Body = bytes | AsyncIterator[bytes] | None


class Failure(NamedTuple):
    """Why the upstream gave no whole answer.

    `refusal` is what the client is told in its place; None where the upstream hung up, which is passed on as such.
    """

    message: str
    refusal: Refusal | None = None


class Line:
    """The connection that a request goes over, once it has one."""

    _current: ContextVar["Line | None"] = ContextVar("line", default=None)

    def __init__(self) -> None:
        self._connection: Any = None
        self.is_reused = False
        """Whether the connection had carried another request before."""

    def __enter__(self) -> Self:
        self._token = self._current.set(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._current.reset(self._token)

    @classmethod
    def took(cls, connection: Any, *, is_reused: bool) -> None:
        """Note the connection of the request at hand."""
        if (line := cls._current.get()) is not None:
            line._connection, line.is_reused = connection, is_reused

    def end(self) -> bool:
        """Tell the upstream that nothing more will be sent; False where that cannot be told yet."""
        transport = getattr(self._connection, "transport", None)
        if transport is None or transport.get_write_buffer_size():
            return False
        self._connection.protocol.force_close()  # it is not to be used again
        if transport.can_write_eof():
            transport.write_eof()
        else:
            transport.close()
        return True


class _Pool(aiohttp.TCPConnector):
    def __init__(self, **named: Any) -> None:
        super().__init__(**named)
        self._used: WeakSet[Any] = WeakSet()

    async def connect(self, *arguments: Any, **named: Any) -> Any:
        connection = await super().connect(*arguments, **named)
        Line.took(connection, is_reused=connection.protocol in self._used)
        self._used.add(connection.protocol)
        return connection


class Incoming:
    """An answer as it comes in; once it is over, `failure` says why where it is not whole.

    Args:
        answer: its headers have come.
        failure_of: what an exception of the HTTP library stands for.
    """

    def __init__(self, answer: aiohttp.ClientResponse, failure_of: Callable[[Exception], Failure]) -> None:
        self._content = answer.content
        self._failure_of = failure_of
        self.is_over = False
        self.failure: Failure | None = None

    async def read(self, patience: float | None = None) -> bytes:
        """The next piece; nothing when it is over, or when nothing came for `patience` seconds."""
        if self.is_over:
            return b""
        try:
            async with asyncio.timeout(patience) as clock:
                piece: bytes = await self._content.readany()
        except Exception as error:
            if patience is not None and clock.expired():
                return b""
            self.is_over, self.failure = True, self._failure_of(error)
            return _unread(self._content)
        self.is_over = not piece
        return piece


def _unread(content: aiohttp.StreamReader) -> bytes:
    """What came before the failure and was not read yet: the library keeps it, and gives the failure alone."""
    try:
        return content._read_nowait(-1)
    except Exception:
        return b""


class Upstream:
    """Sends requests to the server behind. Use it as an asynchronous context manager.

    Args:
        base: its base URL.
        patience: seconds of silence after which an answer is given up.
    """

    def __init__(self, base: str, patience: float) -> None:
        self.base = base
        self.host = urlsplit(base).netloc
        self._patience = patience
        self._proxy = _proxy(base)
        self._session: Any = None

    async def __aenter__(self) -> Self:
        known = inspect.signature(aiohttp.ClientSession.__init__).parameters
        bounds: dict[str, Any] = {"max_headers": MAX_HEADERS} if "max_headers" in known else {}
        self._session = aiohttp.ClientSession(
            connector=_Pool(limit=0),
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=self._patience),
            max_line_size=MAX_HEADER,
            max_field_size=MAX_HEADER,
            skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
            **bounds,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def send(self, method: str, url: str, headers: Headers, body: Body, line: Line) -> aiohttp.ClientResponse:
        """Send a request; returns when the headers of its answer have come.

        An upstream may close a connection that was kept at the moment when the next request goes out on it. That is
        no doing of the client, whose own connection is open: the request is sent again.
        """
        while True:
            try:
                return await self._once(method, url, headers, body, line)
            except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
                if not line.is_reused or isinstance(body, AsyncIterator):
                    raise

    async def _once(self, method: str, url: str, headers: Headers, body: Body, line: Line) -> aiohttp.ClientResponse:
        line.is_reused = False
        with line:
            answer: aiohttp.ClientResponse = await self._session.request(
                method, URL(url, encoded=True), headers=headers, data=body, allow_redirects=False, proxy=self._proxy
            )
        return answer

    def failure(self, error: BaseException) -> Failure:
        """What an exception of the HTTP library stands for."""
        said = said_by(error)
        lost, late = "upstream_unreachable", "upstream_timeout"
        kinds: tuple[tuple[Any, int, str, str], ...] = (
            (aiohttp.ConnectionTimeoutError, 504, lost, f"gave no connection in {CONNECT_SECONDS:g} s"),
            (asyncio.TimeoutError, 504, late, f"was silent for {self._patience:g} s"),
            (aiohttp.ClientConnectorDNSError, 502, lost, "has no address: its name is not known"),
            ((aiohttp.ClientSSLError, ssl.SSLError), 502, lost, f"gives no TLS connection: {said}"),
            (aiohttp.ClientConnectorError, 502, lost, f"cannot be reached: {_why(error)}{way_of(self._proxy)}"),
        )
        for types, status, code, what in kinds:
            if isinstance(error, types):
                return self._failure(status, code, what)
        if isinstance(error, aiohttp.ClientPayloadError | aiohttp.ClientConnectionError | OSError):
            return Failure("the upstream closed the connection before its answer was whole")
        return self._failure(502, "upstream_protocol", f"speaks no HTTP that can be passed on: {said}")

    def _failure(self, status: int, code: str, what: str) -> Failure:
        message = f"the upstream {what}"
        return Failure(message, Refusal(status, code, f"chatcontract record: {message} ({self.host})"))


def _why(error: BaseException) -> str:
    number = getattr(getattr(error, "os_error", None), "errno", None)
    return os.strerror(number) if number else "nobody answers there"


def _proxy(base: str) -> str | None:
    """The proxy that the environment names for the upstream."""
    parts = urlsplit(base)
    return proxy_of(parts.scheme, parts.netloc)
