"""The compiled contract as an OpenAPI document: null is a type, unions need no discriminator, chunks are described."""

import json
import re
from collections.abc import Mapping
from typing import Any

from chatcontract.closures import Texts
from chatcontract.model import Profile
from chatcontract.spec.export import project

MARK = "x-chatcontract"
"""The member of an operation that says by which bridge it is tested."""
PATH = "/chat/completions"
_PREFIX = "chatcontract."

Object = dict[str, Any]


def document(texts: Texts, profile: Profile, mark: str) -> Object:
    """An OpenAPI 3.1 document of the one operation, made from the schemas that give the verdicts of a profile.

    `mark` becomes the operation's member MARK. It asks for no key, since how to send one is configured outside.
    """
    schemas: Object = {}
    roots = {root: _own(json.loads(texts.text(f"{profile}.{root}.verdict")), root, schemas) for root in _ROOTS}
    facts = texts.json("facts")
    return {
        "openapi": "3.1.0",
        "info": {"title": facts["title"], "version": str(facts["version"])},
        "paths": {PATH: {"post": {"operationId": "createChatCompletion", MARK: mark, **_operation(roots)}}},
        "components": {"schemas": schemas},
    }


def convert(raw: Object, made: Object) -> None:
    """Put the operation of `made` in the place of those of a document at hand, of OpenAPI 3.0 or 3.1.

    Everything else of the document stays as it is. Changes `raw`.
    """
    if raw["openapi"].startswith("3.0"):
        made = project(made, openapi="3.0")
    for path in chat_paths(raw):
        raw["paths"][path] = {**raw["paths"][path], **made["paths"][PATH]}
    components = raw.setdefault("components", {})
    components["schemas"] = {**components.get("schemas", {}), **made.get("components", {}).get("schemas", {})}


def paths(raw: Any) -> Object:
    """The paths of a document of OpenAPI 3; empty for any other."""
    version, found = (raw.get("openapi"), raw.get("paths")) if isinstance(raw, dict) else (None, None)
    return found if isinstance(found, dict) and isinstance(version, str) and version.startswith("3.") else {}


def chat_paths(raw: Any) -> list[str]:
    """The paths of a document whose POST is the contract's operation."""
    return [path for path, item in paths(raw).items() if _is_chat(path, item)]


def is_marked(item: Any) -> bool:
    """Whether the POST of a path is one of ours."""
    return isinstance(item, dict) and isinstance(item.get("post"), dict) and MARK in item["post"]


_ROOTS = ("request", "response", "chunk", "error")


def _is_chat(path: Any, item: Any) -> bool:
    return isinstance(item, dict) and "post" in item and str(path).rstrip("/").endswith(PATH)


def _operation(schemas: Mapping[str, Any]) -> Object:
    def content(root: str, media_type: str = "application/json") -> Object:
        return {media_type: {"schema": schemas[root]}}

    refusal = {"description": "An error.", "content": content("error")}
    answer = {**content("response"), **content("chunk", "text/event-stream")}
    return {
        "requestBody": {"required": True, "content": content("request")},
        "responses": {"200": {"description": "An answer.", "content": answer}, "4XX": refusal, "5XX": refusal},
        "security": [],
    }


def _own(schema: Object, root: str, schemas: Object) -> Any:
    """The schema with its definitions moved to the components, whose names nobody else has."""
    definitions = schema.pop("$defs", {})
    names = {f"#/$defs/{name}": f"{_PREFIX}{root}.{re.sub('[^A-Za-z0-9._-]', '-', name)}" for name in definitions}
    for name, definition in definitions.items():
        schemas[names[f"#/$defs/{name}"]] = _redirected(definition, names)
    return _redirected(schema, names)


def _redirected(node: Any, names: Mapping[str, str]) -> Any:
    match node:
        case {"$ref": str(reference)} if reference in names:
            return {**node, "$ref": f"#/components/schemas/{names[reference]}"}
        case dict():
            return {key: _redirected(value, names) for key, value in node.items()}
        case list():
            return [_redirected(item, names) for item in node]
    return node
