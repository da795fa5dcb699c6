"""The tokens of an answer with their log probabilities, as far as they have the right type."""

from collections.abc import Iterator

from chatcontract.model import JSON
from chatcontract.reading import Reading, items, members

LISTS = ("content", "refusal")
"""The lists of log probabilities, each named as the member whose text it is about."""


def token_lists(reading: Reading) -> Iterator[tuple[str, str, list[JSON], dict[str, JSON]]]:
    """Pointer, name and entries of each list that is not empty, and the message that it is about."""
    for position, choice, message in reading.choices:
        logprobs = members(choice.get("logprobs"))
        for name in LISTS if logprobs else ():
            entries = logprobs.get(name)
            if entries and isinstance(entries, list):
                yield f"/choices/{position}/logprobs/{name}", name, entries, message


def token_entries(reading: Reading) -> Iterator[tuple[str, dict[str, JSON]]]:
    """Pointer and entry of each token."""
    for pointer, _, entries, _ in token_lists(reading):
        for number, entry in enumerate(entries):
            if isinstance(entry, dict):
                yield f"{pointer}/{number}", entry


def with_rivals(pointer: str, entry: dict[str, JSON]) -> Iterator[tuple[str, dict[str, JSON]]]:
    """The entry, then those of the likeliest tokens at its place."""
    yield pointer, entry
    for number, rival in enumerate(items(entry.get("top_logprobs"))):
        yield f"{pointer}/top_logprobs/{number}", members(rival)


def logprob_values(reading: Reading) -> Iterator[tuple[str, int | float]]:
    """Every log probability that is a number, those of rivals included."""
    for pointer, entry in token_entries(reading):
        for place, holder in with_rivals(pointer, entry):
            value = logprob_of(holder)
            if value is not None:
                yield f"{place}/logprob", value


def logprob_of(holder: JSON) -> int | float | None:
    """The log probability of an entry; None if it is no number, or one too large to reckon with."""
    value = members(holder).get("logprob")
    if isinstance(value, float):
        return value
    return value if type(value) is int and value.bit_length() <= 64 else None


def is_whole(value: JSON) -> bool:
    """Whether it is an integer; one beyond 64 bits may have been read as a float."""
    return type(value) is int or (isinstance(value, float) and value.is_integer())


def bytes_of(value: JSON) -> bytes | None:
    """What a list of byte values stands for; None if it is no such list."""
    if isinstance(value, list) and all(type(number) is int and 0 <= number < 256 for number in value):
        return bytes(value)
    return None


def text_of(data: bytes) -> str | None:
    """The bytes as text; None if they are none by themselves."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


def piece_of(entry: JSON) -> bytes | None:
    """What an entry adds to the text: its bytes, else its token."""
    token, data = members(entry).get("token"), bytes_of(members(entry).get("bytes"))
    if data is not None:
        return data
    return token.encode(errors="surrogatepass") if isinstance(token, str) else None
