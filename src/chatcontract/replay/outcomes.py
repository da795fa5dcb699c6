"""Recording and journal → the canonical report of a replay, one exchange at a time.

A result has, beside what every result has: `drift`, `gone` (violations that only the recorded answer has),
`statuses` (recorded and new) and `attempts`; a violation of the new answer says in `compared` whether it is `new`
or in `both`.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from chatcontract import drift as drifting
from chatcontract.across import Across
from chatcontract.cleaning import clean, given_away, url, without
from chatcontract.contract import Contract
from chatcontract.digest import Key, key_of
from chatcontract.drift import KINDS, Drift
from chatcontract.judging import KEY_REFUSED
from chatcontract.model import Exchange, Finding, Result, Rule, Severity, Verdict, Violation, Violations
from chatcontract.reading import Reading
from chatcontract.refusals import said
from chatcontract.replay.journal import Sent
from chatcontract.replay.plan import Entry, entries
from chatcontract.replay.sending import Replay, is_whole
from chatcontract.report import SEVERITIES, Collector, Report, violation_json

MAX_ATTEMPTS = 20
"""Attempts that a result lists, the last ones."""
UNSUPPORTED = frozenset((400, 404, 405, 413, 415, 422, 501))
"""Statuses by which a server refuses what it does not offer."""


class Judged(NamedTuple):
    """What came of one recorded request."""

    verdict: Verdict
    reason: str = ""
    violations: Violations = Violations()
    compared: tuple[str | None, ...] = ()
    gone: Violations = Violations()
    drift: tuple[Drift, ...] = ()


class Outcomes:
    """Judges what a replay got, and adds it up.

    Args:
        replay: the run, ended or broken off.
        contract: what both answers are checked against.
        collector: what adds the results up.
        levels: other severities of kinds of drift; None leaves a kind out.
    """

    def __init__(
        self, replay: Replay, contract: Contract, collector: Collector, levels: Mapping[str, Severity | None]
    ) -> None:
        self._replay = replay
        self._contract = contract
        self._collector = collector
        self._levels = levels
        self._across = Across(), Across()
        self._rules: dict[str, Rule] = {rule.name: rule for rule in contract.rules}
        self._kinds: dict[str, Counter[str]] = {}
        self._compared: Counter[str] = Counter()
        self._severities: set[Severity] = set()
        self.unsent = 0

    def results(self) -> Iterator[Report]:
        """The JSON form of every result, in the order of the recording; what was not sent is only counted."""
        for entry in entries(self._replay.plan.names):
            if entry.exchange is None:
                yield self._told(entry, Judged(Verdict.ERRORED, entry.reason))
            elif entry.reason:
                yield self._told(entry, Judged(Verdict.SKIPPED, entry.reason))
            elif entry.number in self._replay.plan.chosen:
                attempts = list(self._replay.answers.attempts(entry.key))
                if attempts:
                    yield self._told(entry, self._judged(entry, attempts), attempts)
                else:
                    self.unsent += 1

    def _told(self, entry: Entry, judged: Judged, attempts: list[Sent] | None = None) -> Report:
        exchange = entry.exchange or Exchange(entry.origin)
        name, origin = (without(url(text), self._replay.target.secrets) for text in (exchange.id, entry.origin))
        counted = counting(attempts) if attempts else None
        host = counted.exchange.host if counted else exchange.host.rpartition("@")[2]
        error = judged.reason if judged.verdict is Verdict.ERRORED else None
        elapsed = counted.elapsed if counted else None
        result = Result(name, judged.verdict, judged.violations, origin, None, elapsed, error, host=host)

        def dress(made: Report) -> None:
            made.update(self._compared_json(judged, made["violations"]))
            if attempts and counted:
                made["statuses"] = {"recorded": _status(exchange), "new": _status(counted.exchange)}
                made["attempts"] = [_attempt(sent) for sent in attempts[-MAX_ATTEMPTS:]]

        return self._collector.add(result, dress)

    def _compared_json(self, judged: Judged, violations: list[Report]) -> Report:
        """What a comparison adds to a result and to its violations; it is counted as well."""
        for violation, compared in zip(violations, judged.compared, strict=True):
            violation["compared"] = compared
        self._compared.update(word for word in judged.compared if word)
        self._compared["gone"] += len(judged.gone)
        self._count(judged)
        return {
            "reason": judged.reason or None,
            "gone": [violation_json(violation) for violation in judged.gone],
            "drift": [{**one._asdict(), "severity": one.severity.value} for one in judged.drift],
        }

    def _count(self, judged: Judged) -> None:
        for one in judged.drift:
            self._kinds.setdefault(one.kind, Counter())["times"] += 1
            self._severities.add(one.severity)
        for kind in {one.kind for one in judged.drift}:
            self._kinds[kind]["results"] += 1
        self._severities |= {violation.severity for violation in judged.violations if violation.side == "server"}

    def worst(self) -> Severity | None:
        """The highest severity of what the answers have, drift included; requests at fault do not count."""
        return next((severity for severity in SEVERITIES if severity in self._severities), None)

    def report(self, *, interrupted: bool = False) -> Report:
        """The whole report of what `results` gave so far."""
        replay = self._replay
        made = self._collector.report(
            target=replay.target.base, model=replay.settings.model, interrupted=interrupted or replay.interrupted,
            requests=replay.sent, duration=round(replay.duration, 3), notes=list(self._notes()),
            replay={
                "recordings": list(replay.plan.names), "chosen": replay.plan.size, "left_out": replay.plan.left_out,
                "passed_over": dict(replay.plan.passed_over),
                "resumed": replay.resumed, "unsent": self.unsent, "waits": replay.waits,
                "stopped": replay.stopped or None,
            },
            drift_kinds={name: _kind_json(name) for name in KINDS if name in self._kinds},
        )  # fmt: skip
        made["summary"]["drift"] = {name: dict(self._kinds[name]) for name in KINDS if name in self._kinds}
        made["summary"]["compared"] = {word: self._compared[word] for word in ("new", "both", "gone")}
        return made

    def _notes(self) -> Iterator[str]:
        replay = self._replay
        if replay.stopped:
            yield f"Stopped: {replay.stopped}."
        if self.unsent:
            yield f"{self.unsent} of {replay.plan.size} requests were not sent; with --output, --resume sends them."
        if replay.plan.left_out:
            yield f"{replay.plan.left_out} requests were left out by --limit or --sample."
        if replay.resumed:
            yield f"{replay.resumed} answers are of an earlier run."

    def _judged(self, entry: Entry, attempts: list[Sent]) -> Judged:
        assert entry.exchange is not None  # it was sent
        sent = counting(attempts)
        secrets = (*self._replay.target.secrets, *given_away(entry.exchange.request, entry.exchange.response))
        before, after = Reading(clean(entry.exchange, secrets)), Reading(sent.exchange)
        status = after.status
        if not is_whole(status, sent.fault, lambda: after):
            return Judged(Verdict.ERRORED, _lost(sent, after))
        drift = tuple(drifting.compare(before, after, self._levels))
        if not sent.final:
            why = "the key was refused" if status in KEY_REFUSED else "the target is busy or down"
            return Judged(Verdict.ERRORED, f"{why}: {said(after)}", drift=drift)
        found = Violations((*self._contract.check(after), *self._more(before, after, sent)))
        return _settled(found, self._known(before), before, after)._replace(drift=drift)

    def _more(self, before: Reading, after: Reading, sent: Sent) -> Iterator[Violation]:
        """What only the run, or the two answers together, can tell."""
        for rule, finding in self._across[1].feed(after):
            yield from self._violation(rule.name, finding, after)
        if sent.fault is not None and sent.fault.kind == "left-open":
            finding = Finding("", sent.fault.message, severity=Severity.WARNING)
            yield from self._violation("stream-left-open", finding, after)
        if (after.status or 0) >= 500 and after.status not in UNSUPPORTED and after.status != before.status:
            crashed = Finding("", f"expected an answer or a status of 4xx, got {said(after)}"[:300])
            sound = not Violations(v for v in self._contract.check(after) if v.side == "client").errors
            yield from self._violation("valid-request-crashes" if sound else "invalid-request-crashes", crashed, after)

    def _violation(self, name: str, finding: Finding, after: Reading) -> Iterator[Violation]:
        made = self._contract.violation(self._rules[name], finding, after.exchange.id) if name in self._rules else None
        if made is not None:
            yield made

    def _known(self, before: Reading) -> Violations:
        """What the recorded answer has."""
        if before.exchange.response is None:
            return Violations()
        judged = (self._contract.violation(*found, before.exchange.id) for found in self._across[0].feed(before))
        return Violations((*self._contract.check_answer(before), *(one for one in judged if one is not None)))


def counting(attempts: list[Sent]) -> Sent:
    """The attempt whose answer counts: the final one, else the last."""
    return next((sent for sent in reversed(attempts) if sent.final), attempts[-1])


def _settled(found: Violations, known: Violations, before: Reading, after: Reading) -> Judged:
    recorded = before.exchange.response is not None
    earlier: set[Key] = {key_of(violation_json(one)) for one in known}
    now: set[Key] = {key_of(violation_json(one)) for one in found}
    compared = tuple(
        None if one.side == "client" or not recorded else "both" if key_of(violation_json(one)) in earlier else "new"
        for one in found
    )
    gone = Violations(one for one in known if key_of(violation_json(one)) not in now)
    bad = next((one for one in found if one.side == "server" and one.severity is Severity.ERROR), None)
    if bad is not None:
        return Judged(Verdict.FAILED, f"{bad.rule} {bad.name}: {bad.message}", found, compared, gone)
    deserved = _refused(before) or any(one.side == "client" and one.severity is Severity.ERROR for one in found)
    if after.status in UNSUPPORTED and after.status != before.status and not deserved:
        return Judged(Verdict.SKIPPED, f"unsupported: refused with {said(after)}", found, compared, gone)
    return Judged(Verdict.PASSED, "", found, compared, gone)


def _refused(before: Reading) -> bool:
    """Whether the recorded request was refused as well."""
    return before.status is not None and 400 <= before.status < 500


def _lost(sent: Sent, after: Reading) -> str:
    if sent.fault is not None:
        return sent.fault.message
    return f"redirected with status {after.status}: not followed"


def _status(exchange: Exchange) -> int | None:
    return None if exchange.response is None else exchange.response.status


def _attempt(sent: Sent) -> Report:
    return {
        "status": _status(sent.exchange), "elapsed": round(sent.elapsed, 4), "wait": sent.wait,
        "fault": None if sent.fault is None else sent.fault._asdict(),
    }  # fmt: skip


def _kind_json(name: str) -> Report:
    kind = KINDS[name]
    return {"summary": kind.summary, "why": kind.why}
