"""The enumerator: its requests are valid, meaningful, varied, and the same for the same seed."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from functools import cache
from itertools import islice
from typing import Any

import pytest

from chatcontract import Contract, Severity
from chatcontract.generate import examples
from chatcontract.generate.grammar import removable
from chatcontract.model import Engine

COUNT = 2000
ENGINES: tuple[Engine, ...] = ("jsonschema-rs", "jsonschema")


@cache
def made(**options: Any) -> tuple[dict[str, Any], ...]:
    return tuple(islice(examples(seed=1, **options), COUNT))


@cache
def contract(profile: Any = "openai", engine: Engine = "jsonschema-rs") -> Contract:
    return Contract.load(profile=profile, engine=engine)


def parts(body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for message in body["messages"]:
        content = message.get("content")
        yield from (part for part in (content if isinstance(content, list) else []) if isinstance(part, dict))


def form(choice: Any) -> str:
    return choice["type"] if isinstance(choice, dict) else str(choice)


OPTIONS: list[dict[str, Any]] = [{}, {"deprecated": True}, {"tools": True, "stream": True}, {"tools": False}]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("profile", ["openai", "strict"])
def test_no_rule_has_anything_against_a_request(options: dict[str, Any], profile: Any) -> None:
    bodies = made(**options) if not options else made(**options)[::4]
    told = [(found, body) for body in bodies for found in contract(profile).check_request(body)]
    assert [one for one in told if one[0].severity is not Severity.INFO] == []


def test_both_engines_accept_every_request() -> None:
    assert all(contract().is_valid_request(body) for body in made())
    assert all(contract("openai", "jsonschema").is_valid_request(body) for body in made()[::8])


@pytest.mark.nightly
def test_the_reference_engine_accepts_every_request_of_all_kinds() -> None:
    for body in (*made(), *made(deprecated=True), *made(undocumented=True)):
        assert contract("openai", "jsonschema").is_valid_request(body)


def test_what_is_only_accepted_breaks_no_rule_of_the_service() -> None:
    assert [body for body in made(undocumented=True) if contract().check_request(body).errors] == []


def test_requests_use_tools_and_stream_often() -> None:
    assert sum("tools" in body for body in made()) >= 0.3 * COUNT
    assert sum(body.get("stream") is True for body in made()) >= 0.25 * COUNT


def test_every_role_part_format_and_choice_occurs() -> None:
    bodies = (*made(), *made(deprecated=True))
    roles = {message["role"] for body in bodies for message in body["messages"]}
    assert roles == {"developer", "system", "user", "assistant", "tool", "function"}
    kinds = {part["type"] for body in bodies for part in parts(body)}
    assert kinds == {"text", "image_url", "input_audio", "file", "refusal"}
    formats = {(body.get("response_format") or {}).get("type") for body in bodies}
    assert formats == {None, "text", "json_object", "json_schema"}
    choices = {form(body["tool_choice"]) for body in bodies if "tool_choice" in body}
    assert choices == {"none", "auto", "required", "function", "custom", "allowed_tools"}


def test_every_parameter_of_the_document_occurs() -> None:
    document = contract().document["components"]["schemas"]["CreateChatCompletionRequest"]["properties"]
    used = Counter(name for body in (*made(), *made(deprecated=True)) for name in body)
    assert set(document) - set(used) == set()


def test_parameters_stand_at_their_bounds_and_between() -> None:
    drawn = [body["temperature"] for body in made() if body.get("temperature") is not None]
    assert {0, 2} <= set(drawn)
    assert any(0 < value < 2 for value in drawn)
    assert {1, 128} <= {body.get("n") for body in made()}


def test_tool_messages_answer_the_calls_before_them() -> None:
    answered = 0
    for body in made(tools=True):
        calls = [call["id"] for message in body["messages"] for call in message.get("tool_calls", ())]
        answers = [message["tool_call_id"] for message in body["messages"] if message["role"] == "tool"]
        assert sorted(calls) == sorted(answers)
        assert len(set(calls)) == len(calls)
        answered += len(calls)
    assert answered > COUNT // 4


def test_hard_unicode_occurs_and_is_always_encodable() -> None:
    text = json.dumps(made(), ensure_ascii=False)
    assert text.encode()
    assert "\0" not in text
    for needed in ("\U0001f600", "\u0645", "\u0301", "\u2028"):
        assert needed in text


def test_the_same_seed_gives_the_same_requests_in_another_process() -> None:
    code = (
        "import json; from itertools import islice; from chatcontract.generate import examples;"
        "print(json.dumps(list(islice(examples(seed=5), 50))))"
    )
    told = [subprocess.run([sys.executable, "-c", code], check=True, capture_output=True).stdout for _ in range(2)]
    assert told[0] == told[1]
    assert json.loads(told[0]) == list(islice(examples(seed=5), 50))
    assert json.loads(told[0]) != list(islice(examples(seed=6), 50))


def test_the_enumerator_imports_no_hypothesis() -> None:
    code = "import sys; from chatcontract.generate import *; next(examples()); next(covering()); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert "hypothesis" not in loaded


def test_a_fixed_model_is_asked_only_what_it_takes() -> None:
    names = ("o3", "gpt-3.5-turbo", "gpt-audio", "gpt-4o-search-preview", "o1-mini", "llama-3")
    for model in (*names, "gpt-4", "gpt-5.1", "gpt-5.4", "gpt-5.6-sol"):
        for body in islice(examples(model=model, deprecated=True), 150):
            assert body["model"] == model
            assert [one for one in contract().check_request(body) if one.severity is not Severity.INFO] == []


def test_what_is_ruled_out_never_occurs() -> None:
    barred = {"n", "image_url", "input_audio", "audio", "developer", "logprobs", "custom", "tool_choice", "stop"}
    for body in islice(examples(without=barred), 1000):
        assert not barred & set(body)
        assert not barred & {part["type"] for part in parts(body)}
        assert not barred & {message["role"] for message in body["messages"]}
        assert not barred & {tool["type"] for tool in body.get("tools", ())}


def test_tools_that_are_offered_are_often_asked_for_by_name() -> None:
    asking = 0
    for body in made(tools=True):
        names = [tool[tool["type"]]["name"] for tool in body["tools"]]
        said = body["messages"][-1]["content"]
        asking += isinstance(said, str) and any(f" {name}" in said for name in names)
    assert asking > COUNT // 10


def test_every_parameter_may_be_left_out_by_itself() -> None:
    for name in sorted(removable()):
        for body in islice(examples(seed=9, without={name}, deprecated=True), 60):
            assert name not in body
            assert [one for one in contract().check_request(body) if one.severity is not Severity.INFO] == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"colour": 1}, "no option is called 'colour'"),
        ({"model": " "}, "model is empty"),
        ({"without": {"messages"}}, "`without` takes a set of audio"),
        ({"without": "n"}, "`without` takes a set of"),
        ({"stream": True, "without": {"stream"}}, "stream is both asked for and ruled out"),
        ({"tools": True, "without": {"tools"}}, "tools is both asked for and ruled out"),
        ({"model": "gpt-audio", "without": {"audio", "input_audio"}}, "needs sound"),
    ],
)
def test_options_that_contradict_each_other_are_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        examples(**options)
