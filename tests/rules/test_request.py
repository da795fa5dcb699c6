"""Parameters of a request: what goes with what, and with which model."""

import json
from functools import cache
from importlib import resources
from typing import Any

import pytest

from chatcontract import Contract
from chatcontract.examples import REQUEST, TOOL
from chatcontract.model import Exchange, Profile, Request, Severity

JSON = Any


@cache
def contract(profile: Profile = "openai") -> Contract:
    return Contract.load(profile=profile)


def found(*codes: str, profile: Profile = "openai", **members: JSON) -> list[tuple[str, str]]:
    """Code and pointer of what these rules find in the minimal request with more members."""
    violations = contract(profile).check_request({**REQUEST, **members})
    return [(v.rule, v.pointer) for v in violations if v.rule in codes]


def sent_to(url: str, **members: JSON) -> list[tuple[str, Severity]]:
    body = json.dumps({**REQUEST, **members}).encode()
    violations = contract().check(Exchange("1", Request("POST", url, (), body)))
    return [(v.rule, v.severity) for v in violations if v.rule.startswith("CC2")]


def test_a_limit_of_the_wrong_type_is_left_to_the_schema() -> None:
    for limit in ("0", True, 0.5, None, [0]):
        assert found("CC202", max_completion_tokens=limit) == []


def test_both_limits_may_be_below_one() -> None:
    limits = {"max_tokens": 0, "max_completion_tokens": -5}
    assert found("CC202", **limits) == [("CC202", "/max_completion_tokens"), ("CC202", "/max_tokens")]


def test_no_alternatives_without_log_probabilities_are_a_warning() -> None:
    violations = contract().check_request({**REQUEST, "top_logprobs": 0})
    assert [(v.rule, v.severity) for v in violations] == [("CC204", Severity.WARNING)]


def test_options_of_a_stream_that_is_null_are_for_no_stream() -> None:
    assert found("CC205", stream=None, stream_options={}) == [("CC205", "/stream_options")]
    assert found("CC205", stream="yes", stream_options={}) == []


@pytest.mark.parametrize(
    "content",
    ["as JSON", "as json5", [{"type": "text", "text": "Json"}], ["bare json"]],
)
def test_the_word_may_stand_anywhere_in_a_message(content: JSON) -> None:
    messages = [{"role": "user", "content": "x"}, {"role": "developer", "content": content}]
    assert found("CC206", response_format={"type": "json_object"}, messages=messages) == []


def test_the_word_in_a_tool_is_not_enough() -> None:
    tool = {"type": "function", "function": {"name": "json", "description": "json"}}
    assert found("CC206", response_format={"type": "json_object"}, tools=[tool]) == [("CC206", "/messages")]


def test_every_unknown_parameter_is_named() -> None:
    assert found("CC212", top_k=1, **{"a/b": 2}) == [("CC212", "/top_k"), ("CC212", "/a~1b")]


def test_a_thousand_unknown_parameters_are_cut() -> None:
    assert len(found("CC212", **{f"x{n}": n for n in range(1000)})) == 20


def test_a_parameter_of_another_server_is_a_note_there_and_an_error_at_openai() -> None:
    assert sent_to("http://localhost:8000/v1/chat/completions", top_k=1) == [("CC212", Severity.INFO)]
    assert sent_to("https://eu.api.openai.com/v1/chat/completions", top_k=1) == [("CC212", Severity.ERROR)]
    assert sent_to("https://openai.com.example.org/v1", top_k=1) == [("CC212", Severity.INFO)]


def test_every_parameter_of_the_contract_is_known() -> None:
    document = json.loads((resources.files("chatcontract") / "contract" / "document.json").read_text())
    properties = document["components"]["schemas"]["CreateChatCompletionRequest"]["properties"]
    assert found("CC212", **dict.fromkeys(properties)) == []


def test_deprecated_members_of_every_message_are_named() -> None:
    old = {"role": "assistant", "function_call": {"name": "f", "arguments": "{}"}}
    answer = {"role": "function", "name": "f", "content": "4"}
    assert found("CC208", messages=[{"role": "user", "content": "x"}, old, answer], user="u") == [
        ("CC208", "/user"),
        ("CC208", "/messages/1/function_call"),
        ("CC208", "/messages/2/role"),
    ]


def test_a_prediction_names_all_it_does_not_go_with() -> None:
    conflicts = {
        "n": 2,
        "logprobs": True,
        "max_completion_tokens": 5,
        "tools": [TOOL],
        "presence_penalty": 0.1,
    }
    prediction = {"type": "content", "content": "x"}
    assert {place for _, place in found("CC211", prediction=prediction, **conflicts)} == {f"/{n}" for n in conflicts}
    assert found("CC211", prediction=None, **conflicts) == []


@pytest.mark.parametrize(
    ("model", "members", "rules"),
    [
        ("o3-2025-04-16", {"stop": []}, ["CC232"]),
        ("o3-mini-2025-01-31", {"stop": ["x"]}, []),
        ("gpt-5.1", {"stop": "x"}, ["CC232"]),
        ("gpt-5-chat-latest", {"stop": "x", "max_tokens": 5}, []),
        ("ft:o4-mini-2025-04-16:acme::x", {"stop": "x"}, ["CC232"]),
        ("o1", {"max_tokens": 5}, ["CC230"]),
        ("o1x", {"max_tokens": 5}, []),
        ("gpt-4.1-mini", {"max_tokens": 5, "stop": "x", "temperature": 0.1, "logprobs": True}, []),
        ("llama3", {"max_tokens": 5, "reasoning_effort": "low", "stop": "x"}, []),
        ("gpt-4o", {"reasoning_effort": "low"}, ["CC234"]),
        ("o3", {"temperature": 0, "presence_penalty": 1, "logit_bias": {"5": 1}}, ["CC231"] * 3),
        ("o3", {"temperature": 1, "top_p": 1.0, "presence_penalty": 0, "logprobs": False}, []),
        ("gpt-5.2", {"temperature": 0.2}, []),
        ("gpt-5.5", {"temperature": 0.2, "reasoning_effort": None}, []),
        ("gpt-5.1", {"temperature": 0.2, "reasoning_effort": "none"}, []),
        ("gpt-5.1", {"top_p": 0.2, "logprobs": True, "reasoning_effort": "low"}, ["CC231"] * 2),
        ("gpt-5.1", {"presence_penalty": 1, "temperature": 1, "reasoning_effort": "low"}, []),
        ("gpt-5.6-luna", {"temperature": 0}, ["CC231"]),
        ("gpt-5.1-chat-latest", {"temperature": 0, "reasoning_effort": "medium"}, []),
        ("o3-deployment-with-gpt4o", {"max_tokens": 5, "stop": "x", "temperature": 0}, []),
        ("o4-mini-deep-research-2025-06-26", {"max_tokens": 5}, ["CC230"]),
        ("gpt-audio", {}, ["CC237"]),
        ("gpt-4o-audio-preview-2024-12-17", {"modalities": ["audio", "text"]}, ["CC217"]),
        ("gpt-4o-mini-search-preview", {"web_search_options": {}}, []),
        ("gpt-5-search-api", {"web_search_options": {}}, []),
        ("gpt-4.1", {"web_search_options": {}}, ["CC238"]),
    ],
)
def test_a_model_is_known_by_its_name(model: str, members: JSON, rules: list[str]) -> None:
    violations = contract().check_request({**REQUEST, "model": model, **members})
    assert sorted(v.rule for v in violations if v.rule in {"CC217"} or v.rule.startswith("CC23")) == rules


JSON_SCHEMA = {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object"}}}
CUSTOM = {"type": "custom", "custom": {"name": "c"}}


@pytest.mark.parametrize(
    ("model", "members", "rules"),
    [
        ("gpt-5-nano-2025-08-07", {"reasoning_effort": "none"}, {"CC220": "error"}),
        ("gpt-5", {"reasoning_effort": "minimal"}, {}),
        ("o3-mini", {"reasoning_effort": "minimal"}, {"CC220": "error"}),
        ("gpt-5.1", {"reasoning_effort": "xhigh"}, {"CC220": "error"}),
        ("gpt-5.1", {"reasoning_effort": None}, {"CC220": "warning"}),
        ("gpt-5.2", {"reasoning_effort": None}, {}),
        ("gpt-5.4-mini", {"reasoning_effort": "minimal"}, {"CC220": "error"}),
        ("gpt-5.2-chat-latest", {"reasoning_effort": "high"}, {"CC220": "warning"}),
        ("gpt-5.7", {"reasoning_effort": "minimal"}, {}),
        ("gpt-5." + "9" * 5000, {"tools": [TOOL], "temperature": 0.5, "stop": "x"}, {}),
        ("gpt-5.1", {"reasoning_effort": "max"}, {"CC220": "warning"}),
        ("gpt-5.6-terra", {"reasoning_effort": "max"}, {"CC220": "error"}),
        ("gpt-6-astra", {"reasoning_effort": "none"}, {"CC220": "error"}),
        ("gpt-6.2-sol", {"reasoning_effort": "max", "tools": [TOOL]}, {}),
        ("gpt-5.1", {"reasoning_effort": ["none"]}, {}),
        ("gpt-5.5", {"tools": [TOOL], "reasoning_effort": "low"}, {"CC221": "error"}),
        ("gpt-5.5", {"tools": [TOOL], "reasoning_effort": None}, {}),
        ("gpt-5.5", {"tools": [], "reasoning_effort": "low"}, {}),
        ("gpt-5.5", {"tools": [CUSTOM], "reasoning_effort": "low"}, {}),
        ("gpt-5.6", {"tools": [CUSTOM, TOOL]}, {"CC221": "error"}),
        ("gpt-5.7", {"tools": [CUSTOM, TOOL]}, {}),
        ("gpt-5.6", {"tools": [TOOL], "reasoning_effort": None}, {}),
        ("gpt-5.1", {"tools": [TOOL], "reasoning_effort": "low"}, {}),
        ("gpt-6-sol", {"tools": [TOOL], "reasoning_effort": "low"}, {"CC221": "error"}),
        ("o3", {"tools": [TOOL], "parallel_tool_calls": True}, {"CC222": "error"}),
        ("gpt-4.1", {"tools": [TOOL], "parallel_tool_calls": False}, {}),
        ("gpt-4o-search-preview", {"frequency_penalty": 0}, {"CC223": "error"}),
        ("gpt-4o-search-preview", {"logprobs": False, "n": 1}, {}),
        ("gpt-4-turbo-2024-04-09", {"response_format": JSON_SCHEMA}, {"CC224": "error"}),
        ("gpt-4.1", {"response_format": JSON_SCHEMA}, {}),
        ("gpt-4.5-preview", {"response_format": JSON_SCHEMA}, {}),
        ("gpt-4o", {"verbosity": "low"}, {"CC225": "warning"}),
        ("gpt-5-chat-latest", {"verbosity": "high"}, {"CC225": "warning"}),
        ("gpt-5-chat-latest", {"verbosity": None}, {}),
        ("gpt-5.1-codex-mini", {}, {"CC226": "warning"}),
        ("o1-pro", {}, {"CC226": "error"}),
        ("gpt-5-pro-2025-10-06", {}, {"CC226": "error"}),
        ("gpt-5.2-pro-2025-12-11", {}, {"CC226": "warning"}),
        ("gpt-5.5-pro", {}, {"CC226": "error"}),
        ("gpt-6-pro", {}, {}),
        ("gpt-4o-mini-tts", {}, {"CC226": "error"}),
        ("ft:davinci-002:acme::x1", {}, {"CC226": "error"}),
        ("gpt-4o-mini-transcribe", {}, {"CC226": "error"}),
        ("ft:gpt-3.5-turbo-0125:acme::x1", {"max_tokens": 5000}, {}),
        ("gpt-4o-2024-05-13", {"max_tokens": 5000}, {"CC227": "error"}),
        ("gpt-4o-2024-08-06", {"max_tokens": 16384}, {}),
        ("gpt-4o", {"max_tokens": 16385}, {"CC227": "error"}),
        ("gpt-4.1", {"max_tokens": 100000}, {"CC227": "error"}),
        ("gpt-5.5", {"prompt_cache_retention": "in_memory"}, {"CC228": "warning"}),
        ("gpt-5.4", {"prompt_cache_retention": "in_memory"}, {}),
    ],
)
def test_a_value_is_judged_by_the_model(model: str, members: JSON, rules: dict[str, str]) -> None:
    violations = contract().check_request({**REQUEST, "model": model, **members})
    assert {v.rule: v.severity.value for v in violations if v.rule.startswith("CC22")} == rules
    violations = contract("compatible").check_request({**REQUEST, "model": model, **members})
    assert {v.severity for v in violations if v.rule.startswith("CC22")} <= {Severity.INFO}


@pytest.mark.parametrize(
    ("model", "members", "rules"),
    [
        ("gpt-5.6-terra", {"n": 64}, {"CC276": "warning"}),
        ("gpt-5.6-terra", {"n": 8, "logprobs": True, "top_logprobs": 5, "reasoning_effort": "none"}, {}),
        ("gpt-5.6-terra", {"frequency_penalty": 0.5}, {"CC231": "error"}),
        ("gpt-5.6-terra", {"frequency_penalty": 0.5, "reasoning_effort": "none"}, {}),
        ("gpt-5.6-terra", {"logit_bias": {"1": 1}, "reasoning_effort": "none"}, {"CC231": "error"}),
        ("gpt-5.2", {"presence_penalty": 0.5, "reasoning_effort": "low"}, {}),
        ("gpt-5.6-terra", {"metadata": {"a": "b"}}, {"CC213": "warning"}),
        ("gpt-5.4", {"metadata": {"a": "b"}}, {"CC213": "error"}),
        ("gpt-4o", {"response_format": {"type": "text", "schema": {}}}, {"CC212": "error"}),
        ("own-model", {"response_format": {"type": "text", "schema": {}}}, {}),
        ("gpt-4o", {"response_format": {"type": "json_schema", "name": "a", "schema": {}}}, {}),
        ("gpt-4o", {"response_format": {**JSON_SCHEMA, "strict": True}}, {"CC212": "error"}),
        ("gpt-5-chat-latest", {"tools": [TOOL]}, {"CC277": "warning"}),
        ("o1-preview", {"tools": [TOOL]}, {"CC277": "error"}),
        ("gpt-5-chat-latest", {"tools": []}, {}),
        ("gpt-5.1-chat-latest", {"tools": [TOOL]}, {}),
        ("gpt-4o-mini-search-preview-2025-03-11", {"tools": [CUSTOM]}, {"CC277": "error"}),
        ("gpt-5-chat-latest", {"reasoning_effort": "low"}, {"CC234": "warning"}),
        ("o1-mini", {"reasoning_effort": "low"}, {"CC234": "error"}),
        ("gpt-5.1-chat-latest", {"reasoning_effort": "medium"}, {}),
        ("gpt-5.2", {"prediction": {"type": "content", "content": "x"}}, {"CC279": "warning"}),
        ("gpt-5.6-sol", {"prediction": {"type": "content", "content": "x"}}, {"CC276": "warning"}),
        ("gpt-4.1-mini-2025-04-14", {"prediction": {"type": "content", "content": "x"}}, {}),
        ("gpt-5.2", {"prediction": None}, {}),
        ("gpt-50", {"max_tokens": 5}, {}),
        ("gpt-4o", {"stream": True, "stream_options": {"bogus": 1}}, {"CC212": "error"}),
        ("gpt-5.6-terra", {"prompt_cache_options": {"bogus": 1}}, {"CC212": "error"}),
        ("own-model", {"stream": True, "stream_options": {"continuous_usage_stats": True}}, {}),
        ("gpt-4o", {"user": "a" * 65}, {"CC278": "warning"}),
        ("o3-mini", {"messages": [{"role": "function", "name": "f", "content": "4"}]}, {"CC274": "error"}),
        ("gpt-3.5-turbo", {"messages": [{"role": "function", "name": "f", "content": "4"}]}, {}),
    ],
)
def test_what_newer_models_refuse_is_told(model: str, members: JSON, rules: dict[str, str]) -> None:
    judged = {"CC212", "CC213", "CC230", "CC231", "CC234", "CC274", "CC276", "CC277", "CC278", "CC279"}
    violations = contract().check_request({**REQUEST, "model": model, **members})
    assert {v.rule: v.severity.value for v in violations if v.rule in judged} == rules


@pytest.mark.parametrize("role", ["system", "user", "assistant"])
def test_a_content_without_parts_is_no_error(role: str) -> None:
    body = {**REQUEST, "messages": [{"role": role, "content": []}, {"role": "user", "content": "x"}]}
    assert [v.severity for v in contract().check_request(body) if v.rule == "CC001"] == [Severity.WARNING]


def test_stop_is_an_error_until_both_is_told_of_it() -> None:
    for model, severity in (("gpt-5.2", Severity.ERROR), ("gpt-5.5", Severity.WARNING)):
        assert sent_to("", model=model, stop="x") == [("CC232", severity)]
    violations = contract("compatible").check_request({**REQUEST, "model": "gpt-5.5", "stop": "x"})
    assert [(v.rule, v.severity) for v in violations] == [("CC232", Severity.INFO)]


def test_a_long_cache_key_is_a_note_elsewhere() -> None:
    assert sent_to("", prompt_cache_key="é" * 65) == [("CC215", Severity.ERROR)]
    assert sent_to("http://localhost:8000/v1", prompt_cache_key="k" * 65) == [("CC215", Severity.INFO)]
    assert sent_to("", prompt_cache_key="é" * 64) == []


def test_a_name_of_openai_means_nothing_elsewhere() -> None:
    settings = {"max_completion_tokens": 5000, "response_format": JSON_SCHEMA, "verbosity": "low"}
    assert sent_to("http://localhost:8000/v1", model="gpt-4o-2024-05-13", **settings) == []
    assert sent_to("https://acme.openai.azure.com/openai/v1/chat/completions", model="o3", stop="x") == []
    assert sent_to("", model="o3", stop="x") == [("CC232", Severity.ERROR)]


@pytest.mark.parametrize("kind", ["input_audio", "image_url"])
def test_parts_that_a_model_does_not_take_are_all_named(kind: str) -> None:
    bodies = {
        "input_audio": {"data": "UklGRiQA", "format": "wav"},
        "image_url": {"url": "https://example.com/a.png"},
    }
    part = {"type": kind, kind: bodies[kind]}
    text = {"type": "text", "text": "x"}
    messages = [{"role": "user", "content": "x"}, {"role": "user", "content": [text, part, part]}]
    places = [place for _, place in found("CC235", "CC236", model="gpt-4", messages=messages)]
    assert places == ["/messages/1/content/1/type", "/messages/1/content/2/type"]


def test_tools_that_are_null_are_no_tools() -> None:
    both = {"tool_choice": "required", "parallel_tool_calls": False}
    assert found("CC241", "CC242", tools=None, **both) == [
        ("CC241", "/tool_choice"),
        ("CC242", "/parallel_tool_calls"),
    ]
    assert found("CC241", "CC242", tools=[], **both) == []


def test_a_named_tool_must_be_of_the_same_kind() -> None:
    custom = {"type": "custom", "custom": {"name": "get_weather"}}
    assert found("CC243", tools=[TOOL], tool_choice=custom) == [("CC243", "/tool_choice/custom/name")]
    assert found("CC243", tools=[TOOL, custom], tool_choice=custom) == []


def test_every_tool_that_may_not_be_chosen_is_named() -> None:
    named = [{"type": "function", "function": {"name": name}} for name in ("a", "get_weather", "b")]
    choice = {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [*named, 5]}}
    places = [place for _, place in found("CC244", tools=[TOOL], tool_choice=choice)]
    assert [place.split("/")[4] for place in places] == ["0", "2"]


def test_in_profile_compatible_models_are_not_judged_harshly() -> None:
    violations = contract("compatible").check_request({**REQUEST, "model": "o3", "stop": "x", "top_k": 1})
    assert {v.severity for v in violations} == {Severity.INFO}
