"""The validators of one root of the contract, and what they find."""

from collections.abc import Hashable, Mapping, Sequence
from functools import cached_property
from itertools import islice

from chatcontract import closures
from chatcontract.jsontext import ABSENT, TextFault, object_faults, without_surrogates
from chatcontract.model import JSON, Part, Severity, Violation, starred
from chatcontract.pointer import escape, join
from chatcontract.ratings import Ratings, encodable
from chatcontract.redact import short
from chatcontract.rules import shape
from chatcontract.schema import MAX_MISMATCHES, Compiler, Known, Lister, Mismatch, Verdict, meant

MAX_REMEMBERED = 1024
"""Mismatches whose violations are remembered: a server says the same wrong thing in every chunk."""
MAX_REMEMBERED_TEXT, MAX_REMEMBERED_PLACE = 60, 200
"""Characters of the value and of the place of one."""
PARTS = {"request": Part.REQUEST, "response": Part.RESPONSE, "chunk": Part.CHUNK, "error": Part.ERROR}
"""The roots of a contract, and the part of an exchange that each of them describes."""


class Shape:
    """The validators of one root, each compiled when it is first needed."""

    def __init__(self, root: str, texts: closures.Texts, compiler: Compiler, ratings: Ratings) -> None:
        self._root = root
        self._part = PARTS[root]
        self._texts = texts
        self._compiler = compiler
        self._ratings = ratings
        self._known: dict[Hashable, tuple[list[str | int], Sequence[Violation]]] = {}

    @cached_property
    def verdict(self) -> Verdict:
        """Whether nothing of severity error is wrong; raises on what is no JSON value, see `refused`."""
        return self._compiler.verdict(self._texts.text(f"{self._ratings.profile}.{self._root}.verdict"))

    @cached_property
    def silent(self) -> Verdict:
        """Whether there is nothing at all to say."""
        return guarded(self._is_silent)

    @cached_property
    def _is_silent(self) -> Verdict:
        return self._compiler.verdict(self._texts.text(f"{self._ratings.profile}.{self._root}.silent"))

    @cached_property
    def _lister(self) -> Lister:
        return self._compiler.lister(self._texts.text(f"{self._root}.precise"))

    @cached_property
    def _meanings(self) -> shape.Meanings:
        return shape.Meanings(self._texts.json(f"{self._root}.precise"))

    @cached_property
    def _selected(self) -> frozenset[str]:
        return frozenset(rule.code for rule in shape.RULES if self._ratings.selects(rule))

    @cached_property
    def _levels(self) -> Mapping[str, str]:
        levels: Mapping[str, str] = closures.own().json("levels")[self._ratings.profile]
        return levels

    @cached_property
    def _excusable(self) -> frozenset[str]:
        mine = [key.rpartition(":")[0] for key in self._levels if key.startswith(f"{self._root}:")]
        return frozenset(place.rpartition("/")[2] for place in mine)

    @cached_property
    def _forms(self) -> list[tuple[JSON, shape.Found]]:
        """The schema of each form that the profile does not call an error, and what is said of it."""
        return [
            (schema, shape.of_form(name, at, says))
            for name, root, at, says, severity, schema in closures.own().json("forms")
            if root == self._root and severity[self._ratings.profile] != "error"
        ]

    @cached_property
    def _has_form(self) -> Verdict | None:
        return self._any_of([schema for schema, _ in self._forms]) if self._forms else None

    def _any_of(self, schemas: list[JSON]) -> Verdict:
        import json

        return self._compiler.verdict(json.dumps({"anyOf": schemas}))

    def violations(
        self, value: JSON, faults: tuple[TextFault, ...] = (), chunk: int | None = None, exchange: str = ""
    ) -> list[Violation]:
        """What the text's grammar and the schema find."""
        if faults or value is ABSENT:
            made = self._beside_faults(faults, value)
        else:
            try:
                made = [] if self._is_silent(value) else self._mismatched(value)
            except (ValueError, RecursionError):
                made = self._beside_faults(object_faults(value), value)
        return made if chunk is None and not exchange else [_placed(one, chunk, exchange) for one in made]

    def _beside_faults(self, faults: Sequence[TextFault], value: JSON) -> list[Violation]:
        """What is wrong with a text, and with the value as far as it could be read."""
        made = [one for found in shape.text_findings(faults) for one in self._rated(found)]
        if value is ABSENT or any(fault.kind == "excessive-nesting" for fault in faults):
            return made
        said = {(one.pointer, one.message) for one in made}
        more = self._mismatched(without_surrogates(value))
        return made + [one for one in more if (one.pointer, one.message) not in said]

    def _mismatched(self, value: JSON) -> list[Violation]:
        """What the schema finds; a form that the payload has is said in place of all that deviates."""
        mismatches = self._lister(value)
        made: list[Violation] = []
        if self._has_form is not None and self._has_form(value):
            mismatches, made = self._beside_form(list(islice(mismatches, MAX_MISMATCHES)), value)
        for mismatch in mismatches:
            if mismatch.branches:
                made += [said for one in islice(meant((mismatch,)), MAX_MISMATCHES) for said in self._said(one, value)]
            else:
                made += self._said(mismatch, value)
            if len(made) >= MAX_MISMATCHES:
                break
        return made if len(made) < 2 else _distinct(made)

    def _beside_form(self, mismatches: list[Mismatch], value: JSON) -> tuple[list[Mismatch], list[Violation]]:
        """The mismatches left, and what is said of the form in place of the others."""
        extra = list(filter(self._meanings.is_open, mismatches))
        if len(extra) == len(mismatches):
            return mismatches, []
        return extra, self._rated(next(says for schema, says in self._forms if self._any_of([schema])(value)))

    def _said(self, mismatch: Mismatch, value: JSON) -> Sequence[Violation]:
        """The violations of a mismatch: remembered where its place, and what stands there if it is short, decide."""
        keyword, tokens, path, expected, _, met = mismatch
        key: Hashable
        if mismatch.__class__ is Known:
            key = mismatch
        else:
            said = expected if keyword == "required" else met
            if said is None or (said.__class__ is str and len(said) > MAX_REMEMBERED_TEXT):
                return self._new(mismatch, value)
            key = (keyword, said, *tokens)
        known = self._known.get(key)
        if known is None or known[0] != path:  # compared, not a part of the key: its texts are new, and long to hash
            made = self._new(mismatch, value)
            self._remember(key, mismatch, made)
            return made
        if met.__class__ is type:
            shown = short(shape.reached(value, tokens))
            return [tuple.__new__(Violation, (*one[:8], shown, *one[9:])) for one in known[1]]
        return known[1]

    def _remember(self, key: Hashable, mismatch: Mismatch, said: Sequence[Violation]) -> None:
        """Keep what is said, unless the text that was met is not shown whole: it is long, or a key."""
        is_shown = mismatch.met.__class__ is not str or [one.value for one in said] == [f'"{mismatch.met}"']
        if is_shown and len(join(mismatch.tokens)) <= MAX_REMEMBERED_PLACE:
            if len(self._known) >= MAX_REMEMBERED:
                self._known.clear()
            self._known[key] = mismatch.path, said

    def _new(self, mismatch: Mismatch, value: JSON) -> list[Violation]:
        return [one for found in self._meanings.findings(mismatch, value) for one in self._rated(found)]

    def _rated(self, found: shape.Found) -> list[Violation]:
        """The finding as it leaves the library; nothing where the contract does not say it."""
        severity = self._severity(found)
        if severity is None or found.rule.code not in self._selected:
            return []
        rule, pointer, message, value, hint, amiss, _ = found
        shown = "" if value is None and amiss != "null" else short(value)
        place = encodable(pointer)
        return [Violation(rule.code, rule.name, severity, rule.basis, self._part, place, message, None, shown, hint)]

    def _severity(self, found: shape.Found) -> Severity | None:
        """The severity in the profile; None where the profile has nothing to say."""
        if self._ratings.wished(found.rule):
            return self._ratings.of(found.rule)
        if found.rule is shape.UNDOCUMENTED_MEMBER:
            return None if self._ratings.profile == "compatible" else found.rule.severity
        if not found.amiss:
            return found.rule.severity
        place = f"{found.pointer}/{escape(found.member)}" if found.member else found.pointer
        last = place.rpartition("/")[2]
        if ("*" if last.isdecimal() else last) not in self._excusable:
            return found.rule.severity
        key = f"{self._root}:{starred(place)}:"
        level = self._levels.get(key + found.amiss)
        if level is None and found.amiss == "other":
            level = self._levels.get(f"{key}={found.value}")
        return found.rule.severity if level is None else None if level == "ignore" else Severity(level)


def _distinct(made: list[Violation]) -> list[Violation]:
    """The violations without repetitions (from `allOf`)."""
    first: dict[tuple[str, str], Violation] = {}
    for one in made:
        first.setdefault((one.pointer, one.message), one)
    return list(first.values())


def _placed(violation: Violation, chunk: int | None, exchange: str) -> Violation:
    return Violation(*violation[:7], chunk, violation.value, violation.hint, exchange)


def guarded(judge: Verdict) -> Verdict:
    """The verdict also on what the engine refuses."""

    def verdict(value: JSON) -> bool:
        try:
            return judge(value)
        except (ValueError, RecursionError):
            return refused(value)

    return verdict


def refused(value: JSON) -> bool:
    """The verdict on what the engine refuses: False; TypeError where it is no JSON value at all."""
    if value is not ABSENT:
        object_faults(value)
    return False
