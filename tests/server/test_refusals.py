"""Requests that break the contract, and what else gets an error from the reference server."""

import json
from collections.abc import Callable

import pytest

from chatcontract.contract import Contract
from chatcontract.model import JSON, Exchange, Severity
from chatcontract.server.faults.samples import WEATHER, ask

pytest.importorskip("uvicorn", reason="the extra `serve` is not installed")

Send = Callable[..., Exchange]
CALL = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}
UNANSWERED = [
    {"role": "user", "content": "What is the weather in Bonn?"},
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "user", "content": "Well?"},
]


def schema(value: JSON) -> dict[str, JSON]:
    return {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": value}}


def blamed(contract: Contract, exchange: Exchange) -> list[str]:
    """What is wrong on the server's side, above the severity info."""
    found = contract.check(exchange)
    return [f"{v.rule} {v.message}" for v in found if v.side == "server" and v.severity is not Severity.INFO]


BAD = {"type": "function", "function": {"name": "f", "parameters": {"type": "objekt"}}}
INVALID: list[tuple[JSON, int, str | None, str | None]] = [
    (b"", 400, None, None),
    (b"{", 400, None, None),
    (b'{"model": "reference-1", "messages": [{"role": "user", "content": "\xff"}]}', 400, None, None),
    ([], 400, "invalid_type", None),
    ("text", 400, "invalid_type", None),
    ({}, 400, "missing_required_parameter", "model"),
    ({"model": "reference-1"}, 400, "missing_required_parameter", "messages"),
    ({**ask(), "messages": []}, 400, "empty_array", "messages"),
    ({**ask(), "messages": "Hi"}, 400, "invalid_type", "messages"),
    ({**ask(), "messages": ["Hi"]}, 400, "invalid_type", "messages[0]"),
    ({**ask(), "messages": [{"role": "usr", "content": "Hi"}]}, 400, "invalid_value", "messages[0].role"),
    ({**ask(), "messages": [{"content": "Hi"}]}, 400, "missing_required_parameter", "messages[0].role"),
    ({**ask(), "messages": [{"role": "user"}]}, 400, "missing_required_parameter", "messages[0].content"),
    ({**ask(), "messages": [{"role": "user", "content": 5}]}, 400, "invalid_type", "messages[0].content"),
    (
        {**ask(), "messages": [{"role": "tool", "tool_call_id": "x", "content": "4"}]},
        400,
        None,
        "messages[0].role",
    ),
    ({**ask(), "messages": UNANSWERED, "tools": [WEATHER]}, 400, None, None),
    (ask(temperature=2.5), 400, "decimal_above_max_value", "temperature"),
    (ask(top_p=-1), 400, "decimal_below_min_value", "top_p"),
    (ask(n=0), 400, "integer_below_min_value", "n"),
    (ask(n=129), 400, "integer_above_max_value", "n"),
    (ask(n="2"), 400, "invalid_type", "n"),
    (ask(max_completion_tokens=0), 400, "integer_below_min_value", "max_completion_tokens"),
    (ask(max_tokens=5, max_completion_tokens=5), 400, "invalid_parameter_combination", None),
    (ask(stop=["a", "b", "c", "d", "e"]), 400, "array_above_max_length", "stop"),
    (ask(top_logprobs=2), 400, "invalid_value", "top_logprobs"),
    (ask(logprobs=True, top_logprobs=21), 400, "integer_above_max_value", "top_logprobs"),
    (ask(stream_options={"include_usage": True}), 400, "invalid_value", "stream_options"),
    (ask(tool_choice="required"), 400, "invalid_value", "tool_choice"),
    (ask(tools=[WEATHER], tool_choice="always"), 400, None, "tool_choice"),
    (ask(tools=[BAD]), 400, "invalid_function_parameters", "tools[0].function.parameters"),
    (ask(tools=[{"function": {"name": "f"}}]), 400, "missing_required_parameter", "tools[0].type"),
    (ask(response_format={"type": "json_object"}), 400, None, "messages"),
    (ask(response_format={"type": "yaml"}), 400, "invalid_value", "response_format.type"),
    (ask(response_format=schema({"type": "object"})), 400, None, "response_format"),
    (ask(frequencies=1), 400, "unknown_parameter", "frequencies"),
    ({**ask(), "model": "no-such-model"}, 404, "model_not_found", "model"),
    ({**ask(), "model": "reference-429"}, 429, "rate_limit_exceeded", None),
    ({**ask(), "model": "reference-503"}, 503, None, None),
]


@pytest.mark.parametrize(("body", "status", "code", "param"), INVALID)
@pytest.mark.parametrize("stream", [False, True])
def test_a_request_that_breaks_the_contract_gets_the_right_error(
    post: Send, contract: Contract, body: JSON, status: int, code: str | None, param: str | None, stream: bool
) -> None:
    exchange = post(
        {**body, "stream": True} if stream and isinstance(body, dict) and "stream_options" not in body else body
    )

    assert exchange.response is not None
    assert exchange.response.status == status
    error = json.loads(exchange.response.body)["error"]
    assert code is None or error["code"] == code
    assert param is None or error["param"] == param
    assert blamed(contract, exchange) == []


def test_an_answer_has_the_headers_of_the_service(post: Send) -> None:
    answer = post({**ask(), "model": "reference-429"}).response
    headers = dict(answer.headers)

    assert headers["x-request-id"].startswith("req_")
    assert int(headers["openai-processing-ms"]) >= 1
    assert int(headers["retry-after"]) >= 1


@pytest.mark.parametrize(
    ("media", "status"), [("text/plain", 400), ("", 400), ("application/json; charset=utf-8", 200)]
)
def test_only_json_is_taken(post: Send, media: str, status: int) -> None:
    assert post(ask(), {"content-type": media}).response.status == status


def test_an_encoded_body_is_not_taken(post: Send) -> None:
    assert post(ask(), {"content-encoding": "gzip"}).response.status == 415


def test_a_body_that_is_too_large_is_refused(post: Send, contract: Contract) -> None:
    exchange = post(b"x" * 9_000_000)

    assert exchange.response.status == 413
    assert blamed(contract, exchange) == []


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/models", 200),
        ("GET", "/models/reference-1", 200),
        ("GET", "/models/no-such-model", 404),
        ("POST", "/models", 405),
        ("PUT", "/chat/completions", 405),
        ("GET", "/chat/completions", 405),
        ("POST", "/completions", 404),
        ("GET", "/", 404),
    ],
)
def test_addresses_and_methods(server: str, sender: Send, method: str, path: str, status: int) -> None:
    answer = sender(server + path, None, {}, method).response

    assert answer.status == status
    assert ("error" in json.loads(answer.body)) == (status != 200)


def test_the_list_of_models_names_the_one_to_use_first(server: str, sender: Send) -> None:
    listed = json.loads(sender(f"{server}/models", method="GET").response.body)

    assert listed["object"] == "list"
    assert listed["data"][0]["id"] == "reference-1"


def test_a_key_is_asked_for_where_there_is_one(sender: Send, contract: Contract) -> None:
    from chatcontract.server import running

    with running(api_key="sk-right") as served:
        url = f"{served.url}/chat/completions"
        none, wrong, right = (
            sender(url, ask(), headers)
            for headers in ({}, {"authorization": "Bearer sk-wrong"}, {"authorization": "Bearer sk-right"})
        )
        listing = sender(f"{served.url}/models", method="GET")

    assert [exchange.response.status for exchange in (none, wrong, right, listing)] == [401, 401, 200, 401]
    assert json.loads(wrong.response.body)["error"]["code"] == "invalid_api_key"
    assert b"sk-" not in wrong.response.body
    assert blamed(contract, none) == blamed(contract, wrong) == []
