"""CPU time of alternatives, taken in turns (A B C A B C …), so that a busy machine slows all alike."""

import gc
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Sequence
from itertools import repeat
from statistics import median
from time import thread_time
from typing import Any, NamedTuple

Job = tuple[Callable[[Any], object], Any]
"""A function and its one argument."""


class Effort(NamedTuple):
    """How much time a measurement may take: rounds, seconds of one sample, starts of a process."""

    rounds: int
    sample: float
    starts: int


FULL = Effort(rounds=25, sample=0.008, starts=40)
QUICK = Effort(rounds=7, sample=0.002, starts=8)


class Line(NamedTuple):
    """One figure: `ratio` is min/min, `middle` the median of the ratios of the rounds, `goal` its bound.

    `at_least` turns the goal around; `unit` replaces the sign of a ratio; `note` says what the figure needs.
    A figure that could not be taken has no ratio and says why in `note`.
    """

    section: str
    name: str
    ratio: float | None
    middle: float | None = None
    goal: float | None = None
    at_least: bool = False
    unit: str = "x"
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None where there is none, or no figure."""
        if self.goal is None or self.ratio is None:
            return None
        return self.ratio >= self.goal if self.at_least else self.ratio <= self.goal


class Times(NamedTuple):
    """The samples of one alternative in seconds, in the order of the rounds."""

    samples: tuple[float, ...]

    @property
    def least(self) -> float:
        """The quickest sample."""
        return min(self.samples)

    def over(self, other: "Times") -> tuple[float, float]:
        """Least over least, and the median of the ratios of the rounds."""
        rounds = (mine / theirs for mine, theirs in zip(self.samples, other.samples, strict=True))
        return self.least / other.least, median(rounds)


def interleaved(jobs: Sequence[Job], effort: Effort) -> list[Times]:
    """The CPU seconds that one call of each job takes, sampled in turns.

    The garbage collector runs as it does in any program, but does not count what was there before.
    """
    counts = [_count(job, effort.sample) for job in jobs]
    taken: list[list[float]] = [[] for _ in jobs]
    gc.collect()
    gc.freeze()
    try:
        for _ in range(effort.rounds):
            for samples, job, count in zip(taken, jobs, counts, strict=True):
                samples.append(_sample(job, count))
            gc.collect(1)
    finally:
        gc.unfreeze()
    return [Times(tuple(samples)) for samples in taken]


def _sample(job: Job, count: int) -> float:
    work, argument = job
    start = thread_time()
    for _ in repeat(None, count):
        work(argument)
    return (thread_time() - start) / count


def _count(job: Job, seconds: float) -> int:
    job[0](job[1])
    count = 1
    while (spent := _sample(job, count) * count) < seconds and count < 1_000_000:
        count = max(count * 2, int(count * seconds / max(spent, 1e-7)))
    return count


def processes(commands: Sequence[Sequence[str]], effort: Effort) -> list[Times]:
    """The CPU seconds (user and system) of whole processes, started in turns; the first doesn't count."""
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    taken: list[list[float]] = [[] for _ in commands]
    for number in range(effort.starts + 1):
        for samples, command in zip(taken, commands, strict=True):
            before = _children()
            subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)
            if number:
                samples.append(_children() - before)
    return [Times(tuple(samples)) for samples in taken]


def _children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def python(*arguments: str) -> list[str]:
    """A command of the interpreter that runs this."""
    return [sys.executable, *arguments]
