"""Native lines: what is written is read back, without keys."""

import json

from hypothesis import given
from hypothesis import strategies as st

from chatcontract import native
from chatcontract.model import Arrival, Exchange, Part, Request, Response
from chatcontract.recording import Recorded, recorded

URL = "https://h:1/v1/chat/completions"
names = st.sampled_from(["content-type", "X-A", "x-a"])
headers = st.lists(st.tuples(names, st.text(max_size=8)), max_size=3).map(tuple)
samples = [b'{"a":[1,"\xc3\xa9"]}', b"<html>", b"data: {}\n\n", b'"text"', b"null"]
bodies = st.binary(max_size=40) | st.sampled_from(samples)
requests = st.builds(Request, st.sampled_from(["POST", "GET"]), st.sampled_from(["", URL]), headers, bodies)


@st.composite
def responses(draw: st.DrawFn) -> Response:
    body = draw(bodies)
    offsets = sorted(draw(st.sets(st.integers(0, max(0, len(body) - 1)), max_size=3))) if body else []
    arrivals = tuple(Arrival(offset, float(at)) for at, offset in enumerate(offsets))
    return Response(draw(st.none() | st.just(200)), draw(headers), body, arrivals)


def back(line: bytes) -> Recorded:
    return recorded(json.loads(line), line, "here")


@given(st.none() | requests, st.none() | responses(), st.text(min_size=1, max_size=5))
def test_what_is_written_is_read_back(request: Request | None, response: Response | None, name: str) -> None:
    exchange = Exchange(name, request, response, "here", "acme", "h:1")
    line = native.line(exchange)
    assert line.count(b"\n") == 1
    made = back(line).exchange
    assert [_values(message) for message in (made.request, made.response)] == [
        _values(message) for message in (request, response)
    ]
    assert made[3:] == exchange[3:]


def _values(message: Request | Response | None) -> object:
    """The message with a JSON body as its value: blanks, the form of numbers and arrivals do not survive."""
    if message is None:
        return None
    try:
        value = json.loads(message.body)
    except ValueError:
        return message
    if isinstance(value, str | None):
        return message
    plain = message._replace(body=b"")
    return plain._replace(arrivals=()) if isinstance(plain, Response) else plain, value


def test_further_members_say_what_a_single_body_is() -> None:
    line = native.line(Exchange("n", None, Response(None, (), b"{}")), part="chunk", form="chunk")
    made = back(line)
    assert (made.part, made.form) == (Part.CHUNK, "chunk")
    assert made.exchange.response == Response(None, (), b"{}")


def test_keys_do_not_get_through() -> None:
    key = "sk-abcdefgh12345678"
    request = Request("POST", f"{URL}?api-key={key}", (("api-key", key),), json.dumps({"user": key}).encode())
    line = native.line(Exchange("n", request, Response(401, (), f"no such key: {key}".encode())))
    assert key.encode() not in line
    assert b"api-key" in line
