"""What a proxy changes of HTTP: headers of one hop, addresses, and the answers that it gives itself."""

import json
from collections.abc import Iterable, Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

from chatcontract.model import JSON, Headers, Violation, Violations
from chatcontract.report import violation_json

COUNT_HEADER = "x-chatcontract-violations"
ENDPOINT = "/chat/completions"
MAX_TOLD = 50
"""Violations that an answer lists."""
_ONE_HOP = frozenset(
    {"connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer",
     "transfer-encoding", "upgrade"}
)  # fmt: skip


class Refusal(NamedTuple):
    """An answer of the proxy's own: status, `code` of the error, and a sentence."""

    status: int
    code: str
    message: str
    type: str = "server_error"
    param: str | None = None


def end_to_end(raw: Iterable[tuple[bytes, bytes]], *without: str) -> Headers:
    """The headers that are meant for the other end, in their order, repeated ones included.

    >>> end_to_end([(b"Connection", b"close, X-A"), (b"x-a", b"1"), (b"X-B", b"2"), (b"TE", b"trailers")])
    (('X-B', '2'),)
    """
    pairs = [(_text(name), _text(value)) for name, value in raw]
    dropped = _ONE_HOP.union(without)
    for name, value in pairs:
        if name.lower() == "connection":
            dropped = dropped.union(word.strip().lower() for word in value.split(","))
    return tuple(pair for pair in pairs if pair[0].lower() not in dropped)


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def is_chat(method: str, target: str) -> bool:
    """Whether a request is one of those that the contract is about.

    >>> is_chat("POST", "/v1/chat/completions?api-version=1"), is_chat("GET", "/v1/chat/completions")
    (True, False)
    """
    return method == "POST" and target.partition("?")[0].rstrip("/").endswith(ENDPOINT)


def upstream_url(base: str, target: str) -> str:
    """The address at the upstream for a request's target, which begins with `/v1`, the base's own path, or neither.

    >>> upstream_url("https://host/api/v1", "/v1/models?limit=2")
    'https://host/api/v1/models?limit=2'
    >>> upstream_url("https://host/api/v1", "/api/v1/models")
    'https://host/api/v1/models'
    >>> upstream_url("https://host/v1", "/models")
    'https://host/v1/models'
    >>> upstream_url("http://host:1", "/v1/models")
    'http://host:1/v1/models'
    """
    own = urlsplit(base).path
    for prefix in (own, "/v1") if own else ():
        if target == prefix or target.startswith((prefix + "/", prefix + "?")):
            return base + target[len(prefix) :]
    return base + target


def refused(violations: Violations) -> tuple[Refusal, Mapping[str, JSON]]:
    """The answer to a request that breaks the contract, and the members that its error has besides."""
    first, others = violations.errors[0], len(violations.errors) - 1
    more = f" (and {others} more)" if others else ""
    message = f"Refused by chatcontract record --enforce: {first.message}{more} [{first.rule} {first.name}]"
    told: list[JSON] = [violation_json(violation) for violation in violations[:MAX_TOLD]]
    refusal = Refusal(400, "contract_violation", message, "invalid_request_error", _param(first))
    return refusal, {"violations": told}


def _param(violation: Violation) -> str | None:
    """The pointer in the spelling of OpenAI's errors."""
    path = ""
    for token in violation.pointer.split("/")[1:]:
        path += f"[{token}]" if token.isdecimal() else f".{token}"
    return path.removeprefix(".") or None


def body_of(refusal: Refusal, members: Mapping[str, JSON] | None = None) -> bytes:
    """The JSON body of an answer of the proxy's own, in the form of the API's errors.

    >>> body_of(Refusal(502, "upstream_unreachable", "gone"))
    b'{"error": {"message": "gone", "type": "server_error", "param": null, "code": "upstream_unreachable"}}'
    """
    told = {"message": refusal.message, "type": refusal.type, "param": refusal.param, "code": refusal.code}
    return json.dumps({"error": {**told, **(members or {})}}).encode()
