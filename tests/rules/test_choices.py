"""Envelope, choices, parameters and markers (CC3): cases beyond the rules' own examples."""

import json
from base64 import b64encode
from time import perf_counter
from typing import Any

import pytest

from chatcontract import Contract
from chatcontract.examples import CALL, GONE, RESPONSE, TOOL, Changes, Insert, chunk, response, stream
from chatcontract.model import Severity

CONTRACT = Contract.load(select=["CC3"])
TEXT = "/choices/0/message/content"
SPEECH = {"id": "a", "expires_at": 1763703600, "data": "", "transcript": ""}
TOOLS = {"/tools": [TOOL]}
CALLED = {TEXT: None, "/choices/0/message/tool_calls": [CALL], "/choices/0/finish_reason": "stop"}


def found(changes: Changes, request: Changes | None = None, **rest: Any) -> dict[str, list[str]]:
    """Pointers by name of rule."""
    pointers: dict[str, list[str]] = {}
    for violation in CONTRACT.check(response(changes, request=request, **rest).exchange()):
        pointers.setdefault(violation.name, []).append(violation.pointer)
    return pointers


def severity(name: str, changes: Changes, request: Changes | None = None) -> Severity | None:
    violations = CONTRACT.check(response(changes, request=request).exchange())
    return next((violation.severity for violation in violations if violation.name == name), None)


def choice(index: Any, **members: Any) -> dict[str, Any]:
    return {**RESPONSE["choices"][0], "index": index, **members}


def test_an_index_that_stands_twice_is_not_told_as_out_of_order_as_well() -> None:
    assert found({"/choices": [choice(0), choice(1), choice(0)]}) == {
        "choice-index-not-contiguous": ["/choices/2/index"]
    }


def test_a_choice_without_a_message_is_no_empty_message() -> None:
    assert "message-empty" not in found({"/choices/0/message": GONE})


@pytest.mark.parametrize("created", [10**11, 1763700000123456, 1763700000123456789, 1763700000123.0, 10**300])
def test_milliseconds_and_finer_are_not_seconds(created: float) -> None:
    assert "created-not-in-seconds" in found({"/created": created})


@pytest.mark.parametrize("created", [1, 1234567890, 1672531199, 4102444800, 10**11 - 1])
def test_times_before_the_endpoint_or_after_the_century_are_implausible(created: int) -> None:
    assert list(found({"/created": created})) == ["created-implausible"]


@pytest.mark.parametrize("created", ["1763700000123", None, True, [0], -1, 1763700000.5])
def test_what_the_schema_says_of_created_is_left_to_it(created: Any) -> None:
    assert not found({"/created": created})


@pytest.mark.parametrize(
    ("date", "late"),
    [
        ("Fri, 21 Nov 2025 03:39:59 GMT", True),
        ("Fri, 21 Nov 2025 03:40:01 GMT", False),
        ("Fri, 21 Nov 2025 05:40:01 +0200", False),
        ("Wed, 21 Nov 2035 04:40:01 GMT", False),
        ("", False),
        ("Fri, 99 Nov 99999", False),
    ],
)
def test_only_a_created_after_the_date_header_is_late(date: str, late: bool) -> None:
    assert ("created-in-future" in found({}, headers=(("Date", date),))) is late


def test_every_integer_written_as_float_is_named() -> None:
    citation = {"start_index": 0.0, "end_index": 4.0, "url": "https://example.org", "title": "t"}
    changes = {
        "/created": 1763700000.0,
        "/choices/-": choice(1.0),
        "/choices/0/message/annotations": [{"type": "url_citation", "url_citation": citation}],
        "/choices/0/message/audio": {**SPEECH, "expires_at": 1763703600.0},
    }
    assert found(changes)["integer-written-as-float"] == [
        "/created",
        "/choices/0/message/audio/expires_at",
        "/choices/0/message/annotations/0/url_citation/start_index",
        "/choices/0/message/annotations/0/url_citation/end_index",
        "/choices/1/index",
    ]


def test_a_stream_whose_created_is_a_float_is_found_too() -> None:
    changes = {f"/{number}/created": 1763700000.0 for number in range(4)}
    names = {violation.name for violation in CONTRACT.check(stream(changes).exchange())}
    assert "integer-written-as-float" in names


@pytest.mark.parametrize(
    ("asked", "answered", "other"),
    [
        ("gpt-4o", "gpt-4o-2024-08-06", False),
        ("openai/gpt-4o", "gpt-4o-2024-08-06", False),
        ("gpt-4o", "openai/gpt-4o-2024-08-06", False),
        ("llama3.2:latest", "llama3.2", False),
        ("ft:gpt-4o:acme::1", "ft:gpt-4o:acme::1", False),
        ("ft:gpt-4o:acme::1", "ft:gpt-4o:acme::2", True),
        ("gpt-4o", "gpt-4.1", True),
        ("gpt-4o-mini", "gpt-4o", True),
        ("", "gpt-4o", False),
        (7, "gpt-4o", False),
    ],
)
def test_an_answer_of_another_model_is_told_from_a_snapshot(asked: Any, answered: str, other: bool) -> None:
    assert ("model-not-asked-for" in found({"/model": answered}, {"/model": asked})) is other


def test_a_prefix_is_not_asked_of_third_parties() -> None:
    lenient = Contract.load(profile="compatible", select=["CC3"])
    assert not lenient.check(response({"/id": "gen-1"}).exchange())


def test_an_error_beside_no_choices_is_told_as_such() -> None:
    changes = {"/error": {"message": "no"}, "/choices": []}
    assert {"error-beside-choices", "choices-empty"} <= set(found(changes))


@pytest.mark.parametrize(("tail", "whole"), [([b"[DONE]"], True), ([], False)])
def test_a_stream_without_choices_counts_only_when_it_is_whole(tail: list[bytes], whole: bool) -> None:
    frames = [json.dumps(chunk()).encode(), *tail]
    body = b"".join(b"data: " + frame + b"\n\n" for frame in frames)
    names = {violation.name for violation in CONTRACT.check_stream(body)}
    assert ("choices-empty" in names) is whole


def test_a_stream_that_an_error_ended_has_no_missing_choices() -> None:
    chunks = [chunk({"role": "assistant"}), {"error": {"message": "no"}}, "[DONE]"]
    request = {"model": "m", "messages": [{"role": "user", "content": "Hi"}], "n": 2, "stream": True}
    assert "choice-count-mismatch" not in {v.name for v in CONTRACT.check_stream(chunks, request=request)}


@pytest.mark.parametrize(
    ("indices", "wrong"),
    [
        ([0], []),
        ([1, 0], []),
        ([0, 0], [1]),
        ([1, 2], [1]),
        ([5, 5, 0], [0, 1]),
        ([0, "1"], []),
        ([0, 10**30], [1]),
    ],
)
def test_indices_are_zero_to_k_each_once(indices: list[Any], wrong: list[int]) -> None:
    changes = {"/choices": [choice(index) for index in indices]}
    expected = [f"/choices/{position}/index" for position in wrong]
    assert found(changes).get("choice-index-not-contiguous", []) == expected


@pytest.mark.parametrize("n", [2, 128])
def test_a_server_that_ignores_n_is_found(n: int) -> None:
    assert found({}, {"/n": n})["choice-count-mismatch"] == ["/choices"]


@pytest.mark.parametrize("n", [1, None, "2", True, 1.0, 0, -1, [2]])
def test_an_n_that_means_one_or_nothing_is_no_mismatch(n: Any) -> None:
    assert "choice-count-mismatch" not in found({}, {"/n": n})


def test_the_second_choice_is_looked_at_like_the_first() -> None:
    message = {"role": "assistant", "content": "a", "refusal": "b", "tool_calls": []}
    names = found({"/choices/-": choice(1, message=message, finish_reason="function_call")})
    assert names["finish-without-call"] == ["/choices/1/finish_reason"]
    assert names["refusal-with-content"] == ["/choices/1/message/content"]
    assert names["tool-calls-empty-list"] == ["/choices/1/message/tool_calls"]


@pytest.mark.parametrize(
    ("tool_choice", "finish", "expected"),
    [
        ("auto", "stop", Severity.WARNING),
        (None, "stop", Severity.WARNING),
        ("required", "stop", None),
        ({"type": "function", "function": {"name": "get_weather"}}, "stop", None),
        ({"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": []}}, "stop", None),
        ({"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": []}}, "stop", Severity.WARNING),
        ({"type": "function", "function": {"name": "get_weather"}}, "function_call", Severity.WARNING),
        ("auto", "tool_calls", None),
        ("auto", "length", None),
        ("auto", "content_filter", None),
    ],
)
def test_stop_beside_calls_is_right_only_where_the_request_forces_them(
    tool_choice: Any, finish: str, expected: Severity | None
) -> None:
    changes = {**CALLED, "/choices/0/finish_reason": finish}
    assert severity("tool-calls-with-other-finish", changes, {**TOOLS, "/tool_choice": tool_choice}) is expected


def test_stop_beside_calls_is_for_information_while_the_request_is_unknown() -> None:
    assert severity("tool-calls-with-other-finish", CALLED) is Severity.INFO


@pytest.mark.parametrize(
    "changes",
    [
        {TEXT: "", "/choices/0/finish_reason": "stop"},
        {TEXT: None, "/choices/0/finish_reason": "length"},
        {TEXT: None, "/choices/0/finish_reason": None},
        {TEXT: None, "/choices/0/message/audio": SPEECH},
        {TEXT: None, "/choices/0/message/function_call": {"name": "a", "arguments": "{}"}},
    ],
)
def test_a_message_that_says_something_or_was_cut_is_not_empty(changes: Changes) -> None:
    assert "message-empty" not in found(changes)


def test_all_stop_sequences_in_the_text_are_named() -> None:
    request = {"/model": "gpt-4.1", "/stop": ["Fo", "absent", "r."]}
    assert found({}, request)["stop-sequence-in-content"] == [TEXT, TEXT]


@pytest.mark.parametrize("data", ["UklG", "UklGRg==", ""])
def test_base64_is_accepted(data: str) -> None:
    assert "audio-not-base64" not in found({"/choices/0/message/audio": {**SPEECH, "data": data}})


@pytest.mark.parametrize("data", ["UklGRg", "Ukl GRg==", "https://example.org/a.wav", "ü", "UklGRg=="[::-1]])
def test_what_is_not_base64_is_named(data: str) -> None:
    assert "audio-not-base64" in found({"/choices/0/message/audio": {**SPEECH, "data": data}})


@pytest.mark.parametrize(("start", "end", "bad"), [(0, 8, False), (0, 9, True), (3, 2, True), (-1, 2, True)])
def test_citations_may_count_bytes(start: int, end: int, bad: bool) -> None:
    citation = {"start_index": start, "end_index": end, "url": "https://example.org", "title": "t"}
    annotations = [{"type": "url_citation", "url_citation": citation}]
    assert ("citation-out-of-bounds" in found({TEXT: "ääää", "/choices/0/message/annotations": annotations})) is bad


@pytest.mark.parametrize(
    "text",
    [
        "<think>a</think>b",
        "  <think>",
        "a</think>b",
        "[THINK]a",
        "◁think▷a◁/think▷b",
        "Well: <thinking>a</thinking>b",
        "<|begin_of_thought|>a",
    ],
)
def test_reasoning_between_its_marks_is_found(text: str) -> None:
    assert "reasoning-in-content" in found({TEXT: text})


@pytest.mark.parametrize("text", ["a <think> b", "I think < you", "[1]", "Think.", "<b>thinking</b>"])
def test_texts_that_only_speak_of_marks_pass(text: str) -> None:
    assert not found({TEXT: text})


def test_a_mark_that_the_model_alone_has_used_before_is_found_again() -> None:
    history = [{"role": "assistant", "content": "<think>a</think>b"}, {"role": "user", "content": "And?"}]
    assert "reasoning-in-content" in found({TEXT: "<think>a</think>b"}, {"/messages": history})


def test_a_mark_that_the_caller_wrote_in_a_part_may_be_repeated() -> None:
    parts = [{"type": "text", "text": "What is </think> for, and <|im_end|>?"}]
    text = "</think> ends reasoning, <|im_end|> the turn."
    assert not found({TEXT: text}, {"/messages": [{"role": "user", "content": parts}]})


@pytest.mark.parametrize(
    "text",
    [
        '<tool_call>{"name": "get_weather"}</tool_call>',
        '[TOOL_CALLS][{"name": "get_weather", "arguments": {}}]',
        '[{"name": "get_weather", "parameters": {"city": "Bonn"}}]',
        '{"type": "function", "function": {"name": "get_weather", "arguments": "{}"}}',
        '<|python_tag|>get_weather(city="Bonn")',
        "<function_calls><invoke name=get_weather>",
    ],
)
def test_a_call_written_as_text_is_an_error_where_the_tool_is_offered(text: str) -> None:
    assert severity("tool-call-in-content", {TEXT: text}, TOOLS) is Severity.ERROR
    assert severity("tool-call-in-content", {TEXT: text}, {}) is None


@pytest.mark.parametrize(
    "text",
    [
        '{"name": "get_time", "arguments": {}}',
        '{"name": "get_weather"}',
        "{",
        "[]",
        "<tool_call>other</tool_call>",
    ],
)
def test_texts_that_call_no_offered_tool_pass(text: str) -> None:
    assert severity("tool-call-in-content", {TEXT: text}, TOOLS) is None


CALL_TEXT = '{"name": "get_weather", "arguments": {"city": "Bonn"}}'


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (f"```json\n{CALL_TEXT}\n```", Severity.WARNING),
        (f"```tool_call\n{CALL_TEXT}\n```\n", Severity.WARNING),
        ("```tool_code\nget_weather(city='Bonn')\n```", Severity.WARNING),
        (f"{CALL_TEXT}\n{CALL_TEXT}", Severity.ERROR),
        (f"{CALL_TEXT};{CALL_TEXT}", Severity.ERROR),
        ("[get_weather(city='Bonn (Rhein)'), get_weather()]", Severity.ERROR),
        (f"functools[{CALL_TEXT}]", Severity.ERROR),
        (f'{{"tool_calls": [{CALL_TEXT}]}}', Severity.ERROR),
        (f"As asked:\n```json\n{CALL_TEXT}\n```", None),
        (f"```json\n{CALL_TEXT}\n```\nis how.", None),
        (f"```json\n{CALL_TEXT}\n```\n```json\n{CALL_TEXT}\n```", None),
        (f"{CALL_TEXT} and {CALL_TEXT}", None),
        ("[get_weather(city='Bonn')] and so on", None),
        ("[get_weather('Bonn')]", None),
        ("[get_time(zone='CET')]", None),
        ("[get_weather(city='Bonn']", None),
        ("[get_weather]", None),
    ],
)
def test_a_content_that_is_nothing_but_calls_is_told(text: str, wanted: Severity | None) -> None:
    assert severity("tool-call-in-content", {TEXT: text}, TOOLS) is wanted
    assert severity("tool-call-in-content", {TEXT: text}, {**TOOLS, "/tool_choice": "none"}) is None
    given = {"/response_format": {"type": "json_object"}}
    assert severity("tool-call-in-content", {TEXT: text}, {**TOOLS, **given}) is None


@pytest.mark.parametrize("piece", ["get_weather(city='a'),", CALL_TEXT, "get_weather(city=(", "{}", "'", "\\"])
def test_long_texts_like_calls_are_read_in_linear_time(piece: str) -> None:
    text = f"[{piece * (60_000 // len(piece))}get_weather()]"
    started = perf_counter()
    severity("tool-call-in-content", {TEXT: text}, TOOLS)
    assert perf_counter() - started < 2


def test_call_markup_beside_calls_is_a_warning() -> None:
    changes = {**CALLED, TEXT: "<tool_call>get_weather</tool_call>", "/choices/0/finish_reason": "tool_calls"}
    assert severity("tool-call-in-content", changes, TOOLS) is Severity.WARNING


def legacy(finish: str) -> Changes:
    body = {"name": "get_weather", "arguments": "{}"}
    return {TEXT: None, "/choices/0/message/function_call": body, "/choices/0/finish_reason": finish}


@pytest.mark.parametrize(
    ("choice", "finish", "wanted"),
    [
        (None, "stop", Severity.WARNING),
        ("auto", "stop", Severity.WARNING),
        ({"name": "get_weather"}, "stop", None),
        (None, "function_call", None),
        (None, "length", None),
        (None, "content_filter", None),
        ({"name": "get_weather"}, "eos", Severity.WARNING),
    ],
)
def test_a_function_call_ends_with_its_own_reason(choice: Any, finish: str, wanted: Severity | None) -> None:
    request = {"/functions": [TOOL["function"]], "/function_call": choice}
    assert severity("function-call-with-other-finish", legacy(finish), request) is wanted
    without = CONTRACT.check(response(legacy("stop")).exchange())
    assert [v.severity for v in without if v.rule == "CC366"] == [Severity.INFO]


def spoken(form: str, data: str, **rest: Any) -> dict[str, Severity]:
    sound = {**SPEECH, "data": data, **rest}
    request = {"/modalities": ["text", "audio"], "/audio": {"voice": "alloy", "format": form}}
    example = response({TEXT: None, "/choices/0/message/audio": sound}, request=request)
    return {v.name: v.severity for v in CONTRACT.check(example.exchange())}


@pytest.mark.parametrize(
    ("form", "head", "found_it"),
    [
        ("wav", b"RIFF", False), ("wav", b"ID3", True), ("flac", b"fLaC", False), ("opus", b"OggS", False),
        ("mp3", b"ID3", False), ("mp3", b"\xff\xfb", False), ("mp3", b"RIFF", True), ("pcm16", b"ID3", False),
        ("aac", b"RIFF", False), ("opus", b"RIFF", True),
    ],
)  # fmt: skip
def test_sound_begins_as_its_format_does(form: str, head: bytes, found_it: bool) -> None:
    data = b64encode(head + bytes(90)).decode()
    assert ("audio-in-other-format" in spoken(form, data)) is found_it
    assert "audio-in-other-format" not in spoken(form, data[:16])
    assert "audio-in-other-format" not in spoken(form, "REDACTED" * 20 + "*")


def test_sound_that_was_left_out_is_a_warning_and_an_empty_id_an_error() -> None:
    assert spoken("wav", "")["audio-empty"] is Severity.WARNING
    assert spoken("wav", "UklGRg==", id="")["audio-empty"] is Severity.ERROR


MODERATED = {"/moderation": {"model": "omni-moderation-latest"}}


def test_a_verdict_that_comes_at_the_end_of_a_stream_is_seen() -> None:
    failed = {"type": "error", "code": "unavailable", "message": "Try again."}
    verdict = {**chunk(), "moderation": {"input": failed, "output": failed}}
    asked = stream(request=MODERATED)
    given = stream({"/4": Insert(verdict)}, request=MODERATED)
    cut = asked._replace(body=asked.exchange().response.body.replace(b"data: [DONE]\n\n", b""))  # type: ignore[union-attr]
    names = [{v.name for v in CONTRACT.check(example.exchange())} for example in (asked, given, cut)]
    assert ["moderation-missing" in found for found in names] == [True, False, False]


@pytest.mark.parametrize("moderation", [[], "x", {"input": None}, {"input": {"results": [None, {"flagged": "yes"}]}}])
def test_verdicts_of_another_shape_are_left_to_the_schema(moderation: Any) -> None:
    assert not found({"/moderation": moderation}, MODERATED)
