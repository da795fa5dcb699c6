"""Errors (CC7): the envelope, its message, and how status and code fit."""

import json
from collections.abc import Iterator

from chatcontract.declare import SpecView, rule
from chatcontract.examples import RESPONSE, error
from chatcontract.jsontext import ABSENT
from chatcontract.model import JSON, Basis, Finding, Part, Response, Severity
from chatcontract.patterns import pattern
from chatcontract.reading import Reading, header, members
from chatcontract.redact import short

_CODES = "https://developers.openai.com/api/docs/guides/error-codes"
_ENVELOPE = "#/components/schemas/ErrorResponse"
_ERROR = "#/components/schemas/Error/properties"
_RESPONSES = "#/components/responses"
_HTML = b"<html><h1>502 Bad Gateway</h1></html>"
_BLOCKED = b"<html><title>Attention Required! | Cloudflare</title></html>"
_EDGE = pattern(rb"(?i)cloudflare|_cf_chl_opt|\berror code: 10\d\d\b")
_MAX_READ = 64 * 1024
"""Bytes of a page in which its maker is looked for."""
_WRONG_KEY = {"/error/code": "invalid_api_key"}


@rule(
    "CC701",
    anchor=_ENVELOPE,
    part=Part.ERROR,
    severity=Severity.ERROR,
    basis=Basis.DOCUMENTED,
    source=_CODES,
    since="0.1",
    passes=[error()],
    fails=[
        error(body=b"Not Found", status=404),
        error(body=_HTML, status=502),
        error(body=_BLOCKED, status=403),
        error(body=b"", status=500),
    ],
)
def error_not_json(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The body of an error is no JSON.

    ## Why it matters
    Clients find neither message nor code, so they cannot tell what to do about it.

    ## Known exceptions
    A gateway in front of the service answers with text when it cannot reach it, so with a status of 500 and
    above it is a warning; so is a page with which Cloudflare blocks a caller before the service sees the request,
    and an empty body, which many recorders lose.
    """
    answer = reading.exchange.response
    if reading.envelope != "not-json" or answer is None:
        return
    is_foreign = not answer.body or (reading.status or 0) >= 500 or _is_of_edge(answer)
    severity = Severity.WARNING if is_foreign else None
    got = short(answer.body[:400].decode(errors="replace"), 120) if answer.body else "an empty body"
    yield Finding("", f"expected an object with error, got {got}", severity=severity)


def _is_of_edge(answer: Response) -> bool:
    """Whether a network in front of the service wrote the page: the service's own answers have its headers."""
    if header(answer.headers, "x-request-id") or header(answer.headers, "openai-version"):
        return False
    return bool(header(answer.headers, "cf-mitigated")) or _EDGE.search(answer.body[:_MAX_READ]) is not None


@rule(
    "CC702",
    anchor=_ENVELOPE,
    part=Part.ERROR,
    severity=Severity.ERROR,
    basis=Basis.DOCUMENTED,
    source="https://github.com/sgl-project/sglang/issues/33504",
    since="0.1",
    passes=[error()],
    fails=[
        error(body=b'{"detail": "Unauthorized"}', status=401),
        error(body=b'{"object": "error", "message": "no", "type": "invalid_request_error", "code": 400}'),
        error(body=b'{"message": "Unauthorized", "request_id": "1"}', status=401),
    ],
    breaks=[("OpenAI's SDKs", "report an error without a body in place of the message")],
)
def error_without_envelope(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The members of an error stand at the top of the body, not inside `error`.

    ## Why it matters
    Clients look for `error.message` and find nothing: the user sees no reason.

    ## Known exceptions
    None known; frameworks answer so unless told otherwise.
    """
    if reading.envelope in ("detail", "flat"):
        names = short(sorted(reading.error)[:8], 120)
        yield Finding("", f"expected the member error, got an object with {names}", reading.error)


@rule(
    "CC703",
    anchor=_ENVELOPE,
    part=Part.ERROR,
    severity=Severity.ERROR,
    basis=Basis.DOCUMENTED,
    source="https://github.com/FuzzAnything/PromptFuzz/issues/42",
    since="0.1",
    passes=[error()],
    fails=[error(body=b'[{"error": {"message": "no", "code": 400, "status": "INVALID_ARGUMENT"}}]')],
    breaks=[("PromptFuzz", "fails: the field message is missing")],
)
def error_in_array(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The body of an error is an array that holds the object.

    ## Why it matters
    Clients look for `error.message` in an object and find nothing.

    ## Known exceptions
    None known.
    """
    if reading.envelope == "array":
        value = reading.answer.value
        yield Finding("", f"expected an object with error, got an array of {len(value)}", value)


@rule(
    "CC704",
    anchor=f"{_ERROR}/message",
    part=Part.ERROR,
    severity=Severity.WARNING,
    basis=Basis.INTEROP,
    source="https://github.com/vllm-project/vllm/issues/35438",
    since="0.1",
    passes=[error()],
    fails=[error({"/error/message": ""}), error({"/error/message": "  "})],
)
def error_message_empty(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The message of an error is empty.

    ## Why it matters
    The user sees no reason, and neither does who reads the log.

    ## Known exceptions
    None known.
    """
    message = members(reading.error.get("error")).get("message")
    if isinstance(message, str) and not message.strip():
        yield Finding("/error/message", f"expected what went wrong in words, got {short(message)}", message)


_REQUEST_CODES = (
    "array_above_max_length", "context_length_exceeded", "decimal_above_max_value", "decimal_below_min_value",
    "empty_array", "integer_above_max_value", "integer_below_min_value", "invalid_function_parameters",
    "invalid_image_url", "invalid_type", "invalid_value", "missing_required_parameter",
    "string_above_max_length", "unknown_parameter", "unsupported_parameter", "unsupported_value",
)  # fmt: skip
_OR_ABOVE = 500
_OF_CODES = {
    **dict.fromkeys(_REQUEST_CODES, (400,)),
    "account_deactivated": (401, 403),
    "billing_not_active": (402, 429),
    "credit_balance_exhausted": (402, 429),
    "insufficient_quota": (429,),
    "invalid_api_key": (401,),
    "model_not_found": (403, 404),
    "rate_limit_exceeded": (429,),
    "server_is_overloaded": (_OR_ABOVE,),
    "slow_down": (429, _OR_ABOVE),
    "unknown_url": (404,),
    "unsupported_country_region_territory": (403,),
}
_OF_TYPES = {
    "authentication_error": (401, 403),
    "insufficient_quota": (402, 429),
    "invalid_request_error": tuple(range(400, 500)),
    "overloaded_error": (_OR_ABOVE,),
    "permission_error": (401, 403),
    "rate_limit_error": (429,),
    "requests": (429,),
    "server_error": (_OR_ABOVE,),
    "service_unavailable_error": (_OR_ABOVE,),
    "tokens": (429,),
}
_ALSO = {"insufficient_quota": 402, "rate_limit_exceeded": 413, "requests": 413, "tokens": 413}
"""What other servers say: Groq refuses a request that is larger than its limit with 413."""
_STRICT = frozenset(("invalid_request_error", "server_error", *_REQUEST_CODES)) | {
    "insufficient_quota", "invalid_api_key", "model_not_found", "rate_limit_exceeded", "unknown_url",
}  # fmt: skip
"""Words that mean the same everywhere."""


@rule(
    "CC705",
    anchor=f"{_ERROR}/code",
    part=Part.ERROR,
    severity=Severity.WARNING,
    basis=Basis.DOCUMENTED,
    source=_CODES,
    since="0.1",
    passes=[
        error(_WRONG_KEY, status=401),
        error({"/error/code": "model_not_found"}, status=404),
        error({"/error/code": "model_not_found"}, status=403),
        error({"/error/code": "invalid_request_error"}, status=401),
        error({"/error/type": "server_error"}, status=503),
        error({"/error/type": "server_error", "/error/message": "The engine is overloaded."}, status=429),
        error({"/error/type": "overloaded_error"}, status=529),
        error({"/error/type": "insufficient_quota"}, status=402),
    ],
    fails=[
        error(_WRONG_KEY, status=400),
        error({"/error/code": "model_not_found"}, status=400),
        error({"/error/code": "rate_limit_exceeded"}, status=503),
        error(status=500),
        error({"/error/type": "server_error"}),
        error({"/error/type": "rate_limit_error"}),
        error({"/error/type": "authentication_error"}, status=500),
        error({"/error/code": "server_is_overloaded"}),
    ],
)
def error_status_mismatch(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The status of an error contradicts its code, its type, or the request that it answers.

    ## Why it matters
    SDKs make an exception of the status and retry by it: with 500 and above a request that breaks the
    contract, and can never succeed, is sent again and again; with 400 one that would succeed later is given up.
    What looks at the code does something else.

    ## Known exceptions
    Codes and types that are not known here are not judged, and most types weigh less in profile `compatible`. The
    service itself says `server_error` with 429 where an engine is overloaded. A real outage may meet a wrong request.
    """
    status, reported = reading.status, members(reading.error.get("error"))
    if status is None or status < 400:
        return
    word = _contradicted(reported, status, spec.profile == "compatible")
    if word:
        wanted = _in_words((_OF_CODES if word == "code" else _OF_TYPES)[reported[word]])
        text = f"expected {wanted} with the {word} {short(reported[word])}, got {status}"
        severity = None if reported[word] in _STRICT or spec.profile != "compatible" else Severity.INFO
        yield Finding(f"/error/{word}", text, reported[word], severity=severity)
    elif status >= 500 and _is_refused(reading, spec):
        yield Finding("", f"expected status 400, since the request breaks the contract, got {status}", status)


def _contradicted(reported: dict[str, JSON], status: int, is_lenient: bool) -> str:
    """The member of the error, `code` or `type`, whose meaning the status contradicts; empty if there is none."""
    for name, statuses in (("code", _OF_CODES), ("type", _OF_TYPES)):
        word = reported.get(name)
        wanted = statuses.get(word) if isinstance(word, str) else None
        if wanted is None or status in wanted or (status >= _OR_ABOVE and _OR_ABOVE in wanted):
            continue
        is_busy = word == "server_error" and status == 429 and "overloaded" in str(reported.get("message"))
        if not is_busy and not (is_lenient and _ALSO.get(str(word)) == status):
            return name
    return ""


def _in_words(statuses: tuple[int, ...]) -> str:
    if len(statuses) > 2:
        return "a status below 500"
    return "status " + " or ".join("500 or above" if status == _OR_ABOVE else str(status) for status in statuses)


def _is_refused(reading: Reading, spec: SpecView) -> bool:
    """Whether there is a request and it breaks the contract."""
    if reading.exchange.request is None or not reading.exchange.request.body:
        return False
    text = reading.addressed
    return bool(text.faults) or text.value is ABSENT or not spec.accepts_request(text.value)


@rule(
    "CC706",
    anchor=f"{_RESPONSES}/UnprocessableEntity",
    part=Part.ERROR,
    severity=Severity.WARNING,
    basis=Basis.DOCUMENTED,
    source=_CODES,
    since="0.1",
    passes=[error(status=400), error(status=404)],
    fails=[error(status=422)],
    compatible=Severity.INFO,
)
def status_422(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """A request is refused with status 422 where the service says 400.

    ## Why it matters
    SDKs raise another exception for it, so what handles a bad request does not catch it.

    ## Known exceptions
    Frameworks that check requests by themselves answer so; a request that is whole and still cannot be
    processed.
    """
    if reading.status == 422:
        yield Finding("", "expected status 400 for a request that is refused, got 422", 422)


_KEY_CODES = (
    "account_deactivated", "invalid_api_key", "invalid_issuer", "invalid_organization", "ip_not_authorized",
    "mismatched_organization", "mismatched_project", "missing_scope", "no_organization", "token_expired",
)  # fmt: skip


@rule(
    "CC707",
    anchor=f"{_RESPONSES}/Unauthorized",
    part=Part.ERROR,
    severity=Severity.WARNING,
    basis=Basis.DOCUMENTED,
    source=_CODES,
    since="0.1",
    passes=[error(_WRONG_KEY, status=401), error(status=401), error({"/error/code": "other"}, status=403)],
    fails=[error({"/error/code": "401"}, status=401), error({"/error/code": "unauthorized"}, status=401)],
    compatible=Severity.INFO,
)
def unauthorized_code_unknown(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """A status of 401 comes with a code that the service does not use for it.

    ## Why it matters
    Clients that ask for another key look for `invalid_api_key`.

    ## Known exceptions
    No code at all (null) is what the service sends when there is no key.
    """
    code = members(reading.error.get("error")).get("code") if reading.status == 401 else None
    if isinstance(code, str) and code not in _KEY_CODES:
        yield Finding("/error/code", f'expected the code "invalid_api_key", got {short(code, 60)}', code)


@rule(
    "CC708",
    anchor=_RESPONSES,
    part=Part.ERROR,
    severity=Severity.ERROR,
    basis=Basis.DOCUMENTED,
    source=_CODES,
    since="0.1",
    passes=[error(), error(status=500)],
    fails=[error(body=json.dumps(RESPONSE).encode(), status=500), error(body=b'{"choices": []}')],
)
def completion_with_error_status(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The body is a completion, and the status says that something failed.

    ## Why it matters
    SDKs raise by the status: the answer is paid for, and nobody sees it. With 408, 409, 429 and from 500 on they
    send the request again.

    ## Known exceptions
    None known.
    """
    if reading.envelope == "completion":
        text = f"expected an object with error, or status 200, got a completion with status {reading.status}"
        yield Finding("", text)
