"""What a report says, said once: violations grouped by their place, worst first.

Works on the JSON form alone, so that a report renders on a machine that has nothing else.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

from chatcontract.model import SECTIONS

ORDER = {"error": 0, "warning": 1, "info": 2}
"""Severities, the worst first."""


class Group(NamedTuple):
    """The same violation met in several places; `first` is the first of them, in the result `result`.

    `places` are pairs of a result's id and the position of a chunk; `times` is how often it was met, which an audit
    may know better than the places that it names.
    """

    first: dict[str, Any]
    result: dict[str, Any]
    places: list[tuple[str, int | None]]
    whom: Counter[str]
    times: int

    @property
    def names(self) -> list[str]:
        """The ids of the results, each once."""
        return list(dict.fromkeys(name for name, _ in self.places))


def grouped(results: Iterable[dict[str, Any]]) -> list[Group]:
    """The violations of results, one group for each severity and fingerprint, worst and most frequent first."""
    groups: dict[tuple[str, str], Group] = {}
    for result in results:
        for violation in result["violations"]:
            key = violation["severity"], violation["fingerprint"]
            group = groups.get(key) or Group(violation, result, [], Counter(), 0)
            group.places.append((result["id"], violation["chunk"]))
            group.whom[result.get("provider") or result.get("host") or ""] += 1
            times = max(group.times, violation.get("occurrences") or 0)
            groups[key] = group._replace(times=times)
    made = [group._replace(times=max(group.times, len(group.places))) for group in groups.values()]
    return sorted(made, key=lambda group: (ORDER[group.first["severity"]], group.first["rule"], -group.times))


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
    """Whether results were checked, and none of them failed or could not be."""
    counts = report["summary"]["results"]
    return bool(sum(counts.values())) and not counts.get("failed") and not counts.get("errored")
