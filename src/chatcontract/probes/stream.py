"""Streams: given when asked for, in pieces, with usage where wanted, and refused before they begin."""

from collections.abc import Iterator, Sequence

from chatcontract.looks import text
from chatcontract.model import JSON
from chatcontract.probe import (
    LIMIT,
    SEED,
    Ask,
    Level,
    Section,
    Shortfall,
    Unclear,
    answered,
    each,
    honoured,
    refused,
    user,
)
from chatcontract.reading import Reading, members

SECTION = Section("stream", anchor="stream")
_LONG = "Count from one to fifty in words."
_STREAM = {"/stream": True}
_OPTIONS = "stream_options"
_MANY = 8
_LATE = 0.25
_AT_ONCE = 0.0005
_BURST = 2

SECTION.probe(
    "plain",
    "a stream is given when asked for",
    _STREAM,
    honoured(rules=("stream-not-given",)),
    provides="streaming",
    why="Every chat window shows the answer while it grows.",
)
SECTION.probe(
    "off",
    "no stream is given when it is turned off",
    {"/stream": False},
    answered(rules=("stream-unasked",)),
    why="Clients that do not stream cannot read events.",
)
SECTION.probe(
    "usage",
    "include_usage gives usage at the end",
    {**_STREAM, "/stream_options": {"include_usage": True}},
    honoured(rules=("usage-missing",)),
    needs="streaming",
    provides="streamed usage",
    anchor=_OPTIONS,
    why="Without it nobody knows what a streamed answer cost.",
)
SECTION.probe(
    "usage-off",
    "no usage comes when it is not wanted",
    {**_STREAM, "/stream_options": {"include_usage": False}},
    honoured(rules=("usage-unasked",)),
    needs="streaming",
    anchor=_OPTIONS,
    level=Level.SHOULD,
    why="A chunk without choices surprises clients that did not ask for it.",
)
SECTION.probe(
    "options-empty",
    "stream_options may be empty",
    {**_STREAM, "/stream_options": {}},
    honoured(),
    needs="streaming",
    anchor=_OPTIONS,
    level=Level.SHOULD,
    why="Typed clients write the object even when nothing is set in it.",
)
SECTION.probe(
    "obfuscation-off",
    "include_obfuscation = false keeps filler out",
    {**_STREAM, "/stream_options": {"include_obfuscation": False}},
    honoured(rules=("obfuscation-unwanted",)),
    needs="streaming",
    anchor=_OPTIONS,
    level=Level.INFO,
    why="The filler doubles the size of a stream.",
)
SECTION.probe(
    "long-conversation",
    "a stream is given for a conversation",
    {
        **_STREAM,
        "/messages": [
            {"role": "system", "content": "Be brief."},
            user("Say hello."),
            {"role": "assistant", "content": "Hello."},
            user("Again."),
        ],
    },
    honoured(rules=("stream-not-given",)),
    needs=("streaming", "system messages"),
    why="A chat is more than one turn.",
)
SECTION.probe(
    "unicode",
    "characters are not torn apart by chunks",
    {**_STREAM, "/messages": [user("Repeat: 你好 👩\u200d🚀 مرحبا Grüße 😀😀😀")]},
    honoured(rules=("stream-invalid-utf8",)),
    needs="streaming",
    why="Half a character shows as a black diamond.",
)


def _in_pieces(reading: Reading) -> Iterator[Shortfall | Unclear]:
    arrivals = reading.exchange.response.arrivals if reading.exchange.response else ()
    told = [chunk for chunk in reading.chunks if isinstance(chunk.text.value, dict) and chunk.text.value.get("choices")]
    if len(told) < _MANY:
        yield Unclear(f"the answer has {len(told)} chunks, too few to tell whether they were held back")
    elif reading.header("content-length"):
        message = f"expected chunks as they are made, got {len(told)} of them behind a Content-Length"
        yield Shortfall("stream-buffered", message)
    elif arrivals:
        first, last = arrivals[0].time, arrivals[-1].time
        if first > _LATE and last - first < _AT_ONCE * len(told):
            message = f"expected chunks one after the other, got all {len(told)} after {first:.1f} s"
            yield Shortfall("stream-buffered", message)
        elif len(arrivals) <= _BURST:
            yield Unclear(f"all {len(told)} chunks came at once, too soon to tell whether they were held back")


SECTION.probe(
    "incremental",
    "chunks come while the answer is made, not all at its end",
    {**_STREAM, "/messages": [user(_LONG)], f"/{LIMIT}": 64},
    honoured(each(_in_pieces), confirm=True),
    needs="streaming",
    level=Level.SHOULD,
    uncertain=True,
    why="Held back, a stream shows nothing until it is too late to matter.",
)


def _as_plain(readings: Sequence[Reading]) -> Iterator[Shortfall | Unclear]:
    if text(readings[0]) != text(readings[1]):
        yield Shortfall("stream-differs", "expected the text of the answer that is not streamed, got another one")


_REPEATABLE: dict[str, JSON] = {"/temperature": 0, "/seed": SEED, "/messages": [user(_LONG)]}
SECTION.probe(
    "equals-plain",
    "a stream adds up to the answer that is not streamed",
    _REPEATABLE,
    honoured(_as_plain),
    then={**_REPEATABLE, **_STREAM},
    needs=("streaming", "temperature", "seed"),
    level=Level.INFO,
    why="Both are the same answer, shown differently.",
)


def _refused_before(reading: Reading) -> Iterator[Shortfall | Unclear]:
    if "event-stream" in reading.header("content-type"):
        yield Shortfall("refusal-in-stream", "expected the refusal as JSON, got it as an event stream")


_BEFORE = refused(400, 404)._replace(checks=(each(_refused_before),))
_WHY_BEFORE = "SDKs raise on the status; an error among the events is met by few of them."
SECTION.probe(
    "refused-role",
    "an invalid message is refused before the stream begins",
    {**_STREAM, "/messages/0/role": "nobody"},
    _BEFORE,
    needs="streaming",
    anchor="messages",
    why=_WHY_BEFORE,
)
SECTION.probe(
    "refused-messages",
    "an empty list of messages is refused before the stream begins",
    {**_STREAM, "/messages": []},
    _BEFORE,
    needs="streaming",
    anchor="messages",
    why=_WHY_BEFORE,
)
SECTION.probe(
    "refused-model",
    "an unknown model is refused before the stream begins",
    {**_STREAM, "/model": "chatcontract-no-such-model"},
    _BEFORE,
    needs="streaming",
    anchor="model",
    why=_WHY_BEFORE,
    level=Level.SHOULD,
)
SECTION.probe(
    "options-without-stream",
    "stream_options without stream are refused",
    {"/stream_options": {"include_usage": True}},
    refused(400, names="stream_options"),
    anchor=_OPTIONS,
    level=Level.INFO,
    why="The client meant to stream and forgot to say so.",
)


def _still_there(readings: Sequence[Reading]) -> Iterator[Shortfall | Unclear]:
    status = readings[1].status
    answered = readings[1].kind == "stream" or members(readings[1].answer.value)
    if status is None or status >= 500 or not answered:
        yield Shortfall("broken-after-abort", f"expected the next request to be answered, got status {status}")


SECTION.probe(
    "abort",
    "a client that hangs up in the middle is survived",
    Ask({**_STREAM, "/messages": [user(_LONG)], f"/{LIMIT}": 64}, stop_after=1),
    honoured(_still_there),
    then={},
    needs="streaming",
    level=Level.SHOULD,
    why="Users press stop all the time.",
)
