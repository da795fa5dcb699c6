"""Files that break off, unpack without end, or name themselves: what can be read of them is, within bounds."""

import gzip
import json
import os
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chatcontract.examples import REQUEST, RESPONSE
from chatcontract.exceptions import SourceError
from chatcontract.jsontext import MAX_BYTES
from chatcontract.recording import Recorded, Unreadable
from chatcontract.sources import Source, open_source, opened

LINE = json.dumps({"request": REQUEST, "response": RESPONSE, "status": 200}).encode() + b"\n"


def written(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    return str(path)


def read(name: str) -> tuple[int, list[str]]:
    """How many records a file has, and why the others could not be read."""
    with open_source(name) as source:
        found = list(source.items)
    return sum(isinstance(one, Recorded) for one in found), [one.reason for one in found if isinstance(one, Unreadable)]


@pytest.mark.parametrize("count", [20, 3000])
@pytest.mark.parametrize("damage", ["cut", "trailing", "checksum", "block"])
def test_every_line_before_the_damaged_place_of_a_packed_file_is_read(tmp_path: Path, count: int, damage: str) -> None:
    packed = gzip.compress(LINE * count, compresslevel=0)
    damaged = {
        "cut": packed[: len(packed) - 100],
        "trailing": packed + b"garbage",
        "checksum": packed[:-8] + bytes(8),
        "block": packed[:-8] + b"\x07" * 500,
    }[damage]
    records, reasons = read(written(tmp_path / "t.jsonl.gz", damaged))
    assert records >= count - 1
    assert any("the file ends here" in reason for reason in reasons)


def test_compressed_data_that_makes_no_sense_is_told_and_no_fault_of_ours(tmp_path: Path) -> None:
    packing = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)
    packed = packing.compress(LINE * 3000) + packing.flush(zlib.Z_FULL_FLUSH) + b"\x07" * 500
    with pytest.raises(zlib.error):
        gzip.decompress(packed)
    records, reasons = read(written(tmp_path / "t.jsonl.gz", packed))
    assert records
    assert any("the file ends here" in reason for reason in reasons)


def test_utf_16_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="is UTF-16"):
        open_source(written(tmp_path / "t.jsonl", LINE.decode().encode("utf-16")))


def bomb(path: Path, head: bytes) -> str:
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(head)
        for _ in range(3 * MAX_BYTES // 2**20):
            file.write(b"1" * 2**20)
    return str(path)


@pytest.mark.parametrize(("name", "head"), [("t.json.gz", b"["), ("t.yaml.gz", b'interactions:\n- a: "')])
def test_one_value_without_end_is_not_kept_whole(tmp_path: Path, name: str, head: bytes) -> None:
    assert any("an entry of more than" in reason for reason in read(bomb(tmp_path / name, head))[1])


@pytest.mark.parametrize("time", ["1" + "0" * 400, "1e999", "NaN"])
def test_times_that_are_none_are_left_out(tmp_path: Path, time: str) -> None:
    chunks = f'{{"status": 200, "headers": {{}}, "chunks": [{{"t": {time}, "text": "data: [DONE]"}}]}}'
    line = f'{{"id": "1", "request": null, "response": {chunks}}}\n'.encode()
    with open_source(written(tmp_path / "t.jsonl", line + LINE)) as source:
        first = next(iter(source.items))
    assert isinstance(first, Recorded)
    assert first.exchange.response is not None
    assert first.exchange.response.body == b"data: [DONE]"
    assert not first.exchange.response.arrivals


def test_a_time_in_an_archive_may_be_beyond_all_numbers(tmp_path: Path) -> None:
    entry = {"request": None, "response": None, "_chatcontract": {"status": 200, "arrivals": [[0, 10**400], [0, 1]]}}
    text = json.dumps({"log": {"entries": [entry]}}).encode()
    assert read(written(tmp_path / "t.har", text)) == (1, [])


def test_a_body_in_itself_costs_its_own_interaction_alone(tmp_path: Path) -> None:
    head = "- request: {method: POST, uri: https://h/v1/chat/completions}\n  response:\n    status: {code: 200}\n"
    text = f"interactions:\n{head}    body: &a {{string: *a}}\n{head}    body: {{string: '{{}}'}}\n"
    records, reasons = read(written(tmp_path / "t.yaml", text.encode()))
    assert (records, len(reasons)) == (1, 1)
    assert "in itself" in reasons[0]


def test_a_stream_of_many_chunks_is_read_in_time(tmp_path: Path) -> None:
    chunks = [{"t": 0, "text": "data: " + "x" * 250 + "\n\n"} for _ in range(60_000)]
    line = json.dumps({"id": "1", "request": None, "response": {"status": 200, "headers": {}, "chunks": chunks}})
    assert read(written(tmp_path / "t.jsonl", line.encode() + b"\n" + LINE)) == (2, [])


@pytest.fixture
def pipes(tmp_path: Path) -> Iterator[list[str]]:
    """Two pipes that give a recording once, as `<(…)` of a shell does."""
    names = [str(tmp_path / name) for name in ("one", "two")]
    for name in names:
        os.mkfifo(name)
    writers = [threading.Thread(target=Path(name).write_bytes, args=(LINE * 2,), daemon=True) for name in names]
    for writer in writers:
        writer.start()
    yield names
    for writer in writers:
        writer.join(5)


def test_several_pipes_are_read_once(pipes: list[str]) -> None:
    sources: list[Any] = []
    for source in opened(pipes):
        assert isinstance(source, Source)
        with source:
            sources.append(len(list(source.items)))
    assert sources == [2, 2]
