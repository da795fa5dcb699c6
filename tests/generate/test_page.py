"""What docs/generate.md shows works."""

import re
from pathlib import Path
from typing import Any

from hypothesis import settings

PAGE = Path(__file__).parents[2] / "docs" / "generate.md"


def test_the_code_on_the_page_runs_and_its_properties_hold() -> None:
    names: dict[str, Any] = {}
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 3
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), names)
    properties = [value for name, value in names.items() if name.startswith("test_")]
    assert len(properties) == 3
    for holds in properties:
        settings(max_examples=20)(holds)()
