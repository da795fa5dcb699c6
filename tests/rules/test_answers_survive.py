"""No rule of answers raises on any JSON, as a response, as a stream, or as the request of either."""

import json
import os
from functools import cache
from importlib import resources
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chatcontract.declare import SpecView
from chatcontract.examples import CALL, REQUEST, RESPONSE, STREAM, TOOL, logged, token
from chatcontract.model import Exchange, Part, Request, Response, Rule
from chatcontract.reading import Reading
from chatcontract.rules import (
    choices,
    declared,
    envelope,
    logprob_values,
    logprobs,
    markers,
    parameters,
    tool_arguments,
    tool_choices,
    tools,
    usage,
)

MODULES = (
    choices, envelope, logprob_values, logprobs, markers, parameters, tool_arguments, tool_choices, tools,
    usage,
)  # fmt: skip
EXAMPLES = 3000 if os.environ.get("CHATCONTRACT_NIGHTLY") else 60
VIEW = SpecView("openai", {})
TEXTS = (
    "", "tool_calls", "function_call", "stop", "length", "required", "none", "auto", "function", "custom",
    "get_weather", "<think>", "<tool_call>get_weather", "[1]", "{}", "allowed_tools", "audio", "\x00",
    '{"name": "get_weather", "arguments": {}}', "\ud800", "9" * 5000,
)  # fmt: skip
NUMBERS = (0, -1, 1, 10**400, 1e308, float("inf"), float("-inf"), float("nan"), 1700000000.0, 10**13, True)


@cache
def member_names() -> tuple[str, ...]:
    folder = resources.files("chatcontract") / "contract"
    found: set[str] = {"error", "reasoning"}
    waiting: list[Any] = [json.loads((folder / f"{root}.precise.json").read_text()) for root in ("request", "response")]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            found.update(value.get("properties", ()))
        waiting.extend(value.values() if isinstance(value, dict) else value if isinstance(value, list) else ())
    return tuple(sorted(found))


def anything() -> st.SearchStrategy[Any]:
    leaves = st.none() | st.booleans() | st.sampled_from(NUMBERS) | st.sampled_from(TEXTS) | st.text(max_size=5)
    names = st.sampled_from(member_names()) | st.text(max_size=3)
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=5),
        max_leaves=12,
    )


def full_response() -> dict[str, Any]:
    body = json.loads(json.dumps(RESPONSE))
    message = body["choices"][0]["message"]
    message |= {
        "tool_calls": [CALL, {"id": "b", "type": "custom", "custom": {"name": "run", "input": ""}}],
        "function_call": CALL["function"],
        "audio": {"id": "a", "expires_at": 1, "data": "", "transcript": ""},
        "annotations": [{"type": "url_citation", "url_citation": {"start_index": 0, "end_index": 1}}],
    }
    body["choices"][0]["logprobs"] = logged(token("Four", -0.1, {"Four": -0.1}), token("."))["/choices/0/logprobs"]
    body["usage"] |= {
        "prompt_tokens_details": {"cached_tokens": 1, "text_tokens": 1},
        "completion_tokens_details": {"reasoning_tokens": 1, "audio_tokens": 1},
    }
    return {**body, "metadata": {"a": "b"}, "moderation": {}}


def full_request() -> dict[str, Any]:
    return {
        **REQUEST,
        "messages": [*REQUEST["messages"], {"role": "assistant", "tool_calls": [CALL]}],
        "tools": [TOOL, {"type": "custom", "custom": {"name": "run"}}],
        "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [TOOL]}},
        "functions": [TOOL["function"]],
        "function_call": {"name": "get_weather"},
        "parallel_tool_calls": False,
        "logprobs": True,
        "top_logprobs": 2,
        "n": 2,
        "stop": ["Four"],
        "max_tokens": 1,
        "modalities": ["text", "audio"],
        "metadata": {},
    }


@st.composite
def changed(draw: st.DrawFn, whole: Any) -> Any:
    """The value with anything at one or two places of it."""
    made = json.loads(json.dumps(whole))
    for _ in range(draw(st.integers(1, 2))):
        holder, steps = made, draw(st.integers(0, 7))
        for _ in range(steps):
            inner = [
                v for v in (holder.values() if isinstance(holder, dict) else holder) if isinstance(v, dict | list) and v
            ]
            if not inner:
                break
            holder = draw(st.sampled_from(inner))
        if holder:
            key = draw(st.sampled_from(list(holder) if isinstance(holder, dict) else range(len(holder))))
            holder[key] = draw(anything())
    return made


def as_body(value: Any) -> bytes:
    return json.dumps(value).encode(errors="surrogatepass")


def as_events(chunks: Any) -> bytes:
    return b"".join(b"data: " + as_body(chunk) + b"\n\n" for chunk in chunks) + b"data: [DONE]\n\n"


@st.composite
def exchanges(draw: st.DrawFn) -> Exchange:
    asked = draw(st.none() | anything() | changed(full_request()))
    if draw(st.booleans()):
        body = as_body(draw(anything() | changed(full_response())))
    else:
        chunks = draw(st.lists(anything(), max_size=4) | changed(list(STREAM[:-1])))
        body = as_events(chunks)
    headers = (
        (
            "date",
            draw(st.sampled_from(("", "x", "Fri, 21 Nov 2025 04:40:02 GMT", "Fri, 99 Nov 99999999999"))),
        ),
    )
    return Exchange("", None if asked is None else Request(body=as_body(asked)), Response(200, headers, body))


def consume(rule: Rule, reading: Reading) -> None:
    assert rule.check is not None
    for finding in rule.check(reading, VIEW):
        assert finding.message
        assert len(finding.message) <= 300
        assert "\n" not in finding.message


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__.rpartition(".")[2])
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(exchange=exchanges())
def test_no_rule_of_a_module_raises_on_any_json(module: object, exchange: Exchange) -> None:
    for rule in declared(module):
        if rule.part is Part.RESPONSE:
            reading = Reading(exchange)
            if reading.completion:
                consume(rule, reading)
