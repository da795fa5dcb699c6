"""The events that schemathesis writes as NDJSON; the scenarios among them hold interactions.

The form: https://schemathesis.readthedocs.io
"""

from collections.abc import Iterator

from chatcontract.exceptions import SourceError
from chatcontract.jsontext import MAX_BYTES, parse
from chatcontract.reading import members
from chatcontract.recording import Recorded, Unreadable
from chatcontract.sources.lines import split
from chatcontract.sources.messages import Input, Items
from chatcontract.sources.vcr import interaction


def read(source: Input) -> Items:
    """The chat interactions of all scenarios, each under the id of its case."""
    for number, line in enumerate(split(source.stream), 1):
        origin = f"{source.name}:{number}"
        value, faults = parse(line) if len(line) <= MAX_BYTES else (None, ())
        if isinstance(value, dict):
            recorder = members(members(value.get("ScenarioFinished")).get("recorder"))
            yield from _interactions(members(recorder.get("interactions")), origin, source)
        elif line.strip():
            yield Unreadable(origin, faults[0].message if faults else f"no event, or one of over {MAX_BYTES} bytes")


def _interactions(found: dict[str, object], origin: str, source: Input) -> Iterator[Recorded | Unreadable]:
    for name, value in found.items():
        try:
            made = interaction(members(value), f"{origin}#{name}", source)
        except SourceError as error:
            yield Unreadable(f"{origin}#{name}", str(error))
            continue
        if made is not None:
            yield made
