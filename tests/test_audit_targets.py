"""What an audit makes of targets of many kinds: it falls back, and calls nothing supported that it has not seen."""

import itertools
import json
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chatcontract import Contract, rules
from chatcontract.audit import Audit, Settings, run
from chatcontract.audit_report import report
from chatcontract.client import Limits
from chatcontract.plan import Budget, plan
from chatcontract.probe import Context
from chatcontract.probes import load, select
from chatcontract.report import Collector, Report
from chatcontract.server import running
from chatcontract.target import Target

CONTRACT = Contract.load()
COUNT = "one two three four five six seven eight nine ten eleven twelve"
Object = dict[str, Any]
Answers = Callable[[Object], Object]
Start = Callable[[Callable[[socket.socket, bytes], None]], str]
_IDS = itertools.count(1)


def audited(url: str, *names: str) -> Report:
    budget = Budget(2)
    planned = plan(select(load(), names=names), Context("m"), budget)
    settings = Settings(budget, 4, Limits(total=10, idle=5, grace=0.3), 0, "m")
    audit = Audit(CONTRACT, Target(url), planned, settings)
    run(audit)
    return report(audit, Collector({}, rules.get), load())


def verdict(made: Report, probe: str) -> tuple[str, str]:
    result = next(result for result in made["results"] if result["id"] == probe)
    return result["verdict"], result["reason"]


def codes(made: Report) -> set[str]:
    return {violation["rule"] for result in made["results"] for violation in result["violations"]}


def state(made: Report, capability: str) -> str:
    return str(made["capabilities"][capability]["state"])


class Refusal(Exception):
    """The request is refused."""


def sent(connection: socket.socket, status: int, body: bytes, media: str = "application/json") -> None:
    head = f"HTTP/1.1 {status} Said\r\ncontent-type: {media}\r\nconnection: close\r\n\r\n"
    connection.sendall(head.encode() + body)


def serving(answers: Answers, *, streams_always: bool = False) -> Callable[[socket.socket, bytes], None]:
    """A server whose answers have that message."""

    def serve(connection: socket.socket, asked: bytes) -> None:
        request = json.loads(asked.partition(b"\r\n\r\n")[2])
        try:
            message = answers(request)
        except Refusal as refusal:
            error = {"message": str(refusal), "type": "invalid_request_error", "param": None, "code": None}
            sent(connection, 400, json.dumps({"error": error}).encode())
            return
        if streams_always or request.get("stream"):
            sent(connection, 200, b"".join(events(message)), "text/event-stream")
        else:
            sent(connection, 200, json.dumps(completion(message)).encode())

    return serve


def head(kind: str) -> Object:
    return {"id": f"chatcmpl-{next(_IDS)}", "object": kind, "created": 1763700000, "model": "m"}


def finish(message: Object) -> str:
    return "tool_calls" if message.get("tool_calls") else "stop"


def completion(message: Object) -> Object:
    whole = {"role": "assistant", "content": None, "refusal": None, "annotations": [], **message}
    choice = {"index": 0, "finish_reason": finish(message), "logprobs": None, "message": whole}
    usage = {"prompt_tokens": 9, "completion_tokens": 12, "total_tokens": 21}
    return {**head("chat.completion"), "choices": [choice], "usage": usage}


def events(message: Object) -> Iterator[bytes]:
    common = head("chat.completion.chunk")
    made = message.get("tool_calls", ())
    calls = made if isinstance(made, dict) else [{"index": at, **call} for at, call in enumerate(made)]
    delta = {"role": "assistant", **message, **({"tool_calls": calls} if calls else {})}
    for piece, reason in ((delta, None), ({}, finish(message))):
        choice = {"index": 0, "delta": piece, "finish_reason": reason, "logprobs": None}
        yield b"data: " + json.dumps({**common, "choices": [choice]}).encode() + b"\n\n"
    yield b"data: [DONE]\n\n"


def call(arguments: Any = '{"city": "Bonn"}', identity: str = "call_0") -> Object:
    return {"id": identity, "type": "function", "function": {"name": "get_weather", "arguments": arguments}}


def says(text: str) -> Object:
    return {"content": text}


def stopping(request: Object) -> Object:
    """Counts, as far as a stop sequence lets it; takes neither seed nor temperature."""
    if "seed" in request or "temperature" in request:
        raise Refusal("no such parameter")
    stop = request.get("stop") or []
    return says(COUNT[: min((COUNT.find(piece) for piece in stop if piece in COUNT), default=len(COUNT))])


def test_stop_is_tried_without_the_helpers_that_a_target_refuses(raw_server: Start) -> None:
    made = audited(raw_server(serving(stopping)), "choices-stop-list", "request-temperature", "request-seed")
    assert verdict(made, "choices-stop-list") == ("passed", "")
    assert state(made, "seed") == "unsupported"
    assert state(made, "stop") == "yes"


def test_stop_as_a_text_is_a_capability_of_its_own(raw_server: Start) -> None:
    def lists_only(request: Object) -> Object:
        if isinstance(request.get("stop"), str):
            raise Refusal("stop: expected a list")
        return stopping({name: value for name, value in request.items() if name not in ("seed", "temperature")})

    made = audited(raw_server(serving(lists_only)), "choices-stop")
    assert (state(made, "stop"), state(made, "stop as a text")) == ("yes", "unsupported")


def test_a_blank_before_the_stop_sequence_may_be_left_out(raw_server: Start) -> None:
    def trimmed(request: Object) -> Object:
        message = stopping({"stop": request.get("stop")})
        return says(message["content"].rstrip())

    assert verdict(audited(raw_server(serving(trimmed)), "choices-stop-list"), "choices-stop-list")[0] == "passed"


def calls_when_it_likes(request: Object) -> Object:
    """Calls on its own account, always with the same id."""
    return {"tool_calls": [call()]} if "weather" in str(request["messages"][-1]["content"]) else says("Hello.")


def test_ids_of_calls_that_never_change_are_found_by_the_calls_of_the_target(raw_server: Start) -> None:
    made = audited(
        raw_server(serving(calls_when_it_likes)), "tools-auto", "tools-result", "tools-required", "tools-sec"
    )
    assert state(made, "required tool choice") == "no"
    assert verdict(made, "tools-second-call") == ("failed", "not as asked: new-call-with-old-id")
    assert "CC403" in codes(made)


def test_parallel_calls_are_looked_at_where_no_call_can_be_forced(raw_server: Start) -> None:
    def two(request: Object) -> Object:
        if "weather" not in str(request["messages"][-1]["content"]):
            return says("Hello.")
        return {"tool_calls": [call(), call(identity="call_1")]}

    made = audited(raw_server(serving(two)), "tools-auto", "tools-required", "tools-parallel-off")
    assert verdict(made, "tools-parallel-off")[0] == "failed"
    assert "CC415" in codes(made)


def test_nothing_is_proved_where_the_model_does_not_call(raw_server: Start) -> None:
    made = audited(raw_server(serving(lambda request: says("Hello."))), "tools-auto", "tools-req", "tools-parallel-off")
    assert verdict(made, "tools-parallel-off") == ("inconclusive", "the model called no tool")


def test_a_call_that_cannot_be_read_is_at_fault_and_not_missing(raw_server: Start) -> None:
    def unreadable(request: Object) -> Object:
        called = {"tool_calls": call()}
        return called if request["messages"][-1]["role"] == "user" else says("Sunny.")

    made = audited(
        raw_server(serving(unreadable)), "tools-auto", "tools-result", "stream-plain", "tools-round-trip-str"
    )
    found, reason = verdict(made, "tools-round-trip-streamed")
    assert found == "failed"
    assert "none that can be read" in reason


def test_only_ids_of_nine_signs_are_told_as_such_and_hide_nothing(raw_server: Start) -> None:
    def picky(request: Object) -> Object:
        for message in request["messages"]:
            if message["role"] == "tool" and len(message["tool_call_id"]) != 9:
                raise Refusal("tool_call_id must be 9 signs")
        return says("Sunny.")

    made = audited(raw_server(serving(picky)), "tools-auto", "tools-result", "tools-foreign")
    assert state(made, "tool results") == "yes"
    assert verdict(made, "tools-results-of-two")[0] == "passed"
    assert verdict(made, "tools-foreign-id-nine")[0] == "passed"
    assert verdict(made, "tools-foreign-id-openai")[0] == "failed"
    told = [v for result in made["results"] for v in result["violations"] if v["rule"] == "CC191"]
    assert {v["severity"] for v in told} == {"warning"}


def test_a_server_that_always_streams_shows_no_usage_and_is_not_broken_by_a_caller_who_leaves(
    raw_server: Start,
) -> None:
    serve = serving(lambda request: says(COUNT), streams_always=True)
    made = audited(raw_server(serve), "usage-told", "request-top-p", "stream-plain", "stream-abort")
    assert verdict(made, "usage-told")[0] == "inconclusive"
    assert verdict(made, "request-top-p") == ("inconclusive", "a stream came although none was asked for")
    assert state(made, "usage") == state(made, "top_p") == "unknown"
    assert "CC196" not in codes(made)


def test_a_burst_too_soon_to_be_judged_is_no_stream_in_pieces(raw_server: Start) -> None:
    def burst(connection: socket.socket, asked: bytes) -> None:
        common = head("chat.completion.chunk")
        deltas: list[Object] = [
            {"role": "assistant", "content": ""},
            *({"content": f"{word} "} for word in COUNT.split()),
        ]
        chunks = [{"index": 0, "delta": delta, "finish_reason": None, "logprobs": None} for delta in deltas]
        chunks.append({**chunks[0], "delta": {}, "finish_reason": "stop"})
        lines = [json.dumps({**common, "choices": [chunk]}) for chunk in chunks]
        sent(connection, 200, "".join(f"data: {line}\n\n" for line in [*lines, "[DONE]"]).encode(), "text/event-stream")

    def either(connection: socket.socket, asked: bytes) -> None:
        (burst if b'"stream": true' in asked else serving(lambda request: says("Hello.")))(connection, asked)

    found, reason = verdict(audited(raw_server(either), "stream-plain", "stream-incremental"), "stream-incremental")
    assert found == "inconclusive"
    assert "came at once" in reason


def test_one_id_for_different_requests_is_told_though_the_answers_are_alike(raw_server: Start) -> None:
    def fixed(connection: socket.socket, asked: bytes) -> None:
        sent(connection, 200, json.dumps({**completion(says("Hello.")), "id": "chatcmpl-123"}).encode())

    assert "CC190" in codes(audited(raw_server(fixed), "request-top-p"))


def test_a_crash_that_its_probe_tells_is_not_told_twice(raw_server: Start) -> None:
    def crashing(connection: socket.socket, asked: bytes) -> None:
        if b'"nobody"' in asked:
            error = {"message": "Oh.", "type": "api_error", "param": None, "code": None}
            sent(connection, 500, json.dumps({"error": error}).encode())
        else:
            serving(lambda request: says("Hello."))(connection, asked)

    made = audited(raw_server(crashing), "errors-role-unknown")
    assert codes(made) & {"CC796", "CC705"} == {"CC796"}


@pytest.mark.parametrize("second", ["refused", "answered"])
def test_a_second_turn_is_named_at_the_end(raw_server: Start, second: str) -> None:
    def turn(request: Object) -> Object:
        if len(request["messages"]) > 1 and second == "refused":
            raise Refusal("no history")
        return says("Hello.")

    made = audited(raw_server(serving(turn)), "usage-told", "usage-longer-conversation")
    reason = verdict(made, "usage-longer-conversation")[1]
    told = "unsupported: refused with status 400 in the second turn: no history"
    assert reason == told if second == "refused" else "for the longer conversation, got 9 and then 9" in reason


def test_tools_are_only_accepted_while_none_was_called(raw_server: Start) -> None:
    made = audited(raw_server(serving(lambda request: says("Hello."))), "tools-auto")
    assert made["capabilities"]["tools"] == {"state": "yes", "probe": "tools-auto", "tested": False}
    made = audited(raw_server(serving(lambda request: {"tool_calls": [call()]})), "tools-auto")
    assert made["capabilities"]["tools"]["tested"]


@pytest.mark.parametrize(
    ("probe", "capability"), [("choices-logprobs", "logprobs"), ("choices-spoken", "spoken answers")]
)
def test_a_call_in_place_of_a_text_shows_neither_probabilities_nor_sound(
    raw_server: Start, probe: str, capability: str
) -> None:
    made = audited(raw_server(serving(lambda request: {"tool_calls": [call()]})), probe)
    assert verdict(made, probe)[0] == "inconclusive"
    assert state(made, capability) == "unknown"


def test_a_stream_without_an_event_is_no_answer(raw_server: Start) -> None:
    def serve(connection: socket.socket, asked: bytes) -> None:
        if json.loads(asked.partition(b"\r\n\r\n")[2]).get("stream"):
            sent(connection, 200, b"", "text/event-stream")
        else:
            sent(connection, 200, json.dumps(completion(says("Hello."))).encode())

    made = audited(raw_server(serve), "stream-plain")
    assert verdict(made, "stream-plain")[0] == "failed"
    assert "CC198" in codes(made)
    assert state(made, "streaming") == "no"


def test_a_crash_on_half_an_emoji_is_told_once(raw_server: Start) -> None:
    def serve(connection: socket.socket, asked: bytes) -> None:
        if b"\\ud83d" in asked:
            sent(connection, 500, b'{"error": {"message": "m", "type": "server_error", "param": null, "code": null}}')
        else:
            sent(connection, 200, json.dumps(completion(says("Hello."))).encode())

    made = audited(raw_server(serve), "errors-surrogate-lone")
    assert verdict(made, "errors-surrogate-lone")[0] == "failed"
    assert codes(made) & {"CC796", "CC705"} == {"CC796"}


def test_a_limit_of_bodies_below_that_of_images_is_a_warning() -> None:
    with running(max_body=1_000_000, models=["m"]) as server:
        made = audited(server.url, "request-large-body")
    assert verdict(made, "request-large-body")[0] == "failed"
    assert state(made, "large bodies") == "no"
    assert [v["severity"] for result in made["results"] for v in result["violations"] if v["rule"] == "CC191"] == [
        "warning"
    ]


def test_a_crash_now_and_then_is_not_told_of_what_was_asked(raw_server: Start) -> None:
    met: set[bytes] = set()

    def now_and_then(connection: socket.socket, asked: bytes) -> None:
        body = asked.partition(b"\r\n\r\n")[2]
        if b'"top_p"' in body and body not in met:
            met.add(body)
            sent(connection, 500, b"Internal Server Error", "text/plain")
        else:
            serving(lambda request: says("Hello."))(connection, asked)

    made = audited(raw_server(now_and_then), "request-top-p", "request-user")
    assert codes(made) & {"CC192", "CC701", "CC199"} == {"CC199"}
    assert state(made, "top_p") == "yes"


def test_a_crash_that_comes_again_alone_is_told_of_what_was_asked(raw_server: Start) -> None:
    def always(connection: socket.socket, asked: bytes) -> None:
        if b'"top_p"' in asked:
            sent(connection, 500, b"Internal Server Error", "text/plain")
        else:
            serving(lambda request: says("Hello."))(connection, asked)

    made = audited(raw_server(always), "request-top-p", "request-user")
    assert codes(made) & {"CC192", "CC199"} == {"CC192"}
    assert len(next(r for r in made["results"] if r["id"] == "request-top-p")["exchanges"]) == 1


def test_what_needs_a_capability_that_fails_now_and_then_is_asked_after_all(raw_server: Start) -> None:
    met: set[bytes] = set()

    def now_and_then(connection: socket.socket, asked: bytes) -> None:
        body = asked.partition(b"\r\n\r\n")[2]
        if b'"temperature"' in body and not met:
            met.add(body)
            sent(connection, 500, b"Internal Server Error", "text/plain")
        else:
            serving(lambda request: says("Hello."))(connection, asked)

    made = audited(raw_server(now_and_then), "request-temperature", "request-seed")
    assert state(made, "temperature") == "yes"
    assert verdict(made, "request-seed-repeats")[0] == "passed"


def test_a_usage_that_is_null_tells_nothing(raw_server: Start) -> None:
    def uncounted(connection: socket.socket, asked: bytes) -> None:
        sent(connection, 200, json.dumps({**completion(says("Hello.")), "usage": None}).encode())

    made = audited(raw_server(uncounted), "usage-told", "usage-same-prompt")
    assert state(made, "usage") == "no"
    assert verdict(made, "usage-same-prompt") == ("skipped", "needs usage, which failed")
