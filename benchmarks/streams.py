"""A whole event stream, and many payloads as JSON lines."""

import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import orjson

from benchmarks.measure import Effort, Line, interleaved
from benchmarks.payloads import Payload, all_payloads, compact, payload
from chatcontract import Contract, closures, rules

_LINES = 2000


def stream(effort: Effort) -> Iterator[Line]:
    """`check_stream` of the bytes beside splitting them and parsing every event."""
    section = "check_stream / split + orjson.loads of every event"
    made = payload("stream")
    body = made.text
    schema, rules = Contract.load(select=["CC0"]), Contract.load()
    if schema.check_stream(body):
        raise AssertionError("the stream is not clean")
    one, every, verdict, base = interleaved(
        [
            (schema.check_stream, body),
            (rules.check_stream, body),
            (lambda data: all(map(schema.is_valid_chunk, _events(data))), body),
            (_events, body),
        ],
        effort,
    )
    yield Line(section, "800 chunks, schema alone", *one.over(base), goal=3.0)
    yield Line(section, "800 chunks, all rules", *every.over(base), goal=6.0)
    yield Line(section, "800 chunks, split + parse + is_valid_chunk", *verdict.over(base))
    yield from _faulty(effort, schema, made, base.least)


def _events(body: bytes) -> list[Any]:
    return [orjson.loads(event[6:]) for event in body.split(b"\n\n") if event and event != b"data: [DONE]"]


def _faulty(effort: Effort, contract: Contract, made: Payload, base: float) -> Iterator[Line]:
    chunks = [*made.value[:400], made.faults[1].value, *made.value[401:]]
    body = b"".join(b"data: %s\n\n" % compact(chunk) for chunk in chunks) + b"data: [DONE]\n\n"
    found = contract.check_stream(body)
    if [(v.chunk, v.pointer) for v in found] != [(400, made.faults[1].pointer)]:
        raise AssertionError("the fault in the stream is not the one violation")
    (times,) = interleaved([(contract.check_stream, body)], effort)
    yield Line("check_stream / split + orjson.loads of every event", "one faulty chunk, schema alone",
               times.least / base)  # fmt: skip


def bulk(effort: Effort) -> Iterator[Line]:
    """Lines per CPU second of what `chatcontract check` does with JSON lines, beside the bare engines."""
    section = "JSON lines, lines a CPU second"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "traffic.jsonl")
        path.write_bytes(b"".join(_lines()))
        strange = Path(folder, "strange.jsonl")
        strange.write_bytes(b"".join(_lines(fitting=False)))
        jobs = [
            (_check(["CC0"]), path),
            (_check(None), path),
            (_check(None), strange),
            (_bare, path),
            (_parsed, path),
        ]
        times = interleaved(jobs, effort._replace(rounds=max(3, effort.rounds // 5)))
    names = (
        "chatcontract check, schema alone",
        "chatcontract check, all rules",
        "chatcontract check, all rules, calls that do not fit the tools",
        "orjson + jsonschema-rs",
        "orjson alone",
    )
    for name, taken in zip(names, times, strict=True):
        yield Line(section, name, _LINES / taken.least, unit="/s")


def _lines(*, fitting: bool = True) -> Iterator[bytes]:
    """Bare pairs of request and response, one in fifty of them faulty.

    Every second answer calls tools: those of its request if the pairs are to fit, else others, which gives three
    violations in each such pair.
    """
    requests = [p for p in all_payloads() if p.root == "request" and p.name != "large"]
    responses = [p for p in all_payloads() if p.root == "response" and p.name != "logprobs"]
    for number in range(_LINES):
        asked, answer = requests[number % 2], responses[number % 2 if fitting else number // 2 % 2]
        request = asked.faults[0].value if number % 100 == 0 else asked.value
        response = answer.faults[0].value if number % 100 == 50 else answer.value
        if fitting and "tools" in request and answer is responses[1]:
            response = _called(response, request["tools"])
        yield compact({"id": str(number), "status": 200, "request": request, "response": response}) + b"\n"


def _called(response: Any, tools: list[Any]) -> Any:
    """The response with calls of the first tools, as these declare their arguments."""
    values = {"string": "ice", "integer": 3, "boolean": True}
    message = response["choices"][0]["message"]
    calls = [
        {**call, "function": {"name": function["name"], "arguments": json.dumps(arguments)}}
        for call, function in zip(message["tool_calls"], (tool["function"] for tool in tools), strict=False)
        if (declared := function["parameters"])
        for arguments in [{name: values[declared["properties"][name]["type"]] for name in declared["required"]}]
    ]
    choice = {**response["choices"][0], "message": {**message, "tool_calls": calls}}
    return {**response, "choices": [choice]}


def _check(select: list[str] | None) -> Callable[[Path], Any]:
    from chatcontract.report import Collector
    from chatcontract.runner import Run, spec_json

    contract = Contract.load(select=select)
    head = {"tool": {}, "spec": spec_json(contract), "profile": contract.profile, "target": None}

    def run(path: Path) -> int:
        checked = Run(contract, Collector(head, rules.get, keep=False))
        return sum(1 for _ in checked.results([str(path)]))

    return run


def _parsed(path: Path) -> int:
    with path.open("rb") as file:
        return sum(1 for _ in map(orjson.loads, file))


def _bare(path: Path) -> int:
    texts = closures.own()
    asked, answered = (
        jsonschema_rs.Draft202012Validator(texts.text(f"openai.{root}.verdict")).is_valid
        for root in ("request", "response")
    )
    with path.open("rb") as file:
        values = map(orjson.loads, file)
        return sum(asked(value["request"]) and answered(value["response"]) for value in values)
