"""Flow files of mitmproxy, read by mitmproxy's own reader (extra `mitmproxy`)."""

from typing import Any

from chatcontract.exceptions import SourceError
from chatcontract.model import Headers, Request, Response
from chatcontract.recording import Recorded, Unreadable
from chatcontract.sources.messages import (
    Input,
    Items,
    address,
    is_chat,
    pass_over,
    plain_headers,
    recorded,
    undone,
)

FORM = "flow"


def read(source: Input) -> Items:
    """The chat flows of the file; raises SourceError without mitmproxy."""
    from importlib import import_module

    try:
        exceptions, http, io = (import_module(f"mitmproxy.{name}") for name in ("exceptions", "http", "io"))
    except ImportError:
        raise SourceError(
            f"{source.name}: flow files need mitmproxy: pip install 'chatcontract[mitmproxy]', or export HAR from it: "
            "mitmdump -nr FLOWS --set hardump=OUT.har"
        ) from None
    return _read(source, io.FlowReader(source.stream), http.HTTPFlow, exceptions.FlowReadException)


def _read(source: Input, reader: Any, http_flow: type, unreadable: type[Exception]) -> Items:
    number = 0
    try:
        for number, flow in enumerate(reader.stream(), 1):
            origin = f"{source.name}#{number}"
            if not isinstance(flow, http_flow):
                pass_over(source.passed_over, f"{getattr(flow, 'type', 'other')} flow")
            elif made := _made(flow, origin, source):
                yield made
    except (unreadable, OSError, EOFError, ValueError) as error:
        yield Unreadable(f"{source.name}#{number + 1}", f"the file cannot be read on: {error}")


def _made(flow: Any, origin: str, source: Input) -> Recorded | Unreadable | None:
    request = flow.request
    if not is_chat(request.method, request.pretty_url):
        pass_over(source.passed_over, address(request.method, request.pretty_url))
        return None
    try:
        sent = _headers(request)
        asked = Request(request.method, request.pretty_url, sent, undone(request.raw_content or b"", sent, sure=True))
        return recorded(origin, asked, _answer(flow.response), origin, FORM)
    except SourceError as error:
        return Unreadable(origin, str(error))


def _answer(response: Any) -> Response | None:
    """The answer; None where none came, or where its body was passed on without being kept."""
    if response is None or response.raw_content is None:
        return None
    headers = _headers(response)
    return Response(response.status_code, headers, undone(response.raw_content, headers, sure=True))


def _headers(message: Any) -> Headers:
    return plain_headers(tuple((str(name), str(value)) for name, value in message.headers.items(multi=True)))
