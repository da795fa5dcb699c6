"""What checks of several probes look at in an answer."""

from collections.abc import Iterator, Sequence

from chatcontract.model import JSON
from chatcontract.probe import Shortfall, Unclear
from chatcontract.reading import Reading, items, members


def finish(reading: Reading) -> JSON:
    """The finish_reason of the first choice."""
    return reading.choices[0][1].get("finish_reason") if reading.choices else None


def text(reading: Reading) -> str:
    """The content of the first choice; empty where it is none."""
    content = reading.choices[0][2].get("content") if reading.choices else None
    return content if isinstance(content, str) else ""


def calls(reading: Reading) -> list[dict[str, JSON]]:
    """The tool calls of the first choice."""
    found = items(reading.choices[0][2].get("tool_calls")) if reading.choices else []
    return [call for call in found if isinstance(call, dict)]


def count(reading: Reading, name: str) -> int | None:
    """A number of the usage; None where there is none."""
    value = members(reading.completion.get("usage")).get(name)
    return value if type(value) is int else None


def cut_short(reading: Reading) -> Iterator[Shortfall | Unclear]:
    """Unclear where the model ran into the limit before it was done."""
    if finish(reading) == "length":
        yield Unclear("the model did not come to an end within the limit of the probe")


def counted(readings: Sequence[Reading], name: str = "prompt_tokens") -> list[int] | None:
    """That number of every answer; None where one does not tell it."""
    found = [count(reading, name) for reading in readings]
    known = [number for number in found if number is not None]
    return known if len(known) == len(found) else None
