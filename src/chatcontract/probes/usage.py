"""Usage: prompts are counted, and always alike."""

from collections.abc import Iterator, Mapping, Sequence

from chatcontract.looks import count, counted
from chatcontract.model import JSON
from chatcontract.probe import Check, Level, Section, Shortfall, Unclear, each, honoured, user
from chatcontract.reading import Reading

SECTION = Section("usage", level=Level.SHOULD, anchor="#/components/schemas/CompletionUsage")
_UNTOLD = Unclear("an answer does not tell its prompt_tokens")
_TEXT = "Which colour has the sky on a clear day?"


def _equal(rule: str, what: str) -> Check:
    def check(readings: Sequence[Reading]) -> Iterator[Shortfall | Unclear]:
        numbers = counted(readings)
        if numbers is None:
            yield _UNTOLD
        elif numbers[0] != numbers[1]:
            yield Shortfall(rule, f"expected the same prompt_tokens {what}, got {numbers[0]} and {numbers[1]}")

    return check


def _more(what: str) -> Check:
    def check(readings: Sequence[Reading]) -> Iterator[Shortfall | Unclear]:
        numbers = counted(readings)
        if numbers is None:
            yield _UNTOLD
        elif numbers[1] <= numbers[0]:
            message = f"expected more prompt_tokens {what}, got {numbers[0]} and then {numbers[1]}"
            yield Shortfall("prompt-tokens-not-growing", message)

    return check


def _told(reading: Reading) -> Iterator[Shortfall | Unclear]:
    if "usage" in reading.completion and reading.completion["usage"] is None:
        yield Shortfall("usage-absent", "expected numbers, got null", "/usage")
    elif count(reading, "prompt_tokens") is None:
        yield _UNTOLD


_SHORT: Mapping[str, JSON] = {"/messages": [user(_TEXT)]}
_STREAMED: Mapping[str, JSON] = {**_SHORT, "/stream": True, "/stream_options": {"include_usage": True}}
SECTION.probe(
    "told",
    "an answer tells what it cost",
    _SHORT,
    honoured(each(_told), rules=("usage-absent",)),
    provides="usage",
    why="Routers, quotas and bills are made of these numbers.",
)
SECTION.probe(
    "same-prompt",
    "the same prompt is counted alike twice",
    _SHORT,
    honoured(_equal("prompt-tokens-unstable", "twice")),
    then=_SHORT,
    needs="usage",
    why="What a request costs must be known before it is sent.",
)
SECTION.probe(
    "same-text-as-part",
    "a string and one text part are counted alike",
    _SHORT,
    honoured(_equal("prompt-tokens-depend-on-form", "for a string and a text part")),
    then={"/messages": [user([{"type": "text", "text": _TEXT}])]},
    needs=("usage", "content parts"),
    level=Level.INFO,
    why="Both forms mean the same.",
)
SECTION.probe(
    "longer-conversation",
    "a longer conversation is counted with more tokens",
    _SHORT,
    honoured(_more("for the longer conversation")),
    then={"/messages": [user(_TEXT), {"role": "assistant", "content": "It is blue all over."}, user(_TEXT)]},
    needs="usage",
    why="A number that does not follow the prompt is not a count of it.",
)
SECTION.probe(
    "longer-message",
    "a longer message is counted with more tokens",
    _SHORT,
    honoured(_more("for the longer message")),
    then={"/messages": [user(" ".join([_TEXT] * 8))]},
    needs="usage",
    why="A number that does not follow the prompt is not a count of it.",
)
SECTION.probe(
    "tools-counted",
    "tools in the request are counted with the prompt",
    _SHORT,
    honoured(_more("with a tool")),
    then={
        **_SHORT,
        "/tools": [
            {
                "type": "function",
                "function": {
                    "name": "get_weather",
                    "description": "Tells the weather of a city on a day.",
                    "parameters": {
                        "type": "object",
                        "properties": {"city": {"type": "string"}},
                        "required": ["city"],
                    },
                },
            }
        ],
        "/tool_choice": "auto",
    },
    needs=("usage", "tools"),
    level=Level.INFO,
    why="They are part of what the model reads.",
)
SECTION.probe(
    "streamed-equals-plain",
    "the same prompt is counted alike in a stream",
    _SHORT,
    honoured(_equal("streamed-usage-differs", "in a stream")),
    then=_STREAMED,
    needs=("usage", "streaming", "streamed usage"),
    why="Streaming is another way to show the same answer.",
)
