"""A recording of any size: its check in constant memory, and the rate beside bare parsing and validation.

`python -m benchmarks.bulk --size 2GB` makes the file (native lines, or HAR with `--har`) in the folder for temporary
files, repeats the seeded payloads in it under new ids, measures each alternative in a process of its own, and
removes the file.
"""

import argparse
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.measure import Line, python
from benchmarks.payloads import all_payloads
from chatcontract import har, native
from chatcontract.examples import events
from chatcontract.model import Exchange, Request, Response

DEFAULT = 64 * 2**20
SEED = 5
_JSON_TYPE = (("content-type", "application/json"),)
_STREAM_TYPE = (("content-type", "text/event-stream"),)
_ID = "chatcmpl-00000000"
_BARE = """
import sys, orjson, jsonschema_rs
from chatcontract import closures
texts = closures.own()
asked, answered, chunk = (
    jsonschema_rs.Draft202012Validator(texts.text(f"openai.{root}.verdict")).is_valid
    for root in ("request", "response", "chunk")
)
with open(sys.argv[1], "rb") as file:
    for line in file:
        value = orjson.loads(line)
        asked(value["request"]["body"])
        answer = value["response"]
        if "body" in answer:
            answered(answer["body"])
        else:
            for data in "".join(piece["text"] for piece in answer["chunks"]).split("\\n\\n"):
                if data and data != "data: [DONE]":
                    chunk(orjson.loads(data[6:]))
"""
_PARSED = """
import sys, orjson
with open(sys.argv[1], "rb") as file:
    for line in file:
        orjson.loads(line)
"""


class Measured(NamedTuple):
    """One process: its CPU seconds and the most memory that it had, in bytes."""

    cpu: float
    peak: int


def records() -> list[Exchange]:
    """The exchanges that are repeated: plain and streamed answers, one in fifty with a fault."""
    asked = [p for p in all_payloads() if p.root == "request" and p.name != "large"]
    answered = [p for p in all_payloads() if p.root == "response" and p.name != "logprobs"]
    drawn = random.Random(SEED)
    made = []
    for number in range(200):
        request, answer = drawn.choice(asked), drawn.choice(answered)
        sent = request.faults[0].value if number == 50 else request.value
        got = {**(answer.faults[0].value if number in (100, 150, 199) else answer.value), "id": _ID}
        body = _streamed(got) if number % 4 == 3 else json.dumps(got).encode()
        headers = _STREAM_TYPE if number % 4 == 3 else _JSON_TYPE
        url = "https://api.example.com/v1/chat/completions"
        asking = Request("POST", url, _JSON_TYPE, json.dumps({**sent, "stream": number % 4 == 3}).encode())
        made.append(Exchange("00000000", asking, Response(200, headers, body)))
    return made


def _streamed(answer: dict[str, Any]) -> bytes:
    """The text of an answer as the chunks of a stream, a few words each."""
    about = {name: answer.get(name) for name in ("id", "created", "model")} | {"object": "chat.completion.chunk"}
    words = re.findall(r"\S+\s*", str(answer["choices"][0]["message"].get("content") or "Yes. ") * 3)[:60]
    deltas: list[Any] = [{"role": "assistant", "content": ""}, *({"content": word} for word in words), {}]
    choices = [
        {"index": 0, "delta": delta, "logprobs": None, "finish_reason": None if delta else "stop"} for delta in deltas
    ]
    return events([*({**about, "choices": [choice]} for choice in choices), "[DONE]"])


def write(path: Path, size: int, archive: bool) -> int:
    """Fill the file up to about `size` bytes; returns the number of exchanges."""
    made = [har.entry(record) if archive else native.line(record) for record in records()]
    count = 0
    with path.open("wb") as file:
        file.write(har.head("0") if archive else b"")
        while file.tell() < size:
            for data in made:
                between = har.SEPARATOR if archive and count else b""
                file.write(between + data.replace(b"00000000", b"%08d" % count))
                count += 1
        file.write(har.TAIL if archive else b"")
    return count


def measured(*command: str) -> Measured:
    """Run a command; its output is thrown away."""
    started = _children()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    peak = _watched(process)
    return Measured(_children() - started, peak)


def _children() -> float:
    times = os.times()
    return times.children_user + times.children_system


def _watched(process: "subprocess.Popen[bytes]") -> int:
    """The high-water mark of the resident memory, read while the process lives."""
    peak = 0
    while process.poll() is None:
        try:
            status = Path(f"/proc/{process.pid}/status").read_text()
        except OSError:
            break
        found = re.search(r"VmHWM:\s+(\d+)", status)
        peak = max(peak, int(found[1]) * 1024 if found else 0)
        time.sleep(0.05)
    process.wait()
    return peak


def lines(size: int, *, archive: bool = False) -> Iterator[Line]:
    """The figures: peaks of memory in MiB, rates in MB of the file a CPU second, and the ratio to the bare tools."""
    with tempfile.TemporaryDirectory() as folder:
        small, big = Path(folder, "small"), Path(folder, "big")
        write(small, size // 8, archive)
        count = write(big, size, archive)
        section = f"a recording of {size / 1e9:.2g} GB, {count:,} exchanges, {'HAR' if archive else 'native lines'}"
        check = [*python("-m", "chatcontract", "check", "--quiet", "--config", "none", "--fail-on", "never")]
        for form in ("text", "json"):
            small_run = measured(*check, "--format", form, str(small))
            run = measured(*check, "--format", form, str(big))
            yield Line(section, f"check --format {form}, peak", run.peak / 2**20, unit=" MiB")
            growth = run.peak / max(1, small_run.peak)
            yield Line(section, f"check --format {form}, peak / that of an eighth", growth, goal=1.25)
            yield Line(section, f"check --format {form}, rate", size / 1e6 / run.cpu, unit=" MB/s",
                       note=f"{count / run.cpu:,.0f} exchanges a second")  # fmt: skip
            if form == "text":
                text = run
        if not archive:
            for name, code in (("orjson + jsonschema-rs", _BARE), ("orjson alone", _PARSED)):
                bare = measured(*python("-c", code, str(big)))
                note = f"{bare.peak / 2**20:.0f} MiB"
                yield Line(section, f"{name}, rate", size / 1e6 / bare.cpu, unit=" MB/s", note=note)
                yield Line(section, f"check --format text / {name}", text.cpu / bare.cpu)


def _size(text: str) -> int:
    number, unit = re.fullmatch(r"([\d.]+)([KMG]?)B?", text.upper()).groups()  # type: ignore[union-attr]
    return int(float(number) * {"": 1, "K": 10**3, "M": 10**6, "G": 10**9}[unit])


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bulk", description=__doc__)
    parser.add_argument("--size", type=_size, default=DEFAULT, help="of the file, as 2GB or 64MB (default)")
    parser.add_argument("--har", action="store_true", help="an archive in place of native lines")
    arguments = parser.parse_args()
    for line in lines(arguments.size, archive=arguments.har):
        print(f"{line.section}: {line.name}: {line.ratio or 0:,.2f}{line.unit} {line.note}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
