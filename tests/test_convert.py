"""Converting: the same exchanges in another format, without keys, and never a half-written file."""

import gzip
import io
import json
import os
import sys
from functools import cache
from pathlib import Path

import pytest

from chatcontract import Contract, Violations
from chatcontract.cleaning import clean
from chatcontract.cli import main
from chatcontract.examples import REQUEST, RESPONSE, STREAM, events
from chatcontract.model import Exchange
from chatcontract.recording import Recorded, dumped
from chatcontract.sources import open_source

RECORDINGS = Path(__file__).parents[1] / "recordings"
CORPUS = Path(__file__).parents[2] / "shared" / "corpus" / "dev.jsonl.gz"
STEP = 40
"""Every how-manieth exchange of the corpus is converted by day; by night all of them are."""
KEY = "sk-planted-0123456789abcdef"


def read(path: Path) -> list[Recorded]:
    with open_source(str(path)) as source:
        items = list(source.items)
    assert all(isinstance(item, Recorded) for item in items), items
    return [item for item in items if isinstance(item, Recorded)]


def bare(item: Recorded) -> tuple[object, ...]:
    """What has to survive: everything but the place, names that were made of it, and blanks in JSON."""
    exchange = item.exchange
    name = "" if exchange.id == exchange.origin or "/" in exchange.id else exchange.id
    request, response = exchange.request, exchange.response
    texts = [compact(message.body) if message is not None else b"" for message in (request, response)]
    if request is not None:
        request = request._replace(body=texts[0])
    if response is not None:
        response = response._replace(body=texts[1])
    return item.part, exchange._replace(origin="", id=name, request=request, response=response)


def compact(body: bytes) -> bytes:
    return dumped(json.loads(body)) if body.startswith(b"{") else body


@pytest.mark.parametrize("first", ["a.har", "a.jsonl", "a.har.gz", "a.jsonl.zst"])
@pytest.mark.parametrize("second", ["b.har.zst", "b.jsonl"])
def test_the_same_exchanges_come_back_from_every_format(tmp_path: Path, first: str, second: str) -> None:
    for given in ("reference.jsonl", "careless-server.jsonl", "stream.sse", "response.json"):
        one, two = tmp_path / first, tmp_path / second
        assert main(["convert", "--quiet", str(RECORDINGS / given), str(one)]) == 0
        assert main(["convert", "--quiet", str(one), str(two)]) == 0
        assert list(map(bare, read(one))) == list(map(bare, read(two))) == list(map(bare, read(RECORDINGS / given)))


def test_the_archive_is_har_as_others_read_it(tmp_path: Path) -> None:
    out = tmp_path / "t.har"
    assert main(["convert", "--quiet", str(RECORDINGS / "reference.jsonl"), str(out)]) == 0
    log = json.loads(out.read_bytes())["log"]
    assert (log["version"], log["creator"]["name"]) == ("1.2", "chatcontract")
    assert len(log["entries"]) == 6
    for entry in log["entries"]:
        assert {"startedDateTime", "time", "request", "response", "cache", "timings"} < entry.keys()
        assert {"method", "url", "httpVersion", "cookies", "headers", "queryString", "headersSize", "bodySize"} < entry[
            "request"
        ].keys()
        assert {"status", "statusText", "content", "redirectURL", "headers", "cookies"} < entry["response"].keys()
        assert {"size", "mimeType", "text"} <= entry["response"]["content"].keys()
    assert {entry["response"]["content"]["mimeType"].partition(";")[0] for entry in log["entries"]} == {
        "application/json", "text/event-stream",
    }  # fmt: skip


def test_no_key_gets_into_the_output(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    headers = {"Authorization": f"Bearer {KEY}", "api-key": KEY, "Cookie": f"session={KEY}"}
    body = {**REQUEST, "user": KEY}
    url = f"https://me:{KEY}@h/v1/chat/completions?api-key={KEY}"
    request = {"method": "POST", "url": url, "headers": headers, "body": body}
    pieces = [{"t": 0.1, "text": f"data: {KEY}\n\n"}]
    lines = [
        {"id": KEY, "request": request, "response": {"status": 401, "body": {"error": {"message": KEY}}}},
        {"request": request, "response": {"status": 200, "headers": {"set-cookie": KEY}, "chunks": pieces}},
        {"request": {**request, "method": "GET"}, "response": None},
    ]
    given = tmp_path / "in.jsonl"
    given.write_text("".join(json.dumps(line) + "\n" for line in lines) + f"{{{KEY}\n")
    for name in ("out.jsonl", "out.har"):
        assert main(["convert", str(given), str(tmp_path / name)]) == 3
        assert KEY not in (tmp_path / name).read_text()
        assert len(read(tmp_path / name)) == 2
    assert main(["convert", "--to", "har", str(tmp_path / "out.har"), str(tmp_path / "again")]) == 0
    assert KEY not in capsys.readouterr().err


def test_what_cannot_be_read_is_named_and_the_rest_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pair = json.dumps({"request": REQUEST, "response": RESPONSE})
    (tmp_path / "t.jsonl").write_text(f"{pair}\n{{\n{pair}\n")
    assert main(["convert", str(tmp_path / "t.jsonl"), str(tmp_path / "o.har")]) == 3
    told = capsys.readouterr().err
    assert f"{tmp_path}/t.jsonl:2" in told
    assert "2 × bare pair" in told
    assert len(read(tmp_path / "o.har")) == 2


def test_standard_output_is_native_lines_unless_said_otherwise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for arguments, start in (([], b'{"id":'), (["--to", "har"], b'{"log":')):
        out = io.TextIOWrapper(io.BytesIO())
        monkeypatch.setattr(sys, "stdout", out)
        assert main(["convert", "-q", *arguments, str(RECORDINGS / "reference.jsonl"), "-"]) == 0
        assert out.buffer.getvalue().startswith(start)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("names", "why"),
    [(["t.jsonl", "t.jsonl"], "to be read"), ([".", "t.jsonl"], "to be read"), (["t.jsonl", "x"], "--to")],
)
def test_an_input_is_never_overwritten_and_a_name_has_to_say_the_format(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], names: list[str], why: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("t.jsonl").write_text(json.dumps(REQUEST) + "\n" + json.dumps(REQUEST) + "\n")
    assert main(["convert", *names]) == 2
    assert why in capsys.readouterr().err
    assert len(read(tmp_path / "t.jsonl")) == 2


def test_a_conversion_that_is_interrupted_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "o.jsonl").write_text("old")

    def interrupted(*_: object, **__: object) -> bytes:
        raise KeyboardInterrupt

    monkeypatch.setattr("chatcontract.native.line", interrupted)
    assert main(["convert", "-q", str(RECORDINGS / "reference.jsonl"), str(tmp_path / "o.jsonl")]) == 130
    assert [path.name for path in tmp_path.iterdir()] == ["o.jsonl"]
    assert (tmp_path / "o.jsonl").read_text() == "old"


def test_nothing_to_convert_is_said_with_its_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "t.har").write_text(json.dumps({"log": {"entries": []}}))
    assert main(["convert", str(tmp_path / "t.har"), str(tmp_path / "o.jsonl")]) == 3
    assert "nothing" in capsys.readouterr().err
    assert main(["convert", str(tmp_path / "gone"), str(tmp_path / "o.jsonl")]) == 3


def test_an_output_stays_where_nothing_could_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "kept.har").write_text("kept")
    assert main(["convert", str(tmp_path / "absent.jsonl"), str(tmp_path / "kept.har")]) == 3
    assert "stays as it is" in capsys.readouterr().err
    assert (tmp_path / "kept.har").read_text() == "kept"
    assert list(tmp_path.iterdir()) == [tmp_path / "kept.har"]


def test_a_packed_output_is_the_same_in_every_run(tmp_path: Path) -> None:
    (tmp_path / "t.sse").write_bytes(events(list(STREAM)))
    made = []
    for name in ("a.jsonl.gz", "b.jsonl.gz"):
        assert main(["convert", "-q", str(tmp_path / "t.sse"), str(tmp_path / name)]) == 0
        made.append((tmp_path / name).read_bytes())
    assert made[0] == made[1]
    assert gzip.decompress(made[0]).startswith(b'{"id":')


def shape(found: Violations) -> list[tuple[object, ...]]:
    """The violations without the values met, in which keys are gone after conversion."""
    return sorted((v.rule, v.severity, v.part, v.pointer, v.message, v.chunk or -1) for v in found)


@cache
def contract() -> Contract:
    return Contract.load()


def differing(step: int, folder: Path, form: str) -> tuple[int, list[str]]:
    """How many exchanges of the corpus were compared, and the ids of those that give other violations converted."""
    given, one, two = folder / "in.jsonl", folder / "one.har", folder / "two.jsonl"
    with gzip.open(CORPUS) as lines:
        given.write_bytes(b"".join(line for number, line in enumerate(lines) if number % step == 0))
    assert main(["convert", "-q", str(given), str(one)]) == 0
    assert main(["convert", "-q", str(one), str(two)]) == 0
    before = [item.exchange for item in read(given)]
    after = [item.exchange for item in read(one if form == "har" else two)]
    assert [exchange.id for exchange in after] == [exchange.id for exchange in before]
    pairs: list[tuple[Exchange, Exchange]] = list(zip(before, after, strict=True))
    # Key forms inside the damaged base64 of nine pictures are taken out: what else changes?
    changed = [old.id for old, new in pairs if shape(contract().check(clean(old))) != shape(contract().check(new))]
    return len(pairs), changed


@pytest.mark.corpus
@pytest.mark.skipif(not CORPUS.is_file(), reason="no recorded traffic beside the checkout")
@pytest.mark.parametrize("form", ["har", "native"])
def test_recorded_traffic_gives_the_same_violations_after_conversion(tmp_path: Path, form: str) -> None:
    step = 1 if os.environ.get("CHATCONTRACT_NIGHTLY") else STEP
    count, changed = differing(step, tmp_path, form)
    assert count == -(-4372 // step)
    assert changed == []
