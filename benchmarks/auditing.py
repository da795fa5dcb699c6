"""An audit of the reference server with every probe, each in a process of its own: how quick, and on whose CPU."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median
from typing import NamedTuple

from benchmarks.measure import Effort, Line, python

KEY = "sk-bench-0123456789"
_ROUNDS_EACH = 3
"""Rounds of other measurements that take about as long as one audit."""
_AUDIT = """
import json, sys, time
from chatcontract import audit
from chatcontract.cli import main

def timed(made, run=audit.run):
    import aiohttp
    sys.stdin.readline()
    before = time.process_time()
    run(made)
    told = {"asking": time.process_time() - before, "wall": made.duration, "requests": made.sent}
    print(json.dumps(told), file=sys.stderr, flush=True)
    sys.stdin.readline()

audit.run = timed
sys.exit(main(["audit", sys.argv[1], "--quiet", "--model", "reference-1"]))
"""
"""The command itself, which waits before its first request and after its last answer."""


class Sample(NamedTuple):
    """One audit: seconds on the clock, requests, and CPU seconds of both sides, while they talk and in all."""

    wall: float
    requests: int
    asking: float
    answering: float
    auditor: float
    server: float


def audit(effort: Effort) -> Iterator[Line]:
    """Requests a second, the total time, and the auditor's CPU over the server's, by two definitions."""
    section = "audit of the reference server"
    if not sys.platform.startswith("linux"):
        yield Line(section, "all", None, note="the CPU time of another process is read by a clock of Linux")
        return
    taken = [_sample() for _ in range(max(3, effort.rounds // _ROUNDS_EACH))]
    best = min(taken, key=lambda one: one.wall)
    walls = [one.wall for one in taken]
    rates = [one.requests / one.wall for one in taken]
    yield Line(section, "time", best.wall, median(walls), unit=" s", note=f"{best.requests} requests, 4 at a time")
    yield Line(section, "requests a second", max(rates), median(rates), unit="")
    yield _shares(section, "auditor / server, while they talk", [(one.asking, one.answering) for one in taken], 1)
    yield _shares(section, "auditor / server, whole processes", [(one.auditor, one.server) for one in taken], 1)
    yield _shares(
        section, "auditor's process / server while it answers", [(s.auditor, s.answering) for s in taken], None
    )


def _shares(section: str, name: str, pairs: list[tuple[float, float]], goal: float | None) -> Line:
    mine, theirs = (min(side) for side in zip(*pairs, strict=True))
    note = f"{mine * 1e3:.0f} ms and {theirs * 1e3:.0f} ms of CPU"
    return Line(section, name, mine / theirs, median(a / b for a, b in pairs), goal, note=note)


def _sample() -> Sample:
    with _server() as (server, url):
        auditor = _started(python("-c", _AUDIT, url), stdin=subprocess.PIPE)
        before = _cpu(server.pid)
        _go_on(auditor)
        said = json.loads(auditor.stderr.readline())  # type: ignore[union-attr]
        answering = _cpu(server.pid) - before
        _go_on(auditor)
        whole = _end(auditor)
        if auditor.returncode:
            raise RuntimeError(f"the audit ended with {auditor.returncode}")
        server.terminate()
        return Sample(said["wall"], said["requests"], said["asking"], answering, whole, _end(server))


@contextmanager
def _server() -> Iterator[tuple["subprocess.Popen[str]", str]]:
    command = python("-m", "chatcontract", "serve", "--listen", "127.0.0.1:0", "--api-key", KEY)
    server = _started(command)
    try:
        line = server.stderr.readline()  # type: ignore[union-attr]
        yield server, next(word for word in line.split() if word.startswith("http"))
    finally:
        if server.returncode is None:
            server.kill()
            server.wait()


def _started(command: list[str], **rest: int) -> "subprocess.Popen[str]":
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "", "OPENAI_API_KEY": KEY}
    return subprocess.Popen(
        command, env=environment, text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, **rest
    )


def _go_on(process: "subprocess.Popen[str]") -> None:
    process.stdin.write("\n")  # type: ignore[union-attr]
    process.stdin.flush()  # type: ignore[union-attr]


def _end(process: "subprocess.Popen[str]") -> float:
    """The CPU seconds of a process from its start to its end."""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_utime + usage.ru_stime


def _cpu(pid: int) -> float:
    """The CPU seconds that a running process has taken; Linux makes the id of that clock from the process's."""
    return time.clock_gettime(~pid << 3 | 2)
