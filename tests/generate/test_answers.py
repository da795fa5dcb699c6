"""Generated answers fit their requests, whole and streamed."""

from collections import Counter
from itertools import islice
from typing import Any

import pytest

from chatcontract import Contract, Severity
from chatcontract.chunks import Folder
from chatcontract.generate import Coverage, examples
from chatcontract.generate.answers import response
from chatcontract.generate.draws import Seeded
from chatcontract.generate.pieces import stream

OPTIONS: list[dict[str, Any]] = [{}, {"deprecated": True}, {"tools": True}]
HARD = {"type": "object", "properties": {"a": {"type": "string", "pattern": "^[0-9]{40}$"}}, "required": ["a"]}


def errors(found: Any) -> list[Any]:
    return [one for one in found if one.severity is not Severity.INFO]


@pytest.mark.parametrize("profile", ["openai", "strict"])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_an_answer_beside_its_request_breaks_no_rule(options: dict[str, Any], profile: Any) -> None:
    contract, draws = Contract.load(profile=profile), Seeded(2)
    for asked in islice(examples(seed=2, stream=False, **options), 250):
        made = response(draws, asked)
        assert contract.is_valid_response(made)
        assert errors(contract.check_response(made, request=asked)) == []


@pytest.mark.parametrize("profile", ["openai", "strict"])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_a_stream_beside_its_request_breaks_no_rule(options: dict[str, Any], profile: Any) -> None:
    contract, draws = Contract.load(profile=profile), Seeded(3)
    for asked in islice(examples(seed=3, stream=True, **options), 150):
        made = stream(draws, asked)
        assert all(contract.is_valid_chunk(chunk) for chunk in made)
        assert errors(contract.check_stream(made, request=asked)) == []


def test_the_reference_engine_accepts_answers_and_chunks() -> None:
    contract, draws = Contract.load(engine="jsonschema"), Seeded(4)
    for asked in islice(examples(seed=4), 60):
        assert contract.is_valid_response(response(draws, asked))
        assert all(contract.is_valid_chunk(chunk) for chunk in stream(draws, asked)[:20])


def test_a_stream_adds_up_to_the_answer_that_the_same_choices_make() -> None:
    for number, asked in enumerate(islice(examples(seed=5, stream=True, deprecated=True), 200)):
        folder = Folder()
        assert [breach for chunk in stream(Seeded(number), asked) for breach in folder.feed(chunk)] == []
        whole = response(Seeded(number), asked)
        for mine, other in zip(folder.completion()["choices"], whole["choices"], strict=True):
            other["message"].pop("annotations", None)
            assert mine == other


def test_answers_of_every_kind_occur() -> None:
    draws, seen = Seeded(6), Counter[str]()
    for asked in islice(examples(seed=6, deprecated=True), 900):
        for choice in response(draws, asked)["choices"]:
            message = choice["message"]
            seen.update([choice["finish_reason"], *(name for name in message if message[name])])
            seen.update(call["type"] for call in message.get("tool_calls", ()))
            seen["logprobs"] += choice["logprobs"] is not None
    wanted = {"stop", "length", "content_filter", "tool_calls", "function_call", "content", "refusal", "audio",
              "function", "custom", "logprobs"}  # fmt: skip
    assert {name for name in wanted if not seen[name]} == set()


def test_coverage_counts_the_branches_of_answers_and_chunks_too() -> None:
    draws = Seeded(7)
    answers, chunks = Coverage(root="response"), Coverage(root="chunk")
    for asked in islice(examples(seed=7, deprecated=True), 120):
        answers.see(response(draws, asked))
        for chunk in stream(draws, asked):
            chunks.see(chunk)
    assert answers.reached > 0.6 * answers.total
    assert chunks.reached > 0.6 * chunks.total


@pytest.mark.parametrize("wanted", ["tool", "content"])
def test_a_schema_that_nothing_here_can_fill_is_answered_by_a_refusal(wanted: str) -> None:
    asked: dict[str, Any] = {"model": "gpt-5.2", "messages": [{"role": "user", "content": "Hi"}]}
    if wanted == "tool":
        asked["tools"] = [{"type": "function", "function": {"name": "f", "parameters": HARD, "strict": True}}]
        asked["tool_choice"] = "required"
    else:
        given = {"name": "answer", "schema": HARD, "strict": True}
        asked["response_format"] = {"type": "json_schema", "json_schema": given}
    for number in range(20):
        made = response(Seeded(number), asked)
        assert made["choices"][0]["message"]["refusal"]
        assert errors(Contract.load().check_response(made, request=asked)) == []
