"""Cassettes: of vcrpy, Ruby's VCR, go-vcr, cassetter, ReqCassette and langchain-tests, and those of schemathesis.

The forms: https://vcrpy.readthedocs.io, https://benoittgt.github.io/vcr,
https://pkg.go.dev/gopkg.in/dnaeon/go-vcr.v4/pkg/cassette, https://pypi.org/project/cassetter,
https://hexdocs.pm/req_cassette, https://pypi.org/project/langchain-tests and https://schemathesis.readthedocs.io.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from chatcontract.exceptions import SourceError
from chatcontract.model import JSON, Headers, Request, Response
from chatcontract.patterns import pattern
from chatcontract.reading import members
from chatcontract.recording import Recorded, Unreadable
from chatcontract.sources import values, yaml_items
from chatcontract.sources.entries import entries
from chatcontract.sources.messages import (
    Input,
    Items,
    address,
    from_base64,
    is_chat,
    pass_over,
    plain_headers,
    recorded,
    status,
    undone,
)

NAMES = ("interactions", "http_interactions")
HALVES = ("requests", "responses")
"""The two lists of langchain-tests, which keeps a cassette as vcrpy has it in memory."""
FORM = "VCR interaction"
CHAT = {"choices", "error", "messages", "object"}
"""Members of the payloads themselves."""
_IS_ANSWER = pattern(rb'"object"\s*:\s*"chat\.completion')
_SEARCHED = 2**16
MAX_WRAPPED = 4
"""Mappings around a body; a value that YAML names may even stand in itself."""


def read_yaml(source: Input) -> Items:
    """The chat interactions of a cassette in YAML."""
    for item in yaml_items.items(source.stream, NAMES, HALVES):
        yield from _made(item.value, item.fault, f"{source.name}:{item.line}", source)


def read_json(source: Input) -> Items:
    """The chat interactions of a cassette in JSON."""
    return entries(source, NAMES, "#", interaction)


def _made(value: JSON, fault: str, origin: str, source: Input) -> Iterator[Recorded | Unreadable]:
    if fault or not isinstance(value, dict):
        yield Unreadable(origin, fault or "an interaction is a mapping")
        return
    try:
        made = interaction(value, origin, source)
    except SourceError as error:
        yield Unreadable(origin, str(error))
        return
    if made is not None:
        yield made


def interaction(value: Mapping[str, JSON], origin: str, source: Input) -> Recorded | None:
    """An interaction as a record; None for what is passed over. Raises SourceError."""
    request = members(value.get("request"))
    method, url = _text(request.get("method")), _text(request.get("uri") or request.get("url"))
    if not url:
        raise SourceError("an interaction without the address of its request")
    answer = _answer(value) if "/" not in url and method.upper() == "POST" else None
    if not (is_chat(method, url) or _is_completion(answer)):
        pass_over(source.passed_over, address(method, url))
        return None
    sent = plain_headers(_headers(request.get("headers")))
    body = undone(_body(request), sent, sure=False)
    return recorded(origin, Request(method.upper(), url, sent, body), answer or _answer(value), origin, FORM)


def _is_completion(answer: Response | None) -> bool:
    """Whether an answer says that it is one of chat: all there is to tell it by where the address was taken out."""
    return answer is not None and _IS_ANSWER.search(answer.body[:_SEARCHED]) is not None


def _answer(value: Mapping[str, JSON]) -> Response | None:
    response = value.get("response")
    if not isinstance(response, dict):
        return None
    headers = plain_headers(_headers(response.get("headers")))
    return Response(_status(response), headers, undone(_body(response), headers, sure=False))


def _status(response: Mapping[str, JSON]) -> int | None:
    """The status: a number, its digits, a mapping with `code`, or a line such as `200 OK` with `code` beside it."""
    told = response.get("status")
    code = told.get("code") if isinstance(told, dict) else told
    found = (code, _text(told).partition(" ")[0], response.get("code"), response.get("status_code"))
    return next((made for made in map(status, found) if made is not None), None)


def _body(message: Mapping[str, JSON]) -> bytes:
    """The body: text, bytes or a value, under one of the names that recorders have for it."""
    for name, made in _FORMS.items():
        if message.get(name) is not None:
            return made(message[name])
    return b""


def _kept(body: JSON, depth: int = 0) -> bytes:
    """A body as text or bytes, alone or in a mapping that says how it is written down."""
    if depth > MAX_WRAPPED:
        raise SourceError(f"a body wrapped more than {MAX_WRAPPED} times, or in itself")
    if isinstance(body, dict):
        return _told(body, depth)
    return b"".join(_bytes(piece) for piece in body) if isinstance(body, list) else _bytes(body)


def _told(body: Mapping[str, JSON], depth: int) -> bytes:
    """A body in a mapping; one that says nothing about itself is the JSON object itself."""
    coded = body.get("base64_string", body.get("$base64"))
    if coded is not None:
        return from_base64(_text(coded), "base64_string")
    if "parsed_body" in body:
        return _from_parsed(body["parsed_body"])
    if not body or "string" in body or "encoding" in body:
        return _kept(body.get("string"), depth + 1)
    kind = body.get("type")
    if _text(kind) in _TYPES:
        return _TYPES[_text(kind)](body.get("content"))
    if not CHAT.isdisjoint(body):
        return values.text(body)
    raise SourceError(f"a body of unknown form, with {', '.join(sorted(body))[:80]}")


def _from_parsed(value: JSON) -> bytes:
    """The text of a body inside its mapping, where a list holds the events of a stream."""
    if not isinstance(value, list):
        return values.text(value)
    events = (_bytes(event) if isinstance(event, str) else values.text(event) for event in value)
    return b"".join(b"data: %s\n\n" % event for event in events)


def _from_hexadecimal(value: JSON) -> bytes:
    try:
        return bytes.fromhex(_text(value))
    except ValueError as error:
        raise SourceError(f"a binary body is not hexadecimal: {error}.") from None


def _bytes(value: JSON) -> bytes:
    return value if isinstance(value, bytes) else _text(value).encode(errors="surrogatepass")


def _headers(headers: JSON) -> Headers:
    """The header pairs; a name has one value or a list of them."""
    if not isinstance(headers, dict):
        return ()
    return tuple(
        (str(name), _text(value))
        for name, values in headers.items()
        for value in (values if isinstance(values, list) else [values])
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else value.decode("latin-1") if isinstance(value, bytes) else ""


_FORMS: dict[str, Callable[[JSON], bytes]] = {
    "body": _kept,
    "content": _kept,
    "parsed_body": values.text,
    "body_json": values.text,
    "body_blob": lambda value: from_base64(_text(value), "body_blob"),
}
_TYPES: dict[str, Callable[[JSON], bytes]] = {
    "json": values.text,
    "text": _bytes,
    "binary": _from_hexadecimal,
    "none": lambda _: b"",
}
