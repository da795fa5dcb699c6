"""What is unusual and legal: no rule may take it for a fault."""

from chatcontract.model import JSON
from chatcontract.server.answers import Answer
from chatcontract.server.faults import Stage, edit, fault

FAULTS = (
    edit(
        "legal-vendor-members",
        "Members of the vendor's own, at every level.",
        {
            "/provider": "acme",
            "/usage/cost": 0.01,
            "/choices/0/native_finish_reason": "end_turn",
            "/choices/0/message/reasoning_details": [],
        },
    ),
    edit("legal-tier-null", "`service_tier` is null.", {"/service_tier": None}),
    edit("legal-fingerprint-null", "`system_fingerprint` is null.", {"/system_fingerprint": None}),
    edit(
        "legal-id-without-prefix",
        "`id` has a form of its own.",
        {"/id": "02175c0e-5b1b-4d2c-9a1f-6f3a0c1d2e3f"},
    ),
)


@fault(stage=Stage.FRAMES, request="stream")
def legal_comments(frames: JSON) -> JSON:
    """Comments stand between the events."""
    return [piece for frame in frames for piece in (b": keep-alive\n\n", frame)]


@fault(stage=Stage.FRAMES, request="stream")
def legal_crlf(frames: JSON) -> JSON:
    """Lines end in CR LF."""
    return [frame.replace(b"\n", b"\r\n") for frame in frames]


@fault(stage=Stage.FRAMES, request="stream")
def legal_no_blank_after_colon(frames: JSON) -> JSON:
    """`data:` is not followed by a blank."""
    return [frame.replace(b"data: ", b"data:", 1) for frame in frames]


@fault(stage=Stage.FRAMES, request="stream")
def legal_event_names(frames: JSON) -> JSON:
    """Events have a name and an id."""
    return [b"event: message\nid: %d\n%s" % (at, frame) for at, frame in enumerate(frames)]


@fault(stage=Stage.FRAMES, request="stream")
def legal_bytes_split(frames: JSON) -> JSON:
    """Events are sent in pieces that end anywhere, inside of characters too."""
    whole = b"".join(frames)
    return [whole[at : at + 37] for at in range(0, len(whole), 37)]


@fault(stage=Stage.CHUNKS, request="stream")
def legal_filter_first(data: JSON) -> None:
    """A chunk with the filter results of the prompt, and nothing else, comes first."""
    filtered = [{"prompt_index": 0, "content_filter_results": {}}]
    data.insert(
        0, {"id": "", "object": "", "created": 0, "model": "", "choices": [], "prompt_filter_results": filtered}
    )


@fault(stage=Stage.CHUNKS, request="stream")
def legal_single_chunk(data: JSON) -> JSON:
    """One chunk has the whole text."""
    deltas = [choice["delta"] for piece in data for choice in piece.get("choices", ()) if isinstance(piece, dict)]
    if any(delta.keys() - {"role", "content", "refusal"} for delta in deltas) or len(deltas) > len(data):
        return data
    texts = [piece["choices"][0]["delta"].get("content") or "" for piece in data[:-3]]
    data[1]["choices"][0]["delta"] = {"content": "".join(texts)}
    return [*data[:2], *data[-3:]]


@fault(stage=Stage.CHUNKS, request="stream")
def legal_first_content_null(data: JSON) -> None:
    """The first delta has null for its content."""
    data[0]["choices"][0]["delta"]["content"] = None


@fault(stage=Stage.ANSWER)
def legal_charset(answer: Answer) -> JSON:
    """The media type has a parameter."""
    return answer.with_header("content-type", f"{answer.header('content-type').partition(';')[0]}; charset=UTF-8")
