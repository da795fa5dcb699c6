"""Tool calls (CC40): ids, names and kinds."""

import re
from collections.abc import Iterator, Mapping

from chatcontract.declare import SpecView, rule
from chatcontract.examples import CALL, TOOL, Changes, response
from chatcontract.model import JSON, Basis, Finding, Part, Severity
from chatcontract.reading import Reading, items, members
from chatcontract.redact import short
from chatcontract.toolcalls import all_calls, offered, tool_calls

_GUIDE = "https://developers.openai.com/api/docs/guides/function-calling"
_CALL = "#/components/schemas/ChatCompletionMessageToolCall"
_NAME = f"{_CALL}/properties/function/properties/name"
_WEATHER = {"name": "get_weather", "arguments": '{"city": "Bonn"}'}
_CUSTOM = {"id": "call_C0ffee2", "type": "custom", "custom": {"name": "run", "input": "2+2"}}
_CUSTOM_TOOL = {"type": "custom", "custom": {"name": "run"}}
_OFFER = {"/tools": [TOOL]}
_HISTORY = {
    **_OFFER,
    "/messages": [
        {"role": "user", "content": "And in Bonn?"},
        {"role": "assistant", "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": CALL["id"], "content": "rain"},
    ],
}
_LONGEST_ID = 40
_USABLE = re.compile(r"[a-zA-Z0-9_-]{1,64}")


def _called(*calls: Mapping[str, JSON]) -> Changes:
    return {
        "/choices/0/message/content": None,
        "/choices/0/message/tool_calls": list(calls),
        "/choices/0/finish_reason": "tool_calls",
    }


def _call(**changes: JSON) -> dict[str, JSON]:
    return {**CALL, **changes}


@rule(
    "CC401",
    anchor=f"{_CALL}/properties/id",
    part=Part.RESPONSE,
    severity=Severity.ERROR,
    basis=Basis.INTEROP,
    source="https://github.com/huggingface/smolagents/issues/2683",
    since="0.1",
    needs=("calls",),
    passes=[response(_called(CALL)), response(_called(_call(id="1")))],
    fails=[response(_called(_call(id=""))), response(_called(CALL, _call(id=" ")))],
    breaks=[
        ("smolagents", "silently overwrites one call with the next"),
        ("ai-sdk", "fails its type validation"),
    ],
)
def tool_call_id_empty(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """A tool call has an empty id.

    ## Why it matters
    The result is sent back under this id: it cannot be matched to its call.

    ## Known exceptions
    None known.
    """
    for call in tool_calls(reading):
        if isinstance(call.id, str) and not call.id.strip():
            yield Finding(f"{call.pointer}/id", f"expected an id of its own, got {short(call.id)}", call.id)


@rule(
    "CC402",
    anchor=f"{_CALL}/properties/id",
    part=Part.RESPONSE,
    severity=Severity.ERROR,
    basis=Basis.INTEROP,
    source="https://github.com/huggingface/smolagents/issues/2683",
    since="0.1",
    needs=("calls",),
    passes=[
        response(_called(CALL, _call(id="call_2"))),
        response(_called(_call(id="a"), _call(id="b"), _call(id="c"))),
    ],
    fails=[response(_called(CALL, CALL))],
    breaks=[
        ("smolagents", "silently overwrites one call with the other"),
        ("deepagents", "raises"),
        ("pi", "the session is stuck: every next request is refused with 400"),
    ],
)
def tool_call_id_duplicate(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """Two tool calls of one message have the same id.

    ## Why it matters
    Results are matched by id: one call is answered twice, the other never.

    ## Known exceptions
    Calls of different choices may share an id: only one choice goes on.
    """
    seen: set[tuple[str, str]] = set()
    for call in tool_calls(reading):
        key = (call.pointer.rpartition("/")[0], call.id) if isinstance(call.id, str) else None
        if key is None or not key[1].strip():
            continue
        if key in seen:
            text = f"expected an id of its own, got {short(call.id, 60)} again"
            yield Finding(f"{call.pointer}/id", text, call.id)
        seen.add(key)


@rule(
    "CC403",
    anchor=f"{_CALL}/properties/id",
    part=Part.RESPONSE,
    severity=Severity.WARNING,
    basis=Basis.INTEROP,
    source="https://github.com/earendil-works/pi/issues/4854",
    since="0.1",
    needs=("asked", "calls"),
    passes=[response(_called(CALL), request=_OFFER)],
    fails=[response(_called(CALL), request=_HISTORY)],
)
def new_call_with_old_id(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """A tool call has the id of an earlier call of the same conversation.

    ## Why it matters
    Stores and views of conversations key on the id: the new result replaces the old one.

    ## Known exceptions
    The service matches results to the calls just before them, so it takes such a conversation.
    """
    calls = [call for call in tool_calls(reading) if isinstance(call.id, str) and call.id.strip()]
    if not calls:
        return
    earlier = set(_earlier_ids(reading))
    for call in calls:
        if call.id in earlier:
            text = f"expected an id that is new in the conversation, got {short(call.id, 60)}"
            yield Finding(f"{call.pointer}/id", text, call.id)


def _earlier_ids(reading: Reading) -> Iterator[str]:
    for _, message in reading.messages:
        for call in items(message.get("tool_calls")) if "tool_calls" in message else ():
            ident = members(call).get("id")
            if isinstance(ident, str):
                yield ident


@rule(
    "CC404",
    anchor=f"{_CALL}/properties/id",
    part=Part.RESPONSE,
    severity=Severity.INFO,
    basis=Basis.INTEROP,
    source="https://github.com/anomalyco/opencode/issues/1680",
    since="0.1",
    needs=("calls",),
    passes=[response(_called(_call(id="c" * 40)))],
    fails=[response(_called(_call(id="c" * 41)))],
)
def long_call_id(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The id of a tool call has more than 40 characters.

    ## Why it matters
    Conversations move between providers, and some refuse ids of another length with the next request.

    ## Known exceptions
    Legal: the contract does not bound the id.
    """
    for call in tool_calls(reading):
        if isinstance(call.id, str) and len(call.id) > _LONGEST_ID:
            text = f"expected at most {_LONGEST_ID} characters, which all providers take, got {len(call.id)}"
            yield Finding(f"{call.pointer}/id", text, call.id)


@rule(
    "CC405",
    anchor=_NAME,
    part=Part.RESPONSE,
    severity=Severity.WARNING,
    basis=Basis.DOCUMENTED,
    source=_GUIDE,
    since="0.1",
    needs=("asked", "calls"),
    passes=[
        response(_called(CALL), request=_OFFER),
        response(_called(CALL)),
        response(_called(_CUSTOM), request={"/tools": [_CUSTOM_TOOL]}),
    ],
    fails=[
        response(_called(CALL), request={}),
        response(_called(CALL), request={"/tools": [_CUSTOM_TOOL]}),
        response(_called(_call(function={"name": "run", "arguments": "{}"})), request={"/tools": [_CUSTOM_TOOL]}),
    ],
)
def tool_not_offered(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """A tool is called that the request does not offer, or offers as another kind.

    ## Why it matters
    The client has nothing to run; some run whatever has the name.

    ## Known exceptions
    Models invent names now and then, those of the service too. Tools that a server brings itself.
    """
    if not reading.asked:
        return
    by_name = offered(reading)
    for call in all_calls(reading):
        if isinstance(call.name, str):
            offer = by_name.get(call.name)
            kind = "custom" if call.kind == "custom" else "function"
            if offer is None:
                wanted = (
                    f"expected one of {short(list(by_name), 120)}"
                    if by_name
                    else "expected no call, as none is offered"
                )
                text = f"{wanted}, got {short(call.name, 80)}"
                yield Finding(f"{call.body}/name", text, call.name)
            elif offer.kind != kind:
                text = f"{short(call.name, 80)} is called as a {kind} and offered as a {offer.kind} tool"
                yield Finding(call.pointer, text, call.name)


@rule(
    "CC406",
    anchor=_NAME,
    part=Part.RESPONSE,
    severity=Severity.WARNING,
    basis=Basis.INTEROP,
    source="https://github.com/mcp-use/mcp-use/issues/90",
    since="0.1",
    needs=("calls",),
    passes=[response(_called(CALL)), response(_called(_call(function={**_WEATHER, "name": "a-B_9"})))],
    fails=[
        response(_called(_call(function={**_WEATHER, "name": "get_weather<|channel|>json"}))),
        response(_called(_call(function={**_WEATHER, "name": ""}))),
    ],
    breaks=[("codex", "every further request is refused"), ("xagent", "takes the turn for ended")],
)
def tool_name_unusable(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """A function is called by a name that no request may have; an error where the name is empty.

    ## Why it matters
    The call is sent back with the next request, which is refused for the name. A call of nothing cannot be run
    either: agents answer it with a fault, and the conversation never gets out of it.

    ## Known exceptions
    None known.
    """
    for call in all_calls(reading):
        if isinstance(call.name, str) and call.kind != "custom" and not _USABLE.fullmatch(call.name):
            text = f"expected 1 to 64 letters, digits, underscores or dashes, got {short(call.name, 100)}"
            severity = None if call.name else Severity.ERROR
            yield Finding(f"{call.body}/name", text, call.name, severity=severity)


@rule(
    "CC407",
    anchor="#/components/schemas/ChatCompletionMessageCustomToolCall",
    part=Part.RESPONSE,
    severity=Severity.INFO,
    basis=Basis.INTEROP,
    source=_GUIDE,
    since="0.1",
    needs=("calls",),
    passes=[response(_called(CALL))],
    fails=[response(_called(_CUSTOM)), response(_called(_CUSTOM), request={"/tools": [_CUSTOM_TOOL]})],
    breaks=[
        ("@ai-sdk/openai-compatible", "raises"),
        ("@ai-sdk/openai", "raises"),
        ("generated Python and Ruby, older document", "raise"),
        ("generated Ruby, newest document", "raises"),
    ],
)
def custom_tool_called(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """A custom tool is called: legal, and unknown to many clients.

    ## Why it matters
    Clients made before custom tools, and those that check with zod, refuse the whole answer.

    ## Known exceptions
    Legal.
    """
    for call in tool_calls(reading):
        if call.kind == "custom":
            text = "custom tool calls break clients that know function calls alone"
            yield Finding(call.pointer, text, call.name)


@rule(
    "CC408",
    anchor="#/components/schemas/ChatCompletionResponseMessage/properties/function_call",
    part=Part.RESPONSE,
    severity=Severity.ERROR,
    basis=Basis.DOCUMENTED,
    source=_GUIDE,
    since="0.1",
    needs=("asked", "calls"),
    passes=[
        response({"/choices/0/message/function_call": _WEATHER, "/choices/0/finish_reason": "function_call"}),
        response(
            {"/choices/0/message/function_call": _WEATHER, "/choices/0/finish_reason": "function_call"},
            request={"/functions": [TOOL["function"]]},
        ),
    ],
    fails=[
        response(
            {"/choices/0/message/function_call": _WEATHER, "/choices/0/finish_reason": "function_call"},
            request=_OFFER,
        ),
        response(_called(CALL), request={"/functions": [TOOL["function"]]}),
    ],
)
def call_in_other_generation(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The call comes as `function_call` where `tools` were offered, or as a tool call where `functions` were.

    ## Why it matters
    A client reads the member that belongs to what it sent: the call is lost.

    ## Known exceptions
    A message that has the call in both members.
    """
    tools, functions = bool(reading.asked.get("tools")), bool(reading.asked.get("functions"))
    if tools == functions:
        return
    met, wanted = ("function_call", "tool_calls") if tools else ("tool_calls", "function_call")
    for position, _, message in reading.choices:
        if message.get(met) and not message.get(wanted):
            sent = "tools" if tools else "functions"
            text = f'expected "{wanted}", since the request has "{sent}", got "{met}"'
            yield Finding(f"/choices/{position}/message/{met}", text, message[met])
