"""A document for other tools: fewer answers if wanted, and OpenAPI 3.0.3 where 3.1 is too new."""

from collections.abc import Callable, Collection, Iterator
from copy import deepcopy
from typing import Any, Literal, TypeAlias
from urllib.parse import unquote

__all__ = ["project"]

Object: TypeAlias = dict[str, Any]
Name: TypeAlias = tuple[str, str]


def project(
    document: Object,
    *,
    openapi: Literal["3.1", "3.0"] = "3.1",
    statuses: Collection[str] | None = None,
    media_types: Collection[str] | None = None,
) -> Object:
    """Return a new document with the given answers only, in the given version of OpenAPI.

    `statuses` and `media_types` limit the answers of all operations, None keeps all; request
    bodies stay as they are. Components that lose their last reference are dropped.

    With `openapi="3.0"` the result is an OpenAPI 3.0.3 document. What 3.0 cannot say is left
    out, so the result allows more than its source (but for the insides of `not` and `oneOf`).
    Null becomes `nullable`, beside `anyOf` and `allOf` too, which is how generators read it.

    >>> name = {"type": ["string", "null"], "examples": ["Ada"]}
    >>> document = {
    ...     "openapi": "3.1.0",
    ...     "info": {"title": "Names", "version": "1"},
    ...     "paths": {},
    ...     "components": {"schemas": {"Name": name}},
    ... }
    >>> project(document, openapi="3.0")["components"]["schemas"]["Name"]
    {'type': 'string', 'nullable': True, 'example': 'Ada'}
    """
    if openapi not in ("3.1", "3.0"):
        raise ValueError(f"openapi must be '3.1' or '3.0', not {openapi!r}")
    whole = deepcopy(document)
    if openapi == "3.0":
        whole = _hoist_definitions(whole)
    result = _reduce(whole, statuses, media_types)
    if openapi == "3.0":
        result = _old_frame(result)
    result = _prune(result, before=whole)
    return _convert(result, "document") if openapi == "3.0" else result


_METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")


def _reduce(document: Object, statuses: Collection[str] | None, media_types: Collection[str] | None) -> Object:
    def operation(node: Object) -> Object:
        node = _on(node, "responses", lambda answers: _pick(answers, statuses, answer))
        return _filled(node, "responses")

    def answer(node: Object) -> Object:
        return _filled(_on(node, "content", lambda content: _pick(content, media_types)), "content")

    def path(node: Object) -> Object:
        return {key: operation(value) if key in _METHODS else value for key, value in node.items()}

    def components(node: Object) -> Object:
        node = _on(node, "pathItems", lambda items: _pick(items, None, path))
        return _on(node, "responses", lambda answers: _pick(answers, None, answer))

    document = _on(document, "paths", lambda paths: _pick(paths, None, path))
    return _on(document, "components", components)


def _pick(node: Object, keys: Collection[str] | None, change: Callable[[Object], Object] | None = None) -> Object:
    kept = {key: value for key, value in node.items() if keys is None or str(key) in keys}
    if change is None:
        return kept
    return {key: change(value) if isinstance(value, dict) else value for key, value in kept.items()}


def _on(node: Object, key: str, change: Callable[[Object], Object]) -> Object:
    if not isinstance(node.get(key), dict):
        return node
    return {**node, key: change(node[key])}


def _filled(node: Object, *keys: str) -> Object:
    return {key: value for key, value in node.items() if key not in keys or value}


def _without(node: Object, *keys: str) -> Object:
    return {key: value for key, value in node.items() if key not in keys}


def _prune(document: Object, *, before: Object) -> Object:
    """Drop components that `before` reached from its operations and `document` does not."""
    unused = _names(document) - _closure(before, _roots(before))
    needed = _closure(document, _roots(document) | unused)
    groups = {
        group: {name: value for name, value in members.items() if (group, name) in needed}
        for group, members in _groups(document)
    }
    components = {**document.get("components", {}), **groups}
    return _filled({**document, "components": _filled(components, *groups)}, "components")


def _names(document: Object) -> set[Name]:
    return {(group, name) for group, members in _groups(document) for name in members}


def _groups(document: Object) -> list[tuple[str, Object]]:
    components = document.get("components", {})
    return [(group, members) for group, members in components.items() if group[:2] != "x-"]


def _roots(document: Object) -> set[Name]:
    return set(_mentions(_without(document, "components")))


def _closure(document: Object, names: set[Name]) -> set[Name]:
    components = document.get("components", {})
    seen: set[Name] = set()
    waiting = set(names)
    while waiting:
        group, name = waiting.pop()
        seen.add((group, name))
        waiting |= set(_mentions(components.get(group, {}).get(name))) - seen
    return seen


def _mentions(node: Any) -> Iterator[Name]:
    for key, value in _members_at_any_depth(node):
        yield from _mentioned_by(key, value)


def _members_at_any_depth(node: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(node, dict):
        yield from node.items()
        node = list(node.values())
    if isinstance(node, list):
        for item in node:
            yield from _members_at_any_depth(item)


def _mentioned_by(key: str, value: Any) -> Iterator[Name]:
    match key, value:
        case "$ref", str():
            yield from _component(value)
        case "discriminator", {"mapping": dict(mapping)}:
            for target in map(str, mapping.values()):
                yield from _component(target)
                yield "schemas", target
        case "security", list():
            for requirement in value:
                names = requirement if isinstance(requirement, dict) else ()
                yield from (("securitySchemes", name) for name in names)


def _component(reference: str) -> Iterator[Name]:
    match _tokens(reference):
        case ["components", group, name, *_]:
            yield group, name


def _tokens(reference: str) -> list[str]:
    if not reference.startswith("#/"):
        return []
    parts = unquote(reference[2:]).split("/")
    return [part.replace("~1", "/").replace("~0", "~") for part in parts]


def _hoist_definitions(document: Object) -> Object:
    """Make components of all definitions inside schemas, since 3.0 has no `$defs`."""
    moved: dict[str, str] = {}
    schemas: Object = dict(document.get("components", {}).get("schemas", {}))
    for key, value in _members_at_any_depth(document):
        if key == "$ref" and isinstance(value, str) and "$defs" in _tokens(value):
            name = ".".join(part for part in _tokens(value)[2:] if part != "$defs")
            moved[value] = f"#/components/schemas/{name}"
            schemas[name] = _resolve(document, value)
    if not moved:
        return document
    document = {**document, "components": {**document.get("components", {}), "schemas": schemas}}
    return {key: _redirect(value, moved) for key, value in document.items()}


def _resolve(document: Object, reference: str) -> Any:
    node: Any = document
    for token in _tokens(reference):
        node = node[int(token)] if isinstance(node, list) else node[token]
    return node


def _redirect(node: Any, moved: dict[str, str]) -> Any:
    match node:
        case list():
            return [_redirect(item, moved) for item in node]
        case {"$ref": str(reference)} if reference in moved:
            return {**node, "$ref": moved[reference]}
        case dict():
            return {key: _redirect(value, moved) for key, value in node.items()}
    return node


def _old_frame(document: Object) -> Object:
    result = _without(document, "webhooks", "jsonSchemaDialect")
    result["openapi"] = "3.0.3"
    result["paths"] = {path: _inline(document, item) for path, item in result.get("paths", {}).items()}
    result = _on(result, "components", lambda it: _without(it, "pathItems"))
    result = _on(result, "info", lambda it: _without(it, "summary"))
    return _on(result, "info", lambda it: _on(it, "license", lambda it: _without(it, "identifier")))


def _inline(document: Object, item: Any) -> Any:
    match item:
        case {"$ref": str(reference)} if _tokens(reference)[:2] == ["components", "pathItems"]:
            return {**_resolve(document, reference), **_without(item, "$ref")}
    return item


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
    "path": {**dict.fromkeys(_METHODS, "operation"), "parameters": "holder[]"},
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
    if kind != "schema" and isinstance(node, str | int | float | None):
        return node
    if kind.endswith("?"):
        return _convert(node, kind[:-1])
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
    if isinstance(schema, bool):
        return {} if schema else {"not": {}}
    for step in _STEPS:
        schema = step(schema)
    known: Object = {k: v for k, v in schema.items() if k in _KEYWORDS or k.startswith("x-")}
    known = _filled(known, "required")
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
            schema = _merge(_without(schema, key), rest[0]) if len(rest) == 1 else schema
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
        return {**_without(schema, "type"), "enum": [None]}
    if len(real) == 1:
        return {**schema, "type": real[0]}
    branches = [_of_type(name, schema) for name in real]
    return _merge(_without(schema, "type", "items"), {"anyOf": branches})


def _of_type(name: str, schema: Object) -> Object:
    return {"type": name, **({"items": schema.get("items", {})} if name == "array" else {})}


def _constants(schema: Object) -> Object:
    if "const" not in schema:
        return schema
    return {**_without(schema, "const"), "enum": [schema["const"]]}


def _bounds(schema: Object) -> Object:
    for key, exclusive, tighter in (
        ("minimum", "exclusiveMinimum", max),
        ("maximum", "exclusiveMaximum", min),
    ):
        limit = schema.get(exclusive)
        if isinstance(limit, bool) or limit is None:
            continue
        schema = _without(schema, exclusive)
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
    return _without(schema, "additionalProperties") if "patternProperties" in schema else schema


_STEPS: tuple[Callable[[Object], Object], ...] = (
    _null_branches,
    _types,
    _constants,
    _bounds,
    _examples,
    _items,
    _properties,
)
