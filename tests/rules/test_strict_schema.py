"""Schemas that a request brings along: valid, taken for functions, taken in strict mode."""

import time
from functools import cache
from typing import Any

import pytest

from chatcontract import Contract, json_schema
from chatcontract.examples import REQUEST
from chatcontract.model import Severity

JSON = Any
TEXT = {"type": "string"}


@cache
def contract() -> Contract:
    return Contract.load()


def closed(**properties: JSON) -> JSON:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def found(body: JSON, least: Severity = Severity.WARNING) -> list[tuple[str, str]]:
    shown = {Severity.ERROR} if least is Severity.ERROR else {Severity.ERROR, Severity.WARNING}
    return [(v.rule, v.pointer) for v in contract().check_request({**REQUEST, **body}) if v.severity in shown]


def wanted(schema: JSON, strict: JSON = True) -> list[tuple[str, str]]:
    """What an answer's schema gets; pointers from the schema's root."""
    given = {"name": "a", "schema": schema, "strict": strict}
    root = "/response_format/json_schema/schema"
    violations = found({"response_format": {"type": "json_schema", "json_schema": given}})
    assert all(place.startswith(root) for _, place in violations)
    return [(rule, place.removeprefix(root)) for rule, place in violations]


def given(schema: JSON, strict: JSON = None) -> list[tuple[str, str]]:
    """What the parameters of the second tool get; pointers from the schema's root."""
    first = {"type": "custom", "custom": {"name": "g"}}
    tool = {"type": "function", "function": {"name": "f", "parameters": schema, "strict": strict}}
    violations = found({"tools": [first, tool], "parallel_tool_calls": False})
    root = "/tools/1/function/parameters"
    assert all(place.startswith(root) for _, place in violations)
    return [(rule, place.removeprefix(root)) for rule, place in violations]


def test_parameters_of_both_kinds_of_functions_are_judged() -> None:
    assert found({"functions": [{"name": "f", "parameters": {"type": "object"}}]}) == [
        ("CC283", "/functions/0/parameters")
    ]
    assert given({"type": "object"}) == [("CC283", "")]


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "object", "properties": {"a": {"type": "int"}}}, [("CC280", "/properties/a/type")]),
        ({"type": "object", "properties": {}, "required": True}, [("CC280", "/required")]),
        ({"type": "object", "properties": {"a/b": {"enum": "x"}}}, [("CC280", "/properties/a~1b/enum")]),
        ({"type": "array", "items": {}}, [("CC281", "/type")]),
        (
            {"type": "object", "properties": {}, "enum": [{}], "not": {}},
            [("CC282", "/enum"), ("CC282", "/not")],
        ),
        (
            {"type": "object", "properties": {"a": {"anyOf": [TEXT, {"type": "array"}]}}},
            [("CC284", "/properties/a/anyOf/1")],
        ),
        (
            {"type": "object", "properties": {"a": {"items": {"type": ["string", "array"]}}}},
            [("CC284", "/properties/a/items")],
        ),
    ],
)
def test_faults_of_parameters_are_found_where_they_are(schema: JSON, expected: JSON) -> None:
    assert given(schema) == expected


@pytest.mark.parametrize(
    "schema",
    [
        {
            "type": "object",
            "properties": {"type": TEXT, "$ref": TEXT, "allOf": TEXT, "items": {"type": "object"}},
        },
        {"type": "object", "properties": {"a": {"type": ["array", "null"], "items": {}}, "b": {}, "c": True}},
        {
            "type": "object",
            "properties": {"a": {"enum": [{"type": "array"}]}},
            "examples": [{"type": "array"}],
        },
        {"type": "object", "properties": {}, "x-order": 1, "nullable": True, "title": "T", "default": {}},
        {
            "$schema": "http://json-schema.org/draft-07/schema#",
            "type": "object",
            "properties": {},
            "definitions": {},
        },
        {"$schema": "https://example.com/unknown", "type": "object", "properties": {}},
    ],
)
def test_unusual_but_legal_parameters_pass(schema: JSON) -> None:
    assert given(schema) == []


def test_strict_null_and_false_are_not_strict() -> None:
    for strict in (None, False):
        assert wanted({"type": "object", "properties": {"a": {}}}, strict=strict) == []
    schema = {"name": "a", "schema": {"type": "object"}, "strict": "true"}
    assert found({"response_format": {"type": "json_schema", "json_schema": schema}}) == [
        ("CC001", "/response_format/json_schema/strict")
    ]


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        (TEXT, [("CC286", "/type")]),
        ({"anyOf": [closed(), closed()]}, [("CC286", "/anyOf"), ("CC286", "/type")]),
        (closed(a={"type": ["object", "null"], "properties": {}}), [("CC287", "/properties/a")]),
        (
            closed(a={"type": "object", "properties": {}, "additionalProperties": TEXT}),
            [("CC287", "/properties/a/additionalProperties")],
        ),
        (
            {**closed(a=TEXT, b=TEXT), "required": ["b", "c"]},
            [("CC288", "/properties/a"), ("CC288", "/required")],
        ),
        (
            {**closed(a={"$ref": "#/$defs/n"}), "$defs": {"n": {"type": "object"}}},
            [("CC275", "/$defs/n"), ("CC287", "/$defs/n")],
        ),
        (
            closed(a={"type": "array", "items": {"type": ["object", "null"], "additionalProperties": False}}),
            [("CC275", "/properties/a/items")],
        ),
        ({"type": "object", "additionalProperties": False, "required": ["a"]}, [("CC275", "")]),
        ({"$ref": "#/$defs/n", "$defs": {"n": closed()}}, [("CC286", "/type")]),
        (closed(a={"anyOf": [TEXT, {}]}), [("CC289", "/properties/a/anyOf/1")]),
        (closed(a={"type": "array"}), [("CC289", "/properties/a")]),
        (closed(a={"type": ["null", "array"]}), [("CC289", "/properties/a")]),
        ({**closed(a=TEXT), "additionalProperties": {}}, [("CC287", "/additionalProperties")]),
        (closed(**{"not": {}}), [("CC289", "/properties/not")]),
        (closed(a={"type": "string", "not": {"const": "x"}}), [("CC290", "/properties/a/not")]),
        (closed(a={"type": "array", "items": True}), [("CC289", "/properties/a/items")]),
        (closed(a={"anyOf": [TEXT, False]}), [("CC289", "/properties/a/anyOf/1")]),
        ({**closed(a={"$ref": "#/$defs/n"}), "$defs": {"n": True}}, [("CC289", "/$defs/n")]),
        (closed(a={"type": "string", "examples": ["x"]}), [("CC290", "/properties/a/examples")]),
        (closed(a={"oneOf": [TEXT]}), [("CC290", "/properties/a/oneOf")]),
        (
            closed(a={"type": "array", "items": TEXT, "uniqueItems": True}),
            [("CC290", "/properties/a/uniqueItems")],
        ),
        (closed(a={"type": ["string", "null"], "format": "uri"}), [("CC291", "/properties/a/format")]),
        (closed(a={"$ref": "#", "description": "x"}), [("CC292", "/properties/a/$ref")]),
        (closed(a={"$ref": "#/$defs/n"}), [("CC285", "/properties/a/$ref")]),
    ],
)
def test_strict_schemas_are_judged_in_every_corner(schema: JSON, expected: JSON) -> None:
    assert wanted(schema) == expected


@pytest.mark.parametrize(
    "schema",
    [
        {
            **closed(a={"$ref": "#/$defs/n"}),
            "$defs": {"n": closed(next={"anyOf": [{"$ref": "#/$defs/n"}, {"type": "null"}]})},
        },
        closed(
            a={"type": "string", "pattern": "^a", "format": "date"},
            b={"type": "number", "multipleOf": 2, "minimum": 0},
        ),
        closed(
            a={"type": "array", "items": TEXT, "minItems": 1, "maxItems": 2},
            b={"type": "integer", "const": 1},
            c={"type": ["string", "null"], "enum": ["x", None]},
        ),
        closed(a={**TEXT, "title": "A", "description": "x", "default": "y"}),
    ],
)
def test_what_strict_mode_takes_passes(schema: JSON) -> None:
    assert wanted(schema) == []
    assert given(schema, strict=True) == []


def test_both_users_of_strict_mode_are_judged() -> None:
    assert given({"type": "object", "properties": {"a": TEXT}, "required": ["a"]}, strict=True) == [("CC287", "")]


def test_limits_count_over_the_whole_schema() -> None:
    many = {f"p{n}": {"type": "integer", "enum": list(range(n, n + 100))} for n in range(11)}
    assert wanted(closed(**many)) == [("CC294", "")]
    names = {f"{n:050}": TEXT for n in range(2500)}
    assert wanted(closed(**names)) == [("CC293", "")]
    assert wanted(closed(**{f"p{n}": TEXT for n in range(5001)})) == [("CC293", "")]


def nested(levels: int) -> JSON:
    schema: JSON = TEXT
    for _ in range(levels):
        schema = {
            "type": "object",
            "properties": {"a": schema},
            "required": ["a"],
            "additionalProperties": False,
        }
    return schema


def test_ten_levels_are_taken_and_twelve_are_not() -> None:
    assert wanted(nested(10)) == []
    assert [rule for rule, _ in wanted(nested(12))] == ["CC293"]


def test_a_hostile_schema_is_given_up_in_time() -> None:
    doubling = {f"a{n}": {"anyOf": [{"$ref": f"#/$defs/a{n - 1}"}] * 2} for n in range(1, 60)}
    schema = {"$ref": "#/$defs/a59", "$defs": {**doubling, "a0": TEXT}}
    returning = {"properties": {"a": {"anyOf": [{"$ref": "#"}, {"$ref": "#"}]}}, "required": ["z"]}
    value: JSON = {}
    for _ in range(200):
        value = {"a": value}
    start = time.perf_counter()
    assert json_schema.mismatches(schema, 5) == ()
    assert json_schema.mismatches(returning, value) == ()
    assert time.perf_counter() - start < 1


def test_a_recursive_schema_is_used() -> None:
    tree = {
        "type": "object",
        "properties": {"v": {"type": "integer"}, "n": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}},
    }
    faults = json_schema.mismatches(tree, {"v": 1, "n": {"v": 2, "n": {"v": "3"}}})
    assert [(fault.pointer, fault.message) for fault in faults] == [("/n/n/v", 'breaks "type" (["integer"])')]


@pytest.mark.parametrize(
    "schema",
    [5, None, [], {"$ref": "https://example.com/a"}, {"pattern": "(?<"}, {"type": "x"}, {"a": "\ud800"}],
)
def test_a_schema_that_cannot_be_used_breaks_nothing(schema: JSON) -> None:
    assert json_schema.mismatches(schema, {"a": 1}) == ()


def test_nodes_end_at_a_depth() -> None:
    schema: JSON = {}
    for _ in range(5000):
        schema = {"items": schema}
    assert sum(1 for _ in json_schema.nodes(schema)) <= 2 * json_schema.MAX_LEVELS + 1


@pytest.mark.parametrize("schema", [{"enum": ["a"]}, {"const": 1}, {}, True])
def test_a_strict_value_needs_a_type_also_inside_of_unions_and_arrays(schema: JSON) -> None:
    assert wanted(closed(a=schema)) == [("CC289", "/properties/a")]
    if isinstance(schema, dict):
        assert wanted(closed(a={"anyOf": [schema, TEXT]})) == [("CC289", "/properties/a/anyOf/0")]
        assert wanted(closed(a={"type": "array", "items": schema})) == [("CC289", "/properties/a/items")]
    assert not {rule for rule, _ in wanted(closed(a=schema), strict=None)}


def test_one_fault_of_a_schema_is_told_once() -> None:
    for broken in ({"items": [TEXT]}, {"properties": {"a": "string"}}, {"additionalProperties": "false"}):
        told = found({"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": broken}}})
        assert len([rule for rule, _ in told if rule == "CC280"]) == 1


def test_references_in_a_circle_are_told_once_each_and_recursion_is_not() -> None:
    loop = {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}
    schema = {"type": "object", "properties": {"x": {"$ref": "#/$defs/a"}}, "$defs": loop}
    assert given(schema) == [("CC285", place) for place in ("/$defs/a/$ref", "/$defs/b/$ref", "/properties/x/$ref")]
    assert given({"type": "object", "properties": {"x": {"$ref": "#"}}}) == []
    assert given({"type": "object", "properties": {"x": {"$ref": "#/properties/x"}}}) == [
        ("CC285", "/properties/x/$ref")
    ]


@pytest.mark.parametrize(
    ("schema", "place"),
    [
        ({"enum": []}, "/enum"),
        ({"type": "string", "enum": ["a", None, 1]}, "/enum/1"),
        ({"type": "integer", "enum": [1, True]}, "/enum/1"),
        ({"type": "number", "const": "1"}, "/const"),
        ({"type": ["string", "null"], "enum": ["a", None]}, None),
        ({"type": "integer", "enum": [1.0]}, None),
        ({"type": "number", "enum": [1, 1.5]}, None),
        ({"type": "date", "enum": ["a"]}, None),
        ({"type": [], "enum": ["a"]}, None),
    ],
)
def test_values_that_the_type_rules_out_are_told(schema: JSON, place: str | None) -> None:
    told = [pointer for rule, pointer in given({"type": "object", "properties": {"a": schema}}) if rule == "CC273"]
    assert told == ([] if place is None else [f"/properties/a{place}"])


def test_the_root_of_an_answer_is_an_object_for_the_service_alone() -> None:
    form = {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "array", "items": TEXT}}}
    assert found({"response_format": form}) == [("CC272", "/response_format/json_schema/schema/type")]
    mild = Contract.load(profile="compatible").check_request({**REQUEST, "response_format": form})
    assert not mild


def test_a_missing_schema_of_an_answer_is_told() -> None:
    form = {"type": "json_schema", "json_schema": {"name": "a"}}
    assert found({"response_format": form}) == [("CC271", "/response_format/json_schema")]


@pytest.mark.parametrize("target", ["#/properties/a", "#/$defs/b/items", "#/properties/a/$defs/c"])
def test_a_strict_reference_leads_to_the_root_or_to_a_definition(target: str) -> None:
    inner = {**closed(), "$defs": {"c": TEXT}}
    schema = {**closed(a=inner, d={"$ref": target}), "$defs": {"b": {"type": "array", "items": TEXT}}}
    assert wanted(schema) == [("CC298", "/properties/d/$ref")]
    assert wanted(schema, strict=False) == []
    for taken in ("#", "#/$defs/b"):
        assert wanted({**schema, **closed(a=TEXT, d={"$ref": taken})}) == []


def test_what_strict_mode_surely_refuses_is_an_error() -> None:
    refused = [
        {"type": "array", "items": TEXT, "uniqueItems": True},
        {"anyOf": [{}, {"type": "null"}]},
        {"$ref": "#/$defs/b", "description": "x"},
        {"type": "string", "enum": [f"v{n}" for n in range(1001)]},
    ]
    for schema in refused:
        root = {**closed(a=schema), "$defs": {"b": TEXT}}
        given = {"name": "a", "schema": root, "strict": True}
        body = {"response_format": {"type": "json_schema", "json_schema": given}}
        assert len(found(body, Severity.ERROR)) == 1, schema


@pytest.mark.parametrize(
    ("reference", "more", "is_fault"),
    [
        ("#/$defs/List%5BItem%5D", {"$defs": {"List[Item]": TEXT}}, False),
        ("#/%24defs/a", {"$defs": {"a": TEXT}}, False),
        ("#/$defs/a%2525", {"$defs": {"a%25": TEXT}}, False),
        ("Item", {}, True),
        ("definitions.json#/Item", {}, True),
        ("#item", {}, True),
        ("#item", {"$defs": {"b": {"$anchor": "item", "type": "string"}}}, False),
        ("Item", {"$id": "https://example.com/s"}, False),
        ("https://example.com/s#/$defs/a", {"$id": "https://example.com/s", "$defs": {"a": TEXT}}, False),
        ("https://example.com/other", {"$id": "https://example.com/s"}, True),
        ("#/$defs/a", {"$id": "https://example.com/s"}, True),
        ("#/$defs/a", {"$defs": {"b": {"$id": "https://example.com/s", "$defs": {"a": TEXT}}}}, False),
        ("#/$defs/a b", {"$defs": {"a b": TEXT}}, True),
        ("", {}, False),
    ],
)
def test_references_are_read_as_uris(reference: str, more: JSON, is_fault: bool) -> None:
    schema = {"type": "object", "properties": {"x": {"$ref": reference}}, **more}
    assert given(schema) == ([("CC285", "/properties/x/$ref")] if is_fault else [])


def test_an_encoded_reference_to_a_definition_is_one() -> None:
    assert wanted({**closed(a={"$ref": "#/%24defs/List%5BItem%5D"}), "$defs": {"List[Item]": TEXT}}) == []


@pytest.mark.parametrize(
    ("draft", "schema", "severity"),
    [
        ("http://json-schema.org/draft-04/schema#", {"required": []}, Severity.WARNING),
        ("http://json-schema.org/draft-04/schema#", {"required": True}, Severity.ERROR),
        ("http://json-schema.org/draft-07/schema#", {"required": True}, Severity.ERROR),
    ],
)
def test_what_only_an_older_draft_rules_out_is_a_warning(draft: str, schema: JSON, severity: Severity) -> None:
    schema = {"$schema": draft, "type": "object", "properties": {}, **schema}
    tools = [{"type": "function", "function": {"name": "f", "parameters": schema}}]
    assert [(v.rule, v.severity) for v in contract().check_request({**REQUEST, "tools": tools})] == [
        ("CC280", severity)
    ]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], '"minItems" (1)'),
        (["string", "string"], '"uniqueItems"'),
        (None, '"enum" (["array"'),
        ("int", '"enum" (["array"'),
    ],
)
def test_a_faulty_type_is_told_by_what_is_wrong_with_it(given: JSON, message: str) -> None:
    (fault,) = json_schema.faults({"type": given})
    assert fault.pointer == "/type"
    assert message in fault.message


def test_a_long_chain_of_references_costs_its_length() -> None:
    chain = {f"d{at}": {"$ref": f"#/$defs/d{at + 1}"} for at in range(3000)}
    schema = {"type": "object", "properties": {"a": {"$ref": "#/$defs/d0"}}, "$defs": chain}
    start = time.process_time()
    assert given(schema) == [("CC285", "/$defs/d2999/$ref")]
    assert time.process_time() - start < 3


def test_all_that_leads_into_a_circle_is_named() -> None:
    chain = {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/c"}, "c": {"$ref": "#/$defs/b"}, "d": TEXT}
    schema = {"type": "object", "properties": {"x": {"$ref": "#/$defs/a"}, "y": {"$ref": "#/$defs/d"}}, "$defs": chain}
    assert given(schema) == [("CC285", f"/{place}/$ref") for place in ("$defs/a", "$defs/b", "$defs/c", "properties/x")]
