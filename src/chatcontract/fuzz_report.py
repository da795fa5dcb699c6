"""The outcome of a fuzzing run → the canonical report: one result a finding, one for each mode."""

from chatcontract.audit_report import exchange_json, scrubbed
from chatcontract.fuzz import Fuzz
from chatcontract.fuzz_kinds import said
from chatcontract.fuzz_specimens import Specimen
from chatcontract.judging import Turn
from chatcontract.model import Result, Rule, Verdict, Violations
from chatcontract.native import line
from chatcontract.page import counted_noun
from chatcontract.probe import API, REQUEST
from chatcontract.report import SEVERITIES, Collector, Report
from chatcontract.rules import get
from chatcontract.target import Target

_TITLES = {
    "positive": ("Valid requests are answered, and the answers keep the contract", "http"),
    "negative": ("Requests with one breach each are refused, in the documented form", "errors"),
}
_LEVELS = {"error": "must", "warning": "should", "info": "info"}
_VERDICTS = {True: "seen again", False: "not seen again", None: "not sent again"}
_GONE = "could not be sent again: the target was gone"


def report(fuzz: Fuzz, collector: Collector) -> Report:
    """The canonical report of a run, also of one that ended early.

    Beside what every report has: `mode`, `seed`, `requests`, `stopped` (why it ended early, or null), `outcomes`
    (what became of the requests of each mode), `shrinking` (requests that went into it) and `coverage`.

    Args:
        fuzz: what was run.
        collector: what adds the results up; its head holds tool, spec, profile and target.
    """
    results = [_of_mode(mode, fuzz, collector) for mode in fuzz.settings.wish.modes]
    ranked = sorted(fuzz.specimens, key=lambda one: SEVERITIES.index(one.sighting.violation.severity))
    named = _named(ranked)
    results += [_of_specimen(name, specimen, fuzz, collector) for name, specimen in named.items()]
    probes: Report = {mode: _probe(*_TITLES[mode], "must") for mode in fuzz.settings.wish.modes}
    probes |= {name: _of_kind(specimen) for name, specimen in named.items()}
    cost, wish = fuzz.cost, fuzz.settings.wish
    made: Report = collector.report(
        target=fuzz.target.base, model=fuzz.context.model, models=fuzz.models[:200], interrupted=fuzz.interrupted,
        mode="all" if len(wish.modes) > 1 else wish.modes[0], seed=wish.seed, requests=fuzz.sent,
        stopped=fuzz.stopped or None, notes=[*fuzz.notes, *_notes(fuzz)], duration=round(fuzz.duration, 3),
        plan={"requests": cost.requests, "max_tokens": cost.tokens, "probes": len(fuzz.menu.cases)},
        outcomes={mode: dict(counts) for mode, counts in fuzz.outcomes.items()},
        shrinking=sum(specimen.sent for specimen in fuzz.specimens), probes=probes,
        coverage=fuzz.exercise.report() if fuzz.exercise is not None else {},
    )  # fmt: skip
    cleaned: Report = scrubbed(made, fuzz.target.secrets)
    return cleaned


def lines(fuzz: Fuzz) -> list[bytes]:
    """Every finding as a native line: the exchange of the smallest request, with the rule and the mode beside it."""
    return [_line(specimen, fuzz.target.secrets) for specimen in fuzz.specimens]


def _line(specimen: Specimen, secrets: tuple[str, ...]) -> bytes:
    violation = specimen.sighting.violation
    told = {"finding": violation.rule, "name": violation.name, "mode": specimen.case.mode}
    return line(specimen.turn.reply.exchange, secrets, **told, first=specimen.origin.name)


def _named(specimens: list[Specimen]) -> dict[str, Specimen]:
    """The findings by a name each: that of the rule, and a number."""
    found: dict[str, Specimen] = {}
    for specimen in specimens:
        rule = "unsupported" if specimen.unsupported else specimen.sighting.violation.name
        number = sum(name.rpartition("-")[0] == rule for name in found) + 1
        found[f"{rule}-{number}"] = specimen
    return found


def _notes(fuzz: Fuzz) -> list[str]:
    notes = [f"ended early: {fuzz.stopped}"] if fuzz.stopped else []
    if fuzz.menu.left_out:
        notes.append(f"{fuzz.menu.left_out} requests were left out for --max-tokens")
    if fuzz.overlooked:
        notes.append(f"anything is taken, so that no more breaches inside were sent: {', '.join(fuzz.overlooked)}")
    return notes


def _of_mode(mode: str, fuzz: Fuzz, collector: Collector) -> Report:
    """The result of all requests of a mode: failed where one of their findings is an error."""
    counts = fuzz.outcomes[mode]
    decided = [one for one in fuzz.specimens if one.case.mode == mode and _verdict(one) is Verdict.FAILED]
    sent = sum(count for state, count in counts.items() if state != "not asked")
    verdict = Verdict.FAILED if decided else Verdict.PASSED if sent else Verdict.SKIPPED
    said_of = ", ".join(f"{count} {state}" for state, count in sorted(counts.items())) or "none was sent"
    result = Result(mode, verdict, origin=fuzz.target.base, probe=mode, host=_host(fuzz))
    made = collector.add(result)
    made.update(
        reason=f"{counted_noun('request', sum(counts.values()))}: {said_of}",
        section=_TITLES[mode][1],
        exchanges=[],
        seen=[],
    )
    return made


def _host(fuzz: Fuzz) -> str:
    return next((one.turn.reply.exchange.host for one in fuzz.specimens), "")


def _verdict(specimen: Specimen) -> Verdict:
    if specimen.unsupported:
        return Verdict.SKIPPED
    if specimen.confirmed is False:
        return Verdict.INCONCLUSIVE
    return Verdict.FAILED if specimen.sighting.violation.severity == "error" else Verdict.PASSED


def _of_specimen(name: str, specimen: Specimen, fuzz: Fuzz, collector: Collector) -> Report:
    verdict = _verdict(specimen)
    turn, violation = specimen.turn, specimen.sighting.violation
    is_told = verdict in (Verdict.FAILED, Verdict.PASSED)
    shown = violation._replace(exchange=turn.reply.exchange.id)
    result = Result(
        name, verdict, Violations([shown] if is_told else []), fuzz.target.base, name,
        round(turn.reply.elapsed, 4), host=turn.reply.exchange.host,
    )  # fmt: skip
    made = collector.add(result)
    command = _curl(turn, fuzz.target)
    made.update(
        reason=_reason(specimen), section=get(violation.rule).section, exchanges=[exchange_json(turn, fuzz.target)],
        seen=[violation.fingerprint], mode=specimen.case.mode, confirmed=_again(specimen),
        features=sorted(specimen.needed), first=specimen.origin.name, shrunk_from=len(specimen.origin.body),
        size=len(specimen.case.body), shrinking=specimen.sent, times=fuzz.times[specimen.sighting.key],
        breach=specimen.case.breach.label if specimen.case.breach is not None else None, finding=violation.rule,
    )  # fmt: skip
    for told in made["violations"]:
        told.update(curl=command, occurrences=max(1, made["times"]), seen_in=[name])
    return made


def _again(specimen: Specimen) -> str:
    return _GONE if specimen.gone else _VERDICTS[specimen.confirmed]


def _reason(specimen: Specimen) -> str:
    violation = specimen.sighting.violation
    if specimen.unsupported:
        return f"unsupported: {', '.join(sorted(specimen.needed))}: refused with {said(specimen.turn)}"
    if specimen.confirmed is False:
        return f"not seen again when it was sent again: {violation.rule} {violation.name}: {violation.message}"
    gone = f"; it {_GONE}" if specimen.gone else ""
    return f"{violation.rule} {violation.name}: {violation.message}{gone}"


def _of_kind(specimen: Specimen) -> Report:
    violation, kind = specimen.sighting.violation, specimen.sighting.kind
    rule = get(violation.rule)
    return _probe(kind.title, rule.section, _LEVELS[violation.severity], kind.why, rule, kind.mode == "negative")


def _probe(
    title: str, section: str, level: str, why: str = "", rule: Rule | None = None, negative: bool = False
) -> Report:
    """What renderers are to know of a result: the form is that of an audit's probes."""
    return {
        "title": title, "section": section, "why": why, "anchor": rule.anchor if rule else REQUEST, "needs": [],
        "provides": None, "level": level, "source": rule.source if rule else API, "negative": negative,
    }  # fmt: skip


def _curl(turn: Turn, target: Target) -> str | None:
    request = turn.reply.exchange.request
    return None if request is None else target.curl(turn.ask, request)
