"""Faults of what is refused: valid requests that some servers do not take, answered with a clean error.

An audit tells them as unsupported; that is right, and no rule is broken, except by ids that only one provider makes.
"""

from collections.abc import Callable

from chatcontract.asked import messages
from chatcontract.model import JSON
from chatcontract.reading import items, members
from chatcontract.server.errors import Refused
from chatcontract.server.faults import Fault, Stage

Test = Callable[[dict[str, JSON]], bool]


def _refuses(name: str, what: str, param: str, test: Test, *audited: str) -> Fault:
    def apply(asked: JSON) -> None:
        if test(asked):
            raise Refused(400, f"{what} not supported here.", "unsupported_value", param)

    return Fault(name, f"{what} refused.", (), Stage.REQUEST, apply, "text", "audit", audited=audited)


def _has(*names: str) -> Test:
    return lambda asked: any(asked.get(name) is not None for name in names)


def _has_role(role: str) -> Test:
    return lambda asked: any(message.get("role") == role for _, message in messages(asked))


def _has_parts(asked: dict[str, JSON]) -> bool:
    return any(isinstance(message.get("content"), list) for _, message in messages(asked))


def _has_foreign_id(asked: dict[str, JSON]) -> bool:
    ids = (members(call).get("id") for _, message in messages(asked) for call in items(message.get("tool_calls")))
    return any(len(str(known)) != 9 for known in ids)


FAULTS = (
    _refuses("developer-role-refused", "The role developer is", "messages[0].role", _has_role("developer")),
    _refuses("parts-refused", "Content in parts is", "messages[0].content", _has_parts),
    _refuses(
        "author-name-refused",
        "The name of an author is",
        "messages[0].name",
        lambda asked: any("name" in message for _, message in messages(asked)),
    ),
    _refuses(
        "max-completion-tokens-refused",
        "max_completion_tokens is",
        "max_completion_tokens",
        _has("max_completion_tokens"),
    ),
    _refuses("store-refused", "store is", "store", _has("store")),
    _refuses("n-refused", "More than one choice is", "n", lambda asked: (asked.get("n") or 1) > 1),
    _refuses("logprobs-refused", "logprobs is", "logprobs", lambda asked: asked.get("logprobs") is True),
    _refuses("tools-refused", "tools is", "tools", lambda asked: bool(asked.get("tools"))),
    _refuses("empty-tools-refused", "An empty list of tools is", "tools", lambda asked: asked.get("tools") == []),
    _refuses(
        "custom-tools-refused",
        "A custom tool is",
        "tools[0].type",
        lambda asked: any(members(tool).get("type") == "custom" for tool in items(asked.get("tools"))),
    ),
    _refuses(
        "json-object-refused",
        "json_object is",
        "response_format.type",
        lambda asked: members(asked.get("response_format")).get("type") == "json_object",
    ),
    _refuses(
        "json-schema-refused",
        "json_schema is",
        "response_format.type",
        lambda asked: members(asked.get("response_format")).get("type") == "json_schema",
    ),
    _refuses(
        "foreign-call-ids-refused",
        "A call id that has not nine characters is",
        "messages[1].tool_calls[0].id",
        _has_foreign_id,
        "CC191",
    ),
    _refuses("null-refused", "null is", "temperature", lambda asked: None in asked.values()),
)
