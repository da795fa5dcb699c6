"""Folding chunks: what they add up to, and what is newly wrong with their order."""

import copy
import json
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatcontract.chunks import BREACHES, Breach, Folder

JSON = Any
HEAD = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1741569952, "model": "gpt-4.1"}
USAGE = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
ROLE = {"role": "assistant", "content": ""}


def chunk(delta: JSON = None, finish: str | None = None, index: JSON = 0, **others: JSON) -> dict[str, JSON]:
    choice = {"index": index, "delta": delta or {}, "finish_reason": finish, "logprobs": None}
    return {**HEAD, "choices": [choice], **others}


def logged(delta: JSON) -> dict[str, JSON]:
    piece = chunk(delta)
    piece["choices"][0]["logprobs"] = {"content": [{"token": "a"}], "refusal": None}
    return piece


def call(index: JSON = 0, name: JSON = None, arguments: JSON = None, **members: JSON) -> dict[str, JSON]:
    """A chunk with one fragment of a function call; what is None is left out."""
    body = {key: value for key, value in (("name", name), ("arguments", arguments)) if value is not None}
    fragment = {"index": index, **members, "function": body}
    return chunk({"tool_calls": [{key: value for key, value in fragment.items() if value is not None}]})


def together(*chunks: JSON) -> JSON:
    """A chunk with the fragments of all of these."""
    return chunk(
        {"tool_calls": [fragment for piece in chunks for fragment in piece["choices"][0]["delta"]["tool_calls"]]}
    )


def usage_chunk(**others: JSON) -> dict[str, JSON]:
    return {**HEAD, "choices": [], "usage": USAGE, **others}


FIRST_CALL = {"id": "call_1", "type": "function", "name": "f", "arguments": ""}
SECOND_CALL = {**FIRST_CALL, "id": "call_2"}
CUSTOM = {"index": 0, "id": "call_1", "type": "custom", "custom": {"name": "f", "input": ""}}
START, STOP = chunk(ROLE), chunk(finish="stop")


def breaches_of(chunks: Iterable[JSON]) -> list[Breach]:
    folder = Folder()
    return [breach for piece in chunks for breach in folder.feed(piece)] + list(folder.close())


def tags_of(*chunks: JSON) -> list[str]:
    return [breach.tag for breach in breaches_of(chunks)]


def folded(*chunks: JSON) -> Any:
    folder = Folder()
    for piece in chunks:
        folder.feed(piece)
    return folder.completion()


def message_of(*deltas: JSON) -> Any:
    return folded(*map(chunk, deltas))["choices"][0]["message"]


def test_a_usual_stream_has_no_breach_and_adds_up_to_its_answer() -> None:
    stream = [
        chunk(ROLE, usage=None, obfuscation="x", service_tier="default", system_fingerprint="fp_1"),
        chunk(
            {"content": "Hel"},
            usage=None,
            obfuscation="xy",
            service_tier="default",
            system_fingerprint="fp_1",
        ),
        chunk({"content": "lo"}, usage=None, obfuscation="z", service_tier="default", system_fingerprint="fp_1"),
        chunk(finish="stop", usage=None, service_tier="default", system_fingerprint="fp_1"),
        usage_chunk(service_tier="default", system_fingerprint="fp_1"),
    ]
    assert breaches_of(stream) == []
    assert folded(*stream) == {
        **HEAD,
        "object": "chat.completion",
        "service_tier": "default",
        "system_fingerprint": "fp_1",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Hello", "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": USAGE,
    }


def test_what_was_never_streamed_is_absent_save_content_and_refusal() -> None:
    assert folded({"choices": [{"index": 0, "delta": {}}]}) == {
        "object": "chat.completion",
        "choices": [{"index": 0, "message": {"content": None, "refusal": None}, "finish_reason": None}],
    }
    assert folded() == {"object": "chat.completion", "choices": []}


def test_an_empty_answer_is_an_empty_text_and_beside_calls_it_is_null() -> None:
    assert message_of(ROLE)["content"] == ""
    assert message_of(ROLE, {"refusal": "No."}) == {"role": "assistant", "content": None, "refusal": "No."}
    assert folded(START, call(**FIRST_CALL))["choices"][0]["message"]["content"] is None


def test_tool_calls_are_put_together_by_index() -> None:
    stream = [
        START,
        call(0, **FIRST_CALL),
        call(1, "g", "", id="call_2", type="function"),
        call(1, arguments='{"b"'),
        call(0, arguments='{"a": 1}'),
        call(1, arguments=": 2}"),
        chunk(finish="tool_calls"),
    ]
    assert [breach.tag for breach in breaches_of(stream)] == ["tool-calls-interleaved"]
    assert folded(*stream)["choices"][0]["message"]["tool_calls"] == [
        {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}},
        {"id": "call_2", "type": "function", "function": {"name": "g", "arguments": '{"b": 2}'}},
    ]


def test_custom_calls_and_the_deprecated_function_call_are_put_together() -> None:
    custom = {"index": 0, "id": "call_1", "type": "custom", "custom": {"name": "sh", "input": "l"}}
    message = message_of(ROLE, {"tool_calls": [custom]}, {"tool_calls": [{"index": 0, "custom": {"input": "s"}}]})
    assert message["tool_calls"] == [{"id": "call_1", "type": "custom", "custom": {"name": "sh", "input": "ls"}}]
    pieces = ({"function_call": {"name": "f", "arguments": "{"}}, {"function_call": {"arguments": "}"}})
    assert message_of(ROLE, *pieces)["function_call"] == {"name": "f", "arguments": "{}"}


def test_audio_reasoning_and_vendor_members_are_put_together() -> None:
    message = message_of(
        {**ROLE, "audio": {"id": "audio_1", "transcript": "Hi"}},
        {"audio": {"data": "AAA"}, "reasoning_content": "I "},
        {
            "audio": {"data": "BBB", "transcript": "!"},
            "reasoning_content": "see",
            "reasoning_details": [{"a": 1}],
        },
        {"audio": {"expires_at": 9}, "reasoning_details": [{"b": 2}], "annotations": None},
    )
    assert message == {
        "role": "assistant",
        "content": None,
        "refusal": None,
        "audio": {"id": "audio_1", "transcript": "Hi!", "data": "AAABBB", "expires_at": 9},
        "reasoning_content": "I see",
        "reasoning_details": [{"a": 1}, {"b": 2}],
    }


def test_content_in_parts_is_kept_in_order() -> None:
    assert message_of({"content": [{"type": "thinking"}]}, {"content": "a"})["content"] == [
        {"type": "thinking"},
        "a",
    ]


def test_logprobs_are_put_together() -> None:
    logged = [{"token": "a"}], [{"token": "b"}]
    stream = [START, *(chunk({"content": "x"}) for _ in logged)]
    for piece, entries in zip(stream[1:], logged, strict=True):
        piece["choices"][0]["logprobs"] = {"content": entries, "refusal": None}
    assert folded(*stream)["choices"][0]["logprobs"] == {"content": [*logged[0], *logged[1]], "refusal": None}
    assert tags_of(*stream, STOP) == []


def test_choices_may_interleave() -> None:
    deltas = [(0, ROLE), (1, ROLE), (1, {"content": "b"}), (0, {"content": "a"})]
    stream = [chunk(delta, index=index) for index, delta in deltas]
    stream += [chunk(finish="stop", index=1), chunk(finish="length", index=0)]
    assert breaches_of(stream) == []
    choices = folded(*stream)["choices"]
    assert [(choice["message"]["content"], choice["finish_reason"]) for choice in choices] == [
        ("a", "length"),
        ("b", "stop"),
    ]


def test_vendor_members_of_chunk_choice_and_call_are_kept() -> None:
    first = call(0, **FIRST_CALL, extra_content={"google": 1})
    first["choices"][0] |= {
        "native_finish_reason": "STOP",
        "token_ids": [1],
        "content_filter_results": {"hate": 1},
    }
    second = chunk({"content": "a"}, citations=["u"], provider="p", timings={"t": 1})
    second["choices"][0] |= {"token_ids": [2], "content_filter_results": {"sexual": 2}}
    completion = folded(first, second)
    choice = completion["choices"][0]
    assert (completion["citations"], completion["provider"], completion["timings"]) == (["u"], "p", {"t": 1})
    assert choice["token_ids"] == [1, 2]
    assert choice["content_filter_results"] == {"hate": 1, "sexual": 2}
    assert choice["message"]["tool_calls"][0]["extra_content"] == {"google": 1}


LEGAL = {
    "content and finish in one chunk": [START, chunk({"content": "a"}, "stop")],
    "the whole answer in one chunk": [chunk({"role": "assistant", "content": "a"}, "stop")],
    "first content null": [chunk({"role": "assistant", "content": None}), STOP],
    "usage null before": [chunk(ROLE, usage=None), chunk(finish="stop", usage=None), usage_chunk()],
    "fingerprint null": [chunk(ROLE, system_fingerprint=None), chunk(finish="stop", system_fingerprint=None)],
    "azure's filter first": [
        {"choices": [], "created": 0, "id": "", "model": "", "object": "", "prompt_filter_results": [{}]},
        START,
        STOP,
    ],
    "azure's filter later": [START, {**chunk(), "id": "", "model": "", "object": "", "created": 0}, STOP],
    "moderation alone": [START, STOP, {**HEAD, "choices": [], "moderation": {}}],
    "moderation after the usage": [START, STOP, usage_chunk(), {**HEAD, "choices": [], "moderation": {}}],
    "an error ends it": [START, {"error": {"message": "m", "type": "t", "param": None, "code": None}}],
    "finish_details of 2023": [
        START,
        {**HEAD, "choices": [{"index": 0, "delta": {}, "finish_details": {"type": "stop"}}]},
    ],
    "empty delta after the end": [START, STOP, chunk()],
    "whole call in one fragment": [
        START,
        call(**{**FIRST_CALL, "arguments": "{}"}),
        chunk(finish="tool_calls"),
    ],
    "type told in every fragment": [START, call(**FIRST_CALL), call(type="function", arguments="{}"), STOP],
}
AMID = {
    "index as a float": ([chunk({"content": "a"}, index=0.0)], ["choice-index-float"]),
    "index of a call as a float": ([call(0.0, **FIRST_CALL)], ["tool-index-float"]),
    "an index twice": (
        [{**HEAD, "choices": [*START["choices"], *START["choices"]]}],
        ["choice-index-twice", "role-repeated"],
    ),
    "text again": ([chunk({"content": text}) for text in ("Hello ", "world", "Hello world", "")], ["content-again"]),
    "text so far": (
        [chunk({"content": text}) for text in ("Hello", "Hello wo", "Hello world")],
        ["content-cumulative"],
    ),
    "empty error": ([chunk(error={})], ["error-hollow"]),
    "a message": ([{**HEAD, "choices": [{**chunk({})["choices"][0], "message": None}]}], ["message-in-chunk"]),
    "null error": ([chunk(error=None)], ["error-hollow"]),
    "fragment of nothing": ([call(**FIRST_CALL), chunk({"tool_calls": [{"index": 0}]})], ["tool-body-missing"]),
    "calls in one delta": (
        [together(call(0, **FIRST_CALL), call(1, **SECOND_CALL))],
        ["tool-calls-together"],
    ),
    "calls in turns": (
        [call(0, **FIRST_CALL), call(1, **SECOND_CALL), call(0, arguments="{}"), call(1, arguments="{}")],
        ["tool-calls-interleaved"],
    ),
    "fragments in one delta": (
        [together(call(0, **FIRST_CALL), call(0, arguments="{}"))],
        ["tool-fragments-together"],
    ),
    "details without index": ([chunk({"details": [{"text": text}]}) for text in "ab"], ["delta-list-unindexed"]),
    "details with index": ([chunk({"details": [{"text": text, "index": 0}]}) for text in "ab"], []),
    "details, then none": ([chunk({"details": [{"text": "a"}]}), chunk({"details": []})], []),
    "tiers": ([chunk({}, service_tier="flex"), chunk(), chunk(service_tier="default")], ["service-tier-changed"]),
    "no calls": ([chunk({"tool_calls": []}), chunk({"tool_calls": []})], ["tool-calls-empty"]),
    "arguments again": (
        [call(**{**FIRST_CALL, "arguments": '{"a"'}), call(arguments=": 1}"), call(arguments='{"a": 1}')],
        ["tool-arguments-again"],
    ),
    "no input": ([chunk({"tool_calls": [{**CUSTOM, "custom": {"name": "f"}}]})], ["tool-custom-without-input"]),
    "null input": (
        [chunk({"tool_calls": [{**CUSTOM, "custom": {"name": "f", "input": None}}]})],
        ["tool-arguments-null", "tool-custom-without-input"],
    ),
    "function with custom": ([chunk({"tool_calls": [{**CUSTOM, "type": "function"}]})], ["tool-kind-contradicted"]),
    "custom, then arguments": ([chunk({"tool_calls": [CUSTOM]}), call(arguments="{}")], ["tool-kind-contradicted"]),
    "another type": ([call(**FIRST_CALL), call(type="custom")], ["tool-kind-contradicted"]),
    "no choices in the middle": ([{**HEAD, "choices": []}], ["choices-empty"]),
    "role blank later": ([chunk({"role": ""})], ["role-null"]),
    "role in every delta": ([START, START], ["role-repeated"]),
    "usage not last": ([usage_chunk()], ["chunk-after-usage"]),
    "fragment without index": ([call(None, **FIRST_CALL)], ["tool-index-missing"]),
    "index true": ([call(True, **FIRST_CALL)], ["tool-index-missing"]),
    "calls from 1": ([call(1, **FIRST_CALL)], ["tool-index-gap"]),
    "call without id": ([call(name="f", type="function")], ["tool-first-without-id"]),
    "call with blank id": ([call(name="f", type="function", id="")], ["tool-first-without-id"]),
    "call without type": ([call(name="f", id="1")], ["tool-first-without-type"]),
    "call without name": ([call(id="1", type="function")], ["tool-first-without-name"]),
    "name late": (
        [call(id="1", type="function"), call(name="f")],
        ["tool-first-without-name", "tool-name-late"],
    ),
    "id late": ([call(name="f", type="function"), call(id="1")], ["tool-first-without-id", "tool-id-late"]),
    "id blank in a later fragment": ([call(**FIRST_CALL), call(id="")], ["tool-id-blank"]),
    "name blank later": ([call(**FIRST_CALL), call(name="")], ["tool-name-blank"]),
    "id told again": ([call(**FIRST_CALL), call(id="call_1")], ["tool-id-repeated"]),
    "name told again": ([call(**FIRST_CALL), call(name="f")], ["tool-name-repeated"]),
    "another id": ([call(**FIRST_CALL), call(id="call_2")], ["tool-id-changed"]),
    "another name": ([call(**FIRST_CALL), call(name="g")], ["tool-name-changed"]),
    "index used again": ([call(**FIRST_CALL), call(**{**FIRST_CALL, "id": "call_2"})], ["tool-index-reused"]),
    "arguments null": (
        [call(**FIRST_CALL), chunk({"tool_calls": [{"index": 0, "function": {"arguments": None}}]})],
        ["tool-arguments-null"],
    ),
    "arguments an object": ([call(**{**FIRST_CALL, "arguments": {}})], ["tool-arguments-not-text"]),
    "content and refusal": ([chunk({"content": "a"}), chunk({"refusal": "b"})], ["content-and-refusal"]),
}
ILLEGAL = {name: ([START, *stream, STOP], tags) for name, (stream, tags) in AMID.items()} | {
    "id": ([START, {**STOP, "id": "x"}], ["id-changed"]),
    "created": ([START, {**STOP, "created": 1}], ["created-changed"]),
    "model": ([START, {**STOP, "model": "x"}], ["model-changed"]),
    "object": ([START, {**STOP, "object": "chat.completion"}], ["object-changed"]),
    "fingerprint": (
        [chunk(ROLE, system_fingerprint="a"), chunk(finish="stop", system_fingerprint="b")],
        ["system-fingerprint-changed"],
    ),
    "two choices in one chunk": (
        [{**HEAD, "choices": [chunk(ROLE, "stop", at)["choices"][0] for at in (0, 1)]}],
        ["choices-together"],
    ),
    "a lower index begins later": (
        [chunk(ROLE, index=1), START, chunk(finish="stop", index=1), STOP],
        ["choice-index-late"],
    ),
    "a choice begins after the end of the others": (
        [START, STOP, chunk(ROLE, index=1), chunk(finish="stop", index=1)],
        ["choice-begun-late"],
    ),
    "id blank later": ([START, {**STOP, "id": ""}], ["id-changed"]),
    "no role": ([chunk({"content": "a"}), STOP], ["role-missing"]),
    "role null": ([chunk({"role": None, "content": "a"}), STOP], ["role-null"]),
    "role of a user": ([chunk({"role": "user"}), STOP], ["role-not-assistant"]),
    "role late": (
        [chunk({"content": "a"}), chunk({"role": "assistant"}), STOP],
        ["role-missing", "role-late"],
    ),
    "content after the end": ([START, STOP, chunk({"content": "a"})], ["content-after-finish"]),
    "reasoning after the end": ([START, STOP, chunk({"reasoning": "a"})], ["content-after-finish"]),
    "a number after the end": ([START, STOP, chunk({"token_id": 128009})], []),
    "audio after the end": ([START, STOP, chunk({"audio": {"id": "a"}})], ["content-after-finish"]),
    "call after the end": ([START, STOP, call(**FIRST_CALL)], ["tool-call-after-finish"]),
    "old call after the end": (
        [START, STOP, chunk({"function_call": {"name": "f"}})],
        ["tool-call-after-finish"],
    ),
    "the end twice": ([START, STOP, STOP], ["finish-repeated"]),
    "two ends": ([START, STOP, chunk(finish="length")], ["finish-contradicted"]),
    "no end": ([START], ["finish-missing"]),
    "end blank": ([chunk(ROLE, ""), STOP], ["finish-blank"]),
    "only the second choice": ([chunk(ROLE, index=1), chunk(finish="stop", index=1)], ["choice-index-gap"]),
    "negative index": ([chunk(ROLE, index=-1), chunk(finish="stop", index=-1)], ["choice-index-gap"]),
    "only usage": ([usage_chunk()], ["no-choices"]),
    "usage twice": ([START, STOP, usage_chunk(), usage_chunk()], ["usage-repeated"]),
    "usage on a chunk": ([START, chunk(finish="stop", usage=USAGE)], ["usage-with-choices"]),
    "usage on every chunk": (
        [chunk(ROLE, usage=USAGE), chunk(finish="stop", usage=USAGE)],
        ["usage-with-choices", "usage-repeated"],
    ),
    "audio before its id": ([chunk({**ROLE, "audio": {"data": "A"}}), STOP], ["audio-before-id"]),
    "audio after its end": (
        [chunk({**ROLE, "audio": {"id": "a", "expires_at": 1}}), chunk({"audio": {"data": "A"}}), STOP],
        ["audio-after-expiry"],
    ),
    "another audio": (
        [chunk({**ROLE, "audio": {"id": "a"}}), chunk({"audio": {"id": "b"}}), STOP],
        ["audio-id-changed"],
    ),
    "logprobs now and then": ([logged(ROLE), chunk({"content": "a"}), STOP], ["logprobs-missing"]),
}


@pytest.mark.parametrize("stream", LEGAL.values(), ids=LEGAL.keys())
def test_what_is_legal_has_no_breach(stream: list[JSON]) -> None:
    assert breaches_of(stream) == []


@pytest.mark.parametrize(("stream", "expected"), ILLEGAL.values(), ids=ILLEGAL.keys())
def test_what_is_wrong_is_told_and_nothing_else(stream: list[JSON], expected: list[str]) -> None:
    assert tags_of(*stream) == expected


def test_every_tag_of_the_table_occurs_in_these_tests() -> None:
    assert {tag for _, expected in ILLEGAL.values() for tag in expected} == BREACHES.keys()


def test_a_fault_hides_no_other() -> None:
    first = {**chunk({"content": "a"}, "stop", usage=USAGE)}
    second = {**call(1, arguments="{}"), "id": "x", "model": "y"}
    assert tags_of(first, second) == [
        "usage-with-choices",
        "role-missing",
        "id-changed",
        "model-changed",
        "chunk-after-usage",
        "tool-call-after-finish",
        "tool-index-gap",
        "tool-first-without-id",
        "tool-first-without-type",
        "tool-first-without-name",
    ]


@pytest.mark.parametrize("position", [0, 1])
def test_a_breach_is_told_of_each_choice_at_its_place_in_the_chunk(position: int) -> None:
    choices: list[Any] = [{"index": index, "delta": {"role": "assistant"}, "finish_reason": "stop"} for index in (0, 1)]
    del choices[position]["delta"]["role"]
    together, breach = breaches_of([{**HEAD, "choices": choices}])
    assert together.tag == "choices-together"
    assert (breach.tag, breach.pointer) == ("role-missing", f"/choices/{position}/delta")


def test_calls_that_share_an_index_are_kept_apart() -> None:
    second = {**FIRST_CALL, "id": "call_2", "name": "g"}
    stream = [START, call(**FIRST_CALL), call(arguments="{}"), call(**second), call(arguments="[]")]
    calls = folded(*stream)["choices"][0]["message"]["tool_calls"]
    assert [(entry["id"], entry["function"]["arguments"]) for entry in calls] == [
        ("call_1", "{}"),
        ("call_2", "[]"),
    ]


def test_fragments_without_index_go_to_the_last_call_or_begin_one() -> None:
    second = {**FIRST_CALL, "id": "call_2"}
    stream = [
        call(None, **FIRST_CALL),
        call(None, arguments="1"),
        call(None, **second),
        call(None, arguments="2"),
    ]
    calls = folded(*stream)["choices"][0]["message"]["tool_calls"]
    assert [entry["function"]["arguments"] for entry in calls] == ["1", "2"]


names = st.sampled_from(
    ["id", "object", "created", "model", "system_fingerprint", "service_tier", "choices", "usage",
     "error", "index", "delta", "finish_reason", "finish_details", "logprobs", "role", "content",
     "refusal", "tool_calls", "type", "function", "custom", "name", "arguments", "input",
     "function_call", "audio", "data", "transcript", "expires_at", "reasoning", "moderation",
     "prompt_filter_results", "x~/"]
)  # fmt: skip
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3) | st.just("assistant")
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=5),
    max_leaves=25,
)
fragments = st.dictionaries(names, anything, max_size=5)
deltas = st.dictionaries(names, anything | st.lists(fragments, max_size=3), max_size=5)
likely = st.fixed_dictionaries(
    {"choices": st.lists(st.fixed_dictionaries({"delta": deltas}, optional={"index": scalars}), max_size=3)},
    optional={
        "usage": anything,
        "id": scalars,
        "error": anything,
        "moderation": anything,
        "created": anything,
    },
)


@given(st.lists(anything | likely, max_size=6))
def test_no_json_makes_it_raise_or_is_changed_by_it(stream: list[JSON]) -> None:
    before = copy.deepcopy(stream)
    folder = Folder()
    for piece in stream:
        breaches = folder.feed(piece)
        assert {breach.tag for breach in breaches} <= BREACHES.keys()
        assert folder.completion()["object"] == "chat.completion"
    folder.close()
    json.dumps(folder.completion())
    assert repr(stream) == repr(before)


@pytest.mark.parametrize(
    "deep", [10**5000, "x" * 10**6, json.loads("[" * 900 + "]" * 900)], ids=["int", "text", "list"]
)
def test_extreme_values_pass_through(deep: JSON) -> None:
    stream = [
        {**HEAD, "id": deep},
        {**HEAD, "id": deep},
        {**HEAD, "id": [deep]},
        {**HEAD, "id": 1},
        {**HEAD, "id": deep},
    ]
    assert all(len(breach.message) < 300 for breach in breaches_of([*stream, *reversed(stream)]))


def split(text: str, bounds: list[int]) -> list[str]:
    places = [0, *sorted(min(bound, len(text)) for bound in bounds), len(text)]
    return [text[a:b] for a, b in pairwise(places)]


bounds = st.lists(st.integers(0, 12), max_size=5)
answers = st.fixed_dictionaries(
    {
        "content": st.text(min_size=1, max_size=12),
        "reasoning": st.text(max_size=12),
        "arguments": st.text(max_size=12),
    }
)


def streamed(answer: dict[str, str], cuts: tuple[list[int], list[int], list[int]]) -> list[JSON]:
    names = ("content", "reasoning", "arguments")
    content, reasoning, arguments = (split(answer[name], cut) for name, cut in zip(names, cuts, strict=True))
    return [
        chunk(ROLE),
        *(chunk({"reasoning": piece}) for piece in reasoning),
        *(chunk({"content": piece}) for piece in content),
        call(0, **FIRST_CALL),
        *(call(0, arguments=piece) for piece in arguments),
        chunk(finish="tool_calls"),
        usage_chunk(),
    ]


@given(answers, st.tuples(bounds, bounds, bounds), st.tuples(bounds, bounds, bounds))
def test_every_way_to_cut_an_answer_adds_up_to_the_same(answer: Any, cuts: Any, other_cuts: Any) -> None:
    stream = streamed(answer, cuts)
    assert breaches_of(stream) == []
    completion = folded(*stream)
    assert completion == folded(*streamed(answer, other_cuts))
    message = completion["choices"][0]["message"]
    assert (message["content"], message["reasoning"]) == (answer["content"], answer["reasoning"])
    assert message["tool_calls"][0]["function"]["arguments"] == answer["arguments"]


def test_the_work_grows_with_the_number_of_chunks() -> None:
    class Watched(dict[str, JSON]):
        reads = 0

        def get(self, *args: Any) -> Any:
            Watched.reads += 1
            return super().get(*args)

    def reads(count: int) -> int:
        Watched.reads = 0
        breaches_of([Watched(chunk({"content": "a"})) for _ in range(count)])
        return Watched.reads

    assert 0 < reads(2000) <= 2 * reads(1000)
