"""Request (CC220 to CC227, CC277): what only some of OpenAI's models take; other models are passed over."""

from collections.abc import Iterator

from chatcontract import asked as asks
from chatcontract import model_names
from chatcontract.asked_model import asked_model
from chatcontract.declare import SpecView, rule
from chatcontract.examples import TOOL, request
from chatcontract.model import Basis, Finding, Part, Severity
from chatcontract.reading import Reading, items, members
from chatcontract.redact import short

_OF = "#/components/schemas/CreateChatCompletionRequest/properties/"
_JUDGED = frozenset({"none", "minimal", "low", "medium", "high", "xhigh", "max"})
_SURELY_REFUSED = frozenset({"none", "minimal", "xhigh"})
_SAMPLING = ("temperature", "top_p", "presence_penalty", "frequency_penalty")
_JSON_SCHEMA = {"type": "json_schema", "json_schema": {"name": "answer", "schema": {"type": "object"}}}
_JSON_OBJECT = {"/response_format": {"type": "json_object"}, "/messages/0/content": "Answer as JSON."}


@rule(
    "CC220",
    anchor="#/components/schemas/ReasoningEffort",
    part=Part.REQUEST,
    severity=Severity.ERROR,
    basis=Basis.OBSERVED,
    source="https://github.com/anomalyco/opencode/issues/4451",
    since="0.1",
    passes=[
        request({"/model": "gpt-5-mini", "/reasoning_effort": "minimal"}),
        request({"/model": "gpt-5.2", "/reasoning_effort": "xhigh"}),
        request({"/model": "o3", "/reasoning_effort": None}),
        request({"/model": "gpt-6-sol", "/reasoning_effort": "none"}),
    ],
    fails=[
        request({"/model": "gpt-5.1", "/reasoning_effort": "minimal"}),
        request({"/model": "gpt-5", "/reasoning_effort": "none"}),
        request({"/model": "o3", "/reasoning_effort": "xhigh"}),
        request({"/model": "gpt-5.1", "/reasoning_effort": None}),
        request({"/model": "gpt-5.2", "/reasoning_effort": "minimal"}),
        request({"/model": "gpt-5.6-sol", "/reasoning_effort": "max"}),
        request({"/model": "gpt-6-astra", "/reasoning_effort": "none"}),
    ],
    compatible=Severity.INFO,
    needs=("/reasoning_effort",),
)
def reasoning_effort_value(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """`reasoning_effort` has a value that the model doesn't take.

    ## Why it matters
    The service refuses it (`unsupported_value`). The o-series takes low to high, GPT-5 also minimal; GPT-5.1 has none
    in its place, GPT-5.2 and later also xhigh; GPT-6 Astra and GPT-6.1 can't do without. `max` belongs to another
    operation. Chat models of this generation reason with medium effort only.

    ## Known exceptions
    Models not named here are passed over. A warning only for null at GPT-5.1, for `max` before GPT-5.6 and at chat
    models: what is known of these rests on few reports.
    """
    effort, model = reading.asked.get("reasoning_effort", ""), reading.once(asked_model)
    taken = model_names.efforts(model)
    is_refused_null = effort is None and not model_names.takes_null_effort(model)
    is_judged = is_refused_null or (isinstance(effort, str) and effort in _JUDGED)
    if not taken or effort in taken or not is_judged:
        return
    is_sure = len(taken) > 1 and (effort in _SURELY_REFUSED or (effort == "max" and model_names.is_latest(model)))
    severity = None if is_sure or spec.profile == "compatible" else Severity.WARNING
    said = f"expected {' or '.join(taken)} for {short(model, 60)}, got {short(effort)}"
    yield Finding("/reasoning_effort", said, effort, severity=severity)


@rule(
    "CC221",
    anchor=_OF + "tools",
    part=Part.REQUEST,
    severity=Severity.ERROR,
    basis=Basis.OBSERVED,
    source="https://github.com/openai/openai-openapi/issues/541",
    since="0.1",
    passes=[
        request({"/model": "gpt-5.4", "/tools": [TOOL]}),
        request({"/model": "gpt-5.6-terra", "/tools": [TOOL], "/reasoning_effort": "none"}),
        request({"/model": "gpt-5.2", "/tools": [TOOL], "/reasoning_effort": "high"}),
    ],
    fails=[
        request({"/model": "gpt-5.4", "/tools": [TOOL], "/reasoning_effort": "medium"}),
        request({"/model": "gpt-5.6-terra", "/tools": [TOOL]}),
        request({"/model": "gpt-6-sol", "/tools": [TOOL], "/reasoning_effort": "low"}),
    ],
    compatible=Severity.INFO,
    needs=("/tools",),
)
def tools_beside_reasoning(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """Function tools are offered to a model that takes none while it reasons.

    ## Why it matters
    GPT-5.4 and later refuse the request and refer to another operation.

    ## Known exceptions
    GPT-5.4 and GPT-5.5 take tools where no effort is given, later models only where it is `none`. GPT-6 Astra and
    GPT-6.1 refuse that effort too, and so take no tools at all.
    """
    asked = reading.asked
    if not items(asked.get("tools")) or not model_names.refuses_tools(model := reading.once(asked_model), asked):
        return
    if any(tool.kind == "function" for tool in reading.in_request(asks.tools)):
        place = "reasoning_effort" if "reasoning_effort" in asked else "tools"
        said = f"{short(model, 60)} takes no function tools in this operation while it reasons"
        may_rest = "none" in (model_names.efforts(model) or ("none",))
        hint = 'set reasoning_effort to "none"' if may_rest else "ask another model: this one always reasons"
        yield Finding(f"/{place}", said, asked.get("reasoning_effort"), hint=hint)


@rule(
    "CC277",
    anchor=_OF + "tools",
    part=Part.REQUEST,
    severity=Severity.ERROR,
    basis=Basis.OBSERVED,
    source="https://github.com/sbintuitions/flexeval/pull/242",
    since="0.1",
    passes=[
        request({"/model": "gpt-5.1-chat-latest", "/tools": [TOOL]}),
        request({"/model": "gpt-5-chat-latest", "/tools": None}),
        request({"/model": "own-model", "/tools": [TOOL]}),
    ],
    fails=[
        request({"/model": name, "/tools": [TOOL]})
        for name in ("o1-mini", "gpt-4o-search-preview", "gpt-5-chat-latest", "chatgpt-4o-latest")
    ],
    compatible=Severity.INFO,
    needs=("/tools",),
)
def tools_unsupported(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """Tools are offered to a model that takes none.

    ## Why it matters
    The service refuses the request: the models of ChatGPT before GPT-5.1, the first of the o-series and the previews of
    search models call nothing. An agent that works with GPT-4o fails at its namesake chatgpt-4o-latest.

    ## Known exceptions
    Names that stand for changing models, such as chatgpt-4o-latest, are a warning.
    """
    tools, model = items(reading.asked.get("tools")), reading.once(asked_model)
    if tools and not model_names.takes_tools(model):
        is_mild = model_names.changes(model) and spec.profile != "compatible"
        said, severity = f"{short(model, 60)} takes no tools", Severity.WARNING if is_mild else None
        yield Finding("/tools", said, len(tools), hint="ask another model", severity=severity)


@rule(
    "CC222",
    anchor=_OF + "parallel_tool_calls",
    part=Part.REQUEST,
    severity=Severity.ERROR,
    basis=Basis.OBSERVED,
    source="https://github.com/evalstate/fast-agent/issues/279",
    since="0.1",
    passes=[
        request({"/model": "gpt-5-mini", "/tools": [TOOL], "/parallel_tool_calls": False}),
        request({"/model": "own-model", "/tools": [TOOL], "/parallel_tool_calls": True}),
    ],
    fails=[
        request({"/model": "o4-mini-2025-04-16", "/tools": [TOOL], "/parallel_tool_calls": value})
        for value in (False, True)
    ],
    compatible=Severity.INFO,
    needs=("/parallel_tool_calls",),
)
def parallel_calls_unsupported(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """`parallel_tool_calls` is sent to a model of the o-series.

    ## Why it matters
    These models refuse it, whatever the value (`unsupported_parameter`).

    ## Known exceptions
    None known.
    """
    given = reading.asked.get("parallel_tool_calls")
    if given is not None and not model_names.takes_parallel(model := reading.once(asked_model)):
        said = f"{short(model, 60)} takes no parallel_tool_calls"
        yield Finding("/parallel_tool_calls", said, given, hint="leave it out")


@rule(
    "CC223",
    anchor=_OF + "temperature",
    part=Part.REQUEST,
    severity=Severity.ERROR,
    basis=Basis.OBSERVED,
    source="https://github.com/crmne/ruby_llm/issues/155",
    since="0.1",
    passes=[
        request({"/model": "gpt-4o-search-preview", "/temperature": None, "/max_tokens": 5}),
        request({"/model": "gpt-5-search-api", "/temperature": 0.7}),
    ],
    fails=[
        request({"/model": "gpt-4o-mini-search-preview", "/temperature": 0}),
        request({"/model": "gpt-4o-search-preview-2025-03-11", "/top_p": 1, "/presence_penalty": 0}),
    ],
    compatible=Severity.INFO,
    needs=("sampled",),
)
def search_model_sampling(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """A parameter of sampling is sent to a model that searches.

    ## Why it matters
    The previews of search in GPT-4o refuse the request, whatever the value.

    ## Known exceptions
    None known.
    """
    if model_names.is_preview_of_search(model := reading.once(asked_model)):
        for name in [name for name in _SAMPLING if reading.asked.get(name) is not None]:
            said = f"{short(model, 60)} takes no {name}"
            yield Finding(f"/{name}", said, reading.asked[name], hint="leave it out")


@rule(
    "CC224",
    anchor=_OF + "response_format",
    part=Part.REQUEST,
    severity=Severity.ERROR,
    basis=Basis.OBSERVED,
    source="https://github.com/simonw/llm/issues/794",
    since="0.1",
    passes=[
        request({"/model": "gpt-4o-2024-08-06", "/response_format": _JSON_SCHEMA}),
        request({"/model": "chatgpt-4o-latest", "/response_format": _JSON_SCHEMA}),
        request({"/model": "gpt-4-turbo", **_JSON_OBJECT}),
    ],
    fails=[
        request({"/model": "gpt-4o-2024-05-13", "/response_format": _JSON_SCHEMA}),
        request({"/model": "gpt-3.5-turbo", "/response_format": _JSON_SCHEMA}),
        request({"/model": "gpt-4-0613", **_JSON_OBJECT}),
        request({"/model": "gpt-4o-search-preview", **_JSON_OBJECT}),
    ],
    compatible=Severity.INFO,
    needs=("/response_format",),
)
def response_format_unsupported(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """A response format is asked for that the model doesn't take.

    ## Why it matters
    Models before August 2024 and those made for sound refuse `json_schema`. GPT-4 and the previews of search models
    refuse `json_object`.

    ## Known exceptions
    Names that stand for changing models, such as chatgpt-4o-latest, are passed over.
    """
    kind, given = members(reading.asked.get("response_format")).get("type"), reading.asked.get("model")
    model = reading.once(asked_model)
    if model and not model_names.takes_format(model, kind, given):
        said = f"{short(given, 60)} takes no response_format {kind}"
        yield Finding("/response_format/type", said, kind, hint="ask another model")


@rule(
    "CC225",
    anchor=_OF + "verbosity",
    part=Part.REQUEST,
    severity=Severity.WARNING,
    basis=Basis.OBSERVED,
    source="https://github.com/google-deepmind/concordia/issues/164",
    since="0.1",
    passes=[
        request({"/model": "gpt-4o", "/verbosity": "medium"}),
        request({"/model": "gpt-5.1-chat-latest", "/verbosity": "high"}),
        request({"/model": "own-model", "/verbosity": "low"}),
    ],
    fails=[
        request({"/model": "gpt-4.1", "/verbosity": "low"}),
        request({"/model": "o3", "/verbosity": "high"}),
    ],
    compatible=Severity.INFO,
    needs=("/verbosity",),
)
def verbosity_unsupported(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """`verbosity` is changed at a model older than GPT-5, or at the chat model of GPT-5.

    ## Why it matters
    The service refuses any value but medium (`unsupported_value`).

    ## Known exceptions
    Chat models from GPT-5.1 on take it.
    """
    verbosity = reading.asked.get("verbosity")
    if verbosity in ("low", "high") and not model_names.takes_verbosity(model := reading.once(asked_model)):
        said = f"expected medium for {short(model, 60)}, got {verbosity}"
        yield Finding("/verbosity", said, verbosity, hint="leave it out")


@rule(
    "CC226",
    anchor=_OF + "model",
    part=Part.REQUEST,
    severity=Severity.ERROR,
    basis=Basis.OBSERVED,
    source="https://github.com/egoist/chatwise-releases/issues/1256",
    since="0.1",
    passes=[request({"/model": "gpt-5.3-chat-latest"}), request({"/model": "llama-3-8b-instruct"})],
    fails=[
        request({"/model": name})
        for name in (
            "gpt-5-codex",
            "o1-pro",
            "text-embedding-3-small",
            "gpt-4o-mini-realtime-preview",
            "gpt-5.4-pro",
            "gpt-4o-transcribe",
            "davinci-002",
        )
    ],
    compatible=Severity.INFO,
)
def model_not_for_chat(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The model takes no part in this operation.

    ## Why it matters
    The service answers 404: models of other operations, and some that only another operation for conversations has.

    ## Known exceptions
    The published document lists gpt-5.1-codex and gpt-5.2-pro for this operation; the service refuses them all the
    same: a warning for such models.
    """
    if not model_names.chats(model := reading.once(asked_model)):
        is_listed = model_names.is_listed(model) and spec.profile != "compatible"
        said, severity = f"{short(model, 60)} is no model of this operation", Severity.WARNING if is_listed else None
        yield Finding("/model", said, model, hint="ask a chat model", severity=severity)


@rule(
    "CC227",
    anchor=_OF + "max_completion_tokens",
    part=Part.REQUEST,
    severity=Severity.ERROR,
    basis=Basis.OBSERVED,
    source="https://github.com/ChatGPTNextWeb/NextChat/issues/3195",
    since="0.1",
    passes=[
        request({"/model": "gpt-3.5-turbo", "/max_tokens": 4096}),
        request({"/model": "gpt-3.5-turbo-16k", "/max_tokens": 8000}),
        request({"/model": "ft:gpt-4o-2024-08-06:acme::x1", "/max_tokens": 32000}),
    ],
    fails=[
        request({"/model": "gpt-4-turbo", "/max_tokens": 8192}),
        request({"/model": "gpt-4o", "/max_completion_tokens": 32000}),
    ],
    compatible=Severity.INFO,
    needs=("limited",),
)
def output_limit_above_model(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """More tokens are asked for than the model gives in one answer.

    ## Why it matters
    The service refuses the request, even where the answer would be short.

    ## Known exceptions
    Only models whose limit is known to be enforced are judged; fine-tuned ones are passed over.
    """
    given = reading.asked.get("model")
    longest = model_names.longest(reading.once(asked_model), given)
    for name in ("max_completion_tokens", "max_tokens") if longest else ():
        limit = reading.asked.get(name)
        if asks.is_whole(limit) and limit > longest:
            said = f"expected at most {longest} tokens of {short(given, 60)}, got {short(limit, 40)}"
            yield Finding(f"/{name}", said, limit)
