"""Tools: what the schemas of their parameters may say."""

from chatcontract.looks import cut_short
from chatcontract.model import JSON
from chatcontract.offers import FORCED, QUESTION, ROOM, function, named, record
from chatcontract.probe import LIMIT, Level, Probe, Section, each, honoured

SECTION = Section("tools")
_ASKED = {"/messages": [QUESTION], f"/{LIMIT}": ROOM}
_WHY_SCHEMA = "Schemas come from typed code and hold whatever the types say; one refused tool loses the whole request."


def _schema(id: str, title: str, parameters: JSON, level: Level = Level.SHOULD, **rest: JSON) -> Probe:
    """A probe that forces a call with these parameters."""
    return SECTION.probe(
        f"schema-{id}",
        title,
        {**_ASKED, "/tools": [function("set_value", parameters, **rest)], "/tool_choice": named("set_value")},
        honoured(each(cut_short), rules=(*FORCED, "arguments-not-json", "arguments-not-an-object")),
        needs="named tool choice",
        anchor="#/components/schemas/FunctionObject/properties/parameters",
        level=level,
        why=_WHY_SCHEMA,
        uncertain=True,
    )


_TEXT: JSON = {"type": "string"}
_schema("none", "a function may have no parameters", None)
_schema("empty", "a function may have an object without properties", {"type": "object", "properties": {}})
_schema(
    "enum",
    "an enumeration, also with an empty text",
    record({"value": {"type": "string", "enum": ["a", "b", ""]}}),
)
_schema("types", "several types in a list", record({"value": {"type": ["string", "null"]}}))
_schema("any-of", "a union", record({"value": {"anyOf": [{"type": "integer"}, {"type": "null"}]}}))
_schema("nested", "objects in objects", record({"value": record({"inner": record({"leaf": _TEXT})})}))
_schema("array", "an array of objects", record({"value": {"type": "array", "items": record({"leaf": _TEXT})}}))
_schema(
    "reference",
    "definitions and references",
    record({"value": {"$ref": "#/$defs/leaf"}}, **{"$defs": {"leaf": _TEXT}}),
)
_schema(
    "bounds",
    "bounds, patterns, formats and defaults",
    record(
        {
            "number": {"type": "integer", "minimum": 1, "maximum": 9, "default": 5},
            "word": {"type": "string", "pattern": "^[a-z]+$", "minLength": 1, "maxLength": 8},
        }
    ),
)
_schema(
    "titles",
    "titles, descriptions and $schema",
    record(
        {"value": {"type": "string", "title": "Value", "description": "A value.", "examples": ["x"]}},
        title="Set",
        **{"$schema": "https://json-schema.org/draft/2020-12/schema"},
    ),
)
_schema(
    "open",
    "an object with further members",
    {
        "type": "object",
        "properties": {"value": _TEXT},
        "additionalProperties": _TEXT,
    },
)
_schema(
    "unicode",
    "names and texts in other scripts",
    record({"größe": {"type": "string", "description": "尺寸"}}),
)
