"""Recordings: files of any known format → what is to be checked."""

import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain, islice
from typing import IO, NamedTuple

from chatcontract.exceptions import SourceError
from chatcontract.jsontext import FAST_FROM
from chatcontract.model import Part
from chatcontract.recording import Recorded, Unreadable
from chatcontract.sources import files
from chatcontract.sources.formats import JSON, LINES, SSE, VCR, Format, found, is_guess, titles
from chatcontract.sources.messages import Input, Items, pass_over

UNKNOWN = "of no known format"
EMPTY = "empty"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_RECODE = "iconv -f UTF-16 -t UTF-8"
PEEKED = 20
"""Records of a file found in a directory that are looked at, to see whether it is traffic at all."""


class Source(NamedTuple):
    """An opened recording; a context manager that closes it.

    `format` says what was found in words; `size` is the number of bytes, 0 if unknown; `passed_over` counts by name
    what the recording holds beside chat, as far as it was read; `guessed`: it is YAML that does not begin as a
    cassette does.
    """

    name: str
    format: str
    items: Items
    size: int
    raw: IO[bytes] | None
    passed_over: "Counter[str]"
    guessed: bool = False

    def position(self) -> int:
        """How many bytes of the file were read; 0 if unknown."""
        return self.raw.tell() if self.size and self.raw is not None and not self.raw.closed else 0

    def __enter__(self) -> "Source":
        return self

    def __exit__(self, *error: object) -> None:
        if self.raw is not None and self.raw is not sys.stdin.buffer:
            self.raw.close()


Reader = Callable[[Input], Items]


def open_source(name: str, wanted: Part | None = None) -> Source:
    """Open a file, or standard input for `-`.

    Args:
        name: path of a recording of any format in `formats.FORMATS`; `.gz` and `.zst` are unpacked on the way.
        wanted: the part that every record is said to be; None finds out.

    Raises:
        SourceError: there is no such file, or it is empty or not to be recognised.
    """
    source = _open(name, wanted)
    if source.format in ("", EMPTY):
        source.__exit__()
        why = EMPTY if source.format else f"{UNKNOWN}; read are {titles()}. Say with --as what a body is"
        raise SourceError(f"{source.name}: {why}.")
    return source


def opened(names: Iterable[str], wanted: Part | None = None) -> Iterator[Source | Unreadable]:
    """Every file behind the names, to be read before the next one is asked for; the reason where one cannot be.

    A directory stands for the files in it and below, hidden ones left out; those that are no traffic are counted
    in a source of their own, which ends the directory. A name with `*`, `?` or `[` that is no file stands for those
    that it matches. Input and output files of OpenAI's Batch are joined.

    Args:
        names: paths, or `-` for standard input.
        wanted: the part that every record is said to be; None finds out.
    """
    names = list(names)
    if not _are_several(names):
        yield from _all(names, wanted, {}, ())
        return
    from chatcontract.sources import joining

    kinds = joining.kinds(path for name in names for path in _paths(name))
    with joining.Requests(kinds.inputs) as requests:
        readers = requests.readers(kinds)
        yield from _all(names, wanted, readers, kinds.inputs)
        for path in kinds.inputs:
            yield _tried(path, wanted, readers[path])


def _are_several(names: list[str]) -> bool:
    return len(names) > 1 or any(os.path.isdir(name) or _has_magic(name) for name in names)


def _paths(name: str) -> Iterator[str]:
    """The files behind a name that can be read twice: not standard input, nor a pipe."""
    for path in matches(name):
        if os.path.isdir(path):
            yield from _files(path)
        elif os.path.isfile(path):
            yield path


def _has_magic(name: str) -> bool:
    return any(letter in name for letter in "*?[")


def matches(name: str) -> list[str]:
    """The paths that a name stands for: itself, or where it is a pattern and no file, what it matches."""
    if not _has_magic(name) or os.path.exists(name):
        return [name]
    import glob

    return sorted(glob.glob(name, recursive=True))


def _files(directory: str) -> Iterator[str]:
    for folder, folders, names in os.walk(directory):
        folders[:] = sorted(inner for inner in folders if not inner.startswith("."))
        for name in sorted(names):
            path = os.path.join(folder, name)
            if not name.startswith(".") and os.path.isfile(path):
                yield path


def _all(
    names: list[str], wanted: Part | None, readers: Mapping[str, Reader], late: tuple[str, ...]
) -> Iterator[Source | Unreadable]:
    for name in names:
        found = matches(name)
        if not found:
            yield Unreadable(name, "no file matches.")
        for path in found:
            if os.path.isdir(path):
                yield from _directory(path, wanted, readers, late)
            elif path not in late:
                yield _tried(path, wanted, readers.get(path))


def _tried(name: str, wanted: Part | None, reader: Reader | None) -> Source | Unreadable:
    try:
        return _open(name, wanted, reader) if reader else open_source(name, wanted)
    except SourceError as error:
        return Unreadable(name, str(error).removeprefix(f"{files.label(name)}: "))


def _directory(
    directory: str, wanted: Part | None, readers: Mapping[str, Reader], late: tuple[str, ...]
) -> Iterator[Source | Unreadable]:
    summary = Source(directory, "directory", iter(()), 0, None, Counter())
    for path in _files(directory):
        if path in late:
            continue
        try:
            source = _open(path, wanted, readers.get(path))
        except SourceError as error:
            yield Unreadable(path, str(error).removeprefix(f"{path}: "))
            continue
        source = _peeked(source) if path not in readers else source
        if source.format in ("", EMPTY):
            source.__exit__()
            pass_over(summary.passed_over, f"{source.format or UNKNOWN}: {os.path.relpath(path, directory)}")
        else:
            yield source
    if summary.passed_over:
        yield summary


def _peeked(source: Source) -> Source:
    """The source; without a format if it is some JSON or YAML that has nothing to do with chat."""
    if source.format not in (JSON.title, LINES.title) and not source.guessed:
        return source
    first = list(islice(source.items, PEEKED))
    is_traffic = any(isinstance(item, Recorded) for item in first) or source.passed_over
    return source._replace(format=source.format if is_traffic else "", items=chain(first, source.items))


def _open(name: str, wanted: Part | None, reader: Reader | None = None) -> Source:
    """The source, its format empty if it is of no known one, or EMPTY."""
    raw = files.opened(name)
    label = files.label(name)
    source = Source(label, "", iter(()), 0, raw, Counter())
    try:
        source = source._replace(size=files.size(name))
        stream = files.unpacked(raw)
        head = files.taken(stream, FAST_FROM)
        if head.startswith(_UTF_16):
            raise SourceError(f"is UTF-16, as some shells write it with `>`. Save it as UTF-8: {_RECODE}")
        form = _format(head, name, wanted)
        if form is None or not head.strip():
            return source._replace(format="" if head.strip() else EMPTY)
        given = Input(label, files.rejoined(head, stream), wanted, source.passed_over)
        guessed = form is VCR and is_guess(form, head)
        return source._replace(format=form.title, items=(reader or form.read)(given), guessed=guessed)
    except (OSError, EOFError) as error:
        source.__exit__()
        raise SourceError(f"{label}: cannot be read: {error}. Is the file complete?") from None
    except SourceError as error:
        source.__exit__()
        raise SourceError(f"{label}: {str(error).removeprefix(f'{label}: ')}") from None


def _format(head: bytes, name: str, wanted: Part | None) -> Format | None:
    if wanted is None:
        return found(head, name)
    if wanted is Part.STREAM:
        return SSE
    form = found(head, name)
    return form if form is LINES or (form is not None and wanted is Part.EXCHANGE) else JSON
