"""Contents that are nothing but calls of tools, in one of the forms in which models write them."""

import json
from collections.abc import Collection, Iterator
from typing import NamedTuple

from chatcontract.jsontext import parse
from chatcontract.model import JSON
from chatcontract.patterns import pattern
from chatcontract.reading import members

MAX_LENGTH = 64 * 1024
"""Characters of a content in which other forms than a single JSON text are looked for."""
_FENCE = "```"
_LANGUAGES = ("", "json", "python", "tool_call", "tool_calls", "tool_code")
_PREFIX = "functools["
_HEAD = pattern(r"\s*([A-Za-z_][A-Za-z0-9_-]{0,63})\(")
_ARGUMENT = pattern(r"\s*[A-Za-z_][A-Za-z0-9_]*\s*=")
_NEXT = pattern(r"\s*(,|\Z)")
_GAP = pattern(r"[\s;]*")


class TextCall(NamedTuple):
    """The name of the first tool that is called; `is_fenced`: inside of a code fence."""

    name: str
    is_fenced: bool


def text_call(content: str, names: Collection[str]) -> TextCall | None:
    """The call that a content is, of one of these tools; None where it says anything else.

    >>> text_call('{"name": "f", "arguments": {}}; {"name": "f", "arguments": {}}', ["f"])
    TextCall(name='f', is_fenced=False)
    >>> text_call("```tool_code\\nf(a=1)\\n```", ["f"])
    TextCall(name='f', is_fenced=True)
    >>> text_call("[f(a='(')]", ["f"]).name, text_call("[f(a=1)] or so", ["f"])
    ('f', None)
    """
    bare = content.strip()
    language, inner = _unfenced(bare)
    if inner is None:
        name = _of_json(bare, names) or (_in_brackets(bare, names) if len(bare) <= MAX_LENGTH else "")
        return TextCall(name, False) if name else None
    name = _of_json(inner, names) or _in_brackets(inner, names)
    if not name and language == "tool_code":
        name = _of_python(inner, names)
    return TextCall(name, True) if name else None


def _unfenced(bare: str) -> tuple[str, str | None]:
    """Language and text of the one code fence round a whole content; None where there is none, or it is too long."""
    if not (bare.startswith(_FENCE) and bare.endswith(_FENCE)) or not 2 * len(_FENCE) < len(bare) <= MAX_LENGTH:
        return "", None
    language, _, inner = bare[len(_FENCE) : -len(_FENCE)].partition("\n")
    is_one = language.strip().lower() in _LANGUAGES and _FENCE not in inner
    return language.strip().lower(), inner.strip() if is_one else None


def _of_json(bare: str, names: Collection[str]) -> str:
    """The first name of a text that is the JSON of calls, be it of several side by side."""
    if bare.startswith(_PREFIX):
        bare = bare[len(_PREFIX) - 1 :]
    if not (bare.startswith(("{", "[")) and bare.endswith(("}", "]")) and '"name"' in bare):
        return ""
    value, faults = parse(bare)
    if not any(fault.kind == "invalid-json" for fault in faults):
        return _name(value, names)
    return _first_name(bare, names) if len(bare) <= MAX_LENGTH else ""


def _first_name(bare: str, names: Collection[str]) -> str:
    first = ""
    for value in _side_by_side(bare):
        name = _name(value, names)
        if not name:
            return ""
        first = first or name
    return first


def _side_by_side(bare: str) -> Iterator[JSON]:
    """JSON values with blanks or semicolons between them; None, and nothing more, for what is none."""
    decoder, at = json.JSONDecoder(), 0
    while at < len(bare):
        try:
            value, at = decoder.raw_decode(bare, at)
        except (ValueError, RecursionError):
            value, at = None, len(bare)
        yield value
        gap = _GAP.match(bare, at)
        at = at if gap is None else gap.end()


def _name(value: JSON, names: Collection[str]) -> str:
    """The name of an offered tool that a value calls; of a list of calls the first one's."""
    listed = members(value).get("tool_calls", value)
    call = members(listed[0] if isinstance(listed, list) and listed else listed)
    call = members(call.get("function")) or call
    name, arguments = call.get("name"), call.get("arguments", call.get("parameters"))
    return name if isinstance(name, str) and name in names and isinstance(arguments, dict | str) else ""


def _in_brackets(bare: str, names: Collection[str]) -> str:
    return _of_python(bare[1:-1], names) if bare.startswith("[") and bare.endswith(")]") else ""


def _of_python(text: str, names: Collection[str]) -> str:
    """The first name of calls with keyword arguments and commas between them; empty if there is anything else."""
    first, at = "", 0
    while head := _HEAD.match(text, at):
        name, start = head[1], head.end()
        end = _closed(text, start)
        is_plain = end > 0 and (_ARGUMENT.match(text, start) is not None or not text[start : end - 1].strip())
        if name not in names or not is_plain:
            return ""
        first, after = first or name, _NEXT.match(text, end)
        if after is None or not after[1]:
            return first if after is not None else ""
        at = after.end()
    return ""


def _closed(text: str, start: int) -> int:
    """The place behind the parenthesis that closes one opened before `start`; 0 where there is none."""
    depth, quote, at = 1, "", start
    while at < len(text):
        mark = text[at]
        if quote:
            at += mark == "\\"
            quote = "" if mark == quote else quote
        elif mark in "'\"":
            quote = mark
        elif mark in "()":
            depth += 1 if mark == "(" else -1
        at += 1
        if not depth:
            return at
    return 0
