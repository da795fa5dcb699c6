"""`chatcontract replay`: recorded requests sent again, to any server."""

import argparse
import os
import sys
import tempfile
from contextlib import ExitStack
from typing import Any

from chatcontract import __version__, drift, rules
from chatcontract.commands import options
from chatcontract.model import Verdict
from chatcontract.redact import one_line
from chatcontract.replay import NAME
from chatcontract.report import Collector, Report
from chatcontract.reports import REPLAY_RENDERERS, renderer

FILES = {"json": "replay.json", "html": "replay.html", "markdown": "replay.md", "junit": "replay.xml"}
"""What --output writes, beside the journal."""
EXAMPLES = """examples:
  chatcontract replay traffic.jsonl --to http://127.0.0.1:8080/v1 --dry-run
  chatcontract replay traffic.jsonl --to http://127.0.0.1:8080/v1 --model tiny --output replayed
  chatcontract replay traffic.jsonl --to http://127.0.0.1:8080/v1 --model tiny --output replayed --resume
  chatcontract replay *.har --to https://api.example.com/v1 --api-key-env EXAMPLE_KEY --sample 50 --rate 2
  chatcontract replay traffic.jsonl --to http://127.0.0.1:8080/v1 --drift all=error --drift finish-reason-changed=info

--to may be left out where OPENAI_BASE_URL is set; the key is read from OPENAI_API_KEY. Recorded keys are never
sent. docs/replay.md says what is compared."""


def add_to(commands: Any) -> None:
    """Declare the command."""
    command = commands.add_parser(
        "replay", help="send recorded requests again, check and compare the answers",
        description="Send recorded requests to a server, check the new answers against the contract, and\ncompare them "
        "with the recorded ones.",
        epilog=EXAMPLES,
    )  # fmt: skip
    command.add_argument("traffic", nargs="+", metavar="TRAFFIC", help="a recording, as check reads it")
    target = options.add_target(command, "put this model into every request")
    target.add_argument("--to", metavar="BASE_URL", help="address before /chat/completions (default: $OPENAI_BASE_URL)")
    _add_selection(command)
    options.add_contract(command)
    _add_outcome(command)
    command.set_defaults(run=run)


def _add_selection(command: Any) -> None:
    group = command.add_argument_group("what is sent")
    group.add_argument("--concurrency", metavar="N", type=options.positive, default=4, help="requests at a time (4)")
    group.add_argument("--rate", metavar="R", type=options.seconds, help="requests a second, at most")
    group.add_argument("--limit", metavar="N", type=options.positive, help="only the first N")
    group.add_argument("--sample", metavar="N", type=options.positive, help="only N, taken at random")
    group.add_argument("--seed", metavar="S", type=int, default=0, help="of --sample (default: 0)")
    group.add_argument("--resume", action="store_true", help="go on with the journal in --output, if there is one")
    group.add_argument("--dry-run", action="store_true", help="say what would be sent, and stop")


def _add_outcome(command: Any) -> None:
    group = options.add_outcome(
        command, REPLAY_RENDERERS, fails=", of what answers break and of drift,", verbose="show everything in full"
    )
    group.add_argument(
        "--drift", metavar="KIND=LEVEL", action="append", default=[], type=_level,
        help="another severity of drift than info: error, warning, info or ignore; the kind may be all; repeatable",
    )  # fmt: skip
    group.add_argument(
        "--output", metavar="DIR", help=f"keep the journal (replay.jsonl) there, and {', '.join(FILES.values())}"
    )


def _level(value: str) -> tuple[str, str]:
    kind, _, level = value.partition("=")
    try:
        drift.severities([(kind, level)])
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return kind, level


def run(arguments: argparse.Namespace) -> int:
    """Replay; returns the exit code."""
    options.settle(arguments, fail_on="error", format="text")
    url = arguments.to or os.environ.get("OPENAI_BASE_URL") or ""
    if not url:
        raise ValueError("no --to BASE_URL given, and OPENAI_BASE_URL is not set")
    if arguments.resume and not arguments.output:
        raise ValueError("--resume needs the --output DIR of the run that it goes on with")
    from chatcontract.replay.plan import Selection, plan

    _keep_apart(arguments.traffic, arguments.output)
    target = _target(arguments, url)
    planned = plan(arguments.traffic, Selection(arguments.limit, arguments.sample, arguments.seed))
    if not arguments.quiet or arguments.dry_run:
        sys.stderr.write(_plan_text(planned, target, arguments))
    return 0 if arguments.dry_run else _replayed(arguments, planned, target)


def _keep_apart(traffic: list[str], output: str | None) -> None:
    """Refuse to write into what is read."""
    place = os.path.realpath(output) if output else ""
    for name in traffic if place else ():
        source = os.path.realpath(name)
        if os.path.commonpath([source, place]) == source or source == os.path.join(place, NAME):
            raise ValueError(f"--output {output} would be written into TRAFFIC {name}: choose another folder")


def _target(arguments: argparse.Namespace, url: str) -> Any:
    from chatcontract.target import Target, base_of, key_in

    return Target(base_of(url), key_in(arguments.api_key_env), arguments.api_key_env, tuple(arguments.header))


def _plan_text(planned: Any, target: Any, arguments: argparse.Namespace) -> str:
    lines = [f"plan: {planned.size} requests to {target.base}, {arguments.concurrency} at a time"]
    if arguments.rate:
        lines[0] += f", {arguments.rate:g} a second at most (about {planned.size / arguments.rate:.0f} s)"
    if planned.left_out:
        lines.append(f"  {planned.left_out} left out by --limit or --sample")
    lines += [f"  {count} skipped: {reason}" for reason, count in planned.skipped.most_common(10)]
    lines += [f"  {count} passed over: {what}" for what, count in planned.passed_over.most_common(5)]
    if planned.unreadable:
        lines.append(f"  {planned.unreadable} cannot be read; the report says why")
    if not target.key and not target.headers:
        lines.append(f"  no key is sent: {target.key_name} is not set")
    if not arguments.output:
        lines.append("  without --output nothing is kept, and the run cannot be resumed")
    return "".join(one_line(line) + "\n" for line in lines)


def _replayed(arguments: argparse.Namespace, planned: Any, target: Any) -> int:
    from chatcontract.client import Limits
    from chatcontract.replay.journal import Answers, Head
    from chatcontract.replay.outcomes import Outcomes
    from chatcontract.replay.sending import Replay, Settings

    contract = options.contract(arguments)
    outputs = options.outputs(arguments, FILES, reads=arguments.traffic)
    writers = {form: renderer(form, REPLAY_RENDERERS) for form, _ in outputs}
    limits = Limits(total=arguments.timeout, idle=min(30.0, arguments.timeout), connect=min(10.0, arguments.timeout))
    settings = Settings(arguments.concurrency, arguments.rate or 0.0, limits, arguments.model or "")
    with ExitStack() as stack:
        folder = arguments.output or stack.enter_context(tempfile.TemporaryDirectory(prefix="chatcontract-"))
        head = Head(planned.traffic, target.base, settings.model)
        answers = stack.enter_context(Answers(folder, head, resume=arguments.resume))
        streams = [(form, options.opened(path, stack)) for form, path in outputs]
        replay = Replay(planned, target, answers, settings)
        _sent(replay, quiet=arguments.quiet)
        keep = any(form != "jsonl" for form, _ in outputs)
        collector = Collector(_head(contract), rules.get, keep=keep)
        outcomes = Outcomes(replay, contract, collector, drift.severities(arguments.drift))
        report = _told(outcomes, streams)
        options.write_all(streams, lambda form, stream: _write(form, stream, report, arguments, writers[form]))
    return 130 if report["interrupted"] else _exit_code(report, outcomes, collector, arguments.fail_on)


def _head(contract: Any) -> Report:
    from chatcontract.runner import spec_json

    tool = {"name": "chatcontract", "version": __version__}
    return {"tool": tool, "spec": spec_json(contract), "profile": contract.profile, "target": None}


def _sent(replay: Any, *, quiet: bool) -> None:
    import asyncio

    from chatcontract.commands.replay_progress import Progress
    from chatcontract.jsontext import prefer_speed

    prefer_speed()
    if not quiet:
        progress = Progress(replay, sys.stderr)
        replay.notify, replay.notify_pause = progress, progress.pause
    asyncio.run(replay.run())
    if not quiet:
        progress.close()


def _told(outcomes: Any, streams: list[tuple[str, Any]]) -> Report:
    interrupted = False
    try:
        for result in outcomes.results():
            for form, stream in streams:
                if form == "jsonl":
                    from chatcontract.reports import json_

                    stream.write(json_.line("result", result) + "\n")
    except KeyboardInterrupt:
        interrupted = True
    made: Report = outcomes.report(interrupted=interrupted)
    return made


def _write(form: str, stream: Any, report: Report, arguments: argparse.Namespace, render: Any) -> None:
    if form == "jsonl":
        from chatcontract.reports import json_

        json_.render_rest(report, stream)
    else:
        colour = form == "text" and options.wants_colour(stream)
        render(report, stream, colour=colour, verbose=arguments.verbose)


def _exit_code(report: Report, outcomes: Any, collector: Collector, fail_on: str) -> int:
    judged = collector.count(Verdict.PASSED) + collector.count(Verdict.FAILED)
    if report["replay"]["stopped"] or not judged:
        return 3
    if options.fails(outcomes.worst(), fail_on):
        return 1
    return 3 if collector.count(Verdict.ERRORED) else 0
