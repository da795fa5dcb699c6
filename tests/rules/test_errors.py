"""Errors: the forms of the body, and statuses against codes, types and requests."""

import json
from typing import Any

import pytest

from chatcontract import Contract
from chatcontract.examples import RESPONSE, Example, error
from chatcontract.model import Exchange, Request, Response, Severity, Violation

CONTRACT = Contract.load()
ERRORS = Contract.load(select=["CC7"])


def found(example: Example) -> list[Violation]:
    return list(ERRORS.check(example.exchange()))


def names(example: Example) -> set[str]:
    return {violation.name for violation in found(example)}


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ({"detail": "Unauthorized"}, "error-without-envelope"),
        ({"detail": [{"loc": ["body", "messages"], "msg": "field required"}]}, "error-without-envelope"),
        ({"message": "Unauthorized", "request_id": "1"}, "error-without-envelope"),
        (
            {"object": "error", "message": "no", "type": "BadRequestError", "code": 400},
            "error-without-envelope",
        ),
        ({"errors": ["no"]}, "error-without-envelope"),
        ({"code": 1, "msg": "no"}, "error-without-envelope"),
        ([{"error": {"message": "no"}}], "error-in-array"),
    ],
)
def test_a_foreign_envelope_has_one_error_that_names_it(body: Any, name: str) -> None:
    errors = CONTRACT.check(error(body=json.dumps(body).encode()).exchange()).errors
    assert [violation.name for violation in errors] == [name]


@pytest.mark.parametrize("body", [{}, [], "no", None, {"error": "no"}, {"error": None}, {"code": "x", "error": "no"}])
def test_what_only_the_schema_can_name_is_left_to_it(body: Any) -> None:
    violations = CONTRACT.check(error(body=json.dumps(body).encode()).exchange())
    assert {violation.rule[:3] for violation in violations.errors} == {"CC0"}


@pytest.mark.parametrize(
    ("body", "status", "severity"),
    [
        (b"Not Found", 404, Severity.ERROR),
        (b"<html>", 401, Severity.ERROR),
        (b"", 401, Severity.WARNING),
        (b"upstream connect error", 503, Severity.WARNING),
        (b"\xff", 400, Severity.ERROR),
    ],
)
def test_a_body_that_is_no_json_has_one_finding(body: bytes, status: int, severity: Severity) -> None:
    violations = CONTRACT.check(error(body=body, status=status).exchange())
    assert ("error-not-json", severity) in {(v.name, v.severity) for v in violations}
    assert "invalid-json" not in {v.name for v in violations}


@pytest.mark.parametrize(
    ("body", "headers", "severity"),
    [
        (b"<title>Attention Required! | Cloudflare</title>", (), Severity.WARNING),
        (b"error code: 1020", (), Severity.WARNING),
        (b"<title>Just a moment...</title>", (("CF-Mitigated", "challenge"),), Severity.WARNING),
        (b"error code: 4020", (("server", "cloudflare"), ("cf-ray", "9bb4-FRA")), Severity.ERROR),
        (b"<center>openresty</center><script src='/cdn-cgi/x.js'></script>", (), Severity.ERROR),
        (b"Blocked by Cloudflare", (("x-request-id", "req_1"),), Severity.ERROR),
    ],
)
def test_a_page_of_the_network_in_front_is_a_warning(body: bytes, headers: Any, severity: Severity) -> None:
    (violation,) = found(error(body=body, status=403, headers=headers or (("x", "y"),)))
    assert (violation.name, violation.severity) == ("error-not-json", severity)


def test_keys_in_a_body_of_text_are_not_shown() -> None:
    (violation,) = found(error(body=b"no such key: sk-abcdefgh12345678", status=401))
    assert "abcdefgh" not in violation.message


def test_a_second_fault_of_a_foreign_envelope_is_told_too() -> None:
    body = b'{"detail": "a", "detail": "b"}'
    assert {v.name for v in CONTRACT.check(error(body=body).exchange())} == {
        "error-without-envelope",
        "duplicate-key",
    }


@pytest.mark.parametrize(
    ("code", "status", "wrong"),
    [
        ("invalid_api_key", 401, False),
        ("invalid_api_key", 403, True),
        ("model_not_found", 404, False),
        ("model_not_found", 403, False),
        ("model_not_found", 400, True),
        ("insufficient_quota", 429, False),
        ("insufficient_quota", 402, True),
        ("missing_required_parameter", 400, False),
        ("missing_required_parameter", 404, True),
        ("anything_else", 404, False),
        (None, 404, False),
    ],
)
def test_a_known_code_has_its_status(code: Any, status: int, wrong: bool) -> None:
    assert ("error-status-mismatch" in names(error({"/error/code": code}, status=status))) is wrong


@pytest.mark.parametrize("code", [401, ["invalid_api_key"], {}, 1.5, True])
def test_a_code_of_another_type_is_left_to_the_schema(code: Any) -> None:
    assert not names(error({"/error/code": code}, status=401))


@pytest.mark.parametrize(
    ("word", "status", "wrong"),
    [
        ({"type": "rate_limit_error"}, 400, True),
        ({"type": "rate_limit_error"}, 429, False),
        ({"type": "insufficient_quota"}, 400, True),
        ({"type": "insufficient_quota"}, 402, False),
        ({"type": "permission_error"}, 400, True),
        ({"type": "overloaded_error"}, 529, False),
        ({"type": "requests"}, 400, True),
        ({"type": "tokens"}, 500, True),
        ({"type": "tokens", "code": "rate_limit_exceeded"}, 413, True),
        ({"type": "server_error"}, 429, True),
        ({"type": "server_error", "message": "That engine is currently overloaded."}, 429, False),
        ({"code": "slow_down"}, 429, False),
        ({"code": "slow_down"}, 503, False),
        ({"code": "slow_down"}, 400, True),
        ({"code": "billing_not_active"}, 400, True),
        ({"code": "account_deactivated"}, 403, False),
        ({"code": "unsupported_country_region_territory"}, 400, True),
        ({"type": "of_my_own"}, 400, False),
    ],
)
def test_a_type_and_a_code_have_their_statuses(word: dict[str, str], status: int, wrong: bool) -> None:
    changes = {f"/error/{name}": value for name, value in {"type": "x", **word}.items()}
    assert [v.name for v in found(error(changes, status=status))] == ["error-status-mismatch"] * wrong


@pytest.mark.parametrize(
    ("word", "status", "severity"),
    [
        ({"type": "tokens", "code": "rate_limit_exceeded"}, 413, None),
        ({"code": "insufficient_quota"}, 402, None),
        ({"type": "authentication_error"}, 400, Severity.INFO),
        ({"code": "invalid_api_key"}, 400, Severity.WARNING),
    ],
)
def test_other_servers_may_say_it_otherwise(word: dict[str, str], status: int, severity: Severity | None) -> None:
    contract = Contract.load(profile="compatible", select=["CC705"])
    changes = {f"/error/{name}": value for name, value in {"type": "x", **word}.items()}
    found = contract.check(error(changes, status=status).exchange())
    assert [v.severity for v in found] == [severity] * (severity is not None)


@pytest.mark.parametrize("status", [400, 404, 500])
def test_a_completion_with_the_status_of_an_error_has_one_finding(status: int) -> None:
    answer = error(body=json.dumps(RESPONSE).encode(), status=status)
    assert [v.name for v in CONTRACT.check(answer.exchange())] == ["completion-with-error-status"]


SERVER_FAULT = {"/error/type": "server_error"}


def test_a_server_fault_for_a_request_that_breaks_the_contract_is_found() -> None:
    good = error(SERVER_FAULT, status=500, request={})
    bad = error(SERVER_FAULT, status=500, request={"/messages": []})
    assert not names(good)
    assert names(bad) == {"error-status-mismatch"}
    assert not names(error(request={"/messages": []}))


@pytest.mark.parametrize("body", [b"{", b'{"model": "a", "model": "b", "messages": []}', b"[NaN]", b'"\\ud800"'])
def test_a_server_fault_for_a_request_that_is_no_sound_json_is_found(body: bytes) -> None:
    answer = error(SERVER_FAULT, status=503).exchange().response
    assert answer is not None
    violations = ERRORS.check(Exchange("", Request(body=body), Response(503, (), answer.body)))
    assert [v.name for v in violations] == ["error-status-mismatch"]


def test_a_request_that_was_not_recorded_breaks_nothing() -> None:
    answer = error(SERVER_FAULT, status=503).exchange().response
    assert answer is not None
    assert not ERRORS.check(Exchange("", Request(), Response(503, (), answer.body)))


@pytest.mark.parametrize(("profile", "severity"), [("openai", Severity.WARNING), ("compatible", Severity.INFO)])
def test_customs_of_the_service_weigh_less_for_others(profile: Any, severity: Severity) -> None:
    contract = Contract.load(profile=profile, select=["CC7"])
    violations = contract.check(error(status=422).exchange())
    assert [(v.name, v.severity) for v in violations] == [("status-422", severity)]


TOO_LONG = "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens."


@pytest.mark.parametrize(
    ("said", "status", "code", "expected"),
    [
        (TOO_LONG, 400, "context_length_exceeded", None),
        (TOO_LONG, 400, None, Severity.WARNING),
        (TOO_LONG, 400, "400", Severity.WARNING),
        ("prompt too long; exceeded max context length by 7 tokens", 400, None, Severity.WARNING),
        ("the request exceeds the available context size (4096 tokens)", 500, None, Severity.WARNING),
        ("Request too large for gpt-5.2: prompt too long for the tokens of a minute", 429, None, None),
        ("The server is overloaded.", 503, None, None),
        ("Expected a string with maximum length 64, but got one with length 80.", 400, "string_above_max_length", None),
    ],
)
def test_a_prompt_that_is_too_long_is_told_by_the_code(
    said: str, status: int, code: str | None, expected: Severity | None
) -> None:
    exchange = error({"/error/message": said, "/error/code": code}, status=status).exchange()
    strict, lenient = (Contract.load(select=["CC709"], profile=profile) for profile in ("openai", "compatible"))
    assert [v.severity for v in strict.check(exchange)] == ([expected] if expected else [])
    eased = Severity.INFO if expected and status < 500 else expected
    assert [v.severity for v in lenient.check(exchange)] == ([eased] if eased else [])


def test_an_overflow_is_told_by_an_error_of_any_form() -> None:
    exchange = error(body=b'{"detail": "prompt is too long: 9000 tokens"}', status=400).exchange()
    (violation,) = Contract.load(select=["CC709"]).check(exchange)
    assert violation.pointer == ""
