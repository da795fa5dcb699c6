"""Streams (CC61, CC65): whether the text arrives as it was written: once, and with all of its characters."""

from collections.abc import Iterator

from chatcontract.declare import SpecView, rule
from chatcontract.examples import Changes, response, stream
from chatcontract.findings import breaches, oddities, of_breach
from chatcontract.model import JSON, Basis, Finding, Part, Severity
from chatcontract.reading import Reading, items, members
from chatcontract.traits import LOST_CHARACTER

_STREAM = "https://developers.openai.com/api/reference/resources/chat/subresources/completions/streaming-events"
_WHATWG = "https://html.spec.whatwg.org/multipage/server-sent-events.html"
_DELTA = "#/components/schemas/ChatCompletionStreamResponseDelta"
_MESSAGE = "#/components/schemas/ChatCompletionResponseMessage"
_TEXT = "/choices/0/message/content"
_MAX_VALUES = 20_000
_CUT = {_TEXT: f"Fou{LOST_CHARACTER}", "/choices/0/finish_reason": "length"}


def _sent(*texts: str, member: str = "content") -> Changes:
    """The change of a stream that gives its deltas these texts and no others."""
    role = {"role": "assistant"}
    return {f"/{at}/choices/0/delta": {**({} if at else role), member: text} for at, text in enumerate(texts)}


@rule(
    "CC614",
    anchor=f"{_DELTA}/properties/content",
    part=Part.STREAM,
    severity=Severity.WARNING,
    basis=Basis.INTEROP,
    source="https://github.com/infiniflow/ragflow/pull/15443",
    since="0.1",
    passes=[stream(), stream(_sent("no, ", "no, ", "no, no!")), stream(_sent("    ", " " * 8, " " * 16))],
    fails=[
        stream(_sent("It is ", "four", "It is four")),
        stream(_sent("It is", "It is four", "It is four.")),
        stream(_sent("I can", "I cannot", "I cannot do it", member="refusal")),
    ],
    breaks=[("every client that joins the deltas", "shows the text twice or more")],
    needs=("breached",),
)
def text_sent_again(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The last delta repeats the whole text, or each delta begins with all of the text before it.

    ## Why it matters
    A delta is what is new: clients join the deltas, and show and store the text several times. Refusals and reasoning
    are joined in the same way.

    ## Known exceptions
    One delta alone that begins with the short text before it may be by chance; it takes two in turn.
    """
    for position, breach in breaches(reading, "content-again"):
        message = "expected new text in the last delta, got all of the text before it again"
        yield of_breach(position, breach._replace(message=message))
    for position, breach in breaches(reading, "content-cumulative"):
        message = "expected new text in each delta, got all of the text so far in each"
        yield of_breach(position, breach._replace(message=message))


@rule(
    "CC691",
    anchor="#/components/schemas/CreateChatCompletionStreamResponse/properties/choices/items",
    part=Part.STREAM,
    severity=Severity.WARNING,
    basis=Basis.INTEROP,
    source="https://github.com/openai/openai-node/blob/master/src/lib/ChatCompletionStream.ts",
    since="0.1",
    passes=[stream(), response()],
    fails=[
        stream({"/1/choices/0/message": {"role": "assistant", "content": "Four"}}),
        stream({"/1/choices/0/message": None}),
    ],
    breaks=[
        ("openai-node .stream()", "puts it in place of what it has so far, and raises where it is null or has no role")
    ],
    compatible=Severity.INFO,
    needs=("breached",),
)
def message_in_chunk(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """A choice of a chunk has a `message`, as an answer that is not streamed has.

    ## Why it matters
    Accumulators copy the members that they do not know: the message replaces the one that they make of the deltas.

    ## Known exceptions
    Perplexity tells the whole message so far in every chunk, which is survived; null or an object without a role is an
    error.
    """
    for position, breach in breaches(reading, "message-in-chunk"):
        severity = None if members(breach.value).get("role") else Severity.ERROR
        message = "expected a delta alone in a choice of a chunk, got a message"
        yield of_breach(position, breach._replace(message=message))._replace(severity=severity)


@rule(
    "CC655",
    anchor=f"{_MESSAGE}/properties/content",
    part=Part.RESPONSE,
    severity=Severity.WARNING,
    basis=Basis.INTEROP,
    source="https://github.com/mlc-ai/mlc-llm/pull/1142",
    since="0.1",
    passes=[
        response({_TEXT: "Four \U0001f600"}),
        response(_CUT),
        response({**_CUT, _TEXT: f"Fou{LOST_CHARACTER * 2}"}),
        response({_TEXT: f"It is {LOST_CHARACTER}."}, request={"/messages/0/content": f"Is it {LOST_CHARACTER}?"}),
    ],
    fails=[
        response({_TEXT: f"Four {LOST_CHARACTER * 3}!"}),
        stream({"/2/choices/0/delta/content": LOST_CHARACTER, "/1/choices/0/delta/content": LOST_CHARACTER * 2}),
    ],
    breaks=[("every client", "shows the replacement character in place of an emoji or of a letter")],
    needs=("mangled",),
)
def character_lost(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """A text has the replacement character U+FFFD, which the request does not have.

    ## Why it matters
    The server decoded tokens one by one that hold parts of a character: what stood there cannot be restored.

    ## Known exceptions
    The last character of a text that the token limit cut, which may stand for several bytes. Bytes that are no UTF-8
    have a finding of their own.
    """
    if _is_not_utf8(reading) or _holds(reading.asked):
        return
    for position, choice, message in reading.choices:
        is_cut = choice.get("finish_reason") == "length"
        for pointer, text in _texts(message):
            at = text.find(LOST_CHARACTER)
            if at < 0 or (is_cut and not text[at:].strip(LOST_CHARACTER)):
                continue
            met = f"got {text.count(LOST_CHARACTER)} U+FFFD, the first as character {at}"
            hint = "decode tokens only where a character ends"
            yield Finding(f"/choices/{position}/message{pointer}", f"expected whole characters, {met}", text, hint=hint)


def _is_not_utf8(reading: Reading) -> bool:
    """Whether the bytes of the answer were read with replacement characters of our own."""
    if reading.kind == "stream":
        return bool(oddities(reading, "invalid-utf8"))
    return any(fault.kind == "invalid-utf8" for fault in reading.answer.faults)


def _texts(message: dict[str, JSON]) -> Iterator[tuple[str, str]]:
    """Pointer and text of what the model wrote."""
    for name in ("content", "refusal"):
        text = message.get(name)
        if isinstance(text, str):
            yield f"/{name}", text
    for number, call in enumerate(items(message.get("tool_calls"))):
        for kind, name in (("function", "arguments"), ("custom", "input")):
            text = members(members(call).get(kind)).get(name)
            if isinstance(text, str):
                yield f"/tool_calls/{number}/{kind}/{name}", text


def _holds(asked: JSON) -> bool:
    """Whether a text of the request has the character."""
    waiting = [asked]
    for _ in range(_MAX_VALUES):
        if not waiting:
            return False
        value = waiting.pop()
        if isinstance(value, str) and LOST_CHARACTER in value:
            return True
        if isinstance(value, list | dict):
            waiting.extend(value.values() if isinstance(value, dict) else value)
    return True


@rule(
    "CC656",
    anchor="#/components/schemas/CreateChatCompletionStreamResponse",
    part=Part.STREAM,
    severity=Severity.INFO,
    basis=Basis.DOCUMENTED,
    source=_WHATWG,
    since="0.1",
    passes=[stream(), stream(headers=(("content-type", 'text/event-stream; charset="UTF-8"'),))],
    fails=[stream(headers=(("content-type", "text/event-stream; charset=iso-8859-1"),))],
    needs=("headed",),
)
def stream_charset_ignored(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The media type of the stream names another character set than UTF-8.

    ## Why it matters
    Event streams are always read as UTF-8, but clients that go by the header garble every other letter.

    ## Known exceptions
    None known.
    """
    media = reading.header("content-type").lower()
    charset = media.partition("charset=")[2].partition(";")[0].strip(" \"'")
    if charset and charset not in ("utf-8", "utf8"):
        yield Finding("", f"expected no charset or utf-8, got {charset[:40]}", media)
