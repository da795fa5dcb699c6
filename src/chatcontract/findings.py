"""Breaches and oddities of a stream, as findings."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from chatcontract import redact
from chatcontract.model import Finding, Oddity, Severity
from chatcontract.reading import Reading

if TYPE_CHECKING:
    from chatcontract.breaches import Breach

_MAX_MESSAGE = 300


def breaches(reading: Reading, *tags: str) -> "list[tuple[int | None, Breach]]":
    """The breaches of these kinds with the positions of their chunks."""
    return [found for found in reading.breaches if found[1].tag in tags] if reading.breaches else []


def of_breaches(reading: Reading, *tags: str, says: str = "", hint: str = "") -> Iterator[Finding]:
    """A finding for each breach of these kinds; `says` replaces its message, `{}` in it is the value."""
    for position, breach in breaches(reading, *tags):
        message = says.format(redact.short(breach.value, 60)) if says else breach.message
        yield of_breach(position, breach._replace(message=message), hint)


def of_breach(position: int | None, breach: "Breach", hint: str = "") -> Finding:
    """The finding for one breach."""
    return Finding(breach.pointer, _cut(breach.message), breach.value, position, hint)


def oddities(reading: Reading, *names: str) -> list[tuple[int | None, Oddity]]:
    """The oddities of these kinds with the positions of their data events."""
    return [found for found in reading.odd if found[1].name in names] if reading.odd else []


def of_oddities(
    reading: Reading, *names: str, says: str, hint: str = "", severity: Severity | None = None
) -> Iterator[Finding]:
    """A finding for each oddity of these kinds, which says so and where."""
    for position, oddity in oddities(reading, *names):
        detail = f" ({redact.short(oddity.detail, 80)})" if oddity.detail else ""
        yield Finding("", _cut(f"{says}{detail}, at byte {oddity.offset}"), None, position, hint, severity=severity)


def _cut(message: str) -> str:
    message = redact.printable(redact.text(message))
    return message if len(message) <= _MAX_MESSAGE else message[: _MAX_MESSAGE - 1] + "…"
