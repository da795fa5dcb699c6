"""Errors: tools and formats that break the contract are refused."""

from chatcontract.probe import ERRORS, Case, Level, Section, refused

SECTION = Section("errors")
_MUST, _SHOULD, _INFO = Level.MUST, Level.SHOULD, Level.INFO
_WHY = "What the server does not understand it answers wrongly."
_WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}

_CASES: tuple[Case, ...] = (
    ("tools-text", "a text as tools is refused", {"/tools": "all"}, "tools", _MUST),
    (
        "tool-type-missing",
        "a tool without type is refused",
        {"/tools": [{"function": {"name": "f"}}]},
        "tools",
        _SHOULD,
    ),
    (
        "tool-type-unknown",
        "a tool of an unknown type is refused",
        {"/tools": [{"type": "spell", "spell": {"name": "f"}}]},
        "tools",
        _SHOULD,
    ),
    (
        "tool-name-missing",
        "a function without name is refused",
        {"/tools": [{"type": "function", "function": {}}]},
        "tools",
        _MUST,
    ),
    (
        "tool-name-blank",
        "a function name with blanks is refused",
        {"/tools": [{"type": "function", "function": {"name": "get the weather"}}]},
        "tools",
        _SHOULD,
    ),
    (
        "tool-name-long",
        "a function name of 65 characters is refused",
        {"/tools": [{"type": "function", "function": {"name": "f" * 65}}]},
        "tools",
        _SHOULD,
    ),
    (
        "tool-schema-text",
        "a text as parameters is refused",
        {"/tools": [{"type": "function", "function": {"name": "f", "parameters": "any"}}]},
        "tools",
        _SHOULD,
    ),
    (
        "tool-schema-type",
        "parameters of an unknown type are refused",
        {"/tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "banana"}}}]},
        "tools",
        _SHOULD,
    ),
    (
        "tool-choice-unknown",
        "an unknown tool_choice is refused",
        {"/tools": [_WEATHER], "/tool_choice": "always"},
        "tool_choice",
        _MUST,
    ),
    (
        "tool-choice-undeclared",
        "the choice of a tool that is not declared is refused",
        {"/tools": [_WEATHER], "/tool_choice": {"type": "function", "function": {"name": "get_time"}}},
        "tool_choice",
        _INFO,
    ),
    (
        "tool-choice-alone",
        "tool_choice without tools is refused",
        {"/tool_choice": "required"},
        "tool_choice",
        _SHOULD,
    ),
    (
        "format-unknown",
        "an unknown response_format is refused",
        {"/response_format": {"type": "yaml"}},
        "response_format",
        _MUST,
    ),
    (
        "format-text",
        "a text as response_format is refused",
        {"/response_format": "json"},
        "response_format",
        _MUST,
    ),
    (
        "format-without-schema",
        "json_schema without the schema is refused",
        {"/response_format": {"type": "json_schema"}},
        "response_format",
        _SHOULD,
    ),
    (
        "format-without-name",
        "json_schema without a name is refused",
        {"/response_format": {"type": "json_schema", "json_schema": {"schema": {"type": "object"}}}},
        "response_format",
        _SHOULD,
    ),
    (
        "format-schema-text",
        "a text as schema is refused",
        {"/response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": "any"}}},
        "response_format",
        _SHOULD,
    ),
    (
        "format-schema-open",
        "a strict schema with open objects is refused",
        {
            "/response_format": {
                "type": "json_schema",
                "json_schema": {
                    "name": "a",
                    "strict": True,
                    "schema": {"type": "object", "properties": {"x": {"type": "string"}}},
                },
            }
        },
        "response_format",
        _INFO,
    ),
)
for _id, _title, _changes, _member, _level in _CASES:
    SECTION.probe(
        _id,
        _title,
        _changes,
        refused(400, names=_member),
        anchor=_member,
        level=_level,
        why=_WHY,
        source=ERRORS,
    )
