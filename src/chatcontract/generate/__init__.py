"""Generated traffic: valid requests and answers to them, the branches they reach, and breaches of one rule each.

`requests`, `responses` and `streams` are Hypothesis strategies; `examples`, `covering` and `negatives` need no
Hypothesis. All of them write by one grammar.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal

from chatcontract.generate import grammar
from chatcontract.generate.answers import response
from chatcontract.generate.branches import Branch, Coverage
from chatcontract.generate.draws import Draws, Seeded
from chatcontract.generate.grammar import Options
from chatcontract.generate.pieces import stream as chunked
from chatcontract.generate.planning import bodies, plan
from chatcontract.generate.spoiling import Negative, Writer
from chatcontract.generate.strategies import strategy
from chatcontract.model import JSON

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

__all__ = [
    "Branch",
    "Coverage",
    "Negative",
    "Options",
    "coverage",
    "covering",
    "examples",
    "negatives",
    "requests",
    "responses",
    "streams",
]

Object = dict[str, Any]


def requests(
    *,
    model: str | None = None,
    stream: bool | None = None,
    tools: bool | None = None,
    deprecated: bool = False,
    undocumented: bool = False,
    without: Collection[str] = (),
) -> "SearchStrategy[Object]":
    """Valid requests, as a Hypothesis strategy that shrinks towards one message of a user.

    Args:
        model: the model to ask, so that nothing is sent that it is known to refuse; None for any.
        stream, tools: whether they stream, or offer tools: always, never, or (None) sometimes.
        deprecated: also forms that have a successor (`functions`, `max_tokens`, the role `function`, …).
        undocumented: also what is accepted although the reference does not say so (null for `tools`, …).
        without: what must not occur: parameters, kinds of content parts, `custom` tools, the roles `developer` and
            `system`.

    Raises:
        ImportError: Hypothesis is not installed.
        ValueError: the options contradict each other.
    """
    options = Options.of(
        model=model, stream=stream, tools=tools, deprecated=deprecated, undocumented=undocumented, without=without
    )
    return strategy(lambda draws: grammar.request(draws, options))


def responses(request: Mapping[str, JSON] | None = None) -> "SearchStrategy[Object]":
    """Valid answers to the request (None: to any), as a Hypothesis strategy of dicts.

    Raises:
        ImportError: Hypothesis is not installed.
    """
    return strategy(lambda draws: response(draws, _asked(draws, request, Options(stream=False))))


def streams(request: Mapping[str, JSON] | None = None) -> "SearchStrategy[list[Object]]":
    """Valid streamed answers to the request (None: to any), as a Hypothesis strategy of lists of chunks.

    Raises:
        ImportError: Hypothesis is not installed.
    """
    return strategy(lambda draws: chunked(draws, _asked(draws, request, Options(stream=True))))


def _asked(draws: Draws, request: Mapping[str, JSON] | None, options: Options) -> Mapping[str, JSON]:
    return grammar.request(draws, options) if request is None else request


def examples(seed: int = 0, **options: Any) -> Iterator[Object]:
    """Valid requests without end, the same for the same seed in every process; needs no Hypothesis.

    Args:
        seed: where to begin.
        options: those of `requests`.

    Raises:
        ValueError: the options contradict each other, or one is unknown.

    >>> next(examples(seed=1, model="gpt-5.2", tools=False))["model"]
    'gpt-5.2'
    """
    chosen = Options.of(**options)
    return _examples(Seeded(seed), chosen)


def _examples(draws: Draws, options: Options) -> Iterator[Object]:
    while True:
        yield grammar.request(draws, options)


def covering(**options: Any) -> Iterator[Object]:
    """Valid requests that together take every branch of the document's request, and end; nothing is left to chance.

    There are fewer than 300 of them. What the options or a rule bar is told by `coverage(…).excluded`.

    Args:
        options: those of `requests`.

    Raises:
        ValueError: the options contradict each other, or one is unknown.

    >>> 100 < len(list(covering())) < 300
    True
    """
    return bodies(Options.of(**options))


def coverage(**options: Any) -> Coverage:
    """An empty count of the branches that requests with these options can reach; the others are excluded with reasons.

    >>> counted = coverage(model="gpt-4o")
    >>> for body in covering(model="gpt-4o"):
    ...     counted.see(body)
    >>> counted.unreached
    ()
    """
    return Coverage(excluded=plan(Options.of(**options)).excluded)


def negatives(
    request: Mapping[str, JSON] | None = None,
    *,
    mode: Literal["coverage", "random"] = "coverage",
    seed: int = 0,
    oversized: bool = False,
    **options: Any,
) -> Iterator[Negative]:
    """Requests with one breach each, labelled with what is wrong and where; our own validators name it there, too.

    Args:
        request: a valid request to spoil in every way that the document forbids; None for requests of our own and
            the breaches of rules as well.
        mode: `coverage` enumerates every breach once and ends, `random` draws breaches without end.
        seed: where `random` begins.
        oversized: also a body of more than 64 MiB.
        options: those of `requests`.

    Raises:
        ValueError: the options contradict each other, one is unknown, or `request` stands beside `random`.

    >>> next(negatives({"model": "gpt-5.2", "messages": [{"role": "user", "content": "Hi"}]})).label
    'body: null (CreateChatCompletionRequest)'
    """
    writer = Writer(Options.of(**options))
    if mode not in ("coverage", "random") or (mode == "random" and request is not None):
        raise ValueError(f"mode {mode!r} does not go here; take 'coverage', or 'random' without a request")
    if mode == "random":
        return writer.drawn(seed)
    return writer.all(oversized=oversized) if request is None else writer.of(request, oversized=oversized)
