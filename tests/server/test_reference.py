"""Without faults the reference server keeps the contract, and refuses what breaks it."""

import json
import re
from collections.abc import Callable

import pytest

from chatcontract.contract import Contract
from chatcontract.model import JSON, Exchange, Severity
from chatcontract.reading import Reading
from chatcontract.server.faults.samples import CODE, SCHEMA, TIME, WEATHER, ask

pytest.importorskip("uvicorn", reason="the extra `serve` is not installed")

Send = Callable[..., Exchange]
HI: list[JSON] = [{"role": "user", "content": "Tell me about the sea."}]
STREAM: dict[str, JSON] = {"stream": True, "stream_options": {"include_usage": True}}


def named(name: str) -> dict[str, JSON]:
    return {"type": "function", "function": {"name": name}}


def allowed(mode: str, *names: str) -> dict[str, JSON]:
    return {
        "type": "allowed_tools",
        "allowed_tools": {"mode": mode, "tools": [named(name) for name in names]},
    }


def schema(value: JSON) -> dict[str, JSON]:
    return {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": value}}


def closed(**properties: JSON) -> dict[str, JSON]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def grammar(syntax: str, definition: str) -> dict[str, JSON]:
    form = {"type": "grammar", "grammar": {"syntax": syntax, "definition": definition}}
    return {"type": "custom", "custom": {"name": "run", "format": form}}


ROUND_TRIP: list[JSON] = [
    {"role": "developer", "content": "Be brief."},
    {"role": "user", "content": "What is the weather in Bonn and Rome?", "name": "ada"},
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {"id": "0a1b2c3d4", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}},
            {"id": "call-2", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}},
        ],
    },
    {"role": "tool", "tool_call_id": "call-2", "content": [{"type": "text", "text": "20 degrees"}]},
    {"role": "tool", "tool_call_id": "0a1b2c3d4", "content": "12 degrees"},
]
TREE = {
    **closed(root={"$ref": "#/$defs/node"}, next={"anyOf": [{"$ref": "#"}, {"type": "null"}]}),
    "$defs": {"node": closed(name={"type": "string"}, children={"type": "array", "items": {"$ref": "#/$defs/node"}})},
}
VALID: dict[str, dict[str, JSON]] = {
    "text": ask(),
    "n": ask(n=3),
    "n at most": ask(n=128, max_completion_tokens=2),
    "stop": ask("Count to 30", stop="7"),
    "stop list": ask("Count to 30", stop=["25", "1, 2", "9"]),
    "limit": ask(max_completion_tokens=1),
    "older limit": ask(max_tokens=7),
    "logprobs": ask(logprobs=True),
    "top_logprobs": ask(logprobs=True, top_logprobs=20, n=2),
    "seed": ask(seed=-(2**63), temperature=0),
    "nulls": ask(n=None, stop=None, temperature=None, tools=None, tool_choice=None, stream=None, seed=None),
    "parts": {**ask(), "messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}]},
    "image": {
        **ask(),
        "messages": [
            {
                "role": "user",
                "content": [{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}],
            }
        ],
    },
    "metadata": ask(store=True, metadata={"team": "blue"}),
    "service tier": ask(service_tier="flex"),
    "moderation": ask(moderation={"model": "omni-moderation-latest"}),
    "prediction": ask(prediction={"type": "content", "content": "The sea"}),
    "tools unused": ask(tools=[WEATHER, TIME]),
    "tool by its name": ask("Please get time now.", tools=[WEATHER, TIME]),
    "tool by the cue": ask("How is the weather?", tools=[TIME, WEATHER]),
    "tools in parallel": ask("Use get_weather and get_time.", tools=[WEATHER, TIME]),
    "one tool twice": ask("The weather in both Bonn and Rome?", tools=[WEATHER]),
    "no parallel calls": ask("Use get_weather and get_time.", tools=[WEATHER, TIME], parallel_tool_calls=False),
    "required": ask(tools=[WEATHER, TIME], tool_choice="required"),
    "named": ask(tools=[WEATHER, TIME], tool_choice=named("get_time")),
    "none": ask("How is the weather?", tools=[WEATHER], tool_choice="none"),
    "allowed auto": ask(
        "Use get_weather and get_time.", tools=[WEATHER, TIME], tool_choice=allowed("auto", "get_time")
    ),
    "allowed required": ask(tools=[WEATHER, TIME], tool_choice=allowed("required", "get_time")),
    "calls cut": ask("How is the weather?", tools=[WEATHER], max_completion_tokens=6),
    "custom": ask("Use run_code.", tools=[CODE]),
    "custom named": ask(tools=[CODE], tool_choice={"type": "custom", "custom": {"name": "run_code"}}),
    "custom regex": ask(tools=[grammar("regex", r"\d{4}-(0[1-9]|1[0-2])")], tool_choice="required"),
    "custom lark": ask(tools=[grammar("lark", 'start: "go " WORD\n%import common.WORD')], tool_choice="required"),
    "functions": ask("How is the weather?", functions=[TIME["function"]]),
    "function_call": ask(functions=[TIME["function"]], function_call={"name": "get_time"}),
    "round trip": {"model": "reference-1", "messages": ROUND_TRIP, "tools": [WEATHER]},
    "json_object": ask("Answer in JSON.", response_format={"type": "json_object"}),
    "json_schema": ask(response_format=SCHEMA),
    "schema with recursion": ask(response_format=schema(TREE)),
    "schema with tools": ask("Use get_time.", response_format=SCHEMA, tools=[TIME]),
    "refusal": ask("[refuse] Tell me."),
    "refusal logged": ask("[refuse] Tell me.", logprobs=True, top_logprobs=2),
    "refusing model": {**ask(), "model": "reference-refusal"},
    "audio": ask(modalities=["text", "audio"], audio={"voice": "alloy", "format": "pcm16"}),
}


def blamed(contract: Contract, exchange: Exchange) -> list[str]:
    """What is wrong on the server's side, above the severity info."""
    found = contract.check(exchange)
    return [f"{v.rule} {v.message}" for v in found if v.side == "server" and v.severity is not Severity.INFO]


def message(exchange: Exchange) -> dict[str, JSON]:
    choices = Reading(exchange).choices
    return choices[0][2]


def completion(exchange: Exchange) -> dict[str, JSON]:
    return Reading(exchange).completion


@pytest.mark.parametrize("name", VALID)
def test_the_answer_to_a_valid_request_has_nothing_wrong(post: Send, contract: Contract, name: str) -> None:
    exchange = post(VALID[name])

    assert exchange.response is not None
    assert exchange.response.status == 200, exchange.response.body
    assert blamed(contract, exchange) == []


@pytest.mark.parametrize("name", VALID)
def test_a_stream_has_nothing_wrong_and_adds_up_to_the_same_answer(post: Send, contract: Contract, name: str) -> None:
    streamed, whole = post({**VALID[name], **STREAM}), completion(post(VALID[name]))

    assert blamed(contract, streamed) == []
    told = completion(streamed)
    assert told["usage"] == whole["usage"]
    assert [_without_id(choice) for choice in told["choices"]] == [_without_id(choice) for choice in whole["choices"]]


def _without_id(choice: dict[str, JSON]) -> JSON:
    """A choice without what a stream does not tell, or what depends on the time."""
    told = {name: value for name, value in choice["message"].items() if name != "annotations"}
    audio = told.get("audio")
    logprobs = choice.get("logprobs") or None
    logged = {name: entries for name, entries in (logprobs or {}).items() if entries}
    return {**choice, "logprobs": logged, "message": {**told, "audio": audio and audio["transcript"]}}


def test_the_same_request_gets_the_same_answer_but_for_id_and_time(post: Send) -> None:
    first, second = (completion(post(ask(n=2, logprobs=True))) for _ in range(2))

    assert first.pop("id") != second.pop("id")
    assert abs(first.pop("created") - second.pop("created")) < 60
    assert first == second


def test_another_seed_or_message_gives_another_text(post: Send) -> None:
    texts = {message(post(body))["content"] for body in (ask(), ask(seed=1), ask(seed=2), ask("Go on."))}

    assert len(texts) == 4


def test_choices_differ_from_each_other(post: Send) -> None:
    choices = completion(post(ask(n=4)))["choices"]

    assert len({choice["message"]["content"] for choice in choices}) == 4


def test_a_stop_sequence_ends_the_text_and_is_not_part_of_it(post: Send) -> None:
    content = message(post(ask("Count to 30", stop=["25", ", 7"])))["content"]

    assert content == "1, 2, 3, 4, 5, 6"


@pytest.mark.parametrize("stream", [False, True])
def test_a_stop_sequence_across_tokens_is_found(post: Send, stream: bool) -> None:
    exchange = post(ask("Say: one two three four", stop="wo thr", stream=stream))

    assert message(exchange)["content"] == "one t"
    assert completion(exchange)["choices"][0]["finish_reason"] == "stop"


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_a_limit_cuts_the_text_and_says_so(post: Send, name: str) -> None:
    cut, whole = completion(post(ask(**{name: 5}))), completion(post(ask()))

    assert cut["choices"][0]["finish_reason"] == "length"
    assert cut["usage"]["completion_tokens"] == 5
    assert whole["choices"][0]["message"]["content"].startswith(cut["choices"][0]["message"]["content"])
    assert whole["choices"][0]["finish_reason"] == "stop"


def test_log_probabilities_are_of_the_text_sorted_and_not_above_zero(post: Send) -> None:
    choice = completion(post(ask(logprobs=True, top_logprobs=5)))["choices"][0]
    entries = choice["logprobs"]["content"]

    assert "".join(entry["token"] for entry in entries) == choice["message"]["content"]
    assert b"".join(bytes(entry["bytes"]) for entry in entries).decode() == choice["message"]["content"]
    for entry in entries:
        ranks = [rival["logprob"] for rival in entry["top_logprobs"]]
        assert len(ranks) == 5
        assert ranks == sorted(ranks, reverse=True)
        assert 0 >= ranks[0] == entry["logprob"]


def test_a_string_and_one_text_part_have_the_same_number_of_tokens(post: Send) -> None:
    parts = {**ask(), "messages": [{"role": "user", "content": [{"type": "text", "text": HI[0]["content"]}]}]}
    plain, split = completion(post(ask())), completion(post(parts))

    assert plain["usage"] == split["usage"]
    assert plain["choices"] == split["choices"]


def test_a_longer_conversation_never_has_fewer_tokens(post: Send) -> None:
    talk: list[JSON] = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": ""},
        {"role": "user", "content": ""},
        {"role": "assistant", "content": "Yes?"},
        {"role": "user", "content": "Well."},
    ]
    counts = [
        completion(post({"model": "reference-1", "messages": talk[:size]}))["usage"]["prompt_tokens"]
        for size in range(1, 6)
    ]

    assert counts == sorted(set(counts))


def test_arguments_fit_the_declared_schema(post: Send) -> None:
    call = message(post(ask("How is the weather?", tools=[WEATHER])))["tool_calls"][0]
    arguments = json.loads(call["function"]["arguments"])

    assert arguments.keys() == {"city", "unit"}
    assert arguments["unit"] in ("celsius", "fahrenheit")


@pytest.mark.parametrize(
    ("body", "names", "finish"),
    [
        (
            ask("Use get_weather and get_time.", tools=[WEATHER, TIME]),
            ["get_weather", "get_time"],
            "tool_calls",
        ),
        (VALID["no parallel calls"], ["get_weather"], "tool_calls"),
        (VALID["named"], ["get_time"], "stop"),
        (VALID["required"], ["get_weather"], "tool_calls"),
        (VALID["allowed required"], ["get_time"], "tool_calls"),
        (VALID["allowed auto"], ["get_time"], "tool_calls"),
        (VALID["none"], [], "stop"),
        (VALID["tools unused"], [], "stop"),
        (VALID["one tool twice"], ["get_weather", "get_weather"], "tool_calls"),
        (VALID["round trip"], [], "stop"),
    ],
)
def test_tools_are_called_as_the_request_says(post: Send, body: JSON, names: list[str], finish: str) -> None:
    choice = completion(post(body))["choices"][0]

    assert [call["function"]["name"] for call in choice["message"].get("tool_calls", [])] == names
    assert choice["finish_reason"] == finish


def test_the_input_of_a_custom_tool_follows_its_grammar(post: Send) -> None:
    by_regex = message(post(VALID["custom regex"]))["tool_calls"][0]["custom"]["input"]
    by_lark = message(post(VALID["custom lark"]))["tool_calls"][0]["custom"]["input"]

    assert re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", by_regex)
    assert re.fullmatch(r"go [a-z]+", by_lark)


def test_the_result_of_a_tool_is_read(post: Send) -> None:
    assert "12 degrees" in message(post(VALID["round trip"]))["content"]


def test_a_refusal_stands_in_place_of_the_content(post: Send) -> None:
    refused = message(post(VALID["refusal"]))

    assert refused["content"] is None
    assert refused["refusal"]


def test_obfuscation_can_be_turned_off(post: Send) -> None:
    plain = post(ask(stream=True, stream_options={"include_obfuscation": False})).response
    filled = post(ask(stream=True)).response

    assert b"obfuscation" not in plain.body
    assert b"obfuscation" in filled.body


def test_a_fault_may_be_named_in_the_path_or_for_the_whole_server(
    server: str, sender: Send, contract: Contract
) -> None:
    from chatcontract.server import running

    by_path = sender(f"{server.removesuffix('/v1')}/fault/usage-total-wrong/v1/chat/completions", ask())
    with running(faults=["usage-total-wrong", "created-as-float"]) as served:
        by_server = sender(f"{served.url}/chat/completions", ask())

    assert {v.rule for v in contract.check(by_path).errors} == {"CC501"}
    assert {v.rule for v in contract.check(by_server).errors} == {"CC501", "CC303"}


def test_an_unknown_fault_is_refused_with_near_names(post: Send) -> None:
    answer = post(ask(), {"x-chatcontract-fault": "usage-total-wrnog"}).response

    assert answer.status == 400
    assert b"usage-total-wrong" in answer.body


def test_a_caller_that_hangs_up_does_no_harm(server: str, sender: Send) -> None:
    import socket
    from urllib.parse import urlsplit

    place = urlsplit(server)
    body = json.dumps(ask(stream=True)).encode()
    path = "/fault/stream-endless/v1/chat/completions"
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    for _ in range(3):
        with socket.create_connection((place.hostname, place.port), 5) as peer:
            peer.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
            peer.recv(1000)

    assert sender(f"{server}/chat/completions", ask()).response.status == 200


def test_the_python_sdk_of_openai_reads_the_answers(server: str) -> None:
    openai = pytest.importorskip("openai")
    with openai.OpenAI(base_url=server, api_key="none", _strict_response_validation=True, max_retries=0) as client:
        answer = client.chat.completions.create(**ask(tools=[WEATHER], tool_choice="required"))
        with client.chat.completions.stream(**ask("Count to 9", stream_options={"include_usage": True})) as stream:
            final = stream.get_final_completion()
        with pytest.raises(openai.RateLimitError):
            client.chat.completions.create(model="reference-429", messages=HI)
        models = [model.id for model in client.models.list()]

    assert answer.choices[0].message.tool_calls[0].function.name == "get_weather"
    assert final.choices[0].message.content == "1, 2, 3, 4, 5, 6, 7, 8, 9"
    assert models[0] == "reference-1"
