"""Runs probes against a target: each costs at most itself, and the run always ends with what was found."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from chatcontract.client import Client, Limits, Reply
from chatcontract.contract import Contract
from chatcontract.health import Health, is_streaming
from chatcontract.jsontext import prefer_speed
from chatcontract.judging import BUSY, Judgement, State, Try, Turn, is_whole, judge, kind_of
from chatcontract.model import Severity, Verdict, Violation
from chatcontract.plan import Budget, Plan
from chatcontract.probe import LIMITS, Ask, Context, Probe, Unclear
from chatcontract.probes import FIRST
from chatcontract.reading import Reading, header, items, members
from chatcontract.target import Target, alternatives

KEY = "key"
"""The capability of having a key in use."""
_UNSAID = BUSY - {429}
"""Statuses of which something before the target may be the author; the limit of requests is the target's own."""
_OF_REFUSALS = ("CC112", "CC630", "CC632", "CC7")
_WORDS = {"no": "does not keep", "unsupported": "refuses"}
RETRIES = 2
"""Further tries where the target says that it is busy."""
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


Notify = Callable[[Outcome], None]


class Audit:
    """One run. `outcomes` grows while it goes on, and is right at any time.

    Args:
        contract: what every exchange is checked against.
        target: whom to ask.
        plan: what to ask.
        settings: how.
    """

    def __init__(self, contract: Contract, target: Target, plan: Plan, settings: Settings) -> None:
        self.contract = contract
        self.target = target
        self.plan = plan
        self.settings = settings
        self.context = Context(settings.model, LIMITS[1], settings.seed)
        self.outcomes: dict[str, Outcome] = {}
        self.models: list[str] = []
        self.notes: list[str] = []
        self.interrupted = False
        self.duration = 0.0
        self.sent = 0
        self._checking = asyncio.Lock()
        self._notify: Notify = lambda outcome: None
        self._health = Health()
        self._states: dict[str, asyncio.Future[State]] = {}

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
        for probe in filter(hangs_up, rest):  # alone and last: what they break must not be held against others
            await self._in_turn(client, probe, room)

    async def _begin(self, client: Client, probe: Probe) -> None:
        """Find the model and the address, then ask the first question."""
        asker = Asker(self, client)
        outcome = await Opening(asker, probe).outcome()
        self._settle(outcome)
        if outcome.judgement.state != "yes" and not _is_success(outcome):
            self._health.give_up(f"the first question was not answered ({outcome.judgement.reason})")

    async def _in_turn(self, client: Client, probe: Probe, room: asyncio.Semaphore) -> None:
        lacking = await self._lacking(probe)
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

    @property
    def is_spent(self) -> bool:
        """Whether no further request is allowed; a busy target may have used up those of others."""
        return self.settings.budget.requests is not None and self.sent >= self.settings.budget.requests

    async def _gone(self, client: Client, probe: Probe) -> str:
        """Why the probe is not worth asking; where faults come in a row, a plain question tells."""
        if not self._health.is_suspect(probe):
            return self._health.reason(probe)
        async with self._checking:
            if self._health.is_suspect(probe):  # still: another probe may have asked meanwhile
                streams = is_streaming(probe)
                plain = self.target.request(Ask({"/stream": True} if streams else {}), self.context)
                self.sent += 1
                self._health.check(streams, (await client.send(plain, "is it there?")).fault)
        return self._health.reason(probe)

    async def _asked(self, client: Client, probe: Probe) -> Outcome:
        asker = Asker(self, client)
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
            state = await self._states[need] if need in self._states else "yes"
            if state in ("no", "unsupported"):
                return f"needs {need}, which the target {_WORDS[state]}"
        return ""

    def _settle(self, outcome: Outcome) -> None:
        probe = outcome.probe
        self.outcomes[probe.id] = outcome
        future = self._states.get(probe.provides)
        if future is not None and not future.done():
            future.set_result(outcome.judgement.state)
        if outcome.turns:
            is_lost = outcome.judgement.verdict is Verdict.ERRORED
            self._health.learn(probe, outcome.turns[-1].reply.fault if is_lost else None)
        self._notify(outcome)


def hangs_up(probe: Probe) -> bool:
    """Whether the probe leaves before the answer has ended."""
    return probe.request.stop_after is not None


def _is_success(outcome: Outcome) -> bool:
    return bool(outcome.turns) and kind_of(outcome.turns[-1]) == "answered" and is_whole(outcome.turns[-1])


class Asker:
    """Asks one probe: tries, turns, and the wait for a busy target."""

    def __init__(self, audit: Audit, client: Client) -> None:
        self.audit = audit
        self._client = client
        self.turns: list[Turn] = []
        self.violations: list[tuple[Violation, ...]] = []
        self._begun = time.monotonic()

    async def outcome(self, probe: Probe) -> Outcome:
        """Try until it is clear what the target does, or the tries are used up."""
        judgement = Judgement(Verdict.ERRORED, "not asked")
        for _ in range(max(1, self.audit.settings.budget.repeat) if probe.uncertain else 1):
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
            following = probe.then(self.audit.context, [first.reading])
            if isinstance(following, Unclear):
                unclear = following
            else:
                tried.append(await self.ask(probe, following))
        elif probe.then is not None and probe.is_negative and kind_of(first) == "refused":
            following = probe.then(self.audit.context, [first.reading])
            if isinstance(following, Ask):
                tried.append(await self.ask(probe, following))
        broken = frozenset(violation.name for found in self.violations[start:] for violation in found)
        return judge(probe, Try(tuple(tried), unclear), broken)

    async def ask(self, probe: Probe, ask: Ask) -> Turn:
        """Ask once, and again where the target is busy; every answer is kept."""
        turn = await self._once(probe, ask)
        for attempt in range(RETRIES):
            if turn.reply.fault is not None or kind_of(turn) != "busy" or self.audit.is_spent:
                break
            await asyncio.sleep(wait_of(turn.reply, attempt))
            turn = await self._once(probe, ask)
        return turn

    async def _once(self, probe: Probe, ask: Ask) -> Turn:
        name = f"{probe.id}#{len(self.turns) + 1}"
        request = self.audit.target.request(ask, self.audit.context)
        self.audit.sent += 1
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
        found = [v for v in self.audit.contract.check_answer(turn.reading) if v.side == "server"]
        if probe.is_negative and kind_of(turn) == "answered":
            return tuple(v for v in found if v.rule.startswith(_OF_REFUSALS))
        return tuple(found)


def wait_of(reply: Reply, attempt: int) -> float:
    """Seconds until a busy target is asked again."""
    headers = reply.exchange.response.headers if reply.exchange.response is not None else ()
    told = header(headers, "retry-after").strip()
    seconds = float(told) if told.isdecimal() and len(told) < 6 else 0.5 * 2**attempt
    return min(seconds, LONGEST_WAIT)


class Opening:
    """The first question: which model, which address, which bound of the answer."""

    def __init__(self, asker: Asker, probe: Probe) -> None:
        self._asker = asker
        self._audit = asker.audit
        self._probe = probe

    async def outcome(self) -> Outcome:
        """Ask until one address and one bound are answered, or none is."""
        judgement = Judgement(Verdict.ERRORED, "not asked")
        for base in alternatives(self._audit.target.base):
            self._audit.target = self._audit.target._replace(base=base)
            if (lost := await self._find_model()) is not None:
                judgement = lost
                continue
            judgement = await self._with_bounds()
            if self._asker.turns[-1].reply.status not in (404, 405):
                break
        return self._asker.made(self._probe, judgement)

    async def _find_model(self) -> Judgement | None:
        """Take the first model of the list where none was named; a judgement says why that cannot be."""
        if self._audit.context.model:
            return None
        turn = await self._asker.ask(self._probe, Ask(method="GET", path="/models"))
        if turn.reply.fault is not None and turn.reply.status is None:
            return Judgement(Verdict.ERRORED, turn.reply.fault.message)
        self._audit.models = listed_models(turn.reading)
        if not self._audit.models:
            return Judgement(
                Verdict.ERRORED,
                f"GET /models names no model (status {turn.reply.status}): give one with --model",
            )
        self._audit.context = self._audit.context._replace(model=self._audit.models[0])
        return None

    async def _with_bounds(self) -> Judgement:
        judgement = Judgement(Verdict.ERRORED, "not asked")
        for limit in (LIMITS[1], LIMITS[0], ""):
            self._audit.context = self._audit.context._replace(limit=limit)
            judgement = await self._asker.judged(self._probe)
            turn = self._asker.turns[-1]
            if turn.reply.fault is not None and turn.reply.status is None:
                judgement = await self._asker.judged(self._probe)
                break
            if turn.reply.status not in (400, 422):
                break
            self._audit.notes.append(f"a request with {limit or 'no bound'} was refused")
        return judgement


def listed_models(reading: Reading) -> list[str]:
    """The ids in a list of models, in its order."""
    listed = items(members(reading.answer.value).get("data"))
    names = [members(one).get("id") for one in listed]
    return [name for name in names if isinstance(name, str) and name]


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
