"""What the library raises; violations are data, these are for everything else."""

from chatcontract.model import Violation, Violations


class ChatContractError(Exception):
    """The base of every error that the library raises by itself."""


class SpecError(ChatContractError):
    """A document that cannot be used as the contract: names the file, the place and the cure."""


class SourceError(ChatContractError):
    """A recording that cannot be read."""


class ContractViolation(AssertionError):
    """Raised by `assert_ok`; `violations` holds what was found.

    >>> raise ContractViolation(Violations())
    Traceback (most recent call last):
    chatcontract.exceptions.ContractViolation: no violation
    """

    def __init__(self, violations: Violations) -> None:
        self.violations = violations
        super().__init__("\n".join(map(_line, violations)) or "no violation")


def _line(violation: Violation) -> str:
    rule = f"{violation.rule} {violation.name} ({violation.severity})"
    return f"{rule} at {violation.part}#{violation.pointer}: {violation.message}"
