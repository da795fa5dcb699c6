"""Reports to render: one that `check` really made, and one in the shape of an audit's."""

import copy
import io
import json
from collections.abc import Callable, Iterator, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

from chatcontract import Contract, rules
from chatcontract.report import Collector
from chatcontract.reports import AUDIT_RENDERERS, RENDERERS, renderer
from chatcontract.runner import Run, spec_json

RECORDINGS = Path(__file__).parents[2] / "recordings"
URL = "http://127.0.0.1:8099/v1"
SECTIONS = ("shape", "choices", "tools", "usage", "stream", "errors", "structured", "request", "http")
OTHERS = {
    "stop-at-chunk-border": ("inconclusive", "The model ended by itself in each of 3 tries."),
    "auth-wrong-key": ("skipped", "No key is in use: neither OPENAI_API_KEY nor --api-key-env is given."),
    "logprobs-streamed": ("skipped", "Unsupported: the server refused logprobs with 400."),
    "stream-abort-is-survived": ("errored", "The connection was reset after 3 chunks (1.2 s)."),
}


def checked(*names: str, **members: Any) -> dict[str, Any]:
    contract = Contract.load()
    head = {
        "tool": {"name": "chatcontract", "version": "0.1.0"},
        "spec": spec_json(contract),
        "profile": "openai",
    }
    collector = Collector({**head, "target": None}, rules.get)
    run = Run(contract, collector)
    list(run.results(str(RECORDINGS / name) for name in names))
    return json.loads(json.dumps(collector.report(sources=run.sources, interrupted=False, **members)))


def curl(body: Any) -> str:
    sent = json.dumps(body).replace("'", "'\\''")
    return f"""curl -sS {URL}/chat/completions -H "Authorization: Bearer $OPENAI_API_KEY" \\
  -H 'Content-Type: application/json' --data-raw '{sent}'"""


def exchange(record: dict[str, Any]) -> dict[str, Any]:
    request, response = record["request"], record["response"]
    chunks = response.get("chunks") or []
    text = "".join(chunk["text"] for chunk in chunks) if chunks else json.dumps(response.get("body"))
    return {
        "curl": curl(request["body"]),
        "request": {
            "method": "POST", "url": f"{URL}/chat/completions",
            "headers": [["Content-Type", "application/json"], ["Authorization", "[Filtered]"]],
            "body_text": json.dumps(request["body"]),
        },
        "response": {
            "status": response["status"], "headers": [list(pair) for pair in response["headers"].items()],
            "body_text": text, "truncated": False, "arrivals": [[0, 0.2]],
        },
        "elapsed": 0.217,
    }  # fmt: skip


def made_audit() -> dict[str, Any]:
    report = checked("careless-server.jsonl", "reference.jsonl")
    records = {}
    for name in ("careless-server.jsonl", "reference.jsonl"):
        for line in (RECORDINGS / name).read_text().splitlines():
            record = json.loads(line)
            records[record["id"]] = record
    probes = {}
    for position, result in enumerate(report["results"]):
        sent = exchange(records[result["id"]])
        reason = f"{len(result['violations'])} violations." if result["violations"] else ""
        result.update(probe=result["id"], reason=reason, exchanges=[sent], elapsed=0.2 + position / 50, origin="")
        for violation in result["violations"]:
            violation.update(occurrences=1 + position, curl=sent["curl"])
        probes[result["id"]] = probe(result["id"], SECTIONS[position % len(SECTIONS)])
    for position, (name, (verdict, reason)) in enumerate(OTHERS.items()):
        probes[name] = probe(name, SECTIONS[position + 2])
        report["results"].append(
            {"id": name, "origin": "", "provider": "", "host": "", "probe": name, "verdict": verdict,
             "elapsed": 1.2, "error": reason if verdict == "errored" else None, "reason": reason,
             "violations": [], "exchanges": []}
        )  # fmt: skip
        report["summary"]["results"][verdict] += 1
    return report | {
        "target": URL, "plan": {"requests": 31, "max_tokens": 4100, "probes": len(probes)}, "probes": probes,
        "scores": {"conformance": {"passed": 11, "of": 17}, "coverage": {"passed": 17, "of": 21},
                   "strictness": {"passed": 4, "of": 5}, "robustness": {"passed": 0, "of": 0}},
        "capabilities": {"streaming": {"state": "yes", "probe": "stream"},
                         "tools": {"state": "no", "probe": "arguments-object"},
                         "logprobs": {"state": "unsupported", "probe": "logprobs-streamed"},
                         "vision": {"state": "unknown", "probe": None}},
        "models": ["gpt-5.2"], "duration": 4.21,
    }  # fmt: skip


def probe(name: str, section: str) -> dict[str, Any]:
    return {
        "title": name.replace("-", " ").capitalize(), "section": section, "needs": ["tools"], "level": "must",
        "why": "Clients read this member before anything else.",
        "source": "https://developers.openai.com/api/reference",
        "anchor": "#/components/schemas/CreateChatCompletionResponse",
    }  # fmt: skip


@pytest.fixture(scope="session")
def _made() -> tuple[dict[str, Any], dict[str, Any]]:
    return made_audit(), checked("careless-server.jsonl", "reference.jsonl", "response.json", "stream.sse")


@pytest.fixture
def audit_report(_made: tuple[dict[str, Any], dict[str, Any]]) -> dict[str, Any]:
    return copy.deepcopy(_made[0])


@pytest.fixture
def check_report(_made: tuple[dict[str, Any], dict[str, Any]]) -> dict[str, Any]:
    return copy.deepcopy(_made[1])


FIXED = {
    "verdict",
    "severity",
    "side",
    "part",
    "state",
    "level",
    "basis",
    "profile",
    "schema_version",
    "hash",
}
"""Members whose words are the report's own: everything else may come from a server."""
NASTY = (
    "<script>window.pwned = 1</script>", "</script><img src=x onerror='window.pwned = 2'>", "</style><b>",
    '"><svg onload="window.pwned = 3">', "' onmouseover='x", "javascript:window.pwned=4", "<!--",
    "\x1b]0;title\x07\x1b[2J\x1b[31m", "\x00\x08\x7f\x9b", "\ud800", "\uffff\ufffe", "\u202edesrever", "]]>",
    "{{ 7 * 7 }}{% for x in y %}", "`", "```\n# head\n<b>", "a|b\\|c", "\\", "[x](javascript:1)", "&lt;", "",
    "![i](http://a/i.png)", "http://a/\"onclick=x", "<b>**b**</b>", "@everyone #1", "\r\n\r\n    indented",
    "x" * 5000, "::error::x", "</details>", "http://ok.example/?a=<b>", "<plaintext>", "`<b>`",
)  # fmt: skip
hostile_texts = st.lists(st.sampled_from(NASTY) | st.text(max_size=20), min_size=1, max_size=12)


def poisoned(value: Any, texts: Sequence[str]) -> Any:
    """The value with every text in it that may come from outside replaced by the next of the texts."""
    return _poisoned(value, cycle(texts))


def _poisoned(value: Any, texts: Iterator[str]) -> Any:
    if isinstance(value, dict):
        return {
            name if name in KEPT else f"{next(texts)} {at}": item if name in FIXED else _poisoned(item, texts)
            for at, (name, item) in enumerate(value.items())
        }
    if isinstance(value, list):
        return [_poisoned(item, texts) for item in value]
    return next(texts) if isinstance(value, str) else value


def _names(value: Any) -> set[str]:
    """The names of members that the schema of the report knows."""
    if isinstance(value, list):
        return set().union(*map(_names, value)) if value else set()
    if not isinstance(value, dict):
        return set()
    known = set(value.get("properties") or ()) | set(value.get("required") or ())
    return known.union(*map(_names, value.values()))


KEPT = _names(json.loads((Path(__file__).parents[2] / "docs" / "report.schema.json").read_text())) | {
    "passed", "failed", "errored", "skipped", "inconclusive", "error", "warning", "info", "client", "server",
    "conformance", "coverage", "strictness", "robustness",
}  # fmt: skip


@pytest.fixture
def poison() -> Callable[[st.DataObject, Any], Any]:
    """A copy of a report with every text in it that may come from outside replaced by hostile ones."""
    return lambda data, report: poisoned(report, data.draw(hostile_texts))


@pytest.fixture
def written() -> Callable[..., str]:
    """Writes a report in a format, as `--report FORMAT=PATH` does."""

    def write(form: str, report: dict[str, Any], **options: Any) -> str:
        out = io.StringIO()
        renderer(form, AUDIT_RENDERERS if "probes" in report else RENDERERS)(report, out, **options)
        return out.getvalue()

    return write
