"""What every test shares: a cache of its own, and properties that no slow machine can fail."""

import os
import re
import signal
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("daily", deadline=None)
settings.register_profile("nightly", deadline=None, max_examples=5000)
settings.load_profile("nightly" if os.environ.get("CHATCONTRACT_NIGHTLY") else "daily")


if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a shell's background job, whose programs would ignore Ctrl-C
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of compiled documents: never the user's own, shared by the tests of one process."""
    folder = tmp_path_factory.getbasetemp() / "cache"
    monkeypatch.setenv("CHATCONTRACT_CACHE", str(folder))
    return folder


_TLS = b"\x16"
Behaviour = Callable[[socket.socket, bytes], None]


@contextmanager
def listening(behaviour: Behaviour) -> Iterator[str]:
    """A server on loopback that reads a request and lets `behaviour` do what it likes; yields its address."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with suppress(OSError):
                behaviour(self.request, _whole_request(self.request))

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = daemon_threads = True
        block_on_close = False
        request_queue_size = 64

    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
        server.shutdown()


def _whole_request(connection: socket.socket) -> bytes:
    """The bytes of one request, body included."""
    data = b""
    while b"\r\n\r\n" not in data and data[:1] != _TLS:
        if not (piece := connection.recv(65536)):
            return data
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: *(\d+)", head)
    while length and len(body) < int(length[1]) and (piece := connection.recv(65536)):
        body += piece
    return head + b"\r\n\r\n" + body


@pytest.fixture
def raw_server() -> Iterator[Callable[[Behaviour], str]]:
    """Starts servers that speak bytes: call it with what is to be done with a connection and its request."""
    with ExitStack() as stack:
        yield lambda behaviour: stack.enter_context(listening(behaviour))
