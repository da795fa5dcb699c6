"""Recordings of the Azure SDKs' test proxy, which OpenAI's .NET library is tested with, too.

The form: https://github.com/Azure/azure-sdk-tools/tree/main/tools/test-proxy
"""

from collections.abc import Mapping

from chatcontract.exceptions import SourceError
from chatcontract.model import JSON, Request, Response
from chatcontract.recording import Recorded, pairs
from chatcontract.sources import values
from chatcontract.sources.entries import entries
from chatcontract.sources.messages import (
    Input,
    Items,
    address,
    is_chat,
    pass_over,
    plain_headers,
    recorded,
    status,
    text,
    undone,
)

NAMES = ("Entries",)
FORM = "test proxy entry"


def read(source: Input) -> Items:
    """The chat entries of the recording."""
    return entries(source, NAMES, "#/Entries", _entry)


def _entry(value: Mapping[str, JSON], origin: str, source: Input) -> Recorded | None:
    method, url = text(value.get("RequestMethod")), text(value.get("RequestUri"))
    if not url:
        raise SourceError("an entry without the address of its request")
    if not is_chat(method, url):
        pass_over(source.passed_over, address(method, url))
        return None
    sent, got = plain_headers(pairs(value.get("RequestHeaders"))), plain_headers(pairs(value.get("ResponseHeaders")))
    code, body = status(value.get("StatusCode")), undone(_body(value.get("ResponseBody")), got, sure=False)
    answer = None if code is None and not body else Response(code, got, body)
    request = Request(method, url, sent, undone(_body(value.get("RequestBody")), sent, sure=False))
    return recorded(origin, request, answer, origin, FORM)


def _body(value: JSON) -> bytes:
    """A body: JSON as the value that it is, text as one string or as its lines."""
    if value is None:
        return b""
    lines = [value] if isinstance(value, str) else value
    if isinstance(lines, list) and all(isinstance(line, str) for line in lines):
        return "".join(lines).encode(errors="surrogatepass")
    return values.text(value)
