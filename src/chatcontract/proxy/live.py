"""Violations as they are met, a line for each kind."""

from collections.abc import Sequence
from typing import Any, TextIO

from chatcontract.redact import one_line
from chatcontract.style import Style


class Live:
    """Writes a line at the first of its kind, and at the 10th, 100th, … of them.

    Args:
        out: a stream for people.
        colour: use terminal colours.
        quiet: write nothing but warnings about the proxy itself.
    """

    def __init__(self, out: TextIO, *, colour: bool = False, quiet: bool = False) -> None:
        self._out = out
        self._style = Style(colour)
        self._quiet = quiet

    def say(self, text: str) -> None:
        """Write a line, whatever is in it; a stream that is closed is no reason to stop."""
        try:
            self._out.write(text + "\n")
            self._out.flush()
        except OSError:
            self._quiet = True

    def tell(self, counted: Sequence[tuple[dict[str, Any], int]]) -> None:
        """Say what is new of the violations of one exchange; with each comes how often its kind was met."""
        for violation, times in () if self._quiet else counted:
            if times and str(times).strip("0") == "1":
                self.say(self._line(violation, times))

    def _line(self, violation: dict[str, Any], times: int) -> str:
        severity = violation["severity"]
        chunk = "" if violation["chunk"] is None else f" (chunk {violation['chunk']})"
        place = f"{violation['part']}{one_line(violation['pointer'])}{chunk}"
        count = self._style(f" [{times} times]", "faint") if times > 1 else ""
        rule = self._style(f"{violation['rule']} {violation['name']}", "strong")
        return f"{self._style(f'{severity:8}', severity)} {rule} {place}: {one_line(violation['message'])}{count}"

    def note(self, text: str) -> None:
        """Say something about an exchange that is no violation."""
        if not self._quiet:
            self.say(f"{self._style('note    ', 'faint')} {one_line(text)}")
