"""The client keeps every byte and its time, and turns every fault into a value."""

import asyncio
import contextlib
import gzip
import json
import socket
import time
import zlib
from collections.abc import Callable

import pytest

from chatcontract.client import Client, Limits, Reply
from chatcontract.model import Request

Start = Callable[[Callable[[socket.socket, bytes], None]], str]
OK = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
LIMITS = Limits(total=5, idle=1.0, connect=2, grace=0.2, body=100_000)


def sent(url: str, body: bytes = b"{}", stop_after: int | None = None, **rest: object) -> Reply:
    async def send() -> Reply:
        async with Client(LIMITS, secrets=("sk-secret-12345",)) as client:
            return await client.send(Request("POST", url, body=body, **rest), "one", stop_after=stop_after)  # type: ignore[arg-type]

    return asyncio.run(send())


def says(reply: bytes, wait: float = 0.0) -> Callable[[socket.socket, bytes], None]:
    def behave(connection: socket.socket, asked: bytes) -> None:
        connection.sendall(reply)
        time.sleep(wait)

    return behave


def test_status_headers_and_every_byte_are_kept(raw_server: Start) -> None:
    reply = sent(raw_server(says(OK + b"X-Odd: a\xff\r\nX-Odd: b\r\ncontent-length: 4\r\n\r\n\x00\xff{}")))
    response = reply.exchange.response
    assert response is not None
    assert (reply.fault, response.status, response.body) == (None, 200, b"\x00\xff{}")
    assert [value for name, value in response.headers if name == "X-Odd"] == ["a\\xff", "b"]


def test_the_arrival_of_every_piece_is_timed_from_the_request(raw_server: Start) -> None:
    def slowly(connection: socket.socket, asked: bytes) -> None:
        connection.sendall(OK + b"content-length: 6\r\n\r\n")
        for piece in (b"ab", b"cd", b"ef"):
            time.sleep(0.15)
            connection.sendall(piece)

    response = sent(raw_server(slowly)).exchange.response
    assert response is not None
    assert [arrival.offset for arrival in response.arrivals] == [0, 2, 4]
    times = [arrival.time for arrival in response.arrivals]
    assert times == sorted(times)
    assert times[0] >= 0.1
    assert times[2] - times[0] >= 0.2


def test_what_is_sent_is_exactly_what_was_given(raw_server: Start) -> None:
    met: list[bytes] = []

    def keep(connection: socket.socket, asked: bytes) -> None:
        met.append(asked)
        connection.sendall(OK + b"content-length: 2\r\n\r\n{}")

    sent(
        raw_server(keep),
        b'{"a": \xff}',
        headers=(("content-type", "text/odd"), ("accept-encoding", "identity")),
    )
    head, _, body = met[0].partition(b"\r\n\r\n")
    assert body == b'{"a": \xff}'
    assert b"text/odd" in head
    assert b"identity" in head
    assert b"gzip" not in head
    assert b"aiohttp" not in head.lower()


def test_keys_are_filtered_from_what_is_kept(raw_server: Start) -> None:
    headers = (("authorization", "Bearer sk-secret-12345"), ("x-mine", "sk-secret-12345"))
    reply = sent(raw_server(says(OK + b"content-length: 2\r\n\r\n{}")), headers=headers)
    assert reply.exchange.request is not None
    assert {value for _, value in reply.exchange.request.headers} == {"[Filtered]"}


def test_a_redirect_is_an_answer_and_is_not_followed(raw_server: Start) -> None:
    met: list[bytes] = []

    def lead(connection: socket.socket, asked: bytes) -> None:
        met.append(asked)
        connection.sendall(b"HTTP/1.1 302 Go\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n")

    reply = sent(raw_server(lead))
    assert (reply.status, len(met), reply.fault) == (302, 1, None)


def test_a_cookie_is_not_sent_back(raw_server: Start) -> None:
    met: list[bytes] = []

    def bake(connection: socket.socket, asked: bytes) -> None:
        met.append(asked)
        connection.sendall(OK + b"set-cookie: a=b\r\ncontent-length: 2\r\n\r\n{}")

    async def twice(url: str) -> None:
        async with Client(LIMITS) as client:
            for _ in range(2):
                await client.send(Request("POST", url, body=b"{}"))

    asyncio.run(twice(raw_server(bake)))
    assert len(met) == 2
    assert b"a=b" not in met[1]


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [("gzip", gzip.compress(b'{"a": 1}', mtime=0)), ("deflate", zlib.compress(b'{"a": 1}'))],
    ids=["gzip", "deflate"],
)
def test_a_body_that_is_compressed_unasked_is_read(raw_server: Start, encoding: str, packed: bytes) -> None:
    head = OK + f"content-encoding: {encoding}\r\ncontent-length: {len(packed)}\r\n\r\n".encode()
    assert sent(raw_server(says(head + packed))).body == b'{"a": 1}'


def test_a_large_body_is_read_to_the_bound(raw_server: Start) -> None:
    reply = sent(raw_server(says(OK + b"content-length: 300000\r\n\r\n" + b" " * 300_000)))
    assert reply.fault is not None
    assert (reply.fault.kind, len(reply.body)) == ("too-large", LIMITS.body)


def test_a_compressed_body_is_unpacked_to_the_bound(raw_server: Start) -> None:
    packed = gzip.compress(b" " * 50_000_000)
    head = OK + b"content-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(packed)
    reply = sent(raw_server(says(head + packed)))
    assert reply.fault is not None
    assert (reply.fault.kind, len(reply.body)) == ("too-large", LIMITS.body)


FAULTS = {
    "cut": OK + b"content-length: 100\r\n\r\n{",
    "closed": b"",
    "protocol": b"no HTTP at all\r\n\r\n",
    "encoding": OK + b"content-encoding: br\r\ncontent-length: 2\r\n\r\n{}",
}


@pytest.mark.parametrize("kind", FAULTS)
def test_a_fault_is_a_value_of_its_kind(raw_server: Start, kind: str) -> None:
    reply = sent(raw_server(says(FAULTS[kind])))
    assert reply.fault is not None
    assert reply.fault.kind == kind
    assert reply.fault.message


def test_silence_ends_the_wait_and_keeps_what_came(raw_server: Start) -> None:
    reply = sent(raw_server(says(OK + b"content-length: 100\r\n\r\nhello", wait=10)))
    assert reply.fault is not None
    assert (reply.fault.kind, reply.body) == ("idle", b"hello")


def test_a_connection_that_stays_open_after_done_is_not_waited_for_long(raw_server: Start) -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"
    reply = sent(raw_server(says(head + b"data: {}\n\ndata: [DONE]\n\n", wait=10)))
    assert reply.fault is not None
    assert reply.fault.kind == "left-open"
    assert reply.elapsed < 5


def test_hanging_up_early_is_no_fault(raw_server: Start) -> None:
    reply = sent(raw_server(says(OK + b"content-length: 100\r\n\r\nhello", wait=10)), stop_after=1)
    assert (reply.fault, reply.stopped) == (None, True)


def test_no_server_is_a_fault_of_the_connection() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        reply = sent(f"http://127.0.0.1:{unused.getsockname()[1]}/")
    assert reply.fault is not None
    assert (reply.fault.kind, reply.exchange.response) == ("connect", None)


def _unknown(*asked: object, **rest: object) -> None:
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


def _slowly(*asked: object, **rest: object) -> None:
    time.sleep(2.5)
    _unknown()


# The machine's own resolver may take any time over a name that does not exist.
@pytest.mark.parametrize(("resolver", "message"), [(_unknown, "no address"), (_slowly, "nobody answered in time")])
def test_a_host_without_address_is_a_fault_of_the_connection(
    resolver: Callable[..., None], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    reply = sent("http://no-such-host.invalid/")
    assert reply.fault is not None
    assert reply.fault.kind == "connect"
    assert message in reply.fault.message


def test_plain_http_where_tls_is_wanted_is_a_fault(raw_server: Start) -> None:
    reply = sent(raw_server(says(b"HTTP/1.1 400 Bad\r\n\r\n")).replace("http:", "https:"))
    assert reply.fault is not None
    assert reply.fault.kind == "tls"


def test_a_header_that_cannot_be_sent_is_a_fault(raw_server: Start) -> None:
    reply = sent(raw_server(says(OK)), headers=(("x-bad", "a\nb"),))
    assert reply.fault is not None
    assert reply.fault.kind == "refused-to-send"


def test_a_reply_can_be_kept_as_an_exchange(raw_server: Start) -> None:
    body = json.dumps({"id": "chatcmpl-1"}).encode()
    reply = sent(raw_server(says(OK + b"content-length: %d\r\n\r\n" % len(body) + body)))
    assert reply.exchange.id == "one"
    assert reply.exchange.host.startswith("127.0.0.1:")


def test_what_comes_behind_the_end_of_compressed_data_is_bounded(raw_server: Start) -> None:
    def endless(connection: socket.socket, asked: bytes) -> None:
        connection.sendall(OK + b"content-encoding: gzip\r\n\r\n" + gzip.compress(b"{}"))
        with contextlib.suppress(OSError):
            while True:
                connection.sendall(b"x" * 65536)

    reply = sent(raw_server(endless))
    assert reply.fault is not None
    assert (reply.fault.kind, reply.body) == ("too-large", b"{}")


@pytest.mark.parametrize("proxy", ["http://me:secret-word@127.0.0.1:9", "127.0.0.1:9"])
def test_a_proxy_that_is_not_there_is_named_without_its_password(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    monkeypatch.setenv("http_proxy", proxy)
    monkeypatch.setenv("no_proxy", "")
    fault = sent("http://192.0.2.1/").fault
    assert fault is not None
    assert fault.kind == "connect"
    assert "through the proxy 127.0.0.1:9 of the environment" in fault.message
    assert "secret-word" not in fault.message


def test_what_is_no_http_is_told_without_a_status_that_nobody_sent(raw_server: Start) -> None:
    fault = sent(raw_server(says(OK + b"X-A: a\x00b\r\n\r\n"))).fault
    assert fault is not None
    assert fault.message.startswith("no HTTP: ")
    assert "400" not in fault.message
    assert "http://" not in fault.message
