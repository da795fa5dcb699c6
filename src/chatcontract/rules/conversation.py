"""Request (CC250 to CC254, CC260, CC263): tool calls and the messages that answer them."""

from collections.abc import Iterator
from typing import NamedTuple

from chatcontract import asked as asks
from chatcontract import model_names
from chatcontract.declare import SpecView, rule
from chatcontract.examples import CALL, Example, Insert, request
from chatcontract.model import JSON, Basis, Finding, Part, Severity
from chatcontract.reading import Reading, items, members
from chatcontract.redact import short

_MESSAGE = "#/components/schemas/ChatCompletionRequest"
_ID = _MESSAGE + "ToolMessage/properties/tool_call_id"
_MAX_ID = 40
_USER = {"role": "user", "content": "x"}
_ANSWER = {"role": "tool", "tool_call_id": CALL["id"], "content": "rain"}
_CALLING = {"role": "assistant", "tool_calls": [CALL]}
_TWICE = {"role": "assistant", "tool_calls": [CALL, {**CALL, "id": "call_2"}]}


def _after(*messages: JSON) -> Example:
    """The minimal request with more messages."""
    return request({f"/messages/{at}": Insert(message) for at, message in enumerate(messages, 1)})


class _Turn(NamedTuple):
    """What happens to a call: `unanswered`, `orphan`, `unmatched` or `repeated`, at a message."""

    kind: str
    at: int
    id: str = ""
    caller: int = 0


class _Pending:
    """The calls of one assistant message that wait for their answers."""

    def __init__(self, at: int, calls: list[JSON]) -> None:
        self.at = at
        self.is_certain = True
        self.waiting: dict[str, int] = {}
        for call in calls:
            identifier = members(call).get("id")
            if isinstance(identifier, str):
                self.waiting[identifier] = self.waiting.get(identifier, 0) + 1
            else:
                self.is_certain = False

    def answer(self, at: int, identifier: JSON) -> tuple[_Turn, ...]:
        """Take in the tool message at `at`."""
        if not isinstance(identifier, str):
            self.is_certain = False
            return ()
        left = self.waiting.get(identifier)
        if left:
            self.waiting[identifier] = left - 1
            return ()
        if left is None:
            return (_Turn("unmatched", at, identifier, self.at),) if self.is_certain else ()
        return (_Turn("repeated", at, identifier, self.at),)

    def close(self, at: int) -> list[_Turn]:
        """What is unanswered when another message comes at `at`."""
        left = self.waiting.items() if self.is_certain else ()
        return [_Turn("unanswered", at, identifier, self.at) for identifier, n in left if n > 0]


def _turns(reading: Reading, kind: str) -> Iterator[_Turn]:
    found = reading.once(_all_turns)
    return iter([turn for turn in found if turn.kind == kind] if found else ())


def _all_turns(reading: Reading) -> list[_Turn]:
    found: list[_Turn] = []
    pending: _Pending | None = None
    for at, message in reading.messages:
        role = message.get("role")
        if role == "tool":
            found += pending.answer(at, message.get("tool_call_id")) if pending else (_Turn("orphan", at),)
            continue
        if pending:
            found += pending.close(at)
        calls = items(message.get("tool_calls")) if role == "assistant" else []
        pending = _Pending(at, calls) if calls else None
    return found + pending.close(pending.at) if pending else found


@rule(
    "CC250",
    anchor=_MESSAGE + "AssistantMessage/properties/tool_calls",
    part=Part.REQUEST,
    severity=Severity.ERROR,
    basis=Basis.OBSERVED,
    source="https://github.com/langgenius/dify-official-plugins/issues/2352",
    since="0.1",
    passes=[
        _after(_CALLING, _ANSWER, _USER),
        _after(_TWICE, {**_ANSWER, "tool_call_id": "call_2"}, _ANSWER),
    ],
    fails=[_after(_CALLING), _after(_CALLING, _USER), _after(_TWICE, _ANSWER, _USER)],
    needs=("tangled",),
)
def tool_call_unanswered(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """A tool call is not answered before the next message that isn't an answer.

    ## Why it matters
    The service refuses the conversation; an agent whose history lost an answer is stuck until it is repaired.

    ## Known exceptions
    None known.
    """
    for turn in _turns(reading, "unanswered"):
        said = f"no tool message answers the call {short(turn.id, 60)} of /messages/{turn.caller}"
        hint = f"put a tool message with this tool_call_id right after /messages/{turn.caller}"
        yield Finding(f"/messages/{turn.at}", said if turn.at == turn.caller else f"{said} before this one", hint=hint)


@rule(
    "CC251",
    anchor=_MESSAGE + "ToolMessage",
    part=Part.REQUEST,
    severity=Severity.ERROR,
    basis=Basis.OBSERVED,
    source="https://github.com/qwersyk/Newelle/issues/425",
    since="0.1",
    passes=[_after(_CALLING, _ANSWER), _after(_TWICE, _ANSWER, {**_ANSWER, "tool_call_id": "call_2"})],
    fails=[_after(_ANSWER), _after(_CALLING, _ANSWER, _USER, _ANSWER)],
    needs=("tangled",),
)
def tool_message_orphaned(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """A tool message follows no message with tool calls.

    ## Why it matters
    The service refuses the conversation. Histories that are cut at a fixed length often begin like this.

    ## Known exceptions
    None known.
    """
    for turn in _turns(reading, "orphan"):
        said = "a tool message must follow an assistant message with tool_calls, only tool messages between"
        yield Finding(f"/messages/{turn.at}/role", said, "tool")


@rule(
    "CC252",
    anchor=_ID,
    part=Part.REQUEST,
    severity=Severity.ERROR,
    basis=Basis.OBSERVED,
    source="https://github.com/qwersyk/Newelle/issues/425",
    since="0.1",
    passes=[_after(_CALLING, _ANSWER)],
    fails=[_after(_CALLING, _ANSWER, {**_ANSWER, "tool_call_id": "call_2"})],
    needs=("tangled",),
)
def tool_call_id_unmatched(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """A tool message answers a call that the message before it doesn't have.

    ## Why it matters
    The service refuses the conversation.

    ## Known exceptions
    None known.
    """
    for turn in _turns(reading, "unmatched"):
        said = f"no call of /messages/{turn.caller} has the id {short(turn.id, 60)}"
        yield Finding(f"/messages/{turn.at}/tool_call_id", said, turn.id)


@rule(
    "CC253",
    anchor=_ID,
    part=Part.REQUEST,
    severity=Severity.ERROR,
    basis=Basis.OBSERVED,
    source="https://github.com/agno-agi/agno/issues/5116",
    since="0.1",
    passes=[_after(_CALLING, _ANSWER)],
    fails=[_after(_CALLING, _ANSWER, _ANSWER)],
    compatible=Severity.WARNING,
    needs=("tangled",),
)
def tool_call_answered_twice(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """Two tool messages answer the same call.

    ## Why it matters
    The service refuses the conversation ("Duplicate value for 'tool_call_id'"). Histories that are put together from
    two stores often have an answer twice.

    ## Known exceptions
    Other servers take both, and don't say which of them the model reads.
    """
    for turn in _turns(reading, "repeated"):
        said = f"the call {short(turn.id, 60)} of /messages/{turn.caller} is answered already"
        yield Finding(f"/messages/{turn.at}/tool_call_id", said, turn.id, hint="send one of the two")


@rule(
    "CC254",
    anchor=_MESSAGE + "MessageToolCall/properties/id",
    part=Part.REQUEST,
    severity=Severity.ERROR,
    basis=Basis.INTEROP,
    source="https://github.com/earendil-works/pi/issues/4854",
    since="0.1",
    passes=[_after(_TWICE, _ANSWER, {**_ANSWER, "tool_call_id": "call_2"})],
    fails=[
        _after({"role": "assistant", "tool_calls": [CALL, CALL]}, _ANSWER, _ANSWER),
        _after(_CALLING, _ANSWER, _CALLING, _ANSWER),
    ],
    breaks=[
        ("smolagents", "overwrites the first call"), ("deepagents", "raises"),
        ("pi", "is stuck: every further request is refused"),
    ],
    needs=("tangled",),
)  # fmt: skip
def tool_call_id_reused(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """Two tool calls of the conversation have the same id.

    ## Why it matters
    Answers can't be told apart. In one message that is an error, in the whole conversation a warning.

    ## Known exceptions
    Some servers number the calls of each answer from 0.
    """
    seen: dict[str, int] = {}
    for at, place, call in reading.in_request(asks.calls):
        identifier = call.get("id")
        if not isinstance(identifier, str):
            continue
        if identifier in seen:
            severity = None if seen[identifier] == at else Severity.WARNING
            said = f"the id {short(identifier, 60)} is taken by a call of /messages/{seen[identifier]}"
            yield Finding(f"/messages/{at}/tool_calls/{place}/id", said, identifier, severity=severity)
        seen[identifier] = at


@rule(
    "CC260",
    anchor=_MESSAGE + "MessageToolCall/properties/id",
    part=Part.REQUEST,
    severity=Severity.ERROR,
    basis=Basis.OBSERVED,
    source="https://github.com/vercel/ai/issues/5171",
    since="0.1",
    passes=[_after(_CALLING, _ANSWER)],
    fails=[
        _after(
            {"role": "assistant", "tool_calls": [{**CALL, "id": "c" * 41}]},
            {**_ANSWER, "tool_call_id": "c" * 41},
        )
    ],
    compatible=Severity.WARNING,
    needs=("tangled",),
)
def tool_call_id_long(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The id of a tool call has more than 40 characters.

    ## Why it matters
    The service refuses the conversation (`string_above_max_length`): one that was begun at another provider,
    whose ids are longer, can't be continued.

    ## Known exceptions
    Other servers take longer ids: a note only where the request is known to go elsewhere.
    """
    ids = [call.get("id") for _, _, call in reading.in_request(asks.calls)]
    if not any(map(_is_long, [*ids, *(message.get("tool_call_id") for _, message in reading.messages)])):
        return
    for at, message in reading.messages:
        for name, identifier in _ids(message):
            if _is_long(identifier):
                said = f"expected an id of at most 40 characters, got {len(identifier)}"
                lenient = model_names.lenient(reading.exchange.request)
                yield Finding(f"/messages/{at}/{name}", said, identifier, severity=lenient)


def _is_long(identifier: JSON) -> bool:
    return isinstance(identifier, str) and len(identifier) > _MAX_ID


def _ids(message: dict[str, JSON]) -> Iterator[tuple[str, JSON]]:
    for place, call in asks.objects(message.get("tool_calls")):
        yield f"tool_calls/{place}/id", call.get("id")
    yield "tool_call_id", message.get("tool_call_id")


@rule(
    "CC263",
    anchor=_MESSAGE + "MessageToolCall/properties/id",
    part=Part.REQUEST,
    severity=Severity.WARNING,
    basis=Basis.INTEROP,
    source="https://github.com/zed-industries/zed/pull/47702",
    since="0.1",
    passes=[_after(_CALLING, _ANSWER)],
    fails=[
        _after({"role": "assistant", "tool_calls": [{**CALL, "id": ""}]}, {**_ANSWER, "tool_call_id": ""}),
    ],
    breaks=[("Bedrock", "refuses the conversation")],
    needs=("tangled",),
)
def sent_call_id_empty(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The id of a tool call is an empty text.

    ## Why it matters
    Servers that ask for at least one character refuse the conversation, and with two such calls nobody can tell
    which is answered. A server that gave its calls no ids is the usual cause.

    ## Known exceptions
    None known.
    """
    for at, message in reading.messages:
        for name, identifier in _ids(message):
            if identifier == "":
                yield Finding(f"/messages/{at}/{name}", "expected an id, got an empty text", identifier)
