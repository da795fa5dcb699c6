"""HTTP (CC12): headers that tell requests apart and limits."""

import re
from collections.abc import Iterator

from chatcontract.declare import SpecView, rule
from chatcontract.examples import error, response
from chatcontract.model import Basis, Finding, Part, Severity
from chatcontract.reading import Reading
from chatcontract.redact import short

_OVERVIEW = "https://developers.openai.com/api/reference/overview"
_LIMITS = "https://developers.openai.com/api/docs/guides/rate-limits"
_ANSWERS = "#/paths/~1chat~1completions/post/responses"
_RETRY = "#/components/responses/TooManyRequests/headers/Retry-After"
_JSON = ("content-type", "application/json")
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+|\d+(?:\.\d+)?")
_DAYS = "Mon|Tues?|Wed(?:nes)?|Thu(?:rs)?|Fri|Sat(?:ur)?|Sun"
_MONTHS = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec"
_DATE = re.compile(
    rf"(?:{_DAYS})(?:day)?,? (?:\d\d[ -](?:{_MONTHS})[ -](?:\d\d)?\d\d|(?:{_MONTHS}) [ \d]\d)"
    r" \d\d:\d\d:\d\d(?: GMT| \d{4})"
)
"""The three forms of a date in HTTP."""
_NUMBER = re.compile(r"\d+(?:\.\d+)?")


@rule(
    "CC120",
    anchor=_ANSWERS,
    part=Part.EXCHANGE,
    severity=Severity.INFO,
    basis=Basis.DOCUMENTED,
    source=_OVERVIEW,
    since="0.1",
    needs=("headed",),
    passes=[response(), response(headers=(_JSON, ("date", "Fri, 21 Nov 2025 04:40:02 GMT")))],
    fails=[response(headers=(_JSON, ("openai-version", "2020-10-01")))],
)
def request_id_missing(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The answer has headers of the service, but no `x-request-id`.

    ## Why it matters
    It is what support asks for when an answer has to be found again.

    ## Known exceptions
    Recorders that leave it out. Where no header of the service was recorded, nothing is said.
    """
    if not reading.header("x-request-id") and any(name.startswith("openai-") for name, _ in reading.headers):
        yield Finding("", f"expected x-request-id, got {len(reading.headers)} other headers")


@rule(
    "CC121",
    anchor=_ANSWERS,
    part=Part.EXCHANGE,
    severity=Severity.INFO,
    basis=Basis.DOCUMENTED,
    source=_LIMITS,
    since="0.1",
    needs=("headed",),
    passes=[
        response(headers=(_JSON, ("x-ratelimit-remaining-tokens", "149984"), ("x-ratelimit-reset-tokens", "6m0s"))),
        response(headers=(_JSON, ("x-ratelimit-limit-tokens", "REDACTED"), ("x-ratelimit-reset-requests", "12ms"))),
    ],
    fails=[
        response(headers=(_JSON, ("x-ratelimit-remaining-tokens", "1.5e5"))),
        response(headers=(_JSON, ("x-ratelimit-reset-requests", "2 minutes"))),
    ],
)
def rate_limit_header_malformed(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """A header about rate limits holds neither a whole number nor, for a reset, a duration.

    ## Why it matters
    Clients that pace themselves by it cannot read it.

    ## Known exceptions
    What does not begin with a digit is taken for a recorder's placeholder.
    """
    for key, value in reading.headers:
        if key.startswith("x-ratelimit-") and value[:1].isdigit() and not _is_limit(key, value.strip()):
            wanted = "a duration such as 6m0s" if "-reset" in key else "a whole number"
            yield Finding("", f"expected {wanted} in {short(key, 60)}, got {short(value, 60)}", value)


def _is_limit(name: str, value: str) -> bool:
    if "-reset" in name:
        return _DURATION.fullmatch(value) is not None
    return value.isascii() and value.isdigit()


@rule(
    "CC122",
    anchor=_RETRY,
    part=Part.EXCHANGE,
    severity=Severity.WARNING,
    basis=Basis.DOCUMENTED,
    source="https://www.rfc-editor.org/rfc/rfc9110#name-retry-after",
    since="0.1",
    needs=("headed",),
    passes=[
        error(status=429, headers=(_JSON, ("Retry-After", "20"), ("retry-after-ms", "20000"))),
        error(status=503, headers=(_JSON, ("retry-after", "Fri, 21 Nov 2025 04:40:02 GMT"))),
        error(status=429, headers=(_JSON, ("retry-after", "REDACTED"), ("x-should-retry", "true"))),
    ],
    fails=[
        error(status=429, headers=(_JSON, ("retry-after", "0"))),
        error(status=429, headers=(_JSON, ("retry-after", "20s"))),
        error(status=429, headers=(_JSON, ("retry-after", "2025-11-21T15:47:00Z"))),
        error(status=429, headers=(_JSON, ("retry-after-ms", "soon"))),
        error(status=429, headers=(_JSON, ("x-should-retry", "1"))),
    ],
)
def retry_header_malformed(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """A header that says when to try again cannot be read.

    ## Why it matters
    SDKs obey `Retry-After`, `retry-after-ms` and `x-should-retry`, and guess where they cannot.

    ## Known exceptions
    A date as HTTP writes it is legal in `Retry-After`. Values in brackets or capitals are taken for a recorder's
    placeholder.
    """
    for name, (wanted, is_good) in _HINTS.items():
        value = reading.header(name).strip()
        if value and not _is_placeholder(value) and not is_good(value):
            yield Finding("", f"expected {wanted} in {name}, got {short(value, 60)}", value)


def _is_placeholder(value: str) -> bool:
    return not value[0].isdigit() and (value.isupper() or value[0] in "[<*{")


def _is_wait(value: str) -> bool:
    return (value.isascii() and value.isdigit() and value.strip("0") != "") or _DATE.fullmatch(value) is not None


_HINTS = {
    "retry-after": ("whole seconds, at least 1, or an HTTP date", _is_wait),
    "retry-after-ms": ("milliseconds", lambda value: _NUMBER.fullmatch(value) is not None),
    "x-should-retry": ("true or false", lambda value: value in ("true", "false")),
}


@rule(
    "CC123",
    anchor=_RETRY,
    part=Part.EXCHANGE,
    severity=Severity.INFO,
    basis=Basis.DOCUMENTED,
    source=_LIMITS,
    since="0.1",
    needs=("headed",),
    passes=[
        error(status=429, headers=(_JSON, ("retry-after", "20"))),
        error(status=429, headers=(_JSON, ("X-RateLimit-Remaining-Tokens", "0"))),
        error({"/error/code": "insufficient_quota"}, status=429, headers=(_JSON, ("date", "x"))),
        error(),
    ],
    fails=[error({"/error/code": "rate_limit_exceeded"}, status=429)],
)
def rate_limit_unexplained(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """A status of 429 comes without any header that says when to try again.

    ## Why it matters
    Clients guess how long to wait, and try too early or too late.

    ## Known exceptions
    A quota that is used up does not come back by waiting. Recorders that keep few headers.
    """
    headers = reading.headers if reading.status == 429 else ()
    if not headers or any(_tells_wait(name) for name, _ in headers):
        return
    reported = reading.error.get("error")
    if not isinstance(reported, dict) or reported.get("code") != "insufficient_quota":
        yield Finding("", f"expected Retry-After or rate limits with status 429, got {len(headers)} other headers")


def _tells_wait(name: str) -> bool:
    return name.startswith(("retry-after", "x-ratelimit-"))
