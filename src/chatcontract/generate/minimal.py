"""The smallest payload that takes one branch of a document."""

from typing import Any

from chatcontract.generate.branches import Branch, Step, Way
from chatcontract.generate.nodes import Document, Node, types
from chatcontract.generate.values import IMAGE, PDF, WAV
from chatcontract.model import JSON

Object = dict[str, Any]
_TEXTS = {
    "url": IMAGE, "image_url": IMAGE, "data": WAV, "file_data": PDF, "arguments": "{}", "country": "DE",
    "timezone": "Europe/Berlin", "definition": 'start: "a"', "filename": "a.pdf", "name": "f", "tool_call_id": "call_1",
    "id": "call_1", "model": "gpt-5.2", "content": "Hi", "text": "Hi", "refusal": "No.",
}  # fmt: skip
_OBJECTS: dict[str, Object] = {
    "parameters": {"type": "object", "properties": {}},
    "schema": {"type": "object", "properties": {}},
    "tools": {"type": "function", "function": {"name": "f"}},
}
"""Members whose objects the document leaves open, and what they hold."""
_MESSAGE = {"role": "user", "content": "Hi"}
_MAX_LEVELS = 40


def payload(document: Document, branch: Branch, way: Way) -> Any:
    """A payload that takes the branch; rules that span several members may still be broken.

    `way` leads from the root to the schema object that has the branch.
    """
    return _wrapped(document, way[:-1], _leaf(document, way[-1].node, branch, _named(way)))


def _named(way: Way) -> str:
    """The name of the innermost member on the way."""
    return next((str(step.token) for step in reversed(way) if step.keyword == "properties"), "")


def _wrapped(document: Document, way: Way, value: JSON) -> Any:
    for at in range(len(way) - 1, -1, -1):
        value = _wrap(document, way[at], value, _named(way[:at]))
    return value


def _wrap(document: Document, step: Step, value: JSON, name: str) -> Any:
    if step.keyword == "properties":
        return {**_members(document, step.node, name), str(step.token): value}
    if step.keyword == "items":
        return [value] * max(1, int(step.node.schema.get("minItems", 1)))
    if step.keyword == "additionalProperties":
        return {_key(step.node): value}
    return value


def _key(node: Node) -> str:
    return "1" if "0-9" in node.schema.get("propertyNames", {}).get("pattern", "") else "key"


def _leaf(document: Document, node: Node, branch: Branch, name: str) -> Any:
    place, _, last = branch.anchor.rpartition("/")
    if branch.kind in ("true", "false"):
        return branch.kind == "true"
    if branch.kind == "value":
        return node.schema["enum"][int(last)]
    if branch.kind == "branch":
        return smallest(document, node.at(place.rpartition("/")[2], int(last)), name)
    if branch.kind == "type":
        return _of_type(document, node, types(node.schema)[int(last)], name)
    if branch.kind == "bound":
        return _bound(document, node, last, name)
    made = _members(document, node, name)
    member = branch.anchor.removeprefix(f"{node.anchor}/properties/").replace("~1", "/").replace("~0", "~")
    if branch.kind == "present":
        made[member] = smallest(document, node.at("properties", member), member)
    return made


def _bound(document: Document, node: Node, bound: str, name: str) -> Any:
    limit = node.schema[bound]
    if bound in ("minimum", "maximum"):
        return limit
    if bound.endswith("Length"):
        return "x" * limit
    if bound.endswith("Properties"):
        return {f"k{at}": smallest(document, node.at("additionalProperties"), "") for at in range(limit)}
    return [smallest(document, node.at("items"), name) for _ in range(limit)]


def smallest(document: Document, node: Node, name: str, level: int = 0) -> Any:
    """The smallest value that a schema takes; `name` is that of the member it stands in."""
    node, schema = document.follow(node), document.follow(node).schema
    if name == "messages" and schema.get("type") == "array":
        return [dict(_MESSAGE)]
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0]
    for keyword in ("oneOf", "anyOf"):
        if schema.get(keyword):
            return smallest(document, node.at(keyword, 0), name, level + 1)
    return _of_type(document, node, next(iter(types(schema)), "object"), name, level)


def _of_type(document: Document, node: Node, kind: str, name: str, level: int = 0) -> Any:
    if level > _MAX_LEVELS:
        raise ValueError(f"{node.anchor} has no end; mend the document")
    if kind == "object":
        return _members(document, node, name, level)
    if kind == "array":
        least = int(node.schema.get("minItems", 0))
        return [smallest(document, node.at("items"), name, level + 1) for _ in range(least)]
    if kind == "string":
        return _TEXTS.get(name, "x" * max(1, int(node.schema.get("minLength", 1))))
    if kind in ("integer", "number"):
        return max(node.schema.get("minimum", 1), 1)
    return False if kind == "boolean" else None


def _members(document: Document, node: Node, name: str, level: int = 0) -> Object:
    """The object with what is required, of an open one what usually stands there."""
    schema = node.schema
    made: Object = {
        member: smallest(document, node.at("properties", member), member, level + 1)
        for member in schema.get("required", ())
    }
    if not made and not schema.get("properties") and name in _OBJECTS:
        return dict(_OBJECTS[name])
    return made
