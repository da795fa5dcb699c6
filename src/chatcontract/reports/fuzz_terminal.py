"""The report of a fuzzing run as text for people."""

from collections.abc import Iterator
from typing import Any, TextIO

from chatcontract.digest import COVERAGE, ORDER, is_clean, standing
from chatcontract.page import counted_noun
from chatcontract.redact import one_line, printable
from chatcontract.style import Style

MAX_SHOWN = 3
"""Findings of one rule and severity that are shown in full."""
MAX_PLACES = 8
"""Places of others that are named."""
MAX_LISTED = 20
"""Unsupported features, and findings that were not seen again, that are named."""
_BAR = 24

Object = dict[str, Any]


def render(report: Object, out: TextIO, *, colour: bool = False, verbose: bool = False, **_: Any) -> None:
    """Write the report: what was sent, findings worst first with their commands, what is unsupported, coverage.

    Args:
        report: the report of a fuzzing run.
        out: where to write.
        colour: use terminal colours.
        verbose: show every finding in full, those of severity info too.
    """
    for line in _lines(report, Style(colour), verbose):
        out.write(line + "\n")


def _lines(report: Object, style: Style, verbose: bool) -> Iterator[str]:
    yield _head(report, style)
    yield ""
    for mode in report.get("outcomes") or {}:
        yield f"{one_line(mode):9} {one_line(_reason_of(report, mode))}"
    for found in _grouped(report["results"]):
        if verbose or found[0]["violations"][0]["severity"] != "info":
            yield from _findings(found, style, len(found) if verbose else MAX_SHOWN)
    yield from _named(report, "skipped", "unsupported: refused cleanly", style)
    yield from _named(report, "inconclusive", "seen once, and not again", style)
    yield from _coverage(report.get("coverage") or {}, style)
    yield from ("", *(one_line(f"note: {note}") for note in report.get("notes") or ()))
    yield _verdict(report, style)


def _head(report: Object, style: Style) -> str:
    facts = [str(report.get("model") or ""), counted_noun("request", report.get("requests", 0))]
    facts += [f"{report.get('shrinking', 0):,} of them to look into findings", f"seed {report.get('seed')}"]
    facts.append(f"{report.get('duration') or 0:.1f} s")
    shown = one_line(" · ".join(fact for fact in facts if fact))
    return f"{style(one_line(str(report.get('target'))), 'strong')}  {style(shown, 'faint')}"


def _reason_of(report: Object, mode: str) -> str:
    return next((str(result.get("reason")) for result in report["results"] if result["id"] == mode), "")


def _grouped(results: list[Object]) -> list[list[Object]]:
    """The findings by rule and severity, the worst first, those of one group by the size of their request."""
    groups: dict[tuple[int, str], list[Object]] = {}
    for result in results:
        for violation in result["violations"]:
            groups.setdefault((ORDER.get(violation["severity"], 3), violation["rule"]), []).append(result)
    return [sorted(groups[key], key=lambda result: result.get("size") or 0) for key in sorted(groups)]


def _findings(found: list[Object], style: Style, most: int) -> Iterator[str]:
    first = found[0]["violations"][0]
    count = f", {len(found)} findings" if len(found) > 1 else ""
    yield ""
    yield f"{style(_name(first), 'strong')}  {style(first['severity'], first['severity'])}{count}"
    for result in found[:most]:
        yield from _finding(result, style)
    if len(found) > most:
        places = list(dict.fromkeys(_place(result) for result in found[most:]))
        more = f" … and {len(places) - MAX_PLACES} more" if len(places) > MAX_PLACES else ""
        yield style(f"  and {len(found) - most} more: {one_line(', '.join(places[:MAX_PLACES]))}{more}", "faint")


def _name(violation: Object) -> str:
    return one_line(f"{violation['rule']} {violation['name']}")


def _place(result: Object) -> str:
    violation = result["violations"][0]
    return violation["pointer"] or ", ".join(result.get("features") or ()) or "(the whole)"


def _finding(result: Object, style: Style) -> Iterator[str]:
    violation = result["violations"][0]
    chunk = "" if violation["chunk"] is None else f", chunk {violation['chunk']}"
    yield f"  at    {violation['part']} {one_line(violation['pointer']) or '(the whole)'}{chunk}"
    yield f"  what  {one_line(violation['message'])}"
    if result.get("features"):
        yield f"  with  {one_line(', '.join(result['features']))}"
    yield style(f"  size  {_effort(result)}", "faint")
    if violation.get("curl"):
        yield style(f"  curl  {printable(violation['curl'])}", "faint")


def _effort(result: Object) -> str:
    size, whole = result.get("size"), result.get("shrunk_from")
    shrunk = f"smallest request {size} bytes" + (f", shrunk from {whole}" if whole != size else "")
    met = f"met {result['times']} times" if result.get("times", 1) > 1 else "met once"
    return f"{shrunk}; {met}, {result.get('confirmed')} ({counted_noun('request', result.get('shrinking') or 0)})"


def _named(report: Object, verdict: str, title: str, style: Style) -> Iterator[str]:
    told = [result for result in report["results"] if result["verdict"] == verdict and result.get("finding")]
    if not told:
        return
    yield from ("", style(title, "strong"))
    for result in told[:MAX_LISTED]:
        reason = str(result.get("reason")).removeprefix("unsupported: ")
        yield f"  {one_line(reason)}"
    if len(told) > MAX_LISTED:
        yield f"  … and {len(told) - MAX_LISTED} more"


def _coverage(coverage: Object, style: Style) -> Iterator[str]:
    if coverage:
        yield from ("", style("coverage", "strong"))
    for name, title in COVERAGE.items():
        if name in coverage:
            reached, total = coverage[name]["reached"], coverage[name]["total"]
            filled = _BAR * reached // total if total else 0
            share = f"{100 * reached // total:>4} %" if total else "     –"
            bar = style("█" * filled, "good") + style("░" * (_BAR - filled), "faint")
            yield f"  {title:22}{reached:>5} of {total:<5}{share}  {bar}"


def _verdict(report: Object, style: Style) -> str:
    word = style(standing(report), "good" if is_clean(report) else "error")
    found = report["summary"]["violations"]
    counted = ", ".join(f"{count} {level}" for level, count in found.items() if count) or "nothing found"
    early = "; interrupted" if report.get("interrupted") else "; ended early" if report.get("stopped") else ""
    return f"{word}: {counted_noun('request', report.get('requests', 0))}; {counted}{early}"
