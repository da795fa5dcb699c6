"""What passes the proxy stays as it is: bytes, headers, times, and every way in which an exchange can end."""

import gzip
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import pytest

from chatcontract.proxy.passage import Limits
from chatcontract.server import faults, running

Start = Callable[..., Any]
Open = Callable[[str], Any]
Serve = Callable[[Callable[[socket.socket, bytes], None]], str]
ASK = b'{"model":"reference-1","messages":[{"role":"user","content":"Hi"}]}'
ASK_STREAM = ASK.replace(b'"model"', b'"stream":true,"model"')
EVENT = b'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","choices":[]}\n\n'
DONE = b"data: [DONE]\n\n"


def chunked(*pieces: bytes) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in (*pieces, b""))


def answer(body: bytes = b'{"object":"chat.completion"}', *headers: bytes, status: bytes = b"200 OK") -> bytes:
    lines = (b"Content-Type: application/json", b"Content-Length: %d" % len(body), *headers)
    return b"HTTP/1.1 %s\r\n" % status + b"\r\n".join(lines) + b"\r\n\r\n" + body


def stream(*pieces: bytes, kind: bytes = b"text/event-stream", headers: bytes = b"") -> bytes:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\n%sTransfer-Encoding: chunked\r\n\r\n" % (kind, headers)
    return head + chunked(*pieces)


def bare(body: bytes, headers: bytes = b"") -> bytes:
    return b"HTTP/1.1 200 Fine\r\nDate: now\r\n" + headers + b"\r\n" + body


NEVER_ENDING = {
    "stream-endless", "body-endless", "body-huge", "body-trickles", "answer-never", "stream-stalls", "stream-slow",
    "stream-left-open",
}  # fmt: skip
"""Faults of the reference server whose answers do not end in a moment; others here are like them."""


class Serving:
    """An upstream that gives one answer and keeps what it was asked."""

    def __init__(self, given: bytes) -> None:
        self.given = given
        self.requests: list[bytes] = []

    def __call__(self, connection: socket.socket, request: bytes) -> None:
        self.requests.append(request)
        connection.sendall(self.given)


def wait_for(condition: Callable[[], Any], seconds: float = 5.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.005)


ANSWERS = {
    "json": answer(),
    "chunked json": stream(b'{"object":', b'"chat.completion"}', kind=b"application/json"),
    "empty": answer(b""),
    "no content": b"HTTP/1.1 204 No Content\r\nDate: now\r\n\r\n",
    "gzip": answer(gzip.compress(b'{"object":"chat.completion"}'), b"Content-Encoding: gzip"),
    "broken gzip": answer(b"no gzip", b"Content-Encoding: gzip"),
    "gzip stream": stream(gzip.compress(EVENT + DONE), headers=b"Content-Encoding: gzip\r\n"),
    "brotli unknown": answer(b"\x0b\x02\x80{}\x03", b"Content-Encoding: br"),
    "repeated headers": answer(b"{}", b"X-A: 1", b"Set-Cookie: a=b", b"x-a: 2", b"Set-Cookie: c=d"),
    "unicode header": answer(b"{}", "X-A: é".encode()),
    "an error": answer(b'{"error":{"message":"no"}}', status=b"429 Slow Down Please"),
    "no media type": bare(b"{}", b"Content-Length: 2\r\n"),
    "until the end": bare(b'{"object":"chat.completion"}'),
    "not json": answer(b"\xff\xfe\x00 no JSON"),
    "html": answer(b"<html></html>", status=b"502 Bad Gateway"),
    "stream": stream(EVENT, EVENT, DONE),
    "stream as json": stream(EVENT, EVENT, DONE, kind=b"application/json"),
    "odd framing": stream(b"\xef\xbb\xbf: hi\r\n\r", b"\ndata:{}\r\r", b"id: 1\rda", b"ta: [DO", b"NE]\r\n", b"\r\n"),
    "no terminator": stream(EVENT, b"data: {"),
    "after the terminator": stream(EVENT, DONE, EVENT, b"more"),
    "two terminators": stream(EVENT, DONE + DONE),
    "empty stream": stream(),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_is_the_same_direct_and_through(name: str, raw_server: Serve, record: Start, wire: Open) -> None:
    upstream = raw_server(Serving(ANSWERS[name]))
    recorder = record(upstream)
    replies = []
    for url in (upstream, recorder.url):
        connection = wire(url)
        connection.post(ASK)
        replies.append(connection.reply())
    direct, through = replies
    assert (through.line, through.body, through.whole) == (direct.line, direct.body, direct.whole)
    framing = {"content-length", "transfer-encoding", "connection", "x-chatcontract-violations", "date"}
    assert [pair for pair in through.headers if pair[0].lower() not in framing] == [
        pair for pair in direct.headers if pair[0].lower() not in framing
    ]
    (line,) = recorder.lines(1)
    assert line["response"]["status"] == direct.status


@pytest.fixture(scope="module")
def faulty_answers() -> dict[str, bytes]:
    """What the reference server answers with each fault, as bytes of HTTP; where it cannot be asked so, nothing."""
    with running() as server:
        place = urlsplit(server.url)
        address = place.hostname or "", place.port or 0
        named = {name: fault for name, fault in faults.load().items() if name not in NEVER_ENDING}
        return {name: _answered(address, name, fault.rules) for name, fault in named.items()}


def _answered(address: tuple[str, int], fault: str, rules: Sequence[str], most: int = 2**19) -> bytes:
    """The answer, as far as it comes in a moment."""
    body = ASK_STREAM if any(rule.startswith("CC6") for rule in rules) or "stream" in fault else ASK
    head = f"POST /fault/{fault}/v1/chat/completions HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    with socket.create_connection(address, timeout=0.4) as connection:
        connection.sendall(head.encode() + body)
        pieces: list[bytes] = []
        end = time.monotonic() + 0.5
        with suppress(OSError):
            while (piece := connection.recv(65536)) and sum(map(len, pieces)) < most and time.monotonic() < end:
                pieces.append(piece)
    return b"".join(pieces)


def test_every_fault_of_the_reference_server_passes_as_it_is(
    faulty_answers: dict[str, bytes], raw_server: Serve, record: Start, wire: Open
) -> None:
    given = Serving(b"")
    upstream = raw_server(given)
    recorder = record(upstream)
    assert len(faulty_answers) > 100
    for name, answered in faulty_answers.items():
        given.given = answered
        replies = []
        for url in (upstream, recorder.url):
            connection = wire(url)
            connection.post(ASK)
            replies.append(connection.reply())
            connection.close()
        direct, through = replies
        assert (through.status, through.body, through.whole) == (direct.status, direct.body, direct.whole), name


def test_the_upstream_gets_the_request_as_it_was_sent(raw_server: Serve, record: Start, wire: Open) -> None:
    serving = Serving(answer())
    upstream = raw_server(serving)
    connection = wire(record(upstream).url)
    connection.send(
        b"POST /v1/chat/completions?api-version=1&x=%2F%20 HTTP/1.1\r\nhost: here\r\nX-B: 1\r\nx-a:  2\r\nX-B: 3\r\n"
        b"Connection: keep-alive, X-Hop\r\nX-Hop: 1\r\nTE: trailers\r\nUpgrade: h2c\r\nKeep-Alive: 5\r\n"
        b"Proxy-Authorization: Basic aaa\r\nCookie: a=b; c\r\nContent-Length: 2\r\nUser-Agent: me\r\n\r\n{}"
    )
    connection.reply()
    head, _, body = serving.requests[0].partition(b"\r\n\r\n")
    line, host, *headers = head.split(b"\r\n")
    assert line == b"POST /v1/chat/completions?api-version=1&x=%2F%20 HTTP/1.1"
    assert host == b"Host: " + upstream.removeprefix("http://").removesuffix("/v1").encode()
    assert headers == [
        b"X-B: 1", b"x-a: 2", b"X-B: 3", b"Cookie: a=b; c", b"Content-Length: 2", b"User-Agent: me"
    ]  # fmt: skip
    assert body == b"{}"


@pytest.mark.parametrize("size", [0, 1, 70_000, 3_000_000])
@pytest.mark.parametrize("framing", ["length", "chunks"])
def test_request_bodies_of_any_size_arrive(
    size: int, framing: str, raw_server: Serve, record: Start, wire: Open
) -> None:
    got: list[bytes] = []

    def reading(connection: socket.socket, request: bytes) -> None:
        data = request
        connection.settimeout(5)
        while b"\r\n\r\n" not in data or not _is_whole(data):
            data += connection.recv(65536)
        got.append(data)
        connection.sendall(answer())

    body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    connection = wire(record(raw_server(reading)).url)
    if framing == "length":
        connection.post(body)
    else:
        connection.send(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        connection.send(chunked(*(body[at : at + 100_000] for at in range(0, len(body), 100_000))))
    assert connection.reply().status == 200
    assert _body(got[0]) == body


def _body(data: bytes) -> bytes:
    head, _, rest = data.partition(b"\r\n\r\n")
    if b"chunked" not in head.lower():
        return rest
    body = b""
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        body, rest = body + rest[: int(size, 16)], rest[int(size, 16) + 2 :]
    return body


def _is_whole(data: bytes) -> bool:
    head, _, rest = data.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: *(\d+)", head)
    return rest.endswith(b"0\r\n\r\n") if length is None else len(rest) >= int(length[1])


def test_a_client_that_waits_for_leave_to_send_gets_it(raw_server: Serve, record: Start, wire: Open) -> None:
    serving = Serving(answer())
    connection = wire(record(raw_server(serving)).url)
    connection.send(
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
    )
    assert connection.until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    connection.send(b"{}")
    assert connection.reply().status == 200
    assert b"xpect" not in serving.requests[0]


def test_head_gets_headers_alone_and_the_connection_serves_on(raw_server: Serve, record: Start, wire: Open) -> None:
    url = raw_server(Serving(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\nContent-Type: a/b\r\n\r\n"))
    connection = wire(record(url).url)
    for _ in range(2):
        connection.send(b"HEAD /v1/models HTTP/1.1\r\nHost: x\r\n\r\n")
        reply = connection.reply(head=True)
        assert reply.header("content-length") == ["7"]


def test_a_client_of_http_1_0_gets_the_bytes_without_chunks(raw_server: Serve, record: Start, wire: Open) -> None:
    connection = wire(record(raw_server(Serving(stream(EVENT, DONE)))).url)
    connection.send(b"POST /v1/chat/completions HTTP/1.0\r\nContent-Length: %d\r\n\r\n" % len(ASK) + ASK)
    reply = connection.reply()
    assert (reply.body, reply.header("transfer-encoding")) == (EVENT + DONE, [])


def test_a_piece_of_a_stream_is_not_kept_waiting_for_the_next(raw_server: Serve, record: Start, wire: Open) -> None:
    go_on = threading.Event()

    def stepping(connection: socket.socket, request: bytes) -> None:
        whole = stream(EVENT, EVENT, DONE)
        first = whole.index(EVENT) + len(EVENT) + 2
        connection.sendall(whole[:first])
        assert go_on.wait(5)
        connection.sendall(whole[first:])

    connection = wire(record(raw_server(stepping)).url)
    connection.post(ASK_STREAM)
    connection.until(EVENT)
    go_on.set()
    connection.until(DONE)


def test_signs_of_life_before_a_slow_answer_get_through(raw_server: Serve, record: Start, wire: Open) -> None:
    go_on = threading.Event()

    def slowly(connection: socket.socket, request: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
        connection.sendall(b"1\r\n\n\r\n")
        time.sleep(0.4)
        connection.sendall(b"1\r\n \r\n")
        assert go_on.wait(5)
        connection.sendall(chunked(b"{}"))

    connection = wire(record(raw_server(slowly)).url)
    connection.post(ASK)
    connection.until(b"1\r\n\n\r\n")
    go_on.set()
    assert connection.until(b"0\r\n\r\n").endswith(b"\r\n{}\r\n0\r\n\r\n")


CUT = {
    "counted": answer(b"x" * 100)[:-40],
    "chunked": stream(EVENT, EVENT)[:-5],
    "in a chunk": stream(EVENT, EVENT)[:-30],
    "after the headers": answer(b"x" * 100)[:-100],
}


@pytest.mark.parametrize("name", CUT)
def test_an_answer_that_is_cut_is_cut_for_the_client_as_well(
    name: str, raw_server: Serve, record: Start, wire: Open
) -> None:
    upstream = raw_server(Serving(CUT[name]))
    recorder = record(upstream)
    direct, through = wire(upstream), wire(recorder.url)
    for connection in (direct, through):
        connection.post(ASK)
    expected, reply = direct.reply(), through.reply()
    assert (reply.status, reply.body, reply.whole) == (200, expected.body, False)
    (line,) = recorder.lines(1)
    assert line["cut"] == "upstream"
    assert "before its answer was whole" in line["note"]
    assert recorder.findings.report()["results"][0]["verdict"] == "errored"


@pytest.mark.parametrize("ending", ["closes", "resets"])
def test_an_upstream_that_hangs_up_without_an_answer_is_passed_on_as_such(
    ending: str, raw_server: Serve, record: Start, wire: Open
) -> None:
    def hanging_up(connection: socket.socket, request: bytes) -> None:
        if ending == "resets":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        connection.close()

    recorder = record(raw_server(hanging_up))
    connection = wire(recorder.url)
    connection.post(ASK)
    assert connection.more() == b""
    (line,) = recorder.lines(1)
    assert (line["response"], line["cut"]) == (None, "upstream")


def test_an_upstream_that_cannot_be_reached_is_told_as_the_api_tells_errors(record: Start, wire: Open) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    recorder = record(f"http://127.0.0.1:{port}/v1")
    connection = wire(recorder.url)
    connection.post(ASK)
    reply = connection.reply()
    error = json.loads(reply.body)["error"]
    assert (reply.status, error["code"]) == (502, "upstream_unreachable")
    assert "Connection refused" in error["message"]
    (line,) = recorder.lines(1)
    assert (line["response"], line["cut"]) == (None, "upstream")


def test_an_upstream_that_is_silent_is_given_up(raw_server: Serve, record: Start, wire: Open) -> None:
    recorder = record(raw_server(lambda connection, request: connection.recv(1) and None), patience=0.2)
    connection = wire(recorder.url)
    connection.post(ASK)
    reply = connection.reply()
    assert (reply.status, json.loads(reply.body)["error"]["code"]) == (504, "upstream_timeout")


def test_an_upstream_that_falls_silent_in_a_stream_ends_in_a_cut(raw_server: Serve, record: Start, wire: Open) -> None:
    def falling_silent(connection: socket.socket, request: bytes) -> None:
        connection.sendall(stream(EVENT)[:-5])
        connection.recv(1)

    recorder = record(raw_server(falling_silent), patience=0.2)
    connection = wire(recorder.url)
    connection.post(ASK)
    reply = connection.reply()
    assert (reply.body, reply.whole) == (EVENT, False)


def test_an_upstream_that_speaks_no_http_is_told(raw_server: Serve, record: Start, wire: Open) -> None:
    recorder = record(raw_server(Serving(b"SSH-2.0-OpenSSH\r\n\r\n")))
    connection = wire(recorder.url)
    connection.post(ASK)
    reply = connection.reply()
    assert (reply.status, json.loads(reply.body)["error"]["code"]) == (502, "upstream_protocol")


def test_control_characters_of_an_upstream_do_not_cost_the_client_the_answer(
    raw_server: Serve, record: Start, wire: Open
) -> None:
    recorder = record(raw_server(Serving(answer(b"{}", b"X-Odd: a\x1b[2Jb", status=b"401 No\x1b\xff"))))
    connection = wire(recorder.url)
    connection.post(ASK)
    reply = connection.reply()
    assert (reply.status, reply.body) == (401, b"{}")
    assert "fault of chatcontract" not in recorder.said.getvalue()


def test_a_client_that_hangs_up_ends_the_upstream_s_work(raw_server: Serve, record: Start, wire: Open) -> None:
    over = threading.Event()

    def talking(connection: socket.socket, request: bytes) -> None:
        connection.sendall(stream(EVENT)[:-5])
        try:
            while True:
                connection.sendall(chunked(EVENT)[:-5])
                time.sleep(0.01)
        except OSError:
            over.set()

    recorder = record(raw_server(talking))
    connection = wire(recorder.url)
    connection.post(ASK_STREAM)
    connection.until(EVENT)
    connection.close()
    assert over.wait(5)
    (line,) = recorder.lines(1)
    assert line["cut"] == "client"
    assert line["response"]["chunks"][0]["text"].startswith("data: ")
    wait_for(lambda: recorder.findings.report()["summary"]["results"]["inconclusive"] == 1)


def test_a_client_that_leaves_before_the_answer_is_noticed_by_the_upstream(
    raw_server: Serve, record: Start, wire: Open
) -> None:
    left = threading.Event()

    def thinking(connection: socket.socket, request: bytes) -> None:
        connection.settimeout(5)
        if not connection.recv(1):
            left.set()

    recorder = record(raw_server(thinking))
    connection = wire(recorder.url)
    connection.post(ASK)
    time.sleep(0.05)
    connection.close()
    assert left.wait(5)
    (line,) = recorder.lines(1)
    assert line["cut"] == "client"


def test_a_client_that_ends_its_side_still_gets_its_answer(raw_server: Serve, record: Start, wire: Open) -> None:
    ends: list[bytes] = []

    def patiently(connection: socket.socket, request: bytes) -> None:
        connection.settimeout(5)
        ends.append(connection.recv(1))
        connection.sendall(stream(EVENT, DONE))

    recorder = record(raw_server(patiently))
    connection = wire(recorder.url)
    connection.post(ASK_STREAM)
    connection.socket.shutdown(socket.SHUT_WR)
    reply = connection.reply()
    assert (reply.body, reply.whole) == (EVENT + DONE, True)
    assert ends == [b""]
    assert connection.more() == b""
    assert "cut" not in recorder.lines(1)[0]


def test_a_client_that_does_not_read_holds_the_upstream_back(raw_server: Serve, record: Start, wire: Open) -> None:
    sent = 0

    def pouring(connection: socket.socket, request: bytes) -> None:
        nonlocal sent
        connection.settimeout(0.5)
        connection.sendall(stream()[:-5])
        piece = chunked(b": " + b"x" * 65533 + b"\n")[:-5]
        for _ in range(1000):
            connection.sendall(piece)
            sent += len(piece)

    recorder = record(raw_server(pouring))
    connection = wire(recorder.url)
    connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    connection.post(ASK_STREAM)
    time.sleep(1)
    assert sent < 40_000_000


def test_a_body_beyond_the_bound_passes_whole_and_is_kept_in_part(raw_server: Serve, record: Start, wire: Open) -> None:
    serving = Serving(answer(b'"%s"' % (b"y" * 3000)))
    recorder = record(raw_server(serving), limits=Limits(kept=1000, whole=500, held=500))
    connection = wire(recorder.url)
    body = b'"%s"' % (b"x" * 2000)
    connection.post(body)
    assert connection.reply().body == b'"%s"' % (b"y" * 3000)
    assert serving.requests[0].endswith(body)
    (line,) = recorder.lines(1)
    assert "only the first 1000 bytes" in line["note"]
    assert recorder.findings.report()["summary"]["violations"] == {"error": 0, "warning": 0, "info": 0}


def test_a_kept_connection_that_the_upstream_gave_up_costs_the_client_nothing(
    raw_server: Serve, record: Start, wire: Open
) -> None:
    seen: list[bytes] = []

    def serve(connection: socket.socket, request: bytes) -> None:
        seen.append(request)
        connection.sendall(answer())
        if len(seen) == 1:
            connection.recv(65536)  # the next request, which gets the end of the connection for an answer

    recorder = record(raw_server(serve))
    connection = wire(recorder.url)
    for _ in range(2):
        connection.post(ASK)
        assert connection.reply().status == 200
    assert (len(seen), len(recorder.lines())) == (2, 2)


def test_other_paths_pass_and_are_not_recorded(raw_server: Serve, record: Start, wire: Open) -> None:
    serving = Serving(answer(b'{"data":[]}'))
    recorder = record(raw_server(serving))
    for path in (b"/v1/embeddings", b"/v1/files?a=b", b"/models"):
        connection = wire(recorder.url)
        connection.post(b"{}", path=path)
        assert connection.reply().body == b'{"data":[]}'
    assert [request.split()[1] for request in serving.requests] == [b"/v1/embeddings", b"/v1/files?a=b", b"/v1/models"]
    assert (recorder.lines(), recorder.proxy.others) == ([], 3)


def test_a_client_that_takes_it_for_a_forward_proxy_is_told(record: Start, wire: Open) -> None:
    connection = wire(record("http://127.0.0.1:9/v1").url)
    connection.send(b"GET http://example.com/ HTTP/1.1\r\nHost: example.com\r\n\r\n")
    reply = connection.reply()
    assert (reply.status, b"reverse proxy" in reply.body) == (400, True)


def test_bytes_that_are_no_http_get_a_short_answer(
    record: Start, wire: Open, capfd: pytest.CaptureFixture[str]
) -> None:
    connection = wire(record("http://127.0.0.1:9/v1").url)
    connection.send(b"\x16\x03\x01 no HTTP at all\r\n\r\n")
    assert connection.reply().status == 400
    assert capfd.readouterr() == ("", "")


def test_two_hundred_streams_at_a_time_pass_without_loss(raw_server: Serve, record: Start, wire: Open) -> None:
    def streaming(connection: socket.socket, request: bytes) -> None:
        mark = re.search(rb"mark-\d+", request)
        assert mark is not None
        connection.sendall(stream()[:-5])
        for number in range(20):
            connection.sendall(chunked(EVENT.replace(b"chatcmpl-1", b"%s-%d" % (mark[0], number)))[:-5])
            time.sleep(0.01)
        connection.sendall(chunked(DONE))

    recorder = record(raw_server(streaming))
    connections = [wire(recorder.url) for _ in range(200)]
    for number, connection in enumerate(connections):
        connection.post(ASK_STREAM.replace(b"Hi", b"mark-%d;" % number))
    for number, connection in enumerate(connections):
        reply = connection.reply()
        expected = b"".join(EVENT.replace(b"chatcmpl-1", b"mark-%d-%d" % (number, at)) for at in range(20)) + DONE
        assert (reply.body, reply.whole) == (expected, True)
    marks = {line["request"]["body"]["messages"][0]["content"] for line in recorder.lines(200)}
    assert marks == {f"mark-{number};" for number in range(200)}


def test_it_says_how_many_violations_there_are_where_headers_are_open(
    raw_server: Serve, record: Start, wire: Open
) -> None:
    serving = Serving(answer(b'{"object":"chat.completion"}'))
    recorder = record(raw_server(serving))
    connection = wire(recorder.url)
    connection.post(b'{"model":"gpt-5"}')
    both = int(connection.reply().header("x-chatcontract-violations")[0])
    serving.given = stream(EVENT, DONE)
    connection = wire(recorder.url)
    connection.post(b'{"model":"gpt-5"}')
    assert connection.reply().header("x-chatcontract-violations") == ["1"]
    assert both > 1
    silent = record(raw_server(serving), contract=None)
    connection = wire(silent.url)
    connection.post(b'{"model":"gpt-5"}')
    assert connection.reply().header("x-chatcontract-violations") == []


def test_a_request_that_breaks_the_contract_is_refused_where_that_is_wished(
    raw_server: Serve, record: Start, wire: Open
) -> None:
    serving = Serving(answer())
    recorder = record(raw_server(serving), enforces=True)
    connection = wire(recorder.url)
    connection.post(b'{"model":"gpt-5","messages":[{"role":"usr","content":"Hi"}]}')
    reply = connection.reply()
    error = json.loads(reply.body)["error"]
    assert (reply.status, error["type"], error["param"]) == (400, "invalid_request_error", "messages[0].role")
    assert (error["code"], error["violations"][0]["rule"]) == ("contract_violation", "CC001")
    assert serving.requests == []
    connection.post(ASK)
    assert connection.reply().status == 200
    refused, passed = recorder.lines(2)
    assert (refused["refused"], refused["response"], "refused" in passed) == (True, None, False)


def test_our_own_errors_keep_the_contract(raw_server: Serve, record: Start, wire: Open) -> None:
    from chatcontract import Contract
    from chatcontract.model import Exchange, Request, Response

    recorder = record(raw_server(Serving(answer())), enforces=True)
    connection = wire(recorder.url)
    connection.post(b"{}")
    reply = connection.reply()
    exchange = Exchange("1", Request(body=ASK), Response(reply.status, reply.headers, reply.body))
    assert Contract.load().check(exchange).errors == ()
