"""Streams: order, identity, usage and errors beyond the rules' own examples; every breach has its rule."""

import inspect
from types import ModuleType
from typing import Any

import pytest

from chatcontract import Contract
from chatcontract.breaches import BREACHES
from chatcontract.examples import GONE, STREAM, Changes, Insert, chunk, error, events, stream, usage_chunk
from chatcontract.model import Exchange, Response, Severity, Violation
from chatcontract.rules import (
    stream as order,
)
from chatcontract.rules import (
    stream_calls,
    stream_errors,
    stream_identity,
    stream_pieces,
    stream_text,
    stream_usage,
    tool_fragments,
)

MODULES = (
    order, stream_calls, stream_errors, stream_identity, stream_pieces, stream_text, stream_usage, tool_fragments,
)  # fmt: skip
CONTRACT = Contract.load(select=["CC60", "CC61", "CC62", "CC63"])
FAILED = {"error": {"message": "The server failed.", "type": "server_error", "param": None, "code": None}}
ASKED = {"/stream_options": {"include_usage": True}}
SAID_ELSEWHERE = {
    "choice-index-gap": "CC323 says it of the completion",
    "content-and-refusal": "CC330 says it of the completion",
    "no-choices": "CC321 says it of the completion",
    "finish-blank": "the enumeration of the schema has no empty text",
    "object-changed": "the schema asks every chunk for the same text",
    "tool-arguments-null": "the schema has no null there",
    "tool-arguments-not-text": "the schema asks for a text",
    "tool-id-late": "the first fragment, which lacks it, has the finding",
    "tool-index-missing": "the schema asks for the member",
    "tool-name-late": "the first fragment, which lacks it, has the finding",
}


def found(changes: Changes | None = None, request: Changes | None = None, **rest: Any) -> list[Violation]:
    return list(CONTRACT.check(stream(changes, request=request, **rest).exchange()))


def names(changes: Changes | None = None, request: Changes | None = None, **rest: Any) -> set[str]:
    return {violation.name for violation in found(changes, request, **rest)}


def text_of(module: ModuleType) -> str:
    return inspect.getsource(module)


@pytest.mark.parametrize("tag", BREACHES)
def test_every_breach_is_told_by_a_rule_or_said_elsewhere(tag: str) -> None:
    source = "".join(map(text_of, MODULES)) + '"id-changed" "created-changed" "model-changed"'
    told = f'"{tag}"' in source or tag in ("service-tier-changed", "system-fingerprint-changed")
    assert told or SAID_ELSEWHERE[tag]


@pytest.mark.parametrize("tag", [tag for tag, why in SAID_ELSEWHERE.items() if why])
def test_what_is_said_elsewhere_is_said_once(tag: str) -> None:
    assert f'"{tag}"' not in "".join(map(text_of, MODULES))


def two_choices() -> Changes:
    """A second choice, interleaved with the first."""
    return {
        "/4": Insert(chunk(finish="stop", index=1)),
        "/2": Insert(chunk({"content": "Vier"}, index=1)),
        "/1": Insert(chunk({"role": "assistant", "content": ""}, index=1)),
    }


def test_choices_may_interleave() -> None:
    assert not found(two_choices())


def test_each_choice_is_judged_by_itself() -> None:
    found_names = [v.name for v in found({**two_choices(), "/1/choices/0/delta/role": GONE, "/6": GONE})]
    assert sorted(found_names) == ["finish-missing", "role-missing"]


def test_every_choice_without_a_role_has_a_finding_of_its_own() -> None:
    missing = {"/0/choices/0/delta/role": GONE, "/1/choices/0/delta/role": GONE}
    assert [(v.name, v.chunk) for v in found({**two_choices(), **missing})] == [
        ("role-missing", 0),
        ("role-missing", 1),
    ]


@pytest.mark.parametrize("later", [None, "", GONE])
def test_a_role_that_comes_late_is_not_missing(later: Any) -> None:
    first = {"/0/choices/0/delta/role": later, "/1/choices/0/delta/role": "assistant"}
    assert names(first) == {"role-late"}


@pytest.mark.parametrize("role", [None, ""])
def test_a_role_that_is_never_more_than_null_or_empty_is_missing(role: Any) -> None:
    assert "role-missing" in names({"/0/choices/0/delta/role": role})


@pytest.mark.parametrize("role", [5, ["assistant"], "nobody"])
def test_a_role_that_the_schema_refuses_is_left_to_it(role: Any) -> None:
    assert "role-not-assistant" not in names({"/0/choices/0/delta/role": role})


@pytest.mark.parametrize(
    ("second", "severity"),
    [("stop", Severity.WARNING), ("length", Severity.ERROR), ("tool_calls", Severity.ERROR)],
)
def test_the_same_finish_again_is_a_warning_and_another_one_an_error(second: str, severity: Severity) -> None:
    (violation,) = found({"/4": Insert(chunk(finish=second))})
    assert (violation.name, violation.severity, violation.chunk) == ("finish-repeated", severity, 4)


def test_another_finish_is_told_behind_one_that_is_only_repeated() -> None:
    told = found({"/4": Insert(chunk(finish="stop")), "/5": Insert(chunk(finish="length"))})
    assert [(v.severity, v.chunk) for v in told] == [(Severity.WARNING, 4), (Severity.ERROR, 5)]


@pytest.mark.parametrize("end", [b"data: [DONE]\n\n", b"\ndata: data: [DONE]\n\n", b"\nData: [DONE]\n\n"])
def test_a_terminator_that_is_hidden_by_its_framing_is_not_missing_as_well(end: bytes) -> None:
    assert not names(body=events(list(STREAM[:4]))[:-1] + end)


@pytest.mark.parametrize("mark", [b"Data: ", b"", b"data: data: "])
def test_a_finish_that_is_hidden_by_its_framing_is_not_missing_as_well(mark: bytes) -> None:
    last = events([STREAM[3]]).replace(b"data: ", mark)
    assert not names(body=events(list(STREAM[:3])) + last + events(["[DONE]"]))


CALLED = [
    chunk({"role": "assistant", "content": None}),
    chunk(
        {"tool_calls": [{"index": 0, "id": "call_1", "type": "function", "function": {"name": "f", "arguments": ""}}]}
    ),
    chunk({"tool_calls": [{"index": 0, "function": {"arguments": '{"a":'}}]}),
    chunk({"tool_calls": [{"index": 0, "function": {"arguments": "1}"}}]}),
    chunk(finish="tool_calls"),
    usage_chunk(),
]


@pytest.mark.parametrize("lost", range(len(CALLED)))
@pytest.mark.parametrize(
    "change", [lambda frame: frame[:-9] + b"\n\n", lambda frame: frame.replace(b"data", b"Data", 1)]
)
def test_what_a_chunk_had_that_cannot_be_read_is_not_missing_as_well(lost: int, change: Any) -> None:
    frames = [events([data]) for data in (*CALLED, "[DONE]")]
    frames[lost] = change(frames[lost])
    asked = {**ASKED, "/tools": [{"type": "function", "function": {"name": "f"}}]}
    told = Contract.load().check_answer(stream(body=b"".join(frames), request=asked).exchange())
    assert {v.rule for v in told if v.severity is not Severity.INFO} in ({"CC006"}, {"CC667"})


@pytest.mark.parametrize("noise", [b"Retry: 1\n\n", b"data: : keep-alive\n\n", b"x: {}\n\n"])
def test_what_holds_nothing_of_the_answer_excuses_nothing(noise: bytes) -> None:
    assert names(body=events(list(STREAM[1:3])) + noise) == {"role-missing", "finish-missing", "done-missing"}
    assert "usage-missing" in names(body=events(list(STREAM)) + noise, request=ASKED)
    assert "role-missing" in names(body=noise + events(list(STREAM[1:])))


def test_what_comes_before_a_chunk_that_cannot_be_read_is_judged() -> None:
    data = [chunk({"content": "a"}), chunk({"role": "assistant"}, index=1), "{", chunk(finish="stop", index=1)]
    assert names(body=events([*data, "[DONE]"]), request={"/n": 2}) == {"role-missing"}


@pytest.mark.parametrize(
    "delta", [{"tool_calls": [{"index": 0, "id": "a"}]}, {"refusal": "No"}, {"audio": {"data": "x"}}]
)
def test_whatever_comes_after_the_finish_is_too_late(delta: dict[str, Any]) -> None:
    assert "delta-after-finish" in names({"/4": Insert(chunk(delta))})


def test_a_stream_of_one_chunk_is_whole() -> None:
    whole = {**chunk({"role": "assistant", "content": "Four."}, finish="stop")}
    assert {v.severity for v in found(body=events([whole, "[DONE]"]))} <= {Severity.INFO}


def test_an_error_event_excuses_what_did_not_come() -> None:
    assert names({"/2": FAILED, "/3": GONE}, request=ASKED) == {"error-in-stream"}
    assert names(body=events([chunk({"role": "assistant", "content": "Fo"}), FAILED])) == {"error-in-stream"}


def test_a_cut_stream_is_told_by_what_lacks() -> None:
    assert names({"/4": GONE}) == {"done-missing"}
    begun = events([chunk({"role": "assistant", "content": "Fo"})])
    assert names(body=begun, request=ASKED) == {"done-missing", "finish-missing"}


def test_only_a_whole_stream_without_usage_lacks_it() -> None:
    assert names(request=ASKED) == {"usage-missing"}
    assert names({"/4": GONE}, request=ASKED) == {"usage-missing", "done-missing"}


def test_chunks_without_terminator_are_whole_when_they_come_parsed() -> None:
    chunks = stream().payload()
    assert not CONTRACT.check_stream(chunks[:-1])
    assert not CONTRACT.check_stream(chunks)


@pytest.mark.parametrize("options", [None, {}, {"include_usage": False}, {"include_obfuscation": True}, "x"])
def test_usage_that_was_not_asked_for_is_found(options: Any) -> None:
    assert names({"/4": Insert(usage_chunk())}, request={"/stream_options": options}) == {"usage-unasked"}


def test_usage_on_every_chunk_is_counted() -> None:
    usage = {f"/{position}/usage": usage_chunk()["usage"] for position in range(4)}
    told = {v.name: v.message for v in found(usage, request=ASKED)}
    assert told["usage-repeated"] == "expected one chunk with usage, got 4"
    assert "usage-beside-choices" in told


@pytest.mark.parametrize("member", ["id", "created", "model"])
def test_a_member_that_changes_twice_is_told_once_with_both_values(member: str) -> None:
    values = {"created": (1, 2)}.get(member, ("a", "b"))
    (violation,) = found({f"/1/{member}": values[0], f"/2/{member}": values[1]})
    assert violation.name == f"chunk-{member}-changed"
    assert violation.message.endswith("1" if member == "created" else '"a"')
    assert violation.chunk == 1


def test_the_prompt_filter_chunk_of_azure_is_no_chunk_without_choices() -> None:
    preface = {"id": "", "object": "", "created": 0, "model": "", "choices": [], "prompt_filter_results": []}
    assert not names({"/0": Insert(preface)})


@pytest.mark.parametrize(
    ("reported", "refused"),
    [
        (error().payload()["error"], True),
        ({**FAILED["error"], "code": 400}, True),
        (FAILED["error"], False),
        ({**FAILED["error"], "code": True}, False),
    ],
)
def test_only_a_refusal_before_anything_else_could_have_been_a_status(reported: Any, refused: bool) -> None:
    assert ("refusal-in-stream" in names(body=events([{"error": reported}]))) is refused
    later = names({"/2": {"error": reported}, "/3": GONE})
    assert "refusal-in-stream" not in later


@pytest.mark.parametrize("wrong", ["broken", ["broken"], {"message": None}])
def test_an_error_event_of_another_form_is_noted_and_left_to_the_schema(wrong: Any) -> None:
    assert "error-in-stream" in names({"/2": {"error": wrong}, "/3": GONE})
    assert Contract.load().check(stream({"/2": {"error": wrong}, "/3": GONE}).exchange()).errors


def test_filler_is_counted() -> None:
    filled = {f"/{position}/obfuscation": "x" for position in range(3)}
    (violation,) = found(filled, request={"/stream_options": {"include_obfuscation": False}})
    assert "3 chunks" in violation.message


@pytest.mark.parametrize("data", [b"", [], ()])
def test_an_empty_stream_handed_over_is_an_error(data: Any) -> None:
    (violation,) = Contract.load().check_stream(data)
    assert (violation.rule, violation.severity) == ("CC600", Severity.ERROR)


def test_a_recorded_exchange_without_a_body_is_no_empty_stream() -> None:
    assert not Contract.load().check(Exchange("", None, Response(None, (("content-type", "text/event-stream"),), b"")))


def test_a_role_that_may_have_stood_in_a_lost_chunk_is_not_missed() -> None:
    rest = events([chunk({"content": "Four."}), chunk(finish="stop"), "[DONE]"])
    first = events([chunk({"role": "assistant"})])
    for lost in (b"data: overloaded\n\n", first.replace(b"data", b"Data"), first[6:]):
        assert "CC602" not in {v.rule for v in Contract.load().check_stream(lost + rest)}
    assert "CC602" in {v.rule for v in Contract.load().check_stream(rest + b"data: overloaded\n\n")}


def test_a_stream_of_which_no_chunk_can_be_read_is_not_said_to_have_no_choices() -> None:
    found = Contract.load().check_stream(b"data: overloaded\n\ndata: [DONE]\n\n")
    assert {v.rule for v in found} == {"CC006"}


def azure(**members: Any) -> dict[str, Any]:
    return {**chunk(), "id": "", "created": 0, "model": "", **members}


@pytest.mark.parametrize("position", range(1, 5))
def test_chunks_about_the_filter_of_azure_may_stand_anywhere(position: int) -> None:
    told = {"index": 0, "delta": {}, "finish_reason": None, "content_filter_results": {}, "content_filter_offsets": {}}
    for inserted in (azure(choices=[told]), azure(prompt_filter_results=[]), azure(prompt_annotations=[])):
        assert not {"CC615", "CC616", "CC617"} & {v.rule for v in found({f"/{position}": Insert(inserted)})}


def test_other_chunks_without_an_id_are_told() -> None:
    assert "CC615" in {v.rule for v in found({"/2": Insert(azure(choices=[{"index": 0, "delta": {}}]))})}


def test_a_piece_that_begins_like_the_text_by_chance_is_not_told() -> None:
    for texts in (("haha", "haha", "haha"), ("Four", "Four.", "!"), ("----", "------", "--------"), ("a", "ab", "abc")):
        changes = {f"/{at}/choices/0/delta/content": text for at, text in enumerate(texts)}
        assert "CC614" not in {v.rule for v in found(changes)}


BARE: list[dict[str, Any]] = [
    {"error_type": "BadRequestError", "error_message": "too long", "choices": None},
    {"object": "error", "message": "too long", "type": "BadRequestError", "param": None, "code": 400},
    {"code": 429, "message": "Resource has been exhausted", "details": "RESOURCE_EXHAUSTED"},
]


@pytest.mark.parametrize("bare", BARE, ids=["own names", "flat", "details"])
def test_an_error_without_the_member_error_ends_a_stream_too(bare: dict[str, Any]) -> None:
    exchange = stream(body=events([chunk({"role": "assistant", "content": "F"}), bare])).exchange()
    assert [(v.name, v.pointer, v.chunk) for v in CONTRACT.check(exchange)] == [("error-in-stream", "", 1)]
