"""`chatcontract record` as a command: what it says, reports, refuses, and its exit codes."""

import json
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from chatcontract.cli import main
from chatcontract.server import running

GOOD = {"model": "reference-1", "messages": [{"role": "user", "content": "Hi"}]}
BAD = {"model": "reference-1", "messages": [{"role": "tool", "content": "Hi"}]}
SCHEMA = json.loads((Path(__file__).parents[1] / "docs" / "report.schema.json").read_text())


@pytest.fixture(scope="module")
def upstream() -> Iterator[str]:
    with running() as server:
        yield server.url


def post(url: str, body: Any) -> int:
    request = urllib.request.Request(
        f"{url}/chat/completions", json.dumps(body).encode(), {"content-type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            answer.read()
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            error.read()
        return error.code


class Ran:
    """A run of the command: exit code, standard output and standard error."""

    def __init__(self, *options: str, asks: tuple[Any, ...] = (), number: int = signal.SIGINT) -> None:
        words = [sys.executable, "-m", "chatcontract", "record", "--listen", "127.0.0.1:0", *options]
        with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr is not None
            assert process.stdout is not None
            self.said = process.stderr.readline() + process.stderr.readline()
            url = self.said.partition("OPENAI_BASE_URL=")[2].strip()
            self.statuses = [post(url, body) for body in asks]
            if number:
                process.send_signal(number)
            self.said += process.stderr.read()
            self.out = process.stdout.read()
        self.code = process.returncode


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_at_a_signal_with_a_report(number: int, upstream: str, tmp_path: Path) -> None:
    out, report = tmp_path / "traffic.jsonl", tmp_path / "report.json"
    ran = Ran(
        "--upstream", upstream, "--out", str(out), "--report", f"json={report}", asks=(GOOD, BAD, BAD), number=number
    )
    assert (ran.code, ran.statuses) == (1, [200, 400, 400])
    assert "not clean: 3 checked" in ran.out
    assert ran.said.count("CC001") == 1
    assert "3 exchanges recorded" in ran.said
    made = json.loads(report.read_text())
    jsonschema.validate(made, SCHEMA)
    assert made["summary"]["results"] == {"passed": 1, "failed": 2, "errored": 0, "skipped": 0, "inconclusive": 0}
    (first,) = made["results"]
    assert {violation["occurrences"] for violation in first["violations"]} == {2}


def test_what_it_wrote_is_checked_to_the_same_end(
    upstream: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, report = tmp_path / "traffic.jsonl", tmp_path / "report.json"
    streamed = {**GOOD, "stream": True}
    Ran("--upstream", upstream, "--out", str(out), "--report", f"json={report}", asks=(GOOD, BAD, streamed))
    main(["check", str(out), "--format", "json"])
    again = json.loads(capsys.readouterr().out)["summary"]
    passing = json.loads(report.read_text())["summary"]
    assert again["violations"] == passing["violations"]
    assert again["rules"] == passing["rules"]


@pytest.mark.parametrize(
    ("options", "asks", "code"),
    [
        ((), (GOOD,), 0),
        ((), (BAD,), 1),
        (("--fail-on", "never"), (BAD,), 0),
        ((), (), 3),
        (("--no-check",), (BAD,), 0),
        (("--enforce",), (BAD,), 1),
    ],
)
def test_the_exit_code_follows_what_was_found(
    options: tuple[str, ...], asks: tuple[Any, ...], code: int, upstream: str
) -> None:
    assert Ran("--upstream", upstream, *options, asks=asks).code == code


def test_an_upstream_out_of_reach_is_no_clean_end() -> None:
    ran = Ran("--upstream", "http://127.0.0.1:9/v1", asks=(GOOD,))
    assert (ran.code, ran.statuses) == (3, [502])


def test_it_ends_by_itself_after_so_many_exchanges_or_seconds(upstream: str) -> None:
    assert Ran("--upstream", upstream, "--max-requests", "2", asks=(GOOD, GOOD), number=0).code == 0
    assert Ran("--upstream", upstream, "--max-time", "0.1", number=0).code == 3


def test_an_exchange_under_way_at_the_end_is_finished(tmp_path: Path) -> None:
    out = tmp_path / "traffic.jsonl"
    with running(latency=0.5) as server:
        words = [sys.executable, "-m", "chatcontract", "record", "--listen", "127.0.0.1:0"]
        words += ["--upstream", server.url, "--out", str(out)]
        with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr is not None
            url = (process.stderr.readline() + process.stderr.readline()).partition("URL=")[2].strip()
            statuses: list[int] = []
            asking = threading.Thread(target=lambda: statuses.append(post(url, GOOD)))
            asking.start()
            time.sleep(0.2)
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=20)
            asking.join(10)
    assert statuses == [200]
    assert process.returncode == 0
    assert out.read_bytes().count(b"\n") == 1


def test_a_second_writer_of_the_file_is_refused(
    upstream: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from chatcontract.journal import Journal

    out = str(tmp_path / "traffic.jsonl")
    with Journal(out):
        assert main(["record", "--upstream", upstream, "--listen", "127.0.0.1:0", "--out", out]) == 3
    assert "another process is writing it" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--upstream", "ftp://x"), "no http(s) address"),
        (("--upstream", "http://me:secret@x/v1"), "user name or password"),
        (("--upstream", "http://x/v1", "--listen", "8787"), "expected HOST:PORT"),
        (("--upstream", "http://x/v1", "--no-check", "--enforce"), "--no-check"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    options: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["record", *options]) == 2
    complained = capsys.readouterr().err
    assert said in complained
    assert "secret@" not in complained


def test_an_address_in_use_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["record", "--upstream", "http://x/v1", "--listen", f"127.0.0.1:{port}"]) == 2
    assert "cannot listen on 127.0.0.1" in capsys.readouterr().err


def test_it_warns_when_it_listens_beyond_this_machine(upstream: str) -> None:
    ran = Ran("--upstream", upstream, "--listen", "0.0.0.0:0")
    assert "warning: it listens beyond this machine" in ran.said
