"""What an exchange has, of that which rules need: one pass spares calling the rules that have nothing to say."""

from collections.abc import Iterator, Mapping, Sequence, Sized

from chatcontract.model import JSON

Object = dict[str, JSON]
Choices = Sequence[tuple[int, Object, Object]]

_MEMBERS = (
    "audio", "function_call", "functions", "logprobs", "max_completion_tokens", "max_tokens", "metadata",
    "modalities", "moderation", "parallel_tool_calls", "prediction", "prompt_cache_key",
    "prompt_cache_retention", "reasoning_effort", "response_format",
    "safety_identifier", "stop", "stream_options", "temperature", "tool_choice", "tools", "top_logprobs",
    "top_p", "user", "verbosity", "web_search_options",
)  # fmt: skip
_OF_MESSAGES = ("name", "tool_calls")
_POINTERS = {name: f"/{name}" for name in _MEMBERS}
_POINTERS_OF_MESSAGES = {name: f"/messages/*/{name}" for name in _OF_MESSAGES}
_PARTS = "/messages/*/content/*"
_GROUPS = (
    ("brought", frozenset(("functions", "response_format", "tools"))),
    (
        "sampled",
        frozenset(("frequency_penalty", "logit_bias", "logprobs", "presence_penalty", "temperature", "top_p")),
    ),
    ("limited", frozenset(("max_completion_tokens", "max_tokens"))),
    ("enlarged", frozenset(("audio", "modalities", "n", "prediction", "top_logprobs"))),
)
_LONGEST_ID = 40
_MARKS = ("<", "[", "{", "◁", "```")
_REASONING = frozenset(("reasoning", "reasoning_content", "reasoning_details", "reasoning_text", "thinking"))
LOST_CHARACTER = "\ufffd"
"""What stands where bytes were no character."""
PLAUSIBLE = range(1_672_531_200, 4_102_444_800)
"""Seconds since 1970 at which an answer may be made: 2023 to 2099."""
LONGEST_TOKEN = 128
"""Characters of the longest token of a vocabulary: a run of blanks."""
FEW_TOKENS = 16
"""Prompt tokens below which they may be a stand-in."""
MANY_TOKENS = 1000
"""Completion tokens that may be without a trace in the answer."""
_DETAILS = ("prompt_tokens_details", "completion_tokens_details")

TRAITS: Mapping[str, str] = {
    "asked": "the request is known, and an object",
    "brought": "the request has tools, functions or a response format, not all of them known to be sound",
    "instructed": "a message has the role system or developer",
    "legacy": "a message has the role function, or a `function_call`",
    "enlarged": "the request asks for choices, for the likeliest tokens or for sound, or gives a prediction",
    "limited": "the request limits the tokens of the answer",
    "breached": "the chunks of the stream break their order",
    "contentless": "a message has neither content nor tool calls",
    "sampled": "the request sets a parameter of sampling",
    "sent": "headers of the request are known",
    "strict": "a tool or the response format of the request has `strict`",
    "tangled": "the tool calls of the conversation, their ids and their answers may not be in order",
    "annotations": "a message of the answer has annotations",
    "audio": "a choice has audio",
    "calls": "a choice calls a tool or a function",
    "dated": "the answer has a header Date",
    "details": "the usage has details that are not all zero",
    "disordered": "the choices are not numbered from 0 in their order",
    "errors": "the answer or a choice has a member `error`",
    "failed": "the stream has an error",
    "headed": "headers of the answer are known",
    "hollow": "the answer has no choice, or one without content whose calls and finish reason may not fit",
    "floats": "the answer has a number where an integer may be written as a float",
    "logprobs": "a choice has log probabilities",
    "lopsided": "the text of the answer, or of the request, may not fit the number of its tokens",
    "mangled": "a text of the answer has the replacement character U+FFFD",
    "marked": "a content has a bracket or a code fence that may begin a control token or a call",
    "moderation": "the answer has a moderation verdict",
    "oddities": "the framing of the stream has oddities",
    "reasoning": "a message of the answer tells reasoning in a member that is not documented",
    "refusal": "a choice has a refusal, be it an empty text",
    "uncounted": "the usage is not three positive integers, of which two add up to the third",
    "untypical": "the id, the time, the model or the service tier of the answer is not of the usual form",
    **dict.fromkeys((*_POINTERS.values(), *_POINTERS_OF_MESSAGES.values()), "the request has that member"),
    _PARTS: "the content of a message is given in parts",
}
"""What rules may need, so that most traffic is not asked about what it does not have.

A rule that needs `brought` looks at `tools`, `functions` and `response_format` of the request, and at nothing else.
"""


def of_request(asked: Object) -> set[str]:
    """The traits of a request that is an object; none of an empty one."""
    if not asked:
        return set()
    found = {_POINTERS[name] for name in asked if name in _POINTERS}
    found.add("asked")
    for trait, names in _GROUPS:
        if not names.isdisjoint(asked):
            found.add(trait)
    if "brought" in found and (_is_strict(asked.get("tools")) or _is_strict([asked.get("response_format")])):
        found.add("strict")
    messages = asked.get("messages")
    if isinstance(messages, list):
        found.update(_of_messages([message for message in messages if isinstance(message, dict)]))
    return found


def _is_strict(holders: JSON) -> bool:
    """Whether a member of one of the objects is an object with `strict`."""
    for holder in holders if isinstance(holders, list) else ():
        for body in holder.values() if isinstance(holder, dict) else ():
            if body.__class__ is dict and body.get("strict") is True:
                return True
    return False


def _of_messages(messages: list[Object]) -> Iterator[str]:
    members: set[str] = set().union(*messages)
    roles = {role for message in messages if isinstance(role := message.get("role"), str)}
    for name in _POINTERS_OF_MESSAGES.keys() & members:
        yield _POINTERS_OF_MESSAGES[name]
    if "system" in roles or "developer" in roles:
        yield "instructed"
    if "function" in roles or "function_call" in members:
        yield "legacy"
    if ("tool" in roles or "tool_calls" in members or "tool_call_id" in members) and _is_tangled(messages):
        yield "tangled"
    contents = [message.get("content") for message in messages]
    if list in map(type, contents):
        yield _PARTS
    if None in contents and any(
        content is None and not message.get("tool_calls") for content, message in zip(contents, messages, strict=True)
    ):
        yield "contentless"


def of_answer(completion: Object, choices: Choices, dated: bool) -> set[str]:
    """The traits of a completion with its choices (position, choice, message); none of an empty one."""
    if not completion:
        return set()
    found = set(_of_choices(choices))
    usage = completion.get("usage")
    found.update(_of_usage(usage))
    if not isinstance(usage, dict) or not _adds_up(usage):
        found.add("uncounted")
    if isinstance(usage, dict) and _is_lopsided(usage, choices):
        found.add("lopsided")
    if not _is_typical(completion):
        found.add("untypical")
    if not choices:
        found.add("hollow")
    if isinstance(completion.get("created"), float):
        found.add("floats")
    if "error" in completion:
        found.add("errors")
    if completion.get("moderation"):
        found.add("moderation")
    if dated:
        found.add("dated")
    return found


def of_stream(breaches: Sized, oddities: Sized, failures: Sized) -> Iterator[str]:
    """The traits that only a stream has."""
    if breaches:
        yield "breached"
    if oddities:
        yield "oddities"
    if failures:
        yield "failed"


def _adds_up(usage: Object) -> bool:
    prompt, completion, total = usage.get("prompt_tokens"), usage.get("completion_tokens"), usage.get("total_tokens")
    if not (type(prompt) is type(completion) is type(total) is int):
        return False
    return prompt > 0 and completion > 0 and prompt + completion == total


def _is_lopsided(usage: Object, choices: Choices) -> bool:
    prompt, tokens = usage.get("prompt_tokens"), usage.get("completion_tokens")
    if type(prompt) is int and 0 < prompt < FEW_TOKENS:
        return True
    if type(tokens) is not int or tokens < 1:
        return False
    said = sum(
        len(text)
        for _, _, message in choices
        for text in (message.get("content"), message.get("refusal"))
        if isinstance(text, str)
    )
    return said > LONGEST_TOKEN * tokens or tokens > MANY_TOKENS + 16 * said


def _is_typical(completion: Object) -> bool:
    ident, created, model = completion.get("id"), completion.get("created"), completion.get("model")
    if not (type(created) is int and isinstance(ident, str) and isinstance(model, str)):
        return False
    is_resolved = completion.get("service_tier") not in ("auto", "fast")
    return is_resolved and created in PLAUSIBLE and ident.startswith("chatcmpl-") and model.strip() != ""


def _of_usage(usage: JSON) -> Iterator[str]:
    for name in _DETAILS if isinstance(usage, dict) else ():
        details = usage.get(name)
        if details and (not isinstance(details, dict) or any(details.values()) or _is_negative(usage.get(name[:-8]))):
            yield "details"
        if isinstance(details, dict) and float in map(type, details.values()):
            yield "floats"
    if isinstance(usage, dict) and float in map(type, usage.values()):
        yield "floats"


def _is_tangled(messages: list[Object]) -> bool:
    """Whether calls and answers are not just as they should be: one answer right after each call, ids new and short."""
    seen: set[str] = set()
    waiting: set[str] = set()
    for message in messages:
        if message.get("role") == "tool":
            answered = message.get("tool_call_id")
            if not isinstance(answered, str) or answered not in waiting or message.get("tool_calls"):
                return True
            waiting.remove(answered)
        elif waiting or message.get("tool_call_id") is not None:
            return True
        elif message.get("tool_calls"):
            waiting = _new_ids(message, seen)
            if not waiting:
                return True
            seen |= waiting
    return bool(waiting)


def _new_ids(message: Object, seen: set[str]) -> set[str]:
    """The ids of the calls of an assistant's message; nothing where one is odd, empty, long, or not new."""
    calls = message["tool_calls"]
    if message.get("role") != "assistant" or not isinstance(calls, list):
        return set()
    ids = [call.get("id") if isinstance(call, dict) else None for call in calls]
    sound = {name for name in ids if isinstance(name, str) and 0 < len(name) <= _LONGEST_ID}
    return sound if len(sound) == len(ids) and seen.isdisjoint(sound) else set()


def _is_negative(value: JSON) -> bool:
    return isinstance(value, int | float) and value < 0


def _of_choices(choices: Choices) -> Iterator[str]:
    for number, (_, choice, message) in enumerate(choices):
        index = choice.get("index")
        if index != number:
            yield "disordered"
        if isinstance(index, float):
            yield "floats"
        if choice.get("logprobs"):
            yield "logprobs"
        if "error" in choice:
            yield "errors"
        if _may_be_hollow(choice.get("finish_reason"), message):
            yield "hollow"
        yield from _of_message(message)


def _may_be_hollow(reason: JSON, message: Object) -> bool:
    calls = message.get("tool_calls")
    if calls:
        return bool(reason == "function_call")
    return message.get("content") is None or calls == [] or reason in ("tool_calls", "function_call")


def _is_mangled(message: Object) -> bool:
    """Whether a text or a call has the character; the text of a call is looked for in whatever holds it."""
    texts = [message.get("content"), message.get("refusal")]
    calls = message.get("tool_calls")
    for call in calls if isinstance(calls, list) else ():
        for body in call.values() if isinstance(call, dict) else ():
            texts.extend(body.values() if isinstance(body, dict) else ())
    return any(isinstance(text, str) and LOST_CHARACTER in text for text in texts)


def _of_message(message: Object) -> Iterator[str]:
    content = message.get("content")
    if isinstance(content, str) and any(mark in content for mark in _MARKS):
        yield "marked"
    if _is_mangled(message):
        yield "mangled"
    if message.get("tool_calls") or message.get("function_call"):
        yield "calls"
    if message.get("refusal") is not None:
        yield "refusal"
    if message.get("annotations"):
        yield from ("annotations", "floats")
    if message.get("audio"):
        yield from ("audio", "floats")
    if not _REASONING.isdisjoint(message):
        yield "reasoning"
