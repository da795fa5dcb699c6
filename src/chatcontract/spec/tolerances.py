"""Tolerances: members that the published schema insists on, and that clients survive without."""

from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple, get_args

from chatcontract.exceptions import SpecError
from chatcontract.model import JSON, Profile
from chatcontract.pointer import escape
from chatcontract.spec.anchors import Spot, spots
from chatcontract.spec.document import Document
from chatcontract.spec.fixes import Schema, nullable
from chatcontract.spec.simplify import fits_type
from chatcontract.unions import by_type, find_tag, is_disjoint

Level = Literal["error", "warning", "info", "ignore"]
PROFILES: tuple[Profile, ...] = get_args(Profile)


class Tolerance(NamedTuple):
    """One member, what may be amiss with it, and how bad that is in each profile.

    `root` is one of request, response, chunk, error; `pointer` leads to the member in an instance of it,
    with `*` for array indices. `may_be` is one of absent, null, empty, other, beyond, or `=` and a text.
    """

    root: str
    pointer: str
    may_be: str
    severity: dict[str, Level]
    reason: str
    evidence: str

    @property
    def tokens(self) -> list[str]:
        """The tokens of the pointer."""
        return self.pointer.split("/")[1:]


def read(entries: Iterable[dict[str, JSON]], document: Document) -> list[Tolerance]:
    """The tolerances of a parsed file, spread over the places of payloads that they concern.

    Raises:
        SpecError: an entry is incomplete, or names a schema that the document does not use.
    """
    places = spots(document)
    found: list[Tolerance] = []
    for entry in entries:
        try:
            name, may_be, reason, evidence = (entry[key] for key in ("member", "may_be", "reason", "evidence"))
            severity: dict[str, Level] = {profile: entry["severity"][profile] for profile in PROFILES}
            holders = places[entry["schema"]]
        except (KeyError, TypeError) as error:
            raise SpecError(f"tolerances: {error} is unknown or missing in {entry}") from None
        found.extend(Tolerance(*_member(spot, name), may_be, severity, reason, evidence) for spot in holders)
    return found


def _member(spot: Spot, name: str) -> tuple[str, str]:
    return spot.root, f"{spot.pointer}/{escape(name)}"


def levels(tolerances: Iterable[Tolerance]) -> dict[str, dict[str, Level]]:
    """What a violation is rated at, by profile and by `root:pointer:may_be`."""
    made: dict[str, dict[str, Level]] = {profile: {} for profile in PROFILES}
    for tolerance in tolerances:
        for profile in PROFILES:
            made[profile][f"{tolerance.root}:{tolerance.pointer}:{tolerance.may_be}"] = tolerance.severity[profile]
    return made


def relaxed(schema: Schema, tolerances: Iterable[Tolerance], profile: str, levels: frozenset[str]) -> Schema:
    """The schema without what the profile rates at one of `levels`."""
    for tolerance in tolerances:
        if tolerance.severity[profile] in levels:
            kind = tolerance.may_be
            schema = _edited(schema, tolerance.tokens, _may_be_this(kind[1:]) if kind[0] == "=" else _RELAX[kind])
    return schema


def tightened(schema: Schema, tolerances: Iterable[Tolerance]) -> Schema:
    """The schema that insists on every member which a tolerance may excuse."""
    for tolerance in tolerances:
        if tolerance.may_be == "absent":
            schema = _edited(schema, tolerance.tokens, _require)
        elif tolerance.may_be == "null":
            schema = _edited(schema, tolerance.tokens, _without_null)
    return schema


Change = Callable[[Schema, str], Schema]


def _edited(node: JSON, tokens: list[str], change: Change) -> JSON:
    if not isinstance(node, dict):
        return node
    made = dict(node)
    head, rest = tokens[0], tokens[1:]
    if not rest and change is _may_be_other and (opened := _with_other_tag(made, head)):
        return opened
    for union in ("allOf", "anyOf", "oneOf"):
        if union in made:
            made[union] = [_edited(branch, tokens, change) for branch in made[union]]
    if not rest and head == "*" and "items" in made:
        return {**made, "items": change({"properties": {"*": made["items"]}}, "*")["properties"]["*"]}
    if not rest:
        return change(made, head) if head in made.get("properties", {}) else made
    if head == "*" and "items" in made:
        made["items"] = _edited(made["items"], rest, change)
    elif head in made.get("properties", {}):
        made["properties"] = {**made["properties"], head: _edited(made["properties"][head], rest, change)}
    return made


def _with_member(node: Schema, name: str, member: JSON) -> Schema:
    return {**node, "properties": {**node["properties"], name: member}}


def _may_be_absent(node: Schema, name: str) -> Schema:
    return {**node, "required": [other for other in node.get("required", ()) if other != name]}


def _require(node: Schema, name: str) -> Schema:
    return {**node, "required": list(dict.fromkeys([*node.get("required", ()), name]))}


def _may_be_null(node: Schema, name: str) -> Schema:
    member = node["properties"][name]
    return node if not isinstance(member, dict) or not member else _with_member(node, name, nullable(member))


def _without_null(node: Schema, name: str) -> Schema:
    return _with_member(node, name, _stripped(node["properties"][name]))


def _stripped(member: JSON) -> JSON:
    if not isinstance(member, dict):
        return member
    made = dict(member)
    if isinstance(made.get("type"), list):
        kept = [name for name in made["type"] if name != "null"]
        made["type"] = kept[0] if len(kept) == 1 else kept
    if isinstance(made.get("enum"), list):
        made["enum"] = [value for value in made["enum"] if value is not None]
    for union in ("anyOf", "oneOf"):
        if union in made:
            kept = [branch for branch in made[union] if branch != {"type": "null"}]
            made = {**made, union: kept} if len(kept) > 1 or len(made) > 1 else kept[0]
    return made


def _may_be_empty(node: Schema, name: str) -> Schema:
    return _with_member(node, name, _without(node["properties"][name], "minItems"))


def _without(member: JSON, *keywords: str) -> JSON:
    if not isinstance(member, dict):
        return member
    made = {name: value for name, value in member.items() if name not in keywords}
    for union in ("anyOf", "oneOf"):
        if union in made:
            made[union] = [_without(branch, *keywords) for branch in made[union]]
    return made


def _may_be_beyond(node: Schema, name: str) -> Schema:
    return _with_member(node, name, _without(node["properties"][name], "maximum", "maxItems"))


def _may_be_other(node: Schema, name: str) -> Schema:
    return _with_member(node, name, _opened(node["properties"][name]))


def _opened(member: JSON) -> JSON:
    """The schema that takes any text but the empty one where it lists some."""
    return _enumerated(
        member,
        lambda rest, values: {"minLength": 1, **rest, "type": ["string", "null"] if None in values else "string"},
    )


def _may_be_this(text: str) -> Change:
    def change(node: Schema, name: str) -> Schema:
        member = node["properties"][name]
        return _with_member(node, name, _enumerated(member, lambda rest, values: {**rest, "enum": [*values, text]}))

    return change


def _enumerated(member: JSON, change: Callable[[Schema, list[JSON]], Schema]) -> JSON:
    """The schema with `change` applied to each enumeration of texts: to the rest of its schema and its values."""
    if not isinstance(member, dict):
        return member
    made = dict(member)
    for union in ("anyOf", "oneOf"):
        if is_disjoint(made.get(union, []), {}) and (branches := made.pop(union, None)):
            made["anyOf"] = [_enumerated(branch, change) for branch in branches]
    listed = [made["const"]] if "const" in made else made.get("enum", [])
    values = [value for value in listed if "type" not in made or fits_type(value, made)]
    if not {str} <= set(map(type, values)) <= {str, type(None)}:
        return made
    return change({name: value for name, value in made.items() if name not in ("const", "enum")}, values)


def _with_other_tag(node: Schema, name: str) -> Schema | None:
    """The union with one branch more, for objects whose tag it does not know; None where `name` is not its tag."""
    for union in ("anyOf", "oneOf"):
        branches = node.get(union, [])
        tag = find_tag(by_type(branches, {}).get("object", []))
        if tag is not None and tag.name == name and is_disjoint(branches, {}):
            known = [value for values in tag.values for value in values]
            unknown = {"type": "string", "minLength": 1, "not": {"enum": known}}
            other = {"type": "object", "required": [name], "properties": {name: unknown}}
            rest = {keyword: value for keyword, value in node.items() if keyword != union}
            return {**rest, "anyOf": [*branches, other]}
    return None


_RELAX: dict[str, Change] = {
    "absent": _may_be_absent, "null": _may_be_null, "empty": _may_be_empty,
    "other": _may_be_other, "beyond": _may_be_beyond,
}  # fmt: skip
