"""A journal only grows, outlives its writer at any byte, and has one writer at a time."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatcontract.exceptions import SourceError
from chatcontract.journal import EVERY_LINES, EVERY_SECONDS, Journal

RECORDS = st.lists(st.dictionaries(st.text(max_size=5), st.text(max_size=20), max_size=3), min_size=1, max_size=5)


def line(value: object) -> bytes:
    return json.dumps(value).encode() + b"\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "er" / "journal.jsonl"


def written(path: Path) -> list[object]:
    return [json.loads(one) for one in path.read_bytes().splitlines()]


def test_what_is_appended_is_there_at_once_and_after_the_next_opening(path: Path) -> None:
    with Journal(str(path)) as journal:
        journal.append(line({"n": 1}))
        assert written(path) == [{"n": 1}]
    with Journal(str(path)) as journal:
        journal.append(line({"n": 2}))
        assert list(journal.lines()) == [b'{"n": 1}', b'{"n": 2}']
        assert journal.repaired == b""


@given(records=RECORDS, cut=st.integers(min_value=1, max_value=10_000))
def test_a_torn_last_line_costs_itself_alone(
    records: list[object], cut: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("torn") / "j"
    lines = [line(record) for record in records]
    whole = b"".join(lines)
    path.write_bytes(whole[: -min(cut, len(whole))])
    with Journal(str(path)) as journal:
        journal.append(line("after"))
    found = written(path)
    assert found[-1] == "after"
    assert found[:-1] == records[: len(found) - 1]
    kept = whole[: -min(cut, len(whole))]
    complete = kept.count(b"\n") + (kept.rpartition(b"\n")[2] + b"\n" in lines[kept.count(b"\n") :][:1])
    assert len(found) - 1 == complete


def test_a_whole_record_without_its_line_end_is_kept(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.write_bytes(line({"n": 1}) + b'{"n": 2}')
    with Journal(str(path)) as journal:
        assert journal.repaired == b""
    assert path.read_bytes() == line({"n": 1}) + line({"n": 2})


def test_a_torn_line_longer_than_one_look_is_found_whole(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.write_bytes(line({"n": 1}) + b'{"n": "' + b"x" * 300_000)
    with Journal(str(path)) as journal:
        assert len(journal.repaired) > 300_000
    assert path.read_bytes() == line({"n": 1})


def test_a_second_writer_is_refused_and_says_what_to_do(path: Path) -> None:
    with Journal(str(path)), pytest.raises(SourceError, match="another process is writing it"):
        Journal(str(path))
    Journal(str(path)).close()


def test_a_sync_is_due_after_so_many_lines_or_so_long(path: Path) -> None:
    with Journal(str(path)) as journal:
        assert not journal.is_due
        for _ in range(EVERY_LINES):
            assert not journal.is_due
            journal.append(b"{}\n")
        assert journal.is_due
        journal.sync()
        assert not journal.is_due
        journal.append(b"{}\n")
        time.sleep(EVERY_SECONDS + 0.05)
        assert journal.is_due


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="the system has no full disk to offer")
def test_a_full_disk_and_a_forbidden_place_are_named() -> None:
    with pytest.raises(SourceError, match="/dev/full: cannot be written: "), Journal("/dev/full") as journal:
        journal.append(b"{}\n")
    with pytest.raises(SourceError, match="cannot be written"):
        Journal("/proc/nothing/journal")


def test_what_was_appended_survives_a_kill(path: Path) -> None:
    code = (
        "import os, signal, sys\nfrom chatcontract.journal import Journal\n"
        "journal = Journal(sys.argv[1])\n"
        "for n in range(500): journal.append(b'{\"n\": %d}\\n' % n)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)])
    assert done.returncode == -9
    assert written(path) == [{"n": n} for n in range(500)]
