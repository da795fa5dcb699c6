"""Two schemas of one root: a fast one for the verdict, a precise one for the errors.

Measured (see `benchmarks/`): the verdict is quickest on plain `anyOf`; errors are shortest, cheapest and at
the leaf with `if`/`then` on the tag or the type.
"""

from chatcontract.model import JSON
from chatcontract.spec.fixes import Schema
from chatcontract.spec.reduce import children
from chatcontract.spec.simplify import drop_subsumed, fits_type
from chatcontract.unions import accepted_types, chain, flat, is_disjoint

_UNIONS = ("anyOf", "oneOf")
_OPENERS = frozenset((
    "additionalProperties", "unevaluatedProperties", "patternProperties", "dependentSchemas", "allOf", "if", "$ref",
))  # fmt: skip
_ASKED = frozenset((
    "not", "if", "contains", "propertyNames", "dependentSchemas", "unevaluatedProperties", "unevaluatedItems",
))  # fmt: skip
"""Keywords whose schemas are a question, or describe members beside those of others."""
_DESCRIBING = frozenset(("properties", "patternProperties", "dependentSchemas", "$ref"))
_MIXING = frozenset(("allOf", "if", "unevaluatedProperties"))
"""Keywords that look at members which other schemas describe; to close one of those would blind them."""


MAX_LISTED = 256
"""Whole numbers that an array's items may be, for them to be listed."""


def fast(schema: Schema) -> Schema:
    """The schema with `oneOf` as `anyOf` wherever the branches are disjoint, and without useless branches."""
    listed: Schema = {}
    return _defining(listed, _fast(schema, schema.get("$defs", {}), listed))


def _fast(schema: Schema, definitions: Schema, listed: Schema) -> Schema:
    def change(node: JSON) -> JSON:
        branches = node.get("oneOf")
        if branches and "anyOf" not in node and is_disjoint(branches, definitions):
            node = {**{name: value for name, value in node.items() if name != "oneOf"}, "anyOf": branches}
        if "anyOf" in node:
            node = {**node, "anyOf": drop_subsumed(flat("anyOf", node["anyOf"], definitions))}
        quick = _listed(node.get("items"), listed)
        node = children(_without_needless_type(_without_lone_union(node)), change)
        return {**node, "items": quick} if quick else node

    made: Schema = change(schema)
    return made


def _listed(items: JSON, listed: Schema) -> Schema | None:
    """An `enum`, kept in `listed`, for bounds of few whole numbers: one look in a table for three tests."""
    if not isinstance(items, dict) or items.keys() != {"type", "minimum", "maximum"}:
        return None
    if items["type"] != "integer":
        return None
    least, most = items["minimum"], items["maximum"]
    if not (isinstance(least, int) and isinstance(most, int) and 0 <= most - least < MAX_LISTED):
        return None
    name = f"{least},{most}"  # no component has a comma in its name
    listed[name] = {"enum": list(range(least, most + 1))}
    return {"$ref": f"#/$defs/{name}"}


def _defining(listed: Schema, schema: Schema) -> Schema:
    return {**schema, "$defs": {**schema.get("$defs", {}), **listed}} if listed else schema


def _without_lone_union(node: Schema) -> Schema:
    if set(node) == {"anyOf"} and len(node["anyOf"]) == 1 and isinstance(node["anyOf"][0], dict):
        only: Schema = node["anyOf"][0]
        return only
    return node


def _without_needless_type(node: Schema) -> Schema:
    """The schema object without `type` beside `enum` or `const`: one wrong value would break both."""
    keyword = "const" if "const" in node else "enum"
    if "type" not in node or keyword not in node or {"const", "enum"} <= node.keys():
        return node
    values = [node["const"]] if keyword == "const" else node["enum"]
    fitting = [value for value in values if fits_type(value, node)]
    if not fitting:
        return node
    rest = {name: value for name, value in node.items() if name != "type"}
    return {**rest, keyword: fitting[0] if keyword == "const" else fitting}


def closed(schema: Schema) -> Schema:
    """The schema that allows no member beyond the declared ones, wherever "declared" is certain.

    `$comment` tells what was closed here from what the document itself forbids.
    """
    definitions = schema.get("$defs", {})

    def change(node: JSON) -> JSON:
        if any(union in node and not is_disjoint(node[union], definitions) for union in _UNIONS):
            return node
        if not _MIXING.isdisjoint(node):
            return node
        kept = _ASKED if node.keys().isdisjoint(_DESCRIBING) else _ASKED.union(_UNIONS)
        made = {**node, **children({name: node[name] for name in node if name not in kept}, change)}
        if "properties" in node and not _OPENERS & node.keys() and not _adds_members(node):
            named = {name: True for name in node.get("required", ()) if name not in node["properties"]}
            made["properties"] = {**made["properties"], **named}
            made |= {"additionalProperties": False, "$comment": "undocumented"}
        return made

    made: Schema = change(schema)
    return made


def _adds_members(node: Schema) -> bool:
    return any(
        "properties" in branch for union in _UNIONS for branch in node.get(union, ()) if isinstance(branch, dict)
    )


def precise(schema: Schema) -> Schema:
    """The schema with every union that types and tags can decide as a chain of `if`/`then`.

    The items of an array of such unions, or of small numbers, are asked for their verdict first: most have
    no error.
    """
    definitions = schema.get("$defs", {})
    listed: Schema = {}

    def change(node: JSON, asked: bool = False) -> JSON:
        for union in _UNIONS:
            if union in node and not {"if", "allOf"} & node.keys():
                node = _chained(node, union, definitions)
        items = node.get("items")
        is_union = isinstance(items, dict) and not items.keys().isdisjoint(_UNIONS)
        quick = _fast(items, definitions, listed) if is_union and not asked else _listed(items, listed)
        made = children(_without_needless_type(node), lambda child: change(child, asked or quick is not None))
        return {**made, "items": {"if": quick, "else": made["items"]}} if quick else made

    made: Schema = change(schema)
    return _defining(listed, made)


def _chained(node: Schema, union: str, definitions: Schema) -> Schema:
    branches = flat(union, node[union], definitions)
    branches = drop_subsumed(branches) if union == "anyOf" else branches
    if union == "oneOf" and not is_disjoint(branches, definitions):
        return node
    rest = {name: value for name, value in node.items() if name != union}
    made = branches[0] if len(branches) == 1 else chain(branches, definitions, union)
    if not isinstance(made, dict):
        return node
    if not rest:
        return made
    if rest.keys() & made.keys() == {"type"} and accepted_types({"type": rest["type"]}, {}) >= accepted_types(made, {}):
        return {**rest, **made}
    return {**rest, "allOf": [made]} if rest.keys() & made.keys() else {**rest, **made}
