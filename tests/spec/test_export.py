"""The projection of a document: which answers stay, and what OpenAPI 3.0.3 makes of a schema."""

import doctest
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any, Literal

import pytest
import yaml
from openapi_spec_validator import OpenAPIV30SpecValidator, OpenAPIV31SpecValidator

from chatcontract.exceptions import SpecError
from chatcontract.spec import export
from chatcontract.spec.document import Document
from chatcontract.spec.export import project
from chatcontract.spec.legible import legible

DOCUMENT: dict[str, Any] = yaml.safe_load((Path(__file__).parents[2] / "spec/openapi.yaml").read_text(encoding="utf-8"))
ONLY_IN_31 = {
    "$defs",
    "const",
    "contains",
    "dependentRequired",
    "dependentSchemas",
    "else",
    "if",
    "jsonSchemaDialect",
    "patternProperties",
    "prefixItems",
    "propertyNames",
    "then",
    "unevaluatedItems",
    "unevaluatedProperties",
    "webhooks",
}


def document(schema: Any = None, **members: Any) -> dict[str, Any]:
    """Build a small document whose one operation answers with component `Root`."""
    answer = {
        "description": "OK",
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Root"}}},
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "Small", "version": "1"},
        "paths": {"/": {"get": {"responses": {"200": answer}}}},
        "components": {"schemas": {"Root": {} if schema is None else schema}},
        **members,
    }


def old(schema: Any) -> Any:
    """Project one schema to OpenAPI 3.0 and make sure that the document around it is valid."""
    result = project(document(schema), openapi="3.0")
    OpenAPIV30SpecValidator(result).validate()
    return result["components"]["schemas"]["Root"]


def dictionaries(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
    for item in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from dictionaries(item)


# Our own document


@pytest.mark.parametrize("media_types", [None, {"application/json"}, {"text/event-stream"}])
@pytest.mark.parametrize("statuses", [None, {"200"}, {"200", "429"}])
def test_our_document_becomes_a_valid_document_of_either_version(
    statuses: set[str] | None, media_types: set[str] | None
) -> None:
    for version, validator in (("3.0", OpenAPIV30SpecValidator), ("3.1", OpenAPIV31SpecValidator)):
        result = project(DOCUMENT, openapi=version, statuses=statuses, media_types=media_types)  # type: ignore[arg-type]  # a loop variable is no literal
        validator(result).validate()


def test_no_keyword_of_31_survives_in_30() -> None:
    result = project(DOCUMENT, openapi="3.0")
    nodes = list(dictionaries(result))
    assert result["openapi"] == "3.0.3"
    assert not ONLY_IN_31 & {key for node in nodes for key in node}
    assert not [node for node in nodes if isinstance(node.get("type"), list)]
    assert not [node for node in nodes if node.get("type") == "null"]
    assert not [node for node in nodes if "$ref" in node and len(node) > 1]
    assert not [node for node in nodes if isinstance(node.get("examples"), list)]


def test_every_type_name_of_our_document_is_kept_in_30() -> None:
    assert project(DOCUMENT, openapi="3.0")["components"]["schemas"].keys() == DOCUMENT["components"]["schemas"].keys()


def test_without_limits_a_31_document_stays_as_it_is() -> None:
    result = project(DOCUMENT)
    assert result == DOCUMENT
    assert result is not DOCUMENT


def test_the_given_document_is_not_changed() -> None:
    before = deepcopy(DOCUMENT)
    project(DOCUMENT, openapi="3.0", statuses={"200"}, media_types={"application/json"})
    assert before == DOCUMENT


# Fewer answers


def test_only_the_given_statuses_stay() -> None:
    result = project(DOCUMENT, statuses={"200", "429"})
    assert list(result["paths"]["/chat/completions"]["post"]["responses"]) == ["200", "429"]
    assert list(result["components"]["responses"]) == ["TooManyRequests"]


def test_only_the_given_media_types_stay_and_request_bodies_are_left_alone() -> None:
    result = project(DOCUMENT, statuses={"200"}, media_types={"text/event-stream"})
    operation = result["paths"]["/chat/completions"]["post"]
    assert list(operation["responses"]["200"]["content"]) == ["text/event-stream"]
    assert list(operation["requestBody"]["content"]) == ["application/json"]


def test_media_types_are_limited_in_shared_answers_too() -> None:
    result = project(DOCUMENT, statuses={"429"}, media_types={"text/plain"})
    assert "content" not in result["components"]["responses"]["TooManyRequests"]


def test_components_that_lose_their_last_reference_are_dropped() -> None:
    result = project(DOCUMENT, statuses={"200"}, media_types={"application/json"})
    schemas = result["components"]["schemas"]
    assert "CreateChatCompletionStreamResponse" not in schemas
    assert "ChatCompletionMessageToolCallChunk" not in schemas
    assert "ErrorResponse" not in schemas
    assert "CreateChatCompletionResponse" in schemas
    assert "responses" not in result["components"]
    assert "ApiKeyAuth" in result["components"]["securitySchemes"]


def test_components_that_nothing_referred_to_before_stay() -> None:
    source = document()
    source["components"]["schemas"] |= {
        "Spare": {"$ref": "#/components/schemas/Part"},
        "Part": {"type": "string"},
    }
    result = project(source, statuses=set())
    assert list(result["components"]["schemas"]) == ["Spare", "Part"]


def test_a_component_that_only_a_discriminator_names_stays() -> None:
    source = document(
        {
            "oneOf": [{"$ref": "#/components/schemas/Cat"}],
            "discriminator": {"propertyName": "kind", "mapping": {"dog": "Dog"}},
        }
    )
    source["components"]["schemas"] |= {"Cat": {"type": "object"}, "Dog": {"type": "object"}}
    assert list(project(source)["components"]["schemas"]) == ["Root", "Cat", "Dog"]


def test_unquoted_statuses_count_as_their_text() -> None:
    source = document()
    responses = source["paths"]["/"]["get"]["responses"]
    responses[404] = {"description": "Not found"}
    result = project(source, openapi="3.0", statuses={"404"})
    assert result["paths"]["/"]["get"]["responses"] == {"404": {"description": "Not found"}}


def test_an_operation_that_loses_all_its_answers_is_still_valid() -> None:
    source = document()
    OpenAPIV31SpecValidator(project(source, statuses=set())).validate()
    OpenAPIV30SpecValidator(project(source, openapi="3.0", statuses=set())).validate()


def test_the_example_in_the_documentation_is_true() -> None:
    results = doctest.testmod(export)
    assert results.attempted
    assert not results.failed


def test_an_unknown_version_is_refused() -> None:
    with pytest.raises(ValueError, match=r"not '2\.0'"):
        project(document(), openapi="2.0")  # type: ignore[arg-type]  # the mistake under test


# One schema in 3.0


REF = {"$ref": "#/components/schemas/Root"}


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": ["string", "null"]}, {"type": "string", "nullable": True}),
        ({"type": "null"}, {"nullable": True, "enum": [None]}),
        ({"type": ["string"]}, {"type": "string"}),
        (
            {"type": ["string", "array", "null"], "items": {"const": 1}},
            {
                "anyOf": [{"type": "string"}, {"type": "array", "items": {"enum": [1]}}],
                "nullable": True,
            },
        ),
        (
            {"description": "One", "anyOf": [{"type": "string"}, {"type": "null"}]},
            {"description": "One", "type": "string", "nullable": True},
        ),
        (
            {"oneOf": [{"type": "string"}, {"type": "integer"}, {"type": "null"}]},
            {"oneOf": [{"type": "string"}, {"type": "integer"}], "nullable": True},
        ),
        (
            {"properties": {"a": {"anyOf": [REF, {"type": "null"}]}}},
            {"properties": {"a": {"allOf": [REF], "nullable": True}}},
        ),
        (
            {"minLength": 1, "anyOf": [{"minLength": 2}, {"const": None}]},
            {"minLength": 1, "allOf": [{"minLength": 2}], "nullable": True},
        ),
        (
            {"properties": {"a": {"description": "Own", **REF}}},
            {"properties": {"a": {"description": "Own", "allOf": [REF]}}},
        ),
        ({"items": {"$comment": "dropped", **REF}}, {"items": REF}),
        ({"type": "string", "const": "a"}, {"type": "string", "enum": ["a"]}),
        ({"exclusiveMinimum": 0}, {"minimum": 0, "exclusiveMinimum": True}),
        ({"exclusiveMinimum": 0, "minimum": 3}, {"minimum": 3}),
        (
            {"exclusiveMaximum": 5, "maximum": 9},
            {"maximum": 5, "exclusiveMaximum": True},
        ),
        ({"type": "string", "examples": ["a", "b"]}, {"type": "string", "example": "a"}),
        ({"type": "array"}, {"type": "array", "items": {}}),
        (
            {"type": "array", "prefixItems": [{"type": "string"}], "items": False},
            {"type": "array", "items": {}},
        ),
        (
            {"patternProperties": {"^x": {}}, "additionalProperties": False},
            {},
        ),
        ({"additionalProperties": False}, {"additionalProperties": False}),
        ({"additionalProperties": {"const": 1}}, {"additionalProperties": {"enum": [1]}}),
        ({"properties": {"a": True, "b": False}}, {"properties": {"a": {}, "b": {"not": {}}}}),
        ({"required": []}, {}),
        ({"if": {}, "then": {}, "else": {}, "propertyNames": {}, "contains": {}}, {}),
        ({"dependentRequired": {}, "dependentSchemas": {}, "unevaluatedProperties": False}, {}),
        ({"x-mark": {"const": 1}}, {"x-mark": {"const": 1}}),
        ({"unheardOf": 1}, {}),
    ],
)
def test_a_schema_says_the_same_in_the_words_of_30(schema: Any, expected: Any) -> None:
    assert old(schema) == expected


def test_properties_that_are_named_like_keywords_are_properties() -> None:
    properties = {"const": {"type": "string"}, "if": {"type": "string"}, "$ref": {"const": 1}}
    assert old({"properties": properties})["properties"] == {
        "const": {"type": "string"},
        "if": {"type": "string"},
        "$ref": {"enum": [1]},
    }


def test_data_that_looks_like_a_schema_is_left_alone() -> None:
    data = {"const": 1, "type": ["string", "null"], "security": [1, "a"]}
    assert old({"default": data, "enum": [data]}) == {"default": data, "enum": [data]}


def test_definitions_inside_a_schema_become_components() -> None:
    source = document(
        {
            "$defs": {"Inner": {"type": ["string", "null"]}},
            "properties": {"a": {"$ref": "#/components/schemas/Root/$defs/Inner"}},
        }
    )
    schemas = project(source, openapi="3.0")["components"]["schemas"]
    assert schemas["Root"] == {"properties": {"a": {"$ref": "#/components/schemas/Root.Inner"}}}
    assert schemas["Root.Inner"] == {"type": "string", "nullable": True}


def through(source: dict[str, Any], openapi: Literal["3.0", "3.1"] = "3.0") -> dict[str, Any]:
    """What `spec export --spec` makes of a document."""
    return project(legible(Document(source, "a.yaml", "")), openapi=openapi)


@pytest.mark.parametrize("name", ["$defs", "definitions"])
def test_definitions_of_a_pasted_schema_become_components(name: str) -> None:
    pasted = {name: {"a b": {"type": ["string", "null"]}}, "properties": {"a": {"$ref": f"#/{name}/a b"}}}
    answer = {"description": "OK", "content": {"application/json": {"schema": pasted}}}
    result = through(document(paths={"/": {"get": {"responses": {"200": answer}}}}))
    OpenAPIV30SpecValidator(result).validate()
    made = result["paths"]["/"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    component = made["properties"]["a"]["$ref"].removeprefix("#/components/schemas/")
    assert result["components"]["schemas"][component] == {"type": "string", "nullable": True}


def test_a_component_may_be_called_definitions() -> None:
    source = document({"properties": {"a": {"$ref": "#/components/schemas/definitions"}}})
    source["components"]["schemas"]["definitions"] = {"type": "string"}
    schemas = through(source)["components"]["schemas"]
    assert schemas["Root"] == {"properties": {"a": {"$ref": "#/components/schemas/definitions"}}}


@pytest.mark.parametrize("reference", ["#inner", "https://host.test/inner.json"])
def test_a_schema_named_by_itself_is_referred_to_by_its_place(reference: str) -> None:
    inner = {"$anchor": "inner", "$id": "https://host.test/inner.json", "type": "string"}
    source = document({"properties": {"a": {"$ref": reference}}})
    source["components"]["schemas"]["Inner"] = inner
    schemas = through(source)["components"]["schemas"]
    assert schemas["Root"] == {"properties": {"a": {"$ref": "#/components/schemas/Inner"}}}
    assert schemas["Inner"] == {"type": "string"}


@pytest.mark.parametrize("reference", ["other.yaml#/A", "#/nowhere", "https://host.test/a.json", "#/components/%"])
def test_a_reference_that_leads_out_or_nowhere_is_left(reference: str) -> None:
    source = document({"properties": {"a": {"$ref": reference}}})
    assert through(source, "3.1") == source


def test_slips_of_the_pen_are_not_handed_on() -> None:
    members = {"a": {"type": "string", "required": True}, "b": None, "c": {"type": "object", "properties": None}}
    assert old({"properties": members, "items": None})["properties"] == {
        "a": {"type": "string"},
        "b": {},
        "c": {"type": "object"},
    }


@pytest.mark.parametrize("path", [{"/a": {"get": []}}, {"/a": []}, [], {"/a": {"get": {"responses": [1]}}}])
def test_parts_of_the_wrong_kind_are_left_as_they_are(path: Any) -> None:
    for version in ("3.0", "3.1"):
        assert "paths" in through(document(paths=path), version)


def test_aliases_are_written_out_up_to_a_bound() -> None:
    shared: Any = ["x"] * 9
    for _ in range(9):
        shared = [shared] * 9
    with pytest.raises(SpecError, match=r"^a.yaml: more than \d+ values. Reduce"):
        through(document(**{"x-many": shared}))
    circle: dict[str, Any] = {}
    circle["x-again"] = circle
    with pytest.raises(SpecError, match="values"):
        through(document(**circle))


# Around the schemas in 3.0


def test_what_30_does_not_know_around_schemas_is_left_out() -> None:
    info = {
        "title": "Small",
        "version": "1",
        "summary": "A summary",
        "license": {"name": "MIT", "identifier": "MIT"},
    }
    hooks: dict[str, Any] = {"hook": {"post": {"responses": {}}}}
    result = project(document(info=info, webhooks=hooks, jsonSchemaDialect="x:y"), openapi="3.0")
    OpenAPIV30SpecValidator(result).validate()
    assert result["info"] == {"title": "Small", "version": "1", "license": {"name": "MIT"}}
    assert not ONLY_IN_31 & result.keys()


def test_shared_paths_are_written_out() -> None:
    source = document(paths={"/a": {"$ref": "#/components/pathItems/A"}})
    source["components"]["pathItems"] = {"A": {"get": {"operationId": "a"}}}
    result = project(source, openapi="3.0")
    OpenAPIV30SpecValidator(result).validate()
    assert result["paths"]["/a"]["get"]["operationId"] == "a"
    assert "pathItems" not in result["components"]


def test_schemas_of_parameters_headers_bodies_and_callbacks_are_rewritten() -> None:
    schema = {"type": ["integer", "null"]}
    body = {"content": {"application/json": {"schema": schema}}}
    answer = {"description": "OK", "headers": {"schema": {"schema": schema}}}
    operation = {
        "parameters": [{"name": "a", "in": "query", "schema": schema}],
        "requestBody": body,
        "responses": {"200": answer},
    }
    callbacks = {"done": {"{$request.body#/url}": {"post": operation}}}
    result = project(document(paths={"/a": {"post": {**operation, "callbacks": callbacks}}}), openapi="3.0")
    OpenAPIV30SpecValidator(result).validate()
    found = [node for node in dictionaries(result) if node.get("type") == "integer"]
    assert found == [{"type": "integer", "nullable": True}] * 6


def test_references_outside_schemas_lose_their_siblings() -> None:
    answer = {"$ref": "#/components/responses/A", "description": "Dropped"}
    source = document(paths={"/a": {"get": {"responses": {"200": answer}}}})
    source["components"]["responses"] = {"A": {"description": "Kept"}}
    result = project(source, openapi="3.0")
    assert result["paths"]["/a"]["get"]["responses"]["200"] == {"$ref": "#/components/responses/A"}
