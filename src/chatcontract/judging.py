"""What the answers to a probe mean: verdict, reason, and what fell short."""

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from chatcontract import refusals
from chatcontract.client import Reply
from chatcontract.model import Severity, Verdict
from chatcontract.probe import Ask, Level, Probe, Shortfall, Unclear
from chatcontract.reading import Reading, header, members
from chatcontract.redact import printable, short

BUSY = frozenset((408, 425, 429, 502, 503, 504, 529))
"""Statuses that say nothing of the request: try again later."""
KEY_REFUSED = frozenset((401, 403))
_HANGS = "What one request does to its connection, every sender of such requests can do to the service."
_CRASHES = "Clients take a status of 5xx for an outage and send the same again; a status of 4xx tells them not to."
_EMPTY = "Clients that loop over the events take it for an empty answer and report no fault."
State = Literal["yes", "no", "unsupported", "unknown"]
Kind = Literal["answered", "refused", "crashed", "busy", "locked", "redirected"]


class Turn(NamedTuple):
    """One exchange of a try: what was asked for, what came, and the same parsed."""

    ask: Ask
    reply: Reply
    reading: Reading


class Try(NamedTuple):
    """The turns of one try; `unclear` says why there was no second one."""

    turns: tuple[Turn, ...]
    unclear: Unclear | None = None


class Judgement(NamedTuple):
    """The outcome of one try."""

    verdict: Verdict
    reason: str = ""
    shortfalls: tuple[Shortfall, ...] = ()
    state: State = "unknown"


def is_whole(turn: Turn) -> bool:
    """Whether the rules can be applied to the answer: it came to its end, or is a stream that was cut."""
    fault = turn.reply.fault
    if turn.reply.status is None or turn.reply.stopped or not turn.ask.is_chat or 300 <= turn.reply.status < 400:
        return False
    if fault is None or fault.kind == "left-open":
        return True
    return fault.kind == "cut" and turn.reading.kind == "stream" and bool(turn.reading.chunks)


def kind_of(turn: Turn) -> Kind:
    """What the status says."""
    status = turn.reply.status or 0
    if status in BUSY:
        return "busy"
    if status in KEY_REFUSED and turn.ask.key == "own":
        return "locked"
    if 400 <= status < 500 or status == 501:
        return "refused"
    if 300 <= status < 400:
        return "redirected"
    return "crashed" if status >= 500 else "answered"


def judge(probe: Probe, tried: Try, broken: frozenset[str]) -> Judgement:
    """The outcome of a try; `broken` are the names of rules that its exchanges violate."""
    first, last = tried.turns[0], tried.turns[-1]
    if first.reply.stopped and last is not first and (last.reply.fault or kind_of(last) == "crashed"):
        return _settled(probe, _checked(probe, tried)[0], "no")
    for turn in tried.turns:
        if turn.reply.fault is not None and not is_whole(turn):
            return Judgement(Verdict.ERRORED, f"{turn.reply.fault.message}{_nth(tried, turn)}")
    extra = tuple(_left_open(tried))
    judged = _by_kind(probe, tried, broken)
    return judged._replace(shortfalls=(*judged.shortfalls, *extra))


def _nth(tried: Try, turn: Turn) -> str:
    return "" if turn is tried.turns[0] else " in the second turn"


def lost_alone(probe: Probe, turn: Turn) -> Judgement:
    """The judgement of a request that gets no whole answer, twice, while a plain question gets one."""
    said = turn.reply.fault.message if turn.reply.fault is not None else "no answer"
    message = f"expected an answer, as a plain question got right afterwards, got none, twice: {said}"
    found = Shortfall("answer-not-whole", message, _about(probe), _HANGS, Severity.ERROR)
    return Judgement(Verdict.FAILED, message, (found,), "no")


def _left_open(tried: Try) -> Iterator[Shortfall]:
    for turn in tried.turns:
        if turn.reply.fault is not None and turn.reply.fault.kind == "left-open":
            yield Shortfall("stream-left-open", turn.reply.fault.message, severity=Severity.WARNING, counts=False)


def _by_kind(probe: Probe, tried: Try, broken: frozenset[str]) -> Judgement:
    last = tried.turns[-1]
    kind = kind_of(last)
    if kind == "answered":
        return _answered(probe, tried, broken, f"status {last.reply.status}{_nth(tried, last)}")
    said = refusals.said(last.reading, _nth(tried, last))
    if kind == "busy":
        return Judgement(Verdict.ERRORED, f"the target is busy or down: {said}")
    if kind == "locked":
        return Judgement(Verdict.ERRORED, f"the key was refused: {said}")
    if kind == "redirected":
        place = printable(header(last.reply.exchange.response.headers, "location"))[:100]  # type: ignore[union-attr]
        return Judgement(Verdict.ERRORED, f"redirected with status {last.reply.status} to {place!r}: not followed")
    if kind == "crashed":
        return _crashed(probe, said)
    return _refused(probe, tried, said)


def _crashed(probe: Probe, said: str) -> Judgement:
    may_refuse = probe.expect.refusal is Verdict.PASSED
    rule = "invalid-request-crashes" if may_refuse else "valid-request-crashes"
    message = f"expected an answer or a status of 4xx, got {said}"
    short_of = Shortfall(rule, message, hint=_CRASHES, severity=Severity.ERROR)
    return Judgement(Verdict.FAILED, short_of.message, (short_of,), "no")


def _refused(probe: Probe, tried: Try, said: str) -> Judgement:
    expect = probe.expect
    if expect.refusal is Verdict.SKIPPED or (expect.refusal is Verdict.FAILED and len(tried.turns) > 1):
        return Judgement(Verdict.SKIPPED, f"unsupported: refused with {said}", state="unsupported")
    if expect.refusal is Verdict.FAILED:
        found = Shortfall("valid-request-refused", f"expected an answer, got {said}")
        return Judgement(Verdict.FAILED, found.message, (found,), "no")
    shortfalls = tuple(_blemishes(probe, tried))
    found_by_check = tuple(_checked(probe, tried)[0]) if expect.answer is Verdict.FAILED else ()
    return _settled(probe, (*shortfalls, *found_by_check), "unsupported")


def _blemishes(probe: Probe, tried: Try) -> Iterator[Shortfall]:
    """What is unusual about a refusal that was wanted."""
    last, expect = tried.turns[-1], probe.expect
    status = last.reply.status
    if expect.statuses and status not in (*expect.statuses, 422):
        wanted = " or ".join(map(str, expect.statuses))
        yield Shortfall(
            "refusal-status-unusual",
            f"expected status {wanted}, got {status}",
            severity=Severity.INFO,
            counts=False,
        )
    named = members(last.reading.error.get("error")).get("param")
    if expect.names and isinstance(named, str) and named and expect.names not in named:
        message = f"expected param to name {expect.names}, got {short(named, 80)}"
        yield Shortfall("refusal-names-other-parameter", message, severity=Severity.INFO, counts=False)


def _answered(probe: Probe, tried: Try, broken: frozenset[str], said: str) -> Judgement:
    last = tried.turns[-1]
    if _reports_error(last.reading) and last.ask.is_chat:
        return Judgement(Verdict.FAILED, f"refused inside an answer of {said}", state="no")
    if probe.expect.answer is Verdict.FAILED:
        found = Shortfall(probe.expect.fault, f"expected a refusal with a status of 4xx, got {said}", _about(probe))
        return _settled(probe, (found,), "no")
    if last.ask.is_chat and not last.reading.choices and not last.reply.stopped:
        return _without_choice(probe, last)
    shortfalls, unclear = _checked(probe, tried)
    if unclear is None and "stream-unasked" in broken:
        unclear = Unclear("a stream came although none was asked for")
    ignored = sorted(broken.intersection(probe.expect.rules))
    if ignored and not any(found.counts for found in shortfalls):
        return Judgement(Verdict.FAILED, f"not as asked: {', '.join(ignored)}", shortfalls, "no")
    if unclear is not None and not any(found.counts for found in shortfalls):
        verdict = Verdict.FAILED if unclear.is_fault else Verdict.INCONCLUSIVE
        return Judgement(verdict, unclear.reason, shortfalls)
    return _settled(probe, shortfalls, "yes")


def _without_choice(probe: Probe, last: Turn) -> Judgement:
    if last.reading.kind != "stream" or any(event.data for event in last.reading.events):
        return Judgement(Verdict.INCONCLUSIVE, "the answer has no choice")
    message = f"expected an answer or a refusal, got a stream without an event and status {last.reply.status}"
    found = Shortfall("answer-not-whole", message, _about(probe), _EMPTY, Severity.ERROR)
    return Judgement(Verdict.FAILED, message, (found,), "no")


def _reports_error(reading: Reading) -> bool:
    return reading.kind == "error" or (reading.kind == "stream" and reading.chunks[:1] == reading.failures[:1] != [])


def _about(probe: Probe) -> str:
    """The place in the request that a probe is about: its last change, what comes before only leads there."""
    return next(reversed(list(probe.request.changes)), "")


def _checked(probe: Probe, tried: Try) -> tuple[tuple[Shortfall, ...], Unclear | None]:
    if tried.unclear is not None:
        return (), tried.unclear
    readings: Sequence[Reading] = [turn.reading for turn in tried.turns]
    found = [one for check in probe.expect.checks for one in check(readings)]
    unclear = next((one for one in found if isinstance(one, Unclear)), None)
    return tuple(one for one in found if isinstance(one, Shortfall)), unclear


def _settled(probe: Probe, shortfalls: tuple[Shortfall, ...], state: State) -> Judgement:
    counting = [found for found in shortfalls if found.counts]
    if not counting:
        return Judgement(Verdict.PASSED, "", shortfalls, state)
    verdict = Verdict.PASSED if probe.level is Level.INFO else Verdict.FAILED
    return Judgement(verdict, counting[0].message, shortfalls, "no")
