"""What the recording proxy costs: with and without checking, beside mitmproxy and a direct connection."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from benchmarks import payloads
from benchmarks.measure import Effort, Line

SECTION = "record: CPU of the proxy a request (10 KB up, 1 KB down) and an event; latency"
MITMPROXY = "CHATCONTRACT_MITMDUMP"
"""Variable that holds the path of mitmdump, where it is not on the PATH."""
REQUEST_GOAL, EVENT_GOAL, LATENCY_GOAL = 1.5, 2.2, 1.0
_SERVER = """
import asyncio, sys
body, events = open(sys.argv[1], "rb").read(), open(sys.argv[2], "rb").read().split(b"\\0")
HEAD = b"HTTP/1.1 200 OK\\r\\nContent-Type: "
plain = HEAD + b"application/json\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(body) + body
frames = [b"%x\\r\\n%s\\r\\n" % (len(event), event) for event in events]

async def answer(reader, writer):
    try:
        while True:
            head = await reader.readuntil(b"\\r\\n\\r\\n")
            size = int(head.lower().partition(b"content-length:")[2].split(b"\\r\\n")[0])
            asked = await reader.readexactly(size)
            if b'"stream":true' not in asked:
                await asyncio.sleep(0.02 if b'"thinks"' in asked else 0)
                writer.write(plain)
                continue
            writer.write(HEAD + b"text/event-stream\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n")
            for frame in frames if b'"paced"' in asked else [b"".join(frames)]:
                writer.write(frame)
                await asyncio.sleep(0.001 if b'"paced"' in asked else 0)
            writer.write(b"0\\r\\n\\r\\n")
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()

async def main():
    server = await asyncio.start_server(answer, "127.0.0.1", 0, limit=2**20)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()

asyncio.run(main())
"""


class Case(NamedTuple):
    """Requests of one kind, made anew by number.

    `events` is how many events an answer has, `goal` that of CPU, `latency` the most milliseconds that may be added.
    """

    name: str
    make: Callable[[int], bytes]
    events: int = 0
    goal: float | None = None
    count: int = 150
    latency: float | None = None


class Sample(NamedTuple):
    """Of one round: CPU seconds of the proxy a request, and the median seconds of a request."""

    cpu: float
    wall: float


def _request(number: int, *, manner: str = "", tools: bool = False) -> bytes:
    """Turn `number` of an agent: its messages grow, its tools stay, unless they are to be new ones each time."""
    value = json.loads(payloads.compact(payloads.payload("agent").value))
    value["messages"][-1]["content"] += f" {number}"
    value["stream"] = manner in ("paced", "at once")
    if manner:
        value["user"] = manner
    if value["stream"]:
        value["stream_options"] = {"include_usage": True}
    for tool in value["tools"] if tools else ():
        tool["function"]["parameters"]["properties"][f"extra_{number}"] = {"type": "string"}
    return payloads.compact(value)


def _cases() -> tuple[Case, ...]:
    return (
        Case("request of an agent's loop", _request, goal=REQUEST_GOAL, latency=LATENCY_GOAL),
        Case("the same, answered after 20 ms", lambda n: _request(n, manner="thinks"), count=40),
        Case("request with tools never seen", lambda number: _request(number, tools=True)),
        Case("event, each a piece", lambda number: _request(number, manner="paced"), 300, EVENT_GOAL, count=3),
        Case("event, all at once", lambda number: _request(number, manner="at once"), 300, EVENT_GOAL, count=20),
    )


def relaying(effort: Effort) -> Iterator[Line]:
    """Ratios of CPU with checking to CPU without, the same beside mitmproxy, and what is added to a request's time."""
    if not Path("/proc/self/schedstat").exists():
        yield Line(SECTION, "skipped", None, note="reads the CPU time of processes from /proc")
        return
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        port = stack.enter_context(_upstream(folder))
        places: dict[str, tuple[int, int | None]] = {"direct": (port, None)}
        for name, words in _proxies(port, folder).items():
            places[name] = stack.enter_context(_started(words))
        if "mitmproxy" not in places:
            yield Line(SECTION, "beside mitmproxy", None, note=f"skipped: no mitmdump on the PATH or in {MITMPROXY}")
        for case in _cases():
            yield from _lines(case, _measured(case, places, effort))


def _lines(case: Case, taken: dict[str, list[Sample]]) -> Iterator[Line]:
    with_, without, direct = taken["checking"], taken["recording"], taken["direct"]
    each = case.events or 1
    cost = min(sample.cpu for sample in with_) / each * 1e6
    note = f"{cost:,.1f} µs with checking"
    yield _ratio(f"{case.name}: checking / --no-check", with_, without, case.goal, note)
    yield _ratio(f"{case.name}: checking / relay that writes nothing", with_, taken["relaying"])
    if "mitmproxy" in taken:
        yield _ratio(f"{case.name}: mitmproxy / checking", taken["mitmproxy"], with_)
    if not case.events:
        for name in ("checking", "mitmproxy"):
            added = [(mine.wall - theirs.wall) * 1e3 for mine, theirs in zip(taken.get(name, ()), direct, strict=False)]
            if added:
                goal = case.latency if name == "checking" else None
                yield Line(SECTION, f"{case.name}: added by {name}", min(added), median(added), goal, unit=" ms")


def _ratio(
    name: str, mine: Sequence[Sample], theirs: Sequence[Sample], goal: float | None = None, note: str = ""
) -> Line:
    rounds = [one.cpu / other.cpu for one, other in zip(mine, theirs, strict=True)]
    least = min(sample.cpu for sample in mine) / min(sample.cpu for sample in theirs)
    return Line(SECTION, name, least, median(rounds), goal, note=note)


def _measured(case: Case, places: dict[str, tuple[int, int | None]], effort: Effort) -> dict[str, list[Sample]]:
    taken: dict[str, list[Sample]] = {name: [] for name in places}
    made = 0
    for _ in range(max(3, effort.rounds // 2) + 1):
        bodies = [case.make(made + number) for number in range(case.count)]
        made += case.count
        for name, (port, process) in places.items():
            taken[name].append(_sample(port, process, bodies))
    return {name: samples[1:] for name, samples in taken.items()}


def _sample(port: int, process: int | None, bodies: Sequence[bytes]) -> Sample:
    walls = []
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        before = _cpu(process)
        for body in bodies:
            began = time.perf_counter()
            _exchange(connection, body)
            walls.append(time.perf_counter() - began)
        spent = _cpu(process) - before
    return Sample(spent / len(bodies), median(walls))


def _exchange(connection: socket.socket, body: bytes) -> None:
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer sk-of-the-benchmark-0123\r\n"
    head += b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
    connection.sendall(head + body)
    got = bytearray()
    while b"\r\n\r\n" not in got:
        got += connection.recv(2**18)
    start, _, rest = bytes(got).partition(b"\r\n\r\n")
    length = start.lower().partition(b"content-length:")[2].split(b"\r\n")[0]
    tail = rest
    while len(rest) < int(length) if length else not tail.endswith(b"0\r\n\r\n"):
        piece = connection.recv(2**18)
        if not piece:
            raise RuntimeError("the connection ended in the middle of an answer")
        rest, tail = (rest + piece, tail) if length else (rest, (tail + piece)[-16:])


def _cpu(process: int | None) -> float:
    """CPU seconds of a process and its threads."""
    if process is None:
        return 0.0
    tasks = Path(f"/proc/{process}/task").glob("*/schedstat")
    return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9


@contextmanager
def _upstream(folder: str) -> Iterator[int]:
    body, events = Path(folder, "body"), Path(folder, "events")
    body.write_bytes(payloads.compact(payloads.payload("response").value))
    chunks = payloads.payload("stream").value
    shown = [*chunks[:298], *chunks[-2:]]
    events.write_bytes(
        b"\0".join([b"data: %s\n\n" % payloads.compact(chunk) for chunk in shown] + [b"data: [DONE]\n\n"])
    )
    words = [sys.executable, "-c", _SERVER, str(body), str(events)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            yield int(server.stdout.readline())
        finally:
            server.kill()


def _proxies(port: int, folder: str) -> dict[str, list[str]]:
    own = [sys.executable, "-m", "chatcontract", "record", "--quiet", "--upstream", f"http://127.0.0.1:{port}/v1"]
    found = {
        "checking": [*own, "--out", f"{folder}/checked.jsonl"],
        "recording": [*own, "--out", f"{folder}/recorded.jsonl", "--no-check"],
        "relaying": [*own, "--no-check"],
    }
    mitmdump = os.environ.get(MITMPROXY) or shutil.which("mitmdump")
    if mitmdump:
        found["mitmproxy"] = [
            mitmdump, "--quiet", "--mode", f"reverse:http://127.0.0.1:{port}", "--set", "stream_large_bodies=1",
            "--set", f"confdir={folder}/mitmproxy", "-w", f"{folder}/flows",
        ]  # fmt: skip
    return found


@contextmanager
def _started(words: list[str]) -> Iterator[tuple[int, int]]:
    """Port and process of a proxy that runs."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    own = "--upstream" in words
    place = ["--listen", f"127.0.0.1:{port}"] if own else ["--listen-host", "127.0.0.1", "--listen-port", str(port)]
    output: Any = subprocess.DEVNULL
    with subprocess.Popen([*words, *place], stdout=output, stderr=output) as process:
        try:
            _await(port, process)
            yield port, process.pid
        finally:
            process.kill()


def _await(port: int, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError("a proxy did not start")
