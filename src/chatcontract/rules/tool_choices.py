"""What the request demanded of the model's calls (CC41): `tool_choice` and `parallel_tool_calls`."""

from collections.abc import Iterator, Mapping

from chatcontract.declare import SpecView, rule
from chatcontract.examples import CALL, TOOL, Changes, response
from chatcontract.model import JSON, Basis, Finding, Part, Severity
from chatcontract.reading import Reading, items
from chatcontract.redact import short
from chatcontract.toolcalls import all_calls, demanded, has_call

_GUIDE = "https://developers.openai.com/api/docs/guides/function-calling"
_IGNORED = "https://github.com/ollama/ollama/issues/8421"
_REQUEST = "#/components/schemas/CreateChatCompletionRequest/properties"
_TIME = {"type": "function", "function": {"name": "get_time"}}
_TIME_CALL = {"id": "call_C0ffee2", "type": "function", "function": {"name": "get_time", "arguments": "{}"}}
_NAMED = {"/tools": [TOOL, _TIME], "/tool_choice": {"type": "function", "function": {"name": "get_weather"}}}
_REQUIRED = {"/tools": [TOOL], "/tool_choice": "required"}
_WEATHER = {"type": "function", "function": {"name": "get_weather"}}
_BOUND = ("stop", "tool_calls", "function_call")


def _allowed(mode: str) -> Changes:
    choice = {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": [_WEATHER]}}
    return {"/tools": [TOOL, _TIME], "/tool_choice": choice}


def _called(*calls: Mapping[str, JSON], finish: str = "tool_calls") -> Changes:
    return {
        "/choices/0/message/content": None,
        "/choices/0/message/tool_calls": list(calls),
        "/choices/0/finish_reason": finish,
    }


@rule(
    "CC411",
    anchor=f"{_REQUEST}/tool_choice",
    part=Part.RESPONSE,
    severity=Severity.ERROR,
    basis=Basis.DOCUMENTED,
    source=_IGNORED,
    since="0.1",
    needs=("asked", "calls"),
    passes=[
        response(request={"/tools": [TOOL], "/tool_choice": "none"}),
        response(_called(CALL), request={"/tools": [TOOL], "/tool_choice": "auto"}),
        response(_called(CALL), request={"/tools": [TOOL], "/tool_choice": None}),
    ],
    fails=[response(_called(CALL), request={"/tools": [TOOL], "/tool_choice": "none"})],
)
def tool_called_despite_none(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """A tool is called although `tool_choice` is `none`.

    ## Why it matters
    The caller forbade it, often to make the model sum up: it has no text to show, and a loop does not end.

    ## Known exceptions
    None known.
    """
    if not demanded(reading).barred:
        return
    for call in all_calls(reading):
        text = f"expected no call, since the request forbids it, got one of {short(call.name, 80)}"
        yield Finding(call.pointer, text, call.name)


@rule(
    "CC412",
    anchor=f"{_REQUEST}/tool_choice",
    part=Part.RESPONSE,
    severity=Severity.ERROR,
    basis=Basis.DOCUMENTED,
    source="https://github.com/ollama/ollama/issues/17921",
    since="0.1",
    needs=("asked",),
    passes=[
        response(_called(CALL), request=_REQUIRED),
        response(_called(CALL, finish="stop"), request=_NAMED),
        response({"/choices/0/finish_reason": "length"}, request=_REQUIRED),
        response({"/choices/0/message/content": None, "/choices/0/message/refusal": "No."}, request=_REQUIRED),
        response(request=_allowed("auto")),
    ],
    fails=[response(request=_REQUIRED), response(request=_NAMED), response(request=_allowed("required"))],
    breaks=[("controllers that need a call", "get prose")],
)
def forced_tool_not_called(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The request forces a call, and the answer has none.

    ## Why it matters
    The parameter is silently ignored: code that reads the first call fails, or takes prose for data.

    ## Known exceptions
    Answers that were cut, filtered or refused. In the profile `compatible` the older `function_call` is a warning.
    """
    wanted = demanded(reading)
    if not wanted.forced:
        return
    name = "tool_choice" if reading.asked.get("tool_choice") is not None else "function_call"
    for position, choice, message in reading.choices:
        if choice.get("finish_reason") in _BOUND and not has_call(message) and not message.get("refusal"):
            tool = "a call" if wanted.named is None else f"a call of {short(wanted.named, 80)}"
            text = f"expected {tool}, which {name} demands, got a message without any"
            is_milder = name == "function_call" and spec.profile == "compatible"
            yield Finding(f"/choices/{position}/message", text, severity=Severity.WARNING if is_milder else None)


@rule(
    "CC413",
    anchor=f"{_REQUEST}/tool_choice",
    part=Part.RESPONSE,
    severity=Severity.ERROR,
    basis=Basis.DOCUMENTED,
    source="https://github.com/ggml-org/llama.cpp/pull/28806",
    since="0.1",
    needs=("asked", "calls"),
    passes=[response(_called(CALL, finish="stop"), request=_NAMED), response(_called(_TIME_CALL))],
    fails=[
        response(_called(_TIME_CALL), request=_NAMED),
        response(_called(CALL, _TIME_CALL), request=_NAMED),
    ],
)
def other_tool_than_named(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The request names the tool to call, and the answer calls another one.

    ## Why it matters
    The arguments are read as those of the named tool.

    ## Known exceptions
    None known.
    """
    named = demanded(reading).named
    if named is None:
        return
    for call in all_calls(reading):
        if isinstance(call.name, str) and call.name != named:
            text = f"expected a call of {short(named, 80)} alone, got {short(call.name, 80)}"
            yield Finding(f"{call.body}/name", text, call.name)


@rule(
    "CC414",
    anchor="#/components/schemas/ChatCompletionAllowedTools/properties/tools",
    part=Part.RESPONSE,
    severity=Severity.WARNING,
    basis=Basis.DOCUMENTED,
    source=_GUIDE,
    since="0.1",
    needs=("asked", "calls"),
    passes=[response(_called(CALL), request=_allowed("auto"))],
    fails=[response(_called(_TIME_CALL), request=_allowed("auto"))],
)
def tool_not_allowed(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """A tool is called that is offered, but not among the allowed ones.

    ## Why it matters
    The caller took it away for this turn.

    ## Known exceptions
    None known.
    """
    allowed = demanded(reading).allowed
    if allowed is None:
        return
    for call in all_calls(reading):
        if isinstance(call.name, str) and call.name not in allowed:
            text = f"expected one of {short(sorted(allowed), 120)}, got {short(call.name, 80)}"
            yield Finding(f"{call.body}/name", text, call.name)


@rule(
    "CC415",
    anchor=f"{_REQUEST}/parallel_tool_calls",
    part=Part.RESPONSE,
    severity=Severity.ERROR,
    basis=Basis.DOCUMENTED,
    source="https://github.com/sgl-project/sglang/issues/9696",
    since="0.1",
    needs=("/parallel_tool_calls", "calls"),
    passes=[
        response(_called(CALL, _TIME_CALL), request={"/tools": [TOOL, _TIME]}),
        response(_called(CALL), request={"/tools": [TOOL], "/parallel_tool_calls": False}),
    ],
    fails=[
        response(_called(CALL, _TIME_CALL), request={"/tools": [TOOL, _TIME], "/parallel_tool_calls": False}),
    ],
    breaks=[("MCP clients", "execute several calls where one was allowed")],
)
def parallel_calls_despite_false(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """A message has several tool calls although `parallel_tool_calls` is false.

    ## Why it matters
    The caller acts step by step: calls that should build on each other's results are made at once.

    ## Known exceptions
    None known.
    """
    if reading.asked.get("parallel_tool_calls") is not False:
        return
    for position, _, message in reading.choices:
        calls = items(message.get("tool_calls"))
        if len(calls) > 1:
            text = f"expected one call at most, since the request forbids parallel ones, got {len(calls)}"
            yield Finding(f"/choices/{position}/message/tool_calls", text, len(calls))
