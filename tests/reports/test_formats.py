"""Every format by the command line, and what importing them costs."""

import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from chatcontract.reports import AUDIT_RENDERERS, RENDERERS, parse, renderer
from chatcontract.server import running

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "report.schema.json").read_text(encoding="utf-8"))
RECORDINGS = Path(__file__).parents[2] / "recordings"
MAIN = "import sys; from chatcontract.cli import main; sys.exit(main(sys.argv[1:]))"
WITHOUT = f"import sys; sys.modules['jinja2'] = None; {MAIN}"


def python(code: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, encoding="utf-8")


def check(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return python(MAIN, "check", *arguments)


@pytest.mark.parametrize("table", [RENDERERS, AUDIT_RENDERERS], ids=["check", "audit"])
def test_every_format_has_a_function(table: dict[str, str]) -> None:
    assert all(callable(renderer(name, table)) for name in table)


def test_one_run_writes_all_formats(tmp_path: Path) -> None:
    reports = [part for name in RENDERERS for part in ("--report", f"{name}={tmp_path / name}")]
    done = check(RECORDINGS / "careless-server.jsonl", *reports, "--fail-on", "never")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "text").read_text(encoding="utf-8") == done.stdout
    report = json.loads((tmp_path / "json").read_text(encoding="utf-8"))
    lines = [json.loads(line) for line in (tmp_path / "jsonl").read_text(encoding="utf-8").splitlines()]
    assert [line["id"] for line in lines[:-1]] == [result["id"] for result in report["results"]]
    assert lines[-1]["type"] == "report"
    assert ET.fromstring((tmp_path / "junit").read_bytes()).get("tests") == "6"
    assert (tmp_path / "markdown").read_text(encoding="utf-8").startswith("# chatcontract: check of recorded traffic")
    assert (tmp_path / "html").read_text(encoding="utf-8").startswith("<!doctype html>")


def test_the_report_of_a_real_audit_keeps_to_the_schema_and_is_written_in_all_formats(tmp_path: Path) -> None:
    reports = [part for name in RENDERERS for part in ("--report", f"{name}={tmp_path / name}")]
    with running(faults=("created-in-milliseconds", "done-missing")) as server:
        done = python(MAIN, "audit", server.url, "--section", "stream", "--section", "http", *reports)
    assert done.returncode == 1, done.stderr
    report = json.loads((tmp_path / "json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(SCHEMA).validate(report)
    page = (tmp_path / "html").read_text(encoding="utf-8")
    assert "&#34;created&#34;: 1" in page.split("<mark>", 1)[1]
    assert page.count('class="result"') == len(report["results"])
    assert len(list(ET.fromstring((tmp_path / "junit").read_bytes()).iter("testcase"))) == len(report["results"])
    assert "CC601 done-missing" in (tmp_path / "markdown").read_text(encoding="utf-8")


def bare(value: Any, schema: dict[str, Any]) -> Any:
    """The value with nothing but the members that the schema requires."""
    schema = SCHEMA["$defs"][schema["$ref"].rsplit("/", 1)[1]] if "$ref" in schema else schema
    inner = schema.get("properties", {})
    if isinstance(value, dict) and inner:
        return {name: bare(value[name], inner.get(name, {})) for name in schema.get("required", ())}
    if isinstance(value, dict):
        return {name: bare(item, schema.get("additionalProperties", {})) for name, item in value.items()}
    return [bare(item, schema.get("items", {})) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("form", sorted(RENDERERS))
@pytest.mark.parametrize("extra", [{}, {"probes": {}, "target": "http://a/v1"}], ids=["check", "audit"])
def test_a_report_with_required_members_alone_is_written_in_every_format(
    form: str, extra: dict[str, Any], check_report: dict[str, Any], written: Callable[..., str]
) -> None:
    report = bare(check_report, SCHEMA) | extra
    jsonschema.Draft202012Validator(SCHEMA).validate(report)
    assert "CC301" in written(form, report)


@pytest.mark.parametrize("kind", ["audit_report", "check_report"])
def test_the_reports_of_these_tests_keep_to_the_schema(kind: str, request: pytest.FixtureRequest) -> None:
    jsonschema.Draft202012Validator(SCHEMA).validate(request.getfixturevalue(kind))


@pytest.mark.parametrize("form", sorted(RENDERERS))
def test_every_format_goes_to_standard_output(form: str) -> None:
    done = check(RECORDINGS / "careless-server.jsonl", "--format", form, "--fail-on", "never")
    assert done.returncode == 0, done.stderr
    assert "CC301" in done.stdout


def test_a_page_without_its_package_says_what_to_install_before_anything_is_checked(tmp_path: Path) -> None:
    done = python(WITHOUT, "check", RECORDINGS / "response.json", "--report", f"html={tmp_path / 'page.html'}")
    assert done.returncode == 2
    assert done.stdout == ""
    assert "pip install 'chatcontract[page]'" in done.stderr
    assert not (tmp_path / "page.html").exists()


def test_text_does_not_import_what_pages_and_xml_need() -> None:
    code = (
        "import sys; from chatcontract.cli import main; main(sys.argv[1:]); "
        "heavy = ('jinja2', 'xml', 'chatcontract.page', 'chatcontract.evidence', 'chatcontract.spans'); "
        "print([name for name in heavy if name in sys.modules])"
    )
    assert python(code, "check", RECORDINGS / "response.json").stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("value", ["html", "html=", "=x", "pdf=x"])
def test_what_is_not_format_and_path_is_refused_with_the_formats(value: str) -> None:
    with pytest.raises(
        ValueError, match="is not FORMAT=PATH with a FORMAT of text, json, jsonl, junit, markdown, html"
    ):
        parse(value)
