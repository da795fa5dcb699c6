"""`chatcontract spec`: what the contract was read from, and the document for other tools."""

import argparse
from typing import Any

from chatcontract import closures
from chatcontract.commands import options
from chatcontract.exceptions import SpecError
from chatcontract.model import JSON

EXPORT_EXAMPLES = """examples:
  chatcontract spec export --openapi 3.0 > openapi-3.0.yaml
  chatcontract spec export --openapi 3.0 --status 200 --media-type application/json --format json
  chatcontract spec export --spec provider.yaml --openapi 3.0"""


def add_to(commands: Any) -> None:
    """Declare the command."""
    command = commands.add_parser("spec", help="show or export the OpenAPI document")
    actions = command.add_subparsers(title="actions", metavar="ACTION", required=True)
    show = actions.add_parser("show", help="what was loaded, and which corrections it needed")
    show.add_argument("--fixes", action="store_true", help="every correction with its reason")
    show.add_argument("--format", choices=("text", "json"), default="text")
    options.add_contract(show)
    show.set_defaults(run=run_show)
    export = actions.add_parser(
        "export", help="write the document for generators and other tools",
        epilog=EXPORT_EXAMPLES,
    )  # fmt: skip
    export.add_argument("--spec", metavar="PATH|URL", help="another document than ours")
    export.add_argument("--openapi", choices=("3.0", "3.1"), default="3.1", help="version (default: %(default)s)")
    export.add_argument("--status", action="append", metavar="CODES", help="keep only these answers")
    export.add_argument("--media-type", action="append", metavar="TYPES", help="keep only these media types of answers")
    export.add_argument("--format", choices=("yaml", "json"), default="yaml")
    export.set_defaults(run=run_export)


def run_show(arguments: argparse.Namespace) -> int:
    """Show what was loaded."""
    from chatcontract.spec.fixes import FIXES

    options.settle(arguments)
    contract = options.contract(arguments)
    facts = dict(contract.facts)
    if arguments.format == "json":
        fixes = {fix.id: {"change": fix.change, "reason": fix.reason} for fix in FIXES.values()}
        return options.print_json({**facts, "known_fixes": fixes} if arguments.fixes else facts)
    for name in ("title", "version", "openapi", "origin", "path", "hash"):
        print(f"{name:9}{facts[name]}")
    applied: dict[str, int] = facts["fixes"]
    print(f"{'fixes':9}{', '.join(f'{name} × {count}' for name, count in applied.items()) or 'none needed'}")
    if arguments.fixes:
        for fix in FIXES.values():
            times = f"applied {applied[fix.id]} times" if fix.id in applied else "not needed"
            print(f"\n{fix.id} ({times})\n  {fix.change}\n  {fix.reason}")
        print("\nSwitch one off with --no-fix ID.")
    return 0


def run_export(arguments: argparse.Namespace) -> int:
    """Write the document."""
    from chatcontract.spec.export import project

    try:
        made = project(
            _tree(arguments.spec),
            openapi=arguments.openapi,
            statuses=options.words(arguments.status),
            media_types=options.words(arguments.media_type),
        )
    except RecursionError:
        raise SpecError(f"{arguments.spec}: nested too deeply. Reduce the document.") from None
    if arguments.format == "json":
        return options.print_json(made)
    import yaml

    yaml.safe_dump(made, options.out(), sort_keys=False, allow_unicode=True, width=100)
    return 0


def _tree(spec: str | None) -> dict[str, JSON]:
    if spec is None:
        tree: dict[str, JSON] = closures.own().json("document")
        return tree
    from chatcontract.spec.document import load
    from chatcontract.spec.legible import legible

    return legible(load(spec))
