"""What a fuzzing run found: each finding once, with the smallest request that shows it."""

from collections import Counter
from typing import NamedTuple

from chatcontract.fuzz_cases import Case
from chatcontract.fuzz_kinds import Sighting, worded
from chatcontract.judging import Turn


class Specimen(NamedTuple):
    """A finding: where it was met first, and the smallest request that shows it.

    `confirmed`: True where it was seen again, False where it was not, None where there was no asking; `gone` tells that
    this was because the target was. `needed` are the features of the smallest request (`shrinking.features`), `sent`
    the requests that this took, `unsupported` tells that it is a clean refusal which names what it is about.
    """

    sighting: Sighting
    origin: Case
    case: Case
    turn: Turn
    confirmed: bool | None = None
    needed: frozenset[str] = frozenset()
    sent: int = 0
    unsupported: bool = False
    gone: bool = False


class Specimens:
    """The findings of a run, in the order in which they were met, and how often each of them was."""

    def __init__(self) -> None:
        self.all: list[Specimen] = []
        self.times: Counter[str] = Counter()
        self._known: dict[str, list[Specimen]] = {}

    def count(self, known: Specimen) -> None:
        """A finding was met again."""
        self.times[known.sighting.key] += 1

    def known_as(self, sighting: Sighting, has: frozenset[str]) -> Specimen | None:
        """The finding that explains a sighting: the same key, and what that one needs is in this request too.

        Args:
            sighting: what was seen.
            has: the features of the request.
        """
        candidates = self._known.get(sighting.key, ())
        if not sighting.kind.settles:
            return next(iter(candidates), None)
        return next((one for one in candidates if one.needed <= has), None)

    def of_valid(self, rule: str, words: str, has: frozenset[str]) -> Specimen | None:
        """The finding about valid requests that explains what befell a breach: the same words, and its features."""
        for one in self.all:
            is_such = one.case.mode == "positive" and one.sighting.kind.rule == rule
            if is_such and one.needed <= has and worded(one.turn) == words:
                return one
        return None

    def keep(self, key: str, specimen: Specimen) -> None:
        """Take in a finding; one that shrank to what is known already only adds to that."""
        for other in self.all:
            same = other.sighting.violation.rule == specimen.sighting.violation.rule
            if specimen.sighting.kind.settles and same and other.needed == specimen.needed:
                self._known.setdefault(key, []).append(other)
                self.count(other)
                return
        unique = specimen.sighting.key if specimen.sighting.key not in self.times else f"{key}#{len(self.all)}"
        kept = specimen._replace(sighting=specimen.sighting._replace(key=unique))
        self._known.setdefault(key, []).append(kept)
        self.all.append(kept)
        self.count(kept)
