"""The outcomes of an audit → the canonical report: every violation once, with all its occurrences."""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from chatcontract import redact, rules
from chatcontract.across import Across
from chatcontract.audit import Audit, Outcome, ordered
from chatcontract.contract import Contract
from chatcontract.digest import Key, key_of
from chatcontract.judging import Turn, is_whole
from chatcontract.model import Finding, Part, Result, Severity, Verdict, Violation, Violations
from chatcontract.probe import Level, Probe, Shortfall
from chatcontract.probes import FIRST
from chatcontract.report import Collector, Report, violation_json
from chatcontract.target import Target

MAX_TEXT = 20_000
"""Characters of a body that the report keeps."""
MAX_EXCHANGES = 8
"""Exchanges of a probe that the report keeps."""
MAX_ARRIVALS = 400
"""Arrivals of a body that the report keeps."""
_HOMES = {Part.ERROR: "errors", Part.CHUNK: "stream", Part.STREAM: "stream"}


class Shown(NamedTuple):
    """A violation where it was seen: which outcome, which turn; of the whole probe it counts from the end (-1)."""

    outcome: int
    turn: int
    violation: Violation


class Group(NamedTuple):
    """The same violation wherever it was seen, and the outcome that it is told under."""

    owner: int
    shown: list[Shown]


def report(audit: Audit, collector: Collector, catalogue: Sequence[Probe]) -> Report:
    """The canonical report of an audit, also of one that was interrupted.

    Args:
        audit: what was run.
        collector: what adds the results up; its head holds tool, spec, profile and target.
        catalogue: every probe that there is, which coverage is reckoned by.
    """
    outcomes = ordered(audit)
    groups = grouped(outcomes, audit.contract)
    spoilt = {one.outcome for group in groups.values() for one in group.shown if _is_error(one)}
    made = [_result(at, outcome, groups, audit, collector) for at, outcome in enumerate(outcomes)]
    at_fault = {result["id"] for at, result in enumerate(made) if at in spoilt and result["verdict"] == "passed"}
    for result in made:
        result["at_fault"] = result["id"] in at_fault
    for probe_id, reason in audit.plan.left_out.items():
        made.append(_left_out(probe_id, reason, audit, collector))
    verdicts = {result["probe"]: result["verdict"] for result in made}
    planned = [probe for probe in catalogue if probe.id in verdicts]
    cost = audit.plan.cost
    whole = collector.report(
        target=audit.target.base, model=audit.context.model, interrupted=audit.interrupted,
        plan={"requests": cost.requests, "max_tokens": cost.tokens, "probes": len(audit.plan.probes)},
        requests=sum(len(outcome.turns) for outcome in outcomes),
        probes={probe.id: probe_json(probe) for probe in planned},
        scores=scores(catalogue, verdicts, at_fault), capabilities=_capabilities(catalogue, audit),
        models=_models(audit, outcomes), notes=audit.notes, duration=round(audit.duration, 3),
    )  # fmt: skip
    cleaned: Report = scrubbed(whole, audit.target.secrets) if _tells(whole, audit.target.secrets) else whole
    return cleaned


def _is_error(shown: Shown) -> bool:
    return shown.violation.severity is Severity.ERROR


def probe_json(probe: Probe) -> Report:
    """What the report says of a probe."""
    return {
        "title": probe.title, "section": probe.section, "why": probe.why, "anchor": probe.anchor,
        "needs": list(probe.needs), "provides": probe.provides or None, "level": probe.level.value,
        "source": probe.source, "negative": probe.is_negative,
    }  # fmt: skip


def grouped(outcomes: Sequence[Outcome], contract: Contract) -> dict[Key, Group]:
    """Every violation once, by what makes it the same."""
    found: dict[Key, list[Shown]] = {}
    for one in _shown(outcomes, contract):
        found.setdefault(key_of(violation_json(one.violation)), []).append(one)
    return {key: Group(_owner(shown, outcomes), shown) for key, shown in found.items()}


def _shown(outcomes: Sequence[Outcome], contract: Contract) -> Iterator[Shown]:
    codes, across = {name: code for code, name in rules.names().items()}, Across(by_request=True)
    for at, outcome in enumerate(outcomes):
        for number, turn in enumerate(outcome.turns):
            yield from (Shown(at, number, violation) for violation in outcome.violations[number])
            findings = across.feed(turn.reading) if is_whole(turn) else ()
            made = (contract.violation(rule, finding) for rule, finding in findings)
            yield from (Shown(at, number, violation) for violation in made if violation is not None)
        for shortfall in outcome.judgement.shortfalls:
            violation = _of_shortfall(outcome.probe, shortfall, codes, contract)
            if violation is not None:
                yield Shown(at, shortfall.turn, violation)


def _of_shortfall(probe: Probe, shortfall: Shortfall, codes: Mapping[str, str], contract: Contract) -> Violation | None:
    rule = rules.get(codes[shortfall.rule])
    severity = shortfall.severity or probe.level.severity
    message = f"{probe.title}: {shortfall.message}"[:300]
    finding = Finding(shortfall.pointer, message, hint=shortfall.hint or probe.why, severity=severity)
    return contract.violation(rule, finding, probe.id)


def _owner(shown: Sequence[Shown], outcomes: Sequence[Outcome]) -> int:
    """The outcome that tells a violation: its own probe, the first of all, one of its section, or any."""
    first = shown[0]
    if first.turn < 0 or outcomes[first.outcome].probe.id == FIRST:
        return first.outcome
    violation = first.violation
    section = _HOMES.get(violation.part, rules.get(violation.rule).section)
    fitting = (one.outcome for one in shown if outcomes[one.outcome].probe.section == section)
    return next(fitting, first.outcome)


def _result(at: int, outcome: Outcome, groups: Mapping[Key, Group], audit: Audit, collector: Collector) -> Report:
    own = [group for group in groups.values() if group.owner == at]
    told = [next(one for one in group.shown if one.outcome == at) for group in own]
    violations = Violations(one.violation._replace(exchange=_exchange_id(outcome, one.turn)) for one in told)
    verdict, reason = _verdict(outcome, violations)
    probe = outcome.probe
    result = Result(
        probe.id, verdict, violations, audit.target.base, probe.id, round(outcome.elapsed, 4),
        reason if verdict is Verdict.ERRORED else None, host=_host(outcome),
    )  # fmt: skip
    made = collector.add(result)
    made.update(
        reason=reason, section=probe.section, state=outcome.judgement.state,
        exchanges=[exchange_json(turn, audit.target) for turn in _kept(outcome, told)],
        seen=sorted({key[1] for key, group in groups.items() if at in {one.outcome for one in group.shown}}),
    )  # fmt: skip
    for one, group, shown in zip(made["violations"], own, told, strict=True):
        one["occurrences"] = len({(place.outcome, place.turn) for place in group.shown})
        one["seen_in"] = (
            list(dict.fromkeys(ids[place.outcome] for place in group.shown)) if (ids := _ids(audit)) else []
        )
        one["curl"] = _curl(outcome, shown.turn, audit)
    return made


def _ids(audit: Audit) -> list[str]:
    return [outcome.probe.id for outcome in ordered(audit)]


def _verdict(outcome: Outcome, violations: Violations) -> tuple[Verdict, str]:
    """The verdict with what the probe alone has shown first."""
    judgement = outcome.judgement
    errors = violations.errors
    if judgement.verdict in (Verdict.ERRORED, Verdict.FAILED) or not errors:
        return judgement.verdict, judgement.reason
    worst = errors[0]
    return Verdict.FAILED, f"{worst.rule} {worst.name}: {worst.message}"


def _left_out(probe_id: str, reason: str, audit: Audit, collector: Collector) -> Report:
    result = Result(probe_id, Verdict.SKIPPED, origin=audit.target.base, probe=probe_id)
    made = collector.add(result)
    made.update(reason=reason, section=probe_id.partition("-")[0], state="unknown", exchanges=[], seen=[])
    return made


def _exchange_id(outcome: Outcome, turn: int) -> str:
    return outcome.turns[turn].reply.exchange.id if outcome.turns else outcome.probe.id


def _host(outcome: Outcome) -> str:
    return outcome.turns[-1].reply.exchange.host if outcome.turns else ""


def _kept(outcome: Outcome, told: Iterable[Shown]) -> list[Turn]:
    """The turns that the report keeps: those with a violation, then the last ones."""
    marked = {one.turn for one in told if one.turn >= 0}
    late = range(len(outcome.turns) - 1, -1, -1)
    chosen = [*sorted(marked), *(at for at in late if at not in marked)][:MAX_EXCHANGES]
    return [outcome.turns[at] for at in sorted(chosen)]


def _curl(outcome: Outcome, turn: int, audit: Audit) -> str | None:
    if not outcome.turns or outcome.turns[turn].reply.exchange.request is None:
        return None
    shown = outcome.turns[turn]
    return audit.target.curl(shown.ask, shown.reply.exchange.request)  # type: ignore[arg-type]


def exchange_json(turn: Turn, target: Target) -> Report:
    """What the report says of an exchange: keys redacted, bodies cut."""
    exchange = turn.reply.exchange
    request, response = exchange.request, exchange.response
    made: Report = {
        "id": exchange.id, "elapsed": round(turn.reply.elapsed, 4), "response": None, "request": None,
        "fault": turn.reply.fault._asdict() if turn.reply.fault else None,
    }  # fmt: skip
    if request is not None:
        made["curl"] = target.curl(turn.ask, request)
        made["request"] = {
            "method": request.method, "url": request.url, "headers": [list(pair) for pair in request.headers],
            "body_text": _text(request.body),
        }  # fmt: skip
    if response is not None:
        made["response"] = {
            "status": response.status, "headers": [list(pair) for pair in redact.headers(response.headers)],
            "body_text": _text(response.body), "truncated": len(response.body) > MAX_TEXT,
            "arrivals": [[at.offset, round(at.time, 5)] for at in response.arrivals[:MAX_ARRIVALS]],
        }  # fmt: skip
    return made


def _text(body: bytes) -> str:
    return redact.text(body[:MAX_TEXT].decode(errors="backslashreplace"))


def _models(audit: Audit, outcomes: Iterable[Outcome]) -> list[str]:
    """The names of models that were listed, or that answered."""
    turns = [(outcome.probe, turn) for outcome in outcomes for turn in outcome.turns]
    listed = [name for _, turn in turns if turn.ask.path == "/models" for name in _listed(turn)]
    answered = [
        turn.reading.completion.get("model")
        for probe, turn in turns
        if turn.ask.is_chat and not probe.is_negative  # what is asked wrongly on purpose may come back as an echo
    ]
    names = [*audit.models, *listed, *(name for name in answered if isinstance(name, str))]
    return list(dict.fromkeys(names))[:200]


def _listed(turn: Turn) -> list[str]:
    from chatcontract.opening import listed_models

    return listed_models(turn.reading)


def scores(catalogue: Iterable[Probe], verdicts: Mapping[str, str], at_fault: Collection[str] = ()) -> Report:
    """Four scores that are never blended, each as `passed` of `of`.

    What each counts is declared in `digest.SCORES`; answers of `at_fault` have an error. Probes of level info
    count for coverage alone.
    """
    known = list(catalogue)
    decided = [probe for probe in known if verdicts.get(probe.id) in ("passed", "failed")]
    kinds = {
        "conformance": [p for p in decided if not p.is_negative and p.level is Level.MUST],
        "strictness": [p for p in decided if not p.is_negative and p.level is Level.SHOULD],
        "robustness": [p for p in decided if p.is_negative and p.level is not Level.INFO],
    }
    counted = {
        name: {"passed": sum(verdicts[p.id] == "passed" for p in probes), "of": len(probes)}
        for name, probes in kinds.items()
    }
    if spoilt := sum(p.id in at_fault for p in kinds["conformance"]):
        counted["conformance"] |= {"passed": counted["conformance"]["passed"] - spoilt, "at_fault": spoilt}
    return {**counted, "coverage": {"passed": len(decided), "of": len(known)}}


def _capabilities(catalogue: Iterable[Probe], audit: Audit) -> Report:
    made: Report = {}
    for probe in catalogue:
        if probe.provides:
            outcome = audit.outcomes.get(probe.id)
            lacking = outcome is not None and outcome.judgement.verdict is Verdict.SKIPPED and not outcome.turns
            state = outcome.judgement.state if outcome is not None and not lacking else "unknown"
            made[probe.provides] = {"state": state, "probe": probe.id, "tested": _is_tested(probe, audit, state)}
    return made


def _is_tested(probe: Probe, audit: Audit, state: str) -> bool:
    """Whether a capability that was found is more than accepted."""
    shows, expect = probe.expect.shows, probe.expect
    if shows is None or state != "yes":
        return bool(expect.checks or expect.rules) or expect.refusal is Verdict.FAILED
    akin = (outcome for outcome in audit.outcomes.values() if outcome.probe.section == probe.section)
    return any(shows(turn.reading) for outcome in akin for turn in outcome.turns)


def _tells(value: Any, secrets: Sequence[str]) -> bool:
    """Whether a secret stands in a text of the value; the quick answer is no, as it is nearly always."""
    written = json.dumps(value)
    return any(json.dumps(secret)[1:-1] in written for secret in secrets)


def scrubbed(value: Any, secrets: Sequence[str]) -> Any:
    """The value with every secret in its texts replaced."""
    if not secrets:
        return value
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret, redact.FILTERED)
        return value
    if isinstance(value, dict):
        return {scrubbed(name, secrets): scrubbed(member, secrets) for name, member in value.items()}
    return [scrubbed(item, secrets) for item in value] if isinstance(value, list) else value


def unreachable(outcomes: Iterable[Outcome]) -> bool:
    """Whether nothing was answered at all."""
    return not any(outcome.judgement.verdict in (Verdict.PASSED, Verdict.FAILED) for outcome in outcomes)


__all__ = [
    "Group",
    "Severity",
    "Shown",
    "grouped",
    "probe_json",
    "report",
    "scores",
    "scrubbed",
    "unreachable",
]
