"""The contract: a spec, the rules, and how severe each of them is; it checks payloads and exchanges."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, cached_property
from itertools import islice
from os import PathLike
from typing import Any

from chatcontract import closures
from chatcontract import rules as catalogue
from chatcontract.declare import SpecView
from chatcontract.exceptions import ContractViolation
from chatcontract.jsontext import ABSENT, MAX_BYTES, object_faults, parse, plain_values, without_surrogates
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
from chatcontract.sse import MAX_EVENT_BYTES

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
_TEXT = (bytes, str, bytearray, memoryview)


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
        self,
        texts: closures.Texts,
        profile: Profile,
        engine: Engine,
        selected: Callable[[Rule], bool],
        severity: Mapping[str, str] | None = None,
    ) -> None:
        self._texts = texts
        self._compiler = compiler(engine)
        self._selected = selected
        self._severity = dict(severity or {})
        self._fitting: dict[tuple[Part, frozenset[str]], tuple[Rule, ...]] = {}
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
        fspec = spec if spec is None or isinstance(spec, str | Mapping) else str(spec)
        texts = closures.own() if fspec is None else closures.of(fspec, network=network, without=set(without_fixes))
        return cls(texts, profile, engine, _selector(select, ignore), _known(severity))

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
        value = body if body.__class__ is dict else _loaded(body)
        try:
            return self._is_valid_request(value)
        except (ValueError, RecursionError):
            return _refused(value)

    def is_valid_response(self, body: Body) -> bool:
        """The schema's verdict on a response that is not streamed.

        >>> Contract.load().is_valid_response({"object": "chat.completion"})
        False
        """
        value = body if body.__class__ is dict else _loaded(body)
        try:
            return self._is_valid_response(value)
        except (ValueError, RecursionError):
            return _refused(value)

    def is_valid_chunk(self, body: Body) -> bool:
        """The schema's verdict on one chunk of a stream.

        >>> Contract.load().is_valid_chunk({"object": "chat.completion.chunk"})
        False
        """
        value = body if body.__class__ is dict else _loaded(body)
        try:
            return self._is_valid_chunk(value)
        except (ValueError, RecursionError):
            return _refused(value)

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
        return self._checked("request", text, Part.REQUEST, request=text)

    def check_response(self, body: Body, request: Body | None = None) -> Violations:
        """Everything that is wrong with a response; with its request also what only the pair can tell.

        >>> violations = Contract.load().check_response({"object": "chat.completion"})
        >>> violations.errors[0].rule
        'CC001'
        """
        text = _read(body)
        asked = Text() if request is None else _read(request)
        return self._checked("response", text, Part.RESPONSE, request=asked, answer=text)

    def check_chunk(self, body: Body) -> Violations:
        """Everything that is wrong with one chunk of a stream by itself.

        >>> bool(Contract.load().check_chunk({"object": "chat.completion.chunk"}))
        True
        """
        return self._checked("chunk", _read(body), Part.CHUNK)

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

    def check(self, exchange: Exchange | Reading) -> Violations:
        """Everything that is wrong with a recorded exchange: the request, and the answer by what it is.

        A `Reading` of the exchange serves as well, and spares a second parsing.

        >>> from chatcontract.model import Request
        >>> Contract.load().check(Exchange("1", Request(body=b"{}")))[0].exchange
        '1'
        """
        reading = exchange if isinstance(exchange, Reading) else Reading(exchange)
        return Violations(self._exchange_violations(reading))

    def judged(self, rule: Rule, finding: Finding, exchange: str = "") -> Violations:
        """The violation that a finding from outside of the contract's own checks makes; none if it is silenced."""
        severity = self._rated(rule, finding) if self._selected(rule) else None
        if severity is None:
            return _NOTHING
        return Violations((_violation(rule, finding, severity, rule.part, None, exchange),))

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
        severity = self._rated(rule, finding) if self._selected(rule) else None
        return None if severity is None else _violation(rule, finding, severity, rule.part, None, exchange)

    def _checked(self, root: str, text: Text, part: Part, **parsed: Text) -> Violations:
        found = self._shapes[root].violations(text)
        if self._by_part[part]:
            found.extend(self._judged(Reading(_ALONE, **parsed), (part,)))
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
            yield from self._shapes[reading.kind].violations(reading.shaped, exchange=reading.exchange.id)
            yield from self._judged(reading, _RESPONSE_PARTS if reading.kind == "response" else (Part.ERROR,))

    def _stream_violations(self, reading: Reading) -> Iterator[Violation]:
        ruled = self._by_part[Part.STREAM] or self._by_part[Part.RESPONSE]
        if not ruled and self._is_silent_stream(reading.exchange.response.body):  # type: ignore[union-attr]
            return
        silent = self._shapes["chunk"].silent
        for chunk in reading.chunks:
            if chunk.text.faults or chunk.is_error or not silent(chunk.text.value):
                shape_of = self._shapes["error" if chunk.is_error else "chunk"]
                yield from shape_of.violations(chunk.text, chunk=chunk.position, exchange=reading.exchange.id)
        yield from self._judged(reading, (Part.STREAM, Part.RESPONSE))

    def _is_silent_stream(self, body: bytes) -> bool:
        """Whether a stream of the usual form has nothing for the schema to say; False where that is not plain."""
        payloads = _plain_payloads(body)
        values = plain_values(payloads) if payloads else None
        return values is not None and all(map(self._shapes["chunk"].silent, values))

    def _judged(self, reading: Reading, parts: tuple[Part, ...]) -> Iterator[Violation]:
        """What the rules find; a rule of responses has nothing to say of an answer without choices."""
        for part in parts:
            if not self._by_part[part] or (part is Part.RESPONSE and not reading.completion):
                continue
            for rule in self._asked_of(part, reading.traits):
                for finding in rule.check(reading, self._view):  # type: ignore[misc]
                    severity = self._rated(rule, finding)
                    if severity is not None:
                        yield _violation(rule, finding, severity, part, None, reading.exchange.id)

    def _asked_of(self, part: Part, traits: frozenset[str]) -> tuple[Rule, ...]:
        """The rules of the part that may have something to say of an exchange with these traits."""
        fitting = self._fitting.get((part, traits))
        if fitting is None:
            fitting = tuple(rule for rule in self._by_part[part] if rule.needs <= traits)
            self._fitting[part, traits] = fitting
        return fitting

    def _rated(self, rule: Rule, finding: Finding | None = None) -> Severity | None:
        """The severity of a finding, by what the user says, the finding, the profile, the rule; None: say nothing."""
        if self._severity and (level := self._wished(rule)):
            return None if level == "ignore" else Severity(level)
        if finding is not None and finding.severity is not None:
            return finding.severity
        lenient = rule.compatible if self.profile == "compatible" else None
        return rule.severity if lenient is None else lenient

    def _wished(self, rule: Rule) -> str | None:
        fitting = [word for word in self._severity if _names(word, rule)]
        return self._severity[max(fitting, key=len)] if fitting else None


class _Shape:
    """The validators of one root, each compiled when it is first needed."""

    def __init__(self, root: str, contract: Contract) -> None:
        self._root = root
        self._part = _PARTS[root]
        self._contract = contract

    def _text(self, tier: str) -> str:
        return self._contract._texts.text(tier)

    @cached_property
    def verdict(self) -> Judge:
        """Whether nothing of severity error is wrong; raises on what is no JSON value, see `_refused`."""
        return self._contract._compiler.verdict(self._text(f"{self._contract.profile}.{self._root}.verdict"))

    @cached_property
    def silent(self) -> Judge:
        """Whether there is nothing at all to say."""
        return _guarded(self._contract._compiler.verdict(self._text(f"{self._contract.profile}.{self._root}.silent")))

    @cached_property
    def _precise(self) -> tuple[Lister, shape.Meanings]:
        import json

        text = self._text(f"{self._root}.precise")
        return self._contract._compiler.lister(text), shape.Meanings(json.loads(text))

    @cached_property
    def _selected(self) -> frozenset[str]:
        return frozenset(rule.code for rule in shape.RULES if self._contract._selected(rule))

    @cached_property
    def _levels(self) -> Mapping[str, str]:
        levels: Mapping[str, str] = closures.own().json("levels")[self._contract.profile]
        return levels

    @cached_property
    def _excusable(self) -> frozenset[str]:
        mine = [key.rpartition(":")[0] for key in self._levels if key.startswith(f"{self._root}:")]
        return frozenset(place.rpartition("/")[2] for place in mine)

    def violations(self, text: Text, chunk: int | None = None, exchange: str = "") -> list[Violation]:
        """What the text's grammar and the schema find."""
        if not text.faults and self.silent(text.value):
            return []
        made: list[Violation] = []
        for found in self._found(text):
            rule, pointer, message, value, hint, amiss, _ = found
            severity = self._severity(found)
            if severity is not None and rule.code in self._selected:
                shown = "" if value is None and amiss != "null" else short(value)
                made.append(
                    Violation(
                        rule.code, rule.name, severity, rule.basis, self._part, _encodable(pointer), message, chunk,
                        shown, hint, exchange,
                    )
                )  # fmt: skip
        return made

    def _found(self, text: Text) -> list[shape.Found]:
        if not text.faults:
            return self._mismatched(text.value)
        found = list(shape.text_findings(text.faults))
        if text.value is not ABSENT:
            said = {(fault.pointer, fault.message) for fault in text.faults}
            more = self._mismatched(text.value)
            found.extend(one for one in more if (one.pointer, one.message) not in said)
        return found

    def _mismatched(self, value: JSON) -> list[shape.Found]:
        if value is ABSENT:
            return []
        lister, meanings = self._precise
        found: list[shape.Found] = []
        try:
            mismatches = list(islice(lister(value), MAX_MISMATCHES))
        except ValueError:
            faults = object_faults(value)
            found.extend(shape.text_findings(faults))
            if any(fault.kind == "excessive-nesting" for fault in faults):
                return found
            value = without_surrogates(value)
            mismatches = list(islice(lister(value), MAX_MISMATCHES))
        if any([mismatch.branches for mismatch in mismatches]):
            mismatches = list(islice(meant(mismatches), MAX_MISMATCHES))
        return found + meanings.findings(mismatches, value)

    def _severity(self, found: shape.Found) -> Severity | None:
        """The severity in the profile; None where the profile has nothing to say."""
        if self._contract._severity and self._contract._wished(found.rule):
            return self._contract._rated(found.rule)
        if found.rule is shape.UNDOCUMENTED_MEMBER:
            return None if self._contract.profile == "compatible" else found.rule.severity
        if not found.amiss:
            return found.rule.severity
        place = f"{found.pointer}/{escape(found.member)}" if found.member else found.pointer
        if place.rpartition("/")[2] not in self._excusable:
            return found.rule.severity
        level = self._levels.get(f"{self._root}:{starred(place)}:{found.amiss}")
        return found.rule.severity if level is None else None if level == "ignore" else Severity(level)


def _violation(
    rule: Rule, finding: Finding, severity: Severity, part: Part, chunk: int | None, exchange: str
) -> Violation:
    value = "" if finding.value is None and not finding.message.endswith("null") else short(finding.value)
    place = _encodable(finding.pointer)
    return Violation(
        rule.code, rule.name, severity, rule.basis, finding.part or part, place,
        finding.message, chunk if finding.chunk is None else finding.chunk, value, finding.hint, exchange,
    )  # fmt: skip


def _encodable(pointer: str) -> str:
    """The pointer without halves of surrogate pairs, which are no text."""
    return pointer if pointer.isascii() else pointer.encode(errors="backslashreplace").decode()


def _guarded(judge: Judge) -> Judge:
    """The verdict also on what the engine refuses."""

    def verdict(value: JSON) -> bool:
        try:
            return judge(value)
        except (ValueError, RecursionError):
            return _refused(value)

    return verdict


def _refused(value: JSON) -> bool:
    """The verdict on what the engine refuses: False; TypeError where it is no JSON value at all."""
    if value is not ABSENT:
        object_faults(value)
    return False


def _loaded(body: Any) -> JSON:
    """The value of a JSON text, or ABSENT; anything else stays what it is."""
    if not isinstance(body, _TEXT):
        return body
    loads = _loader()
    try:
        return loads(body) if len(body) <= MAX_BYTES else ABSENT
    except ValueError:
        value, faults = parse(body)
        return value if all(fault.kind == "duplicate-key" for fault in faults) else ABSENT


@cache
def _loader() -> Callable[[Any], JSON]:
    import orjson

    return orjson.loads


def _read(body: Any) -> Text:
    if body.__class__ is dict or not isinstance(body, _TEXT):
        return Text(body)
    _loader()
    return Text(*parse(body))


def _plain_payloads(body: bytes) -> list[bytes]:
    """The payloads of a stream that has nothing but frames `data: {…}` and the last `[DONE]`; of any other none.

    A payload with a member called `error` makes it another one: it may be an error in place of a chunk.
    """
    if not (body.startswith(b"data: {") and body.endswith(b"\n\n")) or len(body) > MAX_EVENT_BYTES:
        return []
    frames = body[6:-2].split(b"\n\ndata: ")
    if body.count(b"\n") != 2 * len(frames) or b"\r" in body or b'"error"' in body:
        return []
    return frames[:-1] if frames[-1] == b"[DONE]" else frames


def _stream_bytes(data: Any) -> bytes:
    if isinstance(data, str):
        return data.encode(errors="surrogatepass")
    if isinstance(data, bytes | bytearray | memoryview):
        return bytes(data)
    pieces = list(data)
    if all(isinstance(piece, bytes | bytearray) for piece in pieces):
        return b"".join(pieces)
    texts = [piece if isinstance(piece, str) else _dumped(piece) for piece in pieces]
    if texts and not any(isinstance(piece, str) for piece in pieces):
        texts.append("[DONE]")  # what parsed the chunks took it away
    return "".join(f"data: {text}\n\n" for text in texts).encode(errors="surrogatepass")


def _dumped(chunk: JSON) -> str:
    import json

    try:
        return json.dumps(chunk)
    except (ValueError, RecursionError):
        raise TypeError("a chunk contains itself or is nested too deeply. Give dicts as JSON text has them.") from None


def _selector(select: Iterable[str] | None, ignore: Iterable[str] | None) -> Callable[[Rule], bool]:
    chosen = None if select is None else tuple(select)
    left_out = tuple(ignore or ())
    _expect_rules((*(chosen or ()), *left_out))
    if chosen is None and not left_out:
        return lambda rule: True
    return lambda rule: (chosen is None or any(_names(word, rule) for word in chosen)) and not any(
        _names(word, rule) for word in left_out
    )


def _known(severity: Mapping[str, str] | None) -> Mapping[str, str]:
    levels = severity or {}
    _expect_rules(levels)
    for word, level in levels.items():
        if level not in (*(known.value for known in Severity), "ignore"):
            raise ValueError(f"{level!r} for {word} is no severity; there are error, warning, info and ignore")
    return levels


def _expect_rules(words: Iterable[str]) -> None:
    for word in words:
        if not any(_names(word, rule) for rule in (shape.RULES if word.startswith("CC0") else catalogue.load())):
            raise ValueError(f"no rule is called {word!r}; `chatcontract rules` lists them")


def _names(word: str, rule: Rule) -> bool:
    return word == rule.name or (word.upper().startswith("CC") and rule.code.startswith(word.upper()))
