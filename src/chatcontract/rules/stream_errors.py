"""Streams (CC63): errors that come as an event after the status was sent."""

from collections.abc import Iterator

from chatcontract.declare import SpecView, rule
from chatcontract.examples import GONE, error, events, stream, usage_chunk
from chatcontract.findings import of_breaches
from chatcontract.model import Basis, Finding, Part, Severity
from chatcontract.reading import Chunk, Reading, items, members
from chatcontract.redact import short

_STREAM = "https://developers.openai.com/api/reference/resources/chat/subresources/completions/streaming-events"
_ERROR = "#/components/schemas/ErrorResponse/properties/error"
_REFUSED = error().payload()
_FAILED = {"error": {"message": "The server failed.", "type": "server_error", "param": None, "code": None}}


@rule(
    "CC630",
    anchor=_ERROR,
    part=Part.STREAM,
    severity=Severity.WARNING,
    basis=Basis.OBSERVED,
    source=_STREAM,
    since="0.1",
    passes=[stream()],
    fails=[
        stream({"/2": _FAILED}),
        stream({"/2": _FAILED, "/3": usage_chunk()}),
        stream({"/3/error": _FAILED["error"]}),
    ],
    breaks=[
        ("openai-python, openai-node", "raise APIError"),
        ("goose", "cannot decode the event"),
        ("NeoGraph, octos, rocketmq-dashboard", "report an empty success"),
        ("hermes-agent, of an error without the member `error`", "takes it for an empty stream and asks again"),
    ],
    needs=("failed",),
)
def error_in_stream(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """An event in the stream reports an error.

    ## Why it matters
    The status is 200 already, so a client that does not look for `error` takes the beginning for the whole
    answer.

    ## Known exceptions
    The reference service does so itself when the model fails midway, hence no error. What is wrong with the
    error object itself, the rules of section shape say.
    """
    for failure in reading.failures:
        reported = failure.reported
        wanted = "an answer" if failure.is_error else "no error beside choices"
        message = f"expected {wanted}, got the error {short(reported, 200)}"
        yield Finding(_place(failure), message, reported, failure.position)


def _place(failure: Chunk) -> str:
    return "/error" if "error" in members(failure.text.value) else ""


@rule(
    "CC631",
    anchor=_ERROR,
    part=Part.STREAM,
    severity=Severity.WARNING,
    basis=Basis.INTEROP,
    source="https://github.com/aaif-goose/goose/pull/8027",
    since="0.1",
    passes=[stream({"/2": _FAILED, "/3": usage_chunk()}), stream({"/3": _FAILED, "/4": GONE})],
    fails=[stream({"/1": _FAILED})],
    needs=("failed",),
)
def chunk_after_error(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """Choices go on after an event that reported an error.

    ## Why it matters
    Clients raise at the error and never see what follows.

    ## Known exceptions
    A usage chunk and `[DONE]` may follow: the reference service sends both.
    """
    if not reading.failures:
        return
    first = reading.failures[0].position
    later = [part for part in reading.chunks if part.position > first]
    lost = [part for part in later if items(members(part.text.value).get("choices"))]
    if lost:
        message = f"expected the stream to end after the error in event {first}, got {len(lost)} more chunks"
        yield Finding("/choices", message, chunk=lost[0].position)


@rule(
    "CC632",
    anchor=_ERROR,
    part=Part.STREAM,
    severity=Severity.WARNING,
    basis=Basis.INTEROP,
    source="https://github.com/zendev-sh/goai/pull/110",
    since="0.1",
    passes=[stream({"/3": _REFUSED}), stream(body=events([_FAILED]))],
    fails=[stream(body=events([_REFUSED, "[DONE]"])), stream(body=events([_REFUSED]))],
    needs=("failed",),
)
def refusal_in_stream(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The request is refused by an event in a stream of status 200, not by the status.

    ## Why it matters
    Nothing was streamed yet, so status 400 was still free: retries, logs and clients go by the status.

    ## Known exceptions
    None known.
    """
    if (
        not reading.failures
        or reading.failures[0].position != reading.chunks[0].position
        or (reading.status or 200) != 200
    ):
        return
    reported = members(reading.failures[0].reported)
    code = reported.get("code")
    if reported.get("type") == "invalid_request_error" or (type(code) is int and 400 <= code < 500):
        message = f"expected a status of 400 or above, got 200 and the event {short(reported, 160)}"
        yield Finding(_place(reading.failures[0]), message, reported, reading.failures[0].position)


@rule(
    "CC633",
    anchor=_ERROR,
    part=Part.STREAM,
    severity=Severity.ERROR,
    basis=Basis.INTEROP,
    source="https://github.com/openai/openai-node/blob/master/src/core/streaming.ts",
    since="0.1",
    passes=[stream(), stream({"/2": _FAILED})],
    fails=[stream({"/1/error": {}}), stream({"/1/error": None})],
    breaks=[
        ("openai-node, also under LangChain.js", "raises APIError where it is an empty object or list, which is true"),
        ("@ai-sdk/openai-compatible", "ends the answer with an error wherever the member is there, be it null"),
    ],
    needs=("breached",),
)
def error_empty_in_chunk(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """A chunk with choices has an `error` that is null or empty, where there should be none.

    ## Why it matters
    Clients ask whether the member is there, or true, and end the answer in the middle.

    ## Known exceptions
    Chunks without choices are a matter of the schema.
    """
    yield from of_breaches(reading, "error-hollow", says="expected no member error beside choices, got {}")
