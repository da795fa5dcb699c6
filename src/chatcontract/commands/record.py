"""`chatcontract record`: a reverse proxy that records what passes, and checks it."""

import argparse
import asyncio
import gc
import os
import signal
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from chatcontract import __version__, examples
from chatcontract.commands import options
from chatcontract.contract import Contract
from chatcontract.exceptions import SourceError
from chatcontract.journal import Journal
from chatcontract.model import Result, Verdict
from chatcontract.redact import one_line
from chatcontract.report import Report
from chatcontract.reports import RENDERERS, renderer
from chatcontract.runner import spec_json
from chatcontract.target import base_of

if TYPE_CHECKING:
    from chatcontract.proxy.ledger import Ledger
    from chatcontract.proxy.server import Proxy, Settings

FORMATS = tuple(form for form in RENDERERS if form != "jsonl")
EXAMPLES = """examples:
  chatcontract record --upstream https://api.openai.com/v1 --out traffic.jsonl
  OPENAI_BASE_URL=http://127.0.0.1:8787/v1 python my_agent.py
  chatcontract record --upstream http://127.0.0.1:8080/v1 --enforce --report html=page.html
  chatcontract check traffic.jsonl

Any client works that lets you change its base URL; its key is passed on and never written. Ctrl-C ends it, prints
the report and sets the exit code. docs/record.md tells what is changed on the way (next to nothing)."""


def add_to(commands: Any) -> None:
    """Declare the command."""
    command = commands.add_parser(
        "record", help="record and check traffic as it passes",
        description="Run a reverse proxy that passes everything on unchanged, checks it, and writes it down.",
        epilog=EXAMPLES,
    )  # fmt: skip
    command.add_argument(
        "--upstream", metavar="BASE_URL", required=True, help="the server behind: address before /chat/completions"
    )
    command.add_argument("--listen", metavar="HOST:PORT", default="127.0.0.1:8787", help="default: %(default)s")
    command.add_argument("--out", metavar="FILE", help="append every exchange to this file, one JSON line each")
    command.add_argument("--enforce", action="store_true", help="answer 400 to requests that break the contract")
    command.add_argument("--no-check", action="store_true", help="record only")
    group = command.add_argument_group("bounds")
    group.add_argument(
        "--timeout", metavar="S", type=options.seconds, default=600.0, help="silence of the upstream (default: 600)"
    )
    group.add_argument("--max-time", metavar="S", type=options.seconds, help="end after so many seconds")
    group.add_argument("--max-requests", metavar="N", type=options.positive, help="end after so many exchanges")
    options.add_contract(command)
    options.add_outcome(command, FORMATS, quiet="no violations as they are met")
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Record until interrupted; returns the exit code."""
    options.settle(arguments, fail_on="error", format="text")
    settings = _settings(arguments)
    if arguments.out == "-":
        raise ValueError("--out takes a file; standard output is for the report")
    if arguments.no_check and (arguments.enforce or arguments.report):
        raise ValueError("--no-check leaves nothing for --enforce and --report to go by")
    outputs = options.outputs(arguments, reads=[arguments.out] if arguments.out else ())
    renderers = {form: renderer(form) for form, _ in outputs}
    with ExitStack() as stack:
        streams = [(form, options.opened(path, stack)) for form, path in outputs]
        journal = stack.enter_context(Journal(arguments.out)) if arguments.out else None
        session = _Session(arguments, settings, journal)
        asyncio.run(session.run())
        if session.findings is not None:
            report = session.findings.report(**session.told())
            options.write_all(streams, options.rendering(report, renderers, arguments))
        if session.failure is not None:
            raise session.failure
    return session.exit_code()


def _settings(arguments: argparse.Namespace) -> "Settings":
    try:
        from chatcontract.proxy.server import Settings
    except ImportError:
        raise ValueError("record needs aiohttp: pip install 'chatcontract[record]'") from None
    host, _, port = arguments.listen.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise ValueError(f"--listen {arguments.listen}: expected HOST:PORT, such as 127.0.0.1:8787")
    return Settings(base_of(arguments.upstream), host, int(port), arguments.enforce, arguments.timeout)


class _Session:
    """One run of the proxy and what is said of it."""

    def __init__(self, arguments: argparse.Namespace, settings: "Settings", journal: Journal | None) -> None:
        from chatcontract.proxy.findings import Findings
        from chatcontract.proxy.live import Live

        self._arguments = arguments
        self._settings = settings
        self._journal = journal
        self._contract = None if arguments.no_check else options.contract(arguments)
        self._live = Live(sys.stderr, colour=options.wants_colour(sys.stderr), quiet=arguments.quiet)
        self.findings = None
        if self._contract is not None:
            tool = {"name": "chatcontract", "version": __version__}
            self.findings = Findings({
                "tool": tool, "spec": spec_json(self._contract), "profile": self._contract.profile,
                "target": settings.upstream,
            })  # fmt: skip
        self._ledger: Ledger | None = None
        self._proxy: Proxy | None = None
        self.failure: SourceError | None = None
        """Why nothing more could be recorded, where that ended the run."""

    async def run(self) -> None:
        """Listen until told to stop, or until the disk takes no more."""
        from chatcontract.proxy.ledger import Ledger
        from chatcontract.proxy.server import Proxy

        host = self._settings.upstream.partition("://")[2].partition("/")[0]
        ledger = self._ledger = Ledger(self._contract, self._journal, self._tell, host)
        proxy = self._proxy = Proxy(self._settings, ledger, self._journal, self._live)
        if self._contract is not None:
            _warm(self._contract)
        async with proxy:
            _on_signals(proxy.stopped)
            self._announce(proxy.url)
            try:
                async with asyncio.timeout(self._arguments.max_time):
                    await proxy.stopped.wait()
            except TimeoutError:
                pass
        noted = "recorded" if self._journal is not None else "seen"
        self._live.say(f"{ledger.recorded} exchanges {noted}, {proxy.others} requests for other paths")
        self.failure = proxy.failure

    def _announce(self, url: str) -> None:
        say = self._live.say
        say(f"passing on to {one_line(self._settings.upstream)}; Ctrl-C ends it. Have your client use")
        say(f"  OPENAI_BASE_URL={url}")
        if self._journal is not None:
            say(f"recording to {one_line(self._journal.path)}")
            if self._journal.repaired:
                say(f"note: its torn last line was cut off ({len(self._journal.repaired)} bytes)")
        if not _is_local(self._settings.host):
            say("warning: it listens beyond this machine, and passes on requests of everybody who can reach it")

    def _tell(self, result: Result) -> None:
        if self.findings is not None:
            self._live.tell(self.findings.add(result))
        if result.error:
            self._live.note(f"{result.id}: {result.error}")
        most = self._arguments.max_requests
        if self._proxy is not None and self._ledger is not None and most and self._ledger.recorded >= most:
            self._proxy.stopped.set()

    def told(self) -> Report:
        """What the report says of the run."""
        others = 0 if self._proxy is None else self._proxy.others
        notes = ["results holds the exchanges in which a kind of violation was met first; summary counts all."]
        if others:
            notes.append(f"{others} requests for other paths were passed on unchecked.")
        return {"notes": notes}

    def exit_code(self) -> int:
        """The exit code of the run."""
        if self.findings is None:
            return 0
        sums, fail_on = self.findings.collector, self._arguments.fail_on
        if options.fails(sums.worst(), fail_on):
            return 1
        checked = sums.count(Verdict.PASSED) + sums.count(Verdict.FAILED)
        return 3 if not checked or sums.count(Verdict.ERRORED) else 0


def _warm(contract: Contract) -> None:
    """Have everything imported and compiled before the first client comes, and spare the collector needless work.

    A request makes thousands of objects that hold no cycles and are gone a millisecond later.
    """
    asked = {"/tools": [examples.TOOL]}
    for example in (examples.response(request=asked), examples.stream(request=asked), examples.error(request=asked)):
        contract.check(example.exchange())
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def _is_local(host: str) -> bool:
    return host in ("localhost", "::1") or host.startswith("127.")


def _on_signals(stopped: asyncio.Event) -> None:
    """End in order at Ctrl-C and SIGTERM; a second Ctrl-C ends at once."""
    loop = asyncio.get_running_loop()

    def stop(number: signal.Signals) -> None:
        stopped.set()
        loop.remove_signal_handler(number)
        signal.signal(number, lambda *_: os._exit(130))

    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(number, stop, number)
        except NotImplementedError:  # no such handlers on this system: Ctrl-C raises
            return
