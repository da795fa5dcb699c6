"""Sources in, report out."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from chatcontract.across import Across
from chatcontract.contract import Contract
from chatcontract.jsontext import ABSENT
from chatcontract.model import JSON, Part, Result, Severity, Verdict, Violations
from chatcontract.reading import Reading, Text
from chatcontract.recording import Recorded, Unreadable
from chatcontract.report import Collector, Report
from chatcontract.sources import Source, opened

Progress = Callable[[Source, int], None]
"""Called now and then with the source at hand and the number of records read."""
EVERY = 0.2
"""Seconds between two calls of Progress."""


class Run:
    """One run of `check` over sources: feeds a collector, remembers what was met.

    Args:
        contract: what to check against.
        collector: what adds the results up.
        wanted: the part that every record is said to be; None finds out.
        progress: told how far the run is.
    """

    def __init__(
        self, contract: Contract, collector: Collector, *, wanted: Part | None = None, progress: Progress | None = None
    ) -> None:
        self._contract = contract
        self._collector = collector
        self._across = Across()
        self._wanted = wanted
        self._progress = progress or (lambda source, count: None)
        self.sources: list[Report] = []

    def results(self, names: Iterable[str]) -> Iterator[Report]:
        """The JSON form of every result, in order; a source that cannot be opened gives one errored result.

        `names` are those that `sources.opened` takes.
        """
        for source in opened(names, self._wanted):
            if isinstance(source, Unreadable):
                self.sources.append({"name": source.origin, "format": None, "records": {}})
                yield self._collector.add(errored(*source))
                continue
            with source:
                yield from self._of(source)

    def _of(self, source: Source) -> Iterator[Report]:
        forms: Counter[str] = Counter()
        told = {"name": source.name, "format": source.format, "records": forms, "passed_over": source.passed_over}
        self.sources.append(told)
        shown = time.monotonic()
        for count, item in enumerate(source.items, 1):
            forms["unreadable" if isinstance(item, Unreadable) else item.form] += 1
            yield self._collector.add(self.result(item))
            if time.monotonic() - shown > EVERY:
                shown = time.monotonic()
                self._progress(source, count)

    def result(self, item: Recorded | Unreadable) -> Result:
        """The outcome of one record."""
        if isinstance(item, Unreadable):
            return errored(item.origin, item.reason)
        exchange = item.exchange
        violations = self._violations(item)
        verdict, note = Verdict.PASSED, None
        if item.cut:
            verdict, note = (
                Verdict.INCONCLUSIVE,
                f"the {item.cut} ended it: its answer, not being whole, was not checked",
            )
        if violations and any(violation.severity is Severity.ERROR for violation in violations):
            verdict = Verdict.FAILED
        return Result(
            exchange.id, verdict, violations, exchange.origin, error=note, provider=exchange.provider,
            host=exchange.host,
        )  # fmt: skip

    def _violations(self, item: Recorded) -> Violations:
        if item.part is Part.CHUNK and item.exchange.response is not None:
            return self._contract.check_chunk(item.exchange.response.body)
        if item.cut:
            item = item._replace(exchange=item.exchange._replace(response=None), answered=ABSENT)
        reading = Reading(item.exchange, request=_text(item.asked), answer=_text(item.answered))
        found = self._contract.check(reading)
        for rule, finding in self._across.feed(reading):
            judged = self._contract.violation(rule, finding, item.exchange.id)
            found = Violations((*found, judged)) if judged is not None else found
        return found


def _text(value: JSON) -> Text | None:
    return None if value is ABSENT else Text(value)


def errored(origin: str, reason: str) -> Result:
    """The outcome of a record that could not be read."""
    return Result(origin, Verdict.ERRORED, origin=origin, error=reason)


def spec_json(contract: Contract) -> Report:
    """What the report says of the spec."""
    facts = contract.facts
    return {name: facts[name] for name in ("title", "version", "openapi", "origin", "hash", "path", "fixes")}
