"""No rule of requests or of structured output raises on any JSON, or says what can't be shown."""

import json
import os
from functools import cache
from importlib import resources
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chatcontract.declare import SpecView
from chatcontract.examples import CALL, REQUEST, RESPONSE, TOOL
from chatcontract.model import Exchange, Request, Response
from chatcontract.reading import Reading
from chatcontract.rules import (
    conversation,
    declared,
    message_forms,
    message_parts,
    newer_models,
    request,
    request_models,
    request_settings,
    request_tools,
    request_values,
    schema_patterns,
    schema_references,
    schemas,
    strict_schema,
    strict_sizes,
    structured,
    unknown_parameters,
)

MODULES = (
    conversation, message_forms, message_parts, newer_models, request, request_models, request_settings,
    request_tools, request_values, schema_patterns, schema_references, schemas, strict_schema, strict_sizes,
    structured, unknown_parameters,
)  # fmt: skip
EXAMPLES = 3000 if os.environ.get("CHATCONTRACT_NIGHTLY") else 60
VIEW = SpecView("openai", {"request": frozenset({"/user", "/seed", "/messages/*/function_call"})})
TEXTS = (
    "", "assistant", "user", "system", "tool", "function", "custom", "object", "array", "string", "null",
    "call_C0ffee1",
    "gpt-4o", "o1-mini", "gpt-audio", "gpt-3.5-turbo", "gpt-5", "ft:", "ft:o3:a::b", "#", "#/$defs/a",
    "#/%", "http://[",
    "data:image/png;base64,", "data:,", "json", '{"a": 1}', "```json\n1\n```", "\ud800", "\x00",
    "9" * 5000, "wav", "pcm16",
    "image_url", "input_audio", "file", "refusal", "json_schema", "json_object", "allowed_tools", "(?<",
    "stop",
)  # fmt: skip
NUMBERS = (0, -1, 1, 10**400, 1e308, float("inf"), float("nan"), 1.0, True)
KEYWORDS = (
    "type", "properties", "required", "items", "anyOf", "allOf", "$ref", "$defs", "enum", "const",
    "format", "pattern",
    "additionalProperties", "$schema", "$id", "not", "minimum", "default",
)  # fmt: skip


@cache
def member_names() -> tuple[str, ...]:
    folder = resources.files("chatcontract") / "contract"
    found: set[str] = set(KEYWORDS)
    waiting: list[Any] = [json.loads((folder / "request.precise.json").read_text())]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            found.update(value.get("properties", ()))
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
    return tuple(sorted(found))


def anything() -> st.SearchStrategy[Any]:
    leaves = st.none() | st.booleans() | st.sampled_from(NUMBERS) | st.sampled_from(TEXTS) | st.text(max_size=5)
    names = st.sampled_from(member_names()) | st.text(max_size=3)
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=5),
        max_leaves=12,
    )


def full_request() -> dict[str, Any]:
    schema = {
        "type": "object",
        "properties": {
            "a": {"$ref": "#/$defs/a"},
            "b": {"type": ["string", "null"], "format": "uri", "enum": ["x"]},
        },
        "required": ["a"],
        "additionalProperties": False,
        "$defs": {"a": {"anyOf": [{"type": "array", "items": {}}, {"$ref": "#"}]}},
    }
    parts = [
        {"type": "text", "text": "x", "prompt_cache_breakpoint": {"mode": "explicit"}},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
        {"type": "input_audio", "input_audio": {"data": "UklGRiQA", "format": "wav"}},
        {"type": "file", "file": {"file_data": "data:application/pdf;base64,AAAA"}},
        {"type": "refusal", "refusal": "No."},
    ]
    location = {"type": "approximate", "approximate": {"country": "DE", "timezone": "Europe/Berlin"}}
    return {
        **REQUEST,
        "messages": [
            {"role": "system", "content": "x", "name": "a b"},
            {"role": "user", "content": parts},
            {"role": "assistant", "content": parts, "tool_calls": [CALL], "audio": {"id": "a"}},
            {"role": "tool", "content": parts, "tool_call_id": CALL["id"]},
            {"role": "assistant", "function_call": CALL["function"]},
            {"role": "function", "name": "get_weather", "content": None},
        ],
        "tools": [
            TOOL,
            {"type": "function", "function": {"name": "f", "strict": True, "parameters": schema}},
        ],
        "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [TOOL]}},
        "functions": [TOOL["function"]],
        "function_call": {"name": "get_weather"},
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "a", "strict": True, "schema": schema},
        },
        "modalities": ["text", "audio"],
        "audio": {"voice": "alloy", "format": "wav"},
        "stream": True,
        "stream_options": {},
        "prediction": {"type": "content", "content": "x"},
        "web_search_options": {"user_location": location},
        "metadata": {"a": "b"},
        "logit_bias": {"5": 1},
        "top_logprobs": 2,
        "temperature": 0.5,
        "max_tokens": 0,
        "stop": [],
        "user": "u",
    }


@st.composite
def changed(draw: st.DrawFn, whole: Any) -> Any:
    """The value with anything at one to three places of it."""
    made = json.loads(json.dumps(whole))
    for _ in range(draw(st.integers(1, 3))):
        holder = made
        for _ in range(draw(st.integers(0, 8))):
            values = holder.values() if isinstance(holder, dict) else holder
            inner = [value for value in values if isinstance(value, dict | list) and value]
            if not inner:
                break
            holder = draw(st.sampled_from(inner))
        key = draw(st.sampled_from(list(holder) if isinstance(holder, dict) else range(len(holder))))
        holder[key] = draw(anything())
    return made


@st.composite
def exchanges(draw: st.DrawFn) -> Exchange:
    asked = draw(anything() | changed(full_request()))
    answer = json.loads(json.dumps(RESPONSE))
    answer["choices"][0]["message"]["content"] = draw(st.sampled_from(TEXTS) | anything())
    url = draw(st.sampled_from(("", "https://api.openai.com/v1", "http://[", "http://localhost:1", "x")))
    bodies = [json.dumps(value).encode(errors="surrogatepass") for value in (asked, answer)]
    return Exchange("", Request("POST", url, (), bodies[0]), Response(200, (), bodies[1]))


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__.rpartition(".")[2])
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(exchange=exchanges())
def test_no_rule_of_a_module_raises_on_any_json(module: object, exchange: Exchange) -> None:
    reading = Reading(exchange)
    for rule in declared(module):
        assert rule.check is not None
        for finding in rule.check(reading, VIEW):
            assert 0 < len(finding.message) <= 300
            assert "\n" not in finding.message
            assert finding.pointer == "" or finding.pointer.startswith("/")
