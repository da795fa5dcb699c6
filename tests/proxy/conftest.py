"""A proxy that runs in a thread of its own, and clients that speak bytes."""

import asyncio
import contextlib
import io
import json
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest

from chatcontract import Contract
from chatcontract.journal import Journal
from chatcontract.proxy.findings import Findings
from chatcontract.proxy.ledger import Ledger
from chatcontract.proxy.live import Live
from chatcontract.proxy.server import Proxy, Settings
from chatcontract.runner import spec_json

CONTRACT = Contract.load()
HEAD = {"tool": {"name": "chatcontract", "version": "0"}, "spec": spec_json(CONTRACT), "profile": "openai"}


class Recorder:
    """A proxy that runs: its address, what it wrote, found and said."""

    def __init__(self, upstream: str, path: Path, contract: Contract | None, **settings: Any) -> None:
        self.path = path
        self.said = io.StringIO()
        self.findings = Findings({**HEAD, "target": upstream})
        self.url = ""
        self._contract = contract
        self._settings = Settings(upstream, port=0, goodbye=settings.pop("goodbye", 0.5), **settings)
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self._thread.start()
        assert self._ready.wait(10)

    async def _run(self) -> None:
        live = Live(self.said)
        with Journal(str(self.path)) as journal:
            ledger = Ledger(self._contract, journal, lambda result: live.tell(self.findings.add(result)), "upstream")
            async with Proxy(self._settings, ledger, journal, live) as proxy:
                self.proxy, self.url, self._loop = proxy, proxy.url, asyncio.get_running_loop()
                self._ready.set()
                await proxy.stopped.wait()

    def stop(self) -> None:
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self.proxy.stopped.set)
        self._thread.join(10)
        assert not self._thread.is_alive()

    def lines(self, wait_for: int = 0) -> list[dict[str, Any]]:
        """The lines written so far, once there are so many."""
        end = time.monotonic() + 5
        while (found := self.path.read_bytes().splitlines()) is not None and len(found) < wait_for:
            assert time.monotonic() < end, f"{len(found)} lines instead of {wait_for}: {self.said.getvalue()}"
            time.sleep(0.01)
        return [json.loads(line) for line in found]


Start = Callable[..., Recorder]


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Start]:
    """Starts proxies: call it with the upstream's base URL and members of the settings."""
    with ExitStack() as stack:

        def started(upstream: str, contract: Contract | None = CONTRACT, **settings: Any) -> Recorder:
            recorder = Recorder(upstream, tmp_path / f"out{time.monotonic_ns()}.jsonl", contract, **settings)
            stack.callback(recorder.stop)
            return recorder

        yield started


class Command:
    """`chatcontract record` as a process of its own."""

    def __init__(self, folder: Path, upstream: str, *options: str) -> None:
        self._said = folder / f"said{time.monotonic_ns()}.txt"
        words = [sys.executable, "-m", "chatcontract", "record", "--upstream", upstream, "--listen", "127.0.0.1:0"]
        with self._said.open("wb") as said:
            self._process = subprocess.Popen(
                [*words, *options], stdout=subprocess.PIPE, stderr=said, cwd=folder, text=True
            )
        end = time.monotonic() + 20
        while not (found := re.search("OPENAI_BASE_URL=(.*)", self.said())):
            assert self._process.poll() is None, self.said()
            assert time.monotonic() < end, "it did not start in time"
            time.sleep(0.01)
        self.url = found[1]

    def said(self) -> str:
        return self._said.read_text()

    def end(self, number: int = signal.SIGINT) -> tuple[int, str]:
        """Exit code and standard output after a signal; it may have ended by itself."""
        self._process.send_signal(number)
        out, _ = self._process.communicate(timeout=20)
        return self._process.returncode, out

    def kill(self) -> None:
        """End it, if it still runs."""
        self._process.kill()
        self._process.wait(20)
        if self._process.stdout is not None:
            self._process.stdout.close()

    def wait(self) -> tuple[int, str]:
        out, _ = self._process.communicate(timeout=20)
        return self._process.returncode, out


@pytest.fixture
def command(tmp_path: Path) -> Iterator[Callable[..., Command]]:
    """Starts the command: call it with the upstream's base URL and options."""
    made: list[Command] = []

    def started(upstream: str, *options: str) -> Command:
        made.append(Command(tmp_path, upstream, *options))
        return made[-1]

    yield started
    for one in made:
        one.kill()


class Reply(NamedTuple):
    """An answer taken apart: status line, headers in order, body without framing, whether its end was seen."""

    status: int
    line: bytes
    headers: tuple[tuple[str, str], ...]
    body: bytes
    whole: bool

    def header(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name]


class Wire:
    """A connection that sends and receives bytes."""

    def __init__(self, url: str) -> None:
        place = urlsplit(url)
        self.base = place.path
        self.socket = socket.create_connection((place.hostname, place.port), timeout=10)
        self._buffer = bytearray()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def post(self, body: bytes, headers: bytes = b"", path: bytes = b"/v1/chat/completions") -> None:
        head = b"POST %s HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\n%s" % (path, headers)
        self.send(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)

    def more(self) -> bytes:
        """The next bytes, nothing at the end; a reset is an end."""
        try:
            piece = self.socket.recv(65536)
        except ConnectionError:
            piece = b""
        self._buffer += piece
        return piece

    def until(self, mark: bytes) -> bytes:
        """Everything to the mark; the rest stays to be read."""
        while mark not in self._buffer:
            assert self.more(), f"the end came before {mark!r}: {self._buffer!r}"
        at = self._buffer.index(mark) + len(mark)
        found, self._buffer = self._buffer[:at], self._buffer[at:]
        return bytes(found)

    def take(self, size: int) -> bytes:
        """So many bytes."""
        while len(self._buffer) < size:
            assert self.more(), "the end came too early"
        found, self._buffer = self._buffer[:size], self._buffer[size:]
        return bytes(found)

    def reply(self, *, head: bool = False) -> Reply:
        """One answer."""
        start, *lines = self.until(b"\r\n\r\n")[:-4].split(b"\r\n")
        pairs = tuple((name, value.strip()) for name, _, value in (line.decode().partition(":") for line in lines))
        status = int(start.split()[1])
        told = {name.lower(): value for name, value in pairs}
        if head or status in (204, 304):
            return Reply(status, start, pairs, b"", True)
        if told.get("transfer-encoding") == "chunked":
            return Reply(status, start, pairs, *self._chunked())
        return Reply(status, start, pairs, *self._counted(told.get("content-length")))

    def _chunked(self) -> tuple[bytes, bool]:
        body = bytearray()
        try:
            while size := int(self.until(b"\r\n"), 16):
                while len(self._buffer) < size + 2:
                    if not self.more():
                        return bytes(body + self._buffer[:size]), False
                body += self._buffer[:size]
                del self._buffer[: size + 2]
            self.until(b"\r\n")
        except AssertionError:
            return bytes(body), False
        return bytes(body), True

    def _counted(self, length: str | None) -> tuple[bytes, bool]:
        while length is None or len(self._buffer) < int(length):
            if not self.more():
                break
        wanted = len(self._buffer) if length is None else int(length)
        body, self._buffer = self._buffer[:wanted], self._buffer[wanted:]
        return bytes(body), length is None or len(body) == wanted

    def close(self) -> None:
        self.socket.close()


@pytest.fixture
def wire() -> Iterator[Callable[[str], Wire]]:
    """Opens connections."""
    with ExitStack() as stack:

        def opened(url: str) -> Wire:
            made = Wire(url)
            stack.callback(made.close)
            return made

        yield opened
