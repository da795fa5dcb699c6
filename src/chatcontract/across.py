"""What only several exchanges of one run can tell."""

from collections.abc import Iterator

from chatcontract.completeness import is_complete
from chatcontract.model import JSON, Finding, Rule
from chatcontract.reading import Reading, items, members
from chatcontract.redact import short

MAX_IDS = 100_000
"""Ids that are remembered; the oldest is forgotten for the next."""


class Across:
    """Watches the exchanges of one run in their order.

    An id is kept as two hashes and the name of its exchange, so memory is bounded whatever the answers hold.

    Args:
        limit: ids that are remembered.
        by_request: the same answer to another request is another answer, which no recording proves.

    >>> from chatcontract.examples import response
    >>> across = Across()
    >>> [list(across.feed(Reading(example.exchange()))) for example in (response(), response())]
    [[], []]
    """

    def __init__(self, limit: int = MAX_IDS, *, by_request: bool = False) -> None:
        self._limit = limit
        self._by_request = by_request
        self._answers: dict[int, tuple[int, str]] = {}

    def feed(self, reading: Reading) -> Iterator[tuple[Rule, Finding]]:
        """What this exchange makes wrong together with those before it."""
        ident = reading.completion.get("id")
        if not isinstance(ident, str) or not ident.strip() or not is_complete(reading):
            return
        name = reading.exchange.id
        key, answer = hash((reading.exchange.host, ident)), hash((_said(reading), self._asked(reading)))
        known = self._answers.setdefault(key, (answer, name))
        if known[0] != answer:
            from chatcontract.rules.http import DUPLICATE_RESPONSE_ID

            message = f"expected an id of its own, got that of another answer, in {short(known[1], 80)}"
            yield DUPLICATE_RESPONSE_ID, Finding("/id", message, ident)
        if len(self._answers) > self._limit:
            del self._answers[next(iter(self._answers))]

    def _asked(self, reading: Reading) -> bytes:
        request = reading.exchange.request
        return request.body if self._by_request and request is not None else b""


def _said(reading: Reading) -> str:
    """What makes an answer another one, however it was written down."""
    choices = [(choice.get("index"), *_parts(message)) for _, choice, message in reading.choices]
    return repr((reading.completion.get("created"), choices))


def _parts(message: dict[str, JSON]) -> Iterator[JSON]:
    yield message.get("content") or None
    yield message.get("refusal") or None
    for call in items(message.get("tool_calls")):
        body = members(members(call).get("function") or members(call).get("custom"))
        yield body.get("name"), body.get("arguments", body.get("input"))
