"""What is legal but unusual gives nothing above a note, in any profile."""

import json
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from chatcontract import Contract
from chatcontract.examples import (
    CALL,
    GONE,
    STREAM,
    Example,
    Insert,
    chunk,
    events,
    response,
    stream,
    usage_chunk,
)
from chatcontract.model import Profile, Severity

WHOLE = events(list(STREAM))
HEAD, TAIL = events(list(STREAM[:2])), events(list(STREAM[2:]))
ASKED = {"/stream_options": {"include_usage": True}}
LAST = {"/4": Insert(usage_chunk()), **{f"/{position}/usage": None for position in range(4)}}
EVENTS = ("content-type", "text/event-stream")
ONE_CHUNK = chunk({"role": "assistant", "content": "Four."}, finish="stop")
FRAGMENTS = {
    "/1/choices/0/delta": {"tool_calls": [{"index": 0, **CALL}]},
    "/2/choices/0/delta": {},
    "/3/choices/0/finish_reason": "tool_calls",
}
VENDOR = {f"/{position}/x_vendor": {"queue_time": 0.1} for position in range(4)}
SPOKEN = {
    "/1/choices/0/delta": {"audio": {"id": "audio_1", "data": "UklGRg==", "transcript": "Four"}},
    "/2/choices/0/delta": {"audio": {"expires_at": 1763703600}},
}
ALOUD = {**ASKED, "/modalities": ["text", "audio"], "/audio": {"voice": "alloy", "format": "pcm16"}}
EXPIRY = {**chunk(), "choices": [{"index": 0, "delta": {"audio": {"expires_at": 1763703600}}}]}
SPOKEN_BY_THE_SERVICE = {
    "/0/choices/0/delta": {"role": "assistant", "refusal": None},
    "/1/choices/0/delta": {"content": None, "audio": {"id": "audio_1", "transcript": "Four"}},
    "/2/choices": GONE,
    "/3/choices/0": {"index": 0, "delta": {"role": "assistant", "audio": {"id": "audio_1", "data": "AAAA"}}},
    "/3/choices/0/finish_reason": None,
    "/4": Insert(usage_chunk()),
    "/5": Insert(EXPIRY),
    **{f"/{position}/usage": None for position in (0, 1, 2, 3, 5)},
}


def retold(change: Callable[[bytes], bytes]) -> Example:
    return stream(body=change(WHOLE))


def spaced(data: Any) -> bytes:
    text = data if isinstance(data, str) else json.dumps(data, separators=(" , ", " : "))
    return f"data: {text}\n\n".encode()


STREAMS: dict[str, Example] = {
    "comments": stream(body=b": hello\n\n" + HEAD + b": keep-alive\n\n:\n\n" + TAIL + b": bye\n\n"),
    "comments inside events": stream(body=WHOLE.replace(b"data: {", b": now\ndata: {")),
    "carriage returns with line feeds": retold(lambda body: body.replace(b"\n", b"\r\n")),
    "carriage returns alone": retold(lambda body: body.replace(b"\n", b"\r")),
    "no blank after the colon": retold(lambda body: body.replace(b"data: ", b"data:")),
    "several empty lines": retold(lambda body: body.replace(b"\n\n", b"\n\n\n\n")),
    "event, id and retry": retold(lambda body: b"retry: 3000\n" + body.replace(b"data: {", b"event: message\ndata: {")),
    "ids of events": stream(body=b"".join(b"id: %d\n" % at + events([data]) for at, data in enumerate(STREAM))),
    "unknown field": stream(body=HEAD + b"trace: 7\n" + TAIL),
    "mixed line endings": stream(body=HEAD + TAIL.replace(b"\n", b"\r\n")),
    "spaces inside the JSON": stream(body=b"".join(map(spaced, STREAM))),
    "charset parameter": stream(headers=(("content-type", "text/event-stream; charset=UTF-8"),)),
    "no headers of the service": stream(headers=(EVENTS,)),
    "vendor members": stream(VENDOR),
    "vendor members of choices and deltas": stream(
        {"/1/choices/0/native_finish_reason": None, "/1/choices/0/delta/reasoning_content": "hm"}
    ),
    "an id without prefix": stream({f"/{position}/id": "1f0c" for position in range(4)}),
    "one chunk": stream(body=events([ONE_CHUNK, "[DONE]"])),
    "finish with content": stream({"/3/choices/0/delta/content": "!"}),
    "obfuscation": stream({f"/{position}/obfuscation": "aZ9" for position in range(4)}, request={}),
    "empty first content": stream({"/0/choices/0/delta/content": ""}),
    "null first content": stream({"/0/choices/0/delta/content": None}),
    "an empty delta in the middle": stream({"/2": Insert(chunk({}))}),
    "absent optional members": stream(
        {f"/{position}/{name}": GONE for position in range(4) for name in ("service_tier", "system_fingerprint")}
        | {f"/{position}/choices/0/logprobs": GONE for position in range(4)}
        | {"/0/choices/0/delta/refusal": GONE}
    ),
    "usage with null before": stream(LAST, request=ASKED),
    "a call in one fragment": stream(FRAGMENTS),
    "a spoken answer": stream(SPOKEN),
    "a spoken answer whose expiry comes last": stream({**SPOKEN, "/2/choices/0/delta": {}, "/4": Insert(EXPIRY)}),
    "a spoken answer with pauses, ended by its expiry": stream(SPOKEN_BY_THE_SERVICE, request=ALOUD),
    "the filter chunk of Azure": stream(
        {"/0": Insert({**chunk(), "prompt_filter_results": [{"prompt_index": 0, "content_filter_results": {}}]})}
    ),
    "interleaved choices": stream(
        {
            "/4": Insert(chunk(finish="stop", index=1)),
            "/1": Insert(chunk({"role": "assistant", "content": "4"}, index=1)),
        },
        request={"/n": 2},
    ),
}
ANSWERS: dict[str, Example] = {
    "charset parameter": response(headers=(("content-type", "application/json; charset=utf-8"),)),
    "vendor members": response({"/x_vendor": 1, "/choices/0/message/reasoning_content": "hm", "/usage/cost": 0.1}),
    "an id without prefix": response({"/id": "1f0c"}),
    "absent optional members": response(
        dict.fromkeys(("/service_tier", "/system_fingerprint", "/choices/0/logprobs"), GONE)
        | {"/choices/0/message/annotations": GONE}
    ),
    "spaces and line ends": response(body=json.dumps(response().payload(), indent=4).encode() + b"\r\n\r\n"),
    "leading blank lines": response(body=b"\n\n  " + json.dumps(response().payload()).encode()),
    "members in another order": response(body=json.dumps(dict(reversed(list(response().payload().items())))).encode()),
    "escaped text": response(body=json.dumps(response({"/choices/0/message/content": "é\u2028😀"}).payload()).encode()),
}


@cache
def contract(profile: Profile) -> Contract:
    return Contract.load(profile=profile)


def grave(example: Example, profile: Profile) -> list[Any]:
    return [v for v in contract(profile).check(example.exchange()) if v.severity is not Severity.INFO]


@pytest.mark.parametrize("profile", ["openai", "compatible"])
@pytest.mark.parametrize("example", STREAMS.values(), ids=STREAMS.keys())
def test_a_legal_stream_gives_nothing_above_a_note(example: Example, profile: Profile) -> None:
    assert not grave(example, profile)


@pytest.mark.parametrize("profile", ["openai", "compatible"])
@pytest.mark.parametrize("example", ANSWERS.values(), ids=ANSWERS.keys())
def test_a_legal_answer_gives_nothing_above_a_note(example: Example, profile: Profile) -> None:
    assert not grave(example, profile)


@pytest.mark.parametrize(
    "change",
    [
        {"/1/choices/0/delta": {"content": "Four"}, "/3/choices/0/delta": {}},
        {"/2/text": "Four"},
        {"/2/usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}},
        {"/5/choices/0/delta": {"audio": {"id": "audio_1"}}},
    ],
    ids=["no sound", "text in its place", "usage in its place", "no end"],
)
@pytest.mark.parametrize("profile", ["openai", "compatible"])
def test_what_only_resembles_a_spoken_answer_stays_an_error(change: dict[str, Any], profile: Profile) -> None:
    found = grave(stream({**SPOKEN_BY_THE_SERVICE, **change}, request=ALOUD), profile)
    assert Severity.ERROR in {violation.severity for violation in found}


@pytest.mark.parametrize("event", [b"event: ping\n\n", b"retry: 3000\n\n", b"id: 7\n\n"])
@pytest.mark.parametrize("profile", ["openai", "compatible"])
def test_a_legal_event_without_data_is_an_error_since_the_main_clients_break(event: bytes, profile: Profile) -> None:
    found = grave(stream(body=HEAD + event + TAIL), profile)
    assert {(v.name, v.severity) for v in found} == {("event-without-data", Severity.ERROR)}


@pytest.mark.parametrize("profile", ["openai", "compatible"])
def test_a_legal_byte_order_mark_is_a_warning_since_a_main_client_loses_an_event(profile: Profile) -> None:
    found = grave(stream(body=b"\xef\xbb\xbf" + WHOLE), profile)
    assert {(v.name, v.severity) for v in found} == {("framing-unusual", Severity.WARNING)}


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64])
def test_how_the_bytes_are_cut_makes_no_difference(size: int) -> None:
    pieces = [WHOLE[at : at + size] for at in range(0, len(WHOLE), size)]
    assert contract("openai").check_stream(pieces) == contract("openai").check_stream(WHOLE) == ()
