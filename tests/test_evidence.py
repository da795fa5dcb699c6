"""The place of a violation in the bytes that were kept."""

import json
from typing import Any

import pytest

from chatcontract.evidence import CONTEXT, LINES, LONGEST, excerpt
from chatcontract.examples import RESPONSE, STREAM, changed, events


def violation(pointer: str, part: str = "response", chunk: int | None = None, curl: str = "") -> dict[str, Any]:
    return {"pointer": pointer, "part": part, "chunk": chunk, "curl": curl}


def result(
    answer: str, request: str = "{}", curl: str = "", media: str = "application/json", **rest: Any
) -> dict[str, Any]:
    response = {
        "status": 200,
        "headers": [["Content-Type", media]],
        "body_text": answer,
        "truncated": False,
        **rest,
    }
    return {"exchanges": [{"curl": curl, "request": {"body_text": request}, "response": response}]}


def test_the_value_and_its_name_are_marked() -> None:
    shown = excerpt(violation("/choices/0/finish_reason"), result(json.dumps(RESPONSE)))
    assert shown is not None
    assert shown.marked == '"finish_reason": "stop"'
    assert (shown.before + shown.marked + shown.after) in json.dumps(RESPONSE)
    assert len(shown.before) <= CONTEXT


def test_an_absent_member_is_named_at_the_bracket_that_should_hold_it() -> None:
    shown = excerpt(violation("/usage/total_tokens"), result('{"usage": {"prompt_tokens": 1}}'))
    assert shown is not None
    assert shown.marked == "{"
    assert shown.note == '"total_tokens" is absent here'


def test_a_place_behind_the_cut_is_not_said_to_be_absent() -> None:
    shown = excerpt(violation("/usage"), result('{"id": "x", "choices": [{"ind', truncated=True))
    assert shown is not None
    assert not shown.marked
    assert shown.note == "the place lies behind what was kept"


def test_the_chunk_of_a_stream_is_marked_at_the_pointer() -> None:
    body = ": hello\r\n\r\n" + events(list(STREAM)).decode()
    shown = excerpt(violation("/choices/0/delta/content", "chunk", 1), result(body, media="text/event-stream"))
    assert shown is not None
    assert shown.where == "response stream, chunk 1"
    assert shown.marked == '"content": ' + json.dumps(STREAM[1]["choices"][0]["delta"]["content"])


def test_a_chunk_without_a_pointer_is_marked_as_a_whole_event() -> None:
    body = 'data: {"a": 1}\n\ndata: grüße\n\ndata: [DONE]\n\n'
    shown = excerpt(violation("", "stream", 1), result(body))
    assert shown is not None
    assert shown.marked == "data: grüße"


def test_a_violation_of_the_whole_stream_shows_its_end() -> None:
    shown = excerpt(violation("", "stream"), result("data: {}\n\n" * 500))
    assert shown is not None
    assert shown.where == "end of the response stream"
    assert shown.skipped


def test_a_chunk_behind_the_cut_says_so() -> None:
    shown = excerpt(violation("/id", "chunk", 7), result("data: {}\n\n", truncated=True))
    assert shown is not None
    assert shown.note == "chunk 7 lies behind what was kept"


def test_of_two_turns_the_one_with_the_command_is_shown() -> None:
    first, second = result('{"id": "first"}', curl="one"), result('{"id": "second"}', curl="two")
    both = {"exchanges": first["exchanges"] + second["exchanges"]}
    shown = excerpt(violation("/id", curl="two"), both)
    assert shown is not None
    assert shown.marked == '"id": "second"'


def test_a_request_at_fault_is_shown_in_the_request() -> None:
    shown = excerpt(violation("/n", "request"), result(json.dumps(RESPONSE), '{"n": -1}'))
    assert shown is not None
    assert (shown.where, shown.marked) == ("request body", '"n": -1')


def test_a_long_value_is_shortened_in_the_middle() -> None:
    body = json.dumps(changed(RESPONSE, {"/id": "x" * 5000}))
    shown = excerpt(violation("/id"), result(body))
    assert shown is not None
    assert len(shown.marked) < LONGEST + 60
    assert "characters" in shown.marked


@pytest.mark.parametrize("body", ["", "<html>", "\ud800", '{"a"', "data:", "[" * 20_000])
def test_any_body_is_shown_or_left_out(body: str) -> None:
    excerpt(violation("/choices/0", "response", 0), result(body))


def test_a_result_of_check_keeps_no_evidence() -> None:
    assert excerpt(violation("/id"), {"id": "1"}) is None


def test_what_is_said_of_the_exchange_is_marked_in_the_request_where_the_place_is_there() -> None:
    shown = excerpt(violation("/stop", "exchange"), result(json.dumps(RESPONSE), '{"stop": "."}'))
    assert shown is not None
    assert (shown.where, shown.marked) == ("request body", '"stop": "."')
    shown = excerpt(violation("/seed", "exchange"), result(json.dumps(RESPONSE), '{"stop": "."}'))
    assert shown is not None
    assert (shown.where, shown.marked, shown.note) == ("response body", "", "")


def test_of_an_indented_text_only_some_lines_are_shown() -> None:
    body = json.dumps({"before": list(range(50)), "here": 1, "after": list(range(50))}, indent=1)
    shown = excerpt(violation("/here"), result(body))
    assert shown is not None
    assert shown.before.count("\n") == shown.after.count("\n") == LINES - 1
    assert shown.before + shown.marked + shown.after in body
    assert shown.skipped + len(shown.before + shown.marked + shown.after) + shown.left == len(body)


def test_a_member_that_the_message_says_is_missing_is_named_at_its_object() -> None:
    told = violation("/usage") | {"message": '"total_tokens" is missing'}
    shown = excerpt(told, result('{"usage": {"prompt_tokens": 1}}'))
    assert shown is not None
    assert (shown.before, shown.marked) == ('{"usage": ', "{")
    assert shown.note == '"total_tokens" is absent here'
