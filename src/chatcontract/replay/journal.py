"""What a replay has sent and got: native lines in a file that only grows, each with what joins it to the recording.

The first line says what the replay is of. A line has, beside the exchange, a member `replay`: the `key` of the
recorded exchange, `attempt` from 1, `elapsed` in seconds, `fault`, `wait` (seconds until the next attempt) and
whether it is `final`: the answer that counts, after which nothing more is sent.
"""

import os
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import IO, Any, NamedTuple, Self

from chatcontract import native
from chatcontract.client import Fault, Reply
from chatcontract.exceptions import SourceError
from chatcontract.journal import Journal
from chatcontract.jsontext import parse
from chatcontract.model import JSON, Exchange
from chatcontract.reading import members
from chatcontract.recording import dumped, recorded
from chatcontract.replay import NAME

VERSION = 1


class Head(NamedTuple):
    """What a replay is of: a recording (its identity), a target and the model put in place; empty for none."""

    traffic: str
    to: str
    model: str = ""


_WORDS = {"traffic": "of other TRAFFIC, or of one that was changed since", "to": "--to {}", "model": "--model {}"}


class Sent(NamedTuple):
    """One attempt: the exchange without keys, what the journal says of it, and whether its answer counts."""

    exchange: Exchange
    attempt: int
    elapsed: float
    fault: Fault | None
    wait: float | None
    final: bool


class Answers:
    """The journal of one replay, open for this process alone; knows where each answer stands. A context manager.

    Args:
        folder: where the journal is, or will be.
        head: what this replay is of.
        resume: go on with a journal that is there.

    Raises:
        ValueError: a journal is there and not to be resumed, or it is of another replay.
        SourceError: it cannot be written, or is no journal.
    """

    def __init__(self, folder: str, head: Head, *, resume: bool = False) -> None:
        self.path = os.path.join(folder, NAME)
        if not resume and os.path.exists(self.path) and os.path.getsize(self.path):
            raise ValueError(
                f"{self.path} is there already: --resume goes on with it, another --output begins anew"
            )  # fmt: skip
        self._journal = Journal(self.path)
        self._places: dict[str, list[int]] = {}
        self._final: set[str] = set()
        self._end = 0
        try:
            self._load(head)
            self._reader: IO[bytes] = open(self.path, "rb")  # noqa: SIM115 - closed by close
        except BaseException:
            self._journal.close()
            raise

    def _load(self, head: Head) -> None:
        for number, line in enumerate(self._journal.lines(), 1):
            said = members(members(parse(line)[0]).get("replay"))
            if number == 1:
                _expect(said, head, self.path)
            elif not isinstance(said.get("key"), str):
                raise SourceError(f"{self.path}:{number}: not a line of a replay. Begin anew with another --output.")
            else:
                self._note(said["key"], final=said.get("final") is True)
            self._end += len(line) + 1
        if not self._end:
            empty = {"id": "(replay)", "request": None, "response": None}
            self._write(dumped({**empty, "replay": {"version": VERSION, **head._asdict()}}) + b"\n")

    def _note(self, key: str, *, final: bool) -> None:
        self._places.setdefault(key, []).append(self._end)
        if final:
            self._final.add(key)

    def _write(self, line: bytes) -> None:
        self._journal.append(line)
        self._end += len(line)

    def __len__(self) -> int:
        """How many answers there are that count."""
        return len(self._final)

    def __contains__(self, key: str) -> bool:
        """Whether the answer that counts is there."""
        return key in self._final

    def keep(self, key: str, sent: Sent, secrets: Iterable[str] = ()) -> None:
        """Write down an attempt; raises SourceError where the disk takes it no more."""
        told: dict[str, JSON] = {
            "key": key, "attempt": sent.attempt, "elapsed": round(sent.elapsed, 6),
            "fault": None if sent.fault is None else sent.fault._asdict(), "wait": sent.wait, "final": sent.final,
        }  # fmt: skip
        line = native.line(sent.exchange, secrets, replay=told)
        self._note(key, final=sent.final)
        self._write(line)

    @property
    def is_due(self) -> bool:
        """Whether it is time for a sync."""
        return self._journal.is_due

    def sync(self) -> None:
        """Have what was written outlast the machine; may run in another thread."""
        self._journal.sync()

    def attempts(self, key: str) -> Iterator[Sent]:
        """What was sent for a recorded exchange, in order, read back from the file."""
        for place in self._places.get(key, ()):
            self._reader.seek(place)
            yield _sent(self._reader.readline(), self.path)

    def close(self) -> None:
        """Sync and close."""
        self._reader.close()
        self._journal.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def of_reply(reply: Reply, attempt: int, wait: float | None, *, final: bool) -> Sent:
    """A reply as an attempt."""
    return Sent(reply.exchange, attempt, reply.elapsed, reply.fault, wait, final)


def _expect(said: dict[str, JSON], head: Head, path: str) -> None:
    if said.get("version") != VERSION:
        raise SourceError(f"{path}: not the journal of a replay. Choose another --output.")
    for name, wanted in head._asdict().items():
        if said.get(name) != wanted:
            was = _WORDS[name].format(said.get(name) or "(none)")
            raise ValueError(f"{path} is of another replay: {was}. Choose another --output for this one.")


def _sent(line: bytes, path: str) -> Sent:
    value: Any = parse(line.rstrip(b"\n"))[0]
    said = members(members(value).get("replay"))
    fault = members(said.get("fault"))
    try:
        exchange = recorded(value, line, path).exchange
        return Sent(
            exchange, int(said["attempt"]), float(said["elapsed"]),
            Fault(str(fault["kind"]), str(fault["message"])) if fault else None,
            None if said.get("wait") is None else float(said["wait"]), said.get("final") is True,
        )  # fmt: skip
    except (KeyError, TypeError, ValueError):
        raise SourceError(f"{path}: a line cannot be read back. Begin anew with another --output.") from None
