"""What counts as a finding of a fuzzing run, declared once, and how an answer is judged."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from chatcontract import refusals
from chatcontract.across import Across
from chatcontract.contract import Contract
from chatcontract.fuzz_cases import ABSURD, RELIED, Case, Mode, complaints, is_valid, place_of
from chatcontract.generate import Negative
from chatcontract.judging import Turn, is_whole, kind_of
from chatcontract.model import JSON, SECTIONS, Finding, Rule, Severity, Violation
from chatcontract.pointer import split
from chatcontract.reading import header, members
from chatcontract.redact import short
from chatcontract.rules import probing


class Kind(NamedTuple):
    """One kind of finding: the mode, the rule by its name ("" for those of answers), title and remark.

    `settles` tells that the request as a whole is at fault, so that only what is left of it after shrinking says why.
    """

    mode: Mode
    rule: str
    title: str
    why: str
    settles: bool = False


ACCEPTED = "invalid-request-accepted"
"""The rule of breaches that are answered with success."""

KINDS: tuple[Kind, ...] = (
    Kind("positive", "", "an answer breaks the contract", "Any rule of answers, with its own code."),
    Kind("positive", "valid-request-crashes", "a valid request gets a status of 5xx", "501 is a refusal.", True),
    Kind(
        "positive", "valid-request-refused", "a valid request is refused",
        "An error where the plainest request is refused, a warning where the answer does not say what it is that is "
        "not supported. A clean refusal that names it is no violation: the result is skipped, as unsupported.", True,
    ),
    Kind("positive", "answer-not-whole", "a valid request gets no whole answer", "A hang, a reset, no end.", True),
    Kind("positive", "stream-left-open", "a stream stays open after its end", "Seen by the clock of the client."),
    Kind("positive", "answer-compressed", "an answer is compressed unasked", "Requests accept identity alone."),
    Kind(
        "negative", ACCEPTED, "a breach is answered with success",
        "A warning where a bound, a value of an enumeration (other than `role` and `type`) or a member too many is at "
        "issue, RFC 8259 leaves it to the reader, or anything is taken for a parameter that few clients rely on (info "
        "in `compatible`); nothing where the contract in use allows the request, or a parameter is merely unknown.",
    ),
    Kind(
        "negative", "invalid-request-crashes", "a breach gets a status of 5xx",
        "501 is a refusal. A crash that the request without its breach shows as well is one of a valid request.",
    ),
    Kind("negative", "answer-not-whole", "a breach gets no whole answer", "A hang, a reset, no end."),
    Kind("negative", "", "the refusal of a breach is out of form", "Any rule of errors, with its own code."),
    Kind("negative", "refusal-status-unusual", "a breach is refused with an unusual status", "400 and 422 are usual."),
    Kind("negative", "refusal-names-other-parameter", "`param` points elsewhere", "Null is no wrong place."),
)  # fmt: skip
"""Every kind, in the order of the modes."""
BLAMELESS = {"invalid-request-crashes": "valid-request-crashes", "answer-not-whole": "answer-not-whole"}
"""What is a finding about a breach only where the request without it fares better, and what it is otherwise."""
_RULES: Mapping[str, Rule] = {rule.name: rule for rule in probing.RULES}
_LENIENT = ("bound", "extra", "enum")
_LEFT_OPEN = ("text: a byte order mark", "text: a member twice", "text: half of a surrogate pair")
"""What RFC 8259 leaves to the reader: whoever takes it reads it otherwise than others, and breaks no standard."""
_TOO_DEEP = "CC009"
_UNKNOWN = "CC212"
"""The rule about members that the contract does not know: servers may take them, as an audit says as well."""
_USUAL = (400, 422)
_OF_TEXT = (413, 415)
_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'|`[^`]*`|[0-9]+")
_WORD = re.compile(r"[a-z0-9]+")
_SHORTEST_WORD = 4
_FAULTY = frozenset(("closed", "cut", "timeout", "idle", "protocol", "too-large", "encoding"))
"""Faults on the way that an answer is blamed for."""


class Sighting(NamedTuple):
    """One thing found in one answer; `key` is what makes two the same before they are shrunk."""

    kind: Kind
    violation: Violation
    key: str


def kind(mode: Mode, rule: str) -> Kind:
    """The kind of finding that a rule makes in a mode."""
    fitting = (one for one in KINDS if one.mode == mode and one.rule == rule)
    return next(fitting, next(one for one in KINDS if one.mode == mode and not one.rule))


class Judge:
    """Judges answers; remembers what only several of them can tell.

    Args:
        contract: what is held against them.
        sections: of the rules that matter; none for all.
    """

    def __init__(self, contract: Contract, sections: Iterable[str] = ()) -> None:
        self._contract = contract
        self._sections = frozenset(sections)
        self._across = Across()

    def sightings(self, case: Case, turn: Turn) -> tuple[Sighting, ...]:
        """What is wrong with the answer to a case, each kind once."""
        judged = self._positive(turn) if case.mode == "positive" else self._negative(case, turn)
        found: dict[str, Sighting] = {}
        for violation in judged:
            made = Sighting(kind(case.mode, violation.name), violation, "")
            key = f"{case.mode}:{violation.fingerprint}"
            if made.kind.settles:
                key = f"{key}:{turn.reply.status}:{worded(turn)}"
            found.setdefault(key, made._replace(key=key))
        return tuple(found.values())

    def _positive(self, turn: Turn) -> Iterator[Violation]:
        yield from self._on_the_way(turn, "")
        state = kind_of(turn) if turn.reply.status else ""
        if state == "crashed":
            yield from self._made(
                "valid-request-crashes", "", f"expected an answer or a status of 4xx, got {said(turn)}"
            )
        if state == "refused":
            yield from self._made("valid-request-refused", "", f"expected an answer, got {said(turn)}")
        if is_whole(turn):
            yield from self._of_answer(turn)

    def _negative(self, case: Case, turn: Turn) -> Iterator[Violation]:
        breach = case.breach
        if breach is None:
            return
        place = self._place(case, breach)
        yield from self._on_the_way(turn, place)
        state = kind_of(turn) if turn.reply.status else ""
        if state == "answered" and turn.reading.kind != "error" and turn.reply.fault is None:
            message = f"expected a refusal ({_told(breach, place)}), got status {turn.reply.status}"
            if breach.kind == ABSURD:
                value = short(case.value[place[1:]], 60)
                message = f"anything is taken in its place: {value} got status {turn.reply.status}"
            severity = self._severity(case, breach)
            yield from self._made(ACCEPTED, place, message, severity) if severity else ()
        if state == "crashed":
            message = f"expected a refusal ({_told(breach, place)}), got {said(turn)}"
            yield from self._made("invalid-request-crashes", place, message)
        if is_whole(turn) and (state == "refused" or (state == "answered" and turn.reading.kind == "error")):
            yield from self._of_answer(turn)
        if is_whole(turn) and state == "refused":
            yield from self._blemishes(breach, place, turn)

    def _place(self, case: Case, breach: Negative) -> str:
        """Where the breach stands in this request, which may be a shrunk one."""
        value = case.value
        errors = place_of(value, breach) if isinstance(value, dict) else ()
        return errors[0].pointer if errors else breach.pointer

    def _severity(self, case: Case, breach: Negative) -> Severity | None:
        """How bad it is that a breach was accepted; None where this contract has nothing against the request."""
        if breach.rule == _UNKNOWN or not self._contract.check_request(case.body).errors:
            return None
        if breach.kind == ABSURD and breach.pointer[1:] not in RELIED:
            return Severity.INFO if self._contract.profile == "compatible" else Severity.WARNING
        if breach.label.startswith(_LEFT_OPEN) or breach.rule == _TOO_DEEP:
            return Severity.WARNING
        is_tag = split(breach.pointer)[-1:] in (["role"], ["type"])
        return Severity.WARNING if breach.kind in _LENIENT and not is_tag else Severity.ERROR

    def _blemishes(self, breach: Negative, place: str, turn: Turn) -> Iterator[Violation]:
        usual = (*_USUAL, *_OF_TEXT) if breach.kind == "bytes" else _USUAL
        if turn.reply.status not in usual and not (turn.reply.status == 404 and place == "/model"):
            yield from self._made("refusal-status-unusual", place, f"expected status 400, got {turn.reply.status}")
        named = members(turn.reading.error.get("error")).get("param")
        if isinstance(named, str) and named and breach.param != (None,) and not _is_near(named, breach):
            wanted = " or ".join(repr(one) for one in breach.param[:1] if one)
            message = f"expected param to name {wanted}, got {short(named, 80)}"
            yield from self._made("refusal-names-other-parameter", place, message)

    def _on_the_way(self, turn: Turn, place: str) -> Iterator[Violation]:
        fault = turn.reply.fault
        if fault is not None and fault.kind == "left-open":
            yield from self._made("stream-left-open", place, fault.message)
        elif fault is not None and fault.kind in _FAULTY and not is_whole(turn):
            yield from self._made("answer-not-whole", place, fault.message)
        response = turn.reply.exchange.response
        coding = header(response.headers, "content-encoding").strip().lower() if response else ""
        if coding not in ("", "identity"):
            yield from self._made("answer-compressed", "", f"expected identity, got {short(coding, 40)}")

    def _of_answer(self, turn: Turn) -> Iterator[Violation]:
        """What the rules say of the answer, and of it together with those before."""
        made = (self._contract.violation(rule, found) for rule, found in self._across.feed(turn.reading))
        for violation in (*self._contract.check_answer(turn.reading), *filter(None, made)):
            if violation.side == "server" and self._matters(violation.rule):
                yield violation

    def _matters(self, code: str) -> bool:
        return not self._sections or SECTIONS[code[2]] in self._sections

    def _made(self, name: str, place: str, message: str, severity: Severity | None = None) -> Iterator[Violation]:
        finding = Finding(place, message[:300], severity=severity)
        violation = self._contract.violation(_RULES[name], finding)
        if violation is not None:
            yield violation


def _told(breach: Negative, place: str) -> str:
    """The label of a breach, with the place where it stands in the request at hand."""
    met = f"{breach.pointer[1:]}:"
    return f"{place[1:]}:{breach.label.removeprefix(met)}" if place and breach.label.startswith(met) else breach.label


def _is_near(named: str, breach: Negative) -> bool:
    """Whether `param` names the place of the breach, what holds it, or something inside it."""
    spelt = {one for one in breach.param if one}
    return any(named == one or named.startswith((f"{one}.", f"{one}[")) for one in spelt) or not spelt


def said(turn: Turn) -> str:
    """Status and message of an answer, shortly."""
    return refusals.said(turn.reading)


def worded(turn: Turn) -> str:
    """What an error says and names, without its values: one cause of refusals from another."""
    param = refusals.param(turn.reading)
    fault = turn.reply.fault.kind if turn.reply.fault else ""
    told = _QUOTED.sub("", refusals.message(turn.reading).partition("{")[0])
    return f"{fault}:{_QUOTED.sub('', param)}:{' '.join(told.split())[:60]}"


def names_feature(turn: Turn, needed: Iterable[str]) -> bool:
    """Whether a refusal tells, by the parameter that it names or in its message, one of the features that it is about.

    >>> from chatcontract.shrinking import features
    >>> [word for word in sorted(words_of(features({"response_format": {"type": "json_schema"}})))]
    ['format', 'json', 'response', 'schema', 'type']
    """
    told = frozenset(_WORD.findall(f"{refusals.param(turn.reading)} {refusals.message(turn.reading)}".lower()))
    return bool(told & words_of(needed))


def words_of(needed: Iterable[str]) -> frozenset[str]:
    """The words in features; short ones count only as a whole member's name."""
    found: set[str] = set()
    for feature in needed:
        place, _, value = feature.partition("=")
        for name in [*split(place), value]:
            pieces = _WORD.findall(name.lower())
            found.update(piece for piece in pieces if len(pieces) == 1 or len(piece) >= _SHORTEST_WORD)
    return frozenset(found) - {"true", "false", "messages"}


def keeper(case: Case) -> Callable[[JSON], bool]:
    """Whether a request is still of the kind of a case: valid, or broken in the same single way."""
    breach = case.breach
    if breach is not None:
        return lambda body: isinstance(body, dict) and bool(place_of(body, breach))
    known = complaints(case.value)
    return lambda body: is_valid(body) and complaints(body) <= known
