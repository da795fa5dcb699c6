"""Request (CC230 to CC239): what OpenAI's models don't take; any other model is passed over."""

from collections.abc import Iterator, Mapping

from chatcontract import asked as asks
from chatcontract import model_names
from chatcontract.asked_model import asked_model
from chatcontract.declare import SpecView, rule
from chatcontract.examples import request
from chatcontract.model import JSON, Basis, Finding, Part, Severity
from chatcontract.reading import Reading, items, members
from chatcontract.redact import short

_API = "https://developers.openai.com/api/reference/resources/chat/subresources/completions/methods/create"
_GUIDE = "https://developers.openai.com/api/docs/guides/"
_OF = "#/components/schemas/CreateChatCompletionRequest/properties/"
_CONTENT = "#/components/schemas/ChatCompletionRequestMessageContentPart"
_PLAIN = {"temperature": 1, "top_p": 1, "presence_penalty": 0, "frequency_penalty": 0}
_WITHOUT_REASONING = frozenset({"temperature", "top_p", "logprobs"})
_SOUND = {"type": "input_audio", "input_audio": {"data": "UklGRiQA", "format": "wav"}}
_IMAGE = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}


@rule(
    "CC230",
    anchor=_OF + "max_tokens",
    part=Part.REQUEST,
    severity=Severity.ERROR,
    basis=Basis.DOCUMENTED,
    source=_API,
    since="0.1",
    passes=[
        request({"/model": "gpt-4o", "/max_tokens": 5}),
        request({"/model": "o3", "/max_completion_tokens": 5}),
        request({"/model": "gpt-5-chat-latest", "/max_tokens": 5}),
    ],
    fails=[request({"/model": "o3-mini", "/max_tokens": 5}), request({"/max_tokens": 5})],
    compatible=Severity.INFO,
    needs=("/max_tokens",),
)
def max_tokens_unsupported(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """`max_tokens` is sent to a reasoning model.

    ## Why it matters
    Models of the o-series and after refuse it (`unsupported_parameter`).

    ## Known exceptions
    Chat models of the fifth generation are passed over.
    """
    if reading.asked.get("max_tokens") is not None and model_names.reasons(model := reading.once(asked_model)):
        yield Finding("/max_tokens", f"{short(model, 60)} takes no max_tokens", hint="send max_completion_tokens")


@rule(
    "CC231",
    anchor=_OF + "temperature",
    part=Part.REQUEST,
    severity=Severity.ERROR,
    basis=Basis.DOCUMENTED,
    source=_GUIDE + "reasoning",
    since="0.1",
    passes=[
        request({"/model": "o3", "/temperature": 1}),
        request({"/model": "gpt-5.1", "/temperature": 0.7}),
        request({"/model": "gpt-5.2", "/temperature": 0.7, "/reasoning_effort": "none"}),
        request({"/model": "gpt-5.6-sol", "/presence_penalty": 0.5, "/reasoning_effort": "none"}),
        request({"/model": "gpt-4o", "/temperature": 0.7, "/logprobs": True}),
    ],
    fails=[
        request({"/model": "o3", "/temperature": 0.7}),
        request({"/model": "gpt-5-mini", "/logprobs": True}),
        request({"/model": "gpt-5.2", "/temperature": 0.2, "/reasoning_effort": "high"}),
        request({"/model": "gpt-5.6-sol", "/top_p": 0.5}),
        request({"/model": "gpt-5.6-sol", "/presence_penalty": 0.5}),
        request({"/model": "gpt-6-sol", "/logit_bias": {"1": 1}, "/reasoning_effort": "none"}),
    ],
    compatible=Severity.INFO,
    needs=("sampled",),
)
def sampling_unsupported(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """Sampling is changed, or log probabilities are asked for, at a reasoning model.

    ## Why it matters
    These models refuse anything but the defaults.

    ## Known exceptions
    From GPT-5.1 on `temperature`, `top_p` and `logprobs` are accepted where the model doesn't reason, from GPT-5.6 on
    also the penalties, but no `logit_bias`; these reason unless told not to.
    """
    asked = reading.asked
    model = reading.once(asked_model)
    for name in _refused(asked, model):
        yield Finding(f"/{name}", f"{short(model, 60)} takes no {name} but the default", asked[name])


def _refused(asked: Mapping[str, JSON], model: str) -> Iterator[str]:
    is_told, is_latest = model_names.is_told_to_reason(model, asked), model_names.is_latest(model)
    is_fixed = not model_names.samples_freely(model)
    for name in _changed(asked) if is_told or is_fixed else ():
        if is_fixed or is_latest or name in _WITHOUT_REASONING:
            yield name
    if members(asked.get("logit_bias")) and (is_latest or is_fixed):
        yield "logit_bias"


def _changed(asked: Mapping[str, JSON]) -> list[str]:
    changed = [name for name, plain in _PLAIN.items() if asks.is_number(asked.get(name)) and asked[name] != plain]
    return [*changed, "logprobs"] if asked.get("logprobs") is True else changed


@rule(
    "CC232",
    anchor="#/components/schemas/StopConfiguration",
    part=Part.REQUEST,
    severity=Severity.ERROR,
    basis=Basis.DOCUMENTED,
    source=_API,
    since="0.1",
    passes=[request({"/model": "o3-mini", "/stop": ["x"]}), request({"/model": "o3", "/stop": None})],
    fails=[
        request({"/model": "o4-mini-2025-04-16", "/stop": "x"}),
        request({"/stop": ["x"]}),
        request({"/model": "gpt-4o-search-preview", "/stop": ["x"]}),
    ],
    compatible=Severity.INFO,
    needs=("/stop",),
)
def stop_unsupported(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """`stop` is sent to a model that takes none.

    ## Why it matters
    Reasoning models refuse it, an empty list included: the reference names o3 and o4-mini, GPT-5 does so too, and so do
    the previews of search models.

    ## Known exceptions
    o3-mini takes it. Of GPT-5.5 and later both is told: a warning only.
    """
    if reading.asked.get("stop") is not None and not model_names.takes_stop(model := reading.once(asked_model)):
        is_mild = model_names.may_take_stop(model) and spec.profile != "compatible"
        said, severity = f"{short(model, 60)} takes no stop", Severity.WARNING if is_mild else None
        yield Finding("/stop", said, reading.asked["stop"], hint="leave stop out", severity=severity)


@rule(
    "CC233",
    anchor="#/components/schemas/ChatCompletionRequestSystemMessage",
    part=Part.REQUEST,
    severity=Severity.ERROR,
    basis=Basis.OBSERVED,
    source="https://github.com/microsoft/agent-framework/issues/1077",
    since="0.1",
    passes=[request({"/model": "o3-mini", "/messages/0/role": "system"}), request({"/model": "o1-mini"})],
    fails=[request({"/model": "o1-mini", "/messages/0/role": role}) for role in ("system", "developer")],
    compatible=Severity.INFO,
    needs=("instructed",),
)
def role_unsupported(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """Instructions are sent to a model that takes only user and assistant messages.

    ## Why it matters
    o1-mini and o1-preview refuse the request (`unsupported_value`).

    ## Known exceptions
    None known.
    """
    model = reading.once(asked_model)
    if model_names.takes_instructions(model):
        return
    for at, message in reading.messages:
        if message.get("role") in ("system", "developer"):
            said = f"{short(model, 60)} takes no message of role {message['role']}"
            yield Finding(f"/messages/{at}/role", said, message["role"], hint="put it into the first user message")


@rule(
    "CC234",
    anchor="#/components/schemas/ReasoningEffort",
    part=Part.REQUEST,
    severity=Severity.ERROR,
    basis=Basis.OBSERVED,
    source="https://github.com/davidmigloz/langchain_dart/issues/712",
    since="0.1",
    passes=[request({"/reasoning_effort": "low"}), request({"/model": "gpt-4o", "/reasoning_effort": None})],
    fails=[
        request({"/model": "gpt-4o-mini", "/reasoning_effort": "low"}),
        request({"/model": "gpt-5-chat-latest", "/reasoning_effort": "low"}),
    ],
    compatible=Severity.INFO,
    needs=("/reasoning_effort",),
)
def reasoning_effort_unsupported(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """`reasoning_effort` is sent to a model that doesn't reason.

    ## Why it matters
    The service refuses it as unknown or unsupported; the chat model of GPT-5 and o1-mini don't take it either.

    ## Known exceptions
    gpt-5-chat-latest is a warning: the name stands for changing models.
    """
    effort, model = reading.asked.get("reasoning_effort"), reading.once(asked_model)
    if effort is not None and not model_names.has_effort(model):
        is_mild = model.startswith("gpt-5") and spec.profile != "compatible"
        said, severity = f"{short(model, 60)} takes no reasoning_effort", Severity.WARNING if is_mild else None
        yield Finding("/reasoning_effort", said, effort, hint="leave it out, or send null", severity=severity)


@rule(
    "CC235",
    anchor=_CONTENT + "Audio",
    part=Part.REQUEST,
    severity=Severity.ERROR,
    basis=Basis.OBSERVED,
    source="https://github.com/openai/openai-python/issues/2454",
    since="0.1",
    passes=[
        request({"/model": "gpt-audio-mini", "/messages/0/content": [_SOUND]}),
        request({"/model": "qwen-omni", "/messages/0/content": [_SOUND]}),
    ],
    fails=[request({"/model": "gpt-4o", "/messages/0/content": [_SOUND]})],
    compatible=Severity.INFO,
    needs=("/messages/*/content/*",),
)
def audio_input_unsupported(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """A sound recording is sent to a model that takes none.

    ## Why it matters
    The service refuses the message: models that aren't made for sound take text, images and files.

    ## Known exceptions
    None known.
    """
    model = reading.once(asked_model)
    if model and model_names.is_deaf(model):
        yield from _parts_refused(reading, "input_audio", f"{short(model, 60)} takes no input_audio")


@rule(
    "CC236",
    anchor=_CONTENT + "Image",
    part=Part.REQUEST,
    severity=Severity.ERROR,
    basis=Basis.OBSERVED,
    source="https://github.com/vllm-project/vllm/issues/11629",
    since="0.1",
    passes=[
        request({"/model": "gpt-4-turbo", "/messages/0/content": [_IMAGE]}),
        request({"/model": "gpt-4-vision-preview", "/messages/0/content": [_IMAGE]}),
    ],
    fails=[
        request({"/model": "gpt-3.5-turbo", "/messages/0/content": [_IMAGE]}),
        request({"/model": "gpt-audio-mini", "/messages/0/content": [_SOUND, _IMAGE]}),
    ],
    compatible=Severity.INFO,
    needs=("/messages/*/content/*",),
)
def image_input_unsupported(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """An image is sent to a model that takes none.

    ## Why it matters
    The service refuses the message: only certain models see.

    ## Known exceptions
    None known.
    """
    model = reading.once(asked_model)
    if model and model_names.is_blind(model):
        yield from _parts_refused(reading, "image_url", f"{short(model, 60)} takes no image_url")


def _parts_refused(reading: Reading, kind: str, message: str) -> Iterator[Finding]:
    for part in reading.in_request(asks.parts):
        if part.role == "user" and part.value.get("type") == kind and isinstance(part.value.get(kind), dict):
            yield Finding(f"{part.pointer}/type", message, kind, hint="ask another model")


@rule(
    "CC237",
    anchor=_OF + "modalities",
    part=Part.REQUEST,
    severity=Severity.ERROR,
    basis=Basis.OBSERVED,
    source="https://github.com/CherryHQ/cherry-studio/issues/1179",
    since="0.1",
    passes=[
        request({"/model": "gpt-audio", "/messages/0/content": [_SOUND], "/modalities": ["text"]}),
        request({
            "/model": "gpt-4o-audio-preview", "/modalities": ["text", "audio"],
            "/audio": {"voice": "alloy", "format": "wav"},
        }),
        request({"/model": "gpt-audio", "/messages/0": {"role": "assistant", "audio": {"id": "audio_1"}}}),
    ],
    fails=[request({"/model": "gpt-audio"})],
    compatible=Severity.INFO,
)  # fmt: skip
def audio_absent(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """A model made for sound neither gets nor is asked for any.

    ## Why it matters
    The service refuses the request, naming `model`.

    ## Known exceptions
    None known.
    """
    asked = reading.asked
    model = reading.once(asked_model)
    if not model_names.speaks(model) or "audio" in items(asked.get("modalities")) or not reading.messages:
        return
    heard = any(part.value.get("type") == "input_audio" for part in reading.in_request(asks.parts))
    if not heard and not any(message.get("audio") for _, message in reading.messages):
        yield Finding("/model", f"{short(model, 60)} needs sound in the messages or in the answer", model)


@rule(
    "CC238",
    anchor=_OF + "web_search_options",
    part=Part.REQUEST,
    severity=Severity.ERROR,
    basis=Basis.DOCUMENTED,
    source=_GUIDE + "tools-web-search",
    since="0.1",
    passes=[request({"/model": "gpt-4o-search-preview", "/web_search_options": {}})],
    fails=[request({"/web_search_options": {}})],
    compatible=Severity.INFO,
    needs=("/web_search_options",),
)
def web_search_unsupported(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """`web_search_options` is sent to a model that doesn't search.

    ## Why it matters
    Only search models take the parameter in this operation; the others refuse it.

    ## Known exceptions
    None known.
    """
    if reading.asked.get("web_search_options") is not None and not model_names.searches(
        model := reading.once(asked_model)
    ):
        yield Finding("/web_search_options", f"{short(model, 60)} does not search", hint="ask a search model")


@rule(
    "CC239",
    anchor="#/components/schemas/ChatCompletionRequestDeveloperMessage",
    part=Part.REQUEST,
    severity=Severity.WARNING,
    basis=Basis.DOCUMENTED,
    source=_GUIDE + "reasoning",
    since="0.1",
    passes=[
        request({"/model": "gpt-4o", "/messages/-": {"role": "system", "content": "x"}}),
        request({"/messages/-": {"role": "developer", "content": "x"}}),
    ],
    fails=[
        request({"/messages/0/role": "developer", "/messages/-": {"role": "system", "content": "x"}}),
    ],
    compatible=Severity.INFO,
    needs=("instructed",),
)
def instruction_roles_mixed(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """System and developer messages are mixed at a reasoning model.

    ## Why it matters
    These models read system as developer; the guide says to use one of the two.

    ## Known exceptions
    Models that don't reason take both.
    """
    if not model_names.reasons(reading.once(asked_model)):
        return
    roles = [(at, message.get("role")) for at, message in reading.messages]
    used = [(at, role) for at, role in roles if role in ("system", "developer")]
    if len(used) > 1:
        for at, role in [(at, role) for at, role in used if role != used[0][1]]:
            yield Finding(f"/messages/{at}/role", f"{role} stands beside {used[0][1]}, use one of the two", role)
