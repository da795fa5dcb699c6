"""The strategies: what Hypothesis draws is as valid as what a seed draws, and shrinks to the smallest request."""

import subprocess
import sys
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st

from chatcontract import Contract
from chatcontract.generate import requests, responses, streams

CONTRACT = Contract.load()
STRICT = Contract.load(profile="strict")
REFERENCE = Contract.load(engine="jsonschema")
QUICK = settings(max_examples=60, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
ALONE = settings(max_examples=500, deadline=None, database=None, derandomize=True)
SMALLEST = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hi"}]}
ASKED = requests(deprecated=True)
PAIRS = ASKED.flatmap(lambda asked: st.tuples(st.just(asked), responses(asked)))
STREAMS = ASKED.flatmap(lambda asked: st.tuples(st.just(asked), streams(asked)))


@QUICK
@given(ASKED)
def test_a_drawn_request_is_valid_for_both_engines_and_breaks_no_rule(asked: dict[str, Any]) -> None:
    assert REFERENCE.is_valid_request(asked)
    assert CONTRACT.check_request(asked).errors == ()
    assert STRICT.check_request(asked).errors == ()


def test_drawn_requests_use_tools_and_stream_often() -> None:
    drawn: list[dict[str, Any]] = []

    @settings(QUICK, max_examples=1000, derandomize=True, phases=[Phase.generate])
    @given(requests())
    def collect(asked: dict[str, Any]) -> None:
        drawn.append(asked)

    collect()
    assert sum("tools" in asked for asked in drawn) >= 0.3 * len(drawn)
    assert sum(asked.get("stream") is True for asked in drawn) >= 0.25 * len(drawn)


@QUICK
@given(PAIRS)
def test_a_drawn_answer_fits_its_request(pair: tuple[dict[str, Any], dict[str, Any]]) -> None:
    asked, answer = pair
    assert CONTRACT.check_response(answer, request=asked).errors == ()


@settings(QUICK, max_examples=60)
@given(STREAMS)
def test_a_drawn_stream_fits_its_request(pair: tuple[dict[str, Any], list[dict[str, Any]]]) -> None:
    asked, chunks = pair
    assert CONTRACT.check_stream(chunks, request=asked).errors == ()


@settings(QUICK, max_examples=30)
@given(responses(), streams())
def test_answers_to_any_request_are_valid_by_themselves(answer: dict[str, Any], chunks: list[dict[str, Any]]) -> None:
    assert CONTRACT.check_response(answer).errors == ()
    assert CONTRACT.check_stream(chunks).errors == ()


@pytest.mark.nightly
@settings(QUICK, max_examples=2000)
@given(ASKED)
def test_two_thousand_drawn_requests_are_valid(asked: dict[str, Any]) -> None:
    assert REFERENCE.is_valid_request(asked)
    assert CONTRACT.check_request(asked).errors == ()


def test_anything_shrinks_to_one_message_of_a_user() -> None:
    assert find(requests(), lambda asked: True, settings=ALONE) == SMALLEST


def test_a_cause_shrinks_to_little_more_than_itself() -> None:
    with_tools = find(requests(), lambda asked: "tools" in asked, settings=ALONE)
    assert with_tools == {**SMALLEST, "tools": [{"type": "function", "function": {"name": "get_weather"}}]}
    hot = find(requests(), lambda asked: (asked.get("temperature") or 0) > 1, settings=ALONE)
    assert hot["messages"] == SMALLEST["messages"]
    assert len(hot) <= len(SMALLEST) + 3


@pytest.mark.nightly
def test_an_answered_call_shrinks_to_three_messages() -> None:
    answered = find(requests(), lambda asked: asked["messages"][-1]["role"] == "tool", settings=ALONE)
    assert [message["role"] for message in answered["messages"]] == ["user", "assistant", "tool"]
    assert answered.keys() == {*SMALLEST, "tools"}


def test_an_answer_shrinks_to_a_short_text() -> None:
    smallest = find(responses(SMALLEST), lambda answer: True, settings=ALONE)
    assert smallest["choices"][0]["message"]["content"] == "Hi"
    assert len(find(streams(SMALLEST), lambda chunks: True, settings=ALONE)) == 4


def test_without_hypothesis_the_next_step_is_told() -> None:
    code = """
import sys
sys.modules["hypothesis"] = None
from chatcontract.generate import examples, requests
assert next(examples())
try:
    requests()
except ImportError as error:
    print(error)
"""
    told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert "pip install 'chatcontract[fuzz]'" in told


@pytest.mark.parametrize("options", [{"model": ""}, {"tools": True, "without": {"tools"}}])
def test_options_are_judged_when_the_strategy_is_made(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"model is empty|tools is both"):
        requests(**options)
