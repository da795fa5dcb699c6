"""Request (CC286 to CC299): the part of JSON Schema that strict mode takes."""

from collections.abc import Iterator

from chatcontract import asked as asks
from chatcontract import json_schema
from chatcontract.declare import SpecView, rule
from chatcontract.examples import Example, request
from chatcontract.json_schema import Node
from chatcontract.model import JSON, Basis, Finding, Part, Severity
from chatcontract.pointer import escape
from chatcontract.reading import Reading, items, members
from chatcontract.redact import short

_ANCHOR = "#/components/schemas/ResponseFormatJsonSchema/properties/json_schema/properties/strict"
_GUIDE = "https://developers.openai.com/api/docs/guides/structured-outputs#supported-schemas"
_MAX_PROPERTIES = 5000
_MAX_DEPTH = 10
_MAX_NAMES = 120_000
_MAX_VALUES = 1000
_MANY_VALUES = 250
_MAX_LONG_ENUM = 15_000
_BANNED = (
    "allOf", "contains", "dependentRequired", "dependentSchemas", "else", "if", "not", "oneOf",
    "patternProperties", "propertyNames", "then", "uniqueItems",
)  # fmt: skip
_DOUBTFUL = (
    "maxContains", "maxLength", "maxProperties", "minContains", "minLength", "minProperties", "prefixItems",
    "unevaluatedItems", "unevaluatedProperties",
)  # fmt: skip
_TOLERATED = ("default",)
_FORMATS = frozenset({"date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"})
_TYPED = frozenset({"type", "$ref", "anyOf"})
_TEXT = {"type": "string"}


def _closed(properties: dict[str, JSON], **more: JSON) -> dict[str, JSON]:
    return {
        "type": "object", "properties": properties, "required": list(properties),
        "additionalProperties": False, **more,
    }  # fmt: skip


def _nested(levels: int) -> dict[str, JSON]:
    schema = _closed({})
    for _ in range(levels):
        schema = _closed({"a": schema})
    return schema


def _strict(schema: JSON, strict: JSON = True) -> Example:
    """The minimal request that wants answers by this schema."""
    given = {"name": "answer", "schema": schema, "strict": strict}
    return request({"/response_format": {"type": "json_schema", "json_schema": given}})


def _tool(schema: JSON) -> Example:
    """The minimal request with a strict function that has these parameters."""
    body = {"name": "f", "parameters": schema, "strict": True}
    return request({"/tools": [{"type": "function", "function": body}], "/parallel_tool_calls": False})


def _property(schema: JSON) -> Example:
    return _strict(_closed({"a": schema}))


def _schemas(reading: Reading) -> list[tuple[asks.Schema, list[Node]]]:
    """The strict schemas, each with all its nodes."""
    found = reading.in_request(json_schema.of_request)
    return [(schema, nodes) for schema, nodes in found if schema.strict and isinstance(schema.value, dict)]


def _nodes(reading: Reading) -> Iterator[tuple[str, Node]]:
    """Pointer and node of everything in the strict schemas."""
    for schema, nodes in reading.once(_schemas):
        for node in nodes:
            yield schema.pointer + node.pointer, node


def _is_object(node: Node) -> bool:
    kind = node.value.get("type")
    return kind == "object" or (isinstance(kind, list) and "object" in kind)


@rule(
    "CC286",
    anchor=_ANCHOR,
    part=Part.REQUEST,
    severity=Severity.ERROR,
    basis=Basis.DOCUMENTED,
    source=_GUIDE,
    since="0.1",
    passes=[
        _strict(_closed({"a": {"anyOf": [_TEXT, {"type": "null"}]}})),
        _strict({"type": "array"}, strict=False),
    ],
    fails=[_strict({"type": "array", "items": _TEXT}), _strict(_closed({}, anyOf=[_closed({})]))],
    compatible=Severity.WARNING,
    needs=("brought", "strict"),
)
def strict_root_unfit(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The root of a strict schema is no object, or a union.

    ## Why it matters
    The service refuses the request. A list has to be put into a property.

    ## Known exceptions
    For functions, `parameters-not-object` and `parameters-root-union` say the same.
    """
    for schema, _ in reading.once(_schemas):
        if schema.is_arguments:
            continue
        if "anyOf" in schema.value:
            yield Finding(f"{schema.pointer}/anyOf", "the root of a strict schema must not be a union")
        if schema.value.get("type") != "object" and "$ref" not in schema.value:
            got = short(schema.value.get("type"), 60) if "type" in schema.value else "no type"
            yield Finding(f"{schema.pointer}/type", f'expected "object" at the root, got {got}')


@rule(
    "CC287",
    anchor=_ANCHOR,
    part=Part.REQUEST,
    severity=Severity.ERROR,
    basis=Basis.DOCUMENTED,
    source=_GUIDE,
    since="0.1",
    passes=[_strict(_closed({"a": _closed({})})), _strict({"type": "object", "properties": {}}, strict=None)],
    fails=[
        _strict({"type": "object", "properties": {}, "required": []}),
        _tool(_closed({"a": {**_closed({}), "additionalProperties": True}})),
        request({"/tools": [{"type": "function", "function": {"name": "f", "strict": True}}]}),
    ],
    compatible=Severity.WARNING,
    needs=("brought", "strict"),
)
def strict_object_open(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """An object of a strict schema doesn't rule out further members.

    ## Why it matters
    The service refuses the request: `additionalProperties: false` is required on every object. That holds for a
    function without `parameters`, too, which only one that is not strict may lack.

    ## Known exceptions
    None known.
    """
    for tool in reading.in_request(asks.tools):
        if tool.kind == "function" and tool.body.get("strict") is True and "parameters" not in tool.body:
            message = 'expected parameters with "additionalProperties": false in strict mode, got none'
            yield Finding(f"/tools/{tool.position}/function", message)
    for place, node in _nodes(reading):
        if _is_object(node) and node.value.get("additionalProperties") is not False:
            at = f"{place}/additionalProperties" if "additionalProperties" in node.value else place
            yield Finding(at, '"additionalProperties": false is required in strict mode')


@rule(
    "CC288",
    anchor=_ANCHOR,
    part=Part.REQUEST,
    severity=Severity.ERROR,
    basis=Basis.DOCUMENTED,
    source=_GUIDE,
    since="0.1",
    passes=[_strict(_closed({"a": {"type": ["string", "null"]}})), _strict(_closed({}))],
    fails=[
        _strict(_closed({"a": _TEXT}, required=[])),
        _tool(_closed({"a": {"type": "array", "items": _closed({"b": _TEXT}, required=["b", "c"])}})),
    ],
    compatible=Severity.WARNING,
    needs=("brought", "strict"),
)
def strict_property_optional(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """`required` of an object in a strict schema doesn't list just its properties.

    ## Why it matters
    The service refuses the request. What may be absent is written as a union with null.

    ## Known exceptions
    None known.
    """
    for place, node in _nodes(reading):
        properties = node.value.get("properties")
        required = {name for name in items(node.value.get("required")) if isinstance(name, str)}
        if isinstance(properties, dict):
            for name in [name for name in properties if name not in required]:
                said = f"{short(name, 80)} is not listed in required"
                yield Finding(f"{place}/properties/{escape(name)}", said, hint="list it, and allow null")
            for name in sorted(required - properties.keys()):
                yield Finding(f"{place}/required", f"{short(name, 80)} is required, but no property")


@rule(
    "CC289",
    anchor=_ANCHOR,
    part=Part.REQUEST,
    severity=Severity.ERROR,
    basis=Basis.OBSERVED,
    source="https://github.com/openclaw/clawpatch/issues/60",
    since="0.1",
    passes=[_property({"type": "array", "items": _TEXT})],
    fails=[_property(schema) for schema in ({}, {"enum": ["a"]}, {"const": "a"}, True, {"type": "array"})],
    compatible=Severity.WARNING,
    needs=("brought", "strict"),
)
def strict_type_missing(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """A value of a strict schema has no type.

    ## Why it matters
    The service refuses the request: each value needs a type, a union or a reference, also where an enumeration
    says all, each array its items.

    ## Known exceptions
    Arrays among the parameters of functions are reported by `array-without-items`.
    """
    for schema, nodes in reading.once(_schemas):
        for node in nodes:
            if node.tokens and not _TYPED & node.value.keys() and not set(_BANNED) & node.value.keys():
                yield Finding(schema.pointer + node.pointer, '"type" is missing, which strict mode requires')
            if node.value.get("type") == "array" and "items" not in node.value and not schema.is_arguments:
                yield Finding(schema.pointer + node.pointer, '"items" is missing, which strict mode requires')
            for name, held in members(node.value.get("properties")).items():
                if isinstance(held, bool):
                    place = f"{schema.pointer}{node.pointer}/properties/{escape(name)}"
                    yield Finding(place, "expected a schema with a type, which strict mode requires", held)


@rule(
    "CC290",
    anchor=_ANCHOR,
    part=Part.REQUEST,
    severity=Severity.ERROR,
    basis=Basis.DOCUMENTED,
    source="https://github.com/makenotion/notion-mcp-server/issues/102",
    since="0.1",
    passes=[
        _property({"type": "integer", "minimum": 1, "title": "A"}),
        _strict(_closed({"allOf": _TEXT, "not": _TEXT})),
    ],
    fails=[
        _property({"allOf": [_TEXT]}),
        _property({"oneOf": [_TEXT, {"type": "null"}]}),
        _property({"type": "array", "items": _TEXT, "uniqueItems": True}),
        _property({"type": "string", "minLength": 1}),
        _property({"type": "string", "default": "x"}),
    ],
    compatible=Severity.WARNING,
    needs=("brought", "strict"),
)
def strict_keyword_unsupported(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """A strict schema has a keyword that strict mode doesn't take.

    ## Why it matters
    The service refuses the request, or the model is not held to the keyword.

    ## Known exceptions
    Keywords that the guide doesn't name, such as the lengths of texts, are a warning, as models differ.
    `default` is documented as refused, and accepted: a note. What only fine-tuned models refuse is passed over.
    """
    for place, node in _nodes(reading):
        for keyword in [keyword for keyword in _BANNED if keyword in node.value]:
            yield Finding(f"{place}/{keyword}", f"{keyword} is not taken in strict mode")
        for keyword in [keyword for keyword in _DOUBTFUL if keyword in node.value]:
            said = f"{keyword} is not listed for strict mode"
            yield Finding(f"{place}/{keyword}", said, severity=Severity.WARNING)
        for keyword in [keyword for keyword in _TOLERATED if keyword in node.value]:
            said = f"{keyword} is not listed for strict mode, which ignores it"
            yield Finding(f"{place}/{keyword}", said, severity=Severity.INFO)


@rule(
    "CC291",
    anchor=_ANCHOR,
    part=Part.REQUEST,
    severity=Severity.ERROR,
    basis=Basis.DOCUMENTED,
    source="https://github.com/can1357/oh-my-pi/issues/206",
    since="0.1",
    passes=[_property({"type": "string", "format": "date-time"}), _property({"type": "integer", "format": "int32"})],
    fails=[_property({"type": "string", "format": "uri"}), _tool(_closed({"a": {"type": "string", "format": "x"}}))],
    compatible=Severity.WARNING,
    needs=("brought", "strict"),
)
def strict_format_unsupported(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """A text of a strict schema has a format that strict mode doesn't take.

    ## Why it matters
    The service refuses the request; `uri` is the usual one.

    ## Known exceptions
    Formats of numbers are passed over.
    """
    for place, node in _nodes(reading):
        form, kind = node.value.get("format"), node.value.get("type")
        is_text = kind == "string" or (isinstance(kind, list) and "string" in kind)
        if is_text and isinstance(form, str) and form not in _FORMATS:
            yield Finding(f"{place}/format", f"the format {short(form, 60)} is not taken in strict mode", form)


@rule(
    "CC293",
    anchor=_ANCHOR,
    part=Part.REQUEST,
    severity=Severity.ERROR,
    basis=Basis.DOCUMENTED,
    source=_GUIDE,
    since="0.1",
    passes=[_strict(_nested(5))],
    fails=[_strict(_nested(12))],
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
    for schema, found in reading.once(_schemas):
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
    passes=[_property({"type": "string", "enum": ["a", "b"]})],
    fails=[
        _property({"type": "integer", "enum": list(range(1001))}),
        _property({"type": "string", "enum": [f"{n:060}" for n in range(251)]}),
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
    for schema, nodes in reading.once(_schemas):
        enums = [(node, items(node.value.get("enum"))) for node in nodes]
        total = sum(len(values) for _, values in enums)
        if total > _MAX_VALUES:
            yield Finding(schema.pointer, f"expected at most 1000 values of enumerations, got {total}")
        for node, values in enums:
            letters = sum(len(value) for value in values if isinstance(value, str))
            if len(values) > _MANY_VALUES and letters > _MAX_LONG_ENUM:
                said = f"expected at most 15000 characters in {len(values)} values, got {letters}"
                yield Finding(f"{schema.pointer}{node.pointer}/enum", said)
