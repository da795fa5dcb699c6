"""The report as one self-contained page: no network, no fonts, no scripts but its own.

Everything that comes from a report is text: it is escaped, control characters are made visible, only http
addresses become links, and a policy in the page allows no script and style but the two whose hashes it names.
"""

import base64
import hashlib
import re
from functools import cache
from importlib import resources
from typing import Any, TextIO

from chatcontract.digest import ORDER
from chatcontract.page import Page
from chatcontract.redact import printable

try:
    import jinja2
    from markupsafe import Markup, escape
except ImportError as error:  # pragma: no cover - told by a process of its own in the tests
    raise ValueError("an HTML report needs jinja2: pip install 'chatcontract[page]'") from error

_WEB = re.compile(r"https?://[!-~]+")
_TICKED = re.compile("`([^`]+)`")
_KINDS = {
    "passed": "passed", "failed": "failed", "errored": "errored", "skipped": "skipped",
    "inconclusive": "inconclusive", "yes": "passed", "accepted": "passed", "no": "failed", "unsupported": "skipped",
    "unknown": "inconclusive",
}  # fmt: skip
_ICONS = {
    "passed": "✓", "failed": "✕", "errored": "!", "skipped": "–", "inconclusive": "?", "yes": "✓", "accepted": "✓",
    "no": "✕", "unsupported": "–", "unknown": "?", "error": "✕", "warning": "!", "info": "i",
}  # fmt: skip
_BASES = {
    "schema": "the published schema says so", "documented": "the documentation says so",
    "observed": "the reference service does so", "interop": "real clients need it",
}  # fmt: skip


def render(report: dict[str, Any], out: TextIO, **_: Any) -> None:
    """Write the report as one HTML page."""
    style, script = Markup(_asset("page.css")), Markup(_asset("page.js"))  # noqa: S704 - our own files
    made = _environment().get_template("page.html").generate(
        **Page(report).view(), style=style, script=script, policy=_policy(style, script)
    )  # fmt: skip
    for piece in made:
        out.write(piece)
    out.write("\n")


@cache
def _environment() -> jinja2.Environment:
    made = jinja2.Environment(
        loader=jinja2.FunctionLoader(_asset), autoescape=True, finalize=_shown, trim_blocks=True,
        lstrip_blocks=True, undefined=jinja2.StrictUndefined,
    )  # fmt: skip
    made.tests["web"] = is_web
    made.filters.update(ticked=ticked, figure="{:,}".format)
    made.globals.update(kinds=_KINDS, icons=_ICONS, bases=_BASES, severities=tuple(ORDER))
    return made


@cache
def _asset(name: str) -> str:
    return resources.files("chatcontract.reports").joinpath("templates", name).read_text(encoding="utf-8")


def is_web(value: Any) -> bool:
    """Whether a text may become the address of a link."""
    return isinstance(value, str) and _WEB.fullmatch(value) is not None


def ticked(value: str) -> Markup:
    """Text in which words between backticks are set as code; nothing else in it has a meaning.

    >>> ticked("`id` is <missing>")
    Markup('<code class="word">id</code> is &lt;missing&gt;')
    """
    return Markup(_TICKED.sub(r'<code class="word">\1</code>', str(escape(printable(value)))))  # noqa: S704


def _shown(value: Any) -> Any:
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _policy(style: str, script: str) -> str:
    return (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
