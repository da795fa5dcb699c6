"""Faults of the chunks of a stream."""

from collections.abc import Iterator

from chatcontract.examples import GONE
from chatcontract.model import JSON
from chatcontract.server.faults import Stage, edit, fault

_FAILED = {"error": {"message": "The model is overloaded.", "type": "server_error", "param": None, "code": None}}
_REFUSED = {
    "error": {
        "message": "temperature is out of range",
        "type": "invalid_request_error",
        "param": "temperature",
        "code": None,
    }
}


def _edit(
    name: str,
    summary: str,
    changes: dict[str, JSON],
    *rules: str,
    request: str = "stream",
    audited: tuple[str, ...] = (),
) -> JSON:
    return edit(name, summary, changes, *rules, request=request, stage=Stage.CHUNKS, audited=audited)


FAULTS = (
    _edit("chunk-id-missing", "The first chunk has no id.", {"/0/id": GONE}, "CC001"),
    _edit(
        "chunk-object-wrong",
        "A chunk says that it is a whole completion.",
        {"/1/object": "chat.completion"},
        "CC001",
    ),
    _edit("chunk-created-changes", "A chunk has another `created`.", {"/2/created": 1763700001}, "CC616"),
    _edit("chunk-model-changes", "A chunk names another model.", {"/2/model": "reference-2"}, "CC617"),
    _edit(
        "chunk-fingerprint-changes",
        "A chunk has another fingerprint.",
        {"/2/system_fingerprint": "fp_other"},
        "CC618",
    ),
    _edit(
        "chunk-index-missing",
        "A choice in a chunk has no index.",
        {"/1/choices/0/index": GONE},
        "CC001",
        audited=("CC602",),
    ),
    _edit(
        "chunk-delta-missing",
        "A choice in a chunk has no delta.",
        {"/1/choices/0/delta": GONE},
        "CC001",
        audited=("CC602", "CC642", "CC643", "CC644", "CC801"),
    ),
    _edit(
        "chunk-delta-null",
        "The delta of a chunk is null.",
        {"/1/choices/0/delta": None},
        "CC001",
        audited=("CC602", "CC642", "CC643", "CC644", "CC801"),
    ),
    _edit(
        "chunk-choices-missing",
        "A chunk has no `choices`.",
        {"/1/choices": GONE},
        "CC001",
        audited=("CC602", "CC642", "CC643", "CC644", "CC801"),
    ),
    _edit(
        "chunk-choices-empty",
        "A chunk in the middle has no choices.",
        {"/1/choices": []},
        "CC610",
        audited=("CC602", "CC642", "CC643", "CC644", "CC801"),
    ),
    _edit(
        "chunk-finish-missing",
        "`finish_reason` is left out until the end.",
        {"/1/choices/0/finish_reason": GONE},
        "CC003",
    ),
    _edit(
        "chunk-finish-empty",
        "`finish_reason` is an empty text until the end.",
        {"/1/choices/0/finish_reason": ""},
        "CC001",
    ),
    _edit("chunk-role-missing", "No delta tells the role.", {"/0/choices/0/delta/role": GONE}, "CC602"),
    _edit(
        "chunk-role-late",
        "The role comes in the second delta.",
        {"/0/choices/0/delta/role": GONE, "/1/choices/0/delta/role": "assistant"},
        "CC603",
        audited=("CC602",),
    ),
    _edit("chunk-role-wrong", "The delta is the user's.", {"/0/choices/0/delta/role": "user"}, "CC605"),
    _edit(
        "chunk-role-null",
        "The role is null in later deltas.",
        {"/1/choices/0/delta/role": None},
        "CC002",
        audited=("CC602",),
    ),
    _edit("chunk-content-list", "A piece of the text is a list.", {"/1/choices/0/delta/content": ["a"]}, "CC001"),
    _edit(
        "chunk-message-instead",
        "A chunk has a message instead of a delta.",
        {"/1/choices/0/delta": GONE, "/1/choices/0/message": {"role": "assistant", "content": "a"}},
        "CC001",
        audited=("CC602", "CC642", "CC643", "CC644", "CC801"),
    ),
    _edit(
        "stream-error-goes-on",
        "Chunks follow an error in the stream.",
        {"/3": _FAILED},
        "CC631",
        "CC630",
        audited=("CC421", "CC804"),
    ),
    _edit(
        "chunk-logprobs-interrupted",
        "Some chunks lack their log probabilities.",
        {"/3/choices/0/logprobs": None},
        "CC611",
        request="logprobs-stream",
    ),
    _edit(
        "audio-expiry-early",
        "The expiry of the sound comes before the sound.",
        {"/1/choices/0/delta/audio/expires_at": 4000000000},
        "CC612",
        request="audio-stream",
    ),
)


def _with_choices(data: list[JSON]) -> Iterator[JSON]:
    return (chunk for chunk in data if isinstance(chunk, dict) and chunk.get("choices"))


def _end(data: list[JSON]) -> int:
    """The position of the first chunk with a finish reason."""
    return next(at for at, chunk in enumerate(data) if chunk["choices"][0]["finish_reason"])


@fault("CC615", stage=Stage.CHUNKS, request="stream")
def chunk_id_changes(data: JSON) -> None:
    """Every chunk has an id of its own."""
    for at, chunk in enumerate(_with_choices(data)):
        chunk["id"] += str(at)


@fault("CC604", stage=Stage.CHUNKS, request="stream")
def chunk_role_repeated(data: JSON) -> None:
    """Every delta tells the role."""
    for chunk in _with_choices(data):
        chunk["choices"][0]["delta"]["role"] = "assistant"


@fault("CC001", stage=Stage.CHUNKS, request="stream")
def chunk_finish_eos(data: JSON) -> None:
    """The stream ends with a finish reason of its own."""
    data[_end(data)]["choices"][0]["finish_reason"] = "eos_token"


@fault("CC606", stage=Stage.CHUNKS, request="stream")
def finish_never_told(data: JSON) -> None:
    """No chunk tells the finish reason."""
    del data[_end(data)]


@fault("CC606", stage=Stage.CHUNKS, request="n-stream")
def finish_of_last_choice_only(data: JSON) -> None:
    """Only one of several choices tells its finish reason."""
    del data[_end(data)]


@fault("CC607", stage=Stage.CHUNKS, request="stream")
def finish_told_twice(data: JSON) -> None:
    """A second chunk tells a finish reason."""
    data.insert(_end(data), data[_end(data)])


@fault("CC607", "CC608", stage=Stage.CHUNKS, request="stream")
def finish_on_every_chunk(data: JSON) -> None:
    """Every chunk says stop."""
    for chunk in _with_choices(data):
        chunk["choices"][0]["finish_reason"] = "stop"


@fault(
    "CC608",
    stage=Stage.CHUNKS,
    request="stream",
    audited=("CC421", "CC802"),
)
def content_after_finish(data: JSON) -> None:
    """More text comes after the finish reason."""
    data.insert(_end(data) + 1, data[2])


@fault("CC609", stage=Stage.CHUNKS, request="stream")
def finish_with_content(data: JSON) -> None:
    """The last text comes together with the finish reason."""
    last = data.pop(_end(data) - 1)
    data[_end(data)]["choices"][0]["delta"] = last["choices"][0]["delta"]


@fault("CC601", stage=Stage.CHUNKS, request="stream")
def done_missing(data: JSON) -> JSON:
    """The stream ends without [DONE]."""
    return data[:-1]


@fault("CC601", "CC606", stage=Stage.CHUNKS, request="plain-stream")
def stream_ends_early(data: JSON) -> JSON:
    """The stream ends in the middle, as if that were all."""
    return data[: len(data) // 2]


@fault("CC600", stage=Stage.CHUNKS, request="stream", audited=("CC198",))
def stream_empty(data: JSON) -> JSON:
    """The stream has no event."""
    return []


@fault(
    "CC321",
    stage=Stage.CHUNKS,
    request="stream",
    audited=("CC322", "CC323", "CC325", "CC412", "CC602"),
)
def stream_without_choices(data: JSON) -> JSON:
    """The stream has the usage and no choice."""
    return data[-2:]


@fault(
    "CC322",
    "CC602",
    "CC606",
    stage=Stage.CHUNKS,
    request="stream",
    audited=("CC325", "CC412", "CC641", "CC642", "CC643", "CC644", "CC801"),
)
def chunk_index_counts_tokens(data: JSON) -> None:
    """The index of the choice counts the tokens."""
    for at, chunk in enumerate(list(_with_choices(data))[:-1]):
        chunk["choices"][0]["index"] = at


@fault("CC630", stage=Stage.CHUNKS, request="plain-stream")
def error_ends_stream(data: JSON) -> JSON:
    """An error ends the stream in the middle."""
    return [*data[:5], _FAILED]


@fault("CC001", "CC630", stage=Stage.CHUNKS, request="plain-stream")
def error_in_stream_as_text(data: JSON) -> JSON:
    """An error in the stream is a text."""
    return [*data[:5], {"error": "overloaded"}]


@fault("CC001", "CC630", stage=Stage.CHUNKS, request="plain-stream")
def error_bare_in_stream(data: JSON) -> JSON:
    """An error in the stream lacks the member `error`."""
    return [*data[:5], {"error_type": "BadRequestError", "error_message": "The prompt is too long.", "choices": None}]


@fault("CC632", "CC630", stage=Stage.CHUNKS, request="plain-stream")
def refused_inside_stream(data: JSON) -> JSON:
    """The request is refused inside of a stream with status 200."""
    return [_REFUSED, "[DONE]"]


@fault("CC620", stage=Stage.CHUNKS, request="stream")
def stream_usage_missing(data: JSON) -> JSON:
    """No chunk has the usage that is asked for."""
    return [chunk for chunk in data if isinstance(chunk, str) or chunk.get("choices")]


@fault(
    "CC621",
    stage=Stage.CHUNKS,
    request="plain-stream",
    audited=("CC295", "CC622"),
)
def stream_usage_unasked(data: JSON) -> None:
    """The stream tells usage that nobody asked for."""
    usage = {"prompt_tokens": 12, "completion_tokens": 30, "total_tokens": 42}
    data.insert(-1, {**data[0], "choices": [], "usage": usage})


@fault("CC622", "CC623", stage=Stage.CHUNKS, request="stream")
def usage_on_every_chunk(data: JSON) -> None:
    """Every chunk has the usage."""
    for chunk in _with_choices(data):
        chunk["usage"] = data[-2]["usage"]


@fault("CC623", stage=Stage.CHUNKS, request="stream")
def usage_beside_choices(data: JSON) -> JSON:
    """The usage stands on the last chunk that has a choice."""
    data[-3]["usage"] = data[-2]["usage"]
    return [*data[:-2], data[-1]]


@fault("CC624", stage=Stage.CHUNKS, request="stream")
def usage_member_absent(data: JSON) -> None:
    """Chunks before the usage lack the member instead of holding null."""
    for chunk in _with_choices(data):
        del chunk["usage"]


@fault("CC625", stage=Stage.CHUNKS, request="stream", audited=("CC610",))
def chunk_after_usage(data: JSON) -> None:
    """A chunk without usage follows the one that has it."""
    data.insert(-1, {**data[0], "choices": []})


@fault("CC501", stage=Stage.CHUNKS, request="stream")
def stream_usage_wrong(data: JSON) -> None:
    """The usage at the end of the stream does not add up."""
    data[-2]["usage"] = {**data[-2]["usage"], "total_tokens": 5}


@fault("CC626", stage=Stage.CHUNKS, request="clear-stream")
def obfuscation_unwanted(data: JSON) -> None:
    """Chunks carry filler although the request turns it off."""
    for chunk in _with_choices(data):
        chunk["obfuscation"] = "Xy7Pq"
