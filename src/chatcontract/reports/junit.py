"""The report as JUnit XML: one case for each result; failed, errored and skipped are kept apart.

The five verdicts map to the three elements that readers of this format know: failed → `failure`, errored →
`error`, skipped and inconclusive → `skipped`, whose message says which of them it was.
"""

import re
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterator
from typing import Any, TextIO

from chatcontract.digest import ORDER, is_fuzzing, section_of
from chatcontract.redact import printable, text

MAX_SHOWN = 50
"""Violations that are written into one case."""
_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NOTHING: dict[str, Any] = {}


def render(report: dict[str, Any], out: TextIO, **_: Any) -> None:
    """Write the report as JUnit XML."""
    root = suites(report)
    ET.indent(root)
    out.write("<?xml version='1.0' encoding='utf-8'?>\n")
    out.write(ET.tostring(root, encoding="unicode"))
    out.write("\n")


def suites(report: dict[str, Any]) -> ET.Element:
    """The whole as elements: a suite for each section of probes, or one for all records."""
    name = legal(report.get("target") or "check")
    root = ET.Element("testsuites", {"name": f"chatcontract {name}"})
    by_suite: dict[str, list[dict[str, Any]]] = {}
    for result in report["results"]:
        by_suite.setdefault(_class(result, report), []).append(result)
    for suite, results in by_suite.items():
        root.append(_suite(suite, results, report))
    _count(root, [result for results in by_suite.values() for result in results])
    return root


def legal(value: Any) -> str:
    """The text without the characters that XML knows no way to write.

    >>> legal("a\\x00b\\ud800c\\uffff\\x1b[0m")
    'a\\\\x00b\\\\ud800c\\\\x1b[0m'
    """
    return _ILLEGAL.sub("", printable(str(value)))


def _class(result: dict[str, Any], report: dict[str, Any]) -> str:
    probe = report.get("probes", _NOTHING).get(result.get("probe"))
    if probe is not None:
        what = "chatcontract.fuzz" if is_fuzzing(report) else "chatcontract"
        return legal(f"{what}.{probe.get('section') or 'other'}")
    whom = result.get("provider") or result.get("host")
    what = "replay" if "replay" in report else "check"
    return legal(f"chatcontract.{what}.{_dotless(whom)}" if whom else f"chatcontract.{what}")


def _dotless(name: str) -> str:
    return name.replace(".", "_").replace(" ", "_")


def _suite(name: str, results: list[dict[str, Any]], report: dict[str, Any]) -> ET.Element:
    suite = ET.Element("testsuite", {"name": name})
    _count(suite, results)
    for result in results:
        suite.append(_case(name, result, report))
    return suite


def _count(element: ET.Element, results: list[dict[str, Any]]) -> None:
    verdicts = Counter(result["verdict"] for result in results)
    element.attrib.update(
        tests=str(len(results)), failures=str(verdicts["failed"]), errors=str(verdicts["errored"]),
        skipped=str(verdicts["skipped"] + verdicts["inconclusive"]), time=_seconds(sum(map(_time, results))),
    )  # fmt: skip


def _time(result: dict[str, Any]) -> float:
    return float(result.get("elapsed") or 0)


def _seconds(value: float) -> str:
    return f"{value:.3f}"


def _case(classname: str, result: dict[str, Any], report: dict[str, Any]) -> ET.Element:
    name = legal(result.get("probe") or result["id"] or result["origin"] or "(no name)")
    case = ET.Element("testcase", {"classname": classname, "name": name, "time": _seconds(_time(result))})
    if result.get("origin"):
        case.set("file", legal(result["origin"]))
    _judge(case, result, report)
    notes = list(_notes(result, report))
    if notes:
        ET.SubElement(case, "system-out").text = legal("\n".join(notes))
    return case


def _judge(case: ET.Element, result: dict[str, Any], report: dict[str, Any]) -> None:
    verdict = result["verdict"]
    why = legal(result.get("reason") or result.get("error") or verdict)
    if verdict == "failed":
        made = ET.SubElement(case, "failure", {"message": _headline(result, why), "type": _worst_rule(result)})
        made.text = "\n\n".join([why, *map(legal, _violations(result, report, {"error"}))])
    elif verdict == "errored":
        ET.SubElement(case, "error", {"message": why, "type": "errored"}).text = why
    elif verdict in ("skipped", "inconclusive"):
        ET.SubElement(case, "skipped", {"message": f"{verdict}: {why}" if why != verdict else verdict})


def _headline(result: dict[str, Any], why: str) -> str:
    found = [violation for violation in result["violations"] if violation["severity"] == "error"]
    if not found:
        return why
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return legal(f"{found[0]['rule']} {found[0]['name']}: {text(found[0]['message'])}{more}")


def _worst_rule(result: dict[str, Any]) -> str:
    worst = min(result["violations"], key=lambda violation: ORDER.get(violation["severity"], 3), default=None)
    return legal(f"{worst['rule']} {worst['name']}") if worst else "expectation"


def _violations(result: dict[str, Any], report: dict[str, Any], severities: set[str]) -> Iterator[str]:
    found = [violation for violation in result["violations"] if violation["severity"] in severities]
    for violation in found[:MAX_SHOWN]:
        yield "\n".join(_lines(violation, report["rules"]))
    if len(found) > MAX_SHOWN:
        yield f"… and {len(found) - MAX_SHOWN} more"


def _lines(violation: dict[str, Any], rules: dict[str, Any]) -> Iterator[str]:
    chunk = "" if violation["chunk"] is None else f", chunk {violation['chunk']}"
    head = f"{violation['rule']} {violation['name']} ({violation['severity']}, {violation['basis']})"
    yield f"{head} [{section_of(violation['rule'], rules)}]"
    yield f"  at    {violation['part']} {violation['pointer'] or '(the whole)'}{chunk}"
    yield f"  what  {violation['message']}"
    for label, member in (("value", "value"), ("hint", "hint"), ("curl", "curl")):
        if violation.get(member):
            yield f"  {label:5} {violation[member]}"
    source = rules.get(violation["rule"], _NOTHING).get("source")
    if source:
        yield f"  see   {source}"


def _notes(result: dict[str, Any], report: dict[str, Any]) -> Iterator[str]:
    probe = report.get("probes", _NOTHING).get(result.get("probe"))
    if probe is not None:
        yield f"{probe.get('title') or ''}\n{probe.get('why') or ''}".strip()
    yield from _violations(result, report, {"warning", "info"})
    for one in result.get("drift") or ():
        yield f"drift: {one['kind']} at {one['pointer'] or '(the whole)'}: {one['before']} → {one['after']}"
