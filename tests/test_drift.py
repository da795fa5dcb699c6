"""Drift is what changed in shape: each kind is found where it is, wording is not, and no JSON is too much."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatcontract.drift import KINDS, MAX_DRIFT, VOLATILE, Drift, compare, severities
from chatcontract.examples import (
    CALL,
    GONE,
    STREAM,
    USAGE,
    Example,
    chunk,
    error,
    events,
    logged,
    response,
    stream,
    token,
    usage_chunk,
)
from chatcontract.model import JSON, Exchange, Response, Severity
from chatcontract.outline import MAX_PLACES
from chatcontract.reading import Reading

PAGE = (Path(__file__).parents[1] / "docs" / "replay.md").read_text(encoding="utf-8")
JSON_HEADERS = (("content-type", "application/json"),)
CHUNKS = list(STREAM)
CALLED = {"/choices/0/message/tool_calls": [CALL]}


def reading(example: Example) -> Reading:
    return Reading(example.exchange())


def answered(body: bytes, status: int = 200) -> Reading:
    return Reading(Exchange("one", None, Response(status, JSON_HEADERS, body)))


def streamed(*chunks: JSON) -> Reading:
    return reading(stream(body=events(list(chunks))))


def found(before: Reading, after: Reading) -> list[tuple[str, str, str, str]]:
    return [(one.kind, one.pointer, one.before, one.after) for one in compare(before, after)]


PLAIN, FAILED, FLOWING = reading(response()), reading(error()), reading(stream())
CASES: dict[str, tuple[Reading, Reading, tuple[str, str, str]]] = {
    "status-changed": (PLAIN, reading(response(status=201)), ("", "200", "201")),
    "media-type-changed": (
        PLAIN,
        reading(response(headers=(("Content-Type", "Text/Plain; charset=utf-8"),))),
        ("", "application/json", "text/plain"),
    ),
    "member-appeared": (
        PLAIN,
        reading(response({"/choices/0/message/reasoning_content": "hm"})),
        ("/choices/*/message/reasoning_content", "absent", "string"),
    ),
    "member-vanished": (
        PLAIN,
        reading(response({"/usage/total_tokens": GONE})),
        ("/usage/total_tokens", "integer", "absent"),
    ),
    "type-changed": (PLAIN, reading(response({"/created": 1.5})), ("/created", "integer", "number")),
    "object-changed": (
        PLAIN,
        reading(response({"/object": "text_completion"})),
        ("/object", '"chat.completion"', '"text_completion"'),
    ),
    "role-changed": (
        PLAIN,
        reading(response({"/choices/0/message/role": "model"})),
        ("/choices/*/message/role", '"assistant"', '"model"'),
    ),
    "finish-reason-changed": (
        FLOWING,
        reading(stream({"/3/choices/0/finish_reason": "length"})),
        ("/choices/*/finish_reason", '"stop"', '"length"'),
    ),
    "tool-calls-changed": (
        reading(response(CALLED)),
        reading(response({"/choices/0/message/tool_calls": [CALL, CALL]})),
        ("/choices/*/message/tool_calls", '"get_weather" ("function")', '2 × "get_weather" ("function")'),
    ),
    "stream-usage-changed": (
        streamed(*CHUNKS[:-1], usage_chunk(), "[DONE]"),
        streamed(*CHUNKS[:-2], {**CHUNKS[-2], "usage": dict(USAGE)}, "[DONE]"),
        ("/usage", "in a chunk of its own", "beside a choice"),
    ),
    "stream-end-changed": (FLOWING, streamed(*CHUNKS[:-1]), ("", "[DONE]", "no [DONE]")),
    "stream-role-changed": (
        FLOWING,
        streamed(*(chunk({"role": "assistant", "content": "", "refusal": None}) for _ in range(3)), *CHUNKS[-2:]),
        ("/choices/*/delta/role", "in the first delta", "in several deltas"),
    ),
    "error-type-changed": (
        FAILED,
        reading(error({"/error/type": "other"})),
        ("/error/type", '"invalid_request_error"', '"other"'),
    ),
    "error-code-changed": (FAILED, reading(error({"/error/code": "odd"})), ("/error/code", "null", '"odd"')),
}  # fmt: skip


@pytest.mark.parametrize("kind", CASES)
def test_a_change_is_told_by_its_kind_at_its_place_with_both_sides(kind: str) -> None:
    before, after, told = CASES[kind]
    assert (kind, *told) in found(before, after)


@pytest.mark.parametrize(
    "kind", sorted(set(CASES) - {"error-code-changed", "stream-usage-changed", "stream-role-changed"})
)
def test_one_change_is_told_once(kind: str) -> None:
    before, after, _ = CASES[kind]
    assert [one[0] for one in found(before, after)] == [kind]


def test_a_stream_in_place_of_a_completion_is_one_change_of_kind_and_media_type() -> None:
    kinds = [one[0] for one in found(PLAIN, FLOWING)]
    assert kinds[:2] == ["media-type-changed", "kind-changed"]
    assert set(kinds) <= {"media-type-changed", "kind-changed", "object-changed"}


def test_an_error_in_place_of_a_completion_is_not_compared_member_by_member() -> None:
    assert [one[0] for one in found(PLAIN, FAILED)] == ["status-changed", "kind-changed"]


def test_a_lost_choice_is_told() -> None:
    two = reading(response({"/choices/-": {**response().payload()["choices"][0], "index": 1}}))
    assert ("choices-changed", "/choices", "2", "1") in found(two, PLAIN)


def test_several_choices_in_a_chunk_are_told() -> None:
    both = chunk({"content": "a"})
    both["choices"].append({**both["choices"][0], "index": 1})
    kinds = [one[0] for one in found(FLOWING, streamed(CHUNKS[0], both, *CHUNKS[1:]))]
    assert "stream-choices-changed" in kinds


def test_a_stream_of_one_chunk_and_an_error_in_a_stream_are_told() -> None:
    whole = chunk({"role": "assistant", "content": "Four.", "refusal": None}, "stop")
    assert ("stream-length-changed", "", "many", "one") in found(FLOWING, streamed(whole, "[DONE]"))
    broken = streamed(*CHUNKS[:2], {"error": {"message": "no"}}, "[DONE]")
    assert ("stream-error-changed", "/error", "none", "told") in found(FLOWING, broken)


def test_every_kind_of_drift_has_an_example_here() -> None:
    elsewhere = {"kind-changed", "choices-changed", "stream-choices-changed", "stream-length-changed",
                 "stream-error-changed", "more-drift"}  # fmt: skip
    assert set(CASES) | elsewhere == set(KINDS)


def test_a_member_is_looked_for_only_where_both_have_its_object() -> None:
    bare = reading(response({"/usage": None}))
    assert found(PLAIN, bare) == [("type-changed", "/usage", "object", "null")]


def test_the_items_of_an_array_come_and_go() -> None:
    cited = {"/choices/0/message/annotations": [{"type": "url_citation", "url_citation": {"url": "https://a"}}]}
    assert found(PLAIN, reading(response(cited))) == []


WORDING: tuple[tuple[str, Reading, Reading], ...] = (
    ("/id", PLAIN, reading(response({"/id": "chatcmpl-other"}))),
    ("/created", PLAIN, reading(response({"/created": 1}))),
    ("/model", PLAIN, reading(response({"/model": "other"}))),
    ("/system_fingerprint", PLAIN, reading(response({"/system_fingerprint": "fp_1"}))),
    ("/service_tier", PLAIN, reading(response({"/service_tier": None}))),
    ("/usage/*", PLAIN, reading(response({"/usage/prompt_tokens": 0}))),
    ("/choices/*/message/content", PLAIN, reading(response({"/choices/0/message/content": ""}))),
    ("/choices/*/message/content", FLOWING, reading(stream({"/1/choices/0/delta/content": "Quattro"}))),
    (
        "/choices/*/message/tool_calls/*/id",
        reading(response(CALLED)),
        reading(response({"/choices/0/message/tool_calls": [{**CALL, "id": "call_2"}]})),
    ),
    (
        "/choices/*/message/tool_calls/*/arguments",
        reading(response(CALLED)),
        reading(response({"/choices/0/message/tool_calls": [
            {**CALL, "function": {"name": "get_weather", "arguments": "{}"}}]})),
    ),
    (
        "/choices/*/logprobs/*/logprob",
        reading(response(logged(token("a", -0.5, {"b": -1.5})))),
        reading(response(logged(token("long", 0, {"c": -9999})))),
    ),
    (
        "/choices/*/logprobs/*/bytes",
        reading(response(logged(token("a"), token("b")))),
        reading(response(logged({**token("<|end|>"), "bytes": None}))),
    ),
    ("/error/message", FAILED, reading(error({"/error/message": "in other words"}))),
)  # fmt: skip


@pytest.mark.parametrize(("pattern", "before", "after"), WORDING, ids=[case[0] for case in WORDING])
def test_wording_is_no_drift(pattern: str, before: Reading, after: Reading) -> None:
    assert pattern in {known.pattern for known in VOLATILE}
    assert found(before, after) == found(after, before) == []


def test_an_integer_that_becomes_a_number_is_drift_elsewhere_than_in_log_probabilities() -> None:
    assert found(PLAIN, reading(response({"/usage/total_tokens": 17.0}))) == [
        ("type-changed", "/usage/total_tokens", "integer", "number")
    ]


def test_what_was_not_recorded_has_no_drift() -> None:
    assert compare(Reading(Exchange("one")), PLAIN) == []
    unknown = Reading(Exchange("one", None, PLAIN.exchange.response._replace(status=None, headers=())))  # type: ignore[union-attr]
    assert found(unknown, PLAIN) == []


def test_severities_are_info_unless_told_otherwise() -> None:
    _, after, _ = CASES["finish-reason-changed"]
    assert {one.severity for one in compare(FLOWING, after)} == {Severity.INFO}
    levels = severities([("all", "ignore"), ("finish-reason-changed", "error")])
    assert [one.severity for one in compare(FLOWING, after, levels)] == [Severity.ERROR]
    assert compare(FLOWING, after, severities([("all", "ignore")])) == []


@pytest.mark.parametrize("pair", [("no-such-kind", "error"), ("status-changed", "fatal")])
def test_an_unknown_kind_or_level_is_refused(pair: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match=r"there are"):
        severities([pair])


def test_what_is_listed_is_bounded_and_says_so() -> None:
    many = answered(json.dumps({**response().payload(), **{f"m{n}": n for n in range(500)}}).encode())
    told = compare(PLAIN, many)
    assert len(told) == MAX_DRIFT + 1
    assert told[-1].kind == "more-drift"
    assert "500" in told[-1].after
    flood = answered(json.dumps({**response().payload(), **{f"m{n}": n for n in range(MAX_PLACES + 10)}}).encode())
    assert "more-drift" in [one.kind for one in compare(PLAIN, flood)]


def test_a_key_in_the_name_of_a_member_is_not_told() -> None:
    odd = answered(json.dumps({**response().payload(), "sk-abcdefgh12345678": 1}).encode())
    assert "[Filtered]" in str(found(PLAIN, odd))
    assert "abcdefgh" not in str(found(PLAIN, odd))


JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
        st.sampled_from(["choices", "message", "delta", "usage", "error", "logprobs", "tool_calls", "role", "object",
                         "function", "name", "type", "code", "finish_reason", "index", "a/b", "*", "7"]),
        inner, max_size=5),
    max_leaves=20,
)  # fmt: skip
BODIES = st.one_of(
    JSONS.map(lambda value: json.dumps(value).encode()),
    st.lists(JSONS, max_size=4).map(lambda values: events([*values, "[DONE]"])),
    st.binary(max_size=40),
)
ANSWERS = st.builds(answered, BODIES, st.sampled_from([200, 204, 400, 500]))


@given(before=ANSWERS, after=ANSWERS)
def test_no_answer_is_too_much(before: Reading, after: Reading) -> None:
    told = compare(before, after)
    assert all(isinstance(one, Drift) and one.kind in KINDS and one.before != one.after for one in told)
    assert compare(before, answered(before.exchange.response.body, before.exchange.response.status)) == []  # type: ignore[union-attr, arg-type]


@given(before=ANSWERS, after=ANSWERS)
def test_the_way_back_has_the_same_drift_the_other_way_round(before: Reading, after: Reading) -> None:
    turned = {"member-appeared": "member-vanished", "member-vanished": "member-appeared"}
    there = {(turned.get(one.kind, one.kind), one.pointer, one.after, one.before) for one in compare(before, after)}
    back = {(one.kind, one.pointer, one.before, one.after) for one in compare(after, before)}
    if "none" not in (before.kind, after.kind):
        assert there == back


def test_a_deep_answer_is_compared_as_deep_as_is_sensible() -> None:
    deep: Callable[[int], bytes] = lambda depth: b'{"choices": ' + b"[" * depth + b"]" * depth + b"}"  # noqa: E731
    assert "choices-changed" in [one.kind for one in compare(PLAIN, answered(deep(400)))]


def test_the_page_has_every_kind_and_everything_volatile() -> None:
    for kind in KINDS.values():
        assert f"| `{kind.name}` | {kind.summary} | {kind.why} |" in PAGE
    for known in VOLATILE:
        what = "value" + (f", {known.also}" if known.also else "")
        assert f"| `{known.pattern}` | {what} | {known.reason} |" in PAGE
