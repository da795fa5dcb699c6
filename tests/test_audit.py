"""An audit: plan and budget, verdicts, reports that say each violation once, and an end in every case."""

import asyncio
import itertools
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest

from chatcontract import Contract, rules
from chatcontract.audit import Asker, Audit, Settings, run
from chatcontract.audit_report import report
from chatcontract.cli import main
from chatcontract.client import Limits
from chatcontract.examples import RESPONSE
from chatcontract.plan import Budget, plan
from chatcontract.probe import Context, Level, Probe
from chatcontract.probes import load, select
from chatcontract.report import Collector, Report
from chatcontract.runner import spec_json
from chatcontract.server import running
from chatcontract.target import Target, alternatives, base_of

Start = Callable[[Callable[[socket.socket, bytes], None]], str]
KEY = "sk-test-0123456789"
SCHEMA = json.loads((Path(__file__).parents[1] / "docs" / "report.schema.json").read_text())
CONTRACT = Contract.load()
HEAD = {"tool": {"name": "chatcontract", "version": "0"}, "spec": spec_json(CONTRACT), "profile": "openai"}


def audited(
    url: str,
    *names: str,
    key: str = KEY,
    model: str = "reference-1",
    repeat: int = 2,
    seed: int = 0,
    **bounds: int,
) -> Report:
    budget = Budget(repeat, **bounds)
    planned = plan(select(load(), names=names), Context(model or "m", seed=seed), budget, discovers=not model)
    limits = Limits(total=20, idle=10, grace=0.3)
    audit = Audit(CONTRACT, Target(url, key), planned, Settings(budget, 4, limits, seed, model))
    run(audit)
    return report(audit, Collector(HEAD, rules.get), load())


def faulty(fault: str, *names: str) -> Report:
    with running(faults=[fault], api_key=KEY) as server:
        return audited(server.url, *names)


def verdicts(made: Report) -> dict[str, str]:
    return {result["id"]: result["verdict"] for result in made["results"]}


def codes(made: Report, *severities: str) -> set[str]:
    wanted = severities or ("error", "warning", "info")
    return {v["rule"] for result in made["results"] for v in result["violations"] if v["severity"] in wanted}


@pytest.fixture(scope="module")
def whole() -> Report:
    """The audit of the reference server with every probe."""
    with running(api_key=KEY) as server:
        return audited(server.url)


def test_the_reference_server_passes_every_probe(whole: Report) -> None:
    assert {name for name, verdict in verdicts(whole).items() if verdict != "passed"} == set()
    assert codes(whole, "error", "warning") == set()
    assert whole["scores"]["coverage"] == {"passed": len(load()), "of": len(load())}
    assert all(score["passed"] == score["of"] > 0 for score in whole["scores"].values())


def test_the_report_keeps_its_schema_and_survives_json(whole: Report) -> None:
    jsonschema.Draft202012Validator(SCHEMA).validate(whole)
    assert json.loads(json.dumps(whole)) == whole


def test_no_more_is_spent_than_planned(whole: Report) -> None:
    assert whole["requests"] <= whole["plan"]["requests"]
    assert whole["plan"]["probes"] == len(load()) == len(whole["results"]) == len(whole["probes"])


def test_every_exchange_carries_its_evidence_and_a_command(whole: Report) -> None:
    for result in whole["results"]:
        for exchange in result["exchanges"]:
            assert exchange["curl"].startswith(("curl ", "printf ", "echo "))
            assert exchange["request"]["url"].startswith(whole["target"])
            assert exchange["response"]["status"]


def test_the_key_is_nowhere_in_the_report(whole: Report) -> None:
    text = json.dumps(whole)
    assert KEY not in text
    assert "$OPENAI_API_KEY" in text


def test_every_capability_of_the_reference_server_is_known(whole: Report) -> None:
    states = {name: capability["state"] for name, capability in whole["capabilities"].items()}
    assert set(states.values()) <= {"yes", "unsupported"}
    assert states["tools"] == states["streaming"] == states["json_schema"] == "yes"


def test_the_command_of_an_exchange_sends_it_again(whole: Report) -> None:
    chosen = ("request-minimal", "errors-utf8-invalid", "request-unicode", "http-key-wrong", "http-models")
    with running(api_key=KEY) as server:
        for result in whole["results"]:
            if result["id"] in chosen:
                exchange = result["exchanges"][-1]
                command = exchange["curl"].replace(whole["target"], server.url)
                done = subprocess.run(
                    ["/bin/sh", "-c", command],
                    capture_output=True,
                    env={**os.environ, "OPENAI_API_KEY": KEY},
                    check=True,
                )
                assert done.stdout.split()[1].decode() == str(exchange["response"]["status"]), command


FAULTS = (
    ("stop-included", "choices-stop-text", "CC341"),
    ("tool-id-reused", "tools-second-call", "CC403"),
    ("tool-not-allowed", "tools-allowed", "CC414"),
    ("n-ignored", "choices-n-two", "CC322"),
    ("stop-ignored", "choices-stop-text", "CC295"),
    ("limit-ignored", "choices-max-completion-tokens-bounds", "CC295"),
    ("logprobs-ignored", "choices-logprobs", "CC351"),
    ("tool-choice-ignored", "tools-required", "CC412"),
    ("parallel-ignored", "tools-parallel-off", "CC415"),
    ("invalid-hung-up", "errors-role-unknown", "CC198"),
    ("stream-with-length", "stream-incremental", "CC685"),
    ("response-format-ignored", "structured-json-object", "CC801"),
    ("stream-ignored", "stream-plain", "CC110"),
    ("auth-not-enforced", "http-key-wrong", "CC193"),
    ("any-address-answered", "http-address-unknown", "CC194"),
    ("answer-compressed", "http-identity", "CC195"),
    ("models-as-names", "http-models", "CC197"),
    ("unknown-model-answered", "errors-model-unknown", "CC795"),
    ("invalid-accepted", "errors-role-unknown", "CC795"),
    ("usage-unstable", "usage-same-prompt", "CC595"),
    ("usage-constant", "usage-longer-message", "CC596"),
    ("stream-usage-differs", "usage-streamed-equals-plain", "CC598"),
    ("tool-arguments-object", "tools-required", "CC001"),
)


@pytest.mark.parametrize(("fault", "probe", "rule"), FAULTS, ids=[fault for fault, _, _ in FAULTS])
def test_a_fault_fails_its_probe_by_its_rule(fault: str, probe: str, rule: str) -> None:
    made = faulty(fault, probe)
    assert verdicts(made)[probe] == "failed"
    assert rule in codes(made)


QUIET = (
    ("seed-ignored", "request-seed-repeats", "CC395"),
    ("stream-says-something-else", "stream-equals-plain", "CC696"),
    ("parts-cost-extra", "usage-same-text-as-part", "CC597"),
    ("unknown-model-with-400", "errors-model-unknown", "CC797"),
    ("error-names-other-parameter", "errors-role-unknown", "CC798"),
    ("stream-left-open", "stream-plain", "CC695"),
)


@pytest.mark.parametrize(("fault", "probe", "rule"), QUIET, ids=[fault for fault, _, _ in QUIET])
def test_what_is_only_noted_does_not_fail_a_probe(fault: str, probe: str, rule: str) -> None:
    made = faulty(fault, probe)
    assert verdicts(made)[probe] == "passed"
    assert rule in codes(made)


def test_a_stream_that_others_cut_is_judged_by_how_it_is_alone() -> None:
    made = faulty("stream-overtaken", "stream-plain", "stream-usage", "request-t")
    told = [violation for result in made["results"] for violation in result["violations"]]
    (interrupted,) = [violation for violation in told if violation["rule"] == "CC199"]
    assert interrupted["occurrences"] == len(interrupted["seen_in"])
    assert not codes(made) & {"CC601", "CC606"}
    assert made["capabilities"]["streaming"]["state"] == "yes"


def test_a_stream_that_is_cut_for_everybody_is_not_called_interrupted() -> None:
    made = faulty("connection-cut", "stream-plain", "stream-usage", "request-t")
    assert "CC606" in codes(made)
    assert "CC199" not in codes(made)


def test_a_violation_of_every_answer_is_told_once_with_its_occurrences() -> None:
    made = faulty("id-empty", "request-t", "request-u")
    told = [(result["id"], v) for result in made["results"] for v in result["violations"] if v["rule"] == "CC305"]
    assert [name for name, _ in told] == ["request-minimal"]
    violation = told[0][1]
    assert violation["occurrences"] == len(violation["seen_in"]) > 3
    assert "curl" in violation["curl"]
    assert verdicts(made)["request-temperature"] == "passed"
    assert verdicts(made)["request-minimal"] == "failed"


def test_two_members_missing_from_one_object_are_two_violations() -> None:
    with running(faults=["id-missing", "created-missing"], api_key=KEY) as server:
        made = audited(server.url, "request-minimal")
    assert len(made["results"][0]["violations"]) >= 2


def test_what_needs_a_capability_that_is_refused_is_skipped_with_the_reason(raw_server: Start) -> None:
    made = audited(raw_server(refuses_tools), "tools-")
    results = {result["id"]: result for result in made["results"]}
    assert results["tools-auto"]["verdict"] == "skipped"
    assert "status 400: no tools here" in results["tools-auto"]["reason"]
    assert "needs tools" in results["tools-none"]["reason"]
    assert results["tools-none"]["exchanges"] == []
    assert made["capabilities"]["tools"] == {"state": "unsupported", "probe": "tools-auto", "tested": True}


def respond(connection: socket.socket, status: int, value: object, extra: str = "") -> None:
    body = json.dumps(value).encode()
    head = f"HTTP/1.1 {status} Said\r\ncontent-type: application/json\r\n{extra}"
    connection.sendall(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)


def refused(connection: socket.socket, status: int, message: str, extra: str = "") -> None:
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": None}
    respond(connection, status, {"error": error}, extra)


def completed(connection: socket.socket, content: str = "Hi.", finish: str = "stop") -> None:
    message = {"role": "assistant", "content": content, "refusal": None, "annotations": []}
    respond(connection, 200, {
        "id": f"chatcmpl-{time.time_ns()}", "object": "chat.completion", "created": 1763700000,
        "model": "reference-1",
        "choices": [{"index": 0, "finish_reason": finish, "logprobs": None, "message": message}],
        "usage": {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11},
    })  # fmt: skip


def refuses_tools(connection: socket.socket, asked: bytes) -> None:
    if b'"tools"' in asked or b'"functions"' in asked:
        refused(connection, 400, "no tools here")
    else:
        completed(connection)


def test_a_model_that_does_not_play_along_is_inconclusive_after_its_tries(raw_server: Start) -> None:
    made = audited(raw_server(lambda connection, asked: completed(connection)), "choices-stop-text", repeat=3)
    result = next(result for result in made["results"] if result["id"] == "choices-stop-text")
    assert result["verdict"] == "inconclusive"
    assert len(result["exchanges"]) == 3


def test_a_busy_target_is_asked_again_and_every_answer_is_shown(raw_server: Start) -> None:
    met: list[int] = []

    def busy(connection: socket.socket, asked: bytes) -> None:
        met.append(1)
        if len(met) < 3:
            refused(connection, 429, "slow down", "retry-after: 0\r\n")
        else:
            completed(connection)

    made = audited(raw_server(busy), "request-minimal")
    assert verdicts(made) == {"request-minimal": "passed"}
    assert [exchange["response"]["status"] for exchange in made["results"][0]["exchanges"]] == [429, 429, 200]


def test_a_limit_of_requests_that_names_no_time_is_told(raw_server: Start) -> None:
    met: list[int] = []

    def limited(connection: socket.socket, asked: bytes) -> None:
        met.append(1)
        if len(met) == 2:
            refused(connection, 429, "slow down")
        else:
            completed(connection)

    made = audited(raw_server(limited), "request-temperature")
    assert verdicts(made)["request-temperature"] == "passed"
    assert "CC123" in codes(made)


def test_who_hangs_up_comes_last_so_that_nothing_else_suffers() -> None:
    made = faulty("broken-after-abort", "stream-", "tools-auto")
    assert {name for name, verdict in verdicts(made).items() if verdict == "failed"} == {"stream-abort"}
    assert codes(made, "error") == set()
    assert "CC196" in codes(made, "warning")


def test_passed_probes_with_an_error_in_their_answers_are_at_fault(capsys: pytest.CaptureFixture[str]) -> None:
    with running(faults=["id-empty"]) as server:
        main(["audit", server.url, "-q", "--probe", "request-t"])
    shown = capsys.readouterr().out
    assert re.search(r"^request +5 +· +4 +1 ", shown, re.M)
    assert "(at fault: passed, in an answer with an error that is told under another probe)" in shown
    assert re.search(r"^  conformance +0 of 4 .*▒ *.*; 3 more in answers at fault$", shown, re.M)


def test_what_is_at_fault_is_not_counted_as_conforming() -> None:
    made = faulty("id-empty", "request-t")
    assert verdicts(made)["request-temperature"] == "passed"
    assert {result["id"] for result in made["results"] if result["at_fault"]} == set(verdicts(made)) - {
        "request-minimal"
    }
    assert made["scores"]["conformance"] == {"passed": 0, "of": 4, "at_fault": 3}
    jsonschema.Draft202012Validator(SCHEMA).validate(made)


def test_a_target_that_refuses_the_key_is_errored_and_not_asked_further(raw_server: Start) -> None:
    made = audited(raw_server(lambda connection, asked: refused(connection, 401, "no")), "request-")
    assert set(verdicts(made).values()) == {"errored"}
    assert made["requests"] == 1


def test_a_target_without_the_address_is_tried_with_v1(raw_server: Start) -> None:
    def only_v1(connection: socket.socket, asked: bytes) -> None:
        if b" /v1/" in asked.split(b"\r\n")[0]:
            completed(connection)
        else:
            refused(connection, 404, "nothing here")

    made = audited(raw_server(only_v1).removesuffix("/v1"), "request-minimal")
    assert verdicts(made) == {"request-minimal": "passed"}
    assert made["target"].endswith("/v1")


def test_a_model_that_the_target_does_not_know_is_no_fault_of_the_target() -> None:
    with running(api_key=KEY) as server:
        made = audited(server.url, "request-t", model="nobody")
    assert set(verdicts(made).values()) == {"errored"}
    assert made["results"][0]["reason"] == 'the target does not know the model "nobody" (status 404)'
    assert codes(made) == set()


def test_an_address_where_nobody_chats_is_no_fault_of_the_target() -> None:
    with running(api_key=KEY) as server:
        made = audited(server.url.replace("/v1", "/v2"), "request-t")
    assert set(verdicts(made).values()) == {"errored"}
    assert "there is no chat endpoint at " in made["results"][0]["reason"]
    assert codes(made) == set()


def test_the_bound_that_the_target_takes_is_found(raw_server: Start) -> None:
    def modern(connection: socket.socket, asked: bytes) -> None:
        if b'"max_tokens"' in asked:
            refused(connection, 400, "use max_completion_tokens")
        else:
            completed(connection)

    made = audited(raw_server(modern), "request-minimal", "request-top-p")
    assert set(verdicts(made).values()) == {"passed"}
    assert made["notes"] == ["a request with max_tokens was refused"]


def test_the_model_is_found_by_the_list() -> None:
    with running(api_key=KEY) as server:
        made = audited(server.url, "request-minimal", model="")
    assert made["model"] == made["models"][0] == "reference-1"


def test_keys_are_not_probed_where_none_is_in_use() -> None:
    with running() as server:
        made = audited(server.url, "http-key", key="")
    skipped = [result for result in made["results"] if result["verdict"] == "skipped"]
    assert {result["reason"] for result in skipped} == {"no key is in use"}


def test_a_budget_leaves_probes_out_and_says_so() -> None:
    with running(api_key=KEY) as server:
        made = audited(server.url, requests=10)
    assert made["requests"] <= made["plan"]["requests"] <= 10
    left_out = [result for result in made["results"] if "left out" in result["reason"]]
    assert len(left_out) + made["plan"]["probes"] == len(load())
    assert {result["verdict"] for result in left_out} == {"skipped"}


def test_a_budget_is_spent_on_all_sections_and_first_on_what_must_be() -> None:
    chosen = plan(load(), Context("m"), Budget(requests=60)).probes
    assert {probe.section for probe in chosen} == {probe.section for probe in load()}
    assert all(probe.level is Level.MUST for probe in chosen if probe.section in ("tools", "stream", "errors"))
    assert list(chosen) == [probe for probe in load() if probe in chosen]


def test_the_last_line_says_what_was_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    with running() as server:
        assert main(["audit", server.url, "-q", "--max-requests", "10"]) == 0
    assert re.search(r"; incomplete: 2\d\d left out$", capsys.readouterr().out, re.M)


def test_the_same_seed_makes_the_same_requests() -> None:
    def asked(seed: int) -> list[str]:
        with running(api_key=KEY) as server:
            made = audited(server.url, "request-", "choices-", seed=seed)
        return [
            exchange["request"]["body_text"] for result in made["results"] for exchange in result["exchanges"]
        ]  # fmt: skip

    assert asked(5) == asked(5) != asked(6)


def test_a_check_that_an_answer_is_too_much_for_costs_one_probe(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(readings: object) -> list[object]:
        raise KeyError("surprise")

    probes = [
        probe._replace(expect=probe.expect._replace(checks=(broken,))) if probe.id == "request-top-p" else probe
        for probe in select(load(), names=["request-t"])
    ]
    with running(api_key=KEY) as server:
        planned = plan(probes, Context("reference-1"), Budget())
        audit = Audit(CONTRACT, Target(server.url, KEY), planned, Settings(model="reference-1"))
        run(audit)
    made = verdicts(report(audit, Collector(HEAD, rules.get), load()))
    assert made["request-top-p"] == "errored"
    assert made["request-temperature"] == "passed"


def test_a_rule_that_an_answer_is_too_much_for_costs_one_probe(monkeypatch: pytest.MonkeyPatch) -> None:
    def checked(audit: Asker, probe: Probe, turn: object) -> tuple[()]:
        if probe.id == "request-top-p":
            raise KeyError("surprise")
        return ()

    monkeypatch.setattr(Asker, "_checked", checked)
    with running(api_key=KEY) as server:
        made = verdicts(audited(server.url, "request-t"))
    assert made["request-top-p"] == "errored"
    assert made["request-temperature"] == "passed"


def test_a_long_body_is_packed_into_its_command() -> None:
    with running(api_key=KEY) as server:
        made = audited(server.url, "errors-json-deep")
        command = made["results"][-1]["exchanges"][0]["curl"]
        shown = subprocess.run(
            command, shell=True, capture_output=True, env={**os.environ, "OPENAI_API_KEY": KEY}, check=True
        )
    assert command.startswith("echo ")
    assert len(command) < 2000
    assert made["results"][-1]["exchanges"][0]["response"]["body_text"] in shown.stdout.decode()


def test_names_that_only_an_echo_has_are_no_models() -> None:
    made = faulty("unknown-model-answered", "errors-model-")
    assert made["models"] == ["reference-1"]


def test_a_cancelled_audit_keeps_what_it_found() -> None:
    async def cancelled(audit: Audit) -> None:
        task = asyncio.create_task(audit.run())
        while len(audit.outcomes) < 5:
            await asyncio.sleep(0.005)
        task.cancel()
        await task

    with running(api_key=KEY, latency=0.02) as server:
        planned = plan(load(), Context("reference-1"), Budget())
        audit = Audit(CONTRACT, Target(server.url, KEY), planned, Settings(model="reference-1"))
        asyncio.run(cancelled(audit))
    made = report(audit, Collector(HEAD, rules.get), load())
    assert made["interrupted"] is True
    assert 5 <= len(made["results"]) < len(load())
    jsonschema.Draft202012Validator(SCHEMA).validate(made)


def test_ctrl_c_gives_the_partial_report_and_its_exit_code(raw_server: Start, tmp_path: Path) -> None:
    asked, held = itertools.count(1), threading.Event()
    head = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: application/json\r\n\r\n"

    def hold(connection: socket.socket, request: bytes) -> None:
        if next(asked) > 60:
            held.set()
            connection.recv(1)  # until the client leaves
        connection.sendall(head + json.dumps(RESPONSE).encode())

    path = tmp_path / "audit.json"
    command = [sys.executable, "-m", "chatcontract", "audit", raw_server(hold), "--model", "m", "--concurrency", "1",
               "--report", f"json={path}"]  # fmt: skip
    with subprocess.Popen(
        command, env={**os.environ, "OPENAI_API_KEY": KEY}, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as started:
        assert held.wait(60)
        started.send_signal(signal.SIGINT)
        shown, said = started.communicate(timeout=60)
    assert started.returncode == 130, said
    assert re.search(rb"; interrupted: 2\d\d not asked$", shown, re.M)
    made = json.loads(path.read_text())
    assert made["interrupted"] is True
    assert 10 < len(made["results"]) < len(load())


def test_a_dry_run_prints_the_plan_and_sends_nothing(raw_server: Start, capsys: pytest.CaptureFixture[str]) -> None:
    met: list[bytes] = []
    url = raw_server(lambda connection, asked: met.append(asked))
    assert main(["audit", url, "--dry-run", "--section", "usage"]) == 0
    assert "probes" in capsys.readouterr().err
    assert met == []


def test_a_dry_run_lists_the_probes_and_says_where_the_key_goes(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SOME_KEY", KEY)
    arguments = ["audit", "http://192.0.2.1/v1", "--dry-run", "-v", "--section", "usage", "--api-key-env", "SOME_KEY"]
    assert main([*arguments, "--report", f"json={tmp_path / 'a.json'}"]) == 0
    shown = capsys.readouterr()
    assert "key from SOME_KEY, sent to 192.0.2.1" in shown.err
    assert "no report is written" in shown.err
    assert KEY not in shown.err
    assert [line.split()[0] for line in shown.out.splitlines()][:2] == ["request-minimal", "usage-told"]


def test_the_demo_is_clean_and_writes_its_reports(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [
        "audit",
        "demo",
        "--section",
        "usage",
        "--report",
        f"json={tmp_path / 'a.json'}",
        "--format",
        "jsonl",
    ]
    assert main(arguments) == 0
    made = json.loads((tmp_path / "a.json").read_text())
    assert made["summary"]["results"]["failed"] == 0
    said = capsys.readouterr().err
    assert "plan:" in said
    assert "OPENAI_API_KEY" not in said, "the demo has a key of its own"


def test_nobody_there_is_exit_code_3(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/v1"
        assert main(["audit", url, "--model", "m", "--format", "json", "--probe", "request-t"]) == 3
    assert json.loads(capsys.readouterr().out)["summary"]["results"]["errored"] > 1


def test_a_probe_without_an_answer_is_exit_code_3(raw_server: Start, capsys: pytest.CaptureFixture[str]) -> None:
    def busy(connection: socket.socket, asked: bytes) -> None:
        if b'"top_p"' in asked:
            refused(connection, 503, "later", "retry-after: 0\r\n")
        else:
            completed(connection)

    arguments = ["audit", raw_server(busy), "-q", "--model", "reference-1", "--probe"]
    assert main([*arguments, "request-temperature"]) == 0
    assert main([*arguments, "request-top-p"]) == 3
    assert "1 errored" in capsys.readouterr().out


def test_a_violation_is_exit_code_1_unless_told_otherwise() -> None:
    with running(faults=["id-empty"]) as server:
        arguments = ["audit", server.url, "--probe", "request-minimal", "--format", "json", "-q"]
        assert main(arguments) == 1
        assert main([*arguments, "--fail-on", "never"]) == 0


@pytest.mark.parametrize("url", [
    "ftp://user:word99@host/v1", "http://user:word99@host/v1", "http://host/v1?key=word99", "nonsense", "http://[::1",
    "http://host:99999/v1", "http://host:0/v1", "http://host:x/v1", "http://a host/v1", "http://host/\x1b[2J", "",
])  # fmt: skip
def test_an_address_that_cannot_be_meant_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"address|query") as told:
        base_of(url)
    assert "word99" not in str(told.value)
    assert str(told.value).isprintable()


def test_a_key_that_no_header_can_hold_is_named_by_its_variable(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MY_KEY", "abc\ndef")
    assert main(["audit", "http://127.0.0.1:9/v1", "--api-key-env", "MY_KEY"]) == 2
    told = capsys.readouterr().err
    assert "the key in MY_KEY has a line end" in told
    assert "abc" not in told


@pytest.mark.parametrize("header", ["two words: x", "ä: x", "Content-Length: 3", "transfer-encoding: chunked", ": x"])
def test_a_header_that_would_spoil_every_request_is_refused(header: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["audit", "http://127.0.0.1:9/v1", "--header", header])
    assert ended.value.code == 2


def test_addresses_are_taken_as_people_write_them() -> None:
    assert base_of("http://host:8080/v1/") == "http://host:8080/v1"
    assert base_of("http://host/openai/v1/chat/completions") == "http://host/openai/v1"
    assert alternatives("http://host") == ("http://host", "http://host/v1")
    assert alternatives("http://host/api") == ("http://host/api",)
