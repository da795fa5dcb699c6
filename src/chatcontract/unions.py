"""Which branch of a `oneOf` or `anyOf` was meant: by JSON type, then by a tag such as `role` or `type`.

A union whose branches are told apart that way is *disjoint*. It can be asked as `anyOf` where only the
verdict counts, and as a chain of `if`/`then` where the error should be that of the branch meant.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from chatcontract.model import JSON

Schema = dict[str, JSON]

TYPES = ("null", "boolean", "object", "array", "number", "string")
TAG = "tag"
"""Marks, as `$comment`, what ends a chain of `if`: the tag is missing, or none of the branches has it."""
_PREFERRED_TAGS = ("role", "type")


def accepted_types(schema: JSON, definitions: Schema) -> frozenset[str]:
    """The JSON types (TYPES; integers count as numbers) of the values that the schema may allow."""
    if schema is False:
        return frozenset()
    if not isinstance(schema, dict):
        return frozenset(TYPES)
    found = frozenset(TYPES)
    if "$ref" in schema:
        target = definitions.get(str(schema["$ref"]).rsplit("/", 1)[-1])
        found &= _declared(target) if isinstance(target, dict) else found
    found &= _declared(schema)
    for union in ("anyOf", "oneOf"):
        if union in schema:
            found &= frozenset().union(*(accepted_types(branch, definitions) for branch in schema[union]))
    for branch in schema.get("allOf", ()):
        found &= accepted_types(branch, definitions)
    if "if" in schema:
        test, then, other = (accepted_types(schema.get(name, True), definitions) for name in ("if", "then", "else"))
        found &= (test & then) | other
    return found


def _declared(schema: Schema) -> frozenset[str]:
    if "type" in schema:
        declared = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        return frozenset("number" if name == "integer" else name for name in declared)
    values = [schema["const"]] if "const" in schema else schema.get("enum")
    return frozenset(map(type_of, values)) if isinstance(values, list) else frozenset(TYPES)


def type_of(value: JSON) -> str:
    """The JSON type of a value, one of TYPES.

    >>> type_of(True), type_of(1.5), type_of({})
    ('boolean', 'number', 'object')
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return _NAMES.get(type(value), "object")


_NAMES: dict[type, str] = {str: "string", list: "array", tuple: "array", dict: "object"}


class Tag(NamedTuple):
    """The member that tells object branches apart; `values` runs beside the branches.

    `default` is the position of the branch that an object without the tag belongs to, or None.
    """

    name: str
    values: tuple[tuple[JSON, ...], ...]
    default: int | None


def find_tag(branches: Sequence[Schema]) -> Tag | None:
    """The tag of the branches: a member with disjoint constants in all, absent from one of them at most."""
    if len(branches) < 2 or not all(_has_members(branch) for branch in branches):
        return None
    names = [name for name in branches[0]["properties"] if all(name in b["properties"] for b in branches)]
    for name in sorted(names, key=lambda n: (n not in _PREFERRED_TAGS, n)):
        values = tuple(_constants(branch["properties"][name]) for branch in branches)
        optional = [position for position, b in enumerate(branches) if name not in b.get("required", ())]
        if all(values) and _all_different(values) and len(optional) < 2:
            return Tag(name, values, optional[0] if optional else None)
    return None


def _has_members(branch: JSON) -> bool:
    return isinstance(branch, dict) and isinstance(branch.get("properties"), dict)


def _constants(schema: JSON) -> tuple[JSON, ...]:
    if not isinstance(schema, dict):
        return ()
    if "const" in schema:
        return (schema["const"],)
    values = schema.get("enum")
    return tuple(values) if isinstance(values, list) and all(isinstance(v, str) for v in values) else ()


def _all_different(groups: Iterable[tuple[JSON, ...]]) -> bool:
    values = [value for group in groups for value in group]
    return all(isinstance(value, str) for value in values) and len(set(values)) == len(values)


def by_type(branches: Sequence[JSON], definitions: Schema) -> dict[str, list[JSON]]:
    """The branches that each JSON type could mean, in the order of TYPES."""
    accepted = [accepted_types(branch, definitions) for branch in branches]
    groups = {
        name: [branch for branch, types in zip(branches, accepted, strict=True) if name in types] for name in TYPES
    }
    return {name: group for name, group in groups.items() if group}


def is_disjoint(branches: Sequence[JSON], definitions: Schema) -> bool:
    """Whether no value can satisfy two branches, as far as types and tags tell."""
    return all(len(group) == 1 or _tagged(name, group) for name, group in by_type(branches, definitions).items())


def flat(union: str, branches: Sequence[JSON], definitions: Schema) -> list[JSON]:
    """The branches, unions among them replaced by their own branches if no value can then satisfy two."""
    made: list[JSON] = []
    for branch in branches:
        inner = next(iter(branch)) if isinstance(branch, dict) and len(branch) == 1 else ""
        made += flat(inner, branch[inner], definitions) if inner in ("anyOf", "oneOf") else [branch]
    if union == "anyOf" and any(map(_takes_null, made)):
        made = [branch for branch in made if branch != {"type": "null"}]
    return made if is_disjoint(made, definitions) else list(branches)


def _takes_null(branch: JSON) -> bool:
    """Whether a type in a list is null and nothing else says what null must be."""
    return isinstance(branch, dict) and "null" in _listed(branch) and branch.keys().isdisjoint(_BEYOND_TYPES)


def _listed(branch: Schema) -> list[str]:
    return branch["type"] if isinstance(branch.get("type"), list) else []


_BEYOND_TYPES = ("enum", "const", "anyOf", "oneOf", "allOf", "not", "if", "then", "else", "$ref")


def _tagged(name: str, group: list[JSON]) -> bool:
    if name == "object":
        return find_tag(group) is not None
    return name == "string" and _all_different(_constants(branch) for branch in group) and all(map(_constants, group))


def chain(branches: Sequence[JSON], definitions: Schema, union: str) -> Schema:
    """The union as `if`/`then` on the type and then on the tag; what cannot be told apart stays a union."""
    groups = by_type(branches, definitions)
    if any(len(group) == len(branches) > 1 and not _tagged(name, group) for name, group in groups.items()):
        return {union: list(branches)}
    bodies = {name: _body(name, group, union) for name, group in groups.items()}
    chained: Schema = {"type": list(bodies)} if bodies else {"not": {}}
    for name, body in reversed(bodies.items()):
        if not _says_only(body, name):
            chained = {"if": {"type": name}, "then": body, "else": chained}
    return chained


def _says_only(body: JSON, name: str) -> bool:
    return body in (True, {}, {"type": name})


def _body(name: str, group: list[JSON], union: str) -> JSON:
    if len(group) == 1:
        return _narrowed(group[0], name)
    if name == "object" and (tag := find_tag(group)) is not None:
        return _tag_chain(group, tag)
    if name == "string" and _tagged(name, group):
        return {"enum": [value for branch in group for value in _constants(branch)]}
    return {union: group}


def _narrowed(branch: JSON, name: str) -> JSON:
    """The branch for values of one type: a mere list of types says nothing more about them."""
    if isinstance(branch, dict) and isinstance(branch.get("type"), list) and name != "number":
        return {**branch, "type": name}
    return branch


def _tag_chain(group: list[Schema], tag: Tag) -> Schema:
    every = [value for values in tag.values for value in values]
    chained: Schema = {"$comment": TAG, "required": [tag.name], "properties": {tag.name: {"enum": every}}}
    for branch, values in reversed(list(zip(group, tag.values, strict=True))):
        asked = {"const": values[0]} if len(values) == 1 else {"enum": list(values)}
        chained = {
            "if": {"required": [tag.name], "properties": {tag.name: asked}},
            "then": branch,
            "else": chained,
        }
    if tag.default is not None:
        chained = {"if": {"required": [tag.name]}, "then": chained, "else": group[tag.default]}
    return chained
