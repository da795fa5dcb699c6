"""Round trips: the conversation goes on after a call."""

from collections.abc import Iterator, Sequence

from chatcontract.looks import calls, finish
from chatcontract.model import JSON
from chatcontract.offers import FORCED, QUESTION, ROOM, WEATHER
from chatcontract.probe import (
    LIMIT,
    Ask,
    Context,
    Expectation,
    Level,
    Section,
    Shortfall,
    Unclear,
    answered,
    each,
    honoured,
    user,
)
from chatcontract.reading import Reading, items, members

SECTION = Section("tools")
_CALLS = "#/components/schemas/ChatCompletionRequestAssistantMessage/properties/tool_calls"
_RESULT = "#/components/schemas/ChatCompletionRequestToolMessage"
_ASKED = {"/messages": [QUESTION], f"/{LIMIT}": ROOM, "/tools": [WEATHER]}
_STREAM = {"/stream": True}
_UNREAD = "expected a call, which the first turn announces, got none that can be read"
_CALL = {
    "id": "a1B2c3D4e",
    "type": "function",
    "function": {"name": "get_weather", "arguments": '{"city": "Bonn"}'},
}
_HONOURED = honoured()
_UNFORCED = {"required tool choice": {"/tool_choice": "auto"}}
_WHY_TRIP = "Without the way back no agent gets beyond its first call."


def _history(identity: str = "a1B2c3D4e", content: JSON = None, result: JSON = "Sunny, 21 degrees.") -> list[JSON]:
    call = {**_CALL, "id": identity}
    return [
        QUESTION,
        {"role": "assistant", "content": content, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": identity, "content": result},
    ]


def _trip(
    id: str,
    title: str,
    messages: list[JSON],
    why: str = _WHY_TRIP,
    expect: Expectation = _HONOURED,
    **rest: object,
) -> None:
    """A probe that sends a call and its result, and offers the tool still."""
    needs = ("tools",) if rest.get("provides") else ("tools", "tool results")
    SECTION.probe(
        id,
        title,
        {"/messages": messages, "/tools": [WEATHER], f"/{LIMIT}": 64},
        expect,
        needs=needs,
        why=why,
        **{"anchor": _RESULT, **rest},  # type: ignore[arg-type]
    )


_trip("result", "the result of a call is accepted", _history(), provides="tool results")
_trip(
    "result-empty-content",
    "the message with the call may have empty content",
    _history(content=""),
    anchor=_CALLS,
)
_trip(
    "result-text-content",
    "the message with the call may have text",
    _history(content="Let me look."),
    anchor=_CALLS,
)
_trip(
    "result-as-part",
    "a result may be a text part",
    _history(result=[{"type": "text", "text": "Sunny."}]),
    level=Level.SHOULD,
)
_trip("result-empty", "a result may be empty", _history(result=""), level=Level.SHOULD)
_trip(
    "result-json",
    "a result may be JSON, with any sign in it",
    _history(result='{"sky": "\\u2600 \\"clear\\"", "list": [1, null, {"a": "</tool_response>"}]}'),
)
_trip(
    "result-without-content",
    "the message with the call may leave content out",
    [
        QUESTION,
        {"role": "assistant", "tool_calls": [_CALL]},
        {"role": "tool", "tool_call_id": "a1B2c3D4e", "content": "Sunny."},
    ],
    anchor=_CALLS,
    level=Level.SHOULD,
)
_trip(
    "results-of-two",
    "the results of two calls are accepted",
    [
        QUESTION,
        {"role": "assistant", "content": None, "tool_calls": [_CALL, {**_CALL, "id": "e5F6a7B8c"}]},
        {"role": "tool", "tool_call_id": "a1B2c3D4e", "content": "Sunny."},
        {"role": "tool", "tool_call_id": "e5F6a7B8c", "content": "Rainy."},
    ],
)
_trip(
    "result-then-user",
    "after a result and an answer the user goes on",
    [*_history(), {"role": "assistant", "content": "It is sunny."}, user("And tomorrow?")],
)
_trip(
    "call-without-arguments",
    "an earlier call may have no arguments",
    [
        QUESTION,
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{**_CALL, "function": {"name": "get_weather", "arguments": "{}"}}],
        },
        {"role": "tool", "tool_call_id": "a1B2c3D4e", "content": "Sunny."},
    ],
    anchor=_CALLS,
    level=Level.SHOULD,
)
for _form, _identity in {
    "openai": "call_abcDEF0123456789ghiJKLmn",
    "short": "1",
    "nine": "a1B2c3D4e",
    "anthropic": "toolu_01A09q90qw90lq917835lq9",
    "uuid": "9f8e7d6c-5b4a-4039-8271-605f4e3d2c1b",
    "vllm": "chatcmpl-tool-0123456789abcdef01234567",
    "gemini": "function-call-1234567890123456789",
}.items():
    _trip(
        f"foreign-id-{_form}",
        f"the id of another provider's call is accepted ({_form})",
        _history(_identity),
        anchor="#/components/schemas/ChatCompletionRequestToolMessage/properties/tool_call_id",
        level=Level.SHOULD,
        expect=answered(),
        why="A conversation that began elsewhere is continued here.",
    )
SECTION.probe(
    "result-streamed",
    "after a result the answer is streamed",
    {"/messages": _history(), "/tools": [WEATHER], f"/{LIMIT}": 64, **_STREAM},
    honoured(rules=("stream-not-given",)),
    needs=("tools", "tool results", "streaming"),
    anchor=_RESULT,
    why=_WHY_TRIP,
)


def _answer_own(context: Context, readings: Sequence[Reading]) -> Ask | Unclear:
    """The second turn that answers the calls which the target made itself."""
    own = _own(readings[0])
    return own if isinstance(own, Unclear) else Ask({"/messages": own, "/tools": [WEATHER], f"/{LIMIT}": 64})


def _own(reading: Reading) -> list[JSON] | Unclear:
    """The conversation with the calls of the answer, each with a result."""
    made = calls(reading)
    if not made:
        is_told = finish(reading) == "tool_calls" or _announces(reading)
        return Unclear(_UNREAD, is_fault=True) if is_told else Unclear("the model called no tool in the first turn")
    results = [{"role": "tool", "tool_call_id": call.get("id"), "content": "Sunny."} for call in made]
    message = members(items(reading.completion.get("choices"))[0].get("message"))
    kept = {name: message[name] for name in ("role", "content", "tool_calls") if name in message}
    return [QUESTION, kept, *results]


def _announces(reading: Reading) -> bool:
    """Whether a chunk has a piece of a call."""
    choices = (choice for chunk in reading.chunks for choice in items(members(chunk.text.value).get("choices")))
    return any(members(members(choice).get("delta")).get("tool_calls") for choice in choices)


def _calling(reading: Reading) -> Iterator[Shortfall | Unclear]:
    if not calls(reading):
        yield Unclear("the model called no tool in the second turn")


def _call_again(context: Context, readings: Sequence[Reading]) -> Ask | Unclear:
    """The second turn that asks for another call after one that the target made itself."""
    own = _own(readings[0])
    if isinstance(own, Unclear):
        return own
    messages = [*own, {"role": "assistant", "content": "Sunny."}, user("And the weather in Rome?")]
    return Ask({**_ASKED, "/messages": messages, "/tool_choice": "required"})


for _streamed in (False, True):
    SECTION.probe(
        f"round-trip{'-streamed' * _streamed}",
        f"the target takes its own {'streamed ' * _streamed}call back",
        {**_ASKED, "/tool_choice": "required", **(_STREAM if _streamed else {})},
        honoured(),
        then=_answer_own,
        needs=("tools", "tool results", *(["streaming"] if _streamed else [])),
        without=_UNFORCED,
        anchor=_CALLS,
        uncertain=True,
        why=_WHY_TRIP,
    )
SECTION.probe(
    "second-call",
    "a call after an earlier one has an id of its own",
    {**_ASKED, "/tool_choice": "required"},
    honoured(each(_calling), rules=(*FORCED, "new-call-with-old-id")),
    then=_call_again,
    needs=("tools", "tool results"),
    without=_UNFORCED,
    anchor=_CALLS,
    why="A result finds its call by the id alone.",
    level=Level.SHOULD,
    uncertain=True,
)
