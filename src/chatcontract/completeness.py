"""Whether an answer was recorded to its end, which rules about what is missing must know."""

from chatcontract.jsontext import ABSENT
from chatcontract.reading import Reading


def is_complete(reading: Reading) -> bool:
    """Whether nothing more would have come: a stream without `[DONE]`, or with an error in it, was cut.

    One of which no chunk can be read is not known.

    >>> from chatcontract.model import Exchange, Response
    >>> is_complete(Reading(Exchange("", None, Response(200, (), b'data: {"choices": []}\\n\\n'))))
    False
    """
    if reading.kind != "stream":
        return True
    return reading.terminated and not reading.failures and not _is_unreadable(reading)


def _is_unreadable(reading: Reading) -> bool:
    return bool(reading.chunks) and all(part.text.value is ABSENT for part in reading.chunks)
