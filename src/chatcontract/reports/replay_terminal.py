"""The report of a replay as text for people: violations, each new or known, then drift, then what was not judged."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import Any, TextIO

from chatcontract.digest import Key, drifted, grouped, is_clean, key_of
from chatcontract.redact import one_line
from chatcontract.reports.terminal import block, rules_table
from chatcontract.style import Style

MAX_NAMED = 3
"""Exchanges that are named under a change or a reason."""
MAX_CHANGES = 60
MAX_REASONS = 40


def render(report: dict[str, Any], out: TextIO, *, colour: bool = False, verbose: bool = False, **_: Any) -> None:
    """Write the report.

    Args:
        report: the report of a replay.
        out: where to write.
        colour: use terminal colours.
        verbose: show violations of severity info, and all drift.
    """
    for line in _lines(report, Style(colour), verbose):
        out.write(line + "\n")


def _lines(report: dict[str, Any], style: Style, verbose: bool) -> Iterator[str]:
    replay = report["replay"]
    yield f"{style(one_line(str(report['target'])), 'strong')}  {style(_facts(report), 'faint')}"
    results = report["results"]
    compared = _compared(results)
    for group in grouped(results):
        if verbose or group.first["severity"] != "info":
            yield from block(group, style)
            yield from _was(compared[key_of(group.first)], style)
    if report["summary"]["rules"]:
        yield from rules_table(report, style)
    yield from _drift(results, style, None if verbose else MAX_CHANGES)
    yield from _reasons(results, style)
    yield ""
    yield from (style(one_line(note), "warning" if replay["stopped"] else "faint") for note in report["notes"])
    yield _verdict(report, style)
    if not verbose and report["summary"]["violations"]["info"]:
        yield style("  (show those of severity info in full with -v)", "faint")


def _facts(report: dict[str, Any]) -> str:
    replay = report["replay"]
    told = [
        f"{replay['chosen']} recorded requests", f"{report['requests']} sent in {report['duration']:.1f} s",
        f"{replay['waits']} waits for it" if replay["waits"] else "", report.get("model") or "",
    ]  # fmt: skip
    return one_line(" · ".join(fact for fact in told if fact))


def _compared(results: Iterable[dict[str, Any]]) -> defaultdict[Key, Counter[str]]:
    """How often each violation is new, or in the recording as well."""
    found: defaultdict[Key, Counter[str]] = defaultdict(Counter)
    for result in results:
        for violation in result["violations"]:
            found[key_of(violation)][violation.get("compared") or ""] += 1
    return found


def _was(counts: Counter[str], style: Style) -> Iterator[str]:
    told = {"new": "not in the recorded answer", "both": "in the recorded answer as well"}
    words = [f"{counts[word]} {text}" for word, text in told.items() if counts[word]]
    if words:
        yield style(f"  was   {', '.join(words)}", "faint")


def _drift(results: Iterable[dict[str, Any]], style: Style, limit: int | None) -> Iterator[str]:
    changes = drifted(results)
    if changes:
        yield from ("", style("drift: what changed in shape since the recording", "strong"))
    for one, names, count in changes[:limit]:
        kind = style(f"{one_line(one['kind']):22}", one["severity"])
        place = one_line(one["pointer"]) or "(the whole)"
        yield f"  {kind} {place}: {one_line(one['before'])} → {one_line(one['after'])}"
        yield style(f"  {'':22} in {_named(names, count)}", "faint")
    if limit is not None and len(changes) > limit:
        yield f"  … and {len(changes) - limit} changes more (-v shows them)"


def _reasons(results: Iterable[dict[str, Any]], style: Style) -> Iterator[str]:
    """Why requests have no verdict; those of one reason together."""
    told: dict[tuple[str, str], list[str]] = {}
    counts: Counter[tuple[str, str]] = Counter()
    for result in results:
        if result["verdict"] in ("errored", "skipped"):
            key = result["verdict"], str(result["reason"] or "")
            counts[key] += 1
            if counts[key] <= MAX_NAMED and len(told) <= MAX_REASONS:
                told.setdefault(key, []).append(result["id"])
    if told:
        yield from ("", style("not judged", "strong"))
    for (verdict, why), names in list(told.items())[:MAX_REASONS]:
        kind = style(f"{verdict:8}", "error" if verdict == "errored" else "faint")
        yield f"  {kind} {_named(names, counts[verdict, why])}: {one_line(why)}"
    if len(counts) > MAX_REASONS:
        yield f"  … and {len(counts) - MAX_REASONS} reasons more"


def _named(names: list[str], count: int) -> str:
    more = f" and {count - MAX_NAMED} more" if count > MAX_NAMED else ""
    return one_line(", ".join(names[:MAX_NAMED])) + more


def _verdict(report: dict[str, Any], style: Style) -> str:
    """The outcome in one line; the requests are not the target's fault, and are told apart."""
    summary = report["summary"]
    good = is_clean(report) and not report["replay"]["stopped"]
    word = style("clean" if good else "not clean", "good" if good else "error")
    counted = ", ".join(f"{count} {verdict}" for verdict, count in summary["results"].items() if count)
    compared, sides = summary["compared"], summary["sides"]
    answers = f"{sides['server']} violations of answers ({compared['new']} new, {compared['gone']} gone)"
    times = sum(counts["times"] for counts in summary["drift"].values())
    stopped = "; interrupted" if report["interrupted"] else ""
    return (f"{word}: {sum(summary['results'].values())} recorded ({counted or 'nothing'}); {answers}, "
            f"{sides['client']} of requests; {times} changes in shape{stopped}")  # fmt: skip
