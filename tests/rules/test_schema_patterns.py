"""Regular expressions that a request brings along: what of them can't be compiled, and where."""

import sys
import time
import warnings
from functools import cache
from typing import Any

import pytest

from chatcontract import Contract
from chatcontract.examples import REQUEST
from chatcontract.model import Profile, Severity

JSON = Any
ROOT = "/tools/0/function/parameters/properties/a"


@cache
def contract(profile: Profile = "openai") -> Contract:
    return Contract.load(profile=profile)


def found(schema: JSON, profile: Profile = "openai", strict: bool = False) -> list[tuple[Severity, str]]:
    """Severity and place of what is said of the expressions in the schema of a parameter."""
    parameters = {"type": "object", "properties": {"a": schema}, "required": ["a"], "additionalProperties": False}
    tool = {"type": "function", "function": {"name": "f", "parameters": parameters, "strict": strict}}
    violations = contract(profile).check_request({**REQUEST, "tools": [tool]})
    return [(v.severity, v.pointer.removeprefix(ROOT)) for v in violations if v.rule == "CC296"]


def grammar(definition: JSON, syntax: str = "regex") -> list[str]:
    form = {"type": "grammar", "grammar": {"syntax": syntax, "definition": definition}}
    tool = {"type": "custom", "custom": {"name": "f", "format": form}}
    violations = contract().check_request({**REQUEST, "tools": [tool]})
    return [v.message for v in violations if v.rule == "CC297"]


@pytest.mark.parametrize("text", ["[a-", "(", "a{2,1}", "*", "x{99999999999}"])
def test_what_no_engine_takes_is_an_error_and_milder_for_other_servers(text: str) -> None:
    assert found({"type": "string", "pattern": text}) == [(Severity.ERROR, "/pattern")]
    assert found({"type": "string", "pattern": text}, "compatible") == [(Severity.WARNING, "/pattern")]


@pytest.mark.parametrize("text", [r"^\p{L}+$", "^(?<y>a)$", r"\u{1F600}", r"a\z", "(?<=a+)b"])
def test_what_only_other_engines_take_is_a_warning_and_a_note_for_other_servers(text: str) -> None:
    assert found({"type": "string", "pattern": text}) == [(Severity.WARNING, "/pattern")]
    assert found({"type": "string", "pattern": text}, "compatible") == [(Severity.INFO, "/pattern")]


@pytest.mark.parametrize(
    "text", ["", "^(?!a)[a-z]+$", r"(?<=a)b\d", "(?P<y>a)", "é😀", "(?i)[a-", "[a-" * 400, "[[a]", "[a||b]"]
)
def test_what_python_takes_or_would_take_too_long_is_passed_over(text: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert found({"type": "string", "pattern": text}) == []


def test_strict_mode_lists_no_look_arounds() -> None:
    for text in ("^(?!a)b", "(?=a)", "(?<!a)b", "(?<=a)b"):
        assert found({"type": "string", "pattern": text}, strict=True) == [(Severity.WARNING, "/pattern")]
    assert found({"type": "string", "pattern": r"^\(?=(?:a)$"}, strict=True) == []


def test_only_schemas_have_expressions() -> None:
    bad = {"pattern": "[a-"}
    schema = {"type": "object", "properties": {"pattern": {"type": "string", "description": "[a-", "default": bad}}}
    assert found({**schema, "enum": [bad], "examples": [bad], "patternProperties": {"^a": {}}}) == []
    assert found({"type": "string", "pattern": ["[a-"]}) == []


def test_names_of_properties_and_expressions_at_any_depth_are_judged() -> None:
    schema = {
        "anyOf": [{"type": "array", "items": {"type": "string", "pattern": "("}}, {"patternProperties": {"(/": {}}}]
    }
    assert found(schema) == [
        (Severity.ERROR, "/anyOf/0/items/pattern"),
        (Severity.ERROR, "/anyOf/1/patternProperties/(~1"),
    ]


def test_hostile_expressions_cost_little() -> None:
    texts = [
        "(" * 990,
        "(?:" * 300 + "a" + ")*" * 300,
        "(?i)" + "[\0-\U0010ffff]" * 100,
        "[\0-\uffff]" * 90,
        "a{1,9}" * 160,
    ]
    properties = {
        f"p{at}": {"type": "string", "pattern": text[:-3] + f"{at:03}"} for at in range(2000) for text in texts
    }
    start = time.process_time()
    assert len(found({"type": "object", "properties": properties})) <= 50
    assert time.process_time() - start < 10
    assert sys.getrecursionlimit() >= 1000


def test_the_grammar_of_a_tool_is_read_as_rust_does() -> None:
    assert [text.partition(": ")[0] for text in grammar("[a-")] == ['"[a-" can\'t be compiled']
    assert grammar("(?=a)b")[0].endswith("it looks ahead or behind")
    for text in (r"^\p{L}+$", "(?<y>a)", "(?P<y>a)", "(?i)a", "[a-" * 400, None, ["[a-"]):
        assert grammar(text) == []
    assert grammar("[a-", syntax="lark") == []
