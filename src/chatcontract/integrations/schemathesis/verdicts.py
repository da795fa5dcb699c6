"""What an exchange shows: violations of the contract by the answer, and whether the request was treated rightly."""

from collections.abc import Iterator
from typing import NamedTuple

from chatcontract import refusals, rules
from chatcontract.contract import Contract
from chatcontract.generate import Negative
from chatcontract.judging import BUSY, KEY_REFUSED
from chatcontract.model import Exchange, Finding, Part, Violation
from chatcontract.reading import Reading, members
from chatcontract.redact import short


class Case(NamedTuple):
    """One exchange to judge.

    `negative` is the label of the breach in the request, where it is a known one. `cut` tells that the reader left
    the stream before its end, `is_any_model` that nobody said which models the target has.
    """

    exchange: Exchange
    negative: Negative | None = None
    cut: bool = False
    is_any_model: bool = False


def found(contract: Contract, case: Case, whole: Contract) -> Iterator[Violation]:
    """What is wrong with the answer: how it treats the request, then its own form.

    Args:
        contract: what it is held against.
        case: the exchange.
        whole: the same contract with every rule in force, which tells whether the request is valid.
    """
    breach = _breach(whole, case)
    if breach is None or not _is_accepted(case) or _breach(contract, case) is not None:
        yield from _of_treatment(contract, case, breach)
    exchange = case.exchange if breach is None else case.exchange._replace(request=None)
    violations = contract.check_answer(exchange)
    yield from (one for one in violations if not case.cut or one.part is Part.CHUNK)


def _breach(contract: Contract, case: Case) -> Violation | None:
    """The first error of the request itself."""
    request = case.exchange.request
    return next(iter(contract.check_request(request.body).errors), None) if request is not None else None


def _is_accepted(case: Case) -> bool:
    response = case.exchange.response
    return response is not None and response.status is not None and response.status < 400


def _of_treatment(contract: Contract, case: Case, breach: Violation | None) -> Iterator[Violation]:
    response = case.exchange.response
    status = response.status if response is not None and response.status is not None else 0
    if status in BUSY or status in KEY_REFUSED or (status == 404 and case.is_any_model):
        return
    said = refusals.said(Reading(case.exchange))
    told = _of_broken(case, breach, status, said) if breach is not None else _of_valid(status, said)
    for code, finding in told:
        violation = contract.violation(rules.get(code), finding)
        if violation is not None:
            yield violation


def _of_valid(status: int, said: str) -> Iterator[tuple[str, Finding]]:
    if 400 <= status < 500 or status == 501:
        yield "CC191", Finding("", f"expected an answer to a valid request, got {said}")
    elif status >= 500:
        yield "CC192", Finding("", f"expected an answer or a status of 4xx, got {said}")


def _of_broken(case: Case, breach: Violation, status: int, said: str) -> Iterator[tuple[str, Finding]]:
    what = f"{breach.rule} {breach.name} at request#{breach.pointer}"
    if status < 400:
        yield "CC795", Finding(breach.pointer, f"expected a refusal with a status of 4xx of {what}, got {said}")
    elif status >= 500 and status != 501:
        yield "CC796", Finding(breach.pointer, f"expected a status of 4xx for {what}, got {said}")
    elif case.negative is not None:
        named = members(Reading(case.exchange).error.get("error")).get("param")
        if isinstance(named, str) and named and named not in case.negative.param:
            wanted = " or ".join(param for param in case.negative.param[:2] if param) or "null"
            yield "CC798", Finding("/error/param", f"expected param {wanted}, got {short(named, 80)}", named)
