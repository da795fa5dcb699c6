"""Request (CC285, CC292, CC298): references in schemas."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from chatcontract import json_schema
from chatcontract.declare import SpecView, rule
from chatcontract.examples import Example, request, wanting
from chatcontract.json_schema import Node
from chatcontract.model import JSON, Basis, Finding, Part, Severity
from chatcontract.patterns import pattern
from chatcontract.pointer import join, resolve, split
from chatcontract.reading import Reading, members
from chatcontract.redact import short
from chatcontract.strict_schemas import strict_schemas

_ANCHOR = "#/components/schemas/ResponseFormatJsonSchema/properties/json_schema/properties/strict"
_BESIDE = frozenset({"$ref", "$defs", "definitions", "$schema"})
_DEFINITION = pattern(r"#(/(\$defs|definitions)/[^/]*)?\Z")
_TEXT = {"type": "string"}
_NOWHERE = "leads to nothing in this schema"
_CIRCLE = "leads round in a circle"
_ANCHORS = frozenset({"$anchor", "$dynamicAnchor"})


class _Names(NamedTuple):
    """How a schema names itself and its parts: by which ids, whether also inside, whether by anchors."""

    ids: frozenset[str] = frozenset()
    is_inside: bool = False
    has_anchors: bool = False


def _strict(properties: dict[str, JSON], defined: JSON = None, *, strict: bool = True) -> Example:
    """The minimal request that wants answers with these properties."""
    schema: JSON = {
        "type": "object", "properties": properties, "required": list(properties), "additionalProperties": False,
        "$defs": {} if defined is None else {"b": defined},
    }  # fmt: skip
    return wanting(schema, strict=strict)


def _references(reading: Reading) -> Iterator[tuple[str, dict[str, JSON]]]:
    """Pointer and schema of everything with a reference in the strict schemas."""
    for schema, nodes in reading.once(strict_schemas):
        for node in nodes:
            if "$ref" in node.value:
                yield f"{schema.pointer}{node.pointer}/$ref", node.value


def _given(a: JSON, **more: JSON) -> Example:
    """The minimal request with a function that has a parameter `a` of this schema."""
    parameters: JSON = {"type": "object", "properties": {"a": a}, **more}
    return request({"/tools": [{"type": "function", "function": {"name": "f", "parameters": parameters}}]})


@rule(
    "CC285",
    anchor="#/components/schemas/FunctionParameters",
    part=Part.REQUEST,
    severity=Severity.WARNING,
    basis=Basis.INTEROP,
    source="https://developers.openai.com/api/docs/guides/structured-outputs",
    since="0.1",
    passes=[
        _given({"$ref": "#/$defs/b"}, **{"$defs": {"b": _TEXT}}),
        _given({"$ref": "#/$defs/List%5Bb~1c%5D"}, **{"$defs": {"List[b/c]": _TEXT}}),
        _given({"$ref": "#b"}, **{"$defs": {"b": {"$anchor": "b", "type": "string"}}}),
        _given({"$ref": "#"}),
        _given({"$ref": "https://example.com/s#/$defs/b"}, **{"$id": "https://example.com/s", "$defs": {"b": _TEXT}}),
    ],
    fails=[
        _given({"$ref": "#/$defs/b"}),
        _given({"$ref": "b"}),
        _given({"$ref": "#/$defs/b"}, **{"$defs": {"b": {"$ref": "#/$defs/b"}}}),
        _given({"$ref": "https://example.com/schema"}),
        _given({"$ref": "#/$defs/a b"}, **{"$defs": {"a b": _TEXT}}),
    ],
    needs=("brought",),
)
def schema_reference_dangling(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """A reference leads out of the schema, to nothing in it, or round in a circle, or has a blank in it.

    ## Why it matters
    Nobody fetches other documents for a request: the schema can't be used. On a blank the service was seen to fail.

    ## Known exceptions
    References to anchors and to what has an `$id` inside the schema are taken on trust.
    """
    for schema, nodes in reading.in_request(json_schema.of_request):
        holders = [(node, target) for node in nodes if isinstance(target := node.value.get("$ref"), str)]
        names, ends = _names(nodes) if holders else _Names(), dict[str, str]()
        for node, target in holders:
            if fault := _reference_fault(schema.value, target, names, ends):
                yield Finding(schema.pointer + join([*node.tokens, "$ref"]), f"{short(target, 80)} {fault}", target)


def _names(nodes: Iterable[Node]) -> _Names:
    ids = {ident: bool(node.tokens) for node in nodes if isinstance(ident := node.value.get("$id"), str)}
    has_anchors = any(not _ANCHORS.isdisjoint(node.value) for node in nodes)
    return _Names(frozenset(ident.rstrip("#") for ident in ids), any(ids.values()), has_anchors)


def _decoded(reference: str) -> str:
    if "%" not in reference:
        return reference
    from urllib.parse import unquote

    return unquote(reference)


def _reference_fault(root: JSON, target: str, names: _Names, ends: dict[str, str]) -> str:
    """What is wrong with a reference that is of no use; `ends` remembers how others end."""
    if not _is_local(target):
        is_trusted = names.has_anchors if target[:1] == "#" else _is_named(target, names)
        return "" if is_trusted else _NOWHERE
    if target not in ends:
        _follow(root, target, ends)
    if ends[target] == _NOWHERE and names.is_inside:
        return ""
    return ends[target] or ("has a blank in it" if " " in target else "")


def _follow(root: JSON, target: JSON, ends: dict[str, str]) -> None:
    """Write down how the references end that lead to each other from here on."""
    path: dict[str, str] = {}
    end = ""
    while isinstance(target, str) and _is_local(target) and not end:
        end = _CIRCLE if target in path or ends.get(target) == _CIRCLE else ""
        if end or target in ends:
            break
        path[target] = ""
        try:
            target = members(resolve(root, split(_decoded(target[1:])))).get("$ref")
        except LookupError:
            path[target] = _NOWHERE
            break
    ends.update(dict.fromkeys(path, end) if end else path)


def _is_local(target: str) -> bool:
    return target in ("", "#") or target[:2] == "#/"


def _is_named(target: str, names: _Names) -> bool:
    """Whether an id of the schema may be what is meant: a path may be added to any, a URL must begin with one."""
    return bool(names.ids) and ("://" not in target or target.startswith(tuple(names.ids)))


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
        if isinstance(target, str) and target.startswith("#") and not _DEFINITION.match(_decoded(target)):
            yield Finding(place, f"{short(target, 80)} is no definition at the top level", hint="define it in $defs")
