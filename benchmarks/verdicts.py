"""Yes or no: on parsed payloads beside the bare engine, from bytes beside the bare parser."""

import json
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import jsonschema
import jsonschema_rs
import orjson

from benchmarks.measure import Effort, Job, Line, interleaved
from benchmarks.payloads import Payload, all_payloads, compact
from chatcontract import Contract

JSON = Any
Judge = Callable[[JSON], bool]

PARSED_GOALS = {"tiny": 1.6, "agent": 0.90, "large": 0.90}
BYTES_GOALS = {"agent": 1.35, "large": 1.35}
_FASTER = 100


def judge_of(contract: Contract, root: str) -> Judge:
    """The method of the public API that gives the verdict on a root."""
    judge: Judge = getattr(contract, f"is_valid_{root}")
    return judge


def _on(judge: Judge, made: Payload) -> Job:
    """The verdict on a payload; on a stream, on each of its chunks."""
    if made.is_stream:
        return lambda chunks: all(map(judge, chunks)), made.value
    return judge, made.value


def _each(work: Callable[[JSON], object]) -> Callable[[list[bytes]], object]:
    return lambda texts: all(map(work, texts))


def _agree(judges: list[Judge], made: Payload) -> None:
    for judge in judges:
        work, argument = _on(judge, made)
        if not work(argument) or any(judge(fault.value) for fault in made.faults):
            raise AssertionError(f"{made.name}: a verdict is wrong, so its time says nothing")


def parsed(effort: Effort, closures: dict[str, str] | None) -> Iterator[Line]:
    """The verdict on a parsed payload beside bare jsonschema-rs on the published closure."""
    section = "verdict, parsed / bare jsonschema-rs on the published closure"
    if closures is None:
        yield no_document(section)
        return
    contract = Contract.load()
    bare = {root: jsonschema_rs.Draft202012Validator(text) for root, text in closures.items()}
    for made in all_payloads():
        ours, theirs = judge_of(contract, made.root), bare[made.root].is_valid
        _agree([ours, theirs], made)
        mine, other = interleaved([_on(ours, made), _on(theirs, made)], effort)
        yield Line(section, made.name, *mine.over(other), goal=PARSED_GOALS.get(made.name, 1.25))
        for fault in made.faults:
            mine, other = interleaved([(ours, fault.value), (theirs, fault.value)], effort)
            yield Line(section, f"{made.name}: {fault.name}", *mine.over(other), note=fault.remark)


def slower(effort: Effort, closures: dict[str, str] | None) -> Iterator[Line]:
    """How many times the verdict is quicker than that of jsonschema on the same closure."""
    section = "times quicker than jsonschema on the published closure, parsed"
    if closures is None:
        yield no_document(section)
        return
    contract = Contract.load()
    for made in all_payloads():
        judge = jsonschema.Draft202012Validator(json.loads(closures[made.root])).is_valid
        ours = judge_of(contract, made.root)
        other, mine = interleaved([_on(judge, made), _on(ours, made)], effort._replace(rounds=5))
        yield Line(section, made.name, *other.over(mine), goal=_FASTER, at_least=True)


def with_rules(effort: Effort, closures: dict[str, str] | None) -> Iterator[Line]:
    """How many times a whole check of a response is quicker than the schema's verdict by jsonschema."""
    section = "check_response with all rules: times quicker than jsonschema doing the published schema alone"
    if closures is None:
        yield no_document(section)
        return
    made = next(payload for payload in all_payloads() if payload.name == "response")
    judge = jsonschema.Draft202012Validator(json.loads(closures["response"])).is_valid
    jobs = [_on(judge, made), _on(Contract.load().check_response, made)]
    other, mine = interleaved(jobs, effort._replace(rounds=5))
    yield Line(section, made.name, *other.over(mine), goal=5.0, at_least=True)


def no_document(section: str) -> Line:
    """The line in place of a section that needs OpenAI's document."""
    return Line(section, "skipped", None, note="OpenAI's document isn't at hand; say where: --published PATH")


def from_bytes(effort: Effort) -> Iterator[Line]:
    """The verdict on the text of a payload beside `orjson.loads` of it."""
    section = "verdict from bytes / orjson.loads"
    contract = Contract.load()
    for made in all_payloads():
        judge = judge_of(contract, made.root)
        if made.is_stream:
            texts = [compact(chunk) for chunk in made.value]
            jobs: list[Job] = [(_each(work), texts) for work in (judge, orjson.loads)]
        else:
            jobs = [(judge, made.text), (orjson.loads, made.text)]
        mine, other = interleaved(jobs, effort)
        goal = None if made.name == "tiny" or made.is_stream else BYTES_GOALS.get(made.name, 2.0)
        yield Line(section, made.name, *mine.over(other), goal=goal)


def openapi_core(effort: Effort) -> Iterator[Line]:
    """How many times the verdict is quicker than openapi-core on our own document.

    openapi-core begins with the bytes of a request. For the verdict on a parsed one its reader of JSON is
    replaced by a function that gives the parsed value at once.
    """
    name = "times quicker than openapi-core on our document"
    try:
        import openapi_core as _  # noqa: F401
    except ImportError:
        yield Line(name, "skipped", None, note="openapi-core isn't installed (dependency group `bench`)")
        return
    contract = Contract.load()
    for made in (made for made in all_payloads() if made.root == "request"):
        _agree([contract.is_valid_request, lambda value: _core(compact(value))()], made)
        jobs: list[Job] = [
            (lambda ask: ask(), _core(made.text, made.value)),
            (contract.is_valid_request, made.value),
            (lambda ask: ask(), _core(made.text)),
            (contract.is_valid_request, made.text),
        ]
        core, mine, core_bytes, mine_bytes = interleaved(jobs, effort._replace(rounds=5))
        yield Line(name, f"{made.name}, parsed", *core.over(mine), goal=_FASTER, at_least=True)
        yield Line(name, f"{made.name}, from bytes", *core_bytes.over(mine_bytes))


_READ: JSON = object()


def _core(body: bytes, parsed: JSON = _READ) -> Callable[[], bool]:
    """The verdict of openapi-core on a request; on `parsed` in place of what it would read from the bytes."""
    from openapi_core.testing import MockRequest
    from openapi_core.validation.request.exceptions import RequestValidationError

    api = _api() if parsed is _READ else _api(lambda data: parsed)
    place = "https://api.openai.com", "post", "/v1/chat/completions"
    key = {"Authorization": "Bearer none"}
    request = MockRequest(*place, data=body, content_type="application/json", headers=key)

    def judge() -> bool:
        try:
            api.validate_request(request)
        except RequestValidationError:
            return False
        return True

    return judge


@cache
def _api(reader: Callable[[bytes], JSON] | None = None) -> Any:
    from openapi_core import Config, OpenAPI

    from chatcontract import closures

    config = Config(extra_media_type_deserializers={"application/json": reader} if reader else {})
    return OpenAPI.from_dict(closures.own().json("document"), config=config)
