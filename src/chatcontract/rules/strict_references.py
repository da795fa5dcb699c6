"""Request (CC292, CC298): references in the schemas of strict mode."""

from collections.abc import Iterator

from chatcontract import json_schema
from chatcontract.declare import SpecView, rule
from chatcontract.examples import Example, request
from chatcontract.model import JSON, Basis, Finding, Part, Severity
from chatcontract.patterns import pattern
from chatcontract.reading import Reading
from chatcontract.redact import short

_ANCHOR = "#/components/schemas/ResponseFormatJsonSchema/properties/json_schema/properties/strict"
_BESIDE = frozenset({"$ref", "$defs", "definitions", "$schema"})
_DEFINITION = pattern(r"#(/(\$defs|definitions)/[^/]*)?\Z")
_TEXT = {"type": "string"}


def _strict(properties: dict[str, JSON], defined: JSON = None, *, strict: bool = True) -> Example:
    """The minimal request that wants answers with these properties."""
    schema: JSON = {
        "type": "object", "properties": properties, "required": list(properties), "additionalProperties": False,
        "$defs": {} if defined is None else {"b": defined},
    }  # fmt: skip
    given = {"name": "answer", "schema": schema, "strict": strict}
    return request({"/response_format": {"type": "json_schema", "json_schema": given}})


def _references(reading: Reading) -> Iterator[tuple[str, dict[str, JSON]]]:
    """Pointer and schema of everything with a reference in the strict schemas."""
    for schema, nodes in reading.in_request(json_schema.of_request):
        for node in nodes if schema.strict else ():
            if "$ref" in node.value:
                yield f"{schema.pointer}{node.pointer}/$ref", node.value


@rule(
    "CC292",
    anchor=_ANCHOR,
    part=Part.REQUEST,
    severity=Severity.ERROR,
    basis=Basis.OBSERVED,
    source="https://github.com/destiny-evidence/data-extraction-evaluation-toolkit/issues/338",
    since="0.1",
    passes=[_strict({"a": {"$ref": "#/$defs/b"}}, _TEXT)],
    fails=[_strict({"a": {"$ref": "#/$defs/b", "description": "x"}}, _TEXT)],
    compatible=Severity.INFO,
    needs=("brought", "strict"),
)
def strict_reference_qualified(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """A reference in a strict schema has other keywords beside it.

    ## Why it matters
    The service refuses the request; client libraries put the referenced schema in its place for that reason.

    ## Known exceptions
    None known.
    """
    for place, schema in _references(reading):
        if beside := [name for name in schema if name not in _BESIDE]:
            said = f"$ref stands beside {', '.join(short(name, 40) for name in beside[:5])}"
            yield Finding(place, said, hint="move them into the referenced schema")


@rule(
    "CC298",
    anchor=_ANCHOR,
    part=Part.REQUEST,
    severity=Severity.ERROR,
    basis=Basis.OBSERVED,
    source="https://github.com/dotnet/extensions/issues/6918",
    since="0.1",
    passes=[
        _strict({"a": {"$ref": "#/$defs/b"}, "c": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}}, _TEXT),
        _strict({"a": _TEXT, "b": {"$ref": "#/properties/a"}}, strict=False),
    ],
    fails=[
        _strict({"a": _TEXT, "b": {"$ref": "#/properties/a"}}),
        _strict({"a": {"$ref": "#/$defs/b/items"}}, {"type": "array", "items": _TEXT}),
    ],
    compatible=Severity.INFO,
    needs=("brought", "strict"),
)
def strict_reference_elsewhere(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """A reference in a strict schema leads to something else than a definition at the top level.

    ## Why it matters
    The service refuses the request: only the root and what stands right in `$defs` or `definitions` can be referred
    to. Converters that name a schema by its first place write such references.

    ## Known exceptions
    What leads out of the schema, or to nothing, is reported by `schema-reference-dangling`.
    """
    for place, schema in _references(reading):
        target = schema["$ref"]
        if isinstance(target, str) and target.startswith("#") and not _DEFINITION.match(target):
            yield Finding(place, f"{short(target, 80)} is no definition at the top level", hint="define it in $defs")
