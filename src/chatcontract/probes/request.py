"""Requests: every parameter accepted, null where null is allowed, roles and content parts."""

from collections.abc import Sequence

from chatcontract.looks import text
from chatcontract.probe import LIMIT, SEED, Ask, Level, Section, Shortfall, answered, either, honoured, user
from chatcontract.reading import Reading

SECTION = Section("request")
_MESSAGES = "messages"
_PIXEL = (
    "data:image/png;base64,"
    "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAEklEQVR42mP4z8CAFWEXHbQSACj/P8Fu7N9hAAAAAElFTkSuQmCC"
)
_WAVE = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAIA+AAACABAAZGF0YQAAAAA="

SECTION.probe(
    "minimal",
    "a plain question is answered",
    {},
    answered(),
    provides="chat",
    anchor=_MESSAGES,
    why="Everything else rests on it.",
)

# Messages and content parts
SECTION.probe(
    "text-part",
    "content may be a list with one text part",
    {"/messages/0/content": [{"type": "text", "text": "Say hello."}]},
    honoured(),
    provides="content parts",
    anchor="#/components/schemas/ChatCompletionRequestUserMessage/properties/content",
    why="Libraries send parts even for plain text.",
)
SECTION.probe(
    "several-text-parts",
    "content may be a list of several text parts",
    {"/messages/0/content": [{"type": "text", "text": "Say"}, {"type": "text", "text": "hello."}]},
    honoured(),
    needs="content parts",
    anchor="#/components/schemas/ChatCompletionRequestUserMessage/properties/content",
    why="Attachments and context come as parts of their own.",
)
SECTION.probe(
    "system-message",
    "a system message is accepted",
    {"/messages": [{"role": "system", "content": "Be brief."}, user("Say hello.")]},
    honoured(),
    provides="system messages",
    anchor="#/components/schemas/ChatCompletionRequestSystemMessage",
    why="Nearly every application sends one.",
)
SECTION.probe(
    "system-text-part",
    "a system message may have text parts",
    {
        "/messages": [
            {"role": "system", "content": [{"type": "text", "text": "Be brief."}]},
            user("Say hello."),
        ]
    },
    honoured(),
    level=Level.SHOULD,
    needs=("system messages", "content parts"),
    anchor="#/components/schemas/ChatCompletionRequestSystemMessage/properties/content",
    why="Libraries write every message in the same form.",
)
SECTION.probe(
    "developer-message",
    "a developer message is accepted",
    {"/messages": [{"role": "developer", "content": "Be brief."}, user("Say hello.")]},
    honoured(),
    provides="developer messages",
    anchor="#/components/schemas/ChatCompletionRequestDeveloperMessage",
    why="SDKs send it in place of system to newer models.",
)
SECTION.probe(
    "name-of-user",
    "a message may name its author",
    {"/messages/0/name": "alice"},
    honoured(),
    level=Level.SHOULD,
    provides="author names",
    anchor="#/components/schemas/ChatCompletionRequestUserMessage/properties/name",
    why="Frameworks with several agents name them.",
)
SECTION.probe(
    "earlier-turns",
    "a conversation with earlier answers is continued",
    {"/messages": [user("Say hello."), {"role": "assistant", "content": "Hello."}, user("Again.")]},
    answered(),
    anchor=_MESSAGES,
    why="A chat is more than one turn.",
)
SECTION.probe(
    "assistant-text-part",
    "an earlier answer may have text parts",
    {
        "/messages": [
            user("Say hello."),
            {"role": "assistant", "content": [{"type": "text", "text": "Hello."}]},
            user("Again."),
        ]
    },
    honoured(),
    level=Level.SHOULD,
    needs="content parts",
    anchor="#/components/schemas/ChatCompletionRequestAssistantMessage/properties/content",
    why="Libraries send history in the form in which they keep it.",
)
SECTION.probe(
    "assistant-refusal",
    "an earlier answer may be a refusal",
    {
        "/messages": [
            user("Say hello."),
            {"role": "assistant", "content": None, "refusal": "I will not."},
            user("Why?"),
        ]
    },
    honoured(),
    level=Level.INFO,
    anchor="#/components/schemas/ChatCompletionRequestAssistantMessage/properties/refusal",
    why="What the server itself answers must be fit to be sent back.",
)
SECTION.probe(
    "ends-with-assistant",
    "a conversation may end with the assistant's words",
    {"/messages": [user("Say hello."), {"role": "assistant", "content": "Hel"}]},
    either(),
    level=Level.INFO,
    anchor=_MESSAGES,
    why="Whether the model goes on with them differs from server to server.",
)
SECTION.probe(
    "image-part",
    "an image may be sent as a data URL",
    {
        "/messages/0/content": [
            {"type": "text", "text": "Which colour?"},
            {"type": "image_url", "image_url": {"url": _PIXEL}},
        ]
    },
    honoured(),
    level=Level.INFO,
    provides="images",
    anchor="#/components/schemas/ChatCompletionRequestMessageContentPartImage",
    why="A model that cannot see must say so instead of guessing.",
)
SECTION.probe(
    "audio-part",
    "a recording may be sent",
    {
        "/messages/0/content": [
            {"type": "text", "text": "What is said?"},
            {"type": "input_audio", "input_audio": {"data": _WAVE, "format": "wav"}},
        ]
    },
    honoured(),
    level=Level.INFO,
    provides="recordings",
    anchor="#/components/schemas/ChatCompletionRequestMessageContentPartAudio",
    why="A model that cannot hear must say so instead of guessing.",
)
SECTION.probe(
    "unicode",
    "any text of Unicode is accepted",
    {"/messages/0/content": "Grüße, 你好, مرحبا, 👩\u200d🚀 and \U0001d4d7?"},
    answered(),
    anchor=_MESSAGES,
    why="Users write in all languages, and with signs outside of the basic plane.",
)
SECTION.probe(
    "escaped-unicode",
    "text written with escapes is accepted",
    b'{"model": "%MODEL%", "max_tokens": 8, "messages": [{"role": "user", "content": "\\ud83d\\ude80"}]}',
    honoured(),
    anchor=_MESSAGES,
    why="Many JSON writers escape all that is not ASCII.",
)
SECTION.probe(
    "large-body",
    "a body of 4 MB is read",
    Ask(blanks=4_000_000),
    answered(),
    provides="large bodies",
    level=Level.SHOULD,
    anchor=_MESSAGES,
    why="Images and long conversations make such bodies; many web servers take 100 kB or 1 MB unless told otherwise.",
    source="https://github.com/polly3d/mockai/issues/14",
)
SECTION.probe(
    "unknown-parameter",
    "an unknown parameter is either refused or left aside",
    {"/chatcontract_unknown": True},
    either(),
    level=Level.INFO,
    anchor="#/components/schemas/CreateChatCompletionRequest",
    why="Clients that send extensions want to know which of the two it is.",
)


def _same(readings: Sequence[Reading]) -> list[Shortfall]:
    first, second = (text(reading) for reading in readings)
    if first == second:
        return []
    return [Shortfall("seed-without-effect", "expected the same answer twice, got two different ones", "/seed")]


_SEEDED = {"/temperature": 0, "/seed": SEED}
SECTION.probe(
    "seed-repeats",
    "the same seed at temperature 0 gives the same answer",
    _SEEDED,
    honoured(_same),
    then=_SEEDED,
    level=Level.INFO,
    needs=("temperature", "seed"),
    anchor="seed",
    why="Tests that use a model want to be repeatable.",
)

# Parameters that change nothing which could be seen from outside: accepted, or cleanly refused
_ACCEPTED: dict[str, tuple[object, str, Level]] = {
    "temperature": (0, "temperature", Level.MUST),
    "top_p": (0.5, "top_p", Level.MUST),
    "frequency_penalty": (0.5, "frequency_penalty", Level.SHOULD),
    "presence_penalty": (-0.5, "presence_penalty", Level.SHOULD),
    "logit_bias": ({"50": -100}, "logit_bias", Level.SHOULD),
    "seed": (SEED, "seed", Level.SHOULD),
    "user": ("user-1234", "user", Level.SHOULD),
    "store": (False, "store", Level.SHOULD),
    "safety_identifier": ("user-1234", "safety_identifier", Level.INFO),
    "prompt_cache_key": ("chatcontract", "prompt_cache_key", Level.INFO),
    "service_tier": ("auto", "service_tier", Level.SHOULD),
    "reasoning_effort": ("low", "reasoning_effort", Level.SHOULD),
    "verbosity": ("low", "verbosity", Level.INFO),
    "modalities": (["text"], "modalities", Level.SHOULD),
    "prediction": ({"type": "content", "content": "Hello."}, "prediction", Level.INFO),
}
for _name, (_value, _capability, _level) in _ACCEPTED.items():
    SECTION.probe(
        _name.replace("_", "-"),
        f"{_name} is accepted",
        {f"/{_name}": _value},
        honoured(),
        provides=_capability,
        level=_level,
        anchor=_name,
        why="SDKs and frameworks send it; a refusal stops them, and a clean one lets them do without.",
    )
SECTION.probe(
    "temperature-two",
    "the highest temperature is accepted",
    {"/temperature": 2},
    honoured(),
    needs="temperature",
    anchor="temperature",
    why="The documented range ends at 2; other APIs end at 1.",
    level=Level.SHOULD,
)
for _name in ("max_tokens", "max_completion_tokens"):
    SECTION.probe(
        _name.replace("_", "-"),
        f"{_name} is accepted",
        {f"/{_name}": 16},
        honoured(),
        provides=_name,
        anchor=_name,
        why="Clients bound the answer by either name, depending on their age.",
    )

# null wherever the contract allows it
_NULLABLE = (
    "temperature",
    "top_p",
    "n",
    "stop",
    "frequency_penalty",
    "presence_penalty",
    "logit_bias",
    "logprobs",
    "top_logprobs",
    "seed",
    "stream",
    "stream_options",
    "tools",
    "tool_choice",
    "response_format",
    "metadata",
    "service_tier",
    "store",
    "reasoning_effort",
    "modalities",
)
for _name in _NULLABLE:
    SECTION.probe(
        f"null-{_name.replace('_', '-')}",
        f"{_name} may be null",
        {f"/{_name}": None},
        honoured(),
        level=Level.SHOULD,
        anchor=_name,
        why="Typed clients write null for what was not set.",
    )
SECTION.probe(
    "null-limits",
    "both bounds of the answer may be null",
    {"/max_tokens": None, "/max_completion_tokens": None, "/messages/0/content": "Say just: hello"},
    honoured(),
    level=Level.SHOULD,
    anchor="max_completion_tokens",
    why="Typed clients write null for what was not set.",
)
SECTION.probe(
    "limit-of-one",
    "an answer may be bounded to one token",
    {f"/{LIMIT}": 1},
    honoured(),
    anchor="max_completion_tokens",
    why="Classifiers and health checks ask for a single token.",
    level=Level.SHOULD,
)
