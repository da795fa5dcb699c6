"""Choices (CC32, CC33): how many there are, what each holds, and how it says it ended."""

from collections.abc import Iterator

from chatcontract.completeness import is_complete
from chatcontract.declare import SpecView, rule
from chatcontract.examples import CALL, TOOL, Insert, response, stream
from chatcontract.model import JSON, Basis, Finding, Part, Severity
from chatcontract.reading import Reading
from chatcontract.redact import short
from chatcontract.tokens import is_whole
from chatcontract.toolcalls import demanded, has_call

_API = "https://developers.openai.com/api/reference/resources/chat/subresources/completions/methods/create"
_RESPONSE = "#/components/schemas/CreateChatCompletionResponse"
_CHOICE = f"{_RESPONSE}/properties/choices/items"
_MESSAGE = "#/components/schemas/ChatCompletionResponseMessage"
_FAULT = {"message": "upstream is gone", "code": 502}
_SECOND = {
    "index": 1,
    "message": {"role": "assistant", "content": "4", "refusal": None, "annotations": []},
    "logprobs": None,
    "finish_reason": "stop",
}
_CALLED = {"/choices/0/message/content": None, "/choices/0/message/tool_calls": [CALL]}
_OFFER = {"/tools": [TOOL]}
_NAMED = {**_OFFER, "/tool_choice": {"type": "function", "function": {"name": "get_weather"}}}
_REQUIRED = {**_OFFER, "/tool_choice": "required"}


@rule(
    "CC320",
    anchor=f"{_RESPONSE}/properties/choices",
    part=Part.RESPONSE,
    severity=Severity.ERROR,
    basis=Basis.INTEROP,
    source="https://github.com/nodetool-ai/nodetool/pull/5755",
    since="0.1",
    passes=[response(), response({"/error": None}), response({"/error": {}})],
    fails=[response({"/error": _FAULT}), response({"/choices/0/error": _FAULT}), response({"/error": False})],
    breaks=[
        ("nodetool and other readers of `choices`", "miss the error: no choices"),
        ("LiteLLM", "raises BadRequestError, also where it is false or an empty list"),
    ],
    needs=("errors",),
)
def error_beside_choices(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """An answer that counts as a success reports an error beside its choices, or in one of them.

    ## Why it matters
    Clients tell success by the status: they neither retry nor show the error.

    ## Known exceptions
    An error inside a stream that has begun has no other place; rules of streams judge it.
    """
    places = [("/error", reading.completion.get("error") if reading.kind == "response" else None)]
    places += [(f"/choices/{position}/error", choice.get("error")) for position, choice, _ in reading.choices]
    for pointer, error in places:
        if error or error in (False, []):
            yield Finding(pointer, f"expected a status of 400 or above for {short(error, 120)}", error)


@rule(
    "CC321",
    anchor=f"{_RESPONSE}/properties/choices",
    part=Part.RESPONSE,
    severity=Severity.ERROR,
    basis=Basis.OBSERVED,
    source=_API,
    since="0.1",
    needs=("hollow",),
    passes=[response(), stream()],
    fails=[response({"/choices": []})],
    breaks=[
        ("openai-python", "raises IndexError where `choices[0]` is read"),
        ("openai-node", "raises where `choices[0]` is read"),
        ("generated Python, TypeScript and Ruby", "raise where the first choice is read"),
        ("@ai-sdk/openai-compatible, @ai-sdk/openai", "raise"),
    ],
)
def choices_empty(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The answer is whole and has no choice.

    ## Why it matters
    Every measured client that checks nothing fails on the first choice.

    ## Known exceptions
    Single chunks of a stream may be without choices, the stream as a whole may not.
    """
    if reading.completion.get("choices") == [] and is_complete(reading):
        yield Finding("/choices", "expected at least one choice, got none", [])


@rule(
    "CC322",
    anchor="#/components/schemas/CreateChatCompletionRequest/properties/n",
    part=Part.RESPONSE,
    severity=Severity.ERROR,
    basis=Basis.DOCUMENTED,
    source=_API,
    since="0.1",
    needs=("asked",),
    passes=[
        response(request={}),
        response(request={"/n": None}),
        response({"/choices/-": _SECOND}),
        response({"/choices/-": _SECOND}, request={"/n": 2}),
        stream(request={"/n": 1}),
    ],
    fails=[response(request={"/n": 2}), response({"/choices/-": _SECOND}, request={}), stream(request={"/n": 3})],
    breaks=[("self-consistency pipelines", "vote over fewer answers than they asked for")],
)
def choice_count_mismatch(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """There are more or fewer choices than `n` asks for.

    ## Why it matters
    A server that ignores `n` looks like one that honours it; what samples several answers gets one.

    ## Known exceptions
    A stream that was cut is not judged. A server that cannot do several should refuse the request.
    """
    choices, n = reading.completion.get("choices"), reading.asked.get("n")
    if not reading.asked or not isinstance(choices, list) or not choices:
        return
    wanted = 1 if n is None else n
    if type(wanted) is int and 0 < wanted != len(choices) and is_complete(reading):
        text = f"expected {short(wanted)} choices, the n of the request, got {len(choices)}"
        yield Finding("/choices", text, len(choices))


@rule(
    "CC323",
    anchor=f"{_CHOICE}/properties/index",
    part=Part.RESPONSE,
    severity=Severity.ERROR,
    basis=Basis.DOCUMENTED,
    source="https://github.com/huggingface/text-generation-inference/pull/1648",
    since="0.1",
    passes=[response(), response({"/choices/-": _SECOND}), response({"/choices/0": Insert(_SECOND)})],
    fails=[response({"/choices/0/index": 1}), response({"/choices/-": {**_SECOND, "index": 0}})],
    breaks=[("clients keyed on the index", "merge choices, or show none")],
    needs=("disordered",),
)
def choice_index_not_contiguous(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The indices of the choices are not 0 to k-1, each once.

    ## Why it matters
    Clients file choices by index: one index twice merges two answers, a gap makes an empty one.

    ## Known exceptions
    None known.
    """
    indices = _indices(reading)
    wanted = f"each of 0 … {len(indices) - 1} once" if len(indices) > 1 else "0"
    seen: set[float] = set()
    for position, index in indices:
        if index in seen or index >= len(indices):
            text = f"expected {wanted}, got {short(index)}"
            yield Finding(f"/choices/{position}/index", f"{text} again" if index in seen else text, index)
        seen.add(index)


def _indices(reading: Reading) -> list[tuple[int, JSON]]:
    """Position and index of the choices; nothing where an index has another type."""
    found = [(position, choice.get("index")) for position, choice, _ in reading.choices]
    return found if all(is_whole(index) for _, index in found) else []


@rule(
    "CC324",
    anchor=f"{_CHOICE}/properties/index",
    part=Part.RESPONSE,
    severity=Severity.WARNING,
    basis=Basis.OBSERVED,
    source=_API,
    since="0.1",
    passes=[response(), response({"/choices/-": _SECOND})],
    fails=[response({"/choices/0": Insert(_SECOND)})],
    needs=("disordered",),
)
def choices_out_of_order(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The choices do not stand in the order of their indices.

    ## Why it matters
    Many clients read the first element instead of the one with index 0.

    ## Known exceptions
    Choices of a stream may come in any order.
    """
    indices = [index for _, index in _indices(reading)]
    if len(set(indices)) == len(indices) > 1 and indices != sorted(indices):
        yield Finding("/choices", f"expected the choices by rising index, got {short(indices, 60)}", indices)


@rule(
    "CC325",
    anchor="#/components/schemas/ChatCompletionFinishReason",
    part=Part.RESPONSE,
    severity=Severity.ERROR,
    basis=Basis.DOCUMENTED,
    source="https://github.com/vllm-project/vllm/issues/53255",
    since="0.1",
    needs=("hollow",),
    passes=[response(), response({**_CALLED, "/choices/0/finish_reason": "tool_calls"})],
    fails=[
        response({"/choices/0/finish_reason": "tool_calls"}),
        response({"/choices/0/finish_reason": "function_call"}),
    ],
    breaks=[("agents", "execute nothing and wait, or end without an answer")],
)
def finish_without_call(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """`finish_reason` says that something is called, but there is no call.

    ## Why it matters
    The call was lost on the way, or never made: an agent that goes by the reason runs an empty list.

    ## Known exceptions
    None known.
    """
    for position, choice, message in reading.choices:
        reason = choice.get("finish_reason")
        calls, call = message.get("tool_calls"), message.get("function_call")
        if (reason == "tool_calls" and not calls) or (reason == "function_call" and not call):
            message_text = f'finish_reason is "{reason}", but the message has no such call'
            yield Finding(f"/choices/{position}/finish_reason", message_text, reason)


_ENDS_OF_CALLS = ("tool_calls", "length", "content_filter", None)


@rule(
    "CC326",
    anchor="#/components/schemas/ChatCompletionFinishReason",
    part=Part.RESPONSE,
    severity=Severity.WARNING,
    basis=Basis.DOCUMENTED,
    source="https://github.com/vllm-project/vllm/pull/25054",
    since="0.1",
    needs=("calls",),
    passes=[
        response({**_CALLED, "/choices/0/finish_reason": "tool_calls"}, request=_OFFER),
        response({**_CALLED, "/choices/0/finish_reason": "length"}, request=_OFFER),
        response(_CALLED, request=_NAMED),
        response(_CALLED, request=_REQUIRED),
        response({**_CALLED, "/choices/0/finish_reason": "tool_calls"}, request=_NAMED),
    ],
    fails=[response(_CALLED, request=_OFFER), response(_CALLED)],
    breaks=[
        ("opencode", "ends the turn, the tools are never run"),
        ("generated Ruby, newest document", "raises"),
    ],
)
def tool_calls_with_other_finish(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The message calls tools of its own choice, but `finish_reason` says otherwise.

    ## Why it matters
    Agent loops that go by `finish_reason` take the turn for ended and drop the calls.

    ## Known exceptions
    `stop` is what the service itself says where `tool_choice` names the tool, and long said for `required`;
    `length` and `content_filter` tell that the calls were cut. Without the request `stop` is for information.
    """
    for position, choice, message in reading.choices:
        reason = choice.get("finish_reason")
        if not message.get("tool_calls") or reason in _ENDS_OF_CALLS:
            continue
        if not (reason == "stop" and demanded(reading).forced):
            pointer = f"/choices/{position}/finish_reason"
            text = f'expected "tool_calls" beside tool calls, got {short(reason, 60)}'
            known = reason != "stop" or reading.asked
            yield Finding(pointer, text, reason, severity=None if known else Severity.INFO)


@rule(
    "CC327",
    anchor="#/components/schemas/ChatCompletionFinishReason",
    part=Part.RESPONSE,
    severity=Severity.INFO,
    basis=Basis.INTEROP,
    source="https://github.com/vllm-project/vllm/pull/25054",
    since="0.1",
    needs=("asked", "calls"),
    passes=[
        response({**_CALLED, "/choices/0/finish_reason": "tool_calls"}, request=_NAMED),
        response({"/choices/0/finish_reason": "stop"}, request=_OFFER),
    ],
    fails=[response(_CALLED, request=_NAMED), response(_CALLED, request=_REQUIRED)],
    breaks=[("generated Ruby, newest document", "raises")],
)
def forced_call_with_stop(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """A call that `tool_choice` forced ends with `stop`: as the service does it, and still a trap.

    ## Why it matters
    Loops that wait for `tool_calls` never run the tool.

    ## Known exceptions
    The service itself does so for a named tool, except on newer models.
    """
    for position, choice, message in reading.choices:
        stopped = choice.get("finish_reason") == "stop" and message.get("tool_calls")
        if stopped and demanded(reading).forced:
            pointer = f"/choices/{position}/finish_reason"
            yield Finding(pointer, 'a forced call ends with "stop" instead of "tool_calls"', "stop")


@rule(
    "CC328",
    anchor=f"{_MESSAGE}/properties/tool_calls",
    part=Part.RESPONSE,
    severity=Severity.WARNING,
    basis=Basis.INTEROP,
    source="https://github.com/vllm-project/vllm/issues/44104",
    since="0.1",
    needs=("hollow",),
    passes=[response(), response({**_CALLED, "/choices/0/finish_reason": "tool_calls"})],
    fails=[response({"/choices/0/message/tool_calls": []})],
    breaks=[
        ("loops that test `tool_calls is not None`", "raise IndexError"),
        ("AutoGen", "takes it for a call"),
    ],
)
def tool_calls_empty_list(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """`tool_calls` is an empty list where it should be absent.

    ## Why it matters
    Clients ask whether the member is there, and then read the first call.

    ## Known exceptions
    None known.
    """
    for position, _, message in reading.choices:
        if message.get("tool_calls") == []:
            pointer = f"/choices/{position}/message/tool_calls"
            yield Finding(pointer, "expected calls or no member at all, got an empty list", [])


@rule(
    "CC329",
    anchor=f"{_MESSAGE}/properties/content",
    part=Part.RESPONSE,
    severity=Severity.WARNING,
    basis=Basis.DOCUMENTED,
    source=_API,
    since="0.1",
    needs=("hollow",),
    passes=[
        response({"/choices/0/message/content": ""}),
        response({"/choices/0/message/content": None, "/choices/0/message/refusal": "No."}),
        response({"/choices/0/message/content": None, "/choices/0/finish_reason": "content_filter"}),
        response({**_CALLED, "/choices/0/finish_reason": "tool_calls"}),
    ],
    fails=[response({"/choices/0/message/content": None})],
)
def message_empty(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The choice ended by itself, and its message has neither content, refusal, audio nor a call.

    ## Why it matters
    The tokens are paid for and nothing came; an agent loop has nothing to go on with.

    ## Known exceptions
    An empty text is an answer; with `length` or `content_filter` nothing may have been left to tell.
    """
    for position, choice, message in reading.choices:
        if choice.get("finish_reason") == "stop" and "message" in choice and _says_nothing(message):
            pointer = f"/choices/{position}/message"
            yield Finding(pointer, "expected content, a refusal, audio or a call, got none of them")


def _says_nothing(message: dict[str, JSON]) -> bool:
    said = any(message.get(name) is not None for name in ("content", "refusal", "audio"))
    return not said and not has_call(message)
