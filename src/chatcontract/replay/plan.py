"""What of a recording is sent again, and what each request becomes on its way to another server."""

import hashlib
import json
import os
import random
import re
from collections import Counter
from collections.abc import Container, Iterator, Sequence
from typing import NamedTuple

from chatcontract.client import USER_AGENT
from chatcontract.jsontext import parse
from chatcontract.model import Exchange, Headers, Request
from chatcontract.reading import header
from chatcontract.recording import Recorded, Unreadable
from chatcontract.sources import Source, opened
from chatcontract.spans import locate
from chatcontract.target import Target

_ENDPOINT = "/chat/completions"
_JSON = "application/json"


class Entry(NamedTuple):
    """One thing of a recording, counted through all sources from 0.

    `key` is made of source, position and content; `reason` says why nothing of it is sent, `exchange` is None
    where it could not be read.
    """

    number: int
    key: str
    origin: str
    exchange: Exchange | None = None
    reason: str = ""


class Plan(NamedTuple):
    """What a run is about: `traffic` identifies the recording, `chosen` are the numbers of what is sent.

    `skipped` counts the reasons why others are not, `left_out` what --limit and --sample leave, `passed_over` what is
    no chat at all.
    """

    names: tuple[str, ...]
    traffic: str
    chosen: Container[int]
    size: int
    skipped: Counter[str]
    unreadable: int
    left_out: int
    passed_over: Counter[str]


class Selection(NamedTuple):
    """How many of the requests are sent: a random `sample` of them, of these the first `limit`; None is all."""

    limit: int | None = None
    sample: int | None = None
    seed: int = 0


def entries(names: Sequence[str], passed_over: Counter[str] | None = None) -> Iterator[Entry]:
    """Everything in the recordings, in order; a source that cannot be opened is one entry.

    Args:
        names: those that `sources.opened` takes.
        passed_over: has added to it what the recordings hold beside chat.
    """
    number = 0
    for at, source in enumerate(opened(names)):
        name = source.origin if isinstance(source, Unreadable) else source.name
        for position, item in enumerate(_items(source, passed_over)):
            place = f"{at}:{name.rpartition('/')[2]}:{position}"
            if isinstance(item, Unreadable):
                yield Entry(number, f"{place}:-", item.origin, reason=item.reason)
            else:
                exchange = item.exchange._replace(response=None) if item.cut else item.exchange
                yield Entry(number, f"{place}:{_hash(item.exchange)}", exchange.origin, exchange, lack(item))
            number += 1


def _items(source: Source | Unreadable, passed_over: Counter[str] | None) -> Iterator[Recorded | Unreadable]:
    if isinstance(source, Unreadable):
        yield source
        return
    with source:
        yield from source.items
        if passed_over is not None:
            passed_over.update(source.passed_over)


def _hash(exchange: Exchange) -> str:
    made = hashlib.blake2b(digest_size=8)
    for side in (exchange.request, exchange.response):
        made.update(b"-" if side is None else b"+%d:" % len(side.body) + side.body)
    return made.hexdigest()


def lack(item: Recorded) -> str:
    """Why a recorded thing cannot be sent; empty where it can."""
    request = item.exchange.request
    if request is None:
        return f"no request was recorded ({item.form})"
    path = _path(request.url).rstrip("/")
    if request.method.upper() != "POST":
        return f"not a chat completion: {request.method[:20]} {path[:80]}".rstrip()
    if path and not path.endswith(_ENDPOINT) and not _is_chat(request.body):
        return f"not a chat completion: POST {path[:80]}"
    return "" if request.body else "the body of the request was not recorded"


def _path(url: str) -> str:
    """The path of an address, which may be broken in any way.

    >>> _path("https://[Filtered]@host/v1/chat/completions?api-version=3")
    '/v1/chat/completions'
    """
    place = re.split("[?#]", url, maxsplit=1)[0].partition("://")
    return "/" + place[2].partition("/")[2] if place[1] else place[0]


def _is_chat(body: bytes) -> bool:
    value = parse(body)[0] if body else None
    return isinstance(value, dict) and "messages" in value


def plan(names: Sequence[str], selection: Selection) -> Plan:
    """Read the recordings once to know what is in them; nothing of them is kept but numbers.

    Raises:
        ValueError: standard input or a pipe is named.
    """
    for name in names:
        if name == "-" or (os.path.exists(name) and not (os.path.isfile(name) or os.path.isdir(name))):
            what = "standard input" if name == "-" else name
            raise ValueError(f"{what} cannot be replayed, for it is read more than once: save it to a file")
    made, able, skipped, unreadable, passed_over = hashlib.sha256(), [], Counter[str](), 0, Counter[str]()
    for entry in entries(names, passed_over):
        made.update(entry.key.encode(errors="surrogateescape") + b"\n")
        if entry.exchange is None:
            unreadable += 1
        elif entry.reason:
            skipped[entry.reason] += 1
        else:
            able.append(entry.number)
    chosen = _chosen(able, selection)
    return Plan(
        tuple(names), made.hexdigest(), chosen, len(chosen), skipped, unreadable, len(able) - len(chosen), passed_over
    )  # fmt: skip


def _chosen(able: list[int], selection: Selection) -> frozenset[int]:
    if selection.sample is not None and selection.sample < len(able):
        able = sorted(random.Random(selection.seed).sample(able, selection.sample))  # noqa: S311 - no secret
    return frozenset(able[: selection.limit])


def request(exchange: Exchange, target: Target, model: str = "") -> Request:
    """The recorded request as it goes to the target: headers made anew, the body as it was but for the model."""
    recorded = exchange.request or Request()
    body = with_model(recorded.body, model) if model else recorded.body
    return Request("POST", target.base + _ENDPOINT, _headers(recorded, target), body)


def _headers(recorded: Request, target: Target) -> Headers:
    media = header(recorded.headers, "content-type")
    pairs = {
        "accept": "text/event-stream, application/json", "accept-encoding": "identity", "user-agent": USER_AGENT,
        "content-type": media if media and media.isprintable() and media.isascii() else _JSON,
    }  # fmt: skip
    if target.key:
        pairs["authorization"] = f"Bearer {target.key}"
    own = {name.lower() for name, _ in target.headers}
    return (*((name, value) for name, value in pairs.items() if name not in own), *target.headers)


def with_model(body: bytes, model: str) -> bytes:
    """The body with another model, every other byte as it was; as it is where it is no JSON object.

    >>> with_model(b'{"model" : "a", "n":1.0}', "b")
    b'{"model": "b", "n":1.0}'
    """
    value, faults = parse(body)
    if faults or not isinstance(value, dict):
        return body
    text = body.decode()
    member = f'"model": {json.dumps(model, ensure_ascii=False)}'
    span = locate(text, ["model"])
    if span is None:
        return body
    if span.absent:
        start = span.end
        return (text[:start] + member + (", " if value else "") + text[start:]).encode()
    return (text[: span.start] + member + text[span.end :]).encode()
