"""What the answer shows of the parameters of its request (CC34): stop sequences, length, sound, citations."""

from collections.abc import Iterator

from chatcontract.declare import SpecView, rule
from chatcontract.examples import CALL, TOOL, response, stream
from chatcontract.jsontext import ABSENT, parse
from chatcontract.model import JSON, Basis, Finding, Part, Severity
from chatcontract.patterns import pattern
from chatcontract.reading import Reading, items, members
from chatcontract.redact import short
from chatcontract.toolcalls import has_call, tool_calls

_API = "https://developers.openai.com/api/reference/resources/chat/subresources/completions/methods/create"
_REQUEST = "#/components/schemas/CreateChatCompletionRequest"
_MESSAGE = "#/components/schemas/ChatCompletionResponseMessage"
_FINISH = "#/components/schemas/ChatCompletionFinishReason"
_CUT = {"/choices/0/finish_reason": "length"}
_AUDIO = {"id": "audio_C0ffee", "expires_at": 1763703600, "data": "UklGRg==", "transcript": "Four."}
_SPOKEN = {"/choices/0/message/content": None, "/choices/0/message/audio": _AUDIO}
_CUT_CALL = {
    "/choices/0/message/content": None,
    "/choices/0/message/tool_calls": [{**CALL, "function": {"name": "get_weather", "arguments": '{"city": "Bo'}}],
    "/choices/0/finish_reason": "tool_calls",
}
_OLDER = {"/model": "gpt-4.1"}
_PLACE = "/choices/0/message/annotations"
_END = pattern("(?<==)(?=[^=])")
"""Where a piece of base64 that is padded ends, and another one begins."""
_ASKED_AUDIO = {"/modalities": ["text", "audio"], "/audio": {"voice": "alloy", "format": "wav"}}


@rule(
    "CC341",
    anchor=f"{_REQUEST}/properties/stop",
    part=Part.RESPONSE,
    severity=Severity.WARNING,
    basis=Basis.DOCUMENTED,
    source="https://github.com/Blaizzy/mlx-vlm/issues/1044",
    since="0.1",
    needs=("/stop",),
    passes=[
        response(request={**_OLDER, "/stop": "\n"}),
        response(request={**_OLDER, "/stop": ""}),
        response(request={**_OLDER, "/stop": []}),
    ],
    fails=[
        response(request={**_OLDER, "/stop": "ou"}),
        response(request={**_OLDER, "/stop": ["zzz", "Four."]}),
    ],
)
def stop_sequence_in_content(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The content contains a stop sequence of the request.

    ## Why it matters
    The sequence was ignored, or left in the text: control tokens leak and output goes on past its end.

    ## Known exceptions
    None known.
    """
    stop = reading.asked.get("stop")
    if not stop:
        return
    stops = [stop] if isinstance(stop, str) else [text for text in items(stop)[:16] if isinstance(text, str) and text]
    for position, _, message in reading.choices:
        content = message.get("content")
        if not isinstance(content, str):
            continue
        for text in stops:
            if (at := content.find(text)) >= 0:
                message_text = f"expected the text to end before {short(text, 60)}, got it at character {at}"
                yield Finding(f"/choices/{position}/message/content", message_text, content)


@rule(
    "CC342",
    anchor=_FINISH,
    part=Part.RESPONSE,
    severity=Severity.INFO,
    basis=Basis.DOCUMENTED,
    source=_API,
    since="0.1",
    needs=("limited",),
    passes=[
        response(_CUT, request={"/max_completion_tokens": 3}),
        response(_CUT, request={}),
        response({**_CUT, "/usage": None}, request={**_OLDER, "/max_tokens": 9}),
    ],
    fails=[response(_CUT, request={"/max_completion_tokens": 100})],
)
def length_below_limit(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The answer was cut for its length although it is shorter than the request allows.

    ## Why it matters
    A limit of the server is in force that the caller did not set, or the counts are wrong.

    ## Known exceptions
    The context of the model was full.
    """
    for position, reason, tokens, limit in _single(reading):
        if reason == "length" and tokens < limit:
            text = f"cut at {short(tokens)} tokens, but the request allows {short(limit)}"
            yield Finding(f"/choices/{position}/finish_reason", text, reason)


@rule(
    "CC343",
    anchor=_FINISH,
    part=Part.RESPONSE,
    severity=Severity.INFO,
    basis=Basis.OBSERVED,
    source=_API,
    since="0.1",
    needs=("limited",),
    passes=[
        response(_CUT, request={**_OLDER, "/max_tokens": 3}),
        response(request={**_OLDER, "/max_tokens": 4}),
    ],
    fails=[
        response(request={**_OLDER, "/max_tokens": 3}),
        response(_CUT_CALL, request={**_OLDER, "/max_tokens": 3, "/tools": [TOOL]}),
    ],
)
def limit_reached_without_length(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The answer used every token that the request allows, and is not said to be cut.

    ## Why it matters
    A cut answer that claims to be whole is stored and shown as one; a cut call is made, or asked for again.

    ## Known exceptions
    An answer may happen to end just there; not so calls whose arguments are no JSON, hence a warning.
    """
    for position, reason, tokens, limit in _single(reading):
        is_cut_call = reason == "tool_calls" and tokens == limit and _ends_inside_call(reading)
        if (reason == "stop" and tokens == limit) or is_cut_call:
            text = f'expected "length" where all {short(tokens)} tokens were used, got {short(reason)}'
            severity = Severity.WARNING if is_cut_call else None
            yield Finding(f"/choices/{position}/finish_reason", text, reason, severity=severity)


def _ends_inside_call(reading: Reading) -> bool:
    calls = tool_calls(reading)
    text = calls[-1].text if calls and calls[-1].kind == "function" else None
    return isinstance(text, str) and parse(text.encode("utf-8", "surrogatepass"))[0] is ABSENT


def _single(reading: Reading) -> Iterator[tuple[int, JSON, int, int]]:
    """Position, finish reason, tokens and limit of an answer with one choice whose request has a limit."""
    asked = reading.asked
    limit = asked.get("max_completion_tokens") or asked.get("max_tokens")
    if type(limit) is int and len(reading.choices) == 1:
        tokens = members(reading.completion.get("usage")).get("completion_tokens")
        if type(tokens) is int:
            position, choice, _ = reading.choices[0]
            yield position, choice.get("finish_reason"), tokens, limit


@rule(
    "CC344",
    anchor=f"{_MESSAGE}/properties/audio",
    part=Part.RESPONSE,
    severity=Severity.WARNING,
    basis=Basis.DOCUMENTED,
    source="https://developers.openai.com/api/docs/guides/audio",
    since="0.1",
    needs=("asked", "audio"),
    passes=[response(_SPOKEN), response(_SPOKEN, request=_ASKED_AUDIO)],
    fails=[response(_SPOKEN, request={}), response(_SPOKEN, request={"/modalities": ["text"]})],
)
def audio_not_asked_for(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The message is spoken although the request wants text.

    ## Why it matters
    Sound costs many times what text does, and the client looks for a text.

    ## Known exceptions
    None known.
    """
    if not reading.asked or "audio" in items(reading.asked.get("modalities")):
        return
    for position, _, message in reading.choices:
        if isinstance(message.get("audio"), dict):
            text = "expected text alone, since the modalities of the request have no audio"
            yield Finding(f"/choices/{position}/message/audio", text, message["audio"].get("id"))


@rule(
    "CC345",
    anchor=f"{_REQUEST}/properties/modalities",
    part=Part.RESPONSE,
    severity=Severity.WARNING,
    basis=Basis.DOCUMENTED,
    source="https://developers.openai.com/api/docs/guides/audio",
    since="0.1",
    needs=("/modalities",),
    passes=[
        response(_SPOKEN, request=_ASKED_AUDIO),
        response(_CUT, request=_ASKED_AUDIO),
        response({"/choices/0/message/content": None, "/choices/0/message/refusal": "No."}, request=_ASKED_AUDIO),
    ],
    fails=[response(request=_ASKED_AUDIO)],
)
def audio_missing(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The request asks for sound, and a whole answer has none.

    ## Why it matters
    The server ignores `modalities`, and the caller has nothing to play.

    ## Known exceptions
    Refusals and tool calls come as text.
    """
    if "audio" not in items(reading.asked.get("modalities")):
        return
    for position, choice, message in reading.choices:
        spoken = members(message.get("audio")).get("data") or message.get("refusal") or has_call(message)
        if choice.get("finish_reason") == "stop" and not spoken:
            text = "expected audio, which the modalities of the request ask for, got none"
            yield Finding(f"/choices/{position}/message", text)


@rule(
    "CC346",
    anchor=f"{_MESSAGE}/properties/audio/properties/data",
    part=Part.RESPONSE,
    severity=Severity.WARNING,
    basis=Basis.DOCUMENTED,
    source="https://developers.openai.com/api/docs/guides/audio",
    since="0.1",
    needs=("audio",),
    passes=[
        response(_SPOKEN),
        stream({"/1/choices/0/delta": {"audio": _AUDIO}, "/2/choices/0/delta": {"audio": {"data": "AAE="}}}),
    ],
    fails=[
        response({**_SPOKEN, "/choices/0/message/audio/data": "data:audio/wav;base64,UklGRg=="}),
        response({**_SPOKEN, "/choices/0/message/audio/data": "UklGR"}),
    ],
)
def audio_not_base64(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The data of the spoken answer is not base64.

    ## Why it matters
    Decoders raise, or skip what they do not know and give noise.

    ## Known exceptions
    The pieces of a stream may each be padded: clients decode them one by one.
    """
    for position, _, message in reading.choices:
        data = members(message.get("audio")).get("data")
        if isinstance(data, str) and not _is_base64(data, reading.kind == "stream"):
            text = f"expected base64, got {len(data)} characters that begin with {short(data[:20])}"
            yield Finding(f"/choices/{position}/message/audio/data", text, data[:40])


def _is_base64(data: str, in_pieces: bool) -> bool:
    """Whether it is base64, or pieces of it one behind the other."""
    from binascii import Error, a2b_base64

    try:
        for piece in _END.split(data) if in_pieces and "=" in data.rstrip("=") else [data]:
            a2b_base64(piece, strict_mode=True)
    except (Error, ValueError):
        return not data
    return True


@rule(
    "CC347",
    anchor=f"{_MESSAGE}/properties/audio/properties/expires_at",
    part=Part.RESPONSE,
    severity=Severity.WARNING,
    basis=Basis.DOCUMENTED,
    source="https://developers.openai.com/api/docs/guides/audio",
    since="0.1",
    needs=("audio",),
    passes=[response(_SPOKEN)],
    fails=[response({**_SPOKEN, "/choices/0/message/audio/expires_at": 1763700000})],
)
def audio_expired_at_birth(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The id of the spoken answer expires before or when the answer is made.

    ## Why it matters
    The id is there to continue the conversation with; it is of no use from the start.

    ## Known exceptions
    None known.
    """
    created = reading.completion.get("created")
    for position, _, message in reading.choices:
        expires = members(message.get("audio")).get("expires_at")
        if type(expires) is int and type(created) is int and expires <= created:
            text = f"expected a time after created ({short(created)}), got {short(expires)}"
            yield Finding(f"/choices/{position}/message/audio/expires_at", text, expires)


def _cited(start: int, end: int) -> dict[str, JSON]:
    citation = {"start_index": start, "end_index": end, "url": "https://example.org", "title": "Sums"}
    return {_PLACE: [{"type": "url_citation", "url_citation": citation}]}


@rule(
    "CC348",
    anchor=f"{_MESSAGE}/properties/annotations",
    part=Part.RESPONSE,
    severity=Severity.WARNING,
    basis=Basis.DOCUMENTED,
    source="https://developers.openai.com/api/docs/guides/tools-web-search",
    since="0.1",
    passes=[response(), response(_cited(0, 5)), response(_cited(0, 0))],
    fails=[response(_cited(2, 60)), response(_cited(4, 2)), response(_cited(-1, 2))],
    needs=("annotations",),
)
def citation_out_of_bounds(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The range of a citation does not lie in the content.

    ## Why it matters
    Clients cut the text at these places to show the link.

    ## Known exceptions
    Servers count characters, UTF-16 units or bytes; a range that fits one of them passes. Zero for both
    stands for a citation of the whole.
    """
    for position, _, message in reading.choices:
        annotations = message.get("annotations")
        if not annotations or not isinstance(annotations, list):
            continue
        content = message.get("content")
        longest = len(content.encode(errors="replace")) if isinstance(content, str) else 0
        for number, annotation in enumerate(annotations):
            citation = members(members(annotation).get("url_citation"))
            start, end = citation.get("start_index"), citation.get("end_index")
            if type(start) is int and type(end) is int and not 0 <= start <= end <= longest:
                pointer = f"/choices/{position}/message/annotations/{number}/url_citation"
                text = f"expected a range inside 0 … {longest}, got {short(start)} … {short(end)}"
                yield Finding(pointer, text, citation)
