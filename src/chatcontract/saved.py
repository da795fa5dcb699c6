"""Reports read back from their files; everything that is shown of a report comes from its JSON."""

import json
import sys
from collections.abc import Iterator
from typing import Any

from chatcontract.exceptions import SourceError
from chatcontract.report import SCHEMA_VERSION, Report

_WORDS = ("rule", "name", "severity", "part", "side")
_ASKED = {"tool": dict, "spec": dict, "rules": dict, "results": list, "summary": dict, "profile": str}


def load(path: str) -> Report:
    """The report that `--report json=PATH` or `jsonl=PATH` wrote; `-` is standard input.

    Raises:
        SourceError: it cannot be read, or is no report that this version knows.
    """
    try:
        data = sys.stdin.buffer.read() if path == "-" else _read(path)
        report = parse(data.decode())
    except OSError as error:
        raise SourceError(f"{path}: cannot be read: {error.strerror}.") from None
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError) as error:
        raise SourceError(f"{path}: no report of chatcontract: {error}.") from None
    return report


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def parse(text: str) -> Report:
    """The report in a text, a JSON document or JSON lines; raises ValueError where there is none.

    >>> parse("[]")
    Traceback (most recent call last):
    ValueError: it has no schema_version
    """
    try:
        report: Any = json.loads(text)
    except ValueError:
        report = _of_lines([json.loads(line) for line in text.splitlines() if line.strip()])
    version = report.get("schema_version") if isinstance(report, dict) else None
    if not isinstance(version, str):
        raise ValueError("it has no schema_version")
    if version.split(".")[0] != SCHEMA_VERSION.split(".")[0]:
        raise ValueError(f"its schema_version is {version!r}, and this is {SCHEMA_VERSION}")
    for name, kind in _ASKED.items():
        if not isinstance(report.get(name), kind):
            raise ValueError(f"it has no {name}")
    if not all(isinstance(word, str) and word.isprintable() for word in _words(report)):
        raise ValueError("it has control characters where codes and names belong")
    return report  # type: ignore[no-any-return] # checked member by member


def _words(report: Report) -> Iterator[Any]:
    """What is shown as it is, since we wrote it; a file may come from elsewhere."""
    yield from (*report["rules"], *report["summary"].get("rules", ()))
    yield from (rule.get("name", "") for rule in report["rules"].values())
    for result in report["results"]:
        yield from (violation[name] for violation in result["violations"] for name in _WORDS)


def _of_lines(lines: list[Any]) -> Report:
    kinds: dict[str, list[Any]] = {"result": [], "report": []}
    for line in lines:
        if not isinstance(line, dict) or line.get("type") not in kinds:
            raise ValueError("a line is neither a result nor a report")
        kinds[line.pop("type")].append(line)
    if len(kinds["report"]) != 1:
        raise ValueError("its last line, which sums it up, is missing")
    rest = kinds["report"][0]
    summary = rest.pop("summary", None)
    return {**rest, "results": kinds["result"], "summary": summary}
