"""Whether the target of an audit is still there."""

from collections import Counter
from collections.abc import Sequence

from chatcontract.client import Fault, Reply
from chatcontract.judging import Judgement, Turn
from chatcontract.model import Verdict
from chatcontract.probe import Probe

GONE_AFTER = 3
"""Faults in a row after which a target is looked after."""
SILENCES = 5
"""Probes of a section without an answer in time after which its others are not asked."""
CONFIRMED = 2
"""Probes of a section without an answer in time that are asked again: each may cost the whole time once more."""
QUICK = 0.2
"""Share of the time for an answer within which a plain question is answered where the model is not slow."""
_SILENT = frozenset(("timeout", "idle"))
_LOST = _SILENT | {"closed", "cut"}


class Health:
    """Whether the target is still there, for requests that stream and for others."""

    def __init__(self) -> None:
        self._faults = {True: 0, False: 0}
        self._gone = {True: "", False: ""}
        self._silent: Counter[str] = Counter()

    def give_up(self, reason: str) -> None:
        """Ask nothing more."""
        self._gone = {streams: known or f"not asked: {reason}" for streams, known in self._gone.items()}

    def learn(self, probe: Probe, fault: Fault | None) -> None:
        """Count faults in a row; any answer ends the row."""
        streams = is_streaming(probe)
        self._faults[streams] = 0 if fault is None else self._faults[streams] + 1
        self._silent[probe.section] += fault is not None and fault.kind in _SILENT

    def is_suspect(self, probe: Probe) -> bool:
        """Whether so many faults came in a row that the target should be looked after."""
        return not self.reason(probe) and self._faults[is_streaming(probe)] >= GONE_AFTER

    def check(self, streams: bool, fault: Fault | None) -> None:
        """Take the answer to a plain question."""
        self._faults[streams] = 0
        if fault is not None and fault.kind == "connect":
            self.give_up(f"the target is gone ({fault.message})")
        elif fault is not None:
            kind = "streams" if streams else "requests"
            self._gone[streams] = (
                f"not asked: {GONE_AFTER} {kind} in a row failed, and so did a plain one ({fault.message})"
            )

    def reason(self, probe: Probe) -> str:
        """Why the probe is not worth asking; empty where it is."""
        if self._silent[probe.section] >= SILENCES:
            return f"not asked: {SILENCES} requests of this section got no answer in time"
        return self.gone(probe)

    def gone(self, probe: Probe) -> str:
        """Why nothing of its kind is worth asking; empty where it is."""
        return self._gone[is_streaming(probe)]


def is_streaming(probe: Probe) -> bool:
    """Whether its first request asks for a stream."""
    return probe.request.changes.get("/stream") is True


def is_silence(reply: Reply) -> bool:
    """Whether nothing more came until the time was over."""
    return reply.fault is not None and reply.fault.kind in _SILENT


def is_lost(judgement: Judgement, turns: Sequence[Turn]) -> bool:
    """Whether a probe has no verdict because the target hung up or said nothing more."""
    fault = turns[-1].reply.fault if turns and judgement.verdict is Verdict.ERRORED else None
    return fault is not None and fault.kind in _LOST and not turns[-1].reply.stopped
