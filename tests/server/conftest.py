"""A reference server that runs, and a client that keeps every byte and when it came."""

import http.client
import json
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import pytest

from chatcontract.contract import Contract
from chatcontract.model import Arrival, Exchange, Request, Response

Send = Callable[..., Exchange]
LIMIT = 80_000_000


def send(
    url: str,
    body: Any = None,
    headers: Mapping[str, str] | None = None,
    method: str = "POST",
    timeout: float = 10,
) -> Exchange:
    """One exchange over the wire; a body that is no bytes is sent as JSON."""
    sent = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    pairs = {"content-type": "application/json", **(headers or {})}
    place = urlsplit(url)
    connection = http.client.HTTPConnection(place.hostname or "", place.port or 80, timeout=timeout)
    started = time.monotonic()
    try:
        connection.request(method, place.path, sent, {name: value for name, value in pairs.items() if value})
        answer = connection.getresponse()
        received, arrivals = _received(answer, started)
    finally:
        connection.close()
    found = tuple((name.lower(), value) for name, value in answer.getheaders())
    return Exchange(
        "wire",
        Request(method, url, tuple(pairs.items()), sent),
        Response(answer.status, found, received, arrivals),
    )


def _received(answer: http.client.HTTPResponse, started: float) -> tuple[bytes, tuple[Arrival, ...]]:
    received, arrivals = bytearray(), []
    try:
        while len(received) < LIMIT and (piece := answer.read1(65536)):
            arrivals.append(Arrival(len(received), time.monotonic() - started))
            received += piece
    except (http.client.IncompleteRead, TimeoutError, ConnectionError):
        pass
    return bytes(received), tuple(arrivals)


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The base URL of a server without faults of its own."""
    from chatcontract.server import running

    with running() as served:
        yield served.url


@pytest.fixture(scope="session")
def post(server: str) -> Send:
    """Sends a body to the completions of that server."""

    def posted(body: Any, headers: Mapping[str, str] | None = None, **rest: Any) -> Exchange:
        return send(f"{server}/chat/completions", body, headers, **rest)

    return posted


@pytest.fixture(scope="session")
def sender() -> Send:
    """Sends to any URL."""
    return send


@pytest.fixture(scope="session")
def contract() -> Contract:
    """The contract as it comes."""
    return Contract.load()
