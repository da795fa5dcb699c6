"""The report as text for people."""

from collections.abc import Iterator
from typing import Any, TextIO

from chatcontract.digest import ORDER, Group, grouped
from chatcontract.redact import printable
from chatcontract.style import Style

MAX_NAMED = 3
"""Exchanges that are named under a violation."""


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
            yield from _block(group, style)
    summary = report["summary"]
    if summary["rules"]:
        yield from _rules_table(report, style)
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
        yield printable(f"{source['name']}: {source['format']}, {records or 'nothing'}")


def _errored(results: list[dict[str, Any]], style: Style) -> Iterator[str]:
    bad = [result for result in results if result["verdict"] == "errored"]
    for result in bad[:20]:
        why = printable(f"{result['origin']}: {result['error'] or ''}")
        yield f"{style('unreadable', 'error')} {why}"
    if len(bad) > 20:
        yield f"… and {len(bad) - 20} more that could not be read"


def _block(group: Group, style: Style) -> Iterator[str]:
    first = group.first
    chunk = "" if first["chunk"] is None else f", chunk {first['chunk']}"
    yield ""
    severity = style(first["severity"], first["severity"])
    yield f"{style(first['rule'] + ' ' + first['name'], 'strong')}  {severity}, {first['side']}'s fault"
    yield f"  at    {first['part']} {printable(first['pointer']) or '(the whole)'}{chunk}"
    yield f"  what  {printable(first['message'])}"
    if first["value"] is not None:
        yield f"  value {printable(first['value'])}"
    if first.get("hint"):
        yield f"  hint  {printable(first['hint'])}"
    yield style(f"  in    {_where(group)}", "faint")


def _where(group: Group) -> str:
    names = group.names
    shown = printable(", ".join(names[:MAX_NAMED]))
    more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    times = f"; {group.times} times" if group.times > len(names) else ""
    whom = ", ".join(f"{name} {count}" for name, count in group.whom.most_common(4) if name)
    return f"{shown}{more}{times}" + (f" ({printable(whom)})" if whom else "")


def _rules_table(report: dict[str, Any], style: Style) -> Iterator[str]:
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
        yield f"{printable(whom)[:38] or '(unknown)':38} {_counts(counts)} {counts['results']:>11}"


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
