"""What the rules of a contract find: each is asked only where it may have something to say."""

import sys
from collections.abc import Callable
from functools import cached_property

from chatcontract import rules as catalogue
from chatcontract.declare import SpecView
from chatcontract.model import JSON, Finding, Part, Rule, Violation
from chatcontract.ratings import Ratings, violation
from chatcontract.reading import Reading

MAX_FITTING = 1024
"""Combinations of traits whose rules are remembered."""
MAX_SOUND = 256
"""Sets of tools that are remembered as sound, each with its text."""
MAX_SOUND_BYTES = 4 * 2**20
"""Bytes of their texts together; a text of more than a sixteenth of that is not remembered."""


class Rulings:
    """Asks the rules of one contract.

    What is said of tools, functions and response formats depends on nothing else, and agents send the same ones with
    each request: their text is remembered once nothing was found, and the rules about them are not asked again.

    Args:
        ratings: which rules apply, and how severe they are.
        view: gives what rules may know of the spec.
    """

    def __init__(self, ratings: Ratings, view: Callable[[], SpecView]) -> None:
        self._ratings = ratings
        self._view_of_spec = view
        self._fitting: dict[tuple[Part, frozenset[str]], tuple[Rule, ...]] = {}
        self._dumps: Callable[[JSON], bytes] | None = None
        self._is_used = False
        self._sound: dict[bytes, None] = {}
        self._sound_bytes = 0

    @cached_property
    def parts(self) -> frozenset[str]:
        """The parts that a rule looks at."""
        return catalogue.parts(self._ratings.wants)

    @cached_property
    def _view(self) -> SpecView:
        return self._view_of_spec()

    def of(self, reading: Reading, part: Part) -> list[Violation]:
        """What the rules of a part find; a rule of responses has nothing to say of an answer without choices."""
        if part not in self.parts or (part is Part.RESPONSE and not reading.completion):
            return []
        is_request = part is Part.REQUEST
        found = self._of_request(reading) if is_request else self._asked(reading, part, reading.traits)
        return self._rated(found, reading, part) if found else []

    def _of_request(self, reading: Reading) -> list[tuple[Rule, Finding]]:
        traits = reading.request_traits
        brought = self._brought(reading) if "brought" in traits else None
        if brought in self._sound:
            return self._asked(reading, Part.REQUEST, traits - {"brought"})
        found = self._asked(reading, Part.REQUEST, traits)
        if brought is not None and not any("brought" in rule.needs for rule, _ in found):
            self._remember(brought)
        return found

    def _brought(self, reading: Reading) -> bytes | None:
        """The text of what rules that need `brought` look at; None where it is not written yet, or cannot be."""
        asked = reading.asked
        try:
            return self._write([asked.get("tools"), asked.get("functions"), asked.get("response_format")])
        except (TypeError, RecursionError):
            return None

    def _write(self, value: JSON) -> bytes | None:
        """The value as text; None the first time, when it does not pay to import the writer."""
        if self._dumps is not None:
            return self._dumps(value)
        self._is_used, was_used = True, self._is_used
        if was_used or "orjson" in sys.modules:
            import orjson

            self._dumps = orjson.dumps
        return None

    def _remember(self, brought: bytes) -> None:
        if len(brought) > MAX_SOUND_BYTES // 16:
            return
        if len(self._sound) >= MAX_SOUND or self._sound_bytes > MAX_SOUND_BYTES:
            self._sound, self._sound_bytes = {}, 0
        self._sound[brought] = None
        self._sound_bytes += len(brought)

    def _asked(self, reading: Reading, part: Part, traits: frozenset[str]) -> list[tuple[Rule, Finding]]:
        view = self._view
        return [
            (rule, finding)
            for rule in self._asked_of(part, traits)
            for finding in rule.check(reading, view)  # type: ignore[misc]
        ]

    def _asked_of(self, part: Part, traits: frozenset[str]) -> tuple[Rule, ...]:
        """The rules of the part that may have something to say of an exchange with these traits."""
        fitting = self._fitting.get((part, traits))
        if fitting is None:
            fitting = catalogue.fitting(part, traits, self._ratings.wants)
            if len(self._fitting) >= MAX_FITTING:
                self._fitting = {}
            self._fitting[part, traits] = fitting
        return fitting

    def _rated(self, found: list[tuple[Rule, Finding]], reading: Reading, part: Part) -> list[Violation]:
        rated = ((rule, finding, self._ratings.of(rule, finding)) for rule, finding in found)
        name = reading.exchange.id
        return [
            violation(rule, finding, severity, part, name) for rule, finding, severity in rated if severity is not None
        ]
