"""Faults of tool calls in an answer that is not streamed, save those that both forms share."""

import json

from chatcontract.examples import GONE
from chatcontract.model import JSON
from chatcontract.server.faults import Stage, edit, fault

_CALL = "/choices/0/message/tool_calls/0"
_BODY = f"{_CALL}/function"


FAULTS = (
    edit(
        "tool-arguments-null",
        "The arguments are null.",
        {f"{_BODY}/arguments": None},
        "CC001",
        request="tools",
        audited=("CC421",),
    ),
    edit(
        "tool-arguments-missing",
        "The arguments are left out.",
        {f"{_BODY}/arguments": GONE},
        "CC001",
        request="tools",
        audited=("CC421",),
    ),
    edit(
        "tool-arguments-cut",
        "The arguments are cut JSON.",
        {f"{_BODY}/arguments": '{"city": "Bo'},
        "CC421",
        request="tools",
    ),
    edit(
        "tool-arguments-list",
        "The arguments are no object.",
        {f"{_BODY}/arguments": "[]"},
        "CC422",
        request="tools",
    ),
    edit(
        "tool-arguments-mismatch",
        "The arguments break the declared schema.",
        {f"{_BODY}/arguments": '{"city": 5, "unit": "kelvin"}'},
        "CC423",
        request="tools",
    ),
    edit(
        "tool-type-missing",
        "A call has no `type`.",
        {f"{_CALL}/type": GONE},
        "CC001",
        request="tools",
        audited=("CC643",),
    ),
    edit("tool-id-missing", "A call has no `id`.", {f"{_CALL}/id": GONE}, "CC001", request="tools", audited=("CC642",)),
    edit(
        "tool-id-null",
        "The id of a call is null.",
        {f"{_CALL}/id": None},
        "CC001",
        request="tools",
        audited=("CC002", "CC642"),
    ),
    edit(
        "tool-id-empty", "The id of a call is empty.", {f"{_CALL}/id": ""}, "CC401", request="tools", audited=("CC642",)
    ),
    edit(
        "tool-id-long",
        "The id of a call has 60 characters.",
        {f"{_CALL}/id": "call_" + "x" * 55},
        "CC404",
        request="tools",
    ),
    edit(
        "tool-name-missing",
        "A call has no name.",
        {f"{_BODY}/name": GONE},
        "CC001",
        request="tools",
        audited=("CC644",),
    ),
    edit(
        "tool-name-unusable",
        "The name of a call has tokens of the model in it.",
        {f"{_BODY}/name": "get_weather<|channel|>json"},
        "CC406",
        "CC405",
        request="tools",
        audited=("CC413",),
    ),
    edit(
        "tool-not-offered",
        "A tool is called that nobody offered.",
        {f"{_BODY}/name": "get_news"},
        "CC405",
        request="tools",
        audited=("CC413",),
    ),
    edit(
        "tool-other-than-named",
        "Another tool is called than the named one.",
        {f"{_BODY}/name": "get_weather", f"{_BODY}/arguments": '{"city": "Bonn", "unit": "celsius"}'},
        "CC413",
        request="named",
    ),
    edit(
        "tool-finish-stop",
        "`finish_reason` is stop although tools are called.",
        {"/choices/0/finish_reason": "stop"},
        "CC326",
        request="tools",
    ),
    edit(
        "tool-finish-stop-when-required",
        "`finish_reason` is stop where a call was required, as it once was.",
        {"/choices/0/finish_reason": "stop"},
        "CC327",
        request="required",
    ),
)


@fault("CC001", stage=Stage.COMPLETION, request="tools")
def tool_arguments_object(made: JSON) -> None:
    """The arguments are an object instead of JSON text."""
    for call in made["choices"][0]["message"]["tool_calls"]:
        call["function"]["arguments"] = json.loads(call["function"]["arguments"])


@fault("CC403", stage=Stage.REPLY, request="history")
def tool_id_reused(pair: JSON) -> None:
    """A call has the id of an earlier one."""
    asked, made = pair
    earlier = [call["id"] for message in asked["messages"] for call in message.get("tool_calls", ())]
    made["choices"][0]["message"]["tool_calls"][0]["id"] = earlier[0]


@fault("CC414", stage=Stage.REPLY, request="allowed")
def tool_not_allowed(pair: JSON) -> None:
    """A tool is called that is not among the allowed ones."""
    asked, made = pair
    allowed = [tool["function"]["name"] for tool in asked["tool_choice"]["allowed_tools"]["tools"]]
    offered = [tool["function"]["name"] for tool in asked["tools"]]
    called = made["choices"][0]["message"]["tool_calls"][0]["function"]
    called["name"] = next(name for name in offered if name not in allowed)
    called["arguments"] = "{}"


@fault("CC402", stage=Stage.COMPLETION, request="parallel")
def tool_id_duplicate(made: JSON) -> None:
    """All calls of a message have the same id."""
    for call in made["choices"][0]["message"]["tool_calls"]:
        call["id"] = "call_same"


@fault("CC408", stage=Stage.COMPLETION, request="tools")
def tool_call_as_function_call(made: JSON) -> None:
    """A tool is called in the older form."""
    choice = made["choices"][0]
    choice["message"]["function_call"] = choice["message"].pop("tool_calls")[0]["function"]
    choice["finish_reason"] = "function_call"


@fault("CC407", stage=Stage.COMPLETION, request="tools")
def tool_called_as_custom(made: JSON) -> None:
    """A function is called as a custom tool."""
    call = made["choices"][0]["message"]["tool_calls"][0]
    body = call.pop("function")
    call.update({"type": "custom", "custom": {"name": body["name"], "input": body["arguments"]}})
