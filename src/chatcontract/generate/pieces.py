"""The grammar of streams: a response in chunks that fit its request and add up to it."""

from collections.abc import Mapping
from typing import Any

from chatcontract.generate.answers import response
from chatcontract.generate.draws import Draws
from chatcontract.model import JSON
from chatcontract.reading import members

Object = dict[str, Any]
_ENVELOPE = ("id", "created", "model", "service_tier", "system_fingerprint")
_QUARTET = 4


def stream(draws: Draws, asked: Mapping[str, JSON]) -> list[Object]:
    """The chunks of an answer, without the terminator `[DONE]`."""
    whole = response(draws, asked)
    options = members(asked.get("stream_options"))
    head: Object = {name: whole[name] for name in _ENVELOPE if name in whole}
    head["object"] = "chat.completion.chunk"
    if options.get("include_usage") is True:
        head["usage"] = None
    made = [{**head, "choices": [delta]} for delta in _order(draws, list(map(_deltas, whole["choices"])))]
    if options.get("include_obfuscation") is not False and draws.chance(30):
        for chunk in made:
            chunk["obfuscation"] = "x" * draws.integer(0, 9)
    if "moderation" in whole:
        made.append({**head, "choices": [], "moderation": whole["moderation"]})
    if options.get("include_usage") is True:
        made.append({**head, "choices": [], "usage": whole["usage"]})
    return made


def _order(draws: Draws, choices: list[list[Object]]) -> list[Object]:
    """The pieces of all choices: first the beginnings, then one choice after the other or in turns."""
    if len(choices) == 1 or draws.chance(40):
        return [pieces[0] for pieces in choices] + [piece for pieces in choices for piece in pieces[1:]]
    longest = max(map(len, choices))
    return [pieces[at] for at in range(longest) for pieces in choices if at < len(pieces)]


def _deltas(choice: Object) -> list[Object]:
    message, logprobs = choice["message"], choice["logprobs"]
    first: Object = {"role": "assistant", "content": message["content"] and "", "refusal": None}
    made = [_piece(choice, first)]
    for name in ("content", "refusal"):
        text, logged = message.get(name), (logprobs or {}).get(name)
        if text:
            made += _texts(choice, name, text, logged)
    for at, call in enumerate(message.get("tool_calls", ())):
        made += [_piece(choice, {"tool_calls": [fragment]}) for fragment in _fragments(at, call)]
    if "function_call" in message:
        called = message["function_call"]
        begun = {"name": called["name"], "arguments": ""}
        made += [_piece(choice, {"function_call": body}) for body in (begun, {"arguments": called["arguments"]})]
    if "audio" in message:
        made += [_piece(choice, {"audio": body}) for body in _sounds(message["audio"])]
    return [*made, {**_piece(choice, {}), "finish_reason": choice["finish_reason"]}]


def _piece(choice: Object, delta: Object) -> Object:
    return {"index": choice["index"], "delta": delta, "logprobs": None, "finish_reason": None}


def _texts(choice: Object, name: str, text: str, logged: list[Object] | None) -> list[Object]:
    if logged is None:
        middle = len(text) // 2
        return [_piece(choice, {name: part}) for part in (text[:middle], text[middle:]) if part]
    return [
        {**_piece(choice, {name: entry["token"]}), "logprobs": {"content": None, "refusal": None, name: [entry]}}
        for entry in logged
    ]


def _fragments(at: int, call: Object) -> list[Object]:
    kind = call["type"]
    name = "input" if kind == "custom" else "arguments"
    text = call[kind][name]
    middle = len(text) // 2
    begun = {"index": at, "id": call["id"], "type": kind, kind: {"name": call[kind]["name"], name: ""}}
    return [begun, *({"index": at, kind: {name: part}} for part in (text[:middle], text[middle:]) if part)]


def _sounds(audio: Object) -> list[Object]:
    data: str = audio["data"]
    middle = len(data) // 2 // _QUARTET * _QUARTET
    parts = ({"id": audio["id"]}, {"data": data[:middle]}, {"data": data[middle:]},
             {"transcript": audio["transcript"]}, {"expires_at": audio["expires_at"]})  # fmt: skip
    return [dict(part) for part in parts]
