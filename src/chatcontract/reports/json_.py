"""The report as JSON, and single results as JSON lines."""

import json
from typing import Any, TextIO


def render(report: dict[str, Any], out: TextIO) -> None:
    """Write the canonical report as one JSON document."""
    json.dump(report, out, ensure_ascii=False, indent=2)
    out.write("\n")


def line(kind: str, value: dict[str, Any]) -> str:
    """One JSON line: the value with its `type` first.

    >>> line("result", {"id": "1"})
    '{"type": "result", "id": "1"}'
    """
    return json.dumps({"type": kind, **value}, ensure_ascii=False)
