"""The quick way through a stream: it says what the thorough one says, of every stream.

A stream that begins with a comment is never of the usual form, so it is read thoroughly; a comment changes
nothing for the schema. The rules of the schema (CC0) alone are asked: with others the thorough way is taken.
"""

import gzip
import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import orjson  # the quick way needs the quick parser
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chatcontract import Contract
from chatcontract.jsontext import parse, parse_each, plain_values

JSON = Any
CORPUS = Path(__file__).parents[2] / "shared" / "corpus" / "dev.jsonl.gz"
CONTRACTS = {name: Contract.load(profile=name, select=["CC0"]) for name in ("openai", "strict", "compatible")}
COMMENT = b": read me thoroughly\n\n"
DONE = "data: [DONE]\n\n"
HEAD = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1741569952, "model": "gpt-4.1"}


def chunk(delta: JSON, **others: JSON) -> JSON:
    choice = {"index": 0, "delta": delta, "finish_reason": None, "logprobs": None}
    return {**HEAD, "system_fingerprint": "fp_1", "service_tier": "default", "choices": [choice], **others}


def frames(*payloads: JSON) -> bytes:
    texts = (payload if isinstance(payload, str) else json.dumps(payload) for payload in payloads)
    return "".join([*(f"data: {text}\n\n" for text in texts), DONE]).encode(errors="surrogatepass")


def agree(contract: Contract, body: bytes) -> bool:
    """Whether the stream has no violation; fails where the two ways differ.

    What begins in another way is never read quickly, and a comment before it may make it a stream.
    """
    if not body.startswith(b"data: {"):
        return not contract.check_stream(body)
    quick, thorough = contract.check_stream(body), contract.check_stream(COMMENT + body)
    assert quick == thorough
    return not quick


TEXTS = ("", "Hello", " there", "größe 東京", 'say "x"', "tab\t\x00 and \\ slash")
WORDS = [chunk({"content": word}) for word in TEXTS]
FIRST = chunk({"role": "assistant", "content": ""})
SOUND = st.sampled_from([FIRST, *WORDS, chunk({}), chunk({}, choices=[])])
BROKEN = st.sampled_from(
    [
        chunk({"content": 1}),
        chunk({"role": "assistent"}),
        chunk({}, created="now"),
        chunk({}, vendor=True),
        chunk({}, vendor={"error": None}),
        chunk({}, error={"message": "overloaded", "type": None, "param": None, "code": None}),
        {"error": {"message": "overloaded", "type": "server_error", "param": None, "code": None}},
        {"error": "overloaded"},
        {"id": "chatcmpl-1"},
        {},
        [],
        None,
        [chunk({})],
        '{"id": "a", "id": "b"}',
        json.dumps(chunk({"content": "a"}))[:-1] + ', "model": "again"}',
        json.dumps(chunk({"content": "b"})).replace('"b"', '"\\u0022"'),
        json.dumps(chunk({"content": "b"})).replace('"b"', '"\\ud800"'),
        json.dumps(chunk({"content": "b"})).replace("1741569952", "1e400"),
        json.dumps(chunk({"content": "b"})).replace("1741569952", "NaN"),
        json.dumps(chunk({"content": "b"})).replace("1741569952", "9" * 40),
        json.dumps(chunk({})) + json.dumps(chunk({})),
        json.dumps(chunk({})) + "," + json.dumps(chunk({})),
        '{"a": [{}',
        "{}]}",
        "[DONE]",
        " " + json.dumps(chunk({})),
        json.dumps({**chunk({}), "deep": json.loads("[" * 200 + "]" * 200)}),
        json.dumps(chunk({})).replace("null", "[" * 252 + "]" * 252),
        json.dumps(chunk({})).replace("null", "[" * 300 + "]" * 300),
        '"data: {}"',
        "",
    ]
)
USUAL = "data: {}\n\n"
FRAMED = st.sampled_from(
    [
        *[USUAL] * 8,
        "data:{}\n\n",
        "data: {}\r\n\r\n",
        "data: {}\n\n\n",
        "data: {}\n",
        "data: {}\ndata: {}\n\n",
        "data: {}\n\ndata: \n\n",
        "event: chunk\ndata: {}\n\n",
        "id: 1\ndata: {}\n\n",
        ": comment\ndata: {}\n\n",
        ":\n\ndata: {}\n\n",
    ]
)
ENDS = st.sampled_from([*[DONE] * 3, "", "data: [DONE]", "data: [DONE]\n", "data: [done]\n\n", DONE + DONE])


@st.composite
def streams(draw: st.DrawFn) -> bytes:
    payloads = draw(st.lists(SOUND | SOUND | SOUND | BROKEN, max_size=6))
    texts = [payload if isinstance(payload, str) else json.dumps(payload) for payload in payloads]
    usual = draw(st.booleans())
    shapes = [USUAL if usual else draw(FRAMED) for _ in texts]
    body = "".join(shape.replace("{}", text) for shape, text in zip(shapes, texts, strict=True))
    return f"{body}{draw(ENDS)}".encode(errors="surrogatepass")


@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(streams(), st.sampled_from(sorted(CONTRACTS)))
def test_both_ways_say_the_same_of_any_stream(body: bytes, profile: str) -> None:
    agree(CONTRACTS[profile], body)


@settings(max_examples=200, deadline=None)
@given(st.lists(SOUND, min_size=1, max_size=5), st.data())
def test_both_ways_say_the_same_after_any_bytes_changed(chunks: list[JSON], data: st.DataObject) -> None:
    body = bytearray(frames(*chunks))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(body) - 1))
        body[place] = data.draw(st.sampled_from(b'"{}[]:,\n\r\\ \x00\xff0a'))
    agree(CONTRACTS["openai"], bytes(body))


def test_a_sound_stream_has_nothing_to_say_either_way() -> None:
    assert agree(CONTRACTS["openai"], frames(*WORDS))
    assert agree(CONTRACTS["openai"], frames(*WORDS).removesuffix(DONE.encode()))


@pytest.mark.parametrize(
    ("payload", "places"),
    [
        (chunk({"content": 1}), [("CC001", "/choices/0/delta/content")]),
        ('{"id": 1, "id": 2}', [("CC005", "/id")]),
        ({"error": {"code": 7}}, [("CC001", "/error")]),
    ],
)
def test_a_fault_behind_sound_chunks_is_found_there(payload: JSON, places: list[tuple[str, str]]) -> None:
    found = CONTRACTS["openai"].check_stream(frames(*WORDS, payload, *WORDS))
    assert {violation.chunk for violation in found} == {len(WORDS)}
    assert set(places) <= {(violation.rule, violation.pointer) for violation in found}


@pytest.mark.parametrize(
    "split", [("{}", "{}],[{}", "{}"), ('{"a": [{}', "{}]}", "{},{}"), ('{"a": "', '"}', "{}, {}")]
)
def test_texts_that_are_json_only_together_are_faults_each_by_itself(split: tuple[str, ...]) -> None:
    assert plain_values(split) is None
    assert parse_each(split) == [parse(text) for text in split]


def test_texts_of_no_fault_are_parsed_together() -> None:
    assert "orjson" in orjson.__name__
    assert plain_values(["1", '{"a": "\\""}']) == [1, {"a": '"'}]
    assert plain_values([b"1", b'{"a": "\\""}']) == [1, {"a": '"'}]
    assert plain_values([]) == []


@settings(max_examples=300, deadline=None)
@given(st.lists(SOUND | BROKEN, max_size=5))
def test_texts_are_parsed_together_as_one_by_one(payloads: list[JSON]) -> None:
    texts = [payload if isinstance(payload, str) else json.dumps(payload) for payload in payloads]
    one_by_one = [parse(text) for text in texts]
    assert repr(parse_each(texts)) == repr(one_by_one)  # repr, for NaN differs from itself
    encoded = [text.encode(errors="surrogatepass") for text in texts]
    assert repr(parse_each(encoded)) == repr([parse(text) for text in encoded])


def recorded() -> Iterator[tuple[str, bytes]]:
    with gzip.open(CORPUS) as lines:
        for line in lines:
            record = orjson.loads(line)
            if isinstance(record["stream"], list):
                yield record["id"], b"".join(f"data: {text}\n\n".encode() for text in record["stream"])


@pytest.mark.corpus
@pytest.mark.skipif(not CORPUS.is_file(), reason="the recorded traffic is not beside the checkout")
@pytest.mark.parametrize("profile", sorted(CONTRACTS))
def test_both_ways_say_the_same_of_recorded_streams(profile: str) -> None:
    silent = [name for name, body in islice(recorded(), 600) if agree(CONTRACTS[profile], body)]
    assert silent or profile == "strict"
