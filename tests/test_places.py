"""Where commands write: never over what they read, and what cannot be written is told as such."""

import json
import os
import resource
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from chatcontract import convert, settings
from chatcontract.cli import main
from chatcontract.examples import REQUEST, RESPONSE, changed
from chatcontract.exceptions import SourceError
from chatcontract.journal import Journal

LINE = json.dumps({"id": "1", "request": REQUEST, "response": RESPONSE, "status": 200}) + "\n"
BAD = json.dumps({"request": REQUEST, "response": changed(RESPONSE, {"/choices/0/finish_reason": "eos"})}) + "\n"
COMMANDS = {
    "check": ["check", "{path}"],
    "check by pattern": ["check", "{folder}/*.jsonl"],
    "replay": ["replay", "{path}", "--to", "http://127.0.0.1:9"],
    "record": ["record", "--upstream", "http://127.0.0.1:9", "--listen", "127.0.0.1:0", "--out", "{path}"],
}


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "t.jsonl"
    path.write_text(LINE * 2)
    return path


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_a_report_is_not_written_over_a_recording(
    command: list[str], recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [word.format(path=recording, folder=recording.parent) for word in command]
    assert main([*words, "--report", f"json={recording}"]) == 2
    assert "would be written over" in capsys.readouterr().err
    assert recording.read_text() == LINE * 2


def test_two_reports_have_two_files(recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    twice = ["--report", f"json={tmp_path}/r", "--report", f"html={tmp_path}/r"]
    assert main(["check", str(recording), *twice]) == 2
    assert "two reports" in capsys.readouterr().err
    assert main(["check", str(recording), "--report", "json=/dev/null", "--report", "html=/dev/null"]) == 0


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no such device")
def test_a_full_disk_is_no_fault_of_ours(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(recording), "--report", "json=/dev/full"]) == 3
    told = capsys.readouterr()
    assert "/dev/full: cannot be written: No space left" in told.err
    assert "clean: 2 checked" in told.out
    assert main(["audit", "demo", "--output", "/dev/null/x", "--dry-run"]) == 3


def test_a_reader_who_leaves_early_costs_no_report_and_no_exit_code(tmp_path: Path) -> None:
    recording, report = tmp_path / "t.jsonl", tmp_path / "r.json"
    recording.write_text(BAD * 2)
    command = [sys.executable, "-m", "chatcontract", "check", str(recording), "--report", f"json={report}"]
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as gone:
        done = subprocess.run(command, stdout=gone, stderr=subprocess.PIPE, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (1, b"")
    assert json.loads(report.read_text())["summary"]["violations"]["error"] == 2


def test_closed_streams_are_no_fault_of_ours(recording: Path) -> None:
    for words, closed, code in ((str(recording), ">&-", 0), ("-", "<&-", 3)):
        shell = f"{sys.executable} -m chatcontract check {words} {closed}"
        assert subprocess.run(["/bin/sh", "-c", shell], capture_output=True, timeout=60, check=False).returncode == code


def test_convert_writes_to_what_a_link_leads_to_and_keeps_its_permissions(tmp_path: Path) -> None:
    real, link = tmp_path / "real.jsonl", tmp_path / "link.jsonl"
    real.touch(mode=0o600)
    link.symlink_to(real)
    with convert.replacing(str(link)) as out:
        out.write(b"x")
    assert link.is_symlink()
    assert real.read_bytes() == b"x"
    assert stat.S_IMODE(real.stat().st_mode) == 0o600


def test_convert_does_not_replace_a_device(recording: Path, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    command = [sys.executable, "-m", "chatcontract", "convert", str(recording), str(pipe), "--to", "native"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        assert len(pipe.read_bytes().splitlines()) == 2
        assert process.wait(60) == 0
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_journal_may_be_a_device() -> None:
    with Journal(os.devnull) as journal:
        journal.append(b"{}\n")
        journal.sync()


def test_standard_output_is_no_place_for_a_recording(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["record", "--upstream", "http://127.0.0.1:9", "--out", "-"]) == 2
    assert "--out takes a file" in capsys.readouterr().err


@pytest.mark.parametrize(
    "text", ['[[tool.chatcontract]]\nprofile = "openai"\n', "[tool]\nchatcontract = 3\n#[tool.chatcontract"]
)
def test_settings_are_one_table(tmp_path: Path, text: str) -> None:
    path = tmp_path / "pyproject.toml"
    path.write_text(text)
    with pytest.raises(ValueError, match="one table"):
        settings.read(str(path))


def test_settings_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "chatcontract.toml"
    path.write_bytes(b'\xef\xbb\xbfprofile = "strict"\n')
    assert settings.read(str(path)).values == {"profile": "strict"}


def test_a_pipe_is_not_replayed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert main(["replay", str(pipe), "--to", "http://127.0.0.1:9"]) == 2
    assert "save it to a file" in capsys.readouterr().err


def test_a_line_that_does_not_fit_on_the_disk_is_taken_back(tmp_path: Path) -> None:
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    with Journal(str(tmp_path / "t.jsonl")) as journal:
        journal.append(b"{}\n")
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, limit[1]))
        try:
            with pytest.raises(SourceError, match="cannot be written"):
                journal.append(b"x" * 500 + b"\n")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert (tmp_path / "t.jsonl").read_bytes() == b"{}\n"


def test_no_name_in_a_recording_begins_a_line_of_the_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    odd = "x\n::error::y"
    path = tmp_path / "a\n::error::b.jsonl"
    answer = changed(RESPONSE, {"/choices/0/finish_reason": odd, f"/{odd}": 1})
    path.write_text(json.dumps({"id": odd, "provider": odd, "request": REQUEST, "response": answer}) + "\n{}\n")
    assert main(["check", str(path), "-v"]) == 1
    told = capsys.readouterr().out
    assert "x\\n::error::y" in told
    assert not [line for line in told.splitlines() if line.startswith("::")]
