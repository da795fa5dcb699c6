"""An audit as text for people."""

import re
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

Write = Callable[..., str]


def test_every_section_has_a_line_with_its_counts(audit_report: dict[str, Any], written: Write) -> None:
    lines = written("text", audit_report).splitlines()
    assert any(re.fullmatch(r"tools +3 +· +· +2 +· +· +1", line) for line in lines)
    assert any(re.fullmatch(r"errors +2 +· +· +1 +1 +· +·", line) for line in lines)


def test_violations_come_worst_first_with_a_command(audit_report: dict[str, Any], written: Write) -> None:
    text = written("text", audit_report)
    assert text.index("CC301 created-not-in-seconds  error") < text.index("CC620 usage-missing  warning")
    block = text.split("CC301 created-not-in-seconds")[1].split("\n\n")[0]
    assert "server's fault · 2 times" in block
    assert "  at    response /created" in block
    assert "  hurts Microsoft.Extensions.AI throws" in block
    assert '  curl  curl -sS http://127.0.0.1:8099/v1/chat/completions -H "Authorization: Bearer $OPENAI_' in block


def test_violations_of_severity_info_are_shown_on_demand(audit_report: dict[str, Any], written: Write) -> None:
    assert "CC003 absent-member" not in written("text", audit_report)
    assert "CC003 absent-member  info" in written("text", audit_report, verbose=True)


def test_four_scores_and_the_capabilities_end_the_report(audit_report: dict[str, Any], written: Write) -> None:
    text = written("text", audit_report)
    assert re.search(r"^  conformance +11 of 17 +64 %  █+░+  what every server must do, in answers without", text, re.M)
    assert re.search(r"^  robustness +0 of 0 +–  ░+  broken requests that are refused$", text, re.M)
    assert re.search(r"^  unsupported  logprobs$", text, re.M)
    assert "not clean: 16 probes (5 passed, 7 failed, 1 errored, 2 skipped, 1 inconclusive); " in text


def test_probes_without_a_verdict_say_why(audit_report: dict[str, Any], written: Write) -> None:
    text = written("text", audit_report)
    assert "  errored      stream-abort-is-survived: The connection was reset after 3 chunks (1.2 s)." in text
    assert "  skipped      auth-wrong-key: No key is in use" in text


def test_colours_are_there_only_when_wanted(audit_report: dict[str, Any], written: Write) -> None:
    plain = written("text", audit_report)
    assert "\x1b" not in plain
    assert re.sub(r"\x1b\[\d+m", "", written("text", audit_report, colour=True)) == plain


def test_an_interrupted_audit_says_so(audit_report: dict[str, Any], written: Write) -> None:
    assert written("text", audit_report | {"interrupted": True}).count("interrupted") == 1


def test_an_audit_that_is_interrupted_at_once_says_so(audit_report: dict[str, Any], written: Write) -> None:
    summary = audit_report["summary"] | {"results": {}, "violations": {}}
    text = written("text", audit_report | {"results": [], "summary": summary, "interrupted": True})
    assert "Interrupted before the first answer." in text


def test_violations_of_one_rule_and_hint_are_folded_unless_wanted(audit_report: dict[str, Any], written: Write) -> None:
    first = next(result for result in audit_report["results"] if result["violations"])
    violation = next(v for v in first["violations"] if v["severity"] == "error")
    alike = [
        {**first, "id": f"errors-{at}", "probe": f"errors-{at}",
         "violations": [{**violation, "fingerprint": f"f{at}", "occurrences": 1, "seen_in": [f"errors-{at}"]}]}
        for at in range(20)
    ]  # fmt: skip
    report = audit_report | {"results": alike}
    text = written("text", report)
    assert text.count(f"{violation['rule']} {violation['name']}  error") == 2
    assert f"{violation['rule']}, 18 more: errors-" in text
    assert "… and 6 more" in text
    assert written("text", report, verbose=True).count(f"{violation['rule']} {violation['name']}  error") == 20


def test_what_is_only_accepted_is_not_called_supported(audit_report: dict[str, Any], written: Write) -> None:
    found = {
        "tools": {"state": "yes", "probe": "tools-auto", "tested": True},
        "verbosity": {"state": "yes", "probe": "request-verbosity", "tested": False},
        "older": {"state": "yes", "probe": "request-user"},
    }
    text = written("text", audit_report | {"capabilities": found})
    assert re.search(r"^  yes +tools, older\n  accepted +verbosity\n +\(answered; ", text, re.M)


@settings(
    max_examples=40, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(data=st.data())
def test_no_answer_of_a_server_drives_the_terminal(
    data: st.DataObject, audit_report: dict[str, Any], poison: Any, written: Write
) -> None:
    text = written("text", poison(data, audit_report), verbose=True)
    assert not set(text) & {*map(chr, [*range(9), *range(11, 32), *range(127, 160)]), "\u202e", "\ud800"}
