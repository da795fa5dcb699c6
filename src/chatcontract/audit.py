"""Runs probes against a target: each costs at most itself, and the run always ends with what was found."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence

from chatcontract import refusals, rules
from chatcontract.asking import RETRIES, Asker, Outcome, Run, Settings, wait_of
from chatcontract.client import Client, Reply
from chatcontract.contract import Contract
from chatcontract.health import CONFIRMED, QUICK, Health, is_lost, is_silence, is_streaming
from chatcontract.jsontext import prefer_speed
from chatcontract.judging import Judgement, State, Turn, is_whole, kind_of, lost_alone
from chatcontract.model import Finding, Severity, Verdict
from chatcontract.opening import Opening, listed_models
from chatcontract.plan import Plan
from chatcontract.probe import Ask, Probe
from chatcontract.probes import FIRST
from chatcontract.target import Target

KEY = "key"
"""The capability of having a key in use."""
_WORDS = {"no": "failed", "unsupported": "was refused"}
_LACKED = frozenset(_WORDS)
_BESIDE = "send other requests while this one is answered; --concurrency 1 asks one at a time"


Notify = Callable[[Outcome], None]


class Audit(Run):
    """A run of an audit. `outcomes` grows while it goes on, and is right at any time.

    Args:
        contract: what every exchange is checked against.
        target: whom to ask.
        plan: what to ask.
        settings: how.
    """

    def __init__(self, contract: Contract, target: Target, plan: Plan, settings: Settings) -> None:
        super().__init__(contract, target, settings)
        self.plan = plan
        self.outcomes: dict[str, Outcome] = {}
        self.interrupted = False
        self.duration = 0.0
        self._checking = asyncio.Lock()
        self._notify: Notify = lambda outcome: None
        self._health = Health()
        self._states: dict[str, asyncio.Future[State]] = {}
        self._cut: list[str] = []

    def on_outcome(self, notify: Notify) -> None:
        """Have every outcome told as it comes."""
        self._notify = notify

    async def run(self) -> None:
        """Run every probe of the plan; ends early, and normally, when it is cancelled."""
        prefer_speed()
        begun = time.monotonic()
        try:
            async with Client(self.settings.limits, secrets=self.target.secrets) as client:
                await self._all(client)
        except asyncio.CancelledError:
            self.interrupted = True
        self.duration = time.monotonic() - begun

    async def _all(self, client: Client) -> None:
        room = asyncio.Semaphore(max(1, self.settings.concurrency))
        loop = asyncio.get_running_loop()
        self._states = {probe.provides: loop.create_future() for probe in self.plan.probes if probe.provides}
        first = next((probe for probe in self.plan.probes if probe.id == FIRST), None)
        if first is not None:
            await self._begin(client, first)
        rest = [probe for probe in self.plan.probes if probe.id != FIRST]
        async with asyncio.TaskGroup() as group:
            for probe in rest:
                if not hangs_up(probe):
                    group.create_task(self._in_turn(client, probe, room))
        await self._look_into(client)
        if self.settings.concurrency > 1:
            await self._ask_alone(client)
        for probe in filter(hangs_up, rest):  # alone and last: what they break must not be held against others
            await self._in_turn(client, probe, room)
        await self._bury(client)

    async def _begin(self, client: Client, probe: Probe) -> None:
        """Find the model and the address, then ask the first question."""
        asker = Asker(self, client)
        outcome = await Opening(asker, probe).outcome()
        self._settle(outcome)
        if outcome.judgement.state != "yes" and not _is_success(outcome):
            self._health.give_up(f"the first question was not answered ({outcome.judgement.reason})")

    async def _in_turn(self, client: Client, probe: Probe, room: asyncio.Semaphore) -> None:
        lacking = await self._lacking(probe)
        probe = probe.adapted([name for name in probe.without if await self._state(name) in _LACKED])
        async with room:
            if lacking:
                outcome = Outcome(probe, Judgement(Verdict.SKIPPED, lacking))
            elif self.is_spent:
                outcome = Outcome(probe, Judgement(Verdict.SKIPPED, "left out: the requests are used up"))
            elif gone := await self._gone(client, probe):
                outcome = Outcome(probe, Judgement(Verdict.ERRORED, gone))
            else:
                outcome = await self._asked(client, probe)
        self._settle(outcome)

    async def _gone(self, client: Client, probe: Probe) -> str:
        """Why the probe is not worth asking; where faults come in a row, a plain question tells."""
        if not self._health.is_suspect(probe):
            return self._health.reason(probe)
        async with self._checking:
            if self._health.is_suspect(probe):  # still: another probe may have asked meanwhile
                streams = is_streaming(probe)
                self._health.check(streams, (await self._plain(client, streams)).fault)
        return self._health.reason(probe)

    async def _plain(self, client: Client, streams: bool) -> Reply:
        """The answer to a plain question."""
        self.sent += 1
        return await client.send(
            self.target.request(Ask({"/stream": True} if streams else {}), self.context), "is it there?"
        )

    async def _look_into(self, client: Client) -> None:
        """Ask again, alone, what got no whole answer, and a plain question beside it: is it the request?"""
        silent: Counter[str] = Counter()
        for outcome in [one for one in ordered(self) if one.probe.id != FIRST and is_lost(one.judgement, one.turns)]:
            section = outcome.probe.section
            if self.is_spent or self._health.gone(outcome.probe) or silent[section] >= CONFIRMED:
                continue
            silent[section] += is_silence(outcome.turns[-1].reply)
            self.outcomes[outcome.probe.id] = await self._again(client, outcome)

    async def _again(self, client: Client, outcome: Outcome) -> Outcome:
        again = await self._asked(client, outcome.probe, outcome)
        if is_lost(again.judgement, again.turns):
            streams = again.turns[-1].ask.changes.get("/stream") is True
            plain = await self._plain(client, streams)
            late = is_silence(again.turns[-1].reply) and plain.elapsed > QUICK * self.settings.limits.total
            if plain.fault is None and plain.status == 200 and not late:
                again = again._replace(judgement=lost_alone(outcome.probe, again.turns[-1]))
            elif plain.fault is not None and plain.fault.kind == "connect":
                self._health.check(streams, plain.fault)
        return again

    async def _ask_alone(self, client: Client) -> None:
        """Ask again, alone, what was cut or crashed: it may be for the others that were asked meanwhile."""
        healed = vain = 0
        for before in [outcome for outcome in ordered(self) if troubled(outcome) is not None]:
            at = troubled(before) or 0
            is_cut = before.turns[at].reply.fault is not None
            if self.is_spent or self._health.gone(before.probe):
                return
            if is_cut and vain >= CONFIRMED and not healed:
                continue
            again = await self._asked(client, before.probe, acquitted(before))
            if any(is_trouble(turn) for turn in again.turns[len(before.turns) :]):
                vain += is_cut
                continue
            healed += 1
            self._cut.clear()
            self.outcomes[before.probe.id] = self._charged(again, at)
            self._reveal(again)
        if healed:
            await self._catch_up(client)

    def _reveal(self, outcome: Outcome) -> None:
        """Take the state that a capability has after all."""
        if outcome.probe.provides in self._states:
            self._states[outcome.probe.provides] = state = asyncio.get_running_loop().create_future()
            state.set_result(outcome.judgement.state)

    async def _catch_up(self, client: Client) -> None:
        """Ask what was left out for want of a capability that is there after all."""
        skipped = {one.probe.id for one in ordered(self) if one.judgement.verdict is Verdict.SKIPPED and not one.turns}
        for probe in self.plan.probes:
            if probe.id in skipped and not await self._lacking(probe):
                await self._in_turn(client, probe, asyncio.Semaphore(1))

    def _charged(self, outcome: Outcome, at: int) -> Outcome:
        """Hold against the target that it failed where it does not when it is asked for that alone."""
        turn = outcome.turns[at]
        met = "a connection that was cut" if turn.reply.fault is not None else refusals.said(turn.reading)
        message = f"expected an answer as when it is asked for alone, got {met} while other requests were asked"
        finding = Finding("", message[:300], hint=_BESIDE)
        found = self.contract.violation(rules.get("CC199"), finding, turn.reply.exchange.id)
        held = (*outcome.violations[:at], () if found is None else (found,), *outcome.violations[at + 1 :])
        return outcome._replace(violations=held)

    async def _bury(self, client: Client) -> None:
        """Where the target is gone, streams that were cut before that are not held against it."""
        if not self._cut or self.is_spent:
            return
        fault = (await self._plain(client, streams=False)).fault
        if fault is None or fault.kind != "connect":
            return
        gone = Judgement(Verdict.ERRORED, f"the connection was cut, and the target is gone ({fault.message})")
        for outcome in map(self.outcomes.__getitem__, self._cut):
            self.outcomes[outcome.probe.id] = acquitted(outcome)._replace(judgement=gone)

    async def _asked(self, client: Client, probe: Probe, before: Outcome | None = None) -> Outcome:
        asker = Asker(self, client, before)
        try:
            return await asker.outcome(probe)
        except Exception as error:  # a check of ours that an answer was too much for: it costs one probe
            return asker.made(probe, Judgement(Verdict.ERRORED, f"a fault of chatcontract: {error!r}"[:300]))

    async def _lacking(self, probe: Probe) -> str:
        """Why the probe makes no sense here; empty where it does."""
        for need in probe.needs:
            if need == KEY:
                if not self.target.secrets:
                    return "no key is in use"
                continue
            if (state := await self._state(need)) in _LACKED:
                return f"needs {need}, which {_WORDS[state]}"
        return ""

    async def _state(self, capability: str) -> State:
        return await self._states[capability] if capability in self._states else "yes"

    def _settle(self, outcome: Outcome) -> None:
        probe = outcome.probe
        self.outcomes[probe.id] = outcome
        future = self._states.get(probe.provides)
        if future is not None and not future.done():
            future.set_result(outcome.judgement.state)
        if outcome.turns:
            last = outcome.turns[-1].reply
            self._health.learn(probe, last.fault if outcome.judgement.verdict is Verdict.ERRORED else None)
            if last.fault is not None and last.fault.kind == "cut":
                self._cut.append(probe.id)
            elif last.fault is None:
                self._cut.clear()
        self._notify(outcome)


def troubled(outcome: Outcome) -> int | None:
    """The first turn that was cut after it began, or crashed; None where there is none."""
    return next((at for at, turn in enumerate(outcome.turns) if is_whole(turn) and is_trouble(turn)), None)


def is_trouble(turn: Turn) -> bool:
    """Whether the target hung up, or had a fault of its own."""
    fault = turn.reply.fault
    return kind_of(turn) == "crashed" if fault is None else fault.kind != "left-open"


def acquitted(outcome: Outcome) -> Outcome:
    """The outcome with nothing held against its answers."""
    return outcome._replace(violations=tuple(() for _ in outcome.turns))


def hangs_up(probe: Probe) -> bool:
    """Whether the probe leaves before the answer has ended."""
    return probe.request.stop_after is not None


def _is_success(outcome: Outcome) -> bool:
    return bool(outcome.turns) and kind_of(outcome.turns[-1]) == "answered" and is_whole(outcome.turns[-1])


def provisional(outcome: Outcome) -> Verdict:
    """The verdict while the run goes on."""
    found = [violation for turn in outcome.violations for violation in turn]
    bad = any(violation.severity is Severity.ERROR for violation in found)
    return Verdict.FAILED if bad and outcome.judgement.verdict is Verdict.PASSED else outcome.judgement.verdict


def run(audit: Audit) -> None:
    """Run an audit to its end; Ctrl-C ends it early, and what was found until then stays."""
    asyncio.run(audit.run())


def ordered(audit: Audit) -> Sequence[Outcome]:
    """The outcomes in the order of the plan."""
    return [audit.outcomes[probe.id] for probe in audit.plan.probes if probe.id in audit.outcomes]


__all__ = [
    "KEY", "RETRIES", "Asker", "Audit", "Notify", "Outcome", "Settings", "hangs_up", "listed_models", "ordered",
    "provisional", "run", "wait_of",
]  # fmt: skip
