"""One HTTP request at a time: every byte and when it came; whatever goes wrong on the way becomes a value.

Nothing here follows a redirect, keeps a cookie, decodes beyond its bounds or raises for what a server does.
"""

import asyncio
import inspect
import io
import os
import ssl
import time
import urllib.request
import zlib
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, Self
from urllib.parse import urlsplit

from chatcontract import redact
from chatcontract.cleaning import url
from chatcontract.model import Arrival, Exchange, Headers, Request, Response

if TYPE_CHECKING:
    import aiohttp

MEGABYTE = 1024 * 1024
USER_AGENT = "chatcontract/0.1 (+contract test)"
_DONE = b"[DONE]"


class Limits(NamedTuple):
    """How much of a server is borne: seconds, bytes and numbers of headers.

    `idle` bounds the silence between two pieces of a body, `grace` the silence after `[DONE]`.
    """

    total: float = 60.0
    idle: float = 30.0
    connect: float = 10.0
    grace: float = 1.5
    body: int = 8 * MEGABYTE
    header: int = 16 * 1024
    headers: int = 128


class Fault(NamedTuple):
    """Why an answer is missing or not whole.

    `kind` is one of `connect`, `tls`, `closed`, `cut`, `timeout`, `idle`, `left-open`, `protocol`,
    `too-large`, `encoding` and `refused-to-send`.
    """

    kind: str
    message: str


class Reply(NamedTuple):
    """What came of one request: the exchange with keys redacted, its duration, and what went wrong.

    `stopped` tells that the client hung up on purpose.
    """

    exchange: Exchange
    elapsed: float
    fault: Fault | None = None
    stopped: bool = False

    @property
    def status(self) -> int | None:
        """The status of the answer; None where there is none."""
        return None if self.exchange.response is None else self.exchange.response.status

    @property
    def body(self) -> bytes:
        """The bytes of the body as far as they came."""
        return b"" if self.exchange.response is None else self.exchange.response.body


class _Stop(Exception):
    """Ends the reading of a body."""

    def __init__(self, kind: str, message: str) -> None:
        self.fault = Fault(kind, message)
        super().__init__(message)


class _Body:
    """The bytes of a body as they come, undone of a compression that nobody asked for, within a bound."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._inflate: Any = None
        self._came = 0
        self.data = bytearray()
        self.arrivals: list[Arrival] = []

    def expect(self, encoding: str) -> None:
        """Prepare for the content encoding that the headers tell."""
        if encoding in ("", "identity"):
            return
        if encoding not in ("gzip", "x-gzip", "deflate"):
            raise _Stop("encoding", f"the body is sent as {encoding[:40]!r} although only identity is accepted")
        self._inflate = zlib.decompressobj(zlib.MAX_WBITS | 32)

    def add(self, piece: bytes, moment: float) -> None:
        """Take a piece; raises _Stop at the bound."""
        self.arrivals.append(Arrival(len(self.data), moment))
        self._came += len(piece)
        room = self._limit - len(self.data)
        if self._inflate is not None:
            piece = self._inflated(piece, room + 1)
        self.data += piece[:room]
        if len(piece) > room or self._came > self._limit:
            raise _Stop("too-large", f"the body is larger than {self._limit} bytes; the rest was not read")

    def _inflated(self, piece: bytes, most: int) -> bytes:
        if self._inflate.eof:
            return b""  # what comes behind the end is none of it
        try:
            made: bytes = self._inflate.decompress(piece, most)
        except zlib.error as error:
            raise _Stop("encoding", f"the compressed body cannot be read: {error}") from None
        return made

    @property
    def is_done(self) -> bool:
        """Whether the terminator of a stream is the last that came."""
        return _DONE in self.data[-40:]


class Client:
    """Sends requests, each over a connection of its own unless `reuse`. Use it as an asynchronous context manager."""

    def __init__(self, limits: Limits | None = None, *, secrets: tuple[str, ...] = (), reuse: bool = False) -> None:
        self.limits = limits or Limits()
        self._reuse = reuse
        self._secrets = tuple(secret for secret in secrets if secret)
        self._proxies = _Proxies()
        self._shown: dict[Headers, Headers] = {}
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        """Open the session; raises ValueError where aiohttp is not installed."""
        self._session = _session(self.limits, self._reuse)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def send(self, request: Request, name: str = "", *, stop_after: int | None = None) -> Reply:
        """Send a request and read its answer to the end, to a bound, or to a fault.

        Args:
            request: what to send, keys in their headers; they are redacted in the reply.
            name: the id of the exchange.
            stop_after: hang up after that many bytes of the body.
        """
        sending = _Sending(self.limits, stop_after, self._proxies.of(request.url))
        fault: Fault | None = None
        clock = asyncio.timeout(self.limits.total)
        try:
            async with clock:
                await sending.run(self._session, request, clock)
        except _Stop as stop:
            fault = stop.fault
        except TimeoutError as error:
            fault = sending.late() if clock.expired() else sending.fault(error)
        except Exception as error:  # whatever a hostile server makes of the HTTP library
            fault = sending.fault(error)
        return self._reply(request, name, sending, fault)

    def _reply(self, request: Request, name: str, sending: "_Sending", fault: Fault | None) -> Reply:
        if request.headers not in self._shown:  # most requests have the same ones
            self._shown = {request.headers: self.redacted(request.headers)}
        shown = request._replace(headers=self._shown[request.headers])
        exchange = Exchange(name, shown, sending.response(), request.url, host=urlsplit(request.url).netloc)
        return Reply(exchange, time.monotonic() - sending.begun, fault, sending.stopped)

    def redacted(self, headers: Headers) -> Headers:
        """The headers without the keys of this client."""
        cleaned = []
        for header, value in redact.headers(headers):
            for secret in self._secrets:
                value = value.replace(secret, redact.FILTERED)
            cleaned.append((header, value))
        return tuple(cleaned)


class _Sending:
    """One request under way."""

    def __init__(self, limits: Limits, stop_after: int | None, proxy: str | None) -> None:
        self._limits = limits
        self._proxy = proxy
        self._stop_after = stop_after
        self._body = _Body(limits.body)
        self._headers: Headers = ()
        self._wait = limits.idle
        self.status: int | None = None
        self.begun = time.monotonic()
        self.stopped = False

    def response(self) -> Response | None:
        """What came, as far as it came."""
        if self.status is None:
            return None
        return Response(self.status, self._headers, bytes(self._body.data), tuple(self._body.arrivals))

    async def run(self, session: Any, request: Request, clock: asyncio.Timeout) -> None:
        """Send, then read until something ends it, or the clock, which is set anew for every piece."""
        call = session.request(
            request.method, request.url, data=_payload(request.body), headers=list(request.headers),
            allow_redirects=False, proxy=self._proxy,
        )  # fmt: skip
        async with call as answer:
            self.status = answer.status
            self._headers = tuple((_text(name), _text(value)) for name, value in answer.raw_headers)
            self._body.expect(answer.headers.get("content-encoding", "").strip().lower())
            await self._read(answer.content, clock)
            if self.stopped:
                answer.close()

    async def _read(self, content: Any, clock: asyncio.Timeout) -> None:
        end, loop = clock.when() or 0.0, asyncio.get_running_loop()
        while not content.at_eof():
            done = self._body.is_done
            self._wait = self._limits.grace if done else self._limits.idle
            clock.reschedule(min(end, loop.time() + self._wait))
            piece: bytes = await content.readany()
            if not piece:
                return  # the end came while waiting
            self._body.add(piece, time.monotonic() - self.begun)
            if self._stop_after is not None and len(self._body.data) >= self._stop_after:
                self.stopped = True
                return

    def fault(self, error: Exception) -> Fault:
        """The fault that an exception stands for, with the proxy where one is on the way."""
        found = _fault(error, answered=self.status is not None)
        return found if found.kind in ("cut", "idle") else found._replace(message=found.message + way_of(self._proxy))

    def late(self) -> Fault:
        """The fault of an answer that the clock ended."""
        if time.monotonic() - self.begun >= self._limits.total:
            return Fault("timeout", f"the answer was not whole after {self._limits.total:g} s")
        if self._body.is_done:
            return Fault("left-open", "the connection stays open after [DONE]")
        return Fault("idle", f"nothing came for {self._wait:g} s before the answer was whole")


def _payload(body: bytes) -> bytes | io.BytesIO | None:
    """The body as the HTTP library wants it, which takes offence at large ones in one piece."""
    return (io.BytesIO(body) if len(body) > MEGABYTE else body) or None


def _session(limits: Limits, reuse: bool) -> "aiohttp.ClientSession":
    try:
        import aiohttp
    except ImportError:
        raise ValueError("sending requests needs aiohttp: pip install 'chatcontract[audit]'") from None
    known = inspect.signature(aiohttp.ClientSession.__init__).parameters
    bounds: dict[str, Any] = {"max_headers": limits.headers} if "max_headers" in known else {}
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(force_close=not reuse, limit=0),
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
        timeout=aiohttp.ClientTimeout(total=None, connect=limits.connect),
        max_line_size=limits.header,
        max_field_size=limits.header,
        skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
        **bounds,
    )


class _Proxies:
    """The proxies that the environment names, looked up once for each host."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], str | None] = {}

    def of(self, url: str) -> str | None:
        """The proxy for an address; None for a direct connection."""
        scheme, _, rest = url.partition("://")
        place = scheme, rest.partition("/")[0]
        if place not in self._known:
            self._known[place] = proxy_of(scheme, place[1])
        return self._known[place]


def proxy_of(scheme: str, place: str) -> str | None:
    """The proxy that the environment names for a host, with its scheme; None for a direct connection."""
    if urllib.request.proxy_bypass(place):
        return None
    named = urllib.request.getproxies().get(scheme)
    return f"http://{named}" if named and "://" not in named else named


def way_of(proxy: str | None) -> str:
    """Words that say which proxy a request goes through, without its password; empty where there is none.

    >>> way_of("http://me:pw@127.0.0.1:3128"), way_of(None)
    (', through the proxy 127.0.0.1:3128 of the environment', '')
    """
    place = redact.printable((proxy or "").partition("://")[2].rpartition("@")[2])[:80]
    return f", through the proxy {place} of the environment" if proxy else ""


def _text(raw: bytes) -> str:
    return raw.decode(errors="backslashreplace")


def _fault(error: Exception, *, answered: bool) -> Fault:
    """The fault that an exception of the HTTP library stands for."""
    import aiohttp

    said = said_by(error)
    kinds: tuple[tuple[Any, str, str], ...] = (
        (aiohttp.ClientConnectorDNSError, "connect", "the host has no address"),
        ((aiohttp.ClientSSLError, ssl.SSLError), "tls", f"no TLS connection: {said}"),
        ((aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError), "connect", _unreached(error)),
        (aiohttp.ClientPayloadError, "cut", "the connection was closed in the middle of the body"),
        (aiohttp.ServerDisconnectedError, "closed", "the connection was closed without an answer"),
        (
            (aiohttp.ClientResponseError, aiohttp.http_exceptions.HttpProcessingError),
            "protocol",
            f"no HTTP: {said}",
        ),
        ((aiohttp.ClientOSError, OSError), "cut" if answered else "closed", "the connection was reset"),
        ((aiohttp.InvalidURL, ValueError), "refused-to-send", f"the request cannot be sent: {said}"),
    )
    for types, kind, message in kinds:
        if isinstance(error, types):
            return Fault(kind, message)
    return Fault("protocol", f"{type(error).__name__}: {said}")


def said_by(error: BaseException) -> str:
    """What an exception of the HTTP library says, on one line, without the status and the address that it adds."""
    words = getattr(error, "message", None) or str(error) or type(error).__name__
    return redact.one_line(url(redact.text(" ".join(str(words).split()))))[:200]


def _unreached(error: Exception) -> str:
    why = getattr(getattr(error, "os_error", None), "errno", None)
    return f"no connection: {os.strerror(why) if why else 'nobody answered in time'}"
