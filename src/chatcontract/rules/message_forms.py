"""Request (CC255 to CC259): what single messages must hold."""

from collections.abc import Iterator

from chatcontract import asked as asks
from chatcontract.declare import SpecView, rule
from chatcontract.examples import CALL, Example, Insert, request
from chatcontract.jsontext import lenient_value
from chatcontract.model import JSON, Basis, Finding, Part, Severity
from chatcontract.patterns import pattern
from chatcontract.reading import Reading, items, members
from chatcontract.redact import short

_API = "https://developers.openai.com/api/reference/resources/chat/subresources/completions/methods/create"
_GUIDE = "https://developers.openai.com/api/docs/guides/function-calling"
_MESSAGE = "#/components/schemas/ChatCompletionRequest"
_REFUSED = pattern(r"[\s<|\\/>]")
_SAFE = pattern(r"[a-zA-Z0-9_-]+\Z")
_MAX_NAME = 64
_ANSWER = {"role": "tool", "tool_call_id": CALL["id"], "content": "rain"}
_CALLING = {"role": "assistant", "tool_calls": [CALL]}
_LEGACY = {"role": "assistant", "function_call": {"name": "f", "arguments": "{}"}}
_REFUSAL = {"type": "refusal", "refusal": "No."}


def _after(*messages: JSON) -> Example:
    """The minimal request with more messages."""
    return request({"/model": "gpt-4o", **{f"/messages/{at}": Insert(one) for at, one in enumerate(messages, 1)}})


@rule(
    "CC255",
    anchor=_MESSAGE + "AssistantMessage/properties/content",
    part=Part.REQUEST,
    severity=Severity.ERROR,
    basis=Basis.DOCUMENTED,
    source=_API,
    since="0.1",
    passes=[
        _after({"role": "assistant", "content": ""}),
        _after({"role": "assistant", "content": None, "refusal": "No."}),
        _after({"role": "assistant", "audio": {"id": "audio_1"}}),
        _after(_LEGACY),
    ],
    fails=[_after({"role": "assistant", "content": None}), _after({"role": "assistant"})],
    compatible=Severity.WARNING,
    needs=("contentless",),
)
def assistant_message_empty(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """An assistant message has neither content nor anything that may stand for it.

    ## Why it matters
    The service refuses the conversation. Clients that send an answer back after it was cut off fail here.

    ## Known exceptions
    None known.
    """
    for at, message in reading.messages:
        if message.get("role") != "assistant" or message.get("content") is not None:
            continue
        if not any(message.get(name) for name in ("tool_calls", "function_call", "audio", "refusal")):
            said = "expected content, as there are no tool_calls, audio or refusal, got null or nothing"
            yield Finding(f"/messages/{at}/content", said, hint='send ""')


@rule(
    "CC256",
    anchor=_MESSAGE + "AssistantMessageContentPart",
    part=Part.REQUEST,
    severity=Severity.ERROR,
    basis=Basis.DOCUMENTED,
    source=_API,
    since="0.1",
    passes=[_after({"role": "assistant", "content": [_REFUSAL]})],
    fails=[
        _after({"role": "assistant", "content": [_REFUSAL, {"type": "text", "text": "x"}]}),
        _after({"role": "assistant", "content": [_REFUSAL, _REFUSAL]}),
    ],
    needs=("/messages/*/content/*",),
)
def refusal_part_mixed(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """A refusal stands beside other parts of an assistant message.

    ## Why it matters
    The content is either text parts or exactly one refusal.

    ## Known exceptions
    None known.
    """
    for at, message in reading.messages:
        content = items(message.get("content"))
        if message.get("role") == "assistant" and len(content) > 1:
            for place, part in asks.objects(content):
                if part.get("type") == "refusal":
                    said = f"a refusal must be the only part, got {len(content)} parts"
                    yield Finding(f"/messages/{at}/content/{place}", said)


@rule(
    "CC257",
    anchor=_MESSAGE + "FunctionMessage",
    part=Part.REQUEST,
    severity=Severity.WARNING,
    basis=Basis.DOCUMENTED,
    source=_GUIDE,
    since="0.1",
    passes=[_after(_LEGACY, {"role": "function", "name": "f", "content": "4"})],
    fails=[
        _after({"role": "function", "name": "f", "content": "4"}),
        _after(_LEGACY, {"role": "function", "name": "g", "content": "4"}),
    ],
    needs=("legacy",),
)
def function_message_unmatched(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """A function message doesn't answer the function call before it.

    ## Why it matters
    The model can't tell what the result belongs to.

    ## Known exceptions
    The service accepts it.
    """
    called: JSON = None
    for at, message in reading.messages:
        if message.get("role") == "assistant":
            called = members(message.get("function_call")).get("name")
        name = message.get("name")
        if message.get("role") == "function" and isinstance(name, str) and name != called:
            last = f"calls {short(called, 60)}" if isinstance(called, str) else "calls none"
            yield Finding(f"/messages/{at}/name", f"answers {short(name, 60)}, but the assistant before {last}", name)


@rule(
    "CC258",
    anchor=_MESSAGE + "UserMessage/properties/name",
    part=Part.REQUEST,
    severity=Severity.ERROR,
    basis=Basis.OBSERVED,
    source="https://github.com/crazyyanchao/llmcompiler/issues/1",
    since="0.1",
    passes=[request({"/messages/0/name": "Ada_1-b"})],
    fails=[request({"/messages/0/name": name}) for name in ("Ada Lovelace", "a/b", "Zoë", "x" * 65)],
    compatible=Severity.WARNING,
    needs=("/messages/*/name",),
)
def author_name_invalid(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The name of an author has characters that are refused.

    ## Why it matters
    White space and any of `< | \\ / >` were refused at all times. At first only letters, digits, `_` and `-`
    were taken, and at most 64 of them: beyond that this is a warning.

    ## Known exceptions
    Other servers take any name, or none.
    """
    for at, message in reading.messages:
        name = message.get("name")
        if isinstance(name, str) and message.get("role") in ("system", "developer", "user", "assistant"):
            if not name or _REFUSED.search(name):
                said = f"expected a name without white space and < | \\ / >, got {short(name, 60)}"
                yield Finding(f"/messages/{at}/name", said, name)
            elif len(name) > _MAX_NAME or not _SAFE.match(name):
                said = f"older models take at most 64 letters, digits, _ and -, got {short(name, 60)}"
                yield Finding(f"/messages/{at}/name", said, name, severity=Severity.WARNING)


@rule(
    "CC259",
    anchor=_MESSAGE + "MessageToolCall/properties/function/properties/arguments",
    part=Part.REQUEST,
    severity=Severity.WARNING,
    basis=Basis.DOCUMENTED,
    source=_API,
    since="0.1",
    passes=[_after(_CALLING, _ANSWER)],
    fails=[
        _after(
            {"role": "assistant", "tool_calls": [{**CALL, "function": {"name": "f", "arguments": text}}]},
            _ANSWER,
        )
        for text in ('{"city": ', "[1]", "")
    ],
    needs=("/messages/*/tool_calls",),
)
def sent_arguments_invalid(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The arguments of an earlier call are no JSON object.

    ## Why it matters
    The service takes any text, but servers whose chat templates read the arguments fail on such a history.

    ## Known exceptions
    Nothing promises that the arguments a model writes are JSON; an empty text for a function without
    parameters is common and only worth a note.
    """
    for at, place, call in reading.in_request(asks.calls):
        arguments = members(call.get("function")).get("arguments")
        if isinstance(arguments, str) and not isinstance(lenient_value(arguments), dict):
            where = f"/messages/{at}/tool_calls/{place}/function/arguments"
            said = f"expected a JSON object as text, got {short(arguments, 60)}"
            yield Finding(where, said, arguments, severity=None if arguments else Severity.INFO)
