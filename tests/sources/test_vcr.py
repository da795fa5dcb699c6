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
from chatcontract.sources import open_source, values, yaml_items

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


@pytest.mark.parametrize(
    "response",
    [
        {"status": "200 OK", "code": 200, "body": GOT},
        {"status": "200 OK", "body": GOT},
        {"status": "", "code": 200, "body": GOT},
        {"body": None, "parsed_body": RESPONSE},
        {"body": {"parsed_body": RESPONSE}},
        {"body": {"type": "json", "content": RESPONSE}},
        {"body": {"type": "text", "content": GOT}},
        {"body": {"type": "binary", "content": GOT.encode().hex()}},
        {"body": None, "body_type": "json", "body_json": RESPONSE},
        {"body": None, "body_type": "blob", "body_blob": base64.b64encode(GOT.encode()).decode()},
        {"body": RESPONSE},
    ],
)
@pytest.mark.parametrize("kind", ["yaml", "json"])
def test_the_spellings_of_other_recorders_are_read(tmp_path: Path, response: dict[str, Any], kind: str) -> None:
    made = {"version": 1, "interactions": [interaction(**response)]}
    text = yaml.dump(made) if kind == "yaml" else json.dumps(made)
    (exchange,) = exchanges(read(tmp_path, text, f"c.{kind}"))
    assert exchange.response is not None
    assert exchange.response.status == 200
    assert json.loads(exchange.response.body) == RESPONSE


def test_values_stay_what_they_are_when_a_body_is_written_as_yaml(tmp_path: Path) -> None:
    body = {
        "n": 1, "temperature": 0.5, "seed": -7, "score": 2.5e-06, "stream": False, "stop": None, "user": "007",
        "texts": ["1", "true", "null", "yes", "~", "", "1e5", "2026-01-02", "a: b", "é😀", "line\nline "],
        "empty": [{}, []],
    }  # fmt: skip
    made = interaction()
    made["request"] = {"method": "POST", "uri": URL, "parsed_body": body}
    (exchange,) = exchanges(read(tmp_path, yaml.dump({"interactions": [made]}, allow_unicode=True)))
    assert exchange.request is not None
    assert json.loads(exchange.request.body) == body


def test_numbers_as_serde_writes_them_are_numbers_and_ids_of_digits_are_texts(tmp_path: Path) -> None:
    text = f"""interactions:
- request: {{method: POST, uri: '{URL}', parsed_body: {{small: 1e-7, id: 12e345, zip: 00501, no: no}}}}
"""
    (exchange,) = exchanges(read(tmp_path, text))
    assert exchange.request is not None
    assert json.loads(exchange.request.body) == {"small": 1e-7, "id": "12e345", "zip": "00501", "no": "no"}


def test_events_kept_as_a_list_are_a_stream(tmp_path: Path) -> None:
    made = interaction(body={"parsed_body": [{"id": "a"}, "[DONE]"]})
    (exchange,) = exchanges(read(tmp_path, yaml.dump({"interactions": [made]})))
    assert exchange.response is not None
    assert exchange.response.body == b'data: {"id": "a"}\n\ndata: [DONE]\n\n'


def test_null_is_no_text(tmp_path: Path) -> None:
    text = (
        f"interactions:\n- request: {{method: POST, uri: '{URL}', body: null}}\n  response: {{body: {{string: ~}}}}\n"
    )
    (exchange,) = exchanges(read(tmp_path, text))
    assert exchange.request is not None
    assert exchange.response is not None
    assert (exchange.request.body, exchange.response.body) == (b"", b"")


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({"digest": "0f", "path": "x"}, "unknown form, with digest, path"),
        ({"type": "binary", "content": "zz"}, "hexadecimal"),
        ({"type": "json", "content": [[[[]]]]}, "levels"),
        ({"type": "json", "content": {"a": "x" * 600}}, "more than"),
    ],
)
def test_a_body_that_cannot_be_read_is_not_taken_for_an_empty_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: dict[str, Any], why: str
) -> None:
    monkeypatch.setattr(values, "MAX_DEPTH", 2)
    monkeypatch.setattr(values, "MAX_BYTES", 500)
    (item,) = read(tmp_path, yaml.dump({"interactions": [interaction(body=body)]}))
    assert isinstance(item, Unreadable)
    assert why in item.reason


def test_an_alias_bomb_in_a_parsed_body_is_refused(tmp_path: Path) -> None:
    levels = "\n".join(f"  l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 40))
    bomb = f"interactions:\n- request: {{uri: '{URL}', method: POST, parsed_body: *l39}}\n"
    (item,) = read(tmp_path, f"x:\n  l0: &l0 [a]\n{levels}\n{bomb}")
    assert isinstance(item, Unreadable)


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


def two_lists(*pairs: dict[str, Any], uri: str = URL) -> dict[str, Any]:
    """A cassette as langchain-tests writes it."""
    requests = [{**pair["request"], "uri": uri, "body": SENT.encode()} for pair in pairs]
    return {"requests": requests, "responses": [pair["response"] for pair in pairs]}


@pytest.mark.parametrize("packed", [True, False])
def test_a_list_of_requests_and_one_of_responses_are_read_as_pairs(tmp_path: Path, packed: bool) -> None:
    other = interaction(body={"string": json.dumps({**RESPONSE, "id": "chatcmpl-C0ffee2"}).encode()})
    text = yaml.safe_dump(two_lists(interaction(), other)).encode()
    made = list(exchanges(read(tmp_path, gzip.compress(text) if packed else text, "c.yaml.gz" if packed else "c")))
    answers = [json.loads(exchange.response.body)["id"] for exchange in made if exchange.response is not None]
    assert answers == [RESPONSE["id"], "chatcmpl-C0ffee2"]
    assert [exchange.request.body for exchange in made if exchange.request is not None] == [SENT.encode()] * 2


@pytest.mark.parametrize("more", [{}, {"responses": None}, {"version": 1}])
def test_requests_without_a_list_of_responses_are_told(tmp_path: Path, more: dict[str, Any]) -> None:
    made = {"requests": [interaction()["request"]], **more}
    (item,) = read(tmp_path, yaml.safe_dump(made, sort_keys=False))
    assert isinstance(item, Unreadable)
    assert "no list responses" in item.reason


@pytest.mark.parametrize(
    ("requests", "responses", "why"), [(2, 1, "lacks 1 items"), (1, 2, "more items"), (1, 0, "lacks 1 items")]
)
def test_requests_and_responses_that_do_not_match_are_told(
    tmp_path: Path, requests: int, responses: int, why: str
) -> None:
    made = two_lists(*[interaction()] * max(requests, responses))
    cut = {"requests": made["requests"][:requests], "responses": made["responses"][:responses]}
    *whole, last = read(tmp_path, yaml.safe_dump(cut))
    assert len(list(exchanges(whole))) == min(requests, responses)
    assert isinstance(last, Unreadable)
    assert why in last.reason


def test_the_requests_that_wait_for_their_answers_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_items, "MAX_BYTES", 3000)
    made = two_lists(*[interaction()] * 50)
    (item,) = read(tmp_path, yaml.safe_dump(made))
    assert isinstance(item, Unreadable)
    assert "more than" in item.reason


def test_a_post_without_its_address_is_chat_where_the_answer_says_so(tmp_path: Path) -> None:
    stream = b'data: {"id":"x","object":"chat.completion.chunk"}\n\n'
    made = two_lists(
        interaction(), interaction(body={"string": stream}), interaction(body={"string": '{"object":"response"}'}),
        uri="**REDACTED**",
    )  # fmt: skip
    made["requests"].append({**made["requests"][0], "method": "GET"})
    made["responses"].append(made["responses"][0])
    path = tmp_path / "c.yaml"
    path.write_text(yaml.safe_dump(made))
    with open_source(str(path)) as source:
        assert len(list(exchanges(list(source.items)))) == 2
        assert source.passed_over == {"POST **REDACTED**": 1, "GET **REDACTED**": 1}


def test_what_an_answer_says_counts_only_where_there_is_no_address(tmp_path: Path) -> None:
    assert read(tmp_path, yaml.safe_dump(two_lists(interaction(), uri="https://api.example/v1/threads"))) == []


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
