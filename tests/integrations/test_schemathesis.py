"""The bridge to schemathesis: what it generates, what it says, and that it says nothing of a server in order."""

import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from chatcontract import Contract
from chatcontract.server import running

pytest.importorskip("schemathesis", reason="schemathesis is not installed (extra `fuzz`)")
pytestmark = pytest.mark.schemathesis

from hypothesis import HealthCheck, given, settings  # noqa: E402  # after the skip

from chatcontract.cli import main  # noqa: E402
from chatcontract.integrations.schemathesis import available, bridges, hooks, run, schema  # noqa: E402

MODEL = "reference-1"
LONG = pytest.mark.skipif(not os.environ.get("CHATCONTRACT_NIGHTLY"), reason="takes long; make nightly")
HOOKS = {"SCHEMATHESIS_HOOKS": "chatcontract.integrations.schemathesis", "CHATCONTRACT_MODEL": MODEL}
STUB = {
    "openapi": "3.0.3",
    "info": {"title": "A server", "version": "1"},
    "paths": {
        "/chat/completions": {"post": {"responses": {"200": {"description": "OK"}}}, "get": {"responses": {}}},
        "/models": {"get": {"responses": {"200": {"description": "OK"}}}},
    },
}


def operation_of(made: Any) -> Any:
    return made["/chat/completions"]["POST"]


def enumerated(made: Any) -> list[Any]:
    from schemathesis import HookContext

    examples: list[Any] = []
    hooks.before_add_examples(HookContext(operation=operation_of(made)), examples)
    return examples


def titles(case: Any) -> set[str]:
    """The titles of what a case finds."""
    from schemathesis.core.failures import FailureGroup

    try:
        case.call_and_validate()
    except FailureGroup as group:
        return {failure.title for failure in group.exceptions}
    return set()


def first(made: Any, wanted: Callable[[Any], bool]) -> Any:
    return next(case for case in enumerated(made) if wanted(case.body))


@contextmanager
def started(*words: str) -> Iterator[str]:
    """The reference server as a process of its own; yields its base URL."""
    command = [sys.executable, "-m", "chatcontract", "serve", "--listen", "127.0.0.1:0", *words]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            yield process.stderr.readline().split()[2]
        finally:
            process.terminate()


def schemathesis_run(folder: Path, url: str, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    document = folder / "openapi.json"
    document.write_text(json.dumps(STUB))
    command = [sys.executable, "-m", "schemathesis.cli", "run", str(document), "--url", url, "--no-color", *words]
    made = {**os.environ, **environment}
    return subprocess.run(command, cwd=folder, env=made, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def reference() -> Iterator[str]:
    with running() as server:
        yield server.url


def test_an_older_or_newer_schemathesis_is_named_with_what_to_run() -> None:
    assert [available.fits(version) for version in ("4.31.9", "4.32.0", "4.99", "5.0.0")] == [False, True, True, False]


def test_a_missing_schemathesis_is_a_sentence_with_the_command(tmp_path: Path) -> None:
    code = "import chatcontract.integrations.schemathesis"
    blocked = (
        "import importlib.metadata as m\ndef absent(name): raise m.PackageNotFoundError(name)\nm.version = absent\n"
    )
    done = subprocess.run([sys.executable, "-c", blocked + code], capture_output=True, text=True)
    assert "schemathesis is not installed; run: pip install 'chatcontract[fuzz]'" in done.stderr


@pytest.mark.parametrize("profile", ["openai", "strict", "compatible"])
def test_the_document_of_every_profile_describes_requests_answers_and_chunks(profile: Any) -> None:
    made = schema("http://127.0.0.1:1/v1", profile=profile)
    operation = operation_of(made)
    assert operation.body.items[0].media_type == "application/json"
    content = made.raw_schema["paths"]["/chat/completions"]["post"]["responses"]["200"]["content"]
    assert set(content) == {"application/json", "text/event-stream"}


def test_generated_bodies_are_valid_requests_or_labelled_breaches(reference: str) -> None:
    contract = Contract.load()
    seen: set[str] = set()

    @settings(max_examples=40, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(case=operation_of(schema(reference, model=MODEL)).as_strategy())
    def drawn(case: Any) -> None:
        if isinstance(case.body, bytes):
            seen.add("breach")
            assert contract.check_request(case.body).errors
            assert case.meta.generation.mode.is_negative
            assert case.meta.phase.data.description in labels
        else:
            seen.add("valid")
            assert not contract.check_request(case.body).errors
            assert case.body["model"] == MODEL
            assert case.meta.generation.mode.is_positive

    made = schema(reference, model=MODEL)
    bridge = hooks.bridge_of(operation_of(made))
    assert bridge is not None
    labels = {negative.label for negative in bridge.negatives.values()}
    drawn()
    assert seen == {"valid", "breach"}


def test_the_mode_decides_what_is_enumerated(reference: str) -> None:
    from schemathesis import GenerationMode

    made = schema(reference, model=MODEL)
    made.config.generation.modes = [GenerationMode.POSITIVE]
    assert {type(case.body) for case in enumerated(made)} == {dict}
    made.config.generation.modes = [GenerationMode.NEGATIVE]
    broken = enumerated(made)
    assert len(broken) > 300
    assert {type(case.body) for case in broken} == {bytes}
    assert len({case.meta.phase.data.description for case in broken}) == len(broken)


def test_a_server_in_order_fails_no_case(reference: str) -> None:
    found = {title for case in enumerated(schema(reference, model=MODEL))[::12] for title in titles(case)}
    assert found == set()


def test_every_chunk_of_a_stream_is_held_against_the_schema() -> None:
    with running(["chunk-id-missing"]) as server:
        made = schema(server.url, model=MODEL)
        found = titles(first(made, lambda body: isinstance(body, dict) and body.get("stream")))
    assert found == {"CC001 schema-mismatch", "SSE event violates schema"}


PLAIN, STREAM, CALLS, BROKEN = "plain", "stream", "calls", "broken"
WANTED: dict[str, Callable[[Any], bool]] = {
    PLAIN: lambda body: isinstance(body, dict) and not body.get("stream"),
    STREAM: lambda body: isinstance(body, dict) and bool(body.get("stream")),
    CALLS: lambda body: isinstance(body, dict) and body.get("tool_choice") == "required" and not body.get("stream"),
    BROKEN: lambda body: isinstance(body, bytes),
}


@pytest.mark.parametrize(
    ("fault", "case", "title"),
    [
        ("usage-total-wrong", PLAIN, "CC501 usage-total-mismatch"),
        ("done-missing", STREAM, "CC601 done-missing"),
        ("tool-arguments-object", CALLS, "CC001 schema-mismatch"),
        ("error-as-text", BROKEN, "CC001 schema-mismatch"),
        ("error-as-detail", BROKEN, "CC702 error-without-envelope"),
        ("invalid-accepted", BROKEN, "CC795 invalid-request-accepted"),
        ("invalid-crashes", BROKEN, "CC796 invalid-request-crashes"),
        ("valid-crashes", PLAIN, "CC192 valid-request-crashes"),
    ],
)
def test_a_fault_is_a_failure_with_the_code_of_its_rule(fault: str, case: str, title: str) -> None:
    with running([fault]) as server:
        assert title in titles(first(schema(server.url, model=MODEL), WANTED[case]))


def test_a_failure_tells_the_place_the_rule_and_the_breach_that_was_sent() -> None:
    from schemathesis.core.failures import FailureGroup

    with running(["invalid-accepted"]) as server:
        case = first(schema(server.url, model=MODEL), lambda body: isinstance(body, bytes) and b"null" in body)
        with pytest.raises(FailureGroup) as caught:
            case.call_and_validate()
    failure = next(found for found in caught.value.exceptions if found.title.startswith("CC795"))
    assert "expected a refusal with a status of 4xx" in failure.message
    assert f"Breach sent: {case.meta.phase.data.description}" in failure.message
    assert "More: chatcontract explain CC795" in failure.message
    assert failure.asdict()["label"] == case.meta.phase.data.description


def test_warnings_fail_only_where_they_are_asked_for() -> None:
    with running(["error-members-missing"]) as server:
        lenient = titles(first(schema(server.url, model=MODEL), WANTED[BROKEN]))
        strict = titles(first(schema(server.url, model=MODEL, fail_on="warning"), WANTED[BROKEN]))
    assert lenient == set()
    assert strict


def test_rules_are_selected_ignored_and_rated() -> None:
    with running(["usage-total-wrong", "created-zero"]) as server:
        told = {
            name: titles(first(schema(server.url, model=MODEL, **wish), WANTED[PLAIN])) for name, wish in WISHES.items()
        }
    assert told["all"] == told["select"] == {"CC501 usage-total-mismatch"}
    assert told["ignore"] == set()
    assert {title[:5] for title in told["severity"]} == {"CC302"}


WISHES: dict[str, dict[str, Any]] = {
    "all": {}, "select": {"select": ["CC5"]}, "ignore": {"ignore": ["CC501"]},
    "severity": {"severity": {"CC302": "error", "CC501": "info"}},
}  # fmt: skip


def test_a_breach_of_a_rule_that_is_ignored_is_still_no_valid_request(reference: str) -> None:
    cases = [
        case for case in enumerated(schema(reference, model=MODEL, ignore=["CC0"])) if isinstance(case.body, bytes)
    ]
    assert {title for case in cases[::60] for title in titles(case)} == set()
    with running(["invalid-accepted"]) as server:
        made = schema(server.url, model=MODEL, ignore=["CC0"])
        assert titles(first(made, lambda body: isinstance(body, bytes) and b"null" in body)) == set()


def test_the_environment_says_which_rules(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "chatcontract.toml").write_text('ignore = ["CC302"]')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CHATCONTRACT_SEVERITY", "CC501=info, CC6=warning")
    assert not {"CC302"} & {rule.code for rule in bridges.configured().contract.rules}
    monkeypatch.setenv("CHATCONTRACT_CONFIG", "none")
    monkeypatch.setenv("CHATCONTRACT_SELECT", "CC5, CC302")
    rules = {rule.code: rule.severity for rule in bridges.configured().contract.rules}
    assert {code[:3] for code in rules} == {"CC5", "CC3"}
    monkeypatch.setenv("CHATCONTRACT_SEVERITY", "CC501=loud")
    with pytest.raises(ValueError, match="CHATCONTRACT_SEVERITY: 'CC501=loud' is not RULE=LEVEL"):
        bridges.configured()


def test_a_stream_that_was_left_early_is_not_blamed_for_its_missing_end(reference: str) -> None:
    made = schema(reference, model=MODEL)
    made.config.max_stream_events = 2
    assert titles(first(made, WANTED[STREAM])) == set()


def test_other_operations_keep_their_schemas_and_their_events(reference: str) -> None:
    import schemathesis

    raw = json.loads(json.dumps(STUB))
    made = schemathesis.openapi.from_dict(raw)
    assert raw["paths"]["/models"] == STUB["paths"]["/models"]  # type: ignore[index]
    assert hooks.bridge_of(made["/models"]["GET"]) is None
    assert hooks.bridge_of(made["/chat/completions"]["GET"]) is None
    assert hooks.bridge_of(made["/chat/completions"]["POST"]) is not None
    answer = made["/models"]["GET"].Case().call(base_url=reference)
    context = schemathesis.DeserializationContext(operation=made["/models"]["GET"], case=None)
    answer.content = b"id: 7\nevent: tick\ndata: 1\n\n: alive\n\n"
    assert hooks.events(context, answer) == [{"data": "1", "event": "tick", "id": "7"}]


def test_a_wrong_level_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValueError, match="fail_on is one of error, warning, info, never, not 'bad'"):
        schema("http://127.0.0.1:1/v1", fail_on="bad")


def test_the_command_with_the_hooks_module_finds_nothing_in_order(tmp_path: Path, reference: str) -> None:
    words = ("--phases", "fuzzing", "--max-examples", "15", "--seed", "1", "--include-method", "POST")
    done = schemathesis_run(tmp_path, reference, *words, **HOOKS)
    assert "No issues found" in done.stdout
    assert done.returncode == 0


@LONG
@pytest.mark.nightly
def test_the_whole_command_finds_nothing_in_a_server_in_order_and_without_the_bridge_it_does(tmp_path: Path) -> None:
    with started() as url:
        done = schemathesis_run(tmp_path, url, "--include-method", "POST", **HOOKS)
        bare = schemathesis_run(tmp_path, url, "--include-method", "POST")
    assert "No issues found" in done.stdout
    assert int(done.stdout.split(" generated, ")[0].split()[-1]) > 1000
    assert "ST103 Undocumented status code" in bare.stdout


def test_pytest_runs_the_cases_that_parametrize_makes(tmp_path: Path, reference: str) -> None:
    (tmp_path / "test_api.py").write_text(
        "import schemathesis\n"
        "from hypothesis import settings\n"
        "from chatcontract.integrations.schemathesis import schema\n"
        f"api = schema({reference!r}, model={MODEL!r})\n"
        "api.config.phases.examples.enabled = False\n"
        "api.config.generation.modes = [schemathesis.GenerationMode.POSITIVE]\n"
        "@api.parametrize()\n"
        "@settings(max_examples=5, deadline=None)\n"
        "def test_api(case):\n"
        "    case.call_and_validate()\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert "1 passed" in done.stdout, done.stdout


def test_a_run_writes_reports_without_the_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    key = "sk-nobody-may-see-this"
    monkeypatch.setenv("SOME_KEY", key)
    monkeypatch.chdir(tmp_path)
    paths = {name: str(tmp_path / f"out.{name}") for name in ("junit", "vcr", "har", "ndjson")}
    organization = ("openai-organization", "org-nobody-may-see")
    with running(["usage-total-wrong"], api_key=key) as server:
        code = run(
            server.url, model=MODEL, key_env="SOME_KEY", headers=[organization], seed=1, max_examples=10,
            phases=["fuzzing"], mode="positive", reports=paths,
        )  # fmt: skip
    shown = capsys.readouterr().out
    assert code == 1
    assert "CC501 usage-total-mismatch" in shown
    failures = ET.parse(paths["junit"]).iter("failure")
    assert "CC501 usage-total-mismatch" in str(next(failures).text)
    for told in (shown, *(Path(path).read_text() for path in paths.values())):
        assert key not in told
        assert organization[1] not in told


@LONG
@pytest.mark.nightly
@pytest.mark.parametrize("url", ["http://127.0.0.1:1/v1", None])
def test_a_run_that_could_test_nothing_says_so_by_its_code(
    url: str | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    with running(api_key="sk-the-right-key") as server:
        code = run(url or server.url, phases=["fuzzing"], mode="positive", max_examples=3, key_env="NO_SUCH_KEY")
    assert code == 3


def test_the_command_passes_rules_on_and_sends_no_more_than_it_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    with running(["usage-total-wrong"]) as server:
        words = ["fuzz", server.url, "--model", MODEL, "--engine", "schemathesis", "--config", "none"]
        assert main([*words, "--max-examples", "8", "--ignore", "usage-total-mismatch"]) == 0
    assert "8 generated, 8 passed" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words",
    [["--max-requests", "1"], ["--max-tokens", "9"], ["--stream-ratio", "0"], ["--without", "n"], ["-v"],
     ["--concurrency", "2"], ["--section", "usage"], ["--dry-run"], ["--output", "x"], ["--format", "json"]],
    ids=" ".join,
)  # fmt: skip
def test_the_command_refuses_what_the_engine_does_not_know(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fuzz", "http://127.0.0.1:1/v1", "--engine", "schemathesis", *words]) == 2
    name = {"-v": "--verbose"}.get(words[0], words[0])
    assert f"--engine schemathesis does not know {name};" in capsys.readouterr().err


def test_the_command_refuses_an_unknown_rule_before_anything_runs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fuzz", "http://127.0.0.1:1/v1", "--engine", "schemathesis", "--select", "nonsense"]) == 2
    assert "no rule is called 'nonsense'" in capsys.readouterr().err


def test_a_run_refuses_words_that_it_does_not_know() -> None:
    with pytest.raises(ValueError, match="knows junit, vcr, har, ndjson, json, not 'pdf'"):
        run("http://127.0.0.1:1/v1", reports={"pdf": "x"})
