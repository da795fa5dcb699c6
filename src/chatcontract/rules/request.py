"""Request (CC201 to CC208, CC211, CC213): single parameters, and parameters that depend on each other."""

from collections.abc import Iterator
from functools import cache

from chatcontract import asked as asks
from chatcontract import model_names
from chatcontract.asked_model import asked_model
from chatcontract.declare import SpecView, rule
from chatcontract.examples import TOOL, request
from chatcontract.model import Basis, Finding, Part, Severity
from chatcontract.pointer import escape
from chatcontract.reading import Reading, items, members
from chatcontract.redact import short

_API = "https://developers.openai.com/api/reference/resources/chat/subresources/completions/methods/create"
_GUIDE = "https://developers.openai.com/api/docs/guides/"
_SCHEMA = "#/components/schemas/CreateChatCompletionRequest"
_OF = _SCHEMA + "/properties/"


@rule(
    "CC201",
    anchor=_OF + "model",
    part=Part.REQUEST,
    severity=Severity.ERROR,
    basis=Basis.OBSERVED,
    source="https://github.com/lss233/kirara-ai/issues/800",
    since="0.1",
    passes=[request(), request({"/model": "my/own:model"})],
    fails=[request({"/model": ""}), request({"/model": " "})],
)
def model_empty(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """`model` is an empty text.

    ## Why it matters
    The service refuses the request as if no model had been named at all.

    ## Known exceptions
    Servers with a single model often ignore the member.
    """
    model = reading.asked.get("model")
    if isinstance(model, str) and not model.strip():
        yield Finding("/model", "expected the id of a model, got an empty text", model)


@rule(
    "CC202",
    anchor=_OF + "max_completion_tokens",
    part=Part.REQUEST,
    severity=Severity.ERROR,
    basis=Basis.OBSERVED,
    source=_API,
    since="0.1",
    passes=[request({"/model": "gpt-4o", "/max_tokens": 1}), request({"/max_completion_tokens": None})],
    fails=[request({"/model": "gpt-4o", "/max_tokens": 0}), request({"/max_completion_tokens": -1})],
    compatible=Severity.WARNING,
    needs=("limited",),
)
def output_limit_below_one(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The limit of generated tokens is less than one.

    ## Why it matters
    The service refuses it (`integer_below_min_value`). Libraries that write -1 for "no limit" fail here.

    ## Known exceptions
    Some local servers read -1 as "no limit": a warning in profile `compatible`.
    """
    for name in ("max_completion_tokens", "max_tokens"):
        limit = reading.asked.get(name)
        if asks.is_whole(limit) and limit < 1:
            hint = "leave it out for no limit"
            yield Finding(f"/{name}", f"expected {name} of at least 1, got {short(limit, 40)}", limit, hint=hint)


@rule(
    "CC203",
    anchor=_OF + "max_tokens",
    part=Part.REQUEST,
    severity=Severity.ERROR,
    basis=Basis.OBSERVED,
    source="https://github.com/langchain-ai/langgraph/issues/5943",
    since="0.1",
    passes=[
        request({"/model": "gpt-4o", "/max_tokens": 5}),
        request({"/max_tokens": None, "/max_completion_tokens": 5}),
    ],
    fails=[request({"/model": "gpt-4o", "/max_tokens": 5, "/max_completion_tokens": 5})],
    compatible=Severity.WARNING,
    needs=("/max_tokens", "/max_completion_tokens"),
)
def output_limits_together(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """`max_tokens` and `max_completion_tokens` are both given.

    ## Why it matters
    The service refuses the combination, whatever the values.

    ## Known exceptions
    None known.
    """
    asked = reading.asked
    if asked.get("max_tokens") is not None and asked.get("max_completion_tokens") is not None:
        yield Finding(
            "/max_tokens",
            "stands beside max_completion_tokens, only one may be given",
            hint="drop max_tokens",
        )


@rule(
    "CC204",
    anchor=_OF + "top_logprobs",
    part=Part.REQUEST,
    severity=Severity.ERROR,
    basis=Basis.DOCUMENTED,
    source=_API,
    since="0.1",
    passes=[request({"/top_logprobs": 2, "/logprobs": True}), request({"/top_logprobs": None})],
    fails=[request({"/top_logprobs": 2}), request({"/top_logprobs": 2, "/logprobs": False})],
    compatible=Severity.WARNING,
    needs=("/top_logprobs",),
)
def top_logprobs_without_logprobs(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """`top_logprobs` is given without `logprobs: true`.

    ## Why it matters
    The service refuses it; servers that accept it return no log probabilities.

    ## Known exceptions
    Zero asks for nothing, and is a warning only.
    """
    count = reading.asked.get("top_logprobs")
    if asks.is_whole(count) and reading.asked.get("logprobs") in (None, False):
        severity = None if count else Severity.WARNING
        yield Finding("/top_logprobs", "is given, but logprobs is not true", count, severity=severity)


@rule(
    "CC205",
    anchor=_OF + "stream_options",
    part=Part.REQUEST,
    severity=Severity.ERROR,
    basis=Basis.DOCUMENTED,
    source="https://github.com/BerriAI/litellm/issues/5803",
    since="0.1",
    passes=[
        request({"/stream_options": {"include_usage": True}, "/stream": True}),
        request({"/stream_options": None}),
    ],
    fails=[
        request({"/stream_options": {"include_usage": True}}),
        request({"/stream_options": {}, "/stream": False}),
    ],
    compatible=Severity.WARNING,
    needs=("/stream_options",),
)
def stream_options_without_stream(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """`stream_options` is given for an answer that is not streamed.

    ## Why it matters
    The service refuses it.

    ## Known exceptions
    None known.
    """
    asked = reading.asked
    if isinstance(asked.get("stream_options"), dict) and asked.get("stream") in (None, False):
        yield Finding("/stream_options", "is given, but stream is not true", hint="drop stream_options, or stream")


@rule(
    "CC206",
    anchor="#/components/schemas/ResponseFormatJsonObject",
    part=Part.REQUEST,
    severity=Severity.ERROR,
    basis=Basis.OBSERVED,
    source="https://github.com/ultimatejimmy/xray.koplugin/issues/33",
    since="0.1",
    passes=[
        request({"/response_format": {"type": "json_object"}, "/messages/0/content": "Answer as Json."}),
        request(
            {
                "/response_format": {"type": "json_object"},
                "/messages/0/content": [{"type": "text", "text": "JSON?"}],
            }
        ),
        request({"/response_format": {"type": "text"}}),
    ],
    fails=[request({"/response_format": {"type": "json_object"}})],
    compatible=Severity.INFO,
    needs=("/response_format",),
)
def json_word_missing(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """`json_object` is asked for, but no message contains the word JSON.

    ## Why it matters
    The service refuses the request: without the word, a model may write white space until it is cut off.

    ## Known exceptions
    Other servers don't ask for the word.
    """
    if members(reading.asked.get("response_format")).get("type") != "json_object" or not reading.messages:
        return
    if not any("json" in text.lower() for text in asks.texts(reading.asked)):
        said = "no message contains the word JSON, which response_format json_object requires"
        yield Finding("/messages", said, severity=model_names.lenient(reading.exchange.request))


@rule(
    "CC207",
    anchor=_OF + "temperature",
    part=Part.REQUEST,
    severity=Severity.INFO,
    basis=Basis.DOCUMENTED,
    source=_API,
    since="0.1",
    passes=[request({"/temperature": 0.2, "/top_p": 1})],
    fails=[request({"/temperature": 0.2, "/top_p": 0.5})],
    needs=("/temperature", "/top_p"),
)
def sampling_changed_twice(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """`temperature` and `top_p` are both changed.

    ## Why it matters
    Their effects mix; the reference advises to change one of them.

    ## Known exceptions
    Deliberate use is legal.
    """
    both = [reading.asked.get(name) for name in ("temperature", "top_p")]
    if all(asks.is_number(value) and value != 1 for value in both):
        yield Finding("/top_p", f"changed to {short(both[1], 40)} while temperature is {short(both[0], 40)}", both[1])


@rule(
    "CC208",
    anchor=_SCHEMA,
    part=Part.REQUEST,
    severity=Severity.INFO,
    basis=Basis.DOCUMENTED,
    source=_API,
    since="0.1",
    passes=[request(), request({"/seed": None})],
    fails=[
        request({"/user": "u1"}),
        request({"/model": "gpt-4o", "/messages/-": {"role": "function", "name": "f", "content": "4"}}),
    ],
)
def deprecated_member(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """A member or role is deprecated.

    ## Why it matters
    Newer models refuse some of them, and each has a replacement.

    ## Known exceptions
    Servers that lag behind know the old names only.
    """
    places = spec.deprecated.get("request", frozenset())
    if not _names(places).isdisjoint(reading.asked):
        for name, value in reading.asked.items():
            if value is not None and f"/{name}" in places:
                yield Finding(f"/{escape(name)}", f"{name} is deprecated")
    for at, message in reading.messages if "legacy" in reading.request_traits else ():
        if message.get("function_call") is not None and "/messages/*/function_call" in places:
            yield Finding(f"/messages/{at}/function_call", "function_call is deprecated", hint="send tool_calls")
        if message.get("role") == "function":
            yield Finding(f"/messages/{at}/role", "the role function is deprecated", hint="send role tool")


@cache
def _names(places: frozenset[str]) -> frozenset[str]:
    return frozenset(place[1:] for place in places)


@rule(
    "CC211",
    anchor=_OF + "prediction",
    part=Part.REQUEST,
    severity=Severity.WARNING,
    basis=Basis.DOCUMENTED,
    source=_GUIDE + "predicted-outputs",
    since="0.1",
    passes=[
        request({"/prediction": {"type": "content", "content": "x"}, "/n": 1, "/tools": []}),
        request({"/n": 2}),
    ],
    fails=[
        request({"/prediction": {"type": "content", "content": "x"}, **other})
        for other in ({"/n": 2}, {"/tools": [TOOL]}, {"/presence_penalty": 0.5})
    ],
    needs=("/prediction",),
)
def prediction_conflict(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """`prediction` stands beside a parameter that it excludes.

    ## Why it matters
    The guide names what predicted output doesn't go with; the service refuses the request.

    ## Known exceptions
    None known.
    """
    asked = reading.asked
    if not isinstance(asked.get("prediction"), dict):
        return
    conflicts = {
        "n": asks.is_whole(asked.get("n")) and asked["n"] > 1,
        "logprobs": asked.get("logprobs") is True,
        "presence_penalty": asks.is_number(asked.get("presence_penalty")) and asked["presence_penalty"] > 0,
        "frequency_penalty": asks.is_number(asked.get("frequency_penalty")) and asked["frequency_penalty"] > 0,
        "audio": isinstance(asked.get("audio"), dict),
        "modalities": "audio" in items(asked.get("modalities")),
        "max_completion_tokens": asked.get("max_completion_tokens") is not None,
        "tools": bool(items(asked.get("tools"))),
    }
    for name in [name for name, is_met in conflicts.items() if is_met]:
        yield Finding(f"/{name}", f"{name} does not go with prediction", hint=f"drop {name} or prediction")


@rule(
    "CC213",
    anchor=_OF + "metadata",
    part=Part.REQUEST,
    severity=Severity.ERROR,
    basis=Basis.OBSERVED,
    source="https://github.com/tmc/langchaingo/issues/1484",
    since="0.1",
    passes=[
        request({"/metadata": {"a": "b"}, "/store": True}),
        request({"/metadata": None}),
        request({"/metadata": {}}),
    ],
    fails=[request({"/metadata": {"a": "b"}}), request({"/metadata": {"a": "b"}, "/store": False})],
    compatible=Severity.INFO,
    needs=("/metadata",),
)
def metadata_without_store(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """`metadata` is given for a completion that is not stored.

    ## Why it matters
    The service refuses it: metadata belong to stored completions.

    ## Known exceptions
    GPT-5.6 and later were seen to take it: a warning. Gateways use metadata for their own accounting.
    """
    asked = reading.asked
    if isinstance(asked.get("metadata"), dict) and asked["metadata"] and asked.get("store") in (None, False):
        hint, lenient = "set store to true, or drop metadata", model_names.lenient(reading.exchange.request)
        if lenient is None and spec.profile != "compatible" and model_names.is_latest(reading.once(asked_model)):
            lenient = Severity.WARNING
        yield Finding("/metadata", "is given, but store is not true", hint=hint, severity=lenient)
