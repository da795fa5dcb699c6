"""The report as text for people."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TextIO

from chatcontract.digest import ORDER, Group, grouped
from chatcontract.redact import one_line
from chatcontract.style import Style

MAX_NAMED = 3
"""Exchanges that are named under a violation."""
MAX_BESIDE = 8
"""Kinds of what is beside chat that are named."""
MAX_UNREADABLE = 20
"""Records that could not be read and are named."""


def render(report: dict[str, Any], out: TextIO, *, colour: bool = False, verbose: bool = False, **_: Any) -> None:
    """Write the report: one block a violation, then tables by rule and by provider or host.

    Args:
        report: the canonical report.
        out: where to write.
        colour: use terminal colours.
        verbose: show violations of severity info in full too.
    """
    style = Style(colour)
    for line in _lines(report, style, verbose):
        out.write(line + "\n")


def _lines(report: dict[str, Any], style: Style, verbose: bool) -> Iterator[str]:
    yield from _sources(report)
    yield from _errored(report["results"], style)
    groups = grouped(report["results"])
    for group in groups:
        if verbose or group.first["severity"] != "info":
            yield from block(group, style)
    summary = report["summary"]
    if summary["rules"]:
        yield from rules_table(report, style)
        yield from _targets_table(summary["targets"], style)
    yield ""
    yield _verdict(summary, style)
    if not verbose and summary["violations"]["info"]:
        yield style("  (show those of severity info in full with -v)", "faint")


def _sources(report: dict[str, Any]) -> Iterator[str]:
    for source in report.get("sources", ()):
        if source["format"] is None:
            continue
        records = ", ".join(f"{count} × {form}" for form, count in source["records"].items())
        other = beside(source.get("passed_over") or {})
        told = [records] if records else [] if other else ["nothing"]
        yield one_line(f"{source['name']}: " + ", ".join([source["format"], *told]) + (other and f"; beside: {other}"))


def beside(counts: Mapping[str, int]) -> str:
    """What a recording holds beside chat, in words.

    >>> beside({"GET /v1/models": 3})
    '3 × GET /v1/models'
    """
    told = [f"{count} × {name}" for name, count in list(counts.items())[:MAX_BESIDE]]
    more = sum(list(counts.values())[MAX_BESIDE:])
    return ", ".join(told) + (f" and {more} more" if more else "")


def _errored(results: Iterable[dict[str, Any]], style: Style) -> Iterator[str]:
    bad = 0
    for result in results:
        bad += result["verdict"] == "errored"
        if result["verdict"] == "errored" and bad <= MAX_UNREADABLE:
            why = one_line(f"{result['origin']}: {result['error'] or ''}")
            yield f"{style('unreadable', 'error')} {why}"
    if bad > MAX_UNREADABLE:
        yield f"… and {bad - MAX_UNREADABLE} more that could not be read"


def block(group: Group, style: Style) -> Iterator[str]:
    """A violation with its place, its value and where it was met."""
    first = group.first
    chunk = "" if first["chunk"] is None else f", chunk {first['chunk']}"
    yield ""
    severity = style(first["severity"], first["severity"])
    yield f"{style(first['rule'] + ' ' + first['name'], 'strong')}  {severity}, {first['side']}'s fault"
    yield f"  at    {first['part']} {one_line(first['pointer']) or '(the whole)'}{chunk}"
    yield f"  what  {one_line(first['message'])}"
    if first["value"] is not None:
        yield f"  value {one_line(first['value'])}"
    if first.get("hint"):
        yield f"  hint  {one_line(first['hint'])}"
    yield style(f"  in    {_where(group)}", "faint")


def _where(group: Group) -> str:
    names = group.names
    shown = one_line(", ".join(names[:MAX_NAMED]))
    more = f" and {group.results - MAX_NAMED} more" if group.results > MAX_NAMED else ""
    times = f"; {group.times} times" if group.times > group.results else ""
    whom = ", ".join(f"{name} {count}" for name, count in group.whom.most_common(4) if name)
    return f"{shown}{more}{times}" + (f" ({one_line(whom)})" if whom else "")


def rules_table(report: dict[str, Any], style: Style) -> Iterator[str]:
    """A line for each rule that found something."""
    yield ""
    yield style(f"{'rule':38} {'error':>8} {'warning':>8} {'info':>8} {'in results':>11}", "strong")
    for code, counts in report["summary"]["rules"].items():
        name = f"{code} {report['rules'][code]['name']}" if code in report["rules"] else code
        yield f"{name:38} {_counts(counts)} {counts['results']:>11}"


def _targets_table(targets: dict[str, dict[str, int]], style: Style) -> Iterator[str]:
    if set(targets) == {""}:
        return
    yield ""
    yield style(f"{'provider or host':38} {'error':>8} {'warning':>8} {'info':>8} {'results':>11}", "strong")
    for whom, counts in sorted(targets.items(), key=lambda item: -item[1]["results"]):
        yield f"{one_line(whom)[:38] or '(unknown)':38} {_counts(counts)} {counts['results']:>11}"


def _counts(counts: dict[str, int]) -> str:
    return " ".join(f"{counts.get(severity, 0):>8}" for severity in ORDER)


def _verdict(summary: dict[str, Any], style: Style) -> str:
    results, found = summary["results"], summary["violations"]
    total = sum(results.values())
    if not total:
        return style("Nothing was found to check.", "error")
    counted = ", ".join(f"{count} {verdict}" for verdict, count in results.items() if count)
    kinds = ", ".join(f"{count} {severity}" for severity, count in found.items() if count) or "no violation"
    good = not results["failed"] and not results["errored"]
    word = style("clean" if good else "not clean", "good" if good else "error")
    return f"{word}: {total} checked ({counted}); {kinds}"
