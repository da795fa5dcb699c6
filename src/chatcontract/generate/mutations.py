"""A valid payload changed in one place, so that the document forbids it."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from chatcontract.generate.nodes import Document, Node, Spot, Token, types
from chatcontract.model import JSON
from chatcontract.pointer import join

MISMATCH, NULL, ABSENT = "CC001", "CC002", "CC003"
_SAMPLES: dict[str, JSON] = {
    "null": None, "boolean": True, "integer": 7, "number": 1.5, "string": "text", "array": [], "object": {},
}  # fmt: skip
_EXACT = 2**53
"""From here on a reader that takes every number for a float may not tell a bound from its neighbour."""
_ARTICLES = {"integer": "an", "array": "an", "object": "an"}
_NO_VALUE, _NO_NAME, _MORE = "no-such-value", "a b/c", "x-more"


class Change(NamedTuple):
    """One breach: its kind and words, what takes the place of which value, and what is to be said of it where.

    `anchor` is the place in the document that forbids it; `tokens` lead to the value that `value` replaces.
    """

    kind: str
    words: str
    anchor: str
    tokens: tuple[Token, ...]
    value: JSON
    pointer: str
    rule: str = MISMATCH


def changes(document: Document, root: Node, body: JSON) -> Iterator[Change]:
    """Every change of a payload that the document forbids, outermost values first."""
    holders: dict[tuple[Token, ...], tuple[Node, ...]] = {}
    for spot in document.spots(root, body):
        holders[spot.tokens] = spot.nodes
        yield from _of_types(document, spot, holders.get(spot.tokens[:-1], ()) if spot.tokens else ())
        for node in spot.nodes:
            yield from _of_values(spot, node)
            if isinstance(spot.value, dict):
                yield from _of_members(document, spot, node)
            if isinstance(spot.value, list):
                yield from _of_items(spot, node)


def applied(body: JSON, tokens: Sequence[Token], value: JSON) -> Any:
    """A copy of the body, with another value at one place; what isn't on the way is shared."""
    if not tokens:
        return value
    made: Any = dict(body) if isinstance(body, dict) else list(body)
    made[tokens[0]] = applied(body[tokens[0]], tokens[1:], value)
    return made


def _of_types(document: Document, spot: Spot, holders: tuple[Node, ...]) -> Iterator[Change]:
    taken = _taken(document, spot.nodes[0])
    if not taken:
        return
    here = join(spot.tokens)
    for name, sample in _SAMPLES.items():
        if name in taken or (name == "integer" and "number" in taken):
            continue
        rule = NULL if name == "null" and _is_optional(spot.tokens, holders) else MISMATCH
        words = f"{_ARTICLES.get(name, 'a')} {name}" if name != "null" else name
        yield Change("type", words, spot.nodes[0].anchor, spot.tokens, sample, here, rule)


def _taken(document: Document, node: Node) -> frozenset[str]:
    """The types that a schema and the branches of its unions take; empty for any."""
    node = document.follow(node)
    arms = [(keyword, at) for keyword in ("oneOf", "anyOf") for at in range(len(node.schema.get(keyword, ())))]
    inner = [_taken(document, node.at(*arm)) for arm in arms]
    return frozenset(types(node.schema)) if not all(inner) or not inner else frozenset().union(*inner)


def _is_optional(tokens: tuple[Token, ...], holders: tuple[Node, ...]) -> bool:
    name = tokens[-1] if tokens else 0
    declared = any(name in node.schema.get("properties", ()) for node in holders)
    return declared and not any(name in node.schema.get("required", ()) for node in holders)


def _of_values(spot: Spot, node: Node) -> Iterator[Change]:
    schema, value, here = node.schema, spot.value, join(spot.tokens)
    if "const" in schema or (value is not None and value in schema.get("enum", ())):
        keyword = "const" if "const" in schema else "enum"
        yield Change("enum", f"{keyword} left", f"{node.anchor}/{keyword}", spot.tokens, _NO_VALUE, here)
    if isinstance(value, int | float) and not isinstance(value, bool):
        for bound, step in (("minimum", -1), ("maximum", 1)):
            if bound in schema:
                past = schema[bound] + step if abs(schema[bound]) < _EXACT else step * 2**64
                yield Change("bound", f"{bound} passed", f"{node.anchor}/{bound}", spot.tokens, past, here)
    if isinstance(value, str) and "pattern" in schema:
        yield Change("bound", "pattern missed", f"{node.anchor}/pattern", spot.tokens, _NO_NAME, here)
    if isinstance(value, str) and "maxLength" in schema:
        longer = "x" * (schema["maxLength"] + 1)
        yield Change("bound", "maxLength passed", f"{node.anchor}/maxLength", spot.tokens, longer, here)
    if isinstance(value, str) and schema.get("minLength"):
        shorter = "x" * (schema["minLength"] - 1)
        yield Change("bound", "minLength passed", f"{node.anchor}/minLength", spot.tokens, shorter, here)


def _of_members(document: Document, spot: Spot, node: Node) -> Iterator[Change]:
    schema, value, here = node.schema, spot.value, join(spot.tokens)
    for name in schema.get("required", ()):
        if name in value:
            rest = {other: member for other, member in value.items() if other != name}
            declared = name in schema.get("properties", ())
            may_be_null = declared and document.fits(node.at("properties", name), None)
            rule = ABSENT if may_be_null else MISMATCH
            yield Change("missing", f"{name} left out", f"{node.anchor}/required", spot.tokens, rest, here, rule)
    if schema.get("additionalProperties") is False:
        place, more = join((*spot.tokens, _MORE)), {**value, _MORE: 1}
        yield Change("extra", "a member more", f"{node.anchor}/additionalProperties", spot.tokens, more, place)
    yield from _of_names(spot, node)


def _of_names(spot: Spot, node: Node) -> Iterator[Change]:
    schema, value = node.schema, spot.value
    sample = next(iter(value.values()), None)
    if "maxProperties" in schema and sample is not None:
        more = {f"k{at}": sample for at in range(schema["maxProperties"] + 1)}
        anchor = f"{node.anchor}/maxProperties"
        yield Change("bound", "maxProperties passed", anchor, spot.tokens, more, join(spot.tokens))
    names = schema.get("propertyNames", {})
    for keyword in ("maxLength", "pattern"):
        if keyword in names and sample is not None:
            name = _NO_NAME if keyword == "pattern" else "x" * (names["maxLength"] + 1)
            place, anchor = join((*spot.tokens, name)), f"{node.anchor}/propertyNames/{keyword}"
            yield Change("bound", f"{keyword} of a name missed", anchor, spot.tokens, {**value, name: sample}, place)


def _of_items(spot: Spot, node: Node) -> Iterator[Change]:
    schema, value, here = node.schema, spot.value, join(spot.tokens)
    if schema.get("minItems"):
        anchor = f"{node.anchor}/minItems"
        yield Change("bound", "minItems passed", anchor, spot.tokens, value[: schema["minItems"] - 1], here)
    if "maxItems" in schema and value:
        size = schema["maxItems"] + 1
        more = [dict(item) if isinstance(item, dict) else item for item in (value * size)[:size]]
        yield Change("bound", "maxItems passed", f"{node.anchor}/maxItems", spot.tokens, more, here)
