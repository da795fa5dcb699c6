"""Streams (CC61): chunks without choices, and the pieces of log probabilities and audio."""

from collections.abc import Iterator

from chatcontract.declare import SpecView, rule
from chatcontract.examples import Insert, chunk, stream, usage_chunk
from chatcontract.findings import of_breaches
from chatcontract.model import JSON, Basis, Finding, Part, Severity
from chatcontract.reading import Reading

_STREAM = "https://developers.openai.com/api/reference/resources/chat/subresources/completions/streaming-events"
_CHUNK = "#/components/schemas/CreateChatCompletionStreamResponse"
_CHOICE = f"{_CHUNK}/properties/choices/items"
_DELTA = "#/components/schemas/ChatCompletionStreamResponseDelta"
_LOG: JSON = {
    "content": [{"token": "Four", "logprob": -0.1, "bytes": None, "top_logprobs": []}],
    "refusal": None,
}
_AUDIO = {"id": "audio_1", "data": "UklGRg=="}


@rule(
    "CC610",
    anchor=f"{_CHUNK}/properties/choices",
    part=Part.STREAM,
    severity=Severity.ERROR,
    basis=Basis.DOCUMENTED,
    source=_STREAM,
    since="0.1",
    passes=[
        stream({"/4": Insert(usage_chunk())}),
        stream({"/0": Insert({**chunk(), "id": "", "model": "", "prompt_filter_results": []})}),
    ],
    fails=[stream({"/0": Insert(chunk())}), stream({"/2": Insert(chunk())})],
    breaks=[("llama_index, langfuse, ChatGPT-in-Slack, mentat", "raise IndexError at `choices[0]`")],
    compatible=Severity.WARNING,
    needs=("breached",),
)
def chunk_without_choices(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """A chunk has no choice although it carries neither usage nor a moderation verdict.

    ## Why it matters
    Clients that read `choices[0]` of every chunk raise; only the usage chunk prepares them for an empty list.

    ## Known exceptions
    Azure's first chunk, which tells the filter results of the prompt, is no finding.
    """
    says = "expected a choice in a chunk without usage and moderation, got an empty list"
    yield from of_breaches(reading, "choices-empty", says=says)


@rule(
    "CC611",
    anchor=f"{_CHOICE}/properties/logprobs",
    part=Part.STREAM,
    severity=Severity.WARNING,
    basis=Basis.OBSERVED,
    source=_STREAM,
    since="0.1",
    passes=[stream(), stream({"/1/choices/0/logprobs": _LOG, "/2/choices/0/logprobs": _LOG})],
    fails=[stream({"/1/choices/0/logprobs": _LOG})],
    needs=("breached",),
)
def logprobs_interrupted(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """Some of the text of a choice comes with log probabilities, some without.

    ## Why it matters
    Tokens and probabilities no longer match: what scores the answer scores a part of it.

    ## Known exceptions
    None known.
    """
    says = "expected logprobs with all of the text or with none, got {} here"
    yield from of_breaches(reading, "logprobs-missing", says=says)


@rule(
    "CC612",
    anchor=f"{_DELTA}/properties/audio",
    part=Part.STREAM,
    severity=Severity.WARNING,
    basis=Basis.DOCUMENTED,
    source="https://github.com/openai/openai-openapi/issues/577",
    since="0.1",
    passes=[stream({"/1/choices/0/delta": {"audio": _AUDIO}})],
    fails=[
        stream({"/1/choices/0/delta": {"audio": {"data": "UklGRg=="}}}),
        stream({"/1/choices/0/delta": {"audio": _AUDIO}, "/2/choices/0/delta": {"audio": {"id": "audio_2"}}}),
    ],
    needs=("breached",),
)
def audio_pieces_disordered(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The pieces of a spoken answer come in another order than id, sound and words, expiry.

    ## Why it matters
    Players open the sound by its id and close it at the expiry: what comes outside of that is lost.

    ## Known exceptions
    None known.
    """
    yield from of_breaches(reading, "audio-before-id", says="expected the id of the audio first, got sound")
    yield from of_breaches(reading, "audio-id-changed", says="expected the id of the first piece, got {}")
    yield from of_breaches(reading, "audio-after-expiry", says="expected no audio after expires_at, got more")
