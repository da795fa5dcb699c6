"""Streams (CC65): what kind of tool the calls of an answer are of, and calls that are none or come twice."""

from collections.abc import Iterator
from typing import Any

from chatcontract.declare import SpecView, rule
from chatcontract.examples import CALL, GONE, TOOL, Example, Insert, chunk, response, stream
from chatcontract.findings import breaches, of_breach, of_breaches
from chatcontract.model import JSON, Basis, Finding, Part, Severity
from chatcontract.reading import Reading, items, members
from chatcontract.redact import short

_ACCUMULATOR = "https://github.com/openai/openai-python/blob/main/src/openai/lib/streaming/_deltas.py"
_GUIDE = "https://developers.openai.com/api/docs/guides/function-calling"
_FRAGMENT = "#/components/schemas/ChatCompletionMessageToolCallChunk"
_FIRST, _LATER = "/1/choices/0/delta/tool_calls/0", "/2/choices/0/delta/tool_calls/0"
_BARE = ("", "{}")
_WEATHER = {"name": "get_weather"}
_ARGUMENTS = '{"city": "Bonn"}'
_CALLED = {"/choices/0/message/content": None, "/choices/0/finish_reason": "tool_calls"}


def _custom(changes: dict[str, JSON] | None = None) -> Example:
    """A stream of one custom call in two fragments."""
    first = {"index": 0, "id": "call_C0ffee1", "type": "custom", "custom": {"name": "run_code", "input": "pri"}}
    deltas: dict[str, JSON] = {
        "/1/choices/0/delta": {"tool_calls": [first]},
        "/2/choices/0/delta": {"tool_calls": [{"index": 0, "custom": {"input": "nt(4)"}}]},
        "/3/choices/0/finish_reason": "tool_calls",
    }
    return stream({**deltas, **(changes or {})})


def _told_in(*pieces: str) -> Example:
    """A stream of one call whose arguments come in these pieces."""
    return _in_chunks([_begun(0, "")], *([_going_on(0, piece)] for piece in pieces))


def _begun(index: int, arguments: str = _ARGUMENTS) -> dict[str, JSON]:
    """The first fragment of a call."""
    body = {**_WEATHER, "arguments": arguments}
    return {"index": index, "id": f"call_{index}", "type": "function", "function": body}


def _going_on(index: int, arguments: str = _ARGUMENTS) -> dict[str, JSON]:
    """A later fragment of a call."""
    return {"index": index, "function": {"arguments": arguments}}


def _in_chunks(first: list[JSON], *more: list[JSON]) -> Example:
    """A stream of calls, with the fragments of each list in a chunk."""
    inserted = {f"/{place}": Insert(chunk({"tool_calls": fragments})) for place, fragments in enumerate(more, 2)}
    last = len(more) + 2
    return stream(
        {
            "/1/choices/0/delta": {"tool_calls": first},
            **inserted,
            f"/{last}": GONE,
            f"/{last}/choices/0/finish_reason": "tool_calls",
        }
    )


_INTERLEAVED = _in_chunks([_begun(0, "")], [_begun(1, "")], [_going_on(0)], [_going_on(1)])
_STRICTLY = {"/tools": [{**TOOL, "function": {**TOOL["function"], "strict": True}}]}


def _twice(**changes: Any) -> Example:
    """An answer with two calls, which are equal save for the ids and the changes."""
    return response({**_CALLED, "/choices/0/message/tool_calls": [CALL, {**CALL, "id": "call_2", **changes}]})


@rule(
    "CC651",
    anchor=f"{_FRAGMENT}/properties/type",
    part=Part.STREAM,
    severity=Severity.ERROR,
    basis=Basis.INTEROP,
    source=_ACCUMULATOR,
    since="0.1",
    passes=[_custom(), _custom({f"{_LATER}/type": "custom"})],
    fails=[
        _custom({f"{_FIRST}/type": "function"}),
        _custom({f"{_LATER}/type": "function"}),
        _custom({f"{_LATER}/custom": GONE, f"{_LATER}/function": {"arguments": "nt(4)"}}),
    ],
    breaks=[("openai-python .stream()", "raises AssertionError"), ("openai-node .stream()", "raises TypeError")],
    needs=("breached",),
)
def fragment_kind_contradicted(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The type of a streamed call contradicts the member that holds its name and text, or an earlier type.

    ## Why it matters
    A call of type function has its text in `function`, a custom one in `custom`: clients look there and fail.

    ## Known exceptions
    A member that is null says nothing.
    """
    for position, breach in breaches(reading, "tool-kind-contradicted"):
        if breach.pointer.endswith("/type"):
            message = f"expected the type of the first fragment, got {short(breach.value, 60)}"
        else:
            name = breach.pointer.rpartition("/")[2]
            message = f'expected no "{name}" in a call of another type, got {short(breach.value, 60)}'
        yield of_breach(position, breach._replace(message=message))


@rule(
    "CC652",
    anchor=f"{_FRAGMENT}/properties/type",
    part=Part.STREAM,
    severity=Severity.ERROR,
    basis=Basis.INTEROP,
    source=_GUIDE,
    since="0.1",
    passes=[_custom(), _custom({f"{_FIRST}/custom/input": "", f"{_LATER}/custom/input": ""})],
    fails=[_custom({f"{_FIRST}/custom/input": GONE, f"{_LATER}/custom": {}})],
    breaks=[("openai-python .stream()", "raises AssertionError"), ("openai-node .stream()", "raises TypeError")],
    needs=("breached",),
)
def custom_call_without_input(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """A custom call is streamed to its end without any `input`.

    ## Why it matters
    Clients hand the input to the tool: there is none, not even an empty one.

    ## Known exceptions
    None is promised where the answer was cut by the token limit, by a filter or by an error.
    """
    yield from of_breaches(reading, "tool-custom-without-input", says="expected an input of the custom call, got none")


@rule(
    "CC653",
    anchor="#/components/schemas/ChatCompletionStreamResponseDelta/properties/tool_calls",
    part=Part.STREAM,
    severity=Severity.WARNING,
    basis=Basis.INTEROP,
    source="https://github.com/vllm-project/vllm/issues/44104",
    since="0.1",
    passes=[_custom(), stream({"/1/choices/0/delta/tool_calls": None})],
    fails=[stream({"/1/choices/0/delta/tool_calls": []})],
    breaks=[("openai-node .stream()", "makes a message whose `tool_calls` is an empty list")],
    compatible=Severity.INFO,
    needs=("breached",),
)
def delta_tool_calls_empty_list(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """`tool_calls` is an empty list in a delta, where it should be absent.

    ## Why it matters
    Clients ask whether the member is there, and then read the first call.

    ## Known exceptions
    None known; told once of a stream.
    """
    for position, breach in breaches(reading, "tool-calls-empty")[:1]:
        yield of_breach(position, breach._replace(message="expected calls or no member at all, got an empty list"))


@rule(
    "CC654",
    anchor="#/components/schemas/ChatCompletionMessageToolCalls",
    part=Part.RESPONSE,
    severity=Severity.INFO,
    basis=Basis.OBSERVED,
    source=_GUIDE,
    since="0.1",
    passes=[
        response({**_CALLED, "/choices/0/message/tool_calls": [CALL]}),
        _twice(function={"name": "get_weather", "arguments": '{"city": "Rome"}'}),
    ],
    fails=[_twice()],
    needs=("calls",),
)
def tool_call_repeated(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """Two calls of an answer have the same name and the same arguments or input, and ids of their own.

    ## Why it matters
    A server that tells its calls a second time, at its end or at another index, makes the client act twice.

    ## Known exceptions
    Models do call a tool twice on purpose, hence no more than a note; and none where the tool is told nothing.
    """
    for position, _, message in reading.choices:
        seen: dict[tuple[str, str], str] = {}
        for number, call in enumerate(items(message.get("tool_calls"))):
            ident, told = _told(call)
            if not (ident and told):
                continue
            if seen.setdefault(told, ident) != ident:
                text = f"expected another call than {short(seen[told], 60)}, got the same name and text"
                yield Finding(f"/choices/{position}/message/tool_calls/{number}", text)


@rule(
    "CC659",
    anchor=f"{_FRAGMENT}/properties/function/properties/arguments",
    part=Part.STREAM,
    severity=Severity.ERROR,
    basis=Basis.INTEROP,
    source="https://github.com/NousResearch/hermes-agent/pull/35718",
    since="0.1",
    passes=[_told_in(_ARGUMENTS), _told_in('{"city": ', '"Bonn"}'), _told_in("{", "}")],
    fails=[
        _told_in('{"city": ', '"Bonn"}', _ARGUMENTS),
        _told_in(_ARGUMENTS, _ARGUMENTS),
        _told_in("{", '{"city": ', _ARGUMENTS),
    ],
    breaks=[
        ("hermes-agent", "runs the tool without arguments"),
        ("opencode, DeepChat", "cannot parse the arguments"),
    ],
    needs=("breached",),
)
def arguments_told_again(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The arguments of a call are streamed in pieces and then as a whole, or as a whole each time.

    ## Why it matters
    Clients join the pieces: two or more JSON objects in a row are none, and the call fails. The same answer without
    `stream` is right, so that the model is not to blame.

    ## Known exceptions
    None known.
    """
    says = "expected new text in each piece of the arguments, got all of them again in the last"
    yield from of_breaches(reading, "tool-arguments-again", says=says)


@rule(
    "CC687",
    anchor=f"{_FRAGMENT}/properties/function",
    part=Part.STREAM,
    severity=Severity.ERROR,
    basis=Basis.INTEROP,
    source="https://github.com/openai/openai-python/blob/main/src/openai/lib/streaming/chat/_completions.py",
    since="0.1",
    passes=[_in_chunks([_begun(0)], [{"index": 0, "function": {}}]), _custom()],
    fails=[_in_chunks([_begun(0)], [{"index": 0}])],
    breaks=[
        ("openai-python .stream()", "raises AssertionError"),
        ("LangChain, LlamaIndex", "raise AttributeError"),
        ("@ai-sdk/openai-compatible, @ai-sdk/openai", "raise AI_TypeValidationError"),
        ("openai-java ChatCompletionAccumulator", "raises OpenAIInvalidDataException"),
    ],
    needs=("breached",),
)
def fragment_without_body(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """A later fragment of a tool call has neither `function` nor `custom`.

    ## Why it matters
    Clients read the arguments of every fragment, and do not ask first whether there are any.

    ## Known exceptions
    None known. A fragment with an empty `function` is survived.
    """
    says = "expected function or custom in a fragment, got {}"
    yield from of_breaches(reading, "tool-body-missing", says=says, hint="leave the fragment out")


@rule(
    "CC688",
    anchor=f"{_FRAGMENT}/properties/index",
    part=Part.STREAM,
    severity=Severity.WARNING,
    basis=Basis.INTEROP,
    source="https://github.com/openai/openai-node/blob/master/src/lib/ChatCompletionStream.ts",
    since="0.1",
    passes=[_in_chunks([_begun(0, "")], [_going_on(0)], [_begun(1, "")], [_going_on(1)])],
    fails=[_INTERLEAVED, _INTERLEAVED._replace(request=_STRICTLY)],
    breaks=[
        ("openai-python .stream(), openai-node .stream()", "parse the cut arguments of a strict tool, and raise"),
        ("Spring AI", "adds the arguments to the call that began last"),
    ],
    needs=("breached",),
)
def fragments_interleaved(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """A tool call goes on after another one has begun.

    ## Why it matters
    Where a call begins, clients take the one before for whole: they parse its arguments, or run the tool with what
    there is of them.

    ## Known exceptions
    Legal, and a warning where no tool is strict: then the clients do not parse the arguments themselves.
    """
    says = "expected fragments of the call that began last, got one at index {}"
    for finding in of_breaches(reading, "tool-calls-interleaved", says=says):
        yield finding._replace(severity=Severity.ERROR) if _offers_strict(reading) else finding


@rule(
    "CC689",
    anchor="#/components/schemas/ChatCompletionStreamResponseDelta/properties/tool_calls",
    part=Part.STREAM,
    severity=Severity.WARNING,
    basis=Basis.INTEROP,
    source=_ACCUMULATOR,
    since="0.1",
    passes=[_in_chunks([_begun(0)], [_begun(1)])],
    fails=[_in_chunks([_begun(0), _begun(1)]), _in_chunks([_begun(0, ""), _going_on(0)])],
    breaks=[
        ("Spring AI 1", "raises IllegalStateException: only one tool call is supported per message"),
        ("openai-python 2 .stream()", "makes two calls of two first fragments of one, each with half of the arguments"),
    ],
    needs=("breached",),
)
def fragments_together(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """One delta has several fragments of tool calls.

    ## Why it matters
    Legal, yet the reference service sends a chunk for each, and accumulators are made for that.

    ## Known exceptions
    Servers that parse the calls when the model is done send all of them at once. Two fragments of the same call are
    an error: the call is cut in two unnoticed.
    """
    says = "expected a delta for each fragment, got {} fragments in one"
    yield from of_breaches(reading, "tool-calls-together", says=says)
    for finding in of_breaches(reading, "tool-fragments-together", says=says):
        yield finding._replace(severity=Severity.ERROR)


def _offers_strict(reading: Reading) -> bool:
    """Whether the request offers a strict function."""
    bodies = (members(members(tool).get("function")) for tool in items(reading.asked.get("tools")))
    return any(body.get("strict") is True for body in bodies)


def _told(call: JSON) -> tuple[str, tuple[str, str] | None]:
    """The id of a call, and its name and text where both are texts and the text says something."""
    ident, body = members(call).get("id"), members(members(call).get("function") or members(call).get("custom"))
    name, text = body.get("name"), body.get("arguments", body.get("input"))
    told = (name, text) if isinstance(name, str) and isinstance(text, str) and text not in _BARE else None
    return ident if isinstance(ident, str) else "", told
