"""`chatcontract fuzz`: generated requests against a server."""

import argparse
import os
import sys
from contextlib import AbstractContextManager, ExitStack, nullcontext
from typing import Any

from chatcontract import __version__, rules
from chatcontract.commands import options
from chatcontract.digest import was_cut_short
from chatcontract.exceptions import SourceError
from chatcontract.model import SECTIONS
from chatcontract.redact import one_line
from chatcontract.report import Collector, Report
from chatcontract.reports import FUZZ_RENDERERS, renderer

DEMO = "demo"
DEMO_KEY = "sk-demo-of-chatcontract"
FILES = {"json": "fuzz.json", "html": "fuzz.html", "markdown": "fuzz.md", "junit": "fuzz.xml"}
"""What --output writes, beside the findings."""
FINDINGS = "findings.jsonl"
OTHER_FORMS = ("junit", "vcr", "har", "ndjson", "json")
"""The formats of `--engine schemathesis`."""
OWN = {
    **dict.fromkeys(("max_requests", "max_tokens", "stream_ratio", "section", "without", "output", "format")),
    **dict.fromkeys(("dry_run", "verbose", "quiet", "allow_network"), False), "concurrency": 1,
}  # fmt: skip
"""The options that `--engine schemathesis` does not know, with their defaults."""
EXAMPLES = """examples:
  chatcontract fuzz demo
  chatcontract fuzz http://127.0.0.1:8080/v1 --model tiny --dry-run
  chatcontract fuzz http://127.0.0.1:8080/v1 --mode positive --max-examples 500 --seed 7 --output found
  chatcontract fuzz http://127.0.0.1:8080/v1 --mode negative --max-requests 300 --fail-on warning
  chatcontract fuzz http://127.0.0.1:8080/v1 --engine schemathesis --report junit=fuzz.xml

The address may be left out where OPENAI_BASE_URL is set; the key is read from OPENAI_API_KEY. The same seed
sends the same requests in the same order, as long as --concurrency is 1 and the answers are the same.
docs/fuzz.md says what counts as a finding."""


def add_to(commands: Any) -> None:
    """Declare the command."""
    command = commands.add_parser(
        "fuzz", help="send generated requests to a server",
        description="Send generated requests to a server: valid ones, which must be answered as the contract\nsays, "
        "and ones with a single breach, which must be refused. What is found is shrunk to the\nsmallest request.",
        epilog=EXAMPLES, conflict_handler="resolve",
    )  # fmt: skip
    command.add_argument(
        "url", nargs="?", metavar="BASE_URL",
        help="address before /chat/completions; 'demo' is the reference server, started here",
    )  # fmt: skip
    options.add_target(command, "model to ask (default: the first that GET /models names)")
    _add_requests(command)
    _add_budget(command)
    options.add_contract(command)
    _add_outcome(command)
    command.set_defaults(run=run, engine=None)


def _add_requests(command: Any) -> None:
    group = command.add_argument_group("the requests")
    group.add_argument(
        "--mode", choices=("positive", "negative", "all"), default="all",
        help="valid requests, single breaches, or both (default)",
    )  # fmt: skip
    group.add_argument(
        "--max-examples", metavar="N", type=options.positive,
        help="requests of each mode: first those that cover the contract, then drawn ones (default: 200 drawn ones); "
        "of --engine schemathesis: drawn ones of all modes, and no others (default: 100, and those that cover)",
    )  # fmt: skip
    group.add_argument("--seed", metavar="N", type=int, default=0, help="of what is drawn (default: 0)")
    group.add_argument(
        "--stream-ratio", metavar="R", type=_ratio, help="part of the drawn valid requests that streams, 0 to 1"
    )
    group.add_argument(
        "--section", action="append", metavar="NAME",
        help="only breaches of rules of this section, and only its rules on answers; repeatable",
    )  # fmt: skip
    group.add_argument(
        "--without", action="append", metavar="NAME",
        help="parameters, kinds of content parts and roles that must not occur; repeatable",
    )  # fmt: skip


def _add_budget(command: Any) -> None:
    group = command.add_argument_group("the run")
    group.add_argument("--max-requests", metavar="N", type=options.positive, help="send no more than this, in all")
    group.add_argument("--max-tokens", metavar="N", type=options.positive, help="ask for no more than this, in all")
    group.add_argument(
        "--concurrency", metavar="N", type=options.positive, default=1, help="requests at a time (default: 1)"
    )
    group.add_argument("--dry-run", action="store_true", help="print the plan and stop")


def _add_outcome(command: Any) -> None:
    others = [form for form in OTHER_FORMS if form not in FUZZ_RENDERERS]
    group = options.add_outcome(command, FUZZ_RENDERERS, more_forms=others, verbose="show every finding in full")
    group.add_argument(
        "--output",
        metavar="DIR",
        help=f"also write {FINDINGS}, which replay and check take, and {', '.join(FILES.values())}",
    )
    group.add_argument(
        "--engine", dest="by", choices=("own", "schemathesis"), default="own",
        help=f"schemathesis: run that, with our strategies and checks; its reports are {', '.join(OTHER_FORMS)}, and "
        f"it does not know {', '.join(map(_option, OWN))}",
    )  # fmt: skip


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _ratio(value: str) -> float:
    number = float(value)
    if not 0 <= number <= 1:
        raise argparse.ArgumentTypeError(f"{value!r} is not a number from 0 to 1")
    return number


def run(arguments: argparse.Namespace) -> int:
    """Fuzz; returns the exit code."""
    _refuse_unknown(arguments)
    options.settle(arguments, fail_on="error", format="text")
    url = arguments.url or os.environ.get("OPENAI_BASE_URL") or ""
    if not url:
        raise ValueError("no BASE_URL given, and OPENAI_BASE_URL is not set")
    _check(arguments)
    key = DEMO_KEY if arguments.by == "own" else None
    with _demo(key) if url == DEMO else nullcontext() as server:
        address = server.url if server is not None else url
        return _by_schemathesis(arguments, address) if arguments.by == "schemathesis" else _by_us(arguments, address)


def _refuse_unknown(arguments: argparse.Namespace) -> None:
    """Raise ValueError where an option was given that the engine does not know."""
    given = [name for name, default in OWN.items() if getattr(arguments, name) != default]
    if arguments.by == "schemathesis" and given:
        raise ValueError(
            f"--engine schemathesis does not know {', '.join(map(_option, given))}; leave that out, or take --engine "
            "own. What bounds its run is --max-examples"
        )


def _check(arguments: argparse.Namespace) -> None:
    known = FUZZ_RENDERERS if arguments.by == "own" else OTHER_FORMS
    for form, _ in arguments.report:
        if form not in known:
            raise ValueError(f"--engine {arguments.by} writes no report {form!r}; there are {', '.join(known)}")
    unknown = set(options.words(arguments.section) or ()) - set(SECTIONS.values())
    if unknown:
        raise ValueError(f"no section is called {min(unknown)!r}; there are {', '.join(SECTIONS.values())}")


def _demo(key: str | None) -> AbstractContextManager[Any]:
    from chatcontract.server import running

    return running(api_key=key)


def _by_schemathesis(arguments: argparse.Namespace, url: str) -> int:
    from chatcontract.integrations.schemathesis import runs

    options.contract(arguments)  # refuses wrong words before anything runs
    model = arguments.model or ("reference-1" if arguments.url == DEMO else None)
    phases = runs.PHASES if arguments.max_examples is None else ("fuzzing",)
    return runs.run(
        url, model=model, key_env=arguments.api_key_env, headers=tuple(arguments.header), seed=arguments.seed,
        max_examples=arguments.max_examples or 100, mode=arguments.mode, phases=phases, reports=dict(arguments.report),
        profile=arguments.profile, spec=arguments.spec, fail_on=arguments.fail_on, timeout=arguments.timeout,
        select=options.words(arguments.select), ignore=options.words(arguments.ignore), severity=arguments.severity,
        no_fix=options.words(arguments.no_fix), config="none",
    )  # fmt: skip


def _by_us(arguments: argparse.Namespace, url: str) -> int:
    outputs = options.outputs(arguments, FILES)
    writers = {form: renderer(form, FUZZ_RENDERERS) for form, _ in outputs}
    fuzz, collector = _prepared(arguments, url)
    if not arguments.quiet or arguments.dry_run:
        sys.stderr.write(_plan_text(fuzz))
    if arguments.dry_run:
        return 0
    with ExitStack() as stack:
        streams = [(form, options.opened(path, stack)) for form, path in outputs]
        report = _run(fuzz, collector, quiet=arguments.quiet)
        if arguments.output:
            _save(fuzz, os.path.join(arguments.output, FINDINGS))
        options.write_all(streams, options.rendering(report, writers, arguments))
    return 130 if fuzz.interrupted else _exit_code(report, collector, arguments.fail_on)


def _prepared(arguments: argparse.Namespace, url: str) -> tuple[Any, Collector]:
    """The run, ready to begin, and what collects its results."""
    from chatcontract.client import Limits
    from chatcontract.fuzz import Fuzz, Settings
    from chatcontract.fuzz_cases import MODES, Wish
    from chatcontract.runner import spec_json
    from chatcontract.target import Target, base_of, key_in

    contract = options.contract(arguments)
    key = DEMO_KEY if arguments.url == DEMO else key_in(arguments.api_key_env)
    target = Target(base_of(url), key, arguments.api_key_env, tuple(arguments.header))
    limits = Limits(total=arguments.timeout, idle=min(30.0, arguments.timeout), connect=min(10.0, arguments.timeout))
    wish = Wish(
        MODES[arguments.mode], arguments.max_examples, arguments.seed, arguments.stream_ratio,
        tuple(options.words(arguments.section) or ()), tuple(options.words(arguments.without) or ()),
    )  # fmt: skip
    settings = Settings(
        wish, arguments.max_requests, arguments.max_tokens, arguments.concurrency, limits, arguments.model or ""
    )
    head = {
        "tool": {"name": "chatcontract", "version": __version__}, "spec": spec_json(contract),
        "profile": contract.profile, "target": target.base,
    }  # fmt: skip
    return Fuzz(contract, target, settings), Collector(head, rules.get)


def _plan_text(fuzz: Any) -> str:
    cost, made = fuzz.cost, fuzz.menu
    counted = ", ".join(f"{sum(case.mode == mode for case in made.cases)} {mode}" for mode in made.whole)
    short = [
        f"{mode} ones that cover the contract are {count}" for mode, count in made.whole.items()
        if sum(case.mode == mode for case in made.cases) < count
    ]  # fmt: skip
    left = f"; {'; '.join(short)}" if short else ""
    return (
        f"plan: {len(made.cases)} generated requests ({counted}) to {one_line(fuzz.target.base)}, "
        f"{made.cost.tokens:,} tokens at most{left}\n"
        f"  with those that look into findings at most {cost.requests:,} requests and {cost.tokens:,} tokens; "
        f"seed {fuzz.settings.wish.seed}, {fuzz.settings.concurrency} at a time\n"
    )


def _run(fuzz: Any, collector: Collector, *, quiet: bool) -> Report:
    from chatcontract import fuzz as runner
    from chatcontract import fuzz_report

    line = options.StatusLine(enabled=not quiet)
    fuzz.on_step(_Progress(fuzz, line))
    runner.run(fuzz)
    line.clear()
    return fuzz_report.report(fuzz, collector)


def _save(fuzz: Any, path: str) -> None:
    from chatcontract import fuzz_report

    try:
        with open(path, "wb") as file:
            file.writelines(fuzz_report.lines(fuzz))
    except OSError as error:
        raise SourceError(f"{path}: cannot be written: {error.strerror}.") from None


def _exit_code(report: Report, collector: Collector, fail_on: str) -> int:
    if options.fails(collector.worst(), fail_on):
        return 1
    return 3 if was_cut_short(report) else 0


class _Progress:
    """How many requests are done, and what was found."""

    def __init__(self, fuzz: Any, line: options.StatusLine) -> None:
        self._fuzz = fuzz
        self._line = line

    def __call__(self) -> None:
        done = sum(sum(counts.values()) for counts in self._fuzz.outcomes.values())
        total, found = len(self._fuzz.menu.cases), len(self._fuzz.specimens)
        self._line.show(f"[{done}/{total}] {self._fuzz.sent} sent, {found} findings")
