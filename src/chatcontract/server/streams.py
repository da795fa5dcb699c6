"""A completion as a stream: the chunks that add up to it, and their bytes."""

import json
from collections.abc import Iterator, Mapping
from itertools import zip_longest

from chatcontract.model import JSON
from chatcontract.reading import DONE, items, members
from chatcontract.server.dice import Dice
from chatcontract.server.tokens import tokens

_CONSTANT = ("id", "created", "model", "service_tier", "system_fingerprint")
_FILLER = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

Delta = tuple[dict[str, JSON], JSON]
"""A delta and the log probabilities of its chunk."""


def chunks(completion: Mapping[str, JSON], asked: Mapping[str, JSON]) -> list[JSON]:
    """The data of the stream, `[DONE]` included; choices take turns."""
    rows = [_of_choice(members(choice)) for choice in items(completion.get("choices"))]
    pieces = [piece for turn in zip_longest(*rows) for piece in turn if piece is not None]
    envelope = {name: completion[name] for name in _CONSTANT if name in completion}
    head = {"object": "chat.completion.chunk", **envelope}
    options = members(asked.get("stream_options"))
    extra: dict[str, JSON] = {"usage": None} if options.get("include_usage") else {}
    made: list[JSON] = [{**head, "choices": [piece], **extra} for piece in pieces]
    if options.get("include_obfuscation") is not False:
        made = [_obfuscated(chunk, position) for position, chunk in enumerate(made)]
    if "moderation" in completion:
        made.append({**head, "choices": [], **extra, "moderation": completion["moderation"]})
    if extra:
        made.append({**head, "choices": [], "usage": completion.get("usage")})
    return [*made, DONE]


def _obfuscated(chunk: dict[str, JSON], position: int) -> dict[str, JSON]:
    if not chunk["choices"][0]["delta"]:
        return chunk
    dice = Dice("obfuscation", position)
    return {**chunk, "obfuscation": "".join(dice.pick(_FILLER) for _ in range(4 + dice.below(12)))}


def _of_choice(choice: dict[str, JSON]) -> Iterator[dict[str, JSON]]:
    index, message = choice.get("index"), members(choice.get("message"))
    for delta, logprobs in _deltas(message, members(choice.get("logprobs"))):
        yield {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": None}
    yield {"index": index, "delta": {}, "logprobs": None, "finish_reason": choice.get("finish_reason")}


def _deltas(message: dict[str, JSON], logprobs: dict[str, JSON]) -> Iterator[Delta]:
    is_text = message.get("content") is not None or message.get("refusal") is not None
    yield {"role": message.get("role"), "content": "" if is_text else None, "refusal": None}, None
    for name in ("content", "refusal"):
        entries = items(logprobs.get(name))
        for position, piece in enumerate(_pieces(message.get(name))):
            entry = {"content": None, "refusal": None, name: entries[position : position + 1]} if entries else None
            yield {name: piece}, entry
    for position, call in enumerate(items(message.get("tool_calls"))):
        yield from ((delta, None) for delta in _of_call(position, call))
    if message.get("function_call") is not None:
        yield from ((delta, None) for delta in _of_function_call(message["function_call"]))
    if message.get("audio"):
        yield from ((delta, None) for delta in _of_audio(message["audio"]))


def _pieces(text: JSON) -> list[JSON]:
    if isinstance(text, str):
        return list(tokens(text))
    return [] if text is None else [text]


def _of_call(position: int, call: JSON) -> Iterator[dict[str, JSON]]:
    call = members(call)
    kind = "custom" if "custom" in call else "function"
    text = "input" if kind == "custom" else "arguments"
    body = members(call.get(kind))
    begun = {name: call[name] for name in ("id", "type") if name in call}
    named = {name: value for name, value in body.items() if name != text}
    yield {"tool_calls": [{"index": position, **begun, kind: {**named, text: ""}}]}
    for piece in _pieces(body.get(text)):
        yield {"tool_calls": [{"index": position, kind: {text: piece}}]}


def _of_function_call(call: JSON) -> Iterator[dict[str, JSON]]:
    yield {"function_call": {"name": members(call).get("name"), "arguments": ""}}
    for piece in _pieces(members(call).get("arguments")):
        yield {"function_call": {"arguments": piece}}


def _of_audio(audio: JSON) -> Iterator[dict[str, JSON]]:
    data = audio["data"]
    yield {"audio": {"id": audio["id"]}}
    for piece in _pieces(audio["transcript"]):
        yield {"audio": {"transcript": piece}}
    for start in range(0, len(data), 160):
        yield {"audio": {"data": data[start : start + 160]}}
    yield {"audio": {"expires_at": audio["expires_at"]}}


def frame(data: JSON) -> bytes:
    """One event: a text as it is, everything else as JSON."""
    text = data if isinstance(data, str) else json.dumps(data, separators=(",", ":"), ensure_ascii=False)
    return f"data: {text}\n\n".encode(errors="surrogatepass")
