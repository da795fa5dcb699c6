"""Where in a payload each schema of a document applies."""

from collections.abc import Iterator
from typing import NamedTuple

from chatcontract.model import JSON
from chatcontract.pointer import escape
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
        for place, pointer in _visited(root.node, root.place, "", resolver, ()):
            spot = Spot(name, pointer)
            if spot not in found.setdefault(f"#{place.pointer}", []):
                found[f"#{place.pointer}"].append(spot)
    return found


def _visited(
    node: JSON, place: Place, pointer: str, resolver: Resolver, above: tuple[Place, ...]
) -> Iterator[tuple[Place, str]]:
    if not isinstance(node, dict) or place in above:
        return
    yield place, pointer
    inside = (*above, place)
    if isinstance(node.get("$ref"), str):
        target, at = resolver.follow(node["$ref"], place)
        yield from _visited(target, at, pointer, resolver, inside)
    for union in _HERE:
        for index, branch in enumerate(node.get(union, ())):
            yield from _visited(branch, place.child(union, index), pointer, resolver, inside)
    for name, member in node.get("properties", {}).items():
        yield from _visited(
            member, place.child("properties", name), f"{pointer}/{escape(name)}", resolver, inside
        )
    yield from _visited(node.get("items"), place.child("items"), f"{pointer}/*", resolver, inside)
