"""Violations as failures of schemathesis, with their codes."""

from typing import Any

from schemathesis.core.failures import Failure
from schemathesis.core.failures import Severity as Level

from chatcontract import rules
from chatcontract.generate import Negative
from chatcontract.model import Severity, Violation

_LEVELS = {Severity.ERROR: Level.HIGH, Severity.WARNING: Level.MEDIUM, Severity.INFO: Level.LOW}


class ContractFailure(Failure):
    """One violation of the contract; its title is the code and name of the rule."""

    def __init__(self, violation: Violation, operation: str, negative: Negative | None = None) -> None:
        super().__init__(
            operation=operation,
            title=f"{violation.rule} {violation.name}",
            message=_message(violation, negative),
            severity=_LEVELS[violation.severity],
        )
        self.violation = violation
        self.label = negative.label if negative is not None else ""

    @property
    def _unique_key(self) -> str:
        return f"{self.violation.fingerprint} {self.label}"

    def asdict(self) -> dict[str, Any]:
        """What the NDJSON report tells: the usual, and the place."""
        found = self.violation
        place = {"pointer": found.pointer, "part": found.part.value, "chunk": found.chunk, "label": self.label}
        return {**super().asdict(), **place, "fingerprint": found.fingerprint}


def _message(violation: Violation, negative: Negative | None) -> str:
    chunk = f" in chunk {violation.chunk}" if violation.chunk is not None else ""
    lines = [f"{violation.part}#{violation.pointer}{chunk}: {violation.message}"]
    if violation.value:
        lines.append(f"Got: {violation.value}")
    if negative is not None:
        lines.append(f"Breach sent: {negative.label}: {negative.rule} at request#{negative.pointer}")
    if violation.hint:
        lines.append(f"Hint: {violation.hint}")
    lines += [f"Source: {rules.get(violation.rule).source}", f"More: chatcontract explain {violation.rule}"]
    return "\n".join(lines)
