"""The reference server as a process's own: uvicorn runs it, on exactly the address that was asked for."""

import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from chatcontract.server.app import App
from chatcontract.server.service import Settings

PATIENCE = 10.0
"""Seconds for a server to start."""


class Running(NamedTuple):
    """A server that runs: its base URL."""

    url: str


def server(settings: Settings) -> Any:
    """A uvicorn server of the application, not yet running."""
    try:
        import uvicorn
    except ImportError:
        raise ValueError("the reference server needs uvicorn: pip install 'chatcontract[serve]'") from None
    config = uvicorn.Config(
        App(settings), http="h11", ws="none", lifespan="off", log_level="critical", access_log=False,
        server_header=False, timeout_graceful_shutdown=1,
    )  # fmt: skip
    return uvicorn.Server(config)


def bound(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sets TCP_NODELAY only on sockets that name their protocol
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise ValueError(f"cannot listen on {host} port {port}: {error.strerror}") from None
    return listener


def url_of(listener: socket.socket) -> str:
    """The base URL of what listens."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}/v1" if ":" in host else f"http://{host}:{port}/v1"


@contextmanager
def running(
    faults: Sequence[str] = (), api_key: str | None = None, latency: float = 0.0, **settings: Any
) -> Iterator[Running]:
    """Run the server on a free port of the loopback address, in a thread of its own.

    Args:
        faults: names of the faults to commit on every request.
        api_key: the key to ask for; None lets everybody in.
        latency: seconds before every answer.
        settings: further members of `Settings`.
    """
    made = server(Settings(tuple(faults), api_key, latency, **settings))
    listener = bound("127.0.0.1", 0)
    thread = threading.Thread(target=made.run, kwargs={"sockets": [listener]}, name="chatcontract-serve", daemon=True)
    thread.start()
    try:
        _await_start(made, thread)
        yield Running(url_of(listener))
    finally:
        made.should_exit = True
        thread.join(PATIENCE)
        listener.close()


def _await_start(made: Any, thread: threading.Thread) -> None:
    deadline = time.monotonic() + PATIENCE
    while not made.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise RuntimeError("the reference server did not start")
        time.sleep(0.005)
