"""Arguments that several commands share."""

import argparse
import os
import sys
from typing import Any

from chatcontract.contract import PROFILES, Contract
from chatcontract.schema import ENGINES


def add_contract(command: Any) -> None:
    """The arguments that say what to check against."""
    group = command.add_argument_group("the contract")
    group.add_argument(
        "--profile", choices=PROFILES, default="openai",
        help="openai: what the service documents and does (default); strict: every member that the published "
        "document requires; compatible: for third-party servers, extensions are silent",
    )  # fmt: skip
    group.add_argument(
        "--spec", metavar="PATH|URL", help="another OpenAPI 3.0 or 3.1 document that describes the operation"
    )
    group.add_argument("--select", metavar="RULES", action="append", help="only these: codes, prefixes (CC0) or names")
    group.add_argument("--ignore", metavar="RULES", action="append", help="not these; wins over --select")
    group.add_argument(
        "--engine", choices=ENGINES, default=ENGINES[0], help="jsonschema is the slow reference (default: %(default)s)"
    )
    group.add_argument("--no-fix", metavar="ID", action="append", help="leave out a correction of the document")
    group.add_argument("--allow-network", action="store_true", help="follow $ref in the document into the network")


def contract(arguments: argparse.Namespace) -> Contract:
    """The contract that the arguments ask for; raises SpecError or ValueError."""
    return Contract.load(
        arguments.spec,
        profile=arguments.profile,
        engine=arguments.engine,
        select=words(arguments.select),
        ignore=words(arguments.ignore),
        network=arguments.allow_network,
        without_fixes=words(arguments.no_fix) or (),
    )


def words(values: list[str] | None) -> list[str] | None:
    """Repeated and comma-separated words as one list; None where the argument was not given."""
    if values is None:
        return None
    return [word.strip() for value in values for word in value.split(",") if word.strip()]


def wants_colour(stream: Any) -> bool:
    """Whether to colour what goes to the stream: NO_COLOR, FORCE_COLOR, then the terminal itself."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return bool(stream.isatty()) and os.environ.get("TERM") != "dumb"


def out() -> Any:
    """Standard output, never failing on a character that its encoding lacks."""
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")
    return sys.stdout
