"""What a rule needs is no more than a shortcut: without it the rule has nothing to say."""

from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatcontract import Contract
from chatcontract.declare import SpecView
from chatcontract.model import Exchange, Part, Rule
from chatcontract.reading import Reading, Text
from chatcontract.rules import load
from chatcontract.traits import TRAITS

NEEDY = [rule for rule in load() if rule.needs]
ROLES = st.sampled_from(["system", "developer", "user", "assistant", "tool", "function", None, 1])
IDS = st.sampled_from(["call_1", "call_2", "c" * 41, "", None, 7])
CALLS = st.lists(st.one_of(st.fixed_dictionaries({}, optional={"id": IDS}), st.none()), max_size=3)
MESSAGES = st.fixed_dictionaries(
    {"role": ROLES},
    optional={
        "content": st.sampled_from([None, "", "x", [], [{"type": "text", "text": "x"}]]),
        "tool_calls": st.one_of(CALLS, st.none()),
        "tool_call_id": IDS,
        "name": st.sampled_from(["f", "a b", None]),
        "function_call": st.sampled_from([{"name": "f"}, None]),
    },
)


COUNTS = st.sampled_from([-1, 0, 1, 2, 3, 3.0, 2.5, None, "3", True])
USAGES = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("prompt_tokens", "completion_tokens", "total_tokens"), COUNTS)
)
TEXTS = st.sampled_from(["", " ", "x", "chatcmpl-1", "gpt-5", None, 7])
ANSWERED = st.fixed_dictionaries(
    {},
    optional={
        "content": st.sampled_from([None, "", "x"]),
        "refusal": st.sampled_from([None, "x"]),
        "audio": st.sampled_from([None, {"id": "a"}]),
        "tool_calls": st.one_of(CALLS, st.none()),
        "function_call": st.sampled_from([{"name": "f"}, {}, None]),
    },
)
REASONS = st.sampled_from(["stop", "length", "tool_calls", "function_call", None, 7, []])
CHOICES = st.lists(
    st.fixed_dictionaries({"message": ANSWERED}, optional={"index": COUNTS, "finish_reason": REASONS}), max_size=2
)
ANSWERS = st.fixed_dictionaries(
    {"object": st.just("chat.completion")},
    optional={
        "id": TEXTS,
        "model": TEXTS,
        "service_tier": st.sampled_from(["auto", "fast", "default", None, []]),
        "created": st.sampled_from([-1, 0, 1672531199, 1672531200, 1.7e9, 4102444800, 10**11, 10**14, True, "x", None]),
        "usage": st.one_of(USAGES, st.none()),
        "choices": CHOICES,
    },
)


@cache
def view() -> SpecView:
    return Contract.load()._view


@cache
def readings() -> list[Reading]:
    examples = [example.exchange() for rule in load() for example in (*rule.passes, *rule.fails)]
    bare = [one._replace(response=one.response._replace(headers=())) for one in examples if one.response is not None]
    unheaded = [one._replace(request=one.request._replace(headers=())) for one in examples if one.request is not None]
    return [Reading(exchange) for exchange in (*examples, *bare, *unheaded)]


def traits_for(rule: Rule, reading: Reading) -> frozenset[str]:
    return reading.request_traits if rule.part is Part.REQUEST else reading.traits


def is_of_its_part(rule: Rule, reading: Reading) -> bool:
    if rule.part is Part.STREAM:
        return reading.kind == "stream"
    return bool(reading.asked if rule.part is Part.REQUEST else reading.completion)


@pytest.mark.parametrize("rule", NEEDY, ids=lambda rule: rule.code)
def test_a_rule_says_nothing_of_a_reading_without_what_it_needs(rule: Rule) -> None:
    assert rule.check is not None
    assert rule.needs <= TRAITS.keys()
    lacking = [r for r in readings() if not rule.needs <= traits_for(rule, r) and is_of_its_part(rule, r)]
    assert lacking
    for reading in lacking:
        assert not list(rule.check(reading, view()))


@given(messages=st.lists(MESSAGES, max_size=6))
def test_a_rule_says_nothing_of_a_conversation_without_what_it_needs(messages: list[Any]) -> None:
    reading = Reading(Exchange(""), request=Text({"model": "gpt-5", "messages": messages}))
    for rule in NEEDY:
        if rule.part is Part.REQUEST and rule.check is not None and not rule.needs <= reading.request_traits:
            assert not list(rule.check(reading, view()))


@given(answer=ANSWERS)
def test_a_rule_says_nothing_of_an_answer_without_what_it_needs(answer: dict[str, Any]) -> None:
    reading = Reading(Exchange(""), request=Text(), answer=Text(answer))
    for rule in NEEDY:
        if rule.part is Part.RESPONSE and rule.check is not None and not rule.needs <= reading.traits:
            assert not list(rule.check(reading, view()))


def test_every_trait_is_needed_and_met() -> None:
    assert {trait for rule in NEEDY for trait in rule.needs} == set(TRAITS)
    assert {trait for reading in readings() for trait in reading.traits} == set(TRAITS)


def test_what_needs_the_tools_looks_at_nothing_else_of_the_request() -> None:
    looking = [rule for rule in NEEDY if "brought" in rule.needs]
    for reading in readings():
        brought = {name: reading.asked.get(name) for name in ("tools", "functions", "response_format")}
        alone = Reading(Exchange(""), request=Text(brought))
        for rule in looking if reading.asked else ():
            assert rule.part is Part.REQUEST
            assert rule.check is not None
            assert list(rule.check(reading, view())) == list(rule.check(alone, view()))


def test_tools_known_to_be_sound_are_told_from_others_with_each_request() -> None:
    contract = Contract.load()
    schema: dict[str, Any] = {"type": "object", "properties": {"a": {"type": "array", "items": {"type": "string"}}}}
    tool = {"type": "function", "function": {"name": "f", "parameters": schema}}
    request = {"model": "gpt-5", "messages": [{"role": "user", "content": "x"}], "tools": [tool]}
    assert [contract.check_request(request) for _ in range(4)] == [()] * 4
    del schema["properties"]["a"]["items"]
    assert [violation.rule for violation in contract.check_request(request)] == ["CC284"]
    assert contract.check_request(request) == contract.check_request(request)
    schema["properties"]["a"]["items"] = {}
    assert not contract.check_request(request)
