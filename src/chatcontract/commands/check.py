"""`chatcontract check`: recorded traffic against the contract."""

import argparse
import sys
import time
from contextlib import ExitStack
from typing import Any

from chatcontract import __version__, rules
from chatcontract.commands import options
from chatcontract.model import Part, Verdict
from chatcontract.redact import one_line
from chatcontract.report import Collector, Report
from chatcontract.reports import RENDERERS, Renderer, renderer
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
    options.add_outcome(command, RENDERERS, quiet="no progress, and no text when all is well")
    command.set_defaults(run=run)


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
    outputs = options.outputs(arguments, reads=arguments.paths)
    renderers = {form: renderer(form) for form, _ in outputs}
    collector = Collector(head, rules.get, keep=any(form != "jsonl" for form, _ in outputs))
    line = options.StatusLine(enabled=not arguments.quiet)
    checked = Run(contract, collector, wanted=wanted, progress=_Progress(line))
    interrupted = False
    with ExitStack() as stack:
        streams = [(form, options.opened(path, stack)) for form, path in outputs]
        try:
            for result in checked.results(arguments.paths):
                _write_line(streams, result)
        except KeyboardInterrupt:
            interrupted = True
        line.clear()
        report = collector.report(sources=checked.sources, interrupted=interrupted)
        options.write_all(streams, lambda form, stream: _write(form, stream, report, arguments, renderers[form]))
    return 130 if interrupted else _exit_code(collector, arguments.fail_on)


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
    if form == "text" and arguments.quiet and clean and stream in (sys.stdout, sys.stderr):
        return None
    return render(report, stream, colour=options.wants_colour(stream), verbose=arguments.verbose)


def _exit_code(collector: Collector, fail_on: str) -> int:
    if options.fails(collector.worst(), fail_on):
        return 1
    checked = collector.count(Verdict.PASSED) + collector.count(Verdict.FAILED)
    return 3 if not checked or collector.count(Verdict.ERRORED) else 0


class _Progress:
    """How far, how fast, how long yet."""

    def __init__(self, line: options.StatusLine) -> None:
        self._line = line
        self._begun = time.monotonic()

    def __call__(self, source: Source, count: int) -> None:
        elapsed = time.monotonic() - self._begun
        done = source.position() / source.size if source.size else 0
        left = f", {done:.0%}, about {elapsed / done - elapsed:.0f} s left" if done > 0.02 else ""
        name = one_line(source.name)[-40:]
        self._line.show(f"{name}: {count} records, {count / elapsed:.0f} a second{left}")
