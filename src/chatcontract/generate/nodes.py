"""The schemas of a document as they stand there: which of them apply to a value, and where it is inside them."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from chatcontract import closures
from chatcontract.model import JSON
from chatcontract.pointer import escape, resolve, split

Schema = Mapping[str, Any]
Token = str | int
UNIONS = ("oneOf", "anyOf", "allOf")
_MEDIA = {"request": "application/json", "response": "application/json", "chunk": "text/event-stream"}
_MAX_LEVELS = 64


class Node(NamedTuple):
    """A schema object and its pointer into the document."""

    anchor: str
    schema: Schema

    def at(self, *tokens: Token) -> "Node":
        """What stands below."""
        place = "".join("/" + escape(str(token)) for token in tokens)
        return Node(self.anchor + place, resolve(self.schema, tokens))


class Spot(NamedTuple):
    """A value inside a payload, and the schema objects that apply to it."""

    tokens: tuple[Token, ...]
    value: JSON
    nodes: tuple[Node, ...]


class Document:
    """An OpenAPI document with the operation, whose references stay inside it.

    Args:
        document: the parsed document; None for our own.

    Raises:
        ValueError: it describes no such operation.
    """

    def __init__(self, document: Mapping[str, JSON] | None = None) -> None:
        self._document = closures.own().json("document") if document is None else document

    def root(self, name: str) -> Node:
        """The schema of `request`, `response` or `chunk`."""
        paths = self._document.get("paths", {})
        place = next((path for path in paths if path.endswith("/chat/completions")), None)
        if place is None or name not in _MEDIA:
            raise ValueError(f"no {name} of /chat/completions in this document; give one that describes it")
        way = ["requestBody"] if name == "request" else ["responses", "200"]
        holder = self.follow(Node("#", self._document).at("paths", place, "post", *way))
        return self.follow(holder.at("content", _MEDIA[name], "schema"))

    def follow(self, node: Node) -> Node:
        """The node itself, or what its reference leads to."""
        for _ in range(_MAX_LEVELS):
            reference = node.schema.get("$ref")
            if not isinstance(reference, str):
                return node
            node = Node(reference, resolve(self._document, split(reference[1:])))
        raise ValueError(f"{node.anchor} leads back to itself; mend the document")

    def applying(self, node: Node, value: JSON) -> Iterator[Node]:
        """The node, and the branches of its unions that the value fits; references followed."""
        yield node
        followed = self.follow(node)
        if followed is not node:
            yield from self.applying(followed, value)
            return
        for keyword in UNIONS:
            for at in range(len(node.schema.get(keyword, ()))):
                branch = node.at(keyword, at)
                if keyword == "allOf" or self.fits(branch, value):
                    yield from self.applying(branch, value)

    def fits(self, node: Node, value: JSON) -> bool:
        """Whether a value belongs to a branch of a union: judged by type, tags, values and required members."""
        schema = self.follow(node).schema
        if not _is_of_type(schema, value) or ("const" in schema and schema["const"] != value):
            return False
        if "enum" in schema and value not in schema["enum"]:
            return False
        if isinstance(value, dict) and not self._fits_members(self.follow(node), value):
            return False
        arms = [(keyword, at) for keyword in ("oneOf", "anyOf") for at in range(len(schema.get(keyword, ())))]
        return not arms or any(self.fits(self.follow(node).at(*arm), value) for arm in arms)

    def _fits_members(self, node: Node, value: Mapping[str, JSON]) -> bool:
        if any(name not in value for name in node.schema.get("required", ())):
            return False
        tags = [name for name in node.schema.get("properties", ()) if name in ("type", "role") and name in value]
        return all(self.fits(node.at("properties", name), value[name]) for name in tags)

    def below(self, node: Node, token: Token) -> Node | None:
        """The schema of a member or an item, if the node says anything of it."""
        schema = node.schema
        if isinstance(token, int):
            return node.at("items") if isinstance(schema.get("items"), Mapping) else None
        if token in schema.get("properties", {}):
            return node.at("properties", token)
        return node.at("additionalProperties") if isinstance(schema.get("additionalProperties"), Mapping) else None

    def spots(self, node: Node, value: JSON, tokens: tuple[Token, ...] = ()) -> Iterator[Spot]:
        """Every value inside a payload that the document says something of, outermost first."""
        yield from self._spots((node,), value, tokens)

    def _spots(self, starts: tuple[Node, ...], value: JSON, tokens: tuple[Token, ...]) -> Iterator[Spot]:
        nodes = tuple({found.anchor: found for start in starts for found in self.applying(start, value)}.values())
        yield Spot(tokens, value, nodes)
        inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for token, member in inner:
            inside = tuple(found for node in nodes if (found := self.below(node, token)))
            if inside:
                yield from self._spots(inside, member, (*tokens, token))


def types(schema: Schema) -> tuple[str, ...]:
    """The types that a schema names; none means any."""
    given = schema.get("type")
    named = (given,) if isinstance(given, str) else tuple(given or ())
    return (*named, "null") if schema.get("nullable") is True and named else named


def type_of(value: JSON) -> str:
    """The JSON type of a value; a whole number is an integer. Empty for what is no JSON, as `ABSENT`."""
    if value is None or isinstance(value, bool):
        return "null" if value is None else "boolean"
    return {int: "integer", float: "number", str: "string", list: "array", dict: "object"}.get(type(value), "")


def _is_of_type(schema: Schema, value: JSON) -> bool:
    named = types(schema)
    met = type_of(value)
    return not named or met in named or (met == "integer" and "number" in named)
