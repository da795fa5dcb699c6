"""The contract: a spec, the rules, and how severe each of them is; it checks payloads and exchanges."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from os import PathLike
from typing import Any

from chatcontract import closures
from chatcontract import rules as catalogue
from chatcontract.declare import SpecView
from chatcontract.exceptions import ContractViolation
from chatcontract.jsontext import ABSENT, lone_surrogates, parse
from chatcontract.model import (
    JSON,
    Engine,
    Exchange,
    Finding,
    Part,
    Profile,
    Response,
    Rule,
    Severity,
    Violation,
    Violations,
    starred,
)
from chatcontract.pointer import escape
from chatcontract.reading import Reading, Text
from chatcontract.redact import short
from chatcontract.rules import shape
from chatcontract.schema import MAX_MISMATCHES, Lister, compiler, meant
from chatcontract.schema import Verdict as Judge

Body = dict[str, JSON] | str | bytes
"""A payload: parsed, or as JSON text."""
Stream = bytes | Iterable[bytes] | Sequence[JSON]
"""A stream: its bytes, pieces of them, or its chunks parsed."""

PROFILES: tuple[Profile, ...] = ("openai", "strict", "compatible")
_PARTS = {"request": Part.REQUEST, "response": Part.RESPONSE, "chunk": Part.CHUNK, "error": Part.ERROR}
_NOTHING = Violations()
_ALONE = Exchange("")
_REQUEST_PARTS = (Part.REQUEST,)
_RESPONSE_PARTS = (Part.RESPONSE,)
_TEXT = (str, bytes, bytearray, memoryview)


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

    def __init__(
        self, texts: closures.Texts, profile: Profile, engine: Engine, selected: Callable[[Rule], bool]
    ) -> None:
        self._texts = texts
        self._compiler = compiler(engine)
        self._selected = selected
        self.profile = profile
        self.engine = engine
        self._shapes = {root: _Shape(root, self) for root in _PARTS}

    @classmethod
    def load(
        cls,
        spec: str | PathLike[str] | Mapping[str, JSON] | None = None,
        *,
        profile: Profile = "openai",
        engine: Engine = "jsonschema-rs",
        select: Iterable[str] | None = None,
        ignore: Iterable[str] | None = None,
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
        fspec = spec if spec is None or isinstance(spec, str | Mapping) else str(spec)
        texts = closures.own() if fspec is None else closures.of(fspec, network=network, without=set(without_fixes))
        return cls(texts, profile, engine, _selector(select, ignore))

    @cached_property
    def facts(self) -> Mapping[str, JSON]:
        """What was loaded: title, version, hash, origin, path and the fixes that were applied (id → count)."""
        facts: Mapping[str, JSON] = self._texts.json("facts")
        return facts

    @cached_property
    def rules(self) -> tuple[Rule, ...]:
        """The rules that apply, by code."""
        return tuple(rule for rule in catalogue.load() if self._selected(rule))

    @cached_property
    def _by_part(self) -> Mapping[Part, tuple[Rule, ...]]:
        return {part: tuple(r for r in self.rules if r.part is part and r.check is not None) for part in Part}

    @cached_property
    def _view(self) -> SpecView:
        deprecated = self.facts.get("deprecated", {})
        return SpecView(self.profile, {root: frozenset(places) for root, places in deprecated.items()})

    def is_valid_request(self, body: Body) -> bool:
        """The schema's verdict on a request; of a JSON text with a repeated member the last one counts.

        >>> Contract.load().is_valid_request(b'{"model": "gpt-5"}')
        False
        """
        return self._is_valid_request(body if body.__class__ is dict else _loaded(body))

    def is_valid_response(self, body: Body) -> bool:
        """The schema's verdict on a response that is not streamed.

        >>> Contract.load().is_valid_response({"object": "chat.completion"})
        False
        """
        return self._is_valid_response(body if body.__class__ is dict else _loaded(body))

    def is_valid_chunk(self, body: Body) -> bool:
        """The schema's verdict on one chunk of a stream.

        >>> Contract.load().is_valid_chunk({"object": "chat.completion.chunk"})
        False
        """
        return self._is_valid_chunk(body if body.__class__ is dict else _loaded(body))

    @cached_property
    def _is_valid_request(self) -> Judge:
        return self._shapes["request"].verdict

    @cached_property
    def _is_valid_response(self) -> Judge:
        return self._shapes["response"].verdict

    @cached_property
    def _is_valid_chunk(self) -> Judge:
        return self._shapes["chunk"].verdict

    def check_request(self, body: Body) -> Violations:
        """Everything that is wrong with a request.

        >>> [v.pointer for v in Contract.load().check_request({"model": "gpt-5", "messages": [{"role": "usr"}]})]
        ['/messages/0/role']
        """
        text = _read(body)
        return self._checked("request", text, Reading(_ALONE, request=text), _REQUEST_PARTS)

    def check_response(self, body: Body, request: Body | None = None) -> Violations:
        """Everything that is wrong with a response; with its request also what only the pair can tell.

        >>> violations = Contract.load().check_response({"object": "chat.completion"})
        >>> violations.errors[0].rule
        'CC001'
        """
        text = _read(body)
        asked = Text() if request is None else _read(request)
        return self._checked("response", text, Reading(_ALONE, request=asked, answer=text), _RESPONSE_PARTS)

    def check_chunk(self, body: Body) -> Violations:
        """Everything that is wrong with one chunk of a stream by itself.

        >>> bool(Contract.load().check_chunk({"object": "chat.completion.chunk"}))
        True
        """
        return self._checked("chunk", _read(body), Reading(_ALONE), ())

    def check_stream(self, data: Stream, request: Body | None = None) -> Violations:
        r"""Everything that is wrong with a stream.

        Args:
            data: the bytes of the event stream, an iterable of pieces of them, or the list of its chunks.
            request: the request that it answers.

        >>> Contract.load().check_stream(b'data: {"id": 1}\n\ndata: [DONE]\n\n')[0].chunk
        0
        """
        body = _stream_bytes(data)
        exchange = Exchange("", None, Response(None, (("content-type", "text/event-stream"),), body))
        reading = Reading(exchange, request=Text() if request is None else _read(request))
        return Violations(self._answer_violations(reading))

    def check(self, exchange: Exchange) -> Violations:
        """Everything that is wrong with a recorded exchange: the request, and the answer by what it is.

        >>> from chatcontract.model import Request
        >>> Contract.load().check(Exchange("1", Request(body=b"{}")))[0].exchange
        '1'
        """
        reading = Reading(exchange)
        return Violations(self._exchange_violations(reading))

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

    def _checked(self, root: str, text: Text, reading: Reading, parts: tuple[Part, ...]) -> Violations:
        found: list[Violation] = []
        if text.faults or not self._shapes[root].silent(text.value):
            found.extend(self._shapes[root].violations(text))
        if parts:
            found.extend(self._judged(reading, parts))
        return Violations(found) if found else _NOTHING

    def _exchange_violations(self, reading: Reading) -> Iterator[Violation]:
        request = reading.exchange.request
        if request is not None and request.body:
            yield from self._shapes["request"].violations(reading.request, exchange=reading.exchange.id)
            yield from self._judged(reading, _REQUEST_PARTS)
        yield from self._answer_violations(reading)
        if reading.exchange.response is not None:
            yield from self._judged(reading, (Part.EXCHANGE,))

    def _answer_violations(self, reading: Reading) -> Iterator[Violation]:
        if reading.kind == "stream":
            yield from self._stream_violations(reading)
        elif reading.kind != "none":
            yield from self._shapes[reading.kind].violations(reading.answer, exchange=reading.exchange.id)
            yield from self._judged(reading, _RESPONSE_PARTS if reading.kind == "response" else (Part.ERROR,))

    def _stream_violations(self, reading: Reading) -> Iterator[Violation]:
        for chunk in reading.chunks:
            shape_of = self._shapes["error" if chunk.is_error else "chunk"]
            yield from shape_of.violations(chunk.text, chunk=chunk.position, exchange=reading.exchange.id)
        yield from self._judged(reading, (Part.STREAM, Part.RESPONSE))

    def _judged(self, reading: Reading, parts: tuple[Part, ...]) -> Iterator[Violation]:
        """What the rules find; a rule of responses has nothing to say of an answer without choices."""
        for part in parts:
            if not self._by_part[part] or (part is Part.RESPONSE and not reading.completion):
                continue
            for rule in self._by_part[part]:
                for finding in rule.check(reading, self._view):  # type: ignore[misc]
                    yield _violation(rule, finding, self._rated(rule), part, None, reading.exchange.id)

    def _rated(self, rule: Rule) -> Severity:
        lenient = rule.compatible if self.profile == "compatible" else None
        return rule.severity if lenient is None else lenient


class _Shape:
    """The validators of one root, each compiled when it is first needed."""

    def __init__(self, root: str, contract: Contract) -> None:
        self._root = root
        self._contract = contract

    def _text(self, tier: str) -> str:
        return self._contract._texts.text(tier)

    @cached_property
    def verdict(self) -> Judge:
        """Whether nothing of severity error is wrong."""
        return _guarded(self._contract._compiler.verdict(self._text(f"{self._contract.profile}.{self._root}.verdict")))

    @cached_property
    def silent(self) -> Judge:
        """Whether there is nothing at all to say."""
        return _guarded(self._contract._compiler.verdict(self._text(f"{self._contract.profile}.{self._root}.silent")))

    @cached_property
    def _precise(self) -> tuple[Lister, JSON]:
        import json

        text = self._text(f"{self._root}.precise")
        return self._contract._compiler.lister(text), json.loads(text)

    @cached_property
    def _levels(self) -> Mapping[str, str]:
        levels: Mapping[str, str] = closures.own().json("levels")[self._contract.profile]
        return levels

    def violations(self, text: Text, chunk: int | None = None, exchange: str = "") -> Iterator[Violation]:
        """What the text's grammar and the schema find."""
        for found in self._found(text):
            severity = self._severity(found)
            if severity is not None and self._contract._selected(found.rule):
                yield _violation(found.rule, found.finding, severity, _PARTS[self._root], chunk, exchange)

    def _found(self, text: Text) -> Iterator[shape.Found]:
        yield from shape.text_findings(text.faults)
        value = text.value
        if value is ABSENT or (not text.faults and self.silent(value)):
            return
        lister, schema = self._precise
        try:
            mismatches = [mismatch for mismatch, _ in zip(meant(lister(value)), range(MAX_MISMATCHES), strict=False)]
        except UnicodeEncodeError:
            yield from shape.text_findings(lone_surrogates(value))
            return
        yield from shape.schema_findings(mismatches, value, schema)

    def _severity(self, found: shape.Found) -> Severity | None:
        """The severity in the profile; None where the profile has nothing to say."""
        if found.rule is shape.UNDOCUMENTED_MEMBER:
            return None if self._contract.profile == "compatible" else found.rule.severity
        if not found.amiss:
            return found.rule.severity
        member = f"/{escape(found.member)}" if found.member else ""
        level = self._levels.get(f"{self._root}:{starred(found.finding.pointer)}{member}:{found.amiss}")
        return found.rule.severity if level is None else None if level == "ignore" else Severity(level)


def _violation(
    rule: Rule, finding: Finding, severity: Severity, part: Part, chunk: int | None, exchange: str
) -> Violation:
    value = "" if finding.value is None and not finding.message.endswith("null") else short(finding.value)
    return Violation(
        rule.code, rule.name, finding.severity or severity, rule.basis, finding.part or part, finding.pointer,
        finding.message, chunk if finding.chunk is None else finding.chunk, value, finding.hint, exchange,
    )  # fmt: skip


def _guarded(judge: Judge) -> Judge:
    """The verdict, false on what is no JSON or cannot be UTF-8; TypeError on what is no JSON value at all."""

    def verdict(value: JSON) -> bool:
        try:
            return judge(value)
        except UnicodeEncodeError:
            return False
        except ValueError as error:
            if value is ABSENT:
                return False
            raise TypeError(f"not a JSON value: {error}. Give a dict of plain values, or JSON text.") from None

    return verdict


def _loaded(body: Any) -> JSON:
    """The value of a JSON text, or ABSENT; anything else stays what it is."""
    if not isinstance(body, _TEXT):
        return body
    import orjson

    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return parse(body)[0]


def _read(body: Any) -> Text:
    return Text(*parse(body)) if isinstance(body, _TEXT) else Text(body)


def _stream_bytes(data: Any) -> bytes:
    if isinstance(data, bytes | bytearray):
        return bytes(data)
    pieces = list(data)
    if all(isinstance(piece, bytes | bytearray) for piece in pieces):
        return b"".join(pieces)
    import json

    texts = [piece if isinstance(piece, str) else json.dumps(piece) for piece in pieces]
    return "".join(f"data: {text}\n\n" for text in texts).encode(errors="surrogatepass")


def _selector(select: Iterable[str] | None, ignore: Iterable[str] | None) -> Callable[[Rule], bool]:
    chosen = None if select is None else tuple(select)
    left_out = tuple(ignore or ())
    for word in (*(chosen or ()), *left_out):
        if not any(_names(word, rule) for rule in (shape.RULES if word.startswith("CC0") else catalogue.load())):
            raise ValueError(f"no rule is called {word!r}; `chatcontract rules` lists them")
    if chosen is None and not left_out:
        return lambda rule: True
    return lambda rule: (chosen is None or any(_names(word, rule) for word in chosen)) and not any(
        _names(word, rule) for word in left_out
    )


def _names(word: str, rule: Rule) -> bool:
    return word == rule.name or (word.upper().startswith("CC") and rule.code.startswith(word.upper()))
