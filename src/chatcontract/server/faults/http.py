"""Faults of status, headers and delivery."""

from chatcontract.model import JSON
from chatcontract.server.answers import Answer, Piece
from chatcontract.server.faults import Stage, fault

HELD_BACK = 1.2
"""Seconds for which a stream is held back."""


@fault("CC101", stage=Stage.ANSWER, request="stream", audited=("CC102",))
def stream_as_plain_text(answer: Answer) -> JSON:
    """A stream is sent as text/plain."""
    return answer.with_header("content-type", "text/plain; charset=utf-8")


@fault("CC101", stage=Stage.ANSWER, request="stream")
def stream_as_json(answer: Answer) -> JSON:
    """A stream is sent as application/json."""
    return answer.with_header("content-type", "application/json")


@fault("CC102", stage=Stage.ANSWER)
def json_as_html(answer: Answer) -> JSON:
    """An answer in JSON is sent as text/html."""
    return answer.with_header("content-type", "text/html; charset=utf-8")


@fault("CC104", stage=Stage.ANSWER)
def media_type_missing(answer: Answer) -> JSON:
    """The answer has no media type."""
    return answer.with_header("content-type", None)


@fault("CC104", stage=Stage.ANSWER, request="stream")
def stream_media_type_missing(answer: Answer) -> JSON:
    """A stream has no media type."""
    return answer.with_header("content-type", None)


@fault(
    "CC011",
    stage=Stage.ANSWER,
    unseen="it accepts none but identity and calls another encoding a fault of the connection: the probe is errored",
)
def encoding_unknown(answer: Answer) -> JSON:
    """The body has a content encoding that nobody asked for and few know."""
    packed = bytes(byte ^ 0x80 for byte in answer.body)
    return answer.with_body(packed).with_header("content-encoding", "compress")


@fault("CC113", stage=Stage.ANSWER)
def status_created(answer: Answer) -> JSON:
    """The status of a success is 201."""
    return answer._replace(status=201) if answer.status == 200 else answer


@fault("CC120", stage=Stage.ANSWER)
def request_id_missing(answer: Answer) -> JSON:
    """The answer has no x-request-id."""
    return answer.with_header("x-request-id", None)


@fault("CC121", stage=Stage.ANSWER)
def rate_limit_malformed(answer: Answer) -> JSON:
    """A header about limits has a fraction."""
    return answer.with_header("x-ratelimit-remaining-tokens", "1.5e5")


@fault("CC685", stage=Stage.ANSWER, request="stream")
def stream_buffered(answer: Answer) -> JSON:
    """The whole stream is held back and comes at once."""
    return answer._replace(pieces=(Piece(answer.body, HELD_BACK),)) if answer.is_stream else answer


@fault("CC601", "CC606", stage=Stage.ANSWER, request="plain-stream")
def connection_cut(answer: Answer) -> JSON:
    """The connection is closed in the middle of a stream."""
    pieces = (*answer.whole()[: len(answer.whole()) // 2], Piece(b"", 0.05, is_cut=True))
    return answer._replace(pieces=pieces) if answer.is_stream else answer
