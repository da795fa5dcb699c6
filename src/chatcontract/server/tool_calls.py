"""Which tools an answer calls, and with what.

A forced call is made. Where calling is left to the model, a tool is called when the last message is the
user's and has the name of the tool in it (with blanks for underscores, if you like), or the word "weather" or
"tool". Of several tools so named each is called, and a single one twice when the message has one of the words
in `SEVERAL`, unless `parallel_tool_calls` is false.
"""

import json
import re
from collections.abc import Mapping
from typing import NamedTuple

from chatcontract.asked import Object, objects, tools
from chatcontract.model import JSON
from chatcontract.reading import members
from chatcontract.server.dice import Dice
from chatcontract.server.grammars import written
from chatcontract.server.structured import instance
from chatcontract.toolcalls import FREE, Demand, demand

SEVERAL = ("both", "each", "every", "parallel", "several", "twice", "two", "three")
"""Words that ask for more than one call."""
MAX_READ = 10_000
"""Characters at the end of a message in which tools are looked for."""
_CUES = re.compile(r"\b(weather|tools?)\b", re.IGNORECASE)
_MANY = re.compile(rf"\b({'|'.join(SEVERAL)})\b", re.IGNORECASE)


class Call(NamedTuple):
    """One call: `kind` is `function`, `custom` or `legacy`, `text` its arguments or input."""

    kind: str
    name: str
    text: str
    id: str = ""


def chosen(asked: Mapping[str, JSON], request: str, *seed: object) -> tuple[Call, ...]:
    """The calls of an answer; `request` is the text of the last message if it is the user's."""
    offered = _offered(asked)
    wanted = demand(asked)
    if wanted.barred or not offered:
        return ()
    called = _called(offered, wanted, request[-MAX_READ:], members(asked).get("parallel_tool_calls") is not False)
    return tuple(_call(kind, body, position, *seed) for position, (kind, body) in enumerate(called))


def _offered(asked: Mapping[str, JSON]) -> list[tuple[str, Object]]:
    legacy = [("legacy", body) for _, body in objects(asked.get("functions"))]
    return [(tool.kind, tool.body) for tool in tools(asked)] or legacy


def _called(
    offered: list[tuple[str, Object]], wanted: Demand, request: str, is_parallel: bool
) -> list[tuple[str, Object]]:
    if wanted.allowed is not None:
        offered = [tool for tool in offered if tool[1].get("name") in wanted.allowed]
    if wanted.named is not None:
        return [tool for tool in offered if tool[1].get("name") == wanted.named][:1]
    found = [tool for tool in offered if _is_named(str(tool[1].get("name")), request)]
    if not found and ((wanted != FREE and wanted.forced) or _CUES.search(request)):
        found = [tool for tool in offered if _is_about(tool[1], request)][:1] or offered[:1]
    if len(found) == 1 and _MANY.search(request):
        found *= 2
    return found if is_parallel and not _has_legacy(found) else found[:1]


def _has_legacy(found: list[tuple[str, Object]]) -> bool:
    return any(kind == "legacy" for kind, _ in found)


def _is_named(name: str, request: str) -> bool:
    return any(re.search(rf"(?i)(?<!\w){re.escape(form)}(?!\w)", request) for form in {name, name.replace("_", " ")})


def _is_about(body: Object, request: str) -> bool:
    told = f"{body.get('name')} {body.get('description')}".lower()
    return any(cue.lower() in told for cue in _CUES.findall(request))


def _call(kind: str, body: Object, position: int, *seed: object) -> Call:
    name = str(body.get("name"))
    dice = Dice("call", name, position, *seed)
    identity = "call_" + "".join(dice.pick("0123456789abcdefghijklmnopqrstuvwxyz") for _ in range(24))
    if kind == "custom":
        return Call(kind, name, written(body.get("format"), dice), identity)
    arguments = instance(body["parameters"], name, position, *seed) if body.get("parameters") else {}
    return Call(kind, name, json.dumps(arguments, ensure_ascii=False, separators=(",", ":")), identity)
