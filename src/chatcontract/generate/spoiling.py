"""Requests with exactly one breach each: what is wrong, where, and by which rule."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

from chatcontract import rules
from chatcontract.contract import Contract
from chatcontract.generate import grammar, malformed
from chatcontract.generate.draws import Seeded
from chatcontract.generate.grammar import Options
from chatcontract.generate.mutations import Change, applied, changes
from chatcontract.generate.nodes import Document
from chatcontract.generate.planning import plan
from chatcontract.generate.repairs import repaired
from chatcontract.generate.values import PDF
from chatcontract.model import Part, Rule, Violation, starred
from chatcontract.pointer import split

Object = dict[str, Any]
_ROOT = "#/components/schemas/CreateChatCompletionRequest"
_USER = {"role": "user", "content": "Hi"}
_CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
_ANSWER = {"role": "tool", "tool_call_id": "call_1", "content": "Hi"}
_FILE = {"file_id": "file-C0ffee", "filename": "a.pdf", "file_data": PDF}
_ROOMY: tuple[list[Object], ...] = (
    [_USER],
    [_USER, {"role": "assistant", "tool_calls": [_CALL]}, _ANSWER, _ANSWER],
    [{"role": "user", "content": [{"type": "file", "file": _FILE}]}],
)
"""Conversations where losing one member breaks no rule about several."""
_MAX_BASES = 8
"""In how many requests a breach is tried that comes to nothing, or to more than one."""
_MODEL = "gpt-4o"
_TRIES = 20


class Negative(NamedTuple):
    """A request with one breach.

    `label` is stable and unique; `pointer` says where the breach is, `rule` by which code our own validators name
    it; `param` holds what an error's `param` may be (None where no parameter is at fault); `anchor` is the place in
    the document that forbids it; `kind` is `missing`, `type`, `enum`, `bound`, `extra`, `rule` or `bytes`.
    """

    label: str
    body: bytes
    pointer: str
    rule: str
    param: tuple[str | None, ...]
    anchor: str
    kind: str
    section: str


def spellings(pointer: str, member: str = "") -> tuple[str | None, ...]:
    """How an error's `param` may name a place: the place, what holds it, in each of the usual spellings.

    >>> spellings("/messages/0/role")[:3]
    ('messages[0].role', 'messages.[0].role', 'messages.0.role')
    """
    tokens = [*split(pointer), member] if member else split(pointer)
    found: dict[str | None, None] = {}
    for length in range(len(tokens), 0, -1):
        for before in ("[{}]", ".[{}]", ".{}"):
            spelt = "".join(before.format(t) if t.isdecimal() else f".{t}" for t in tokens[:length])
            found[spelt.lstrip(".")] = None
    return tuple(found) if found else (None,)


class Writer:
    """Makes negatives for one set of options."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._contract = Contract.load()
        self._document = Document()
        self._root = self._document.root("request")
        self._tried: Counter[tuple[str, str, str]] = Counter()
        self._labels: set[str] = set()

    def all(self, *, oversized: bool) -> Iterator[Negative]:
        """Every breach, of the document, of rules, of the text."""
        roomy: list[Object] = [{"model": self._model, "messages": messages} for messages in _ROOMY]
        bodies = [*roomy, *(body for _, body in plan(self._options).bodies)]
        yield from self._of_document(bodies)
        yield from self._of_rules()
        yield from self._of_text(bodies[0], oversized)

    def of(self, body: Mapping[str, Any], *, oversized: bool) -> Iterator[Negative]:
        """Every breach of the document and of the text that one request can be given."""
        yield from self._of_document([body])
        yield from self._of_text(body, oversized)

    def drawn(self, seed: int) -> Iterator[Negative]:
        """Breaches without end, of requests that the seed draws."""
        draws = Seeded(seed)
        while True:
            body = grammar.request(draws, self._options)
            if draws.chance(10):
                text = draws.choose(list(malformed.texts(body, oversized=False)))
                yield from islice(self._made_of_text(text), 1)
                continue
            found = list(changes(self._document, self._root, body))
            tried = (self._made(body, draws.choose(found)) for _ in range(_TRIES))
            yield from islice(filter(None, tried), 1)

    @property
    def _model(self) -> str:
        return self._options.model or _MODEL

    def _of_document(self, bodies: Sequence[Mapping[str, Any]]) -> Iterator[Negative]:
        for is_alone in (True, False):
            for body in bodies:
                for change in changes(self._document, self._root, body):
                    key = _key(change)
                    if self._tried[key] < _MAX_BASES * (2 - is_alone):
                        made = self._made(body, change, is_alone)
                        self._tried[key] += 1
                        if made is not None:
                            self._tried[key] = 2 * _MAX_BASES
                            yield made._replace(label=self._unique(made.label))

    def _made(self, body: Mapping[str, Any], change: Change, is_alone: bool = True) -> Negative | None:
        """The negative; None where the change breaks nothing, or something elsewhere, or (`is_alone`) more rules."""
        spoilt = applied(body, change.tokens, change.value)
        if self._contract.is_valid_request(written := malformed.written(spoilt)):
            return None
        if not _says(change, is_alone, self._contract.check_request(written).errors):
            if not isinstance(spoilt, dict):
                return None
            spoilt = self._mended(spoilt)
            if not _says(change, is_alone, self._contract.check_request(spoilt).errors):
                return None
        component = change.anchor.split("/")[3].removeprefix("ChatCompletion").removeprefix("Request")
        label = f"{change.pointer[1:] or 'body'}: {change.words} ({component or 'Message'})"
        member = change.words.removesuffix(" left out") if change.kind == "missing" else ""
        return Negative(
            label, malformed.written(spoilt), change.pointer, change.rule, spellings(change.pointer, member),
            change.anchor, change.kind, "shape",
        )  # fmt: skip

    def _mended(self, spoilt: Object) -> Object:
        try:
            return repaired(spoilt, self._contract, fixed_model=True)
        except (LookupError, TypeError, AttributeError, ValueError):
            return spoilt

    def _of_rules(self) -> Iterator[Negative]:
        for rule in rules.load():
            if rule.part is Part.REQUEST and rule.check is not None and rule.code.startswith("CC2"):
                for number, example in enumerate(rule.fails, 1):
                    yield from self._broken(rule, number, example.payload())

    def _broken(self, rule: Rule, number: int, body: Object) -> Iterator[Negative]:
        if self._options.model is not None and rule.code != "CC201":
            body["model"] = self._options.model
        errors = self._contract.check_request(body).errors
        if self._options.without & body.keys() or not errors or any(error.rule != rule.code for error in errors):
            return
        first = errors[0]
        yield Negative(
            self._unique(f"{rule.name} {number}"), malformed.written(body), first.pointer, rule.code,
            _lenient(first.pointer), rule.anchor, "rule", "request",
        )  # fmt: skip

    def _of_text(self, body: Mapping[str, Any], oversized: bool) -> Iterator[Negative]:
        for text in malformed.texts(body, oversized=oversized):
            yield from self._made_of_text(text)

    def _made_of_text(self, text: malformed.Text) -> Iterator[Negative]:
        if any(error.rule == text.rule for error in self._contract.check_request(text.body).errors):
            param = (None, *spellings(text.pointer)) if text.pointer else (None,)
            yield Negative(f"text: {text.words}", text.body, text.pointer, text.rule, param, _ROOT, "bytes", "shape")

    def _unique(self, label: str) -> str:
        """The label, with a number where it is taken."""
        number, made = 1, label
        while made in self._labels:
            number += 1
            made = f"{label} #{number}"
        self._labels.add(made)
        return made


def _key(change: Change) -> tuple[str, str, str]:
    """What makes two changes the same breach: the place without numbers and free names, its schema, the words."""
    place = starred(change.pointer)
    return place.rpartition("/")[0] if "/additionalProperties" in change.anchor else place, change.anchor, change.words


def _says(change: Change, is_alone: bool, errors: Sequence[Violation]) -> bool:
    """Whether all errors are at the place of the change and the expected rule is among them, or alone."""
    told = {error.rule for error in errors}
    return all(error.pointer == change.pointer for error in errors) and (
        told == {change.rule} if is_alone else change.rule in told
    )


def _lenient(pointer: str) -> tuple[str | None, ...]:
    """The spellings of a place; a rule about several members may also be told without a parameter."""
    return (*(spelt for spelt in spellings(pointer) if spelt is not None), None)
