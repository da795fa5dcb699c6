"""An exchange read once: what every rule shares."""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Generic, Literal, NamedTuple, TypeVar

from chatcontract import envelopes, traits
from chatcontract.jsontext import ABSENT, MAX_BYTES, TextFault, parse, parse_each, plain_values
from chatcontract.model import JSON, Event, Exchange, Oddity, Request, Response
from chatcontract.oddities import UNREADABLE
from chatcontract.sse import read_events

if TYPE_CHECKING:
    from chatcontract.chunks import Breach

DONE = "[DONE]"
_STARTS = b'{["deir:\r\n\t \xef'
"""First bytes of JSON texts and event streams."""
Kind = Literal["response", "stream", "error", "none"]
Found = TypeVar("Found")


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
        told = isinstance(value, dict) and "choices" not in value and value.get("error") is not None
        return told or envelopes.is_bare(value)

    @property
    def reported(self) -> JSON:
        """The error object: what `error` holds, or all of an error that lacks that member."""
        value = members(self.text.value)
        return value if value.get("error") is None else value["error"]


def header(headers: tuple[tuple[str, str], ...], name: str) -> str:
    """The first value of a header by its lower-case name; empty if there is none."""
    return next((value for key, value in headers if key.lower() == name), "")


def looks_like_events(body: bytes) -> bool:
    """Whether the bytes begin as an event stream does."""
    start = body[:200].lstrip(b"\xef\xbb\xbf\r\n")
    return start.startswith((b"data:", b"event:", b"id:", b"retry:", b":"))


def _is_encoded(message: Request | Response | None) -> bool:
    """Whether a body is said to be encoded and does not begin as one that is not."""
    if message is None or not message.body or (message.body[0] in _STARTS and message.body[:64].isascii()):
        return False
    return header(message.headers, "content-encoding").strip().lower() not in ("", "identity")


def _sealed(reason: str) -> Text:
    return Text(ABSENT, (TextFault("undecoded-body", "", reason),))


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


class lazy(Generic[Found]):
    """A property that is found when it is first asked for: `cached_property` without its lock, which costs more."""

    def __init__(self, find: Callable[[Any], Found]) -> None:
        self._find = find
        self._name = find.__name__
        self.__doc__ = find.__doc__

    def __get__(self, holder: Any, owner: Any = None) -> Found:
        found = holder.__dict__[self._name] = self._find(holder)
        return found


class Reading:
    """One exchange with its bodies parsed on demand, each once.

    Args:
        exchange: what was recorded.
        request: the request's body where it is parsed already.
        answer: the body of a response that is not streamed, where it is parsed already; it is one where the exchange
            has no response.
    """

    def __init__(self, exchange: Exchange, *, request: Text | None = None, answer: Text | None = None) -> None:
        self.exchange = exchange
        self._known: dict[Callable[..., Any], Any] = {}
        if _is_encoded(exchange.request) or _is_encoded(exchange.response):
            self._decode()
        if request is not None:
            self.request = request
        if answer is not None:
            self.answer = answer
            if exchange.response is None:
                self.kind = "response"

    def _decode(self) -> None:
        """Undo the content encodings; a body that needs more than is installed is read as one with that fault."""
        from chatcontract.encodings import undone

        request, response = self.exchange.request, self.exchange.response
        if request is not None and _is_encoded(request):
            body, reason = undone(request.body, header(request.headers, "content-encoding"), MAX_BYTES)
            self.exchange = self.exchange._replace(request=request._replace(body=body))
            if reason:
                self.request = _sealed(reason)
        if response is not None and _is_encoded(response):
            body, reason = undone(response.body, header(response.headers, "content-encoding"), MAX_BYTES)
            self.exchange = self.exchange._replace(response=response._replace(body=body, arrivals=()))
            if reason:
                self.answer, self.kind = _sealed(reason), "response"

    @lazy
    def request(self) -> Text:
        """The request's body."""
        request = self.exchange.request
        return Text(*parse(request.body)) if request is not None and request.body else Text()

    @lazy
    def asked(self) -> dict[str, JSON]:
        """The request as an object; empty where there is none."""
        return self.request.value if isinstance(self.request.value, dict) else {}

    @property
    def addressed(self) -> Text:
        """The request as the schema is to judge it: with the model that the address of a deployment stands for."""
        request, value = self.exchange.request, self.request.value
        if request is None or not isinstance(value, dict) or value.get("model") is not None:
            return self.request
        path = request.url.partition("?")[0].rsplit("/", 4)
        is_deployment = len(path) == 5 and path[1] == "deployments" and path[3:] == ["chat", "completions"]
        return Text({**value, "model": path[2]}, self.request.faults) if is_deployment else self.request

    @lazy
    def messages(self) -> list[tuple[int, dict[str, JSON]]]:
        """Position and value of every message of the request that is an object."""
        found = enumerate(items(self.asked.get("messages")))
        return [(at, message) for at, message in found if isinstance(message, dict)]

    def once(self, find: "Callable[[Reading], Found]") -> Found:
        """What the function finds in this reading, found once for all rules that ask."""
        if find not in self._known:
            self._known[find] = find(self)
        found: Found = self._known[find]
        return found

    def in_request(self, find: Callable[[dict[str, JSON]], Iterable[Found]]) -> list[Found]:
        """What the function finds in `asked`, found once for all rules that ask."""
        if find not in self._known:
            self._known[find] = list(find(self.asked))
        found: list[Found] = self._known[find]
        return found

    @property
    def status(self) -> int | None:
        """The status of the answer; None where it was not recorded."""
        return None if self.exchange.response is None else self.exchange.response.status

    def header(self, name: str) -> str:
        """The first value of a header of the answer by its lower-case name; empty if there is none."""
        return self._headers.get(name, "")

    @lazy
    def _headers(self) -> Mapping[str, str]:
        """The first value of every header of the answer by its lower-case name."""
        return dict(reversed(self.headers))

    @lazy
    def headers(self) -> list[tuple[str, str]]:
        """The headers of the answer with their names in lower case."""
        response = self.exchange.response
        return [(name.lower(), value) for name, value in response.headers] if response is not None else []

    @lazy
    def kind(self) -> Kind:
        """What the answer is, by status and bytes; the media type decides only where these do not."""
        response = self.exchange.response
        if response is None or (not response.body and response.status is None):
            return "none"
        if response.status is not None and response.status >= 400:
            return "error"
        if not response.body and response.status is not None and response.status >= 300:
            return "none"  # a redirection says all in its headers
        return self._kind_of_body(response)

    def _kind_of_body(self, response: Response) -> Kind:
        if looks_like_events(response.body):
            return "stream"
        is_json = response.body.lstrip()[:1] in (b"{", b"[")
        if "event-stream" in self.header("content-type").lower() and not is_json:
            return "stream"
        value = self.answer.value
        if response.status is not None and envelopes.is_bare(value):
            return "error"
        if not isinstance(value, dict) or "error" not in value or "choices" in value:
            return "response"
        return "error" if value["error"] or response.status is None else "response"

    @lazy
    def answer(self) -> Text:
        """The body of an answer that is not a stream."""
        response = self.exchange.response
        return Text(*parse(response.body)) if response is not None else Text()

    @lazy
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

    @lazy
    def _told(self) -> list[tuple[int, Event]]:
        """The data events that are not `[DONE]`, with their positions among all data events."""
        data = enumerate(event for event in self.events if event.data)
        return [(at, event) for at, event in data if event.data != DONE and not is_odd_terminator(event)]

    @lazy
    def chunk_values(self) -> list[JSON] | None:
        """The values of all chunks where nothing is odd about any of them or wrong with their texts; else None."""
        if any(event.oddities for _, event in self._told):
            return None
        return plain_values([event.data for _, event in self._told])

    @lazy
    def chunks(self) -> list[Chunk]:
        """The data events of a stream that are not `[DONE]`, parsed."""
        if self.chunk_values is not None:
            return [self._chunk(at) for at in range(len(self._told))]
        texts = map(Text._make, parse_each([event.data for _, event in self._told]))
        return [
            Chunk(position, event, _unexplained(event, text) if event.oddities else text)
            for (position, event), text in zip(self._told, texts, strict=True)
        ]

    def _chunk(self, at: int) -> Chunk:
        if self.chunk_values is None:
            return self.chunks[at]
        return Chunk(*self._told[at], Text(self.chunk_values[at]))

    @lazy
    def chunk_at(self) -> dict[int, Chunk]:
        """The chunks by their positions."""
        return {chunk.position: chunk for chunk in self.chunks}

    @lazy
    def _is_spoken(self) -> bool:
        spoken = [members(message.get("audio")) for _, _, message in self.choices]
        return any(audio.get("data") or audio.get("transcript") for audio in spoken)

    def documented(self, chunk: Chunk) -> Text:
        """The chunk as the schema is to judge it: that of a spoken answer with what the service leaves out of it."""
        from chatcontract.chunks import as_documented

        return Text(as_documented(chunk.text.value), chunk.text.faults) if self._is_spoken else chunk.text

    @lazy
    def failures(self) -> list[Chunk]:
        """The chunks that report an error, be it beside choices or, as a rule, in their place."""
        return [chunk for chunk in self.turns if chunk.is_error or members(chunk.text.value).get("error")]

    @lazy
    def terminated(self) -> bool:
        """Whether the stream has a terminator, however it is spelt."""
        return any(is_terminator(event) for event in reversed(self.events))

    @lazy
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

    @lazy
    def _folded(self) -> "tuple[dict[str, JSON], list[tuple[int | None, Breach]], list[int]]":
        from chatcontract.chunks import Folder

        folder = Folder()
        breaches: list[tuple[int | None, Breach]] = []
        turns: list[int] = []
        values = self.chunk_values
        for at, value in enumerate([chunk.text.value for chunk in self.chunks] if values is None else values):
            if not folder.goes_on(value):
                turns.append(at)
                found = folder.feed(value) if value is not ABSENT else ()
                breaches += [(self._told[at][0], breach) for breach in found]
        breaches.extend((None, breach) for breach in folder.close())
        return folder.completion(), breaches, turns

    @lazy
    def turns(self) -> list[Chunk]:
        """The chunks that do something else than to go on with the content of a choice, which most do."""
        return [self._chunk(at) for at in self._folded[2]]

    @property
    def breaches(self) -> "list[tuple[int | None, Breach]]":
        """What is wrong with the sequence of chunks: position of the chunk (None: the end) and breach."""
        return self._folded[1]

    @lazy
    def completion(self) -> dict[str, JSON]:
        """The response, or what the stream adds up to; empty where there is neither."""
        if self.kind == "stream":
            return self._folded[0]
        return self.answer.value if self.kind == "response" and isinstance(self.answer.value, dict) else {}

    @lazy
    def choices(self) -> list[tuple[int, dict[str, JSON], dict[str, JSON]]]:
        """Position, choice and message of every choice of the completion that is an object."""
        choices = self.completion.get("choices")
        found = enumerate(choices) if isinstance(choices, list) else ()
        return [(at, choice, members(choice.get("message"))) for at, choice in found if isinstance(choice, dict)]

    @lazy
    def request_traits(self) -> frozenset[str]:
        """What the request has, of `traits.TRAITS`."""
        found = traits.of_request(self.asked)
        if self.exchange.request is not None and self.exchange.request.headers:
            found.add("sent")
        return frozenset(found)

    @lazy
    def traits(self) -> frozenset[str]:
        """What the exchange has, of `traits.TRAITS`."""
        if not self.completion:
            return self.request_traits | {"headed"} if self.headers else self.request_traits
        found = traits.of_answer(self.completion, self.choices, dated="date" in self._headers)
        if self.headers:
            found.add("headed")
        if self.kind == "stream":
            found.update(traits.of_stream(self.breaches, self.odd, self.failures))
        return self.request_traits.union(found)

    @lazy
    def error(self) -> dict[str, JSON]:
        """The body of an error answer as an object; empty where there is none."""
        return self.answer.value if self.kind == "error" and isinstance(self.answer.value, dict) else {}

    @lazy
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
