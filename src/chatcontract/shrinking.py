"""A request made smaller as long as it shows the same: which requests to try, in which order.

Nothing here sends anything: `search` yields requests and is told of each whether it shows the finding.
"""

import json
from collections.abc import Callable, Generator, Iterator, Mapping
from typing import Any

from chatcontract.generate.mutations import applied
from chatcontract.model import JSON, starred
from chatcontract.pointer import join
from chatcontract.probe import LIMITS

Object = dict[str, Any]
Tokens = tuple[str | int, ...]
Search = Generator[Any, bool, None]
_USER = {"role": "user", "content": "Hi"}
_PLAIN = ("model", "messages", *LIMITS)
_TAGS = ("role", "type")
_OF_PLAIN = {"/model", "/messages/*/role=user", "/messages/*/content"}
_SIMPLE: Mapping[type, tuple[JSON, ...]] = {str: ("Hi", "a"), int: (0, 1, 2), float: (0, 1), dict: ({},), list: ([],)}
_MAX_CANDIDATES = 4000
"""Requests that are considered, most of them without being sent."""


def search(body: JSON, keeps: Callable[[JSON], bool]) -> Search:
    """Yield smaller requests until none is left that shows the same; send back whether the yielded one does.

    The last one that did is the smallest. The bound of the answer stays, so that the cost does.

    Args:
        body: the request that shows it.
        keeps: whether a request is still of its kind: valid, or broken in the same single way.
    """
    tried = {_text(body)}
    least, count, again = body, 0, True
    while again:
        again = False
        for candidate in _candidates(least):
            text = _text(candidate)
            if text in tried or not _is_smaller(text, _text(least)):
                continue
            tried.add(text)
            count += 1
            if count > _MAX_CANDIDATES:
                return
            if keeps(candidate) and (yield candidate):
                least, again = candidate, True
                break


def _candidates(body: JSON) -> Iterator[JSON]:
    """What may show the same, the smallest first: nearly plain requests, then this one less one thing."""
    if isinstance(body, dict):
        yield from _nearly_plain(body)
    places = list(_places(body, ()))
    for tokens, value in places:
        yield from (applied(body, tokens, less) for less in _without(value))
    if isinstance(body, dict):
        yield from _without_two(body)
    for tokens, value in places:
        yield from (applied(body, tokens, simple) for simple in _simpler(tokens, value))


def _nearly_plain(body: Object) -> Iterator[Object]:
    plain = {name: body[name] for name in _PLAIN if name in body}
    if "messages" in body:
        plain["messages"] = [_USER]
    rest = {name: value for name, value in body.items() if name not in _PLAIN}
    yield plain
    yield from ({**plain, name: value} for name, value in rest.items())
    yield {**plain, **{name: body[name] for name in ("messages",) if name in body}}
    yield {**plain, **rest}
    for message in body["messages"] if isinstance(body.get("messages"), list) else ():
        yield {**plain, "messages": [message]}
        yield {**plain, "messages": [_USER, message]}


def _places(value: JSON, tokens: Tokens) -> Iterator[tuple[Tokens, JSON]]:
    """Every value inside a body, outermost first, but for what bounds the answer."""
    level = [(tokens, value)]
    while level:
        yield from level
        level = [((*way, token), inner) for way, held in level for token, inner in _inner(held, way)]


def _inner(value: JSON, way: Tokens) -> list[tuple[str | int, JSON]]:
    if isinstance(value, dict):
        return [(name, member) for name, member in value.items() if way or name not in (*LIMITS, "model")]
    return list(enumerate(value)) if isinstance(value, list) else []


def _without(value: JSON) -> Iterator[JSON]:
    """An object less a member, an array less a half of it, or less an item."""
    if isinstance(value, dict):
        for name in value:
            if name not in (*LIMITS, "model"):
                yield {other: member for other, member in value.items() if other != name}
    if isinstance(value, list):
        size = len(value) // 2
        while size > 1:
            yield from (value[:at] + value[at + size :] for at in range(0, len(value), size))
            size //= 2
        yield from (value[:at] + value[at + 1 :] for at in range(len(value)))


def _without_two(body: Object) -> Iterator[Object]:
    """The request less two members that need each other."""
    names = [name for name in body if name not in _PLAIN]
    for at, first in enumerate(names):
        for second in names[at + 1 :]:
            yield {name: value for name, value in body.items() if name not in (first, second)}


def _simpler(tokens: Tokens, value: JSON) -> Iterator[JSON]:
    if tokens and tokens[-1] in _TAGS:
        return
    if tokens and tokens[-1] == "content" and isinstance(value, list):
        yield "Hi"
    if tokens == ("tool_choice",) and isinstance(value, dict):
        yield "required"
    if value not in _SIMPLE[str]:
        yield from _SIMPLE.get(type(value), ())


def _text(value: JSON) -> str:
    return json.dumps(value, ensure_ascii=False)


def _is_smaller(text: str, than: str) -> bool:
    return (len(text), text) < (len(than), than)


def features(body: JSON) -> frozenset[str]:
    """What a request has beyond the plainest one: places, with what tells apart the forms of an object.

    >>> sorted(features({"model": "m", "messages": [{"role": "user", "content": "Hi"}], "n": 2, "stream": True}))
    ['/n', '/stream=true']
    """
    found = {_feature(tokens, value) for tokens, value in _places(body, ()) if not isinstance(value, dict | list)}
    empty = {starred(join(tokens)) for tokens, value in _places(body, ()) if value in ([], {})}
    bounds = {_feature((name,), body[name]) for name in LIMITS if isinstance(body, dict) and name in body}
    return frozenset(one for one in found | empty | bounds if one.startswith("/")) - _OF_PLAIN


def _feature(tokens: Tokens, value: JSON) -> str:
    place = starred(join(tokens))
    if isinstance(value, bool) or (tokens and tokens[-1] in _TAGS):
        return f"{place}={value}" if isinstance(value, str) else f"{place}={json.dumps(value)}"
    return f"{place}=null" if value is None else place
