"""Structured output: JSON where JSON is asked for, and every keyword that strict schemas may use."""

from collections.abc import Iterator, Mapping

from chatcontract.looks import finish
from chatcontract.model import JSON
from chatcontract.offers import record
from chatcontract.probe import LIMIT, Expectation, Level, Section, Shortfall, Unclear, each, honoured, user
from chatcontract.reading import Reading

SECTION = Section("structured", anchor="response_format")
_GUIDE = "https://developers.openai.com/api/docs/guides/structured-outputs"
_RULES = ("content-not-json", "json-content-wrapped", "json-content-not-object", "content-breaks-schema")
_WHY = "Programs parse the answer; text around it, or another shape, stops them."
_WHY_KEYWORD = "A keyword that is ignored gives answers that the program behind cannot use; a refusal would tell."
_STREAM = {"/stream": True}
_ROOM = 200


def _ended(reading: Reading) -> Iterator[Shortfall | Unclear]:
    """Unclear where the limit cut the JSON, or the model refused."""
    if finish(reading) == "length":
        yield Unclear("the model did not come to an end within the limit of the probe")
    elif reading.choices and reading.choices[0][2].get("refusal"):
        yield Unclear("the model refused")


def _kept() -> Expectation:
    return honoured(each(_ended), rules=_RULES)


def _format(schema: JSON, *, strict: bool | None = True, name: str = "answer") -> dict[str, JSON]:
    body: dict[str, JSON] = {"name": name, "schema": schema}
    return {"type": "json_schema", "json_schema": body if strict is None else {**body, "strict": strict}}


_ASKED: Mapping[str, JSON] = {
    "/messages": [user("Answer with a short JSON object: what is the capital of France?")],
    f"/{LIMIT}": _ROOM,
}
_CAPITAL = record({"city": {"type": "string", "enum": ["Paris", "Rome"]}, "sure": {"type": "boolean"}})
_OBJECT = {**_ASKED, "/response_format": {"type": "json_object"}}
_SCHEMA = {**_ASKED, "/response_format": _format(_CAPITAL)}

SECTION.probe(
    "text",
    "the format text is accepted",
    {"/response_format": {"type": "text"}},
    honoured(),
    why="SDKs send it.",
)
SECTION.probe(
    "json-object",
    "json_object gives a JSON object",
    _OBJECT,
    _kept(),
    provides="json_object",
    why=_WHY,
    uncertain=True,
    source=_GUIDE,
)
SECTION.probe(
    "json-object-streamed",
    "json_object gives a JSON object in a stream",
    {**_OBJECT, **_STREAM},
    _kept(),
    needs=("json_object", "streaming"),
    why=_WHY,
    uncertain=True,
    source=_GUIDE,
)
SECTION.probe(
    "json-schema",
    "a strict schema is kept",
    _SCHEMA,
    _kept(),
    provides="json_schema",
    why=_WHY,
    uncertain=True,
    source=_GUIDE,
)
SECTION.probe(
    "json-schema-streamed",
    "a strict schema is kept in a stream",
    {**_SCHEMA, **_STREAM},
    _kept(),
    needs=("json_schema", "streaming"),
    why=_WHY,
    uncertain=True,
    source=_GUIDE,
)
SECTION.probe(
    "json-schema-unforced",
    "a schema is kept although the question is about something else",
    {**_SCHEMA, "/messages": [user("Tell a story about a dragon.")]},
    _kept(),
    needs="json_schema",
    why=_WHY,
    uncertain=True,
    source=_GUIDE,
)
SECTION.probe(
    "json-schema-loose",
    "a schema that is not strict is accepted",
    {**_ASKED, "/response_format": _format(_CAPITAL, strict=False)},
    honoured(each(_ended), rules=_RULES[:2]),
    needs="json_schema",
    level=Level.SHOULD,
    why=_WHY,
    uncertain=True,
    source=_GUIDE,
)
SECTION.probe(
    "json-schema-strict-null",
    "strict may be null",
    {
        **_ASKED,
        "/response_format": {
            "type": "json_schema",
            "json_schema": {
                "name": "answer",
                "description": "The answer.",
                "schema": _CAPITAL,
                "strict": None,
            },
        },
    },
    honoured(each(_ended)),
    needs="json_schema",
    level=Level.SHOULD,
    why="Typed clients write null for what was not set.",
    source=_GUIDE,
)
SECTION.probe(
    "with-tools",
    "a schema and tools are accepted together",
    {
        **_SCHEMA,
        "/tools": [
            {
                "type": "function",
                "function": {"name": "get_city", "parameters": record({"x": {"type": "string"}})},
            }
        ],
        "/tool_choice": "none",
    },
    _kept(),
    needs=("json_schema", "tools"),
    level=Level.SHOULD,
    why="Agents end with a structured answer.",
    uncertain=True,
    source=_GUIDE,
)

_TEXT: JSON = {"type": "string"}
_KEYWORDS: Mapping[str, tuple[str, JSON]] = {
    "string": ("texts", record({"value": _TEXT})),
    "integer": ("integers", record({"value": {"type": "integer"}})),
    "number": ("numbers", record({"value": {"type": "number"}})),
    "boolean": ("true and false", record({"value": {"type": "boolean"}})),
    "null": ("null alone", record({"value": {"type": "null"}})),
    "enum": ("enumerations", record({"value": {"type": "string", "enum": ["red", "green"]}})),
    "enum-numbers": ("enumerations of numbers", record({"value": {"type": "integer", "enum": [3, 5]}})),
    "const": ("constants", record({"value": {"type": "string", "const": "fixed"}})),
    "nested": ("objects in objects", record({"outer": record({"inner": record({"value": _TEXT})})})),
    "array": ("arrays", record({"values": {"type": "array", "items": {"type": "integer"}, "maxItems": 3}})),
    "array-of-objects": (
        "arrays of objects",
        record({"values": {"type": "array", "items": record({"value": _TEXT}), "maxItems": 2}}),
    ),
    "min-items": (
        "lower bounds of arrays",
        record({"values": {"type": "array", "items": {"type": "boolean"}, "minItems": 2, "maxItems": 2}}),
    ),
    "or-null": ("a type or null", record({"value": {"type": ["string", "null"]}})),
    "any-of": ("unions", record({"value": {"anyOf": [{"type": "integer"}, record({"inner": _TEXT})]}})),
    "definitions": (
        "definitions",
        record({"value": {"$ref": "#/$defs/leaf"}}, **{"$defs": {"leaf": {"type": "boolean"}}}),
    ),
    "recursion": (
        "schemas that refer to themselves",
        record(
            {"node": {"$ref": "#/$defs/node"}},
            **{
                "$defs": {
                    "node": record(
                        {
                            "value": {"type": "boolean"},
                            "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]},
                        }
                    )
                }
            },
        ),
    ),
    "bounds": ("bounds of numbers", record({"value": {"type": "integer", "minimum": 3, "maximum": 4}})),
    "exclusive-bounds": (
        "exclusive bounds",
        record({"value": {"type": "integer", "exclusiveMinimum": 3, "exclusiveMaximum": 5}}),
    ),
    "multiple": (
        "multiples",
        record({"value": {"type": "integer", "multipleOf": 7, "minimum": 1, "maximum": 50}}),
    ),
    "pattern": ("patterns", record({"value": {"type": "string", "pattern": "^[a-c]{2}-[0-9]{3}$"}})),
    "format": ("formats", record({"value": {"type": "string", "format": "date"}})),
    "many-properties": (
        "many properties, in their order",
        record({f"field_{number}": {"type": "boolean"} for number in range(12)}),
    ),
    "unicode": ("names in other scripts", record({"größe": {"type": "string", "enum": ["klein", "groß"]}})),
}
for _id, (_what, _schema) in _KEYWORDS.items():
    SECTION.probe(
        f"keyword-{_id}",
        f"strict schemas may use {_what}",
        {**_ASKED, "/response_format": _format(_schema)},
        _kept(),
        needs="json_schema",
        level=Level.SHOULD,
        why=_WHY_KEYWORD,
        uncertain=True,
        source=_GUIDE,
    )
