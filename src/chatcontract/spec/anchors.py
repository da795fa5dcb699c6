"""Where in a payload each schema of a document applies."""

from collections.abc import Iterator
from typing import NamedTuple

from chatcontract import pointer
from chatcontract.model import JSON
from chatcontract.spec import operation
from chatcontract.spec.document import Document
from chatcontract.spec.references import Place, Resolver

_HERE = ("allOf", "anyOf", "oneOf")


class Spot(NamedTuple):
    """A place in payloads: one of `operation.ROOTS` and a pointer into it, `*` standing for array indices."""

    root: str
    pointer: str


def spots(document: Document) -> dict[str, list[Spot]]:
    """The places where each schema object applies, by the schema's fragment (`#/components/schemas/…`).

    A schema that contains itself is followed once.
    """
    resolver = Resolver(document)
    found: dict[str, list[Spot]] = {}
    for name, root in operation.find(document, resolver).roots.items():
        for place, at in _visited(root.node, root.place, "", resolver, ()):
            spot = Spot(name, at)
            if spot not in found.setdefault(f"#{place.pointer}", []):
                found[f"#{place.pointer}"].append(spot)
    return found


def deprecated(document: Document) -> dict[str, list[str]]:
    """The pointers of the members that the document calls deprecated, by root."""
    made: dict[str, list[str]] = {}
    for fragment, places in spots(document).items():
        tokens = pointer.split(fragment[1:])
        is_member = len(tokens) > 1 and tokens[-2] == "properties"
        if is_member and pointer.resolve(document.tree, tokens).get("deprecated") is True:
            for spot in places:
                made.setdefault(spot.root, []).append(spot.pointer)
    return made


def _visited(
    node: JSON, place: Place, at: str, resolver: Resolver, above: tuple[Place, ...]
) -> Iterator[tuple[Place, str]]:
    if not isinstance(node, dict) or place in above:
        return
    yield place, at
    inside = (*above, place)
    if isinstance(node.get("$ref"), str):
        target, there = resolver.follow(node["$ref"], place)
        yield from _visited(target, there, at, resolver, inside)
    for union in _HERE:
        for index, branch in enumerate(node.get(union, ())):
            yield from _visited(branch, place.child(union, index), at, resolver, inside)
    for name, member in node.get("properties", {}).items():
        inner = f"{at}/{pointer.escape(name)}"
        yield from _visited(member, place.child("properties", name), inner, resolver, inside)
    yield from _visited(node.get("items"), place.child("items"), f"{at}/*", resolver, inside)
