"""Request (CC240 to CC249, CC264): the offered tools, and what is said about using them."""

from collections.abc import Iterator

from chatcontract import asked as asks
from chatcontract.declare import SpecView, rule
from chatcontract.examples import CALL, TOOL, Insert, request
from chatcontract.model import JSON, Basis, Finding, Part, Severity
from chatcontract.reading import Reading, members
from chatcontract.redact import short

_API = "https://developers.openai.com/api/reference/resources/chat/subresources/completions/methods/create"
_GUIDE = "https://developers.openai.com/api/docs/guides/function-calling"
_CHOICE = "#/components/schemas/ChatCompletion"
_OF = "#/components/schemas/CreateChatCompletionRequest/properties/"
_CUSTOM = {"type": "custom", "custom": {"name": "run"}}
_FUNCTION = {"name": "get_weather"}
_NAMED = {"type": "function", "function": _FUNCTION}
_CALLED = {
    "/messages/-": {"role": "assistant", "tool_calls": [CALL]},
    "/messages/2": Insert({"role": "tool", "tool_call_id": CALL["id"], "content": "rain"}),
}
_STRICT = {"type": "function", "function": {**TOOL["function"], "strict": True}}


def _allowed(*tools: JSON) -> JSON:
    return {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": list(tools)}}


@rule(
    "CC240",
    anchor=_OF + "tools",
    part=Part.REQUEST,
    severity=Severity.INFO,
    basis=Basis.INTEROP,
    source="https://github.com/vllm-project/vllm/issues/39741",
    since="0.1",
    passes=[request({"/tools": [TOOL]}), request({"/tools": None})],
    fails=[request({"/tools": []})],
    needs=("/tools",),
)
def tools_empty(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """`tools` is an empty list.

    ## Why it matters
    Servers disagree: some refuse it, some don't, and some have changed their mind.

    ## Known exceptions
    Several clients always send it.
    """
    if reading.asked.get("tools") == []:
        yield Finding("/tools", "is an empty list, which some servers refuse", [], hint="leave it out")


@rule(
    "CC241",
    anchor=_OF + "tool_choice",
    part=Part.REQUEST,
    severity=Severity.ERROR,
    basis=Basis.DOCUMENTED,
    source="https://github.com/writer/writer-framework/pull/1013",
    since="0.1",
    passes=[request({"/tool_choice": "auto", "/tools": [TOOL]}), request({"/tool_choice": None})],
    fails=[request({"/tool_choice": "auto"}), request({"/tool_choice": "none", "/tools": None})],
    compatible=Severity.WARNING,
    needs=("/tool_choice",),
)
def tool_choice_without_tools(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """`tool_choice` is given without `tools`.

    ## Why it matters
    The service refuses it, whatever the choice.

    ## Known exceptions
    For an empty list of tools see `tools-empty`.
    """
    asked = reading.asked
    if isinstance(asked.get("tool_choice"), str | dict) and asked.get("tools") is None:
        yield Finding("/tool_choice", "is given, but there are no tools", asked["tool_choice"], hint="leave it out")


@rule(
    "CC242",
    anchor=_OF + "parallel_tool_calls",
    part=Part.REQUEST,
    severity=Severity.ERROR,
    basis=Basis.OBSERVED,
    source="https://github.com/openai/swarm/issues/30",
    since="0.1",
    passes=[request({"/parallel_tool_calls": False, "/tools": [TOOL]})],
    fails=[request({"/parallel_tool_calls": False}), request({"/parallel_tool_calls": True})],
    compatible=Severity.WARNING,
    needs=("/parallel_tool_calls",),
)
def parallel_calls_without_tools(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """`parallel_tool_calls` is given without `tools`.

    ## Why it matters
    The service refuses it, whatever the value.

    ## Known exceptions
    For an empty list of tools see `tools-empty`.
    """
    asked = reading.asked
    if isinstance(asked.get("parallel_tool_calls"), bool) and asked.get("tools") is None:
        yield Finding("/parallel_tool_calls", "is given, but there are no tools", hint="leave it out")


@rule(
    "CC243",
    anchor=_CHOICE + "NamedToolChoice",
    part=Part.REQUEST,
    severity=Severity.ERROR,
    basis=Basis.DOCUMENTED,
    source=_GUIDE,
    since="0.1",
    passes=[
        request({"/tools": [TOOL], "/tool_choice": _NAMED}),
        request({"/tools": [_CUSTOM], "/tool_choice": _CUSTOM}),
        request({"/tools": [TOOL], "/tool_choice": "required"}),
    ],
    fails=[
        request({"/tools": [TOOL], "/tool_choice": {"type": "function", "function": {"name": "other"}}}),
        request({"/tools": [_CUSTOM], "/tool_choice": {"type": "function", "function": {"name": "run"}}}),
    ],
    compatible=Severity.WARNING,
    needs=("/tools", "/tool_choice"),
)
def tool_choice_undeclared(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The tool that must be called is not among the tools.

    ## Why it matters
    The service refuses it; servers that accept it make the model call something it knows nothing of.

    ## Known exceptions
    None known.
    """
    if (choice := members(reading.asked.get("tool_choice"))) and reading.asked.get("tools") is not None:
        yield from _undeclared(reading, choice, "/tool_choice")


def _undeclared(reading: Reading, named: dict[str, JSON], at: str) -> Iterator[Finding]:
    kind = named.get("type")
    if kind not in ("function", "custom"):
        return
    name = members(named.get(kind)).get("name")
    offered = {
        tool.body.get("name") for tool in reading.in_request(asks.tools) if tool.kind == kind and _is_named(tool)
    }
    if isinstance(name, str) and name not in offered:
        yield Finding(f"{at}/{kind}/name", f"no {kind} of the tools is called {short(name, 80)}", name)


def _is_named(tool: asks.Tool) -> bool:
    return isinstance(tool.body.get("name"), str)


@rule(
    "CC244",
    anchor=_CHOICE + "AllowedTools",
    part=Part.REQUEST,
    severity=Severity.WARNING,
    basis=Basis.DOCUMENTED,
    source=_GUIDE,
    since="0.1",
    passes=[request({"/tools": [TOOL, _CUSTOM], "/tool_choice": _allowed(_NAMED, _CUSTOM)})],
    fails=[
        request({"/tools": [TOOL], "/tool_choice": _allowed(_NAMED, _CUSTOM)}),
        request({"/tools": [TOOL], "/tool_choice": _allowed()}),
        request({"/tools": [TOOL], "/tool_choice": _allowed({"type": "function", "name": "get_weather"})}),
    ],
    needs=("/tools", "/tool_choice"),
)
def allowed_tools_undeclared(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """An allowed tool is not among the tools, an entry names none, or none is allowed.

    ## Why it matters
    The service refuses it.

    ## Known exceptions
    None known.
    """
    choice = members(reading.asked.get("tool_choice"))
    if choice.get("type") != "allowed_tools" or reading.asked.get("tools") is None:
        return
    listed = members(choice.get("allowed_tools")).get("tools")
    if listed == []:
        yield Finding("/tool_choice/allowed_tools/tools", "expected at least one tool, got none", hint="choose none")
    for at, named in asks.objects(listed):
        place = f"/tool_choice/allowed_tools/tools/{at}"
        if isinstance(members(named.get(str(named.get("type")))).get("name"), str):
            yield from _undeclared(reading, named, place)
        else:
            yield Finding(place, "names no tool", hint='write {"type": "function", "function": {"name": ...}}')


@rule(
    "CC245",
    anchor="#/components/schemas/FunctionName",
    part=Part.REQUEST,
    severity=Severity.WARNING,
    basis=Basis.INTEROP,
    source=_GUIDE,
    since="0.1",
    passes=[request({"/tools": [TOOL, _CUSTOM]})],
    fails=[
        request({"/tools": [TOOL, TOOL]}),
        request({"/tools": [TOOL, {"type": "custom", "custom": {"name": "get_weather"}}]}),
        request({"/functions": [_FUNCTION, _FUNCTION]}),
    ],
    needs=("brought",),
)
def tool_name_repeated(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """Two tools, or two functions, have the same name.

    ## Why it matters
    A call doesn't tell which of the two is meant.

    ## Known exceptions
    None known.
    """
    seen: dict[tuple[bool, str], str] = {}
    for place, body in reading.in_request(asks.offers):
        name = body.get("name")
        if isinstance(name, str):
            first = seen.setdefault((place.startswith("/tools"), name), place)
            if first != place:
                yield Finding(f"{place}/name", f"the name {short(name, 80)} is taken at {first}", name)


@rule(
    "CC246",
    anchor=_OF + "function_call",
    part=Part.REQUEST,
    severity=Severity.ERROR,
    basis=Basis.DOCUMENTED,
    source=_API,
    since="0.1",
    passes=[request({"/functions": [_FUNCTION], "/function_call": _FUNCTION})],
    fails=[request({"/function_call": "auto"}), request({"/function_call": _FUNCTION})],
    compatible=Severity.WARNING,
    needs=("/function_call",),
)
def function_call_without_functions(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """`function_call` is given without `functions`.

    ## Why it matters
    The service refuses it.

    ## Known exceptions
    None known.
    """
    asked = reading.asked
    if isinstance(asked.get("function_call"), str | dict) and asked.get("functions") is None:
        yield Finding("/function_call", "is given, but there are no functions", asked["function_call"])


@rule(
    "CC247",
    anchor=_CHOICE + "FunctionCallOption",
    part=Part.REQUEST,
    severity=Severity.ERROR,
    basis=Basis.DOCUMENTED,
    source=_API,
    since="0.1",
    passes=[request({"/functions": [_FUNCTION], "/function_call": "none"})],
    fails=[request({"/functions": [_FUNCTION], "/function_call": {"name": "other"}})],
    compatible=Severity.WARNING,
    needs=("/function_call", "/functions"),
)
def function_call_undeclared(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The function that must be called is not among the functions.

    ## Why it matters
    The service refuses it.

    ## Known exceptions
    None known.
    """
    name = members(reading.asked.get("function_call")).get("name")
    if not isinstance(name, str) or not isinstance(reading.asked.get("functions"), list):
        return
    if not any(function.get("name") == name for _, function in asks.objects(reading.asked["functions"])):
        yield Finding("/function_call/name", f"none of the functions is called {short(name, 80)}", name)


@rule(
    "CC248",
    anchor=_OF + "functions",
    part=Part.REQUEST,
    severity=Severity.WARNING,
    basis=Basis.DOCUMENTED,
    source=_API,
    since="0.1",
    passes=[request({"/functions": [_FUNCTION]}), request({"/functions": [_FUNCTION], "/tools": []})],
    fails=[request({"/functions": [_FUNCTION], "/tools": [TOOL]})],
    needs=("/functions", "/tools"),
)
def functions_beside_tools(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """`functions` and `tools` are both given.

    ## Why it matters
    One replaces the other; an answer can't use both.

    ## Known exceptions
    None known.
    """
    if reading.asked.get("functions") and reading.asked.get("tools"):
        yield Finding("/functions", "stands beside tools, which replaces it", hint="move the functions into tools")


@rule(
    "CC249",
    anchor="#/components/schemas/FunctionObject/properties/strict",
    part=Part.REQUEST,
    severity=Severity.INFO,
    basis=Basis.DOCUMENTED,
    source=_GUIDE,
    since="0.1",
    passes=[
        request({"/tools": [_STRICT], "/parallel_tool_calls": False}),
        request({"/tools": [_STRICT], "/tool_choice": "none"}),
        request({"/tools": [TOOL]}),
    ],
    fails=[request({"/tools": [_STRICT]}), request({"/tools": [_STRICT], "/parallel_tool_calls": True})],
    needs=("/tools", "strict"),
)
def strict_calls_parallel(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """A strict function may be called several times at once.

    ## Why it matters
    Older models keep to strict schemas only where `parallel_tool_calls` is false.

    ## Known exceptions
    Newer models keep to them in any case.
    """
    asked = reading.asked
    if asked.get("parallel_tool_calls") is False or asked.get("tool_choice") == "none":
        return
    for tool in reading.in_request(asks.tools):
        if tool.body.get("strict") is True:
            place = f"/tools/{tool.position}/{tool.kind}/strict"
            yield Finding(
                place,
                "is true, but parallel_tool_calls is not false",
                hint="set parallel_tool_calls to false",
            )


@rule(
    "CC264",
    anchor=_OF + "tools",
    part=Part.REQUEST,
    severity=Severity.INFO,
    basis=Basis.INTEROP,
    source="https://github.com/BerriAI/litellm/issues/24712",
    since="0.1",
    passes=[request({**_CALLED, "/tools": [TOOL]})],
    fails=[request(_CALLED), request({**_CALLED, "/tools": None})],
    breaks=[("LiteLLM in front of Anthropic and Bedrock", "refuses the request")],
    needs=("/messages/*/tool_calls",),
)
def tools_left_out(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The conversation has tool calls, but the request no `tools`.

    ## Why it matters
    The service takes it. Bedrock, and gateways in front of it and of Anthropic, refuse it: send the tools, with
    `tool_choice` `none` where none is to be called.

    ## Known exceptions
    None known.
    """
    if reading.asked.get("tools") is None and reading.asked.get("functions") is None:
        for at, place, _ in reading.in_request(asks.calls)[:1]:
            where = f"/messages/{at}/tool_calls/{place}"
            yield Finding(where, "a tool is called, but the request has no tools", hint="send the tools")
