"""Generated requests: the enumerator, its Hypothesis strategies, and schemathesis on OpenAI's own document."""

import json
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from time import thread_time
from typing import Any, NamedTuple

from benchmarks.measure import FULL, Effort, Line
from chatcontract import Contract
from chatcontract.generate import Coverage, coverage, covering, examples, negatives

JSON = Any
Source = Callable[[int], list[JSON]]

SECTION = "generated requests"
ENUMERATED, DRAWN, FOREIGN = 20_000, 1_000, 40
JUDGED = 1_000
ROUNDS = 3
GOAL = 50
_PATH = "/chat/completions"


class Made(NamedTuple):
    """What a source made, and the CPU seconds that one request took."""

    bodies: list[JSON]
    seconds: float


def generated(effort: Effort, document: Path | None) -> Iterator[Line]:
    """Requests a CPU second, and what they are worth, of each source side by side."""
    scale = 1 if effort == FULL else 5
    enumerated = _timed(_enumerated, ENUMERATED // scale)
    yield _told("enumerator", enumerated)
    sources: list[tuple[str, Source, int]] = [("Hypothesis, the same grammar", _drawn, DRAWN // scale)]
    if document is None:
        yield Line(SECTION, "schemathesis", None, note="skipped: OpenAI's document isn't at hand; say --published PATH")
    else:
        sources.append(("schemathesis, OpenAI's document", lambda count: _foreign(document, count), FOREIGN // scale))
    for name, source, count in sources:
        try:
            made = _timed(source, count)
        except ImportError as error:
            yield Line(SECTION, name, None, note=f"skipped: {error.name or error} isn't installed (extra `fuzz`)")
            continue
        yield _told(name, made)
        goal = GOAL if source is _drawn else None
        ratio = made.seconds / enumerated.seconds
        yield Line(SECTION, f"enumerator, times {name.partition(',')[0]}", ratio, goal=goal, at_least=True)
    yield from _enumerations()


def _timed(source: Source, count: int) -> Made:
    """The quickest of some rounds."""
    source(3)
    return min((_round(source, count) for _ in range(ROUNDS)), key=lambda made: made.seconds)


def _round(source: Source, count: int) -> Made:
    start = thread_time()
    bodies = source(count)
    return Made(bodies, (thread_time() - start) / max(1, len(bodies)))


def _enumerated(count: int) -> list[JSON]:
    return list(islice(examples(seed=1), count))


def _drawn(count: int) -> list[JSON]:
    from chatcontract.generate import requests

    return _all_of(requests(), count)


def _foreign(document: Path, count: int) -> list[JSON]:
    """The bodies that schemathesis makes of the published document, corrected no further than it needs to run."""
    import schemathesis
    import yaml

    with document.open("rb") as file:
        raw = yaml.load(file, Loader=yaml.CSafeLoader)
    raw["paths"] = {_PATH: raw["paths"][_PATH]}
    schema = schemathesis.openapi.from_dict(json.loads(json.dumps(raw, default=str)))
    mode = schemathesis.GenerationMode.POSITIVE
    return [case.body for case in _all_of(schema[_PATH]["POST"].as_strategy(generation_mode=mode), count)]


def _all_of(strategy: Any, count: int) -> list[JSON]:
    from hypothesis import HealthCheck, Phase, given, settings

    found: list[JSON] = []

    @settings(
        max_examples=count, phases=[Phase.generate], database=None, deadline=None, derandomize=True,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(strategy)
    def collect(value: JSON) -> None:
        found.append(value)

    collect()
    return found


def _told(name: str, made: Made) -> Line:
    """Requests a CPU second, with the shares and the branches of those that are judged."""
    bodies = [body if isinstance(body, dict) else {} for body in made.bodies[:JUDGED]]
    contract, counted = Contract.load(), Coverage()
    for body in bodies:
        counted.see(body)
    shares = {
        "valid": sum(contract.is_valid_request(body) for body in bodies),
        "break no rule": sum(not contract.check_request(body).errors for body in bodies),
        "use tools": sum(bool(body.get("tools")) for body in bodies),
        "stream": sum(body.get("stream") is True for body in bodies),
    }
    words = ", ".join(f"{100 * number / max(1, len(bodies)):.0f} % {what}" for what, number in shares.items())
    note = f"{words}; {counted.reached} of {counted.total} branches in {len(bodies)}"
    return Line(SECTION, name, 1 / made.seconds, unit=" a CPU s", note=note)


def _enumerations() -> Iterator[Line]:
    options: dict[str, Any] = {"deprecated": True, "undocumented": True}
    counted, bodies = coverage(**options), list(covering(**options))
    for body in bodies:
        counted.see(body)
    note = f"requests reach {counted.reached} of {counted.total} branches"
    yield Line(SECTION, "coverage mode", float(len(bodies)), unit="", note=note)
    start = thread_time()
    made = list(negatives(**options))
    note = f"requests with one breach each, in {thread_time() - start:.1f} CPU s"
    yield Line(SECTION, "negatives", float(len(made)), unit="", note=note)
