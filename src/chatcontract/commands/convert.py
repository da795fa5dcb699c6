"""`chatcontract convert`: recordings of any format as native lines or HAR."""

import argparse
import os
import sys
import time
from collections import Counter
from contextlib import nullcontext
from typing import Any

from chatcontract import __version__
from chatcontract.commands import options
from chatcontract.convert import MAX_NAMED, TARGETS, Tally, convert, replacing, target
from chatcontract.exceptions import SourceError
from chatcontract.redact import one_line
from chatcontract.reports.terminal import beside
from chatcontract.runner import EVERY
from chatcontract.sources import Source

EXAMPLES = """examples:
  chatcontract convert traffic.har traffic.jsonl.gz
  chatcontract convert cassettes/ all.har
  chatcontract convert batch_input.jsonl batch_output.jsonl pairs.jsonl
  chatcontract convert traffic.har --to native - | chatcontract check -

what is read: whatever check reads

keys in headers, addresses and bodies are replaced by [Filtered]"""


def add_to(commands: Any) -> None:
    """Declare the command."""
    command = commands.add_parser(
        "convert",
        help="write recorded traffic in another format",
        description="Write recorded traffic of any format as native JSON lines or as HAR, without keys.",
        epilog=EXAMPLES,
    )
    command.add_argument("paths", nargs="+", metavar="IN", help="a recording or a directory; - is standard input")
    command.add_argument(
        "out", metavar="OUT", help=".jsonl or .har, packed with a further .gz or .zst; - is standard output"
    )
    command.add_argument("--to", choices=TARGETS, help="what to write (default: what the name of OUT says)")
    command.add_argument("-q", "--quiet", action="store_true", help="say nothing when all is well")
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Convert; returns the exit code."""
    form = arguments.to or ("native" if arguments.out == "-" else target(arguments.out))
    _refuse_input(arguments.paths, arguments.out)
    tally = Tally(Counter(), Counter(), Counter(), [])
    line = options.StatusLine(enabled=not arguments.quiet)
    try:
        with nullcontext(sys.stdout.buffer) if arguments.out == "-" else replacing(arguments.out) as out:
            convert(arguments.paths, out.write, form, __version__, _Progress(line), tally)
            out.flush()
            if not tally.written and os.path.exists(arguments.out):
                _tell(tally, arguments)
                raise SourceError(f"{arguments.out}: stays as it is, since nothing was read.")
    finally:
        line.clear()
    _tell(tally, arguments)
    return 3 if tally.unreadable or not tally.written else 0


def _refuse_input(paths: list[str], out: str) -> None:
    """Raise ValueError where the output is one of the inputs, or lies in a directory that is."""
    if out == "-":
        return
    for path in paths:
        within = os.path.isdir(path) and os.path.realpath(out).startswith(os.path.realpath(path) + os.sep)
        if within and os.path.exists(out):
            raise ValueError(f"{out}: lies in {path}, which is to be read. Choose another place.")
        if options.is_same_file(path, out):
            raise ValueError(f"{out}: is to be read and cannot be written to. Choose another name.")


def _tell(tally: Tally, arguments: argparse.Namespace) -> None:
    for item in tally.reasons:
        print(one_line(f"unreadable {item.origin}: {item.reason}"), file=sys.stderr)
    errored = sum(tally.unreadable.values())
    if errored > MAX_NAMED:
        print(f"… and {errored - MAX_NAMED} more that could not be read", file=sys.stderr)
    if arguments.quiet and not errored and tally.written:
        return
    written = ", ".join(f"{count} × {form}" for form, count in tally.written.items()) or "nothing"
    other = beside(tally.passed_over)
    print(one_line(f"{arguments.out}: {written}" + (other and f"; beside: {other}")), file=sys.stderr)


class _Progress:
    """How many records, and how far in the file."""

    def __init__(self, line: options.StatusLine) -> None:
        self._line = line
        self._told = time.monotonic()

    def __call__(self, source: Source, count: int) -> None:
        if time.monotonic() - self._told >= EVERY:
            self._told = time.monotonic()
            share = f", {source.position() / source.size:.0%}" if source.size else ""
            self._line.show(f"{one_line(source.name)[-40:]}: {count} records{share}")
