"""A source of choices: the grammar asks it and does not know whether a seed or Hypothesis answers."""

from collections.abc import Sequence
from functools import lru_cache
from random import Random
from typing import TypeVar

from chatcontract.generate.values import HARD, PHRASES

T = TypeVar("T")
ODDS = 100
"""What the percent of a chance are counted out of."""


class Draws:
    """Choices, all made of whole numbers; the first option and the lowest number are the simplest."""

    def integer(self, low: int, high: int) -> int:
        """A whole number from `low` to `high`, both included."""
        raise NotImplementedError

    def choose(self, options: Sequence[T]) -> T:
        """One of the options, which are not empty."""
        return options[self.integer(0, len(options) - 1)]

    def chance(self, percent: int) -> bool:
        """True in so many of a hundred cases; false is simpler."""
        return self.integer(0, ODDS - 1) >= ODDS - percent

    def bounded(self, low: int, high: int) -> int:
        """A whole number between bounds, in half of the cases one of the bounds."""
        kind = self.integer(0, 3)
        return self.integer(low, high) if kind < 2 else low if kind == 2 else high

    def fraction(self, low: int, high: int) -> float:
        """A number of hundredths between bounds, in half of the cases one of the bounds."""
        return self.bounded(low * 100, high * 100) / 100

    def text(self) -> str:
        """A text without NUL and without halves of surrogate pairs."""
        raise NotImplementedError

    def some(self, options: Sequence[T], most: int) -> list[T]:
        """Up to `most` of the options, each once."""
        raise NotImplementedError


_STRIDES = (1, 5, 7, 11, 13)


@lru_cache
def _steps(size: int, stride: int) -> tuple[int, ...]:
    """The distances of equal strides in a circle until they come back."""
    return tuple(dict.fromkeys(number * stride % size for number in range(size)))


class Seeded(Draws):
    """Choices of a seed: the same for the same seed in every process."""

    def __init__(self, seed: int | str) -> None:
        self._random = Random(seed).random  # noqa: S311 test data, no secret

    def integer(self, low: int, high: int) -> int:
        """A whole number from `low` to `high`, both included."""
        return low + int(self._random() * (high - low + 1))

    def choose(self, options: Sequence[T]) -> T:
        """One of the options, which are not empty."""
        return options[int(self._random() * len(options))]

    def chance(self, percent: int) -> bool:
        """True in so many of a hundred cases."""
        return self._random() * ODDS < percent

    def some(self, options: Sequence[T], most: int) -> list[T]:
        """Up to `most` of the options, each once, from a drawn place on in equal strides."""
        size = len(options)
        count = int(self._random() * (min(most, size) + 1))
        if not count:
            return []
        start = int(self._random() * size)
        if count == 1:
            return [options[start]]
        stride = _STRIDES[int(self._random() * len(_STRIDES))]
        return [options[(start + step) % size] for step in _steps(size, stride)[:count]]

    def text(self) -> str:
        """A phrase, one time in six one whose Unicode is hard."""
        drawn = self._random()
        return HARD[int(drawn * 6 * len(HARD))] if drawn < 1 / 6 else PHRASES[int(drawn * len(PHRASES))]
