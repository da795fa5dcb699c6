"""Framing: every oddity has its rule, unreadable data have one finding, buffering is told by arrivals."""

import inspect

import pytest

from chatcontract import Contract
from chatcontract.examples import STREAM, chunk, events, stream
from chatcontract.model import Arrival, Exchange, Response, Severity, Violation
from chatcontract.oddities import ODDITIES
from chatcontract.rules import framing, framing_data

CONTRACT = Contract.load()
FRAMING = Contract.load(select=["CC66", "CC67", "CC68"])
HEAD, MIDDLE, END = events(list(STREAM[:2])), events(list(STREAM[2:4])), events(["[DONE]"])
WHOLE = HEAD + MIDDLE + END


def found(body: bytes, arrivals: tuple[Arrival, ...] = ()) -> list[Violation]:
    headers = (("content-type", "text/event-stream"),)
    return list(CONTRACT.check(Exchange("", None, Response(200, headers, body, arrivals))))


def names(body: bytes) -> set[str]:
    return {violation.name for violation in found(body)}


def levels(body: bytes) -> dict[str, Severity]:
    return {violation.name: violation.severity for violation in found(body)}


@pytest.mark.parametrize("name", ODDITIES)
def test_every_oddity_is_told_by_a_rule(name: str) -> None:
    assert f'"{name}"' in inspect.getsource(framing) + inspect.getsource(framing_data)


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (HEAD + b"data: : ping\n\n" + MIDDLE + END, "comment-as-data"),
        (HEAD + b"data: data: {}\n\n" + MIDDLE + END, "data-wrapped-twice"),
        (HEAD + b"data: DONE\n\n", "done-misspelt"),
        (HEAD + MIDDLE[:-1] + END, "events-merged"),
        (HEAD[:-1] + MIDDLE + END, "events-merged"),
        (HEAD.replace(b"\n\ndata: ", b"") + MIDDLE + END, "events-merged"),
        (HEAD + MIDDLE + b'data: {"id": ', "stream-cut"),
        (HEAD + b"data:   \n\n" + MIDDLE + END, "invalid-json"),
    ],
)
def test_data_that_cannot_be_read_have_one_error_that_says_why(body: bytes, name: str) -> None:
    errors = [violation for violation in found(body) if violation.severity is Severity.ERROR]
    assert name in {violation.name for violation in errors}
    assert ("invalid-json" in {violation.name for violation in errors}) is (name == "invalid-json")


def test_a_cut_stream_is_not_said_to_lack_its_terminator_as_well() -> None:
    assert "done-missing" not in names(HEAD + MIDDLE + b"da")
    assert "done-missing" in names(HEAD + MIDDLE)


@pytest.mark.parametrize("word", ["[done]", "DONE", '"[DONE]"', "[Done]"])
def test_another_spelling_of_the_terminator_still_ends_the_stream(word: str) -> None:
    assert levels(HEAD + MIDDLE + f"data: {word}\n\n".encode()) == {"done-misspelt": Severity.ERROR}


@pytest.mark.parametrize("line", [b"data:  [DONE]", b"data: [DONE] ", b"data:\t[DONE]"])
def test_blanks_around_the_terminator_are_an_error_since_clients_parse_it(line: bytes) -> None:
    assert levels(HEAD + MIDDLE + line + b"\n\n") == {"done-misspelt": Severity.ERROR}


def test_line_ends_around_the_terminator_are_a_warning() -> None:
    assert levels(HEAD + MIDDLE + b"data: [DONE]\ndata:\n\n")["done-misspelt"] is Severity.WARNING


def test_a_chunk_that_no_blank_line_closes_is_an_error_and_the_terminator_a_warning() -> None:
    assert levels(WHOLE[:-1])["final-blank-line-missing"] is Severity.WARNING
    assert levels(HEAD + MIDDLE[:-1])["final-blank-line-missing"] is Severity.ERROR


@pytest.mark.parametrize(
    ("line", "severity"),
    [(b"Data: {}", Severity.ERROR), (b"data : {}", Severity.ERROR), (b"Event: x", Severity.WARNING)],
)
def test_only_a_misspelt_data_field_loses_a_piece_of_the_answer(line: bytes, severity: Severity) -> None:
    assert levels(HEAD + line + b"\n\n" + MIDDLE + END) == {"field-misspelt": severity}


def test_everything_after_the_terminator_is_told() -> None:
    after = [v for v in found(WHOLE + events([chunk({}), chunk({})])) if v.name == "data-after-done"]
    assert [violation.chunk for violation in after] == [5, 6]


def test_several_lines_of_one_document_are_a_warning_and_of_two_an_error() -> None:
    spread = WHOLE.replace(b', "created"', b',\ndata: "created"')
    assert levels(spread) == {"data-on-several-lines": Severity.WARNING}
    assert "data-on-several-lines" not in names(HEAD[:-1] + MIDDLE + END)


def test_an_event_beyond_the_limit_is_an_error() -> None:
    huge = b'data: {"a": "' + b"x" * (9 * 2**20) + b'"}\n\n'
    assert levels(HEAD + huge + MIDDLE + END)["stream-beyond-limits"] is Severity.ERROR


def test_an_empty_stream_is_told_by_one_warning() -> None:
    assert levels(b"") == {"stream-empty": Severity.WARNING}
    assert levels(b": ping\n\n: ping\n\n") == {"stream-empty": Severity.WARNING}


@pytest.mark.parametrize(
    ("arrivals", "severity"),
    [
        ([2.0], Severity.INFO),
        ([2.0, 2.0, 2.001], Severity.WARNING),
        ([2.0, 2.2], None),
        ([0.5, 0.5], None),
        ([float("nan"), float("nan")], None),
    ],
)
def test_a_stream_is_buffered_when_all_of_it_comes_late_and_at_once(arrivals: list[float], severity: Severity) -> None:
    body = HEAD + events([STREAM[2]]) * 20 + events(list(STREAM[3:]))
    pieces = tuple(Arrival(100 * at, time) for at, time in enumerate(arrivals))
    told = {v.name: v.severity for v in found(body, pieces)}
    assert told == ({"stream-buffered": severity} if severity else {})


def test_offsets_lead_into_the_bytes() -> None:
    (violation,) = FRAMING.check(stream(body=HEAD + b"event: ping\n\n" + MIDDLE + END).exchange())
    assert violation.message.endswith(f"at byte {len(HEAD)}")
