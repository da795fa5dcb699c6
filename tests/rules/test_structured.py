"""Structured output: content held against the asked format, whole or streamed."""

import json
from functools import cache
from typing import Any

import pytest

from chatcontract import Contract
from chatcontract.examples import CALL, REQUEST, RESPONSE, chunk
from chatcontract.model import Severity

JSON = Any
SCHEMA = {
    "type": "object",
    "properties": {"sum": {"type": "integer"}, "why": {"type": ["string", "null"]}},
    "required": ["sum", "why"],
    "additionalProperties": False,
}
JSON_OBJECT = {"type": "json_object"}


@cache
def contract() -> Contract:
    return Contract.load()


def by_schema(strict: JSON = True, schema: JSON = SCHEMA) -> JSON:
    return {"type": "json_schema", "json_schema": {"name": "a", "schema": schema, "strict": strict}}


def answer(*contents: JSON, finish: str = "stop", **members: JSON) -> JSON:
    choices = [
        {
            "index": at,
            "message": {"role": "assistant", "content": content, "refusal": None, **members},
            "logprobs": None,
            "finish_reason": finish,
        }
        for at, content in enumerate(contents)
    ]
    return {**RESPONSE, "choices": choices}


def found(response: JSON, wanted: JSON) -> list[tuple[str, Severity, str]]:
    request = {**REQUEST, "n": len(response["choices"]), "response_format": wanted}
    violations = contract().check_response(response, request)
    return [(v.rule, v.severity, v.pointer) for v in violations if v.rule.startswith("CC8")]


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        ("Four.", "CC801"), ("", "CC801"), ('{"sum": 4', "CC801"), ("{'sum': 4}", "CC801"), ("NaN", "CC801"),
        ('```json\n{"sum": 4}\n```', "CC802"), ('```\n[1]\n```\n', "CC802"), ('Sure! {"sum": 4}', "CC802"),
        ('{"sum": 4} Hope it helps.', "CC802"), ("[4]", "CC803"),
    ],
)  # fmt: skip
def test_every_fault_has_its_rule(content: str, rule: str) -> None:
    assert [code for code, _, _ in found(answer(content), JSON_OBJECT)] == [rule]


def test_each_choice_is_judged() -> None:
    places = [place for _, _, place in found(answer("{}", "no", "{}", "no"), JSON_OBJECT)]
    assert places == ["/choices/1/message/content", "/choices/3/message/content"]


@pytest.mark.parametrize(
    "response",
    [
        answer('{"su', finish="length"),
        answer('{"su', finish="content_filter"),
        answer("Let me look.", finish="tool_calls", tool_calls=[CALL]),
        answer("Let me look.", tool_calls=[CALL]),
        answer(None, refusal="No."),
        answer("No.", refusal="No."),
        answer(None),
        answer([{"type": "text", "text": "x"}]),
    ],
)
def test_what_is_cut_refused_or_a_call_is_exempt(response: JSON) -> None:
    assert found(response, JSON_OBJECT) == []
    assert found(response, by_schema()) == []


@pytest.mark.parametrize("wanted", [None, {"type": "text"}, {"type": "json"}, "json_object", {}, []])
def test_without_a_format_nothing_is_judged(wanted: JSON) -> None:
    assert found(answer("Four."), wanted) == []


@pytest.mark.parametrize(
    ("strict", "severity"), [(True, Severity.ERROR), (None, Severity.WARNING), (False, Severity.WARNING)]
)
def test_a_schema_that_is_not_strict_is_a_hint(strict: JSON, severity: Severity) -> None:
    assert [(code, s) for code, s, _ in found(answer("Four."), by_schema(strict))] == [("CC801", severity)]
    wrong = json.dumps({"sum": "4", "why": None})
    assert [(code, s) for code, s, _ in found(answer(wrong), by_schema(strict))] == [("CC804", severity)]


def test_every_breach_of_the_schema_is_named_with_its_place() -> None:
    request = {**REQUEST, "response_format": by_schema()}
    response = answer(json.dumps({"sum": "4", "more": 1}))
    violations = contract().check_response(response, request)
    assert sorted(v.message for v in violations if v.rule == "CC804") == [
        'at "/sum" breaks "type" (["integer"])',
        'breaks "additionalProperties" (["more"])',
        'breaks "required" ("why")',
    ]


def test_a_schema_that_is_no_schema_accuses_no_answer() -> None:
    assert found(answer("{}"), by_schema(schema={"type": "objekt"})) == []
    assert found(answer("{}"), by_schema(schema={"$ref": "https://example.com/a"})) == []


def test_a_stream_is_judged_as_the_answer_that_it_adds_up_to() -> None:
    pieces = [
        chunk({"role": "assistant", "content": ""}),
        chunk({"content": '{"sum": '}),
        chunk({"content": '"4"}'}),
    ]
    request = {**REQUEST, "stream": True, "response_format": by_schema()}
    violations = contract().check_stream([*pieces, chunk(finish="stop"), "[DONE]"], request)
    assert [(v.rule, v.pointer) for v in violations.errors] == [("CC804", "/choices/0/message/content")] * 2


def test_content_of_a_megabyte_is_judged_in_time() -> None:
    content = json.dumps({"sum": 4, "why": "x" * 2**20})
    assert found(answer(content), by_schema()) == []
    assert [code for code, _, _ in found(answer("{" * 2**20), by_schema())] == ["CC801"]
