"""JUnit XML: one case a result; what failed, what could not run and what was left out stay apart."""

import xml.etree.ElementTree as ET
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

Write = Callable[..., str]


def cases(text: str) -> dict[str, ET.Element]:
    return {case.get("name") or "": case for case in ET.fromstring(text.encode()).iter("testcase")}


def test_an_audit_has_a_case_for_each_probe_under_its_section(audit_report: dict[str, Any], written: Write) -> None:
    found = cases(written("junit", audit_report))
    assert set(found) == set(audit_report["probes"])
    assert found["arguments-object"].get("classname") == "chatcontract.shape"
    assert found["arguments-object"].get("time") == "0.200"


@pytest.mark.parametrize(
    ("name", "element", "says"),
    [
        ("odd-answer", "failure", "CC001 schema-mismatch: expected one of"),
        ("stream-abort-is-survived", "error", "The connection was reset after 3 chunks"),
        ("auth-wrong-key", "skipped", "skipped: No key is in use"),
        ("stop-at-chunk-border", "skipped", "inconclusive: The model ended by itself"),
    ],
)
def test_failure_error_and_skipped_are_kept_apart(
    name: str, element: str, says: str, audit_report: dict[str, Any], written: Write
) -> None:
    case = cases(written("junit", audit_report))[name]
    verdicts = [child for child in case if child.tag in ("failure", "error", "skipped")]
    assert [child.tag for child in verdicts] == [element]
    assert (verdicts[0].get("message") or "").startswith(says)


def test_a_passed_case_has_neither_but_may_have_notes(audit_report: dict[str, Any], written: Write) -> None:
    case = cases(written("junit", audit_report))["text"]
    assert {child.tag for child in case} <= {"system-out"}


def test_a_failure_tells_place_value_hint_command_and_source(audit_report: dict[str, Any], written: Write) -> None:
    failure = cases(written("junit", audit_report))["odd-answer"].find("failure")
    assert failure is not None
    for part in (
        "response /choices/0/finish_reason",
        'value "eos"',
        "divide by 1000",
        "$OPENAI_API_KEY",
        "see   https",
    ):
        assert part in (failure.text or "")


def test_the_counts_of_suites_add_up_to_those_of_the_whole(audit_report: dict[str, Any], written: Write) -> None:
    root = ET.fromstring(written("junit", audit_report).encode())
    for name, wanted in (("tests", 16), ("failures", 7), ("errors", 1), ("skipped", 3)):
        assert int(root.get(name) or 0) == sum(int(suite.get(name) or 0) for suite in root) == wanted


def test_a_check_has_a_case_for_each_record_under_its_host(check_report: dict[str, Any], written: Write) -> None:
    found = cases(written("junit", check_report))
    assert len(found) == 14
    assert found["odd-answer"].get("classname") == "chatcontract.check.llm_example_net"
    assert (found["odd-answer"].get("file") or "").endswith("careless-server.jsonl:2")


@settings(
    max_examples=40, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(data=st.data())
def test_it_is_xml_whatever_a_server_answered(
    data: st.DataObject,
    audit_report: dict[str, Any],
    check_report: dict[str, Any],
    poison: Any,
    written: Write,
) -> None:
    report = poison(data, data.draw(st.sampled_from([audit_report, check_report])))
    root = ET.fromstring(written("junit", report).encode())
    assert len(list(root.iter("testcase"))) == len(report["results"])
    assert {element.tag for element in root.iter()} <= {
        "testsuites", "testsuite", "testcase", "failure", "error", "skipped", "system-out"
    }  # fmt: skip
