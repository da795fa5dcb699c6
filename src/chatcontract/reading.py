"""An exchange read once: what every rule shares."""

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Literal, NamedTuple

from chatcontract import envelopes
from chatcontract.jsontext import ABSENT, TextFault, parse, parse_each
from chatcontract.model import JSON, Event, Exchange, Oddity, Response
from chatcontract.oddities import UNREADABLE
from chatcontract.sse import read_events

if TYPE_CHECKING:
    from chatcontract.chunks import Breach

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
        return isinstance(value, dict) and "error" in value and value["error"] is not None and "choices" not in value


def header(headers: tuple[tuple[str, str], ...], name: str) -> str:
    """The first value of a header by its lower-case name; empty if there is none."""
    return next((value for key, value in headers if key.lower() == name), "")


def looks_like_events(body: bytes) -> bool:
    """Whether the bytes begin as an event stream does."""
    start = body[:200].lstrip(b"\xef\xbb\xbf\r\n")
    return start.startswith((b"data:", b"event:", b"id:", b"retry:", b":"))


def is_terminator(event: Event) -> bool:
    """Whether the data are `[DONE]`, be it in an odd spelling."""
    return event.data == DONE or is_odd_terminator(event)


def is_odd_terminator(event: Event) -> bool:
    """Whether the data are `[DONE]` in an odd spelling."""
    return bool(event.oddities) and any(
        oddity.name in ("done-with-spaces", "done-variant") for oddity in event.oddities
    )


def _unexplained(event: Event, text: Text) -> Text:
    """The text of an event, without the fault where an oddity says why the data cannot be read."""
    explained = text.value is ABSENT and any(oddity.name in UNREADABLE for oddity in event.oddities)
    return Text() if explained else text


TRAITS: Mapping[str, str] = {
    "asked": "the request is known, and an object",
    "calls": "a choice calls a tool or a function",
    "logprobs": "a choice has log probabilities",
    "audio": "a choice has audio",
    "details": "the usage has details",
}
"""What rules may need, so that most traffic is not asked about what it does not have."""


class Reading:
    """One exchange with its bodies parsed on demand, each once.

    Args:
        exchange: what was recorded.
        request: the request's body where it is parsed already.
        answer: the body of a response that is not streamed, where it is parsed already.
    """

    def __init__(self, exchange: Exchange, *, request: Text | None = None, answer: Text | None = None) -> None:
        self.exchange = exchange
        if request is not None:
            self.request = request
        if answer is not None:
            self.answer = answer
            self.kind = "response"

    @cached_property
    def request(self) -> Text:
        """The request's body."""
        request = self.exchange.request
        return Text(*parse(request.body)) if request is not None and request.body else Text()

    @cached_property
    def asked(self) -> dict[str, JSON]:
        """The request as an object; empty where there is none."""
        return self.request.value if isinstance(self.request.value, dict) else {}

    @property
    def status(self) -> int | None:
        """The status of the answer; None where it was not recorded."""
        return None if self.exchange.response is None else self.exchange.response.status

    def header(self, name: str) -> str:
        """The first value of a header of the answer by its lower-case name; empty if there is none."""
        return "" if self.exchange.response is None else header(self.exchange.response.headers, name)

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
        value = self.answer.value
        if not isinstance(value, dict) or "error" not in value or "choices" in value:
            return "response"
        return "error" if value["error"] or response.status is None else "response"

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
        data = enumerate(event for event in self.events if event.data)
        told = [(at, event) for at, event in data if event.data != DONE and not is_odd_terminator(event)]
        texts = map(Text._make, parse_each([event.data for _, event in told]))
        return [
            Chunk(position, event, _unexplained(event, text) if event.oddities else text)
            for (position, event), text in zip(told, texts, strict=True)
        ]

    @cached_property
    def chunk_at(self) -> dict[int, Chunk]:
        """The chunks by their positions."""
        return {chunk.position: chunk for chunk in self.chunks}

    @cached_property
    def failures(self) -> list[Chunk]:
        """The chunks that report an error, be it beside choices or, as a rule, in their place."""
        return [chunk for chunk in self.chunks if chunk.is_error or members(chunk.text.value).get("error")]

    @cached_property
    def terminated(self) -> bool:
        """Whether the stream has a terminator, however it is spelt."""
        return any(is_terminator(event) for event in reversed(self.events))

    @cached_property
    def odd(self) -> list[tuple[int | None, Oddity]]:
        """Every oddity of the stream: position of its data event (None: it belongs to none) and oddity."""
        found: list[tuple[int | None, Oddity]] = [(None, oddity) for oddity in self.oddities]
        if not [event for event in self.events if event.oddities]:
            return found
        position = 0
        for event in self.events:
            found.extend((position if event.data else None, oddity) for oddity in event.oddities)
            position += bool(event.data)
        return found

    @cached_property
    def _folded(self) -> "tuple[dict[str, JSON], list[tuple[int | None, Breach]]]":
        from chatcontract.chunks import Folder

        folder = Folder()
        breaches: list[tuple[int | None, Breach]] = []
        for chunk in self.chunks:
            if chunk.text.value is not ABSENT:
                for breach in folder.feed(chunk.text.value):
                    breaches.append((chunk.position, breach))
        breaches.extend((None, breach) for breach in folder.close())
        return folder.completion(), breaches

    @property
    def breaches(self) -> "list[tuple[int | None, Breach]]":
        """What is wrong with the sequence of chunks: position of the chunk (None: the end) and breach."""
        return self._folded[1]

    @cached_property
    def completion(self) -> dict[str, JSON]:
        """The response, or what the stream adds up to; empty where there is neither."""
        if self.kind == "stream":
            return self._folded[0]
        return self.answer.value if self.kind == "response" and isinstance(self.answer.value, dict) else {}

    @cached_property
    def choices(self) -> list[tuple[int, dict[str, JSON], dict[str, JSON]]]:
        """Position, choice and message of every choice of the completion that is an object."""
        choices = self.completion.get("choices")
        found = enumerate(choices) if isinstance(choices, list) else ()
        return [(at, choice, members(choice.get("message"))) for at, choice in found if isinstance(choice, dict)]

    @cached_property
    def traits(self) -> frozenset[str]:
        """What the exchange has, of TRAITS."""
        found = {"asked"} if self.asked else set()
        usage = members(self.completion.get("usage"))
        if usage.get("prompt_tokens_details") or usage.get("completion_tokens_details"):
            found.add("details")
        for _, choice, message in self.choices:
            if message.get("tool_calls") or message.get("function_call"):
                found.add("calls")
            if choice.get("logprobs"):
                found.add("logprobs")
            if message.get("audio"):
                found.add("audio")
        return frozenset(found)

    @cached_property
    def error(self) -> dict[str, JSON]:
        """The body of an error answer as an object; empty where there is none."""
        return self.answer.value if self.kind == "error" and isinstance(self.answer.value, dict) else {}

    @cached_property
    def envelope(self) -> envelopes.Form:
        """The form that an error answer has in place of the documented one; empty where it has that."""
        return envelopes.form(*self.answer) if self.kind == "error" else ""

    @property
    def shaped(self) -> Text:
        """The answer as the schema is to judge it: without a body that the rules of errors name as a whole."""
        if not self.envelope:
            return self.answer
        return Text(ABSENT, tuple(fault for fault in self.answer.faults if fault.kind != "invalid-json"))


def members(value: JSON) -> dict[str, JSON]:
    """The value if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def items(value: JSON) -> list[JSON]:
    """The value if it is an array, else an empty one."""
    return value if isinstance(value, list) else []
