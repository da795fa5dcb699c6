"""Requests that provoke faults, by name."""

from collections.abc import Mapping
from typing import Any

from chatcontract.model import JSON

MODEL = "reference-1"
WEATHER: Mapping[str, JSON] = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Tells the weather of a city.",
        "strict": True,
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string"},
                "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
            },
            "required": ["city", "unit"],
            "additionalProperties": False,
        },
    },
}
TIME: Mapping[str, JSON] = {
    "type": "function",
    "function": {
        "name": "get_time",
        "parameters": {"type": "object", "properties": {"zone": {"type": "string"}}},
    },
}
CODE: Mapping[str, JSON] = {"type": "custom", "custom": {"name": "run_code"}}
_REGEX: Mapping[str, JSON] = {"type": "grammar", "grammar": {"syntax": "regex", "definition": "go (left|right)"}}
SCHEMA: Mapping[str, JSON] = {
    "type": "json_schema",
    "json_schema": {
        "name": "person",
        "strict": True,
        "schema": {
            "type": "object",
            "properties": {
                "name": {"type": "string"},
                "age": {"type": "integer", "minimum": 0, "maximum": 150},
            },
            "required": ["name", "age"],
            "additionalProperties": False,
        },
    },
}
_STREAM: Mapping[str, JSON] = {"stream": True, "stream_options": {"include_usage": True}}
_TOOLS: Mapping[str, JSON] = {"tools": [WEATHER, TIME], "tool_choice": "required"}
_HISTORY: list[JSON] = [
    {"role": "user", "content": "What is the weather in Bonn?"},
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {"id": "call_before", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}
        ],
    },
    {"role": "tool", "tool_call_id": "call_before", "content": "12 degrees"},
    {"role": "user", "content": "And the weather in Rome?"},
]
_AUDIO: Mapping[str, JSON] = {"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "pcm16"}}


def ask(text: str = "Tell me about the sea.", **members: Any) -> dict[str, JSON]:
    """A request with this message and further members."""
    return {"model": MODEL, "messages": [{"role": "user", "content": text}], **members}


SAMPLES: Mapping[str, dict[str, JSON]] = {
    "text": ask(),
    "stream": ask(**_STREAM),
    "plain-stream": ask(stream=True),
    "clear-stream": ask(stream=True, stream_options={"include_obfuscation": False}),
    "n": ask(n=2),
    "n-stream": ask(n=2, **_STREAM),
    "stop": ask("Count to 30", stop=["7", ", 20"]),
    "limit": ask(max_completion_tokens=5),
    "old-limit": ask(max_tokens=5),
    "room": ask(max_completion_tokens=500),
    "logprobs": ask(logprobs=True, top_logprobs=2),
    "logprobs-stream": ask(logprobs=True, top_logprobs=2, **_STREAM),
    "logprobs-limit": ask(logprobs=True, max_completion_tokens=5, stream=True),
    "tools": ask("What is the weather in Bonn?", tools=[WEATHER, TIME]),
    "tools-stream": ask("What is the weather in Bonn?", tools=[WEATHER, TIME], **_STREAM),
    "required": ask("Go on.", **_TOOLS),
    "named": ask("Go on.", tools=[WEATHER, TIME], tool_choice={"type": "function", "function": {"name": "get_time"}}),
    "forbidden": ask("What is the weather in Bonn?", tools=[WEATHER, TIME], tool_choice="none"),
    "allowed": ask(
        "What is the weather in Bonn?",
        tools=[WEATHER, TIME],
        tool_choice={
            "type": "allowed_tools",
            "allowed_tools": {
                "mode": "auto",
                "tools": [{"type": "function", "function": {"name": "get_weather"}}],
            },
        },
    ),
    "parallel": ask("Use get_weather and get_time.", tools=[WEATHER, TIME]),
    "parallel-stream": ask("Use get_weather and get_time.", tools=[WEATHER, TIME], **_STREAM),
    "single": ask("Use get_weather and get_time.", tools=[WEATHER, TIME], parallel_tool_calls=False),
    "custom-stream": ask("Use run_code.", tools=[CODE], **_STREAM),
    "custom": ask("Use run_code.", tools=[CODE]),
    "grammar": ask("Use steer.", tools=[{"type": "custom", "custom": {"name": "steer", "format": _REGEX}}]),
    "functions": ask("What is the weather in Bonn?", functions=[TIME["function"], WEATHER["function"]]),
    "history": {"model": MODEL, "messages": _HISTORY, "tools": [WEATHER]},
    "json": ask("Answer in JSON.", response_format={"type": "json_object"}),
    "schema": ask("Describe a person.", response_format=SCHEMA),
    "audio": ask(**_AUDIO),
    "audio-wav": ask(modalities=["text", "audio"], audio={"voice": "alloy", "format": "wav"}),
    "audio-stream": ask(**_AUDIO, stream=True),
    "long": ask("Tell me about the sea. " * 20),
    "moderation": ask(moderation={"model": "omni-moderation-latest"}),
    "seed": ask(seed=7, temperature=0),
    "invalid": ask(temperature=3),
    "invalid-stream": ask(temperature=3, stream=True),
    "unknown-model": {**ask(), "model": "no-such-model"},
    "busy": {**ask(), "model": "reference-429"},
}
"""The bodies by name; `unauthorized` is the one of `text` with a header, see `headers`."""


def headers(name: str) -> dict[str, str]:
    """What the request sends beside its media type."""
    return {"x-chatcontract-status": "401"} if name == "unauthorized" else {}


def body(name: str) -> dict[str, JSON]:
    """The body of a sample."""
    return SAMPLES["text" if name == "unauthorized" else name]
