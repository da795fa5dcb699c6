"""A fuzzing run: sends generated requests, shrinks what it finds, and always ends with what was found."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import NamedTuple

from chatcontract.audit import RETRIES, Audit, wait_of
from chatcontract.audit import Settings as AuditSettings
from chatcontract.client import Client, Limits
from chatcontract.contract import Contract
from chatcontract.fuzz_cases import Case, Menu, Wish, absurd, mended, menu, parameter, written
from chatcontract.fuzz_coverage import Exercise
from chatcontract.fuzz_kinds import ACCEPTED, BLAMELESS, Judge, Sighting, keeper, names_feature, said, worded
from chatcontract.fuzz_specimens import Specimen, Specimens
from chatcontract.health import Health
from chatcontract.jsontext import ABSENT, prefer_speed
from chatcontract.judging import Turn, kind_of
from chatcontract.model import Severity
from chatcontract.plan import CATALOGUED_MODEL, Budget, Cost
from chatcontract.plan import plan as planned
from chatcontract.probe import LIMITS, Ask, Context, Expectation, Level, Probe
from chatcontract.probes import FIRST, load
from chatcontract.reading import Reading
from chatcontract.shrinking import features, search
from chatcontract.target import Target

AGAIN = 2
"""How often a finding is sent again before it counts as not seen again."""
MAX_SHRINKING = 60
"""Requests that shrinking one finding may cost."""
MAX_WAITING = 6
"""The same for findings that cost the whole time of a request."""
RESTART = 1.0
"""Seconds that a target which is gone has to come back before a finding is sent again."""
BUSY_AFTER = 3
"""Requests in a row, each sent again twice, after which a busy target is left alone."""
_OPENING = 8
"""Requests that finding model and bounds may cost."""
_QUESTIONS = {
    streams: Probe(FIRST, "", "http", "", "", Level.MUST, Ask({"/stream": True} if streams else {}), Expectation())
    for streams in (True, False)
}
"""Plain questions: what health is asked about."""


class Settings(NamedTuple):
    """How a run goes: which requests, how many and how dear at most, how many at a time."""

    wish: Wish = Wish()
    most: int | None = None
    tokens: int | None = None
    concurrency: int = 1
    limits: Limits = Limits()
    model: str = ""


class Fuzz:
    """One run. `specimens` grows while it goes on, and is right at any time.

    Args:
        contract: what requests are made by and answers are checked against.
        target: whom to ask.
        settings: how.
    """

    def __init__(self, contract: Contract, target: Target, settings: Settings) -> None:
        self.contract = contract
        self.target = target
        self.settings = settings
        self.context = Context(settings.model or CATALOGUED_MODEL, LIMITS[1])
        self.menu = self._menu()
        self.outcomes: dict[str, Counter[str]] = {mode: Counter() for mode in settings.wish.modes}
        self.exercise: Exercise | None = None
        self.models: list[str] = []
        self.notes: list[str] = []
        self.interrupted = False
        self.stopped = ""
        self.duration = 0.0
        self.sent = 0
        self.spent = 0
        self._judge = Judge(contract, settings.wish.sections)
        self._health = Health()
        self._busy = 0
        self._overlooked: dict[str, bool] = {}
        self._looking = asyncio.Lock()
        self._found = Specimens()
        self._notify: Callable[[], None] = lambda: None

    @property
    def specimens(self) -> list[Specimen]:
        """What was found, in the order in which it was met."""
        return self._found.all

    @property
    def times(self) -> Counter[str]:
        """How often each of these was met, by the key of its sighting."""
        return self._found.times

    @property
    def overlooked(self) -> list[str]:
        """Parameters that the target was seen not to look at."""
        return [name for name, is_so in self._overlooked.items() if is_so]

    @property
    def cost(self) -> Cost:
        """What the run costs at most, shrinking included."""
        made = self.menu.cost
        requests = 2 * made.requests + _OPENING if self.settings.most is None else self.settings.most
        return Cost(requests, 2 * made.tokens if self.settings.tokens is None else self.settings.tokens)

    def on_step(self, notify: Callable[[], None]) -> None:
        """Have it told when a request was answered."""
        self._notify = notify

    def _menu(self) -> Menu:
        settings = self.settings
        context = self.context
        return menu(context.model, context.limit, settings.wish, settings.most, settings.tokens)

    async def run(self) -> None:
        """Send everything; ends early, and normally, when it is cancelled or the target is gone."""
        prefer_speed()
        begun, planned_for = time.monotonic(), self.context
        try:
            await self._open()
            if not self.stopped:
                if self.context != planned_for:
                    self.menu = self._menu()
                self.exercise = Exercise(self.context.model, self.settings.wish, self.contract, self.menu)
                async with Client(self.settings.limits, secrets=self.target.secrets) as client:
                    await self._all(client)
        except asyncio.CancelledError:
            self.interrupted = True
        self.duration = time.monotonic() - begun

    async def _open(self) -> None:
        """Find the model, the address and the bound of answers, as an audit does."""
        first = [probe for probe in load() if probe.id == FIRST]
        context = Context(self.context.model, LIMITS[1])
        settings = AuditSettings(limits=self.settings.limits, model=self.settings.model)
        opening = Audit(self.contract, self.target, planned(first, context, Budget(1)), settings)
        await opening.run()
        self.interrupted = opening.interrupted
        self.sent += opening.sent
        outcome = opening.outcomes.get(FIRST)
        last = outcome.turns[-1] if outcome is not None and outcome.turns else None
        self.target, self.models, self.notes = opening.target, opening.models, opening.notes
        if opening.interrupted:
            self.stopped = "interrupted"
        elif not opening.context.model:
            self.stopped = outcome.judgement.reason if outcome is not None else "nothing was asked"
        elif last is None or _is_shut(last):
            self.stopped = f"the first question was not answered ({_why(last)})"
        self.context = opening.context

    async def _all(self, client: Client) -> None:
        cases = iter(self.menu.cases)
        async with asyncio.TaskGroup() as group:
            for _ in range(max(1, min(self.settings.concurrency, len(self.menu.cases)))):
                group.create_task(self._work(client, cases))

    async def _work(self, client: Client, cases: Iterator[Case]) -> None:
        for case in cases:
            if self.stopped:
                return
            if not self._affords(case):
                self.stopped = self.stopped or "the budget is used up"
                return
            if not await self._gone(client, case):
                await self._guarded(client, case)
            self._notify()

    async def _guarded(self, client: Client, case: Case) -> None:
        try:
            await self._one(client, case)
        except Exception as error:  # an answer that was too much for a check of ours costs one request
            self.outcomes[case.mode]["not judged"] += 1
            self.notes.append(f"a fault of chatcontract at {case.name}: {error!r}"[:300])

    def _affords(self, case: Case) -> bool:
        requests, tokens = self.settings.most, self.settings.tokens
        return (requests is None or self.sent < requests) and (
            tokens is None or self.spent + case.cost.tokens <= tokens
        )

    async def _one(self, client: Client, case: Case) -> None:
        turn = await self._asked(client, case)
        state = self._state(turn)
        self.outcomes[case.mode][state] += 1
        if self.exercise is not None:
            self.exercise.see(case, turn, state)
        if state == "busy":
            self._busy += 1
            if self._busy >= BUSY_AFTER:
                self.stopped = self.stopped or f"the target is busy ({said(turn)})"
            return
        self._busy = 0
        if state in ("locked", "redirected"):
            self.stopped = f"the target does not answer: {said(turn)}"
            return
        for sighting in self._judge.sightings(case, turn):
            async with self._looking:
                await self._look(client, case, turn, sighting)

    def _state(self, turn: Turn) -> str:
        return "lost" if turn.reply.status is None else kind_of(turn)

    async def _gone(self, client: Client, case: Case) -> bool:
        """Whether the case is not worth asking; where faults come in a row, a plain question tells."""
        if self._overlooked.get(parameter(case)):
            self.outcomes[case.mode]["not asked"] += 1
            return True
        question = _QUESTIONS[_streams(case)]
        if self._health.is_suspect(question):
            reply = await client.send(self.target.request(question.request, self.context), "is it there?")
            self.sent += 1
            self._health.check(_streams(case), reply.fault)
        reason = self._health.reason(question)
        if reason:
            self.outcomes[case.mode]["not asked"] += 1
        if all(self._health.reason(asked) for asked in _QUESTIONS.values()):
            self.stopped = self.stopped or reason.removeprefix("not asked: ")
        return bool(reason)

    async def _asked(self, client: Client, case: Case) -> Turn:
        """Ask once, and again where the target is busy and there is budget."""
        turn = await self._sent(client, case)
        for attempt in range(RETRIES):
            if self._state(turn) != "busy" or not self._affords(case):
                break
            await asyncio.sleep(wait_of(turn.reply, attempt))
            turn = await self._sent(client, case)
        fault = turn.reply.fault
        self._health.learn(_QUESTIONS[_streams(case)], fault if fault and fault.kind != "left-open" else None)
        return turn

    async def _sent(self, client: Client, case: Case) -> Turn:
        self.sent += 1
        self.spent += case.cost.tokens
        ask = Ask({"/stream": True} if _streams(case) else {}, raw=case.body)
        reply = await client.send(self.target.request(ask, self.context), f"{case.name}#{self.sent}")
        return Turn(ask, reply, Reading(reply.exchange))

    async def _look(self, client: Client, case: Case, turn: Turn, sighting: Sighting) -> None:
        """Count what is known; send again what is new, and shrink it."""
        if sighting.kind.rule == ACCEPTED and await self._is_overlooked(client, case):
            return
        has = self.features(case)
        known = self._found.known_as(sighting, has)
        if known is None and case.mode == "negative" and sighting.kind.rule in BLAMELESS:
            known = self._found.of_valid(BLAMELESS[sighting.kind.rule], worded(turn), has)
        if known is not None:
            self._found.count(known)
            return
        looker = Looker(self, client, self._judge, Specimen(sighting, case, case, turn))
        specimen = await looker.least()
        if not await self._is_blameless(client, specimen):
            self._found.keep(sighting.key, specimen)

    async def _is_overlooked(self, client: Client, case: Case) -> bool:
        """Whether the target takes another type for the parameter that a breach is in: one finding for all inside it.

        It needs no second look: the breach was accepted, and then this.
        """
        name = parameter(case)
        trial = absurd(case, name) if name and name not in self._overlooked else None
        if trial is not None and self._affords(trial):
            turn = await self._asked(client, trial)
            shown = [one for one in self._judge.sightings(trial, turn) if one.kind.rule == ACCEPTED]
            for sighting in shown:
                made = Specimen(sighting, trial, trial, turn, True, self.features(trial), 1)
                self._found.keep(sighting.key, made)
            self._overlooked[name] = bool(shown)
        return self._overlooked.get(name, False)

    async def _is_blameless(self, client: Client, specimen: Specimen) -> bool:
        """Whether the request fares no better without its breach, which is then a finding about valid requests."""
        kind, case = specimen.sighting.kind, specimen.case
        if case.mode == "positive" or kind.rule not in BLAMELESS or not specimen.confirmed or case.value is ABSENT:
            return False
        control = mended(case, specimen.sighting.violation.pointer)
        if control is None or not self._affords(control):
            return False
        turn = await self._asked(client, control)
        for sighting in self._judge.sightings(control, turn):
            if sighting.kind.rule == BLAMELESS[kind.rule] and worded(turn) == worded(specimen.turn):
                await self._look(client, control, turn, sighting)
                return True
        return False

    def features(self, case: Case) -> frozenset[str]:
        """What a request has beyond the plainest one of this run, which bounds its answer."""
        return features(case.value) - {f"/{self.context.limit}"}


class Looker:
    """Looks into one finding: sends it again, then makes its request smaller."""

    def __init__(self, fuzz: Fuzz, client: Client, judge: Judge, specimen: Specimen) -> None:
        self._fuzz = fuzz
        self._client = client
        self._judge = judge
        self._specimen = specimen
        self._sent = 0
        self._gone = False

    async def least(self) -> Specimen:
        """The finding with the smallest request that was found for it."""
        confirmed = await self._again()
        if confirmed and self._specimen.case.value is not ABSENT and self._is_worth_it():
            await self._shrink()
        made = self._specimen._replace(confirmed=confirmed, sent=self._sent, gone=confirmed is None and self._gone)
        return _rated(made._replace(needed=self._fuzz.features(made.case)))

    def _is_worth_it(self) -> bool:
        """Whether it is shrunk: remarks about refusals, of which there may be many, are not."""
        return self._specimen.case.mode == "positive" or (
            self._specimen.sighting.violation.severity is not Severity.INFO
        )

    async def _again(self) -> bool | None:
        """Whether it is seen again; None where the budget is spent, or the target gone."""
        for _ in range(AGAIN):
            if not self._fuzz._affords(self._specimen.case):
                return None
            shown = await self._shows(self._specimen.case)
            if shown is not None:
                return shown
            if self._gone:
                await asyncio.sleep(RESTART)
        return None if self._gone else False

    async def _shrink(self) -> None:
        case = self._specimen.case
        slow = self._specimen.turn.reply.fault is not None
        trial = search(case.value, keeper(case))
        shown: bool | None = None
        most = MAX_WAITING if slow else MAX_SHRINKING
        while self._sent < most and not self._gone:
            try:
                body = next(trial) if shown is None else trial.send(shown)
            except StopIteration:
                return
            smaller = case._replace(body=written(body))
            if not self._fuzz._affords(smaller):
                return
            shown = bool(await self._shows(smaller))

    async def _shows(self, case: Case) -> bool | None:
        """Whether a request shows the same, which is then the specimen; None where it shows nothing, yet might."""
        turn = await self._fuzz._asked(self._client, case)
        self._sent += 1
        self._gone = turn.reply.fault is not None and turn.reply.fault.kind == "connect"
        wanted = self._specimen.sighting
        for sighting in self._judge.sightings(case, turn):
            if sighting.key == wanted.key:
                self._specimen = self._specimen._replace(case=case, turn=turn, sighting=sighting)
                return True
        return None


def _rated(specimen: Specimen) -> Specimen:
    """The specimen with the severity that the features of its smallest request give it."""
    sighting = specimen.sighting
    if sighting.kind.rule != "valid-request-refused" or not specimen.needed:
        return specimen
    if names_feature(specimen.turn, specimen.needed):
        return specimen._replace(unsupported=True)
    milder = sighting.violation._replace(severity=Severity.WARNING)
    return specimen._replace(sighting=sighting._replace(violation=milder))


def _streams(case: Case) -> bool:
    value = case.value
    return isinstance(value, dict) and value.get("stream") is True


def _is_shut(turn: Turn) -> bool:
    """Whether the target answers nobody: there is none, or it does not let us in."""
    fault = turn.reply.fault
    if turn.reply.status is None:
        return fault is None or fault.kind in ("connect", "tls", "closed", "protocol", "refused-to-send")
    return kind_of(turn) in ("locked", "redirected", "busy")


def _why(turn: Turn | None) -> str:
    if turn is None:
        return "nothing was asked"
    return turn.reply.fault.message if turn.reply.fault else said(turn)


def run(fuzz: Fuzz) -> None:
    """Run to the end; Ctrl-C ends it early, and what was found until then stays."""
    asyncio.run(fuzz.run())
