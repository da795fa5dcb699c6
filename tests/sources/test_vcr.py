"""Cassettes: the dialects, old versions, and YAML that means harm."""

import base64
import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import brotli
import pytest
import yaml
import zstandard

from chatcontract.examples import REQUEST, RESPONSE
from chatcontract.model import Exchange
from chatcontract.recording import Recorded, Unreadable
from chatcontract.sources import open_source, yaml_items

URL = "https://api.example/v1/chat/completions"
SENT, GOT = json.dumps(REQUEST), json.dumps(RESPONSE)
ENCODERS: dict[str, Any] = {
    "gzip": gzip.compress, "deflate": zlib.compress, "br": brotli.compress,
    "zstd": zstandard.ZstdCompressor().compress,
}  # fmt: skip

RUBY = f"""---
http_interactions:
- request:
    method: post
    uri: {URL}
    body:
      encoding: UTF-8
      string: '{SENT}'
    headers:
      Authorization:
      - Bearer sk-ruby-0123456789
  response:
    status:
      code: 200
      message: OK
    headers:
      Content-Type:
      - application/json
    body:
      encoding: ASCII-8BIT
      string: !binary |-
        {base64.b64encode(GOT.encode()).decode()}
  recorded_at: Fri, 21 Nov 2025 10:00:00 GMT
- request:
    method: post
    uri: {URL}
    body:
      encoding: US-ASCII
      base64_string: {base64.b64encode(SENT.encode()).decode()}
    headers: {{}}
  response:
    status: {{code: 200, message: }}
    headers: {{}}
    body:
      encoding: UTF-8
      string: '{GOT}'
recorded_with: VCR 6.3.1
"""


def read(tmp_path: Path, text: str | bytes, name: str = "c.yaml") -> list[Recorded | Unreadable]:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with open_source(str(path)) as source:
        return list(source.items)


def exchanges(items: list[Recorded | Unreadable]) -> Iterator[Exchange]:
    for item in items:
        assert isinstance(item, Recorded), item
        yield item.exchange


def interaction(**response: Any) -> dict[str, Any]:
    request = {"method": "POST", "uri": URL, "body": SENT, "headers": {"X": ["1"]}}
    answer = {"status": {"code": 200}, "headers": {}, "body": {"string": GOT}, **response}
    return {"request": request, "response": answer}


def test_ruby_cassettes_are_read_with_text_and_with_binary_bodies(tmp_path: Path) -> None:
    for exchange in exchanges(read(tmp_path, RUBY)):
        assert exchange.request is not None
        assert exchange.response is not None
        assert exchange.request.method == "POST"
        assert exchange.request.body == SENT.encode()
        assert (exchange.response.status, exchange.response.body) == (200, GOT.encode())
        assert "sk-ruby" not in repr(exchange)


def test_a_ruby_cassette_may_be_json(tmp_path: Path) -> None:
    made = {"http_interactions": [interaction(body={"encoding": "UTF-8", "string": GOT})], "recorded_with": "VCR 6.3.1"}
    assert len(list(exchanges(read(tmp_path, json.dumps(made), "c.json")))) == 1


@pytest.mark.parametrize("encoding", ENCODERS)
def test_content_encodings_are_undone_and_the_header_stays(tmp_path: Path, encoding: str) -> None:
    body = {"string": ENCODERS[encoding](GOT.encode())}
    made = interaction(headers={"Content-Encoding": [encoding]}, body=body)
    (exchange,) = exchanges(read(tmp_path, yaml.dump({"interactions": [made], "version": 1})))
    assert exchange.response is not None
    assert exchange.response.body == GOT.encode()
    assert exchange.response.headers == (("Content-Encoding", encoding),)


@pytest.mark.parametrize(
    "response",
    [
        {"status": {"code": "200"}},
        {"status": 200},
        {"status": None, "status_code": 200, "http_version": "HTTP/1.1", "body": None, "content": GOT},
        {"body": GOT},
        {"body": {"base64_string": base64.b64encode(GOT.encode()).decode()}},
        {"body": {"string": [GOT]}},
    ],
)
def test_the_spellings_of_older_versions_are_read(tmp_path: Path, response: dict[str, Any]) -> None:
    made = interaction(**response)
    made["response"] = {name: value for name, value in made["response"].items() if value is not None}
    (exchange,) = exchanges(read(tmp_path, yaml.dump({"interactions": [made], "version": 1})))
    assert exchange.response is not None
    assert (exchange.response.status, exchange.response.body) == (200, GOT.encode())


def test_tags_of_python_2_and_shared_values_are_read(tmp_path: Path) -> None:
    text = f"""interactions:
- request: &one
    method: POST
    uri: !!python/unicode '{URL}'
    body: !!python/unicode '{SENT}'
    headers: &h {{X: [!!python/object/apply:os.system [boom]]}}
  response: {{status: {{code: 200}}, headers: *h, body: {{string: !!python/str '{GOT}'}}}}
- request: *one
  response: null
version: 1
"""
    first, second = exchanges(read(tmp_path, text))
    assert first.request == second.request
    assert first.response is not None
    assert first.response.body == GOT.encode()
    assert second.response is None


def test_an_alias_bomb_costs_nothing(tmp_path: Path) -> None:
    levels = "\n".join(f"  l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 40))
    bomb = f"interactions:\n- request: {{uri: '{URL}', method: POST, body: *l39}}\n  response: *l39\n"
    (exchange,) = exchanges(read(tmp_path, f"x:\n  l0: &l0 [a]\n{levels}\n{bomb}"))
    assert exchange.request is not None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("interactions:\n- {request: {uri: 'u', method: POST}, x: \"\n", "cannot be read on"),
        ("interactions:\n- " + "[" * 200, "levels"),
        ("interactions:\n- *gone\n", "gone"),
        ("interactions:\n- 7\n", "mapping"),
        ("interactions:\n- {request: {method: POST}}\n", "address"),
        ("interactions:\n- a: &a !!binary '*'\n", "base64"),
    ],
)
def test_what_cannot_be_read_is_said_with_its_line(tmp_path: Path, text: str, why: str) -> None:
    item = read(tmp_path, text)[-1]
    assert isinstance(item, Unreadable)
    assert why in item.reason
    assert item.origin.startswith(f"{tmp_path}/c.yaml:")


def test_an_interaction_beyond_the_bound_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_items, "MAX_BYTES", 1000)
    made = interaction(body={"string": "x" * 2000})
    (item,) = read(tmp_path, yaml.dump({"interactions": [made]}))
    assert isinstance(item, Unreadable)
    assert "more than" in item.reason


def test_a_body_that_is_not_in_the_encoding_of_its_header_is_taken_as_it_is(tmp_path: Path) -> None:
    made = interaction(headers={"Content-Encoding": ["br"]}, body={"string": "<html>"})
    (exchange,) = exchanges(read(tmp_path, yaml.dump({"interactions": [made]})))
    assert exchange.response is not None
    assert exchange.response.body == b"<html>"
