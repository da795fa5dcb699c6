"""Request (CC271 to CC273, CC280 to CC284): whether the JSON Schemas that a request brings along are taken at all."""

from collections.abc import Callable, Iterator, Mapping

from chatcontract import asked as asks
from chatcontract import json_schema
from chatcontract.declare import SpecView, rule
from chatcontract.examples import Example, request
from chatcontract.model import JSON, Basis, Finding, Part, Severity
from chatcontract.reading import Reading, items, members
from chatcontract.redact import short

_PARAMETERS = "#/components/schemas/FunctionParameters"
_FORMAT = "#/components/schemas/ResponseFormatJsonSchema/properties/json_schema/properties"
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


def _property(schema: JSON) -> Example:
    return _given({**_OBJECT, "properties": {"a": schema}})


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
    A schema is judged by the draft that `$schema` names, 2020-12 if it names none; what only an older draft rules out,
    as draft 4 an empty `required`, is a warning. References are not followed.
    """
    for schema, _ in reading.in_request(json_schema.of_request):
        if faults := json_schema.faults(schema.value):
            newest = {name: held for name, held in members(schema.value).items() if name != "$schema"}
            is_mild = "$schema" in members(schema.value) and not json_schema.faults(newest)
            severity = Severity.WARNING if is_mild else None
            for fault in faults:
                said = f"is not valid JSON Schema: {fault.message}"
                yield Finding(schema.pointer + fault.pointer, said, severity=severity)


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
    for schema, _ in reading.in_request(json_schema.of_request):
        given = members(schema.value) if schema.is_arguments else {}
        if given.get("type") == "object" and "properties" not in given:
            hint = 'send "properties": {}' if schema.strict else 'send "properties": {}, or leave parameters out'
            yield Finding(schema.pointer, '"properties" is missing', hint=hint)


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
        _given({"type": "object", "properties": {"a": {"type": ["string", "array"]}}}),
    ],
    compatible=Severity.INFO,
    needs=("brought",),
)
def array_without_items(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """An array among the parameters of a function doesn't say what its items are.

    ## Why it matters
    The service refuses the request, though the schema is valid; also where the array is one of several types.

    ## Known exceptions
    None known.
    """
    for schema, nodes in reading.in_request(json_schema.of_request):
        for node in nodes if schema.is_arguments else ():
            if node.may_be("array") and _ITEMS.isdisjoint(node.value):
                yield Finding(
                    schema.pointer + node.pointer, '"items" is missing', hint='send "items": {"type": "string"}'
                )


@rule(
    "CC271",
    anchor=_FORMAT + "/schema",
    part=Part.REQUEST,
    severity=Severity.WARNING,
    basis=Basis.OBSERVED,
    source="https://github.com/64bit/async-openai/issues/534",
    since="0.1",
    passes=[_wanted(_OBJECT)],
    fails=[request({"/response_format": {"type": "json_schema", "json_schema": {"name": "answer"}}})],
    needs=("brought", "/response_format"),
)
def answer_schema_missing(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The response format `json_schema` has no schema.

    ## Why it matters
    The service was seen to let the answer be anything, as llama.cpp does, and to refuse the request, as vLLM and
    SGLang do.

    ## Known exceptions
    None known.
    """
    wanted = members(reading.asked.get("response_format"))
    given = wanted.get("json_schema")
    if wanted.get("type") == "json_schema" and isinstance(given, dict) and "schema" not in given:
        yield Finding(
            "/response_format/json_schema", '"schema" is missing: it is refused, or the answer may be anything'
        )


@rule(
    "CC272",
    anchor=_FORMAT + "/schema",
    part=Part.REQUEST,
    severity=Severity.WARNING,
    basis=Basis.OBSERVED,
    source="https://github.com/podly-pure-podcasts/podly_pure_podcasts/pull/89",
    since="0.1",
    passes=[_wanted(_OBJECT), _wanted({"$ref": "#/$defs/a", "$defs": {"a": _OBJECT}})],
    fails=[_wanted({"type": "array", "items": {"type": "string"}}), _wanted({"properties": {}})],
    needs=("brought", "/response_format"),
)
def answer_schema_not_object(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The schema of the answer is not one of an object.

    ## Why it matters
    The service refuses the request. A list has to be put into a property.

    ## Known exceptions
    Strict schemas are reported by `strict-root-unfit`. Other servers take any schema: nothing is said in the profile
    `compatible`.
    """
    schema = asks.answer_schema(reading.asked)
    if schema is None or schema.strict or not isinstance(schema.value, dict) or spec.profile == "compatible":
        return
    if schema.value.get("type") != "object" and "$ref" not in schema.value:
        got = short(schema.value["type"], 60) if "type" in schema.value else "no type"
        yield Finding(f"{schema.pointer}/type", f'expected "object" at the root, got {got}')


@rule(
    "CC273",
    anchor=_PARAMETERS,
    part=Part.REQUEST,
    severity=Severity.WARNING,
    basis=Basis.OBSERVED,
    source="https://github.com/tailcallhq/forgecode/issues/3767",
    since="0.1",
    passes=[
        _property({"type": ["integer", "null"], "enum": [1, 2.0, None]}),
        _property({"type": "string", "enum": ["a", None], "nullable": True}),
        _property({"enum": ["a", 1, {}]}),
    ],
    fails=[
        _property({"type": "string", "enum": []}),
        _property({"type": "string", "enum": ["a", None]}),
        _property({"type": "boolean", "const": "true"}),
    ],
    breaks=[("Moonshot", "refuses the request")],
    needs=("brought",),
)
def schema_enum_unfit(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """An enumeration is empty, or has a value that its type rules out.

    ## Why it matters
    Servers refuse the request; others let the model write what the schema forbids. `null` in an enumeration of
    texts is the usual mistake.

    ## Known exceptions
    None known.
    """
    for schema, nodes in reading.in_request(json_schema.of_request):
        for node in nodes:
            if "enum" in node.value or "const" in node.value:
                yield from _unfit_values(schema.pointer + node.pointer, node.value)


def _unfit_values(place: str, schema: dict[str, JSON]) -> Iterator[Finding]:
    """An empty enumeration, the first value of one that the type rules out, and such a constant."""
    values = schema.get("enum")
    if values == []:
        yield Finding(f"{place}/enum", "is empty: no value fits", values, hint="leave it out")
    for at, value in enumerate(items(values)):
        if not _fits_type(value, schema):
            yield _unfit(f"{place}/enum/{at}", value, schema)
            break
    if "const" in schema and not _fits_type(schema["const"], schema):
        yield _unfit(f"{place}/const", schema["const"], schema)


def _unfit(place: str, value: JSON, schema: dict[str, JSON]) -> Finding:
    return Finding(place, f"{short(value, 60)} is ruled out by the type {short(schema['type'], 60)}", value)


def _fits_type(value: JSON, schema: dict[str, JSON]) -> bool:
    """Whether the type of a schema allows the value; one that names no type, or an unknown one, allows all."""
    wanted = schema.get("type")
    names = [wanted] if isinstance(wanted, str) else items(wanted)
    if not names or any(not isinstance(name, str) or name not in _TYPES for name in names):
        return True
    return any(_TYPES[name](value) for name in names) or (value is None and schema.get("nullable") is True)


_TYPES: Mapping[str, Callable[[JSON], bool]] = {
    "array": lambda value: isinstance(value, list),
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: asks.is_whole(value) or (isinstance(value, float) and value.is_integer()),
    "null": lambda value: value is None,
    "number": asks.is_number,
    "object": lambda value: isinstance(value, dict),
    "string": lambda value: isinstance(value, str),
}
