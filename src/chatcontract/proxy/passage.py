"""One exchange on its way through: pieces are forwarded as they come, the last one when the copy is written down."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import aiohttp
from aiohttp import web

from chatcontract.model import Headers, Request, Response
from chatcontract.proxy.connection import Answer
from chatcontract.proxy.copying import Copy
from chatcontract.proxy.ledger import Asked, Ending, Ledger
from chatcontract.proxy.upstream import Body, Failure, Incoming, Line, Upstream
from chatcontract.proxy.wire import COUNT_HEADER, Refusal, body_of, end_to_end, is_chat, refused, upstream_url
from chatcontract.reading import looks_like_events

_RETRY_SECONDS = 0.02


class Limits(NamedTuple):
    """Bytes and seconds that the proxy lets pass, keeps and waits.

    `kept` bounds the copy of a body. Requests up to `whole` are read before they are sent on; answers that are no
    streams up to `held`, and for no longer than `hold` seconds. After `grace` the end that ought to follow the
    terminator of a stream is not waited for.
    """

    kept: int = 32 * 2**20
    whole: int = 2**20
    held: int = 2**20
    hold: float = 0.2
    grace: float = 0.1


class Passage:
    """One exchange.

    Args:
        request: what a client asks.
        upstream: where to send it.
        ledger: where to note it.
        enforces: whether requests that break the contract are refused.
    """

    def __init__(
        self, request: web.BaseRequest, upstream: Upstream, ledger: Ledger, *, enforces: bool, limits: Limits
    ) -> None:
        self._request = request
        self._upstream = upstream
        self._ledger = ledger
        self._enforces = enforces
        self._limits = limits
        self._url = upstream_url(upstream.base, request.raw_path)
        self._headers = end_to_end(request.raw_headers, "host", "expect")
        self._sent = Copy(limits.kept, request.headers.get("content-encoding", ""))
        self._got = Copy(limits.kept)
        self._heading: tuple[int, Headers] | None = None
        self._asked: Asked | None = None
        self._line = Line()
        self._begun = time.monotonic()
        self._is_taken = self._noted = self._client_ended = self._is_over = False
        self.is_chat = is_chat(request.method, request.raw_path)
        self.late = 0
        """Bytes of a stream that came too late after its terminator to be written down."""

    async def run(self) -> web.StreamResponse:
        """Pass it on, and its answer back; raises SourceError where it cannot be written down."""
        protocol: Any = self._request.protocol
        protocol.on_end = self._client_end
        try:
            return await self._run()
        except (asyncio.CancelledError, ConnectionError):
            transport = self._request.transport
            gone = transport is None or transport.is_closing()
            self._note(Ending("client", "the client hung up") if gone else Ending("proxy", "record was stopped"))
            raise
        finally:
            self._is_over = True
            protocol.on_end = None

    async def _run(self) -> web.StreamResponse:
        await self._let_go_on()
        body = await self._taken()
        is_whole = not isinstance(body, AsyncIterator)
        if self._enforces and self.is_chat and is_whole and self._ask().violations.errors:
            return await self._refuse(self._ask())
        self._begun = time.monotonic()
        answer = await self._send(body, notes=self.is_chat and is_whole)
        if isinstance(answer, Failure):
            return await self._without_answer(answer)
        try:
            return await self._pass_back(answer)
        finally:
            answer.close()

    async def _let_go_on(self) -> None:
        """Have a client send its body that waits for leave to do so."""
        if self._request.headers.get("expect", "").lower() == "100-continue" and self._request.version >= (1, 1):
            await self._request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self._request.writer.output_size = 0

    async def _taken(self) -> Body:
        """The body of the request: whole where it is not large, else as it comes."""
        most = self._limits.kept if self._enforces and self.is_chat else self._limits.whole
        pieces: list[bytes] = []
        size = 0
        while size <= most:
            piece = await self._request.content.readany()
            if not piece:
                self._is_taken = True
                return b"".join(pieces) or None
            self._sent.add(piece, 0.0)
            pieces.append(piece)
            size += len(piece)
        return self._rest(b"".join(pieces))

    async def _rest(self, first: bytes) -> AsyncIterator[bytes]:
        yield first
        while piece := await self._request.content.readany():
            self._sent.add(piece, 0.0)
            yield piece
        self._is_taken = True

    def _ask(self) -> Asked:
        """The request as it is noted, once."""
        if self._asked is None:
            data, _, problem = self._sent.whole()
            if problem or not self._is_taken:
                problem = f"of the request: {problem or 'not all of it came'}"
            request = Request(self._request.method, self._url, self._headers, data)
            self._asked = self._ledger.asked(request, problem)
        return self._asked

    async def _send(self, body: Body, *, notes: bool) -> aiohttp.ClientResponse | Failure:
        """Send the request; it is checked while the upstream works on it."""
        sending = asyncio.ensure_future(
            self._upstream.send(self._request.method, self._url, self._headers, body, self._line)
        )
        try:
            if notes:
                await asyncio.sleep(0)
                await asyncio.sleep(0)
                self._ask()
            await asyncio.wait((sending,))
            error = sending.exception()
            return sending.result() if error is None else self._upstream.failure(error)
        finally:
            sending.cancel()

    async def _pass_back(self, answer: aiohttp.ClientResponse) -> web.StreamResponse:
        headers = end_to_end(answer.raw_headers)
        self._heading = answer.status, headers
        streams = "event-stream" in answer.headers.get("content-type", "").lower()
        self._got = Copy(self._limits.kept, answer.headers.get("content-encoding", ""), streams=streams)
        response = Answer(answer.status, answer.reason, headers)
        incoming = Incoming(answer, self._upstream.failure)
        first = await self._first(incoming) if self.is_chat and not streams else b""
        if incoming.is_over and incoming.failure is None:
            count = self._note()
            response.send_at_once()
            await self._open(response, count)
            await response.write_eof(first)
            return response
        await self._open(response, None if self._asked is None else len(self._asked.violations))
        if self.is_chat:
            await self._stream(incoming, response, first)
        else:
            while piece := await incoming.read():
                await response.write(piece)
        if incoming.failure is not None:
            self._cut()
        return response

    async def _open(self, response: web.StreamResponse, violations: int | None) -> None:
        if violations is not None and self.is_chat and self._ledger.checks:
            response.headers[COUNT_HEADER] = str(violations)
        if self._client_ended:
            response.force_close()
        await response.prepare(self._request)

    async def _first(self, incoming: Incoming) -> bytes:
        """The answer so far: whole if it is small and quick."""
        pieces: list[bytes] = []
        size, end = 0, time.monotonic() + self._limits.hold
        while size <= self._limits.held and (left := end - time.monotonic()) > 0:
            piece = await incoming.read(left)
            if not piece:
                break
            self._got.streams = not pieces and looks_like_events(piece)
            self._add(piece)
            pieces.append(piece)
            size += len(piece)
            if self._got.streams:
                break
        return b"".join(pieces)

    def _add(self, piece: bytes) -> None:
        self._got.add(piece, time.monotonic() - self._begun)

    async def _stream(self, incoming: Incoming, response: web.StreamResponse, first: bytes) -> None:
        """Forward the pieces; what may be the end of the answer is kept back until it is written down."""
        back = await self._until_end(incoming, response, first)
        self._note(_broken(incoming.failure))
        if back:
            await response.write(back)
        while piece := await incoming.read():
            self.late += len(piece)
            await response.write(piece)

    async def _until_end(self, incoming: Incoming, response: web.StreamResponse, first: bytes) -> bytes:
        back, end = first, 0.0
        if self._got.streams and not self._got.is_terminated and first:
            await response.write(first)
            back = b""
        while True:
            if self._got.is_terminated:
                end = end or time.monotonic() + self._limits.grace
            piece = await incoming.read(max(0.0, end - time.monotonic()) if end else None)
            if not piece:
                return back
            self._add(piece)
            if self._got.is_terminated:
                back += piece
            elif self._got.streams:
                await response.write(piece)
            else:
                if back:
                    await response.write(back)
                back = piece

    def _note(self, ending: Ending | None = None) -> int:
        """Write the exchange down, once; returns the number of its violations."""
        if self._noted or not self.is_chat:
            return 0
        self._noted = True
        if ending is not None and ending.by == "upstream" and self._client_ended:
            ending = Ending("client", "the client ended its side, and the upstream gave up")
        data, arrivals, problem = self._got.whole()
        if problem and ending is None:
            ending = Ending("proxy", f"of the answer: {problem}")
        response = None if self._heading is None else Response(*self._heading, data, arrivals)
        return len(self._ledger.answered(self._ask(), response, time.monotonic() - self._begun, ending))

    async def _refuse(self, asked: Asked) -> web.StreamResponse:
        self._noted = True
        self._ledger.refused(asked)
        refusal, members = refused(asked.violations)
        return await self._own(refusal, body_of(refusal, members), (COUNT_HEADER, str(len(asked.violations))))

    async def _without_answer(self, failure: Failure) -> web.StreamResponse:
        self._note(_broken(failure))
        if failure.refusal is None:
            self._cut()
            return web.Response()
        return await self._own(failure.refusal, body_of(failure.refusal))

    async def _own(self, refusal: Refusal, body: bytes, *headers: tuple[str, str]) -> web.StreamResponse:
        """An answer that is not the upstream's."""
        told = (("content-type", "application/json"), ("content-length", str(len(body))), *headers)
        response = Answer(refusal.status, None, told)
        response.send_at_once()
        await self._open(response, None)
        await response.write_eof(body)
        return response

    def _cut(self) -> None:
        """Hang up on the client, as the upstream did: it is to see that the answer is not whole."""
        self._request.protocol.force_close()

    def _client_end(self) -> bool:
        """The client ended its side: pass that on, and say whether it may still get an answer."""
        if not self._request.content.is_eof():
            return False
        self._client_ended = True
        asyncio.get_running_loop().call_later(_RETRY_SECONDS, self._pass_end)
        return True

    def _pass_end(self) -> None:
        if not self._is_over and not self._line.end():
            asyncio.get_running_loop().call_later(_RETRY_SECONDS, self._pass_end)


def _broken(failure: Failure | None) -> Ending | None:
    return None if failure is None else Ending("upstream", failure.message)
