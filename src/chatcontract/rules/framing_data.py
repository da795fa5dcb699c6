"""Streams (CC67, CC68): the data of events before they are read as JSON, and what bounds the reading."""

from collections.abc import Iterator

from chatcontract.declare import SpecView, rule
from chatcontract.examples import STREAM, events, stream
from chatcontract.findings import oddities, of_oddities
from chatcontract.model import Arrival, Basis, Finding, Part, Severity
from chatcontract.oddities import MAX_ODDITIES
from chatcontract.reading import Reading

_WHATWG = "https://html.spec.whatwg.org/multipage/server-sent-events.html"
_STREAM = "https://developers.openai.com/api/reference/resources/chat/subresources/completions/streaming-events"
_CHUNK = "#/components/schemas/CreateChatCompletionStreamResponse"
_HEAD, _MIDDLE, _END = events(list(STREAM[:2])), events(list(STREAM[2:4])), events(["[DONE]"])
_WHOLE = _HEAD + _MIDDLE + _END
_LONG = _HEAD + events(list(STREAM[2:3])) * 20 + events(list(STREAM[3:]))
_WIDE = events([{**STREAM[2], "obfuscation": "x" * 65536}])
_LINE = 65536
_MANY = 20
_LATE = 1.0
_AT_ONCE = 0.001


@rule(
    "CC675",
    anchor=_CHUNK,
    part=Part.STREAM,
    severity=Severity.ERROR,
    basis=Basis.INTEROP,
    source=_STREAM,
    since="0.1",
    passes=[stream(), stream(body=_HEAD + b":\n\n" + _MIDDLE + _END)],
    fails=[
        stream(body=_HEAD + b"data:\n\n" + _MIDDLE + _END),
        stream(body=_HEAD + b"data\n\n" + _MIDDLE + _END),
    ],
    needs=("oddities",),
)
def data_empty(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """An event has data, and they are empty.

    ## Why it matters
    Each event holds one chunk as JSON, and the empty text is no JSON: clients fail to parse it.

    ## Known exceptions
    None known.
    """
    hint = "send a comment to keep the connection alive"
    yield from of_oddities(reading, "empty-data", says="expected a chunk, got an event with empty data", hint=hint)


@rule(
    "CC676",
    anchor=_CHUNK,
    part=Part.STREAM,
    severity=Severity.ERROR,
    basis=Basis.INTEROP,
    source="https://github.com/mnfst/llm-gateway/issues/2053",
    since="0.1",
    passes=[stream(), stream(body=b": keep-alive\n\n" + _WHOLE)],
    fails=[stream(body=_HEAD + b"data: : keep-alive\n\n" + _MIDDLE + _END)],
    breaks=[("openai-node", "raises: the data are no JSON")],
    needs=("oddities",),
)
def comment_as_data(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """A comment is passed on as the data of an event.

    ## Why it matters
    A keep-alive that readers would ignore becomes a chunk that they cannot parse.

    ## Known exceptions
    None known.
    """
    says = "expected a chunk, got data that begin with a colon"
    yield from of_oddities(reading, "data-starts-with-colon", says=says, hint="pass comments on as they are")


@rule(
    "CC677",
    anchor=_CHUNK,
    part=Part.STREAM,
    severity=Severity.ERROR,
    basis=Basis.DOCUMENTED,
    source=_WHATWG,
    since="0.1",
    passes=[stream()],
    fails=[stream(body=_HEAD + b"data: " + _MIDDLE + _END)],
    needs=("oddities",),
)
def data_wrapped_twice(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The data of an event begin with another `data:`.

    ## Why it matters
    Two layers each added the field: the data are no JSON, and clients raise.

    ## Known exceptions
    None known.
    """
    says = 'expected a chunk, got data that begin with "data:"'
    yield from of_oddities(reading, "data-prefix-twice", says=says)


@rule(
    "CC678",
    anchor=_CHUNK,
    part=Part.STREAM,
    severity=Severity.ERROR,
    basis=Basis.INTEROP,
    source="https://github.com/anomalyco/opencode/issues/23442",
    since="0.1",
    passes=[stream(), stream(body=_WHOLE.replace(b"\n\n", b"\n\n\n"))],
    fails=[stream(body=_HEAD[:-1] + _MIDDLE + _END)],
    breaks=[
        (
            "openai-python, openai-node, @ai-sdk/openai-compatible, @ai-sdk/openai",
            "raise: the data are no JSON",
        ),
        ("opencode", "ends the answer there"),
    ],
    needs=("oddities",),
)
def events_merged(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """One event holds several JSON documents.

    ## Why it matters
    The blank line between two events is missing, so readers join their data and fail to parse them.

    ## Known exceptions
    None known.
    """
    says = "expected one chunk in the event, got several JSON documents"
    yield from of_oddities(reading, "two-documents-in-event", says=says, hint="put an empty line after each event")


@rule(
    "CC679",
    anchor=_CHUNK,
    part=Part.STREAM,
    severity=Severity.WARNING,
    basis=Basis.INTEROP,
    source=_STREAM,
    since="0.1",
    passes=[stream()],
    fails=[stream(body=_WHOLE.replace(b', "created"', b',\ndata: "created"'))],
    needs=("oddities",),
)
def data_on_several_lines(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The JSON of one event stands on several `data` lines.

    ## Why it matters
    Legal, yet the reference service never does it, and readers that take each line for an event fail.

    ## Known exceptions
    An event that holds several documents has a finding of its own.
    """
    merged = {position for position, _ in oddities(reading, "two-documents-in-event")}
    says = "expected one line of data, got several"
    for finding in of_oddities(reading, "multi-line-data", says=says):
        if finding.chunk not in merged:
            yield finding


@rule(
    "CC680",
    anchor=_CHUNK,
    part=Part.STREAM,
    severity=Severity.ERROR,
    basis=Basis.DOCUMENTED,
    source=_WHATWG,
    since="0.1",
    passes=[stream(), stream(body=_WHOLE.replace(b"Four", "Fünf".encode()))],
    fails=[stream(body=_WHOLE.replace(b"Four", b"F\xffur"))],
    needs=("oddities",),
)
def stream_invalid_utf8(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The stream has bytes that are not UTF-8.

    ## Why it matters
    Readers put a replacement character there: the text of the answer is changed.

    ## Known exceptions
    None known.
    """
    yield from of_oddities(reading, "invalid-utf8", says="expected UTF-8, got other bytes")


@rule(
    "CC681",
    anchor=_CHUNK,
    part=Part.STREAM,
    severity=Severity.ERROR,
    basis=Basis.INTEROP,
    source=_WHATWG,
    since="0.1",
    passes=[stream()],
    fails=[stream(body=_WHOLE + b"x\n\n" * (MAX_ODDITIES + 1))],
    needs=("oddities",),
)
def stream_beyond_limits(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """A part of the stream lies beyond what is read.

    ## Why it matters
    An event that is too large was not checked, and clients with limits of their own drop it too.

    ## Known exceptions
    Where only the number of oddities passes the limit it is a warning: the chunks were all read.
    """
    yield from of_oddities(reading, "event-too-large", says="expected an event within the limit, got a larger one")
    says = f"expected fewer than {MAX_ODDITIES} oddities of framing, got more: the rest is not told"
    yield from of_oddities(reading, "more-oddities", says=says, severity=Severity.WARNING)


@rule(
    "CC683",
    anchor=_CHUNK,
    part=Part.STREAM,
    severity=Severity.INFO,
    basis=Basis.INTEROP,
    source="https://github.com/infiniflow/ragflow/issues/15381",
    since="0.1",
    passes=[
        stream(),
        stream(body=_LONG.replace(b"Four", b"Four" * 1000)),
        stream(body=_HEAD + _WIDE.replace(b', "obf', b'\ndata: , "obf') + _MIDDLE + _END),
    ],
    fails=[stream(body=_HEAD + _WIDE + _MIDDLE + _END)],
    breaks=[("older openai-go, RAGFlow, hertz", "stop in the middle: bufio.Scanner: token too long")],
)
def line_long(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """A line of the stream has more than 64 KiB.

    ## Why it matters
    The usual reader of lines in Go gives up there unless it is told otherwise: the stream ends in the middle, and
    some clients do not even notice. It happens where an image, a whole call or a whole answer is sent at once.

    ## Known exceptions
    Legal: no length is too much by the standard.
    """
    if reading.exchange.response is None or len(reading.exchange.response.body) <= _LINE:
        return
    told = enumerate(event for event in reading.events if event.data)
    for position, event in told:
        size = event.length - 2
        if size >= _LINE and "\n" not in event.data:
            message = f"expected a line of less than {_LINE} bytes, got one of {size}"
            yield Finding("", message, None, position, "send it in pieces")
            return


@rule(
    "CC685",
    anchor=_CHUNK,
    part=Part.STREAM,
    severity=Severity.WARNING,
    basis=Basis.INTEROP,
    source="https://github.com/ollama/ollama/issues/9092",
    since="0.1",
    passes=[
        stream(body=_LONG),
        stream(body=_LONG, arrivals=(Arrival(0, 2.0), Arrival(600, 2.5))),
        stream(body=_LONG, arrivals=(Arrival(0, 0.3), Arrival(600, 0.3))),
        stream(body=_WHOLE, arrivals=(Arrival(0, 2.0), Arrival(600, 2.0))),
    ],
    fails=[
        stream(body=_LONG, arrivals=(Arrival(0, 2.0), Arrival(600, 2.0005))),
        stream(body=_LONG, arrivals=(Arrival(0, 2.0),)),
    ],
)
def stream_buffered(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The whole stream was held back and came at once.

    ## Why it matters
    A stream is asked for to see the answer grow; held back by a server or a proxy it only comes late.

    ## Known exceptions
    Short answers come at once. A note if a single arrival was recorded, since the recorder may not have told
    more.
    """
    arrivals = reading.exchange.response.arrivals if reading.exchange.response else ()
    if not arrivals or len(reading.chunks) < _MANY:
        return
    first, last = min(at.time for at in arrivals), max(at.time for at in arrivals)
    if first > _LATE and last - first <= _AT_ONCE:
        message = f"expected {len(reading.chunks)} chunks one after the other, got all of them {first:.1f} s late"
        yield Finding("", message, severity=Severity.INFO if len(arrivals) == 1 else None)
