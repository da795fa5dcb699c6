"""A second fault never hides the first: two faults in one payload are both reported.

Examples of rules are put together in pairs. A finding may be missing only where the other example changes
a place that the rule looks at, for then the fault may be gone; where a rule looks is recorded while it runs.
"""

from collections.abc import Iterator
from functools import cache
from itertools import combinations
from typing import Any

import pytest

from chatcontract import Contract
from chatcontract.declare import SpecView
from chatcontract.examples import GONE, Changes, Example, Insert
from chatcontract.model import Part, Rule
from chatcontract.reading import Reading, Text
from chatcontract.rules import load

SHAPES: dict[Part, dict[str, Any]] = {
    Part.REQUEST: {"/seed": "x", "/user": 5, "/top_p": 9, "/metadata": []},
    Part.RESPONSE: {
        "/created": "now",
        "/service_tier": "gold",
        "/system_fingerprint": 5,
        "/choices/0/index": -1,
    },
    Part.STREAM: {
        "/0/service_tier": "gold",
        "/3/created": "now",
        "/2/choices/0/index": "0",
        "/1/object": "chunk",
    },
    Part.ERROR: {"/error/param": 5, "/error/type": None},
}
GONE_FROM_STREAMS = {
    "arguments-told-again": "the arguments do not come to an end before an error event",
    "audio-expiry-missing": "none is promised without a finish_reason, which another example takes away",
    "chunk-after-error": "another example leaves no choices after the error",
    "custom-call-without-input": "an error event excuses it",
    "finish-missing": "an error event excuses it, and another example gives a finish_reason",
    "finish-with-content": "another example takes the finish_reason away",
    "logprobs-interrupted": "the text gives way to a call or to an error event",
    "role-missing": "another example tells the role later",
    "role-repeated": "another example takes the first role away",
    "text-sent-again": "the text gives way to an error event",
}
PARTS = (Part.REQUEST, Part.RESPONSE, Part.STREAM, Part.ERROR)


@cache
def contract() -> Contract:
    return Contract.load()


def codes(example: Example) -> set[str]:
    return {violation.rule for violation in contract().check(example.exchange())}


class Watched:
    """Notes the places that are looked at."""

    def __init__(self) -> None:
        self.seen: set[str] = set()

    def watched(self, value: Any, place: str = "") -> Any:
        watch = self

        class Members(dict[str, Any]):
            def get(self, name: str, default: Any = None) -> Any:
                watch.seen.add(f"{place}/{name}")
                return super().get(name, default)

            def __getitem__(self, name: str) -> Any:
                watch.seen.add(f"{place}/{name}")
                return super().__getitem__(name)

            def __contains__(self, name: object) -> bool:
                watch.seen.add(f"{place}/{name}")
                return super().__contains__(name)

            def __iter__(self) -> Iterator[str]:
                watch.seen.add(place)
                return super().__iter__()

            def items(self) -> Any:
                watch.seen.add(place)
                return super().items()

            def values(self) -> Any:
                watch.seen.add(place)
                return super().values()

            def keys(self) -> Any:
                watch.seen.add(place)
                return super().keys()

        if isinstance(value, dict):
            return Members({name: self.watched(member, f"{place}/{name}") for name, member in value.items()})
        if isinstance(value, list):
            return [self.watched(item, f"{place}/{at}") for at, item in enumerate(value)]
        return value


def looked_at(rule: Rule, example: Example) -> tuple[set[str], set[str]]:
    """The places of request and payload that a rule looks at; none of a stream, which is folded first."""
    asked, told = Watched(), Watched()
    exchange = example.exchange()
    plain = Reading(exchange)
    request = Text(asked.watched(plain.request.value))
    if example.part is Part.STREAM:
        reading = Reading(exchange, request=request)
    else:
        reading = Reading(exchange, request=request, answer=Text(told.watched(plain.answer.value)))
        reading.kind = plain.kind
    assert rule.check is not None
    list(rule.check(reading, SpecView("openai", {})))
    return asked.seen, asked.seen if example.part is Part.REQUEST else told.seen


def meet(places: set[str] | Changes, others: set[str] | Changes) -> bool:
    return any(f"{a}/".startswith(f"{b}/") or f"{b}/".startswith(f"{a}/") for a in places for b in others)


def moves_items(changes: Changes) -> bool:
    """Whether other pointers may lead elsewhere after the changes."""
    return any(
        isinstance(value, Insert) or place.endswith("/-") or (value is GONE and place[-1].isdecimal())
        for place, value in changes.items()
    )


def is_plain(example: Example) -> bool:
    """Whether the example is nothing but changes of the payload and its request."""
    whole = example.body is None and not example.headers and not example.arrivals
    return whole and not moves_items(example.changes) and not moves_items(example.request or {})


def examples(part: Part) -> list[tuple[Rule, Example]]:
    """One example of each rule that has a plain one."""
    found = [(rule, example) for rule in load() for example in rule.fails if example.part is part]
    return list({rule.code: (rule, example) for rule, example in found if is_plain(example)}.values())


def both(one: Example, other: Example) -> Example | None:
    """The example with the faults of two, unless they change the same place."""
    asked, more = one.request, other.request
    if one.status != other.status or (asked is None) is not (more is None):
        return None
    if meet(one.changes, other.changes) or meet(asked or {}, more or {}):
        return None
    request = None if asked is None else {**asked, **(more or {})}
    return one._replace(changes={**one.changes, **other.changes}, request=request)


def is_undone(rule: Rule, example: Example, other: Example) -> bool:
    """Whether the other example changes what the rule looks at."""
    if example.part is Part.STREAM and rule.name in GONE_FROM_STREAMS:
        return True
    asked, told = looked_at(rule, example)
    return meet(told, other.changes) or meet(asked, other.request or {})


@pytest.mark.parametrize("part", PARTS)
def test_two_faults_are_both_reported(part: Part) -> None:
    hidden, reported = [], 0
    for (one, first), (other, second) in combinations(examples(part), 2):
        example = both(first, second)
        if example is None:
            continue
        lost = {one.code, other.code} - codes(example)
        reported += not lost
        hidden += [(one.name, other.name) for code in lost if code == one.code and not is_undone(one, first, second)]
        hidden += [
            (other.name, one.name) for code in lost if code == other.code and not is_undone(other, second, first)
        ]
    assert not hidden
    assert reported > {Part.REQUEST: 100, Part.RESPONSE: 100, Part.STREAM: 100}.get(part, 0)


@pytest.mark.parametrize("part", PARTS)
def test_a_fault_of_shape_hides_no_rule_and_no_rule_hides_it(part: Part) -> None:
    hidden = []
    for rule, example in examples(part):
        for place, value in SHAPES[part].items():
            if meet(example.changes, {place: value}):
                continue
            found = codes(example._replace(changes={**example.changes, place: value}))
            undone = part is not Part.STREAM and meet(looked_at(rule, example)[1], {place: value})
            hidden += [(rule.name, place)] if "CC001" not in found and "CC002" not in found else []
            hidden += [(place, rule.name)] if rule.code not in found and not undone else []
    assert not hidden
