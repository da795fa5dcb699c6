"""Instances of schemas, texts of patterns, inputs of grammars, and tokens."""

import re
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatcontract.server.dice import Dice
from chatcontract.server.grammars import written
from chatcontract.server.patterns import Unsupported, matching
from chatcontract.server.scalars import Impossible
from chatcontract.server.structured import instance
from chatcontract.server.tokens import count, logprobs, tokens

FORMATS = ("date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid")


def closed(properties: dict[str, Any], **more: Any) -> dict[str, Any]:
    required = list(properties)
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
        **more,
    }


def fits(schema: Any, value: Any) -> bool:
    return bool(jsonschema.Draft202012Validator(schema).is_valid(value))


SCHEMAS: dict[str, Any] = {
    "const": {"const": {"a": [1]}},
    "enum": {"type": ["string", "null"], "enum": ["a", None, "b"]},
    "integer in bounds": {"type": "integer", "minimum": 3, "exclusiveMaximum": 5},
    "integer multiple": {"type": "integer", "multipleOf": 2.5, "minimum": 1, "maximum": 9},
    "number in a gap": {"type": "number", "exclusiveMinimum": 0.1, "exclusiveMaximum": 0.2},
    "number multiple": {"type": "number", "multipleOf": 0.01, "minimum": 7.005},
    "large bound": {"type": "number", "minimum": 1e300},
    "pattern": {"type": "string", "pattern": "^[A-Z]{2}-\\d{4}(-[a-z]+)?$"},
    "pattern and length": {"type": "string", "pattern": "^[a-z]+$", "minLength": 20, "maxLength": 25},
    "array": {"type": "array", "items": {"type": "boolean"}, "minItems": 4, "maxItems": 4},
    "unique": {"type": "array", "items": {"type": "integer"}, "minItems": 5, "uniqueItems": True},
    "tuple": {
        "type": "array",
        "prefixItems": [{"const": 1}, {"type": "null"}],
        "items": False,
        "minItems": 2,
    },
    "anyOf": {"anyOf": [closed({"kind": {"const": "a"}}), closed({"kind": {"const": "b"}})]},
    "oneOf": {"oneOf": [{"type": "integer", "multipleOf": 3}, {"type": "integer", "multipleOf": 5}]},
    "allOf": {"allOf": [closed({"a": {"type": "string"}}, additionalProperties=True), {"required": ["b"]}]},
    "list of itself": closed(
        {"head": {"$ref": "#/$defs/cell"}},
        **{"$defs": {"cell": closed({"next": {"anyOf": [{"$ref": "#/$defs/cell"}, {"type": "null"}]}})}},
    ),
    "tree of itself": closed({"children": {"type": "array", "items": {"$ref": "#"}}}),
    "reference with blanks": {"$ref": "#/$defs/a%20b~1c", "$defs": {"a b/c": {"type": "integer"}}},
    "reference by anchor": {"$ref": "#here", "$defs": {"x": {"$anchor": "here", "const": 4}}},
    "open": {"type": "object", "minProperties": 3, "additionalProperties": {"type": "integer"}},
    "no type": {"properties": {"a": {"minimum": 4}}, "required": ["a", "b"]},
    "anything": {},
    "true": True,
    "branch without instances": {"anyOf": [{"type": "string", "pattern": "(?!)"}, {"type": "null"}]},
    "not": {"type": ["string", "integer"], "not": {"type": "string"}},
    "if": {
        "type": "object",
        "properties": {"a": {"const": 1}},
        "if": {"required": ["a"]},
        "then": {"required": ["b"]},
    },
}


@pytest.mark.parametrize("name", SCHEMAS)
@pytest.mark.parametrize("seed", range(5))
def test_an_instance_fits_its_schema(name: str, seed: int) -> None:
    assert fits(SCHEMAS[name], instance(SCHEMAS[name], seed))


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_is_kept(name: str) -> None:
    import jsonschema_rs

    made = instance({"type": "string", "format": name}, 1)
    judge = jsonschema_rs.Draft202012Validator({"format": name}, validate_formats=True)

    assert judge.is_valid(made)
    assert not judge.is_valid("no such thing at all!")


def test_the_seed_alone_decides() -> None:
    schema = closed({"name": {"type": "string"}, "age": {"type": "integer"}})

    assert instance(schema, "a", 1) == instance(schema, "a", 1)
    assert len({str(instance(schema, seed)) for seed in range(20)}) > 10


@pytest.mark.parametrize(
    "schema",
    [
        False,
        {"$ref": "#"},
        closed({"again": {"$ref": "#"}}),
        {"$ref": "#/$defs/nowhere"},
        {"type": "integer", "minimum": 3, "maximum": 2},
        {"type": "array", "minItems": 10**9, "items": {"type": "integer"}},
        {"type": "string", "minLength": 10**9},
        {"not": {}},
        {"allOf": [{"type": "string"}, {"type": "integer"}]},
        {"type": "string", "pattern": "(?!)"},
    ],
)
def test_what_has_no_instance_is_given_up(schema: Any) -> None:
    with pytest.raises(Impossible):
        instance(schema, 1)


def strict_schemas() -> st.SearchStrategy[Any]:
    """Schemas of the strict subset, with a definition that they may refer to."""
    number = st.integers(-50, 50)
    scalars = st.one_of(
        st.sampled_from([{"type": "boolean"}, {"type": "null"}, {"type": "string"}, {"$ref": "#/$defs/again"}]),
        st.builds(lambda a, b: {"type": "integer", "minimum": min(a, b), "maximum": max(a, b)}, number, number),
        st.builds(lambda a: {"type": "number", "multipleOf": 0.5, "exclusiveMinimum": a}, number),
        st.builds(lambda f: {"type": "string", "format": f}, st.sampled_from(FORMATS)),
        st.builds(lambda e: {"enum": e}, st.lists(st.text(max_size=5), min_size=1, unique=True)),
        st.sampled_from(["^a+$", "^\\d{2,4}$", "[x-z]", "^(on|off)$"]).map(
            lambda pattern: {"type": "string", "pattern": pattern}
        ),
    )
    names = st.text("abc_é", min_size=1, max_size=3)

    def deeper(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        return st.one_of(
            st.dictionaries(names, inner, max_size=4).map(closed),
            st.builds(lambda i, n: {"type": "array", "items": i, "minItems": n}, inner, st.integers(0, 2)),
            st.lists(inner, min_size=1, max_size=3).map(lambda branches: {"anyOf": branches}),
            inner.map(lambda schema: {"anyOf": [schema, {"type": "null"}]}),
        )

    def rooted(properties: dict[str, Any], again: Any) -> Any:
        definition = {"anyOf": [closed({"more": again}), {"type": "null"}]}
        return closed(properties, **{"$defs": {"again": definition}})

    inner = st.recursive(scalars, deeper, max_leaves=8)
    return st.builds(rooted, st.dictionaries(names, inner, max_size=4), inner)


@given(strict_schemas(), st.integers(0, 3))
def test_every_schema_of_the_strict_subset_has_an_instance(schema: Any, seed: int) -> None:
    assert fits(schema, instance(schema, seed))


@pytest.mark.parametrize(
    "pattern",
    [
        "^\\d{3}-[A-Z]{2}$",
        "^(?=.*\\d)[a-z\\d]{8,}$",
        "^(a|b)+\\1$",
        "^[^\\s@]+@[^\\s@]+\\.[a-z]{2,}$",
        "^(?:foo|bar)(?!baz)\\w*$",
        "^#[0-9a-fA-F]{6}$",
        "^x{2,}?y*$",
        "a{,3}",
        "^[\\w.-]+$",
        "^\\u0041\\x42\\cJ$",
        "^[\\u4e00-\\u9fff]+$",
        "^(?P<year>\\d{4})$",
        "\\.\\*\\/",
        "",
    ],
)
def test_a_text_matches_its_pattern(pattern: str) -> None:
    made = instance({"type": "string", "pattern": pattern}, 1)

    assert fits({"pattern": pattern.replace("\\cJ", "\\n").replace("\\/", "/")}, made)


@pytest.mark.parametrize("pattern", ["(", "a)", "[z-a]", "*a", "[", "a{99999}", "(" * 200 + ")" * 200, "\\"])
def test_what_is_no_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(Unsupported):
        matching(pattern, Dice(1))


def test_repetitions_of_repetitions_are_bounded() -> None:
    with pytest.raises(Unsupported):
        matching("((((a{99}){99}){99}){99})", Dice(1))
    with pytest.raises(Unsupported):
        matching("(((a{0}){5000}){5000}){5000}", Dice(1))


CALCULATOR = r"""
// sums
start: expr
expr: term (SP ADD SP term)* -> sum
    | "(" expr ")"
term: INT | NAME
ADD: "+" | "-"
SP: " "
NAME: /[a-z]{1,3}/
%import common.INT
"""


@pytest.mark.parametrize("seed", range(10))
def test_a_text_follows_a_grammar(seed: int) -> None:
    form = {"type": "grammar", "grammar": {"syntax": "lark", "definition": CALCULATOR}}
    made = written(form, Dice(seed)).replace("(", "").replace(")", "")

    assert re.fullmatch(r"(\d+|[a-z]+)( [+-] (\d+|[a-z]+))*", made)


@pytest.mark.parametrize("definition", ["start: start", 'begin: "a"', "start: missing", "start: <a>"])
def test_a_grammar_without_a_text_is_given_up(definition: str) -> None:
    with pytest.raises(Impossible):
        written({"type": "grammar", "grammar": {"syntax": "lark", "definition": definition}}, Dice(1))


@given(st.text(), st.integers(0, 50))
def test_tokens_put_together_are_the_text_and_a_cut_keeps_them(text: str, cut: int) -> None:
    pieces = tokens(text)

    assert "".join(pieces) == text
    assert count(text) == len(pieces)
    assert tokens("".join(pieces[:cut])) == pieces[:cut]


@given(st.text("ab ☕é\n", max_size=20), st.integers(0, 20))
def test_log_probabilities_are_those_of_a_distribution(text: str, top: int) -> None:
    import math

    for entry in logprobs(tokens(text), top):
        shares = [math.exp(rival["logprob"]) for rival in entry["top_logprobs"]]
        assert len(shares) == top
        assert sum(shares) <= 1.001
        assert len({rival["token"] for rival in entry["top_logprobs"]}) == top
