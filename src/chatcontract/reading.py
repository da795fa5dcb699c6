"""An exchange read once: what every rule shares."""

from functools import cached_property
from typing import Literal, NamedTuple

from chatcontract.jsontext import ABSENT, TextFault, parse
from chatcontract.model import JSON, Event, Exchange, Oddity, Response
from chatcontract.sse import read_events

DONE = "[DONE]"
Kind = Literal["response", "stream", "error", "none"]


class Text(NamedTuple):
    """A parsed JSON text; `value` is ABSENT where there is none."""

    value: JSON = ABSENT
    faults: tuple[TextFault, ...] = ()


class Chunk(NamedTuple):
    """One data event of a stream that is not `[DONE]`; `position` counts all data events from 0."""

    position: int
    event: Event
    text: Text

    @property
    def is_error(self) -> bool:
        """Whether it is an error object in place of a chunk."""
        value = self.text.value
        return isinstance(value, dict) and value.get("error") is not None and "choices" not in value


def header(headers: tuple[tuple[str, str], ...], name: str) -> str:
    """The first value of a header by its lower-case name; empty if there is none."""
    return next((value for key, value in headers if key.lower() == name), "")


def looks_like_events(body: bytes) -> bool:
    """Whether the bytes begin as an event stream does."""
    start = body[:200].lstrip(b"\xef\xbb\xbf\r\n")
    return start.startswith((b"data:", b"event:", b"id:", b"retry:", b":"))


class Reading:
    """One exchange with its bodies parsed on demand, each once."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange

    @cached_property
    def request(self) -> Text:
        """The request's body."""
        request = self.exchange.request
        return Text(*parse(request.body)) if request is not None and request.body else Text()

    @cached_property
    def kind(self) -> Kind:
        """What the answer is, by status and bytes; the media type decides only where these do not."""
        response = self.exchange.response
        if response is None or (not response.body and response.status is None):
            return "none"
        if response.status is not None and response.status >= 400:
            return "error"
        return self._kind_of_body(response)

    def _kind_of_body(self, response: Response) -> Kind:
        if looks_like_events(response.body):
            return "stream"
        is_json = response.body.lstrip()[:1] in (b"{", b"[")
        if "event-stream" in header(response.headers, "content-type").lower() and not is_json:
            return "stream"
        if response.status is None and isinstance(self.answer.value, dict):
            value = self.answer.value
            return "error" if "error" in value and "choices" not in value else "response"
        return "response"

    @cached_property
    def answer(self) -> Text:
        """The body of an answer that is not a stream."""
        response = self.exchange.response
        return Text(*parse(response.body)) if response is not None else Text()

    @cached_property
    def _read(self) -> tuple[list[Event], list[Oddity]]:
        response = self.exchange.response
        return read_events(response.body, response.arrivals) if response is not None else ([], [])

    @property
    def events(self) -> list[Event]:
        """The events of a stream."""
        return self._read[0]

    @property
    def oddities(self) -> list[Oddity]:
        """What is unusual about the stream between and after its events."""
        return self._read[1]

    @cached_property
    def chunks(self) -> list[Chunk]:
        """The data events of a stream that are not `[DONE]`, parsed."""
        data = [event for event in self.events if event.data]
        return [
            Chunk(position, event, Text(*parse(event.data)))
            for position, event in enumerate(data)
            if event.data.strip() != DONE
        ]
