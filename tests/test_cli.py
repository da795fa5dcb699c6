"""The command line as a stranger uses it: real processes, real files, exit codes."""

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from chatcontract.commands.options import StatusLine
from chatcontract.examples import GONE, REQUEST, RESPONSE, STREAM, changed, events

ROOT = Path(__file__).parents[1]
RECORDINGS = ROOT / "recordings"
BAD_ANSWER = changed(RESPONSE, {"/choices/0/finish_reason": "eos"})


def run(
    *arguments: str | Path, stdin: bytes = b"", cwd: Path | None = None, **env: str
) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR")}
    done = subprocess.run(
        [sys.executable, "-m", "chatcontract", *map(str, arguments)],
        input=stdin, capture_output=True, cwd=cwd, env={**clean, **env}, timeout=120, check=False,
    )  # fmt: skip
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


def lines(path: Path, *values: object) -> Path:
    path.write_text("".join(json.dumps(value) + "\n" for value in values))
    return path


def pair(answer: object, **rest: object) -> dict[str, object]:
    return {"request": REQUEST, "response": answer, "status": 200, **rest}


def test_clean_traffic_exits_with_0() -> None:
    done = run("check", RECORDINGS / "stream.sse", RECORDINGS / "response.json")
    assert done.returncode == 0, done.stdout
    assert "clean: 2 checked (2 passed); no violation" in done.stdout


def test_a_violation_exits_with_1_and_shows_rule_side_place_and_value(tmp_path: Path) -> None:
    done = run("check", lines(tmp_path / "t.jsonl", pair(BAD_ANSWER, id="first"), pair(RESPONSE)))
    assert done.returncode == 1
    block = done.stdout.split("\n\n")[1]
    assert block.startswith("CC001 schema-mismatch  error, server's fault")
    assert "response /choices/0/finish_reason" in block
    assert 'got "eos"' in block
    assert "first" in block


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ([], 2),
        (["check"], 2),
        (["check", "--as", "nothing", "x"], 2),
        (["check", "--profile", "nobody", "x"], 2),
        (["check", "--select", "CC999", "x"], 2),
        (["check", "--severity", "CC001=grave", "x"], 2),
        (["check", "--report", "json", "x"], 2),
        (["check", "--spec", "absent.yaml", "x"], 2),
        (["check", "--no-fix", "unknown", "--spec", "x", "x"], 2),
        (["check", "absent.jsonl"], 3),
        (["explain", "CC999"], 2),
        (["spec"], 2),
        (["nonsense"], 2),
    ],
)
def test_bad_usage_says_what_to_do_without_a_traceback(arguments: list[str], code: int, tmp_path: Path) -> None:
    done = run(*arguments, cwd=tmp_path)
    assert done.returncode == code
    said = done.stderr + done.stdout
    assert said.strip()
    assert "Traceback" not in said


def test_help_teaches_with_examples_and_exit_codes() -> None:
    assert "exit codes:" in run("--help").stdout
    shown = run("check", "--help").stdout
    assert "examples:" in shown
    assert "HAR 1.2" in shown


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        (json.dumps(REQUEST), "request"),
        (json.dumps(RESPONSE, indent=2), "response"),
        (json.dumps(STREAM[0]), "chunk"),
        (json.dumps({"error": {"message": "m", "type": "t", "param": None, "code": None}}), "error"),
        (events(list(STREAM)).decode(), "stream"),
        (json.dumps(pair(RESPONSE)), "bare pair"),
        (
            json.dumps(
                {"request": {**REQUEST, "stream": True}, "stream": [json.dumps(s) for s in STREAM[:-1]] + ["[DONE]"]}
            ),
            "bare pair",
        ),
        (
            json.dumps({"request": {"url": "u", "body": REQUEST}, "response": {"status": 200, "body": RESPONSE}}),
            "native line",
        ),
    ],
    ids=["request", "response", "chunk", "error", "stream", "pair", "streamed pair", "native"],
)
def test_it_finds_out_what_a_file_holds_and_says_so(content: str, wanted: str, tmp_path: Path) -> None:
    path = tmp_path / "payload"
    path.write_text(content)
    done = run("check", path)
    assert f"1 × {wanted}" in done.stdout
    assert done.returncode == 0, done.stdout


def test_gzip_is_read_transparently_also_from_standard_input(tmp_path: Path) -> None:
    packed = gzip.compress(lines(tmp_path / "t.jsonl", pair(RESPONSE), pair(RESPONSE)).read_bytes())
    assert "2 checked" in run("check", "-", stdin=packed).stdout
    (tmp_path / "t.gz").write_bytes(packed)
    assert "2 checked" in run("check", tmp_path / "t.gz").stdout


def test_a_cut_gzip_reports_what_it_read_and_does_not_look_clean(tmp_path: Path) -> None:
    many = lines(tmp_path / "t.jsonl", *(pair(changed(RESPONSE, {"/id": os.urandom(400).hex()})) for _ in range(5000)))
    (tmp_path / "cut.gz").write_bytes(gzip.compress(many.read_bytes())[:-4000])
    done = run("check", tmp_path / "cut.gz", "--format", "json")
    report = json.loads(done.stdout)
    assert done.returncode == 3
    assert report["summary"]["results"]["errored"] == 1
    assert report["summary"]["results"]["passed"] > 1000


def test_an_unreadable_line_is_named_and_the_rest_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text(json.dumps(pair(RESPONSE)) + "\n{broken\n" + json.dumps(pair(RESPONSE)) + "\n")
    done = run("check", path)
    assert done.returncode == 3
    assert "t.jsonl:2" in done.stdout
    assert "2 passed, 1 errored" in done.stdout


@pytest.mark.parametrize(
    "content", [b"", b"  \n", b"\x00\xff\xfe", b"hello world", b"[1, 2]", b'{"a": 1}', b"\x1f\x8b"]
)
def test_what_is_no_traffic_at_all_exits_with_3(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "junk").write_bytes(content)
    done = run("check", tmp_path / "junk")
    assert done.returncode == 3
    assert "Traceback" not in done.stderr + done.stdout


def test_results_carry_the_records_own_id_or_its_place(tmp_path: Path) -> None:
    path = lines(tmp_path / "t.jsonl", pair(RESPONSE, id="mine"), pair(RESPONSE))
    report = json.loads(run("check", path, "--format", "json").stdout)
    assert [result["id"] for result in report["results"]] == ["mine", f"{path}:2"]


def test_json_lines_come_one_a_result_and_close_with_the_report(tmp_path: Path) -> None:
    path = lines(tmp_path / "t.jsonl", pair(BAD_ANSWER), pair(RESPONSE))
    made = [json.loads(line) for line in run("check", path, "--format", "jsonl").stdout.splitlines()]
    assert [entry["type"] for entry in made] == ["result", "result", "report"]
    assert made[-1]["summary"]["violations"]["error"] == 1


def test_reports_go_to_files_beside_standard_output(tmp_path: Path) -> None:
    path = lines(tmp_path / "t.jsonl", pair(BAD_ANSWER))
    done = run("check", path, "--report", f"json={tmp_path}/r.json", "--report", f"text={tmp_path}/r.txt")
    assert "CC001" in done.stdout
    assert json.loads((tmp_path / "r.json").read_text())["summary"]["violations"]["error"] == 1
    assert "CC001" in (tmp_path / "r.txt").read_text()


def test_a_report_that_cannot_be_written_is_a_clear_error(tmp_path: Path) -> None:
    done = run("check", lines(tmp_path / "t.jsonl", pair(RESPONSE)), "--report", f"json={tmp_path}/no/r.json")
    assert done.returncode == 3
    assert "cannot be written" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--fail-on", "never"], 0),
        (["--ignore", "schema-mismatch"], 0),
        (["--select", "CC5"], 0),
        (["--severity", "CC001=warning"], 0),
        (["--severity", "CC001=warning", "--fail-on", "warning"], 1),
        (["--severity", "schema-mismatch=ignore", "--fail-on", "info"], 0),
    ],
)
def test_what_fails_is_up_to_the_user(arguments: list[str], code: int, tmp_path: Path) -> None:
    assert run("check", lines(tmp_path / "t.jsonl", pair(BAD_ANSWER)), *arguments).returncode == code


def test_settings_are_found_above_and_arguments_win(tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    path = lines(inner / "t.jsonl", pair(BAD_ANSWER))
    (tmp_path / "chatcontract.toml").write_text('severity = { CC001 = "info" }\n')
    assert run("check", path, cwd=inner).returncode == 0
    assert run("check", path, "--severity", "CC001=error", cwd=inner).returncode == 1
    assert run("check", path, "--config", "none", cwd=inner).returncode == 1


def test_a_wrong_setting_names_file_and_key(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.chatcontract]\nprofil = "strict"\n')
    done = run("check", "x", cwd=tmp_path)
    assert done.returncode == 2
    assert "pyproject.toml" in done.stderr
    assert "profil" in done.stderr


def test_colours_obey_the_environment(tmp_path: Path) -> None:
    path = lines(tmp_path / "t.jsonl", pair(BAD_ANSWER))
    assert "\x1b[" in run("check", path, FORCE_COLOR="1").stdout
    assert "\x1b[" not in run("check", path, FORCE_COLOR="1", NO_COLOR="1").stdout
    assert "\x1b[" not in run("check", path).stdout


def test_traffic_can_not_write_to_the_terminal_nor_leak_keys(tmp_path: Path) -> None:
    hostile = changed(
        RESPONSE, {"/choices/0/finish_reason": "\x1b]0;owned\x07 sk-proj-abcdefghijklmnop", "/\x1b[2J": 1}
    )
    done = run("check", lines(tmp_path / "t.jsonl", pair(hostile, id="\x1b[31mred", host="h\x1b[0m")), "-v")
    assert "\x1b" not in done.stdout
    assert "\x07" not in done.stdout
    assert "abcdefghijklmnop" not in done.stdout


def test_a_closed_pipe_is_no_fault_of_ours(tmp_path: Path) -> None:
    path = lines(tmp_path / "t.jsonl", *(pair(BAD_ANSWER) for _ in range(3000)))
    command = f'"{sys.executable}" -m chatcontract check "{path}" --format jsonl | head -1'
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, timeout=60, check=False)
    assert done.returncode == 0
    assert b"Traceback" not in done.stderr
    assert b"fault" not in done.stderr


@pytest.mark.parametrize("form", ["json", "html"])
def test_no_report_is_written_over_what_is_read(tmp_path: Path, form: str) -> None:
    traffic = lines(tmp_path / "t.jsonl", pair(RESPONSE))
    before = traffic.read_bytes()
    (tmp_path / "linked.jsonl").symlink_to(traffic)
    for path in (traffic, tmp_path / "linked.jsonl"):
        done = run("check", traffic, "--report", f"{form}={path}")
        assert done.returncode == 2
        assert "would be written over" in done.stderr
    assert traffic.read_bytes() == before


def test_a_report_on_standard_output_has_it_alone(tmp_path: Path) -> None:
    traffic = lines(tmp_path / "t.jsonl", pair(BAD_ANSWER))
    done = run("check", traffic, "--report", "json=-")
    assert json.loads(done.stdout)["summary"]["violations"]["error"] == 1
    assert "CC001 schema-mismatch" in done.stderr
    twice = run("check", traffic, "--report", "html=-", "--format", "json")
    assert (twice.returncode, twice.stdout) == (2, "")


def test_a_folder_that_cannot_be_made_is_no_fault_of_ours(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = run("audit", "demo", "--probe", "request-minimal", "--output", tmp_path / "file" / "inside")
    assert done.returncode == 3
    assert "cannot be made" in done.stderr


def test_an_output_that_cannot_hold_the_characters_still_works(tmp_path: Path) -> None:
    path = lines(tmp_path / "t.jsonl", pair(changed(RESPONSE, {"/choices/0/finish_reason": "日本"})))
    done = run("check", path, PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr


def test_quiet_says_nothing_when_all_is_well() -> None:
    assert run("check", "-q", RECORDINGS / "response.json").stdout == ""


def test_undocumented_members_are_silent_for_compatible_servers(tmp_path: Path) -> None:
    path = lines(tmp_path / "t.jsonl", pair(changed(RESPONSE, {"/vendor": {"a": 1}})))
    assert "CC004" in run("check", path).stdout
    assert "CC004" not in run("check", path, "--profile", "compatible").stdout


def test_the_own_recordings_are_judged_as_meant() -> None:
    good = json.loads(run("check", RECORDINGS / "reference.jsonl", "--format", "json").stdout)
    failed = {result["id"] for result in good["results"] if result["verdict"] != "passed"}
    assert failed == {"refused"}
    bad = json.loads(run("check", RECORDINGS / "careless-server.jsonl", "--format", "json").stdout)
    assert {result["verdict"] for result in bad["results"]} == {"failed"}


def test_spec_export_gives_a_document_that_loads_again(tmp_path: Path) -> None:
    for version in ("3.0", "3.1"):
        made = run("spec", "export", "--openapi", version).stdout
        (tmp_path / "exported.yaml").write_text(made)
        assert made.startswith(f"openapi: {version}")
        done = run("check", RECORDINGS / "response.json", "--spec", tmp_path / "exported.yaml")
        assert done.returncode == 0, done.stdout


def test_spec_show_lists_the_corrections_of_a_document(tmp_path: Path) -> None:
    answer = {"description": "", "content": {"application/json": {"schema": {"type": "string", "nullable": True}}}}
    document = {
        "openapi": "3.1.0",
        "info": {"title": "T", "version": "1"},
        "paths": {
            "/v1/chat/completions": {
                "post": {
                    "requestBody": {"content": {"application/json": {"schema": {"type": "object"}}}},
                    "responses": {"200": answer},
                }
            }
        },
    }
    (tmp_path / "d.json").write_text(json.dumps(document))
    shown = run("spec", "show", "--fixes", "--spec", tmp_path / "d.json").stdout
    assert "nullable-keyword (applied 1 times)" in shown
    assert "own-chunk-schema (applied 1 times)" in shown


def test_absent_members_of_an_era_are_information_only(tmp_path: Path) -> None:
    bare = changed(RESPONSE, {"/choices/0/message/refusal": GONE})
    done = run("check", lines(tmp_path / "t.jsonl", pair(bare)), "--format", "json")
    assert [v["severity"] for v in json.loads(done.stdout)["results"][0]["violations"]] == ["info"]


@pytest.mark.parametrize(("ci", "shown"), [("", True), ("true", False)])
def test_a_line_that_is_written_over_is_not_shown_in_ci(ci: str, shown: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("CI", ci)
    assert StatusLine(enabled=True).enabled is shown
