"""Names, directories, packed files, and the declaration of the formats."""

import gzip
import io
import json
import os
import sys
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from chatcontract.examples import REQUEST, RESPONSE, STREAM, events
from chatcontract.exceptions import SourceError
from chatcontract.jsontext import MAX_BYTES
from chatcontract.recording import Recorded, Unreadable
from chatcontract.sources import Source, json_items, open_source, opened
from chatcontract.sources.formats import FORMATS, found, table
from chatcontract.sources.json_items import items

DOCS = Path(__file__).parents[2] / "docs" / "traffic.md"
PAIR = json.dumps({"request": REQUEST, "response": RESPONSE})
HAR = json.dumps({"log": {"entries": []}})


def told(*names: object) -> dict[str, list[str]]:
    """Format and forms of every source."""
    made = {}
    for source in opened([str(name) for name in names]):
        if isinstance(source, Unreadable):
            made[source.origin] = [source.reason]
            continue
        with source:
            forms = [item.form if isinstance(item, Recorded) else item.reason for item in source.items]
            made[source.name] = [source.format, *forms, *source.passed_over]
    return made


def test_a_directory_stands_for_the_traffic_in_it_and_names_the_rest(tmp_path: Path) -> None:
    (tmp_path / "b" / ".hidden").mkdir(parents=True)
    (tmp_path / "b" / "a.jsonl").write_text(PAIR + "\n" + "{}\n")
    (tmp_path / "b" / ".hidden" / "x.jsonl").write_text(PAIR + "\n" + PAIR)
    (tmp_path / ".x.json").write_text(PAIR)
    (tmp_path / "a.json").write_text(PAIR)
    (tmp_path / "package.json").write_text('{"name": "x"}')
    (tmp_path / "log.jsonl").write_text('{"level": 1}\n{"level": 2}\n')
    (tmp_path / "README.md").write_text("# Title")
    (tmp_path / "empty.json").write_text("")
    (tmp_path / "loop").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    made = told(tmp_path)
    assert [Path(name).name for name in made] == ["a.json", "a.jsonl", tmp_path.name]
    assert made[str(tmp_path / "b" / "a.jsonl")][1] == "bare pair"
    assert len(made[str(tmp_path / "b" / "a.jsonl")]) == 3
    assert made[str(tmp_path)] == [
        "directory", "of no known format: README.md", "empty: empty.json", "of no known format: log.jsonl",
        "of no known format: package.json",
    ]  # fmt: skip


def test_yaml_that_is_no_cassette_is_passed_over_in_a_directory(tmp_path: Path) -> None:
    (tmp_path / "mkdocs.yml").write_text("site_name: x\nnav:\n- a.md\n")
    (tmp_path / "chart.yaml").write_text("name: {{ .Values.name }}\n")
    (tmp_path / "list.yaml").write_text("- 1\n")
    (tmp_path / "cut.yaml").write_text('interactions:\n- request: {uri: "u\n')
    made = told(tmp_path)
    assert made[str(tmp_path)] == [
        "directory", "of no known format: chart.yaml", "of no known format: list.yaml",
        "of no known format: mkdocs.yml",
    ]  # fmt: skip
    assert "cannot be read on" in made[str(tmp_path / "cut.yaml")][1]
    with open_source(str(tmp_path / "mkdocs.yml")) as source:
        assert isinstance(next(source.items), Unreadable)


def test_a_cassette_that_begins_otherwise_is_found_in_a_directory(tmp_path: Path) -> None:
    request = {"method": "POST", "uri": "https://h/v1/chat/completions", "body": "{}", "headers": {}}
    (tmp_path / "c.yaml").write_text(f'about: x\n"interactions":\n- {json.dumps({"request": request})}\n')
    assert told(tmp_path)[str(tmp_path / "c.yaml")] == ["VCR cassette", "VCR interaction without an answer"]


def test_a_file_that_is_named_is_never_passed_over(tmp_path: Path) -> None:
    (tmp_path / "x.md").write_text("# Title")
    (tmp_path / "e.json").write_text(" ")
    (tmp_path / "p.json").write_text('{"name": "x"}')
    made = told(tmp_path / "x.md", tmp_path / "e.json", tmp_path / "p.json", tmp_path / "gone")
    reasons = [reasons[-1] for reasons in made.values()]
    assert [word in reason for word, reason in zip(("no known", "empty", "neither", "no such"), reasons, strict=True)]
    assert len(made) == 4


def test_a_pattern_stands_for_what_it_matches(tmp_path: Path) -> None:
    for name in ("2.json", "1.json", "[x].json"):
        (tmp_path / name).write_text(PAIR)
    assert [Path(name).name for name in told(tmp_path / "[0-9].json")] == ["1.json", "2.json"]
    assert [Path(name).name for name in told(tmp_path / "[x].json")] == ["[x].json"]
    assert told(tmp_path / "*.har") == {str(tmp_path / "*.har"): ["no file matches."]}


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.ZstdCompressor().compress, lambda data: data])
@pytest.mark.parametrize("standard", [False, True])
def test_packed_files_are_unpacked_whatever_their_name(
    tmp_path: Path, pack: object, standard: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert callable(pack)
    path = tmp_path / "x"
    path.write_bytes(pack((PAIR + "\n" + PAIR + "\n").encode()))
    if standard:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(path.read_bytes()))))
    with open_source("-" if standard else str(path)) as source:
        assert [item.form for item in source.items if isinstance(item, Recorded)] == ["bare pair"] * 2


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.ZstdCompressor().compress])
def test_a_packed_file_that_is_cut_gives_what_is_whole_and_says_so(tmp_path: Path, pack: object) -> None:
    assert callable(pack)
    noisy = ({"request": REQUEST, "id": str(n), "x": os.urandom(500).hex()} for n in range(4000))
    lines = "".join(json.dumps(line) + "\n" for line in noisy)
    (tmp_path / "x").write_bytes(pack(lines.encode())[:-3000])
    with open_source(str(tmp_path / "x")) as source:
        made = list(source.items)
    assert len(made) > 1000
    assert isinstance(made[-1], Unreadable)


def test_zstd_without_its_package_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "zstandard", None)
    (tmp_path / "x").write_bytes(b"\x28\xb5\x2f\xfd0000")
    with pytest.raises(SourceError, match=r"pip install 'chatcontract\[traffic\]'"):
        open_source(str(tmp_path / "x"))


def test_the_formats_are_told_by_their_content_before_their_name() -> None:
    samples = {
        "har": HAR, "vcr": "version: 1\ninteractions:\n- a: 1\n", "vcr-json": '{"version": 1, "interactions": [',
        "test-proxy": '{\n "Entries": [', "schemathesis": '{"Initialize": {}}\n',
        "flows": "1834:9:websocket;0:~", "sse": ": hi\n\n",
        "jsonl": '{}\n{}\n', "json": '{\n"a": 1}',
    }  # fmt: skip
    assert list(samples) == [form.name for form in FORMATS]
    for name, text in samples.items():
        form = found(b"\xef\xbb\xbf \n" + text.encode(), "misleading.sse")
        assert form is not None
        assert form.name == name
    for form in FORMATS:
        for suffix in form.suffixes:
            assert found(b"?", f"X{suffix.upper()}.gz") is form


def test_the_page_shows_the_declared_formats() -> None:
    assert table() in DOCS.read_text(encoding="utf-8")


values = st.recursive(
    st.none() | st.integers() | st.text(max_size=6) | st.sampled_from(['"]}', "\\", '\\"', "entries", "[{"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=12,
)


@given(st.lists(values, max_size=4), values, st.sampled_from([None, 1]), st.integers(1, 9), st.booleans())
def test_the_items_of_an_array_are_those_that_a_parser_finds(
    wanted: list[object], other: object, indent: int | None, piece: int, ascii_: bool
) -> None:
    data = json.dumps({"log": {"a": other, "entries": wanted, "b": other}}, indent=indent, ensure_ascii=ascii_)
    stream = _Slow(data.encode(errors="surrogatepass"), piece)
    assert [json.loads(item.data) for item in items(stream, ("entries",))] == wanted  # type: ignore[arg-type]
    stream = _Slow(json.dumps(wanted, indent=indent).encode(), piece)
    assert [json.loads(item.data) for item in items(stream)] == wanted  # type: ignore[arg-type]


class _Slow(io.BytesIO):
    """Gives a few bytes a time."""

    def __init__(self, data: bytes, piece: int) -> None:
        super().__init__(data)
        self._piece = piece

    def read(self, size: int | None = -1) -> bytes:
        return super().read(self._piece)


def test_an_item_beyond_the_bound_is_let_go_and_the_next_one_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_items, "MAX_BYTES", 1000)
    monkeypatch.setattr(json_items, "FAST_FROM", 100)
    data = json.dumps([{"a": 1}, {"b": [[n] for n in range(2000)]}, {"c": "x" * 5000}, {"d": 2}]).encode()
    made = list(items(io.BytesIO(data)))
    assert [bool(item.fault) for item in made] == [False, True, True, False]


def test_a_stream_and_its_answer_may_lie_side_by_side(tmp_path: Path) -> None:
    (tmp_path / "a.sse").write_bytes(events(list(STREAM)))
    (tmp_path / "b.json").write_text(json.dumps(RESPONSE))
    assert told(tmp_path) == {
        str(tmp_path / "a.sse"): ["event stream", "stream"], str(tmp_path / "b.json"): ["JSON", "response"],
    }  # fmt: skip


def test_the_position_in_a_file_grows_up_to_its_size(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text((PAIR + "\n") * 10)
    source = open_source(str(path))
    assert isinstance(source, Source)
    with source:
        assert len(list(source.items)) == 10
        assert source.position() == source.size == path.stat().st_size < MAX_BYTES
    assert source.position() == 0
