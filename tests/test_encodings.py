"""Content encodings undone, within a bound."""

import gzip
import json
import sys
import zlib
from collections.abc import Callable
from typing import Any

import brotli
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from chatcontract import Contract, Exchange
from chatcontract.encodings import decoded, undone
from chatcontract.examples import Example, error, response, stream
from chatcontract.exceptions import SourceError
from chatcontract.model import Request


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


Pack = Callable[[bytes], bytes]
PACKS: list[tuple[str, Pack]] = [
    ("gzip", gzip.compress), ("X-GZIP", gzip.compress), ("deflate", zlib.compress), ("deflate", raw_deflate),
    ("br", brotli.compress), ("zstd", zstandard.ZstdCompressor().compress),
    ("gzip", lambda data: gzip.compress(data[:5]) + gzip.compress(data[5:])),
    ("identity", lambda data: data), ("", lambda data: data),
    ("gzip, br", lambda data: brotli.compress(gzip.compress(data))),
]  # fmt: skip


@given(st.binary(max_size=200) | st.just(b"{}" * 5000))
@pytest.mark.parametrize(("name", "pack"), PACKS)
def test_what_was_packed_comes_back(name: str, pack: Pack, data: bytes) -> None:
    assert decoded(pack(data), name, 100_000) == data


@pytest.mark.parametrize(("name", "pack"), [(name, pack) for name, pack in PACKS if name not in ("", "identity")])
def test_more_than_the_bound_is_refused_without_being_made(name: str, pack: Pack) -> None:
    with pytest.raises(SourceError, match="more than 1000 bytes"):
        decoded(pack(bytes(10**7)), name, 1000)


@pytest.mark.parametrize("name", ["gzip", "deflate", "br", "zstd"])
def test_what_is_not_in_the_encoding_is_refused(name: str) -> None:
    with pytest.raises(SourceError, match=f"the {name} encoding cannot be undone"):
        decoded(b"\x8bnonsense", name, 1000)


@pytest.mark.parametrize("name", ["gzip", "deflate", "br"])
def test_cut_data_are_refused(name: str) -> None:
    pack = dict(PACKS)[name]
    with pytest.raises(SourceError, match="cut"):
        decoded(pack(b"some text, " * 50)[:-6], name, 1000)


def chunked(body: bytes) -> bytes:
    """What a server sends that flushes each event, up to where the client hung up."""
    packer = zlib.compressobj(wbits=31)
    events = [frame + b"\n\n" for frame in body.split(b"\n\n") if frame]
    return b"".join(packer.compress(event) + packer.flush(zlib.Z_SYNC_FLUSH) for event in events)


def test_a_packed_stream_that_the_client_left_is_read_as_far_as_it_came() -> None:
    contract = Contract.load(ignore=["CC111"])
    assert not contract.check_answer(encoded(stream(), "gzip", chunked))
    cut = encoded(stream(), "gzip", lambda body: chunked(body)[:-12])
    assert {v.rule for v in contract.check_answer(cut)} <= {"CC601", "CC660"}


@pytest.mark.parametrize(("name", "pack"), [("gzip", gzip.compress), ("br", brotli.compress)])
def test_a_packed_answer_that_was_cut_is_cut_json(name: str, pack: Pack) -> None:
    packed = encoded(response(), name, lambda body: pack(body)[:-12])
    assert [v.rule for v in Contract.load().check_answer(packed)] == ["CC006"]


@pytest.mark.parametrize("rest", [b"\0\0", b"junk", b"\xff" * 9])
def test_what_follows_packed_data_is_passed_over(rest: bytes) -> None:
    assert undone(gzip.compress(b"some text") + rest, "gzip", 1000) == (b"some text", "")


def test_text_is_not_taken_for_data_that_are_cut() -> None:
    assert undone(b"Bad gateway", "deflate", 1000) == (b"Bad gateway", "")


def test_damaged_data_that_begin_as_an_encoding_are_not_read_as_text() -> None:
    packed = encoded(response(), "gzip", lambda body: gzip.compress(body)[:40] + b"\xff" * 200)
    assert [v.rule for v in Contract.load().check_answer(packed)] == ["CC011"]


def test_an_unknown_encoding_is_named() -> None:
    with pytest.raises(SourceError, match="'compress' is not known"):
        decoded(b"x", "compress", 10)


@pytest.mark.parametrize(("name", "package"), [("br", "brotli"), ("zstd", "zstandard")])
def test_a_missing_package_is_named_with_the_command(name: str, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(SourceError, match=rf"{package}: pip install 'chatcontract\[traffic\]'"):
        decoded(b"x", name, 10)


def encoded(example: Example, header: str, pack: Pack) -> Exchange:
    """The exchange with both bodies packed and that header."""
    exchange = example.exchange()
    answer = exchange.response
    assert answer is not None
    named = (("Content-Encoding", header),)
    return exchange._replace(
        request=Request(headers=named, body=pack(json.dumps(ASKED).encode())),
        response=answer._replace(headers=(*answer.headers, *named), body=pack(answer.body)),
    )


ASKED: dict[str, Any] = {"model": "gpt-5", "messages": [{"role": "user", "content": "Hi"}], "stream": None}
EXAMPLES = (response({"/created": -1}), stream({"/1/created": -1}), error({"/error/message": ""}))


@pytest.mark.parametrize(("name", "pack"), PACKS)
@pytest.mark.parametrize("example", EXAMPLES)
def test_an_exchange_is_checked_without_its_encoding(example: Example, name: str, pack: Pack) -> None:
    contract = Contract.load()
    plain = contract.check(encoded(example, "", lambda data: data))
    assert plain
    assert contract.check(encoded(example, name, pack)) == plain
    assert contract.check(encoded(example, name, lambda data: data)) == plain


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_encoding_that_no_header_tells_is_an_error(example: Example) -> None:
    answer = encoded(example, "gzip", gzip.compress).response
    assert answer is not None
    told = Contract.load().check(Exchange("", None, answer._replace(headers=())))
    assert {"CC008", "CC680"} & {v.rule for v in told.errors}


@pytest.mark.parametrize("example", EXAMPLES)
def test_a_body_in_an_encoding_that_cannot_be_undone_is_named(
    example: Example, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = encoded(example, "br", brotli.compress)
    monkeypatch.setitem(sys.modules, "brotli", None)
    told = Contract.load().check(packed)
    assert [(v.rule, v.severity, v.side) for v in told] == [
        ("CC011", "warning", "client"),
        ("CC011", "warning", "server"),
    ]
    assert "pip install" in told[0].message


def test_a_bomb_is_not_read() -> None:
    made = undone(gzip.compress(bytes(10**6)), "gzip", 1000)
    assert made == (b"", "not read: more than 1000 bytes when the gzip encoding is undone")
