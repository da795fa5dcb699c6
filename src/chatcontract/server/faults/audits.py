"""Faults that no single exchange shows: an audit, which knows what it asked for and when, finds them."""

import gzip
import json
import time
from collections.abc import Callable, Iterator
from itertools import cycle, repeat

from chatcontract.model import JSON
from chatcontract.server.answers import Answer, Piece
from chatcontract.server.errors import Refused
from chatcontract.server.faults import Fault, Skip, Stage, fault

SLOW = 1.0
"""Seconds between the chunks of a slow stream."""
OVERLAP = 0.01
"""Seconds between the chunks of a stream that another request shall overtake."""
NEVER = 3600.0
"""Seconds after which what never comes would come."""
_EXTRA = cycle(range(1, 98))


def _nothing(value: JSON) -> None:
    """Change nothing: the fault is in what the server does not look at."""


def _blind(name: str, summary: str, skips: Skip, *rules: str, request: str) -> Fault:
    return Fault(name, summary, rules, Stage.REQUEST, _nothing, request, "audit", skips)


FAULTS = (
    _blind("auth-not-enforced", "Requests without a valid key are answered.", Skip.KEY, "CC193", request="text"),
    _blind(
        "invalid-accepted",
        "Requests that break the contract are answered.",
        Skip.CONTRACT,
        "CC795",
        request="invalid",
    ),
    _blind("media-type-ignored", "A body of any media type is taken.", Skip.MEDIA, "CC795", request="text"),
    _blind(
        "unknown-model-answered",
        "A model that does not exist answers.",
        Skip.MODEL,
        "CC795",
        request="unknown-model",
    ),
    _blind("any-address-answered", "Every address answers like the real one.", Skip.PATH, "CC194", request="text"),
)


@fault("CC190", stage=Stage.COMPLETION, seen_by="audit")
def id_constant(made: JSON) -> None:
    """Every answer has the same id."""
    made["id"] = "chatcmpl-always-the-same"


@fault("CC395", stage=Stage.REQUEST, request="seed", seen_by="audit")
def seed_ignored(asked: JSON) -> None:
    """The same seed gives other texts."""
    asked["seed"] = time.perf_counter_ns()


@fault("CC696", stage=Stage.REQUEST, request="stream", seen_by="audit")
def stream_says_something_else(asked: JSON) -> None:
    """A streamed answer has another text than one at once."""
    if asked.get("stream"):
        asked["seed"] = 987654321


@fault("CC595", stage=Stage.COMPLETION, seen_by="audit")
def usage_unstable(made: JSON) -> None:
    """The same prompt is counted with ever other numbers of tokens."""
    extra = next(_EXTRA)
    made["usage"]["prompt_tokens"] += extra
    made["usage"]["total_tokens"] += extra


@fault("CC596", stage=Stage.COMPLETION, seen_by="audit")
def usage_constant(made: JSON) -> None:
    """Every prompt is counted with the same number of tokens."""
    made["usage"]["prompt_tokens"] = 10
    made["usage"]["total_tokens"] = 10 + made["usage"]["completion_tokens"]


@fault("CC597", stage=Stage.REQUEST, seen_by="audit")
def parts_cost_extra(asked: JSON) -> None:
    """A text in a part costs more tokens than the same text as a string."""
    for message in asked["messages"]:
        if isinstance(message.get("content"), list):
            message["name"] = "parts"


@fault("CC598", stage=Stage.CHUNKS, request="stream", seen_by="audit")
def stream_usage_differs(data: JSON) -> None:
    """A streamed answer counts more tokens of the prompt."""
    usage = data[-2]["usage"]
    data[-2]["usage"] = {
        **usage,
        "prompt_tokens": usage["prompt_tokens"] + 5,
        "total_tokens": usage["total_tokens"] + 5,
    }


@fault("CC191", stage=Stage.REQUEST, seen_by="audit")
def valid_refused(asked: JSON) -> None:
    """Valid requests are refused."""
    raise Refused(400, "Not today.")


@fault("CC192", stage=Stage.REQUEST, seen_by="audit")
def valid_crashes(asked: JSON) -> None:
    """Valid requests are answered with status 500."""
    raise Refused(500, "Something went wrong.", kind="server_error")


@fault("CC796", stage=Stage.ERROR, request="invalid", seen_by="audit")
def invalid_crashes(answer: Answer) -> JSON:
    """Requests that break the contract are answered with status 500."""
    error = {"message": "Something went wrong.", "type": "server_error", "param": None, "code": None}
    return _plain(answer, 500, {"error": error}) if answer.status == 400 else answer


def _plain(answer: Answer, status: int, value: JSON) -> Answer:
    made = answer.with_body(json.dumps(value).encode()).with_header("content-type", "application/json")
    return made._replace(status=status, is_stream=False)


@fault("CC797", stage=Stage.ERROR, request="invalid", seen_by="audit")
def refused_with_409(answer: Answer) -> JSON:
    """A request that breaks the contract is answered with status 409."""
    return answer._replace(status=409) if answer.status == 400 else answer


@fault("CC798", stage=Stage.ERROR, request="invalid", seen_by="audit")
def error_names_other_parameter(answer: Answer) -> JSON:
    """`param` of an error names another member than the one at fault."""
    error = json.loads(answer.body)["error"]
    return answer.with_body(json.dumps({"error": {**error, "param": "user"}}).encode())


@fault("CC799", stage=Stage.ERROR, request="invalid-stream", seen_by="audit", audited=("CC702",))
def streamed_error_differs(answer: Answer) -> JSON:
    """An error has another form when a stream was asked for."""
    text = json.loads(answer.body)["error"]["message"]
    return answer.with_body(json.dumps({"detail": text}).encode()) if answer.of_stream else answer


@fault("CC196", stage=Stage.ANSWER, seen_by="audit")
def broken_after_abort(answer: Answer) -> JSON:
    """For three seconds after a caller hung up every request is answered with status 500."""
    error = {"message": "The only slot is taken.", "type": "server_error", "param": None, "code": None}
    return _plain(answer, 500, {"error": error}) if answer.after_abort else answer


@fault("CC797", stage=Stage.ERROR, request="unknown-model", seen_by="audit")
def unknown_model_with_400(answer: Answer) -> JSON:
    """An unknown model is refused with status 400."""
    return answer._replace(status=400) if answer.status == 404 else answer


@fault("CC197", stage=Stage.ANSWER, seen_by="audit")
def models_as_names(answer: Answer) -> JSON:
    """The list of models is a list of names."""
    value = json.loads(answer.body)
    return _plain(answer, 200, [model["id"] for model in value["data"]])


@fault("CC195", stage=Stage.ANSWER, seen_by="audit")
def answer_compressed(answer: Answer) -> JSON:
    """The body is compressed whatever the request accepts."""
    return answer.with_body(gzip.compress(answer.body)).with_header("content-encoding", "gzip")


@fault("CC695", stage=Stage.ANSWER, request="stream", seen_by="audit")
def stream_left_open(answer: Answer) -> JSON:
    """The connection stays open after the end of the stream."""
    return answer._replace(pieces=(*answer.whole(), Piece(b": bye\n\n", NEVER))) if answer.is_stream else answer


@fault("CC685", stage=Stage.ANSWER, request="stream", seen_by="audit")
def stream_with_length(answer: Answer) -> JSON:
    """A stream is made to its end before it is sent, with its length."""
    return answer.with_body(answer.body)._replace(is_stream=False) if answer.is_stream else answer


@fault("CC198", stage=Stage.ERROR, request="invalid", seen_by="audit")
def invalid_hung_up(answer: Answer) -> JSON:
    """The connection is closed on requests that break the contract."""
    return answer._replace(pieces=(Piece(b"", is_cut=True),), is_stream=True) if answer.status == 400 else answer


@fault("CC199", stage=Stage.ANSWER, request="stream", seen_by="audit")
def stream_overtaken(answer: Answer) -> JSON:
    """A stream is cut as soon as another request comes."""
    pieces = _until_overtaken(answer.whole(), answer.is_overtaken)
    return answer._replace(pieces=pieces) if answer.is_stream else answer


def _until_overtaken(pieces: tuple[Piece, ...], is_overtaken: Callable[[], bool]) -> Iterator[Piece]:
    for piece in pieces:
        yield piece._replace(wait=OVERLAP)
        if is_overtaken():
            yield Piece(b"", is_cut=True)


@fault(stage=Stage.ANSWER, request="stream", seen_by="audit")
def stream_stalls(answer: Answer) -> JSON:
    """A stream stops in the middle and says nothing more."""
    pieces = answer.whole()
    return answer._replace(pieces=(*pieces[:4], Piece(b": still here\n\n", NEVER))) if answer.is_stream else answer


@fault(stage=Stage.ANSWER, request="stream", seen_by="audit")
def stream_slow(answer: Answer) -> JSON:
    """A second passes between the chunks of a stream."""
    slowly = tuple(piece._replace(wait=SLOW) for piece in answer.whole())
    return answer._replace(pieces=slowly) if answer.is_stream else answer


@fault(stage=Stage.ANSWER, request="stream", seen_by="audit")
def stream_endless(answer: Answer) -> JSON:
    """A stream never ends."""
    return answer._replace(pieces=_endless(answer.whole()), is_endless=True) if answer.is_stream else answer


def _endless(pieces: tuple[Piece, ...]) -> Iterator[Piece]:
    yield from pieces[:2]
    yield from cycle(pieces[2:4])


@fault(stage=Stage.ANSWER, seen_by="audit")
def body_endless(answer: Answer) -> JSON:
    """The body of an answer never ends."""
    return answer._replace(pieces=repeat(Piece(b" " * 65536)), is_stream=True, is_endless=True)


@fault(stage=Stage.ANSWER, seen_by="audit")
def answer_never(answer: Answer) -> JSON:
    """The headers come, and the body never does."""
    return answer._replace(pieces=(Piece(answer.body, NEVER),), is_stream=True)


@fault(stage=Stage.ANSWER, seen_by="audit")
def body_trickles(answer: Answer) -> JSON:
    """The body comes one byte a second."""
    return answer._replace(pieces=tuple(Piece(bytes((byte,)), SLOW) for byte in answer.body), is_stream=True)


@fault(stage=Stage.ANSWER, seen_by="audit")
def connection_dropped(answer: Answer) -> JSON:
    """The connection is closed before the body."""
    return answer._replace(pieces=(Piece(b"", is_cut=True),), is_stream=True)


@fault(stage=Stage.ANSWER, seen_by="audit")
def redirected(answer: Answer) -> JSON:
    """Every answer is a redirection to itself."""
    return _plain(answer, 307, {}).with_header("location", "/v1/chat/completions")
