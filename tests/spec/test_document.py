"""The document is valid OpenAPI 3.1, and holds every known field as the sources have it.

`fields.txt` lists the fields. In a path, `[]` stands for the items of an array and `<tool>` for
the branch of a union with that `role` or `type`.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from openapi_spec_validator import OpenAPIV31SpecValidator

HERE = Path(__file__).parent
SPEC = HERE.parents[1] / "spec"
TEXT = (SPEC / "openapi.yaml").read_text(encoding="utf-8")
DOCUMENT: dict[str, Any] = yaml.safe_load(TEXT)
TOLERANCES: list[dict[str, Any]] = yaml.safe_load((SPEC / "tolerances.yaml").read_text(encoding="utf-8"))
OPERATION = DOCUMENT["paths"]["/chat/completions"]["post"]
ROOTS = {
    "request": "CreateChatCompletionRequest",
    "response": "CreateChatCompletionResponse",
    "chunk": "CreateChatCompletionStreamResponse",
    "error": "ErrorResponse",
}


class Field(NamedTuple):
    path: str
    type: str
    required: bool
    nullable: bool


def read_fields() -> list[Field]:
    lines = (HERE / "fields.txt").read_text(encoding="utf-8").splitlines()
    rows = [line.split() for line in lines if not line.startswith("#")]
    return [Field(path, type_, req == "required", null == "null") for path, type_, req, null in rows]


FIELDS = read_fields()

# What we say instead of the published document, and why.
EXCEPTIONS: dict[str, tuple[dict[str, Any], str]] = {
    "request.logit_bias": (
        {"type": "map<number>"},
        "the service takes fractions",
    ),
    "request.response_format": ({"nullable": True}, "the service takes null"),
    "request.tool_choice": ({"nullable": True}, "the service takes null"),
    "request.tools": ({"nullable": True}, "the service takes null"),
    "request.messages[]<user>.content": (
        {"type": "string|array<object|string>"},
        "the service takes strings among the parts",
    ),
    "request.messages[]<user>.content[]<image_url>.image_url": (
        {"type": "string|object"},
        "the first vision models took the URL as plain text",
    ),
    "response.choices[].logprobs": (
        {"required": False},
        "reasoning and audio models leave it out",
    ),
    "response.system_fingerprint": ({"nullable": True}, "many models send null"),
    "chunk.system_fingerprint": ({"nullable": True}, "many models send null"),
}


def resolve(schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        schema = follow(schema["$ref"])
    return schema


def follow(reference: str) -> Any:
    node: Any = DOCUMENT
    for token in reference.removeprefix("#/").split("/"):
        node = node[token]
    return node


def branches(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Give the alternatives of a union, those of its own branches included."""
    schema = resolve(schema)
    inner = [*schema.get("anyOf", []), *schema.get("oneOf", [])]
    for branch in inner:
        yield from branches(branch)
    if not inner:
        yield schema


def types(schema: dict[str, Any]) -> set[str]:
    return {name for branch in branches(schema) for name in types_of_branch(branch)}


def types_of_branch(schema: dict[str, Any]) -> list[str]:
    names = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    return [long_type(name, schema) for name in names]


def long_type(name: str, schema: dict[str, Any]) -> str:
    if name == "array":
        return f"array<{'|'.join(sorted(types(schema['items'])))}>"
    extra = schema.get("additionalProperties")
    if name == "object" and isinstance(extra, dict) and "properties" not in schema:
        return f"map<{'|'.join(sorted(types(extra)))}>"
    return name


def has_tag(schema: dict[str, Any], tag: str) -> bool:
    members = schema.get("properties", {})
    return any(resolve(members[key]).get("const") == tag for key in ("role", "type") if key in members)


def find(path: str) -> tuple[dict[str, Any], bool]:
    """Find a field's schema and whether all objects that have the field require it."""
    root, *steps = re.findall(r"[A-Za-z_]+|\[\]|<\w+>", path)
    current = [resolve(DOCUMENT["components"]["schemas"][ROOTS[root]])]
    required = False
    for step in steps:
        options = [branch for schema in current for branch in branches(schema)]
        if step == "[]":
            current = [option["items"] for option in options if "items" in option]
        elif step.startswith("<"):
            current = [option for option in options if has_tag(option, step[1:-1])]
        else:
            owners = [option for option in options if step in option.get("properties", {})]
            required = bool(owners) and all(step in o.get("required", []) for o in owners)
            current = [owner["properties"][step] for owner in owners]
    assert current, f"{path} is not in the document"
    return {"anyOf": current}, required


def described(path: str) -> Field:
    schema, required = find(path)
    names = types(schema)
    return Field(path, normal("|".join(names - {"null"})), required, "null" in names)


def normal(type_: str) -> str:
    return "|".join(sorted(re.findall(r"\w+(?:<.+>)?", type_), reverse=True))


def dictionaries(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
    for item in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from dictionaries(item)


def test_the_document_is_valid() -> None:
    OpenAPIV31SpecValidator(DOCUMENT).validate()


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.path)
def test_a_known_field_has_its_type_and_its_obligations(field: Field) -> None:
    changes, _ = EXCEPTIONS.get(field.path, ({}, ""))
    expected = field._replace(**changes)
    assert described(field.path) == expected._replace(type=normal(expected.type))


def test_every_exception_is_a_known_field_and_still_differs() -> None:
    known = {field.path: field for field in FIELDS}
    for path, (changes, reason) in EXCEPTIONS.items():
        assert known[path]._replace(**changes) != known[path]
        assert reason


def test_the_operation_is_the_one_that_clients_know() -> None:
    assert OPERATION["operationId"] == "createChatCompletion"
    assert OPERATION["tags"] == ["Chat"]
    assert DOCUMENT["servers"][0]["url"] == "https://api.openai.com/v1"
    assert DOCUMENT["components"]["securitySchemes"]["ApiKeyAuth"]["scheme"] == "bearer"
    assert list(OPERATION["requestBody"]["content"]) == ["application/json"]


def test_every_status_but_200_answers_with_an_error_body() -> None:
    answers = {status: resolve(answer) for status, answer in OPERATION["responses"].items()}
    assert list(answers) == ["200", "400", "401", "403", "404", "409", "422", "429", "500", "503"]
    success = answers.pop("200")["content"]
    assert success["application/json"]["schema"]["$ref"].endswith("/CreateChatCompletionResponse")
    assert success["text/event-stream"]["schema"]["$ref"].endswith("/CreateChatCompletionStreamResponse")
    error = {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorResponse"}}}
    assert all(answer["content"] == error for answer in answers.values())
    assert answers["429"]["headers"]["Retry-After"]["schema"] == {"type": "integer", "minimum": 1}


def test_null_is_a_type_and_no_keyword() -> None:
    assert not [node for node in dictionaries(DOCUMENT) if "nullable" in node]


def test_a_nullable_enumeration_lists_null() -> None:
    for node in dictionaries(DOCUMENT["components"]["schemas"]):
        if isinstance(node.get("type"), list) and "enum" in node:
            assert (None in node["enum"]) == ("null" in node["type"])


def test_every_discriminator_maps_each_branch_by_its_tag() -> None:
    unions = [node for node in dictionaries(DOCUMENT) if "propertyName" in node.get("discriminator", {})]
    assert unions
    for union in unions:
        tag, mapping = union["discriminator"]["propertyName"], union["discriminator"]["mapping"]
        assert [branch["$ref"] for branch in union["oneOf"]] == list(mapping.values())
        for value, reference in mapping.items():
            property_ = follow(reference)["properties"][tag]
            assert (property_["type"], property_["const"]) == ("string", value)
            assert tag in follow(reference)["required"]


def test_every_union_of_objects_without_discriminator_is_told_apart_by_type() -> None:
    for union in dictionaries(DOCUMENT["components"]["schemas"]):
        objects = [b for b in union.get("oneOf", []) if resolve(b).get("type") == "object"]
        if len(objects) > 1 and "discriminator" not in union:
            tags = [resolve(branch)["properties"]["type"]["const"] for branch in objects]
            assert len(set(tags)) == len(tags)


def test_every_component_is_used() -> None:
    used = {node["$ref"] for node in dictionaries(DOCUMENT) if isinstance(node.get("$ref"), str)}
    groups = ("schemas", "responses")
    named = {f"#/components/{group}/{name}" for group in groups for name in DOCUMENT["components"][group]}
    assert used == named


def test_every_schema_and_property_has_a_description() -> None:
    for name, schema in DOCUMENT["components"]["schemas"].items():
        assert schema["description"].endswith("."), name
        for node in dictionaries(schema):
            for member, value in node.get("properties", {}).items():
                if isinstance(value, dict):
                    assert "description" in value or "$ref" in value, f"{name}.{member}"


def test_the_text_is_tidy() -> None:
    assert max(map(len, TEXT.splitlines())) < 100
    assert not re.search(r"[:-] [&*]\w", TEXT)


@pytest.mark.parametrize("tolerance", TOLERANCES, ids=lambda it: f"{it['member']}-{it['may_be']}")
def test_a_tolerance_points_at_a_member_and_gives_its_reason(tolerance: dict[str, Any]) -> None:
    assert list(tolerance) == ["schema", "member", "may_be", "severity", "reason", "evidence"]
    holder = follow(tolerance["schema"])
    assert tolerance["member"] in holder.get("properties", {}) or (tolerance["member"] == "*" and "items" in holder)
    assert tolerance["may_be"] in {"absent", "null", "empty", "other", "beyond"} or tolerance["may_be"][0] == "="
    assert tolerance["reason"].endswith(".")
    assert tolerance["evidence"]


@pytest.mark.parametrize("tolerance", TOLERANCES, ids=lambda it: f"{it['member']}-{it['may_be']}")
def test_a_tolerance_never_grows_stricter_from_profile_to_profile(
    tolerance: dict[str, Any],
) -> None:
    assert list(tolerance["severity"]) == ["strict", "openai", "compatible"]
    assert tolerance["severity"]["strict"] == "error"
    assert tolerance["severity"]["compatible"] != "error"


def test_no_member_has_two_tolerances_for_the_same_deviation() -> None:
    keys = [(t["schema"], t["member"], t["may_be"]) for t in TOLERANCES]
    assert len(set(keys)) == len(keys)
