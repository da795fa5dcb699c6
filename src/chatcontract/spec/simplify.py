"""Equal but plainer schemas: `allOf` folded, nested unions flat, "or null" as a type."""

from collections.abc import Callable
from typing import Any

from chatcontract.model import JSON
from chatcontract.spec.fixes import Schema, nullable, types
from chatcontract.unions import type_of

_UNIONS = ("anyOf", "oneOf")
_NOT_FOR_NULL = frozenset(("anyOf", "oneOf", "allOf", "not", "if", "then", "else", "$ref"))


def simplify(node: Schema) -> JSON:
    """The schema object, whose parts are simple already, made plainer at its own level."""
    node = _without_trivial_all_of(node)
    for union in _UNIONS:
        if union in node:
            node = _plain_union(node, union)
    return _folded(node)


def _without_trivial_all_of(node: Schema) -> Schema:
    if "allOf" in node:
        node = {**node, "allOf": [branch for branch in node["allOf"] if branch not in ({}, True)]}
        if not node["allOf"]:
            del node["allOf"]
    return node


def _plain_union(node: Schema, union: str) -> Schema:
    branches = _flat(node[union]) if union == "anyOf" else list(node[union])
    rest = {name: value for name, value in node.items() if name != union}
    if union == "anyOf" and any(branch in ({}, True) for branch in branches):
        return rest
    others = [branch for branch in branches if branch != {"type": "null"}]
    if len(others) == 1 and len(branches) == 2 and _can_hold_null(others[0], union):
        branches = [nullable(others[0])]
    if len(branches) == 1 and isinstance(branches[0], dict):
        return intersect_all([rest, branches[0]]) if rest else branches[0]
    return {**rest, union: branches}


def _flat(branches: list[JSON]) -> list[JSON]:
    flat: list[JSON] = []
    for branch in branches:
        flat.extend(branch["anyOf"] if isinstance(branch, dict) and set(branch) == {"anyOf"} else [branch])
    return [branch for index, branch in enumerate(flat) if branch not in flat[:index]]


def _can_hold_null(branch: JSON, union: str) -> bool:
    if not isinstance(branch, dict) or "type" not in branch or _NOT_FOR_NULL & branch.keys():
        return False
    return union == "anyOf" or "null" not in types(branch)


def _folded(node: Schema) -> Schema:
    if "allOf" not in node:
        return node
    rest = {name: value for name, value in node.items() if name != "allOf"}
    return intersect_all([rest, *node["allOf"]])


def intersect_all(branches: list[JSON]) -> Schema:
    """The schema that allows what every branch allows; `allOf` stays where branches cannot be merged."""
    merged: Schema = {}
    left: list[JSON] = []
    for branch in branches:
        both = intersect(merged, branch) if isinstance(branch, dict) else None
        if both is None:
            left.append(branch)
        else:
            merged = both
    return {**merged, "allOf": [*merged.get("allOf", []), *left]} if left else merged


def intersect(one: Schema, other: Schema) -> Schema | None:
    """The schema that allows what both allow, as one object; None where that cannot be written."""
    if _closes(one, other) or _closes(other, one) or ("$ref" in one and other) or ("$ref" in other and one):
        return None
    if any(_differ(one, other, tied) for tied in _TIED):
        return None
    made = dict(one)
    for name, value in other.items():
        if name not in made or made[name] == value:
            made[name] = value
        elif name in _MERGE and (both := _MERGE[name](made[name], value)) is not None:
            made[name] = both
        else:
            return None
    return made


def _differ(one: Schema, other: Schema, names: tuple[str, ...]) -> bool:
    """Whether both say something with keywords that lean on each other, and not the same."""
    left, right = ([(name in node, node.get(name)) for name in names] for node in (one, other))
    return left != right and any(said for said, _ in left) and any(said for said, _ in right)


def _closes(one: Schema, other: Schema) -> bool:
    """Whether `one` forbids members or items that only `other` declares: merging would let them in."""
    if _REST & one.keys() and _DECLARING & other.keys():
        return True
    if "additionalProperties" in one and "patternProperties" in other:
        return True
    closed = "additionalProperties" in one or "unevaluatedProperties" in one or "patternProperties" in one
    return closed and bool(other.get("properties", {}).keys() - one.get("properties", {}).keys())


def _types(one: JSON, other: JSON) -> JSON:
    left, right = ([value] if isinstance(value, str) else value for value in (one, other))
    both = [t for t in left if t in right or (t == "integer" and "number" in right)]
    both += [t for t in right if t == "integer" and "number" in left and t not in both]
    return both[0] if len(both) == 1 else (both or None)


def _properties(one: Schema, other: Schema) -> Schema:
    made = dict(one)
    for name, value in other.items():
        made[name] = intersect_all([made[name], value]) if name in made and made[name] != value else value
    return made


def _merge_enum(one: list[JSON], other: list[JSON]) -> list[JSON] | None:
    return [value for value in one if value in other] or None


def _union_of_names(one: list[str], other: list[str]) -> list[str]:
    return list(dict.fromkeys([*one, *other]))


def _both(one: list[JSON], other: list[JSON]) -> list[JSON]:
    return [*one, *(branch for branch in other if branch not in one)]


_TIED = (("prefixItems", "items"), ("if", "then", "else"), ("contains", "minContains", "maxContains"))
_REST = frozenset(("unevaluatedProperties", "unevaluatedItems"))
_DECLARING = frozenset((
    "properties", "patternProperties", "additionalProperties", "items", "prefixItems", "contains", "allOf",
    "anyOf", "oneOf", "if", "dependentSchemas", *_REST,
))  # fmt: skip
_LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties", "minContains")
_UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties", "maxContains")
_MERGE: dict[str, Callable[[Any, Any], JSON]] = {
    "type": _types,
    "enum": _merge_enum,
    "required": _union_of_names,
    "properties": _properties,
    "allOf": _both,
    **dict.fromkeys(_LOWER, max),
    **dict.fromkeys(_UPPER, min),
}


def drop_subsumed(branches: list[JSON]) -> list[JSON]:
    """The branches of an `anyOf` without those that another one covers (an enum beside its bare type)."""
    bare = {t for branch in branches if isinstance(branch, dict) and set(branch) == {"type"} for t in types(branch)}
    kept = [b for b in branches if not (isinstance(b, dict) and {"enum", "const"} & b.keys() and _within(b, bare))]
    return kept or branches


def _within(branch: Schema, bare: set[str]) -> bool:
    declared = set(types(branch))
    return bool(declared) and declared <= bare


def fits_type(value: JSON, node: Schema) -> bool:
    """Whether the value is of a type that the schema object declares."""
    whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    name = type_of(value)
    return name in types(node) or (name == "number" and whole and "integer" in types(node))
