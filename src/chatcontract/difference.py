"""What is new in a report, and what is gone, beside an earlier one: violations, verdicts, scores."""

from typing import Any

from chatcontract.digest import ORDER, Group, grouped, key_of
from chatcontract.report import SCHEMA_VERSION, Report

_FACTS = ("tool", "spec", "profile", "target", "model", "summary")
MAX_NAMES = 20
"""Results that are named beside a violation."""


def difference(old: Report, new: Report) -> dict[str, Any]:
    """What changed from the old report to the new one, fit for JSON.

    A violation is the same one where severity, fingerprint and message are, whatever values the message tells.
    """
    before = {key_of(group.first): group for group in grouped(old["results"])}
    after = {key_of(group.first): group for group in grouped(new["results"])}
    return {
        "schema_version": SCHEMA_VERSION,
        "old": _facts(old),
        "new": _facts(new),
        "violations": {
            "new": [_json(group) for key, group in after.items() if key not in before],
            "gone": [_json(group) for key, group in before.items() if key not in after],
            "both": sum(key in before for key in after),
        },
        "verdicts": _verdicts(old, new),
        "scores": _scores(old.get("scores") or {}, new.get("scores") or {}),
    }


def worst(changed: dict[str, Any]) -> str | None:
    """The highest severity among the violations that are new."""
    return min(
        (one["severity"] for one in changed["violations"]["new"]), key=lambda name: ORDER.get(name, 9), default=None
    )


def _facts(report: Report) -> dict[str, Any]:
    return {name: report[name] for name in _FACTS if name in report}


def _json(group: Group) -> dict[str, Any]:
    return {**group.first, "times": group.times, "results": group.results, "in": group.names[:MAX_NAMES]}


def _verdicts(old: Report, new: Report) -> list[dict[str, Any]]:
    """Results of both reports whose verdict is another one; those whose id is not their own are left out."""
    before, after = _by_id(old), _by_id(new)
    return [
        {"id": name, "before": before[name], "after": verdict}
        for name, verdict in after.items()
        if verdict and before.get(name) and before[name] != verdict
    ]


def _by_id(report: Report) -> dict[str, str]:
    found: dict[str, str] = {}
    for result in report["results"]:
        found[result["id"]] = "" if result["id"] in found else result["verdict"]
    return found


def _scores(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    return {
        name: {"before": before[name], "after": after[name]}
        for name in after
        if name in before and before[name] != after[name]
    }
