"""Schema validation and contract testing of the Chat Completions API."""

from chatcontract.contract import Contract
from chatcontract.exceptions import ChatContractError, ContractViolation, SourceError, SpecError
from chatcontract.model import Exchange, Finding, Request, Response, Severity, Violation, Violations

__version__ = "0.1.0"

__all__ = [
    "ChatContractError",
    "Contract",
    "ContractViolation",
    "Exchange",
    "Finding",
    "Request",
    "Response",
    "Severity",
    "SourceError",
    "SpecError",
    "Violation",
    "Violations",
]
