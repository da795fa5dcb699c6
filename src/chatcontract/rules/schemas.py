"""Request (CC280 to CC285): whether the JSON Schemas that a request brings along are taken at all."""

from collections.abc import Iterator

from chatcontract import json_schema
from chatcontract.declare import SpecView, rule
from chatcontract.examples import Example, request
from chatcontract.model import JSON, Basis, Finding, Part, Severity
from chatcontract.pointer import join, resolve, split
from chatcontract.reading import Reading
from chatcontract.redact import short

_PARAMETERS = "#/components/schemas/FunctionParameters"
_OBJECT = {"type": "object", "properties": {}}
_ITEMS = frozenset(("items", "prefixItems"))
_UNIONS = ("oneOf", "anyOf", "allOf", "enum", "const", "not")


def _given(schema: JSON) -> Example:
    """The minimal request with a function that has these parameters."""
    return request({"/tools": [{"type": "function", "function": {"name": "f", "parameters": schema}}]})


def _wanted(schema: JSON) -> Example:
    """The minimal request that wants answers by this schema."""
    given = {"name": "answer", "schema": schema}
    return request({"/response_format": {"type": "json_schema", "json_schema": given}})


def _arguments(reading: Reading) -> Iterator[tuple[str, dict[str, JSON]]]:
    for schema, _ in reading.in_request(json_schema.of_request):
        if schema.is_arguments and isinstance(schema.value, dict):
            yield schema.pointer, schema.value


@rule(
    "CC280",
    anchor=_PARAMETERS,
    part=Part.REQUEST,
    severity=Severity.ERROR,
    basis=Basis.OBSERVED,
    source="https://developers.openai.com/api/docs/guides/function-calling",
    since="0.1",
    passes=[
        _given({**_OBJECT, "x-vendor": 1}),
        _given(
            {
                "$schema": "http://json-schema.org/draft-04/schema#",
                **_OBJECT,
                "exclusiveMinimum": True,
                "minimum": 1,
            }
        ),
    ],
    fails=[
        _given({"type": "object", "properties": {"a": {"type": "strin"}}}),
        _given({"type": "object", "properties": {"a": {"type": "string", "required": True}}}),
        _wanted({"type": "object", "properties": []}),
    ],
    needs=("brought",),
)
def schema_invalid(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """A schema is no valid JSON Schema.

    ## Why it matters
    The service refuses the request (`invalid_function_parameters`). Names of types from other languages and
    `required: true` inside a property are the usual mistakes.

    ## Known exceptions
    A schema is judged by the draft that `$schema` names, 2020-12 if it names none. References are not
    followed.
    """
    for schema, _ in reading.in_request(json_schema.of_request):
        for fault in json_schema.faults(schema.value):
            said = f"is not valid JSON Schema: {fault.message}"
            yield Finding(schema.pointer + fault.pointer, said)


@rule(
    "CC281",
    anchor=_PARAMETERS,
    part=Part.REQUEST,
    severity=Severity.ERROR,
    basis=Basis.OBSERVED,
    source="https://github.com/chatanywhere/GPT_API_free/issues/403",
    since="0.1",
    passes=[_given(_OBJECT), _wanted({"type": "string"})],
    fails=[_given({}), _given({"type": "string"}), _given({"type": ["object", "null"], "properties": {}})],
    compatible=Severity.WARNING,
    needs=("brought",),
)
def parameters_not_object(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The parameters of a function are not of type object.

    ## Why it matters
    The service refuses the request: arguments are always an object.

    ## Known exceptions
    Functions without parameters may leave `parameters` out.
    """
    for place, schema in _arguments(reading):
        if schema.get("type") != "object":
            said = f'expected "object", got {short(schema["type"], 60)}' if "type" in schema else '"type" is missing'
            yield Finding(f"{place}/type", said, schema.get("type"), hint='send {"type": "object", "properties": {}}')


@rule(
    "CC282",
    anchor=_PARAMETERS,
    part=Part.REQUEST,
    severity=Severity.ERROR,
    basis=Basis.OBSERVED,
    source="https://github.com/nspady/google-calendar-mcp/issues/39",
    since="0.1",
    passes=[_given({"type": "object", "properties": {"a": {"anyOf": [{"type": "string"}, {"type": "null"}]}}})],
    fails=[
        _given({**_OBJECT, "anyOf": [{"required": ["a"]}]}),
        _given({**_OBJECT, "not": {"required": ["a"]}}),
    ],
    compatible=Severity.WARNING,
    needs=("brought",),
)
def parameters_root_union(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The parameters of a function are a union at their top level.

    ## Why it matters
    The service refuses `oneOf`, `anyOf`, `allOf`, `enum`, `const` and `not` there.

    ## Known exceptions
    None known.
    """
    for place, schema in _arguments(reading):
        for keyword in [keyword for keyword in _UNIONS if keyword in schema]:
            said = f"{keyword} is not taken at the top level of parameters"
            yield Finding(f"{place}/{keyword}", said, hint="move it into a property")


@rule(
    "CC283",
    anchor=_PARAMETERS,
    part=Part.REQUEST,
    severity=Severity.ERROR,
    basis=Basis.OBSERVED,
    source="https://github.com/evalstate/fast-agent/issues/143",
    since="0.1",
    passes=[_given(_OBJECT), _given({"type": "object", "properties": {"a": {"type": "object"}}})],
    fails=[_given({"type": "object"}), _given({"type": "object", "additionalProperties": False})],
    compatible=Severity.INFO,
    needs=("brought",),
)
def parameters_without_properties(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The parameters of a function are an object without `properties`.

    ## Why it matters
    The service refuses the request, though the schema is valid. Tools without parameters are often described
    so.

    ## Known exceptions
    None known.
    """
    for place, schema in _arguments(reading):
        if schema.get("type") == "object" and "properties" not in schema:
            yield Finding(place, '"properties" is missing', hint='send "properties": {}, or leave parameters out')


@rule(
    "CC284",
    anchor=_PARAMETERS,
    part=Part.REQUEST,
    severity=Severity.ERROR,
    basis=Basis.OBSERVED,
    source="https://github.com/sigoden/aichat/pull/1049",
    since="0.1",
    passes=[
        _given(
            {
                "type": "object",
                "properties": {"a": {"type": "array", "items": {}}, "items": {"type": "string"}},
            }
        )
    ],
    fails=[
        _given({"type": "object", "properties": {"a": {"type": "array"}}}),
        _given({"type": "object", "properties": {"a": {"type": "array", "items": {"type": "array"}}}}),
    ],
    compatible=Severity.INFO,
    needs=("brought",),
)
def array_without_items(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """An array among the parameters of a function doesn't say what its items are.

    ## Why it matters
    The service refuses the request, though the schema is valid.

    ## Known exceptions
    None known.
    """
    for schema, nodes in reading.in_request(json_schema.of_request):
        for node in nodes if schema.is_arguments else ():
            if node.value.get("type") == "array" and _ITEMS.isdisjoint(node.value):
                yield Finding(
                    schema.pointer + node.pointer, '"items" is missing', hint='send "items": {"type": "string"}'
                )


@rule(
    "CC285",
    anchor=_PARAMETERS,
    part=Part.REQUEST,
    severity=Severity.WARNING,
    basis=Basis.INTEROP,
    source="https://developers.openai.com/api/docs/guides/structured-outputs",
    since="0.1",
    passes=[
        _given({**_OBJECT, "properties": {"a": {"$ref": "#/$defs/b"}}, "$defs": {"b": {"type": "string"}}}),
        _given({**_OBJECT, "properties": {"a": {"$ref": "#"}}}),
    ],
    fails=[
        _given({**_OBJECT, "properties": {"a": {"$ref": "#/$defs/b"}}}),
        _wanted({"type": "object", "properties": {"a": {"$ref": "https://example.com/schema"}}}),
    ],
    needs=("brought",),
)
def schema_reference_dangling(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """A reference leads out of the schema, or to nothing in it.

    ## Why it matters
    Nobody fetches other documents for a request: the schema can't be used.

    ## Known exceptions
    References to anchors and to `$id` inside the schema are taken on trust.
    """
    for schema, nodes in reading.in_request(json_schema.of_request):
        for node in nodes:
            target = node.value.get("$ref")
            if isinstance(target, str) and not _leads_somewhere(schema.value, target):
                where = schema.pointer + join([*node.tokens, "$ref"])
                yield Finding(where, f"{short(target, 80)} leads to nothing in this schema", target)


def _leads_somewhere(root: JSON, target: str) -> bool:
    if not target.startswith("#"):
        return "://" not in target
    if target[1:2] != "/":
        return True
    try:
        resolve(root, split(target[1:].replace("%25", "%").replace("%24", "$")))
    except LookupError:
        return False
    return True
