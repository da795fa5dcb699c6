"""A request's messages, parts, tools and schemas, read forgivingly: what has another type is left out."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple, TypeGuard

from chatcontract.model import JSON

Object = dict[str, JSON]


class Part(NamedTuple):
    """A content part that is an object: its pointer, the role of its message, and the part."""

    pointer: str
    role: JSON
    value: Object


class Tool(NamedTuple):
    """A declared tool: its position, `function` or `custom`, and that member."""

    position: int
    kind: str
    body: Object


class Schema(NamedTuple):
    """A JSON Schema of the caller's: its pointer, the schema, whether it is strict, and for arguments."""

    pointer: str
    value: JSON
    strict: bool
    is_arguments: bool


def objects(value: JSON) -> list[tuple[int, Object]]:
    """Position and value of those items of an array that are objects."""
    if not isinstance(value, list):
        return []
    return [(at, item) for at, item in enumerate(value) if isinstance(item, dict)]


def messages(asked: Mapping[str, JSON]) -> list[tuple[int, Object]]:
    """Position and value of every message.

    >>> messages({"messages": [{"role": "user"}, 5]})
    [(0, {'role': 'user'})]
    """
    return objects(asked.get("messages"))


def parts(asked: Mapping[str, JSON]) -> Iterator[Part]:
    """Every content part of the conversation.

    >>> [part.pointer for part in parts({"messages": [{"role": "user", "content": [{"type": "text"}]}]})]
    ['/messages/0/content/0']
    """
    for at, message in messages(asked):
        content = message.get("content")
        if isinstance(content, list):
            for place, part in objects(content):
                yield Part(f"/messages/{at}/content/{place}", message.get("role"), part)


def calls(asked: Mapping[str, JSON]) -> Iterator[tuple[int, int, Object]]:
    """Every tool call of the conversation: position of its message, its own, and the call.

    >>> list(calls({"messages": [{"role": "assistant", "tool_calls": [{"id": "c"}]}]}))
    [(0, 0, {'id': 'c'})]
    """
    given = asked.get("messages")
    for at, message in enumerate(given if isinstance(given, list) else ()):
        if isinstance(message, dict) and "tool_calls" in message:
            for place, call in objects(message["tool_calls"]):
                yield at, place, call


def texts(asked: Mapping[str, JSON]) -> Iterator[str]:
    """Every text of the conversation's contents."""
    for _, message in messages(asked):
        content = message.get("content")
        for piece in content if isinstance(content, list) else [content]:
            text = piece.get("text") if isinstance(piece, dict) else piece
            if isinstance(text, str):
                yield text


def tools(asked: Mapping[str, JSON]) -> Iterator[Tool]:
    """Every declared tool whose kind is known.

    >>> list(tools({"tools": [{"type": "function", "function": {"name": "f"}}]}))
    [Tool(position=0, kind='function', body={'name': 'f'})]
    """
    for at, tool in objects(asked.get("tools")):
        kind = tool.get("type")
        if kind in ("function", "custom") and isinstance(tool.get(kind), dict):
            yield Tool(at, kind, tool[kind])


def offers(asked: Mapping[str, JSON]) -> Iterator[tuple[str, Object]]:
    """Pointer and body of every declared tool whose kind is known, and of every function of the older parameter.

    >>> list(offers({"functions": [{"name": "f"}]}))
    [('/functions/0', {'name': 'f'})]
    """
    for tool in tools(asked):
        yield f"/tools/{tool.position}/{tool.kind}", tool.body
    for at, function in objects(asked.get("functions")):
        yield f"/functions/{at}", function


def schemas(asked: Mapping[str, JSON]) -> Iterator[Schema]:
    """Every JSON Schema that the request brings along."""
    for tool in tools(asked):
        if "parameters" in tool.body:
            place = f"/tools/{tool.position}/function/parameters"
            yield Schema(place, tool.body["parameters"], tool.body.get("strict") is True, True)
    for at, function in objects(asked.get("functions")):
        if "parameters" in function:
            yield Schema(f"/functions/{at}/parameters", function["parameters"], False, True)
    wanted = answer_schema(asked)
    if wanted is not None:
        yield wanted


def answer_schema(asked: Mapping[str, JSON]) -> Schema | None:
    """The schema that `response_format` gives."""
    wanted = asked.get("response_format")
    if not isinstance(wanted, dict) or wanted.get("type") != "json_schema":
        return None
    given = wanted.get("json_schema")
    if not isinstance(given, dict) or "schema" not in given:
        return None
    return Schema("/response_format/json_schema/schema", given["schema"], given.get("strict") is True, False)


def is_whole(value: JSON) -> TypeGuard[int]:
    """Whether it is an integer (true and false are none)."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value: JSON) -> TypeGuard[int | float]:
    """Whether it is a number (true and false are none)."""
    return isinstance(value, int | float) and not isinstance(value, bool)
