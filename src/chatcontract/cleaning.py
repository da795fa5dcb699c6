"""Exchanges as they may be stored: without keys, however these are spelled.

Whatever writes traffic to a file passes it through `clean` first. A key is known by the header, the member or
the parameter that holds it, by its form (`sk-…`, `Bearer …`), or because the same exchange sent it as one.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote

from chatcontract.model import Arrival, Exchange, Headers, Request, Response
from chatcontract.redact import FILTERED, SECRET_HEADERS

SHORTEST = 8
"""Characters of the shortest key that is looked for elsewhere, once a header has given it away."""

_NAMES = (
    r"authorization|(?:x[-_]?)?(?:[a-z]+[-_]?)?(?:api|access|secret|private|subscription)[-_]?key|"
    r"(?:access|auth|refresh|id|session|security|bearer)[-_]?token|(?:set[-_])?cookie|client[-_]?secret|secret|"
    r"password|passwd|credentials?"
)
_HEADER = re.compile(
    rf"(?i)(?:^|-)(?:{_NAMES}|token|signature|auth|x-auth[a-z-]*|(?<!idempotency-)(?<!cache-)key)$|^cookie2?$"
)
_PARAMETER = re.compile(rf"(?i)^(?:{_NAMES}|key|token|code|auth|signature|sig)$")
_MEMBER = re.compile(
    rf'(?i)"(?:{_NAMES})"\s*:\s*"((?:[^"\\]|\\.)+)"|\\"(?:{_NAMES})\\"\s*:\s*\\"((?:[^"\\]|\\[^"])+)\\"'.encode()
)
# A key may follow an escape of JSON, whose last letter would otherwise count as part of a longer word.
_FORM = re.compile(
    rb"(?i)(?:(?<![a-z0-9_])|(?<=\\[nrtbf])|(?<=\\u[0-9a-f]{4}))"
    rb"(?:(?:sk|pk|rk|gsk|xai|hf|csk|pplx|sess)[-_](?!redacted)[a-z0-9_\-]{8,}"
    rb"|aiza[a-z0-9_\-]{20,}"
    rb"|bearer(?:\s|%20|\+)+[a-z0-9._~+/\-]{6,}=*"
    rb"|eyj[a-z0-9_\-]{8,}\.[a-z0-9_\-]{8,}\.[a-z0-9_\-]*)"
)
# What every match of the two has in it, in small letters: looking for these first is eight times quicker.
_FORM_HINTS = (b"bearer", b"aiza", b"eyj")
_FORM_HINT = re.compile(rb"[-_](?<=(?:sk|pk|rk|hf|ai|lx|ss)[-_])[a-z0-9_\-]{8}")
_MEMBER_HINTS = (
    b"authorization", b'key"', b'key\\"', b'token"', b'token\\"', b"cookie", b"secret", b"passw", b"credential",
)  # fmt: skip
_ESCAPED = re.compile(rb"\\u00([2-7][0-9a-fA-F])")
_ESCAPED_SAFE = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")
_USER = re.compile(r"(?<=://)[^/@?#]*@")
_FILTERED = FILTERED.encode()


class _Span(NamedTuple):
    start: int
    stop: int


def clean(exchange: Exchange, secrets: Iterable[str] = ()) -> Exchange:
    """The exchange without keys: in headers, address, bodies; arrivals are moved to where their bytes are now.

    Args:
        exchange: as it went over the wire, bodies without a content encoding.
        secrets: keys in use, to be taken out wherever they occur.
    """
    request, response = exchange.request, exchange.response
    wanted = longest_first((*secrets, *given_away(request, response)))
    return exchange._replace(
        id=without(exchange.id, wanted),
        request=None if request is None else clean_request(request, wanted),
        response=None if response is None else clean_response(response, wanted),
        origin=without(url(exchange.origin), wanted),
        host=exchange.host.rpartition("@")[2],
    )


def longest_first(secrets: Iterable[str]) -> tuple[str, ...]:
    """The keys that are long enough to be looked for, each once."""
    return tuple(sorted({secret for secret in secrets if len(secret) >= SHORTEST}, key=len, reverse=True))


def given_away(request: Request | None, response: Response | None) -> Iterator[str]:
    """The keys that headers and the address of the exchange hold."""
    for name, value in (*(request.headers if request else ()), *(response.headers if response else ())):
        if is_secret(name):
            pieces = re.split(r"[\s;,]+", value)
            yield from [piece for piece in pieces if len(piece) >= SHORTEST] or [value]
            yield from (piece.partition("=")[2] for piece in pieces)
    for name, value in _parameters(request.url) if request else ():
        if _PARAMETER.match(name):
            yield value
            yield unquote(value)


@lru_cache(1024)
def is_secret(header: str) -> bool:
    """Whether a header of that name carries a key.

    >>> is_secret("X-Api-Key"), is_secret("X-Portkey-Virtual-Key"), is_secret("X-RateLimit-Remaining-Tokens")
    (True, True, False)
    """
    return header.lower() in SECRET_HEADERS or _HEADER.search(header) is not None


def clean_request(request: Request, secrets: tuple[str, ...]) -> Request:
    """The request without keys and without these secrets."""
    address = without(url(request.url), secrets)
    return Request(request.method, address, headers(request.headers, secrets), body(request.body, secrets)[0])


def clean_response(response: Response, secrets: tuple[str, ...]) -> Response:
    """The response without keys and without these secrets."""
    data, arrivals = body(response.body, secrets, response.arrivals)
    return Response(response.status, headers(response.headers, secrets), data, arrivals)


def headers(pairs: Headers, secrets: tuple[str, ...] = ()) -> Headers:
    """Header pairs without keys; addresses in them (`location`, `referer`) lose theirs as well."""
    return tuple((name, _value(name, value, secrets)) for name, value in pairs)


@lru_cache(2048)
def _value(name: str, value: str, secrets: tuple[str, ...]) -> str:
    return FILTERED if is_secret(name) else without(url(value), secrets)


def url(address: str) -> str:
    """The address without its user, its password and the parameters that hold keys.

    >>> url("https://me:pw@host/v1?api-version=3&api%2Dkey=abc#key=1")
    'https://[Filtered]@host/v1?api-version=3&api%2Dkey=[Filtered]#key=[Filtered]'
    """
    address = _USER.sub(FILTERED + "@", address) if "@" in address else address
    return re.sub(r"([?&;#])([^=&;#?\s]+)=([^&;#\s]*)", _parameter, address) if "=" in address else address


def _parameter(match: re.Match[str]) -> str:
    return f"{match[1]}{match[2]}={FILTERED}" if _PARAMETER.match(unquote(match[2])) else match[0]


def _parameters(address: str) -> Iterator[tuple[str, str]]:
    for piece in re.split("[?&;#]", address)[1:]:
        name, _, value = piece.partition("=")
        yield unquote(name), value


def without(text: str, secrets: tuple[str, ...] = ()) -> str:
    """The text without the keys named and without whatever has the form of one."""
    if len(text) < SHORTEST:
        return text
    return body(text.encode(errors="surrogatepass"), secrets)[0].decode(errors="surrogatepass")


def body(
    data: bytes, secrets: tuple[str, ...] = (), arrivals: tuple[Arrival, ...] = ()
) -> tuple[bytes, tuple[Arrival, ...]]:
    """The bytes without keys, and the arrivals by the offsets that they have then.

    >>> body(b'{"content": "it is\\\\nsk-abcdefgh12345678", "api_key": "x"}')[0]
    b'{"content": "it is\\\\n[Filtered]", "api_key": "[Filtered]"}'
    """
    data, arrivals = _plainly_spelled(data, secrets, arrivals)
    return _replaced(data, _joined(_spans(data, secrets)), arrivals)


def _plainly_spelled(
    data: bytes, secrets: tuple[str, ...], arrivals: tuple[Arrival, ...]
) -> tuple[bytes, tuple[Arrival, ...]]:
    """The bytes with needless escapes of letters undone, where a key would hide behind them."""
    if rb"\u00" not in data:
        return data, arrivals
    escapes = [match for match in _ESCAPED.finditer(data) if int(match[1], 16) in _ESCAPED_SAFE]
    if not escapes:
        return data, arrivals
    changes = [(_Span(*match.span()), bytes([int(match[1], 16)])) for match in escapes]
    plain, moved = _rewritten(data, changes, arrivals)
    return (plain, moved) if next(_spans(plain, secrets), None) else (data, arrivals)


def _spans(data: bytes, secrets: tuple[str, ...]) -> Iterator[_Span]:
    for secret in map(str.encode, secrets):
        if secret in data:
            yield from (_Span(*match.span()) for match in re.finditer(re.escape(secret), data))
    lowered = data.lower()
    if _FORM_HINT.search(lowered) or any(map(lowered.__contains__, _FORM_HINTS)):
        yield from (_Span(*match.span()) for match in _FORM.finditer(data))
    if any(map(lowered.__contains__, _MEMBER_HINTS)):
        for match in _MEMBER.finditer(data):
            yield _Span(*match.span(1 if match[1] is not None else 2))


def _joined(spans: Iterator[_Span]) -> list[_Span]:
    joined: list[_Span] = []
    for span in sorted(spans):
        if joined and span.start < joined[-1].stop:
            joined[-1] = _Span(joined[-1].start, max(joined[-1].stop, span.stop))
        else:
            joined.append(span)
    return joined


def _replaced(data: bytes, spans: list[_Span], arrivals: tuple[Arrival, ...]) -> tuple[bytes, tuple[Arrival, ...]]:
    return _rewritten(data, [(span, _FILTERED) for span in spans], arrivals) if spans else (data, arrivals)


def _rewritten(
    data: bytes, changes: list[tuple[_Span, bytes]], arrivals: tuple[Arrival, ...]
) -> tuple[bytes, tuple[Arrival, ...]]:
    pieces: list[bytes] = []
    starts, places, end, length = [-1], [(0, 0, 0)], 0, 0
    for span, new in changes:
        pieces += (data[end : span.start], new)
        length += span.start - end + len(new)
        end = span.stop
        starts.append(span.start)
        places.append((span.stop, length, len(new)))

    def moved(offset: int) -> int:
        at = bisect_right(starts, offset) - 1
        stop, after, room = places[at]
        return after + offset - stop if offset >= stop else after - room + min(offset - starts[at], room)

    return b"".join((*pieces, data[end:])), tuple(Arrival(moved(offset), time) for offset, time in arrivals)
