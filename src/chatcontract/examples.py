"""Minimal valid payloads, and examples that are one change away from them.

Rules declare what passes and what fails with these; pages and tests are made of the same declarations.
"""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from chatcontract import pointer
from chatcontract.model import JSON, Arrival, Exchange, Part, Request, Response

Changes = Mapping[str, JSON]
"""Pointer → new value; GONE removes a member, an Insert goes before an item, `-` as last token appends."""


class _Gone:
    """The type of GONE: the value that removes a member."""

    def __repr__(self) -> str:
        return "GONE"


GONE: Any = _Gone()


class Insert(NamedTuple):
    """A value to be put before the item that a pointer leads to."""

    value: JSON


URL = "https://api.openai.com/v1/chat/completions"
REQUEST: Mapping[str, JSON] = {"model": "gpt-5.2", "messages": [{"role": "user", "content": "What is 2 + 2?"}]}
RESPONSE: Mapping[str, JSON] = {
    "id": "chatcmpl-C0ffee1234",
    "object": "chat.completion",
    "created": 1763700000,
    "model": "gpt-5.2",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Four.", "refusal": None, "annotations": []},
            "logprobs": None,
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 14, "completion_tokens": 3, "total_tokens": 17},
    "service_tier": "default",
    "system_fingerprint": None,
}
ERROR: Mapping[str, JSON] = {
    "error": {
        "message": "you must provide a model parameter",
        "type": "invalid_request_error",
        "param": None,
        "code": None,
    }
}
CALL: Mapping[str, JSON] = {
    "id": "call_C0ffee1",
    "type": "function",
    "function": {"name": "get_weather", "arguments": '{"city": "Bonn"}'},
}
TOOL: Mapping[str, JSON] = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}
USAGE: Mapping[str, JSON] = {"prompt_tokens": 14, "completion_tokens": 3, "total_tokens": 17}


def chunk(delta: Mapping[str, JSON] | None = None, finish: str | None = None, index: int = 0) -> dict[str, JSON]:
    """A chunk of the minimal stream; without delta and finish one that has no choices."""
    head = {
        "id": "chatcmpl-C0ffee1234", "object": "chat.completion.chunk", "created": 1763700000, "model": "gpt-5.2",
        "service_tier": "default", "system_fingerprint": None,
    }  # fmt: skip
    if delta is None and finish is None:
        return {**head, "choices": []}
    choice = {"index": index, "delta": dict(delta or {}), "logprobs": None, "finish_reason": finish}
    return {**head, "choices": [choice]}


def usage_chunk(usage: Mapping[str, JSON] = USAGE) -> dict[str, JSON]:
    """The chunk that a stream with `include_usage` ends with."""
    return {**chunk(), "usage": dict(usage)}


def token(text: str, logprob: float = -0.1, rivals: Mapping[str, float] | None = None) -> dict[str, JSON]:
    """An entry of the log probabilities; `rivals` are the likeliest tokens at its place."""
    top = [token(rival, value) for rival, value in (rivals or {}).items()]
    entry = {"token": text, "logprob": logprob, "bytes": list(text.encode()), "top_logprobs": top}
    for rival in top:
        del rival["top_logprobs"]
    return entry


def logged(*tokens: JSON) -> dict[str, JSON]:
    """The change of a response that gives it these log probabilities."""
    return {"/choices/0/logprobs": {"content": list(tokens), "refusal": None}}


STREAM: tuple[JSON, ...] = (
    chunk({"role": "assistant", "content": "", "refusal": None}),
    chunk({"content": "Four"}),
    chunk({"content": "."}),
    chunk(finish="stop"),
    "[DONE]",
)


class Example(NamedTuple):
    """A payload by its difference from the minimal one; `part` says which that is.

    `request` holds the changes of the request beside it (None: there is none), `body` bytes in place of the
    answer, `headers` of the answer, or of a request by itself, `arrivals` when its pieces came.
    """

    part: Part
    changes: Changes
    request: Changes | None = None
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    arrivals: tuple[Arrival, ...] = ()

    def payload(self) -> JSON:
        """The changed payload: a dict, or for a stream the list of its data."""
        base: JSON = {Part.REQUEST: REQUEST, Part.ERROR: ERROR, Part.STREAM: list(STREAM)}.get(self.part, RESPONSE)
        return changed(base, self.changes)

    def exchange(self) -> Exchange:
        """The example as an exchange."""
        if self.part is Part.REQUEST:
            return Exchange("example", _request(self.payload(), self.headers))
        request = None if self.request is None else _request(self._asked(self.request))
        headers = self.headers or self._media()
        return Exchange("example", request, Response(self.status, headers, self._bytes(), self.arrivals))

    def _asked(self, changes: Changes) -> JSON:
        return changed({**REQUEST, "stream": True} if self.part is Part.STREAM else REQUEST, changes)

    def _media(self) -> tuple[tuple[str, str], ...]:
        media = "text/event-stream; charset=utf-8" if self.part is Part.STREAM else "application/json"
        return (("content-type", media), ("x-request-id", "req_C0ffee1234"))

    def _bytes(self) -> bytes:
        if self.body is not None:
            return self.body
        if self.part is Part.STREAM:
            return events(self.payload())
        return json.dumps(self.payload(), indent=2).encode()


def events(data: list[JSON]) -> bytes:
    """The event stream that carries the data, texts as they are and everything else as JSON."""
    return b"".join(b"data: " + (d if isinstance(d, str) else json.dumps(d)).encode() + b"\n\n" for d in data)


def _request(value: JSON, headers: tuple[tuple[str, str], ...] = ()) -> Request:
    sent = headers or (("content-type", "application/json"),)
    return Request("POST", URL, sent, json.dumps(value, indent=2).encode())


def request(changes: Changes | None = None, **rest: Any) -> Example:
    """The minimal request with changes."""
    return Example(Part.REQUEST, changes or {}, **rest)


def wanting(schema: JSON, *, strict: JSON = True) -> Example:
    """The minimal request that wants answers by this schema."""
    given = {"name": "answer", "schema": schema, "strict": strict}
    return request({"/response_format": {"type": "json_schema", "json_schema": given}})


def response(changes: Changes | None = None, request: Changes | None = None, **rest: Any) -> Example:
    """The minimal response with changes; `request` changes the minimal request that it answers."""
    return Example(Part.RESPONSE, changes or {}, request, **rest)


def stream(changes: Changes | None = None, request: Changes | None = None, **rest: Any) -> Example:
    """The minimal stream with changes; the first token of a pointer counts its data, `[DONE]` included."""
    return Example(Part.STREAM, changes or {}, request, **rest)


def error(changes: Changes | None = None, status: int = 400, request: Changes | None = None, **rest: Any) -> Example:
    """The minimal error answer with changes."""
    return Example(Part.ERROR, changes or {}, request, status, **rest)


def changed(base: JSON, changes: Changes) -> JSON:
    """A copy of `base` with the changes made in their order.

    >>> changed({"a": [1, 2]}, {"/a/0": GONE, "/a/-": 3, "/b": None})
    {'a': [2, 3], 'b': None}
    """
    from copy import deepcopy

    made = deepcopy(base)
    for place, value in changes.items():
        *way, last = pointer.split(place)
        _set(pointer.resolve(made, way), last, deepcopy(value) if value is not GONE else value)
    return made


def _set(holder: JSON, last: str, value: JSON) -> None:
    if isinstance(holder, dict):
        if value is GONE:
            del holder[last]
        else:
            holder[last] = value
    elif last == "-":
        holder.append(value)
    elif value is GONE:
        del holder[int(last)]
    elif isinstance(value, Insert):
        holder.insert(int(last), value.value)
    else:
        holder[int(last)] = value
