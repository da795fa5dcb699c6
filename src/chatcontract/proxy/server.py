"""The proxy as a server: it listens, passes every request on, and ends without losing one."""

import asyncio
import inspect
import logging
import socket
from types import TracebackType
from typing import Any, NamedTuple, Self

from aiohttp import web

from chatcontract.exceptions import SourceError
from chatcontract.journal import Journal
from chatcontract.proxy.connection import Connection
from chatcontract.proxy.ledger import Ledger
from chatcontract.proxy.live import Live
from chatcontract.proxy.passage import Limits, Passage
from chatcontract.proxy.upstream import MAX_HEADER, MAX_HEADERS, Upstream

SYNC_SECONDS = 0.25
PATIENCE = 600.0
"""Seconds that an upstream may be silent."""
GOODBYE = 2.0
"""Seconds that exchanges under way have at the end."""
_BACKLOG = 512
_KNOWN = inspect.signature(web.RequestHandler.__init__).parameters
_BOUNDS: dict[str, Any] = {"max_headers": MAX_HEADERS} if "max_headers" in _KNOWN else {}


class Settings(NamedTuple):
    """What a proxy does: upstream's base URL, where it listens, whether it refuses, and its bounds."""

    upstream: str
    host: str = "127.0.0.1"
    port: int = 8787
    enforces: bool = False
    patience: float = PATIENCE
    goodbye: float = GOODBYE
    limits: Limits = Limits()


class Proxy:
    """A proxy that runs. Use it as an asynchronous context manager.

    Args:
        settings: what it does.
        ledger: where exchanges are noted.
        journal: the file behind it, which is synced now and then.
        live: what people are told.
    """

    def __init__(self, settings: Settings, ledger: Ledger, journal: Journal | None, live: Live) -> None:
        self._settings = settings
        self._ledger = ledger
        self._journal = journal
        self._live = live
        self._upstream = Upstream(settings.upstream, settings.patience)
        self.others = 0
        self.stopped = asyncio.Event()
        self.failure: SourceError | None = None

    async def __aenter__(self) -> Self:
        await self._upstream.__aenter__()
        self._server = web.Server(self._handle, handler_cancellation=True)
        host, port = self._settings.host, self._settings.port
        try:
            self._listening = await asyncio.get_running_loop().create_server(
                self._connected, host, port, backlog=_BACKLOG
            )
        except OSError as error:
            await self._upstream.__aexit__(None, None, None)
            raise ValueError(f"cannot listen on {host} port {port}: {error.strerror}. Choose another.") from None
        self._syncing = asyncio.create_task(self._sync())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listening.close()
        self._server.pre_shutdown()
        await self._server.shutdown(0 if self.failure else self._settings.goodbye)
        self._syncing.cancel()
        await self._upstream.__aexit__(None, None, None)

    @property
    def url(self) -> str:
        """The base URL that clients are to use."""
        host, port = self._listening.sockets[0].getsockname()[:2]
        shown = f"[{host}]" if self._listening.sockets[0].family == socket.AF_INET6 else host
        return f"http://{shown}:{port}/v1"

    def _connected(self) -> Connection:
        return Connection(
            self._server, loop=asyncio.get_running_loop(), access_log=None, logger=_silent(), auto_decompress=False,
            max_line_size=MAX_HEADER, max_field_size=MAX_HEADER, **_BOUNDS,
        )  # fmt: skip

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if not request.raw_path.startswith("/"):
            return web.Response(status=400, text="This is a reverse proxy: set it as the base URL, not as a proxy.\n")
        passage = Passage(
            request, self._upstream, self._ledger, enforces=self._settings.enforces, limits=self._settings.limits
        )
        self.others += not passage.is_chat
        try:
            response = await passage.run()
        except ConnectionError:
            raise
        except SourceError as error:
            self.failure = error
            self.stopped.set()
            return _cut(request)
        except Exception as error:
            self._live.say(f"a fault of chatcontract: {type(error).__name__} while passing an exchange on")
            return _cut(request)
        if passage.late:
            self._live.note(f"{passage.late} bytes came too late after [DONE] to be recorded")
        return response

    async def _sync(self) -> None:
        while self._journal is not None:
            await asyncio.sleep(SYNC_SECONDS)
            if self._journal.is_due:
                await asyncio.to_thread(self._journal.sync)


def _cut(request: web.BaseRequest) -> web.StreamResponse:
    request.protocol.force_close()
    return web.Response()


def _silent() -> logging.Logger:
    """A logger for what hostile bytes make the library say."""
    logger: Any = logging.getLogger("chatcontract.proxy")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
        logger.propagate = False
    return logger  # type: ignore[no-any-return]
