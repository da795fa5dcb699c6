"""What changed between two reports, as text for people."""

from collections.abc import Iterator
from typing import Any, TextIO

from chatcontract.redact import one_line
from chatcontract.style import Style

MAX_NAMED = 4
"""Results that are named beside a violation."""
MAX_VERDICTS = 50
"""Changed verdicts that are shown."""


def render(changed: dict[str, Any], out: TextIO, *, colour: bool = False, verbose: bool = False) -> None:
    """Write what is new, what is gone, the verdicts and scores that changed.

    Args:
        changed: what `difference.difference` gives.
        out: where to write.
        colour: use terminal colours.
        verbose: show violations of severity info too.
    """
    style = Style(colour)
    violations = changed["violations"]
    for line in (
        *_facts(changed, style),
        *_violations("new", violations["new"], style, verbose),
        *_violations("gone", violations["gone"], style, verbose),
        *_verdicts(changed["verdicts"], style),
        *_scores(changed["scores"], style),
        "",
        f"{len(violations['new'])} new, {len(violations['gone'])} gone, {violations['both']} in both",
    ):
        out.write(line + "\n")


def _facts(changed: dict[str, Any], style: Style) -> Iterator[str]:
    for name in ("old", "new"):
        facts = changed[name]
        counted = ", ".join(f"{count} {verdict}" for verdict, count in facts["summary"]["results"].items() if count)
        what = one_line(str(facts.get("target") or "recorded traffic"))
        told = one_line(f"profile {facts['profile']}, {counted or 'no result'}")
        yield f"{style(name, 'strong')}  {what}  {told}"


def _violations(title: str, violations: list[dict[str, Any]], style: Style, verbose: bool) -> Iterator[str]:
    shown = [one for one in violations if verbose or one["severity"] != "info"]
    if shown:
        yield from ("", style(title, "strong"))
    for one in shown:
        severity = style(one_line(f"{one['severity']:8}"), one["severity"])
        yield f"  {severity} {one_line(one['rule'])} {one_line(one['name'])}"
        place = f"{one['part']} {one['pointer'] or '(the whole)'}"
        yield f"           {one_line(place)}: {one_line(one['message'])}"
        more = f" and {one['results'] - MAX_NAMED} more" if one["results"] > MAX_NAMED else ""
        yield style(f"           in {one_line(', '.join(one['in'][:MAX_NAMED]))}{more}", "faint")


def _verdicts(verdicts: list[dict[str, Any]], style: Style) -> Iterator[str]:
    if verdicts:
        yield from ("", style("verdicts", "strong"))
    for one in verdicts[:MAX_VERDICTS]:
        yield one_line(f"  {one['id']}: {one['before']} → {one['after']}")
    if len(verdicts) > MAX_VERDICTS:
        yield f"  … and {len(verdicts) - MAX_VERDICTS} more"


def _scores(scores: dict[str, Any], style: Style) -> Iterator[str]:
    if scores:
        yield from ("", style("scores", "strong"))
    for name, one in scores.items():
        before, after = one["before"], one["after"]
        yield one_line(f"  {name:13}{before['passed']} of {before['of']} → {after['passed']} of {after['of']}")
