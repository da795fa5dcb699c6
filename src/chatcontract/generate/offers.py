"""Tools that a request offers, the choice among them, and calls that fit them."""

import json
from collections.abc import Callable
from typing import Any

from chatcontract.generate.draws import Draws
from chatcontract.generate.schemas import instance, parameters

Object = dict[str, Any]
NAMES = ("get_weather", "search", "f", "A-b_9", "x" * 64, "run_code", "lookup")
_FORMATS: tuple[Callable[[], Object], ...] = (
    lambda: {"type": "text"},
    lambda: {"type": "grammar", "grammar": {"syntax": "regex", "definition": "[a-z]+"}},
    lambda: {"type": "grammar", "grammar": {"syntax": "lark", "definition": 'start: "a"+'}},
)
_written = json.JSONEncoder(ensure_ascii=False).encode
FORMS = ("auto", "none", "required", "named", "allowed")


def tools(draws: Draws, *, custom: bool = True) -> list[Object]:
    """One to three tools of different names."""
    names = draws.some(NAMES, 3) or ["get_weather"]
    return [_custom(draws, name) if custom and draws.chance(20) else _function(draws, name) for name in names]


def _function(draws: Draws, name: str) -> Object:
    return {"type": "function", "function": function(draws, name)}


def function(draws: Draws, name: str, *, legacy: bool = False) -> Object:
    """The definition of a function; a legacy one has no `strict`."""
    body: Object = {"name": name}
    kind = draws.integer(0, 9)
    strict = kind > 5 and not legacy
    if kind > 0:
        body["parameters"] = parameters(draws, strict=strict)
    if strict:
        body["strict"] = True
    elif kind in (1, 2) and not legacy:
        body["strict"] = None if kind == 1 else False
    if kind & 1:
        body["description"] = draws.text()
    return body


def _custom(draws: Draws, name: str) -> Object:
    body: Object = {"name": name}
    if draws.chance(60):
        body["format"] = draws.choose(_FORMATS)()
    if draws.chance(40):
        body["description"] = draws.text()
    return {"type": "custom", "custom": body}


def name_of(tool: Object) -> str:
    """The name of a tool."""
    name: str = tool[tool["type"]]["name"]
    return name


def named(tool: Object) -> Object:
    """The choice of that tool."""
    return {"type": tool["type"], tool["type"]: {"name": name_of(tool)}}


def choice(draws: Draws, offered: list[Object]) -> str | Object:
    """A choice in one of its forms, of tools that are offered."""
    form = draws.choose(FORMS)
    if form == "named":
        return named(draws.choose(offered))
    if form == "allowed":
        chosen = [named(tool) for tool in draws.some(offered, 2) or offered[:1]]
        mode = draws.choose(("auto", "required"))
        return {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": chosen}}
    return form


def call(draws: Draws, tool: Object, identifier: str) -> Object:
    """A call of the tool; arguments are an instance of its parameters."""
    name, kind = name_of(tool), tool["type"]
    if kind == "custom":
        return {"id": identifier, "type": "custom", "custom": {"name": name, "input": custom_input(tool)}}
    return {"id": identifier, "type": "function", "function": function_call(draws, tool["function"])}


def custom_input(tool: Object) -> str:
    """An input that every grammar made here takes."""
    return "aaa" if tool["custom"].get("format", {}).get("type") == "grammar" else "print(1)\n# ü"


def function_call(draws: Draws, function: Object) -> Object:
    """Name and arguments of a call."""
    arguments = instance(draws, function["parameters"]) if function.get("parameters") else {}
    return {"name": function["name"], "arguments": _written(arguments)}
