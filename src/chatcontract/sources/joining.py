"""Input and output files of OpenAI's Batch, joined by their `custom_id`."""

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from typing import IO, NamedTuple, Self

from chatcontract.cleaning import body as cleaned
from chatcontract.exceptions import SourceError
from chatcontract.jsontext import parse
from chatcontract.model import JSON
from chatcontract.reading import members
from chatcontract.recording import Recorded, Unreadable
from chatcontract.sources import files
from chatcontract.sources.batch import is_input, is_line, recorded
from chatcontract.sources.lines import record, split
from chatcontract.sources.messages import Input, Items, pass_over

_HEAD = 4096
JOINED = "batch request, joined with its answer"


class Kinds(NamedTuple):
    """The files of a run that are input and output files of Batch; empty unless there are both."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


def kinds(names: Iterable[str]) -> Kinds:
    """Find them by their first lines."""
    found: dict[str, list[str]] = {"input": [], "output": [], "": []}
    for name in names:
        found[_kind(name)].append(name)
    both = found["input"] and found["output"]
    return Kinds(tuple(found["input"]), tuple(found["output"])) if both else Kinds((), ())


def _kind(name: str) -> str:
    try:
        with files.opened(name) as raw:
            stream = files.unpacked(raw)
            head = stream.read(_HEAD)
            if b'"custom_id"' not in head or not head.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"{"):
                return ""
            first = next(iter((head + stream.readline()).lstrip(b"\xef\xbb\xbf \r\n\t").splitlines()), b"")
    except (OSError, EOFError, SourceError):
        return ""
    value = parse(first)[0]
    return ("input" if is_input(value) else "output") if is_line(value) else ""


class Requests:
    """The lines of input files by their `custom_id`.

    Kept are places in the files, not lines: some 200 bytes for each. A packed file is unpacked into a temporary one,
    without keys.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._files = [_seekable(name) for name in names]
        self._places: dict[int, tuple[int, int]] = {}
        self._used: set[int] = set()
        for number, file in enumerate(self._files):
            for place, line in _lines(file):
                name = members(parse(line)[0]).get("custom_id")
                if isinstance(name, str):
                    self._places.setdefault(hash(name), (number, place))

    def take(self, name: JSON) -> JSON:
        """The line of that `custom_id`, which has met its answer now; None if there is none."""
        place = self._places.get(hash(name)) if isinstance(name, str) else None
        if place is None:
            return None
        file = self._files[place[0]]
        file.seek(place[1])
        value = parse(file.readline().rstrip(b"\r\n"))[0]
        if not isinstance(value, dict) or not is_input(value) or value.get("custom_id") != name:
            return None
        self._used.add(hash(name))
        return value

    def _is_used(self, name: JSON) -> bool:
        return isinstance(name, str) and hash(name) in self._used

    def readers(self, found: Kinds) -> dict[str, Callable[[Input], Items]]:
        """How the files are read then: what has no answer is left for the input file."""
        outputs = dict.fromkeys(found.outputs, self._read_output)
        return {**outputs, **dict.fromkeys(found.inputs, self._read_input)}

    def _read_output(self, source: Input) -> Items:
        """The lines of an output file, each with its request."""
        for number, line in enumerate(split(source.stream), 1):
            value = parse(line)[0] if line.strip() else None
            request = self.take(value.get("custom_id")) if isinstance(value, dict) and is_line(value) else None
            origin = f"{source.name}:{number}"
            made: Recorded | Unreadable | None = None
            if isinstance(value, dict) and request is not None:
                made = recorded(value, request, origin, source)
            elif line.strip():
                made = record(line, origin, source)
            if made is not None:
                yield made

    def _read_input(self, source: Input) -> Items:
        """The lines of an input file that no answer was met for; the others are counted."""
        for number, line in enumerate(split(source.stream), 1):
            if not line.strip():
                continue
            if self._is_used(members(parse(line)[0]).get("custom_id")):
                pass_over(source.passed_over, JOINED)
            elif made := record(line, f"{source.name}:{number}", source):
                yield made

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        for file in self._files:
            file.close()


def _seekable(name: str) -> IO[bytes]:
    raw = files.opened(name)
    if not files.is_packed(raw):
        return raw
    made = tempfile.TemporaryFile()  # noqa: SIM115 - closed by Requests
    with raw:
        for line in files.unpacked(raw):
            made.write(cleaned(line)[0])
    made.seek(0, os.SEEK_SET)
    return made


def _lines(file: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    place = file.tell()
    for line in file:
        yield place, line.rstrip(b"\r\n")
        place += len(line)
