"""No rule of streams, HTTP or errors raises on any JSON, any bytes, any status or any headers."""

import copy
import json
import os
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chatcontract.declare import SpecView
from chatcontract.examples import CALL, ERROR, REQUEST, RESPONSE, STREAM, usage_chunk
from chatcontract.model import Arrival, Exchange, Part, Request, Response, Rule
from chatcontract.reading import Reading
from chatcontract.rules import (
    declared,
    errors,
    framing,
    framing_data,
    http,
    http_headers,
    stream,
    stream_calls,
    stream_errors,
    stream_identity,
    stream_pieces,
    stream_text,
    stream_usage,
    tool_fragments,
)

MODULES = (
    errors, framing, framing_data, http, http_headers, stream, stream_calls, stream_errors, stream_identity,
    stream_pieces, stream_text, stream_usage, tool_fragments,
)  # fmt: skip
EXAMPLES = 3000 if os.environ.get("CHATCONTRACT_NIGHTLY") else 150
RULES = [rule for module in MODULES for rule in declared(module)]
VIEW = SpecView("openai", {}, lambda value: False)
KINDS = {
    Part.STREAM: ("stream",),
    Part.RESPONSE: ("stream", "response"),
    Part.ERROR: ("error",),
    Part.EXCHANGE: ("stream", "error", "response"),
}
NAMES = (
    "id", "object", "created", "model", "choices", "index", "delta", "role", "content", "refusal",
    "audio", "data", "transcript", "expires_at", "tool_calls", "function_call", "function", "custom",
    "type", "name", "arguments", "input", "logprobs", "finish_reason", "finish_details", "usage",
    "error", "message", "code", "param", "detail", "moderation", "obfuscation", "system_fingerprint",
    "prompt_filter_results", "stream_options", "include_usage", "include_obfuscation",
)  # fmt: skip
TEXTS = (
    "",
    "assistant",
    "user",
    "stop",
    "[DONE]",
    "invalid_request_error",
    "invalid_api_key",
    "\ud800",
    "{}",
)
NUMBERS = (0, 1, -1, 3, 10**400, 1e308, 1.0, float("nan"), float("inf"), True)
LINES = (
    b"data: ", b"data:", b"data", b"data: {}", b"data: [DONE]", b"data:[done]",
    b'data: {"choices": []}', b": x", b"event: ping", b"id: \0", b"id: 1", b"retry: x", b"Data: 1",
    b"foo", b"  ", b"", b"", b"{}", b"<html>", b"\xff", b"data: : keep-alive", b"data: data: {}",
    b'data: {"error": {}}', b"\xef\xbb\xbf",
)  # fmt: skip
HEADERS = (
    "content-type",
    "retry-after",
    "retry-after-ms",
    "x-should-retry",
    "openai-version",
    "x-ratelimit-reset-x",
)
VALUES = (
    "",
    " ",
    "0",
    "-1",
    "20",
    "Fri, 21 Nov 2025 04:40:02 GMT",
    "text/event-stream",
    "é",
    "\x00",
    "٣",
    "9" * 5000,
)


def anything() -> st.SearchStrategy[Any]:
    leaves = st.none() | st.booleans() | st.sampled_from(NUMBERS) | st.sampled_from(TEXTS) | st.text(max_size=5)
    names = st.sampled_from(NAMES) | st.text(max_size=3)
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=5),
        max_leaves=12,
    )


def full_stream() -> list[Any]:
    chunks = copy.deepcopy(list(STREAM[:-1]))
    chunks[1]["choices"][0]["delta"] = {"tool_calls": [{"index": 0, **CALL}]}
    chunks[2]["choices"][0]["delta"] = {
        "audio": {"id": "a", "data": "", "expires_at": 1},
        "function_call": {"name": "f"},
    }
    return [*chunks, usage_chunk(), {"error": ERROR["error"]}]


@st.composite
def changed(draw: st.DrawFn, whole: Any) -> Any:
    """The value with anything at one to three places of it."""
    made = json.loads(json.dumps(whole))
    for _ in range(draw(st.integers(1, 3))):
        holder = made
        for _ in range(draw(st.integers(0, 6))):
            members = holder.values() if isinstance(holder, dict) else holder
            inner = [member for member in members if isinstance(member, dict | list) and member]
            if not inner:
                break
            holder = draw(st.sampled_from(inner))
        if holder:
            key = draw(st.sampled_from(list(holder) if isinstance(holder, dict) else range(len(holder))))
            holder[key] = draw(anything())
    return made


def as_body(value: Any) -> bytes:
    return json.dumps(value).encode(errors="surrogatepass")


def as_events(chunks: list[Any]) -> bytes:
    return b"".join(b"data: " + as_body(chunk) + b"\n\n" for chunk in chunks)


def bodies() -> st.SearchStrategy[bytes]:
    ends = st.sampled_from((b"", b"data: [DONE]\n\n", b"data: [DONE]", b"data: {"))
    streams = st.builds(
        lambda chunks, end: as_events(chunks) + end, changed(full_stream()) | st.lists(anything()), ends
    )
    lines = st.builds(
        lambda lines, newline: newline.join(lines),
        st.lists(st.sampled_from(LINES), max_size=20),
        st.sampled_from((b"\n", b"\r\n", b"\r", b"\n\n")),
    )
    answers = st.builds(as_body, anything() | changed(ERROR) | changed(RESPONSE) | st.lists(changed(ERROR), max_size=2))
    return streams | lines | answers | st.binary(max_size=20)


@st.composite
def exchanges(draw: st.DrawFn) -> Exchange:
    options = {"stream": True, "stream_options": {"include_usage": True, "include_obfuscation": False}}
    asked = draw(st.none() | anything() | changed({**REQUEST, **options}) | st.just({**REQUEST, **options}))
    arrivals = tuple(Arrival(at, at / 3) for at in draw(st.lists(st.integers(0, 60), max_size=3)))
    headers = draw(st.lists(st.tuples(st.sampled_from(HEADERS), st.sampled_from(VALUES)), max_size=3))
    status = draw(st.sampled_from((None, 200, 201, 302, 400, 401, 422, 429, 500, 999, 0)))
    answer = Response(status, tuple(headers), draw(bodies()), arrivals)
    return Exchange("", None if asked is None else Request(body=as_body(asked)), answer)


def consume(rule: Rule, reading: Reading) -> None:
    assert rule.check is not None
    for finding in rule.check(reading, VIEW):
        assert 0 < len(finding.message) <= 300
        assert "\n" not in finding.message


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(exchange=exchanges())
def test_no_rule_raises_whatever_comes(exchange: Exchange) -> None:
    reading = Reading(exchange)
    for rule in RULES:
        if rule.check is not None and reading.kind in KINDS[rule.part]:
            consume(rule, reading)
