"""What a rule needs is no more than a shortcut: without it the rule has nothing to say."""

from functools import cache

import pytest

from chatcontract import Contract
from chatcontract.model import Part, Rule
from chatcontract.reading import TRAITS, Reading
from chatcontract.rules import load

NEEDY = [rule for rule in load() if rule.needs]


@cache
def readings() -> list[Reading]:
    examples = [
        example for rule in load() for example in (*rule.passes, *rule.fails) if example.part is not Part.REQUEST
    ]
    return [Reading(example.exchange()) for example in examples]


@pytest.mark.parametrize("rule", NEEDY, ids=lambda rule: rule.code)
def test_a_rule_says_nothing_of_a_reading_without_what_it_needs(rule: Rule) -> None:
    assert rule.check is not None
    assert rule.needs <= TRAITS.keys()
    lacking = [reading for reading in readings() if not rule.needs <= reading.traits and reading.completion]
    assert lacking
    for reading in lacking:
        assert not list(rule.check(reading, Contract.load()._view))


def test_every_trait_is_needed_and_met() -> None:
    assert {trait for rule in NEEDY for trait in rule.needs} == set(TRAITS)
    assert {trait for reading in readings() for trait in reading.traits} == set(TRAITS)
