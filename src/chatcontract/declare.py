"""How a rule is declared: once, where it is checked."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from chatcontract.examples import Example
from chatcontract.model import JSON, Basis, Break, Part, Profile, Rule, RuleCheck, Severity


def _anything(value: JSON) -> bool:
    return True


class SpecView(NamedTuple):
    """What a rule may know of the spec.

    `deprecated` holds starred pointers by root, `accepts_request` is the schema's verdict on a request.
    """

    profile: Profile
    deprecated: Mapping[str, frozenset[str]]
    accepts_request: Callable[[JSON], bool] = _anything


def rule(
    code: str,
    *,
    anchor: str,
    part: Part,
    severity: Severity,
    basis: Basis,
    source: str,
    since: str,
    passes: Sequence[Example],
    fails: Sequence[Example],
    breaks: Sequence[tuple[str, str]] = (),
    compatible: Severity | None = None,
    needs: Sequence[str] = (),
) -> Callable[[RuleCheck], Rule]:
    """Make a rule of a generator function `(reading, spec)`; its name is the rule's, its docstring the page.

    It must not raise on any JSON, and read neither clock nor network nor configuration.

    Args:
        code: `CC` and three digits, the first of them the section's; never moved, never used again.
        anchor: pointer into the spec.
        part: what it looks at. Rules of responses run on streams too, through the completion that they add up to.
        severity: how bad a finding is; `compatible` replaces it in the profile of that name.
        basis, source: why it is believed, and the public URL that it rests on.
        since: the version that brought it.
        passes, fails: examples without a finding; with this finding, and no other of severity error.
        breaks: clients known to fail, and how.
        needs: traits (`traits.TRAITS`) without which the rule has nothing to say and is not asked.
    """

    def made(check: RuleCheck) -> Rule:
        summary, _, doc = (check.__doc__ or "").partition("\n")
        name = check.__name__.replace("_", "-")
        return Rule(
            code, name, summary.strip(), anchor, part, severity, basis, source, since, doc, passes, fails,
            tuple(Break(*broken) for broken in breaks), check, compatible, frozenset(needs),
        )  # fmt: skip

    return made
