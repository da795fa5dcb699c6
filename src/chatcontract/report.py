"""Results → the canonical JSON report, which everything that is shown or written renders from.

Its JSON Schema is `docs/report.schema.json`.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import IO, Any

from chatcontract.model import Result, Rule, Severity, Verdict, Violation

SCHEMA_VERSION = "1.0"
SEVERITIES: tuple[Severity, ...] = (Severity.ERROR, Severity.WARNING, Severity.INFO)
Report = dict[str, Any]
"""The report as plain dicts and lists, ready to be written as JSON."""
MAX_KEPT = 5000
"""Results that are kept in memory; those of a longer run lie in a temporary file."""


class Results:
    """Results in their order: a list that lies on the disk once it is long. It is read as often as needed."""

    def __init__(self) -> None:
        self._kept: list[Report] = []
        self._file: IO[bytes] | None = None
        self._count = 0

    def append(self, result: Report) -> None:
        """Add one at the end."""
        self._count += 1
        if self._file is None and self._count > MAX_KEPT:
            import tempfile

            self._file = tempfile.TemporaryFile(prefix="chatcontract-")  # noqa: SIM115 - ends with this object
            for kept in self._kept:
                self._file.write(_written(kept))
            self._kept = []
        if self._file is None:
            self._kept.append(result)
        else:
            self._file.write(_written(result))

    def value(self) -> "list[Report] | Results":
        """What a report holds: a plain list as long as it is one."""
        return self._kept if self._file is None else self

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Report]:
        if self._file is None:
            yield from self._kept
            return
        place = 0
        while True:
            self._file.seek(place)
            lines = self._file.readlines(2**20)
            if not lines:
                return
            place = self._file.tell()
            yield from map(json.loads, lines)

    def __del__(self) -> None:
        if self._file is not None:
            self._file.close()


def _written(result: Report) -> bytes:
    return json.dumps(result, separators=(",", ":")).encode() + b"\n"


class Collector:
    """Adds up results as they come, and makes the report of them at any time.

    Args:
        head: what every report of the run says first.
        rule_of: gives the rule of a code.
        keep: whether the report is to have the results, not their sums alone.
    """

    def __init__(self, head: Mapping[str, Any], rule_of: Callable[[str], Rule], *, keep: bool = True) -> None:
        self._head = head
        self._rule_of = rule_of
        self._keep = keep
        self._results = Results()
        self._verdicts: Counter[str] = Counter()
        self._severities: Counter[str] = Counter()
        self._sides: Counter[str] = Counter()
        self._by_rule: dict[str, Counter[str]] = {}
        self._by_whom: dict[str, Counter[str]] = {}

    def add(self, result: Result, dress: Callable[[Report], None] | None = None) -> Report:
        """Count a result; returns its JSON form, to which `dress` has added what only its run knows."""
        self._verdicts[result.verdict] += 1
        whom = self._by_whom.setdefault(result.provider or result.host or "", Counter())
        whom["results"] += 1
        for violation in result.violations:
            self._severities[violation.severity] += 1
            self._sides[violation.side] += 1
            whom[violation.severity] += 1
            self._by_rule.setdefault(violation.rule, Counter())[violation.severity] += 1
        for code in {violation.rule for violation in result.violations}:
            self._by_rule[code]["results"] += 1
        made = result_json(result)
        if dress is not None:
            dress(made)
        if self._keep:
            self._results.append(made)
        return made

    def worst(self) -> Severity | None:
        """The highest severity met so far."""
        return next((severity for severity in SEVERITIES if self._severities[severity]), None)

    def count(self, verdict: Verdict) -> int:
        """How many results had that verdict."""
        return self._verdicts[verdict]

    def summary(self) -> Report:
        """What `summary` of the report holds."""
        return {
            "results": {verdict.value: self._verdicts[verdict] for verdict in Verdict},
            "violations": {severity.value: self._severities[severity] for severity in SEVERITIES},
            "sides": {side: self._sides[side] for side in ("client", "server")},
            "rules": {code: dict(self._by_rule[code]) for code in sorted(self._by_rule)},
            "targets": {whom: dict(counts) for whom, counts in sorted(self._by_whom.items())},
        }

    def report(self, **members: Any) -> Report:
        """The whole report; `members` stand beside those that every report has."""
        rules = {code: rule_json(self._rule_of(code)) for code in sorted(self._by_rule)}
        return {
            "schema_version": SCHEMA_VERSION, **self._head, **members,
            "rules": rules, "results": self._results.value(), "summary": self.summary(),
        }  # fmt: skip


def rule_json(rule: Rule) -> Report:
    """What the report says of a rule."""
    return {
        "name": rule.name, "section": rule.section, "summary": rule.summary, "severity": rule.severity.value,
        "basis": rule.basis.value, "source": rule.source, "anchor": rule.anchor,
        "breaks": [{"client": broken.client, "effect": broken.effect} for broken in rule.breaks],
    }  # fmt: skip


def result_json(result: Result) -> Report:
    """The JSON form of a result."""
    return {
        "id": result.id, "origin": result.origin, "provider": result.provider, "host": result.host,
        "probe": result.probe, "verdict": result.verdict.value, "elapsed": result.elapsed, "error": result.error,
        "violations": [violation_json(violation) for violation in result.violations],
    }  # fmt: skip


def violation_json(violation: Violation) -> Report:
    """The JSON form of a violation."""
    return {
        "rule": violation.rule, "name": violation.name, "severity": violation.severity.value,
        "basis": violation.basis.value, "side": violation.side, "part": violation.part.value,
        "pointer": violation.pointer, "chunk": violation.chunk, "message": violation.message,
        "value": violation.value or None, "hint": violation.hint or None, "fingerprint": violation.fingerprint,
    }  # fmt: skip
