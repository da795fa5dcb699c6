"""The report as JSON, and single results as JSON lines."""

import json
from typing import Any, TextIO


def render(report: dict[str, Any], out: TextIO, **_: Any) -> None:
    """Write the canonical report as one JSON document."""
    if isinstance(report.get("results"), list):
        json.dump(report, out, ensure_ascii=False, indent=2)
    else:
        _render_long(report, out)
    out.write("\n")


def _render_long(report: dict[str, Any], out: TextIO) -> None:
    """The same text, with one result in memory at a time."""
    for at, (name, value) in enumerate(report.items()):
        out.write((",\n" if at else "{\n") + f"  {json.dumps(name)}: ")
        if name != "results":
            out.write(_indented(value, "\n  "))
            continue
        for number, result in enumerate(value):
            out.write((",\n    " if number else "[\n    ") + _indented(result, "\n    "))
        out.write("\n  ]")
    out.write("\n}")


def _indented(value: Any, end: str) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2).replace("\n", end)


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
