"""Waits of a replay: what a target asks for, within bounds."""

from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatcontract.client import Reply
from chatcontract.model import Exchange, Response
from chatcontract.replay.plan import with_model
from chatcontract.replay.sending import LONGEST_WAIT, RETRIES, backoff, retry_after

NOW = 1_763_700_000.0


def asked(value: str) -> float | None:
    return retry_after(Reply(Exchange("one", None, Response(429, (("Retry-After", value),))), 0.1), NOW)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("7", 7.0),
        ("1.5", 1.5),
        (" 3 ", 3.0),
        ("86400", LONGEST_WAIT),
        ("soon", None),
        ("", None),
        ("-5", None),
    ],
)
def test_a_number_of_seconds_is_taken_within_bounds(value: str, seconds: float | None) -> None:
    assert asked(value) == seconds


def test_a_date_is_taken_as_the_time_until_then() -> None:
    assert asked(formatdate(NOW + 20, usegmt=True)) == pytest.approx(20, abs=1)
    assert asked(formatdate(NOW - 20, usegmt=True)) == 0


@given(st.text(max_size=40))
def test_whatever_is_asked_for_the_wait_is_bounded(value: str) -> None:
    assert 0 <= (asked(value) or 0) <= LONGEST_WAIT


def test_without_a_word_of_the_target_the_waits_grow() -> None:
    waits = [backoff(attempt) for attempt in range(1, RETRIES + 1)]
    assert waits == [0.5, 1.0, 2.0, 4.0]


@pytest.mark.parametrize(
    ("body", "made"),
    [
        (b'{"model":"a","messages":[{"model":"a"}]}', b'{"model": "b","messages":[{"model":"a"}]}'),
        (b"{}", b'{"model": "b"}'),
        (b' {"n":1}', b' {"model": "b", "n":1}'),
        (b"[1]", b"[1]"),
        (b'{"model":', b'{"model":'),
        (b"\xff", b"\xff"),
        (b"", b""),
    ],
)
def test_a_model_is_put_in_place_and_nothing_else_changes(body: bytes, made: bytes) -> None:
    assert with_model(body, "b") == made
