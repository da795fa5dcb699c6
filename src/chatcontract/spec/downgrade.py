"""What OpenAPI 3.1 says, said in the words of 3.0: all that they have room for, and never more strictly."""

from collections.abc import Callable
from typing import Any, TypeAlias

from chatcontract.spec.fixes import Fixer

Object: TypeAlias = dict[str, Any]

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")


def downgraded(document: Object) -> Object:
    """The document with its schemas in the words of OpenAPI 3.0."""
    made: Object = _convert(document, "document")
    return made


def filled(node: Object, *keys: str) -> Object:
    """The object without those of the members that are empty."""
    return {key: value for key, value in node.items() if key not in keys or value}


def without(node: Object, *keys: str) -> Object:
    """The object without the members."""
    return {key: value for key, value in node.items() if key not in keys}


# Where schemas are: the members of each kind of node that lead to them. A trailing {} is a map
# of that kind, a trailing [] a list, a trailing ? allows a boolean.

_MEMBERS: dict[str, dict[str, str]] = {
    "document": {"paths": "path{}", "components": "components"},
    "components": {
        "schemas": "schema{}",
        "responses": "response{}",
        "parameters": "holder{}",
        "requestBodies": "holder{}",
        "headers": "holder{}",
        "callbacks": "path{}{}",
    },
    "path": {**dict.fromkeys(METHODS, "operation"), "parameters": "holder[]"},
    "operation": {
        "parameters": "holder[]",
        "requestBody": "holder",
        "responses": "response{}",
        "callbacks": "path{}{}",
    },
    "response": {"headers": "holder{}", "content": "holder{}"},
    # Parameters, headers, bodies and media types hold schemas under the same two names.
    "holder": {"schema": "schema", "content": "holder{}", "encoding": "encoding{}"},
    "encoding": {"headers": "holder{}"},
    "schema": {
        "properties": "schema{}",
        "items": "schema",
        "additionalProperties": "schema?",
        "not": "schema",
        "allOf": "schema[]",
        "anyOf": "schema[]",
        "oneOf": "schema[]",
    },
}


def _convert(node: Any, kind: str) -> Any:
    if kind.endswith("?"):
        return node if isinstance(node, bool) else _convert(node, kind[:-1])
    if kind != "schema" and not isinstance(node, list if kind.endswith("[]") else dict):
        return node
    if kind.endswith("[]"):
        return [_convert(item, kind[:-2]) for item in node]
    if kind.endswith("{}"):
        # YAML writers leave statuses unquoted, which makes integers of them.
        return {str(key): _convert(value, kind[:-2]) for key, value in node.items()}
    if kind == "schema":
        node = _old_schema(node)
    elif "$ref" in node and kind != "path":
        return {"$ref": node["$ref"]}
    elif kind == "operation":
        node = {"responses": {"default": {"description": "Undescribed."}}, **node}
    members = _MEMBERS[kind]
    return {key: _convert(value, members[key]) if key in members else value for key, value in node.items()}


_KEYWORDS = frozenset(
    """title description default example deprecated readOnly writeOnly externalDocs xml
    discriminator type nullable format enum multipleOf minimum exclusiveMinimum maximum
    exclusiveMaximum minLength maxLength pattern minItems maxItems uniqueItems items
    minProperties maxProperties required properties additionalProperties
    allOf anyOf oneOf not""".split()  # noqa: SIM905  # a list would take forty lines
)
_ANNOTATIONS = frozenset({"title", "description", "deprecated", "examples", "default"})


def _old_schema(schema: Any) -> Object:
    """Say at one level what 3.0 says differently; schemas inside have their own turn."""
    if not isinstance(schema, dict):
        return {"not": {}} if schema is False else {}
    for step in _STEPS:
        schema = step(schema)
    known: Object = {k: v for k, v in schema.items() if k in _KEYWORDS or k.startswith("x-")}
    known = filled(known, "required")
    return _referring(schema["$ref"], known) if "$ref" in schema else known


def _referring(reference: str, siblings: Object) -> Object:
    if not siblings:
        return {"$ref": reference}
    return {**siblings, "allOf": [{"$ref": reference}, *siblings.get("allOf", [])]}


def _null_branches(schema: Object) -> Object:
    for key in ("anyOf", "oneOf"):
        branches = schema.get(key, [])
        rest = [branch for branch in branches if not _is_null(branch)]
        if 0 < len(rest) < len(branches):
            schema = {**schema, key: rest, "nullable": True}
            schema = _merge(without(schema, key), rest[0]) if len(rest) == 1 else schema
    return schema


def _is_null(schema: Any) -> bool:
    match schema:
        case {"type": "null" | ["null"]} | {"const": None} | {"enum": [None]}:
            return True
    return False


def _merge(schema: Object, branch: Any) -> Object:
    if isinstance(branch, dict) and not (schema.keys() & branch.keys()) - _ANNOTATIONS:
        return {**branch, **schema}
    return {**schema, "allOf": [*schema.get("allOf", []), branch]}


def _types(schema: Object) -> Object:
    types = schema.get("type", [])
    types = [types] if isinstance(types, str) else types
    if not types:
        return schema
    real = [name for name in types if name != "null"]
    schema = schema if len(real) == len(types) else {**schema, "nullable": True}
    if not real:
        return {**without(schema, "type"), "enum": [None]}
    if len(real) == 1:
        return {**schema, "type": real[0]}
    branches = [_of_type(name, schema) for name in real]
    return _merge(without(schema, "type", "items"), {"anyOf": branches})


def _of_type(name: str, schema: Object) -> Object:
    return {"type": name, **({"items": schema.get("items", {})} if name == "array" else {})}


def _constants(schema: Object) -> Object:
    if "const" not in schema:
        return schema
    return {**without(schema, "const"), "enum": [schema["const"]]}


def _bounds(schema: Object) -> Object:
    for key, exclusive, tighter in (
        ("minimum", "exclusiveMinimum", max),
        ("maximum", "exclusiveMaximum", min),
    ):
        limit = schema.get(exclusive)
        if isinstance(limit, bool) or limit is None:
            continue
        schema = without(schema, exclusive)
        if tighter(limit, schema.get(key, limit)) == limit:
            schema = {**schema, key: limit, exclusive: True}
    return schema


def _examples(schema: Object) -> Object:
    examples = schema.get("examples")
    if not isinstance(examples, list) or not examples:
        return schema
    return {**schema, "example": schema.get("example", examples[0])}


def _items(schema: Object) -> Object:
    # `items` speaks of what follows `prefixItems`; alone it would speak of all items.
    if "prefixItems" in schema:
        return {**schema, "items": {}}
    return {**schema, "items": schema.get("items", {})} if schema.get("type") == "array" else schema


def _properties(schema: Object) -> Object:
    return without(schema, "additionalProperties") if "patternProperties" in schema else schema


_STEPS: tuple[Callable[[Object], Object], ...] = (
    Fixer(legacy=True).without_slips,
    _null_branches,
    _types,
    _constants,
    _bounds,
    _examples,
    _items,
    _properties,
)
