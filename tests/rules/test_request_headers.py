"""Headers of a request: its media type and its key."""

import json
from functools import cache

import pytest

from chatcontract import Contract
from chatcontract.examples import REQUEST
from chatcontract.model import Exchange, Headers, Profile, Request, Response, Violation


@cache
def contract(profile: Profile = "openai") -> Contract:
    return Contract.load(profile=profile)


def found(*headers: tuple[str, str], profile: Profile = "openai", status: int | None = None) -> list[Violation]:
    return of(headers, json.dumps(REQUEST).encode(), profile, status)


def of(headers: Headers, body: bytes, profile: Profile, status: int | None) -> list[Violation]:
    asked = Request("POST", "https://example.com/v1/chat/completions", headers, body)
    answer = Response(status, (), b'{"error": {"message": "x"}}') if status is not None else None
    violations = contract(profile).check(Exchange("1", asked, answer))
    return [violation for violation in violations if violation.rule in ("CC261", "CC262")]


@pytest.mark.parametrize("profile", ["openai", "strict", "compatible"])
def test_another_media_type_is_the_clients_error_in_every_profile(profile: Profile) -> None:
    [told] = found(("CONTENT-TYPE", "application/x-www-form-urlencoded"), profile=profile)
    assert (told.rule, told.severity, told.side) == ("CC261", "error", "client")
    assert told.message == 'expected the media type application/json, got "application/x-www-form-urlencoded"'


@pytest.mark.parametrize(
    "media",
    [
        "application/json",
        "application/json;charset=utf-8",
        "APPLICATION/JSON",
        "",
        "<redacted>",
        "application/json, application/json",
    ],
)
def test_what_is_json_or_not_recorded_passes(media: str) -> None:
    assert found(("content-type", media), ("accept", "text/event-stream")) == []


def test_a_body_that_is_no_json_gets_it_too() -> None:
    [told] = of((("content-type", "text/plain"),), b"model=m", "openai", None)
    assert told.rule == "CC261"


@pytest.mark.parametrize("key", ["Bearer undefined", "bearer null", "Bearer None", "Bearer", "Bearer  "])
def test_a_key_that_was_never_set_is_told_unless_the_answer_shows_that_it_does_no_harm(key: str) -> None:
    for status in (None, 401, 403):
        assert [told.rule for told in found(("Authorization", key), status=status)] == ["CC262"]
    for status in (200, 400, 429):
        assert found(("Authorization", key), status=status) == []


@pytest.mark.parametrize("key", ["Bearer sk-none", "Bearer NONEXISTENT", "REDACTED", "Basic none", "undefined", ""])
def test_other_keys_are_let_be(key: str) -> None:
    assert found(("Authorization", key)) == []
