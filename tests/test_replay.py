"""A replay sends what was recorded, judges the new answers, says what is new and what changed in shape."""

import itertools
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from chatcontract.cli import main
from chatcontract.client import USER_AGENT
from chatcontract.examples import CALL, REQUEST, RESPONSE, changed
from chatcontract.server import running

HERE = Path(__file__).parent
REFERENCE = HERE.parent / "recordings" / "reference.jsonl"
CARELESS = HERE.parent / "recordings" / "careless-server.jsonl"
CORPUS = HERE.parents[1] / "shared" / "corpus" / "dev.jsonl.gz"
SCHEMA = json.loads((HERE.parent / "docs" / "report.schema.json").read_text(encoding="utf-8"))
Start = Callable[[Callable[[socket.socket, bytes], None]], str]
Report = dict[str, Any]


class Ran:
    """One run of the command: exit code, report, folder, what was said."""

    def __init__(self, code: int, folder: Path, said: str) -> None:
        self.code, self.folder, self.said = code, folder, said

    @property
    def report(self) -> Report:
        made: Report = json.loads((self.folder / "replay.json").read_text(encoding="utf-8"))
        jsonschema.Draft202012Validator(SCHEMA).validate(made)
        return made

    @property
    def results(self) -> dict[str, Report]:
        return {result["id"]: result for result in self.report["results"]}

    @property
    def drift(self) -> set[str]:
        return {one["kind"] for result in self.report["results"] for one in result["drift"]}

    @property
    def journal(self) -> list[Report]:
        """The lines behind the first."""
        lines = (self.folder / "replay.jsonl").read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines][1:]


Replayed = Callable[..., Ran]


@pytest.fixture
def replayed(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Replayed:
    """Runs the command into a folder."""
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)

    def run(traffic: Path | str, url: str, *words: str, folder: str = "out") -> Ran:
        code = main(["replay", str(traffic), "--to", url, "--output", str(tmp_path / folder), "-v", *words])
        told = capsys.readouterr()
        return Ran(code, tmp_path / folder, told.out + told.err)

    return run


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with running() as server:
        yield server.url


def recording(path: Path, *pairs: Report) -> Path:
    path.write_text("".join(json.dumps(pair) + "\n" for pair in pairs), encoding="utf-8")
    return path


def pair(name: str, request: Any = REQUEST, response: Any = RESPONSE, status: int = 200, **more: Any) -> Report:
    return {"id": name, "request": request, "response": response, "status": status, **more}


def saying(text: str) -> Report:
    return changed(REQUEST, {"/messages/0/content": f"Say: {text}"})


def respond(connection: socket.socket, value: Any = None, status: int = 200, extra: str = "") -> None:
    """Answer, and say that the connection ends here: it does, and a next request on it would be sent again."""
    body = json.dumps(RESPONSE if value is None else value).encode()
    head = f"HTTP/1.1 {status} Said\r\nconnection: close\r\ncontent-type: application/json\r\n{extra}"
    connection.sendall(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)


def refusing(status: int, extra: str = "") -> Callable[[socket.socket, bytes], None]:
    error = {"error": {"message": "no", "type": "invalid_request_error", "param": None, "code": None}}
    return lambda connection, asked: respond(connection, error, status, extra)


def test_what_the_same_server_answered_has_no_drift_and_no_violation(url: str, replayed: Replayed) -> None:
    first = replayed(REFERENCE, url)
    again = replayed(first.folder / "replay.jsonl", url, folder="again")
    assert again.drift == set()
    assert again.report["summary"]["compared"] == {"new": 0, "both": 0, "gone": 0}
    assert again.report["summary"]["sides"]["server"] == 0
    assert first.code == again.code == 0


def test_the_reference_server_only_tells_more_than_the_minimal_recording(url: str, replayed: Replayed) -> None:
    ran = replayed(REFERENCE, url)
    assert ran.drift == {"member-appeared"}
    assert {result["verdict"] for result in ran.results.values()} == {"passed"}
    assert ran.results["refused"]["statuses"] == {"recorded": 400, "new": 400}
    assert [v["side"] for v in ran.results["refused"]["violations"]] == ["client"]


FAULTS = (
    ("tool-arguments-object", "CC001", "type-changed", "tool-call"),
    ("done-missing", "CC601", "stream-end-changed", "stream"),
    ("usage-total-missing", "CC001", "member-vanished", "text"),
    ("finish-eos", "CC001", "finish-reason-changed", "text"),
    ("json-as-html", "CC102", "media-type-changed", "text"),
    ("role-missing", "CC602", "stream-role-changed", "stream"),
    ("error-as-text", "CC001", "type-changed", "refused"),
)


@pytest.mark.parametrize(("fault", "rule", "kind", "name"), FAULTS, ids=[case[0] for case in FAULTS])
def test_a_fault_gives_its_violation_as_new_and_its_drift(
    fault: str, rule: str, kind: str, name: str, replayed: Replayed
) -> None:
    with running(faults=[fault]) as server:
        ran = replayed(REFERENCE, server.url)
    result = ran.results[name]
    assert ("new", rule) in {(v["compared"], v["rule"]) for v in result["violations"]}
    assert kind in {one["kind"] for one in result["drift"]}
    assert result["verdict"] == "failed"
    assert ran.code == 1
    assert f"{kind} " in ran.said
    assert "not in the recorded answer" in ran.said


def test_a_violation_is_new_in_both_or_gone(tmp_path: Path, replayed: Replayed) -> None:
    faulty = changed(RESPONSE, {"/usage/total_tokens": 1})
    odd = changed(RESPONSE, {"/choices/0/finish_reason": "eos"})
    traffic = recording(tmp_path / "t.jsonl", pair("both", response=faulty), pair("gone", response=odd))
    with running(faults=["usage-total-wrong"]) as server:
        ran = replayed(traffic, server.url)
    assert [v["compared"] for v in ran.results["both"]["violations"] if v["rule"] == "CC501"] == ["both"]
    assert [v["compared"] for v in ran.results["gone"]["violations"] if v["rule"] == "CC501"] == ["new"]
    assert [v["pointer"] for v in ran.results["gone"]["gone"]] == ["/choices/0/finish_reason"]
    assert ran.report["summary"]["compared"]["gone"] == 1


def test_headers_are_made_anew_and_the_body_goes_byte_for_byte(
    raw_server: Start, tmp_path: Path, replayed: Replayed, monkeypatch: pytest.MonkeyPatch
) -> None:
    met: list[bytes] = []

    def keep(connection: socket.socket, asked: bytes) -> None:
        met.append(asked)
        respond(connection)

    body = '{"model" : "a",\t"messages":[{"role":"user","content":"\\u00e4 1.0"}], "temperature":1.0}'
    headers = {"Authorization": "Bearer sk-recorded-123456", "Cookie": "a=b", "Host": "old.example",
               "Content-Length": "1", "X-Lang": "js", "Content-Type": "application/json; charset=utf-8"}  # fmt: skip
    sent = {"method": "POST", "url": "https://old.example/v1/chat/completions", "headers": headers, "body": body}
    traffic = recording(
        tmp_path / "t.jsonl", {"id": "one", "request": sent, "response": {"status": 200, "body": RESPONSE}}
    )
    monkeypatch.setenv("OTHER_KEY", "sk-own-1234567890")
    replayed(traffic, raw_server(keep), "--api-key-env", "OTHER_KEY", "--header", "X-Team: a")
    head, _, got = met[0].partition(b"\r\n\r\n")
    names = [line.partition(b":")[0].lower() for line in head.split(b"\r\n")[1:]]
    assert got == body.encode()
    assert sorted(names) == sorted(
        [b"host", b"accept", b"accept-encoding", b"user-agent", b"content-type", b"authorization", b"x-team",
         b"content-length"]
    )  # fmt: skip
    assert b"Bearer sk-own-1234567890" in head
    assert b"charset=utf-8" in head
    assert USER_AGENT.encode() in head
    assert b"recorded" not in head + got


def test_the_model_alone_is_put_in_place(raw_server: Start, tmp_path: Path, replayed: Replayed) -> None:
    met: list[bytes] = []

    def keep(connection: socket.socket, asked: bytes) -> None:
        met.append(asked.partition(b"\r\n\r\n")[2])
        respond(connection)

    body = '{"messages":[{"role":"user","content":"model \\u00e4"}],"model" : "old", "n":1}'
    bare = '{"messages":[{"role":"user","content":"b"}]}'
    traffic = recording(
        tmp_path / "t.jsonl", {"id": "a", "request": {"method": "POST", "body": body}, "response": None},
        {"id": "b", "request": {"method": "POST", "body": bare}, "response": None},
    )  # fmt: skip
    replayed(traffic, raw_server(keep), "--model", 'ti"ny', "--concurrency", "1")
    assert met == [body.replace('"model" : "old"', '"model": "ti\\"ny"').encode(),
                   b'{"model": "ti\\"ny", ' + bare[1:].encode()]  # fmt: skip


def test_what_cannot_be_sent_is_skipped_with_the_reason(url: str, tmp_path: Path, replayed: Replayed) -> None:
    traffic = tmp_path / "t.jsonl"
    recording(
        traffic, pair("whole"), RESPONSE,
        {"id": "models", "request": {"method": "GET", "url": "https://a/v1/models"}, "response": None},
        {"id": "other", "request": {"method": "POST", "url": "https://a/v1/embeddings", "body": {"input": "a"}},
         "response": {"status": 200, "body": {}}},
    )  # fmt: skip
    with traffic.open("a") as file:
        odd = {"method": "POST", "url": "http://[::/odd]/chat/completions", "body": REQUEST}
        file.write(json.dumps({"id": "odd", "request": odd, "response": None}) + "\n")
        file.write("{broken\n")
    ran = replayed(traffic, url)
    told = [(result["verdict"], result["reason"] or "") for result in ran.report["results"]]
    assert [verdict for verdict, _ in told] == ["passed", "skipped", "passed", "errored"]
    assert "no request was recorded" in told[1][1]
    assert ran.code == 3
    assert len(ran.journal) == 2
    assert ran.report["replay"]["passed_over"] == {"GET a/v1/models": 1, "POST a/v1/embeddings": 1}


def test_without_a_recorded_answer_only_the_new_one_is_checked(url: str, tmp_path: Path, replayed: Replayed) -> None:
    ran = replayed(recording(tmp_path / "t.jsonl", REQUEST, saying("b")), url)
    assert [(result["verdict"], result["drift"]) for result in ran.report["results"]] == [("passed", [])] * 2


def test_a_clean_refusal_of_what_was_answered_is_unsupported(
    raw_server: Start, tmp_path: Path, replayed: Replayed
) -> None:
    at_fault = changed(REQUEST, {"/messages/0/role": "usr"})
    ran = replayed(recording(tmp_path / "t.jsonl", pair("good"), pair("bad", at_fault)), raw_server(refusing(404)))
    assert ran.results["good"]["verdict"] == "skipped"
    assert ran.results["good"]["reason"] == "unsupported: refused with status 404: no"
    assert ran.results["bad"]["verdict"] == "passed"
    assert {one["kind"] for one in ran.results["good"]["drift"]} >= {"status-changed", "kind-changed"}


def test_a_new_crash_fails_and_a_recorded_one_does_not(raw_server: Start, tmp_path: Path, replayed: Replayed) -> None:
    crash = {"error": {"message": "no", "type": "server_error", "param": None, "code": None}}
    traffic = recording(tmp_path / "t.jsonl", pair("was-good"), pair("was-bad", response=crash, status=500))
    ran = replayed(traffic, raw_server(refusing(500)))
    assert "valid-request-crashes" in [v["name"] for v in ran.results["was-good"]["violations"]]
    assert "valid-request-crashes" not in [v["name"] for v in ran.results["was-bad"]["violations"]]
    assert ran.results["was-good"]["verdict"] == "failed"
    assert ran.results["was-bad"]["verdict"] == "passed"


def test_a_transport_fault_is_errored_and_sent_again_on_resume(
    raw_server: Start, tmp_path: Path, replayed: Replayed
) -> None:
    met: list[bytes] = []

    def torn(connection: socket.socket, asked: bytes) -> None:
        met.append(asked)
        if len(met) > 1:
            return respond(connection)
        return connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 90\r\n\r\n{")

    traffic, url = recording(tmp_path / "t.jsonl", pair("one")), raw_server(torn)
    first = replayed(traffic, url)
    assert (first.code, first.results["one"]["verdict"]) == (3, "errored")
    assert "closed in the middle" in first.results["one"]["error"]
    second = replayed(traffic, url, "--resume")
    assert (second.code, second.results["one"]["verdict"]) == (0, "passed")
    assert len(second.results["one"]["attempts"]) == len(met) == 2


def test_retry_after_is_honoured_told_and_in_the_journal(raw_server: Start, tmp_path: Path, replayed: Replayed) -> None:
    met: list[float] = []

    def busy(connection: socket.socket, asked: bytes) -> None:
        met.append(time.monotonic())
        if len(met) == 1:
            return refusing(429, "retry-after: 1\r\n")(connection, asked)
        return respond(connection)

    ran = replayed(
        recording(tmp_path / "t.jsonl", pair("one"), pair("two", saying("b"))), raw_server(busy), "--concurrency", "1"
    )
    assert met[1] - met[0] >= 0.95
    assert "status 429: waiting 1 s as Retry-After says" in ran.said
    assert [line["replay"]["wait"] for line in ran.journal] == [1.0, None, None]
    assert [attempt["status"] for attempt in ran.results["one"]["attempts"]] == [429, 200]
    assert ran.results["one"]["verdict"] == "passed"
    assert ran.report["replay"]["waits"] == 1


def test_a_busy_answer_that_was_recorded_is_taken_as_it_is(
    raw_server: Start, tmp_path: Path, replayed: Replayed
) -> None:
    limit = {"error": {"message": "no", "type": "requests", "param": None, "code": "rate_limit_exceeded"}}
    ran = replayed(recording(tmp_path / "t.jsonl", pair("one", response=limit, status=429)), raw_server(refusing(429)))
    assert len(ran.journal) == 1
    assert ran.results["one"]["verdict"] == "passed"


def test_the_rate_is_kept(url: str, tmp_path: Path, replayed: Replayed) -> None:
    traffic = recording(tmp_path / "t.jsonl", *(pair(f"n{n}", saying(str(n))) for n in range(8)))
    ran = replayed(traffic, url, "--rate", "10", "--concurrency", "8")
    assert ran.report["duration"] >= 0.69
    assert "10 a second at most (about 1 s)" in ran.said


def test_a_sample_is_the_same_for_the_same_seed(url: str, tmp_path: Path, replayed: Replayed) -> None:
    traffic = recording(tmp_path / "t.jsonl", *(pair(f"n{n}", saying(str(n))) for n in range(20)))
    taken = [
        set(replayed(traffic, url, "--sample", "5", "--seed", seed, "-q", folder=f"s{at}").results)
        for at, seed in enumerate(("1", "1", "2"))
    ]
    assert taken[0] == taken[1] != taken[2]
    assert len(taken[0]) == 5
    first = replayed(traffic, url, "--limit", "3", folder="first")
    assert set(first.results) == {"n0", "n1", "n2"}
    assert first.report["replay"]["left_out"] == 17


def test_a_dry_run_sends_and_writes_nothing(raw_server: Start, tmp_path: Path, replayed: Replayed) -> None:
    met: list[bytes] = []
    ran = replayed(REFERENCE, raw_server(lambda connection, asked: met.append(asked)), "--dry-run")
    assert (ran.code, met, ran.folder.exists()) == (0, [], False)
    assert "plan: 6 requests" in ran.said


def test_a_resumed_run_sends_only_the_rest_and_reports_all(
    raw_server: Start, tmp_path: Path, replayed: Replayed
) -> None:
    met: list[bytes] = []

    def keep(connection: socket.socket, asked: bytes) -> None:
        met.append(asked)
        respond(connection, changed(RESPONSE, {"/id": f"chatcmpl-{len(met)}"}))

    traffic = recording(tmp_path / "t.jsonl", *(pair(f"n{n}", saying(str(n))) for n in range(6)))
    url = raw_server(keep)
    replayed(traffic, url, "--limit", "2")
    ran = replayed(traffic, url, "--resume")
    assert len(met) == len(ran.results) == 6
    assert ran.report["replay"]["resumed"] == 2
    assert {result["verdict"] for result in ran.results.values()} == {"passed"}


def test_a_journal_is_neither_overwritten_nor_mixed_up(url: str, tmp_path: Path, replayed: Replayed) -> None:
    traffic = recording(tmp_path / "t.jsonl", pair("one"))
    ran = replayed(traffic, url)
    kept = (ran.folder / "replay.jsonl").read_bytes()
    assert "--resume goes on with it" in replayed(traffic, url).said
    assert "--to" in replayed(traffic, "http://127.0.0.1:1/v1", "--resume").said
    assert "--model (none)" in replayed(traffic, url, "--resume", "--model", "m").said
    other = replayed(recording(traffic, pair("two", saying("b"))), url, "--resume")
    assert (other.code, "of other TRAFFIC" in other.said) == (2, True)
    assert (ran.folder / "replay.jsonl").read_bytes() == kept


@pytest.mark.parametrize("text", [b"hello\n", b'{"id": "a", "request": {}, "response": {}}\n'])
def test_a_file_that_is_no_journal_is_left_alone(text: bytes, url: str, tmp_path: Path, replayed: Replayed) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "replay.jsonl").write_bytes(text)
    ran = replayed(REFERENCE, url, "--resume")
    assert (ran.code, "not the journal of a replay" in ran.said) == (3, True)
    assert (tmp_path / "out" / "replay.jsonl").read_bytes() == text


def test_the_journal_is_a_recording_that_check_reads(url: str, tmp_path: Path, replayed: Replayed, capsys: Any) -> None:
    ran = replayed(REFERENCE, url, "--limit", "5")
    assert main(["check", str(ran.folder / "replay.jsonl"), "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["summary"]["results"]["passed"] == 6


def nobody() -> str:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{unused.getsockname()[1]}/v1"


def test_a_target_that_is_gone_ends_the_run_with_what_there_is(tmp_path: Path, replayed: Replayed) -> None:
    traffic = recording(tmp_path / "t.jsonl", *(pair(f"n{n}", saying(str(n))) for n in range(200)))
    begun = time.monotonic()
    ran = replayed(traffic, nobody())
    assert ran.code == 3
    assert time.monotonic() - begun < 5
    assert "3 requests in a row failed (the last: no connection" in ran.report["replay"]["stopped"]
    assert ran.report["replay"]["unsent"] > 190
    assert {result["verdict"] for result in ran.results.values()} == {"errored"}
    assert "--resume sends them" in ran.said


def test_a_refused_key_ends_the_run_and_resumes_with_the_right_one(
    tmp_path: Path, replayed: Replayed, monkeypatch: pytest.MonkeyPatch
) -> None:
    traffic = recording(tmp_path / "t.jsonl", *(pair(f"n{n}", saying(str(n))) for n in range(10)))
    with running(api_key="sk-right-123456") as server:
        first = replayed(traffic, server.url, "--concurrency", "1")
        sent = first.report["requests"]
        monkeypatch.setenv("OPENAI_API_KEY", "sk-right-123456")
        second = replayed(traffic, server.url, "--resume")
    assert (first.code, sent) == (3, 3)
    assert "the key was refused" in first.said
    assert (second.code, second.report["summary"]["results"]["passed"]) == (0, 10)


def test_drift_counts_for_the_exit_code_as_it_is_told_to(url: str, replayed: Replayed) -> None:
    told = [
        replayed(REFERENCE, url, *words, folder=f"d{at}").code
        for at, words in enumerate([
            (), ("--drift", "all=error"), ("--drift", "all=error", "--drift", "member-appeared=ignore"),
            ("--fail-on", "info"), ("--drift", "all=error", "--fail-on", "never"),
        ])
    ]  # fmt: skip
    assert told == [0, 1, 0, 1, 0]


def test_an_address_without_a_path_is_tried_with_v1(url: str, tmp_path: Path, replayed: Replayed) -> None:
    ran = replayed(recording(tmp_path / "t.jsonl", pair("one")), url.removesuffix("/v1"))
    assert ran.code == 0
    assert ran.report["target"] == url


def test_every_format_is_written(url: str, tmp_path: Path, replayed: Replayed) -> None:
    words = [f"--report={form}={tmp_path / form}" for form in ("text", "json", "jsonl", "junit", "markdown", "html")]
    replayed(CARELESS, url, *words)
    texts = {
        form: (tmp_path / form).read_text(encoding="utf-8") for form in ("text", "jsonl", "junit", "markdown", "html")
    }
    assert all("finish-reason-changed" in text for text in texts.values())
    assert "replay against" in texts["markdown"]
    assert f"Replay against {url}" in texts["html"]
    assert "chatcontract.replay." in texts["junit"]


def test_bad_words_are_explained(
    url: str, tmp_path: Path, replayed: Replayed, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["replay", str(REFERENCE)]) == 2
    assert "OPENAI_BASE_URL is not set" in capsys.readouterr().err
    assert main(["replay", str(REFERENCE), "--to", url, "--resume"]) == 2
    assert "needs the --output" in capsys.readouterr().err
    assert main(["replay", "-", "--to", url]) == 2
    assert "save it to a file" in capsys.readouterr().err
    assert "choose another folder" in replayed(tmp_path, url).said
    with pytest.raises(SystemExit):
        main(["replay", str(REFERENCE), "--to", url, "--drift", "nothing=error"])
    assert "no kind of drift" in capsys.readouterr().err


def test_a_missing_recording_is_exit_code_3(url: str, replayed: Replayed) -> None:
    ran = replayed("/no/such/file.jsonl", url)
    assert (ran.code, "no such file" in ran.said) == (3, True)


def test_ctrl_c_gives_the_partial_report_and_can_be_resumed(
    raw_server: Start, tmp_path: Path, replayed: Replayed
) -> None:
    asked, held, free = itertools.count(1), threading.Event(), threading.Event()

    def hold(connection: socket.socket, request: bytes) -> None:
        if next(asked) > 4 and not free.is_set():
            held.set()
            connection.recv(1)  # until the client leaves
        respond(connection)

    traffic = recording(tmp_path / "t.jsonl", *(pair(f"n{n}", saying(str(n))) for n in range(30)))
    url = raw_server(hold)
    command = [sys.executable, "-m", "chatcontract", "replay", str(traffic), "--to", url,
               "--output", str(tmp_path / "out"), "--concurrency", "2"]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as started:
        assert held.wait(60)
        started.send_signal(signal.SIGINT)
        _, said = started.communicate(timeout=60)
    made = json.loads((tmp_path / "out" / "replay.json").read_text())
    assert started.returncode == 130, said
    assert made["interrupted"] is True
    assert 3 <= len(made["results"]) <= 4
    assert made["replay"]["unsent"] == 30 - len(made["results"])
    free.set()
    ran = replayed(traffic, url, "--resume", "--concurrency", "8")
    assert (ran.code, len(ran.results)) == (0, 30)


def test_tools_are_compared_by_name_not_by_arguments(raw_server: Start, tmp_path: Path, replayed: Replayed) -> None:
    called = changed(RESPONSE, {"/choices/0/message/tool_calls": [CALL], "/choices/0/finish_reason": "tool_calls"})
    other = {**CALL, "id": "call_9", "function": {"name": "get_time", "arguments": "{}"}}
    now = changed(called, {"/choices/0/message/tool_calls": [other]})
    traffic = recording(tmp_path / "t.jsonl", pair("one", response=called))
    ran = replayed(traffic, raw_server(lambda connection, asked: respond(connection, now)))
    assert [(one["kind"], one["before"], one["after"]) for one in ran.results["one"]["drift"]] == [
        ("tool-calls-changed", '"get_weather" ("function")', '"get_time" ("function")')
    ]


@pytest.mark.corpus
@pytest.mark.skipif(not CORPUS.is_file(), reason="no recorded traffic beside the checkout")
def test_a_sample_of_real_traffic_is_replayed(url: str, replayed: Replayed) -> None:
    ran = replayed(CORPUS, url, "--sample", "200", "--seed", "7", "--concurrency", "8", "-q")
    counts = ran.report["summary"]["results"]
    print(counts, ran.report["summary"]["drift"])
    assert ran.code in (0, 1)
    assert sum(counts.values()) - len(ran.results) == 0
    assert counts["errored"] == 0
    assert counts["passed"] > 50


def test_a_run_longer_than_what_memory_keeps_is_reported_whole(
    raw_server: Start, tmp_path: Path, replayed: Replayed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatcontract.report.Results.__init__.__defaults__", (3,))
    odd = changed(RESPONSE, {"/choices/0/finish_reason": "length"})
    traffic = recording(tmp_path / "t.jsonl", *(pair(f"n{n}", saying(str(n)), odd) for n in range(9)))
    ran = replayed(traffic, raw_server(lambda connection, asked: respond(connection)))
    assert [bool(result["attempts"]) for result in ran.report["results"]] == [True] * 9
    assert [one["kind"] for result in ran.report["results"] for one in result["drift"]] == ["finish-reason-changed"] * 9
    assert ran.said.count("in n0, n1, n2 and 6 more") == 1


def test_a_target_that_redirects_everything_is_not_followed_and_ends_the_run(
    raw_server: Start, tmp_path: Path, replayed: Replayed
) -> None:
    traffic = recording(tmp_path / "t.jsonl", *(pair(f"n{n}", saying(str(n))) for n in range(30)))
    ran = replayed(traffic, raw_server(refusing(302, "location: /elsewhere\r\n")), "--concurrency", "1")
    assert (ran.code, ran.report["requests"]) == (3, 8)
    assert {result["error"] for result in ran.results.values()} == {"redirected with status 302: not followed"}
