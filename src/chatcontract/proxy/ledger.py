"""The exchanges of a proxy: checked, told, and written down before their clients have them whole."""

import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

from chatcontract.across import Across
from chatcontract.cleaning import clean_request, clean_response, given_away, longest_first, without
from chatcontract.contract import Contract
from chatcontract.journal import Journal
from chatcontract.jsontext import prefer_speed
from chatcontract.model import JSON, Exchange, Request, Response, Result, Severity, Verdict, Violation, Violations
from chatcontract.native import record
from chatcontract.reading import Reading
from chatcontract.recording import dumped

Tell = Callable[[Result], None]
_NOTHING = Violations()


class Asked(NamedTuple):
    """A request as it may be stored, parsed and checked; `secrets` are the keys that it gave away."""

    name: str
    secrets: tuple[str, ...]
    request: Request
    reading: Reading | None
    violations: Violations
    problem: str
    at: float


class Ending(NamedTuple):
    """How an exchange ended other than by a whole answer: who ended it, and a sentence."""

    by: Literal["client", "upstream", "proxy"]
    note: str


class Ledger:
    """Takes the exchanges of one run.

    Args:
        contract: what to check against; None checks nothing.
        journal: where to write them; None writes nothing.
        tell: told every result.
        host: whom they went to.
    """

    def __init__(self, contract: Contract | None, journal: Journal | None, tell: Tell, host: str = "") -> None:
        prefer_speed()
        self._contract = contract
        self._journal = journal
        self._tell = tell
        self._host = host
        self._across = Across()
        self.recorded = 0

    @property
    def checks(self) -> bool:
        """Whether exchanges are checked."""
        return self._contract is not None

    def asked(self, request: Request, problem: str = "") -> Asked:
        """A request as it came, checked; one with a `problem`, such as a body that is not whole, is not."""
        name = secrets.token_hex(8)
        keys = longest_first(given_away(request, None))
        cleaned = clean_request(request, keys)
        if self._contract is None or problem:
            return Asked(name, keys, cleaned, None, _NOTHING, problem, time.time())
        reading = Reading(Exchange(name, cleaned))
        return Asked(name, keys, cleaned, reading, self._contract.check(reading), "", time.time())

    def refused(self, asked: Asked) -> None:
        """Note a request that was not passed on because it breaks the contract."""
        exchange = Exchange(asked.name, asked.request, None, host=self._host)
        self._note(exchange, asked, asked.violations, "", refused=True)

    def answered(
        self, asked: Asked, response: Response | None, elapsed: float, ending: Ending | None = None
    ) -> Violations:
        """Note what came back, as it came; an answer that is not whole, by its `ending`, is not checked.

        Raises:
            SourceError: it cannot be written.
        """
        keys = longest_first((*asked.secrets, *given_away(None, response)))
        stored = None if response is None else clean_response(response, keys)
        exchange = Exchange(asked.name, asked.request, stored, host=self._host)
        whole = ending is None and not asked.problem
        reading = _answered(exchange, asked.reading) if whole and asked.reading is not None else None
        violations = Violations((*asked.violations, *self._found(reading))) if reading else asked.violations
        note = without(ending.note if ending is not None else asked.problem, keys)
        told: dict[str, JSON] = {"cut": ending.by} if ending is not None else {}
        self._note(exchange, asked, violations, note, reading, elapsed=round(elapsed, 6), **told)
        return violations

    def _found(self, reading: Reading) -> list[Violation]:
        assert self._contract is not None  # or there is no reading
        found = list(self._contract.check_answer(reading))
        for rule, finding in self._across.feed(reading):
            violation = self._contract.violation(rule, finding, reading.exchange.id)
            found += [] if violation is None else [violation]
        return found

    def _note(
        self,
        exchange: Exchange,
        asked: Asked,
        violations: Violations,
        note: str,
        reading: Reading | None = None,
        **members: Any,
    ) -> None:
        if self._journal is not None:
            at = datetime.fromtimestamp(asked.at, UTC).isoformat(timespec="milliseconds")
            told = {"note": note} if note else {}
            self._journal.append(dumped(record(exchange, reading, at=at, **told, **members)) + b"\n")
        self.recorded += 1
        verdict = _verdict(violations, note, members.get("cut"))
        self._tell(
            Result(
                exchange.id, verdict, violations, elapsed=members.get("elapsed"), error=note or None, host=self._host
            )
        )


def _answered(exchange: Exchange, asked: Reading) -> Reading:
    """The reading of the whole exchange, with what is known of its request."""
    reading = Reading(exchange, request=asked.request)
    reading.request_traits = asked.request_traits
    return reading


def _verdict(violations: Violations, note: str, cut: str | None) -> Verdict:
    if any(violation.severity is Severity.ERROR for violation in violations):
        return Verdict.FAILED
    if cut == "client":
        return Verdict.INCONCLUSIVE
    return Verdict.ERRORED if note else Verdict.PASSED
