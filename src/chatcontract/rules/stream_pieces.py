"""Streams (CC61): chunks without choices, and the pieces of log probabilities and audio."""

from collections.abc import Iterator

from chatcontract.declare import SpecView, rule
from chatcontract.examples import Example, Insert, chunk, logged, response, stream, token, usage_chunk
from chatcontract.findings import of_breaches
from chatcontract.model import JSON, Basis, Finding, Part, Severity
from chatcontract.reading import Reading, members
from chatcontract.redact import short
from chatcontract.tokens import token_entries

_STREAM = "https://developers.openai.com/api/reference/resources/chat/subresources/completions/streaming-events"
_CHUNK = "#/components/schemas/CreateChatCompletionStreamResponse"
_CHOICE = f"{_CHUNK}/properties/choices/items"
_DELTA = "#/components/schemas/ChatCompletionStreamResponseDelta"
_LOG: JSON = {
    "content": [{"token": "Four", "logprob": -0.1, "bytes": None, "top_logprobs": []}],
    "refusal": None,
}
_AUDIO = {"id": "audio_1", "data": "UklGRg=="}
_ACCUMULATOR = "https://github.com/openai/openai-python/blob/main/src/openai/lib/streaming/_deltas.py"
_CALL = {"index": 0.0, "id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}
_ENDED = {"/2/choices/0/delta": {}, "/3/choices/0/finish_reason": "tool_calls"}
_SECOND = chunk({"role": "assistant", "content": "4"}, index=1)
_SECOND_END = chunk(finish="stop", index=1)
_IDS = {f"/{at}/choices/0/delta/token_ids": [7] for at in (1, 2)}
_MORE: JSON = {"index": 0, "delta": {"content": "!"}, "logprobs": None, "finish_reason": None}


def _spoken(last: dict[str, JSON]) -> Example:
    """A stream of a spoken answer with this last piece."""
    return stream({"/1/choices/0/delta": {"audio": _AUDIO}, "/2/choices/0/delta": {"audio": last}})


def _thinking(*extra: dict[str, JSON] | None) -> Example:
    """A stream whose deltas have details of the reasoning, each with these members."""
    details = {"type": "reasoning.text", "text": "2 and 2"}
    told = {
        f"/{at}/choices/0/delta/reasoning_details": [{**details, **more}]
        for at, more in enumerate(extra, 1)
        if more is not None
    }
    return stream(told)


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


@rule(
    "CC613",
    anchor="#/components/schemas/ChatCompletionResponseMessage/properties/audio",
    part=Part.RESPONSE,
    severity=Severity.WARNING,
    basis=Basis.DOCUMENTED,
    source="https://developers.openai.com/api/docs/guides/audio",
    since="0.1",
    passes=[_spoken({"expires_at": 1763703600}), stream({"/1/choices/0/delta": {"audio": {"id": "audio_1"}}})],
    fails=[_spoken({})],
    needs=("audio",),
)
def audio_expiry_missing(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """A stream ends without the expiry of its spoken answer.

    ## Why it matters
    Until then the sound may be referred to by its id: clients refer to what is gone, or never to what is there.

    ## Known exceptions
    None is promised for an answer that was cut. Where an answer in one piece lacks it, the schema says so.
    """
    for position, choice, message in reading.choices if reading.kind == "stream" else ():
        audio = members(message.get("audio"))
        if choice.get("finish_reason") == "stop" and audio.get("data") and audio.get("expires_at") is None:
            pointer = f"/choices/{position}/message/audio/expires_at"
            yield Finding(pointer, "expected expires_at with the last piece of the audio, got none")


@rule(
    "CC627",
    anchor=f"{_CHOICE}/properties/index",
    part=Part.STREAM,
    severity=Severity.ERROR,
    basis=Basis.INTEROP,
    source=_ACCUMULATOR,
    since="0.1",
    passes=[stream()],
    fails=[stream({"/1/choices/0/index": 0.0}), stream({"/1/choices/0/delta": {"tool_calls": [_CALL]}, **_ENDED})],
    breaks=[("openai-python .stream()", "raises TypeError")],
    needs=("breached",),
)
def chunk_index_written_as_float(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The index of a choice or of a tool call in a chunk is written with a fraction of zero, such as `0.0`.

    JSON Schema counts such a number as an integer, so the schema alone does not see it.

    ## Why it matters
    Clients use the index as the place in a list, and typed ones refuse the text.

    ## Known exceptions
    None known.
    """
    says = "expected digits alone, got {}"
    hint = "write it without `.0`"
    yield from of_breaches(reading, "choice-index-float", "tool-index-float", says=says, hint=hint)


@rule(
    "CC628",
    anchor=f"{_CHOICE}/properties/index",
    part=Part.STREAM,
    severity=Severity.ERROR,
    basis=Basis.INTEROP,
    source=_STREAM,
    since="0.1",
    passes=[stream()],
    fails=[stream({"/1/choices/-": _MORE})],
    breaks=[("loops over `choices[0]` with openai-python or openai-node", "lose the text of the second entry")],
    needs=("breached",),
)
def chunk_index_twice(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """Two entries of one chunk have the same index.

    ## Why it matters
    A client that asks for one answer reads `choices[0]` of each chunk and loses the text of the others.

    ## Known exceptions
    None known.
    """
    yield from of_breaches(reading, "choice-index-twice", says="expected each index once in a chunk, got {} again")


@rule(
    "CC629",
    anchor=f"{_CHUNK}/properties/choices",
    part=Part.STREAM,
    severity=Severity.INFO,
    basis=Basis.OBSERVED,
    source=_STREAM,
    since="0.1",
    passes=[stream()],
    fails=[
        stream(
            {
                "/0/choices/-": {**_MORE, "index": 1, "delta": {"role": "assistant"}},
                "/3/choices/-": {**_MORE, "index": 1, "delta": {}, "finish_reason": "stop"},
            }
        )
    ],
    needs=("breached",),
)
def chunk_of_several_choices(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """A chunk has pieces of several choices.

    ## Why it matters
    Legal, yet the reference service sends a chunk for each, and clients that read `choices[0]` alone miss the rest.

    ## Known exceptions
    None known; told once of a stream.
    """
    yield from of_breaches(reading, "choices-together", says="expected a chunk for each choice, got {} in one")


@rule(
    "CC657",
    anchor="#/components/schemas/ChatCompletionTokenLogprob/properties/bytes",
    part=Part.RESPONSE,
    severity=Severity.ERROR,
    basis=Basis.INTEROP,
    source="https://developers.openai.com/api/reference/resources/chat/subresources/completions/methods/create",
    since="0.1",
    passes=[response(logged(token("Four.")))],
    fails=[response(logged({**token("Four."), "bytes": [70.0, 111.0, 117.0, 114.0, 46.0]}))],
    breaks=[("go-openai, async-openai", "cannot read the number into a byte")],
    needs=("logprobs",),
)
def token_bytes_written_as_floats(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The bytes of a token are written with fractions of zero, such as `72.0`.

    ## Why it matters
    What joins the bytes to a text takes integers alone.

    ## Known exceptions
    None known; told once of an answer.
    """
    for pointer, entry in token_entries(reading):
        data = entry.get("bytes")
        if isinstance(data, list) and float in map(type, data):
            yield Finding(f"{pointer}/bytes", f"expected digits alone, got {short(data, 60)}", data)
            return


@rule(
    "CC686",
    anchor=f"{_CHOICE}/properties/index",
    part=Part.STREAM,
    severity=Severity.WARNING,
    basis=Basis.INTEROP,
    source="https://github.com/openai/openai-python/pull/3709",
    since="0.1",
    passes=[stream(), stream({"/1": Insert(_SECOND), "/4": Insert(_SECOND_END)}, request={"/n": 2})],
    fails=[
        stream({"/0": Insert(_SECOND), "/4": Insert(_SECOND_END)}, request={"/n": 2}),
        stream({"/4": Insert(_SECOND), "/5": Insert(_SECOND_END)}, request={"/n": 2}),
    ],
    breaks=[
        ("openai-python .stream()", "raises IndexError where a lower index begins later"),
        ("openai-java ChatCompletionAccumulator", "raises IllegalStateException where a choice begins after the rest"),
    ],
    needs=("breached",),
)
def choice_begun_out_of_turn(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """A choice begins after one with a higher index, or when all the others have ended.

    ## Why it matters
    Accumulators put a new choice at the end of their list and read it by its index; where every choice that they know
    has its `finish_reason`, the answer counts as whole.

    ## Known exceptions
    Nothing promises an order, and most clients need none: a warning. Every recording of the reference service that was
    seen begins its choices in order.
    """
    says = "expected the choices to begin in their order, got index {} after a higher one"
    yield from of_breaches(reading, "choice-index-late", says=says)
    says = "expected every choice to begin before the last of the others has ended, got index {} begun after"
    yield from of_breaches(reading, "choice-begun-late", says=says)


@rule(
    "CC690",
    anchor=_DELTA,
    part=Part.STREAM,
    severity=Severity.ERROR,
    basis=Basis.INTEROP,
    source=_ACCUMULATOR,
    since="0.1",
    passes=[_thinking({"index": 0}, {"index": 0}), _thinking({}, None), stream(_IDS)],
    fails=[_thinking({}, {})],
    breaks=[("openai-python .stream()", "raises RuntimeError: expected list delta entry to have an `index` key")],
    needs=("breached",),
)
def delta_list_without_index(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """Several deltas have pieces of an undocumented list, and its objects have no `index`.

    ## Why it matters
    The index says which entries belong together: the main client merges the pieces of every list by it.

    ## Known exceptions
    A list that comes whole in one delta; lists of numbers and texts. Annotations are a warning, since the reference
    service has such deltas too.
    """
    says = "expected an index in each entry of a list that comes in pieces, got {}"
    for finding in of_breaches(reading, "delta-list-unindexed", says=says):
        mild = finding.pointer.endswith("/annotations")
        yield finding._replace(severity=Severity.WARNING) if mild else finding
