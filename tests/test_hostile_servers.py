"""Whatever a server does, it costs errored probes and a bounded time, and never the run."""

import gzip
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from itertools import repeat

import pytest

from chatcontract import Contract, rules
from chatcontract.audit import Audit, Settings, run
from chatcontract.audit_report import report
from chatcontract.client import Limits
from chatcontract.plan import Budget, plan
from chatcontract.probe import Context
from chatcontract.probes import load, select
from chatcontract.report import Collector
from chatcontract.target import Target

KEY = "sk-hostile-1234567890"
LIMITS = Limits(total=1.5, idle=0.75, connect=2, grace=0.3, body=2_000_000)
OK = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
EVENTS = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
BOUND = 30.0
Start = Callable[[Callable[[socket.socket, bytes], None]], str]


def audited(url: str, *names: str) -> tuple[dict[str, dict[str, object]], float]:
    """The results by probe, and how long it took."""
    contract, budget = Contract.load(), Budget(2)
    chosen = select(load(), names=names or ("request-m", "stream-plain", "errors-json-malformed", "tools-required"))
    audit = Audit(contract, Target(url, KEY), plan(chosen, Context("m"), budget), Settings(budget, 4, LIMITS, 0, "m"))
    begun = time.monotonic()
    run(audit)
    elapsed = time.monotonic() - begun
    made = report(audit, Collector({}, rules.get), load())
    assert json.loads(json.dumps(made)) == made
    assert KEY not in json.dumps(made)
    return {result["id"]: result for result in made["results"]}, elapsed


def in_pieces(head: bytes, pieces: Iterator[bytes], wait: float = 0) -> Callable[[socket.socket, bytes], None]:
    def behave(connection: socket.socket, asked: bytes) -> None:
        connection.sendall(head + b"\r\n")
        for piece in pieces if not isinstance(pieces, repeat) else repeat(next(pieces)):
            connection.sendall(piece)
            time.sleep(wait)

    return behave


def hang(connection: socket.socket, asked: bytes) -> None:
    time.sleep(20)


def trickle(connection: socket.socket, asked: bytes) -> None:
    connection.sendall(OK + b"content-length: 4000\r\n\r\n")
    for _ in range(4000):
        connection.sendall(b" ")
        time.sleep(0.2)


def trickled_head(connection: socket.socket, asked: bytes) -> None:
    for sign in b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 500:
        connection.sendall(bytes([sign]))
        time.sleep(0.2)


def endless_stream(connection: socket.socket, asked: bytes) -> None:
    connection.sendall(EVENTS + b"\r\n")
    chunk = {"id": "a", "object": "chat.completion.chunk", "created": 1763700000, "model": "m", "choices": []}
    for number in range(10**9):
        connection.sendall(b"data: " + json.dumps({**chunk, "n": number}).encode() + b"\n\n")


def ten_gigabytes(connection: socket.socket, asked: bytes) -> None:
    connection.sendall(OK + b"content-length: 10000000000\r\n\r\n")
    for _ in range(100_000):
        connection.sendall(b" " * 100_000)


def gzip_bomb(connection: socket.socket, asked: bytes) -> None:
    body = gzip.compress(b" " * 100_000_000)
    connection.sendall(OK + b"content-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(body) + body)


def broken_gzip(connection: socket.socket, asked: bytes) -> None:
    connection.sendall(OK + b"content-encoding: gzip\r\ncontent-length: 5\r\n\r\nhello")


def unknown_encoding(connection: socket.socket, asked: bytes) -> None:
    connection.sendall(OK + b"content-encoding: br\r\ncontent-length: 5\r\n\r\nhello")


def header_flood(connection: socket.socket, asked: bytes) -> None:
    connection.sendall(OK)
    for number in range(10**7):
        connection.sendall(b"x-%d: %s\r\n" % (number, b"y" * 100))


def one_long_header(connection: socket.socket, asked: bytes) -> None:
    connection.sendall(OK + b"x: ")
    for _ in range(10**5):
        connection.sendall(b"y" * 10_000)


def interim_flood(connection: socket.socket, asked: bytes) -> None:
    for _ in range(10**7):
        connection.sendall(b"HTTP/1.1 103 Early Hints\r\n\r\n")


def no_http(connection: socket.socket, asked: bytes) -> None:
    connection.sendall(b"SSH-2.0-OpenSSH_9.9\r\n")


def wrong_length(connection: socket.socket, asked: bytes) -> None:
    connection.sendall(OK + b"content-length: minus one\r\n\r\n{}")


def broken_chunks(connection: socket.socket, asked: bytes) -> None:
    connection.sendall(OK + b"transfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n")


def reset(connection: socket.socket, asked: bytes) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    connection.close()


def closed_at_once(connection: socket.socket, asked: bytes) -> None:
    connection.close()


def closed_after_headers(connection: socket.socket, asked: bytes) -> None:
    connection.sendall(OK + b"content-length: 100\r\n\r\n")


def closed_in_the_body(connection: socket.socket, asked: bytes) -> None:
    connection.sendall(OK + b'content-length: 100\r\n\r\n{"id": ')


def redirect_loop(connection: socket.socket, asked: bytes) -> None:
    connection.sendall(b"HTTP/1.1 307 Go\r\nlocation: /v1/chat/completions\r\ncontent-length: 0\r\n\r\n")


HOSTILE = (
    hang, trickle, trickled_head, endless_stream, ten_gigabytes, gzip_bomb, broken_gzip, unknown_encoding,
    header_flood, one_long_header, interim_flood, no_http, wrong_length, broken_chunks, reset, closed_at_once,
    closed_after_headers, closed_in_the_body, redirect_loop,
)  # fmt: skip


@pytest.mark.parametrize("behaviour", HOSTILE, ids=lambda behaviour: behaviour.__name__)
def test_every_probe_of_a_hostile_server_is_errored_within_a_bound(
    behaviour: Callable[[socket.socket, bytes], None], raw_server: Start
) -> None:
    results, elapsed = audited(raw_server(behaviour))
    assert {result["verdict"] for result in results.values()} == {"errored"}
    assert all(result["reason"] for result in results.values())
    assert elapsed < BOUND


def test_a_server_that_nobody_runs_is_errored_at_once(raw_server: Start) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        results, elapsed = audited(f"http://127.0.0.1:{unused.getsockname()[1]}/v1")
    assert {result["verdict"] for result in results.values()} == {"errored"}
    assert elapsed < BOUND


def test_the_key_does_not_follow_a_redirect_to_another_host(raw_server: Start) -> None:
    met: list[bytes] = []
    other = raw_server(lambda connection, asked: met.append(asked))

    def elsewhere(connection: socket.socket, asked: bytes) -> None:
        place = f"{other}/chat/completions".encode()
        connection.sendall(b"HTTP/1.1 308 Go\r\nlocation: " + place + b"\r\ncontent-length: 0\r\n\r\n")

    results, _ = audited(raw_server(elsewhere))
    assert {result["verdict"] for result in results.values()} == {"errored"}
    assert "not followed" in str(results["request-minimal"]["reason"])
    assert met == []


def answer(connection: socket.socket, asked: bytes) -> None:
    body = json.dumps({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1763700000, "model": "m",
        "choices": [{"index": 0, "finish_reason": "stop", "logprobs": None,
                     "message": {"role": "assistant", "content": "Hi.", "refusal": None, "annotations": []}}],
        "usage": {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11},
    }).encode()  # fmt: skip
    connection.sendall(OK + b"content-length: %d\r\n\r\n" % len(body) + body)


def test_one_bad_answer_costs_one_probe(raw_server: Start) -> None:
    def sometimes(connection: socket.socket, asked: bytes) -> None:
        (hang if b'"top_p"' in asked else answer)(connection, asked)

    results, _ = audited(raw_server(sometimes), "request-t", "request-u")
    assert {name for name, result in results.items() if result["verdict"] != "passed"} == {"request-top-p"}
    assert "as a plain question got right afterwards" in str(results["request-top-p"]["reason"])


def test_a_server_that_dies_on_the_way_ends_the_run_quickly(raw_server: Start) -> None:
    left, lock = [6], threading.Lock()

    def mortal(connection: socket.socket, asked: bytes) -> None:
        with lock:
            left[0] -= 1
        (answer if left[0] > 0 else hang)(connection, asked)

    results, elapsed = audited(raw_server(mortal), "request-")
    errored = [result for result in results.values() if result["verdict"] == "errored"]
    assert any("not asked" in str(result["reason"]) for result in errored)
    assert len(errored) > len(results) / 2
    assert elapsed < BOUND


def test_streams_that_never_end_do_not_cost_the_other_probes(raw_server: Start) -> None:
    def streams_hang(connection: socket.socket, asked: bytes) -> None:
        (endless_stream if b'"stream": true' in asked else answer)(connection, asked)

    results, _ = audited(raw_server(streams_hang), "stream-", "request-t")
    assert results["stream-plain"]["verdict"] == "errored"
    assert results["request-temperature"]["verdict"] == "passed"


def test_a_key_that_the_server_sends_back_is_never_shown(raw_server: Start) -> None:
    def echo(connection: socket.socket, asked: bytes) -> None:
        body = json.dumps({"error": {"message": f"bad key {KEY}", "type": KEY, "param": None, "code": KEY}}).encode()
        head = b"HTTP/1.1 400 Bad\r\nx-key: " + KEY.encode() + b"\r\ncontent-type: application/json\r\n"
        connection.sendall(head + b"content-length: %d\r\n\r\n" % len(body) + body)

    results, _ = audited(raw_server(echo))
    assert "[Filtered]" in json.dumps(results)


def test_a_server_that_hangs_up_on_broken_requests_is_still_asked_the_others(raw_server: Start) -> None:
    def touchy(connection: socket.socket, asked: bytes) -> None:
        (answer if b'"Say hello."' in asked and b'"top_p"' not in asked else reset)(connection, asked)

    results, _ = audited(raw_server(touchy), "errors-body", "errors-json", "errors-top-p", "errors-seed", "errors-n")
    reasons = [str(result["reason"]) for result in results.values()]
    assert not any("not asked" in reason for reason in reasons)
    assert results["errors-seed-text"]["verdict"] == "failed"
    hung_up = [result for result in results.values() if "got none, twice" in str(result["reason"])]
    assert len(hung_up) > 5
    assert all(result["verdict"] == "failed" for result in hung_up)
    assert {v["rule"] for result in hung_up for v in result["violations"]} == {"CC198"}
    ids = [exchange["id"] for result in results.values() for exchange in result["exchanges"]]
    assert len(set(ids)) == len(ids)


def test_of_silence_a_section_costs_little(raw_server: Start) -> None:
    def mute(connection: socket.socket, asked: bytes) -> None:
        (answer if b'"Say hello."' in asked and b'"n"' not in asked else hang)(connection, asked)

    results, elapsed = audited(raw_server(mute), "errors-messages", "errors-content", "errors-role", "errors-json")
    reasons = [str(result["reason"]) for result in results.values()]
    assert sum("got none, twice" in reason for reason in reasons) == 2
    assert sum("got no answer in time" in reason for reason in reasons) > 5
    assert elapsed < BOUND


def test_a_server_that_dies_in_a_stream_is_gone_and_not_wrong() -> None:
    chunk = {"id": "a", "object": "chat.completion.chunk", "created": 1763700000, "model": "m", "choices": []}

    def mortal(listener: socket.socket) -> None:
        while True:
            connection, _ = listener.accept()
            with connection:
                asked = b""
                while not asked.endswith(b"}"):
                    asked += connection.recv(65536)
                if b'"stream": true' in asked:
                    connection.sendall(EVENTS + b"content-length: 5000\r\n\r\ndata: " + json.dumps(chunk).encode())
                    connection.sendall(b"\n\n")
                    return listener.close()
                answer(connection, asked)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=mortal, args=(listener,), daemon=True).start()
        results, _ = audited(f"http://127.0.0.1:{listener.getsockname()[1]}/v1", "stream-plain")
    assert results["request-minimal"]["verdict"] == "passed"
    assert results["stream-plain"]["verdict"] == "errored"
    assert "the connection was cut, and the target is gone" in str(results["stream-plain"]["reason"])
    assert results["stream-plain"]["violations"] == []


def test_a_target_that_the_first_question_ends_is_told_from_a_wrong_address() -> None:
    listener = socket.create_server(("127.0.0.1", 0))

    def once() -> None:
        connection, _ = listener.accept()
        connection.recv(65536)
        listener.close()
        connection.close()

    thread = threading.Thread(target=once)
    thread.start()
    results, _ = audited(f"http://127.0.0.1:{listener.getsockname()[1]}/v1", "request-minimal")
    thread.join()
    reason = str(results["request-minimal"]["reason"])
    assert reason.startswith("the connection was")
    assert "and the target is gone (no connection" in reason
