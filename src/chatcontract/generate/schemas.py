"""JSON Schemas of the part that strict mode takes, looser ones, and instances of both."""

from collections.abc import Callable, Mapping
from typing import Any

from chatcontract.generate.draws import Draws
from chatcontract.model import JSON
from chatcontract.pointer import resolve, split

Object = dict[str, Any]
NAMES = ("city", "count", "unit", "query", "tags", "is_urgent", "über", "a b")
"""Names of properties; JSON Schema takes any text."""
_WORDS = ("Bonn", "", "a b", "Zoë", "😀")
_LEAVES: tuple[Callable[[], Object], ...] = (
    lambda: {"type": "string"},
    lambda: {"type": "integer"},
    lambda: {"type": "boolean"},
    lambda: {"type": "number", "description": "A number."},
    lambda: {"type": "string", "enum": ["celsius", "fahrenheit"]},
    lambda: {"type": ["string", "null"]},
    lambda: {"type": "integer", "minimum": 1, "maximum": 9},
    lambda: {"type": "string", "format": "date"},
    lambda: {"anyOf": [{"type": "integer"}, {"type": "null"}]},
    lambda: {"const": "fixed", "type": "string"},
    lambda: {"type": "array", "items": {"type": "string"}},
    lambda: {"type": "array", "items": {"type": "integer"}, "minItems": 1, "maxItems": 3},
)


def parameters(draws: Draws, *, strict: bool) -> Object:
    """A schema of an object; a strict one closes every object and requires all of its properties."""
    names = draws.some(NAMES, 3)
    schema = _object({name: _property(draws, strict) for name in names}, strict)
    if not strict and names:
        schema["required"] = names[:1] if draws.chance(50) else []
    if names and draws.chance(8):
        schema["properties"][names[0]] = {"$ref": "#/$defs/node"}
        schema["$defs"] = {"node": _object({"label": {"type": "string"}, "next": _chain()}, strict)}
    return schema


def _chain() -> Object:
    return {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/node"}]}


def _property(draws: Draws, strict: bool) -> Object:
    if draws.chance(10):
        return _object({"name": draws.choose(_LEAVES)(), "size": draws.choose(_LEAVES)()}, strict)
    return draws.choose(_LEAVES)()


def _object(properties: Object, strict: bool) -> Object:
    schema: Object = {"type": "object", "properties": properties, "required": list(properties)}
    if strict:
        schema["additionalProperties"] = False
    return schema


def instance(draws: Draws, schema: JSON, root: JSON = None, level: int = 0) -> JSON:
    """A value for a schema as `parameters` makes them; of a foreign schema it may miss, so hold it against it.

    >>> from chatcontract.generate.draws import Seeded
    >>> instance(Seeded(1), {"type": "object", "properties": {"a": {"const": 1}}, "required": ["a"]})
    {'a': 1}
    """
    root = schema if root is None else root
    if not isinstance(schema, dict):
        return "any"
    if "$ref" in schema:
        return instance(draws, _target(root, schema["$ref"]), root, level + 1) if level < 40 else None
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return draws.choose(schema["enum"])
    if schema.get("anyOf") or schema.get("oneOf"):
        branches = schema.get("anyOf") or schema["oneOf"]
        return instance(draws, branches[0] if level > 2 else draws.choose(branches), root, level + 1)
    kind = schema.get("type", "string")
    return _of_type(draws, draws.choose(kind) if isinstance(kind, list) else kind, schema, root, level)


def _of_type(draws: Draws, kind: str, schema: Mapping[str, JSON], root: JSON, level: int) -> JSON:
    if kind == "object":
        return _members(draws, schema, root, level)
    if kind == "array":
        least = int(schema.get("minItems", 0))
        size = least if level > 2 else draws.integer(least, min(least + 2, int(schema.get("maxItems", least + 2))))
        return [instance(draws, schema.get("items"), root, level + 1) for _ in range(size)]
    if kind == "string":
        return "2026-02-28" if schema.get("format") == "date" else draws.choose(_WORDS)
    if kind in ("integer", "number"):
        low = int(schema.get("minimum", 0))
        drawn = draws.integer(low, int(schema.get("maximum", low + 1000)))
        return drawn / 4 if kind == "number" and "minimum" not in schema else drawn
    return draws.chance(50) if kind == "boolean" else None


def _members(draws: Draws, schema: Mapping[str, JSON], root: JSON, level: int) -> Object:
    required = schema.get("required") or ()
    return {
        name: instance(draws, member, root, level + 1)
        for name, member in (schema.get("properties") or {}).items()
        if name in required or (level < 3 and draws.chance(50))
    }


def _target(root: JSON, reference: JSON) -> JSON:
    try:
        return resolve(root, split(str(reference).removeprefix("#")))
    except LookupError:
        return {}
