"""HAR: its flavours, its gaps, and what is wrong in it."""

import base64
import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatcontract import har
from chatcontract.examples import REQUEST, RESPONSE
from chatcontract.model import Arrival, Exchange, Part, Request, Response
from chatcontract.recording import Recorded, Unreadable
from chatcontract.sources import open_source

URL = "https://api.example/v1/chat/completions"
SENT, GOT = json.dumps(REQUEST), json.dumps(RESPONSE)


def entry(**changes: Any) -> dict[str, Any]:
    made: dict[str, Any] = {
        "request": {"method": "POST", "url": URL, "headers": [], "postData": {"text": SENT}},
        "response": {"status": 200, "headers": [], "content": {"size": len(GOT), "text": GOT}},
    }
    for path, value in changes.items():
        *names, last = path.split("__")
        place = made
        for name in names:
            place = place[name]
        place[last] = value
    return made


def read(tmp_path: Path, *entries: Any, text: str | None = None) -> tuple[list[Recorded | Unreadable], Counter[str]]:
    path = tmp_path / "t.har"
    path.write_text(text if text is not None else json.dumps({"log": {"version": "1.2", "entries": list(entries)}}))
    with open_source(str(path)) as source:
        assert source.format == "HAR 1.2"
        return list(source.items), source.passed_over


def one(tmp_path: Path, made: Any) -> Exchange:
    (item,), _ = read(tmp_path, made)
    assert isinstance(item, Recorded), item
    return item.exchange


@pytest.mark.parametrize(
    "content",
    [
        {"text": GOT},
        {"text": base64.b64encode(GOT.encode()).decode(), "encoding": "base64"},
        {"text": base64.b64encode(gzip.compress(GOT.encode())).decode(), "encoding": "base64"},
        {"text": GOT, "compression": 10, "comment": "x", "mimeType": "application/json"},
    ],
)
def test_the_content_is_text_base64_or_still_encoded(tmp_path: Path, content: dict[str, Any]) -> None:
    headers = [{"name": ":status", "value": "200"}, {"name": "Content-Encoding", "value": "gzip"}]
    response = one(tmp_path, entry(response__content=content, response__headers=headers)).response
    assert response is not None
    assert response.body == GOT.encode()
    assert response.headers == (("Content-Encoding", "gzip"),)


@pytest.mark.parametrize(
    "changes",
    [
        {"response__status": 0, "response__content": {}},
        {"response": None},
        {"response__content": {"size": 100}},
        {"response__content": {"size": 100, "comment": "Response bodies are not included."}},
    ],
)
def test_an_answer_that_was_not_recorded_is_none_and_the_request_is_read(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    (item,), _ = read(tmp_path, entry(**changes))
    assert isinstance(item, Recorded)
    assert (item.exchange.response, item.form) == (None, "HAR entry without an answer")
    assert item.exchange.request is not None
    assert item.exchange.request.body == SENT.encode()


def test_an_error_without_a_body_is_an_answer(tmp_path: Path) -> None:
    response = one(tmp_path, entry(response__status=502, response__content={"size": 0})).response
    assert response == Response(502)


def test_the_messages_of_an_event_stream_stand_in_for_its_text(tmp_path: Path) -> None:
    messages = [{"time": 1, "eventName": "message", "data": "{}"}, {"time": 2, "eventName": "x", "data": "a\nb"}]
    made = {**entry(response__content={"size": 0}), "_eventSourceMessages": messages}
    response = one(tmp_path, made).response
    assert response is not None
    assert response.body == b"data: {}\n\nevent: x\ndata: a\ndata: b\n\n"


@pytest.mark.parametrize("url", ["/openai/deployments/d/chat/completions?api-version=1", "/chat/completions/"])
def test_every_address_of_chat_is_read(tmp_path: Path, url: str) -> None:
    assert one(tmp_path, entry(request__url=f"https://h{url}")).host == "h"


def test_what_is_not_chat_is_counted_by_method_and_place_without_keys(tmp_path: Path) -> None:
    others = [
        entry(request__method="OPTIONS"),
        entry(request__url="https://me:pw@h/v1/embeddings?api-key=secret-1"),
        entry(request__url="https://h/v1/realtime", _webSocketMessages=[]),
        entry(request__url="https://h/bot/sk-abcdefgh12345678/x", request__method="get"),
    ]
    items, passed = read(tmp_path, *others, entry())
    assert len(items) == 1
    assert passed == {
        "OPTIONS api.example/v1/chat/completions": 1, "POST h/v1/embeddings": 1, "POST h/v1/realtime": 1,
        "GET h/bot/[Filtered]/x": 1,
    }  # fmt: skip


def test_an_endless_number_of_other_addresses_is_counted_in_bounded_memory(tmp_path: Path) -> None:
    _, passed = read(tmp_path, *(entry(request__url=f"https://h/{n}") for n in range(200)))
    assert (len(passed), sum(passed.values())) == (51, 200)


@pytest.mark.parametrize(
    "bad",
    [
        7,
        {},
        {"request": {"method": "POST"}},
        entry(response__content={"text": "*", "encoding": "base64"}),
        entry(request__postData={"text": "a", "encoding": "base64"}),
    ],
)
def test_an_entry_that_cannot_be_read_is_named_and_the_rest_goes_on(tmp_path: Path, bad: Any) -> None:
    items, _ = read(tmp_path, entry(), bad, entry())
    assert [type(item).__name__ for item in items] == ["Recorded", "Unreadable", "Recorded"]
    assert isinstance(items[1], Unreadable)
    assert items[1].origin.endswith("t.har#/log/entries/1")


def test_a_torn_archive_gives_what_is_whole_and_says_where_it_ends(tmp_path: Path) -> None:
    whole = json.dumps({"log": {"entries": [entry(), entry()]}})
    items, _ = read(tmp_path, text=whole[: len(whole) - 60])
    assert [type(item).__name__ for item in items] == ["Recorded", "Unreadable"]
    assert isinstance(items[1], Unreadable)
    assert "ends here" in items[1].reason


def test_a_byte_order_mark_and_members_before_the_log_are_no_hindrance(tmp_path: Path) -> None:
    text = "\ufeff" + json.dumps({"comment": '"log"', "log": {"browser": {"name": "entries"}, "entries": [entry()]}})
    assert len(read(tmp_path, text=text)[0]) == 1


def test_keys_are_gone_when_an_entry_was_read(tmp_path: Path) -> None:
    key = "my-own-key-123456"
    headers = [{"name": "Authorization", "value": f"Bearer {key}"}, {"name": "Cookie", "value": f"a={key}"}]
    made = entry(request__headers=headers, request__url=f"{URL}?api-key={key}")
    made["response"]["content"]["text"] = json.dumps({"error": {"message": f"wrong key: {key}"}})
    assert key not in repr(one(tmp_path, made))


def test_parameters_are_read_where_a_tool_lists_them_in_place_of_the_text(tmp_path: Path) -> None:
    request = one(tmp_path, entry(request__postData={"params": [{"name": "a", "value": "b c"}]})).request
    assert request is not None
    assert request.body == b"a=b+c"


headers = st.lists(
    st.tuples(st.sampled_from(["content-type", "X-A", "x-a"]), st.text(st.characters(codec="latin-1"), max_size=8)),
    max_size=3,
).map(tuple)
anything = st.binary(max_size=40) | st.sampled_from([SENT.encode(), b"data: {}\n\n", b"[1]", "é".encode()])
requests = st.builds(Request, st.just("POST"), st.sampled_from(["", URL]), headers, anything)
arrivals = st.lists(st.builds(Arrival, st.integers(0, 40), st.integers(0, 9).map(float)), max_size=3).map(
    lambda found: tuple(sorted(set(found)))
)
responses = st.builds(Response, st.none() | st.sampled_from([200, 404]), headers, anything, arrivals)
exchanges = st.builds(
    Exchange, st.text(min_size=1, max_size=8), st.none() | requests, st.none() | responses, st.just("here"),
    st.sampled_from(["", "acme"]), st.sampled_from(["h:1"]),
)  # fmt: skip


@given(exchanges, st.sampled_from([Part.EXCHANGE, Part.CHUNK]))
def test_an_exchange_written_as_har_is_read_back_the_same(
    tmp_path_factory: pytest.TempPathFactory, exchange: Exchange, part: Part
) -> None:
    path = tmp_path_factory.getbasetemp() / "round.har"
    path.write_bytes(har.head("0") + har.entry(exchange, part, "form") + har.TAIL)
    with open_source(str(path)) as source:
        (item,) = source.items
    assert isinstance(item, Recorded)
    assert item.part is part
    assert item.exchange._replace(origin="here") == exchange
