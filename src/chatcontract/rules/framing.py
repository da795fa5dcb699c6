"""Streams (CC66): lines and events, as the standard of server-sent events reads them."""

from collections.abc import Iterator

from chatcontract.declare import SpecView, rule
from chatcontract.examples import STREAM, chunk, events, stream
from chatcontract.findings import oddities, of_oddities
from chatcontract.model import Basis, Finding, Part, Severity
from chatcontract.oddities import stands_for_data
from chatcontract.reading import Reading, is_terminator
from chatcontract.redact import short

_WHATWG = "https://html.spec.whatwg.org/multipage/server-sent-events.html"
_STREAM = "https://developers.openai.com/api/reference/resources/chat/subresources/completions/streaming-events"
_CHUNK = "#/components/schemas/CreateChatCompletionStreamResponse"
_HEAD, _MIDDLE, _END = events(list(STREAM[:2])), events(list(STREAM[2:4])), events(["[DONE]"])
_WHOLE = _HEAD + _MIDDLE + _END


@rule(
    "CC660",
    anchor=_CHUNK,
    part=Part.STREAM,
    severity=Severity.ERROR,
    basis=Basis.DOCUMENTED,
    source=_WHATWG,
    since="0.1",
    passes=[stream(), stream(body=_WHOLE[:-1])],
    fails=[stream(body=_HEAD + _MIDDLE + b"dat"), stream(body=_HEAD + _MIDDLE + b'data: {"id": "chatcm')],
    needs=("oddities",),
)
def stream_cut(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The stream ends in the middle of a line or of an event.

    ## Why it matters
    The connection broke: what was on its way is lost, and most clients do not notice.

    ## Known exceptions
    Recordings that were cut by their recorder.
    """
    says = "expected whole events up to [DONE], got the end of the stream inside one"
    yield from of_oddities(reading, "frame-cut", says=says)


@rule(
    "CC661",
    anchor=_CHUNK,
    part=Part.STREAM,
    severity=Severity.ERROR,
    basis=Basis.DOCUMENTED,
    source=_WHATWG,
    since="0.1",
    passes=[stream()],
    fails=[stream(body=_WHOLE[:-1]), stream(body=_WHOLE[:-2])],
    needs=("oddities",),
)
def final_blank_line_missing(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The last event is whole, but no blank line closes it.

    ## Why it matters
    By the standard a reader drops an event that is not closed, and with it the last piece of the answer.

    ## Known exceptions
    Recorders that trim what they store. A warning if only `[DONE]` is concerned, which few clients miss.
    """
    done = bool(reading.events) and is_terminator(reading.events[-1])
    says = "expected a blank line after the last event, got the end of the stream"
    yield from of_oddities(reading, "missing-final-blank-line", says=says, severity=Severity.WARNING if done else None)


@rule(
    "CC662",
    anchor=_CHUNK,
    part=Part.STREAM,
    severity=Severity.ERROR,
    basis=Basis.DOCUMENTED,
    source=_STREAM,
    since="0.1",
    passes=[stream(), stream(body=_WHOLE + b": bye\n\n")],
    fails=[stream(body=_HEAD + _MIDDLE + _END + events([chunk({})]))],
    needs=("oddities",),
)
def data_after_done(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """Data follow the terminator `[DONE]`.

    ## Why it matters
    Clients stop reading there: whatever follows is lost.

    ## Known exceptions
    None known; comments may follow.
    """
    says = "expected nothing after [DONE], got an event with data"
    yield from of_oddities(reading, "data-after-done", says=says)


@rule(
    "CC663",
    anchor=_CHUNK,
    part=Part.STREAM,
    severity=Severity.WARNING,
    basis=Basis.DOCUMENTED,
    source=_STREAM,
    since="0.1",
    passes=[stream()],
    fails=[stream(body=_WHOLE + _END)],
    needs=("oddities",),
)
def done_repeated(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The terminator `[DONE]` comes a second time.

    ## Why it matters
    It tells of two layers that both think they end the stream; a reader that goes on ends twice.

    ## Known exceptions
    Most clients stop at the first one.
    """
    yield from of_oddities(reading, "duplicate-done", says="expected [DONE] once, got it again")


@rule(
    "CC664",
    anchor=_CHUNK,
    part=Part.STREAM,
    severity=Severity.ERROR,
    basis=Basis.INTEROP,
    source=_STREAM,
    since="0.1",
    passes=[stream(), stream(body=_HEAD + _MIDDLE + b"data:[DONE]\n\n")],
    fails=[
        stream(body=_HEAD + _MIDDLE + b"data: [done]\n\n"),
        stream(body=_HEAD + _MIDDLE + b"data: [DONE] \n\n"),
    ],
    breaks=[
        ("openai-python, openai-node and what is built on them", "raise where blanks stand before it"),
        ("@ai-sdk/openai-compatible, @ai-sdk/openai", "raise AI_JSONParseError where blanks stand beside it"),
    ],
    needs=("oddities",),
)
def done_misspelt(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The terminator is not spelt `[DONE]`.

    ## Why it matters
    Clients compare the text: another spelling is read as a chunk, and its JSON does not parse.

    ## Known exceptions
    Line ends beside it are a warning, since a recorder may have put them there.
    """
    yield from of_oddities(reading, "done-variant", says="expected [DONE], got another spelling of it")
    for position, oddity in oddities(reading, "done-with-spaces"):
        is_split = position is not None and "\n" in reading.events[position].data
        says = f"expected [DONE] alone, got blanks beside it, at byte {oddity.offset}"
        yield Finding("", says, None, position, severity=Severity.WARNING if is_split else None)


@rule(
    "CC665",
    anchor=_CHUNK,
    part=Part.STREAM,
    severity=Severity.ERROR,
    basis=Basis.DOCUMENTED,
    source=_WHATWG,
    since="0.1",
    passes=[stream()],
    fails=[
        stream(body=_HEAD + b'{"error": {"message": "overloaded"}}\n\n' + _MIDDLE + _END),
        stream(body=_HEAD + b"chunk" + events([chunk({"content": "!"})])[4:] + _MIDDLE + _END),
    ],
    needs=("oddities",),
)
def json_outside_data(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """A line of JSON stands in the stream without `data:`, alone or as the value of another field.

    ## Why it matters
    Readers ignore such a line: the piece of the answer, or the error that it tells, is lost.

    ## Known exceptions
    None known.
    """
    says = 'expected "data:" before JSON, got a line without it'
    yield from of_oddities(reading, "json-without-data-prefix", says=says)


@rule(
    "CC666",
    anchor=_CHUNK,
    part=Part.STREAM,
    severity=Severity.ERROR,
    basis=Basis.DOCUMENTED,
    source=_WHATWG,
    since="0.1",
    passes=[stream()],
    fails=[stream(body=_HEAD + b"<html>502 Bad Gateway</html>\n\n" + _MIDDLE + _END)],
    needs=("oddities",),
)
def markup_in_stream(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """A line of markup stands in the stream, as the error page of a gateway has.

    ## Why it matters
    Readers ignore it: the client never learns that something between it and the server failed.

    ## Known exceptions
    None known.
    """
    says = "expected fields of server-sent events, got a line of markup"
    yield from of_oddities(reading, "html-without-data-prefix", says=says)


@rule(
    "CC667",
    anchor=_CHUNK,
    part=Part.STREAM,
    severity=Severity.ERROR,
    basis=Basis.DOCUMENTED,
    source=_WHATWG,
    since="0.1",
    passes=[stream(), stream(body=b"event: message\n" + _WHOLE)],
    fails=[
        stream(body=_HEAD + b"Data: {}\n\n" + _MIDDLE + _END),
        stream(body=_HEAD + b"\xef\xbb\xbf" + _MIDDLE + _END),
        stream(body=_HEAD + b"data" + "\uff1a".encode() + b" {}\n\n" + _MIDDLE + _END),
        stream(body=_HEAD + b"data={}\n\n" + _MIDDLE + _END),
        stream(body=_HEAD + b"Retry: 1\n\n" + _MIDDLE + _END),
    ],
    needs=("oddities",),
)
def field_misspelt(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The name of a field differs from one of the standard in case, blanks, invisible characters or its colon.

    ## Why it matters
    Names are compared exactly: readers ignore the line, and with `data` a piece of the answer.

    ## Known exceptions
    For `event`, `id` and `retry` it is a warning, since the answer does not depend on them.
    """
    for position, oddity in oddities(reading, "misspelt-field"):
        severity = None if stands_for_data(oddity.detail.encode()) else Severity.WARNING
        message = f"expected a field of the standard in lower case and a colon, got {short(oddity.detail, 60)}"
        yield Finding("", f"{message}, at byte {oddity.offset}", None, position, severity=severity)


@rule(
    "CC668",
    anchor=_CHUNK,
    part=Part.STREAM,
    severity=Severity.INFO,
    basis=Basis.DOCUMENTED,
    source=_WHATWG,
    since="0.1",
    passes=[stream(), stream(body=_HEAD + b"retry: 3000\nid: 7\n" + _MIDDLE + _END)],
    fails=[
        stream(body=_HEAD + b"foo: bar\n\n" + _MIDDLE + _END),
        stream(body=_HEAD + b"retry: soon\n" + _MIDDLE + _END),
        stream(body=_HEAD + b"id: a\0b\n" + _MIDDLE + _END),
    ],
    needs=("oddities",),
)
def field_ignored(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """A line has a field or a value that readers ignore.

    ## Why it matters
    It is legal, and without any effect.

    ## Known exceptions
    None known.
    """
    says = "expected data, event, id, retry or a comment, got a line that readers ignore"
    yield from of_oddities(reading, "unknown-field", says=says)
    says = "expected a whole number of milliseconds for retry, got a value that readers ignore"
    yield from of_oddities(reading, "invalid-retry", says=says)
    yield from of_oddities(reading, "nul-in-id", says="expected an id without NUL, got one that readers ignore")


@rule(
    "CC669",
    anchor=_CHUNK,
    part=Part.STREAM,
    severity=Severity.ERROR,
    basis=Basis.INTEROP,
    source=_WHATWG,
    since="0.1",
    passes=[stream(), stream(body=b": ping\n\n" + _WHOLE), stream(body=b"event: message\n" + _WHOLE)],
    fails=[
        stream(body=b"event: ping\n\n" + _WHOLE),
        stream(body=_HEAD + b"id: 7\n" + _MIDDLE + b"\n" + _END),
    ],
    breaks=[
        ("openai-python, also under LangChain, LlamaIndex, LiteLLM and pydantic-ai", "raises JSONDecodeError"),
        ("openai-node, also under LangChain.js", "raises SyntaxError where the event has a name"),
    ],
    needs=("oddities",),
)
def event_without_data(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """An event has no data, such as `event: ping` by itself.

    ## Why it matters
    Legal, and the standard ignores it; OpenAI's own clients parse the empty data as JSON and raise.

    ## Known exceptions
    None known. A comment (a line that begins with a colon) keeps a connection alive too, and does less harm.
    """
    hint = "send a comment to keep the connection alive"
    yield from of_oddities(reading, "event-without-data", says="expected data, got an event without any", hint=hint)
    says = "expected data, got a blank line that some clients take for an event, since an id came before"
    yield from of_oddities(reading, "blank-block-after-id", says=says, hint=hint)


@rule(
    "CC670",
    anchor=_CHUNK,
    part=Part.STREAM,
    severity=Severity.WARNING,
    basis=Basis.DOCUMENTED,
    source=_WHATWG,
    since="0.1",
    passes=[stream()],
    fails=[stream(body=_HEAD + b"  \n" + _MIDDLE + _END)],
    needs=("oddities",),
)
def blank_line_with_spaces(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """A line of blanks stands where an empty line may have been meant.

    ## Why it matters
    It ends no event: what comes before and after it becomes one event.

    ## Known exceptions
    Harmless between two empty lines.
    """
    yield from of_oddities(reading, "blank-line-with-spaces", says="expected an empty line, got one with blanks")


@rule(
    "CC671",
    anchor=_CHUNK,
    part=Part.STREAM,
    severity=Severity.INFO,
    basis=Basis.INTEROP,
    source=_WHATWG,
    since="0.1",
    passes=[stream(), stream(body=_WHOLE.replace(b"\n", b"\r\n"))],
    fails=[
        stream(body=b"\xef\xbb\xbf" + _WHOLE),
        stream(body=_HEAD + _MIDDLE.replace(b"\n", b"\r\n") + _END),
    ],
    breaks=[("openai-python, also under LangChain", "drops the first event, and with it id and name of a call")],
    needs=("oddities",),
)
def framing_unusual(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The stream begins with a byte order mark, or its lines end in different ways.

    ## Why it matters
    Legal, yet readers that are not exact lose the first event, or find no end to one. The mark is a warning, since
    the event is lost in silence.

    ## Known exceptions
    Different line ends are for information.
    """
    says = "expected the first field, got a byte order mark before it"
    yield from of_oddities(reading, "bom", says=says, severity=Severity.WARNING)
    yield from of_oddities(reading, "mixed-line-endings", says="expected one kind of line ending, got several")


@rule(
    "CC673",
    anchor=_CHUNK,
    part=Part.STREAM,
    severity=Severity.INFO,
    basis=Basis.INTEROP,
    source="https://github.com/maximhq/bifrost/issues/5874",
    since="0.1",
    passes=[stream(), stream(body=b": ping\n" + _WHOLE), stream(body=_WHOLE + b"\n")],
    fails=[
        stream(body=_HEAD + b": ping\n\n" + _MIDDLE + _END),
        stream(body=_HEAD + b"\n" + _MIDDLE + _END),
    ],
    breaks=[("openai-go before 3.43", "stops at it: unexpected end of JSON input")],
    needs=("oddities",),
)
def blank_line_without_event(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """A blank line ends no event: it follows a comment or another blank line.

    ## Why it matters
    Older releases of a main client take every blank line for an event, parse its empty data and give up: answers
    that last until the first keep-alive never end.

    ## Known exceptions
    Legal, and ignored by what follows the standard. A comment without a blank line behind it does the same work.
    """
    says = "expected an event before the blank line, got a comment or nothing"
    hint = "end a comment with one line feed, not with two"
    if reading.events:
        yield from of_oddities(reading, "blank-block", says=says, hint=hint)
