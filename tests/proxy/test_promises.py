"""What `record` promises of its file: whatever was answered is in it, once and whole, and no key ever."""

import base64
import gzip
import json
import os
import random
import re
import signal
import socket
import threading
import time
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

Start = Callable[..., Any]
Open = Callable[[str], Any]
Serve = Callable[[Callable[[socket.socket, bytes], None]], str]
EVENT = b'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","choices":[]}\n\n'
DONE = b"data: [DONE]\n\n"
JSON_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
STREAM_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def chunk(piece: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(piece), piece)


def ask(text: str, *, streams: bool = False) -> bytes:
    body = {"model": "gpt-5", "messages": [{"role": "user", "content": text}], "stream": streams}
    return json.dumps(body).encode()


def counted(body: bytes, *headers: bytes) -> bytes:
    return (
        JSON_HEAD
        + b"".join(b"%s\r\n" % header for header in headers)
        + b"Content-Length: %d\r\n\r\n" % len(body)
        + body
    )


def answering(connection: socket.socket, request: bytes) -> None:
    """Any number of answers over a connection, streamed where that is asked for."""
    if b'"stream": true' in request:
        connection.sendall(STREAM_HEAD)
        for _ in range(5):
            connection.sendall(chunk(EVENT))
            time.sleep(0.002)
        connection.sendall(chunk(DONE) + b"0\r\n\r\n")
    else:
        connection.sendall(counted(b'{"object":"chat.completion","id":"1"}', b"Connection: close"))


PIECES = {
    "the end and all": [chunk(EVENT), chunk(DONE) + b"0\r\n\r\n"],
    "the end later": [chunk(EVENT), chunk(DONE), b"0\r\n\r\n"],
    "left open": [chunk(EVENT), chunk(DONE)],
    "terminator in two pieces": [chunk(EVENT), chunk(b"data: [DO"), chunk(b"NE]\n\n")],
}


@pytest.mark.parametrize("name", PIECES)
@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_a_stream_is_written_down_before_its_end_is_told(
    name: str, encoding: str, raw_server: Serve, record: Start, wire: Open
) -> None:
    def stepping(connection: socket.socket, request: bytes) -> None:
        connection.sendall(
            STREAM_HEAD if encoding == "identity" else STREAM_HEAD.replace(b"\r\nT", b"\r\nContent-Encoding: gzip\r\nT")
        )
        packing = gzip_pieces() if encoding == "gzip" else lambda piece: piece
        for piece in PIECES[name]:
            connection.sendall(packing(piece))
            time.sleep(0.02)
        connection.settimeout(2)
        connection.recv(1)

    recorder = record(raw_server(stepping))
    connection = wire(recorder.url)
    connection.post(ask("Hi", streams=True))
    if encoding == "identity":
        connection.until(b"NE]")
    else:
        connection.until(b"\r\n\r\n")
        inflate = zlib.decompressobj(31)
        got = b""
        while b"[DONE]" not in got:
            size = int(connection.until(b"\r\n"), 16)
            got += inflate.decompress(connection.take(size + 2)[:-2])
    (line,) = recorder.lines()
    assert "".join(piece["text"] for piece in line["response"]["chunks"]).encode() == EVENT + DONE


def gzip_pieces() -> Callable[[bytes], bytes]:
    """Packs the chunks that it is given, each flushed; the last chunk of all stays."""
    packing = zlib.compressobj(wbits=31)

    def packed(framed: bytes) -> bytes:
        made = b""
        while framed:
            size, _, rest = framed.partition(b"\r\n")
            piece, framed = rest[: int(size, 16)], rest[int(size, 16) + 2 :]
            made += chunk(packing.compress(piece) + packing.flush(zlib.Z_SYNC_FLUSH)) if piece else b"0\r\n\r\n"
        return made

    return packed


@pytest.mark.parametrize("framing", ["counted", "chunked", "large", "without a length"])
def test_an_answer_is_written_down_before_its_last_byte_is_told(
    framing: str, raw_server: Serve, record: Start, wire: Open
) -> None:
    body = b'{"object":"chat.completion"}' + b" " * (3_000_000 if framing == "large" else 0)
    whole = {
        "counted": counted(body),
        "large": counted(body),
        "chunked": JSON_HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunk(body) + b"0\r\n\r\n",
        "without a length": JSON_HEAD + b"\r\n" + body,
    }[framing]
    recorder = record(raw_server(lambda connection, request: connection.sendall(whole)))
    connection = wire(recorder.url)
    connection.post(ask("Hi"))
    assert connection.reply().body == body
    assert len(recorder.lines()) == 1


ROUNDS = 20 if os.environ.get("CHATCONTRACT_NIGHTLY") else 3


def test_nothing_acknowledged_is_lost_or_doubled_when_it_is_killed(
    raw_server: Serve, command: Start, wire: Open, tmp_path: Path
) -> None:
    upstream = raw_server(answering)
    out = tmp_path / "out.jsonl"
    told: set[str] = set()
    rng = random.Random(5)
    for number in range(ROUNDS):
        running = command(upstream, "--out", str(out))
        askers = [_asking(wire, running.url, f"{number}-{asker}", told) for asker in range(8)]
        time.sleep(rng.uniform(0.1, 0.6))
        running.end(signal.SIGKILL)
        for asker in askers:
            asker.join(10)
    last = command(upstream, "--out", str(out))
    assert last.end()[0] in (0, 3)
    lines = [json.loads(line) for line in out.read_bytes().splitlines()]
    marks = [line["request"]["body"]["messages"][0]["content"] for line in lines]
    assert len(marks) == len(set(marks))
    assert len(told) > ROUNDS * 8
    assert told <= set(marks)
    assert all("cut" in line or line["response"]["status"] == 200 for line in lines)


def _asking(wire: Open, url: str, name: str, told: set[str]) -> threading.Thread:
    """Asks one question after another until nobody answers; notes those that were answered in whole."""

    def run() -> None:
        with suppress(AssertionError, OSError, ValueError):
            connection = wire(url)
            for number in range(10_000):
                mark = f"{name}-{number}"
                connection.post(ask(mark, streams=number % 2 == 1))
                if number % 2:
                    connection.until(b"data: [DONE]")
                    told.add(mark)
                    connection.until(b"0\r\n\r\n")
                elif connection.reply().whole:
                    told.add(mark)

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_a_torn_last_line_is_repaired_and_told(raw_server: Serve, command: Start, wire: Open, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    out.write_bytes(b'{"id": "1"}\n{"id": "2", "requ')
    running = command(raw_server(answering), "--out", str(out))
    connection = wire(running.url)
    connection.post(ask("Hi"))
    assert connection.reply().status == 200
    assert "torn last line was cut off (17 bytes)" in running.said()
    assert [json.loads(line)["id"] for line in out.read_bytes().splitlines()][:1] == ["1"]
    assert out.read_bytes().count(b"\n") == 2


def test_a_disk_that_takes_no_more_ends_the_recording(raw_server: Serve, command: Start, wire: Open) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    running = command(raw_server(answering), "--out", "/dev/full")
    connection = wire(running.url)
    connection.post(ask("Hi"))
    assert connection.more() == b""
    assert running.wait()[0] == 3
    assert "/dev/full: cannot be written" in running.said()


SECRETS = {
    "Authorization": "Bearer t0psecret-{}",
    "authorization": "Basic dXNlcjp{}",
    "api-key": "plain{}",
    "X-API-KEY": "xplain{}",
    "x-goog-api-key": "goog{}",
    "Ocp-Apim-Subscription-Key": "ocp{}",
    "Cookie": "session=cook{}; theme=dark",
    "X-Auth-Token": "tok{}",
    "Proxy-Authorization": "Basic prox{}",
}


def _mark(number: int) -> str:
    return f"{number:02d}q{random.Random(number).getrandbits(80):020x}"


def _echoing(connection: socket.socket, request: bytes) -> None:
    """An answer against the contract that repeats the headers and the body of its request in many ways."""
    head, _, body = request.partition(b"\r\n\r\n")
    echo = {"said": head.decode(), "body": body.decode(errors="replace")}
    cookie = b"Set-Cookie: sid=%s; Path=/" % _mark(90).encode()
    if b"x-echo: stream" in head.lower():
        events = b"".join(
            b"data: %s\n\n" % json.dumps({"choices": [{"delta": {"content": text}}], "object": text}).encode()
            for text in head.decode().split("\r\n")
        )
        connection.sendall(STREAM_HEAD)
        for at in range(0, len(events), 7):
            connection.sendall(chunk(events[at : at + 7]))
        connection.sendall(chunk(DONE) + b"0\r\n\r\n")
        return
    data = json.dumps({"object": echo["said"], "id": [echo], "choices": head.decode().split("\r\n")}).encode()
    if b"x-echo: gzip" in head.lower():
        connection.sendall(counted(gzip.compress(data), b"Content-Encoding: gzip", cookie, b"Connection: close"))
    elif b"x-echo: garbage" in head.lower():
        connection.sendall(b"HTTP/1.1 200 OK\r\n" + b"\0".join(head.split(b"\r\n")) + b"\r\n\r\n")
    elif b"x-echo: cut" in head.lower():
        connection.sendall(counted(data, cookie)[:-20])
    else:
        connection.sendall(counted(data, cookie, b"Connection: close"))


@pytest.mark.parametrize("mode", ["", "--enforce", "--no-check"])
def test_no_key_is_in_anything_written(
    mode: str, raw_server: Serve, command: Start, wire: Open, tmp_path: Path
) -> None:
    upstream = raw_server(_echoing)
    reports = (
        []
        if mode == "--no-check"
        else [f"--report={form}={tmp_path}/r.{form}" for form in ("json", "junit", "markdown")]
    )
    running = command(upstream, "--out", str(tmp_path / "out.jsonl"), *reports, *([mode] if mode else []))
    asked = 0
    for echo in ("json", "gzip", "stream", "cut", "garbage"):
        for body in _bodies():
            connection = wire(running.url)
            headers = "".join(
                f"{name}: {value.format(_mark(at))}\r\n" for at, (name, value) in enumerate(SECRETS.items())
            )
            packed = gzip.compress(body) if echo == "gzip" else body
            coding = "Content-Encoding: gzip\r\n" if echo == "gzip" else ""
            path = f"/v1/chat/completions?v=1&api-key={_mark(50)}&access%5Ftoken={_mark(51)}&sig={_mark(52)}"
            connection.post(packed, f"{headers}{coding}X-Echo: {echo}\r\n".encode(), path.encode())
            connection.reply()
            asked += 1
    for path in (f"/v1/models?key={_mark(53)}", f"/v1/x?token={_mark(54)}"):
        connection = wire(running.url)
        connection.post(b"{}", b"Authorization: Bearer %s\r\n" % _mark(55).encode(), path.encode())
        connection.reply()
    _, out = running.end()
    written = {path.name: path.read_text() for path in tmp_path.iterdir()} | {"stdout": out}
    assert written["out.jsonl"].count("\n") == asked
    for name, text in written.items():
        plain = text + "".join(_unpacked(text))
        leaked = [number for number in range(100) if _mark(number) in plain or _mark(number).encode().hex() in plain]
        assert leaked == [], name


def _unpacked(text: str) -> list[str]:
    """What stands in the base64 of a text."""
    found = re.findall(r'base64": ?"([^"]*)"', text)
    return [base64.b64decode(piece).decode("latin-1") for piece in found]


def _bodies() -> list[bytes]:
    key = f"sk-proj-{_mark(60)}"
    return [
        ask(f"my key is {key}, keep it"),
        json.dumps({"model": key, "messages": [{"role": key, "content": key}], "user": key}).encode(),
        json.dumps({"model": "m", "messages": "x", "api_key": _mark(61), "metadata": {"password": _mark(62)}}).encode(),
        ask(json.dumps({"authorization": f"Bearer {_mark(63)}", "note": f"AIza{_mark(64)}{_mark(65)}"})),
        b"not JSON: api_key sk-" + _mark(66).encode() + b" \xff",
        ask(f"and plain{_mark(2)} is what the header says"),
        ask("Hi").replace(b"Hi", b"".join(b"\\u%04x" % letter for letter in f"sk-{_mark(67)}".encode())),
    ]
