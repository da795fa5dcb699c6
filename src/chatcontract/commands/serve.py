"""`chatcontract serve`: the reference server, which keeps the contract or breaks it on request."""

import argparse
import os
import sys
from typing import TYPE_CHECKING, Any

from chatcontract.commands import options

if TYPE_CHECKING:
    from chatcontract.server.service import Settings

_LOCAL = ("http://127.", "http://[::1]")
EXAMPLES = """examples:
  chatcontract serve --listen 127.0.0.1:8080
  chatcontract serve --fault tool-arguments-object --fault done-missing
  curl localhost:8080/fault/done-missing/v1/chat/completions …
  curl -H 'x-chatcontract-fault: usage-total-wrong' …

what it answers (deterministic; only id and created change):
  a text that depends on the messages, the seed and the position of the choice; the last user message may
  ask for more: "Say: …", "count to 9", "[refuse]"; it calls a tool when the message has the tool's name,
  the word "weather" or "tool" in it, and several with a word such as "both" or "each".
  model reference-1 is the one to use, gpt-… names are answered too, reference-refusal refuses, reference-429
  (or the header x-chatcontract-status: 429) fails with that status."""


def add_to(commands: Any) -> None:
    """Declare the command."""
    command = commands.add_parser(
        "serve", help="run the reference server, with faults if you like",
        description="Run a server of the Chat Completions API that needs no model. Ctrl-C ends it.",
        epilog=EXAMPLES,
    )  # fmt: skip
    command.add_argument("--listen", metavar="HOST:PORT", default="127.0.0.1:8080", help="default: %(default)s")
    command.add_argument(
        "--fault", action="append", metavar="NAME", help="commit this fault on every request; repeatable"
    )
    command.add_argument("--list-faults", action="store_true", help="list the faults with the rules that find them")
    command.add_argument("--format", choices=("text", "json"), default="text", help="of --list-faults")
    command.add_argument("--latency", type=_seconds, metavar="S", default=0.0, help="seconds before every answer")
    key = command.add_mutually_exclusive_group()
    key.add_argument(
        "--api-key",
        metavar="K",
        help="ask for this key (other users of the machine may see it)",
    )
    key.add_argument("--api-key-env", metavar="NAME", help="ask for the key that this environment variable holds")
    command.add_argument("--model", action="append", metavar="NAME", help="answer only these models (* for any text)")
    command.add_argument("--canned", metavar="FILE", help="canned replies, a list in JSON or YAML")
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Serve until interrupted, or list the faults."""
    if arguments.list_faults:
        return list_faults(arguments.format)
    from chatcontract.server import canned, uvicorn_
    from chatcontract.server.service import Settings, contract

    host, port = address(arguments.listen)
    settings = Settings(tuple(arguments.fault or ()), _key(arguments), arguments.latency)
    if arguments.model:
        settings = settings._replace(models=tuple(arguments.model))
    if arguments.canned:
        settings = settings._replace(canned=canned.read(arguments.canned))
    server = uvicorn_.server(settings)
    contract()
    listener = uvicorn_.bound(host, port)
    _announce(uvicorn_.url_of(listener), settings)
    with listener:
        server.run(sockets=[listener])
    return 0


def _announce(url: str, settings: "Settings") -> None:
    faults = ", ".join(settings.faults) or "none"
    print(f"listening on {url} (model {settings.models[0]}; faults: {faults}); Ctrl-C ends it", file=sys.stderr)
    if settings.api_key is None and not url.startswith(_LOCAL):
        print("note: without --api-key it answers everybody who can reach this address", file=sys.stderr)
    sys.stderr.flush()


def list_faults(form: str) -> int:
    """Print the faults."""
    from chatcontract.server import faults

    found = faults.load()
    if form == "json":
        told = {
            fault.name: {"summary": fault.summary, "rules": fault.rules, "seen_by": fault.seen_by}
            for fault in found.values()
        }
        return options.print_json(told)
    for fault in found.values():
        rules = " ".join(fault.rules) or "–"
        print(f"{fault.name:36} {rules:14} {'(audit) ' if fault.seen_by == 'audit' else ''}{fault.summary}")
    print(f"\n{len(found)} faults")
    return 0


def address(text: str) -> tuple[str, int]:
    """Host and port of `HOST:PORT`; the host must be said.

    >>> address("[::1]:8080")
    ('::1', 8080)
    """
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise ValueError(f"--listen {text}: expected HOST:PORT, such as 127.0.0.1:8080")
    return host, int(port)


def _key(arguments: argparse.Namespace) -> str | None:
    name: str | None = arguments.api_key_env
    if name is None:
        key: str | None = arguments.api_key
        return key
    if not os.environ.get(name):
        raise ValueError(f"--api-key-env {name}: the environment variable is not set")
    return os.environ[name]


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 <= value < 3600:
        raise ValueError(text)
    return value
