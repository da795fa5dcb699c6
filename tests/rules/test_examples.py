"""Every rule's examples run: the failing ones find their rule and no other error, the passing ones nothing."""

from functools import cache

import pytest

from chatcontract import Contract
from chatcontract.examples import Example
from chatcontract.model import Rule, Severity
from chatcontract.rules import load


@cache
def contract() -> Contract:
    return Contract.load()


def cases(kind: str) -> list[object]:
    return [
        pytest.param(rule, example, id=f"{rule.code}-{kind}-{number}")
        for rule in load()
        for number, example in enumerate(getattr(rule, kind))
    ]


@pytest.mark.parametrize(("rule", "example"), cases("fails"))
def test_a_failing_example_finds_its_own_rule_and_no_other_error(rule: Rule, example: Example) -> None:
    found = contract().check(example.exchange())
    assert rule.code in {violation.rule for violation in found}
    others = [v for v in found if v.severity is Severity.ERROR and v.rule != rule.code]
    assert not others


@pytest.mark.parametrize(("rule", "example"), cases("passes"))
def test_a_passing_example_finds_neither_its_rule_nor_an_error(rule: Rule, example: Example) -> None:
    found = contract().check(example.exchange())
    assert not [v for v in found if v.rule == rule.code or v.severity is Severity.ERROR]


@pytest.mark.parametrize("rule", [rule for rule in load() if rule.check is not None], ids=lambda rule: rule.code)
def test_every_rule_is_documented_and_exemplified(rule: Rule) -> None:
    assert rule.passes
    assert rule.fails
    assert rule.summary.endswith(".")
    assert "## Why it matters" in rule.doc
    assert "## Known exceptions" in rule.doc
    assert rule.source.startswith("https://")
