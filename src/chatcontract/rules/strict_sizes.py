"""Request (CC293, CC294): how large the schemas of strict mode may be."""

from collections.abc import Iterator

from chatcontract.declare import SpecView, rule
from chatcontract.examples import Example, wanting
from chatcontract.json_schema import Node
from chatcontract.model import JSON, Basis, Finding, Part, Severity
from chatcontract.reading import Reading, items, members
from chatcontract.strict_schemas import strict_schemas

_ANCHOR = "#/components/schemas/ResponseFormatJsonSchema/properties/json_schema/properties/strict"
_GUIDE = "https://developers.openai.com/api/docs/guides/structured-outputs#supported-schemas"
_MAX_PROPERTIES = 5000
_MAX_DEPTH = 10
_MAX_NAMES = 120_000
_MAX_VALUES = 1000
_MANY_VALUES = 250
_MAX_LONG_ENUM = 15_000


def _strict(properties: dict[str, JSON]) -> Example:
    """The minimal request that wants answers with these properties."""
    schema = {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}
    return wanting(schema)


def _nested(levels: int) -> Example:
    """The minimal request that wants answers of so many objects inside each other."""
    properties: dict[str, JSON] = {}
    for _ in range(levels):
        inner = {"type": "object", "properties": properties, "required": list(properties)}
        properties = {"a": {**inner, "additionalProperties": False}}
    return _strict(properties)


@rule(
    "CC293",
    anchor=_ANCHOR,
    part=Part.REQUEST,
    severity=Severity.ERROR,
    basis=Basis.DOCUMENTED,
    source=_GUIDE,
    since="0.1",
    passes=[_nested(5)],
    fails=[_nested(12)],
    compatible=Severity.INFO,
    needs=("brought", "strict"),
)
def strict_schema_large(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """A strict schema is larger than strict mode takes.

    ## Why it matters
    At most 5000 properties in all, ten levels of nesting, and 120000 characters of names and values.

    ## Known exceptions
    In 2024 the limits were 100 properties, five levels and 15000 characters.
    """
    for schema, found in reading.once(strict_schemas):
        properties = sum(len(members(node.value.get("properties"))) for node in found)
        if properties > _MAX_PROPERTIES:
            yield Finding(schema.pointer, f"expected at most 5000 properties, got {properties}")
        deepest = max(found, key=lambda node: node.depth)
        if deepest.depth > _MAX_DEPTH + 1:
            said = f"expected at most 10 levels of nesting, got {deepest.depth - 1}"
            yield Finding(schema.pointer + deepest.pointer, said)
        letters = sum(_letters(node) for node in found)
        if letters > _MAX_NAMES:
            yield Finding(schema.pointer, f"expected at most 120000 characters of names and values, got {letters}")


def _letters(node: Node) -> int:
    named = [name for keyword in ("properties", "$defs", "definitions") for name in members(node.value.get(keyword))]
    values = [*items(node.value.get("enum")), node.value.get("const")]
    return sum(map(len, named)) + sum(len(value) for value in values if isinstance(value, str))


@rule(
    "CC294",
    anchor=_ANCHOR,
    part=Part.REQUEST,
    severity=Severity.ERROR,
    basis=Basis.DOCUMENTED,
    source=_GUIDE,
    since="0.1",
    passes=[_strict({"a": {"type": "string", "enum": ["a", "b"]}})],
    fails=[
        _strict({"a": {"type": "integer", "enum": list(range(1001))}}),
        _strict({"a": {"type": "string", "enum": [f"{n:060}" for n in range(251)]}}),
    ],
    compatible=Severity.INFO,
    needs=("brought", "strict"),
)
def strict_enum_large(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The enumerations of a strict schema are larger than strict mode takes.

    ## Why it matters
    At most 1000 values in all, and 15000 characters in one enumeration of more than 250 texts.

    ## Known exceptions
    In 2024 the limits were 500 values and 7500 characters.
    """
    for schema, nodes in reading.once(strict_schemas):
        enums = [(node, items(node.value.get("enum"))) for node in nodes]
        total = sum(len(values) for _, values in enums)
        if total > _MAX_VALUES:
            yield Finding(schema.pointer, f"expected at most 1000 values of enumerations, got {total}")
        for node, values in enums:
            letters = sum(len(value) for value in values if isinstance(value, str))
            if len(values) > _MANY_VALUES and letters > _MAX_LONG_ENUM:
                said = f"expected at most 15000 characters in {len(values)} values, got {letters}"
                yield Finding(f"{schema.pointer}{node.pointer}/enum", said)
