"""Coverage mode reaches every branch of the document's request, and says what it leaves out and why."""

import json
from copy import deepcopy
from typing import Any

import pytest

from chatcontract import Contract, Severity
from chatcontract.generate import Branch, Coverage, coverage, covering, examples
from chatcontract.generate.planning import STRING_PART
from chatcontract.jsontext import ABSENT

LIMIT = 300
EVERYTHING = {"deprecated": True, "undocumented": True}
MINIMAL = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hi"}]}


def after(bodies: Any, counted: Coverage) -> Coverage:
    for body in bodies:
        counted.see(body)
    return counted


def test_every_branch_of_the_document_is_reached_within_three_hundred_requests() -> None:
    bodies = list(covering(**EVERYTHING))
    counted = after(bodies, Coverage())
    assert len(bodies) < LIMIT
    assert counted.unreached == ()
    assert counted.reached == counted.total == len(counted.ways) > 450


def test_what_the_usual_options_leave_out_has_a_reason() -> None:
    counted = after(covering(), coverage())
    assert counted.unreached == ()
    assert 0 < len(counted.excluded) < 40
    for reason in counted.excluded.values():
        assert "deprecated=True" in reason or "undocumented=True" in reason


@pytest.mark.parametrize("engine", ["jsonschema-rs", "jsonschema"])
def test_covering_requests_are_valid_for_both_engines(engine: Any) -> None:
    contract = Contract.load(engine=engine)
    for body in covering(**EVERYTHING):
        assert contract.is_valid_request(body)
        assert contract.check_request(body).errors == ()


def test_covering_requests_of_the_usual_options_are_valid_to_the_letter() -> None:
    contract = Contract.load(profile="strict")
    told = [found for body in covering() for found in contract.check_request(body) if found.severity != Severity.INFO]
    allowed = {"answer-schema-missing", "model-not-for-chat", "safety-identifier-long"}  # as the document has it
    assert {found.name for found in told} == allowed


@pytest.mark.parametrize(
    "options", [{"model": "o3"}, {"model": "gpt-audio"}, {"stream": True}, {"tools": False}], ids=str
)
def test_options_bind_coverage_mode_and_what_they_bar_is_excluded(options: dict[str, Any]) -> None:
    bodies, counted = list(covering(**options)), coverage(**options)
    for name in options.keys() - {"tools"}:
        assert {body.get(name) for body in bodies} == {options[name]}
    assert options.get("tools") is None or not any("tools" in body for body in bodies)
    assert after(bodies, counted).unreached == ()
    assert all(counted.excluded.values())


def test_covering_gives_the_same_requests_again_and_each_may_be_changed() -> None:
    first, second = list(covering()), list(covering())
    assert first == second
    first[0]["messages"].clear()
    assert list(covering()) == second


def test_a_branch_that_the_document_gains_is_counted_and_found_missing() -> None:
    document = deepcopy(dict(Contract.load().document))
    members = document["components"]["schemas"]["CreateChatCompletionRequest"]["properties"]
    members["mood"] = {"type": "string", "enum": ["calm", "wild"]}
    counted = after(covering(**EVERYTHING), Coverage(document))
    place = "#/components/schemas/CreateChatCompletionRequest/properties/mood"
    assert set(counted.unreached) == {
        Branch(place, "present"), Branch(f"{place}/enum/0", "value"), Branch(f"{place}/enum/1", "value"),
    }  # fmt: skip
    counted.see({**MINIMAL, "mood": "wild"})
    assert counted.unreached == (Branch(f"{place}/enum/0", "value"),)


def test_the_report_is_fit_for_json_and_counts_what_was_seen() -> None:
    counted = coverage()
    counted.see(MINIMAL)
    report = counted.report()
    assert report["reached"] + len(report["unreached"]) == report["total"]
    assert "#/components/schemas/CreateChatCompletionRequest/properties/tools (present)" in report["unreached"]
    assert "#/components/schemas/CreateChatCompletionRequest/properties/tools (absent)" not in report["unreached"]


def test_random_requests_reach_most_branches_by_themselves() -> None:
    counted = coverage()
    for _, body in zip(range(500), examples(seed=8), strict=False):
        counted.see(body)
    assert counted.reached > 0.75 * counted.total


def test_the_branch_that_is_known_by_its_place_is_where_the_document_has_it() -> None:
    assert Branch(STRING_PART, "branch") in Coverage().ways


@pytest.mark.parametrize("document", [{}, {"paths": {"/models": {}}}])
def test_a_document_without_the_operation_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="no request of /chat/completions"):
        Coverage(document)


@pytest.mark.parametrize("body", [None, [], 7, "x", {"messages": 5}, {"messages": [None, {"role": []}]}])
def test_what_is_no_request_can_be_counted_too(body: Any) -> None:
    counted = Coverage()
    counted.see(body)
    assert counted.reached < counted.total


@pytest.mark.parametrize("name", ["image_url", "custom", "file", "input_audio", "system", "refusal"])
def test_what_must_not_occur_is_in_no_covering_request(name: str) -> None:
    bodies = list(covering(without={name}, undocumented=True))
    assert bodies
    assert f'"type": "{name}"' not in json.dumps(bodies)
    assert f'"role": "{name}"' not in json.dumps(bodies)
    assert after(bodies, coverage(without={name}, undocumented=True)).unreached == ()


def test_requests_with_tools_ask_for_two_calls_also_where_none_or_one_may_be_made() -> None:
    asking = [body for body in covering() if "twice" in str(body["messages"][-1].get("content"))]
    assert any(body.get("tool_choice") == "none" for body in asking)
    assert any(body.get("parallel_tool_calls") is False for body in asking)
    assert all(body["tools"] and body.get("tool_choice") != "required" for body in asking)
    assert any(body.get("tool_choice") == "required" for body in covering())


def test_what_is_no_json_takes_no_branch() -> None:
    counted = coverage()
    counted.see(ABSENT)
    counted.see({"model": ABSENT, "messages": ABSENT})
    assert counted.reached < 50
