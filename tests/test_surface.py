"""What users may rely on: the exported names, a docstring for each public thing, and examples that run."""

import doctest
import importlib
import inspect
import pkgutil
from collections.abc import Iterator

import pytest

import chatcontract
from chatcontract.cli import main

EXPORTED = [
    "ChatContractError",
    "Contract",
    "ContractViolation",
    "Exchange",
    "Finding",
    "Request",
    "Response",
    "Severity",
    "SourceError",
    "SpecError",
    "Violation",
    "Violations",
]
# The methods that the interfaces promise.
INTERFACE = [
    *("load", "check_request", "check_response", "check_chunk", "check_stream", "check", "assert_ok"),
    *("is_valid_request", "is_valid_response", "is_valid_chunk"),
]
COMMANDS = (
    *("check", "audit", "replay", "fuzz", "record", "serve", "report", "diff", "explain", "rules", "probes", "spec"),
    "convert",
)
MODULES = sorted(found.name for found in pkgutil.walk_packages(chatcontract.__path__, "chatcontract."))
LOADABLE = ["chatcontract", *(name for name in MODULES if not name.endswith("__main__"))]
# Modules of the package that need one of the extras.
EXTRAS = {"uvicorn", "starlette", "openai", "schemathesis", "openapi_core", "jinja2", "rich"}


def load(name: str) -> object:
    try:
        return importlib.import_module(name)
    except (ModuleNotFoundError, ValueError) as error:
        if getattr(error, "name", None) in EXTRAS or "needs a package more" in str(error):
            pytest.skip(f"{name}: {error}")
        raise


def public(module: object) -> Iterator[tuple[str, object]]:
    """The public classes and functions that a module defines, and the public methods of those classes."""
    for name, thing in vars(module).items():
        if name.startswith("_") or getattr(thing, "__module__", None) != getattr(module, "__name__", ""):
            continue
        if inspect.isfunction(thing) or inspect.isclass(thing):
            yield name, thing
        if inspect.isclass(thing):
            yield from ((f"{name}.{key}", member) for key, member in methods(thing))


def methods(thing: type) -> Iterator[tuple[str, object]]:
    for key, member in vars(thing).items():
        plain = getattr(member, "func", getattr(member, "__func__", getattr(member, "fget", member)))
        if not key.startswith("_") and inspect.isfunction(plain):
            yield key, plain


def test_the_exported_names_are_these() -> None:
    assert chatcontract.__all__ == EXPORTED
    assert all(hasattr(chatcontract, name) for name in EXPORTED)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_that_is_promised_is_there(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: chatcontract {command} ")


def test_the_package_is_typed() -> None:
    assert (importlib.resources.files("chatcontract") / "py.typed").is_file()


@pytest.mark.parametrize("name", EXPORTED)
def test_every_exported_name_says_what_it_is(name: str) -> None:
    assert len(inspect.getdoc(getattr(chatcontract, name)) or "") > 20


@pytest.mark.parametrize("name", LOADABLE)
def test_every_public_thing_has_a_docstring(name: str) -> None:
    module = load(name)
    undocumented = [name for name, thing in public(module) if not inspect.getdoc(thing)]
    assert undocumented == []


@pytest.mark.parametrize("method", INTERFACE)
def test_every_method_that_users_rely_on_has_an_example(method: str) -> None:
    assert ">>>" in (inspect.getdoc(getattr(chatcontract.Contract, method)) or "")


@pytest.mark.parametrize("name", LOADABLE)
def test_the_examples_in_docstrings_run(name: str) -> None:
    module = load(name)
    finder = doctest.DocTestFinder()
    runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.ELLIPSIS)
    for found in finder.find(module, name):
        assert runner.run(found).failed == 0, found.name


def test_there_are_examples() -> None:
    finder = doctest.DocTestFinder(exclude_empty=True)
    found = [test for name in ("chatcontract.contract", "chatcontract.pointer") for test in finder.find(load(name))]
    assert sum(bool(test.examples) for test in found) > 10
