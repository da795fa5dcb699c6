"""How far a replay is: a line that is written over on a terminal, a plain line now and then elsewhere."""

import os
import time
from typing import Any, TextIO

from chatcontract.redact import one_line

EVERY = {True: 0.1, False: 10.0}
"""Seconds between two lines, on a terminal and elsewhere."""


class Progress:
    """Tells how many requests are done, how fast, and how long it will take yet; and every wait for the target.

    Args:
        replay: the run; its counts are read.
        out: standard error.
    """

    def __init__(self, replay: Any, out: TextIO) -> None:
        self._replay = replay
        self._out = out
        self._is_terminal = out.isatty() and not os.environ.get("CI")
        self._begun = self._told = time.monotonic()
        self._shown = False
        self._paused_until = 0.0

    def __call__(self) -> None:
        """Tell how far it is, if it is time to."""
        now = time.monotonic()
        if now - self._told < EVERY[self._is_terminal]:
            return
        self._told = now
        self._line(self.text(now), stays=not self._is_terminal)

    def text(self, now: float) -> str:
        """The line."""
        replay = self._replay
        fresh = replay.done - replay.resumed
        rate = fresh / max(now - self._begun, 1e-6)
        left = replay.plan.size - replay.done
        eta = f", about {left / rate:.0f} s left" if fresh and left > 0 else ""
        faults = f", {replay.faults} faults" if replay.faults else ""
        return f"replay: {replay.done} of {replay.plan.size}, {rate:.1f} a second{eta}{faults}"

    def pause(self, pause: Any) -> None:
        """Tell of a wait for the target; of several at the same time once."""
        now = time.monotonic()
        if now + pause.seconds <= self._paused_until + 0.2:
            return
        self._paused_until = now + pause.seconds
        why = "as Retry-After says" if pause.told else "before another try"
        self._line(f"replay: {pause.reason}: waiting {pause.seconds:g} s {why}", stays=True)

    def close(self) -> None:
        """Take the line away, and say how it went."""
        self._line(self.text(time.monotonic()), stays=True)

    def _line(self, text: str, *, stays: bool) -> None:
        start = "\r\x1b[K" if self._is_terminal else ""
        self._out.write(start + one_line(text) + ("\n" if stays else ""))
        self._out.flush()
