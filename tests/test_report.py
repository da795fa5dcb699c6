"""The canonical report: its schema, its round trip, and the text made from it."""

import io
import json
from pathlib import Path

import jsonschema
from hypothesis import given
from hypothesis import strategies as st

from chatcontract import Contract, Exchange, Request, Response, rules
from chatcontract.model import Basis, Part, Result, Severity, Verdict, Violation, Violations
from chatcontract.report import Collector, result_json
from chatcontract.reports import json_, terminal
from chatcontract.runner import Run, spec_json

SCHEMA = json.loads((Path(__file__).parents[1] / "docs" / "report.schema.json").read_text())
HEAD = {"tool": {"name": "chatcontract", "version": "0"}, "profile": "openai", "target": None}

violations = st.builds(
    Violation, st.just("CC001"), st.just("schema-mismatch"), st.sampled_from(Severity),
    st.sampled_from(Basis), st.sampled_from(Part), st.text(max_size=30), st.text(max_size=60),
    st.none() | st.integers(0, 9),
    st.text(max_size=20), st.text(max_size=20),
)  # fmt: skip
results = st.builds(
    Result, st.text(max_size=10), st.sampled_from(Verdict), st.lists(violations, max_size=4).map(Violations),
    st.text(max_size=10), provider=st.text(max_size=5), host=st.text(max_size=5),
    error=st.none() | st.text(max_size=9), probe=st.none() | st.text(max_size=9),
    elapsed=st.none() | st.floats(0, 1e6),
)  # fmt: skip


def collected(found: list[Result]) -> dict[str, object]:
    contract = Contract.load()
    collector = Collector({**HEAD, "spec": spec_json(contract)}, rules.get)
    for result in found:
        collector.add(result)
    return collector.report(sources=[])


@given(st.lists(results, max_size=6))
def test_every_report_satisfies_its_schema_survives_json_and_can_be_shown(found: list[Result]) -> None:
    report = collected(found)
    out = io.StringIO()
    json_.render(report, out)
    assert json.loads(out.getvalue()) == report
    jsonschema.Draft202012Validator(SCHEMA).validate(report)
    shown = io.StringIO()
    terminal.render(report, shown, verbose=True)
    assert not set(map(chr, [*range(9), *range(11, 32), *range(127, 160)])) & set(shown.getvalue())


def test_the_schema_names_the_verdicts_severities_and_bases_that_there_are() -> None:
    definitions = SCHEMA["$defs"]
    assert definitions["severity"]["enum"] == [severity.value for severity in Severity]
    assert definitions["basis"]["enum"] == [basis.value for basis in Basis]
    assert definitions["result"]["properties"]["verdict"]["enum"] == [verdict.value for verdict in Verdict]
    assert definitions["violation"]["properties"]["part"]["enum"] == [part.value for part in Part]


def test_the_summary_counts_by_rule_side_and_target() -> None:
    contract = Contract.load()
    bad = Exchange("1", Request(body=b"{}"), Response(200, (), b'{"object": 1}'), provider="someone")
    collector = Collector({**HEAD, "spec": spec_json(contract)}, rules.get)
    run = Run(contract, collector)
    from chatcontract.recording import Recorded

    collector.add(run.result(Recorded(Part.EXCHANGE, bad, "bare pair")))
    summary = collector.summary()
    assert summary["results"]["failed"] == 1
    assert summary["rules"]["CC001"]["results"] == 1
    assert summary["sides"]["client"] == 2
    assert summary["targets"]["someone"]["error"] == summary["violations"]["error"]


def test_the_same_violation_in_many_exchanges_is_one_block() -> None:
    violation = Contract.load().check_request({"model": "m", "messages": [{"role": "x"}]})[0]
    moved = violation._replace(pointer="/messages/7/role")
    many = [Result(str(n), Verdict.FAILED, Violations([violation, moved])) for n in range(5)]
    out = io.StringIO()
    terminal.render(collected(many), out)
    assert out.getvalue().count("what  ") == 1
    assert "0, 1, 2 and 2 more; 10 times" in out.getvalue()


def test_a_result_tells_side_and_fingerprint() -> None:
    violation = Contract.load().check_request({"model": "m", "messages": [{"role": "x"}]})[0]
    made = result_json(Result("1", Verdict.FAILED, Violations([violation])))["violations"][0]
    assert made["side"] == "client"
    assert made["fingerprint"] == "CC001:request:/messages/*/role"
