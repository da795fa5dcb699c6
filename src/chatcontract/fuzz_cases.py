"""What a fuzzing run sends: valid requests and breaches, what covers the contract first, then what is drawn."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache, lru_cache
from itertools import islice
from typing import Any, Literal, NamedTuple, TypeVar

from chatcontract import generate
from chatcontract.asked import tools
from chatcontract.contract import Contract
from chatcontract.examples import GONE, changed
from chatcontract.generate import Negative
from chatcontract.generate.draws import Seeded
from chatcontract.jsontext import ABSENT, parse
from chatcontract.model import Severity, Violation, starred
from chatcontract.plan import Cost
from chatcontract.pointer import join, split
from chatcontract.probe import LIMITS
from chatcontract.toolcalls import demand

Mode = Literal["positive", "negative"]
MODES: Mapping[str, tuple[Mode, ...]] = {
    "positive": ("positive",),
    "negative": ("negative",),
    "all": ("positive", "negative"),
}
"""What `--mode` takes, and the modes that it runs."""
DRAWN = 200
"""Requests of each mode that are drawn where no number is given."""
ANSWER_TOKENS = 64
"""Tokens that a choice may have where a generated request leaves more."""
ALL_TOKENS = 1024
"""Tokens that all choices of an answer may have together: 128 of them are long, with `top_logprobs` many megabytes."""
SHARE = 0.75
"""The part of a budget that goes to generated requests; the rest looks into what they find."""
RELIED = frozenset(
    ("logprobs", "max_completion_tokens", "max_tokens", "n", "response_format", "stop", "stream", "stream_options",
     "temperature", "tool_choice", "tools", "top_logprobs", "top_p")
)  # fmt: skip
"""Optional parameters that every client relies on: a server that does not look at one of them is wrong."""
ABSURD = "absurd"
"""The kind of a breach that asks whether a parameter is looked at, by a value of another type than its own."""
_ABSURD: tuple[Any, ...] = (["absurd"], {"absurd": [0]})
_PLAIN = ("model", "messages")
_USER = {"role": "user", "content": "Hi"}
T = TypeVar("T")
Object = dict[str, Any]


class Case(NamedTuple):
    """A request to send: its name in the run, its mode and bytes; of a negative the breach."""

    name: str
    mode: Mode
    body: bytes
    breach: Negative | None = None

    @property
    def value(self) -> Any:
        """The body as JSON; ABSENT where it cannot be read, or not by everybody."""
        value, faults = parse(self.body)
        return ABSENT if faults else value

    @property
    def cost(self) -> Cost:
        """One request and its tokens, at most: no tokenizer makes more of them than there are bytes."""
        value = self.value
        asked = value if isinstance(value, dict) else {}
        limits = [asked[name] for name in LIMITS if type(asked.get(name)) is int]
        times = asked["n"] if type(asked.get("n")) is int else 1
        return Cost(1, len(self.body) + max([*limits, 0] if limits else [ANSWER_TOKENS]) * min(max(times, 1), 128))


class Wish(NamedTuple):
    """Which requests a run is to send.

    `size`: so many of each mode (None: all that cover the contract, and `DRAWN` more); `stream_ratio`: the part of
    drawn requests that streams; `sections`: of the breaches' rules; `without`: what must not occur in requests.
    """

    modes: tuple[Mode, ...] = ("positive", "negative")
    size: int | None = None
    seed: int = 0
    stream_ratio: float | None = None
    sections: tuple[str, ...] = ()
    without: tuple[str, ...] = ()


class Menu(NamedTuple):
    """The requests of a run, in their order.

    `whole` counts those that would cover the contract, of each mode; `breaches` are rule and pointer of every breach
    among them; `left_out` counts those that cost too many tokens.
    """

    cases: tuple[Case, ...]
    whole: Mapping[Mode, int]
    breaches: frozenset[tuple[str, str]] = frozenset()
    left_out: int = 0

    @property
    def cost(self) -> Cost:
        """What they cost at most."""
        return Cost(len(self.cases), sum(case.cost.tokens for case in self.cases))


def menu(model: str, limit: str, wish: Wish, most: int | None = None, tokens: int | None = None) -> Menu:
    """Choose the requests of a run: the same for the same arguments.

    Args:
        model: the model that is asked.
        limit: the member that bounds an answer; empty for none.
        wish: which requests.
        most, tokens: requests and tokens that the run may spend in all; None is no bound.

    Raises:
        ValueError: the wish contradicts itself, or what the generator allows.
    """
    writer = _Cases(_Base(model, limit, wish.without), wish)
    rooms = None if most is None else max(1, int(most * SHARE) // len(wish.modes))
    pairs = [writer.of(mode, rooms) for mode in wish.modes]
    cases = interleaved([made for made, _ in pairs])
    kept = cases if tokens is None else list(_within(cases, int(tokens * SHARE)))
    whole: Mapping[Mode, int] = {mode: len(first) for mode, (_, first) in zip(wish.modes, pairs, strict=True)}
    breaches = frozenset((one.breach.rule, one.breach.pointer) for _, first in pairs for one in first if one.breach)
    return Menu(tuple(kept), whole, breaches, len(cases) - len(kept))


def room(body: Mapping[str, Any]) -> int:
    """The tokens that each choice of the answer to a request may have.

    >>> room({}), room({"n": 128})
    (64, 8)
    """
    times = body["n"] if type(body.get("n")) is int else 1
    return max(1, min(ANSWER_TOKENS, ALL_TOKENS // max(1, times)))


def interleaved(lists: Sequence[Sequence[T]]) -> list[T]:
    """The lists as one, so that of its beginning each has the same share as of the whole.

    >>> "".join(interleaved(["abcd", "12"]))
    'a1bc2d'
    """
    places = [((at + 0.5) / len(one), number, item) for number, one in enumerate(lists) for at, item in enumerate(one)]
    return [item for _, _, item in sorted(places, key=lambda place: place[:2])]


def _within(cases: Sequence[Case], tokens: int) -> Iterator[Case]:
    """Those cases that together stay within so many tokens; a dear one is passed over."""
    spent = 0
    for case in cases:
        if spent + case.cost.tokens <= tokens:
            spent += case.cost.tokens
            yield case


class _Base(NamedTuple):
    """What every request of a run is made by: model, the member that bounds answers, and what must not occur."""

    model: str
    limit: str
    without: tuple[str, ...]

    @property
    def options(self) -> Object:
        """The options of the generator."""
        return {"model": self.model, "without": self.without}

    def bound(self, body: Mapping[str, Any]) -> Object:
        """What bounds the answer to a request."""
        return {self.limit: room(body)} if self.limit else {}


class _Cases:
    def __init__(self, base: _Base, wish: Wish) -> None:
        self._base = base
        self._wish = wish

    def of(self, mode: Mode, most: int | None) -> tuple[list[Case], list[Case]]:
        """The cases of a mode, and those that would cover the contract."""
        first = list(_covering(self._base) if mode == "positive" else filter(self._is_wanted, _breaches(self._base)))
        size = len(first) + DRAWN if self._wish.size is None else self._wish.size
        size = size if most is None else min(size, most)
        chosen = spread(first, size)
        more = self._drawn() if mode == "positive" else self._drawn_breaches()
        chosen += islice(more, size - len(chosen) if first else 0)
        return [case._replace(name=f"{mode}-{at:04}") for at, case in enumerate(chosen, 1)], first

    def _drawn(self) -> Iterator[Case]:
        """Valid requests without end; whether one streams is drawn apart where a ratio is given."""
        seed, ratio, options = self._wish.seed, self._wish.stream_ratio, self._base.options
        if ratio is None:
            yield from (_valid(body, self._base) for body in generate.examples(seed, **options))
            return
        draws = Seeded(f"stream {seed}")
        sorts = {streams: generate.examples(seed, stream=streams, **options) for streams in (True, False)}
        while True:
            yield _valid(next(sorts[draws.integer(0, 9999) < ratio * 10000]), self._base)

    def _drawn_breaches(self) -> Iterator[Case]:
        """Breaches of values without end; those of the text are the same in any request, and come from a plain one."""
        drawn = generate.negatives(mode="random", seed=self._wish.seed, **self._base.options)
        return filter(self._is_wanted, (_broken(one, self._base) for one in drawn if one.kind != "bytes"))

    def _is_wanted(self, case: Case) -> bool:
        return not self._wish.sections or (case.breach is not None and case.breach.section in self._wish.sections)


@lru_cache(maxsize=4)
def _covering(base: _Base) -> tuple[Case, ...]:
    return tuple(_valid(body, base) for body in generate.covering(**base.options))


@lru_cache(maxsize=4)
def _breaches(base: _Base) -> tuple[Case, ...]:
    """Every breach once; those of the text in a request whose answer is bounded."""
    plain = {"model": base.model, "messages": [_USER], **base.bound({})}
    of_values = (one for one in generate.negatives(**base.options) if one.kind != "bytes")
    of_text = (one for one in generate.negatives(plain, **base.options) if one.kind == "bytes")
    return tuple(_broken(one, base) for group in (of_values, of_text) for one in group)


def _valid(body: Object, base: _Base) -> Case:
    """The request with a short answer, where that breaks nothing."""
    bounds = {name: min(body[name], room(body)) for name in LIMITS if body.get(name) is not None}
    made = {**body, **(bounds or base.bound(body))}
    return Case("", "positive", written(body if complaints(made) - complaints(body) else made))


def _broken(breach: Negative, base: _Base) -> Case:
    value, faults = parse(breach.body)
    if faults or not base.limit or not isinstance(value, dict) or any(name in value for name in LIMITS):
        return Case("", "negative", breach.body, breach)
    small = {**value, **base.bound(value)}
    return Case("", "negative", written(small) if place_of(small, breach) else breach.body, breach)


@cache
def _contract() -> Contract:
    """What the generator makes requests by."""
    return Contract.load()


def complaints(body: Any) -> frozenset[str]:
    """Rules of severity error or warning that a request breaks: warnings are often about what servers refuse."""
    return frozenset(found.rule for found in _contract().check_request(body) if found.severity is not Severity.INFO)


def is_valid(body: Any) -> bool:
    """Whether a request breaks no rule of severity error, and has a right answer: a tool that it demands is offered."""
    return not _contract().check_request(body).errors and _is_answerable(body)


def _is_answerable(body: Object) -> bool:
    wanted = demand(body)
    offered = {tool.body.get("name") for tool in tools(body)}
    if wanted.allowed is not None:
        return bool(offered.intersection(wanted.allowed))
    if wanted.named is not None and not body.get("functions"):
        return wanted.named in offered
    return bool(offered or body.get("functions")) or not wanted.forced


def place_of(body: Any, breach: Negative) -> tuple[Violation, ...]:
    """The errors of a request where they are this breach, wherever in a list it stands; empty where they are not."""
    errors = _contract().check_request(body).errors
    place = starred(breach.pointer)
    is_there = any(error.rule == breach.rule and starred(error.pointer) == place for error in errors)
    elsewhere = [error for error in errors if starred(error.pointer) != place]
    is_alone = all(breach.kind == "rule" and error.rule == breach.rule for error in elsewhere)
    return tuple(errors) if is_there and is_alone else ()


def parameter(case: Case) -> str:
    """The optional parameter that the breach of a request is in; empty where it is in none."""
    name = case.breach.pointer.split("/")[1:2] if case.breach is not None else []
    asked = case.value if name else None
    return name[0] if isinstance(asked, dict) and name[0] in asked and name[0] not in _PLAIN else ""


def absurd(case: Case, name: str) -> Case | None:
    """The request of a breach with a value of another type for a whole parameter; None where that breaks more.

    Args:
        case: a negative one.
        name: of the parameter.
    """
    breach = Negative(f"{name}: another type", b"", f"/{name}", "CC001", (name,), "", ABSURD, "shape")
    bodies: list[Object] = [{**case.value, name: value} for value in _ABSURD]
    fitting = (written(body) for body in bodies if place_of(body, breach))
    return next((Case(f"{case.name}, absurd", "negative", body, breach) for body in fitting), None)


def mended(case: Case, pointer: str) -> Case | None:
    """The request of a breach without what is broken, or without what holds it; None where none of these is valid.

    Args:
        case: a negative one.
        pointer: where it is broken.
    """
    tokens = split(pointer)
    for end in range(len(tokens), 0, -1):
        place = join(tokens[:end])
        with suppress(LookupError):
            body = changed(case.value, {place: GONE})
            if place[1:] not in LIMITS and is_valid(body):
                return Case(f"{case.name}, mended", "positive", written(body))
    return None


def spread(options: Sequence[T], count: int) -> list[T]:
    """So many of the options at most, taken evenly from all of them.

    >>> spread("abcdef", 3)
    ['a', 'c', 'e']
    """
    if count >= len(options):
        return list(options)
    return [options[at * len(options) // count] for at in range(count)]


def written(body: Any) -> bytes:
    """The JSON text of a request, in UTF-8."""
    return json.dumps(body, ensure_ascii=False).encode()
