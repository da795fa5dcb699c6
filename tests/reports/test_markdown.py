"""Markdown: what a pull request shows, and nothing that a server answered has a meaning in it."""

import re
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from chatcontract.reports import markdown

Write = Callable[..., str]
READER = MarkdownIt("commonmark", {"html": True, "linkify": False}).enable(["table", "strikethrough"])


def kinds(text: str) -> set[str]:
    found = set()
    for token in READER.parse(text):
        found |= {token.type, *(child.type for child in token.children or ())}
    return found


def links(text: str) -> list[str]:
    inline = [child for token in READER.parse(text) for child in token.children or ()]
    return [str(token.attrs["href"]) for token in inline if token.type == "link_open"]


def test_a_capability_of_which_no_effect_was_looked_at_is_accepted(
    audit_report: dict[str, Any], written: Write
) -> None:
    found = {"verbosity": {"state": "yes", "probe": "request-verbosity", "tested": False}}
    assert "| verbosity | ✅ accepted |" in written("markdown", audit_report | {"capabilities": found})


def test_an_audit_shows_verdict_scores_capabilities_sections_and_reasons(
    audit_report: dict[str, Any], written: Write
) -> None:
    text = written("markdown", audit_report)
    assert text.startswith("# chatcontract: audit of `http://127.0.0.1:8099/v1`\n")
    assert "❌ **not clean**: 16 probes (5 passed, 7 failed, 1 errored, 2 skipped, 1 inconclusive)" in text
    assert "| conformance | 11 | 17 | 64 % |" in text
    assert "| robustness | 0 | 0 | – |" in text
    assert "| logprobs | ➖ unsupported | `logprobs-streamed` |" in text
    assert "| ⏭️ skipped | `auth-wrong-key` | No key is in use" in text


def test_a_violation_is_a_row_with_its_source_and_the_command_follows_once(
    audit_report: dict[str, Any], written: Write
) -> None:
    text = written("markdown", audit_report)
    row = next(line for line in text.splitlines() if "CC301" in line)
    assert row.startswith("| ❌ error | [CC301 created-not-in-seconds](https://")
    assert "response `/created`" in row
    assert "divide by 1000" in row
    assert text.count("```sh") == text.count("\nShows ") > 1


def test_a_check_shows_the_hosts(check_report: dict[str, Any], written: Write) -> None:
    text = written("markdown", check_report)
    counts = check_report["summary"]["targets"]["llm.example.net"]
    figures = (str(counts[name]) for name in ("error", "warning", "info", "results"))
    assert f"| `llm.example.net` | {' | '.join(figures)} |" in text
    assert "## Scores" not in text


def test_every_table_is_read_as_one_and_no_row_is_torn(audit_report: dict[str, Any], written: Write) -> None:
    text = written("markdown", audit_report)
    tables = [token for token in READER.parse(text) if token.type == "table_open"]
    assert len(tables) == 5
    for block in re.findall(r"(?:^\|.*\n)+", text, re.M):
        rows = [re.sub(r"`[^`]*`", "", row).count("|") for row in block.splitlines()]
        assert len(set(rows)) == 1


@settings(
    max_examples=60, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(data=st.data())
def test_no_text_of_a_server_becomes_html_a_heading_a_link_or_an_image(
    data: st.DataObject,
    audit_report: dict[str, Any],
    check_report: dict[str, Any],
    poison: Any,
    written: Write,
) -> None:
    made = data.draw(st.sampled_from([audit_report, check_report]))
    text = written("markdown", poison(data, made))
    assert kinds(text) <= kinds(written("markdown", made)) | {
        "code_inline",
        "link_open",
        "link_close",
        "text_special",
        "entity",
    }
    heads = [line for line in text.splitlines() if line.startswith("#")]
    assert len(heads) <= 8
    assert all(re.fullmatch(r"https?://[^\s<>()|]+", link) for link in links(text))
    assert not set(text) & {*map(chr, range(9)), "\x1b", "\u202e", "\ud800"}
    text.encode()


@given(st.text())
def test_plain_text_reads_back_as_itself_in_a_cell(text: str) -> None:
    shown = markdown.plain(text, 10_000)
    tokens = READER.parse(f"| a |\n| --- |\n| x{shown}x |\n")
    cells = [token for token in tokens if token.type == "inline"]
    assert len(cells) == 2
    assert {child.type for child in cells[1].children or ()} <= {"text", "text_special", "entity"}


def test_a_huge_report_is_capped_and_says_so(check_report: dict[str, Any], written: Write) -> None:
    first = next(result for result in check_report["results"] if result["violations"])
    violation = first["violations"][0]
    many = [violation | {"fingerprint": str(number)} for number in range(5000)]
    text = written("markdown", check_report | {"results": [first | {"violations": many}]})
    assert f"… and {5000 - markdown.MAX_GROUPS} more" in text
    assert len(text) < 200_000
