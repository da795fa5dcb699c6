"""What a report says, said once: violations grouped by their place, worst first.

Works on the JSON form alone, so that a report renders on a machine that has nothing else.
"""

import re
from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

from chatcontract.model import SECTIONS

ORDER = {"error": 0, "warning": 1, "info": 2}
"""Severities, the worst first."""
_GOT = re.compile(r", got .*", re.S)
_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'|`[^`]*`")
_NUMBERS = re.compile(r"[0-9]+")


class Group(NamedTuple):
    """The same violation met in several places; `first` is the first of them, in the result `result`.

    `names` are the results that have it, each once; `times` is how often it was met.
    """

    first: dict[str, Any]
    result: dict[str, Any]
    names: list[str]
    whom: Counter[str]
    times: int


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
    met: dict[Key, list[tuple[dict[str, Any], dict[str, Any]]]] = {}
    for result in results:
        for violation in result["violations"]:
            met.setdefault(key_of(violation), []).append((violation, result))
    made = [_group(places) for places in met.values()]
    return sorted(made, key=lambda group: (ORDER.get(group.first["severity"], 3), group.first["rule"], -group.times))


def _group(places: list[tuple[dict[str, Any], dict[str, Any]]]) -> Group:
    first, result = places[0]
    names = [name for violation, result in places for name in violation.get("seen_in") or [result["id"]]]
    whom = Counter(result.get("provider") or result.get("host") or "" for _, result in places)
    times = sum(violation.get("occurrences") or 1 for violation, _ in places)
    return Group(first, result, list(dict.fromkeys(names)), whom, times)


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
