"""The report of an audit as text for people."""

from collections import Counter
from collections.abc import Iterable, Iterator
from textwrap import wrap
from typing import Any, TextIO

from chatcontract.digest import SCORES, Group, by_section, grouped, is_clean
from chatcontract.redact import one_line, printable
from chatcontract.style import Style

MAX_NAMED = 4
"""Probes and clients that are named under a violation."""
MAX_ALIKE = 2
"""Violations of one rule, with one hint, that are shown in full."""
MAX_PLACES = 12
"""Others of them that are named."""
MAX_REASONS = 40
"""Reasons that are told."""
_AT_FAULT = "at fault"
_KINDS = {
    "passed": "good",
    _AT_FAULT: "warning",
    "failed": "error",
    "errored": "error",
    "skipped": "faint",
    "inconclusive": "warning",
}
_ACCEPTED = "accepted"
_STATES = {"yes": "good", _ACCEPTED: "good", "no": "error", "unsupported": "faint", "unknown": "warning"}
_BAR, _WIDTH = 24, 65
_COLUMNS = {verdict: max(8, len(verdict) + 2) for verdict in _KINDS}


def render(report: dict[str, Any], out: TextIO, *, colour: bool = False, verbose: bool = False, **_: Any) -> None:
    """Write the report: a line for each section, violations worst first, capabilities, the four scores.

    Args:
        report: the report of an audit.
        out: where to write.
        colour: use terminal colours.
        verbose: show violations of severity info in full too.
    """
    for line in _lines(report, Style(colour), verbose):
        out.write(line + "\n")


def _lines(report: dict[str, Any], style: Style, verbose: bool) -> Iterator[str]:
    yield _head(report, style)
    yield from _sections(report, style)
    for groups in _alike(grouped(report["results"])):
        if verbose or groups[0].first["severity"] != "info":
            yield from _violations(groups, report["rules"], style, len(groups) if verbose else MAX_ALIKE)
    yield from _reasons(report["results"], style)
    yield from _capabilities(report.get("capabilities") or {}, style)
    yield from _scores(report.get("scores") or {}, style)
    yield ""
    yield _verdict(report, style)
    if not verbose and report["summary"]["violations"].get("info"):
        yield style("  (show those of severity info in full with -v)", "faint")


def _head(report: dict[str, Any], style: Style) -> str:
    facts = [", ".join(map(str, report.get("models") or ()))]
    plan = report.get("plan") or {}
    if plan:
        facts.append("{requests:,} requests and {max_tokens:,} tokens at most".format(**plan))
    if report.get("duration"):
        facts.append(f"{report['duration']:.1f} s")
    shown = one_line(" · ".join(fact for fact in facts if fact))
    return f"{style(one_line(str(report.get('target'))), 'strong')}  {style(shown, 'faint')}"


def _sections(report: dict[str, Any], style: Style) -> Iterator[str]:
    probes = report.get("probes") or {}
    counts: dict[str, Counter[str]] = {}
    for result in report["results"]:
        section = (probes.get(result["probe"]) or {}).get("section") or "other"
        verdict = _AT_FAULT if result.get("at_fault") else result["verdict"]
        counts.setdefault(section, Counter())[verdict] += 1
    yield ""
    yield style(
        f"{'section':14}{'probes':>7}" + "".join(f"{verdict:>{width}}" for verdict, width in _COLUMNS.items()), "strong"
    )
    for section in by_section(counts):
        found = counts[section]
        cells = (_cell(found[verdict], verdict, style) for verdict in _KINDS)
        yield f"{one_line(section)[:14]:14}{sum(found.values()):>7}{''.join(cells)}"
    if any(found[_AT_FAULT] for found in counts.values()):
        yield style("(at fault: passed, in an answer with an error that is told under another probe)", "faint")


def _cell(count: int, verdict: str, style: Style) -> str:
    return style(f"{count or '·':>{_COLUMNS[verdict]}}", _KINDS[verdict] if count else "faint")


def _alike(groups: Iterable[Group]) -> list[list[Group]]:
    """The violations of one rule with the same hint together, in their order."""
    found: dict[tuple[str, ...], list[Group]] = {}
    for group in groups:
        key = tuple(str(group.first.get(name)) for name in ("severity", "rule", "hint"))
        found.setdefault(key, []).append(group)
    return list(found.values())


def _violations(groups: list[Group], rules: dict[str, Any], style: Style, most: int) -> Iterator[str]:
    for group in groups[:most]:
        yield from _violation(group, rules, style)
    if rest := groups[most:]:
        told = {group.first["pointer"] for group in groups[:most]}
        places = list(dict.fromkeys(_place(group, told) for group in rest))
        more = f" … and {len(places) - MAX_PLACES} more" if len(places) > MAX_PLACES else ""
        yield ""
        named = one_line(", ".join(places[:MAX_PLACES]))
        yield style(f"  {one_line(rest[0].first['rule'])}, {len(rest)} more: {named}{more}", "faint")


def _place(group: Group, told: set[str]) -> str:
    """Where a violation is that many answers have; else the probe that shows it."""
    at = group.first["pointer"]
    return at if group.times > 1 and at and at not in told else group.names[0]


def _violation(group: Group, rules: dict[str, Any], style: Style) -> Iterator[str]:
    first = group.first
    times = f" · {group.times} times" if group.times > 1 else ""
    head = style(one_line(f"{first['rule']} {first['name']}"), "strong")
    yield ""
    yield f"{head}  {style(first['severity'], first['severity'])}, {first['side']}'s fault{times}"
    chunk = "" if first["chunk"] is None else f", chunk {first['chunk']}"
    yield f"  at    {first['part']} {one_line(first['pointer']) or '(the whole)'}{chunk}"
    yield f"  what  {one_line(first['message'])}"
    for name in ("value", "hint"):
        if first.get(name):
            yield f"  {name:5} {one_line(first[name])}"
    breaks = rules.get(first["rule"], {}).get("breaks") or ()
    if breaks:
        told = [f"{broken['client']} {broken['effect']}" for broken in breaks]
        yield f"  hurts {_named(told, '; ')}"
    yield style(f"  in    {_named(group.names)}", "faint")
    if first.get("curl"):
        yield style(f"  curl  {printable(first['curl'])}", "faint")


def _named(names: list[str], mark: str = ", ") -> str:
    more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    return one_line(mark.join(names[:MAX_NAMED])) + more


def _reasons(results: Iterable[dict[str, Any]], style: Style) -> Iterator[str]:
    """Why probes have no verdict, or failed without a violation; those of one reason together."""
    told: dict[tuple[str, str], list[str]] = {}
    for result in results:
        if result["verdict"] != "passed" and not _explained(result):
            why = str(result.get("reason") or result.get("error") or "")
            told.setdefault((result["verdict"], why), []).append(result.get("probe") or result["id"])
    if told:
        yield from ("", style("not passed for other reasons", "strong"))
    for (verdict, why), names in list(told.items())[:MAX_REASONS]:
        yield f"  {style(f'{verdict:13}', _KINDS.get(verdict, 'faint'))}{_named(names)}: {one_line(why)}"
    if len(told) > MAX_REASONS:
        yield f"  … and {len(told) - MAX_REASONS} reasons more"


def _explained(result: dict[str, Any]) -> bool:
    return any(violation["severity"] == "error" for violation in result["violations"])


def _capabilities(capabilities: dict[str, Any], style: Style) -> Iterator[str]:
    """A paragraph for each state; what was answered and cannot be seen in an answer is only accepted."""
    names: dict[str, list[str]] = {}
    for name, found in capabilities.items():
        is_only_accepted = found["state"] == "yes" and found.get("tested") is False
        names.setdefault(_ACCEPTED if is_only_accepted else found["state"], []).append(one_line(name))
    if names:
        yield from ("", style("capabilities", "strong"))
    for state in sorted(names, key=lambda state: list(_STATES).index(state) if state in _STATES else 9):
        first, *rest = wrap(", ".join(names[state]), _WIDTH) or [""]
        yield f"  {style(f'{state:13}', _STATES.get(state, 'faint'))}{first}"
        yield from (f"{'':15}{line}" for line in rest)
        if state == _ACCEPTED:
            yield style(f"{'':15}(answered; that they have an effect was not tested)", "faint")


def _scores(scores: dict[str, dict[str, int]], style: Style) -> Iterator[str]:
    """A bar for each score; what is at fault has its own shade in it."""
    if scores:
        yield from ("", style("scores", "strong"))
    for name, score in scores.items():
        passed, of = score["passed"], score["of"]
        spoilt = score.get(_AT_FAULT.replace(" ", "_"), 0)
        filled, half = (_BAR * passed // of, _BAR * spoilt // of) if of else (0, 0)
        bar = style("█" * filled, "good") + style("▒" * half, "warning") + style("░" * (_BAR - filled - half), "faint")
        share = f"{100 * passed // of:>4} %" if of else "     –"
        about = SCORES.get(name, "") + (f"; {spoilt} more in answers at fault" if spoilt else "")
        yield f"  {one_line(name):13}{passed:>4} of {of:<4}{share}  {bar}  {style(about, 'faint')}".rstrip()


def _verdict(report: dict[str, Any], style: Style) -> str:
    summary = report["summary"]
    total = sum(summary["results"].values())
    if not total:
        stopped = "Interrupted before the first answer" if report.get("interrupted") else "No probe was sent"
        return style(f"{stopped}.", "error")
    counted = ", ".join(f"{count} {verdict}" for verdict, count in summary["results"].items() if count)
    found = ", ".join(f"{count} {level}" for level, count in summary["violations"].items() if count)
    clean = is_clean(report)
    word = style("clean" if clean else "not clean", "good" if clean else "error")
    return f"{word}: {total} probes ({counted}); {found or 'no violation'}{_unasked(report)}"


def _unasked(report: dict[str, Any]) -> str:
    """What of the catalogue was not asked, though it was chosen."""
    results = report["results"]
    left_out = sum(str(result.get("reason")).startswith("left out") for result in results)
    planned = (report.get("plan") or {}).get("probes")
    told = f"; incomplete: {left_out} left out" if left_out else ""
    if report.get("interrupted"):
        asked = sum("would exceed" not in str(result.get("reason")) for result in results)
        missing = planned - asked if planned else 0
        told += f"; interrupted: {missing} not asked" if missing > 0 else "; interrupted"
    return told
