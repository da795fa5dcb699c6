"""JSON lines that say themselves that they are no chat completion."""

import json
from pathlib import Path
from typing import Any

import pytest

from chatcontract.examples import REQUEST, RESPONSE
from chatcontract.model import Part
from chatcontract.recording import Recorded
from chatcontract.sources import open_source

CHAT = "https://api.example/v1/chat/completions"


def line(method: str, url: str, body: Any) -> dict[str, Any]:
    return {"request": {"method": method, "url": url, "body": body}, "response": {"status": 200, "body": {"data": []}}}


def read(tmp_path: Path, *lines: Any, wanted: Part | None = None) -> tuple[list[str], list[str]]:
    path = tmp_path / "x.jsonl"
    path.write_text("".join(json.dumps(value) + "\n" for value in lines))
    with open_source(str(path), wanted) as source:
        return [item.form for item in source.items if isinstance(item, Recorded)], list(source.passed_over)


@pytest.mark.parametrize(
    ("method", "url", "body"),
    [
        ("GET", CHAT, ""),
        ("DELETE", f"{CHAT}/chatcmpl-1", ""),
        ("POST", f"{CHAT}/chatcmpl-1", {"metadata": {}}),
        ("POST", "https://api.example/v1/embeddings", {"model": "m", "input": "x"}),
        ("POST", "https://api.example/v1/messages?beta=true", REQUEST),
    ],
)
def test_other_operations_are_counted_and_not_checked(tmp_path: Path, method: str, url: str, body: Any) -> None:
    name = f"{method} {url.partition('?')[0].removeprefix('https://')}"
    assert read(tmp_path, line(method, url, body), line("POST", CHAT, REQUEST)) == (["native line"], [name])
    assert read(tmp_path, line(method, url, body), wanted=Part.EXCHANGE) == (["native line"], [])


def test_a_bare_pair_has_a_method_too(tmp_path: Path) -> None:
    pair = {"host": "api.example", "path": "/v1/chat/completions", "response": {"data": []}}
    assert read(tmp_path, {**pair, "method": "GET"}, {**pair, "method": "POST"}, {**pair, "request": {}}) == (
        ["bare pair"] * 2,
        ["GET api.example/v1/chat/completions"],
    )


@pytest.mark.parametrize("url", ["", "https://api.example", "https://api.example/serving-endpoints/m/invocations"])
def test_chat_is_checked_under_any_address(tmp_path: Path, url: str) -> None:
    assert read(tmp_path, line("POST", url, REQUEST), {"request": REQUEST, "response": RESPONSE}) == (
        ["native line", "bare pair"],
        [],
    )
