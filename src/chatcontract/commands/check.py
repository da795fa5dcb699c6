"""`chatcontract check`: recorded traffic against the contract."""

import argparse
import sys
import time
from contextlib import ExitStack
from typing import Any

from chatcontract import __version__, rules
from chatcontract.commands import options
from chatcontract.exceptions import SourceError
from chatcontract.model import Part, Severity, Verdict
from chatcontract.redact import printable
from chatcontract.report import SEVERITIES, Collector, Report
from chatcontract.reports import RENDERERS, Renderer, parse, renderer
from chatcontract.runner import Run, spec_json
from chatcontract.sources import Source
from chatcontract.sources.formats import listed

EXAMPLES = """examples:
  chatcontract check traffic.jsonl.gz
  chatcontract check --as response answer.json
  curl -sN … | chatcontract check --as stream -
  chatcontract check recorded/*.sse --profile compatible --report json=report.json
  chatcontract check traffic.jsonl --select CC0 --ignore undocumented-member --fail-on warning
  chatcontract check session.har cassettes/ 'runs/*.jsonl.zst'
  chatcontract check batch_input.jsonl batch_output.jsonl

what is read (docs/traffic.md):
{formats}
  .gz and .zst are unpacked on the way; a directory stands for the traffic in it"""


def add_to(commands: Any) -> None:
    """Declare the command."""
    command = commands.add_parser(
        "check",
        help="check recorded traffic",
        description="Check recorded requests, responses and streams against the contract.",
        epilog=EXAMPLES.replace("{formats}", listed()),
    )
    command.add_argument("paths", nargs="+", metavar="PATH", help="a recording or a directory; - is standard input")
    command.add_argument(
        "--as", dest="wanted", default="auto", choices=["auto", *(part.value for part in Part)],
        help="what the records are (default: found out)",
    )  # fmt: skip
    options.add_contract(command)
    group = command.add_argument_group("the outcome")
    group.add_argument(
        "--fail-on", choices=[*(severity.value for severity in SEVERITIES), "never"],
        help="the least severity that makes the exit code 1 (default: error)",
    )  # fmt: skip
    group.add_argument("--format", choices=tuple(RENDERERS), help="of standard output (default: text)")
    group.add_argument(
        "--report", metavar="FORMAT=PATH", action="append", default=[], type=_report,
        help=f"also write a report; repeatable; FORMAT is {', '.join(RENDERERS)}",
    )  # fmt: skip
    group.add_argument("-v", "--verbose", action="store_true", help="show violations of severity info in full")
    group.add_argument("-q", "--quiet", action="store_true", help="no progress, and no text when all is well")
    command.set_defaults(run=run)


def _report(value: str) -> tuple[str, str]:
    try:
        return parse(value)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def run(arguments: argparse.Namespace) -> int:
    """Check; returns the exit code."""
    options.settle(arguments, fail_on="error", format="text")
    contract = options.contract(arguments)
    head = {
        "tool": {"name": "chatcontract", "version": __version__},
        "spec": spec_json(contract),
        "profile": contract.profile,
        "target": None,
    }
    wanted = None if arguments.wanted == "auto" else Part(arguments.wanted)
    outputs = [(arguments.format, "-"), *arguments.report]
    renderers = {form: renderer(form) for form, _ in outputs}
    collector = Collector(head, rules.get, keep=any(form != "jsonl" for form, _ in outputs))
    progress = _Progress(enabled=not arguments.quiet and sys.stderr.isatty())
    checked = Run(contract, collector, wanted=wanted, progress=progress)
    interrupted = False
    with ExitStack() as stack:
        streams = [(form, _opened(path, stack)) for form, path in outputs]
        try:
            for result in checked.results(arguments.paths):
                _write_line(streams, result)
        except KeyboardInterrupt:
            interrupted = True
        progress.clear()
        report = collector.report(sources=checked.sources, interrupted=interrupted)
        for form, stream in streams:
            _write(form, stream, report, arguments, renderers[form])
    return 130 if interrupted else _exit_code(collector, arguments.fail_on)


def _opened(path: str, stack: ExitStack) -> Any:
    if path == "-":
        return options.out()
    try:
        return stack.enter_context(open(path, "w", encoding="utf-8", errors="backslashreplace"))
    except OSError as error:
        raise SourceError(f"{path}: cannot be written: {error.strerror}.") from None


def _write_line(streams: list[tuple[str, Any]], result: Report) -> None:
    for form, stream in streams:
        if form == "jsonl":
            from chatcontract.reports import json_

            stream.write(json_.line("result", result) + "\n")


def _write(form: str, stream: Any, report: Report, arguments: argparse.Namespace, render: Renderer) -> None:
    if form == "jsonl":
        from chatcontract.reports import json_

        return json_.render_rest(report, stream)
    clean = not report["summary"]["rules"] and not report["summary"]["results"]["errored"]
    if form == "text" and arguments.quiet and clean and stream is sys.stdout:
        return None
    return render(report, stream, colour=options.wants_colour(stream), verbose=arguments.verbose)


def _exit_code(collector: Collector, fail_on: str) -> int:
    worst = collector.worst()
    if fail_on != "never" and worst is not None and SEVERITIES.index(worst) <= SEVERITIES.index(Severity(fail_on)):
        return 1
    checked = collector.count(Verdict.PASSED) + collector.count(Verdict.FAILED)
    return 3 if not checked or collector.count(Verdict.ERRORED) else 0


class _Progress:
    """A line on standard error that is written over: how far, how fast, how long yet."""

    def __init__(self, *, enabled: bool) -> None:
        self._enabled = enabled
        self._begun = time.monotonic()
        self._shown = False

    def __call__(self, source: Source, count: int) -> None:
        if not self._enabled:
            return
        self._shown = True
        elapsed = time.monotonic() - self._begun
        done = source.position() / source.size if source.size else 0
        left = f", {done:.0%}, about {elapsed / done - elapsed:.0f} s left" if done > 0.02 else ""
        name = printable(source.name)[-40:]
        sys.stderr.write(f"\r\x1b[K{name}: {count} records, {count / elapsed:.0f} a second{left}")
        sys.stderr.flush()

    def clear(self) -> None:
        """Take the line away."""
        if self._shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
