"""What a fuzzing run has exercised, as fractions of what there is."""

from collections.abc import Collection, Mapping
from typing import Any

from chatcontract import generate
from chatcontract.contract import Contract
from chatcontract.fuzz_cases import Case, Menu, Wish
from chatcontract.generate import Branch, Coverage
from chatcontract.judging import Turn
from chatcontract.model import Part, Rule, starred
from chatcontract.reading import Reading

_OF_REQUESTS = frozenset(
    ("asked", "brought", "enlarged", "instructed", "legacy", "limited", "sampled", "strict", "tangled")
)  # fmt: skip
"""Traits of requests; the others are of answers, most of them of what an answer should not have."""
_PARTS: Mapping[str, tuple[Part, ...]] = {
    "response": (Part.RESPONSE, Part.EXCHANGE),
    "stream": (Part.RESPONSE, Part.CHUNK, Part.STREAM, Part.EXCHANGE),
    "error": (Part.ERROR, Part.EXCHANGE),
    "none": (),
}


class Exercise:
    """Counts what requests and answers of a run have reached.

    Args:
        model: the model that is asked; what its name rules out is not counted.
        wish: which requests the run sends.
        contract: what answers are checked against.
        menu: the requests that it sends.
    """

    def __init__(self, model: str, wish: Wish, contract: Contract, menu: Menu) -> None:
        self._sent = {
            "request": generate.coverage(model=model, without=wish.without),
            "response": Coverage(contract, "response"),
            "chunk": Coverage(contract, "chunk"),
        }
        self._modes = wish.modes
        self._rules = [rule for rule in contract.rules if rule.check is not None and rule.part is not Part.REQUEST]
        self._asked: set[str] = set()
        planned = [case.breach for case in menu.cases if case.breach is not None]
        self._labels = {
            "rules": {rule for rule, _ in menu.breaches} | {one.rule for one in planned},
            "pointers": {starred(pointer) for _, pointer in menu.breaches},
        }
        self._broken: dict[str, set[str]] = {"rules": set(), "pointers": set()}

    def see(self, case: Case, turn: Turn, state: str) -> None:
        """Take in what was sent and what came back."""
        if case.breach is not None:
            self._broken["rules"].add(case.breach.rule)
            self._broken["pointers"].add(starred(case.breach.pointer))
        elif isinstance(turn.reading.asked, dict):
            self._sent["request"].see(turn.reading.asked)
        if state == "answered" and case.breach is None:
            self._see_answer(turn.reading)
        self._asked |= {rule.code for rule in self._rules if _concerns(rule, turn.reading)}

    def _see_answer(self, reading: Reading) -> None:
        answers = [reading.answer] if reading.kind == "response" else []
        chunks = [chunk.text for chunk in reading.chunks] if reading.kind == "stream" else []
        for root, texts in (("response", answers), ("chunk", chunks)):
            for text in texts:
                if isinstance(text.value, dict):
                    self._sent[root].see(text.value)

    def report(self) -> dict[str, Any]:
        """What was reached, each as `reached` of `total` with what was not: fit for JSON.

        `request`, `response` and `chunk` are branches of the schemas, `values` the enumerated values among those of
        requests, `answer_rules` the rules that had an answer to judge, `broken_rules` and `broken_pointers` what
        the breaches broke.
        """
        made: dict[str, Any] = {}
        if "positive" in self._modes:
            made = {name: coverage.report() for name, coverage in self._sent.items()}
            made["values"] = _values(self._sent["request"])
        made["answer_rules"] = _fraction(self._asked, {rule.code for rule in self._rules})
        if "negative" in self._modes:
            for name, wanted in self._labels.items():
                made[f"broken_{name}"] = _fraction(self._broken[name], wanted)
        return made


def _concerns(rule: Rule, reading: Reading) -> bool:
    """Whether the rule had something to judge: a part of the kind, and of the request what it is about."""
    if rule.part not in _PARTS.get(reading.kind, ()):
        return False
    wanted = {need for need in rule.needs if need in _OF_REQUESTS or need.startswith("/")}
    return wanted <= reading.request_traits


def _values(coverage: Coverage) -> dict[str, Any]:
    wanted = {str(branch) for branch in coverage.wanted if _is_value(branch)}
    return _fraction({str(branch) for branch in coverage.seen}, wanted)


def _is_value(branch: Branch) -> bool:
    return branch.kind == "value"


def _fraction(reached: Collection[str], wanted: Collection[str]) -> dict[str, Any]:
    missed = sorted(set(wanted) - set(reached))
    return {"reached": len(set(wanted)) - len(missed), "total": len(set(wanted)), "unreached": missed}
