"""Arguments that several commands share, and the settings file behind them."""

import argparse
import os
import sys
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from typing import Any

from chatcontract import settings
from chatcontract.contract import PROFILES, Contract
from chatcontract.exceptions import SourceError
from chatcontract.model import JSON, Severity
from chatcontract.patterns import pattern
from chatcontract.report import SEVERITIES
from chatcontract.schema import ENGINES

_TOKEN = pattern(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_FRAMING = ("content-length", "transfer-encoding", "connection", "content-encoding")


def add_contract(command: Any) -> None:
    """The arguments that say what to check against."""
    group = command.add_argument_group("the contract")
    group.add_argument(
        "--profile", choices=PROFILES,
        help="openai: what the service documents and does (default); strict: every member that the published "
        "document requires; compatible: for third-party servers, extensions are silent",
    )  # fmt: skip
    group.add_argument(
        "--spec", metavar="PATH|URL", help="another OpenAPI 3.0 or 3.1 document that describes the operation"
    )
    group.add_argument("--select", metavar="RULES", action="append", help="only these: codes, prefixes (CC0) or names")
    group.add_argument("--ignore", metavar="RULES", action="append", help="not these; wins over --select")
    group.add_argument(
        "--severity", metavar="RULES=LEVEL", action="append", type=_level,
        help="another severity for these: error, warning, info or ignore",
    )  # fmt: skip
    group.add_argument("--engine", choices=ENGINES, help="jsonschema is the slow reference (default: jsonschema-rs)")
    group.add_argument("--no-fix", metavar="ID", action="append", help="leave out a correction of the document")
    group.add_argument("--allow-network", action="store_true", help="follow $ref in the document into the network")
    group.add_argument(
        "--config", metavar="PATH",
        help="settings file (default: chatcontract.toml or [tool.chatcontract] of pyproject.toml, here or above; "
        "'none' for no file)",
    )  # fmt: skip


def _level(value: str) -> tuple[str, str]:
    rules, equals, level = value.partition("=")
    if not equals or level not in (*(severity.value for severity in Severity), "ignore"):
        raise argparse.ArgumentTypeError(f"{value!r} is not RULES=LEVEL with error, warning, info or ignore")
    return rules, level


def settle(arguments: argparse.Namespace, **defaults: Any) -> None:
    """Fill the arguments that were not given: from the settings file, then from `defaults`."""
    found = _settings(arguments.config)
    for name, value in vars(arguments).copy().items():
        if value is None:
            setattr(arguments, name, found.values.get(name.replace("_", "-"), defaults.get(name)))
    table = {**found.values.get("severity", {}), **_given_levels(arguments.severity)}
    arguments.severity = table


def _given_levels(given: Any) -> dict[str, str]:
    pairs = given if isinstance(given, list) else ()
    return {word: level for words_, level in pairs for word in words([words_]) or ()}


def _settings(path: str | None) -> settings.Settings:
    if path == "none":
        return settings.Settings()
    if path is None:
        return settings.find(os.getcwd())
    try:
        return settings.read(path)
    except OSError as error:
        raise ValueError(f"{path}: cannot be read: {error.strerror}") from None


def contract(arguments: argparse.Namespace) -> Contract:
    """The contract that settled arguments ask for; raises SpecError or ValueError."""
    return Contract.load(
        arguments.spec,
        profile=arguments.profile or "openai",
        engine=arguments.engine or ENGINES[0],
        select=words(arguments.select),
        ignore=words(arguments.ignore),
        severity=arguments.severity,
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


def json_text(value: JSON) -> str:
    """The value as indented JSON text with a line end."""
    import json

    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"


def print_json(value: JSON) -> int:
    """Print the value as JSON; returns exit code 0."""
    out().write(json_text(value))
    return 0


def header(value: str) -> tuple[str, str]:
    """The pair of `NAME: VALUE`, as an argument's type."""
    name, colon, rest = value.partition(":")
    if not colon or not _TOKEN.fullmatch(name.strip()) or not value.isprintable():
        raise argparse.ArgumentTypeError(f"{name!r} is not 'NAME: VALUE'")
    if name.strip().lower() in _FRAMING:
        raise argparse.ArgumentTypeError(f"{name!r} is set by what is sent, and cannot be given")
    return name.strip(), rest.strip()


def seconds(value: str) -> float:
    """A number above 0, as an argument's type."""
    number = float(value)
    if not 0 < number < 1e6:
        raise argparse.ArgumentTypeError("expected a number above 0")
    return number


def positive(value: str) -> int:
    """A whole number above 0, as an argument's type."""
    if not value.isdecimal() or not int(value):
        raise argparse.ArgumentTypeError(f"{value!r} is not a whole number above 0")
    return int(value)


def add_target(command: Any, model: str) -> Any:
    """The arguments that say how to ask a server; returns their group. `model` is the help of --model."""
    group = command.add_argument_group("the target")
    group.add_argument("--model", metavar="M", help=model)
    group.add_argument(
        "--api-key-env", metavar="NAME", default="OPENAI_API_KEY",
        help="variable that holds the key (default: %(default)s)",
    )  # fmt: skip
    group.add_argument(
        "--header", metavar="'NAME: VALUE'", action="append", default=[], type=header, help="sent along; repeatable"
    )
    group.add_argument("--timeout", metavar="S", type=seconds, default=60.0, help="of one request (default: 60)")
    return group


def add_outcome(
    command: Any,
    forms: Collection[str],
    *,
    more_forms: Collection[str] = (),
    fails: str = "",
    verbose: str = "show violations of severity info in full",
    quiet: str = "no plan and no progress",
) -> Any:
    """The arguments that say what is reported, and when the exit code is 1; returns their group.

    Args:
        command: where to add them.
        forms: the formats of reports.
        more_forms: those that only files can have.
        fails, verbose, quiet: what the help is to say in place of the usual.
    """
    group = command.add_argument_group("the outcome")
    group.add_argument(
        "--fail-on", choices=[*(severity.value for severity in SEVERITIES), "never"],
        help=f"the least severity{fails} that makes the exit code 1 (default: error)",
    )  # fmt: skip
    group.add_argument("--format", choices=tuple(forms), help="of standard output (default: text)")
    group.add_argument(
        "--report", metavar="FORMAT=PATH", action="append", default=[], type=_report_of((*forms, *more_forms)),
        help=f"also write a report; repeatable; FORMAT is {', '.join((*forms, *more_forms))}",
    )  # fmt: skip
    group.add_argument("-v", "--verbose", action="store_true", help=verbose)
    group.add_argument("-q", "--quiet", action="store_true", help=quiet)
    return group


def _report_of(forms: Collection[str]) -> Callable[[str], tuple[str, str]]:
    def report(value: str) -> tuple[str, str]:
        form, equals, path = value.partition("=")
        if not equals or not path or form not in forms:
            raise argparse.ArgumentTypeError(f"{value!r} is not FORMAT=PATH with a FORMAT of {', '.join(forms)}")
        return form, path

    return report


def fails(worst: Severity | None, fail_on: str) -> bool:
    """Whether the worst severity met reaches that of --fail-on."""
    return fail_on != "never" and worst is not None and SEVERITIES.index(worst) <= SEVERITIES.index(Severity(fail_on))


class StatusLine:
    """A line on standard error that is written over.

    Args:
        enabled: whether to show it where standard error is a terminal; in CI, whose logs keep every line, never.
    """

    def __init__(self, *, enabled: bool) -> None:
        self.enabled = enabled and sys.stderr.isatty() and not os.environ.get("CI")
        self._shown = False

    def show(self, line: str) -> None:
        """Put this text in place of the last one."""
        if self.enabled:
            self._shown = True
            sys.stderr.write(f"\r\x1b[K{line}")
            sys.stderr.flush()

    def clear(self) -> None:
        """Take the line away."""
        if self._shown:
            self._shown = False
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def folder(path: str) -> None:
    """Make a folder; raises SourceError where that cannot be."""
    try:
        os.makedirs(path, exist_ok=True)
    except OSError as error:
        raise SourceError(f"{path}: cannot be made: {error.strerror}.") from None


Outputs = list[tuple[str, str]]
"""Pairs of a format and where it goes: a path, `-` for standard output, or PEOPLE."""
PEOPLE = "\0"
"""Standard error, which no path is called."""


def outputs(
    arguments: argparse.Namespace, files: Mapping[str, str] | None = None, reads: Iterable[str] = ()
) -> Outputs:
    """What is to be reported, and where.

    Args:
        arguments: with `format`, `report` and, where there are files, `output`.
        files: what --output has, name by format.
        reads: what must not be written over.

    Raises:
        ValueError: two reports would go to standard output, or one over what is read.
        SourceError: the folder of --output cannot be made.
    """
    taken = [form for form, path in arguments.report if path == "-"]
    if len(taken) > 1 or (taken and arguments.format != "text"):
        raise ValueError("two reports cannot both go to standard output; give one of them a file")
    wanted = [(arguments.format, PEOPLE if taken else "-"), *arguments.report]
    if files and arguments.output:
        folder(arguments.output)
        wanted += [(form, os.path.join(arguments.output, name)) for form, name in files.items()]
    _keep_apart(wanted, (*reads, getattr(arguments, "spec", None), arguments.config))
    return wanted


def _keep_apart(outputs: Outputs, inputs: Iterable[str | None]) -> None:
    """Raise ValueError where a report would be written over what is read, or over another one."""
    from chatcontract.sources import matches

    read = [name for given in inputs if given for name in matches(given)]
    written: set[str] = set()
    for form, path in outputs:
        if path in ("-", PEOPLE) or (os.path.exists(path) and not os.path.isfile(path)):
            continue
        place = os.path.realpath(path)
        if met := next((name for name in read if is_same_file(path, name)), None):
            raise ValueError(f"--report {form}={path} would be written over {met}: choose another name")
        if place in written:
            raise ValueError(f"two reports would be written to {path}: choose another name for one of them")
        written.add(place)


def is_same_file(path: str, other: str) -> bool:
    """Whether both name one file, whether or not it is there."""
    if "-" in (path, other) or PEOPLE in (path, other):
        return False
    is_linked = os.path.exists(path) and os.path.exists(other) and os.path.samefile(path, other)
    return is_linked or os.path.realpath(path) == os.path.realpath(other)


def opened(path: str, stack: ExitStack) -> Any:
    """A file to write text to, closed by the stack; `-` is standard output, PEOPLE standard error.

    Raises:
        SourceError: it cannot be written.
    """
    if path == PEOPLE:
        return sys.stderr
    if path == "-":
        return out()
    try:
        stream = open(path, "w", encoding="utf-8", errors="backslashreplace")  # noqa: SIM115 - closed by the stack
    except OSError as error:
        raise SourceError(f"{path}: cannot be written: {error.strerror}.") from None
    stack.callback(_close, stream)
    return stream


def _close(stream: Any) -> None:
    with suppress(OSError):  # `write_all` has told of it
        stream.close()


def rendering(report: Any, writers: Mapping[str, Any], arguments: argparse.Namespace) -> Callable[[str, Any], None]:
    """What writes the report in a format to a stream, by the renderers of the formats."""

    def write(form: str, stream: Any) -> None:
        colour = form == "text" and wants_colour(stream)
        writers[form](report, stream, colour=colour, verbose=arguments.verbose)

    return write


def write_all(streams: Sequence[tuple[str, Any]], write: Callable[[str, Any], object]) -> None:
    """Write every report: those in files first, so that a reader of standard output who leaves early costs none.

    One that cannot be written does not cost the others.

    Args:
        streams: formats and where to write them, standard output first.
        write: writes one.

    Raises:
        SourceError: one cannot be written, as where the disk is full.
    """
    failure: SourceError | None = None
    for form, stream in reversed(streams):
        try:
            write(form, stream)
            stream.flush()
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        except OSError as error:
            name = "standard output" if stream is sys.stdout else stream.name
            failure = SourceError(f"{name}: cannot be written: {error.strerror}.")
    if failure is not None:
        raise failure
