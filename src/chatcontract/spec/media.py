"""What a body or an answer holds: the schema of the media type that is meant."""

from typing import NamedTuple

from chatcontract.exceptions import SpecError
from chatcontract.model import JSON
from chatcontract.spec.references import Place, Resolver

MAX_STEPS = 20
"""References in a row."""
_SAYS_NOTHING = frozenset(("title", "description", "example", "examples", "deprecated", "$comment"))
_STREAMS = ("event-stream", "ndjson", "jsonl", "json-seq", "jsonlines", "stream+json")
_OF_OTHER_USE = ("problem+json", "patch+json")


class Root(NamedTuple):
    """One schema that the operation uses; `node` is None where the document has none."""

    node: JSON
    place: Place


class Holder(NamedTuple):
    """A body or an answer, and where it stands."""

    node: dict[str, JSON]
    place: Place

    def child(self, *tokens: str | int) -> Place:
        """The place of a node inside this one."""
        return self.place.child(*tokens)


def followed(node: JSON, place: Place, resolver: Resolver) -> Holder:
    """The object behind references; an empty one where something else is."""
    start = place
    for _ in range(MAX_STEPS):
        if not isinstance(node, dict) or not isinstance(node.get("$ref"), str):
            return Holder(node if isinstance(node, dict) else {}, place)
        node, place = resolver.follow(node["$ref"], place)
    raise SpecError(f"{start}: the $ref leads back to itself. Correct the reference.")


def json_schema(holder: Holder, resolver: Resolver) -> Root:
    """The schema of the JSON that the holder has."""
    return _schema(holder, resolver, stream=False)


def stream_schema(holder: Holder, resolver: Resolver) -> Root:
    """The schema of the stream that the holder has."""
    return _schema(holder, resolver, stream=True)


def _schema(holder: Holder, resolver: Resolver, *, stream: bool) -> Root:
    content = holder.node.get("content")
    if not isinstance(content, dict | None):
        kind = type(content).__name__
        raise SpecError(f"{holder.child('content')}: {kind} where a dict belongs. Correct the document.")
    ranks = {name: _rank(name, stream) for name in content or ()}
    for name in sorted((name for name in ranks if ranks[name] is not None), key=lambda name: ranks[name] or 0):
        media = followed((content or {})[name], holder.child("content", name), resolver)
        for keyword in ("itemSchema", "schema"):
            if not _is_vague(media.node.get(keyword)):
                return Root(media.node[keyword], media.child(keyword))
    return Root(None, holder.place)


def _rank(media_type: str, stream: bool) -> int | None:
    """How late the media type is asked; None where it holds something else."""
    essence = media_type.partition(";")[0].strip().lower()
    is_stream = any(name in essence for name in _STREAMS)
    if stream or is_stream:
        return int("event-stream" not in essence) if stream and is_stream else None
    if essence == "application/json":
        return 0
    if essence in ("*/*", "application/*"):
        return 2
    return (3 if essence.endswith(_OF_OTHER_USE) else 1) if "json" in essence else None


def _is_vague(schema: JSON) -> bool:
    return schema is None or schema is True or (isinstance(schema, dict) and schema.keys() <= _SAYS_NOTHING)
