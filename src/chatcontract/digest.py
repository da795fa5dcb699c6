"""What a report says, said once: violations grouped by their place, worst first.

Works on the JSON form alone, so that a report renders on a machine that has nothing else.
"""

import re
from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

from chatcontract.model import SECTIONS
from chatcontract.patterns import pattern

ORDER = {"error": 0, "warning": 1, "info": 2}
"""Severities, the worst first."""
SCORES = {
    "conformance": "what every server must do, in answers without an error",
    "strictness": "what it should do",
    "robustness": "broken requests that are refused",
    "coverage": "probes with a verdict, of the catalogue",
}
"""The scores of an audit, and what each counts."""
FIRST_NAMES = 5
MAX_NAMES = 10_000
"""Results that a group names."""
_GOT = pattern(r", got .*", re.S)
_QUOTED = pattern(r"\"[^\"]*\"|'[^']*'|`[^`]*`")
_NUMBERS = pattern(r"[0-9]+")


class Group(NamedTuple):
    """The same violation met in several places; `first` is the first of them, in the result `result`.

    `names` are the results that have it, each once, MAX_NAMES at most; `results` counts all of them, and `times`
    how often it was met.
    """

    first: dict[str, Any]
    result: dict[str, Any]
    names: list[str]
    whom: Counter[str]
    times: int
    results: int


Key = tuple[str, str, str]


def key_of(violation: dict[str, Any]) -> Key:
    """What violations that are shown as one share: severity, fingerprint, the message without its values.

    >>> one = {"rule": "CC001", "severity": "error", "fingerprint": "f", "message": 'expected "a", got 7'}
    >>> key_of(one) == key_of({**one, "message": 'expected "a", got "b"'})
    True
    """
    message = _GOT.sub("", violation["message"])
    if not violation["rule"].startswith("CC0"):
        message = _QUOTED.sub("", message)
    return violation["severity"], violation["fingerprint"], _NUMBERS.sub("0", message)


def grouped(results: Iterable[dict[str, Any]]) -> list[Group]:
    """One group for each kind of violation, the worst and most frequent first."""
    met: dict[Key, _Gathered] = {}
    for result in results:
        for violation in result["violations"]:
            met.setdefault(key_of(violation), _Gathered(violation, result)).add(violation, result)
    made = [gathered.group() for gathered in met.values()]
    return sorted(made, key=lambda group: (ORDER.get(group.first["severity"], 3), group.first["rule"], -group.times))


class _Gathered:
    """A group in the making; its size does not grow with the results beyond MAX_NAMES."""

    def __init__(self, first: dict[str, Any], result: dict[str, Any]) -> None:
        self._first, self._result = first, result
        self._names: dict[str, None] = {}
        self._whom: Counter[str] = Counter()
        self._times = self._more = 0
        self._last = ""

    def add(self, violation: dict[str, Any], result: dict[str, Any]) -> None:
        self._whom[result.get("provider") or result.get("host") or ""] += 1
        self._times += violation.get("occurrences") or 1
        for name in violation.get("seen_in") or (result["id"],):
            if name in self._names or name == self._last:
                continue
            self._last = name
            if len(self._names) < MAX_NAMES:
                self._names[name] = None
            else:
                self._more += 1

    def group(self) -> Group:
        names = list(self._names)
        return Group(self._first, self._result, names, self._whom, self._times, len(names) + self._more)


class Change(NamedTuple):
    """The same change in shape between recordings and their replays: what it is, and where it was met.

    `names` are the first results that have it, FIRST_NAMES at most; `results` counts all of them.
    """

    drift: dict[str, Any]
    names: list[str]
    results: int


def drifted(results: Iterable[dict[str, Any]]) -> list[Change]:
    """Every change once, the worst and most frequent first."""
    met: dict[tuple[str, ...], Change] = {}
    for result in results:
        for one in result.get("drift") or ():
            key = tuple(str(one[name]) for name in ("kind", "pointer", "before", "after"))
            change = met.get(key, Change(one, [], 0))
            met[key] = Change(change.drift, [*change.names, result["id"]][:FIRST_NAMES], change.results + 1)
    return sorted(met.values(), key=lambda change: (ORDER.get(change.drift["severity"], 3), -change.results))


def by_section(names: Iterable[str]) -> list[str]:
    """Names of sections, each once, in the order in which they are shown.

    >>> by_section(["tools", "zebra", "shape", "tools"])
    ['shape', 'tools', 'zebra']
    """
    found, known = set(names), list(SECTIONS.values())
    return [name for name in known if name in found] + sorted(found.difference(known))


def section_of(code: str, rules: dict[str, dict[str, Any]]) -> str:
    """The section of a rule; "other" where the report does not tell."""
    return str(rules.get(code, {}).get("section") or "other")


def is_clean(report: dict[str, Any]) -> bool:
    """Whether results were checked, and none of them failed or could not be; of a fuzzing run, to its end."""
    counts = report["summary"]["results"]
    is_good = bool(sum(counts.values())) and not counts.get("failed") and not counts.get("errored")
    return is_good and not was_cut_short(report)


COVERAGE = {
    "request": "branches of requests",
    "values": "enumerated values",
    "response": "branches of responses",
    "chunk": "branches of chunks",
    "answer_rules": "rules of answers",
    "broken_rules": "rules broken",
    "broken_pointers": "places broken",
}
"""What the coverage of a fuzzing run counts, in words."""


UNHEARD = frozenset(("lost", "busy", "locked", "not asked"))
"""What became of requests of a fuzzing run that tell nothing of the target."""


def is_fuzzing(report: dict[str, Any]) -> bool:
    """Whether a fuzzing run made the report."""
    return "outcomes" in report


def was_judged(report: dict[str, Any]) -> bool:
    """Whether any request of a fuzzing run was answered, so that something could be found; true of other reports."""
    return not is_fuzzing(report) or bool(set(tally(report)[1]) - UNHEARD)


def was_cut_short(report: dict[str, Any]) -> bool:
    """Whether a fuzzing run ended before its plan and its budget did; false of other reports."""
    return is_fuzzing(report) and bool(
        report.get("interrupted") or "budget" not in (report.get("stopped") or "budget") or not was_judged(report)
    )


def standing(report: dict[str, Any]) -> str:
    """What a report comes to, in words: `clean`, `not clean`, or why that cannot be said of a fuzzing run.

    >>> standing({"summary": {"results": {"skipped": 1}}, "outcomes": {"positive": {}}, "stopped": "status 401"})
    'not judged'
    """
    failed = report["summary"]["results"].get("failed")
    if was_cut_short(report) and not failed:
        return "incomplete" if was_judged(report) else "not judged"
    return "clean" if is_clean(report) else "not clean"


def deed(report: dict[str, Any]) -> str:
    """What was done to the target, in words before its name.

    >>> deed({"replay": {}}), deed({"outcomes": {}}), deed({"probes": {}})
    ('replay against', 'fuzzing of', 'audit of')
    """
    return "replay against" if "replay" in report else "fuzzing of" if is_fuzzing(report) else "audit of"


def tally(report: dict[str, Any]) -> tuple[str, dict[str, int]]:
    """What was judged, as a noun, and how many of it came to what."""
    if is_fuzzing(report):
        states: Counter[str] = Counter()
        for counts in report["outcomes"].values():
            states.update(counts)
        return "generated requests", dict(sorted(states.items()))
    return "probes" if report.get("probes") else "checked", report["summary"]["results"]


def figures(report: dict[str, Any]) -> dict[str, dict[str, int]]:
    """The fractions that a report is summed up in: the scores of an audit, the coverage of a fuzzing run."""
    reached = report.get("coverage") or {}
    shares = {
        title: {"passed": reached[name]["reached"], "of": reached[name]["total"]}
        for name, title in COVERAGE.items() if name in reached
    }  # fmt: skip
    return report.get("scores") or shares
