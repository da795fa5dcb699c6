"""The contract: a spec, the rules, and how severe each of them is; it checks payloads and exchanges."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from os import PathLike

from chatcontract import bodies, closures
from chatcontract import rules as catalogue
from chatcontract.declare import SpecView
from chatcontract.exceptions import ContractViolation
from chatcontract.jsontext import TextFault, plain_values
from chatcontract.model import JSON, Engine, Exchange, Finding, Part, Profile, Response, Rule, Violation, Violations
from chatcontract.ratings import Ratings, violation
from chatcontract.reading import Reading, Text
from chatcontract.rulings import Rulings
from chatcontract.schema import Verdict, compiler
from chatcontract.shapes import PARTS, Shape, refused

Body = dict[str, JSON] | str | bytes
"""A payload: parsed, or as JSON text."""
Stream = bytes | Iterable[bytes] | Sequence[JSON]
"""A stream: its bytes, pieces of them, or its chunks parsed."""

PROFILES: tuple[Profile, ...] = ("openai", "strict", "compatible")
_NOTHING = Violations()
_ALONE = Exchange("")
_STREAM_PARTS = (Part.STREAM, Part.RESPONSE)


class Contract:
    """Checks requests, responses, streams and whole exchanges of the Chat Completions API.

    Make one with `Contract.load` and keep it: validators are compiled when they are first needed. A contract may be
    used from several threads.

    >>> contract = Contract.load()
    >>> contract.is_valid_request({"model": "gpt-5", "messages": [{"role": "user", "content": "Hi"}]})
    True
    >>> print(contract.check_request({"model": "gpt-5", "messages": [{"role": "tool", "content": "4"}]})[0].message)
    "tool_call_id" is missing
    """

    def __init__(self, texts: closures.Texts, engine: Engine, ratings: Ratings) -> None:
        self._texts = texts
        self._ratings = ratings
        self._rulings = Rulings(ratings, lambda: self._view)
        self.profile = ratings.profile
        self.engine = engine
        self._shapes = {root: Shape(root, texts, compiler(engine), ratings) for root in PARTS}

    @classmethod
    def load(
        cls,
        spec: str | PathLike[str] | Mapping[str, JSON] | None = None,
        *,
        profile: Profile = "openai",
        engine: Engine = "jsonschema-rs",
        select: Iterable[str] | None = None,
        ignore: Iterable[str] | None = None,
        severity: Mapping[str, str] | None = None,
        network: bool = False,
        without_fixes: Iterable[str] = (),
    ) -> "Contract":
        """Load the contract.

        Args:
            spec: an OpenAPI 3.0 or 3.1 document that describes the operation (path, URL or dict, YAML or JSON);
                None for the one that comes with the package.
            profile: `openai` (what the service documents and does), `strict` (every member that OpenAI's
                published document requires, to the letter), `compatible` (for third-party servers: tolerances
                apply, extensions are silent).
            engine: `jsonschema-rs`, or the slower reference `jsonschema`.
            select: codes, prefixes of codes (`CC0`) or names of the only rules to apply.
            ignore: the same for rules to leave out; it wins over `select`.
            severity: other severities, by code, prefix or name: error, warning, info or ignore.
            network: let `$ref` in the document lead into the network.
            without_fixes: ids of corrections (`chatcontract spec show --fixes`) not to apply to the document.

        Raises:
            SpecError: the document cannot be used; the message says where and what to do.
            ValueError: no profile, engine or rule is called that.

        >>> Contract.load(profile="strict").profile
        'strict'
        """
        if profile not in PROFILES:
            raise ValueError(f"no profile is called {profile!r}; there are {', '.join(PROFILES)}")
        source = spec if spec is None or isinstance(spec, str | Mapping) else str(spec)
        texts = closures.own() if source is None else closures.of(source, network=network, without=set(without_fixes))
        return cls(texts, engine, Ratings(profile, select, ignore, severity))

    @cached_property
    def facts(self) -> Mapping[str, JSON]:
        """What was loaded: title, version, hash, origin, path and the fixes that were applied (id → count)."""
        facts: Mapping[str, JSON] = self._texts.json("facts")
        return facts

    @cached_property
    def rules(self) -> tuple[Rule, ...]:
        """The rules that apply, by code."""
        return tuple(rule for rule in catalogue.load() if self._ratings.selects(rule))

    @cached_property
    def _view(self) -> SpecView:
        deprecated = self.facts.get("deprecated", {})
        places = {root: frozenset(found) for root, found in deprecated.items()}
        return SpecView(self.profile, places, self._is_valid_request)

    @cached_property
    def document(self) -> Mapping[str, JSON]:
        """Our own OpenAPI document, which the rules are anchored in."""
        document: Mapping[str, JSON] = closures.own().json("document")
        return document

    def is_valid_request(self, body: Body) -> bool:
        """The schema's verdict on a request; of a JSON text with a repeated member the last one counts.

        >>> Contract.load().is_valid_request(b'{"model": "gpt-5"}')
        False
        """
        value = body if body.__class__ is dict else bodies.loaded(body)
        try:
            return self._is_valid_request(value)
        except (ValueError, RecursionError):
            return refused(value)

    def is_valid_response(self, body: Body) -> bool:
        """The schema's verdict on a response that is not streamed.

        >>> Contract.load().is_valid_response({"object": "chat.completion"})
        False
        """
        value = body if body.__class__ is dict else bodies.loaded(body)
        try:
            return self._is_valid_response(value)
        except (ValueError, RecursionError):
            return refused(value)

    def is_valid_chunk(self, body: Body) -> bool:
        """The schema's verdict on one chunk of a stream.

        >>> Contract.load().is_valid_chunk({"object": "chat.completion.chunk"})
        False
        """
        value = body if body.__class__ is dict else bodies.loaded(body)
        try:
            return self._is_valid_chunk(value)
        except (ValueError, RecursionError):
            return refused(value)

    @cached_property
    def _is_valid_request(self) -> Verdict:
        return self._shapes["request"].verdict

    @cached_property
    def _is_valid_response(self) -> Verdict:
        return self._shapes["response"].verdict

    @cached_property
    def _is_valid_chunk(self) -> Verdict:
        return self._shapes["chunk"].verdict

    def check_request(self, body: Body) -> Violations:
        """Everything that is wrong with a request.

        >>> [v.pointer for v in Contract.load().check_request({"model": "gpt-5", "messages": [{"role": "usr"}]})]
        ['/messages/0/role']
        """
        text = bodies.read(body)
        found = self._shapes["request"].violations(*text)
        if "request" in self._ruled:
            found += self._rulings.of(Reading(_ALONE, request=Text(*text)), Part.REQUEST)
        return Violations(found) if found else _NOTHING

    def check_response(self, body: Body, request: Body | None = None) -> Violations:
        """Everything that is wrong with a response; with its request also what only the pair can tell.

        >>> violations = Contract.load().check_response({"object": "chat.completion"})
        >>> violations.errors[0].rule
        'CC001'
        """
        text = bodies.read(body)
        found = self._shapes["response"].violations(*text)
        if "response" in self._ruled:
            found += self._rulings.of(Reading(_ALONE, request=_asked(request), answer=Text(*text)), Part.RESPONSE)
        return Violations(found) if found else _NOTHING

    def check_chunk(self, body: Body) -> Violations:
        """Everything that is wrong with one chunk of a stream by itself.

        >>> bool(Contract.load().check_chunk({"object": "chat.completion.chunk"}))
        True
        """
        found = self._shapes["chunk"].violations(*bodies.read(body))
        return Violations(found) if found else _NOTHING

    def check_stream(self, data: Stream, request: Body | None = None) -> Violations:
        r"""Everything that is wrong with a stream.

        Args:
            data: the bytes of the event stream, an iterable of pieces of them, or the list of its chunks.
            request: the request that it answers.

        >>> Contract.load().check_stream(b'data: {"id": 1}\n\ndata: [DONE]\n\n')[0].chunk
        0
        """
        body = bodies.stream_bytes(data)
        exchange = Exchange("", None, Response(None, (("content-type", "text/event-stream"),), body))
        reading = Reading(exchange, request=_asked(request))
        if not body:
            reading.kind = "stream"
        return Violations(self._answer_violations(reading))

    def check(self, exchange: Exchange | Reading) -> Violations:
        """Everything that is wrong with a recorded exchange: the request, and the answer by what it is.

        A `Reading` of the exchange serves as well, and spares a second parsing.

        >>> from chatcontract.model import Request
        >>> Contract.load().check(Exchange("1", Request(body=b"{}")))[0].exchange
        '1'
        """
        reading = exchange if isinstance(exchange, Reading) else Reading(exchange)
        return Violations(self._exchange_violations(reading))

    def check_answer(self, exchange: Exchange | Reading) -> Violations:
        """Everything that is wrong with the answer of an exchange; its request is only what the answer is held against.

        >>> Contract.load().check_answer(Exchange("1", None, Response(200, (), b"{}")))[0].side
        'server'
        """
        reading = exchange if isinstance(exchange, Reading) else Reading(exchange)
        return Violations(self._answered_violations(reading))

    def assert_ok(self, subject: Body | Exchange | Violations, request: Body | None = None) -> None:
        """Raise `ContractViolation` when an exchange, or a response given as a body, has a violation of severity error.

        Args:
            subject: an exchange, a response's body, or what a `check_…` method returned.
            request: the request that the response answers.

        >>> contract = Contract.load()
        >>> contract.assert_ok(contract.check_request({}))
        Traceback (most recent call last):
        chatcontract.exceptions.ContractViolation: CC001 schema-mismatch (error) at request#: "model" is missing
        CC001 schema-mismatch (error) at request#: "messages" is missing
        """
        if not isinstance(subject, Violations):
            subject = self.check(subject) if isinstance(subject, Exchange) else self.check_response(subject, request)
        if errors := subject.errors:
            raise ContractViolation(errors)

    def violation(self, rule: Rule, finding: Finding, exchange: str = "") -> Violation | None:
        """What a finding made elsewhere, as by a probe, is under this contract; None where it leaves the rule out.

        >>> from chatcontract.rules import probing
        >>> Contract.load().violation(probing.RULES[0], Finding("", "Refused with status 400")).rule
        'CC191'
        """
        severity = self._ratings.of(rule, finding) if self._ratings.selects(rule) else None
        return None if severity is None else violation(rule, finding, severity, rule.part, exchange)

    @cached_property
    def _ruled(self) -> frozenset[str]:
        """The roots that a rule looks at."""
        return frozenset(root for root, part in PARTS.items() if part in self._rulings.parts)

    def _exchange_violations(self, reading: Reading) -> list[Violation]:
        if reading.exchange.request is None or (not reading.exchange.request.body and not reading.request.faults):
            return self._answered_violations(reading)
        found = self._shapes["request"].violations(*reading.addressed, exchange=reading.exchange.id)
        found += self._rulings.of(reading, Part.REQUEST)
        found += self._answered_violations(reading)
        return found

    def _answered_violations(self, reading: Reading) -> list[Violation]:
        found = self._answer_violations(reading)
        if found and reading.request.faults:
            found = [violation for violation in found if not _is_echo(violation, reading.request.faults)]
        if reading.exchange.response is not None:
            found += self._rulings.of(reading, Part.EXCHANGE)
        return found

    def _answer_violations(self, reading: Reading) -> list[Violation]:
        kind = reading.kind
        if kind == "stream":
            return list(self._stream_violations(reading))
        if kind == "none":
            return []
        found = self._shapes[kind].violations(*reading.shaped, exchange=reading.exchange.id)
        found += self._rulings.of(reading, Part.RESPONSE if kind == "response" else Part.ERROR)
        return found

    def _stream_violations(self, reading: Reading) -> Iterator[Violation]:
        response = reading.exchange.response
        is_ruled = self._rulings.parts.intersection(_STREAM_PARTS)
        if not is_ruled and response is not None and self._is_silent_stream(response.body):
            return
        silent, values = self._shapes["chunk"].silent, reading.chunk_values
        is_silent = values is not None and all(map(silent, values)) and not any("error" in value for value in values)
        for chunk in () if is_silent else reading.chunks:
            if chunk.text.faults or not silent(chunk.text.value) or chunk.is_error:
                shape_of = self._shapes["error" if chunk.is_error else "chunk"]
                text = chunk.text if self._ratings.profile == "strict" else reading.documented(chunk)
                yield from shape_of.violations(*text, chunk=chunk.position, exchange=reading.exchange.id)
        for part in _STREAM_PARTS:
            yield from self._rulings.of(reading, part)

    def _is_silent_stream(self, body: bytes) -> bool:
        """Whether a stream of the usual form has nothing for the schema to say; False where that is not plain."""
        payloads = bodies.plain_payloads(body)
        values = plain_values(payloads) if payloads else None
        return values is not None and all(map(self._shapes["chunk"].silent, values))


def _asked(request: Body | None) -> Text:
    return Text() if request is None else Text(*bodies.read(request))


def _is_echo(violation: Violation, asked: Iterable[TextFault]) -> bool:
    """Whether a fault of the text is one of the request that the answer only repeats."""
    return any(
        fault.kind == violation.name and (fault.kind == "excessive-nesting" or fault.message == violation.message)
        for fault in asked
        if fault.kind in ("excessive-nesting", "invalid-utf8")
    )
