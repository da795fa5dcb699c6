"""Which rules apply, and how severe each of their findings is: by profile and by what the user says."""

from collections.abc import Callable, Iterable, Mapping

from chatcontract import rules as catalogue
from chatcontract.model import Finding, Part, Profile, Rule, Severity, Violation
from chatcontract.redact import short


class Ratings:
    """The choice and the severities of one contract.

    Args:
        profile: one of the contract's profiles.
        select: codes, prefixes of codes or names of the only rules to apply.
        ignore: the same for rules to leave out.
        severity: other severities, by code, prefix or name.

    Raises:
        ValueError: no rule, or no severity, is called that.
    """

    def __init__(
        self,
        profile: Profile,
        select: Iterable[str] | None = None,
        ignore: Iterable[str] | None = None,
        severity: Mapping[str, str] | None = None,
    ) -> None:
        self.profile = profile
        self.wants = _selector(select, ignore)
        self._wishes = dict(_known(severity))

    def selects(self, rule: Rule) -> bool:
        """Whether the rule applies."""
        return self.wants(rule.code, rule.name)

    def of(self, rule: Rule, finding: Finding | None = None) -> Severity | None:
        """The severity of a finding, by what the user says, the finding, the profile, the rule; None: say nothing."""
        if self._wishes and (level := self.wished(rule)):
            return None if level == "ignore" else Severity(level)
        if finding is not None and finding.severity is not None:
            return finding.severity
        lenient = rule.compatible if self.profile == "compatible" else None
        return rule.severity if lenient is None else lenient

    def wished(self, rule: Rule) -> str | None:
        """What the user says of the rule; the longest word wins."""
        if not self._wishes:
            return None
        fitting = [word for word in self._wishes if _names(word, rule.code, rule.name)]
        return self._wishes[max(fitting, key=len)] if fitting else None


def violation(rule: Rule, finding: Finding, severity: Severity, part: Part, exchange: str) -> Violation:
    """The finding as it leaves the library: short, and encodable."""
    value = "" if finding.value is None and not finding.message.endswith("null") else short(finding.value)
    place = encodable(finding.pointer)
    return Violation(
        rule.code, rule.name, severity, rule.basis, finding.part or part, place,
        finding.message, finding.chunk, value, finding.hint, exchange,
    )  # fmt: skip


def encodable(pointer: str) -> str:
    """The pointer without halves of surrogate pairs, which are no text."""
    return pointer if pointer.isascii() else pointer.encode(errors="backslashreplace").decode()


def _selector(select: Iterable[str] | None, ignore: Iterable[str] | None) -> Callable[[str, str], bool]:
    chosen = None if select is None else tuple(select)
    left_out = tuple(ignore or ())
    _expect_rules((*(chosen or ()), *left_out))
    if chosen is None and not left_out:
        return lambda code, name: True
    return lambda code, name: (
        (chosen is None or any(_names(word, code, name) for word in chosen))
        and not any(_names(word, code, name) for word in left_out)
    )


def _known(severity: Mapping[str, str] | None) -> Mapping[str, str]:
    levels = severity or {}
    _expect_rules(levels)
    for word, level in levels.items():
        if level not in (*(known.value for known in Severity), "ignore"):
            raise ValueError(f"{level!r} for {word} is no severity; there are error, warning, info and ignore")
    return levels


def _expect_rules(words: Iterable[str]) -> None:
    for word in words:
        if not any(_names(word, code, name) for code, name in catalogue.names().items()):
            raise ValueError(f"no rule is called {word!r}; `chatcontract rules` lists them")


def _names(word: str, code: str, name: str) -> bool:
    return word == name or (word.upper().startswith("CC") and code.startswith(word.upper()))
