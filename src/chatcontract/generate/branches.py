"""Which branches of the document's schemas payloads have reached."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from chatcontract.contract import Contract
from chatcontract.generate.nodes import Document, Node, Schema, type_of, types
from chatcontract.model import JSON

BOUNDS = ("minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties")
_MAX_WAYS = 6
"""How many ways to one schema object are kept; others may be barred by rules."""


class Branch(NamedTuple):
    """One thing that a schema leaves open, and one way to settle it.

    `anchor` is a pointer into the document; `kind`: `branch` of a union, `value` of an enumeration, `type` of
    several, `true` or `false`, a member that is `present` or `absent`, a `bound` that is met exactly.
    """

    anchor: str
    kind: str

    def __str__(self) -> str:
        return f"{self.anchor} ({self.kind})"


class Step(NamedTuple):
    """How one schema object leads to another: keyword, and the name or number below it."""

    node: Node
    keyword: str
    token: str | int = ""


Way = tuple[Step, ...]


def branches(node: Node) -> Iterator[Branch]:
    """What one schema object, whose references are followed, leaves open."""
    schema = node.schema
    for keyword in ("oneOf", "anyOf"):
        yield from (Branch(f"{node.anchor}/{keyword}/{at}", "branch") for at in range(len(schema.get(keyword, ()))))
    yield from (Branch(f"{node.anchor}/enum/{at}", "value") for at in range(len(schema.get("enum", ()))))
    named = types(schema)
    if len(named) > 1 and "enum" not in schema:
        yield from (Branch(f"{node.anchor}/type/{at}", "type") for at in range(len(named)))
    if "boolean" in named:
        yield from (Branch(node.anchor, kind) for kind in ("true", "false"))
    for name in schema.get("properties", ()):
        if name not in schema.get("required", ()):
            place = node.at("properties", name).anchor
            yield from (Branch(place, kind) for kind in ("present", "absent"))
    yield from (Branch(f"{node.anchor}/{bound}", "bound") for bound in BOUNDS if bound in schema)


def reached(node: Node, value: JSON) -> Iterator[Branch]:
    """The branches of a schema object, those of unions excepted, that a value takes."""
    schema = node.schema
    options = schema.get("enum", ())
    if value in options:
        yield Branch(f"{node.anchor}/enum/{options.index(value)}", "value")
    named, met = types(schema), type_of(value)
    met = "number" if met == "integer" and "integer" not in named else met
    if len(named) > 1 and met in named and "enum" not in schema:
        yield Branch(f"{node.anchor}/type/{named.index(met)}", "type")
    if isinstance(value, bool):
        yield Branch(node.anchor, "true" if value else "false")
    if isinstance(value, dict):
        for name in schema.get("properties", ()):
            yield Branch(node.at("properties", name).anchor, "present" if name in value else "absent")
    yield from (Branch(f"{node.anchor}/{bound}", "bound") for bound in BOUNDS if _meets(bound, schema, value))


def _meets(bound: str, schema: Schema, value: JSON) -> bool:
    if bound not in schema:
        return False
    if bound in ("minimum", "maximum"):
        return type_of(value) in ("integer", "number") and bool(value == schema[bound])
    sized = {"Length": "string", "Items": "array", "Properties": "object"}[bound[3:]]
    return type_of(value) == sized and len(value) == schema[bound]


def ways(document: Document, root: Node) -> dict[Branch, tuple[Way, ...]]:
    """Every branch below a root, with some of the shortest ways to the schema object that has it."""
    found: dict[Branch, tuple[Way, ...]] = {}
    known: dict[str, int] = {}
    level: list[tuple[Node, Way]] = [(root, ())]
    while level:
        following: list[tuple[Node, Way]] = []
        for start, way in level:
            node = document.follow(start)
            known[node.anchor] = known.get(node.anchor, 0) + 1
            if known[node.anchor] > _MAX_WAYS:
                continue
            for branch in branches(node):
                found[branch] = (*found.get(branch, ()), (*way, Step(node, "")))
            following += [(node.at(*tokens), (*way, Step(node, *tokens))) for tokens in _inner(node.schema)]
        level = following
    return found


def touched(document: Document, root: Node, body: JSON) -> set[Branch]:
    """The branches that a payload takes; one that is not valid takes those of what it resembles."""
    found: set[Branch] = set()
    for spot in document.spots(root, body):
        for node in spot.nodes:
            if node.anchor.rsplit("/", 2)[-2] in ("oneOf", "anyOf"):
                found.add(Branch(node.anchor, "branch"))
            found.update(reached(node, spot.value))
    return found


def _inner(schema: Schema) -> Iterator[tuple[str, Any] | tuple[str]]:
    yield from (("properties", name) for name in schema.get("properties", ()))
    for keyword in ("oneOf", "anyOf", "allOf"):
        yield from ((keyword, at) for at in range(len(schema.get(keyword, ()))))
    yield from ((keyword,) for keyword in ("items", "additionalProperties") if isinstance(schema.get(keyword), Mapping))


class Coverage:
    """Counts which branches of a document payloads reach.

    Args:
        document: a contract, an OpenAPI document as a dict, or None for our own.
        root: `request`, `response` or `chunk`.
        excluded: branches that are not to be reached, each with the reason.

    >>> coverage = Coverage()
    >>> coverage.see({"model": "gpt-4o", "messages": [{"role": "user", "content": "Hi"}]})
    >>> coverage.reached < coverage.total
    True
    """

    def __init__(
        self,
        document: Contract | Mapping[str, JSON] | None = None,
        root: str = "request",
        excluded: Mapping[Branch, str] | None = None,
    ) -> None:
        given = document.document if isinstance(document, Contract) else document
        self.document = Document(given)
        self.root = root
        self.node = self.document.root(root)
        self.ways = ways(self.document, self.node)
        self.excluded = dict(excluded or {})
        self.seen: set[Branch] = set()

    @property
    def wanted(self) -> tuple[Branch, ...]:
        """The branches that are to be reached, in the order of the document."""
        return tuple(branch for branch in self.ways if branch not in self.excluded)

    @property
    def total(self) -> int:
        """How many branches are to be reached."""
        return len(self.wanted)

    @property
    def reached(self) -> int:
        """How many of them were."""
        return sum(branch in self.seen for branch in self.wanted)

    @property
    def unreached(self) -> tuple[Branch, ...]:
        """Those that were not."""
        return tuple(branch for branch in self.wanted if branch not in self.seen)

    def see(self, body: JSON) -> None:
        """Take in a payload."""
        self.seen |= touched(self.document, self.node, body)

    def report(self) -> dict[str, Any]:
        """Root, counts, what is unreached, and what is excluded and why: fit for JSON."""
        return {
            "root": self.root,
            "total": self.total,
            "reached": self.reached,
            "unreached": list(map(str, self.unreached)),
            "excluded": {str(branch): reason for branch, reason in self.excluded.items()},
        }
