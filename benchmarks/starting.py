"""What it costs to begin: loading, compiling, importing, and a whole process for one file."""

import json
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from benchmarks.measure import Effort, Job, Line, interleaved, processes, python
from benchmarks.payloads import payload
from chatcontract import Contract, closures

JSON = Any

MAX_MILLISECONDS = 1.5
_LATE = (
    "aiohttp", "argparse", "asyncio", "chatcontract.cli", "click", "email", "http", "httpx", "jinja2",
    "jsonschema", "openapi_core", "requests", "rich", "schemathesis", "socket", "ssl", "starlette",
    "urllib.request", "yaml",
)  # fmt: skip
_PROGRAM = "import sys; import chatcontract; found = sorted(sys.modules); import json; print(json.dumps(found))"
_SCRIPT = "import sys; from chatcontract.cli import main; sys.exit(main())"
"""What the installed command `chatcontract` runs; `python -m chatcontract` also imports what looks for modules."""
_EMPTY: dict[str, JSON] = {"request": {"model": "m", "messages": []}, "response": {}, "chunk": {}}


def loading(effort: Effort) -> Iterator[Line]:
    """A new contract up to its first verdict: the text read, its one validator compiled."""
    section = "load and compile one root"
    for root in _EMPTY:
        text = closures.own().text(f"openai.{root}.verdict").encode()
        jobs: list[Job] = [(_first_verdict, root), (orjson.loads, text)]
        mine, other = interleaved(jobs, effort)
        yield Line(section, f"{root}, time", mine.least * 1e3, goal=MAX_MILLISECONDS, unit=" ms")
        yield Line(section, f"{root}, / orjson.loads of its closure", *mine.over(other), goal=15)


def _first_verdict(root: str) -> object:
    return getattr(Contract.load(), f"is_valid_{root}")(_EMPTY[root])


def importing() -> Iterator[Line]:
    """What `import chatcontract` brings in that it should not."""
    loaded = _loaded(_PROGRAM) - _loaded(_PROGRAM.replace("import chatcontract; ", ""))
    late = sorted(loaded & set(_LATE))
    note = f"imports {', '.join(late)}" if late else f"none of {', '.join(_LATE)}"
    yield Line("import chatcontract", "late packages", len(late), goal=0, unit="", note=note)
    others = sorted(name for name in loaded if not name.startswith("chatcontract") and "." not in name)
    yield Line("import chatcontract", "other packages", len(others), unit="", note=", ".join(others))


def _loaded(program: str) -> set[str]:
    done = subprocess.run(python("-c", program), capture_output=True, check=True)
    return set(json.loads(done.stdout))


def whole_process(effort: Effort) -> Iterator[Line]:
    """`chatcontract check` of one 10 KB file, and of the other small ones, beside `python -c pass`."""
    section = "whole process / python -c pass"
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for name in ("agent", "response"):
            files.append(Path(folder, f"{name}.json"))
            files[-1].write_bytes(payload(name).text)
        check = python("-c", _SCRIPT, "check", "--quiet")
        commands = [
            python("-c", "pass"),
            [*check, str(files[0])],
            [*check, "--select", "CC0", str(files[0])],
            [*check, str(files[1])],
            python("-c", "import chatcontract"),
            python("-c", "import json, jsonschema_rs"),
        ]
        base, *rest = processes(commands, effort)
    names = (
        "check of a 10 KB request", "check of a 10 KB request, schema alone", "check of a 1 KB response",
        "import chatcontract", "import json, jsonschema_rs (the floor)",
    )  # fmt: skip
    for name, times in zip(names, rest, strict=True):
        yield Line(section, name, *times.over(base), goal=6 if name.endswith("request") else None)
