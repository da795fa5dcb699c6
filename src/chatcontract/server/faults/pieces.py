"""Faults of the pieces of a stream: of text, of sound, of calls, and of how they are numbered."""

from collections.abc import Iterator

from chatcontract.model import JSON
from chatcontract.server.answers import Answer
from chatcontract.server.faults import Stage, edit, fault

FAULTS = (
    edit(
        "chunk-tier-changes",
        "A chunk names another service tier.",
        {"/2/service_tier": "flex"},
        "CC619",
        request="stream",
        stage=Stage.CHUNKS,
    ),
    edit(
        "chunk-error-empty",
        "A chunk has an empty error beside its choices.",
        {"/2/error": {}},
        "CC633",
        request="stream",
        stage=Stage.CHUNKS,
    ),
    edit(
        "chunk-error-null",
        "The chunks have an error that is null.",
        {"/2/error": None, "/3/error": None},
        "CC633",
        request="stream",
        stage=Stage.CHUNKS,
    ),
    edit(
        "chunk-message-null",
        "The choice of a chunk has a message that is null.",
        {"/2/choices/0/message": None},
        "CC691",
        request="stream",
        stage=Stage.CHUNKS,
    ),
    edit(
        "delta-details-unindexed",
        "Details of the reasoning come in pieces without an index.",
        {f"/{at}/choices/0/delta/reasoning_details": [{"type": "reasoning.text", "text": "Hm"}] for at in (2, 3)},
        "CC690",
        request="stream",
        stage=Stage.CHUNKS,
    ),
    edit(
        "delta-calls-empty",
        "A delta has an empty list of calls.",
        {"/2/choices/0/delta/tool_calls": []},
        "CC653",
        request="stream",
        stage=Stage.CHUNKS,
        audited=("CC421",),
    ),
    edit(
        "character-cut",
        "The pieces of a character come as replacement characters.",
        {"/2/choices/0/delta/content": "\ufffd\ufffd", "/3/choices/0/delta/content": "\ufffd"},
        "CC655",
        request="stream",
        stage=Stage.CHUNKS,
        audited=("CC801",),
    ),
)


def _choices(data: list[JSON]) -> Iterator[JSON]:
    for chunk in data:
        yield from chunk["choices"] if isinstance(chunk, dict) else ()


def _deltas(data: list[JSON]) -> list[JSON]:
    """The deltas with text."""
    return [choice["delta"] for choice in _choices(data) if choice["delta"].get("content")]


def _audio(data: list[JSON]) -> list[JSON]:
    return [choice["delta"]["audio"] for choice in _choices(data) if "audio" in choice["delta"]]


@fault("CC614", stage=Stage.CHUNKS, request="stream", audited=("CC801",))
def text_sent_again(data: JSON) -> None:
    """The last delta repeats the whole text."""
    *before, last = _deltas(data)
    last["content"] = "".join(delta["content"] for delta in before)


@fault("CC614", stage=Stage.CHUNKS, request="stream", audited=("CC801",))
def text_cumulative(data: JSON) -> None:
    """Each delta has all of the text so far."""
    text = ""
    for delta in _deltas(data):
        text += delta["content"]
        delta["content"] = text


@fault("CC613", stage=Stage.CHUNKS, request="audio-stream")
def audio_expiry_missing(data: JSON) -> None:
    """The stream never tells when the sound expires."""
    del _audio(data)[-1]["expires_at"]


@fault("CC365", stage=Stage.CHUNKS, request="audio-stream")
def audio_expiry_in_milliseconds_streamed(data: JSON) -> None:
    """The expiry of the sound is in milliseconds."""
    _audio(data)[-1]["expires_at"] *= 1000


@fault("CC345", stage=Stage.CHUNKS, request="audio-stream")
def audio_without_sound(data: JSON) -> None:
    """A spoken answer has its words and no sound."""
    for audio in _audio(data):
        audio.pop("data", None)


@fault("CC627", stage=Stage.CHUNKS, request="stream")
def chunk_index_float(data: JSON) -> None:
    """The index of the choice is written with a fraction."""
    for choice in _choices(data):
        choice["index"] = float(choice["index"])


@fault("CC627", stage=Stage.CHUNKS, request="tools-stream")
def fragment_index_float(data: JSON) -> None:
    """The index of a streamed call is written with a fraction."""
    for fragment in _fragments(data):
        fragment["index"] = float(fragment["index"])


@fault("CC628", stage=Stage.CHUNKS, request="stream")
def chunk_index_twice(data: JSON) -> None:
    """One chunk has two pieces of the same choice."""
    data[1]["choices"] += data.pop(2)["choices"]


@fault("CC629", stage=Stage.CHUNKS, request="n-stream")
def choices_in_one_chunk(data: JSON) -> None:
    """One chunk begins both choices."""
    first, second = data[0]["choices"], data[1]["choices"]
    if first[0]["index"] != second[0]["index"]:
        first += data.pop(1)["choices"]


def _fragments(data: list[JSON]) -> Iterator[JSON]:
    for choice in _choices(data):
        yield from choice["delta"].get("tool_calls", ())


@fault("CC651", stage=Stage.CHUNKS, request="custom-stream")
def fragment_kind_wrong(data: JSON) -> None:
    """A streamed custom call says that it is a function."""
    next(_fragments(data))["type"] = "function"


@fault("CC652", stage=Stage.CHUNKS, request="custom-stream")
def custom_input_missing(data: JSON) -> None:
    """A streamed custom call has no input."""
    for fragment in _fragments(data):
        fragment["custom"].pop("input", None)


@fault("CC654", stage=Stage.COMPLETION, request="tools", audited=("CC415",))
def call_told_twice(made: JSON) -> None:
    """A call comes a second time under another id."""
    calls = made["choices"][0]["message"]["tool_calls"]
    calls.append({**calls[0], "id": "call_again"})


@fault("CC657", stage=Stage.COMPLETION, request="logprobs")
def token_bytes_floats(made: JSON) -> None:
    """The bytes of the tokens are written with fractions."""
    for entry in made["choices"][0]["logprobs"]["content"]:
        entry["bytes"] = list(map(float, entry["bytes"]))


@fault("CC508", stage=Stage.COMPLETION, request="logprobs-limit")
def limit_passed_unseen(made: JSON) -> None:
    """The text is twice as long as the limit allows, and the stream has no usage."""
    choice = made["choices"][0]
    choice["message"]["content"] *= 2
    choice["logprobs"]["content"] *= 2


@fault("CC667", stage=Stage.FRAMES, request="plain-stream")
def mark_before_data(frames: JSON) -> JSON:
    """A byte order mark stands before a chunk in the middle of the stream."""
    return [*frames[:3], b"\xef\xbb\xbf" + frames[3], *frames[4:]]


@fault("CC667", stage=Stage.FRAMES, request="plain-stream")
def colon_full_width(frames: JSON) -> JSON:
    """A chunk has a full-width colon after `data`."""
    return [*frames[:3], frames[3].replace(b":", "\uff1a".encode(), 1), *frames[4:]]


@fault("CC665", stage=Stage.FRAMES, request="plain-stream")
def chunk_in_another_field(frames: JSON) -> JSON:
    """A chunk comes in a field called `chunk`."""
    return [*frames[:3], frames[3].replace(b"data", b"chunk", 1), *frames[4:]]


@fault("CC656", stage=Stage.ANSWER, request="stream")
def stream_as_latin1(answer: Answer) -> JSON:
    """The media type of a stream says that it is ISO 8859-1."""
    kind = "text/event-stream; charset=iso-8859-1"
    return answer.with_header("content-type", kind) if answer.is_stream else answer


@fault("CC686", stage=Stage.CHUNKS, request="n-stream")
def choices_begin_backwards(data: JSON) -> None:
    """The second choice begins before the first."""
    begun = [at for at, chunk in enumerate(data) if isinstance(chunk, dict) and chunk["choices"]]
    second = next(at for at in begun if data[at]["choices"][0]["index"] == 1)
    data.insert(0, data.pop(second))


@fault("CC686", stage=Stage.CHUNKS, request="n-stream")
def choices_one_after_another(data: JSON) -> None:
    """The second choice begins when the first has ended."""
    whole = [chunk for chunk in data if isinstance(chunk, dict) and chunk["choices"]]
    rest = [chunk for chunk in data if chunk not in whole]
    data[:] = [*sorted(whole, key=lambda chunk: chunk["choices"][0]["index"]), *rest]
