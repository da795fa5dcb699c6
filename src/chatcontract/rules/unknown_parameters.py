"""Request (CC212): parameters, and members of parameters, that the operation doesn't have."""

from collections.abc import Iterator, Mapping

from chatcontract import model_names
from chatcontract.asked_model import asked_model
from chatcontract.declare import SpecView, rule
from chatcontract.examples import request
from chatcontract.model import Basis, Finding, Part, Severity
from chatcontract.pointer import escape
from chatcontract.reading import Reading, members
from chatcontract.redact import short

_SCHEMA = "#/components/schemas/CreateChatCompletionRequest"
_SCHEMA_GOES = 'send {"type": "json_schema", "json_schema": {"name": …, "schema": …}}'
_PARAMETERS = frozenset(
    {"audio", "frequency_penalty", "function_call", "functions", "logit_bias", "logprobs",
     "max_completion_tokens", "max_tokens", "messages", "metadata", "modalities", "model", "moderation",
     "n", "parallel_tool_calls", "prediction", "presence_penalty", "prompt_cache_key",
     "prompt_cache_options", "prompt_cache_retention", "reasoning_effort", "response_format",
     "safety_identifier", "seed", "service_tier", "stop", "store", "stream", "stream_options",
     "temperature", "tool_choice", "tools", "top_logprobs", "top_p", "user", "verbosity",
     "web_search_options"}
)  # fmt: skip
_MAX_NAMED = 20
_MEMBERS: Mapping[str, frozenset[str]] = {
    "prompt_cache_options": frozenset({"mode", "ttl"}),
    "response_format": frozenset({"json_schema", "type"}),
    "stream_options": frozenset({"include_obfuscation", "include_usage"}),
}


@rule(
    "CC212",
    anchor=_SCHEMA,
    part=Part.REQUEST,
    severity=Severity.ERROR,
    basis=Basis.OBSERVED,
    source="https://github.com/nashsu/llm_wiki/issues/336",
    since="0.1",
    passes=[request({"/metadata": None}), request({"/messages/0/vendor": 1})],
    fails=[
        request({"/top_k": 5}),
        request({"/stream": True, "/stream_options": {"continuous_usage_stats": True}}),
        request({"/response_format": {"type": "text", "schema": {}}}),
    ],
    compatible=Severity.INFO,
)
def parameter_unknown(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """A parameter is none of this operation's.

    ## Why it matters
    The service refuses the whole request, also for members of `response_format`, `stream_options` and
    `prompt_cache_options` that it doesn't know (asked of OpenAI's models only). Inside messages and tools it lets
    unknown members pass.

    ## Known exceptions
    Other servers have parameters of their own: a note only where the request is known to go elsewhere. A
    parameter newer than this contract is reported, too. Of a response format in the flat form of another operation
    only the missing `json_schema` is reported.
    """
    if not _PARAMETERS.issuperset(reading.asked):
        lenient = model_names.lenient(reading.exchange.request)
        for name in [name for name in reading.asked if name not in _PARAMETERS][:_MAX_NAMED]:
            yield Finding(f"/{escape(name)}", f"{short(name, 80)} is no parameter of this operation", severity=lenient)
    holders = [name for name in _MEMBERS if name in reading.asked]
    if holders and model_names.is_known(reading.once(asked_model)):
        for holder in holders:
            given = members(reading.asked[holder])
            is_flat = given.get("type") == "json_schema" and "json_schema" not in given
            for name in [name for name in given if name not in _MEMBERS[holder] and not is_flat][:_MAX_NAMED]:
                said, hint = f"{short(name, 80)} is no member of {holder}", _SCHEMA_GOES if name == "schema" else ""
                yield Finding(f"/{holder}/{escape(name)}", said, hint=hint)
