"""HTTP (CC1): what the answer is against what was asked for, media types, statuses, headers."""

from collections.abc import Iterator

from chatcontract.declare import SpecView, rule
from chatcontract.examples import STREAM, error, events, response, stream
from chatcontract.jsontext import ABSENT
from chatcontract.model import Basis, Finding, Part, Rule, Severity
from chatcontract.reading import Reading
from chatcontract.redact import short

_API = "https://developers.openai.com/api/reference/resources/chat/subresources/completions/methods/create"
_NODE = "https://github.com/openai/openai-node/blob/master/src/internal/parse.ts"
_OK = "#/paths/~1chat~1completions/post/responses/200/content"
_ANSWERS = "#/paths/~1chat~1completions/post/responses"
_ERROR = "#/components/schemas/ErrorResponse"
_JSON = (("content-type", "application/json"),)
_TEXT = (("content-type", "text/plain; charset=utf-8"),)
_EVENTS = (("content-type", "text/event-stream"),)
_FAILED = b'{"error": {"message": "overloaded", "type": "server_error", "param": null, "code": null}}'
_BARE = b'{"error": {"message": "overloaded", "code": "502", "type": "", "param": null}, "user_id": "u"}'


@rule(
    "CC101",
    anchor=f"{_OK}/text~1event-stream",
    part=Part.EXCHANGE,
    severity=Severity.WARNING,
    basis=Basis.DOCUMENTED,
    source=_API,
    since="0.1",
    needs=("headed",),
    passes=[
        stream(),
        stream(headers=_EVENTS),
        stream(headers=(("Content-Type", "Text/Event-Stream; charset=UTF-8"),)),
        stream(headers=(("content-type", "[Filtered]"),)),
    ],
    fails=[stream(headers=_JSON), stream(headers=_TEXT)],
    breaks=[
        ("aichat and other clients on reqwest-eventsource", "refuse the stream: invalid content type"),
        ("EvalScope", "finds no chunk"),
    ],
)
def stream_media_type(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """A stream is sent with another media type than `text/event-stream`.

    ## Why it matters
    Readers of event streams refuse it, in browsers and in Rust; proxies hold back what they do not know as a
    stream.

    ## Known exceptions
    Recorders that replace the header; that is why it is no error. OpenAI's own SDKs do not look at it.
    """
    media = reading.once(_media)
    if reading.kind == "stream" and media and media != "text/event-stream":
        yield Finding("", f"expected the media type text/event-stream, got {short(media, 80)}", media)


@rule(
    "CC102",
    anchor=f"{_OK}/application~1json",
    part=Part.EXCHANGE,
    severity=Severity.ERROR,
    basis=Basis.INTEROP,
    source=_NODE,
    since="0.1",
    needs=("headed",),
    passes=[
        response(),
        response(headers=(("Content-Type", "application/json; charset=UTF-8"),)),
        response(headers=(("content-type", "application/vnd.api+json"),)),
        response(headers=(("content-type", "application/json, application/json"),)),
        response(headers=(("content-type", "REDACTED"),)),
        response(headers=(("date", "Fri, 21 Nov 2025 04:40:02 GMT"),)),
    ],
    fails=[
        response(headers=_TEXT),
        response(headers=_EVENTS),
        response(headers=(("content-type", "text/html"),)),
        response(headers=(("Content-Type", "Application/JSON; charset=utf-8"),)),
    ],
    breaks=[("openai-node, also under LangChain.js", "hands out the text instead of an object")],
)
def json_media_type(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """An answer in JSON is sent with a media type that is not JSON's, or not in small letters.

    ## Why it matters
    openai-node and clients of its make go by the media type and hand out the text instead of an object.

    ## Known exceptions
    Recorders that replace the header. Capital letters are legal, and a warning.
    """
    media = reading.once(_media)
    if reading.kind != "response" or not media or reading.answer.value is ABSENT:
        return
    if not _is_json(media):
        yield Finding("", f"expected the media type application/json, got {short(media, 80)}", media)
    elif media == "application/json" and media not in (written := reading.header("content-type")):
        says = f"expected application/json in small letters, got {short(written, 80)}"
        yield Finding("", says, written, severity=Severity.WARNING)


@rule(
    "CC103",
    anchor=_ERROR,
    part=Part.EXCHANGE,
    severity=Severity.INFO,
    basis=Basis.OBSERVED,
    source="https://developers.openai.com/api/docs/guides/error-codes",
    since="0.1",
    needs=("headed",),
    passes=[error(), error(body=b"<html>", status=502, headers=(("content-type", "text/html"),))],
    fails=[error(headers=(("content-type", "application/octet-stream"),))],
)
def error_media_type(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """An error in JSON is sent with a media type that is not JSON's.

    ## Why it matters
    Clients that go by the media type show raw text instead of the message.

    ## Known exceptions
    The reference service does so for an unknown path.
    """
    media = reading.once(_media)
    if reading.kind == "error" and media and not _is_json(media) and reading.answer.value is not ABSENT:
        yield Finding("", f"expected the media type application/json, got {short(media, 80)}", media)


@rule(
    "CC104",
    anchor=_ANSWERS,
    part=Part.EXCHANGE,
    severity=Severity.WARNING,
    basis=Basis.INTEROP,
    source=_NODE,
    since="0.1",
    needs=("headed",),
    passes=[response(), response(headers=(("Content-Type", "application/json"), ("date", "x")))],
    fails=[
        response(headers=(("date", "Fri, 21 Nov 2025 04:40:02 GMT"),)),
        response(headers=(("Server", "uvicorn"), ("Content-Length", "512"))),
        stream(headers=(("Server", "uvicorn"), ("Transfer-Encoding", "chunked"))),
    ],
    breaks=[
        ("openai-node", "hands out the text instead of an object"),
        ("aichat and other clients on reqwest-eventsource", "refuse the stream: invalid content type"),
    ],
)
def media_type_missing(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The answer has headers and a body, but no media type.

    ## Why it matters
    Clients that go by the media type cannot tell JSON from text: `choices` is undefined. Readers of event streams
    refuse to begin.

    ## Known exceptions
    Recorders that keep few headers: where the headers of the transport are absent too, and where the answer is no
    completion, it is for information.
    """
    answer = reading.exchange.response
    if answer is not None and answer.headers and answer.body and not reading.header("content-type"):
        severity = None if _is_delivered(reading) else Severity.INFO
        yield Finding("", f"expected a Content-Type, got {len(answer.headers)} other headers", severity=severity)


def _is_delivered(reading: Reading) -> bool:
    """Whether it is an answer in JSON or a stream, recorded with the headers that every delivery has."""
    framed = reading.header("content-length") or reading.header("transfer-encoding")
    dated = reading.header("date") or reading.header("server")
    told = reading.kind == "stream" or (reading.kind == "response" and reading.answer.value is not ABSENT)
    return bool(framed and dated) and told


@rule(
    "CC110",
    anchor="#/components/schemas/CreateChatCompletionRequest/properties/stream",
    part=Part.EXCHANGE,
    severity=Severity.ERROR,
    basis=Basis.DOCUMENTED,
    source=_API,
    since="0.1",
    passes=[
        response(request={}),
        response(),
        stream(request={}),
        response(request={"/stream": True}, body=_FAILED, status=503),
    ],
    fails=[response(request={"/stream": True})],
)
def stream_not_given(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """A stream is asked for, and the answer is a single JSON text.

    ## Why it matters
    Clients read it as a stream without events: the answer looks empty.

    ## Known exceptions
    None known; a server that cannot stream should refuse the request.
    """
    if reading.asked.get("stream") is True and reading.kind == "response" and reading.answer.value is not ABSENT:
        yield Finding("", "expected an event stream, since stream is true, got JSON")


@rule(
    "CC111",
    anchor="#/components/schemas/CreateChatCompletionRequest/properties/stream",
    part=Part.EXCHANGE,
    severity=Severity.ERROR,
    basis=Basis.DOCUMENTED,
    source=_API,
    since="0.1",
    passes=[stream(request={}), stream(), response(request={"/stream": False})],
    fails=[
        stream(request={"/stream": False}),
        response(request={}, body=events(list(STREAM)), headers=_EVENTS),
    ],
)
def stream_unasked(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The answer is a stream although none is asked for.

    ## Why it matters
    Clients parse it as JSON and fail.

    ## Known exceptions
    None known.
    """
    if reading.asked and reading.kind == "stream" and reading.asked.get("stream") in (None, False):
        yield Finding("", "expected JSON, since stream is not true, got an event stream")


@rule(
    "CC112",
    anchor=_ERROR,
    part=Part.EXCHANGE,
    severity=Severity.ERROR,
    basis=Basis.INTEROP,
    source="https://github.com/nodetool-ai/nodetool/pull/5755",
    since="0.1",
    passes=[error(status=503), response(), response({"/error": None})],
    fails=[error(status=200), response(body=_BARE), response(request={"/stream": True}, body=_FAILED)],
    breaks=[("nodetool and many others", "report that there are no choices instead of the error")],
)
def error_with_success_status(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The body is an error, and the status says success.

    ## Why it matters
    Clients tell success by the status: they neither retry nor show the error, and miss the choices.

    ## Known exceptions
    None known.
    """
    if reading.kind == "error" and reading.status is not None and reading.status < 400:
        reported = reading.error.get("error", reading.error)
        message = f"expected a status of 400 or above, got {reading.status} for {short(reported, 160)}"
        yield Finding("/error" if "error" in reading.error else "", message, reported)


@rule(
    "CC113",
    anchor=_ANSWERS,
    part=Part.EXCHANGE,
    severity=Severity.WARNING,
    basis=Basis.DOCUMENTED,
    source=_API,
    since="0.1",
    passes=[response(), error(status=429)],
    fails=[response(status=201), response(status=302)],
)
def status_undocumented(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The status is neither 200 nor one of an error.

    ## Why it matters
    Only 200 is documented for an answer; clients that compare exactly take another one for a fault.

    ## Known exceptions
    None known.
    """
    if reading.status is not None and reading.status < 400 and reading.status != 200:
        yield Finding("", f"expected status 200, got {reading.status}", reading.status)


DUPLICATE_RESPONSE_ID = Rule(
    "CC190",
    "duplicate-response-id",
    "Two different answers of one run have the same id.",
    "#/components/schemas/CreateChatCompletionResponse/properties/id",
    Part.EXCHANGE,
    Severity.WARNING,
    Basis.DOCUMENTED,
    _API,
    "0.1",
    """
    ## Why it matters
    Logs, traces and stores key on the id: the later answer overwrites the earlier one.

    ## Known exceptions
    The same answer recorded twice is no finding. The answers of the last 100,000 ids are remembered.
    """,
)


def _media(reading: Reading) -> str:
    """The media type in lower case, of several the first; empty where none or a placeholder was recorded."""
    media = reading.header("content-type").partition(";")[0].partition(",")[0].strip().lower()
    return media if "/" in media else ""


def _is_json(media: str) -> bool:
    return media == "application/json" or media.endswith("+json")
