"""Cassettes: of vcrpy (YAML, JSON), of Ruby's VCR (YAML, JSON), and the reports that schemathesis writes as such.

The forms: https://vcrpy.readthedocs.io, https://benoittgt.github.io/vcr and
https://schemathesis.readthedocs.io.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from chatcontract.exceptions import SourceError
from chatcontract.jsontext import parse
from chatcontract.model import JSON, Headers, Request, Response
from chatcontract.reading import members
from chatcontract.recording import Recorded, Unreadable
from chatcontract.sources import json_items, yaml_items
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
FORM = "VCR interaction"


def read_yaml(source: Input) -> Items:
    """The chat interactions of a cassette in YAML."""
    for item in yaml_items.items(source.stream, NAMES):
        yield from _made(item.value, item.fault, f"{source.name}:{item.line}", source)


def read_json(source: Input) -> Items:
    """The chat interactions of a cassette in JSON."""
    for item in json_items.items(source.stream, NAMES):
        value, faults = (None, ()) if item.fault else parse(item.data)
        fault = item.fault or (faults[0].message if faults and not isinstance(value, dict) else "")
        yield from _made(value, fault, f"{source.name}#/{item.position}", source)


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
    if not is_chat(method, url):
        pass_over(source.passed_over, address(method, url))
        return None
    sent = plain_headers(_headers(request.get("headers")))
    body = undone(_body(request), sent, sure=False)
    return recorded(origin, Request(method.upper(), url, sent, body), _answer(value), origin, FORM)


def _answer(value: Mapping[str, JSON]) -> Response | None:
    response = value.get("response")
    if not isinstance(response, dict):
        return None
    told = response.get("status")
    code = status(told.get("code") if isinstance(told, dict) else told or response.get("status_code"))
    headers = plain_headers(_headers(response.get("headers")))
    return Response(code, headers, undone(_body(response), headers, sure=False))


def _body(message: Mapping[str, JSON]) -> bytes:
    """The body: text or bytes, alone or in a mapping that says how they are written down."""
    body = message.get("body", message.get("content"))
    if isinstance(body, dict):
        coded = body.get("base64_string", body.get("$base64"))
        if coded is not None:
            return from_base64(_text(coded), "base64_string")
        body = body.get("string")
    if isinstance(body, bytes):
        return body
    if isinstance(body, list):
        return b"".join(_bytes(piece) for piece in body)
    return _bytes(body)


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
