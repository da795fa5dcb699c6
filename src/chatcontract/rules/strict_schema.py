"""Request (CC275, CC286 to CC291): the part of JSON Schema that strict mode takes."""

from collections.abc import Iterator

from chatcontract import asked as asks
from chatcontract.declare import SpecView, rule
from chatcontract.examples import Example, request, wanting
from chatcontract.json_schema import Node
from chatcontract.model import JSON, Basis, Finding, Part, Severity
from chatcontract.pointer import escape
from chatcontract.reading import Reading, items, members
from chatcontract.redact import short
from chatcontract.strict_schemas import strict_schemas

_ANCHOR = "#/components/schemas/ResponseFormatJsonSchema/properties/json_schema/properties/strict"
_GUIDE = "https://developers.openai.com/api/docs/guides/structured-outputs#supported-schemas"
_BANNED = (
    "allOf", "contains", "dependentRequired", "dependentSchemas", "else", "if", "not", "oneOf",
    "patternProperties", "propertyNames", "then", "uniqueItems",
)  # fmt: skip
_BANNED_SET = frozenset(_BANNED)
_ELSEWHERE = frozenset({*_BANNED, "additionalProperties", "unevaluatedItems", "unevaluatedProperties"})
_DOUBTFUL = (
    "maxContains", "maxLength", "maxProperties", "minContains", "minLength", "minProperties", "prefixItems",
    "unevaluatedItems", "unevaluatedProperties", "examples",
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


def _tool(schema: JSON) -> Example:
    """The minimal request with a strict function that has these parameters."""
    body = {"name": "f", "parameters": schema, "strict": True}
    return request({"/tools": [{"type": "function", "function": body}], "/parallel_tool_calls": False})


def _property(schema: JSON) -> Example:
    return wanting(_closed({"a": schema}))


def _nodes(reading: Reading) -> Iterator[tuple[str, Node]]:
    """Pointer and node of everything in the strict schemas."""
    for schema, nodes in reading.once(strict_schemas):
        for node in nodes:
            yield schema.pointer + node.pointer, node


@rule(
    "CC286",
    anchor=_ANCHOR,
    part=Part.REQUEST,
    severity=Severity.ERROR,
    basis=Basis.DOCUMENTED,
    source=_GUIDE,
    since="0.1",
    passes=[
        wanting(_closed({"a": {"anyOf": [_TEXT, {"type": "null"}]}})),
        wanting({"type": "array"}, strict=False),
    ],
    fails=[
        wanting({"type": "array", "items": _TEXT}),
        wanting(_closed({}, anyOf=[_closed({})])),
        wanting({"$ref": "#/$defs/a", "$defs": {"a": _closed({})}}),
    ],
    compatible=Severity.WARNING,
    needs=("brought", "strict"),
)
def strict_root_unfit(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The root of a strict schema is no object, or a union.

    ## Why it matters
    The service refuses the request. A list has to be put into a property.

    ## Known exceptions
    For functions, `parameters-not-object` and `parameters-root-union` say the same. A reference at the root is a
    warning: the service was seen to look for `type` there, and not to follow it.
    """
    for schema, _ in reading.once(strict_schemas):
        if schema.is_arguments:
            continue
        if "anyOf" in schema.value:
            yield Finding(f"{schema.pointer}/anyOf", "the root of a strict schema must not be a union")
        if schema.value.get("type") != "object":
            got = short(schema.value.get("type"), 60) if "type" in schema.value else "no type"
            is_mild = "$ref" in schema.value and spec.profile != "compatible"
            severity = Severity.WARNING if is_mild else None
            said, hint = f'expected "object" at the root, got {got}', "put the referenced schema at the root"
            place = f"{schema.pointer}/type"
            yield Finding(place, said, severity=severity, hint=hint if "$ref" in schema.value else "")


@rule(
    "CC287",
    anchor=_ANCHOR,
    part=Part.REQUEST,
    severity=Severity.ERROR,
    basis=Basis.DOCUMENTED,
    source=_GUIDE,
    since="0.1",
    passes=[wanting(_closed({"a": _closed({})})), wanting({"type": "object", "properties": {}}, strict=None)],
    fails=[
        wanting({"type": "object", "properties": {}, "required": []}),
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
        if node.may_be("object") and node.value.get("additionalProperties") is not False:
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
    passes=[wanting(_closed({"a": {"type": ["string", "null"]}})), wanting(_closed({}))],
    fails=[
        wanting(_closed({"a": _TEXT}, required=[])),
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
    fails=[
        _property(schema)
        for schema in (
            {},
            {"enum": ["a"]},
            {"const": "a"},
            True,
            {"type": "array"},
            {"type": ["array", "null"]},
            {"type": "array", "items": True},
            {"anyOf": [_TEXT, True]},
        )
    ],
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
    for schema, nodes in reading.once(strict_schemas):
        for node in nodes:
            is_told = not _TYPED.isdisjoint(node.value) or not _BANNED_SET.isdisjoint(node.value)
            if _is_value(node) and not is_told:
                yield Finding(schema.pointer + node.pointer, '"type" is missing, which strict mode requires')
            if node.may_be("array") and "items" not in node.value and not schema.is_arguments:
                yield Finding(schema.pointer + node.pointer, '"items" is missing, which strict mode requires')
            for place, held in _booleans(node.value):
                said = "expected a schema with a type, which strict mode requires"
                yield Finding(f"{schema.pointer}{node.pointer}/{place}", said, held)


def _is_value(node: Node) -> bool:
    """Whether a schema stands where a value is described: not at the root, nor where other rules name its keyword."""
    return bool(node.tokens) and (node.tokens[-1] not in _ELSEWHERE or node.tokens[-2:-1] == ("properties",))


def _booleans(schema: dict[str, JSON]) -> Iterator[tuple[str, bool]]:
    """Pointer and value of the schemas right in a schema that are true or false and stand where a type is due."""
    for keyword in ("properties", "$defs", "definitions"):
        for name, held in members(schema.get(keyword)).items():
            if isinstance(held, bool):
                yield f"{keyword}/{escape(name)}", held
    for at, held in enumerate(items(schema.get("anyOf"))):
        if isinstance(held, bool):
            yield f"anyOf/{at}", held
    if isinstance(schema.get("items"), bool):
        yield "items", schema["items"]


@rule(
    "CC275",
    anchor=_ANCHOR,
    part=Part.REQUEST,
    severity=Severity.ERROR,
    basis=Basis.OBSERVED,
    source="https://github.com/google/adk-go/pull/1614",
    since="0.1",
    passes=[_property(_closed({})), wanting({"type": "object"}, strict=False)],
    fails=[
        _property({"type": "object", "additionalProperties": False}),
        _property({"type": ["object", "null"], "additionalProperties": False, "required": []}),
        wanting(_closed({}, **{"$defs": {"a": {"type": "object", "additionalProperties": False}}})),
    ],
    compatible=Severity.INFO,
    needs=("brought", "strict"),
)
def strict_properties_missing(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """An object of a strict schema has no `properties`.

    ## Why it matters
    The service refuses the request wherever the object stands, also in a definition that nothing refers to. Converters
    that close objects often pass over those without properties.

    ## Known exceptions
    The root of a function's parameters is reported by `parameters-without-properties`.
    """
    for schema, nodes in reading.once(strict_schemas):
        for node in nodes:
            is_told = schema.is_arguments and not node.tokens
            if node.may_be("object") and "properties" not in node.value and not is_told:
                said = '"properties" is missing, which strict mode requires'
                yield Finding(schema.pointer + node.pointer, said, hint='send "properties": {}, "required": []')


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
        wanting(_closed({"allOf": _TEXT, "not": _TEXT})),
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
