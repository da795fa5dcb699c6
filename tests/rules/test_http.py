"""HTTP: media types, the form of the answer, statuses and headers, with and without what a recorder keeps."""

from typing import Any

import pytest

from chatcontract import Contract
from chatcontract.examples import ERROR, STREAM, error, events, response, stream
from chatcontract.model import Exchange, Response, Severity

CONTRACT = Contract.load(select=["CC1"])
JSON = ("content-type", "application/json")


def names(example: Any) -> set[str]:
    return {violation.name for violation in CONTRACT.check(example.exchange())}


@pytest.mark.parametrize(
    "media",
    [
        "text/event-stream",
        "TEXT/EVENT-STREAM;charset=UTF-8",
        "text/event-stream ; charset=utf-8",
        "REDACTED",
        "<x>",
    ],
)
def test_a_stream_keeps_its_media_type_whatever_its_spelling(media: str) -> None:
    assert not names(stream(headers=(("Content-Type", media),)))


@pytest.mark.parametrize("media", ["application/json", "text/plain", "application/x-ndjson", "text/event-streams"])
def test_a_stream_of_another_media_type_is_found(media: str) -> None:
    assert names(stream(headers=(("content-type", media),))) == {"stream-media-type"}


@pytest.mark.parametrize("media", ["application/json", "application/problem+json", "[Filtered]"])
def test_json_keeps_its_media_type(media: str) -> None:
    assert not names(response(headers=(("content-type", media),)))


@pytest.mark.parametrize(
    "media", ["text/plain", "text/html; charset=utf-8", "text/event-stream", "application/octet-stream"]
)
def test_json_of_another_media_type_is_found(media: str) -> None:
    assert names(response(headers=(("content-type", media),))) == {"json-media-type"}
    assert names(error(headers=(("content-type", media),))) == {"error-media-type"}


def test_headers_that_were_not_recorded_prove_nothing() -> None:
    for example in (response(), stream(), error(status=429)):
        exchange = example.exchange()
        assert exchange.response is not None
        bare = exchange._replace(response=exchange.response._replace(headers=()))
        assert not CONTRACT.check(bare)


@pytest.mark.parametrize("asked", [None, False])
def test_a_stream_that_was_not_asked_for_is_found(asked: Any) -> None:
    assert names(stream(request={"/stream": asked})) == {"stream-unasked"}


@pytest.mark.parametrize("asked", [True, "true", 1])
def test_a_stream_is_right_where_it_was_asked_for_or_the_request_is_wrong_itself(asked: Any) -> None:
    assert not names(stream(request={"/stream": asked}))


def test_a_plain_answer_to_a_streaming_request_is_found_but_not_an_error() -> None:
    assert names(response(request={"/stream": True})) == {"stream-not-given"}
    assert not names(error(request={"/stream": True}))
    assert not names(response(request={"/stream": True}, body=b"<html>"))


@pytest.mark.parametrize("body", [b'{"error": {"message": "no"}}', b'{"error": "no"}', b'{"error": {}, "id": "1"}'])
def test_an_error_behind_a_status_of_success_is_found(body: bytes) -> None:
    wanted = set() if b"{}" in body else {"error-with-success-status"}
    assert names(response(body=body)) >= wanted


def test_an_error_of_unknown_status_has_no_wrong_status() -> None:
    import json

    assert not CONTRACT.check(Exchange("", None, Response(None, (), json.dumps(ERROR).encode())))


@pytest.mark.parametrize(("status", "found"), [(200, False), (201, True), (206, True), (302, True), (404, False)])
def test_success_has_one_status(status: int, found: bool) -> None:
    assert ("status-undocumented" in names(response(status=status))) is found


@pytest.mark.parametrize(
    "value",
    [
        "1", "20", " 20 ", "Fri, 21 Nov 2025 04:40:02 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994", "REDACTED", "<removed>",
    ],
)  # fmt: skip
def test_a_wait_in_seconds_or_a_date_can_be_read(value: str) -> None:
    assert not names(error(status=429, headers=(JSON, ("retry-after", value))))


@pytest.mark.parametrize("value", ["0", "-1", "1.5", "soon", "20s", "٣", "2025-11-21T15:47:00Z", "Fri, soon enough"])
def test_another_wait_cannot_be_read(value: str) -> None:
    assert names(error(status=429, headers=(JSON, ("Retry-After", value)))) == {"retry-header-malformed"}


@pytest.mark.parametrize(
    ("name", "value", "found"),
    [
        ("x-ratelimit-remaining-tokens", "199,000", True),
        ("x-ratelimit-remaining-tokens", "199000", False),
        ("x-ratelimit-reset-tokens", "1m30.5s", False),
        ("x-ratelimit-reset-tokens", "17ms", False),
        ("x-ratelimit-reset-tokens", "2025-11-21T04:40:02Z", True),
        ("x-ratelimit-limit-requests", "X-RATELIMIT-XXX", False),
        ("x-ratelimit-limit-requests", "", False),
    ],
)
def test_rate_limits_are_whole_numbers_and_resets_durations(name: str, value: str, found: bool) -> None:
    assert names(response(headers=(JSON, (name, value)))) == ({"rate-limit-header-malformed"} if found else set())


def test_notes_stay_notes() -> None:
    noted = response(headers=(("openai-version", "2020-10-01"), ("x-ratelimit-limit-tokens", "1e5")))
    found = CONTRACT.check(noted.exchange())
    assert {v.name for v in found} == {
        "media-type-missing",
        "request-id-missing",
        "rate-limit-header-malformed",
    }
    assert {v.severity for v in found} == {Severity.INFO}


DELIVERED = (("date", "Fri, 21 Nov 2025 04:40:02 GMT"), ("transfer-encoding", "chunked"))


@pytest.mark.parametrize(
    ("example", "severity"),
    [
        (response(headers=DELIVERED), Severity.WARNING),
        (response(headers=DELIVERED[:1]), Severity.INFO),
        (response(headers=DELIVERED[1:]), Severity.INFO),
        (stream(headers=DELIVERED), Severity.WARNING),
        (error(headers=DELIVERED), Severity.INFO),
    ],
)
def test_an_answer_without_a_media_type_breaks_clients_if_no_recorder_lost_it(example: Any, severity: Severity) -> None:
    found = CONTRACT.check(example.exchange())
    assert [(v.name, v.severity) for v in found] == [("media-type-missing", severity)]


def test_a_stream_behind_json_headers_is_read_as_the_stream_that_it_is() -> None:
    found = names(response(request={}, body=events(list(STREAM)), headers=(JSON,)))
    assert found == {"stream-media-type", "stream-unasked"}


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b'{"code": "rate_limit_daily", "message": "slow down"}', True),
        (b'{"detail": "Not authenticated"}', True),
        (b'{"object": "error", "message": "no", "type": "BadRequestError", "code": 400}', True),
        (b'{"error_message": "no", "choices": null}', True),
        (b'{"model": "m", "message": {"role": "assistant", "content": "Four."}, "done": true}', False),
        (b'{"data": {"choices": []}, "success": true}', False),
        (b'{"message": "Four."', False),
    ],
)
def test_an_error_is_one_without_the_member_error_too(body: bytes, found: bool) -> None:
    assert ("error-with-success-status" in names(response(body=body))) is found
