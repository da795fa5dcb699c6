"""JSON lines: native lines, bare pairs, single bodies, and those of OpenAI's Batch."""

from collections.abc import Iterator
from typing import IO

from chatcontract.exceptions import SourceError
from chatcontract.jsontext import ABSENT, FAST_FROM, MAX_BYTES, parse, plain_value, prefer_speed
from chatcontract.model import Part
from chatcontract.recording import Recorded, Unreadable, recorded
from chatcontract.sources import batch
from chatcontract.sources.files import taken
from chatcontract.sources.messages import Input, Items, address, is_foreign, kept, pass_over


def read(source: Input) -> Items:
    """The record of every line."""
    prefer_speed()
    number = 0
    try:
        for number, line in enumerate(split(source.stream), 1):
            if line.strip():
                made = record(line, f"{source.name}:{number}", source)
                if made is not None:
                    yield made
    except (OSError, EOFError) as error:
        yield Unreadable(f"{source.name}:{number + 1}", f"the file ends here: {error}")


def record(data: bytes, origin: str, source: Input) -> Recorded | Unreadable | None:
    """What a JSON text is; None for a record that is counted as passed over."""
    if len(data) > MAX_BYTES:
        return Unreadable(origin, f"a line of more than {MAX_BYTES} bytes")
    data = data.rstrip(b"\r\n")
    plain = plain_value(data)
    value, faults = parse(data) if plain is ABSENT else (plain, ())
    if faults and source.wanted is None and not isinstance(value, dict):
        return Unreadable(origin, faults[0].message)
    try:
        if source.wanted is None and batch.is_line(value):
            return batch.recorded(value, None, origin, source)
        made = recorded(value, data, origin, source.wanted, plain=plain is not ABSENT)
    except SourceError as error:
        return Unreadable(origin, str(error).removeprefix(f"{origin}: "))
    asked = made.exchange.request
    if source.wanted is None and made.part is Part.EXCHANGE and asked is not None and is_foreign(asked):
        pass_over(source.passed_over, address(asked.method, asked.url))
        return None
    exchange = kept(made.exchange)
    return made if exchange is made.exchange else Recorded(made.part, exchange, made.form)


def split(stream: IO[bytes]) -> Iterator[bytes]:
    """The lines without their ends; of one beyond MAX_BYTES only so much that its length shows."""
    pending = b""
    while piece := taken(stream, FAST_FROM):
        if b"\n" not in piece:
            pending = pending + piece if len(pending) <= MAX_BYTES else pending
            continue
        lines = piece.split(b"\n")
        lines[0] = pending + lines[0] if len(pending) <= MAX_BYTES else pending
        pending = lines.pop()
        yield from lines
    yield pending
