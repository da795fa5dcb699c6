"""The rules as pages, in the terminal and in docs/."""

import json
from pathlib import Path

import pytest

from chatcontract import Contract, catalogue
from chatcontract.cli import main
from chatcontract.model import SECTIONS, Rule, Severity
from chatcontract.pointer import resolve, split
from chatcontract.rules import load

DOCS = Path(__file__).parents[1] / "docs"


def test_every_generated_page_is_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["docs", "--check", "--folder", str(DOCS)]) == 0, capsys.readouterr().err


def test_pages_are_written_where_they_are_missing(tmp_path: Path) -> None:
    assert main(["docs", "--folder", str(tmp_path), "--check"]) == 1
    assert main(["docs", "--folder", str(tmp_path)]) == 0
    assert main(["docs", "--folder", str(tmp_path), "--check"]) == 0
    assert {path.stem for path in (tmp_path / "rules").iterdir()} == {"README", *SECTIONS.values()}


@pytest.mark.parametrize("rule", load(), ids=lambda rule: rule.code)
def test_every_rule_is_anchored_in_the_document_and_named_well(rule: Rule) -> None:
    resolve(Contract.load().document, split(rule.anchor.removeprefix("#")))
    assert rule.section in catalogue.TITLES
    assert rule.name == rule.name.lower().replace("_", "-")
    assert len(rule.summary) <= 120
    assert isinstance(rule.severity, Severity)


@pytest.mark.parametrize("word", ["CC501", "cc501", "usage-total-mismatch"])
def test_explain_takes_code_and_name(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", word]) == 0
    shown = capsys.readouterr().out
    for part in (
        "Why it matters",
        "Known exceptions",
        "Example that fails",
        "Example that passes",
        "How to silence it",
    ):
        assert part in shown
    assert "source: <https://" in shown


def test_explain_suggests_a_near_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "usage-totl-mismatch"]) == 2
    assert "usage-total-mismatch" in capsys.readouterr().err


def test_rules_lists_a_section_also_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rules", "--section", "usage"]) == 0
    assert "CC501" in capsys.readouterr().out
    assert main(["rules", "--section", "usage", "--format", "json"]) == 0
    assert {rule["section"] for rule in json.loads(capsys.readouterr().out).values()} == {"usage"}


def test_the_coverage_page_names_every_component() -> None:
    text = (DOCS / "coverage.md").read_text()
    for name in Contract.load().document["components"]["schemas"]:
        assert f"## {name}\n" in text
