"""Content encodings undone, within a bound."""

import gzip
import sys
import zlib
from collections.abc import Callable

import brotli
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from chatcontract.encodings import decoded
from chatcontract.exceptions import SourceError


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


def test_an_unknown_encoding_is_named() -> None:
    with pytest.raises(SourceError, match="'compress' is not known"):
        decoded(b"x", "compress", 10)


@pytest.mark.parametrize(("name", "package"), [("br", "brotli"), ("zstd", "zstandard")])
def test_a_missing_package_is_named_with_the_command(name: str, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(SourceError, match=rf"{package}: pip install 'chatcontract\[traffic\]'"):
        decoded(b"x", name, 10)
