"""The command line: `chatcontract COMMAND`."""

import argparse
import errno
import gc
import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from chatcontract.exceptions import ChatContractError, SourceError, SpecError

EXIT_CLEAN, EXIT_VIOLATIONS, EXIT_USAGE, EXIT_NOTHING, EXIT_OURS, EXIT_INTERRUPTED = 0, 1, 2, 3, 4, 130
YOUNG = 20_000
"""Objects made before the interpreter searches them for garbage: with its own 700 it does so some dozen times while a
command starts, which costs a twentieth of the start."""
EXIT_CODES = """exit codes:
  0    clean
  1    violations at or above --fail-on
  2    usage, configuration or spec error
  3    nothing could be checked, something could not be read, or a target gave no answer
  4    a fault of chatcontract itself
  130  interrupted (what was found so far is reported)"""


_REFUSED = frozenset(
    (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO, errno.ENOENT,
     errno.ENOTDIR, errno.EISDIR, errno.EMFILE, errno.ENAMETOOLONG)
)  # fmt: skip
"""What the system says of files and disks, which is no fault of ours."""


class Formatter(argparse.RawDescriptionHelpFormatter):
    """Help as it is written; with its width given, argparse need not import the archive readers behind shutil."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=26, width=_width())


def _width() -> int:
    """The columns that help has: those of $COLUMNS, else of the terminal, 100 at most."""
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal():
        return int(columns)
    try:
        return min(os.get_terminal_size(1).columns or 100, 100)
    except OSError:
        return 100


class _Parser(argparse.ArgumentParser):
    def __init__(self, **rest: Any) -> None:
        super().__init__(**{"formatter_class": Formatter, **rest})

    def error(self, message: str) -> NoReturn:
        self.exit(EXIT_USAGE, f"{self.prog}: {message}\nTry {self.prog} --help\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code (EXIT_CODES says what it means)."""
    if argv is None:
        gc.set_threshold(YOUNG)
    if sys.stdout is None:  # closed by whoever started us: what is written there is for nobody
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - as long as the process
    words = sys.argv[1:] if argv is None else list(argv)
    try:
        return _guarded(parser(words[0] if words else "").parse_args(words))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_CLEAN
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    finally:
        if argv is None:
            gc.freeze()  # or the interpreter searches all that is alive for garbage as it ends, as long as half a start


def _run(arguments: argparse.Namespace) -> int:
    try:
        code: int = arguments.run(arguments)
        sys.stdout.flush()
        return code
    except (SpecError, ValueError) as error:
        return _complain(str(error), EXIT_USAGE)
    except SourceError as error:
        return _complain(str(error), EXIT_NOTHING)
    except ChatContractError as error:
        return _complain(str(error), EXIT_OURS)
    except OSError as error:
        if error.errno not in _REFUSED or os.environ.get("CHATCONTRACT_DEBUG"):
            raise
        return _complain(f"{error.filename or 'a file'}: {error.strerror}.", EXIT_NOTHING)


def _guarded(arguments: argparse.Namespace) -> int:
    try:
        return _run(arguments)
    except (BrokenPipeError, KeyboardInterrupt):
        raise
    except Exception as error:
        if os.environ.get("CHATCONTRACT_DEBUG"):
            raise
        return _complain(
            f"a fault of chatcontract: {type(error).__name__}: {error}\n"
            "Please report it with the traceback that CHATCONTRACT_DEBUG=1 shows.",
            EXIT_OURS,
        )


def _complain(message: str, code: int) -> int:
    from chatcontract.redact import printable, text

    print(f"chatcontract: {printable(text(message))}", file=sys.stderr)
    return code


COMMANDS = {
    "check": "check", "audit": "audit", "probes": "probes", "rules": "rules", "explain": "rules", "docs": "rules",
    "spec": "spec", "convert": "convert", "serve": "serve", "record": "record", "replay": "replay",
    "fuzz": "fuzz", "report": "report", "diff": "report",
}  # fmt: skip
"""Command → the module in `commands` that declares it."""


def parser(command: str = "") -> argparse.ArgumentParser:
    """The parser of the command line; of one command alone where that is named, which spares the other imports."""
    from importlib import import_module

    from chatcontract import __version__

    root = _Parser(
        prog="chatcontract",
        description="Schema validation and contract testing of the Chat Completions API.",
        epilog=EXIT_CODES,
    )
    root.add_argument("--version", action="version", version=f"chatcontract {__version__}")
    commands = root.add_subparsers(title="commands", metavar="COMMAND", required=True, parser_class=_Parser)
    wanted = [COMMANDS[command]] if command in COMMANDS else dict.fromkeys(COMMANDS.values())
    for module in wanted:
        import_module(f"chatcontract.commands.{module}").add_to(commands)
    return root
