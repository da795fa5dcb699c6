"""The progress of a replay says how far, how fast and how long yet, and every wait once."""

import io
from types import SimpleNamespace

import pytest

from chatcontract.commands.replay_progress import EVERY, Progress
from chatcontract.replay.sending import Pause


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def run(done: int = 0, faults: int = 0, resumed: int = 0) -> SimpleNamespace:
    return SimpleNamespace(done=done, resumed=resumed, faults=faults, plan=SimpleNamespace(size=100))


def test_rate_and_time_left_are_those_of_this_run() -> None:
    progress = Progress(run(30, 2, resumed=10), io.StringIO())
    assert progress.text(progress._begun + 10) == "replay: 30 of 100, 2.0 a second, about 35 s left, 2 faults"


def test_a_terminal_has_one_line_that_is_written_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    out = Terminal()
    progress = Progress(run(1), out)
    progress._told -= EVERY[True]
    progress()
    progress()
    assert out.getvalue().count("replay: 1 of 100") == 1
    assert "\n" not in out.getvalue()
    assert out.getvalue().startswith("\r\x1b[K")


def test_elsewhere_there_is_a_plain_line_now_and_then() -> None:
    out = io.StringIO()
    progress = Progress(run(1), out)
    progress()
    assert out.getvalue() == ""
    progress._told -= EVERY[False]
    progress()
    assert out.getvalue().startswith("replay: 1 of 100, ")
    assert out.getvalue().endswith("\n")


def test_waits_at_the_same_time_are_told_once() -> None:
    out = io.StringIO()
    progress = Progress(run(), out)
    for _ in range(3):
        progress.pause(Pause(5.0, True, "status 429"))
    assert out.getvalue() == "replay: status 429: waiting 5 s as Retry-After says\n"
    progress.pause(Pause(9.0, False, "status 503"))
    assert "status 503: waiting 9 s before another try" in out.getvalue()
