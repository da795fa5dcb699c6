"""Tools and schemas that probes offer to a model."""

from collections.abc import Mapping

from chatcontract.model import JSON
from chatcontract.probe import user

QUESTION = user("What is the weather in Bonn?")
ROOM = 160
"""Tokens that a call may take."""
FORCED = ("forced-tool-not-called", "other-tool-than-named", "call-in-other-generation")
"""The rules that tell that a forced call did not come."""


def function(name: str, parameters: JSON = None, **rest: JSON) -> dict[str, JSON]:
    """A declared function; without parameters where they are None."""
    body: dict[str, JSON] = {"name": name, "description": f"Does {name}.", **rest}
    return {
        "type": "function",
        "function": body if parameters is None else {**body, "parameters": parameters},
    }


def record(properties: Mapping[str, JSON], **rest: JSON) -> dict[str, JSON]:
    """The schema of an object whose members are all required and the only ones."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
        **rest,
    }


def named(name: str) -> dict[str, JSON]:
    """The choice of one function."""
    return {"type": "function", "function": {"name": name}}


WEATHER = function("get_weather", record({"city": {"type": "string"}}))
TIME = function("get_time", record({"zone": {"type": "string"}}))
