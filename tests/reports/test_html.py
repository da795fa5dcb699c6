"""The page: complete in itself, and safe whatever a server answered."""

import base64
import copy
import hashlib
import os
import re
from collections import Counter
from collections.abc import Callable
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chatcontract import page
from chatcontract.redact import printable
from chatcontract.reports import html

Write = Callable[..., str]
EXAMPLES = 500 if os.environ.get("CHATCONTRACT_NIGHTLY") else 25
VOID = {"meta", "link", "input", "img", "br", "hr", "wbr"}
slow = settings(
    max_examples=EXAMPLES, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip


class Parsed(HTMLParser):
    """The elements of a page, its text, and what stands in its scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.seen: set[tuple[str, str]] = set()
        self.elements: Counter[str] = Counter()
        self.links: list[str] = []
        self.ids: list[str] = []
        self.open: list[str] = []
        self.raw: dict[str, list[str]] = {"script": [], "style": []}
        self.words: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements[tag] += 1
        self.seen |= {(tag, name) for name, _ in attrs} | {(tag, "")}
        told = dict(attrs)
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]
        if "id" in told:
            self.ids.append(told["id"] or "")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in self.raw:
            self.raw[self.open[-1]].append(data)
        else:
            self.words.append(data)


@pytest.fixture(params=["audit", "check"])
def report(request: pytest.FixtureRequest) -> dict[str, Any]:
    made: dict[str, Any] = request.getfixturevalue(f"{request.param}_report")
    return made


def test_the_page_is_one_file_that_loads_nothing(report: dict[str, Any], written: Write) -> None:
    parsed = Parsed(written("html", report))
    assert parsed.open == []
    assert {"link", "img", "iframe", "object"} & set(parsed.elements) == {"link"}
    assert all(link.startswith(("#", "https://")) or link == "data:," for link in parsed.links)
    assert "@import" not in parsed.raw["style"][0]
    assert "url(" not in parsed.raw["style"][0]


def test_every_id_is_there_once_and_every_inner_link_leads_somewhere(report: dict[str, Any], written: Write) -> None:
    parsed = Parsed(written("html", report))
    assert max(Counter(parsed.ids).values()) == 1
    inner = {link[1:] for link in parsed.links if link.startswith("#")}
    assert inner <= set(parsed.ids)


def test_headings_are_in_order_and_landmarks_are_there(report: dict[str, Any], written: Write) -> None:
    text = written("html", report)
    levels = [int(level) for level in re.findall(r"<h([1-6])", text)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert {"header", "nav", "main", "footer"} <= set(Parsed(text).elements)
    assert 'lang="en"' in text


def test_every_field_has_a_label(report: dict[str, Any], written: Write) -> None:
    text = written("html", report)
    fields = re.findall(r'<(?:input|select)[^>]* ?id="([^"]+)"', text)
    assert fields
    assert all(f'for="{name}"' in text for name in fields)


def test_the_four_scores_stand_side_by_side_and_are_not_blended(audit_report: dict[str, Any], written: Write) -> None:
    words = " ".join(" ".join(Parsed(written("html", audit_report)).words).split())
    for name, figure in [
        ("conformance", "11 of 17 64 %"),
        ("coverage", "17 of 21 80 %"),
        ("robustness", "0 of 0 none"),
    ]:
        assert f"{name} {figure}" in words


def test_a_violation_shows_rule_place_value_evidence_and_command(audit_report: dict[str, Any], written: Write) -> None:
    text = written("html", audit_report)
    assert "<mark>&#34;finish_reason&#34;: &#34;eos&#34;</mark>" in text
    assert "<mark>&#34;id&#34;: &#34;chatcmpl-1&#34;</mark>" in text
    assert "Authorization: Bearer $OPENAI_API_KEY" in text
    words = " ".join(" ".join(Parsed(text).words).split())
    assert "Hint divide by 1000 and drop the fraction" in words
    assert "Breaks Microsoft.Extensions.AI throws" in words
    assert "12 times, in refused" in words


def test_verdicts_are_kept_apart_and_told_in_words(audit_report: dict[str, Any], written: Write) -> None:
    words = " ".join(" ".join(Parsed(written("html", audit_report)).words).split())
    assert "16 probes (5 passed, 7 failed, 1 errored, 2 skipped, 1 inconclusive)" in words
    assert "The connection was reset after 3 chunks" in words
    assert "auth-wrong-key: skipped" in words


def test_what_no_probe_looks_at_is_accepted_and_not_said_to_work(audit_report: dict[str, Any], written: Write) -> None:
    told = {"state": "yes", "probe": "request-verbosity"}
    text = written("html", {**audit_report, "capabilities": {"verbosity": {**told, "tested": False}}})
    assert len(re.findall(r"</span> accepted</span>", text)) == 1
    text = written("html", {**audit_report, "capabilities": {"verbosity": {**told, "tested": True}}})
    assert "</span> accepted</span>" not in text


def test_a_clean_report_says_so(check_report: dict[str, Any], written: Write) -> None:
    clean = check_report | {
        "results": [it | {"violations": []} for it in check_report["results"] if it["verdict"] == "passed"],
        "rules": {},
        "summary": check_report["summary"] | {"results": {"passed": 7}, "violations": {}, "rules": {}},
    }  # fmt: skip
    words = " ".join(" ".join(Parsed(written("html", clean)).words).split())
    assert "✓ Clean 7 checked (7 passed); no violation" in words
    assert "No violation was found." in words


@slow
@given(data=st.data())
def test_no_element_attribute_or_link_comes_from_data(
    data: st.DataObject,
    audit_report: dict[str, Any],
    check_report: dict[str, Any],
    poison: Any,
    written: Write,
) -> None:
    allowed = {(tag, name) for made in (audit_report, check_report) for tag, name in Parsed(written("html", made)).seen}
    text = written("html", poison(data, data.draw(st.sampled_from([audit_report, check_report]))))
    parsed = Parsed(text)
    assert parsed.seen <= allowed
    assert parsed.open == []
    assert len(parsed.raw["script"]) == len(parsed.raw["style"]) == 1
    assert all(re.fullmatch(r"#[rv][0-9]+|#[a-z]+|https?://[!-~]+|data:,", link) for link in parsed.links)
    assert not set(text) & {*map(chr, range(9)), "\x1b", "\x7f", "\u202e", "\ud800"}
    text.encode()


def test_data_is_shown_as_it_came(audit_report: dict[str, Any], written: Write) -> None:
    nasty = "</script><script>x</script>\x1b[31m{{ 7 * 7 }}"
    audit_report["results"][0]["exchanges"][0]["response"]["body_text"] = nasty
    assert printable(nasty) in "".join(Parsed(written("html", audit_report)).words)


def test_only_the_script_and_the_style_of_the_page_are_allowed(report: dict[str, Any], written: Write) -> None:
    text = written("html", report)
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', text)
    assert policy is not None
    parsed = Parsed(text)
    for kind in ("script", "style"):
        digest = base64.b64encode(hashlib.sha256(parsed.raw[kind][0].encode()).digest()).decode()
        assert f"{kind}-src &#39;sha256-{digest}&#39;" in policy[1].replace("'", "&#39;")
    assert policy[1].startswith("default-src &#39;none&#39;")


def test_a_huge_report_is_capped_and_says_so(check_report: dict[str, Any], written: Write) -> None:
    bad = next(result for result in check_report["results"] if result["violations"])
    many = []
    for number in range(3000):
        result = copy.deepcopy(bad) | {"id": f"r{number}"}
        for violation in result["violations"]:
            violation["fingerprint"] += f"/{number}"
        many.append(result)
    text = written("html", check_report | {"results": many})
    assert text.count('class="violation ') == page.MAX_VIOLATIONS
    assert text.count('class="result"') == page.MAX_RESULTS
    assert f"{3000 - page.MAX_RESULTS:,} more results are not shown here" in text
    assert len(text) < 5_000_000


def test_bodies_of_passed_probes_give_way_to_those_of_failed_ones(
    audit_report: dict[str, Any], written: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "MAX_BODIES", 15_000)
    text = written("html", audit_report)
    assert "The bodies are left out" in text
    first, last = text.index("As a command"), text.index("The bodies are left out")
    assert first < last


CSS = (Path(html.__file__).parent / "templates" / "page.css").read_text(encoding="utf-8")
BLOCKS = re.findall(r"\{([^{}]*--page: #[0-9a-f]{6};[^{}]*)\}", CSS)
THEMES = [dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", block)) for block in BLOCKS]
KINDS = ("error", "warning", "info", "good", "skipped")
PAIRS = [
    *((name, f"{name}-bg") for name in KINDS), ("card", "error"), ("mark-ink", "mark"), ("accent", "card"),
    *((ink, ground) for ink in ("ink", "soft") for ground in ("page", "card", "code", "field")),
    ("warning", "code"),
]  # fmt: skip


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("ink", "ground"), PAIRS)
def test_every_text_stands_out_from_its_ground(theme: int, ink: str, ground: str) -> None:
    brighter, darker = sorted((luminance(THEMES[theme][ink]), luminance(THEMES[theme][ground])), reverse=True)
    assert (brighter + 0.05) / (darker + 0.05) >= 4.5


def test_the_dark_theme_is_the_same_by_preference_and_by_choice() -> None:
    assert THEMES[1] == THEMES[2]
    assert THEMES[0].keys() == THEMES[1].keys()
