"""Two schemas of one root: a fast one for the verdict, a precise one for the errors.

Measured (see `benchmarks/`): the verdict is quickest on plain `anyOf`; errors are shortest, cheapest and at the leaf
with `if`/`then` on the tag or the type.
"""

from chatcontract.model import JSON
from chatcontract.spec.fixes import Schema
from chatcontract.spec.reduce import children
from chatcontract.spec.simplify import drop_subsumed
from chatcontract.unions import accepted_types, chain, is_disjoint

_UNIONS = ("anyOf", "oneOf")
_OPENERS = frozenset(("additionalProperties", "unevaluatedProperties", "patternProperties", "allOf", "if", "$ref"))


def fast(schema: Schema) -> Schema:
    """The schema with `oneOf` as `anyOf` wherever the branches are disjoint, and without useless branches."""
    definitions = schema.get("$defs", {})

    def change(node: JSON) -> JSON:
        node = children(node, change)
        branches = node.get("oneOf")
        if branches and "anyOf" not in node and is_disjoint(branches, definitions):
            node = {**{name: value for name, value in node.items() if name != "oneOf"}, "anyOf": branches}
        if "anyOf" in node:
            node = {**node, "anyOf": drop_subsumed(node["anyOf"])}
        return _without_lone_union(node)

    made: Schema = change(schema)
    return made


def _without_lone_union(node: Schema) -> Schema:
    if set(node) == {"anyOf"} and len(node["anyOf"]) == 1 and isinstance(node["anyOf"][0], dict):
        only: Schema = node["anyOf"][0]
        return only
    return node


def closed(schema: Schema) -> Schema:
    """The schema that allows no member beyond the declared ones, wherever "declared" is certain."""
    definitions = schema.get("$defs", {})

    def change(node: JSON) -> JSON:
        if any(union in node and not is_disjoint(node[union], definitions) for union in _UNIONS):
            return node
        made = children(node, lambda child: child) if "allOf" in node or "if" in node else children(node, change)
        if "properties" in node and not _OPENERS & node.keys() and not _adds_members(node):
            made["additionalProperties"] = False
        return made

    made: Schema = change(schema)
    return made


def _adds_members(node: Schema) -> bool:
    return any("properties" in branch for union in _UNIONS for branch in node.get(union, ()) if isinstance(branch, dict))


def precise(schema: Schema) -> Schema:
    """The schema with every union that types and tags can decide as a chain of `if`/`then`."""
    definitions = schema.get("$defs", {})

    def change(node: JSON) -> JSON:
        node = children(node, change)
        for union in _UNIONS:
            if union in node and not {"if", "allOf"} & node.keys():
                node = _chained(node, union, definitions)
        return node

    made: Schema = change(schema)
    return made


def _chained(node: Schema, union: str, definitions: Schema) -> Schema:
    branches = drop_subsumed(node[union]) if union == "anyOf" else node[union]
    if union == "oneOf" and not is_disjoint(branches, definitions):
        return node
    rest = {name: value for name, value in node.items() if name != union}
    made = branches[0] if len(branches) == 1 else chain(branches, definitions, union)
    if not rest:
        return made if isinstance(made, dict) else node
    if rest.keys() & made.keys() == {"type"} and accepted_types({"type": rest["type"]}, {}) >= accepted_types(made, {}):
        return {**rest, **made}
    return {**rest, "allOf": [made]} if rest.keys() & made.keys() else {**rest, **made}
