"""The grammar as Hypothesis strategies, which shrink towards the smallest request."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from chatcontract.generate.draws import ODDS, Draws
from chatcontract.generate.values import HARD, PHRASES

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn, SearchStrategy

T = TypeVar("T")
MISSING = "Hypothesis is not installed; run: pip install 'chatcontract[fuzz]'"


class Drawn(Draws):
    """Choices that Hypothesis makes, records and shrinks."""

    def __init__(self, draw: "DrawFn") -> None:
        self._draw = draw

    def integer(self, low: int, high: int) -> int:
        """A whole number from `low` to `high`, both included; the simplest is the one nearest to zero."""
        return self._draw(_integers(low, high))

    def choose(self, options: Sequence[T]) -> T:
        """One of the options, which are not empty."""
        return options[self._draw(_integers(0, len(options) - 1))] if len(options) > 1 else options[0]

    def chance(self, percent: int) -> bool:
        """True in about so many of a hundred cases: Hypothesis favours what is simple, which this makes up for."""
        return self.integer(0, ODDS - 1) >= ODDS - min(percent * 4 // 3, ODDS)

    def some(self, options: Sequence[T], most: int) -> list[T]:
        """Up to `most` of the options, each once."""
        return [options[place] for place in self._draw(_places(len(options), min(most, len(options))))]

    def text(self) -> str:
        """Any text without NUL and without halves of surrogate pairs."""
        return self._draw(_texts())


@cache
def _integers(low: int, high: int) -> "SearchStrategy[int]":
    from hypothesis import strategies

    return strategies.integers(low, high)


@cache
def _places(count: int, most: int) -> "SearchStrategy[list[int]]":
    from hypothesis import strategies

    if not most:
        return strategies.just([])
    return strategies.lists(strategies.integers(0, count - 1), max_size=most, unique=True)


@cache
def _texts() -> "SearchStrategy[str]":
    from hypothesis import strategies

    characters = strategies.characters(codec="utf-8", exclude_characters="\0")
    return strategies.sampled_from(PHRASES + HARD) | strategies.text(characters, max_size=20)


def strategy(write: Callable[[Draws], T]) -> "SearchStrategy[T]":
    """What a function of the grammar writes, as a strategy.

    Raises:
        ImportError: Hypothesis is not installed.
    """
    try:
        from hypothesis import strategies
    except ImportError:
        raise ImportError(MISSING) from None

    @strategies.composite
    def written(draw: "DrawFn") -> Any:
        return write(Drawn(draw))

    made: SearchStrategy[T] = written()
    return made
