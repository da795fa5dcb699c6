"""Streams (CC60): the order of chunks, from the first role to the last finish reason and the terminator."""

from collections.abc import Iterator

from chatcontract.declare import SpecView, rule
from chatcontract.examples import GONE, Insert, chunk, error, events, stream
from chatcontract.findings import breaches, oddities, of_breach, of_breaches
from chatcontract.losses import is_before_loss, is_behind_loss, losses, lost_lines
from chatcontract.model import JSON, Basis, Finding, Part, Severity
from chatcontract.reading import Chunk, Reading, items, members
from chatcontract.redact import short

_STREAM = "https://developers.openai.com/api/reference/resources/chat/subresources/completions/streaming-events"
_CHUNK = "#/components/schemas/CreateChatCompletionStreamResponse"
_CHOICE = f"{_CHUNK}/properties/choices/items"
_DELTA = "#/components/schemas/ChatCompletionStreamResponseDelta"
_FAILED = error().payload()
_SOUND: JSON = {"id": "audio_1", "data": "UklGRg==", "transcript": "Four"}
_EXPIRY: JSON = {"expires_at": 1763703600}


@rule(
    "CC600",
    anchor=_CHUNK,
    part=Part.STREAM,
    severity=Severity.WARNING,
    basis=Basis.INTEROP,
    source=_STREAM,
    since="0.1",
    passes=[stream(), stream(body=events([_FAILED]))],
    fails=[stream(body=b": nothing came\n\n")],
)
def stream_empty(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The stream ends before its first event.

    ## Why it matters
    Clients that only loop over the events take it for an empty answer and report no fault.

    ## Known exceptions
    Recorders that do not keep the bodies of streams; that is why it is no error, save where a caller hands an
    empty stream to be checked.
    """
    if not any(event.data for event in reading.events):
        size = len(reading.exchange.response.body) if reading.exchange.response else 0
        severity = Severity.ERROR if reading.status is None and not size else None
        yield Finding("", f"expected chunks and [DONE], got no event in {size} bytes", severity=severity)


@rule(
    "CC601",
    anchor=_CHUNK,
    part=Part.STREAM,
    severity=Severity.ERROR,
    basis=Basis.DOCUMENTED,
    source=_STREAM,
    since="0.1",
    passes=[stream(), stream({"/4": GONE, "/3": _FAILED}), stream(body=b": nothing came\n\n")],
    fails=[stream({"/4": GONE})],
    compatible=Severity.WARNING,
)
def done_missing(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The stream ends without the terminator `[DONE]`.

    ## Why it matters
    It is what tells a whole answer from a connection that broke; without it a cut answer looks complete.

    ## Known exceptions
    No terminator is promised after an error event. No measured client fails, and several servers never send
    it. One that readers miss for its framing has a finding of its own.
    """
    if reading.terminated or not reading.chunks or reading.failures:
        return
    last = reading.chunks[-1]
    is_hidden = last.event.data.endswith("[DONE]") or any(at >= last.event.offset for at in lost_lines(reading)[-1:])
    if not is_hidden and not oddities(reading, "frame-cut"):
        yield Finding("", "expected [DONE] as the last event, got the end of the stream", chunk=last.position)


@rule(
    "CC602",
    anchor=f"{_DELTA}/properties/role",
    part=Part.STREAM,
    severity=Severity.ERROR,
    basis=Basis.INTEROP,
    source="https://github.com/openai/openai-openapi/issues/504",
    since="0.1",
    passes=[stream(), stream({"/0/choices/0/delta": {}, "/1/choices/0/delta/role": "assistant"})],
    fails=[stream({"/0/choices/0/delta/role": GONE})],
    breaks=[("openai-node .stream()", "raises")],
    needs=("breached",),
)
def role_missing(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """No delta of a choice tells the role.

    ## Why it matters
    Clients make a message of the deltas, and a message needs an author.

    ## Known exceptions
    Where a chunk before was lost, the role may have been in it.
    """
    found = breaches(reading, "role-missing", "role-null")
    without = {choice["index"] for _, choice, message in reading.choices if not message.get("role")} if found else ()
    told: set[int] = set()
    for position, breach in found:
        index = _index(reading, position, breach.pointer)
        if index in without and index not in told and not is_behind_loss(reading, position):
            told.add(index)
            message = f'expected the role "assistant" in the first delta of choice {short(index, 20)}, got none'
            yield Finding(breach.pointer, message, breach.value, position)


@rule(
    "CC603",
    anchor=f"{_DELTA}/properties/role",
    part=Part.STREAM,
    severity=Severity.WARNING,
    basis=Basis.DOCUMENTED,
    source="https://cookbook.openai.com/examples/how_to_stream_completions",
    since="0.1",
    passes=[stream()],
    fails=[stream({"/0/choices/0/delta": {}, "/1/choices/0/delta/role": "assistant"})],
    needs=("breached",),
)
def role_late(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The role comes in a later delta of a choice than the first.

    ## Why it matters
    Clients that open the message at the first delta do so without an author.

    ## Known exceptions
    Servers that send the reasoning of the model first.
    """
    yield from of_breaches(reading, "role-late", says="expected the role in the first delta, got it in a later one")


@rule(
    "CC604",
    anchor=f"{_DELTA}/properties/role",
    part=Part.STREAM,
    severity=Severity.WARNING,
    basis=Basis.OBSERVED,
    source="https://cookbook.openai.com/examples/how_to_stream_completions",
    since="0.1",
    passes=[stream(), stream({"/1/choices/0/delta": {"role": "assistant", "audio": _SOUND}})],
    fails=[stream({"/1/choices/0/delta/role": "assistant"})],
    breaks=[("openai-python .stream()", "joins the roles to `assistantassistant`, which no request may have")],
    needs=("breached",),
)
def role_repeated(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The role is told again in a later delta of the same choice.

    ## Why it matters
    A client that begins a message at each role makes several of one; one that joins all texts of a delta joins the
    roles too, and the message is refused when it is sent back.

    ## Known exceptions
    Common with gateways and local servers. The reference service tells it again with the sound of a spoken answer:
    no finding.
    """
    says = "expected the role in the first delta only, got {} again"
    yield from of_breaches(reading, "role-repeated", says=says)


@rule(
    "CC605",
    anchor=f"{_DELTA}/properties/role",
    part=Part.STREAM,
    severity=Severity.ERROR,
    basis=Basis.DOCUMENTED,
    source=_STREAM,
    since="0.1",
    passes=[stream(), stream({"/0/choices/0/delta/role": GONE, "/1/choices/0/delta/role": "assistant"})],
    fails=[stream({"/0/choices/0/delta/role": "user"}), stream({"/1/choices/0/delta/role": "tool"})],
    needs=("breached",),
)
def role_not_assistant(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """A delta names another author than the assistant.

    ## Why it matters
    The schema of a delta allows every role, but only the assistant answers; clients file the text as
    another's.

    ## Known exceptions
    None known.
    """
    for position, breach in breaches(reading, "role-not-assistant"):
        if breach.value in ("developer", "system", "user", "tool"):
            message = f'expected the role "assistant", got {short(breach.value)}'
            yield Finding(breach.pointer, message, breach.value, position)


@rule(
    "CC606",
    anchor=f"{_CHOICE}/properties/finish_reason",
    part=Part.STREAM,
    severity=Severity.ERROR,
    basis=Basis.INTEROP,
    source="https://github.com/vllm-project/vllm/issues/27572",
    since="0.1",
    passes=[
        stream(),
        stream({"/3": _FAILED}),
        stream({"/3": _FAILED, "/4": GONE}),
        stream({"/2/choices/0/delta": {"audio": _SOUND}, "/3/choices/0": {"index": 0, "delta": {"audio": _EXPIRY}}}),
    ],
    fails=[stream({"/3": GONE}), stream({"/3/choices/0/finish_reason": None})],
    breaks=[("openai-node .stream()", "raises"), ("@ai-sdk/openai-compatible", "raises")],
    needs=("breached",),
)
def finish_missing(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The stream ends, and a choice has not told its `finish_reason`.

    ## Why it matters
    Whether the answer is whole, cut at the token limit or waits for a tool is unknown: agents hang or end
    early.

    ## Known exceptions
    None is promised for what an error event interrupts. The reference service ends a spoken answer by its expiry,
    without a reason. A chunk that cannot be read may have had it.
    """
    if reading.failures:
        return
    for position, breach in breaches(reading, "finish-missing"):
        place = int(breach.pointer.split("/")[2])
        if not _is_lost(reading, reading.choices[place][1]["index"]):
            said = breach._replace(message="expected a finish_reason, got the end of the stream")
            yield of_breach(position, said)


@rule(
    "CC607",
    anchor=f"{_CHOICE}/properties/finish_reason",
    part=Part.STREAM,
    severity=Severity.ERROR,
    basis=Basis.INTEROP,
    source="https://github.com/sgl-project/sglang/pull/8417",
    since="0.1",
    passes=[stream()],
    fails=[
        stream({"/4": Insert(chunk(finish="length"))}),
        stream({"/4": Insert(chunk(finish="stop"))}),
        stream({"/4": Insert(chunk(finish="stop")), "/5": Insert(chunk(finish="length"))}),
    ],
    breaks=[("agent loops", "end a turn twice")],
    needs=("breached",),
)
def finish_repeated(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """A choice has a second `finish_reason`.

    ## Why it matters
    Each one ends the turn for a client that acts on it; with two different ones it is not known which is
    true.

    ## Known exceptions
    Gateways that say the same reason again beside the usage: a warning, since nothing contradicts.
    """
    found = breaches(reading, "finish-repeated", "finish-contradicted")
    finishes = _first_finishes(reading) if found else {}
    for position, breach in found:
        first = finishes.get(_index(reading, position, breach.pointer))
        message = f"expected one finish_reason a choice, got {short(breach.value, 60)} after {short(first, 60)}"
        severity = Severity.WARNING if first == breach.value else None
        yield Finding(breach.pointer, message, breach.value, position, severity=severity)


@rule(
    "CC608",
    anchor=f"{_CHOICE}/properties/delta",
    part=Part.STREAM,
    severity=Severity.ERROR,
    basis=Basis.INTEROP,
    source="https://github.com/su-kaka/gcli2api/issues/403",
    since="0.1",
    passes=[
        stream(),
        stream({"/4": Insert(chunk({}))}),
        stream({"/4": Insert(chunk({"content": ""}))}),
        stream({"/4": Insert(chunk({"audio": _EXPIRY}))}),
        stream({"/4": Insert(chunk({"token_id": 128009}))}),
    ],
    fails=[stream({"/4": Insert(chunk({"content": "!"}))})],
    breaks=[("clients that stop reading at the finish_reason", "lose the rest of the answer")],
    needs=("breached",),
)
def delta_after_finish(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """A choice goes on after its `finish_reason`.

    ## Why it matters
    Some clients stop at the finish reason and lose what follows, others show text that was not meant to
    count.

    ## Known exceptions
    The expiry of a spoken answer, which comes last, and numbers that a server has of its own, such as Together's
    `token_id`: no finding.
    """
    says = "expected nothing after the finish_reason of the choice, got {}"
    yield from of_breaches(reading, "content-after-finish", "tool-call-after-finish", says=says)


@rule(
    "CC609",
    anchor=f"{_CHOICE}/properties/finish_reason",
    part=Part.STREAM,
    severity=Severity.INFO,
    basis=Basis.OBSERVED,
    source="https://github.com/vllm-project/vllm/pull/36944",
    since="0.1",
    passes=[stream(), stream({"/3/choices/0/delta/content": ""})],
    fails=[stream({"/3/choices/0/delta/content": "!"})],
)
def finish_with_content(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The last text of a choice comes in the chunk that has its `finish_reason`.

    ## Why it matters
    Legal, yet the reference service never does it, and clients that test for the end first drop the text.

    ## Known exceptions
    Streams of one chunk.
    """
    for part in reading.turns:
        for position, choice in enumerate(items(members(part.text.value).get("choices"))):
            if isinstance(choice, dict) and choice.get("finish_reason"):
                content = members(choice.get("delta")).get("content")
                if content and isinstance(content, str):
                    pointer = f"/choices/{position}/delta/content"
                    message = f"expected no content beside finish_reason, got {len(content)} characters"
                    yield Finding(pointer, message, content, part.position)


def _is_lost(reading: Reading, index: int) -> bool:
    """Whether something that cannot be read stands behind the last chunk of a choice."""
    last = reading.once(_last_pieces).get(index) if losses(reading) else None
    return last is not None and is_before_loss(reading, last)


def _last_pieces(reading: Reading) -> dict[int, Chunk]:
    """The last chunk of each choice."""
    return {index: part for part in reading.chunks for index in _indices(part)}


def _indices(part: Chunk) -> list[int]:
    choices = items(members(part.text.value).get("choices"))
    return [_told_index(choice, at) for at, choice in enumerate(choices) if isinstance(choice, dict)]


def _index(reading: Reading, position: int | None, pointer: str) -> int:
    """The index of the choice that a pointer into the chunk at a position leads to."""
    at = int(pointer.split("/")[2])
    chunk_at = None if position is None else reading.chunk_at.get(position)
    choices = items(members(chunk_at.text.value).get("choices")) if chunk_at else []
    return _told_index(members(choices[at]), at) if at < len(choices) else at


def _told_index(choice: dict[str, JSON], at: int) -> int:
    index = choice.get("index")
    if isinstance(index, float) and index.is_integer():
        return int(index)
    return index if type(index) is int else at


def _first_finishes(reading: Reading) -> dict[int, JSON]:
    found: dict[int, JSON] = {}
    for part in reading.chunks:
        for at, choice in enumerate(items(members(part.text.value).get("choices"))):
            if isinstance(choice, dict) and choice.get("finish_reason"):
                found.setdefault(_told_index(choice, at), choice["finish_reason"])
    return found
