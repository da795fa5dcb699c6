"""Renderers: each turns the canonical report into one format, from its JSON alone."""

from collections.abc import Callable, Mapping
from importlib import import_module

Renderer = Callable[..., None]
"""Called with the report, a text file to write to, and options that it may ignore."""

RENDERERS: Mapping[str, str] = {
    "text": "chatcontract.reports.terminal:render",
    "json": "chatcontract.reports.json_:render",
    "jsonl": "chatcontract.reports.json_:render_lines",
    "junit": "chatcontract.reports.junit:render",
    "markdown": "chatcontract.reports.markdown:render",
    "html": "chatcontract.reports.html:render",
}
"""Every format by its name, as `--report FORMAT=PATH` takes it, and the function that writes it."""
AUDIT_RENDERERS: Mapping[str, str] = {**RENDERERS, "text": "chatcontract.reports.audit_terminal:render"}
"""The same for the report of an audit."""
REPLAY_RENDERERS: Mapping[str, str] = {**RENDERERS, "text": "chatcontract.reports.replay_terminal:render"}
"""The same for the report of a replay."""
FUZZ_RENDERERS: Mapping[str, str] = {**RENDERERS, "text": "chatcontract.reports.fuzz_terminal:render"}
"""The same for the report of a fuzzing run."""


def renderer(name: str, table: Mapping[str, str] = RENDERERS) -> Renderer:
    """The function that writes a format; it, and what it needs, is imported by this call.

    Raises:
        ValueError: the format needs a package that is not installed.
    """
    module, _, function = table[name].partition(":")
    found: Renderer = getattr(import_module(module), function)
    return found


def parse(value: str) -> tuple[str, str]:
    """`FORMAT=PATH` as a pair; raises ValueError where it is none.

    >>> parse("html=out/page.html")
    ('html', 'out/page.html')
    """
    form, equals, path = value.partition("=")
    if form not in RENDERERS or not equals or not path:
        raise ValueError(f"{value!r} is not FORMAT=PATH with a FORMAT of {', '.join(RENDERERS)}")
    return form, path
