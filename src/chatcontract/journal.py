"""A file of lines that only grows, and survives the end of its writer at any moment.

A line is handed to the system in one piece before `append` returns, so that the death of the process loses none;
`sync` makes them outlast the machine as well.
"""

import os
import time
from collections.abc import Iterator
from types import TracebackType
from typing import IO, Self

from chatcontract.exceptions import SourceError

EVERY_LINES = 64
EVERY_SECONDS = 1.0
"""A sync is due after so many lines, or so long after the first line that is not yet synced."""
_PIECE = 2**16


class Journal:
    """The file, opened for appending by this process alone. Use it as a context manager.

    A torn last line, left by a machine that went down, is completed where it is a whole record, and cut off
    where it is not: `repaired` holds the bytes cut off.

    Args:
        path: where; made if it does not exist, with its folder.

    Raises:
        SourceError: it cannot be opened, or another process is writing it.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._unsynced = 0
        self._since = 0.0
        try:
            os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
            self._file: IO[bytes] = open(path, "a+b", buffering=0)  # noqa: SIM115 - closed by close
        except OSError as error:
            raise SourceError(f"{path}: cannot be written: {error.strerror}.") from None
        try:
            _lock(self._file, path)
            self._is_file = os.path.isfile(path)
            self.repaired = _repair(self._file) if self._is_file else b""
        except BaseException:
            self._file.close()
            raise

    def append(self, line: bytes) -> None:
        """Write a line, which ends in its only newline; raises SourceError where the disk takes it no more.

        What of the line got there by then is taken back.
        """
        view = memoryview(line)
        try:
            while view:
                view = view[self._file.write(view) :]
        except OSError as error:
            if self._is_file:
                self._file.truncate(os.fstat(self._file.fileno()).st_size - (len(line) - len(view)))
            raise SourceError(f"{self.path}: cannot be written: {error.strerror}.") from None
        self._since = self._since or time.monotonic()
        self._unsynced += 1

    @property
    def is_due(self) -> bool:
        """Whether it is time for a sync."""
        return self._unsynced >= EVERY_LINES or (self._unsynced > 0 and time.monotonic() - self._since > EVERY_SECONDS)

    def sync(self) -> None:
        """Have the lines written so far outlast the machine; takes milliseconds, and may run in another thread.

        Raises:
            SourceError: the disk does not take them.
        """
        self._unsynced, self._since = 0, 0.0
        if not self._is_file:
            return
        try:
            os.fsync(self._file.fileno())
        except OSError as error:
            raise SourceError(f"{self.path}: cannot be written: {error.strerror}.") from None

    def lines(self) -> Iterator[bytes]:
        """The lines written so far, in order, without their ends."""
        with open(self.path, "rb") as file:
            for line in file:
                yield line.rstrip(b"\r\n")

    def close(self) -> None:
        """Sync and close."""
        if not self._file.closed:
            try:
                self.sync()
            finally:
                self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _lock(file: IO[bytes], path: str) -> None:
    try:
        import fcntl
    except ImportError:  # no such locks on this system
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise SourceError(f"{path}: another process is writing it. Choose another file, or end that one.") from None


def _repair(file: IO[bytes]) -> bytes:
    end = file.seek(0, os.SEEK_END)
    start = _last_line(file, end)
    file.seek(start)
    torn = file.read(end - start)
    if not torn:
        return b""
    if _is_whole(torn):
        file.write(b"\n")
        return b""
    file.truncate(start)
    return torn


def _last_line(file: IO[bytes], end: int) -> int:
    """Where the last line that has no end begins; `end` if there is none."""
    place = end
    while place:
        start = max(0, place - _PIECE)
        file.seek(start)
        found = file.read(place - start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        place = start
    return 0


def _is_whole(torn: bytes) -> bool:
    import json

    try:
        return isinstance(json.loads(torn), dict)
    except (ValueError, RecursionError):
        return False
