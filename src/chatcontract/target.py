"""The server under test: its address, its keys, and how a probe's request becomes one of HTTP."""

import base64
import gzip
import json
import os
import shlex
from typing import NamedTuple
from urllib.parse import urlsplit, urlunsplit

from chatcontract.cleaning import url as without_keys
from chatcontract.client import USER_AGENT
from chatcontract.model import JSON, Headers, Request
from chatcontract.probe import Ask, Context
from chatcontract.redact import FILTERED, SECRET_HEADERS, short

_ENDPOINT = "/chat/completions"
_WRONG_KEY = "sk-chatcontract-wrong-key-0000"
_SECRET_WORDS = ("key", "token", "secret", "auth", "password", "cookie", "session")
_SHORTEST_SECRET = 6
_LONGEST_BODY = 8000
"""Bytes of a body that a command shows as they are."""


class Target(NamedTuple):
    """Where requests go: address without `/chat/completions`, key and its variable, more headers."""

    base: str
    key: str = ""
    key_name: str = "OPENAI_API_KEY"
    headers: Headers = ()

    @property
    def secrets(self) -> tuple[str, ...]:
        """Texts that must not be shown."""
        found = [self.key, *(value for name, value in self.headers if is_secret(name))]
        parts = [part for value in found for part in (value, value.rpartition(" ")[2])]
        return tuple(dict.fromkeys(part for part in parts if len(part) >= _SHORTEST_SECRET))

    def request(self, ask: Ask, context: Context) -> Request:
        """The request of HTTP that an Ask is."""
        body = _body(ask, context)
        accept = "text/event-stream, application/json" if _streams(ask) else "application/json"
        headers = [("accept", accept), ("accept-encoding", "identity"), ("user-agent", USER_AGENT)]
        if ask.method != "GET":
            headers.append(("content-type", ask.media))
        headers += self._key(ask)
        return Request(ask.method, self.base + ask.path, tuple(headers), body)

    def _key(self, ask: Ask) -> list[tuple[str, str]]:
        """The headers that identify the caller; where they are not wanted, those by hand go too."""
        own = [(name, value) for name, value in self.headers if ask.key == "own" or not is_secret(name)]
        if ask.key == "own" and self.key and not any(name.lower() == "authorization" for name, _ in own):
            return [("authorization", f"Bearer {self.key}"), *own]
        return [("authorization", f"Bearer {_WRONG_KEY}"), *own] if ask.key == "wrong" else own

    def curl(self, ask: Ask, request: Request) -> str:
        """A command that sends a request again as it was sent, keys as variables."""
        words = ["curl", "-sS", "-N", "-i", "-X", request.method, shlex.quote(request.url)]
        for name, value in request.headers:
            words += ["-H", self._shown(ask, name, value)]
        return " ".join(words) if ask.method == "GET" else _with_body(" ".join(words), request.body)

    def _shown(self, ask: Ask, name: str, value: str) -> str:
        if name.lower() == "authorization":
            key = _WRONG_KEY if ask.key == "wrong" else f"${self.key_name}"
            return f'"Authorization: Bearer {key}"'
        if FILTERED in value:
            return f'"{name}: ${variable(name)}"'
        return shlex.quote(f"{name}: {value}")


def variable(header: str) -> str:
    """The name of a variable that stands for the value of a header.

    >>> variable("x-api-key")
    'X_API_KEY'
    """
    return "".join(sign if sign.isalnum() and sign.isascii() else "_" for sign in header).upper()


def is_secret(header: str) -> bool:
    """Whether a header of that name carries a key."""
    return header.lower() in SECRET_HEADERS or any(word in header.lower() for word in _SECRET_WORDS)


def base_of(url: str) -> str:
    """The base address that a user means.

    Raises:
        ValueError: it is no http or https address, or has a password in it.

    >>> base_of("http://127.0.0.1:8080/v1/chat/completions/")
    'http://127.0.0.1:8080/v1'
    """
    shown = short(without_keys(url.strip()), 200)
    try:
        parts = urlsplit(url.strip())
        is_address = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # brackets of IPv6, or a port beyond all ports
        is_address = False
    if not is_address or not url.strip().isprintable() or " " in url.strip():
        raise ValueError(f"{shown} is no http(s) address, such as http://127.0.0.1:8080/v1")
    if parts.username or parts.password:
        raise ValueError(
            "the address has a user name or password in it; put the key into a variable, see --api-key-env"
        )
    if parts.query or parts.fragment:
        raise ValueError(f"{shown} has a query or fragment; give it as a header, or leave it out")
    path = parts.path.rstrip("/").removesuffix(_ENDPOINT)
    return urlunsplit((parts.scheme, parts.netloc, path, "", ""))


def key_in(variable: str) -> str:
    """The key that an environment variable holds, without blanks around it; empty where there is none.

    Raises:
        ValueError: no header can hold it.
    """
    key = os.environ.get(variable, "").strip()
    if not key.isprintable():
        raise ValueError(f"the key in {variable} has a line end or a control character in it: set it anew")
    return key


def alternatives(base: str) -> tuple[str, ...]:
    """The base addresses to be tried, in order: as given, and with `/v1` where no path was given."""
    return (base,) if urlsplit(base).path.strip("/") else (base, f"{base}/v1")


def _streams(ask: Ask) -> bool:
    return ask.changes.get("/stream") is True


def _body(ask: Ask, context: Context) -> bytes:
    if ask.raw is not None:
        return ask.raw.replace(b"%MODEL%", json.dumps(context.model)[1:-1].encode())
    payload: JSON = ask.payload(context)
    written = json.dumps(payload, ensure_ascii=False).encode(errors="backslashreplace")  # which is JSON's own escape
    return b"" if payload is None else written[:-1] + b" " * ask.blanks + written[-1:]


def _with_body(command: str, body: bytes) -> str:
    if len(body) > _LONGEST_BODY:
        return _packed(command, body)
    if body.isascii() or _is_text(body):
        return f"{command} --data-raw {shlex.quote(body.decode())}"
    escaped = "".join(chr(byte) if 32 <= byte < 127 and byte not in (37, 92) else f"\\{byte:03o}" for byte in body)
    return f"printf {shlex.quote(escaped.replace('%', '%%'))} | {command} --data-binary @-"


def _packed(command: str, body: bytes) -> str:
    """A long body as text that the shell unpacks; of one that stays long only both ends are shown."""
    packed = base64.b64encode(gzip.compress(body, mtime=0)).decode()
    if len(packed) > _LONGEST_BODY:
        return _with_body(command, body[:2000] + b"...(shortened)..." + body[-2000:])
    return f"echo {packed} | base64 -d | gunzip | {command} --data-binary @-"


def _is_text(body: bytes) -> bool:
    try:
        return body.decode().isprintable()
    except UnicodeDecodeError:
        return False
