"""Parsed records → exchanges: our native form, bare pairs, and single payloads.

The forms are those that the project documents in `docs/traffic.md`.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from chatcontract.exceptions import SourceError
from chatcontract.jsontext import ABSENT
from chatcontract.model import JSON, Arrival, Exchange, Headers, Part, Request, Response

EVENT_STREAM: Headers = (("content-type", "text/event-stream"),)


class Recorded(NamedTuple):
    """One thing to be checked: a whole exchange, or one payload held in an exchange; `part` says which.

    `form` is how people call it: `native line`, `bare pair`, `request`, `response`, `chunk`, `stream`,
    `error`. `asked` and `answered` are the values of the two bodies where nothing is wrong with their texts and they
    were parsed with the record, else ABSENT. `cut` names who ended the exchange before its answer was whole, where
    that was not the server: `client` or `proxy`.
    """

    part: Part
    exchange: Exchange
    form: str
    asked: JSON = ABSENT
    answered: JSON = ABSENT
    cut: str = ""


class Unreadable(NamedTuple):
    """A record that could not be read: where it stands and why."""

    origin: str
    reason: str


def recorded(value: JSON, text: bytes, origin: str, wanted: Part | None = None, *, plain: bool = False) -> Recorded:
    """What a parsed record is.

    Args:
        value: the record.
        text: its bytes, which become the payload when it is a single one.
        origin: where it stands, for people; its id where it has none of its own.
        wanted: the part that the user says it is; None finds out.
        plain: whether nothing is wrong with the text, so that the values in it are those of the bodies.

    Raises:
        SourceError: it is nothing of the kind.
    """
    part = wanted or _part(value)
    if part is None:
        raise SourceError(f"{origin}: neither an exchange nor a chat payload. Say what it is with --as.")
    if part is not Part.EXCHANGE:
        return payload(part, text, origin, value if plain else ABSENT)
    if not isinstance(value, dict):
        raise SourceError(f"{origin}: an exchange is a JSON object, not {type(value).__name__}.")
    name = value.get("id")
    name = name if isinstance(name, str) and name else origin
    if _is_native(value):
        told, form = value.get("part"), value.get("form")
        held = Part(told) if told in list(Part) else part
        form = form if isinstance(form, str) else "native line"
        asked, answered = _native_values(value) if plain else (ABSENT, ABSENT)
        return Recorded(held, _native(value, name, origin), form, asked, answered, cut_by(value.get("cut")))
    return Recorded(part, _pair(value, name, origin), "bare pair", *(_pair_values(value) if plain else ()))


def cut_by(told: JSON) -> str:
    """Who ended an exchange, by the member that tells it; empty where it was the server, or nobody."""
    return told if told in ("client", "proxy") else ""


def payload(part: Part, text: bytes, origin: str, value: JSON = ABSENT) -> Recorded:
    """A single payload of a known part; `value` is that of its text where nothing is wrong with it."""
    if part is Part.REQUEST:
        return Recorded(part, Exchange(origin, Request(body=text), origin=origin), part.value, value)
    headers = EVENT_STREAM if part is Part.STREAM else ()
    return Recorded(part, Exchange(origin, None, Response(None, headers, text), origin), part.value, ABSENT, value)


def _part(value: JSON) -> Part | None:
    if not isinstance(value, dict):
        return None
    if {"request", "response", "stream"} & value.keys() and "messages" not in value and "choices" not in value:
        return Part.EXCHANGE
    for part, is_it in _MARKS.items():
        if is_it(value):
            return part
    return None


def _has_choice_with(value: Mapping[str, JSON], member: str) -> bool:
    choices = value.get("choices")
    return isinstance(choices, list) and any(isinstance(choice, dict) and member in choice for choice in choices)


_MARKS: dict[Part, Callable[[Mapping[str, JSON]], bool]] = {
    Part.REQUEST: lambda value: "messages" in value,
    Part.CHUNK: lambda value: value.get("object") == "chat.completion.chunk" or _has_choice_with(value, "delta"),
    Part.RESPONSE: lambda value: value.get("object") == "chat.completion" or "choices" in value,
    Part.ERROR: lambda value: "error" in value,
}


def _is_native(value: Mapping[str, JSON]) -> bool:
    request, response = value.get("request"), value.get("response")
    if isinstance(request, dict) and {"url", "method", "body", "body_base64"} & request.keys():
        return "messages" not in request
    if not isinstance(response, dict):
        return False
    return bool({"chunks", "body", "body_base64"} & response.keys()) or response.keys() == {"status", "headers"}


def _native(value: Mapping[str, JSON], name: str, origin: str) -> Exchange:
    request, response = value.get("request"), value.get("response")
    return Exchange(
        name,
        _native_request(request, origin) if isinstance(request, dict) else None,
        _native_response(response, origin) if isinstance(response, dict) else None,
        origin, *_whom(value, request),
    )  # fmt: skip


def _native_values(value: Mapping[str, JSON]) -> Iterable[JSON]:
    for message in (value.get("request"), value.get("response")):
        holder = message if isinstance(message, dict) else {}
        is_whole = "body_base64" not in holder and "chunks" not in holder
        yield holder["body"] if is_whole and isinstance(holder.get("body"), dict) else ABSENT


def _whom(value: Mapping[str, JSON], request: JSON) -> tuple[str, str]:
    host = value.get("host")
    if not isinstance(host, str):
        url = request.get("url") if isinstance(request, dict) else None
        host = str(url).split("://", 1)[-1].split("/", 1)[0].rsplit("@", 1)[-1] if url else ""
    provider = value.get("provider")
    return provider if isinstance(provider, str) else "", host


def _native_request(request: Mapping[str, JSON], origin: str) -> Request:
    method, url = str(request.get("method", "POST")), str(request.get("url", ""))
    return Request(method, url, pairs(request.get("headers")), _body(request, origin))


def _native_response(response: Mapping[str, JSON], origin: str) -> Response:
    status = response.get("status")
    body, arrivals = bytearray(_body(response, origin)), []
    for piece in _pieces(response.get("chunks")):
        time = moment(piece.get("t"))
        if time is not None:
            arrivals.append(Arrival(len(body), time))
        body += _text(piece, "text", "base64", origin)
    status = status if isinstance(status, int) else None
    return Response(status, pairs(response.get("headers")), bytes(body), tuple(arrivals))


def moment(value: JSON) -> float | None:
    """Seconds as a recorder wrote them; None where that is no such number.

    >>> moment(1), moment(10**400), moment(None)
    (1.0, None, None)
    """
    return float(value) if isinstance(value, int | float) and -1e12 < value < 1e12 else None


def _pieces(chunks: JSON) -> Iterable[Mapping[str, JSON]]:
    return [piece for piece in chunks if isinstance(piece, dict)] if isinstance(chunks, list) else []


def _body(holder: Mapping[str, JSON], origin: str) -> bytes:
    return _text(holder, "body", "body_base64", origin)


def _text(holder: Mapping[str, JSON], plain: str, encoded: str, origin: str) -> bytes:
    if isinstance(holder.get(encoded), str):
        import base64
        import binascii

        try:
            return base64.b64decode(holder[encoded], validate=True)
        except (binascii.Error, ValueError) as error:
            raise SourceError(f"{origin}: {encoded} is not base64: {error}.") from None
    value = holder.get(plain)
    if isinstance(value, str):
        return value.encode(errors="surrogatepass")
    return b"" if value is None else dumped(value)


def _pair(value: Mapping[str, JSON], name: str, origin: str) -> Exchange:
    request = _pair_request(value)
    status = value.get("status")
    headers = pairs(value.get("response_headers"))
    stream, response = value.get("stream"), value.get("response")
    body = _pair_body(stream, response, value.get("response_raw"))
    if isinstance(stream, list) and not any(key.lower() == "content-type" for key, _ in headers):
        headers = (*headers, *EVENT_STREAM)
    status = status if isinstance(status, int) else None
    # A pair without the bytes of a good answer is one that nobody recorded; an error may really have none.
    lost = not body and (status is None or status < 400)
    answer = None if lost else Response(status, headers, body or b"")
    return Exchange(name, request, answer, origin, *_whom(value, None))


def _pair_values(value: Mapping[str, JSON]) -> Iterable[JSON]:
    request, response = value.get("request"), value.get("response")
    yield request if isinstance(request, dict) else ABSENT
    yield response if isinstance(response, dict) and not isinstance(value.get("stream"), list) else ABSENT


def _pair_request(value: Mapping[str, JSON]) -> Request | None:
    raw, request, method = value.get("request_raw"), value.get("request"), str(value.get("method") or "POST")
    if request is not None:
        body = dumped(request)
    elif isinstance(raw, str):
        body = raw.encode(errors="surrogatepass")
    elif method.upper() == "POST":
        return None
    else:
        body = b""
    url = f"https://{value['host']}{value.get('path', '')}" if isinstance(value.get("host"), str) else ""
    return Request(method, url, pairs(value.get("request_headers")), body)


def _pair_body(stream: JSON, response: JSON, raw: JSON) -> bytes | None:
    if isinstance(stream, list):
        return b"".join(map(_frame, stream))
    if response is not None:
        return dumped(response)
    return raw.encode(errors="surrogatepass") if isinstance(raw, str) else None


def _frame(payload: JSON) -> bytes:
    data = payload.encode(errors="surrogatepass") if isinstance(payload, str) else dumped(payload)
    return b"data: " + data.replace(b"\n", b"\ndata: ") + b"\n\n"


def pairs(headers: JSON) -> Headers:
    """Header pairs from an object or from a list of pairs."""
    if isinstance(headers, dict):
        items: Iterable[JSON] = headers.items()
    else:
        items = headers if isinstance(headers, list) else ()
    found = [item for item in items if isinstance(item, list | tuple) and len(item) == 2]
    return tuple((str(name), str(value[0] if isinstance(value, list) and value else value)) for name, value in found)


def dumped(value: JSON) -> bytes:
    """The value as JSON text."""
    import sys

    orjson = sys.modules.get("orjson")
    if orjson is not None:
        try:
            written: bytes = orjson.dumps(value)
            return written
        except TypeError:
            pass  # beyond 64 bits, too deep, or half a surrogate pair: the slower writer can
    import json

    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(errors="surrogatepass")
