"""Choices that look random and depend on nothing but a seed."""

from collections.abc import Sequence
from hashlib import blake2b
from typing import TypeVar

Item = TypeVar("Item")


class Dice:
    """A row of choices that is the same for the same seed, on every machine and in every version of Python.

    >>> Dice("a", 1).below(1000) == Dice("a", 1).below(1000)
    True
    """

    def __init__(self, *seed: object) -> None:
        self._state = blake2b(repr(seed).encode(errors="backslashreplace"), digest_size=16).digest()

    def below(self, bound: int) -> int:
        """A whole number from 0 to `bound` - 1."""
        self._state = blake2b(self._state, digest_size=16).digest()
        return int.from_bytes(self._state, "big") % bound

    def share(self) -> float:
        """A number from 0 up to, but not, 1."""
        return self.below(1 << 32) / (1 << 32)

    def pick(self, items: Sequence[Item]) -> Item:
        """One of the items."""
        return items[self.below(len(items))]
