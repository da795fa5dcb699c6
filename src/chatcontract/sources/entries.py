"""The objects of a list in a JSON document → records, each with its place, none lost where one cannot be read."""

from collections.abc import Callable, Mapping

from chatcontract.exceptions import SourceError
from chatcontract.jsontext import parse
from chatcontract.model import JSON
from chatcontract.recording import Recorded, Unreadable
from chatcontract.sources.json_items import Item, items
from chatcontract.sources.messages import Input, Items

Make = Callable[[Mapping[str, JSON], str, Input], Recorded | Unreadable | None]
"""Makes a record of an entry and its place; None for what is passed over. Raises SourceError."""


def entries(source: Input, names: tuple[str, ...], place: str, make: Make) -> Items:
    """The records of the list under one of these names; `place` leads to it inside the document."""
    for item in items(source.stream, names):
        made = _made(item, f"{source.name}{place}/{item.position}", source, make)
        if made is not None:
            yield made


def _made(item: Item, origin: str, source: Input, make: Make) -> Recorded | Unreadable | None:
    if item.fault:
        return Unreadable(origin, item.fault)
    value, faults = parse(item.data)
    if not isinstance(value, dict):
        return Unreadable(origin, faults[0].message if faults else "an entry is an object")
    try:
        return make(value, origin, source)
    except SourceError as error:
        return Unreadable(origin, str(error))
