"""`chatcontract rules`, `explain` and `docs`: the catalogue."""

import argparse
import os
import sys
from typing import Any

from chatcontract.commands import options
from chatcontract.contract import Contract
from chatcontract.model import SECTIONS
from chatcontract.report import rule_json


def add_to(commands: Any) -> None:
    """Declare the commands."""
    listed = commands.add_parser("rules", help="list the rules", description="List every rule, by section.")
    listed.add_argument("--section", choices=tuple(SECTIONS.values()), help="only this section")
    listed.add_argument("--format", choices=("text", "json"), default="text")
    listed.set_defaults(run=run_rules)
    explain = commands.add_parser(
        "explain", help="what a rule finds, why, and how to silence it", description="Show the page of a rule."
    )
    explain.add_argument("rule", metavar="CODE|NAME", help="such as CC001 or schema-mismatch")
    explain.add_argument("--format", choices=("text", "json"), default="text")
    explain.set_defaults(run=run_explain)
    docs = commands.add_parser("docs", help="write the generated pages of this project")
    docs.add_argument("--check", action="store_true", help="only say (exit 1) whether they are up to date")
    docs.add_argument("--folder", default="docs")
    docs.set_defaults(run=run_docs)


def run_rules(arguments: argparse.Namespace) -> int:
    """List the rules."""
    from chatcontract import catalogue

    rules = [r for r in Contract.load().rules if arguments.section in (None, r.section)]
    if arguments.format == "json":
        return options.print_json({rule.code: rule_json(rule) for rule in rules})
    for section in dict.fromkeys(rule.section for rule in rules):
        print(f"{catalogue.TITLES[section]}")
        for rule in (rule for rule in rules if rule.section == section):
            print(f"  {rule.code}  {rule.severity:8} {rule.basis:11} {rule.name:38} {rule.summary}")
        print()
    print(f"{len(rules)} rules; chatcontract explain CODE shows the page of one.")
    return 0


def run_explain(arguments: argparse.Namespace) -> int:
    """Show the page of a rule."""
    from chatcontract import catalogue

    contract = Contract.load()
    rule = catalogue.find(arguments.rule, contract.rules)
    if rule is None:
        import difflib

        names = [name for rule in contract.rules for name in (rule.code, rule.name)]
        near = ", ".join(difflib.get_close_matches(arguments.rule, names, 3, 0.5))
        raise ValueError(f"no rule is called {arguments.rule!r}" + (f"; near: {near}" if near else "; see: rules"))
    text = "\n".join(catalogue.page(rule, contract))
    if arguments.format == "json":
        return options.print_json({"code": rule.code, **rule_json(rule), "page": text})
    print(text)
    return 0


def run_docs(arguments: argparse.Namespace) -> int:
    """Write the pages, or say which ones are out of date."""
    from chatcontract import catalogue, probe_pages, probes, settings
    from chatcontract.server.faults import page as faults

    made = catalogue.pages(Contract.load())
    made["config.schema.json"] = options.json_text(settings.schema())
    made["faults.md"] = faults.page(Contract.load().rules)
    made |= probe_pages.pages(probes.load())
    paths = {os.path.join(arguments.folder, name): text for name, text in made.items()}
    stale = [path for path, text in paths.items() if _read(path) != text]
    for path in stale:
        print(f"{path}: {'out of date' if arguments.check else 'written'}", file=sys.stderr)
        if not arguments.check:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as file:
                file.write(paths[path])
    return 1 if stale and arguments.check else 0


def _read(path: str) -> str | None:
    if not os.path.isfile(path):
        return None
    with open(path, encoding="utf-8") as file:
        return file.read()
