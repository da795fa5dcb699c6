"""Streams (CC61): what stays the same in all chunks of one answer."""

from collections.abc import Iterator

from chatcontract.declare import SpecView, rule
from chatcontract.examples import GONE, Insert, chunk, stream
from chatcontract.findings import breaches, of_breach
from chatcontract.model import JSON, Basis, Finding, Part, Severity
from chatcontract.reading import Reading
from chatcontract.redact import short

_STREAM = "https://developers.openai.com/api/reference/resources/chat/subresources/completions/streaming-events"
_CHUNK = "#/components/schemas/CreateChatCompletionStreamResponse"
_FILTERED: JSON = {
    **chunk(),
    "id": "",
    "created": 0,
    "model": "",
    "choices": [
        {"index": 0, "delta": {}, "finish_reason": None, "content_filter_results": {}, "content_filter_offsets": {}}
    ],
}


@rule(
    "CC615",
    anchor=f"{_CHUNK}/properties/id",
    part=Part.STREAM,
    severity=Severity.ERROR,
    basis=Basis.DOCUMENTED,
    source=_STREAM,
    since="0.1",
    passes=[stream(), stream({"/4": Insert(_FILTERED)})],
    fails=[stream({"/1/id": "chatcmpl-other"}), stream({"/3/id": ""})],
    breaks=[
        ("clients that join tool calls by the id of the answer", "lose the pieces after the first"),
        ("the .NET client of Foundry Local", "takes each chunk for an answer of its own"),
    ],
    needs=("breached",),
)
def chunk_id_changed(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """A chunk has another `id` than the first one.

    ## Why it matters
    The id is what says that chunks belong together; logs and clients that go by it see many answers.

    ## Known exceptions
    Azure's chunks about its content filter have an empty id: no finding.
    """
    yield from _changed(reading, "id")


@rule(
    "CC616",
    anchor=f"{_CHUNK}/properties/created",
    part=Part.STREAM,
    severity=Severity.WARNING,
    basis=Basis.DOCUMENTED,
    source=_STREAM,
    since="0.1",
    passes=[stream()],
    fails=[stream({"/2/created": 1763700001})],
    needs=("breached",),
)
def chunk_created_changed(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """A chunk has another `created` than the first one.

    ## Why it matters
    It is the time of the answer, not of the chunk: a joined answer gets one of several times by chance.

    ## Known exceptions
    Many servers stamp each chunk; no measured client fails.
    """
    yield from _changed(reading, "created")


@rule(
    "CC617",
    anchor=f"{_CHUNK}/properties/model",
    part=Part.STREAM,
    severity=Severity.WARNING,
    basis=Basis.OBSERVED,
    source=_STREAM,
    since="0.1",
    passes=[stream()],
    fails=[stream({"/1/model": "gpt-5"})],
    needs=("breached",),
)
def chunk_model_changed(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """A chunk names another model than the first one.

    ## Why it matters
    Costs and metrics are booked by model, and clients read it from one of the chunks.

    ## Known exceptions
    Azure's chunks about its content filter have an empty model: no finding.
    """
    yield from _changed(reading, "model")


@rule(
    "CC618",
    anchor=f"{_CHUNK}/properties/system_fingerprint",
    part=Part.STREAM,
    severity=Severity.WARNING,
    basis=Basis.OBSERVED,
    source=_STREAM,
    since="0.1",
    passes=[stream(), stream({"/0/system_fingerprint": "fp_1"})],
    fails=[stream({"/0/system_fingerprint": "fp_1", "/2/system_fingerprint": "fp_2"})],
    compatible=Severity.INFO,
    needs=("breached",),
)
def chunk_fingerprint_changed(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """A chunk has another `system_fingerprint` than the first one that has any.

    ## Why it matters
    It stands for the backend: two of them in one answer say that parts came from different machines.

    ## Known exceptions
    None known; the member is deprecated.
    """
    yield from _changed(reading, "system_fingerprint")


@rule(
    "CC619",
    anchor=f"{_CHUNK}/properties/service_tier",
    part=Part.STREAM,
    severity=Severity.WARNING,
    basis=Basis.OBSERVED,
    source=_STREAM,
    since="0.1",
    passes=[stream(), stream({"/1/service_tier": None, "/2/service_tier": GONE})],
    fails=[stream({"/2/service_tier": "flex"})],
    compatible=Severity.INFO,
    needs=("breached",),
)
def chunk_service_tier_changed(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """A chunk names another `service_tier` than the first one that names any.

    ## Why it matters
    The tier is what the answer is billed by: costs depend on which chunk it is read from.

    ## Known exceptions
    Chunks that lack the member, or have null there, say nothing.
    """
    yield from _changed(reading, "service_tier")


def _changed(reading: Reading, member: str) -> Iterator[Finding]:
    for position, breach in breaches(reading, f"{member.replace('_', '-')}-changed"):
        first = short(reading.completion.get(member), 80)
        message = f"expected {first} as in the chunks before, got {short(breach.value, 80)}"
        yield of_breach(position, breach._replace(message=message))
