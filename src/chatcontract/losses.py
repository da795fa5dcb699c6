"""What of a stream was sent and cannot be read: what seems to be missing may have been in it."""

from chatcontract.jsontext import ABSENT
from chatcontract.oddities import stands_for_data
from chatcontract.reading import Chunk, Reading

_LOSING = ("event-too-large", "json-without-data-prefix")
_HARMLESS = frozenset(("data-starts-with-colon", "frame-cut"))
"""Oddities of chunks that had nothing to tell, or that the end of the stream cut."""


def lost_lines(reading: Reading) -> list[int]:
    """The bytes at which something begins that is no event for want of `data:`, or is too large; in their order."""
    return reading.once(_lost_lines)


def losses(reading: Reading) -> list[int]:
    """The bytes at which something lost begins: such a line, or a chunk that is no JSON; in their order.

    >>> from chatcontract.examples import events, stream
    >>> body = b"Data: {}\\n\\n" + events(["{", "[DONE]"])
    >>> losses(Reading(stream(body=body).exchange()))
    [0, 10]
    """
    return reading.once(_losses)


def is_behind_loss(reading: Reading, position: int | None) -> bool:
    """Whether something was lost before the chunk at a position."""
    part = None if position is None else reading.chunk_at.get(position)
    return part is not None and any(offset < part.event.offset for offset in losses(reading)[:1])


def is_before_loss(reading: Reading, part: Chunk) -> bool:
    """Whether something was lost behind a chunk."""
    return any(offset > part.event.offset for offset in losses(reading)[-1:])


def _lost_lines(reading: Reading) -> list[int]:
    found = [oddity for _, oddity in reading.odd] if reading.kind == "stream" else []
    lost = [oddity.offset for oddity in found if oddity.name in _LOSING]
    named = [oddity for oddity in found if oddity.name == "misspelt-field"]
    return sorted(lost + [oddity.offset for oddity in named if stands_for_data(oddity.detail.encode())])


def _losses(reading: Reading) -> list[int]:
    if reading.kind != "stream" or reading.chunk_values is not None:
        return lost_lines(reading)
    unread = (part.event for part in reading.chunks if part.text.value is ABSENT)
    lost = [event.offset for event in unread if _HARMLESS.isdisjoint(oddity.name for oddity in event.oddities)]
    return sorted(lost + lost_lines(reading))
