"""The validators of one root of the contract, and what they find."""

from collections.abc import Mapping
from functools import cached_property
from itertools import islice

from chatcontract import closures
from chatcontract.jsontext import ABSENT, object_faults, without_surrogates
from chatcontract.model import JSON, Part, Severity, Violation, starred
from chatcontract.pointer import escape
from chatcontract.ratings import Ratings, encodable
from chatcontract.reading import Text
from chatcontract.redact import short
from chatcontract.rules import shape
from chatcontract.schema import MAX_MISMATCHES, Compiler, Lister, Verdict, meant

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

    @cached_property
    def verdict(self) -> Verdict:
        """Whether nothing of severity error is wrong; raises on what is no JSON value, see `refused`."""
        return self._compiler.verdict(self._texts.text(f"{self._ratings.profile}.{self._root}.verdict"))

    @cached_property
    def silent(self) -> Verdict:
        """Whether there is nothing at all to say."""
        return guarded(self._compiler.verdict(self._texts.text(f"{self._ratings.profile}.{self._root}.silent")))

    @cached_property
    def _precise(self) -> tuple[Lister, shape.Meanings]:
        import json

        text = self._texts.text(f"{self._root}.precise")
        return self._compiler.lister(text), shape.Meanings(json.loads(text))

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
    def _forms(self) -> list[tuple[Verdict, shape.Found]]:
        """What is said of the payloads of each form that the profile does not call an error."""
        import json

        forms = [form for form in closures.own().json("forms") if form[1] == self._root]
        return [
            (guarded(self._compiler.verdict(json.dumps(schema))), shape.of_form(name, at, says))
            for name, _, at, says, severity, schema in forms
            if severity[self._ratings.profile] != "error"
        ]

    def violations(self, text: Text, chunk: int | None = None, exchange: str = "") -> list[Violation]:
        """What the text's grammar and the schema find."""
        if not text.faults and self.silent(text.value):
            return []
        made: list[Violation] = []
        for found in self._found(text):
            rule, pointer, message, value, hint, amiss, _ = found
            severity = self._severity(found)
            if severity is not None and rule.code in self._selected:
                shown = "" if value is None and amiss != "null" else short(value)
                made.append(
                    Violation(
                        rule.code, rule.name, severity, rule.basis, self._part, encodable(pointer), message, chunk,
                        shown, hint, exchange,
                    )
                )  # fmt: skip
        return made

    def _found(self, text: Text) -> list[shape.Found]:
        if not text.faults:
            return self._mismatched(text.value)
        found = list(shape.text_findings(text.faults))
        if text.value is not ABSENT:
            said = {(fault.pointer, fault.message) for fault in text.faults}
            more = self._mismatched(text.value)
            found.extend(one for one in more if (one.pointer, one.message) not in said)
        return found

    def _mismatched(self, value: JSON) -> list[shape.Found]:
        if value is ABSENT:
            return []
        lister, meanings = self._precise
        found: list[shape.Found] = []
        try:
            mismatches = list(islice(lister(value), MAX_MISMATCHES))
        except ValueError:
            faults = object_faults(value)
            found.extend(shape.text_findings(faults))
            if any(fault.kind == "excessive-nesting" for fault in faults):
                return found
            value = without_surrogates(value)
            mismatches = list(islice(lister(value), MAX_MISMATCHES))
        if any(mismatch.branches for mismatch in mismatches):
            mismatches = list(islice(meant(mismatches), MAX_MISMATCHES))
        return found + self._of_forms(meanings.findings(mismatches, value), value)

    def _of_forms(self, found: list[shape.Found], value: JSON) -> list[shape.Found]:
        """What was found; what is said of the form in place of all that deviates, if the payload has one."""
        deviating = [one for one in found if one.rule is not shape.UNDOCUMENTED_MEMBER]
        said = next((says for fits, says in self._forms if fits(value)), None) if deviating else None
        return found if said is None else [said, *(one for one in found if one.rule is shape.UNDOCUMENTED_MEMBER)]

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
