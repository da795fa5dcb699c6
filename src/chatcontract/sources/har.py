"""HTTP archives: HAR 1.2 as browsers, proxies and HTTP clients export it.

The format: http://www.softwareishard.com/blog/har-12-spec/
"""

from collections.abc import Iterator, Mapping
from typing import Any

from chatcontract.exceptions import SourceError
from chatcontract.har import OWN
from chatcontract.model import JSON, Arrival, Exchange, Headers, Part, Request, Response
from chatcontract.reading import items as listed
from chatcontract.reading import members
from chatcontract.recording import Recorded, Unreadable, cut_by, moment
from chatcontract.sources.entries import entries
from chatcontract.sources.messages import (
    Input,
    Items,
    address,
    from_base64,
    host,
    is_chat,
    kept,
    pass_over,
    plain_headers,
    recorded,
    status,
    text,
    undone,
)

FORM = "HAR entry"


def read(source: Input) -> Items:
    """The chat entries of the archive."""
    return entries(source, ("entries",), "#/log/entries", _made)


def _made(value: Mapping[str, JSON], origin: str, source: Input) -> Recorded | Unreadable | None:
    return _own(value, origin) if isinstance(value.get(OWN), dict) else _entry(value, origin, source)


def _entry(value: Mapping[str, JSON], origin: str, source: Input) -> Recorded | None:
    request = members(value.get("request"))
    method, url = text(request.get("method")), text(request.get("url"))
    if not url:
        raise SourceError("an entry without the address of its request")
    if not is_chat(method, url):
        pass_over(source.passed_over, address(method, url))
        return None
    sent = plain_headers(_headers(request))
    body = undone(_sent(request.get("postData")), sent, sure=False)
    return recorded(origin, Request(method, url, sent, body), _answer(value), origin, FORM)


def _headers(message: Mapping[str, JSON]) -> Headers:
    pairs = (members(header) for header in listed(message.get("headers")))
    return tuple((text(pair.get("name")), text(pair.get("value"))) for pair in pairs if text(pair.get("name")))


def _sent(data: JSON) -> bytes:
    """The request's body; parameters are those of a form, which some tools list in place of the text."""
    data = members(data)
    sent = text(data.get("text"))
    if not sent and listed(data.get("params")):
        from urllib.parse import urlencode

        pairs = [members(param) for param in listed(data.get("params"))]
        return urlencode([(text(pair.get("name")), text(pair.get("value"))) for pair in pairs]).encode()
    if data.get("encoding") == "base64":
        return from_base64(sent, "postData.text")
    return sent.encode(errors="surrogatepass")


def _answer(value: Mapping[str, JSON]) -> Response | None:
    """The answer; None where none came (status 0), or where the archive was written without its body."""
    response = members(value.get("response"))
    content = members(response.get("content"))
    code = status(response.get("status"))
    headers = plain_headers(_headers(response))
    body = undone(_content(content, value), headers, sure=False)
    if code is None and not body:
        return None
    lost = not body and (code is None or code < 400 or _announced(content, response))
    return None if lost else Response(code, headers, body)


def _announced(content: Mapping[str, JSON], response: Mapping[str, JSON]) -> bool:
    """Whether there was a body, though the archive does not have it."""
    sizes = (content.get("size"), response.get("bodySize"))
    return any(isinstance(size, int | float) and size > 0 for size in sizes)


def _content(content: Mapping[str, JSON], entry: Mapping[str, JSON]) -> bytes:
    got = text(content.get("text"))
    if got and str(content.get("encoding") or "").lower() == "base64":
        return from_base64(got, "content.text")
    return got.encode(errors="surrogatepass") if got else _events(entry.get("_eventSourceMessages"))


def _events(messages: JSON) -> bytes:
    """The event stream that Chrome lists by its messages where it has no text of it."""
    frames = []
    for message in map(members, listed(messages)):
        name = text(message.get("eventName"))
        lines = [f"event: {name}"] if name not in ("", "message") else []
        lines += [f"data: {line}" for line in text(message.get("data")).split("\n")]
        frames.append("\n".join(lines) + "\n\n")
    return "".join(frames).encode(errors="surrogatepass")


def _own(value: Mapping[str, Any], origin: str) -> Recorded:
    """An entry of ours, which says what the format cannot."""
    own = value[OWN]
    absent = listed(own.get("absent"))
    request = None if "request" in absent else _own_request(members(value.get("request")), own)
    response = None if "response" in absent else _own_response(members(value.get("response")), own)
    part = own.get("part")
    exchange = Exchange(
        text(own.get("id")) or origin, request, response, origin, text(own.get("provider")),
        text(own.get("host", host(request.url if request else ""))),
    )  # fmt: skip
    held = Part(part) if part in list(Part) else Part.EXCHANGE
    return Recorded(held, kept(exchange), text(own.get("form")) or FORM, cut=cut_by(own.get("cut")))


def _own_request(request: Mapping[str, JSON], own: Mapping[str, JSON]) -> Request:
    whole = own.get("request_base64")
    body = from_base64(whole, "request_base64") if isinstance(whole, str) else _sent(request.get("postData"))
    return Request(text(own.get("method")), text(own.get("url")), _headers(request), body)


def _own_response(response: Mapping[str, JSON], own: Mapping[str, JSON]) -> Response:
    body = _content(members(response.get("content")), {})
    return Response(status(own.get("status")), _headers(response), body, tuple(_arrivals(own.get("arrivals"))))


def _arrivals(value: JSON) -> Iterator[Arrival]:
    for pair in listed(value):
        if isinstance(pair, list) and len(pair) == 2 and isinstance(pair[0], int) and pair[0] >= 0:
            time = moment(pair[1])
            yield from () if time is None else (Arrival(pair[0], time),)
