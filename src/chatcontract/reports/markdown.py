"""The report as Markdown: a summary fit for a pull request or `GITHUB_STEP_SUMMARY`."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, TextIO

from chatcontract.digest import (
    Group,
    by_section,
    deed,
    drifted,
    figures,
    grouped,
    is_clean,
    is_fuzzing,
    standing,
    tally,
)
from chatcontract.redact import printable

MAX_GROUPS = 50
"""Violations that are shown."""
MAX_NAMED = 5
"""Results that are named in one cell."""
MAX_ROWS = 200
"""Rows of a table that are shown."""
MAX_CELL = 300
"""Characters of a cell."""
MAX_COMMANDS = 10
"""Commands that are shown."""
MAX_COMMAND = 3000
"""Characters of a command that is shown: a cut one would be of no use."""
_MARKS = {"passed": "✅", "failed": "❌", "errored": "💥", "skipped": "⏭️", "inconclusive": "❔"}
_LEVELS = {"error": "❌ error", "warning": "⚠️ warning", "info": "ℹ️ info"}
_STATES = {"yes": "✅ yes", "no": "❌ no", "unsupported": "➖ unsupported", "unknown": "❔ unknown"}
_SPECIAL = re.compile(r"[\\`*\[\]~$^]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|:(?=//)|(?<=[wW])\.")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "|": "&#124;", "@": "@\u200b"}
_LINK = re.compile(r"https?://[A-Za-z0-9._~/?#%&=+,;:@!-]+")


def render(report: dict[str, Any], out: TextIO, **_: Any) -> None:
    """Write the report: verdict, scores, capabilities, sections or targets, violations worst first."""
    for line in _lines(report):
        out.write(line + "\n")


def plain(value: Any, limit: int = MAX_CELL) -> str:
    """Text that Markdown shows as it is: on one line, every character with a meaning escaped.

    An `@` gets a space without width behind it, so that no answer of a server can mention anybody.

    >>> plain("<b>*a*\\n|")
    '&lt;b&gt;\\\\*a\\\\* &#124;'
    """
    escaped = _SPECIAL.sub(r"\\\g<0>", _flat(value, limit))
    return "".join(_ENTITIES.get(character, character) for character in escaped)


def code(value: Any, limit: int = MAX_CELL) -> str:
    """Text as code on one line; as plain text where a code span or a table could not hold it.

    >>> code("a b"), code("a|b")
    ('`a b`', 'a&#124;b')
    """
    words = _flat(value, limit)
    return plain(words, limit) if not words or set(words) & set("`|\\") else f"`{words}`"


def _flat(value: Any, limit: int) -> str:
    words = " ".join(printable(str(value)).split())
    return words if len(words) <= limit else words[: limit - 1] + "…"


def _block(value: str) -> Iterator[str]:
    """Text as a fenced block, which no run of backticks in it can close."""
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", value)), default=0))
    yield f"{fence}sh"
    yield from printable(value).splitlines()
    yield fence


def _table(head: str, rows: Iterable[list[str]], note: str) -> Iterator[str]:
    """A table with the columns of `head` (a name that begins with > stands at the right); capped."""
    names = head.split(",")
    shown = list(rows)
    if not shown:
        return
    yield ""
    yield f"| {' | '.join(name.lstrip('>') for name in names)} |"
    yield f"| {' | '.join('--:' if name.startswith('>') else '---' for name in names)} |"
    for row in shown[:MAX_ROWS]:
        yield f"| {' | '.join(row)} |"
    if len(shown) > MAX_ROWS:
        yield ""
        yield f"… and {len(shown) - MAX_ROWS} more {note}"


def _lines(report: dict[str, Any]) -> Iterator[str]:
    groups = grouped(report["results"])
    target = report.get("target")
    yield f"# chatcontract: {f'{deed(report)} {code(target)}' if target else 'check of recorded traffic'}"
    yield ""
    yield _verdict(report)
    yield from _scores(figures(report), "coverage,>reached" if is_fuzzing(report) else "score,>passed")
    yield from _capabilities(report.get("capabilities") or {})
    yield from _breakdown(report)
    yield from _violations(groups, report["rules"])
    yield from _drift(report)
    yield from _again(groups)
    yield from _others(report)
    yield ""
    yield _footer(report)


def _verdict(report: dict[str, Any]) -> str:
    summary = report["summary"]
    what, counts = tally(report)
    counted = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    found = ", ".join(f"{count} {level}" for level, count in summary["violations"].items() if count)
    stopped = " Interrupted: this is what was found so far." if report.get("interrupted") else ""
    word = f"{'✅' if is_clean(report) else '❌'} **{standing(report)}**"
    return f"{word}: {sum(counts.values())} {what} ({counted or 'nothing'}); {found or 'no violation'}.{stopped}"


def _scores(scores: dict[str, dict[str, int]], head: str) -> Iterator[str]:
    rows = ([name, str(score["passed"]), str(score["of"]), _share(score)] for name, score in scores.items())
    yield from _table(f"{head},>of,>", ([plain(row[0]), *row[1:]] for row in rows), "scores")


def _share(score: dict[str, int]) -> str:
    return f"{100 * score['passed'] // score['of']} %" if score["of"] else "–"


def _capabilities(capabilities: dict[str, Any]) -> Iterator[str]:
    rows = ([plain(name), _state(found), code(found.get("probe") or "")]
            for name, found in capabilities.items())  # fmt: skip
    yield from _headed("## Capabilities", _table("capability,state,shown by", rows, "capabilities"))


def _state(found: dict[str, Any]) -> str:
    """The state of a capability; one whose effect no probe looks at is accepted at best."""
    if found["state"] == "yes" and found.get("tested") is False:
        return "✅ accepted"
    return _STATES.get(found["state"], plain(found["state"]))


def _headed(heading: str, lines: Iterator[str]) -> Iterator[str]:
    body = list(lines)
    if body:
        yield from ("", heading, *body)


def _breakdown(report: dict[str, Any]) -> Iterator[str]:
    """What came of it by mode, section or target."""
    if is_fuzzing(report):
        rows = ([plain(mode), *_outcomes(counts)] for mode, counts in report["outcomes"].items())
        return _headed("## By mode", _table("mode,>requests,what became of them", rows, "modes"))
    return _sections(report) if report.get("probes") else _targets(report["summary"]["targets"])


def _outcomes(counts: dict[str, int]) -> list[str]:
    told = ", ".join(f"{count} {state}" for state, count in sorted(counts.items()))
    return [str(sum(counts.values())), plain(told)]


def _sections(report: dict[str, Any]) -> Iterator[str]:
    counts: dict[str, Counter[str]] = {}
    for result in report["results"]:
        probe = report["probes"].get(result["probe"]) or {}
        counts.setdefault(probe.get("section") or "other", Counter())[result["verdict"]] += 1
    rows = ([plain(name), *(str(counts[name][verdict] or "") for verdict in _MARKS)] for name in by_section(counts))
    head = ",".join(["section", *(f">{mark} {verdict}" for verdict, mark in _MARKS.items())])
    yield from _headed("## Sections", _table(head, rows, "sections"))


def _targets(targets: dict[str, dict[str, int]]) -> Iterator[str]:
    ranked = sorted(targets.items(), key=lambda item: -item[1]["results"])
    columns = ("error", "warning", "info", "results")
    rows = ([code(whom) or "(unknown)", *(str(counts.get(name, 0)) for name in columns)] for whom, counts in ranked)
    yield from _headed("## By provider or host", _table("whom,>error,>warning,>info,>results", rows, "targets"))


def _violations(groups: list[Group], rules: dict[str, Any]) -> Iterator[str]:
    rows = (_row(group, rules) for group in groups[:MAX_GROUPS])
    yield from _headed("## Violations", _table("severity,rule,at,what,>times", rows, "violations"))
    if len(groups) > MAX_GROUPS:
        yield from (
            "",
            f"… and {len(groups) - MAX_GROUPS} more; the JSON report and the page have all of them.",
        )


def _row(group: Group, rules: dict[str, Any]) -> list[str]:
    first = group.first
    name = plain(f"{first['rule']} {first['name']}")
    source = str(rules.get(first["rule"], {}).get("source") or "")
    link = f"[{name}]({source})" if _LINK.fullmatch(source) else name
    chunk = "" if first["chunk"] is None else f", chunk {first['chunk']}"
    place = f"{plain(first['part'])} {code(first['pointer']) or '(the whole)'}{chunk}"
    what = plain(first["message"]) + (f" ({plain(first['hint'])})" if first.get("hint") else "")
    return [_LEVELS[first["severity"]], link, place, what, str(group.times)]


def _drift(report: dict[str, Any]) -> Iterator[str]:
    """What changed in shape since the recording, each change once."""
    rows = (
        [plain(one["kind"]), code(one["pointer"]) or "(the whole)", code(one["before"]), code(one["after"]),
         ", ".join(map(code, names)), str(results)] for one, names, results in drifted(report["results"])
    )  # fmt: skip
    yield from _headed("## Drift since the recording", _table("what,at,recorded,now,first in,>times", rows, "changes"))


def _again(groups: list[Group]) -> Iterator[str]:
    """The commands that show the worst violations again, each once."""
    commands: dict[str, list[Group]] = {}
    for group in groups:
        command = group.first.get("curl") or ""
        if 0 < len(command) <= MAX_COMMAND:
            commands.setdefault(command, []).append(group)
    if commands:
        yield from ("", "## See it again")
    for command, shown in list(commands.items())[:MAX_COMMANDS]:
        named = dict.fromkeys(plain(f"{group.first['rule']} {group.first['name']}") for group in shown)
        yield from ("", f"Shows {', '.join(named)}:", "", *_block(command))


def _others(report: dict[str, Any]) -> Iterator[str]:
    """Results that did not pass, those of one reason together."""
    told: dict[tuple[str, str], list[str]] = {}
    for result in report["results"]:
        if result["verdict"] != "passed" and _why(result):
            told.setdefault((result["verdict"], _why(result)), []).append(result.get("probe") or result["id"])
    rows = (
        [f"{_MARKS.get(verdict, '')} {plain(verdict)}", _named(names), plain(why)]
        for (verdict, why), names in told.items()
    )
    yield from _headed("## Not passed", _table("verdict,which,why", rows, "reasons"))


def _named(names: list[str]) -> str:
    more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    return ", ".join(map(code, names[:MAX_NAMED])) + more


def _why(result: dict[str, Any]) -> str:
    return str(result.get("reason") or result.get("error") or "")


def _footer(report: dict[str, Any]) -> str:
    tool, spec = report["tool"], report["spec"]
    took = f", {report['duration']:.1f} s" if report.get("duration") else ""
    return (f"chatcontract {plain(tool['version'])}, profile {plain(report['profile'])}, "
            f"{plain(spec['title'])} {plain(spec['version'])}{took}")  # fmt: skip
