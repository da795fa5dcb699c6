"""The run of a replay: so many requests at a time, at a bounded rate, until all are answered or it makes no sense.

Every attempt is in the journal before the next one begins.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from email.utils import parsedate_to_datetime
from typing import NamedTuple

from chatcontract.cleaning import given_away
from chatcontract.client import Client, Fault, Limits, Reply
from chatcontract.exceptions import SourceError
from chatcontract.judging import BUSY, KEY_REFUSED
from chatcontract.model import Request
from chatcontract.reading import Reading, header
from chatcontract.replay.journal import Answers, of_reply
from chatcontract.replay.plan import Entry, Plan, entries, request
from chatcontract.target import Target, alternatives

RETRIES = 4
"""Further attempts where the target is busy."""
RECONNECTS = 2
"""Further attempts where the connection failed before an answer came, once the target has answered at all."""
LONGEST_WAIT = 60.0
"""Seconds that a target is waited for before the next attempt, whatever it asks for."""
GONE_AFTER, GONE_AFTER_OTHERS = 3, 8
"""Requests in a row that reached nobody or were refused the key, and that failed anyhow: the rest is not sent."""
_HOPELESS = frozenset(("connect", "tls", "locked"))
_UNREACHED = frozenset(("connect", "closed"))


class Settings(NamedTuple):
    """How a replay runs: `rate` is requests a second at most, 0 for no bound."""

    concurrency: int = 4
    rate: float = 0.0
    limits: Limits = Limits()
    model: str = ""


class Pause(NamedTuple):
    """A wait for a busy target: seconds, whether the target named them, and why."""

    seconds: float
    told: bool
    reason: str


class Replay:
    """One run. Its counts are right at any time.

    Args:
        plan: what to send.
        target: where to.
        answers: the journal; what it has the answer to is not sent.
        settings: how.
    """

    def __init__(self, plan: Plan, target: Target, answers: Answers, settings: Settings) -> None:
        self.plan = plan
        self.target = target
        self.answers = answers
        self.settings = settings
        self.interrupted = False
        self.stopped = ""
        self.duration = 0.0
        self.sent = self.answered = self.faults = self.waits = 0
        self.done = self.resumed = 0
        self.notify: Callable[[], None] = lambda: None
        self.notify_pause: Callable[[Pause], None] = lambda pause: None
        self._failures: list[str] = []
        self._next = 0.0
        self._reading = asyncio.Lock()
        self._waiting: Iterator[Entry] = iter(())

    async def run(self) -> None:
        """Send everything; ends early, and normally, when it is cancelled.

        Raises:
            SourceError: the journal cannot be written.
        """
        begun = time.monotonic()
        self._waiting = self._unanswered()
        try:
            async with Client(self.settings.limits, secrets=self.target.secrets, reuse=True) as client:
                await self._settle(client)
                async with asyncio.TaskGroup() as group:
                    for _ in range(min(self.settings.concurrency, self.plan.size)):
                        group.create_task(self._work(client))
        except asyncio.CancelledError:
            self.interrupted = True
        except ExceptionGroup as several:
            raise _first(several) from None
        self.duration = time.monotonic() - begun

    def _unanswered(self) -> Iterator[Entry]:
        for entry in entries(self.plan.names):
            if entry.exchange is None or entry.number not in self.plan.chosen:
                continue
            if entry.key not in self.answers:
                yield entry
            else:
                self.resumed += 1
                self.done += 1

    async def _settle(self, client: Client) -> None:
        """Find out whether an address without a path wants `/v1`."""
        for base in alternatives(self.target.base)[1:]:
            plain = await client.send(Request("GET", f"{self.target.base}/models"))
            there = await client.send(Request("GET", f"{base}/models"))
            if plain.status in (404, 405) and there.status not in (404, 405, None):
                self.target = self.target._replace(base=base)

    async def _work(self, client: Client) -> None:
        while not self.stopped:
            async with self._reading:
                entry = await asyncio.to_thread(next, self._waiting, None)
            if entry is None:
                return
            await self._one(client, entry)

    async def _one(self, client: Client, entry: Entry) -> None:
        """Send a request until its answer counts, or further attempts make no sense."""
        assert entry.exchange is not None  # the plan chose it
        asked, name = request(entry.exchange, self.target, self.settings.model), entry.exchange.id
        for attempt in range(1, RETRIES + 2):
            await self._turn()
            if self.stopped:
                return
            self.sent += 1
            reply = await client.send(asked, name)
            pause = self._pause(entry, reply, attempt)
            await self._keep(entry, reply, attempt, pause)
            if pause is None:
                break
            self.waits += 1
            self.notify_pause(pause)
            if pause.told:
                self._next = max(self._next, asyncio.get_running_loop().time() + pause.seconds)
            else:
                await asyncio.sleep(pause.seconds)
        self.done += 1
        self.notify()

    async def _turn(self) -> None:
        """Wait for the next moment that the rate, and a busy target, leave for a request."""
        loop = asyncio.get_running_loop()
        while (now := loop.time()) < self._next:
            await asyncio.sleep(self._next - now)
        if self.settings.rate:
            self._next = now + 1 / self.settings.rate

    async def _keep(self, entry: Entry, reply: Reply, attempt: int, pause: Pause | None) -> None:
        assert entry.exchange is not None  # the plan chose it
        final = pause is None and not failure(entry, reply)
        self.answered += final
        self.faults += reply.fault is not None
        if pause is None:
            self._learn(entry, reply)
        wait = None if pause is None else round(pause.seconds, 3)
        secrets = (*self.target.secrets, *given_away(entry.exchange.request, entry.exchange.response))
        self.answers.keep(entry.key, of_reply(reply, attempt, wait, final=final), secrets)
        if self.answers.is_due:
            await asyncio.to_thread(self.answers.sync)

    def _pause(self, entry: Entry, reply: Reply, attempt: int) -> Pause | None:
        """How long to wait for the next attempt; None where there is none."""
        fault = reply.fault
        if fault is not None and fault.kind in _UNREACHED and reply.status is None:
            again = attempt <= RECONNECTS and (self.answered > 0 or fault.kind == "closed")
            return Pause(backoff(attempt), False, fault.message) if again else None
        if attempt > RETRIES or failure(entry, reply) != "busy":
            return None
        told = retry_after(reply, time.time())
        reason = f"status {reply.status}"
        return Pause(backoff(attempt), False, reason) if told is None else Pause(told, True, reason)

    def _learn(self, entry: Entry, reply: Reply) -> None:
        """Count failures in a row, and give up when they are too many."""
        failed = failure(entry, reply)
        self._failures = [*self._failures, failed] if failed else []
        latest = self._failures[-GONE_AFTER:]
        if len(self._failures) >= GONE_AFTER_OTHERS or (len(latest) == GONE_AFTER and _HOPELESS.issuperset(latest)):
            why = reply.fault.message if reply.fault is not None else f"status {reply.status}"
            why += ": the key was refused" if failed == "locked" else ""
            self.stopped = f"{len(self._failures)} requests in a row failed (the last: {why})"


def failure(entry: Entry, reply: Reply) -> str:
    """In which way nothing came that counts as an answer; empty where something did.

    Of a busy target, and of a refused key, the answer counts where the recording has the same.
    """
    if reply.status != _recorded_status(entry):
        if reply.status in KEY_REFUSED:
            return "locked"
        if reply.status in BUSY:
            return "busy"
    if counts(reply):
        return ""
    return "redirected" if reply.fault is None else reply.fault.kind


def _recorded_status(entry: Entry) -> int | None:
    response = entry.exchange.response if entry.exchange is not None else None
    return None if response is None else response.status


def counts(reply: Reply) -> bool:
    """Whether the rules can be applied to what came: all of an answer, or a stream that was cut."""
    return is_whole(reply.status, reply.fault, lambda: Reading(reply.exchange))


def is_whole(status: int | None, fault: Fault | None, reading: Callable[[], Reading]) -> bool:
    """The same for an answer read back."""
    if status is None or 300 <= status < 400:
        return False
    if fault is None or fault.kind == "left-open":
        return True
    return fault.kind == "cut" and bool((read := reading()).kind == "stream" and read.chunks)


def backoff(attempt: int) -> float:
    """Seconds to wait after that attempt where the target names none."""
    return float(min(0.5 * 2 ** (attempt - 1), LONGEST_WAIT))


def retry_after(reply: Reply, now: float) -> float | None:
    """Seconds that the target asks to wait, at most LONGEST_WAIT; None where it names none.

    Args:
        reply: its `retry-after` is a number of seconds or a date.
        now: seconds since the epoch.
    """
    told = header(reply.exchange.response.headers, "retry-after").strip() if reply.exchange.response else ""
    try:
        seconds = float(told) if told.replace(".", "", 1).isdecimal() else parsedate_to_datetime(told).timestamp() - now
    except (ValueError, OverflowError, TypeError):
        return None
    return min(max(0.0, seconds), LONGEST_WAIT)


def _first(several: ExceptionGroup[Exception]) -> Exception:
    """The one that tells the user most."""
    return next((error for error in several.exceptions if isinstance(error, SourceError)), several.exceptions[0])
