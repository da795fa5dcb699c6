"""The copy that is kept, what the run adds up to, and what is said while it goes on."""

import gzip
import io
import zlib
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatcontract.model import Result, Verdict
from chatcontract.proxy import findings
from chatcontract.proxy.copying import Copy
from chatcontract.proxy.findings import Findings
from chatcontract.proxy.live import Live

STREAM = b'data: {"content": "data: [DONE]\\ndata: [DONE]"}\n\ndata: [DONE]\n\n'
END = STREAM.rindex(b"data: [DONE]") + len(b"data: [DONE]")


def pieces_of(data: bytes, cuts: list[int]) -> list[bytes]:
    places = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[start:end] for start, end in pairwise(places) if end > start]


@given(st.lists(st.integers(0, 200), max_size=12))
def test_the_terminator_is_seen_at_its_last_byte_and_never_in_a_text(cuts: list[int]) -> None:
    copy, passed = Copy(1000, streams=True), 0
    for piece in pieces_of(STREAM, cuts):
        copy.add(piece, 0.0)
        passed += len(piece)
        assert copy.is_terminated == (passed >= END)
    assert copy.whole()[0] == STREAM


@given(st.lists(st.integers(0, 200), max_size=12), st.sampled_from(["gzip", "deflate"]))
def test_a_packed_stream_is_unpacked_as_it_comes(cuts: list[int], encoding: str) -> None:
    packed = gzip.compress(STREAM, mtime=0) if encoding == "gzip" else zlib.compress(STREAM)
    copy = Copy(1000, encoding, streams=True)
    for at, piece in enumerate(pieces_of(packed, cuts)):
        copy.add(piece, float(at))
    data, arrivals, problem = copy.whole()
    assert (data, problem, copy.is_terminated) == (STREAM, "", True)
    assert [arrival.offset for arrival in arrivals] == sorted(arrival.offset for arrival in arrivals)


@pytest.mark.parametrize("streams", [True, False])
def test_a_bomb_is_kept_up_to_the_bound(streams: bool) -> None:
    copy = Copy(1000, "gzip", streams=streams)
    for piece in pieces_of(gzip.compress(bytes(10_000_000)), list(range(0, 10_000, 900))):
        copy.add(piece, 0.0)
    data, _, problem = copy.whole()
    assert len(data) <= 10_000
    assert problem


def test_memory_is_bounded_however_much_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    from chatcontract import Contract
    from chatcontract.model import Violations

    monkeypatch.setattr(findings, "MAX_KINDS", 5)
    monkeypatch.setattr(findings, "MAX_ERRORED", 3)
    found = Findings({"tool": {}})
    (violation,) = Contract.load().check_request({"model": "m", "messages": [{"role": "user"}]}).errors[:1]
    for number in range(50):
        one = violation._replace(pointer=f"/member{number % 10}")
        found.add(Result(f"r{number}", Verdict.FAILED, Violations((one,))))
        found.add(Result(f"e{number}", Verdict.ERRORED, error="gone"))
    made = found.report()
    assert len(made["results"]) == 5 + 3
    assert made["summary"]["results"]["failed"] == made["summary"]["violations"]["error"] == 50
    assert {one["occurrences"] for result in made["results"] for one in result["violations"]} == {5}


def test_a_kind_is_told_at_the_first_the_tenth_and_the_hundredth() -> None:
    out = io.StringIO()
    live = Live(out)
    violation = {
        "severity": "error", "rule": "CC001", "name": "schema-mismatch", "part": "request", "pointer": "/a\x1b[31m",
        "chunk": None, "message": "no",
    }  # fmt: skip
    for times in range(1, 200):
        live.tell([(violation, times)])
    assert out.getvalue().splitlines() == [
        "error    CC001 schema-mismatch request/a\\x1b[31m: no",
        "error    CC001 schema-mismatch request/a\\x1b[31m: no [10 times]",
        "error    CC001 schema-mismatch request/a\\x1b[31m: no [100 times]",
    ]
