"""`python benchmarks/run.py`: every figure with its goal."""

import argparse
import json
import platform
import sys
from collections.abc import Callable, Iterator, Sequence
from importlib import metadata
from pathlib import Path

if not __package__:
    sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks import auditing, bulk, errors, generation, published, relaying, starting, streams, verdicts
from benchmarks.measure import FULL, QUICK, Effort, Line

Section = Callable[[], Iterator[Line]]
_PACKAGES = ("chatcontract", "jsonschema-rs", "orjson", "jsonschema", "openapi-core")


def sections(effort: Effort, closures: dict[str, str] | None, document: Path | None = None) -> dict[str, Section]:
    """What can be measured, by the name that `--only` takes."""
    return {
        "parsed": lambda: verdicts.parsed(effort, closures),
        "jsonschema": lambda: verdicts.slower(effort, closures),
        "response-rules": lambda: verdicts.with_rules(effort, closures),
        "openapi-core": lambda: verdicts.openapi_core(effort),
        "bytes": lambda: verdicts.from_bytes(effort),
        "errors": lambda: errors.listed(effort),
        "errors-first": lambda: errors.first_told(effort),
        "engine": lambda: errors.engine(effort),
        "errors-published": lambda: errors.beside_published(effort, closures),
        "rules": lambda: errors.with_all_rules(effort),
        "load": lambda: starting.loading(effort),
        "import": starting.importing,
        "process": lambda: starting.whole_process(effort),
        "stream": lambda: streams.stream(effort),
        "bulk": lambda: streams.bulk(effort),
        "recording": lambda: bulk.lines(bulk.DEFAULT if effort is FULL else bulk.DEFAULT // 8),
        "relaying": lambda: relaying.relaying(effort),
        "audit": lambda: auditing.audit(effort),
        "generation": lambda: generation.generated(effort, document),
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; with `--check` the exit code is 1 when a goal is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer and shorter samples")
    parser.add_argument("--only", metavar="NAME", action="append", choices=list(sections(QUICK, None)))
    parser.add_argument("--published", metavar="PATH", help="OpenAI's document of 2026-08-21 (YAML)")
    parser.add_argument("--json", metavar="PATH", help="also write the figures there")
    parser.add_argument("--check", action="store_true", help="exit with 1 when a goal is missed")
    arguments = parser.parse_args(argv)
    document = published.find(arguments.published)
    if document and not document.is_file():
        parser.error(f"{document}: no such file")
    closures = published.closures(document) if document else None
    lines: list[Line] = []
    for name, section in sections(QUICK if arguments.quick else FULL, closures, document).items():
        if not arguments.only or name in arguments.only:
            for line in section():
                _print(line, lines[-1] if lines else None)
                lines.append(line)
    if arguments.json:
        report = {"versions": versions(), "lines": [{**line._asdict(), "met": line.met} for line in lines]}
        Path(arguments.json).write_text(json.dumps(report, indent=1))
    missed = [line for line in lines if line.met is False]
    print(f"\n{sum(line.met is True for line in lines)} goals met, {len(missed)} missed")
    return 1 if missed and arguments.check else 0


def versions() -> dict[str, str]:
    """What was measured with."""
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def _print(line: Line, last: Line | None) -> None:
    if last is None or last.section != line.section:
        print(f"\n{line.section}")
    if line.ratio is None:
        print(f"  {line.name}: {line.note}", flush=True)
        return
    figure = f"{_digits(line.ratio)}{line.unit}"
    middle = f"(median {_digits(line.middle)})" if line.middle is not None else ""
    sign = "at least" if line.at_least else "at most"
    goal = f"{sign} {line.goal:g}: {'met' if line.met else 'MISSED'}" if line.goal is not None else ""
    print(f"  {line.name:46} {figure:>10} {middle:16} {goal:22} {line.note}".rstrip(), flush=True)


def _digits(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.2f}"


if __name__ == "__main__":
    sys.exit(main())
