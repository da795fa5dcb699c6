"""All errors of a faulty payload beside its verdict, and that they are few, short and at the leaf."""

from collections.abc import Callable, Iterator
from itertools import cycle
from typing import Any

import jsonschema_rs
import orjson

from benchmarks.measure import Effort, Job, Line, interleaved
from benchmarks.payloads import Fault, Payload, all_payloads, payload
from benchmarks.verdicts import judge_of, no_document
from chatcontract import Contract, Exchange, Request, Violations, closures
from chatcontract.model import Response

JSON = Any

GOAL = 12
LOGPROBS_GOAL = 4
MAX_MESSAGE = 300
_VARIANTS = 600


def _checked(contract: Contract, root: str, value: JSON) -> Violations:
    violations: Violations = getattr(contract, f"check_{root}")(value)
    return violations


def _is_right(violations: Violations, fault: Fault) -> bool:
    return [v.pointer for v in violations] == [fault.pointer] and len(violations[0].message) <= MAX_MESSAGE


def listed(effort: Effort) -> Iterator[Line]:
    """`check_…` of a faulty dict (schema rules alone) beside `is_valid_…` of the same dict.

    Of an early fault there is no goal: the verdict stops at it, while a list of all errors has to read the
    whole payload; a second line holds the list against the verdict on the same payload without the fault.
    """
    contract = Contract.load(select=["CC0"])
    for made, fault in _faults():
        if not _is_right(_checked(contract, made.root, fault.value), fault):
            raise AssertionError(f"{made.name}, {fault.name}: not one short violation at {fault.pointer}")
        yield from _of_fault(effort, contract, made, fault)


def first_told(effort: Effort) -> Iterator[Line]:
    """The same without what is remembered: a fault that was never met at its place before."""
    section = "all schema errors, told for the first time / verdict on the same faulty payload"
    contract = Contract.load(select=["CC0"])
    for made, fault in _faults():
        check, judge = _forgetful(contract, made.root), judge_of(contract, made.root)
        mine, other = interleaved([(check, fault.value), (judge, fault.value)], effort)
        yield Line(section, f"{made.name}: {fault.name}", *mine.over(other), note=fault.remark)


def _forgetful(contract: Contract, root: str) -> Callable[[JSON], Violations]:
    known, check = contract._shapes[root]._known, getattr(contract, f"check_{root}")

    def told(value: JSON) -> Violations:
        known.clear()
        found: Violations = check(value)
        return found

    return told


def engine(effort: Effort) -> Iterator[Line]:
    """What the engine alone takes to list the mismatches of our own schema: the floor of `listed`."""
    section = "errors of bare jsonschema-rs on our own schema / verdict on the same faulty payload"
    contract = Contract.load()
    texts = closures.own()
    for made, fault in _faults():
        validator = jsonschema_rs.Draft202012Validator(texts.text(f"{made.root}.precise"))
        jobs = [(_exhausted(validator), fault.value), (judge_of(contract, made.root), fault.value)]
        mine, other = interleaved(jobs, effort)
        yield Line(section, f"{made.name}: {fault.name}", *mine.over(other), note=fault.remark)


def beside_published(effort: Effort, texts: dict[str, str] | None) -> Iterator[Line]:
    """`check_…` beside the errors, with their messages, of jsonschema-rs on the published closure."""
    section = "all schema errors / errors of bare jsonschema-rs on the published closure"
    if texts is None:
        yield no_document(section)
        return
    contract = Contract.load(select=["CC0"])
    for made, fault in _faults():
        validator = jsonschema_rs.Draft202012Validator(texts[made.root])
        jobs = [(getattr(contract, f"check_{made.root}"), fault.value), (_exhausted(validator), fault.value)]
        mine, other = interleaved(jobs, effort)
        yield Line(section, f"{made.name}: {fault.name}", *mine.over(other), note=fault.remark)


def _faults() -> Iterator[tuple[Payload, Fault]]:
    return ((made, fault) for made in all_payloads() for fault in made.faults)


def _exhausted(validator: jsonschema_rs.Draft202012Validator) -> Callable[[JSON], object]:
    return lambda value: [error.message for error in validator.iter_errors(value)]


def _of_fault(effort: Effort, contract: Contract, made: Payload, fault: Fault) -> Iterator[Line]:
    section = "all schema errors / verdict on the same faulty payload"
    check, judge = getattr(contract, f"check_{made.root}"), judge_of(contract, made.root)
    early = fault.remark.startswith("early")
    goal = None if early else LOGPROBS_GOAL if made.name == "logprobs" else GOAL
    name = f"{made.name}: {fault.name}"
    mine, other = interleaved([(check, fault.value), (judge, fault.value)], effort)
    yield Line(section, name, *mine.over(other), goal=goal, note=fault.remark)
    if early:
        mine, other = interleaved([(check, fault.value), (judge, made.value)], effort)
        yield Line(section, name, *mine.over(other), goal=GOAL, note="early, / verdict on the valid payload")


def with_all_rules(effort: Effort) -> Iterator[Line]:
    """`check_…` with every rule beside `is_valid_…`, on payloads without a fault: what the rules add."""
    section = "check with all rules / verdict, valid payload"
    contract = Contract.load()
    for made in all_payloads():
        if made.is_stream:
            continue
        jobs = [
            (getattr(contract, f"check_{made.root}"), made.value),
            (judge_of(contract, made.root), made.value),
        ]
        mine, other = interleaved(jobs, effort)
        found = len(_checked(contract, made.root, made.value))
        yield Line(section, made.name, *mine.over(other), note=f"{found} violations" if found else "")
    yield from _with_new_tools(effort, contract)
    yield from _exchange(effort, contract)


def _with_new_tools(effort: Effort, contract: Contract) -> Iterator[Line]:
    """An agent request whose tools were never sent before: nothing that is remembered helps."""
    made = payload("agent")
    tools = made.value["tools"]
    described = ({**tools[0], "function": {**tools[0]["function"], "description": str(n)}} for n in range(_VARIANTS))
    variants = cycle([{**made.value, "tools": [first, *tools[1:]]} for first in described])
    jobs = [(lambda values: contract.check_request(next(values)), variants), (contract.is_valid_request, made.value)]
    mine, other = interleaved(jobs, effort)
    yield Line("check with all rules / verdict, valid payload", "agent, tools never seen before", *mine.over(other))


def _exchange(effort: Effort, contract: Contract) -> Iterator[Line]:
    """A whole exchange from bytes, the agent request and its response, as a proxy sees it."""
    asked, answer = payload("agent").text, payload("response").text
    headers = (("content-type", "application/json"), ("x-request-id", "req_1"))
    exchange = Exchange("1", Request("POST", body=asked), Response(200, headers, answer))
    if contract.check(exchange):
        raise AssertionError("the exchange is not clean")
    jobs: list[Job] = [
        (contract.check, exchange),
        (lambda texts: [orjson.loads(text) for text in texts], (asked, answer)),
    ]
    mine, other = interleaved(jobs, effort)
    section = "check of an exchange with all rules / orjson.loads of both bodies"
    yield Line(section, "agent request and response", *mine.over(other))
    yield Line(section, "the same, time", mine.least * 1e6, unit=" µs")
