"""Shrinking: smaller and smaller requests of the same kind, to one that has nothing left to lose."""

import json
from collections.abc import Callable
from itertools import islice
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from chatcontract import Contract, generate
from chatcontract.fuzz_cases import Case
from chatcontract.fuzz_kinds import keeper
from chatcontract.shrinking import features, search

CONTRACT = Contract.load()
Shows = Callable[[Any], bool]
BODIES = list(islice(generate.examples(seed=3, model="gpt-4o"), 60))


def shrunk(body: Any, shows: Shows, keeps: Shows = lambda body: True, most: int = 10_000) -> tuple[Any, list[Any]]:
    """The smallest request that shows it, and all that were tried."""
    assert shows(body)
    tried: list[Any] = []
    trial, answer, least = search(body, keeps), None, body
    while len(tried) < most:
        try:
            candidate = next(trial) if answer is None else trial.send(answer)
        except StopIteration:
            break
        tried.append(candidate)
        answer = shows(candidate)
        least = candidate if answer else least
    return least, tried


def is_valid(body: Any) -> bool:
    return not CONTRACT.check_request(body).errors


def having(name: str) -> Shows:
    return lambda body: isinstance(body, dict) and name in body


@pytest.mark.parametrize("name", ["stream", "temperature", "tools", "response_format", "n"])
def test_what_one_member_shows_is_shrunk_to_the_plain_request_and_that_member(name: str) -> None:
    body = next(body for body in BODIES if name in body and len(body) > 5)
    least, tried = shrunk(body, having(name), is_valid)
    assert set(least) <= {"model", "messages", name, "max_tokens", "max_completion_tokens"}
    assert [message["role"] for message in least["messages"]] == ["user"]
    assert len(tried) < 40


def test_what_every_request_shows_is_shrunk_with_one_try() -> None:
    least, tried = shrunk(max(BODIES, key=lambda body: len(str(body))), lambda body: True, is_valid)
    assert tried[0] == least
    assert all("tokens" in feature for feature in features(least))


def test_what_a_message_deep_in_the_conversation_shows_keeps_no_other() -> None:
    def answered(body: Any) -> bool:
        return any(message.get("role") == "tool" for message in body["messages"])

    body = next(body for body in BODIES if answered(body) and len(body["messages"]) > 3)
    least, _ = shrunk(body, answered, is_valid)
    roles = [message["role"] for message in least["messages"]]
    assert roles.count("tool") == 1
    assert len(roles) <= 3
    assert is_valid(least)


@hypothesis_settings(max_examples=40)
@given(st.sampled_from(BODIES), st.sampled_from(["stream", "tools", "stop", "seed", "messages", "logprobs"]))
def test_only_valid_requests_are_tried_and_each_once(body: Any, name: str) -> None:
    if name not in body:
        return
    least, tried = shrunk(body, having(name), is_valid)
    texts = [json.dumps(candidate) for candidate in tried]
    assert len(set(texts)) == len(texts)
    assert all(map(is_valid, tried))
    assert len(json.dumps(least)) <= len(json.dumps(body))
    assert shrunk(body, having(name), is_valid) == (least, tried)


def test_a_forced_call_keeps_a_tool_that_can_be_called() -> None:
    body = next(body for body in BODIES if isinstance(body.get("tool_choice"), dict) and len(body.get("tools", ())) > 1)
    keeps = keeper(Case("", "positive", json.dumps(body).encode()))
    least, _ = shrunk(body, lambda body: "tool_choice" in body, keeps)
    assert least["tool_choice"] in ("none", "auto", "required") or len(least["tools"]) == 1
    assert len(json.dumps(least)) < 190


def test_the_bound_of_the_answer_stays() -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": "a long text"}], "max_tokens": 64, "n": 2}
    least, _ = shrunk(body, having("n"), is_valid)
    assert least["max_tokens"] == 64


def test_a_request_without_messages_or_that_is_no_object_is_shrunk_as_well() -> None:
    assert shrunk([1, [2, "three"]], lambda body: isinstance(body, list))[0] == []
    assert shrunk({"model": "m", "n": 300}, having("n"))[0] == {"model": "m", "n": 0}


def test_features_tell_forms_apart() -> None:
    body = {
        "model": "m",
        "messages": [{"role": "developer", "content": [{"type": "text", "text": "Hi"}]}],
        "logprobs": None,
        "stop": [],
    }
    assert features(body) == {
        "/messages/*/role=developer", "/messages/*/content/*/type=text", "/messages/*/content/*/text",
        "/logprobs=null", "/stop",
    }  # fmt: skip
