"""Recordings of any format → native lines or a HAR archive, without keys."""

import os
import stat
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import IO, Any, NamedTuple

from chatcontract import har, native
from chatcontract.exceptions import SourceError
from chatcontract.model import Part
from chatcontract.recording import Recorded, Unreadable
from chatcontract.sources import Source, opened
from chatcontract.sources.formats import stem

Write = Callable[[bytes], object]


class Tally(NamedTuple):
    """What became of the records: written ones by their form, what was passed over by name, what was unreadable.

    `unreadable` counts all; the first MAX_NAMED of them stand in `reasons`.
    """

    written: "Counter[str]"
    passed_over: "Counter[str]"
    unreadable: "Counter[str]"
    reasons: list[Unreadable]


MAX_NAMED = 20
"""Records that could not be read and are named."""
TARGETS = ("native", "har")


def target(path: str) -> str:
    """The form that the name of the output asks for; raises ValueError where it asks for none.

    >>> target("out.har.gz"), target("out.jsonl")
    ('har', 'native')
    """
    name = stem(path)
    if name.endswith((".har", ".json")):
        return "har"
    if name.endswith((".jsonl", ".ndjson")):
        return "native"
    raise ValueError(f"{path}: say what to write with --to {' or --to '.join(TARGETS)}.")


def convert(
    names: Iterable[str], write: Write, form: str, version: str, progress: Callable[[Source, int], None], tally: Tally
) -> None:
    """Read every record and write it.

    Args:
        names: those that `sources.opened` takes.
        write: takes the bytes, piece by piece.
        form: one of TARGETS.
        version: that of the program, which an archive names.
        progress: told of every record.
        tally: is counted up on the way.
    """
    ends = (har.head(version), har.SEPARATOR, har.TAIL) if form == "har" else (b"", b"", b"")
    make = _entry if form == "har" else _line
    write(ends[0])
    between = b""
    for item in _items(names, progress, tally):
        write(between + make(item))
        tally.written[item.form] += 1
        between = ends[1]
    write(ends[2])


def _items(names: Iterable[str], progress: Callable[[Source, int], None], tally: Tally) -> Iterator[Recorded]:
    for source in opened(names):
        if isinstance(source, Unreadable):
            _count(source, tally)
            continue
        with source:
            for number, item in enumerate(source.items, 1):
                progress(source, number)
                if isinstance(item, Recorded):
                    yield item
                else:
                    _count(item, tally)
        tally.passed_over.update(source.passed_over)


def _count(item: Unreadable, tally: Tally) -> None:
    tally.unreadable["unreadable"] += 1
    if len(tally.reasons) < MAX_NAMED:
        tally.reasons.append(item)


def _entry(item: Recorded) -> bytes:
    return har.entry(item.exchange, item.part, item.form, cut=item.cut)


def _line(item: Recorded) -> bytes:
    members = {} if item.part is Part.EXCHANGE else {"part": item.part.value, "form": item.form}
    return native.line(item.exchange, **members, **({"cut": item.cut} if item.cut else {}))


@contextmanager
def replacing(path: str) -> Iterator[IO[bytes]]:
    """A file to write to that takes the place of `path` once all went well; packed where the name says so.

    What a link leads to is replaced, not the link; a device or a pipe is written to as it is.

    Raises:
        SourceError: it cannot be written.
    """
    path = os.path.realpath(path) if os.path.islink(path) else path
    if os.path.exists(path) and not os.path.isfile(path):
        with _straight(path) as file:
            yield file
        return
    folder = os.path.dirname(path) or "."
    try:
        descriptor, temporary = tempfile.mkstemp(prefix=f".{os.path.basename(path)}.", dir=folder)
    except OSError as error:
        raise SourceError(f"{path}: cannot be written: {error.strerror}.") from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            packed = _packed(path, file)
            yield packed
            if packed is not file:
                packed.close()
        os.chmod(temporary, _mode(path))
        os.replace(temporary, path)
    except OSError as error:
        _remove(temporary)
        raise SourceError(f"{path}: cannot be written: {error.strerror}.") from None
    except BaseException:
        _remove(temporary)
        raise


@contextmanager
def _straight(path: str) -> Iterator[IO[bytes]]:
    try:
        with open(path, "wb") as file:
            packed = _packed(path, file)
            yield packed
            if packed is not file:
                packed.close()
    except OSError as error:
        raise SourceError(f"{path}: cannot be written: {error.strerror}.") from None


def _packed(path: str, file: IO[bytes]) -> Any:
    if path.lower().endswith(".gz"):
        import gzip

        return gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0)
    if path.lower().endswith(".zst"):
        from chatcontract.sources.files import zstandard

        return zstandard().ZstdCompressor().stream_writer(file, closefd=False)
    return file


def _mode(path: str) -> int:
    """The permissions of the file that is replaced; those of a new one where there is none."""
    if os.path.exists(path):
        return stat.S_IMODE(os.stat(path).st_mode)
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        return
