"""Payloads of known size and form, and their faults: equal in every run, for everything comes from seeds."""

import json
import random
from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import cache
from typing import Any, Literal, NamedTuple

JSON = Any
Root = Literal["request", "response", "chunk"]

SEED = 20260821
_MODEL = "gpt-4o-2024-08-06"
_FINGERPRINT = "fp_3a5c9e12d7"
_CREATED = 1_790_000_000
_TEXT = """
the report says that our northern harbour was closed for two days because of ice and a broken crane while
ships waited outside until wind turned slowly towards evening crews began unloading grain timber copper before
anyone asked who would pay extra hours list every cost check both invoices then answer in plain words please
größe naïve 東京 пример
"""
_WORDS = _TEXT.split()
_MEMBERS = ("region", "limit", "since", "query", "order")
_TYPES = ("string", "integer", "boolean")


class Fault(NamedTuple):
    """One thing wrong with a payload.

    `value` is the payload with it (of a stream: the chunk at fault), `pointer` the place that the one
    violation has to name; `remark` says where the fault stands when that matters for the time.
    """

    name: str
    pointer: str
    value: JSON
    remark: str = ""


class Payload(NamedTuple):
    """A valid payload and its faulty variants; a stream's `value` is the list of its chunks."""

    name: str
    root: Root
    value: JSON
    faults: tuple[Fault, ...]

    @property
    def is_stream(self) -> bool:
        """Whether the value is a list of chunks."""
        return isinstance(self.value, list)

    @property
    def text(self) -> bytes:
        """The payload as it goes over the wire."""
        return event_stream(self.value) if self.is_stream else compact(self.value)


def compact(value: JSON) -> bytes:
    """The value as JSON text without blanks."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def event_stream(chunks: list[JSON]) -> bytes:
    """The chunks as an event stream that ends as the service ends it."""
    return b"".join(b"data: %s\n\n" % compact(chunk) for chunk in chunks) + b"data: [DONE]\n\n"


@cache
def all_payloads() -> tuple[Payload, ...]:
    """Every payload, smallest request first."""
    return tuple(make() for make in _MAKERS.values())


def payload(name: str) -> Payload:
    """The payload of that name."""
    return next(made for made in all_payloads() if made.name == name)


def _words(rng: random.Random, count: int) -> str:
    return " ".join(rng.choices(_WORDS, k=count))


def _hex(rng: random.Random, digits: int) -> str:
    return f"{rng.getrandbits(4 * digits):0{digits}x}"


def _with(value: JSON, pointer: str, change: Callable[[JSON, str | int], None]) -> JSON:
    """A copy in which the holder of the member at `pointer` was changed."""
    made = deepcopy(value)
    *path, last = (int(token) if token.isdecimal() else token for token in pointer.split("/")[1:])
    holder = made
    for token in path:
        holder = holder[token]
    change(holder, last)
    return made


def _replaced(value: JSON, pointer: str, member: JSON) -> JSON:
    return _with(value, pointer, lambda holder, name: holder.__setitem__(name, member))


def _removed(value: JSON, pointer: str) -> JSON:
    return _with(value, pointer, lambda holder, name: holder.__delitem__(name))


def _tiny() -> Payload:
    value = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hello there, you"}]}
    return Payload(
        "tiny",
        "request",
        value,
        (
            Fault("no role", "/messages/0", _removed(value, "/messages/0/role")),
            Fault("unknown role", "/messages/0/role", _replaced(value, "/messages/0/role", "usr")),
        ),
    )


def _tool(rng: random.Random, number: int) -> JSON:
    names = [f"{rng.choice(_MEMBERS)}_{position}" for position in range(4)]
    properties = {name: {"type": rng.choice(_TYPES), "description": _words(rng, 9)} for name in names}
    parameters: JSON = {"type": "object", "properties": properties, "required": names[:2]}
    parameters["additionalProperties"] = False
    function = {"name": f"look_up_{number}", "description": _words(rng, 14), "parameters": parameters}
    return {"type": "function", "function": function}


def _turns(rng: random.Random, count: int, size: int, tools: int) -> Iterator[JSON]:
    """Messages of a run in which the model calls tools: user, call, answer, summary, and again."""
    yield {"role": "system", "content": _words(rng, size)}
    called = ""
    for position in range(count - 1):
        step = position % 4
        if step == 0:
            yield {"role": "user", "content": _words(rng, size)}
        elif step == 1:
            called = f"call_{_hex(rng, 24)}"
            yield _calling(rng, called, f"look_up_{rng.randrange(tools)}")
        elif step == 2:
            yield {"role": "tool", "tool_call_id": called, "content": json.dumps({"rows": _words(rng, size)})}
        else:
            yield {"role": "assistant", "content": _words(rng, size)}


def _calling(rng: random.Random, name: str, function: str) -> JSON:
    arguments = json.dumps({"query_0": _words(rng, 6), "limit_1": rng.randrange(100)})
    call = {"id": name, "type": "function", "function": {"name": function, "arguments": arguments}}
    return {"role": "assistant", "content": None, "tool_calls": [call]}


def _conversation(seed: int, messages: int, size: int, tools: int) -> JSON:
    rng = random.Random(seed)
    return {
        "model": _MODEL,
        "messages": list(_turns(rng, messages, size, tools)),
        "tools": [_tool(rng, number) for number in range(tools)],
        "tool_choice": "auto",
        "parallel_tool_calls": True,
        "temperature": 0.2,
        "max_completion_tokens": 2048,
        "stream": False,
        "store": True,
        "metadata": {"job": _hex(rng, 12), "stage": "nightly"},
    }


def _bad_arguments(value: JSON, message: int, remark: str = "") -> Fault:
    place = f"/messages/{message}/tool_calls/0/function/arguments"
    return Fault("arguments an object", place, _replaced(value, place, {"query_0": "ice"}), remark)


def _agent() -> Payload:
    value = _conversation(SEED + 1, messages=12, size=57, tools=8)
    role = "/messages/9/role"
    return Payload(
        "agent",
        "request",
        value,
        (
            _bad_arguments(value, 6, "message 7 of 12"),
            Fault("unknown role", role, _replaced(value, role, "asistant"), "message 10 of 12"),
            Fault("no role", "/messages/9", _removed(value, role), "message 10 of 12"),
            Fault("tool_choice always", "/tool_choice", _replaced(value, "/tool_choice", "always")),
        ),
    )


def _large() -> Payload:
    value = _conversation(SEED + 2, messages=310, size=100, tools=20)
    late = "/messages/300/role"
    return Payload(
        "large",
        "request",
        value,
        (
            _bad_arguments(value, 6, "early: message 7 of 310"),
            _bad_arguments(value, 298, "late: message 299 of 310"),
            Fault("unknown role", late, _replaced(value, late, "asistant"), "late: message 301 of 310"),
        ),
    )


def _usage(prompt: int, completion: int) -> JSON:
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": 0,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _answer(rng: random.Random, message: JSON, finish: str, usage: JSON, logprobs: JSON = None) -> JSON:
    return {
        "id": f"chatcmpl-{_hex(rng, 29)}",
        "object": "chat.completion",
        "created": _CREATED,
        "model": _MODEL,
        "choices": [{"index": 0, "message": message, "logprobs": logprobs, "finish_reason": finish}],
        "usage": usage,
        "service_tier": "default",
        "system_fingerprint": _FINGERPRINT,
    }


def _response() -> Payload:
    rng = random.Random(SEED + 3)
    message: JSON = {"role": "assistant", "content": _words(rng, 52), "refusal": None, "annotations": []}
    value = _answer(rng, message, "stop", _usage(412, 61))
    finish, total = "/choices/0/finish_reason", "/usage/total_tokens"
    return Payload(
        "response",
        "response",
        value,
        (
            Fault("unknown finish_reason", finish, _replaced(value, finish, "done")),
            Fault("total_tokens text", total, _replaced(value, total, "473")),
            Fault("no choices", "", _removed(value, "/choices")),
        ),
    )


def _tool_calls() -> Payload:
    rng = random.Random(SEED + 4)
    calls = [_calling(rng, f"call_{_hex(rng, 24)}", f"look_up_{n}")["tool_calls"][0] for n in range(3)]
    message = {"role": "assistant", "content": None, "tool_calls": calls, "refusal": None, "annotations": []}
    value = _answer(rng, message, "tool_calls", _usage(702, 88))
    place = "/choices/0/message/tool_calls/1"
    return Payload(
        "tool calls",
        "response",
        value,
        (
            Fault(
                "arguments an object",
                f"{place}/function/arguments",
                _replaced(value, f"{place}/function/arguments", {"a": 1}),
            ),
            Fault("no id", place, _removed(value, f"{place}/id")),
            Fault("unknown type", f"{place}/type", _replaced(value, f"{place}/type", "functon")),
        ),
    )


def _token(rng: random.Random, logprob: float) -> JSON:
    token = " " + rng.choice(_WORDS)
    return {"token": token, "logprob": round(logprob, 14), "bytes": list(token.encode())}


def _position(rng: random.Random) -> JSON:
    likely = sorted((-rng.expovariate(0.4) for _ in range(5)), reverse=True)
    top = [_token(rng, logprob) for logprob in likely]
    return {**top[0], "top_logprobs": top}


def _logprobs() -> Payload:
    rng = random.Random(SEED + 5)
    positions = [_position(rng) for _ in range(500)]
    content = "".join(position["token"] for position in positions)
    message: JSON = {"role": "assistant", "content": content, "refusal": None, "annotations": []}
    value = _answer(rng, message, "stop", _usage(90, 500), {"content": positions, "refusal": None})
    early, late = (f"/choices/0/logprobs/content/{n}/top_logprobs/3/logprob" for n in (20, 480))
    return Payload(
        "logprobs",
        "response",
        value,
        (
            Fault("a number as text", late, _replaced(value, late, "-1.5"), "late: token 481 of 500"),
            Fault("a number as text", early, _replaced(value, early, "-1.5"), "early: token 21 of 500"),
        ),
    )


def _chunk(rng: random.Random, name: str, choices: list[JSON], usage: JSON = None) -> JSON:
    return {
        "id": name,
        "object": "chat.completion.chunk",
        "created": _CREATED,
        "model": _MODEL,
        "service_tier": "default",
        "system_fingerprint": _FINGERPRINT,
        "choices": choices,
        "usage": usage,
        "obfuscation": _hex(rng, rng.randrange(2, 8)),
    }


def _delta(delta: JSON, finish: str | None = None) -> list[JSON]:
    return [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]


def _stream() -> Payload:
    rng = random.Random(SEED + 6)
    name = f"chatcmpl-{_hex(rng, 29)}"
    first = _chunk(rng, name, _delta({"role": "assistant", "content": "", "refusal": None}))
    words = [_chunk(rng, name, _delta({"content": " " + rng.choice(_WORDS)})) for _ in range(797)]
    last = [_chunk(rng, name, _delta({}, "stop")), _chunk(rng, name, [], _usage(90, 797))]
    chunks = [first, *words, *last]
    finish, index = "/choices/0/finish_reason", "/choices/0/index"
    return Payload(
        "stream",
        "chunk",
        chunks,
        (
            Fault("unknown finish_reason", finish, _replaced(chunks[-2], finish, "done")),
            Fault("index text", index, _replaced(chunks[400], index, "0")),
        ),
    )


_MAKERS = {
    "tiny": _tiny,
    "agent": _agent,
    "large": _large,
    "response": _response,
    "tool calls": _tool_calls,
    "logprobs": _logprobs,
    "stream": _stream,
}
