"""Exchanges → entries of a HAR 1.2 archive, which `sources.har` reads back; keys do not get through.

What the format cannot say stands in the member `_chatcontract` of an entry: `docs/traffic.md` describes it.
"""

from collections.abc import Iterator
from urllib.parse import parse_qsl, urlsplit

from chatcontract.cleaning import clean
from chatcontract.model import JSON, Exchange, Headers, Part, Request, Response
from chatcontract.reading import header, looks_like_events
from chatcontract.recording import dumped

OWN = "_chatcontract"
UNKNOWN_TIME = "1970-01-01T00:00:00.000Z"
"""When an exchange began, where nobody recorded it: the format wants a time."""


def head(version: str) -> bytes:
    """What stands before the entries; `version` is that of the program."""
    log = dumped({"version": "1.2", "creator": {"name": "chatcontract", "version": version}})
    return b'{"log":' + log[:-1] + b',"entries":[\n'


TAIL = b"\n]}}\n"
SEPARATOR = b",\n"


def entry(exchange: Exchange, part: Part = Part.EXCHANGE, form: str = "", cut: str = "") -> bytes:
    """An entry as JSON text, without keys; `part`, `form` and `cut` are those of `recording.Recorded`."""
    exchange = clean(exchange)
    request, response = exchange.request, exchange.response
    wait, receive = _times(response)
    return dumped({
        "startedDateTime": UNKNOWN_TIME,
        "time": wait + receive,
        "request": _request(request or Request()),
        "response": _response(response or Response()),
        "cache": {},
        "timings": {"send": 0, "wait": wait, "receive": receive},
        OWN: {**dict(_own(exchange, part, form)), **({"cut": cut} if cut else {})},
    })  # fmt: skip


def _times(response: Response | None) -> tuple[float, float]:
    """Milliseconds to the first byte, and from it to the last one."""
    arrivals = response.arrivals if response is not None else ()
    if not arrivals:
        return 0, 0
    return round(arrivals[0].time * 1e3, 3), round((arrivals[-1].time - arrivals[0].time) * 1e3, 3)


def _request(request: Request) -> JSON:
    made = {
        "method": request.method, "url": request.url or "about:blank", "httpVersion": "HTTP/1.1", "cookies": [],
        "headers": _headers(request.headers), "queryString": list(_query(request.url)), "headersSize": -1,
        "bodySize": len(request.body),
    }  # fmt: skip
    if not request.body:
        return made
    media = header(request.headers, "content-type") or "application/json"
    return {**made, "postData": {"mimeType": media, "text": request.body.decode(errors="replace")}}


def _response(response: Response) -> JSON:
    return {
        "status": response.status or 0, "statusText": "", "httpVersion": "HTTP/1.1", "cookies": [],
        "headers": _headers(response.headers), "content": _content(response), "redirectURL": "", "headersSize": -1,
        "bodySize": len(response.body),
    }  # fmt: skip


def _content(response: Response) -> JSON:
    guess = "text/event-stream" if looks_like_events(response.body) else "application/json"
    media = header(response.headers, "content-type") or (guess if response.body else "x-unknown")
    about = {"size": len(response.body), "mimeType": media}
    text = _text(response.body)
    if text is not None:
        return {**about, "text": text}
    return {**about, "text": _base64(response.body), "encoding": "base64"}


def _headers(headers: Headers) -> JSON:
    return [{"name": name, "value": value} for name, value in headers]


def _query(url: str) -> Iterator[JSON]:
    try:
        pairs = parse_qsl(urlsplit(url).query, keep_blank_values=True)
    except ValueError:
        return
    for name, value in pairs:
        yield {"name": name, "value": value}


def _own(exchange: Exchange, part: Part, form: str) -> Iterator[tuple[str, JSON]]:
    request, response = exchange.request, exchange.response
    yield "id", exchange.id
    yield from (("provider", exchange.provider), ("host", exchange.host))
    if part is not Part.EXCHANGE:
        yield from (("part", part.value), ("form", form))
    absent = [name for name, message in (("request", request), ("response", response)) if message is None]
    if absent:
        yield "absent", absent
    if request is not None:
        yield from (("method", request.method), ("url", request.url))
        if _text(request.body) is None:
            yield "request_base64", _base64(request.body)
    if response is not None:
        yield "status", response.status
        if response.arrivals:
            yield "arrivals", [[arrival.offset, round(arrival.time, 6)] for arrival in response.arrivals]


def _text(data: bytes) -> str | None:
    """The bytes as text that is read back to the same bytes; None if there is none."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


def _base64(data: bytes) -> str:
    import base64

    return base64.b64encode(data).decode()
