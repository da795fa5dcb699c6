"""Recordings that the tools themselves wrote (`recordings/make_formats.py`) are read to what the client saw."""

import base64
import json
import sys
from pathlib import Path

import pytest

from chatcontract import Contract, sources
from chatcontract.model import Exchange
from chatcontract.recording import Recorded
from chatcontract.sources import Source, open_source, opened

FORMATS = Path(__file__).parents[2] / "recordings" / "formats"
SEEN = sorted(path.name.removesuffix(".seen") for path in FORMATS.glob("*.seen"))
SCHEMATHESIS = ("schemathesis.yaml", "schemathesis.har", "schemathesis.ndjson")
MODELS = {"GET 127.0.0.1:8799/v1/models": 1}


def needs(name: str) -> None:
    if name.endswith(".flows"):
        pytest.importorskip("mitmproxy", reason="mitmproxy is not installed: pip install 'chatcontract[mitmproxy]'")


def read(name: str) -> tuple[list[Exchange], Source]:
    with open_source(str(FORMATS / name)) as source:
        items = list(source.items)
    assert all(isinstance(item, Recorded) for item in items), items
    return [item.exchange for item in items if isinstance(item, Recorded)], source


def bodies(exchange: Exchange) -> tuple[bytes, int | None, bytes]:
    assert exchange.request is not None
    assert exchange.response is not None
    return exchange.request.body, exchange.response.status, exchange.response.body


def test_every_tool_has_its_recordings() -> None:
    assert {name.partition(".")[0].partition("-")[0] for name in SEEN} == {"batch", "chromium", "mitmproxy", "vcrpy"}
    assert all((FORMATS / name).is_file() for name in (*SEEN, *SCHEMATHESIS))


@pytest.mark.parametrize("name", [name for name in SEEN if not name.startswith("batch")])
def test_a_recording_is_read_to_the_bytes_that_the_client_saw(name: str) -> None:
    needs(name)
    seen = [json.loads(line) for line in (FORMATS / f"{name}.seen").read_text().splitlines()]
    exchanges, source = read(name)
    decoded = [(base64.b64decode(one["sent"]), one["status"], base64.b64decode(one["received"])) for one in seen]
    assert len(decoded) == 3
    assert [bodies(exchange) for exchange in exchanges] == decoded
    assert all(exchange.request and exchange.request.url.endswith(seen[0]["path"]) for exchange in exchanges)
    assert dict(source.passed_over) in ({}, MODELS)


@pytest.mark.parametrize("name", ["chromium.har", "vcrpy.yaml", "vcrpy.json"])
def test_what_is_no_chat_is_counted_and_named(name: str) -> None:
    assert dict(read(name)[1].passed_over) == MODELS


def test_the_three_reports_of_schemathesis_tell_the_same_exchanges() -> None:
    told = [list(map(bodies, read(name)[0])) for name in SCHEMATHESIS]
    assert len(told[0]) > 1
    assert told[0] == told[1] == told[2]


@pytest.mark.parametrize("name", [*SEEN, *SCHEMATHESIS])
def test_the_answers_of_the_reference_server_are_without_fault_in_every_format(name: str) -> None:
    needs(name)
    contract = Contract.load()
    for exchange in read(name)[0]:
        assert [found for found in contract.check(exchange).errors if found.side == "server"] == []


def test_input_and_output_of_a_batch_are_joined_in_whatever_order_they_are_given() -> None:
    seen = [json.loads(line) for line in (FORMATS / "batch-output.jsonl.seen").read_text().splitlines()]
    wanted = [(json.loads(base64.b64decode(one["sent"])), one["status"]) for one in seen]
    names = [str(FORMATS / f"batch-{kind}.jsonl") for kind in ("input", "output")]
    for given in (names, names[::-1]):
        told, items = [], []
        for source in opened(given):
            assert isinstance(source, Source)
            with source:
                items += list(source.items)
            told.append(source.passed_over)
        forms = [item.form for item in items if isinstance(item, Recorded)]
        assert forms == ["batch request", "batch pair", "batch pair"]
        pairs = [bodies(item.exchange) for item in items[1:] if isinstance(item, Recorded)]
        assert [(json.loads(sent), status) for sent, status, _ in pairs] == wanted[::-1]
        assert told == [
            {"batch line without an answer: batch_expired": 1},
            {"batch request, joined with its answer": 3, "POST /v1/embeddings": 1},
        ]


def test_each_file_of_a_batch_is_read_alone_as_well() -> None:
    assert [exchange.id for exchange in read("batch-input.jsonl")[0]] == ["request-0", "request-1", "late"]
    answers = read("batch-output.jsonl")[0]
    assert [(exchange.id, exchange.request) for exchange in answers] == [("request-1", None), ("request-0", None)]


def test_a_file_of_flows_without_mitmproxy_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("mitmproxy", *(name for name in sys.modules if name.startswith("mitmproxy."))):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(sources.SourceError, match=r"pip install 'chatcontract\[mitmproxy\]'"):
        open_source(str(FORMATS / "mitmproxy.flows"))
