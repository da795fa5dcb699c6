"""Request (CC228, CC274, CC276, CC279): what OpenAI's newer models no longer take; others are passed over."""

from collections.abc import Iterator

from chatcontract import asked as asks
from chatcontract import model_names
from chatcontract.asked_model import asked_model
from chatcontract.declare import SpecView, rule
from chatcontract.examples import request
from chatcontract.model import Basis, Finding, Part, Severity
from chatcontract.reading import Reading, items, members
from chatcontract.redact import short

_MEASURED = "https://github.com/kangminlee-maker/local-OAuth-CLI-API-adapter/blob/main/docs/conformance-matrix.md"
_OF = "#/components/schemas/CreateChatCompletionRequest/properties/"
_MOST = {"n": 8, "top_logprobs": 5}
_ANSWERED = {"/messages/-": {"role": "function", "name": "f", "content": "4"}}
_VOICE = {"voice": "alloy", "format": "wav"}
_PREDICTED = {"type": "content", "content": "four"}
_MANY = {"/n": 9, "/logprobs": True, "/top_logprobs": 6, "/reasoning_effort": "none"}


@rule(
    "CC228",
    anchor=_OF + "prompt_cache_retention",
    part=Part.REQUEST,
    severity=Severity.WARNING,
    basis=Basis.OBSERVED,
    source=_MEASURED,
    since="0.1",
    passes=[
        request({"/model": "gpt-5.4", "/prompt_cache_retention": "in_memory"}),
        request({"/model": "gpt-5.6-sol", "/prompt_cache_retention": "24h"}),
    ],
    fails=[request({"/model": name, "/prompt_cache_retention": "in_memory"}) for name in ("gpt-5.5", "gpt-5.6-terra")],
    compatible=Severity.INFO,
    needs=("/prompt_cache_retention",),
)
def cache_retention_unsupported(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """A prompt is to be cached in memory only, by a model that doesn't offer it.

    ## Why it matters
    GPT-5.5, GPT-5.6 and GPT-6 refuse the request: they keep prefixes for a day.

    ## Known exceptions
    Models newer than these are passed over.
    """
    model = reading.once(asked_model)
    if reading.asked.get("prompt_cache_retention") == "in_memory" and not model_names.caches_in_memory(model):
        said = f"{short(model, 60)} doesn't cache in memory only"
        yield Finding("/prompt_cache_retention", said, "in_memory", hint='send "24h", or leave it out')


@rule(
    "CC274",
    anchor="#/components/schemas/ChatCompletionRequestFunctionMessage",
    part=Part.REQUEST,
    severity=Severity.ERROR,
    basis=Basis.OBSERVED,
    source="https://github.com/TheR1D/shell_gpt/issues/717",
    since="0.1",
    passes=[request({"/model": "gpt-4o", **_ANSWERED}), request({"/model": "own-model", **_ANSWERED})],
    fails=[request({"/model": name, **_ANSWERED}) for name in ("o3-mini", "gpt-5", "gpt-6-sol")],
    compatible=Severity.INFO,
    needs=("legacy",),
)
def function_message_unsupported(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """A function message is sent to a reasoning model.

    ## Why it matters
    These models refuse the request (`unsupported_value`): they take answers of tools only.

    ## Known exceptions
    None known.
    """
    if not model_names.reasons(model := reading.once(asked_model)):
        return
    for at, message in reading.messages:
        if message.get("role") == "function":
            said = f"{short(model, 60)} takes no message of role function"
            yield Finding(f"/messages/{at}/role", said, "function", hint="use tools and messages of role tool")


@rule(
    "CC276",
    anchor="#/components/schemas/CreateChatCompletionRequest",
    part=Part.REQUEST,
    severity=Severity.WARNING,
    basis=Basis.OBSERVED,
    source=_MEASURED,
    since="0.1",
    passes=[
        request({"/model": "gpt-5.6-sol", "/n": 8}),
        request({"/model": "gpt-4o", "/n": 9, "/logprobs": True, "/top_logprobs": 20}),
        request({"/model": "gpt-4.1", "/prediction": _PREDICTED}),
    ],
    fails=[
        request({"/model": "gpt-5.6-sol", **_MANY}),
        request({"/model": "gpt-5.6-sol", "/prediction": _PREDICTED}),
        request({"/model": "gpt-5.6-sol", "/modalities": ["text", "audio"], "/audio": _VOICE}),
    ],
    compatible=Severity.INFO,
    needs=("enlarged",),
)
def latest_model_parameter(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """GPT-5.6 or GPT-6 is sent a parameter that it takes only in a smaller size, or not at all.

    ## Why it matters
    The service refuses the request: these models give at most eight choices and the five likeliest tokens, take no
    `prediction`, and know of no sound.

    ## Known exceptions
    It was seen at GPT-5.6 only.
    """
    asked = reading.asked
    if not model_names.is_latest(model := reading.once(asked_model)):
        return
    for name, most in _MOST.items():
        if asks.is_whole(given := asked.get(name)) and given > most:
            yield Finding(f"/{name}", f"expected at most {most} for {short(model, 60)}, got {short(given, 40)}", given)
    untaken = [name for name in ("audio", "prediction") if members(asked.get(name))]
    if "audio" in items(asked.get("modalities")):
        untaken.append("modalities")
    for name in untaken:
        yield Finding(f"/{name}", f"{short(model, 60)} takes no {name}", hint="leave it out")


@rule(
    "CC279",
    anchor=_OF + "prediction",
    part=Part.REQUEST,
    severity=Severity.WARNING,
    basis=Basis.DOCUMENTED,
    source="https://developers.openai.com/api/docs/guides/predicted-outputs",
    since="0.1",
    passes=[
        request({"/model": name, "/prediction": _PREDICTED})
        for name in ("gpt-4o-mini-2024-07-18", "gpt-4.1-nano", "ft:gpt-4o-2024-08-06:acme::x1", "own-model")
    ],
    fails=[request({"/model": name, "/prediction": _PREDICTED}) for name in ("gpt-5.2", "o3", "gpt-3.5-turbo")],
    compatible=Severity.INFO,
    needs=("/prediction",),
)
def prediction_unsupported(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """`prediction` is sent to a model for which predicted output isn't offered.

    ## Why it matters
    The guide names GPT-4o, GPT-4.1 and their small ones alone. Elsewhere a prediction is refused or brings nothing.

    ## Known exceptions
    GPT-5.6 and later are reported by `latest-model-parameter`.
    """
    model = reading.once(asked_model)
    if members(reading.asked.get("prediction")) and not (model_names.predicts(model) or model_names.is_latest(model)):
        yield Finding("/prediction", f"{short(model, 60)} offers no predicted output", hint="leave it out")
