"""Asking one probe: tries, turns, the wait for a busy target, and what the rules find in the answers."""

import asyncio
import time
from typing import NamedTuple

from chatcontract.client import Client, Limits, Reply
from chatcontract.contract import Contract
from chatcontract.judging import BUSY, Judgement, Try, Turn, is_whole, judge, kind_of
from chatcontract.model import Verdict, Violation
from chatcontract.plan import Budget
from chatcontract.probe import LIMITS, Ask, Context, Probe, Unclear
from chatcontract.reading import Reading, header
from chatcontract.target import Target

_UNSAID = BUSY - {429}
"""Statuses of which something before the target may be the author; the limit of requests is the target's own."""
_OF_REFUSALS = ("CC112", "CC630", "CC632", "CC7")
_CUT = ("got the end of the stream", "got a connection that was cut")
RETRIES = 2
"""Further tries where the target says that it is busy."""
NOTICE = 0.2
"""Seconds that a target has to notice that we hung up on it."""
LONGEST_WAIT = 10.0
"""Seconds that a busy target is waited for, at most."""


class Settings(NamedTuple):
    """How an audit runs."""

    budget: Budget = Budget()
    concurrency: int = 4
    limits: Limits = Limits()
    seed: int = 0
    model: str = ""


class Outcome(NamedTuple):
    """What became of a probe: its tries, busy answers included, the judgement of the last, and what it broke.

    `violations` has one list for each turn of each try, in their order.
    """

    probe: Probe
    judgement: Judgement
    turns: tuple[Turn, ...] = ()
    violations: tuple[tuple[Violation, ...], ...] = ()
    elapsed: float = 0.0


class Run:
    """What the probes of one run have in common; `sent` counts their requests."""

    def __init__(self, contract: Contract, target: Target, settings: Settings) -> None:
        self.contract = contract
        self.target = target
        self.settings = settings
        self.context = Context(settings.model, LIMITS[1], settings.seed)
        self.models: list[str] = []
        self.notes: list[str] = []
        self.sent = 0

    @property
    def is_spent(self) -> bool:
        """Whether no further request is allowed; a busy target may have used up those of others."""
        return self.settings.budget.requests is not None and self.sent >= self.settings.budget.requests


class Asker:
    """Asks one probe: tries, turns, and the wait for a busy target; what was asked `before` stays."""

    def __init__(self, run: Run, client: Client, before: Outcome | None = None) -> None:
        self.run = run
        self._client = client
        self.turns: list[Turn] = list(before.turns) if before is not None else []
        self.violations: list[tuple[Violation, ...]] = list(before.violations) if before is not None else []
        self._begun = time.monotonic() - (before.elapsed if before is not None else 0)

    async def outcome(self, probe: Probe) -> Outcome:
        """Try until it is clear what the target does, or the tries are used up."""
        judgement = Judgement(Verdict.ERRORED, "not asked")
        for _ in range(max(1, self.run.settings.budget.repeat) if probe.uncertain else 1):
            judgement = await self.judged(probe)
            again = judgement.verdict is Verdict.INCONCLUSIVE
            if not again and not (probe.expect.confirm and judgement.verdict is Verdict.FAILED):
                break
        return self.made(probe, judgement)

    def made(self, probe: Probe, judgement: Judgement) -> Outcome:
        """The outcome of what was asked so far."""
        elapsed = time.monotonic() - self._begun
        return Outcome(probe, judgement, tuple(self.turns), tuple(self.violations), elapsed)

    async def judged(self, probe: Probe) -> Judgement:
        """One try."""
        start = len(self.turns)
        first = await self.ask(probe, probe.request)
        tried = [first]
        unclear = None
        if probe.then is not None and kind_of(first) == "answered" and (first.reply.stopped or is_whole(first)):
            following = probe.then(self.run.context, [first.reading])
            if first.reply.stopped:
                await asyncio.sleep(NOTICE)
            if isinstance(following, Unclear):
                unclear = following
            else:
                tried.append(await self.ask(probe, following))
        elif probe.then is not None and probe.is_negative and kind_of(first) == "refused":
            following = probe.then(self.run.context, [first.reading])
            if isinstance(following, Ask):
                tried.append(await self.ask(probe, following))
        broken = frozenset(violation.name for found in self.violations[start:] for violation in found)
        return judge(probe, Try(tuple(tried), unclear), broken)

    async def ask(self, probe: Probe, ask: Ask) -> Turn:
        """Ask once, and again where the target is busy; every answer is kept."""
        turn = await self._once(probe, ask)
        for attempt in range(RETRIES):
            if turn.reply.fault is not None or kind_of(turn) != "busy" or self.run.is_spent:
                break
            await asyncio.sleep(wait_of(turn.reply, attempt))
            turn = await self._once(probe, ask)
        return turn

    async def _once(self, probe: Probe, ask: Ask) -> Turn:
        name = f"{probe.id}#{len(self.turns) + 1}"
        request = self.run.target.request(ask, self.run.context)
        self.run.sent += 1
        reply = await self._client.send(request, name, stop_after=ask.stop_after)
        turn = Turn(ask, reply, Reading(reply.exchange))
        self.turns.append(turn)
        self.violations.append(())
        self.violations[-1] = self._checked(probe, turn)
        return turn

    def _checked(self, probe: Probe, turn: Turn) -> tuple[Violation, ...]:
        """What the rules of the contract find in the answer; what we asked wrongly we asked on purpose.

        Of an answer to what should have been refused only the form of the refusal matters: there is nothing
        that its content could fit.
        """
        if not is_whole(turn) or turn.reply.status in _UNSAID:
            return ()
        found = [v for v in self.run.contract.check_answer(turn.reading) if v.side == "server"]
        if turn.reply.fault is not None and turn.reply.fault.kind == "cut":
            found = [v._replace(message=v.message.replace(*_CUT)) for v in found]
        if probe.is_negative and kind_of(turn) == "answered":
            return tuple(v for v in found if v.rule.startswith(_OF_REFUSALS))
        may_refuse = probe.expect.refusal is Verdict.PASSED
        if may_refuse and kind_of(turn) == "crashed":  # invalid-request-crashes says the same of it
            return tuple(v for v in found if v.name != "error-status-mismatch" or v.pointer)
        return tuple(found)

    def forget(self) -> None:
        """Hold nothing against the target that was found so far."""
        self.violations = [() for _ in self.turns]


def wait_of(reply: Reply, attempt: int) -> float:
    """Seconds until a busy target is asked again."""
    headers = reply.exchange.response.headers if reply.exchange.response is not None else ()
    told = header(headers, "retry-after").strip()
    seconds = float(told) if told.isdecimal() and len(told) < 6 else 0.5 * 2**attempt
    return min(seconds, LONGEST_WAIT)
