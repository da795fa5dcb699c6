"""Exchanges → lines of our native form, which `recording` reads back; keys do not get through.

The form is described in `docs/traffic.md`.
"""

from collections.abc import Iterable, Iterator

from chatcontract.cleaning import clean
from chatcontract.jsontext import parse
from chatcontract.model import JSON, Arrival, Exchange, Headers, Request, Response
from chatcontract.reading import Reading, Text, looks_like_events
from chatcontract.recording import dumped


def line(exchange: Exchange, secrets: Iterable[str] = (), **members: JSON) -> bytes:
    """One line with its line end; `members` stand beside those of the form, `secrets` are keys in use."""
    return dumped(record(clean(exchange, secrets), **members)) + b"\n"


def record(exchange: Exchange, reading: Reading | None = None, **members: JSON) -> dict[str, JSON]:
    """The exchange as plain dicts and lists, as it is: without a search for keys; `reading` spares parsing it again."""
    told = {"provider": exchange.provider, "host": exchange.host}
    return {
        "id": exchange.id,
        **{name: value for name, value in told.items() if value},
        "request": None if exchange.request is None else _request(exchange.request, reading),
        "response": None if exchange.response is None else _response(exchange.response, reading),
        **members,
    }


def _request(request: Request, reading: Reading | None) -> dict[str, JSON]:
    body = _body(request.body, None if reading is None else reading.request)
    return {"method": request.method, "url": request.url, "headers": _headers(request.headers), **body}


def _response(response: Response, reading: Reading | None) -> dict[str, JSON]:
    streams = looks_like_events(response.body)
    whole = {} if streams else _body(response.body, None if reading is None else reading.answer)
    if streams or ("body_base64" in whole and response.arrivals):
        whole = {"chunks": list(_chunks(response.body, response.arrivals))}
    return {"status": response.status, "headers": _headers(response.headers), **whole}


def _headers(headers: Headers) -> JSON:
    """An object; a list of pairs where a name comes twice."""
    names = {name.lower() for name, _ in headers}
    return dict(headers) if len(names) == len(headers) else [list(pair) for pair in headers]


def _body(data: bytes, text: Text | None) -> dict[str, JSON]:
    if not data:
        return {}
    value, faults = text or parse(data)
    if not faults and isinstance(value, dict | list | int | float):
        return {"body": value}
    return {"body_base64": _base64(data)}


def _chunks(data: bytes, arrivals: tuple[Arrival, ...]) -> Iterator[dict[str, JSON]]:
    starts: list[tuple[int, float | None]] = [(arrival.offset, round(arrival.time, 6)) for arrival in arrivals]
    if not starts or starts[0][0] > 0:
        starts.insert(0, (0, None))
    ends = [offset for offset, _ in starts[1:]] + [len(data)]
    for (start, time), end in zip(starts, ends, strict=True):
        told = {} if time is None else {"t": time}
        yield {**told, **_text(data[start:end])}


def _text(piece: bytes) -> dict[str, JSON]:
    try:
        return {"text": piece.decode()}
    except UnicodeDecodeError:
        return {"base64": _base64(piece)}


def _base64(data: bytes) -> str:
    import base64

    return base64.b64encode(data).decode()
