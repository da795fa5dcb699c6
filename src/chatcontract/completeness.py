"""Whether an answer was recorded to its end, which rules about what is missing must know."""

from chatcontract.reading import Reading


def is_complete(reading: Reading) -> bool:
    """Whether nothing more would have come: a stream without `[DONE]`, or with an error in it, was cut.

    >>> from chatcontract.model import Exchange, Response
    >>> is_complete(Reading(Exchange("", None, Response(200, (), b'data: {"choices": []}\\n\\n'))))
    False
    """
    return reading.kind != "stream" or (reading.terminated and not reading.failures)
