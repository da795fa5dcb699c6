"""A stream gives the same violations of responses as the equal answer in one piece."""

import copy
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatcontract import Contract, Violations
from chatcontract.examples import CALL, Example, events, response
from chatcontract.model import Part
from chatcontract.rules import load

TEXTS = ("content", "refusal")
ONLY_WHOLE = {
    "choice-index-not-contiguous": 'choices of one index are one choice of a stream ("again" in its message)',
    "choices-out-of-order": "the choices of a stream are put in the order of their indices",
    "error-beside-choices": "a rule of streams judges an error beside choices",
    "integer-written-as-float": "indices are whole numbers after folding",
    "refusal-empty": "an empty text is how a delta begins a refusal",
    "tool-call-id-empty": "a rule of streams judges the first fragment",
    "tool-calls-empty-list": "a stream has no list that could be empty",
    "tool-name-unusable": "a rule of streams judges the first fragment",
    "usage-absent": "a stream has usage where it is asked for; a rule of streams judges that",
}
"""Rules with findings that a stream cannot have, or that a rule of streams has in their place."""


@cache
def contract() -> Contract:
    return Contract.load()


def pieces(text: Any, size: int) -> list[Any]:
    if not isinstance(text, str) or not text:
        return [text]
    return [text[at : at + size] for at in range(0, len(text), size)]


def deltas(message: dict[str, Any], size: int) -> Iterator[dict[str, Any]]:
    """The message in pieces of that many characters."""
    yield {"role": message["role"]} if "role" in message else {}
    for name in TEXTS:
        if name in message:
            yield from ({name: piece} for piece in pieces(message[name], size))
    for at, call in enumerate(message.get("tool_calls") or ()):
        yield from ({"tool_calls": [fragment]} for fragment in fragments(call, at, size))
    if message.get("function_call"):
        yield from ({"function_call": piece} for piece in bodies(message["function_call"], "arguments", size))
    rest = {
        name: value for name, value in message.items() if name not in (*TEXTS, "role", "tool_calls", "function_call")
    }
    if rest:
        yield rest


def fragments(call: Any, at: int, size: int) -> Iterator[Any]:
    kind = "custom" if "custom" in call else "function"
    first, *rest = bodies(call.get(kind, {}), "input" if kind == "custom" else "arguments", size)
    yield {"index": at, **call, kind: first}
    yield from ({"index": at, kind: piece} for piece in rest)


def bodies(body: dict[str, Any], member: str, size: int) -> Iterator[dict[str, Any]]:
    first, *rest = pieces(body.get(member), size)
    yield {**body, **({member: first} if member in body else {})}
    yield from ({member: piece} for piece in rest)


def streamed(answer: dict[str, Any], size: int) -> list[Any]:
    """The answer as the chunks of a stream."""
    outside = {name: value for name, value in answer.items() if name not in ("choices", "usage", "object")}
    head = {**outside, "object": "chat.completion.chunk"}
    made: list[Any] = []
    for choice in answer["choices"]:
        others = {name: value for name, value in choice.items() if name not in ("message", "logprobs", "finish_reason")}
        one = [{**others, "delta": delta, "finish_reason": None} for delta in deltas(choice["message"], size)]
        log(one, choice)
        one.append({**others, "delta": {}, "finish_reason": choice.get("finish_reason")})
        made += [{**head, "choices": [piece]} for piece in one]
    if "usage" in answer:
        made.append({**head, "choices": [], "usage": answer["usage"]})
    return [*made, "[DONE]"]


def log(chunks: list[dict[str, Any]], choice: dict[str, Any]) -> None:
    """Put the log probabilities on the chunks with text, one entry each and the rest on the last."""
    if "logprobs" not in choice:
        return
    for piece in chunks:
        piece["logprobs"] = None
    told = choice["logprobs"]
    if isinstance(told, dict):
        chunks[-1]["logprobs"] = copy.deepcopy(told)


def judged(found: Violations) -> set[tuple[str, str, str]]:
    of_answers = [v for v in found if v.part is Part.RESPONSE and not v.rule.startswith("CC0")]
    return {(v.name, v.pointer, v.message) for v in of_answers}


def is_only_whole(name: str, pointer: str, message: str) -> bool:
    if name == "choice-index-not-contiguous":
        return "again" in message
    if name == "integer-written-as-float":
        return pointer.endswith("/index")
    if name == "error-beside-choices":
        return pointer == "/error"
    return name in ONLY_WHOLE and (not name.startswith("tool-") or message.endswith(('got ""', "an empty list")))


def compare(example: Example, size: int) -> tuple[set[Any], set[Any]]:
    whole = example.exchange()
    assert whole.response is not None
    request = None if example.request is None else {**example.request, "/stream": True}
    asked = response(request=request).exchange().request
    chunks = streamed(example.payload(), size)
    headers = tuple(pair for pair in example.headers if pair[0] != "content-type")
    body = events(chunks)
    stream = whole._replace(request=asked, response=whole.response._replace(body=body, headers=headers))
    return judged(contract().check(whole)), judged(contract().check(stream))


def cases() -> list[Any]:
    return [
        pytest.param(example, id=f"{rule.code}-{kind}-{number}")
        for rule in load()
        for kind in ("fails", "passes")
        for number, example in enumerate(getattr(rule, kind))
        if rule.part is Part.RESPONSE
        and example.part is Part.RESPONSE
        and example.body is None
        and example.status == 200
    ]


@pytest.mark.parametrize("example", cases())
@pytest.mark.parametrize("size", [1, 1000])
def test_the_examples_of_answers_give_the_same_as_streams(example: Example, size: int) -> None:
    whole, stream = compare(example, size)
    assert stream == {found for found in whole if not is_only_whole(*found)}


CALLS = [CALL, {"id": "call_2", "type": "custom", "custom": {"name": "run", "input": "ls"}}]
PLACES: dict[str, st.SearchStrategy[Any]] = {
    "/id": st.sampled_from(["", "x", "chatcmpl-1"]),
    "/created": st.sampled_from([0, 1763700000, 1763700000000]),
    "/model": st.sampled_from(["", "gpt-5.2", "llama"]),
    "/service_tier": st.sampled_from([None, "auto", "default", "flex"]),
    "/choices/0/finish_reason": st.sampled_from(["stop", "length", "tool_calls", "content_filter", "function_call"]),
    "/choices/0/message/content": st.none() | st.text(min_size=1, max_size=30),
    "/choices/0/message/refusal": st.none() | st.text(min_size=1, max_size=10),
    "/choices/0/message/tool_calls": st.lists(st.sampled_from(CALLS), min_size=1, max_size=3),
    "/choices/0/message/function_call": st.just({"name": "f", "arguments": "{"}),
    "/usage": st.fixed_dictionaries(
        {name: st.integers(0, 30) for name in ("prompt_tokens", "completion_tokens", "total_tokens")}
    ),
}


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(PLACES)), st.none(), max_size=5), st.integers(1, 9), st.data())
def test_any_answer_gives_the_same_as_a_stream_however_it_is_cut(
    places: dict[str, None], size: int, data: st.DataObject
) -> None:
    example = response({place: data.draw(PLACES[place], label=place) for place in sorted(places)})
    whole, stream = compare(example, size)
    assert stream == {found for found in whole if not is_only_whole(*found)}
