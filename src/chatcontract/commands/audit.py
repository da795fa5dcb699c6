"""`chatcontract audit`: probes against a server."""

import argparse
import gc
import os
import sys
from contextlib import AbstractContextManager, ExitStack, nullcontext
from typing import Any
from urllib.parse import urlsplit

from chatcontract import __version__, rules
from chatcontract.commands import options
from chatcontract.redact import one_line
from chatcontract.report import Collector, Report
from chatcontract.reports import AUDIT_RENDERERS, renderer

DEMO = "demo"
DEMO_KEY = "sk-demo-of-chatcontract"
FILES = {"json": "audit.json", "html": "audit.html", "markdown": "audit.md", "junit": "audit.xml"}
"""What --output writes."""
EXAMPLES = """examples:
  chatcontract audit demo
  chatcontract audit http://127.0.0.1:8080/v1 --model tiny --dry-run
  chatcontract audit https://api.example.com/v1 --api-key-env EXAMPLE_KEY --report html=audit.html
  chatcontract audit http://127.0.0.1:8080/v1 --section tools --section stream --fail-on warning
  chatcontract audit http://127.0.0.1:8080/v1 --probe tools-required --format json

The address may be left out where OPENAI_BASE_URL is set; the key is read from OPENAI_API_KEY."""


def add_to(commands: Any) -> None:
    """Declare the command."""
    command = commands.add_parser(
        "audit", help="probe a server",
        description="Send prepared requests to a server and check every answer against the contract.",
        epilog=EXAMPLES,
    )  # fmt: skip
    command.add_argument(
        "url", nargs="?", metavar="BASE_URL",
        help="address before /chat/completions; 'demo' is the reference server, started here",
    )  # fmt: skip
    options.add_target(command, "model to ask (default: the first that GET /models names)")
    _add_selection(command)
    options.add_contract(command)
    outcome = options.add_outcome(command, AUDIT_RENDERERS)
    outcome.add_argument("--output", metavar="DIR", help=f"also write {', '.join(FILES.values())} there")
    command.set_defaults(run=run)


def _add_selection(command: Any) -> None:
    group = command.add_argument_group("what is asked")
    group.add_argument("--section", action="append", metavar="NAME", help="only the probes of this section")
    group.add_argument("--probe", action="append", metavar="ID", help="only this probe, or those that begin so")
    group.add_argument(
        "--repeat",
        metavar="K",
        type=options.positive,
        default=3,
        help="tries where a model may not play along (default: 3)",
    )
    group.add_argument(
        "--concurrency", metavar="N", type=options.positive, default=4, help="requests at a time (default: 4)"
    )
    group.add_argument("--max-requests", metavar="N", type=options.positive, help="leave out what would exceed this")
    group.add_argument("--max-tokens", metavar="N", type=options.positive, help="leave out what would exceed this")
    group.add_argument("--seed", metavar="N", type=int, default=0, help="of requests that have one (default: 0)")
    group.add_argument("--dry-run", action="store_true", help="print the plan and stop")


def run(arguments: argparse.Namespace) -> int:
    """Audit; returns the exit code."""
    options.settle(arguments, fail_on="error", format="text")
    outputs = options.outputs(arguments, FILES)
    writers = {form: renderer(form, AUDIT_RENDERERS) for form, _ in outputs}
    url = arguments.url or os.environ.get("OPENAI_BASE_URL") or ""
    if not url:
        raise ValueError("no BASE_URL given, and OPENAI_BASE_URL is not set")
    with _demo() if url == DEMO else nullcontext() as server, ExitStack() as stack:
        audit, collector, catalogue = _prepared(arguments, server.url if server is not None else url)
        if not arguments.quiet or arguments.dry_run:
            sys.stderr.write(_plan_text(audit))
        if arguments.dry_run:
            return _dry_run(audit, arguments, to_file=len(outputs) > 1)
        streams = [(form, options.opened(path, stack)) for form, path in outputs]
        report = _audited(audit, collector, catalogue, quiet=arguments.quiet)
        options.write_all(streams, options.rendering(report, writers, arguments))
    return 130 if audit.interrupted else _exit_code(report, collector, arguments.fail_on)


def _demo() -> AbstractContextManager[Any]:
    from chatcontract.server import running

    return running(api_key=DEMO_KEY)


def _prepared(arguments: argparse.Namespace, url: str) -> tuple[Any, Collector, Any]:
    """The audit, ready to run, what collects its results, and the catalogue."""
    from chatcontract import probes
    from chatcontract.audit import Audit, Settings
    from chatcontract.client import Limits
    from chatcontract.plan import CATALOGUED_MODEL, Budget, plan
    from chatcontract.probe import Context
    from chatcontract.runner import spec_json
    from chatcontract.target import Target, base_of, key_in

    contract = options.contract(arguments)
    key = DEMO_KEY if arguments.url == DEMO else key_in(arguments.api_key_env)
    target = Target(base_of(url), key, arguments.api_key_env, tuple(arguments.header))
    limits = Limits(total=arguments.timeout, idle=min(30.0, arguments.timeout), connect=min(10.0, arguments.timeout))
    budget = Budget(arguments.repeat, arguments.max_requests, arguments.max_tokens)
    catalogue = probes.load()
    chosen = probes.select(catalogue, options.words(arguments.section) or (), options.words(arguments.probe) or ())
    context = Context(arguments.model or CATALOGUED_MODEL, seed=arguments.seed)
    planned = plan(chosen, context, budget, discovers=not arguments.model)
    settings = Settings(budget, arguments.concurrency, limits, arguments.seed, arguments.model or "")
    head = {
        "tool": {"name": "chatcontract", "version": __version__}, "spec": spec_json(contract),
        "profile": contract.profile, "target": target.base,
    }  # fmt: skip
    return Audit(contract, target, planned, settings), Collector(head, rules.get), catalogue


def _dry_run(audit: Any, arguments: argparse.Namespace, *, to_file: bool) -> int:
    if arguments.verbose:
        sys.stdout.writelines(f"{probe.id:40} {probe.level:7} {probe.title}\n" for probe in audit.plan.probes)
    if to_file:
        sys.stderr.write("dry run: nothing was sent, and no report is written\n")
    return 0


def _key_text(target: Any) -> str:
    """Where the key comes from, and who gets it."""
    if target.key == DEMO_KEY:
        return "key of its own"
    if not target.key:
        return "headers given by hand" if target.secrets else f"no key ({target.key_name} is not set)"
    return f"key from {target.key_name}, sent to {one_line(urlsplit(target.base).netloc)}"


def _plan_text(audit: Any) -> str:
    cost, budget = audit.plan.cost, audit.settings.budget
    left = f"; {len(audit.plan.left_out)} probes left out for the budget" if audit.plan.left_out else ""
    return (
        f"plan: {len(audit.plan.probes)} probes of {one_line(audit.target.base)}, "
        f"at most {cost.requests} requests and {cost.tokens} tokens "
        f"({budget.repeat} tries where a model may not play along){left}; {_key_text(audit.target)}\n"
    )


def _audited(audit: Any, collector: Collector, catalogue: Any, *, quiet: bool) -> Report:
    from chatcontract import audit as runner
    from chatcontract import audit_report

    line = options.StatusLine(enabled=not quiet)
    audit.on_outcome(_Progress(audit, line))
    gc.freeze()  # rules and probes live as long as the run: they need not be looked through again and again
    try:
        runner.run(audit)
    finally:
        gc.unfreeze()
    line.clear()
    return audit_report.report(audit, collector, catalogue)


def _exit_code(report: Report, collector: Collector, fail_on: str) -> int:
    counts = report["summary"]["results"]
    reached = any(result["state"] != "unknown" or result["verdict"] == "passed" for result in report["results"])
    if not reached or not (counts["passed"] + counts["failed"]):
        return 3
    if options.fails(collector.worst(), fail_on):
        return 1
    return 3 if counts["errored"] else 0


class _Progress:
    """How many probes are done, and how they went."""

    def __init__(self, audit: Any, line: options.StatusLine) -> None:
        self._total = len(audit.plan.probes)
        self._line = line
        self._counts: dict[str, int] = {}

    def __call__(self, outcome: Any) -> None:
        if not self._line.enabled:
            return
        from chatcontract.audit import provisional

        verdict = provisional(outcome).value
        self._counts[verdict] = self._counts.get(verdict, 0) + 1
        done = sum(self._counts.values())
        counted = ", ".join(f"{count} {name}" for name, count in sorted(self._counts.items()))
        self._line.show(f"[{done}/{self._total}] {counted}: {outcome.probe.id}")
