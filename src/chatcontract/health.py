"""Whether the target of an audit is still there."""

from chatcontract.client import Fault
from chatcontract.probe import Probe

GONE_AFTER = 3
"""Faults in a row after which a target is looked after."""


class Health:
    """Whether the target is still there, for requests that stream and for others."""

    def __init__(self) -> None:
        self._faults = {True: 0, False: 0}
        self._gone = {True: "", False: ""}

    def give_up(self, reason: str) -> None:
        """Ask nothing more."""
        self._gone = {streams: known or f"not asked: {reason}" for streams, known in self._gone.items()}

    def learn(self, probe: Probe, fault: Fault | None) -> None:
        """Count faults in a row; any answer ends the row."""
        streams = is_streaming(probe)
        self._faults[streams] = 0 if fault is None else self._faults[streams] + 1

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
        return self._gone[is_streaming(probe)]


def is_streaming(probe: Probe) -> bool:
    """Whether its first request asks for a stream."""
    return probe.request.changes.get("/stream") is True
