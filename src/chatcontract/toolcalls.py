"""The tool calls of an answer, and what its request offered and demanded."""

from collections.abc import Mapping
from typing import NamedTuple

from chatcontract.model import JSON
from chatcontract.reading import Reading, items, members


class ToolCall(NamedTuple):
    """One call: `pointer` leads to it, `body` to the object with its name and its text.

    `kind` is `function` or `custom`, `text` the arguments or the input; `id`, `name` and `text` are raw.
    `finish` is the finish reason of the choice. A `function_call` has the kind `legacy` and no id.
    """

    pointer: str
    body: str
    kind: str
    id: JSON
    name: JSON
    text: JSON
    finish: JSON


class Offer(NamedTuple):
    """A tool that was offered; `parameters` is None for a function without any and for a custom tool."""

    kind: str
    parameters: JSON = None
    strict: bool = False


class Demand(NamedTuple):
    """What `tool_choice`, or the older `function_call`, asks for.

    `barred`: no call; `forced`: a call; `named`: this tool and no other; `allowed`: these tools alone.
    """

    barred: bool = False
    forced: bool = False
    named: str | None = None
    allowed: frozenset[str] | None = None


FREE = Demand()


def tool_calls(reading: Reading) -> list[ToolCall]:
    """Every tool call of the answer that is an object."""
    return reading.once(_tool_calls)


def _tool_calls(reading: Reading) -> list[ToolCall]:
    found: list[ToolCall] = []
    for position, choice, message in reading.choices:
        for number, call in enumerate(items(message.get("tool_calls"))):
            if isinstance(call, dict):
                pointer = f"/choices/{position}/message/tool_calls/{number}"
                found.append(_tool_call(call, pointer, choice.get("finish_reason")))
    return found


def all_calls(reading: Reading) -> list[ToolCall]:
    """The tool calls, and the calls made by the older `function_call`."""
    return reading.once(_all_calls)


def _all_calls(reading: Reading) -> list[ToolCall]:
    found = [*tool_calls(reading)]
    for position, choice, message in reading.choices:
        body = message.get("function_call")
        if isinstance(body, dict):
            pointer = f"/choices/{position}/message/function_call"
            text, finish = body.get("arguments"), choice.get("finish_reason")
            found.append(ToolCall(pointer, pointer, "legacy", None, body.get("name"), text, finish))
    return found


def _tool_call(call: dict[str, JSON], pointer: str, finish: JSON) -> ToolCall:
    custom = call.get("type") == "custom" or ("custom" in call and "function" not in call)
    kind = "custom" if custom else "function"
    body = members(call.get(kind))
    text = body.get("input" if kind == "custom" else "arguments")
    return ToolCall(pointer, f"{pointer}/{kind}", kind, call.get("id"), body.get("name"), text, finish)


def has_call(message: dict[str, JSON]) -> bool:
    """Whether the message calls anything."""
    return bool(message.get("tool_calls")) or isinstance(message.get("function_call"), dict)


def offered(reading: Reading) -> dict[str, Offer]:
    """What the request offered, by name; of tools with one name the last."""
    return reading.once(_offered)


def _offered(reading: Reading) -> dict[str, Offer]:
    return offers(reading.asked)


def offers(asked: Mapping[str, JSON]) -> dict[str, Offer]:
    """What was offered, by name; of tools with one name the last."""
    found: dict[str, Offer] = {}
    for tool in items(asked.get("tools")):
        for kind in ("function", "custom") if isinstance(tool, dict) else ():
            if kind in tool:
                _add(found, kind, tool[kind])
    for function in items(asked.get("functions")):
        _add(found, "function", function)
    return found


def _add(found: dict[str, Offer], kind: str, definition: JSON) -> None:
    name = definition.get("name") if isinstance(definition, dict) else None
    if isinstance(name, str):
        parameters = definition.get("parameters") if kind == "function" else None
        found[name] = Offer(kind, parameters, definition.get("strict") is True)


def demanded(reading: Reading) -> Demand:
    """What the request asks for; see `demand`."""
    return reading.once(_demanded)


def _demanded(reading: Reading) -> Demand:
    return demand(reading.asked)


def demand(asked: Mapping[str, JSON]) -> Demand:
    """What the request asks for; FREE where it says nothing, `auto` or something unknown."""
    choice = asked.get("tool_choice")
    if choice is None:
        choice = asked.get("function_call")
        if isinstance(choice, dict):
            return _named(choice)
    if choice == "none":
        return Demand(barred=True)
    if choice == "required":
        return Demand(forced=True)
    return _demand(choice) if isinstance(choice, dict) else FREE


def _demand(choice: dict[str, JSON]) -> Demand:
    allowed = choice.get("allowed_tools")
    if isinstance(allowed, dict):
        names = frozenset(filter(None, map(_name, items(allowed.get("tools")))))
        return Demand(forced=allowed.get("mode") == "required", allowed=names)
    return _named(members(choice.get("custom" if choice.get("type") == "custom" else "function")))


def _named(body: dict[str, JSON]) -> Demand:
    name = body.get("name")
    return Demand(forced=True, named=name) if isinstance(name, str) and name else FREE


def _name(tool: JSON) -> str:
    tool = members(tool)
    for body in (tool.get("function"), tool.get("custom"), tool):
        if isinstance(body, dict) and isinstance(body.get("name"), str):
            name: str = body["name"]
            return name
    return ""
