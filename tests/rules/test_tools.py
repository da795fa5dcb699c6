"""Tool calls (CC4): cases beyond the rules' own examples."""

import json
from typing import Any

import pytest

from chatcontract import Contract
from chatcontract.examples import CALL, REQUEST, TOOL, Changes, chunk, response
from chatcontract.model import Severity, Violation

CONTRACT = Contract.load(select=["CC4"])
CALLS = "/choices/0/message/tool_calls"
CUSTOM = {"id": "call_2", "type": "custom", "custom": {"name": "run", "input": "{"}}
RUN = {"type": "custom", "custom": {"name": "run"}}


def call(name: str = "get_weather", arguments: Any = "{}", ident: str = "call_1") -> dict[str, Any]:
    return {"id": ident, "type": "function", "function": {"name": name, "arguments": arguments}}


def tool(parameters: Any, strict: bool | None = None, name: str = "get_weather") -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "parameters": parameters, "strict": strict}}


def violations(calls: list[Any], request: Changes | None = None, finish: str = "tool_calls") -> list[Violation]:
    changes = {"/choices/0/message/content": None, CALLS: calls, "/choices/0/finish_reason": finish}
    return list(CONTRACT.check(response(changes, request=request).exchange()))


def found(calls: list[Any], request: Changes | None = None, finish: str = "tool_calls") -> dict[str, list[str]]:
    """Pointers by name of rule."""
    pointers: dict[str, list[str]] = {}
    for violation in violations(calls, request, finish):
        pointers.setdefault(violation.name, []).append(violation.pointer)
    return pointers


def test_a_good_call_gives_nothing() -> None:
    assert not found([CALL], {"/tools": [TOOL]})


def test_every_repeated_id_is_named_in_the_third_call_too() -> None:
    calls = [call(ident="a"), call(ident="b"), call(ident="a"), call(ident="a"), call(ident="")]
    names = found(calls)
    assert names["tool-call-id-duplicate"] == [f"{CALLS}/2/id", f"{CALLS}/3/id"]
    assert names["tool-call-id-empty"] == [f"{CALLS}/4/id"]


def test_an_id_of_another_choice_may_be_the_same() -> None:
    second = {"index": 1, "message": {"role": "assistant", "content": None, "tool_calls": [CALL]}}
    changes = {CALLS: [CALL], "/choices/-": second}
    names = {violation.name for violation in CONTRACT.check(response(changes).exchange())}
    assert "tool-call-id-duplicate" not in names


@pytest.mark.parametrize(
    "odd", [None, 7, "text", [], {}, {"id": 7}, {"id": "a", "function": None}, {"custom": [], "function": 7}]
)
def test_calls_of_another_shape_are_left_to_the_schema(odd: Any) -> None:
    assert not found([odd], {"/tools": [TOOL]})


def test_tools_and_functions_offered_together_are_one_offer() -> None:
    request = {"/tools": [TOOL], "/functions": [{"name": "get_time"}]}
    assert "tool-not-offered" not in found([call("get_time", ident="b")], request)


def test_a_call_where_nothing_is_offered_is_said_to_be_one() -> None:
    exchange = response({"/choices/0/message/tool_calls": [call("get_time", ident="b")]}, request={}).exchange()
    told = next(v.message for v in CONTRACT.check(exchange) if v.name == "tool-not-offered")
    assert told == 'expected no call, as none is offered, got "get_time"'


def test_a_tool_of_another_kind_is_named_at_the_call() -> None:
    assert found([{**CUSTOM, "custom": {"name": "get_weather", "input": ""}}], {"/tools": [TOOL]})[
        "tool-not-offered"
    ] == [f"{CALLS}/0"]


def test_the_function_call_of_old_is_held_against_functions() -> None:
    changes = {
        "/choices/0/message/function_call": {"name": "get_time", "arguments": "["},
        "/choices/0/finish_reason": "function_call",
    }
    request = {"/functions": [TOOL["function"]]}
    names = {v.name: v.pointer for v in CONTRACT.check(response(changes, request=request).exchange())}
    assert names == {
        "tool-not-offered": "/choices/0/message/function_call/name",
        "arguments-not-json": "/choices/0/message/function_call/arguments",
    }


@pytest.mark.parametrize("name", ["a b", "ns.tool", "ä", "x" * 65, "get_weather\n", "functions.get_weather:0"])
def test_names_that_no_request_may_have_are_unusable(name: str) -> None:
    assert "tool-name-unusable" in found([call(name)])


def test_a_custom_tool_may_have_any_name_and_input() -> None:
    assert list(found([{**CUSTOM, "custom": {"name": "a b", "input": "{"}}])) == ["custom-tool-called"]


@pytest.mark.parametrize(
    ("tool_choice", "name"),
    [
        ("none", "tool-called-despite-none"),
        ({"type": "function", "function": {"name": "get_time"}}, "other-tool-than-named"),
        ({"type": "custom", "custom": {"name": "run"}}, "other-tool-than-named"),
        ({"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [RUN]}}, "tool-not-allowed"),
        (
            {
                "type": "allowed_tools",
                "allowed_tools": {"mode": "required", "tools": [{"type": "function", "name": "get_time"}]},
            },
            "tool-not-allowed",
        ),
    ],
)
def test_a_tool_choice_that_was_not_kept_is_named(tool_choice: Any, name: str) -> None:
    request = {"/tools": [TOOL, tool({}, name="get_time"), RUN], "/tool_choice": tool_choice}
    assert name in found([call(arguments='{"city": "Bonn"}')], request)


@pytest.mark.parametrize("tool_choice", ["auto", "any", None, "required", {}, {"type": "function"}, 7, [], "NONE"])
def test_tool_choices_that_were_kept_or_say_nothing_pass(tool_choice: Any) -> None:
    assert not found([CALL], {"/tools": [TOOL], "/tool_choice": tool_choice})


@pytest.mark.parametrize("finish", ["length", "content_filter", None])
def test_a_forced_call_is_not_missed_in_an_answer_that_was_cut(finish: str | None) -> None:
    changes = {"/choices/0/finish_reason": finish}
    request = {"/tools": [TOOL], "/tool_choice": "required"}
    assert not [v for v in CONTRACT.check(response(changes, request=request).exchange()) if v.rule == "CC412"]


def test_a_function_call_that_the_older_parameter_forces_is_missed() -> None:
    request = {"/functions": [TOOL["function"]], "/function_call": {"name": "get_weather"}}
    assert [v.rule for v in CONTRACT.check(response({}, request=request).exchange())] == ["CC412"]


def test_parallel_calls_are_counted_in_each_choice() -> None:
    request = {"/tools": [TOOL, RUN], "/parallel_tool_calls": False}
    assert found([CALL, CUSTOM], request)["parallel-calls-despite-false"] == [CALLS]


@pytest.mark.parametrize(
    "text", ["", " ", "{", "None", "{'a': 1}", "{}{}", '{"a": NaN}', "[" * 5000, "```json\n{}\n```"]
)
def test_what_is_not_json_is_told_as_that_alone(text: str) -> None:
    assert list(found([call(arguments=text)])) == ["arguments-not-json"]


@pytest.mark.parametrize("text", ['"{}"', "[]", "null", "1", "true"])
def test_what_is_json_but_no_object_is_told_as_that_alone(text: str) -> None:
    assert list(found([call(arguments=text)])) == ["arguments-not-an-object"]


@pytest.mark.parametrize("value", [None, {}, {"city": "Bonn"}, 7, []])
def test_arguments_that_are_no_text_are_left_to_the_schema(value: Any) -> None:
    assert not found([call(arguments=value)])


@pytest.mark.parametrize("finish", ["length", "content_filter"])
def test_arguments_that_were_cut_are_not_judged(finish: str) -> None:
    assert not found([call(arguments='{"city": "Bo')], {"/tools": [TOOL]}, finish)


@pytest.mark.parametrize(
    ("strict", "expected"), [(True, Severity.ERROR), (False, Severity.WARNING), (None, Severity.WARNING)]
)
@pytest.mark.parametrize("text", ["{", "[]", '{"city": 1}'])
def test_strict_makes_an_error_of_what_is_a_warning_else(text: str, strict: bool | None, expected: Severity) -> None:
    parameters = TOOL["function"]["parameters"]
    request = {"/tools": [tool(parameters, strict)]}
    assert [v.severity for v in violations([call(arguments=text)], request)] == [expected]


def test_every_mismatch_is_told_with_its_place() -> None:
    parameters = {
        "type": "object",
        "properties": {"a": {"type": "integer"}, "b": {"type": "array", "items": {"$ref": "#/$defs/c"}}},
        "$defs": {"c": {"enum": ["x", "y"]}},
    }
    arguments = json.dumps({"a": "1", "b": ["x", "z"]})
    messages = [v.message for v in violations([call(arguments=arguments)], {"/tools": [tool(parameters)]})]
    assert len(messages) == 2
    assert any('"/a"' in message for message in messages)
    assert any('"/b/1"' in message for message in messages)


@pytest.mark.parametrize(
    "parameters",
    [
        None,
        7,
        {},
        {"type": "nonsense"},
        {"$ref": "https://example.org/schema.json"},
        {"$ref": "#"},
        {"properties": {"city": {"pattern": "("}}},
    ],
)
def test_parameters_that_cannot_be_used_judge_nothing(parameters: Any) -> None:
    assert not found([CALL], {"/tools": [tool(parameters, strict=True)]})


def test_calls_of_a_stream_are_judged_by_what_they_add_up_to() -> None:
    def piece(**function: str) -> dict[str, Any]:
        return {"index": 0, "function": function}

    first = {**piece(name="get_weather", arguments='{"ci'), "id": "a", "type": "function"}
    chunks = [
        chunk({"role": "assistant", "tool_calls": [first]}),
        chunk({"tool_calls": [piece(arguments='ty": 7}')]}),
        chunk(finish="tool_calls"),
        "[DONE]",
    ]
    request = {**REQUEST, "stream": True, "tools": [TOOL]}
    assert [v.name for v in CONTRACT.check_stream(chunks, request=request)] == ["arguments-mismatch"]


def steered(definition: Any, text: Any, syntax: str = "regex", finish: str = "tool_calls") -> bool:
    form = {"type": "grammar", "grammar": {"syntax": syntax, "definition": definition}}
    request = {"/tools": [{"type": "custom", "custom": {"name": "run", "format": form}}]}
    custom = {"id": "call_2", "type": "custom", "custom": {"name": "run", "input": text}}
    return "custom-input-breaks-grammar" in found([custom], request, finish)


@pytest.mark.parametrize(
    ("definition", "text", "breaks"),
    [
        ("a|b", "b", False),
        ("a|b", "bc", True),
        ("[a-z]+", "abc\n", True),
        ("(?s).+", "a\nb", False),
        (r"\d+", "٣", False),
        (r"\d+", "a", True),
        ("(?=a)b", "c", False),
        ("(", "c", False),
        ("(a+)+", "a" * 5000 + "b", True),
        (None, "c", False),
        ("a", None, False),
    ],
)
def test_the_input_of_a_custom_tool_is_held_against_its_expression(definition: Any, text: Any, breaks: bool) -> None:
    assert steered(definition, text) is breaks
    assert not steered(definition, text, syntax="lark")
    assert not steered(definition, text, finish="length")


def test_an_input_with_half_of_a_surrogate_pair_is_not_held_against_a_grammar() -> None:
    grammar = {"type": "grammar", "grammar": {"syntax": "regex", "definition": "a+"}}
    asked = {"/tools": [{"type": "custom", "custom": {"name": "run", "format": grammar}}]}
    assert not found([{**CUSTOM, "custom": {"name": "run", "input": "\ud83d"}}], asked).get(
        "custom-input-breaks-grammar"
    )
