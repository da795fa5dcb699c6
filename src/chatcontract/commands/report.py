"""`chatcontract report` and `diff`: what was reported, shown again, and held against an earlier report."""

import argparse
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from chatcontract import saved
from chatcontract.commands import options
from chatcontract.exceptions import SourceError
from chatcontract.model import Severity
from chatcontract.report import SEVERITIES, Report
from chatcontract.reports import AUDIT_RENDERERS, FUZZ_RENDERERS, RENDERERS, REPLAY_RENDERERS, renderer

REPORT_EXAMPLES = """examples:
  chatcontract report audit/audit.json
  chatcontract report report.json --format markdown
  chatcontract report report.json --report html=page.html --report junit=report.xml --fail-on warning"""
DIFF_EXAMPLES = """examples:
  chatcontract diff before/audit.json after/audit.json
  chatcontract diff main.json branch.json --format json
  chatcontract diff main.json branch.json --fail-on warning

A violation is the same one in both where severity, fingerprint and message are, whatever values the message tells.
The JSON form has old, new, violations (new, gone; both: how many), verdicts and scores that changed."""
_TABLES = {"outcomes": FUZZ_RENDERERS, "replay": REPLAY_RENDERERS, "probes": AUDIT_RENDERERS}
"""The member by which a report of a kind is known, and what renders it."""


def add_to(commands: Any) -> None:
    """Declare the commands."""
    command = commands.add_parser(
        "report", help="show a JSON report again, in any format",
        description="Write a JSON report in another format. It needs neither the traffic nor the network.",
        epilog=REPORT_EXAMPLES,
    )  # fmt: skip
    command.add_argument("path", metavar="REPORT", help="what --report json=PATH wrote; - is standard input")
    options.add_outcome(command, RENDERERS, quiet="no text when all is well")
    command.set_defaults(run=run_report, config=None, severity=None)
    diff = commands.add_parser(
        "diff", help="what is new and what is gone between two reports",
        description="Say what is new in a JSON report and what is gone, beside an earlier one.", epilog=DIFF_EXAMPLES,
    )  # fmt: skip
    diff.add_argument("old", metavar="OLD", help="the earlier JSON report")
    diff.add_argument("new", metavar="NEW", help="the later one; - is standard input")
    diff.add_argument(
        "--fail-on", choices=[*(severity.value for severity in SEVERITIES), "never"],
        help="the least severity of what is new that makes the exit code 1 (default: error)",
    )  # fmt: skip
    diff.add_argument("--format", choices=("text", "json"), default="text")
    diff.add_argument("-v", "--verbose", action="store_true", help="show violations of severity info too")
    diff.set_defaults(run=run_diff, config=None, severity=None)


def run_report(arguments: argparse.Namespace) -> int:
    """Show a report; returns the exit code."""
    options.settle(arguments, fail_on="error", format="text")
    report = saved.load(arguments.path)
    outputs = options.outputs(arguments, reads=[arguments.path])
    with _understood(arguments.path), ExitStack() as stack:
        code = _exit_code(report, arguments.fail_on)
        shown = [(form, path) for form, path in outputs if code or form != "text" or not arguments.quiet]
        streams = [(form, options.opened(path, stack)) for form, path in shown]
        table = next((found for name, found in _TABLES.items() if name in report), RENDERERS)
        writers = {form: renderer(form, table) for form, _ in shown}
        options.write_all(streams, options.rendering(report, writers, arguments))
    return code


def run_diff(arguments: argparse.Namespace) -> int:
    """Say what changed; returns the exit code."""
    from chatcontract.difference import difference, worst

    options.settle(arguments, fail_on="error")
    old, new = saved.load(arguments.old), saved.load(arguments.new)
    with _understood(f"{arguments.old} or {arguments.new}"):
        changed = difference(old, new)
        if arguments.format == "json":
            options.print_json(changed)
        else:
            from chatcontract.reports import difference_terminal

            stream = options.out()
            difference_terminal.render(changed, stream, colour=options.wants_colour(stream), verbose=arguments.verbose)
        found = worst(changed)
        if found and options.fails(Severity(found), arguments.fail_on):
            return 1
        return 0 if _is_judged(new) else 3


@contextmanager
def _understood(path: str) -> Iterator[None]:
    """Raises SourceError where a report is not as its schema describes it."""
    try:
        yield
    except (LookupError, TypeError, AttributeError) as error:
        told = f"{type(error).__name__}: {error}"
        raise SourceError(f"{path}: no report as docs/report.schema.json describes it ({told}).") from None


def _exit_code(report: Report, fail_on: str) -> int:
    found = set(_severities(report))
    if options.fails(next((level for level in SEVERITIES if level.value in found), None), fail_on):
        return 1
    return 0 if _is_judged(report) and not report["summary"]["results"].get("errored") else 3


def _is_judged(report: Report) -> bool:
    counts = report["summary"]["results"]
    return bool(counts.get("passed") or counts.get("failed"))


def _severities(report: Report) -> Iterator[str]:
    """The severities that decide; in a replay those of answers and of drift, as there."""
    for result in report["results"]:
        yield from (
            one["severity"] for one in result["violations"] if "replay" not in report or one["side"] == "server"
        )
        yield from (one["severity"] for one in result.get("drift") or ())
