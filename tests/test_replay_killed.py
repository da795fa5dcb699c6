"""A replay that is killed at any moment loses no answer, doubles none, and sends no more twice than was under way."""

import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from chatcontract.examples import REQUEST, changed

CONCURRENCY = 6
COUNTING = """
import json, sys
from chatcontract.server import App, Settings
from chatcontract.server.uvicorn_ import bound, url_of
import chatcontract.server.uvicorn_ as runner, chatcontract.server.service as service

listener, counts = bound("127.0.0.1", 0), open(sys.argv[2], "ab", buffering=0)
plain = service.Service.answer

def counted(self, request):
    counts.write(json.loads(request.body)["user"].encode() + b"\\n")
    return plain(self, request)

service.Service.answer = counted
open(sys.argv[1] + ".new", "w").write(url_of(listener))
import os; os.rename(sys.argv[1] + ".new", sys.argv[1])
runner.server(Settings(latency=0.02)).run(sockets=[listener])
"""


@contextmanager
def counting_server(folder: Path) -> Iterator[tuple[str, Path]]:
    """The reference server in a process of its own, which writes down the name of every request that it answers."""
    told, counts = folder / "url", folder / "counts"
    process = subprocess.Popen([sys.executable, "-c", COUNTING, str(told), str(counts)])
    try:
        while not told.exists():
            assert process.poll() is None
            time.sleep(0.02)
        yield told.read_text(), counts
    finally:
        process.kill()
        process.wait()


def recorded(path: Path, size: int) -> Path:
    """As many different requests, every fourth of them streamed."""
    with path.open("w") as file:
        for n in range(size):
            body = changed(REQUEST, {"/user": f"u{n}", **({"/stream": True} if n % 4 == 0 else {})})
            file.write(json.dumps({"id": f"n{n}", "request": body, "response": None}) + "\n")
    return path


def lines(journal: Path) -> list[bytes]:
    return journal.read_bytes().splitlines(keepends=True) if journal.exists() else []


def killed(size: int, kills: int, seed: int, folder: Path) -> None:
    dice, journal = random.Random(seed), folder / "out" / "replay.jsonl"
    traffic = recorded(folder / "t.jsonl", size)
    survived = 0
    with counting_server(folder) as (url, counts):
        command = [sys.executable, "-m", "chatcontract", "replay", str(traffic), "--to", url, "--resume", "-q",
                   "--concurrency", str(CONCURRENCY), "--output", str(folder / "out")]  # fmt: skip
        environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
        for kill in range(kills):
            process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
            wanted = len(lines(journal)) + dice.randrange(1, max(2, size // kills))
            deadline = time.monotonic() + 20
            while process.poll() is None and len(lines(journal)) < wanted and time.monotonic() < deadline:
                time.sleep(0.002)
            time.sleep(dice.random() * 0.03)
            process.kill()
            process.wait()
            kept = lines(journal)
            assert len(kept) >= survived, f"kill {kill} lost lines"
            assert all(line.endswith(b"\n") and json.loads(line) for line in kept)
            survived = len(kept)
        assert survived > 1
        assert subprocess.run(command, env=environment, stdout=subprocess.DEVNULL).returncode == 0
        sent = Counter(counts.read_text().split())
    final = Counter(line["id"] for line in map(json.loads, lines(journal)[1:]) if line["replay"]["final"])
    assert final == Counter(f"n{n}" for n in range(size))
    assert set(sent) == {f"u{n}" for n in range(size)}
    twice = sum(times - 1 for times in sent.values())
    print(f"{kills} kills, {survived} lines before the last run, {twice} sent twice")
    assert twice <= kills * CONCURRENCY
    report = json.loads((folder / "out" / "replay.json").read_text())
    assert report["summary"]["results"]["passed"] == size


def test_a_few_kills_lose_and_double_nothing(tmp_path: Path) -> None:
    killed(60, 3, 5, tmp_path)


@pytest.mark.nightly
@pytest.mark.skipif(not os.environ.get("CHATCONTRACT_NIGHTLY"), reason="make nightly runs it")
def test_twenty_kills_lose_and_double_nothing(tmp_path: Path) -> None:
    killed(200, 20, 20, tmp_path)
