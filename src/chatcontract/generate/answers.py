"""The grammar of answers: one function that writes a response which fits its request."""

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from chatcontract import json_schema
from chatcontract.asked import answer_schema
from chatcontract.generate.draws import Draws
from chatcontract.generate.offers import custom_input
from chatcontract.generate.schemas import instance
from chatcontract.generate.values import WAV
from chatcontract.model import JSON
from chatcontract.reading import items, members
from chatcontract.toolcalls import Demand, demand

Object = dict[str, Any]
_CREATED = 1763700000
_TRIES = 4
_MAX_CHOICES = 128
_TOKEN = re.compile(r"\s*\S+|\s+")
_TIERS = ("default", "flex", "scale", "priority")
_CALL_PERCENT, _REFUSAL_PERCENT = 45, 8


class Said(NamedTuple):
    """One choice: its message, why it ends, and the tokens of its text or refusal."""

    message: Object
    finish: str
    tokens: list[str]


def response(draws: Draws, asked: Mapping[str, JSON]) -> Object:
    """An answer that the contract has nothing against, alone or beside its request."""
    n = asked.get("n")
    said = [_said(draws, asked) for _ in range(min(n, _MAX_CHOICES) if isinstance(n, int) and n > 0 else 1)]
    made: Object = {
        "id": f"chatcmpl-C0ffee{draws.integer(0, 9999)}",
        "object": "chat.completion",
        "created": _CREATED + draws.integer(0, 99),
        "model": asked.get("model") or "gpt-5.2",
        "choices": [_choice(draws, asked, at, one) for at, one in enumerate(said)],
        "usage": _usage(draws, asked, said),
    }
    _add_members(draws, asked, made)
    return made


def _add_members(draws: Draws, asked: Mapping[str, JSON], made: Object) -> None:
    if asked.get("service_tier") is not None or draws.chance(60):
        made["service_tier"] = draws.choose(_TIERS)
    if draws.chance(40):
        made["system_fingerprint"] = "fp_C0ffee1234"
    if asked.get("metadata") and draws.chance(50):
        made["metadata"] = dict(asked["metadata"])
    if isinstance(asked.get("moderation"), dict):
        made["moderation"] = {"input": _verdict(draws), "output": _verdict(draws)}


def _verdict(draws: Draws) -> Object:
    if draws.chance(25):
        return {"type": "error", "code": "unavailable", "message": draws.text()}
    flagged = draws.chance(10)
    result = {
        "type": "moderation_result", "model": "omni-moderation-latest", "flagged": flagged,
        "categories": {"violence": flagged}, "category_scores": {"violence": 0.01},
        "category_applied_input_types": {"violence": ["text"]},
    }  # fmt: skip
    return {"type": "moderation_results", "model": "omni-moderation-latest", "results": [result]}


def _said(draws: Draws, asked: Mapping[str, JSON]) -> Said:
    wanted = demand(asked)
    calls = _calls(draws, asked, wanted) if wanted.forced or draws.chance(_CALL_PERCENT) else None
    if calls:
        return Said({"role": "assistant", "content": None, "refusal": None, **calls}, _finish(calls), [])
    if wanted.forced or draws.chance(_REFUSAL_PERCENT):
        return _refusal(draws, asked)
    if "audio" in items(asked.get("modalities")):
        return Said({"role": "assistant", "content": None, "refusal": None, "audio": _sound(draws, asked)}, "stop", [])
    return _text(draws, asked)


def _finish(calls: Object) -> str:
    return "function_call" if "function_call" in calls else "tool_calls"


def _refusal(draws: Draws, asked: Mapping[str, JSON]) -> Said:
    tokens, finish = _cut(draws, asked, _TOKEN.findall("I can't help with that." + draws.text()))
    return Said({"role": "assistant", "content": None, "refusal": "".join(tokens)}, finish, tokens)


def _sound(draws: Draws, asked: Mapping[str, JSON]) -> Object:
    data = WAV if members(asked.get("audio")).get("format") == "wav" else "AAAA"
    return {"id": "audio_C0ffee", "expires_at": _CREATED + 3600, "data": data, "transcript": draws.text()}


def _text(draws: Draws, asked: Mapping[str, JSON]) -> Said:
    for _ in range(_TRIES):
        content = _content(draws, asked)
        if content is not None and not any(stop in content for stop in _stops(asked)):
            tokens, finish = _cut(draws, asked, _TOKEN.findall(content))
            content = "".join(tokens)
            return Said({"role": "assistant", "content": content, "refusal": None, "annotations": []}, finish, tokens)
    return _refusal(draws, asked)


def _stops(asked: Mapping[str, JSON]) -> list[str]:
    stop = asked.get("stop")
    return [text for text in ([stop] if isinstance(stop, str) else items(stop)) if isinstance(text, str) and text]


def _content(draws: Draws, asked: Mapping[str, JSON]) -> str | None:
    """A text in the format that is asked for; None where none was found."""
    kind = members(asked.get("response_format")).get("type")
    if kind == "json_object":
        return json.dumps({"answer": draws.text()}, ensure_ascii=draws.chance(30))
    if kind != "json_schema":
        return draws.text()
    schema = answer_schema(asked)
    return _instance(draws, {} if schema is None else schema.value)


def _instance(draws: Draws, schema: JSON) -> str | None:
    try:
        made = instance(draws, schema)
    except (TypeError, ValueError, RecursionError):
        return None
    return None if json_schema.mismatches(schema, made) else json.dumps(made, ensure_ascii=False)


def _limit(asked: Mapping[str, JSON]) -> int | None:
    given = asked.get("max_completion_tokens") or asked.get("max_tokens")
    return given if isinstance(given, int) and given > 0 else None


def _cut(draws: Draws, asked: Mapping[str, JSON], tokens: list[str]) -> tuple[list[str], str]:
    """As many of the tokens as the request allows, and why they end."""
    limit = _limit(asked)
    if limit is not None and len(tokens) >= limit:
        return tokens[:limit], "length"
    kind = draws.integer(0, 19)
    return tokens, "stop" if kind < 17 else "length" if kind < 19 else "content_filter"


def _calls(draws: Draws, asked: Mapping[str, JSON], wanted: Demand) -> Object | None:
    """The members of a message that calls what is offered; None where nothing can be called."""
    if wanted.barred:
        return None
    tools = [tool for tool in items(asked.get("tools")) if _may(wanted, tool, tool.get("type"))]
    if tools:
        most = 1 if asked.get("parallel_tool_calls") is False or draws.chance(60) else 3
        chosen = [draws.choose(tools) for _ in range(draws.integer(1, most))]
        made = [_call(draws, tool, f"call_C0ffee{draws.integer(0, 999)}{at}") for at, tool in enumerate(chosen)]
        return {"tool_calls": made} if all(made) else None
    functions = [] if asked.get("tools") else [{"function": one} for one in items(asked.get("functions"))]
    fitting = [one for one in functions if _may(wanted, one, "function")]
    body = _function_call(draws, draws.choose(fitting)["function"]) if fitting else None
    return {"function_call": body} if body else None


def _may(wanted: Demand, tool: JSON, kind: JSON) -> bool:
    name = members(members(tool).get(kind)).get("name") if kind in ("function", "custom") else None
    if not isinstance(name, str):
        return False
    return (wanted.named is None or name == wanted.named) and (wanted.allowed is None or name in wanted.allowed)


def _call(draws: Draws, tool: Object, identifier: str) -> Object | None:
    if tool["type"] == "custom":
        body = {"name": tool["custom"]["name"], "input": custom_input(tool)}
        return {"id": identifier, "type": "custom", "custom": body}
    called = _function_call(draws, tool["function"])
    return called and {"id": identifier, "type": "function", "function": called}


def _function_call(draws: Draws, function: Object) -> Object | None:
    arguments = _instance(draws, function["parameters"]) if function.get("parameters") else "{}"
    return None if arguments is None else {"name": function["name"], "arguments": arguments}


def _choice(draws: Draws, asked: Mapping[str, JSON], at: int, said: Said) -> Object:
    logged = _logprobs(draws, asked, said) if asked.get("logprobs") is True and said.tokens else None
    return {"index": at, "message": said.message, "logprobs": logged, "finish_reason": said.finish}


def _logprobs(draws: Draws, asked: Mapping[str, JSON], said: Said) -> Object:
    count = asked.get("top_logprobs") or 0
    logged = [_token(text, draws.integer(50, 250) / -100, count) for text in said.tokens]
    name = "content" if said.message["content"] is not None else "refusal"
    return {"content": None, "refusal": None, name: logged}


def _token(text: str, logprob: float, count: int) -> Object:
    entry: Object = {"token": text, "logprob": logprob, "bytes": list(text.encode())}
    rivals = [{"token": f"r{n}", "logprob": logprob - n, "bytes": list(f"r{n}".encode())} for n in range(1, count)]
    return {**entry, "top_logprobs": [dict(entry), *rivals] if count else []}


def _usage(draws: Draws, asked: Mapping[str, JSON], said: list[Said]) -> Object:
    prompt, completion = draws.integer(1, 500), sum(len(one.tokens) or 1 for one in said)
    usage: Object = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }
    if draws.chance(50):
        usage["prompt_tokens_details"] = {"cached_tokens": draws.integer(0, prompt), "audio_tokens": 0}
        usage["completion_tokens_details"] = {
            "reasoning_tokens": 0, "audio_tokens": 0, "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0,
        }  # fmt: skip
    return usage
