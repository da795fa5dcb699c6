"""Runs of any length: what is shown and written does not depend on where the results are kept."""

import json
from pathlib import Path

import pytest

from chatcontract import report
from chatcontract.cli import main
from chatcontract.digest import grouped
from chatcontract.report import Results

RECORDINGS = Path(__file__).parents[1] / "recordings"


def checked(folder: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[str, dict[str, str]]:
    """Standard output, and the reports by their format."""
    forms = ("json", "jsonl", "junit", "markdown")
    wanted = [f"--report={form}={folder}/{form}" for form in forms]
    names = [str(RECORDINGS / f"{name}.jsonl") for name in ("careless-server", "reference")]
    assert main(["check", "--config", "none", *arguments, *wanted, *names]) == 1
    return capsys.readouterr().out, {form: (folder / form).read_text() for form in forms}


def test_results_beyond_the_bound_give_the_same_text_and_the_same_reports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    in_memory = checked(tmp_path, capsys, "-v")
    monkeypatch.setattr(report, "MAX_KEPT", 2)
    on_disk = checked(tmp_path, capsys, "-v")
    assert on_disk == in_memory
    assert len(json.loads(on_disk[1]["json"])["results"]) == 12


def test_results_are_read_as_often_as_needed_also_while_they_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "MAX_KEPT", 3)
    results, wanted = Results(), [{"id": f"{n}\ud800", "violations": []} for n in range(10)]
    for result in wanted:
        results.append(result)
    assert [(one, other) for one in results for other in results] == [
        (one, other) for one in wanted for other in wanted
    ]
    assert len(results) == 10
    assert results.value() is results


def test_a_group_counts_all_results_and_names_a_bounded_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chatcontract.digest.MAX_NAMES", 4)
    violation = {"rule": "CC001", "severity": "error", "fingerprint": "f", "message": "m"}
    (group,) = grouped({"id": str(n), "host": "h", "violations": [violation] * 2} for n in range(10))
    assert (group.names, group.results, group.times, group.whom["h"]) == (["0", "1", "2", "3"], 10, 20, 20)


def test_what_is_beside_chat_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    path = str(RECORDINGS / "formats" / "chromium.har")
    assert main(["check", "--config", "none", "--fail-on", "never", path]) == 0
    assert "3 × HAR entry; beside: 1 × GET 127.0.0.1:8799/v1/models" in capsys.readouterr().out
    assert main(["check", "--config", "none", "--fail-on", "never", "--format", "json", path]) == 0
    (source,) = json.loads(capsys.readouterr().out)["sources"]
    assert source["passed_over"] == {"GET 127.0.0.1:8799/v1/models": 1}
