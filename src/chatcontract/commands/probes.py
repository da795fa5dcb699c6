"""`chatcontract probes`: what an audit asks."""

import argparse
from typing import Any

from chatcontract.commands import options
from chatcontract.model import SECTIONS


def add_to(commands: Any) -> None:
    """Declare the command."""
    command = commands.add_parser(
        "probes", help="list the probes of an audit", description="List every probe, by section."
    )
    command.add_argument("--section", choices=tuple(SECTIONS.values()), help="only this section")
    command.add_argument("--format", choices=("text", "json"), default="text")
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """List the probes."""
    from chatcontract.audit_report import probe_json
    from chatcontract.probes import load

    chosen = [probe for probe in load() if arguments.section in (None, probe.section)]
    if arguments.format == "json":
        return options.print_json({probe.id: probe_json(probe) for probe in chosen})
    for section in dict.fromkeys(probe.section for probe in chosen):
        print(section)
        for probe in (probe for probe in chosen if probe.section == section):
            print(f"  {probe.id:36} {probe.level:7} {probe.title}")
        print()
    print(f"{len(chosen)} probes; chatcontract audit URL --probe ID runs one.")
    return 0
