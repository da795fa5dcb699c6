"""Tools: called when they must be, and not when they must not."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType

from chatcontract.looks import calls, finish
from chatcontract.model import JSON
from chatcontract.offers import FORCED, QUESTION, ROOM, TIME, WEATHER, function, named, record
from chatcontract.probe import GONE, LIMIT, Level, Section, Shortfall, Unclear, each, either, honoured, user
from chatcontract.reading import Reading

SECTION = Section("tools", anchor="tools")
_CHOICE = "tool_choice"


_ASKED: Mapping[str, JSON] = {"/messages": [QUESTION], f"/{LIMIT}": ROOM, "/tools": [WEATHER]}
_OTHER = user("Say hello.")
_STREAM = {"/stream": True}


def _called(reading: Reading) -> Iterator[Shortfall | Unclear]:
    """Unclear where the limit came before the call; the rules of the contract judge the call itself."""
    if finish(reading) == "length" and not calls(reading):
        yield Unclear("the model ran into the limit before it called")


def _calling(reading: Reading) -> Iterator[Shortfall | Unclear]:
    """Unclear where nothing forces the call that the probe is about, and none came."""
    if reading.asked.get("tool_choice") == "auto" and not calls(reading):
        yield Unclear("the model called no tool")


_NOTHING: Mapping[str, Mapping[str, JSON]] = MappingProxyType({})
_UNFORCED: Mapping[str, Mapping[str, JSON]] = {"required tool choice": {"/tool_choice": "auto"}}


def _both(
    id: str,
    title: str,
    changes: Mapping[str, JSON],
    rules: Sequence[str],
    why: str,
    needs: Sequence[str] = (),
    provides: str = "",
    anchor: str = _CHOICE,
    level: Level = Level.MUST,
    without: Mapping[str, Mapping[str, JSON]] = _NOTHING,
    shows: Callable[[Reading], object] | None = None,
) -> None:
    """The probe, and the same streamed; `without` says what a target is asked that lacks a helper."""
    checks = (_called, _calling) if without else (_called,)
    expect = honoured(*map(each, checks), rules=rules)._replace(shows=shows)
    asked = {place: value for place, value in {**_ASKED, **changes}.items() if value is not GONE}
    SECTION.probe(
        id, title, asked, expect, needs=needs, provides=provides, anchor=anchor, why=why, level=level,
        uncertain=True, without=without,
    )  # fmt: skip
    needs = tuple(dict.fromkeys((*needs, *([provides] if provides else []), "streaming")))
    SECTION.probe(
        f"{id}-streamed",
        f"{title}, streamed",
        {**asked, **_STREAM},
        expect,
        needs=needs,
        anchor=anchor,
        why=why,
        level=level,
        uncertain=True,
        without=without,
    )


_both(
    "auto",
    "tool_choice auto is accepted",
    {"/tool_choice": "auto"},
    (),
    provides="tools",
    shows=calls,
    why="It is what every agent sends.",
)
_both(
    "required",
    "tool_choice required makes the model call a tool",
    {"/messages": [_OTHER], "/tool_choice": "required"},
    FORCED,
    needs=["tools"],
    why="Agents that must act get prose instead, and stop.",
    provides="required tool choice",
)
_both(
    "named",
    "a named tool is called",
    {"/messages": [_OTHER], "/tool_choice": named("get_weather")},
    FORCED,
    needs=["tools"],
    why="Extraction and routing are built on the forced call of one function.",
)
_both(
    "named-second",
    "of two tools the named one is called",
    {"/tools": [WEATHER, TIME], "/tool_choice": named("get_time")},
    FORCED,
    needs=["tools"],
    provides="named tool choice",
    why="A server that calls the first one, or any, calls the wrong one.",
)
_both(
    "none",
    "tool_choice none keeps the model from calling",
    {"/tool_choice": "none"},
    ("tool-called-despite-none",),
    needs=["tools"],
    why="The last turn of an agent must be text.",
)
_both(
    "parallel-off",
    "parallel_tool_calls = false allows one call at most",
    {
        "/tools": [WEATHER, TIME],
        "/tool_choice": "required",
        "/parallel_tool_calls": False,
        "/messages": [user("What is the weather in Bonn, and the time in Lima? Call both tools.")],
    },
    ("parallel-calls-despite-false", *FORCED),
    needs=["tools"],
    without=_UNFORCED,
    anchor="parallel_tool_calls",
    why="Clients that handle one call drop the others without a word.",
)
_both(
    "parallel-on",
    "several tools may be called at once",
    {
        "/tools": [WEATHER, TIME],
        "/tool_choice": "required",
        "/parallel_tool_calls": True,
        "/messages": [user("What is the weather in Bonn, and the time in Lima? Call both tools.")],
    },
    FORCED,
    needs=["tools"],
    without=_UNFORCED,
    anchor="parallel_tool_calls",
    why="Calls that share an index or an id are merged by clients.",
)
_both(
    "allowed",
    "only an allowed tool is called",
    {
        "/tools": [WEATHER, TIME],
        "/tool_choice": {
            "type": "allowed_tools",
            "allowed_tools": {"mode": "required", "tools": [named("get_time")]},
        },
    },
    ("tool-not-allowed", *FORCED),
    needs=["tools"],
    level=Level.SHOULD,
    why="It narrows the tools without losing the cached prompt.",
)
_both(
    "custom",
    "a custom tool is called with free text",
    {
        "/tools": [{"type": "custom", "custom": {"name": "note", "description": "Takes a note."}}],
        "/tool_choice": {"type": "custom", "custom": {"name": "note"}},
    },
    FORCED,
    needs=["tools"],
    level=Level.INFO,
    why="Code and queries need no JSON around them.",
)
_both(
    "strict",
    "a strict function gets arguments that fit its schema",
    {
        "/tools": [
            function("get_weather", record({"city": {"type": "string"}, "days": {"type": "integer"}}), strict=True)
        ],
        "/tool_choice": named("get_weather"),
    },
    ("arguments-mismatch", "arguments-not-json", "arguments-not-an-object", *FORCED),
    needs=["named tool choice"],
    anchor="#/components/schemas/FunctionObject/properties/strict",
    why="Strict is the promise that nothing must be checked.",
)
_both(
    "legacy",
    "the older functions and function_call are understood",
    {
        "/tools": GONE,
        "/functions": [{"name": "get_weather", "parameters": record({"city": {"type": "string"}})}],
        "/function_call": {"name": "get_weather"},
    },
    FORCED,
    level=Level.INFO,
    anchor="functions",
    why="Applications of 2023 still run.",
)

SECTION.probe(
    "long-name",
    "a function may have a name of 64 characters",
    {
        **_ASKED,
        "/tools": [function("f" * 64, record({"city": {"type": "string"}}))],
        "/tool_choice": named("f" * 64),
    },
    honoured(each(_called), rules=FORCED),
    needs="named tool choice",
    level=Level.SHOULD,
    uncertain=True,
    anchor="#/components/schemas/FunctionName",
    why="Names are made of server and tool names, and grow long.",
)
SECTION.probe(
    "many",
    "many tools are accepted",
    {
        **_ASKED,
        "/tools": [function(f"tool_{number}", record({"city": {"type": "string"}})) for number in range(64)],
        "/tool_choice": "none",
    },
    honoured(rules=("tool-called-despite-none",)),
    needs="tools",
    level=Level.SHOULD,
    why="Agents with several tool servers send dozens.",
)
SECTION.probe(
    "empty-list",
    "an empty list of tools is either taken or refused",
    {"/tools": []},
    either(),
    level=Level.INFO,
    why="Some clients always send the list, and the service itself refuses an empty one.",
)
