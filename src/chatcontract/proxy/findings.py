"""What a long run found, in bounded memory: sums of everything, one example of each kind of violation."""

from typing import Any

from chatcontract import rules
from chatcontract.digest import Key, key_of
from chatcontract.model import Result, Verdict
from chatcontract.report import Collector, Report

MAX_KINDS = 2000
"""Kinds of violations that are kept with an example."""
MAX_NAMES = 20
"""Exchanges that are named at one kind."""
MAX_ERRORED = 100
"""Exchanges without a whole answer that are kept."""


class Findings:
    """Adds results up.

    Args:
        head: what the report says first.
    """

    def __init__(self, head: Report) -> None:
        self._collector = Collector(head, rules.get, keep=False)
        self._kinds: dict[Key, dict[str, Any]] = {}
        self._results: list[Report] = []
        self._errored = 0

    def add(self, result: Result) -> list[tuple[dict[str, Any], int]]:
        """Count a result; returns its violations in their JSON form, each with how often its kind was met by now."""
        made = self._collector.add(result)
        counted = [self._count(violation, result.id) for violation in made["violations"]]
        new = [violation for violation, times in counted if times == 1]
        if result.verdict is Verdict.ERRORED:
            self._errored += 1
        if new or (result.verdict is Verdict.ERRORED and self._errored <= MAX_ERRORED):
            self._results.append({**made, "violations": new})
        return counted

    def _count(self, violation: dict[str, Any], name: str) -> tuple[dict[str, Any], int]:
        key = key_of(violation)
        known = self._kinds.get(key)
        if known is None and len(self._kinds) >= MAX_KINDS:
            return violation, 0
        if known is None:
            known = self._kinds[key] = violation
            known.update(occurrences=0, seen_in=[])
        known["occurrences"] += 1
        if len(known["seen_in"]) < MAX_NAMES and name not in known["seen_in"]:
            known["seen_in"].append(name)
        return violation, known["occurrences"]

    @property
    def collector(self) -> Collector:
        """The sums."""
        return self._collector

    def report(self, **members: Any) -> Report:
        """The report: `results` holds those in which a kind of violation was met first."""
        return {**self._collector.report(**members), "results": self._results}
