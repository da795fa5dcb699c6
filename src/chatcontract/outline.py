"""The shape of an answer: which members there are, of which types, and how a stream is built; no values.

What is told of an answer here is what `drift` compares.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping

from chatcontract.jsontext import ABSENT
from chatcontract.model import JSON
from chatcontract.pointer import escape
from chatcontract.reading import Chunk, Reading, header, items, members
from chatcontract.redact import short, text

MAX_PLACES = 4000
"""Different places of one answer that are remembered."""
MAX_DEPTH = 32
MAX_NAME = 120
MAX_LISTED = 20
Facts = Mapping[str, str | None]
"""Place → what is there, in words; None where that is not known."""
Places = dict[str, set[str]]
"""Pointer with indices starred → the types met there."""

_TYPES: dict[type, str] = {
    type(None): "null", bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object",
}  # fmt: skip


def places(reading: Reading) -> Places:
    """The members of an answer, those of all its chunks where it is a stream; at most MAX_PLACES."""
    found: Places = {}
    for value in _values(reading):
        _walk(value, "", found, 0)
    return found


def _values(reading: Reading) -> Iterator[JSON]:
    texts = [chunk.text for chunk in reading.chunks] if reading.kind == "stream" else [reading.answer]
    return (told.value for told in texts if told.value is not ABSENT)


def _walk(value: JSON, at: str, found: Places, depth: int) -> None:
    if at not in found and len(found) >= MAX_PLACES:
        return
    found.setdefault(at, set()).add(_TYPES.get(type(value), "number"))
    if depth == MAX_DEPTH:
        return
    if isinstance(value, dict):
        for name, member in value.items():
            _walk(member, f"{at}/{_token(name)}", found, depth + 1)
    elif isinstance(value, list):
        for item in value:
            _walk(item, f"{at}/*", found, depth + 1)


def _token(name: str) -> str:
    name = text(name[:MAX_NAME])
    return escape(name if name.isascii() else name.encode(errors="backslashreplace").decode())


def form(reading: Reading) -> str:
    """What the answer is as a whole, in words."""
    if reading.kind == "response" and not isinstance(reading.answer.value, dict):
        return "something else than a JSON object"
    return {"response": "a completion", "stream": "a stream", "error": "an error", "none": "nothing"}[reading.kind]


def status(reading: Reading) -> Facts:
    """The status."""
    return {"": None if reading.status is None else str(reading.status)}


def media_type(reading: Reading) -> Facts:
    """The media type without its parameters; not known where no header was recorded."""
    response = reading.exchange.response
    if response is None or not response.headers:
        return {"": None}
    return {"": header(response.headers, "content-type").partition(";")[0].strip().lower()[:MAX_NAME] or "none"}


def kind(reading: Reading) -> Facts:
    """Completion, stream, error, or none of these."""
    return {"": form(reading)}


def objects(reading: Reading) -> Facts:
    """What the answer, or its chunks, say that they are."""
    told = (value.get("object") for value in _values(reading) if isinstance(value, dict))
    return {"/object": ", ".join(sorted({short(name, 80) for name in told if name is not None})[:MAX_LISTED]) or None}


def choices(reading: Reading) -> Facts:
    """How many choices there are."""
    return {"/choices": str(len(reading.choices))}


def roles(reading: Reading) -> Facts:
    """The role of each choice."""
    return {"/choices/*/message/role": _listed(message.get("role", ABSENT) for _, _, message in reading.choices)}


def finishes(reading: Reading) -> Facts:
    """How each choice ended."""
    return {
        "/choices/*/finish_reason": _listed(choice.get("finish_reason", ABSENT) for _, choice, _ in reading.choices)
    }


def calls(reading: Reading) -> Facts:
    """What is called, by type and name, and how often."""
    counted = Counter(call for _, _, message in reading.choices for call in _calls(message))
    return {"/choices/*/message/tool_calls": _in_words(counted) or "none"}


def _calls(message: dict[str, JSON]) -> Iterator[str]:
    for call in map(members, items(message.get("tool_calls"))):
        sort = call.get("type")
        body = members(call.get(sort) if isinstance(sort, str) else None) or members(call.get("function"))
        yield f"{short(body.get('name'), 80)} ({short(sort, 40)})"
    if isinstance(message.get("function_call"), dict):
        yield f"{short(message['function_call'].get('name'), 80)} (function_call)"


def stream_length(reading: Reading) -> Facts:
    """How many chunks there are, as none, one or many: more than that depends on the text."""
    return {"": ("none", "one", "many")[min(2, len(reading.chunks))]}


def stream_role(reading: Reading) -> Facts:
    """Where the role of a choice is told."""
    told: dict[str, list[bool]] = {}
    for chunk in _spoken(reading):
        for choice in _choices(chunk):
            told.setdefault(short(choice.get("index"), 20), []).append(bool(members(choice.get("delta")).get("role")))
    words = {_place_of(deltas) for deltas in told.values()}
    return {"/choices/*/delta/role": " or ".join(sorted(words)) or "nowhere"}


def _place_of(deltas: list[bool]) -> str:
    if sum(deltas) > 1:
        return "in several deltas"
    return "nowhere" if not any(deltas) else "in the first delta" if deltas[0] else "in a later delta"


def stream_usage(reading: Reading) -> Facts:
    """Where the usage is told."""
    told = [chunk for chunk in _spoken(reading) if members(chunk).get("usage") is not None]
    if not told:
        return {"/usage": "nowhere"}
    if len(told) > 1:
        return {"/usage": "in several chunks"}
    return {"/usage": "beside a choice" if _choices(told[0]) else "in a chunk of its own"}


def stream_choices(reading: Reading) -> Facts:
    """Whether chunks have several choices."""
    return {"/choices": "several" if any(len(_choices(chunk)) > 1 for chunk in _spoken(reading)) else "at most one"}


def stream_end(reading: Reading) -> Facts:
    """Whether the stream has its terminator."""
    return {"": "[DONE]" if reading.terminated else "no [DONE]"}


def stream_failure(reading: Reading) -> Facts:
    """Whether the stream reports an error."""
    return {"/error": "told" if reading.failures else "none"}


def error_type(reading: Reading) -> Facts:
    """The type of an error."""
    return {"/error/type": _of_error(reading, "type")}


def error_code(reading: Reading) -> Facts:
    """The code of an error."""
    return {"/error/code": _of_error(reading, "code")}


def _of_error(reading: Reading, name: str) -> str:
    return short(members(reading.error.get("error")).get(name), 80)


def _spoken(reading: Reading) -> list[dict[str, JSON]]:
    """The chunks that are objects and no errors."""
    sound: Callable[[Chunk], bool] = lambda chunk: not chunk.is_error and isinstance(chunk.text.value, dict)  # noqa: E731
    return [chunk.text.value for chunk in filter(sound, reading.chunks)]


def _choices(chunk: dict[str, JSON]) -> list[dict[str, JSON]]:
    return [choice for choice in items(chunk.get("choices")) if isinstance(choice, dict)]


def _listed(values: Iterable[JSON]) -> str:
    """Each value with how often it comes, whatever their order."""
    counted = Counter("absent" if value is ABSENT else short(value, 80) for value in values)
    return _in_words(counted)


def _in_words(counted: Counter[str]) -> str:
    told = sorted(counted.items())[:MAX_LISTED]
    return ", ".join(name if times == 1 else f"{times} × {name}" for name, times in told)
