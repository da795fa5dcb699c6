"""What a page shows of a report: rows that are ranked, capped and linked to each other."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from chatcontract.digest import (
    ORDER,
    SCORES,
    Group,
    by_section,
    deed,
    figures,
    grouped,
    is_clean,
    is_fuzzing,
    key_of,
    section_of,
    standing,
    tally,
)
from chatcontract.evidence import Excerpt, excerpt, pairs

MAX_VIOLATIONS = 400
"""Groups of violations that are shown."""
MAX_RESULTS = 600
"""Results that are shown; those that did not pass first."""
MAX_TARGETS = 100
"""Rows of the tables of targets and of sources."""
MAX_PLACES = 12
"""Results that are named under a violation, and violations under a result."""
MAX_BODIES = 4_000_000
"""Characters of exchanges that are shown; those of results that passed give way first."""
WHOLE = "(the whole)"
ZERO = {**dict.fromkeys(ORDER, 0), "results": 0}
_RANK = {"failed": 0, "errored": 1, "inconclusive": 2, "skipped": 3, "passed": 4}

JSON = dict[str, Any]


class Met(NamedTuple):
    """A violation as it is shown, with all places where it was met; `places` are names with their anchors."""

    anchor: str
    first: JSON
    rule: JSON
    section: str
    verdict: str
    place: str
    times: int
    places: list[tuple[str, str]]
    more_places: int
    excerpt: Excerpt | None


class Row(NamedTuple):
    """A result as it is shown; `sections` are those of its violations, `facts` pairs of a name and a text."""

    anchor: str
    verdict: str
    section: str
    sections: str
    title: str
    reason: str
    aside: str
    took: str
    facts: list[tuple[str, str]]
    violations: list[tuple[str, str]]
    exchanges: list[JSON]
    left_out: bool


class Page:
    """A report, and the anchors of what is shown of it."""

    def __init__(self, report: JSON) -> None:
        self.report = report
        self.probes: JSON = report.get("probes") or {}
        self.audit = "probes" in report and not is_fuzzing(report)
        ranked = sorted(report["results"], key=lambda result: _RANK.get(result["verdict"], 0))
        self._shown = ranked[:MAX_RESULTS]
        self._groups = grouped(report["results"])
        self._results = _first(result["id"] for result in self._shown)
        self._probes = _first(result.get("probe") for result in self._shown)
        self._at = {key_of(group.first): at for at, group in enumerate(self._groups)}
        self._prints: dict[str, list[int]] = {}
        for at, group in enumerate(self._groups):
            self._prints.setdefault(group.first["fingerprint"], []).append(at)
        self._room = MAX_BODIES

    def view(self) -> JSON:
        """Everything that the templates of the page name."""
        report = self.report
        targets = sorted(report["summary"]["targets"].items(), key=lambda item: -item[1]["results"])
        return {
            "report": {"interrupted": False, "capabilities": {}, "models": [], "notes": [], **report},
            "audit": self.audit,
            "title": _title(report),
            "clean": is_clean(report),
            "standing": standing(report).capitalize(),
            "facts": list(self._facts()),
            "sentence": self._sentence(),
            "scores": [_score(*item) for item in figures(report).items()],
            "anchors": self._probes,
            "sections": self._grid() if self.audit else [],
            "targets": [(whom, ZERO | counts) for whom, counts in targets[:MAX_TARGETS] if whom or len(targets) > 1],
            "more_targets": len(targets) - MAX_TARGETS,
            "sources": (report.get("sources") or [])[:MAX_TARGETS],
            "more_sources": len(report.get("sources") or ()) - MAX_TARGETS,
            "violations": [self._met(at, group) for at, group in enumerate(self._groups[:MAX_VIOLATIONS])],
            "more_violations": len(self._groups) - MAX_VIOLATIONS,
            "by_severity": {name: sum(g.first["severity"] == name for g in self._groups) for name in ORDER},
            "filter_sections": by_section(self._sections_met()),
            "results": [self._row(f"r{at}", result) for at, result in enumerate(self._shown)],
            "more_results": len(report["results"]) - MAX_RESULTS,
            "rules": self._rules(),
        }

    def _facts(self) -> Iterator[str]:
        report = self.report
        yield from [", ".join(report["models"])] if report.get("models") else []
        yield f"profile {report['profile']}"
        yield from [f"seed {report['seed']}"] if is_fuzzing(report) else []
        plan = report.get("plan")
        if plan:
            yield f"{plan['probes']:,} {tally(report)[0]}"
            yield "{requests:,} requests and {max_tokens:,} tokens at most".format(**plan)
        if report.get("duration"):
            yield seconds(report["duration"])

    def _sentence(self) -> str:
        summary = self.report["summary"]
        what, counts = tally(self.report)
        total = sum(counts.values())
        counted = ", ".join(f"{count:,} {name}" for name, count in counts.items() if count)
        found = ", ".join(counted_noun(*item) for item in summary["violations"].items() if item[1])
        return f"{total:,} {what} ({counted or 'nothing'}); {found or 'no violation'}"

    def _grid(self) -> list[JSON]:
        tiles: dict[str, list[JSON]] = {}
        for result in self.report["results"]:
            tile = {
                "name": name_of(result),
                "verdict": result["verdict"],
                "anchor": self._results.get(result["id"]),
            }
            tiles.setdefault(self._section(result), []).append(tile)
        return [
            {"name": name, "tiles": tiles[name], "of": len(tiles[name]),
             "passed": sum(tile["verdict"] == "passed" for tile in tiles[name])}
            for name in by_section(tiles)
        ]  # fmt: skip

    def _section(self, result: JSON) -> str:
        return str((self.probes.get(str(result.get("probe"))) or {}).get("section") or "other")

    def _sections_met(self) -> set[str]:
        met = {section_of(group.first["rule"], self.report["rules"]) for group in self._groups}
        return met | {self._section(result) for result in self._shown} if self.audit else met

    def _met(self, at: int, group: Group) -> Met:
        first, names = group.first, group.names
        chunk = "" if first["chunk"] is None else f" · chunk {first['chunk']}"
        first = {"hint": None, "curl": None, **first}
        rule = {"summary": "", "source": "", "breaks": []} | (self.report["rules"].get(first["rule"]) or {})
        return Met(
            f"v{at}", first, rule, section_of(first["rule"], self.report["rules"]),
            group.result["verdict"], f"{first['part']} {first['pointer'] or WHOLE}{chunk}", group.times,
            [(name, self._results.get(name, "")) for name in names[:MAX_PLACES]],
            max(0, group.results - MAX_PLACES), excerpt(first, group.result),
        )  # fmt: skip

    def _row(self, anchor: str, result: JSON) -> Row:
        rules = self.report["rules"]
        sections = by_section(section_of(violation["rule"], rules) for violation in result["violations"])
        probe = self.probes.get(str(result.get("probe"))) or {}
        exchanges, left_out = self._exchanges(result)
        name = name_of(result)
        return Row(
            anchor, result["verdict"], self._section(result), " ".join(sections),
            str(probe.get("title") or name), result.get("reason") or result.get("error") or "",
            self._section(result) if self.audit else result.get("provider") or result.get("host") or "",
            seconds(result["elapsed"]) if result.get("elapsed") is not None else "",
            list(_facts_of(result, probe, "Probe" if self.audit else "Name")), self._links(result), exchanges, left_out,
        )  # fmt: skip

    def _links(self, result: JSON) -> list[tuple[str, str]]:
        """The violations of a result with their anchors, also of those that another result tells."""
        own = [self._at[key_of(violation)] for violation in result["violations"]]
        near = [at for print_ in result.get("seen") or () for at in self._prints.get(print_, ())]
        seen = [at for at in near if result["id"] in self._groups[at].names]
        shown = sorted(dict.fromkeys([*own, *seen]))[:MAX_PLACES]
        firsts = [(at, self._groups[at].first) for at in shown]
        return [(f"{it['rule']} {it['name']}", f"v{at}" if at < MAX_VIOLATIONS else "") for at, it in firsts]

    def _exchanges(self, result: JSON) -> tuple[list[JSON], bool]:
        """The exchanges of a result as texts, as long as there is room for them on the page."""
        made = [_exchange(exchange) for exchange in result.get("exchanges") or ()]
        size = sum(len(text) for exchange in made for text in exchange.values())
        if size > self._room:
            return [], True
        self._room -= size
        return made, False

    def _rules(self) -> list[tuple[str, JSON, JSON]]:
        known = self.report["rules"]
        blank = {"name": "", "summary": "", "section": "", "basis": "", "source": ""}
        counted = self.report["summary"]["rules"].items()
        return [(code, blank | (known.get(code) or {}), ZERO | counts) for code, counts in counted]


def name_of(result: JSON) -> str:
    """What a result is called: its probe, else its id, else where it was read."""
    return str(result.get("probe") or result["id"] or result["origin"])


def _first(names: Iterable[str | None]) -> dict[str | None, str]:
    """The anchor of the first row of each name."""
    made: dict[str | None, str] = {}
    for at, name in enumerate(names):
        made.setdefault(name, f"r{at}")
    return made


def counted_noun(level: str, count: int) -> str:
    """Severities as counted things.

    >>> counted_noun("error", 2), counted_noun("info", 2)
    ('2 errors', '2 info')
    """
    return f"{count:,} {level}{'s' if count != 1 and level != 'info' else ''}"


def seconds(value: float) -> str:
    """A duration in words.

    >>> seconds(0.217), seconds(12.34)
    ('217 ms', '12.3 s')
    """
    return f"{1000 * value:.0f} ms" if value < 1 else f"{value:.1f} s"


def _title(report: JSON) -> str:
    return f"{deed(report).capitalize()} {report['target']}" if report["target"] else "Check of recorded traffic"


def _score(name: str, score: JSON) -> JSON:
    share = f"{100 * score['passed'] // score['of']} %" if score["of"] else "none applied"
    return {"name": name, "share": share, "meaning": SCORES.get(name, ""), **score}


def _facts_of(result: JSON, probe: JSON, called: str) -> Iterator[tuple[str, str]]:
    told = {
        called: result.get("probe"), "Why": probe.get("why"), "Level": probe.get("level"),
        "Needs": ", ".join(map(str, probe.get("needs") or ())), "Source": probe.get("source"),
        "Anchor": probe.get("anchor"),
    }  # fmt: skip
    if not probe:
        told |= {"Id": result["id"], "Read from": result.get("origin"), "Host": result.get("host")}
    if result.get("drift"):
        told["Drift"] = "; ".join(
            f"{one['kind']} at {one['pointer'] or WHOLE}: {one['before']} → {one['after']}" for one in result["drift"]
        )
    if result.get("size") is not None:
        told |= {
            "Breach": result.get("breach"), "With": ", ".join(map(str, result.get("features") or ())),
            "Smallest request": f"{result['size']} bytes, of {result.get('shrunk_from')}",
            "Met": f"{result.get('times')} times, {result.get('confirmed')}",
        }  # fmt: skip
    for name, value in told.items():
        if value:
            yield name, str(value)


def _exchange(exchange: JSON) -> JSON:
    asked, answer = exchange.get("request") or {}, exchange.get("response") or {}
    head = f"{asked.get('method') or ''} {asked.get('url') or ''}".strip()
    status = "" if answer.get("status") is None else str(answer["status"])
    fault = (exchange.get("fault") or {}).get("message")
    label = f"Response {status}".strip() + (" (cut)" if answer.get("truncated") else "")
    return {
        "request": _message(head, asked), "response": _message(f"HTTP {status}" if status else "", answer),
        "label": f"{label}: {fault}" if fault else label, "curl": str(exchange.get("curl") or ""),
        "took": "" if exchange.get("elapsed") is None else seconds(exchange["elapsed"]),
    }  # fmt: skip


def _message(head: str, message: JSON) -> str:
    lines = [head, *(f"{name}: {value}" for name, value in pairs(message.get("headers")))]
    return "\n".join(line for line in lines if line) + f"\n\n{message.get('body_text') or ''}".rstrip()
