"""The report as JSON, and single results as JSON lines."""

import json
from typing import Any, TextIO


def render(report: dict[str, Any], out: TextIO, **_: Any) -> None:
    """Write the canonical report as one JSON document."""
    json.dump(report, out, ensure_ascii=False, indent=2)
    out.write("\n")


def render_lines(report: dict[str, Any], out: TextIO, **_: Any) -> None:
    """Write every result as a JSON line, and the rest of the report as the last one."""
    for result in report["results"]:
        out.write(line("result", result) + "\n")
    render_rest(report, out)


def render_rest(report: dict[str, Any], out: TextIO) -> None:
    """Write the report without its results as one JSON line."""
    rest = {name: value for name, value in report.items() if name != "results"}
    out.write(line("report", rest) + "\n")


def line(kind: str, value: dict[str, Any]) -> str:
    """One JSON line: the value with its `type` first.

    >>> line("result", {"id": "1"})
    '{"type": "result", "id": "1"}'
    """
    return json.dumps({"type": kind, **value}, ensure_ascii=False)
