"""Finds the chat operation in a document, wherever the provider put it, and the schemas of its four roots."""

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import NamedTuple
from urllib.parse import quote

from chatcontract.exceptions import SpecError
from chatcontract.model import JSON
from chatcontract.spec import streams
from chatcontract.spec.document import Document
from chatcontract.spec.media import Holder, Root, followed, json_schema
from chatcontract.spec.references import Place, Resolver

ROOTS = ("request", "response", "chunk", "error")
SUFFIX = "/chat/completions"
OPERATION_ID = "createChatCompletion"
_IDS = ("createchatcompletion", "createchatcompletions", "chatcompletion", "chatcompletions")
_GENERATED_ID = "chatcompletionspost"
_NO_PATH = re.compile(r"[?#]|\{[?&#]")


class Operation(NamedTuple):
    """The operation: where it stands and its roots by name (see ROOTS)."""

    path: str
    place: Place
    roots: dict[str, Root]


class _Candidate(NamedTuple):
    rank: int
    path: str
    post: Holder


def find(document: Document, resolver: Resolver, on: Callable[[str], bool] = lambda fix: True) -> Operation:
    """The operation of the document; `on` says whether a fix is switched on.

    Raises:
        SpecError: the document has none, or it cannot be read.
    """
    paths = document.tree.get("paths")
    paths = paths if isinstance(paths, dict) else {}
    candidates = sorted(_candidates(paths, document, resolver), key=lambda found: (found.rank, len(found.path)))
    if not candidates:
        near = ", ".join(sorted(path for path in paths if "chat" in path.lower())[:5]) or "no path with chat in it"
        raise SpecError(
            f"{document.origin}#/paths: no POST …{SUFFIX} here (found: {near}). "
            "Give a document that describes the Chat Completions operation."
        )
    _, path, post = candidates[0]
    return Operation(path, post.place, dict(_roots(document, post, resolver, on)))


def _candidates(paths: dict[str, JSON], document: Document, resolver: Resolver) -> Iterator[_Candidate]:
    likely = [path for path in paths if _bare(path).endswith(SUFFIX)]
    found = [one for path in likely for one in _candidate(path, paths[path], document, resolver)]
    yield from found
    for path in () if found else paths:
        with suppress(SpecError):  # what is broken elsewhere is another operation's matter
            yield from _candidate(path, paths[path], document, resolver)


def _candidate(path: str, node: JSON, document: Document, resolver: Resolver) -> Iterator[_Candidate]:
    item = followed(node, Place(document.origin, "").child("paths", path), resolver)
    post = followed(item.node.get("post"), item.child("post"), resolver)
    rank = _rank(path, post.node, [post.node, item.node, document.tree])
    if rank is not None and post.node:
        yield _Candidate(rank, path, post)


def _bare(path: str) -> str:
    return _NO_PATH.split(path)[0].rstrip("/")


def _rank(path: str, post: dict[str, JSON], holders: list[dict[str, JSON]]) -> int | None:
    """How late the path is taken; None where it is another operation."""
    bare = _bare(path)
    if bare.endswith(SUFFIX):
        return 0
    name = post.get("operationId")
    if name == OPERATION_ID:
        return 1
    if any(f"{base}{bare}".lower().endswith(SUFFIX) for base in ("", *_bases(holders))):
        return 2
    plain = re.sub(r"[\W_]", "", name).lower() if isinstance(name, str) else ""
    return 3 if plain in _IDS or plain.endswith(_GENERATED_ID) else None


def _bases(holders: list[dict[str, JSON]]) -> Iterator[str]:
    """The paths of the servers that an operation is asked at, of the innermost that are named."""
    servers = next((holder["servers"] for holder in holders if holder.get("servers")), ())
    for server in servers if isinstance(servers, list) else ():
        url = server.get("url") if isinstance(server, dict) else None
        if isinstance(url, str):
            yield re.sub(r"^[^/]*//[^/]*", "", url.rstrip("/"))


def _roots(
    document: Document, post: Holder, resolver: Resolver, on: Callable[[str], bool]
) -> Iterator[tuple[str, Root]]:
    body = followed(post.node.get("requestBody"), post.child("requestBody"), resolver)
    yield "request", json_schema(body, resolver)
    answers = _answers(post, resolver)
    good = next((status for status in _good(answers)), "")
    response, chunk = streams.answer(document, post, answers.get(good, Holder({}, post.place)), resolver, on)
    yield "response", response
    yield "chunk", chunk
    bad = [status for status in sorted(answers) if status != good and status.startswith(("4", "5", "default"))]
    yield "error", _error([json_schema(answers[status], resolver) for status in bad], post.place)


def _answers(post: Holder, resolver: Resolver) -> dict[str, Holder]:
    responses = post.node.get("responses")
    if not isinstance(responses, dict | None):
        kind = type(responses).__name__
        raise SpecError(f"{post.child('responses')}: {kind} where a dict belongs. Correct the document.")
    return {
        str(status): followed(answer, post.child("responses", status), resolver)
        for status, answer in (responses or {}).items()
    }


def _good(answers: dict[str, Holder]) -> list[str]:
    """The statuses of an answer that is no error, the likeliest first."""
    others = sorted(status for status in answers if status.startswith("2"))
    return [status for status in ("200", "2XX", "2xx", *others, "default") if status in answers]


def _error(roots: list[Root], place: Place) -> Root:
    """The schema of every error: a choice where the statuses have different ones."""
    told: list[Root] = []
    for root in roots:
        if root.node is not None and root.node not in [other.node for other in told]:
            told.append(root)
    beside = [root for root in told if root.place.origin == told[0].place.origin]
    if len(beside) < 2:
        return told[0] if told else Root(None, place)
    references = [{"$ref": "#" + quote(root.place.pointer, safe="/~")} for root in beside]
    return Root({"anyOf": references}, beside[0].place)
