"""Finds the chat operation in a document, wherever the provider put it, and the schemas of its four roots."""

from collections.abc import Iterator
from typing import NamedTuple

from chatcontract.exceptions import SpecError
from chatcontract.model import JSON
from chatcontract.spec.document import Document
from chatcontract.spec.references import Place, Resolver

ROOTS = ("request", "response", "chunk", "error")
SUFFIX = "/chat/completions"
OPERATION_ID = "createChatCompletion"
CHUNK_COMPONENT = "CreateChatCompletionStreamResponse"


class Root(NamedTuple):
    """One schema that the operation uses; `node` is None where the document has none."""

    node: JSON
    place: Place
    how: str = ""


class Operation(NamedTuple):
    """The operation: where it stands and its roots by name (see ROOTS)."""

    path: str
    place: Place
    roots: dict[str, Root]


def find(document: Document, resolver: Resolver) -> Operation:
    """The operation of the document; raises SpecError when it has none."""
    paths = document.tree.get("paths")
    paths = paths if isinstance(paths, dict) else {}
    candidates = sorted(_candidates(paths, document, resolver), key=lambda found: (found[0], len(found[1])))
    if not candidates:
        near = ", ".join(sorted(path for path in paths if "chat" in path.lower())[:5]) or "no path with chat in it"
        raise SpecError(
            f"{document.origin}#/paths: no POST …{SUFFIX} here (found: {near}). "
            "Give a document that describes the Chat Completions operation."
        )
    _, path, node, place = candidates[0]
    return Operation(path, place, dict(_roots(document, node, place, resolver)))


def _candidates(
    paths: dict[str, JSON], document: Document, resolver: Resolver
) -> Iterator[tuple[int, str, dict[str, JSON], Place]]:
    for path, item in paths.items():
        bare = path.split("?")[0].rstrip("/")
        item, place = _followed(item, Place(document.origin, "").child("paths", path), resolver)
        post, place = _followed(item.get("post"), place.child("post"), resolver)
        if bare.endswith(SUFFIX) and post:
            yield 0, path, post, place
        elif post.get("operationId") == OPERATION_ID:
            yield 1, path, post, place


def _followed(node: JSON, place: Place, resolver: Resolver) -> tuple[dict[str, JSON], Place]:
    for _ in range(20):
        if not isinstance(node, dict) or not isinstance(node.get("$ref"), str):
            break
        node, place = resolver.follow(node["$ref"], place)
    return (node if isinstance(node, dict) else {}), place


def _roots(
    document: Document, operation: dict[str, JSON], place: Place, resolver: Resolver
) -> Iterator[tuple[str, Root]]:
    body, at = _followed(operation.get("requestBody"), place.child("requestBody"), resolver)
    yield "request", _media(body, at, "json", resolver)
    responses = operation.get("responses")
    responses = responses if isinstance(responses, dict) else {}
    answers = {
        str(status): _followed(answer, place.child("responses", status), resolver)
        for status, answer in responses.items()
    }
    good = next((answers[s] for s in ("200", "2XX", "2xx", "201", "default") if s in answers), ({}, place))
    yield "response", _media(*good, "json", resolver)
    yield "chunk", _chunk(document, *good, resolver)
    yield "error", _error(answers, place, resolver)


def _media(holder: dict[str, JSON], place: Place, kind: str, resolver: Resolver) -> Root:
    content = holder.get("content")
    for media_type, media in content.items() if isinstance(content, dict) else ():
        if kind not in media_type.lower() and not (kind == "json" and media_type == "*/*"):
            continue
        media, at = _followed(media, place.child("content", media_type), resolver)
        for name in ("itemSchema", "schema"):
            if name in media:
                return Root(media[name], at.child(name), media_type)
    return Root(None, place)


def _chunk(document: Document, holder: dict[str, JSON], place: Place, resolver: Resolver) -> Root:
    root = _media(holder, place, "event-stream", resolver)
    if root.node is not None:
        return root
    components = document.tree.get("components")
    schemas = components.get("schemas") if isinstance(components, dict) else None
    schemas = schemas if isinstance(schemas, dict) else {}
    for name in schemas:
        if name == CHUNK_COMPONENT or name.endswith(("ChatCompletionChunk", "ChatCompletionStreamResponse")):
            at = Place(document.origin, "").child("components", "schemas", name)
            return Root(schemas[name], at, "component")
    return root


def _error(answers: dict[str, tuple[dict[str, JSON], Place]], place: Place, resolver: Resolver) -> Root:
    for status in sorted(answers):
        if status.startswith(("4", "5")) or status == "default":
            root = _media(*answers[status], "json", resolver)
            if root.node is not None:
                return root
    return Root(None, place)
