"""Markers in the text (CC38) that belong to the model's inner language, not to the answer."""

from collections.abc import Iterable, Iterator

from chatcontract.declare import SpecView, rule
from chatcontract.examples import TOOL, response
from chatcontract.model import JSON, Basis, Finding, Part, Severity
from chatcontract.reading import Reading, items, members
from chatcontract.redact import short
from chatcontract.textcalls import text_call
from chatcontract.toolcalls import demanded, has_call, offered

_MESSAGE = "#/components/schemas/ChatCompletionResponseMessage"
_CONTENT = f"{_MESSAGE}/properties/content"
_TEXT = "/choices/0/message/content"
_TEMPLATES = "https://huggingface.co/docs/transformers/chat_templating"
_HARMONY = "https://cookbook.openai.com/articles/openai-harmony"

_THOUGHTS = (
    "<think>", "</think>", "<thinking>", "</thinking>", "<thought>", "</thought>", "[THINK]", "[/THINK]",
    "◁think▷", "◁/think▷", "<seed:think>", "</seed:think>", "<|begin_of_thought|>", "<|end_of_thought|>",
    "<|START_THINKING|>", "<|END_THINKING|>",
)  # fmt: skip
_HARMONIES = ("<|channel|>", "<|message|>", "<|start|>", "<|end|>", "<|return|>", "<|call|>", "<|constrain|>")
_TEMPLATE_TOKENS = (
    "<|im_start|>", "<|im_end|>", "<|im_sep|>", "<|endoftext|>", "<|begin_of_text|>", "<|end_of_text|>",
    "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<|eom_id|>", "<|eot|>", "<|header_start|>",
    "<|header_end|>", "<|system|>", "<|user|>", "<|assistant|>", "<|observation|>", "<|endofprompt|>",
    "<start_of_turn>", "<end_of_turn>", "<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>",
    "<｜User｜>", "<｜Assistant｜>", "<|START_OF_TURN_TOKEN|>", "<|END_OF_TURN_TOKEN|>", "<|END_RESPONSE|>",
    "<|eos|>", "[INST]", "[/INST]", "<|turn_end|>", "<|start_of_role|>", "<|end_of_role|>",
)  # fmt: skip
_CALLS = (
    "<tool_call>", "</tool_call>", "<tool_call|>", "<|tool_call|>", "<|tool_call>", "<function=",
    "<function_calls>", "<invoke name=", "[TOOL_CALLS]", "[TOOL_CALL]", "<tool_calls>", "<|python_tag|>",
    "<|tool_calls_section_begin|>", "<|tool_call_begin|>", "<｜tool▁calls▁begin｜>", "<｜tool▁call▁begin｜>",
    "<|action_start|>", "<start_function_call>", "<TOOLCALL>", "<minimax:tool_call>", "<seed:tool_call>",
    "<|START_ACTION|>", "<functioncall>", "<｜DSML｜",
)  # fmt: skip
_THINKING = "/choices/0/message/reasoning_content"
_MARKS = ("<", "[", "◁")
_MAX_TEXTS = 20_000


def _found(reading: Reading, markers: tuple[str, ...]) -> Iterator[tuple[str, str, str]]:
    """Pointer, content and first marker of each choice that has one which the request does not have."""
    for position, _, message in reading.choices:
        content = message.get("content")
        if not isinstance(content, str) or not any(mark in content for mark in _MARKS):
            continue
        met = [marker for marker in markers if marker in content]
        if met and (strange := _not_said(reading, met)):
            yield f"/choices/{position}/message/content", content, min(strange, key=content.find)


def _not_said(reading: Reading, met: list[str]) -> list[str]:
    """The markers that nobody but the model has used: what it was told of it may speak of."""
    told = map(members, items(reading.asked.get("messages")))
    texts = list(_texts(message for message in told if message.get("role") != "assistant"))
    return [marker for marker in met if not any(marker in text for text in texts)]


def _texts(messages: Iterable[dict[str, JSON]]) -> Iterator[str]:
    waiting: list[JSON] = [message.get("content") for message in messages]
    for _ in range(_MAX_TEXTS):
        if not waiting:
            return
        value = waiting.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, list):
            waiting.extend(value)
        elif isinstance(value, dict):
            waiting.append(value.get("text"))


@rule(
    "CC381",
    anchor=_CONTENT,
    part=Part.RESPONSE,
    severity=Severity.WARNING,
    basis=Basis.INTEROP,
    source=_TEMPLATES,
    since="0.1",
    passes=[
        response({_TEXT: "Models think before they answer: 2 < 3."}),
        response({_TEXT: "It begins with <think>."}, request={"/messages/0/content": "What does <think> mean?"}),
        response({_TEXT: "Wrap it in <think> and go on."}),
    ],
    fails=[
        response({_TEXT: "<think>\nTwo and two\n</think>\n\nFour."}),
        response({_TEXT: "Two and two\n</think>\n\nFour."}, request={}),
        response({_TEXT: "[THINK]Two and two"}),
    ],
    needs=("marked",),
)
def reasoning_in_content(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The reasoning of the model stands in the content, between its marks.

    ## Why it matters
    Users read it, parsers of structured output fail on it, and it goes back to the model on the next turn.

    ## Known exceptions
    An opening mark in the middle of a text may be spoken of; it counts only at the start, or with its end.
    """
    for pointer, content, marker in _found(reading, _THOUGHTS):
        if _is_closing(marker) or content.lstrip().startswith(marker) or _closed(content, marker):
            text = f"expected the answer alone, got {short(marker)} at character {content.find(marker)}"
            hint = "start the server with its parser for this model's reasoning"
            yield Finding(pointer, text, content, hint=hint)


def _is_closing(marker: str) -> bool:
    return "/" in marker or "end" in marker.lower()


def _closed(content: str, marker: str) -> bool:
    return f"{marker[0]}/{marker[1:]}" in content


@rule(
    "CC382",
    anchor=_CONTENT,
    part=Part.RESPONSE,
    severity=Severity.WARNING,
    basis=Basis.INTEROP,
    source=_HARMONY,
    since="0.1",
    passes=[
        response({_TEXT: "Use |> to pipe."}),
        response({_TEXT: "It is <|channel|>."}, request={"/messages/0/content": "Explain <|channel|>."}),
    ],
    fails=[
        response({_TEXT: "<|channel|>analysis<|message|>Two and two"}),
        response({_TEXT: "Four.<|return|>"}),
    ],
    needs=("marked",),
)
def harmony_token_in_content(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The content has a control token of the harmony format, in which gpt-oss models speak.

    ## Why it matters
    The server did not take the model's messages apart: reasoning and calls are in the text, and lost as such.

    ## Known exceptions
    Texts about the format; they pass when the request mentions the token.
    """
    yield from _tokens(reading, _HARMONIES)


@rule(
    "CC383",
    anchor=_CONTENT,
    part=Part.RESPONSE,
    severity=Severity.WARNING,
    basis=Basis.INTEROP,
    source=_TEMPLATES,
    since="0.1",
    passes=[
        response({_TEXT: "<s>Five</s> Four"}),
        response(
            {_TEXT: "It is <|im_end|>."},
            request={"/messages/0/content": "Is it <|im_end|>?"},
        ),
    ],
    fails=[response({_TEXT: "Four.<|im_end|>\n<|im_start|>user"}), response({_TEXT: "Four.</s>"})],
    needs=("marked",),
)
def template_token_in_content(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The content has a control token of a chat template.

    ## Why it matters
    The end of the turn was missed: the model goes on as the user, and the token comes back as input.

    ## Known exceptions
    Texts about templates; they pass when the request mentions the token.
    """
    yield from _tokens(reading, _TEMPLATE_TOKENS)
    for position, _, message in reading.choices:
        content = message.get("content")
        if isinstance(content, str) and content.rstrip().endswith("</s>") and "<s>" not in content:
            pointer = f"/choices/{position}/message/content"
            yield Finding(pointer, 'expected text alone, got the control token "</s>" at its end', content)


def _tokens(reading: Reading, markers: tuple[str, ...]) -> Iterator[Finding]:
    for pointer, content, marker in _found(reading, markers):
        text = f"expected text alone, got the control token {short(marker)} at character {content.find(marker)}"
        yield Finding(pointer, text, content)


@rule(
    "CC384",
    anchor=f"{_MESSAGE}/properties/tool_calls",
    part=Part.RESPONSE,
    severity=Severity.ERROR,
    basis=Basis.INTEROP,
    source="https://github.com/ollama/ollama/issues/9632",
    since="0.1",
    needs=("asked", "marked"),
    passes=[
        response({_TEXT: '<tool_call>{"name": "get_weather"}'}),
        response({_TEXT: "I would call get_weather."}, request={"/tools": [TOOL]}),
        response({_TEXT: '{"city": "Bonn"}'}, request={"/tools": [TOOL]}),
        response({_TEXT: '<tool_call>{"name": "get_weather"}'}, request={"/tools": [TOOL], "/tool_choice": "none"}),
        response({_TEXT: '{"name": "Ada", "arguments": {}}'}, request={"/tools": [TOOL]}),
        response({_TEXT: 'Try:\n```json\n{"name": "get_weather", "arguments": {}}\n```'}, request={"/tools": [TOOL]}),
        response({_TEXT: '[get_weather(city="Bonn")] is how'}, request={"/tools": [TOOL]}),
        response({_TEXT: '{"name": get_weather}}</tool_call> eight nine'}, request={"/tools": [TOOL]}),
        response(
            {_TEXT: "Write <tool_call> first."},
            request={"/tools": [TOOL], "/messages/0/content": "How is <tool_call> used?"},
        ),
    ],
    fails=[
        response({_TEXT: '<tool_call>\n{"name": "get_weather", "arguments": {}}'}, request={"/tools": [TOOL]}),
        response({_TEXT: '{"name": "get_weather", "arguments": {"city": "Bonn"}}'}, request={"/tools": [TOOL]}),
        response({_TEXT: "Let me look. <function=get_weather><parameter=city>"}, request={"/tools": [TOOL]}),
        response({_TEXT: '{"name": "get_weather", "arguments": {}}\n</tool_call>'}, request={"/tools": [TOOL]}),
        response({_TEXT: '```json\n{"name": "get_weather", "arguments": {}}\n```'}, request={"/tools": [TOOL]}),
        response(
            {_TEXT: '{"name": "get_weather", "arguments": {}}; {"name": "get_weather", "arguments": {}}'},
            request={"/tools": [TOOL]},
        ),
        response({_TEXT: "[get_weather(city='Bonn')]"}, request={"/tools": [TOOL]}),
        response({_TEXT: 'functools[{"name": "get_weather", "arguments": {}}]'}, request={"/tools": [TOOL]}),
        response({_TEXT: '{"tool_calls": [{"name": "get_weather", "arguments": {}}]}'}, request={"/tools": [TOOL]}),
    ],
)
def tool_call_in_content(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The model calls an offered tool inside of the text, where no client looks for calls.

    ## Why it matters
    The call is lost: the server did not take it out of the text.

    ## Known exceptions
    Texts about calls; markup counts only where the request does not have it and an offered tool is named. In
    a message that has calls as well it is a warning: one of several may be lost; so it is inside of a code fence.
    Where the request forbids calls, markup in the text loses nothing; JSON alone is what a response format asks for.
    """
    asked = reading.asked
    if not (asked.get("tools") or asked.get("functions")) or demanded(reading).barred:
        return
    names = list(offered(reading))
    wants_json = members(asked.get("response_format")).get("type") in ("json_object", "json_schema")
    for position, _, message in reading.choices:
        content = message.get("content")
        if not isinstance(content, str) or not any(mark in content for mark in ("<", "[", "{", "```")):
            continue
        mark, is_doubtful = _call_mark(reading, content, names), has_call(message)
        if not mark and not is_doubtful and not wants_json:
            mark, is_doubtful = text_call(content, names) or ("", False)
        if mark:
            text = f"expected a tool call, got the text of one: {short(mark, 80)}"
            hint = "start the server with its parser for this model's tool calls"
            severity = Severity.WARNING if is_doubtful else None
            yield Finding(f"/choices/{position}/message/content", text, content, hint=hint, severity=severity)


def _call_mark(reading: Reading, content: str, names: list[str]) -> str:
    """The first mark of a call in a content that names an offered tool; one that ends a call needs the call."""
    met = [marker for marker in _CALLS if marker in content]
    met = [mark for mark in met if "/" not in mark or text_call(content[: content.find(mark)], names)]
    if met and any(name in content for name in names) and (strange := _not_said(reading, met)):
        return min(strange, key=content.find)
    return ""


_THOUGHT = {"/choices/0/message/content": "", "/choices/0/message/reasoning_content": "It is four."}
_REASONING = ("reasoning_content", "reasoning", "reasoning_details", "reasoning_text", "thinking")


@rule(
    "CC385",
    anchor=_MESSAGE,
    part=Part.RESPONSE,
    severity=Severity.INFO,
    basis=Basis.INTEROP,
    source="https://github.com/run-llama/llama_index/pull/21076",
    since="0.1",
    passes=[response(), response({"/choices/0/message/reasoning": None})],
    fails=[
        response({"/choices/0/message/reasoning_content": "2 and 2 …"}),
        response({"/choices/0/message/reasoning_content": "2 and 2 …", "/choices/0/message/reasoning": "2 and 2 …"}),
    ],
    breaks=[("llama_index, the vLLM router, clients of mlx-vlm", "drop the reasoning that has another name")],
    needs=("reasoning",),
)
def reasoning_in_undocumented_member(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The message tells its reasoning in a member that the contract does not have.

    ## Why it matters
    Every server calls it differently: a client made for one loses the reasoning of another. Where two members
    tell the same, clients that know both show it twice.

    ## Known exceptions
    Legal; it is the only way to tell it.
    """
    for position, _, message in reading.choices:
        told = [name for name in _REASONING if message.get(name)]
        for at, name in enumerate(told):
            says = f'reasoning is told in "{name}", which not every client knows'
            if message[name] in [message[other] for other in told[:at]]:
                says = f'the same reasoning is told again in "{name}"; clients that know both members show it twice'
            yield Finding(f"/choices/{position}/message/{name}", says, message[name])


@rule(
    "CC331",
    anchor=_MESSAGE,
    part=Part.RESPONSE,
    severity=Severity.ERROR,
    basis=Basis.INTEROP,
    source="https://github.com/vercel/ai/blob/main/packages/openai-compatible/src/chat/openai-compatible-chat-language-model.ts",
    since="0.1",
    passes=[response(), response({"/choices/0/message/reasoning": None}), response({f"{_THINKING}": "2 and 2 …"})],
    fails=[response({f"{_THINKING}": ["2 and 2 …"]}), response({"/choices/0/message/reasoning": {"effort": "low"}})],
    breaks=[
        ("@ai-sdk/openai-compatible", "raises: invalid JSON response, or a failed type validation"),
        ("LiteLLM", "raises InternalServerError"),
    ],
    needs=("reasoning",),
)
def reasoning_not_text(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """`reasoning_content` or `reasoning` is neither text nor null.

    ## Why it matters
    The members are not documented, and yet every client that knows them takes them for text.

    ## Known exceptions
    None known.
    """
    for position, _, message in reading.choices:
        for name in ("reasoning_content", "reasoning"):
            told = message.get(name)
            if told is not None and not isinstance(told, str):
                pointer = f"/choices/{position}/message/{name}"
                yield Finding(pointer, f"expected text or null, got {short(told, 60)}", told)


@rule(
    "CC387",
    anchor=f"{_MESSAGE}/properties/content",
    part=Part.RESPONSE,
    severity=Severity.WARNING,
    basis=Basis.INTEROP,
    source="https://github.com/lmstudio-ai/lmstudio-bug-tracker/issues/1602",
    since="0.1",
    passes=[
        response(),
        response({"/choices/0/message/content": ""}),
        response({**_THOUGHT, "/choices/0/message/content": "Four."}),
        response({**_THOUGHT, "/choices/0/finish_reason": "length"}),
        response({**_THOUGHT, "/choices/0/message/refusal": "No."}),
    ],
    fails=[response(_THOUGHT), response({**_THOUGHT, "/choices/0/message/content": None})],
    breaks=[("mem0, SkillGrade, clients that ask for JSON", "parse the empty text and fail")],
    needs=("reasoning",),
)
def answer_inside_reasoning(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The choice ended by itself, its text is empty, and all that came is told as reasoning.

    ## Why it matters
    Servers that part reasoning from the answer by its marks put the answer with the reasoning where a mark is
    missing: clients take the empty text for the answer.

    ## Known exceptions
    A model that thinks and then says nothing.
    """
    for position, choice, message in reading.choices:
        content, told = message.get("content"), [name for name in _REASONING if message.get(name)]
        is_empty = content is None or (isinstance(content, str) and not content.strip())
        if told and is_empty and choice.get("finish_reason") == "stop" and not _says_more(message):
            text = f'expected the answer here, got none and {len(str(message[told[0]]))} characters of "{told[0]}"'
            yield Finding(f"/choices/{position}/message/content", text, content)


def _says_more(message: dict[str, JSON]) -> bool:
    return has_call(message) or bool(message.get("refusal") or message.get("audio"))
