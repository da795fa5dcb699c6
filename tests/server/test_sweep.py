"""Every fault through the whole `audit`: found by its rules, and by no other of severity error; as a table with counts.

The audits run in processes of their own, one for each core, and the table tells all of them; so the sweep is one test,
and not for the workers of xdist. `make nightly` runs it by itself.
"""

import contextlib
import io
import json
import multiprocessing
import os
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest

from chatcontract.server import faults
from chatcontract.server.faults import Fault

pytest.importorskip("uvicorn", reason="the extra `serve` is not installed")

KEY = "sk-reference-12345678"
SECONDS = "8"
WANTED = bool(os.environ.get("CHATCONTRACT_NIGHTLY")) and "PYTEST_XDIST_WORKER" not in os.environ


class Swept(NamedTuple):
    """What an audit made of a fault: codes of the rules that it names, of those of severity error, its verdicts."""

    name: str
    told: frozenset[str]
    errors: frozenset[str]
    verdicts: Counter[str]


def swept(name: str) -> Swept:
    """Audit the reference server with that fault."""
    from chatcontract.cli import main
    from chatcontract.server import running

    os.environ["OPENAI_API_KEY"] = KEY
    with tempfile.TemporaryDirectory() as folder, running(faults=[name], api_key=KEY) as server:
        path = Path(folder, "report.json")
        with contextlib.redirect_stdout(io.StringIO()):
            main(
                ["audit", server.url, "-q", "--model", "reference-1", "--timeout", SECONDS, "--report", f"json={path}"]
            )
        results = json.loads(path.read_text())["results"]
    found = [violation for result in results for violation in result["violations"]]
    errors = frozenset(violation["rule"] for violation in found if violation["severity"] == "error")
    verdicts = Counter(result["verdict"] for result in results)
    return Swept(name, frozenset(violation["rule"] for violation in found), errors, verdicts)


def complaints(fault: Fault, found: Swept) -> Iterator[str]:
    """What is not as the fault's declaration says."""
    declared = {*fault.rules, *fault.audited}
    missing = declared - found.told
    if missing and not fault.unseen:
        yield f"not found: {', '.join(sorted(missing))}"
    if fault.unseen and found.told >= set(fault.rules):
        yield "found, although it is declared as unseen"
    if others := found.errors - declared:
        yield f"errors of other rules: {', '.join(sorted(others))}"
    if not declared and found.verdicts["failed"]:
        yield f"{found.verdicts['failed']} probes failed"


def row(fault: Fault, found: Swept, said: list[str]) -> str:
    """A line of the table."""
    named = " ".join(sorted({*fault.rules, *fault.audited})) or "-"
    counts = ", ".join(f"{count} {verdict}" for verdict, count in sorted(found.verdicts.items()))
    state = "; ".join(said).upper() or ("unseen" if fault.unseen else "as declared")
    return f"{fault.name:32} {named:36} {counts:50} {state}"


@pytest.mark.skipif(not WANTED, reason="an audit for each fault, some minutes: make nightly")
def test_an_audit_finds_every_fault_by_its_rules_and_no_other_error() -> None:
    known = faults.load()
    spawned = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(os.cpu_count(), mp_context=spawned) as pool:
        found = list(pool.map(swept, known))
    said = {one.name: list(complaints(known[one.name], one)) for one in found}
    print("\n" + "\n".join(row(known[one.name], one, said[one.name]) for one in found))
    seen = [fault for fault in known.values() if (fault.rules or fault.audited) and not fault.unseen]
    right = sum(not said[fault.name] for fault in seen)
    silent = sum(not (fault.rules or fault.audited) for fault in known.values())
    print(
        f"\n{len(known)} faults: {right} of {len(seen)} found by their rules and by no other of severity error, "
        f"{sum(bool(fault.unseen) for fault in known.values())} unseen, {silent} that break no rule"
    )

    assert {name: lines for name, lines in said.items() if lines} == {}
