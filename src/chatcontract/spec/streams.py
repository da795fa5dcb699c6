"""Where a document describes the chunks of a stream: rarely where its answers stand."""

from collections.abc import Callable
from typing import NamedTuple

from chatcontract.model import JSON
from chatcontract.spec.document import Document
from chatcontract.spec.media import Holder, Root, followed, json_schema, stream_schema
from chatcontract.spec.references import Place, Resolver

CHUNK_COMPONENT = "CreateChatCompletionStreamResponse"
_NAMES = ("ChatCompletionChunk", "ChatCompletionStreamResponse")
_OBJECT = "chat.completion.chunk"
_UNIONS = ("oneOf", "anyOf")


class Answer(NamedTuple):
    """The two forms of the answer."""

    response: Root
    chunk: Root


def answer(
    document: Document, operation: Holder, good: Holder, resolver: Resolver, on: Callable[[str], bool]
) -> Answer:
    """Both forms of the answer as far as the document describes them; `on` says whether a fix is switched on."""
    response = json_schema(good, resolver)
    chunk = _described(stream_schema(good, resolver), resolver, on)
    if chunk.node is None:
        response, chunk = _parted(response, chunk, resolver, on)
    if chunk.node is None:
        chunk = _of_extension(operation, on) or _of_component(document, on) or chunk
    return Answer(response, chunk)


def _described(root: Root, resolver: Resolver, on: Callable[[str], bool]) -> Root:
    """The schema of a chunk inside the one that stands at the event stream."""
    schema = followed(root.node, root.place, resolver)
    if schema.node.get("type") == "array" and isinstance(schema.node.get("items"), dict) and on("stream-as-list"):
        return Root(schema.node["items"], schema.child("items"))
    if schema.node.get("type") == "string" and on("stream-as-text"):
        return Root(None, root.place)
    return _in_envelope(schema, resolver, on) or root


def _in_envelope(schema: Holder, resolver: Resolver, on: Callable[[str], bool]) -> Root | None:
    """The schema of the JSON in the text that an event is described to carry."""
    events = [schema]
    for union in _UNIONS:
        branches = schema.node.get(union)
        for index, branch in enumerate(branches if isinstance(branches, list) else ()):
            events.append(followed(branch, schema.child(union, index), resolver))
    for event in events:
        members = event.node.get("properties")
        member = members.get("data") if isinstance(members, dict) else None
        data = followed(member, event.child("properties", "data"), resolver)
        if isinstance(data.node.get("contentSchema"), dict) and on("stream-envelope"):
            return Root(data.node["contentSchema"], data.child("contentSchema"))
    return None


def _parted(response: Root, chunk: Root, resolver: Resolver, on: Callable[[str], bool]) -> Answer:
    """The answer parted into its branches that are chunks and those that are not."""
    schema = followed(response.node, response.place, resolver)
    for union in _UNIONS:
        branches = schema.node.get(union)
        if not isinstance(branches, list):
            continue
        roots = [Root(branch, schema.child(union, index)) for index, branch in enumerate(branches)]
        chunks = [root for root in roots if _is_chunk(followed(root.node, root.place, resolver).node)]
        others = [root for root in roots if root not in chunks]
        if chunks and others and on("stream-in-answer"):
            return Answer(*(_united(schema, union, part) for part in (others, chunks)))
    return Answer(response, chunk)


def _united(schema: Holder, union: str, roots: list[Root]) -> Root:
    return roots[0] if len(roots) == 1 else Root({union: [root.node for root in roots]}, schema.place)


def _is_chunk(schema: JSON) -> bool:
    members = schema.get("properties") if isinstance(schema, dict) else None
    member = members.get("object") if isinstance(members, dict) else None
    if not isinstance(member, dict):
        return False
    values = member.get("enum")
    said = [member.get("const"), member.get("default"), *(values if isinstance(values, list) else ())]
    return _OBJECT in said and "chat.completion" not in said


def _of_extension(operation: Holder, on: Callable[[str], bool]) -> Root | None:
    extension = operation.node.get("x-fern-streaming")
    node = extension.get("response-stream") if isinstance(extension, dict) else None
    if not isinstance(node, dict) or not on("stream-by-extension"):
        return None
    return Root(node, operation.child("x-fern-streaming", "response-stream"))


def _of_component(document: Document, on: Callable[[str], bool]) -> Root | None:
    components = document.tree.get("components")
    schemas = components.get("schemas") if isinstance(components, dict) else None
    schemas = schemas if isinstance(schemas, dict) else {}
    named = [name for name in schemas if name == CHUNK_COMPONENT or name.endswith(_NAMES)]
    saying = [name for name, schema in schemas.items() if _is_chunk(schema)]
    for name in [*named, *saying]:
        if on("stream-by-component-name"):
            return Root(schemas[name], Place(document.origin, "").child("components", "schemas", name))
    return None
