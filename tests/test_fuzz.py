"""A fuzzing run: it finds nothing where nothing is wrong, shrinks what is wrong, and ends in every case."""

import itertools
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from io import StringIO
from pathlib import Path

import jsonschema
import pytest

from chatcontract import Contract, rules
from chatcontract.cli import main
from chatcontract.client import Limits, Reply
from chatcontract.digest import standing
from chatcontract.fuzz import Fuzz, Settings, run
from chatcontract.fuzz_cases import Case, Mode, Wish, is_valid
from chatcontract.fuzz_kinds import KINDS, Judge
from chatcontract.fuzz_report import lines, report
from chatcontract.fuzz_specimens import Specimen
from chatcontract.generate import negatives
from chatcontract.jsontext import parse
from chatcontract.judging import Turn
from chatcontract.model import Exchange, Profile, Request, Response
from chatcontract.probe import Ask
from chatcontract.reading import Reading
from chatcontract.report import Collector, Report
from chatcontract.reports import FUZZ_RENDERERS, renderer
from chatcontract.rules import probing
from chatcontract.runner import spec_json
from chatcontract.server import running
from chatcontract.server.faults import load
from chatcontract.target import Target

Start = Callable[[Callable[[socket.socket, bytes], None]], str]
KEY = "sk-test-0123456789"
ROOT = Path(__file__).parents[1]
SCHEMA = json.loads((ROOT / "docs" / "report.schema.json").read_text())
CONTRACT = Contract.load()
HEAD = {"tool": {"name": "chatcontract", "version": "0"}, "spec": spec_json(CONTRACT), "profile": "openai"}
ALL: tuple[Mode, ...] = ("positive", "negative")
QUICK = Limits(total=4, idle=1.5, connect=2, grace=0.2)
SAMPLE = {
    # fault: (rule that finds it, bytes of the smallest request at most)
    "created-zero": ("CC302", 95),
    "choices-missing": ("CC001", 95),
    "n-ignored": ("CC322", 105),
    "usage-total-wrong": ("CC501", 95),
    "logprobs-ignored": ("CC351", 115),
    "tool-choice-ignored": ("CC412", 220),
    "done-missing": ("CC601", 110),
    "valid-crashes": ("CC192", 95),
    "connection-dropped": ("CC198", 95),
    "invalid-accepted": ("CC795", 70),
    "invalid-crashes": ("CC796", 70),
    "error-names-other-parameter": ("CC798", 200),
}


_KEYS = "every request has the right key, address and media type"
_PAIRS = "shows only where two requests are compared, as an audit does"
UNREACHED = {
    **dict.fromkeys(
        ("auth-not-enforced", "any-address-answered", "media-type-ignored", "unauthorized-code-odd",
         "models-as-names"), _KEYS,
    ),
    **dict.fromkeys(
        ("seed-ignored", "stream-says-something-else", "usage-unstable", "usage-constant", "parts-cost-extra",
         "stream-usage-differs", "streamed-error-differs", "broken-after-abort"), _PAIRS,
    ),
    "stream-overtaken": "nothing is asked both alone and beside other requests, as an audit does",
    **dict.fromkeys(
        ("audio-expiry-early", "audio-expiry-missing", "audio-expiry-in-milliseconds-streamed", "audio-without-sound"),
        "streamed audio is not generated for this model",
    ),
    "encoding-unknown": "found as answer-not-whole: the client asks for no encoding, and reads no other",
    "function-call-finish-stop": "deprecated forms are not generated unless they are asked for",
    "unknown-model-answered": "every request names the model of the run",
    "unknown-model-with-400": "every request names the model of the run",
    "retry-after-missing": "nothing makes it answer with 429",
    "stream-with-length": "no request asks for a stream so long that only its length tells",
    "body-huge": "found as answer-not-whole: the client reads no more than 8 MB",
    "error-with-500": "found as invalid-request-crashes",
}  # fmt: skip
"""Faults that fuzzing does not show by their own rules, each with the reason."""
UNSHOWN = {
    "id-constant": "its answer is at fault only beside another one with the same id",
    "stream-buffered": "its answer is at fault only by when the pieces come, which a person sees",
}
"""Faults that one command cannot show to a test, each with the reason."""


def fuzzed(url: str, *modes: Mode, size: int | None = 156, until: Iterable[str] = (), **bounds: object) -> Fuzz:
    """A run; it ends when a rule of `until` is seen to be broken."""
    wish = Wish(modes or ALL, size, **{k: bounds.pop(k) for k in ("seed", "sections") if k in bounds})  # type: ignore[arg-type]
    settings = Settings(wish, limits=QUICK, model="reference-1", **bounds)  # type: ignore[arg-type]
    fuzz = Fuzz(CONTRACT, Target(url, KEY), settings)
    wanted = set(until)

    def step() -> None:
        if wanted & {one.sighting.violation.rule for one in fuzz.specimens}:
            fuzz.stopped = "the test has what it wants"

    fuzz.on_step(step)
    run(fuzz)
    return fuzz


def told(fuzz: Fuzz) -> Report:
    return report(fuzz, Collector(HEAD, rules.get))


def grave(specimens: Iterable[Specimen]) -> list[Specimen]:
    return [one for one in specimens if not one.unsupported and one.sighting.violation.severity != "info"]


def found(fuzz: Fuzz, code: str) -> Specimen:
    """The finding of that rule with the smallest request."""
    fitting = [one for one in fuzz.specimens if one.sighting.violation.rule == code and not one.unsupported]
    assert fitting, [one.sighting.violation for one in fuzz.specimens]
    return min(fitting, key=lambda one: len(one.case.body))


def fault_url(url: str, fault: str) -> str:
    return url.replace("/v1", f"/fault/{fault}/v1")


@pytest.fixture(scope="module")
def clean() -> Fuzz:
    """A run with both modes against the reference server."""
    with running(api_key=KEY, pace=0) as server:
        return fuzzed(server.url, size=170)


def test_nothing_is_found_at_the_reference_server(clean: Fuzz) -> None:
    assert [(one.sighting.violation, one.case.body) for one in grave(clean.specimens)] == []
    assert clean.outcomes == {"positive": Counter(answered=170), "negative": Counter(refused=170)}
    assert clean.stopped == ""
    assert {result["verdict"] for result in told(clean)["results"]} == {"passed"}


@pytest.mark.nightly
@pytest.mark.skipif(not os.environ.get("CHATCONTRACT_NIGHTLY"), reason="takes minutes; make nightly")
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_nothing_is_found_at_the_reference_server_in_a_long_run(seed: int) -> None:
    with running(api_key=KEY, pace=0) as server:
        fuzz = fuzzed(server.url, size=3000, seed=seed)
    assert [(one.sighting.violation, one.case.body) for one in grave(fuzz.specimens)] == []


def test_a_run_covers_every_branch_of_requests(clean: Fuzz) -> None:
    coverage = told(clean)["coverage"]
    assert coverage["request"]["unreached"] == []
    assert coverage["values"]["reached"] == coverage["values"]["total"] > 40
    assert coverage["answer_rules"]["reached"] > 0.95 * coverage["answer_rules"]["total"]
    assert 0 < coverage["broken_rules"]["reached"] <= coverage["broken_rules"]["total"]
    assert 0 < coverage["broken_pointers"]["reached"] < coverage["broken_pointers"]["total"]


@pytest.fixture(scope="module")
def faulty() -> Fuzz:
    """A short run with both modes against a server that has faults."""
    with running(api_key=KEY, pace=0) as server:
        return fuzzed(fault_url(server.url, "usage-total-wrong,n-refused,invalid-accepted"), size=30)


def described(value: object, schema: dict[str, object]) -> set[str]:
    """The members of an object that its schema does not describe."""
    assert isinstance(value, dict)
    return value.keys() - schema["properties"].keys()  # type: ignore[attr-defined]


def test_every_member_of_a_report_with_findings_is_described_by_the_schema(faulty: Fuzz) -> None:
    made = told(faulty)
    jsonschema.Draft202012Validator(SCHEMA).validate(made)
    assert described(made, SCHEMA) == set()
    kinds = {result["verdict"] for result in made["results"]}
    assert kinds >= {"failed", "skipped"}
    assert set().union(*(described(one, SCHEMA["$defs"]["result"]) for one in made["results"])) == set()
    assert set().union(*(described(one, SCHEMA["$defs"]["fraction"]) for one in made["coverage"].values())) == set()


@pytest.mark.parametrize(
    ("member", "wrong"), [("mode", "some"), ("seed", "0"), ("stopped", 1), ("shrinking", -1), ("outcomes", {"x": {}})]
)
def test_the_schema_of_the_report_refuses_other_values(faulty: Fuzz, member: str, wrong: object) -> None:
    validator = jsonschema.Draft202012Validator(SCHEMA)
    assert not validator.is_valid({**told(faulty), member: wrong})


@pytest.mark.parametrize("form", ["markdown", "junit", "html"])
def test_reports_speak_of_fuzzing_and_requests(form: str, faulty: Fuzz) -> None:
    out = StringIO()
    try:
        renderer(form, FUZZ_RENDERERS)(told(faulty), out)
    except ValueError as error:
        pytest.skip(str(error))
    assert "audit of" not in out.getvalue().lower()
    assert not re.search(r"\d probes|>Probes<", out.getvalue())
    assert ("chatcontract.fuzz.http" if form == "junit" else "60 generated requests") in out.getvalue()


def test_the_report_keeps_its_schema_and_names_seed_mode_and_coverage(clean: Fuzz) -> None:
    made = told(clean)
    jsonschema.Draft202012Validator(SCHEMA).validate(made)
    assert json.loads(json.dumps(made)) == made
    assert (made["mode"], made["seed"], made["requests"]) == ("all", 0, clean.sent)
    assert [result["id"] for result in made["results"]][:2] == ["positive", "negative"]
    assert len(made["results"]) < 12
    assert KEY not in json.dumps(made)


@pytest.mark.parametrize("form", FUZZ_RENDERERS)
def test_every_renderer_takes_the_report(form: str, clean: Fuzz) -> None:
    out = StringIO()
    try:
        renderer(form, FUZZ_RENDERERS)(told(clean), out)
    except ValueError as error:
        pytest.skip(str(error))
    assert "reference-1" in out.getvalue() or "positive" in out.getvalue()


@pytest.mark.parametrize("fault", SAMPLE)
def test_a_fault_is_found_and_shrunk(fault: str) -> None:
    code, size = SAMPLE[fault]
    modes: tuple[Mode, ...] = ("negative",) if code.startswith("CC79") else ("positive",)
    with running(api_key=KEY, pace=0) as server:
        fuzz = fuzzed(fault_url(server.url, fault), *modes, until=[code])
        specimen = found(fuzz, code)
        assert specimen.confirmed is not False
        assert len(specimen.case.body) <= size, specimen.case.body
        assert shows(fuzz, specimen)


def shows(fuzz: Fuzz, specimen: Specimen) -> bool:
    """Whether the command of a finding shows it again: the rule is broken, or the reply is of the same kind."""
    reply, violation = specimen.turn.reply, specimen.sighting.violation
    command = fuzz.target.curl(specimen.turn.ask, reply.exchange.request)  # type: ignore[arg-type]
    assert KEY not in command
    done = subprocess.run(
        ["/bin/sh", "-c", f"{command} --max-time 5 | head -c 9000000"], capture_output=True, timeout=30,
        env={**os.environ, "OPENAI_API_KEY": KEY},
    )  # fmt: skip
    head, _, body = done.stdout.partition(b"\r\n\r\n")
    if reply.status is None or not head:
        return reply.status is None and not head
    status, *headers = head.decode("latin-1").split("\r\n")
    fields = tuple((name, value.strip()) for name, _, value in (line.partition(":") for line in headers))
    response = Response(int(status.split()[1]), fields, body)
    if violation.rule in {rule.code for rule in probing.RULES}:  # judged by what was asked for, not by the answer alone
        return response.status == reply.status
    return violation.rule in {one.rule for one in CONTRACT.check_answer(reply.exchange._replace(response=response))}


@pytest.mark.nightly
@pytest.mark.skipif(not os.environ.get("CHATCONTRACT_NIGHTLY"), reason="takes minutes; make nightly")
@pytest.mark.parametrize("fault", [name for name, fault in load().items() if fault.rules and name not in SAMPLE])
def test_every_fault_that_single_requests_show_is_found_and_shown_by_its_command(fault: str) -> None:
    expected = set(load()[fault].rules)
    with running(api_key=KEY, pace=0) as server:
        fuzz = fuzzed(fault_url(server.url, fault), size=400, until=expected)
        codes = {one.sighting.violation.rule for one in fuzz.specimens} & expected
        if fault in UNREACHED:
            assert not codes, f"{fault} is reached now: take it out of UNREACHED"
        else:
            assert codes
            assert all(shows(fuzz, found(fuzz, code)) for code in codes) is (fault not in UNSHOWN)


def test_the_same_seed_sends_the_same_requests_in_the_same_order(raw_server: Start) -> None:
    sent: list[bytes] = []

    def record(connection: socket.socket, request: bytes) -> None:
        sent.append(request.partition(b"\r\n\r\n")[2])
        answer(connection, 200, COMPLETION)

    url = raw_server(record)
    fuzzed(url, "positive", size=170, seed=4, most=120)
    first, sent[:] = list(sent), []
    fuzzed(url, "positive", size=170, seed=4, most=120)
    assert sent == first
    assert len(first) == 120


def answer(connection: socket.socket, status: int, value: object, *headers: str) -> None:
    body = json.dumps(value).encode()
    head = [f"HTTP/1.1 {status} X", "content-type: application/json", f"content-length: {len(body)}", *headers]
    connection.sendall("\r\n".join([*head, "connection: close", "", ""]).encode() + body)


def test_the_budget_is_never_exceeded() -> None:
    with running(api_key=KEY, pace=0) as server:
        fuzz = fuzzed(fault_url(server.url, "invalid-accepted,created-zero"), size=None, most=60)
    assert fuzz.sent <= 60
    assert fuzz.sent > 45
    assert len(fuzz.specimens) > 3


def test_the_cost_that_is_planned_is_kept() -> None:
    with running(api_key=KEY, pace=0) as server:
        fuzz = fuzzed(fault_url(server.url, "invalid-accepted"), size=30, tokens=30_000)
    assert fuzz.sent <= fuzz.cost.requests
    assert fuzz.spent <= 30_000


@pytest.mark.parametrize(
    ("fault", "feature"), [("n-refused", "/n"), ("max-completion-tokens-refused", "/max_completion_tokens")]
)
def test_a_feature_that_is_refused_cleanly_is_unsupported_and_no_violation(fault: str, feature: str) -> None:
    with running(api_key=KEY, pace=0) as server:
        fuzz = fuzzed(fault_url(server.url, fault), "positive")
    made = told(fuzz)
    results = [result for result in made["results"] if result["id"].startswith("unsupported")]
    assert [result["features"] for result in results] == [[feature]]
    assert {result["verdict"] for result in results} == {"skipped"}
    assert made["summary"]["violations"]["error"] == made["summary"]["violations"]["warning"] == 0
    assert feature in results[0]["reason"]


def test_a_refusal_that_does_not_say_what_is_refused_is_a_warning(raw_server: Start) -> None:
    def refuse(connection: socket.socket, request: bytes) -> None:
        body = request.partition(b"\r\n\r\n")[2]
        wrong = b'"temperature"' in body
        error = {"error": {"message": "Bad request.", "type": "invalid_request_error", "param": None, "code": None}}
        answer(connection, 400 if wrong else 200, error if wrong else COMPLETION)

    specimen = found(fuzzed(raw_server(refuse), "positive", until=["CC191"]), "CC191")
    assert specimen.sighting.violation.severity == "warning"
    assert specimen.needed == {"/temperature"}


@pytest.mark.parametrize(
    "refusal",
    [
        {"object": "error", "message": "temperature: Extra inputs are not permitted", "code": 400},
        {"status": 400, "error": "Bad Request", "message": "temperature is not supported"},
        {"detail": [{"loc": ["body", "temperature"], "msg": "Extra inputs are not permitted"}]},
        [{"error": {"code": 400, "message": 'Unknown name "temperature"'}}],
    ],
)
def test_a_refusal_that_names_the_feature_in_a_form_of_its_own_is_clean(raw_server: Start, refusal: object) -> None:
    def refuse(connection: socket.socket, request: bytes) -> None:
        answer(connection, *((400, refusal) if b'"temperature"' in request else (200, COMPLETION)))

    made = told(fuzzed(raw_server(refuse), "positive", until=["CC191"]))
    reason = next(one["reason"] for one in made["results"] if one.get("finding") == "CC191")
    assert reason.startswith("unsupported: /temperature: refused with status 400: ")


def body_of(request: bytes) -> dict[str, object]:
    """The members of a request; empty where it is no object, or not everybody can read it."""
    value, faults = parse(request.partition(b"\r\n\r\n")[2])
    return value if isinstance(value, dict) and not faults else {}


def ignoring(name: str) -> Callable[[socket.socket, bytes], None]:
    """A server that refuses every request without messages and every parameter but for one, whatever that is."""

    def behave(connection: socket.socket, request: bytes) -> None:
        asked = body_of(request)
        is_plain = bool(asked.get("messages")) and asked.keys() <= {"model", "messages", "max_tokens", name}
        answer(connection, *((200, COMPLETION) if is_plain else (400, {"error": {"message": "No."}})))

    return behave


@pytest.mark.parametrize(
    ("name", "profile", "severity"),
    [("prediction", "openai", "warning"), ("prediction", "compatible", "info"), ("tools", "compatible", "error")],
)
def test_what_is_not_looked_at_is_told_once(raw_server: Start, name: str, profile: Profile, severity: str) -> None:
    url = raw_server(ignoring(name))
    settings = Settings(Wish(("negative",), 400), limits=QUICK, model="reference-1")
    fuzz = Fuzz(Contract.load(profile=profile), Target(url, KEY), settings)
    run(fuzz)
    inside = [one for one in fuzz.specimens if one.sighting.violation.pointer.startswith(f"/{name}")]
    assert [(one.sighting.violation.severity, one.sighting.violation.rule) for one in inside] == [(severity, "CC795")]
    assert "anything is taken" in inside[0].sighting.violation.message
    assert json.loads(inside[0].case.body)[name] in (["absurd"], {"absurd": [0]})
    assert fuzz.overlooked[0] == name
    assert fuzz.outcomes["negative"]["not asked"] > 10
    assert f"were sent: {name}" in told(fuzz)["notes"][-1]


def test_a_parameter_that_is_looked_at_in_part_keeps_its_single_breaches(raw_server: Start) -> None:
    def shallow(connection: socket.socket, request: bytes) -> None:
        is_fine = isinstance(body_of(request).get("prediction", {}), dict)
        answer(connection, *((200, COMPLETION) if is_fine else (400, {"error": {"message": "No."}})))

    settings = Settings(Wish(("negative",), 400, sections=("shape",)), limits=QUICK, model="reference-1")
    fuzz = Fuzz(CONTRACT, Target(raw_server(shallow), KEY), settings)
    run(fuzz)
    inside = {one.sighting.violation.pointer for one in fuzz.specimens} - {"/prediction"}
    assert len({place for place in inside if place.startswith("/prediction/")}) > 1
    assert "prediction" not in fuzz.overlooked


def test_a_message_names_the_place_in_the_smallest_request(raw_server: Start) -> None:
    fuzz = fuzzed(raw_server(lambda connection, _: answer(connection, 200, COMPLETION)), "negative", size=400)
    wanted = re.compile(r"expected a refusal \((messages/[^:]*):")
    violations = [one.sighting.violation for one in fuzz.specimens]
    named = [(one.pointer, f"/{match[1]}") for one in violations if (match := wanted.match(one.message))]
    assert len(named) > 5
    assert [pair for pair in named if pair[0] != pair[1]] == []


def test_what_the_standard_leaves_to_the_reader_is_a_warning() -> None:
    texts = {
        one.label: one
        for one in negatives({"model": "m", "messages": [{"role": "user", "content": "Hi"}]})
        if one.label.startswith("text: ")
    }
    given = Response(200, (("content-type", "application/json"),), json.dumps(COMPLETION).encode())
    told = {}
    for label, breach in texts.items():
        exchange = Exchange("1", Request(body=breach.body), given)
        turn = Turn(Ask(raw=breach.body), Reply(exchange, 0.1), Reading(exchange))
        for sighting in Judge(CONTRACT).sightings(Case("1", "negative", breach.body, breach), turn):
            if sighting.violation.rule == "CC795":
                told[label.removeprefix("text: ")] = sighting.violation.severity
    assert {told[name] for name in ("a byte order mark", "a member twice", "half of a surrogate pair")} == {"warning"}
    assert {told[name] for name in ("a comma at the end", "NaN", "Latin-1")} == {"error"}


COMPLETION = {
    "id": "chatcmpl-1", "object": "chat.completion", "created": 1763700000, "model": "reference-1",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi", "refusal": None}, "logprobs": None,
                 "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
}  # fmt: skip


def test_a_plain_request_that_is_refused_is_an_error() -> None:
    with running(api_key=KEY, pace=0) as server:
        specimen = found(fuzzed(fault_url(server.url, "valid-refused"), "positive", size=20), "CC191")
    assert specimen.sighting.violation.severity == "error"
    assert specimen.needed == frozenset()


def test_what_is_not_seen_again_is_inconclusive(raw_server: Start) -> None:
    crashes = iter([True])

    def crash_once(connection: socket.socket, request: bytes) -> None:
        bad = b'"temperature"' in request and next(crashes, False)
        answer(connection, 500 if bad else 200, {"error": {"message": "Oops"}} if bad else COMPLETION)

    fuzz = fuzzed(raw_server(crash_once), "positive", until=["CC192"])
    result = next(one for one in told(fuzz)["results"] if one.get("finding") == "CC192")
    assert result["verdict"] == "inconclusive"
    assert result["violations"] == []
    assert "not seen again" in result["reason"]


def test_a_target_that_dies_ends_the_run_with_what_killed_it(raw_server: Start) -> None:
    dead: list[bool] = []

    def die(connection: socket.socket, request: bytes) -> None:
        if b'"tools"' in request or dead:
            dead.append(True)
            return
        answer(connection, 200, COMPLETION)

    fuzz = fuzzed(raw_server(die), "positive")
    specimen = found(fuzz, "CC198")
    assert b'"tools"' in specimen.origin.body
    assert fuzz.stopped
    assert sum(fuzz.outcomes["positive"].values()) < 156


def test_a_target_that_is_gone_leaves_the_request_that_was_its_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chatcontract.fuzz.RESTART", 0.01)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=until_tools, args=(listener,)).start()
        fuzz = fuzzed(f"http://127.0.0.1:{listener.getsockname()[1]}/v1", "positive")
    assert "gone" in fuzz.stopped
    out = StringIO()
    renderer("text", FUZZ_RENDERERS)(told(fuzz), out)
    result = next(one for one in told(fuzz)["results"] if one.get("finding") == "CC198")
    assert result["verdict"] == "failed"
    assert result["reason"].endswith("it could not be sent again: the target was gone")
    assert '"tools"' in result["violations"][0]["curl"]
    assert "could not be sent again: the target was gone" in out.getvalue()
    jsonschema.Draft202012Validator(SCHEMA).validate(told(fuzz))


def until_tools(listener: socket.socket) -> None:
    """Answer on a socket, and close it for good at the first request with tools."""
    while True:
        connection, _ = listener.accept()
        with connection:
            request = connection.recv(1 << 20)
            while b"\r\n\r\n" in request and len(request.partition(b"\r\n\r\n")[2]) < length_of(request):
                request += connection.recv(1 << 20)
            if b'"tools"' in request:
                listener.close()
                return
            answer(connection, 200, COMPLETION)


def length_of(request: bytes) -> int:
    found = re.search(rb"(?i)content-length: (\d+)", request)
    return int(found[1]) if found else 0


def test_a_target_that_is_always_busy_is_left_alone(raw_server: Start) -> None:
    sent: list[int] = []

    def busy(connection: socket.socket, request: bytes) -> None:
        sent.append(1)
        first = len(sent) == 1
        answer(connection, 200 if first else 429, COMPLETION if first else {"error": {}}, "retry-after: 0")

    fuzz = fuzzed(raw_server(busy), "positive")
    assert "busy" in fuzz.stopped
    assert len(sent) == 1 + 3 * 3
    assert not grave(fuzz.specimens)


def test_one_finding_is_shrunk_once(raw_server: Start) -> None:
    def crash(connection: socket.socket, request: bytes) -> None:
        answer(connection, 500 if b'"tools"' in request else 200, COMPLETION)

    fuzz = fuzzed(raw_server(crash), "positive")
    crashes = [one for one in fuzz.specimens if one.sighting.violation.rule == "CC192"]
    assert len(crashes) == 1
    assert fuzz.times[crashes[0].sighting.key] > 5


def test_two_causes_under_one_message_are_two_findings(raw_server: Start) -> None:
    def crash(connection: socket.socket, request: bytes) -> None:
        bad = re.search(rb'"tools"|"temperature": \d', request)
        answer(connection, 500 if bad else 200, {"error": {"message": "Oops"}} if bad else COMPLETION)

    fuzz = fuzzed(raw_server(crash), "positive")
    causes = {min(one.needed) for one in fuzz.specimens if one.sighting.violation.rule == "CC192"}
    assert causes == {"/temperature", "/tools"}


def crashing(*features: bytes) -> Callable[[socket.socket, bytes], None]:
    """A server that crashes where one of these stands in the request, and refuses what is wrong with `temperature`."""
    refused = re.compile(rb'"temperature": (true|"|null|3)')
    no = {"error": {"message": "No.", "type": "invalid_request_error", "param": None, "code": None}}

    def behave(connection: socket.socket, request: bytes) -> None:
        if any(feature in request for feature in features):
            answer(connection, 500, {"error": {"message": "Oops"}})
        else:
            answer(connection, *((400, no) if refused.search(request) else (200, COMPLETION)))

    return behave


def test_a_crash_that_a_valid_request_shows_as_well_is_not_put_down_to_a_breach(raw_server: Start) -> None:
    fuzz = fuzzed(raw_server(crashing(b'"image_url"')), size=None)
    crashes = [one for one in fuzz.specimens if one.sighting.violation.rule == "CC192"]
    assert [one.needed for one in crashes] == [
        {"/messages/*/content/*/image_url/url", "/messages/*/content/*/type=image_url"}
    ]
    blamed = {one.sighting.violation.pointer for one in fuzz.specimens if one.sighting.violation.rule == "CC796"}
    part = "/messages/0/content/0"
    assert blamed == {part, f"{part}/type", f"{part}/image_url", f"{part}/image_url/url"}
    assert fuzz.times[crashes[0].sighting.key] > 10


def test_a_run_of_breaches_alone_says_what_crashes_without_one(raw_server: Start) -> None:
    fuzz = fuzzed(raw_server(crashing(b'"custom"')), "negative", size=None, until=["CC192"])
    specimen = found(fuzz, "CC192")
    assert specimen.case.mode == "positive"
    assert is_valid(json.loads(specimen.case.body))
    assert b'"custom"' in specimen.case.body


def test_a_crash_by_a_breach_is_its_own(raw_server: Start) -> None:
    fuzz = fuzzed(raw_server(crashing(b'"temperature": true')), size=None, sections=["shape"])
    assert {one.sighting.violation.rule for one in fuzz.specimens} >= {"CC796"}
    assert found(fuzz, "CC796").sighting.violation.pointer == "/temperature"


def test_saved_findings_are_recordings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with running(api_key=KEY, pace=0) as server:
        fuzz = fuzzed(fault_url(server.url, "usage-total-wrong"), "positive", size=20)
    path = tmp_path / "findings.jsonl"
    path.write_bytes(b"".join(lines(fuzz)))
    assert KEY not in path.read_text()
    assert main(["check", str(path), "--format", "json", "--config", "none"]) == 1
    checked = json.loads(capsys.readouterr().out)
    assert "CC501" in checked["rules"]
    assert "CC501" in {json.loads(line)["finding"] for line in path.read_text().splitlines()}


def test_the_command_writes_plan_findings_and_reports(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with running(api_key=None, pace=0) as server:
        url = fault_url(server.url, "usage-total-wrong")
        code = main(
            ["fuzz", url, "--model", "reference-1", "--mode", "positive", "--max-examples", "12", "--config", "none",
             "--report", f"json={tmp_path / 'r.json'}", "--output", str(tmp_path / "out")]
        )  # fmt: skip
    shown = capsys.readouterr()
    assert code == 1
    assert "plan: 12 generated requests" in shown.err
    assert "CC501 usage-total-mismatch" in shown.out or "CC501" in shown.out
    assert "$OPENAI_API_KEY" in shown.out or "curl" in shown.out
    assert {path.name for path in (tmp_path / "out").iterdir()} >= {"findings.jsonl", "fuzz.json"}
    assert json.loads((tmp_path / "r.json").read_text())["seed"] == 0


def test_a_dry_run_sends_nothing(raw_server: Start, capsys: pytest.CaptureFixture[str]) -> None:
    sent: list[bytes] = []
    url = raw_server(lambda connection, request: sent.append(request))
    assert main(["fuzz", url, "--dry-run", "--mode", "positive", "--max-examples", "9", "--config", "none"]) == 0
    assert sent == []
    assert "9 generated requests" in capsys.readouterr().err


@pytest.mark.parametrize("said", [b"", b"\x15\x03\x01\x00\x02\x02F", b"SSH-2.0-OpenSSH\r\n"])
def test_a_port_that_speaks_something_else_is_exit_code_3(raw_server: Start, said: bytes) -> None:
    url = raw_server(lambda connection, asked: connection.sendall(said))
    assert main(["fuzz", url, "--max-examples", "3", "--model", "m", "--config", "none", "-q"]) == 3


def test_nobody_there_is_exit_code_3(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
        assert main(["fuzz", url, "--mode", "positive", "--max-examples", "5", "--model", "m", "--config", "none"]) == 3
    shown = capsys.readouterr().out
    assert "not answered" in shown
    assert "not judged: 2 requests; nothing found; ended early" in shown


def test_a_key_that_is_refused_is_not_clean(raw_server: Start, capsys: pytest.CaptureFixture[str]) -> None:
    url = raw_server(lambda connection, _: answer(connection, 401, {"error": {"message": "Who are you?"}}))
    words = ["fuzz", url, "--mode", "positive", "--max-examples", "5", "--model", "m", "--config", "none"]
    for form in ("text", "markdown"):
        assert main([*words, "--format", form]) == 3
        assert "not judged" in capsys.readouterr().out


def test_a_run_that_ends_early_is_incomplete(clean: Fuzz) -> None:
    made = told(clean)
    assert standing(made) == standing({**made, "stopped": "the budget is used up"}) == "clean"
    for cut in ({"stopped": "the target is gone"}, {"interrupted": True}):
        assert standing({**made, **cut}) == "incomplete"


def test_interrupted_at_its_first_question_it_says_so(raw_server: Start) -> None:
    busy = threading.Event()

    def hang(connection: socket.socket, request: bytes) -> None:
        busy.set()
        connection.recv(1)  # until the client leaves

    command = [sys.executable, "-m", "chatcontract", "fuzz", raw_server(hang), "--model", "m", "--config", "none"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert busy.wait(60)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "note: ended early: interrupted" in out
    assert out.splitlines()[-1].startswith("not judged: ")
    assert out.splitlines()[-1].endswith("; interrupted")


@pytest.mark.parametrize(
    "words",
    [
        ["--section", "nonsense"],
        ["--without", "messages"],
        ["--report", "har=x.har"],
        ["--max-examples", "0"],
        ["--stream-ratio", "2"],
    ],
)
def test_a_wrong_word_is_exit_code_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    try:
        code = main(["fuzz", "http://127.0.0.1:1/v1", *words, "--config", "none"])
    except SystemExit as error:
        code = int(str(error.code))
    assert code == 2
    assert capsys.readouterr().err


def test_interrupted_it_reports_what_was_found(raw_server: Start) -> None:
    wrong = {**COMPLETION, "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 7}}
    sent, busy = itertools.count(1), threading.Event()

    def miscount(connection: socket.socket, request: bytes) -> None:
        if next(sent) > 60:
            busy.set()
            connection.recv(1)  # until the client leaves
        answer(connection, 200, wrong)

    command = [sys.executable, "-m", "chatcontract", "fuzz", raw_server(miscount), "--model", "reference-1",
               "--mode", "positive", "--config", "none", "--format", "json"]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert busy.wait(60)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    made = json.loads(out)
    assert made["interrupted"] is True
    assert "CC501" in made["rules"]


def test_the_page_lists_every_kind_of_finding() -> None:
    page = (ROOT / "docs" / "fuzz.md").read_text()
    for kind in KINDS:
        assert kind.title in page
        assert not kind.rule or f"`{kind.rule}`" in page
