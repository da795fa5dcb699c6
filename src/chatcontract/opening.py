"""The first question of an audit: which model, which address, which bound of the answer."""

from chatcontract.asking import Asker, Outcome
from chatcontract.judging import Judgement, Turn
from chatcontract.model import Verdict
from chatcontract.probe import LIMITS, Ask, Probe
from chatcontract.reading import Reading, items, members
from chatcontract.redact import short
from chatcontract.target import alternatives

_READ = 4000
"""Bytes of a refusal that are looked at."""
_NOWHERE = (404, 405)
_MISSED = (400, 404, 422)
_NO_MODEL = "model_not_found"


class Opening:
    """The first question: which model, which address, which bound of the answer."""

    def __init__(self, asker: Asker, probe: Probe) -> None:
        self._asker = asker
        self._run = asker.run
        self._probe = probe

    async def outcome(self) -> Outcome:
        """Ask until one address and one bound are answered, or none is."""
        judgement = Judgement(Verdict.ERRORED, "not asked")
        for base in alternatives(self._run.target.base):
            self._run.target = self._run.target._replace(base=base)
            if (lost := await self._find_model()) is not None:
                judgement = lost
                continue
            judgement = await self._with_bounds()
            turn = self._asker.turns[-1]
            if knows_no_model(turn):
                judgement = self._missed(turn, f"the target does not know the model {short(self._model, 80)}")
            elif turn.reply.status in _NOWHERE:
                judgement = self._missed(turn, f"there is no chat endpoint at {base}/chat/completions")
                continue
            break
        return self._asker.made(self._probe, judgement)

    @property
    def _model(self) -> str:
        return self._run.context.model

    def _since(self, first: Turn, judgement: Judgement) -> Judgement:
        """Say so where the first question ended the target."""
        fault, then = first.reply.fault, self._asker.turns[-1].reply.fault
        if fault is None or then is None or then.kind != "connect" or fault.kind == "connect":
            return judgement
        return judgement._replace(reason=f"{fault.message}, and the target is gone ({then.message})")

    def _missed(self, turn: Turn, reason: str) -> Judgement:
        """Whoever gives a wrong address or model is told so, and not of faults of a server."""
        self._asker.forget()
        return Judgement(Verdict.ERRORED, f"{reason} (status {turn.reply.status})")

    async def _find_model(self) -> Judgement | None:
        """Take the first model of the list where none was named; a judgement says why that cannot be."""
        if self._model:
            return None
        turn = await self._asker.ask(self._probe, Ask(method="GET", path="/models"))
        if turn.reply.fault is not None and turn.reply.status is None:
            return Judgement(Verdict.ERRORED, turn.reply.fault.message)
        self._run.models = listed_models(turn.reading)
        if not self._run.models:
            return Judgement(
                Verdict.ERRORED,
                f"GET /models names no model (status {turn.reply.status}): give one with --model",
            )
        self._run.context = self._run.context._replace(model=self._run.models[0])
        return None

    async def _with_bounds(self) -> Judgement:
        judgement = Judgement(Verdict.ERRORED, "not asked")
        for limit in (LIMITS[1], LIMITS[0], ""):
            self._run.context = self._run.context._replace(limit=limit)
            judgement = await self._asker.judged(self._probe)
            turn = self._asker.turns[-1]
            if turn.reply.fault is not None and turn.reply.status is None:
                judgement = self._since(turn, await self._asker.judged(self._probe))
                break
            if turn.reply.status not in (400, 422):
                break
            self._run.notes.append(f"a request with {limit or 'no bound'} was refused")
        return judgement


def knows_no_model(turn: Turn) -> bool:
    """Whether a refusal says that there is no such model."""
    said = turn.reply.body[:_READ].decode(errors="replace").lower()
    status = turn.reply.status
    return status in _MISSED and (_NO_MODEL in said or (status == 404 and "model" in said))


def listed_models(reading: Reading) -> list[str]:
    """The ids in a list of models, in its order."""
    listed = items(members(reading.answer.value).get("data"))
    names = [members(one).get("id") for one in listed]
    return [name for name in names if isinstance(name, str) and name]
