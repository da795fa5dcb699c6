"""Recordings of the test proxy: bodies as values, as text and as lines."""

import json
from pathlib import Path
from typing import Any

import pytest

from chatcontract.examples import REQUEST, RESPONSE
from chatcontract.recording import Recorded, Unreadable
from chatcontract.sources import open_source

URL = "https://api.example/v1/chat/completions"


def entry(**members: Any) -> dict[str, Any]:
    return {
        "RequestUri": URL, "RequestMethod": "POST",
        "RequestHeaders": {"Authorization": "Bearer sk-proxy-0123456789", "Content-Type": "application/json"},
        "RequestBody": REQUEST, "StatusCode": 200,
        "ResponseHeaders": {"Content-Type": "application/json", "Set-Cookie": ["Sanitized", "Sanitized"]},
        "ResponseBody": RESPONSE, **members,
    }  # fmt: skip


def read(tmp_path: Path, *entries: Any) -> tuple[list[Recorded | Unreadable], dict[str, int]]:
    path = tmp_path / "session.json"
    path.write_text(json.dumps({"Entries": entries, "Variables": {"RandomSeed": "1"}}, indent=2))
    with open_source(str(path)) as source:
        return list(source.items), dict(source.passed_over)


def test_bodies_are_the_values_that_they_are(tmp_path: Path) -> None:
    (made,), _ = read(tmp_path, entry())
    assert isinstance(made, Recorded)
    request, response = made.exchange.request, made.exchange.response
    assert request is not None
    assert response is not None
    assert json.loads(request.body) == REQUEST
    assert (response.status, json.loads(response.body)) == (200, RESPONSE)
    assert made.exchange.host == "api.example"
    assert "sk-proxy" not in repr(made)


@pytest.mark.parametrize("body", ["data: {}\n\ndata: [DONE]\n\n", ["data: {}\n", "\n", "data: [DONE]\n", "\n"]])
def test_a_stream_is_text_or_its_lines(tmp_path: Path, body: Any) -> None:
    (made,), _ = read(tmp_path, entry(ResponseHeaders={"Content-Type": "text/event-stream"}, ResponseBody=body))
    assert isinstance(made, Recorded)
    assert made.exchange.response is not None
    assert made.exchange.response.body == b"data: {}\n\ndata: [DONE]\n\n"


def test_what_is_not_chat_is_counted(tmp_path: Path) -> None:
    stored = entry(RequestMethod="GET", RequestUri=f"{URL}?limit=1", RequestBody=None)
    items, passed_over = read(tmp_path, stored, entry(RequestUri="https://api.example/v1/files"))
    assert items == []
    assert passed_over == {"GET api.example/v1/chat/completions": 1, "POST api.example/v1/files": 1}


@pytest.mark.parametrize(
    ("broken", "why"), [(1, "an entry is an object"), ({"StatusCode": 200}, "without the address")]
)
def test_what_cannot_be_read_is_said(tmp_path: Path, broken: Any, why: str) -> None:
    (made, after), _ = read(tmp_path, broken, entry())
    assert isinstance(made, Unreadable)
    assert why in made.reason
    assert made.origin.endswith("session.json#/Entries/0")
    assert isinstance(after, Recorded)
