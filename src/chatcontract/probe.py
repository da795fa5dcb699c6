"""How a probe is declared: what is sent, what may come back, and why that is asked."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType
from typing import Literal, NamedTuple

from chatcontract.examples import GONE, Changes, changed
from chatcontract.model import JSON, Severity, Verdict
from chatcontract.reading import Reading

API = "https://developers.openai.com/api/reference/resources/chat/subresources/completions/methods/create"
ERRORS = "https://developers.openai.com/api/docs/guides/error-codes"
REQUEST = "#/components/schemas/CreateChatCompletionRequest"
RESPONSE = "#/components/schemas/CreateChatCompletionResponse"
ANSWER_LIMIT = 24
"""Tokens that an answer may have where a probe says nothing else."""
LIMITS = ("max_completion_tokens", "max_tokens")
"""The members that bound an answer."""


class Level(StrEnum):
    """What it means when an expectation is not met: a violation of severity error, warning or info."""

    MUST = "must"
    SHOULD = "should"
    INFO = "info"

    @property
    def severity(self) -> Severity:
        """The severity of a shortfall."""
        return {"must": Severity.ERROR, "should": Severity.WARNING, "info": Severity.INFO}[self.value]


class Context(NamedTuple):
    """What a run puts into every request: the model, the member that bounds the answer, the seed."""

    model: str
    limit: str = "max_tokens"
    seed: int = 0


class Ask(NamedTuple):
    """A request by its difference from the minimal one; `raw` replaces its body by bytes.

    `key` says which key goes along, `stop_after` after how many bytes of the answer the client hangs up, `blanks`
    how many blanks stand at the end of the body, where they mean nothing.
    """

    changes: Changes = MappingProxyType({})
    raw: bytes | None = None
    method: str = "POST"
    path: str = "/chat/completions"
    media: str = "application/json"
    key: Literal["own", "none", "wrong"] = "own"
    stop_after: int | None = None
    blanks: int = 0

    @property
    def is_chat(self) -> bool:
        """Whether the contract is about it."""
        return self.method == "POST" and self.path == "/chat/completions"

    def payload(self, context: Context) -> JSON:
        """The body as JSON; None where there is none, or where it is bytes."""
        if self.method == "GET" or self.raw is not None:
            return None
        minimal = {"model": context.model, "messages": [{"role": "user", "content": "Say hello."}]}
        made = changed(minimal, {place: _filled(value, context) for place, value in self.changes.items()})
        if context.limit and isinstance(made, dict) and not any(name in made for name in LIMITS):
            made[context.limit] = ANSWER_LIMIT
        if isinstance(made, dict) and LIMIT in made:
            made[context.limit or LIMITS[0]] = made.pop(LIMIT)
        return made

    def adapted(self, changes: Changes) -> "Ask":
        """The same with other values at places that it changes; one that is GONE is left as it was."""
        kept = {place: changes.get(place, value) for place, value in self.changes.items()}
        return self._replace(changes={place: value for place, value in kept.items() if value is not GONE})

    def tokens(self, context: Context) -> int:
        """Tokens that it costs at most: no tokenizer makes more of them than there are bytes."""
        body = self.payload(context)
        sent = len(self.raw or b"") if body is None else len(repr(body))
        if not self.is_chat or not isinstance(body, dict):
            return 0
        limits: list[int] = [body[name] for name in LIMITS if type(body.get(name)) is int]
        times: int = body["n"] if type(body.get("n")) is int else 1
        return sent + max([*limits, 0] if limits else [ANSWER_LIMIT]) * min(max(times, 1), 8)


LIMIT = "(limit)"
"""The member that stands for the one which bounds the answer, whichever the target takes."""
SEED = "(seed)"
"""The value that stands for the seed of the run."""


def _filled(value: JSON, context: Context) -> JSON:
    return context.seed if isinstance(value, str) and value == SEED else value


class Shortfall(NamedTuple):
    """What a check yields when an answer is not as it should be: the rule it breaks, by name, and a sentence.

    Where `severity` is None the level of the probe gives it; one that `counts` makes the probe fail. `turn` is
    the exchange that shows it, counted from the last one, which is -1.
    """

    rule: str
    message: str
    pointer: str = ""
    hint: str = ""
    severity: Severity | None = None
    counts: bool = True
    turn: int = -1


class Unclear(NamedTuple):
    """What a check yields when the answer proves nothing: the model or the clock did not play along.

    One that `is_fault` is the answer's own: what the probe is about cannot be read.
    """

    reason: str
    is_fault: bool = False


Check = Callable[[Sequence[Reading]], Iterable[Shortfall | Unclear]]
"""Looks at the exchanges of one try, in their order."""
Then = Callable[[Context, Sequence[Reading]], Ask | Unclear]
"""Makes the request of the second turn from the answer to the first."""


class Expectation(NamedTuple):
    """What an answer and a clean refusal mean, and what an answer must be like.

    `rules` are names of rules of the contract that decide the probe too: the parameter that it is about is
    ignored when one of them finds something. `fault` is the rule that an unwanted answer breaks, `statuses`
    are those that a wanted refusal should have, `names` is the member that it should name. With `confirm` a
    shortfall must show in every try. `shows` finds in an answer what shows that the capability is there: while no
    answer of the section has it, it is only accepted.
    """

    answer: Verdict = Verdict.PASSED
    refusal: Verdict = Verdict.SKIPPED
    checks: tuple[Check, ...] = ()
    rules: tuple[str, ...] = ()
    fault: str = "invalid-request-accepted"
    statuses: tuple[int, ...] = ()
    names: str = ""
    confirm: bool = False
    shows: Callable[[Reading], object] | None = None


class Probe(NamedTuple):
    """One thing that an audit asks a target.

    `needs` are capabilities that other probes provide, `provides` is the one that this probe shows.
    `uncertain` tells that the model may fail to play along, so that it is worth more than one try. `without`
    names capabilities that only help: what else is sent to a target that lacks them.
    """

    id: str
    title: str
    section: str
    why: str
    anchor: str
    level: Level
    request: Ask
    expect: Expectation
    needs: tuple[str, ...] = ()
    provides: str = ""
    then: Then | None = None
    uncertain: bool = False
    source: str = API
    without: Mapping[str, Changes] = MappingProxyType({})

    def adapted(self, lacking: Sequence[str]) -> "Probe":
        """The probe for a target that lacks those capabilities."""
        changes = {place: value for name in lacking for place, value in self.without[name].items()}
        then = self.then
        if not changes:
            return self
        return self._replace(
            request=self.request.adapted(changes), then=None if then is None else _adapted(then, changes)
        )

    @property
    def turns(self) -> int:
        """Requests of one try, at most."""
        return 1 if self.then is None else 2

    @property
    def is_negative(self) -> bool:
        """Whether it sends what must be refused."""
        return self.expect.answer is Verdict.FAILED


def answered(*checks: Check, rules: Iterable[str] = ()) -> Expectation:
    """Every server must answer this: a refusal is a violation."""
    return Expectation(Verdict.PASSED, Verdict.FAILED, checks, tuple(rules))


def honoured(*checks: Check, rules: Iterable[str] = (), confirm: bool = False) -> Expectation:
    """Answered as asked, or cleanly refused (then it is unsupported); answered otherwise it is ignored."""
    return Expectation(checks=checks, rules=tuple(rules), confirm=confirm)


def refused(*statuses: int, names: str = "", fault: str = "invalid-request-accepted") -> Expectation:
    """Refused with a status of 4xx; `names` is the member that the error's `param` should name, if any."""
    return Expectation(Verdict.FAILED, Verdict.PASSED, fault=fault, statuses=statuses or (400,), names=names)


def either(*checks: Check) -> Expectation:
    """Both are right; which one it is becomes known."""
    return Expectation(Verdict.PASSED, Verdict.PASSED, checks)


Case = tuple[str, str, Changes, str, Level]
"""What makes many probes alike: id, title, changes of the request, the member that they are about, level."""


class Section:
    """Declares the probes of one section."""

    def __init__(self, name: str, *, level: Level = Level.MUST, anchor: str = REQUEST) -> None:
        self._name = name
        self._level = level
        self._anchor = anchor
        self.probes: list[Probe] = []

    def probe(
        self,
        id: str,
        title: str,
        request: Changes | Ask | bytes,
        expect: Expectation,
        *,
        why: str,
        level: Level | None = None,
        anchor: str = "",
        needs: str | Sequence[str] = (),
        provides: str = "",
        then: Then | Ask | Changes | None = None,
        uncertain: bool = False,
        source: str = API,
        without: Mapping[str, Changes] = MappingProxyType({}),
    ) -> Probe:
        """Declare a probe.

        Args:
            id: a slug, never used again for anything else.
            title: what is expected, as a sentence without a full stop.
            request: changes of the minimal request, a whole Ask, or the bytes of a body.
            expect: what may come back.
            why: what goes wrong for users where it is otherwise.
            anchor: pointer into the spec, or a member of the request.
            needs: capabilities without which it is skipped.
            provides: the capability that it shows.
            then: the second turn, likewise or by a function.
            uncertain: worth several tries.
            source: its public URL.
            without: capability → what is sent in place of the helper that a target without it lacks.
        """
        made = Probe(
            f"{self._name}-{id}", title, self._name, why, _anchor(anchor or self._anchor), level or self._level,
            _ask(request), expect,
            (needs,) if isinstance(needs, str) else tuple(needs), provides, _then(then), uncertain, source, without,
        )  # fmt: skip
        self.probes.append(made)
        return made


def _ask(request: Changes | Ask | bytes) -> Ask:
    if isinstance(request, Ask):
        return request
    return Ask(raw=request) if isinstance(request, bytes) else Ask(request)


def _then(then: Then | Ask | Changes | None) -> Then | None:
    if then is None or callable(then):
        return then
    fixed = Ask(then) if isinstance(then, Mapping) else then
    return lambda context, readings: fixed


def _adapted(then: Then, changes: Changes) -> Then:
    def adapted(context: Context, readings: Sequence[Reading]) -> Ask | Unclear:
        following = then(context, readings)
        return following.adapted(changes) if isinstance(following, Ask) else following

    return adapted


def _anchor(anchor: str) -> str:
    return anchor if anchor.startswith("#") else f"{REQUEST}/properties/{anchor}"


def user(content: JSON) -> dict[str, JSON]:
    """A message of the user."""
    return {"role": "user", "content": content}


def each(check: Callable[[Reading], Iterator[Shortfall | Unclear]]) -> Check:
    """A check that looks at the last answer alone."""
    return lambda readings: check(readings[-1])


__all__ = [
    "ANSWER_LIMIT", "API", "ERRORS", "GONE", "LIMIT", "LIMITS", "REQUEST", "RESPONSE", "SEED", "Ask", "Case",
    "Check", "Context", "Expectation", "Level", "Probe", "Section", "Shortfall", "Then", "Unclear",
    "answered", "each", "either", "honoured", "refused", "user",
]  # fmt: skip
