"""The layers, and the measures that the code keeps; both are tests, not paragraphs."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from statistics import median

import pytest

import chatcontract

SOURCE = Path(chatcontract.__file__).parent

# A module imports only from rows above its own here; modules of one row do not import each other.
# A name counts before a pattern, and of patterns the longest one.
LAYERS = """
patterns
model oddities spans style spec commands replay reports reports.json_ server.dice
exceptions pointer redact sse unions breaches asked digest model_names report rules rules.probing settings traits
cleaning saved difference journal encodings jsontext calls examples evidence json_schema spec.plain_yaml spec.fixes
deltas envelopes sources.files client spec.downgrade
schema chunks declare page recording sources.json_items sources.yaml_items spec.document spec.keywords spec.simplify spec.export
reading reports.* spec.references sources.values
native refusals outline asked_model strict_schemas reports.replay_terminal har sources.messages completeness findings losses textcalls toolcalls tokens probe spec.media spec.reduce spec.legible
sources.entries spec.streams
spec.operation
rules.* sources.har sources.vcr sources.testproxy sources.flows sources.batch sources.formats judging looks offers plan target probes spec.anchors spec.tiers
across drift sources.lines probes.* spec.tolerances bodies ratings
spec.forms
spec.compile sources.bodies sources.joining sources.schemathesis health
closures sources
shapes rulings replay.plan replay.journal
contract replay.sending generate.values generate.models generate.nodes
generate.draws generate.branches asking
opening generate.schemas generate.strategies generate.minimal generate.repairs generate.malformed
generate.offers generate.settings
generate.conversation generate.answers
generate.grammar generate.pieces
generate.planning
generate.mutations
generate.spoiling
generate
integrations integrations.schemathesis.available integrations.schemathesis.documents
integrations.schemathesis.bridges integrations.schemathesis.verdicts integrations.schemathesis.failures integrations.schemathesis.runs
integrations.schemathesis.hooks
integrations.schemathesis
fuzz_cases shrinking
fuzz_kinds fuzz_coverage
fuzz_specimens
__init__ catalogue convert runner audit replay.outcomes
fuzz audit_report probe_pages server.patterns server.answers server.errors
fuzz_report server.faults server.scalars server.tokens
proxy proxy.wire proxy.copying proxy.connection
proxy.upstream proxy.ledger proxy.findings proxy.live
proxy.passage
proxy.server
server.faults.* server.heights server.grammars server.streams
server.structured
server.tool_calls
server.dialogue
server.canned server.completion
server.service
server.app
server.uvicorn_
server
commands.options commands.replay_progress
commands.*
cli
__main__
"""  # noqa: E501 - a row of the table is one line
ROWS = [row.split() for row in LAYERS.strip().splitlines()]
MAX_FILE, MAX_FUNCTION, MAX_MEDIAN, MAX_COMMENTS = 400, 40, 10, 0.05
VAGUE = {
    "utils",
    "util",
    "helpers",
    "helper",
    "common",
    "base",
    "core",
    "manager",
    "managers",
    "engine",
    "misc",
}
HEAVY = {
    "yaml",
    "jsonschema",
    "jsonschema_rs",
    "openapi_core",
    "httpx",
    "argparse",
    "rich",
    "jinja2",
    "orjson",
    "pytest",
}


def named(path: Path) -> str:
    """The module's name inside the package: `spec.tiers`, and the package's own `__init__` under its name."""
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


MODULES = {named(path): path for path in sorted(SOURCE.rglob("*.py"))}


@cache
def tree(name: str) -> ast.Module:
    return ast.parse(MODULES[name].read_text(encoding="utf-8"))


def imported(name: str) -> set[str]:
    """The modules of the package that a module imports, wherever in it the import stands."""
    found: set[str] = set()
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name} imports relatively"
            found |= {own(f"{node.module}.{alias.name}") or own(str(node.module)) for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {own(alias.name) for alias in node.names}
    return found - {"", name}


def own(dotted: str) -> str:
    """The module of the package under a dotted name, or nothing."""
    if dotted == "chatcontract":
        return "__init__"
    name = dotted.removeprefix("chatcontract.")
    return name if name != dotted and name in MODULES else ""


def row(name: str) -> int:
    fitting = [
        (word == name, len(word), at) for at, words in enumerate(ROWS) for word in words if fnmatchcase(name, word)
    ]
    assert fitting, f"{name} has no row in LAYERS"
    return max(fitting)[2]


def functions(name: str) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, (node.end_lineno or 0) - node.lineno + 1


@pytest.mark.parametrize("name", MODULES)
def test_a_module_imports_only_from_rows_above_its_own(name: str) -> None:
    assert {other for other in imported(name) if row(other) >= row(name)} == set()


def test_every_word_of_the_table_is_about_a_module() -> None:
    words = [word for words in ROWS for word in words]
    assert len(set(words)) == len(words)
    assert [word for word in words if not any(fnmatchcase(name, word) for name in MODULES)] == []


@pytest.mark.parametrize("name", MODULES)
def test_functions_and_files_are_short(name: str) -> None:
    assert [found for found in functions(name) if found[1] > MAX_FUNCTION] == []
    assert len(MODULES[name].read_text(encoding="utf-8").splitlines()) <= MAX_FILE


def test_most_functions_are_very_short() -> None:
    lengths = [length for name in MODULES for _, length in functions(name)]
    assert len(lengths) > 100
    assert median(lengths) < MAX_MEDIAN


def test_comments_say_why_and_are_rare() -> None:
    lines = [line.strip() for path in MODULES.values() for line in path.read_text(encoding="utf-8").splitlines()]
    assert sum(line.startswith("#") for line in lines) / len(lines) < MAX_COMMENTS


def test_no_module_has_a_name_that_says_nothing() -> None:
    assert {part for name in MODULES for part in name.split(".")} & VAGUE == set()


@pytest.mark.parametrize("statement", ["import chatcontract", "from chatcontract import Contract"])
def test_importing_the_package_is_light(statement: str) -> None:
    code = f"import sys\n{statement}\nprint(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert "chatcontract" in loaded
    assert set(loaded) & HEAVY == set()


def test_a_check_parses_no_yaml() -> None:
    code = """
import sys
from chatcontract import Contract
assert Contract.load().check_request({})
assert not {"yaml", "jsonschema", "httpx", "argparse"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)
