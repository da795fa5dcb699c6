"""`chatcontract report` and `diff`: reports read back from their JSON."""

import json
from pathlib import Path
from typing import Any

import pytest

from chatcontract.cli import main
from chatcontract.reports import RENDERERS

CARELESS = str(Path(__file__).parents[1] / "recordings" / "careless-server.jsonl")
Capture = pytest.CaptureFixture[str]


def checked(folder: Path, name: str, *traffic: str) -> Path:
    path = folder / name
    main(["check", *traffic, "--report", f"{path.suffix[1:]}={path}", "--fail-on", "never", "-q"])
    return path


def some(folder: Path, count: int) -> str:
    """The first records of the recording, in a file of their own."""
    path = folder / f"{count}.ndjson"
    path.write_text("".join(Path(CARELESS).read_text().splitlines(keepends=True)[:count]))
    return str(path)


@pytest.mark.parametrize("form", [name for name in RENDERERS if name != "html"])
@pytest.mark.parametrize("name", ["r.json", "r.jsonl"])
def test_a_report_shown_again_is_what_it_was(tmp_path: Path, name: str, form: str, capsys: Capture) -> None:
    path = checked(tmp_path, name, CARELESS)
    capsys.readouterr()
    assert main(["check", CARELESS, "--format", form]) == 1
    before = capsys.readouterr().out
    assert main(["report", str(path), "--format", form]) == 1
    assert capsys.readouterr().out == before


def test_an_audit_and_a_fuzzing_run_are_shown_as_such(tmp_path: Path, capsys: Capture) -> None:
    for command, told in (
        (["audit", "demo", "--probe", "request-minimal"], "robustness "),
        (["fuzz", "demo", "--max-requests", "3", "--mode", "positive"], "branches of requests "),
    ):
        path = tmp_path / f"{command[0]}.json"
        assert main([*command, "--report", f"json={path}"]) == 0
        before = capsys.readouterr().out
        assert main(["report", str(path)]) == 0
        assert capsys.readouterr().out == before
        assert told in before


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"schema_version": 1}', '{"schema_version": "2.0"}', '{"type": "result"}', "[" * 100_000, "\x00"],
)
def test_what_is_no_report_is_said_to_be_none(tmp_path: Path, text: str, capsys: Capture) -> None:
    (tmp_path / "r.json").write_text(text)
    assert main(["report", str(tmp_path / "r.json")]) == 3
    assert "no report of chatcontract" in capsys.readouterr().err


@pytest.mark.parametrize("member", ["results", "summary", "rules"])
def test_a_report_that_breaks_its_schema_is_no_fault_of_ours(tmp_path: Path, member: str, capsys: Capture) -> None:
    path = checked(tmp_path, "r.json", CARELESS)
    made = json.loads(path.read_text())
    made[member] = [1] if member == "results" else {}
    path.write_text(json.dumps(made))
    assert main(["report", str(path)]) in (1, 3)
    assert main(["diff", str(path), str(path)]) in (0, 3)
    assert "fault of chatcontract" not in capsys.readouterr().err


def test_no_control_character_of_a_report_reaches_the_terminal(tmp_path: Path, capsys: Capture) -> None:
    path = checked(tmp_path, "r.json", CARELESS)
    for member in ("part", "message", "name"):
        made = json.loads(path.read_text())
        made["results"][0]["violations"][0][member] = "\x1b[31mred"
        (tmp_path / "evil.json").write_text(json.dumps(made))
        for arguments in (["report", str(tmp_path / "evil.json")], ["diff", str(path), str(tmp_path / "evil.json")]):
            main(arguments)
            assert "\x1b" not in "".join(capsys.readouterr())


def test_the_difference_tells_what_is_new_and_gone(tmp_path: Path, capsys: Capture) -> None:
    few, all_of_them = checked(tmp_path, "few.json", some(tmp_path, 3)), checked(tmp_path, "all.json", CARELESS)
    capsys.readouterr()
    assert main(["diff", str(few), str(all_of_them)]) == 1
    shown = capsys.readouterr().out
    assert "error    CC601 done-missing" in shown.partition("\nnew\n")[2]
    assert shown.endswith("5 new, 0 gone, 6 in both\n")
    assert main(["diff", str(few), str(all_of_them), "--fail-on", "never"]) == 0
    assert main(["diff", str(all_of_them), str(few)]) == 0, "what is gone fails nobody"
    assert "CC601" in capsys.readouterr().out.partition("\ngone\n")[2]


def test_the_difference_names_changed_verdicts_and_scores(tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "a.json"
    assert main(["audit", "demo", "--section", "usage", "--report", f"json={path}", "-q"]) == 0
    worse: dict[str, Any] = json.loads(path.read_text())
    worse["results"][0]["verdict"] = "errored"
    worse["scores"]["coverage"]["passed"] -= 1
    (tmp_path / "b.json").write_text(json.dumps(worse))
    capsys.readouterr()
    assert main(["diff", str(path), str(tmp_path / "b.json"), "--format", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["verdicts"] == [{"id": worse["results"][0]["id"], "before": "passed", "after": "errored"}]
    assert list(told["scores"]) == ["coverage"]
    assert told["violations"]["new"] == []


def test_settings_hold_for_saved_reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = checked(tmp_path, "r.json", CARELESS)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "chatcontract.toml").write_text('fail-on = "never"\nformat = "html"\n')
    assert main(["report", str(path)]) == 0
    assert main(["report", str(path), "--fail-on", "error"]) == 1
    assert main(["diff", str(path), str(path)]) == 0
