"""A document for other tools: fewer answers if wanted, and OpenAPI 3.0.3 where 3.1 is too new."""

import re
from collections.abc import Callable, Collection, Iterator
from copy import deepcopy
from typing import Any, Literal, TypeAlias
from urllib.parse import unquote

from chatcontract.spec.downgrade import METHODS, Object, downgraded, filled, without

__all__ = ["project"]

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
    return downgraded(result) if openapi == "3.0" else result


def _reduce(document: Object, statuses: Collection[str] | None, media_types: Collection[str] | None) -> Object:
    def operation(node: Object) -> Object:
        node = _on(node, "responses", lambda answers: _pick(answers, statuses, answer))
        return filled(node, "responses")

    def answer(node: Object) -> Object:
        return filled(_on(node, "content", lambda content: _pick(content, media_types)), "content")

    def path(node: Object) -> Object:
        is_operation = {key: key in METHODS and isinstance(value, dict) for key, value in node.items()}
        return {key: operation(value) if is_operation[key] else value for key, value in node.items()}

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


def _prune(document: Object, *, before: Object) -> Object:
    """Drop components that `before` reached from its operations and `document` does not."""
    unused = _names(document) - _closure(before, _roots(before))
    needed = _closure(document, _roots(document) | unused)
    groups = {
        group: {name: value for name, value in members.items() if (group, name) in needed}
        for group, members in _groups(document)
    }
    components = {**document.get("components", {}), **groups}
    return filled({**document, "components": filled(components, *groups)}, "components")


def _names(document: Object) -> set[Name]:
    return {(group, name) for group, members in _groups(document) for name in members}


def _groups(document: Object) -> list[tuple[str, Object]]:
    components = document.get("components", {})
    return [(group, members) for group, members in components.items() if group[:2] != "x-"]


def _roots(document: Object) -> set[Name]:
    return set(_mentions(without(document, "components")))


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
        tokens = _tokens(value) if key == "$ref" and isinstance(value, str) else []
        is_component = tokens[:2] == ["components", "schemas"]
        tokens = tokens[2:] if is_component else tokens
        if _LOCAL.isdisjoint(tokens[is_component:]) or (target := _resolve(document, value)) is None:
            continue
        name = re.sub(r"[^\w.-]+", "_", ".".join(token for token in tokens if token not in _LOCAL), flags=re.ASCII)
        moved[value] = f"#/components/schemas/{name}"
        schemas[name] = target
    if not moved:
        return document
    document = {**document, "components": {**document.get("components", {}), "schemas": schemas}}
    return {key: _redirect(value, moved) for key, value in document.items()}


_LOCAL = frozenset(("$defs", "definitions"))


def _resolve(document: Object, reference: str) -> Any:
    """What the reference leads to; None where nothing is there."""
    node: Any = document
    for token in _tokens(reference):
        try:
            node = node[int(token)] if isinstance(node, list) else node[token]
        except (LookupError, TypeError, ValueError):
            return None
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
    result = without(document, "webhooks", "jsonSchemaDialect")
    result["openapi"] = "3.0.3"
    result = _on(result, "paths", lambda it: {path: _inline(document, item) for path, item in it.items()})
    result = _on(result, "components", lambda it: without(it, "pathItems"))
    result = _on(result, "info", lambda it: without(it, "summary"))
    return _on(result, "info", lambda it: _on(it, "license", lambda it: without(it, "identifier")))


def _inline(document: Object, item: Any) -> Any:
    match item:
        case {"$ref": str(reference)} if _tokens(reference)[:2] == ["components", "pathItems"]:
            return {**(_resolve(document, reference) or {}), **without(item, "$ref")}
    return item
