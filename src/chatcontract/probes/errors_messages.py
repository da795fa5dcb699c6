"""Errors: messages that break the contract are refused."""

from chatcontract.probe import ERRORS, GONE, Case, Level, Section, either, refused, user

SECTION = Section("errors")
_MUST, _SHOULD, _INFO = Level.MUST, Level.SHOULD, Level.INFO
_WHY = "What the server does not understand it answers wrongly."
_CALL = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}
_CALLED = {"role": "assistant", "content": None, "tool_calls": [_CALL]}
_CASES: tuple[Case, ...] = (
    ("model-missing", "a missing model is refused", {"/model": GONE}, "model", _SHOULD),
    ("model-empty", "an empty model is refused", {"/model": ""}, "model", _SHOULD),
    ("model-number", "a number as model is refused", {"/model": 5}, "model", _SHOULD),
    ("model-null", "null as model is refused", {"/model": None}, "model", _SHOULD),
    ("messages-missing", "missing messages are refused", {"/messages": GONE}, "messages", _MUST),
    ("messages-empty", "an empty list of messages is refused", {"/messages": []}, "messages", _MUST),
    ("messages-null", "null as messages is refused", {"/messages": None}, "messages", _MUST),
    ("messages-text", "a text as messages is refused", {"/messages": "Hi"}, "messages", _MUST),
    (
        "messages-object",
        "one message in place of a list is refused",
        {"/messages": user("Hi")},
        "messages",
        _MUST,
    ),
    ("message-text", "a text in place of a message is refused", {"/messages": ["Hi"]}, "messages", _MUST),
    ("message-empty", "an empty message is refused", {"/messages": [{}]}, "messages", _MUST),
    ("role-missing", "a message without role is refused", {"/messages/0/role": GONE}, "messages", _MUST),
    ("role-unknown", "an unknown role is refused", {"/messages/0/role": "nobody"}, "messages", _MUST),
    ("role-number", "a number as role is refused", {"/messages/0/role": 1}, "messages", _MUST),
    (
        "content-missing",
        "a user message without content is refused",
        {"/messages/0/content": GONE},
        "messages",
        _MUST,
    ),
    (
        "content-null",
        "null as content of a user message is refused",
        {"/messages/0/content": None},
        "messages",
        _SHOULD,
    ),
    ("content-number", "a number as content is refused", {"/messages/0/content": 5}, "messages", _MUST),
    (
        "content-object",
        "an object as content is refused",
        {"/messages/0/content": {"text": "Hi"}},
        "messages",
        _MUST,
    ),
    (
        "part-unknown",
        "an unknown part is refused",
        {"/messages/0/content": [{"type": "smell", "smell": "rose"}]},
        "messages",
        _MUST,
    ),
    (
        "part-without-type",
        "a part without type is refused",
        {"/messages/0/content": [{"text": "Hi"}]},
        "messages",
        _SHOULD,
    ),
    (
        "part-without-text",
        "a text part without text is refused",
        {"/messages/0/content": [{"type": "text"}]},
        "messages",
        _MUST,
    ),
    (
        "image-without-url",
        "an image without URL is refused",
        {"/messages/0/content": [{"type": "image_url", "image_url": {}}]},
        "messages",
        _SHOULD,
    ),
    (
        "assistant-empty",
        "an earlier answer with nothing in it is refused",
        {"/messages": [user("Hi"), {"role": "assistant"}, user("Hi")]},
        "messages",
        _SHOULD,
    ),
    (
        "tool-message-orphan",
        "a tool message that answers no call is refused",
        {"/messages": [user("Hi"), {"role": "tool", "tool_call_id": "call_1", "content": "21"}]},
        "messages",
        _SHOULD,
    ),
    (
        "tool-message-without-id",
        "a tool message without tool_call_id is refused",
        {
            "/messages": [
                user("Hi"),
                {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [
                        {
                            "id": "call_1",
                            "type": "function",
                            "function": {"name": "get_weather", "arguments": "{}"},
                        }
                    ],
                },
                {"role": "tool", "content": "21"},
            ]
        },
        "messages",
        _MUST,
    ),
    (
        "tool-message-other-id",
        "a tool message that answers another call is refused",
        {
            "/messages": [
                user("Hi"),
                {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [
                        {
                            "id": "call_1",
                            "type": "function",
                            "function": {"name": "get_weather", "arguments": "{}"},
                        }
                    ],
                },
                {"role": "tool", "tool_call_id": "call_2", "content": "21"},
            ]
        },
        "messages",
        _SHOULD,
    ),
    (
        "tool-call-unanswered",
        "a call that is not answered is refused",
        {
            "/messages": [
                user("Hi"),
                {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [
                        {
                            "id": "call_1",
                            "type": "function",
                            "function": {"name": "get_weather", "arguments": "{}"},
                        }
                    ],
                },
                user("Well?"),
            ]
        },
        "messages",
        _SHOULD,
    ),
    (
        "tool-arguments-object",
        "arguments that are an object are refused",
        {
            "/messages": [
                user("Hi"),
                {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [
                        {
                            "id": "call_1",
                            "type": "function",
                            "function": {"name": "get_weather", "arguments": {"city": "Bonn"}},
                        }
                    ],
                },
                {"role": "tool", "tool_call_id": "call_1", "content": "21"},
            ]
        },
        "messages",
        _SHOULD,
    ),
)
for _id, _title, _changes, _member, _level in _CASES:
    SECTION.probe(
        _id,
        _title,
        _changes,
        refused(400, names=_member),
        anchor=_member,
        level=_level,
        why=_WHY,
        source=ERRORS,
    )

SECTION.probe(
    "content-empty-list",
    "an empty list of parts is refused or taken",
    {"/messages/0/content": []},
    either(),
    level=_INFO,
    anchor="messages",
    why="The service's document asks for one part at least, the service itself for none.",
    source="https://github.com/openai/openai-python/issues/1812",
)
