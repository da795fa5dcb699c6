"""Streams (CC62): what `stream_options` asked for, and what came of it."""

from collections.abc import Iterator

from chatcontract.declare import SpecView, rule
from chatcontract.examples import USAGE, Insert, chunk, error, stream, usage_chunk
from chatcontract.findings import breaches, of_breaches
from chatcontract.losses import losses
from chatcontract.model import Basis, Finding, Part, Severity
from chatcontract.reading import Chunk, Reading, members
from chatcontract.redact import short

_STREAM = "https://developers.openai.com/api/reference/resources/chat/subresources/completions/streaming-events"
_API = "https://developers.openai.com/api/reference/resources/chat/subresources/completions/methods/create"
_CHUNK = "#/components/schemas/CreateChatCompletionStreamResponse"
_OPTIONS = "#/components/schemas/ChatCompletionStreamOptions"
_ASKED = {"/stream_options": {"include_usage": True}}
_RUNNING = {"/model": "own-model", "/stream_options": {"include_usage": True, "continuous_usage_stats": True}}
_LAST = {"/4": Insert(usage_chunk())}
_NULLS = {f"/{position}/usage": None for position in range(4)}
_FAILED = error().payload()


@rule(
    "CC620",
    anchor=f"{_OPTIONS}/properties/include_usage",
    part=Part.STREAM,
    severity=Severity.WARNING,
    basis=Basis.DOCUMENTED,
    source="https://github.com/sgl-project/sglang/issues/954",
    since="0.1",
    passes=[
        stream({**_LAST, **_NULLS}, request=_ASKED),
        stream(request={}),
        stream(request={"/stream_options": None}),
        stream({"/3": _FAILED}, request=_ASKED),
    ],
    fails=[stream(request=_ASKED), stream(_NULLS, request=_ASKED)],
    breaks=[("token accounting", "books zero tokens")],
)
def usage_missing(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The request asks for usage, and no chunk of the stream has it.

    ## Why it matters
    It is the only place where a stream tells its cost: what books tokens books none.

    ## Known exceptions
    An interrupted stream may lose it: with an error event, or without any end, there is no finding. A
    warning, since the reference service has been recorded without it.
    """
    options = members(reading.asked.get("stream_options"))
    if options.get("include_usage") is not True or reading.completion.get("usage") is not None:
        return
    is_over = (reading.terminated or _is_finished(reading)) and not reading.failures
    if is_over and not (reading.chunks and _is_lost(reading)):
        message = "expected a chunk with usage, since include_usage is true, got none"
        yield Finding("/usage", message, hint="send it last before [DONE], with empty choices")


def _is_lost(reading: Reading) -> bool:
    """Whether the chunk that ends the stream cannot be read."""
    last = reading.chunks[-1]
    return any(at >= last.event.offset for at in losses(reading)[-1:])


def _is_finished(reading: Reading) -> bool:
    return any(choice.get("finish_reason") for _, choice, _ in reading.choices)


@rule(
    "CC621",
    anchor=f"{_OPTIONS}/properties/include_usage",
    part=Part.STREAM,
    severity=Severity.WARNING,
    basis=Basis.DOCUMENTED,
    source=_API,
    since="0.1",
    passes=[stream({**_LAST, **_NULLS}, request=_ASKED), stream(_LAST), stream(_NULLS, request={})],
    fails=[stream(_LAST, request={}), stream(_LAST, request={"/stream_options": {"include_usage": False}})],
    compatible=Severity.INFO,
)
def usage_unasked(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The stream tells usage although the request does not ask for it.

    ## Why it matters
    A client that did not ask is not prepared for a chunk without choices, nor for counting twice.

    ## Known exceptions
    Many servers always tell it, and so did api.openai.com in two streams recorded in April 2026; no measured client
    fails.
    """
    asked = reading.asked
    if asked.get("stream") is not True or members(asked.get("stream_options")).get("include_usage") is True:
        return
    if reading.completion.get("usage") is not None:
        position = next((part.position for part in reading.turns if _usage(part) is not None), None)
        usage = reading.completion["usage"]
        message = f"expected no usage, since include_usage is not true, got {short(usage, 120)}"
        yield Finding("/usage", message, usage, position)


@rule(
    "CC622",
    anchor=f"{_CHUNK}/properties/usage",
    part=Part.STREAM,
    severity=Severity.ERROR,
    basis=Basis.DOCUMENTED,
    source="https://github.com/ogx-ai/ogx/issues/5122",
    since="0.1",
    passes=[stream({**_LAST, **_NULLS}, request=_ASKED), stream({"/1/usage": USAGE, **_LAST}, request=_RUNNING)],
    fails=[
        stream({"/4": Insert(usage_chunk()), "/5": Insert(usage_chunk())}),
        stream({"/1/usage": USAGE, **_LAST}),
    ],
    breaks=[("llama-stack", "adds the counts up and books too many tokens")],
    needs=("breached",),
)
def usage_repeated(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """More than one chunk of the stream has usage.

    ## Why it matters
    What adds the counts up books a multiple of the cost.

    ## Known exceptions
    Requests to servers such as vLLM that ask for running counts with `continuous_usage_stats`.
    """
    if breaches(reading, "usage-repeated") and not _is_continuous(reading):
        count = sum(_usage(part) is not None for part in reading.turns)
        yield from of_breaches(reading, "usage-repeated", says=f"expected one chunk with usage, got {count}")


@rule(
    "CC623",
    anchor=f"{_CHUNK}/properties/usage",
    part=Part.STREAM,
    severity=Severity.WARNING,
    basis=Basis.DOCUMENTED,
    source=_API,
    since="0.1",
    passes=[stream(_LAST), stream(_NULLS), stream({"/3/usage": USAGE}, request=_RUNNING)],
    fails=[stream({"/3/usage": USAGE})],
    breaks=[("openai-java ChatCompletionAccumulator", "passes over the choices of the chunk, then misses them")],
    needs=("breached",),
)
def usage_beside_choices(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """Usage stands on a chunk that has choices.

    ## Why it matters
    It should come alone and last, when everything is counted: accumulators take the chunk for the end, and do not
    look for choices in it.

    ## Known exceptions
    Most other servers put it on the last chunk of the choice, and most clients survive it. Requests that ask for
    running counts with `continuous_usage_stats`.
    """
    if not _is_continuous(reading):
        says = "expected empty choices beside usage, got some"
        yield from of_breaches(reading, "usage-with-choices", says=says)


@rule(
    "CC624",
    anchor=f"{_CHUNK}/properties/usage",
    part=Part.STREAM,
    severity=Severity.INFO,
    basis=Basis.DOCUMENTED,
    source=_API,
    since="0.1",
    passes=[stream({**_LAST, **_NULLS}, request=_ASKED), stream(_LAST, request={})],
    fails=[stream(_LAST, request=_ASKED), stream({**_LAST, "/0/usage": None}, request=_ASKED)],
)
def usage_member_absent(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The request asks for usage, and chunks before it lack the member instead of holding null.

    ## Why it matters
    The reference service sends null in them; strict clients of it may expect the member.

    ## Known exceptions
    Most other servers leave it out; no measured client fails.
    """
    options = members(reading.asked.get("stream_options"))
    if options.get("include_usage") is not True or reading.completion.get("usage") is None:
        return
    values = [(part.position, part.text.value) for part in reading.chunks if not part.is_error]
    without = [position for position, value in values if isinstance(value, dict) and "usage" not in value]
    if without:
        message = f"expected null usage in all chunks but the last, got none in {len(without)} of {len(values)}"
        yield Finding("/usage", message, chunk=without[0])


@rule(
    "CC625",
    anchor=f"{_CHUNK}/properties/usage",
    part=Part.STREAM,
    severity=Severity.WARNING,
    basis=Basis.DOCUMENTED,
    source=_API,
    since="0.1",
    passes=[
        stream({**_LAST, **_NULLS}, request=_ASKED),
        stream({"/4": Insert(usage_chunk()), "/5": Insert(chunk({"audio": {"expires_at": 1763703600}}))}),
    ],
    fails=[stream({"/4": Insert(usage_chunk()), "/5": Insert(chunk({}))})],
    needs=("breached",),
)
def chunk_after_usage(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """A chunk follows the one that has the usage.

    ## Why it matters
    Clients that stop at the usage, which is promised as the last chunk, lose what follows.

    ## Known exceptions
    The reference service sends the moderation verdict after it, and the expiry of a spoken answer: no finding.
    """
    says = "expected [DONE] after the chunk with usage, got another chunk"
    yield from of_breaches(reading, "chunk-after-usage", says=says)


@rule(
    "CC626",
    anchor=f"{_OPTIONS}/properties/include_obfuscation",
    part=Part.STREAM,
    severity=Severity.WARNING,
    basis=Basis.DOCUMENTED,
    source=_STREAM,
    since="0.1",
    passes=[
        stream({"/1/obfuscation": "aZ"}, request={}),
        stream({"/1/obfuscation": "aZ"}),
        stream(request={"/stream_options": {"include_obfuscation": False}}),
        stream({"/1/obfuscation": "aZ"}, request={"/stream_options": {"include_obfuscation": True}}),
    ],
    fails=[stream({"/1/obfuscation": "aZ"}, request={"/stream_options": {"include_obfuscation": False}})],
)
def obfuscation_unwanted(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """Chunks carry filler although the request turns it off.

    ## Why it matters
    The filler takes more bandwidth than the text; the caller who trusts the network said that it is not
    needed.

    ## Known exceptions
    None known.
    """
    if members(reading.asked.get("stream_options")).get("include_obfuscation") is not False:
        return
    filled = [part.position for part in reading.chunks if "obfuscation" in members(part.text.value)]
    if filled:
        message = f"expected no obfuscation, since include_obfuscation is false, got it in {len(filled)} chunks"
        yield Finding("/obfuscation", message, chunk=filled[0])


def _is_continuous(reading: Reading) -> bool:
    """Whether the request asks for running counts in every chunk."""
    return members(reading.asked.get("stream_options")).get("continuous_usage_stats") is True


def _usage(part: Chunk) -> object:
    return members(part.text.value).get("usage")
