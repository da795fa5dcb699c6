"""Usage (CC5): the arithmetic of tokens."""

from collections.abc import Iterator

from chatcontract.completeness import is_complete
from chatcontract.declare import SpecView, rule
from chatcontract.examples import GONE, Changes, logged, response, stream, token
from chatcontract.model import JSON, Basis, Finding, Part, Severity
from chatcontract.pointer import escape
from chatcontract.reading import Reading, members
from chatcontract.redact import short
from chatcontract.tokens import token_lists
from chatcontract.toolcalls import has_call

_API = "https://developers.openai.com/api/reference/resources/chat/subresources/completions/methods/create"
_USAGE = "#/components/schemas/CompletionUsage/properties"
_UNDERCOUNTS = "https://github.com/mozilla-ai/any-llm/issues/1290"
_COUNTS = ("prompt_tokens", "completion_tokens", "total_tokens")
_LOGGED = logged(token("Fo"), token("ur"), token("."))
_DETAILS = ("prompt_tokens_details", "completion_tokens_details")


def _usage(reading: Reading) -> dict[str, JSON]:
    return members(reading.completion.get("usage"))


def _count(holder: dict[str, JSON], name: str) -> int | None:
    """The number of tokens, however a whole number is written; None where there is none."""
    value = holder.get(name)
    if type(value) is int:
        return value
    return int(value) if isinstance(value, float) and value.is_integer() else None


def _using(prompt: int = 14, completion: int = 3, **rest: JSON) -> Changes:
    return {
        "/usage": {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
            **rest,
        }
    }


@rule(
    "CC501",
    anchor="#/components/schemas/CompletionUsage/properties/total_tokens",
    part=Part.RESPONSE,
    severity=Severity.ERROR,
    basis=Basis.DOCUMENTED,
    source=_UNDERCOUNTS,
    since="0.1",
    needs=("uncounted",),
    passes=[response(), response({"/usage": GONE})],
    fails=[response({"/usage/total_tokens": 6})],
    breaks=[("crewAI, clarifai", "bill too few tokens")],
)
def usage_total_mismatch(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """`total_tokens` is not the sum of prompt and completion tokens.

    ## Why it matters
    Cost accounting adds the parts, quota accounting reads the total: the two disagree.

    ## Known exceptions
    Servers that count reasoning apart from completion tokens report a larger total: a warning in profile
    `compatible` where the reasoning makes up the difference, or nothing tells how much of it there was.
    """
    usage = _usage(reading)
    prompt, completion, total = [_count(usage, name) for name in _COUNTS]
    if prompt is None or completion is None or total is None:
        return
    if prompt + completion != total:
        summed = short(prompt + completion)
        text = f"expected {short(prompt)} + {short(completion)} = {summed}, got {short(total)}"
        is_apart = spec.profile == "compatible" and _is_reasoning(usage, total - prompt - completion)
        yield Finding("/usage/total_tokens", text, total, severity=Severity.WARNING if is_apart else None)


def _is_reasoning(usage: dict[str, JSON], surplus: int) -> bool:
    """Whether tokens that only the total has may be those of the reasoning."""
    details = usage.get("completion_tokens_details")
    told = _count(members(details), "reasoning_tokens")
    return surplus > 0 and (details is None if told is None else told == surplus)


@rule(
    "CC502",
    anchor="#/components/schemas/CreateChatCompletionResponse/properties/usage",
    part=Part.RESPONSE,
    severity=Severity.WARNING,
    basis=Basis.OBSERVED,
    source=_API,
    since="0.1",
    needs=("uncounted",),
    passes=[response(), stream()],
    fails=[response({"/usage": GONE})],
)
def usage_absent(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """An answer that is not streamed has no usage.

    ## Why it matters
    Accounting and limits have nothing to go by; the service never leaves it out.

    ## Known exceptions
    The schema does not require it. Streams have it only when asked for.
    """
    if reading.kind == "response" and reading.choices and "usage" not in reading.completion:
        yield Finding("", 'expected "usage", got none')


@rule(
    "CC503",
    anchor=f"{_USAGE}/prompt_tokens_details",
    part=Part.RESPONSE,
    severity=Severity.ERROR,
    basis=Basis.DOCUMENTED,
    source="https://developers.openai.com/api/docs/guides/prompt-caching",
    since="0.1",
    needs=("details",),
    passes=[
        response(_using(prompt_tokens_details={"cached_tokens": 14, "audio_tokens": 0})),
        response(_using(prompt_tokens_details={"audio_tokens": 4, "text_tokens": 10, "cached_tokens": 12})),
    ],
    fails=[
        response(_using(prompt_tokens_details={"cached_tokens": 15})),
        response(_using(prompt_tokens_details={"audio_tokens": 375})),
    ],
    compatible=Severity.WARNING,
)
def prompt_details_exceed_prompt(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """A part of the prompt tokens is larger than the whole.

    ## Why it matters
    Parts are charged at other rates and taken off the rest, which becomes negative.

    ## Known exceptions
    Gateways that leave cached tokens or audio out of the whole.
    """
    yield from _exceeding(_usage(reading), "prompt_tokens")


@rule(
    "CC504",
    anchor=f"{_USAGE}/completion_tokens_details",
    part=Part.RESPONSE,
    severity=Severity.ERROR,
    basis=Basis.DOCUMENTED,
    source=_UNDERCOUNTS,
    since="0.1",
    needs=("details",),
    passes=[
        response(_using(completion_tokens_details={"reasoning_tokens": 3, "audio_tokens": 0})),
        response(_using(completion_tokens_details={"audio_tokens": 2, "text_tokens": 1, "reasoning_tokens": 0})),
    ],
    fails=[
        response(_using(completion_tokens_details={"reasoning_tokens": 9})),
        response(_using(completion_tokens_details={"rejected_prediction_tokens": 4})),
    ],
    breaks=[("crewAI, clarifai", "bill too few tokens: the reasoning is left out")],
    compatible=Severity.WARNING,
)
def completion_details_exceed_completion(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """A part of the completion tokens is larger than the whole.

    ## Why it matters
    Reasoning and rejected predictions are charged as completion tokens: they were left out of the count.

    ## Known exceptions
    Servers that count reasoning apart; the contract does not.
    """
    yield from _exceeding(_usage(reading), "completion_tokens")


def _exceeding(usage: dict[str, JSON], whole: str) -> Iterator[Finding]:
    details, limit = usage.get(f"{whole}_details"), _count(usage, whole)
    if not details or not isinstance(details, dict) or limit is None:
        return
    for name in details:
        part = _count(details, name) if name.endswith("_tokens") else None
        if part is not None and part > limit:
            text = f"expected at most the {short(limit)} {whole}, got {short(part)}"
            yield Finding(f"/usage/{whole}_details/{escape(name)}", text, part)


_SUMS = (
    ("prompt_tokens", ("text_tokens", "audio_tokens", "image_tokens")),
    ("prompt_tokens", ("cached_tokens", "cache_write_tokens")),
    ("completion_tokens", ("text_tokens", "audio_tokens")),
    ("completion_tokens", ("reasoning_tokens", "accepted_prediction_tokens", "rejected_prediction_tokens")),
)


@rule(
    "CC505",
    anchor="#/components/schemas/CompletionUsage",
    part=Part.RESPONSE,
    severity=Severity.WARNING,
    basis=Basis.DOCUMENTED,
    source=_API,
    since="0.1",
    needs=("details",),
    passes=[
        response(_using(prompt_tokens_details={"text_tokens": 10, "audio_tokens": 4, "cached_tokens": 14})),
        response(_using(completion_tokens_details={"text_tokens": 3, "reasoning_tokens": 3})),
    ],
    fails=[
        response(_using(prompt_tokens_details={"text_tokens": 10, "audio_tokens": 5})),
        response(_using(prompt_tokens_details={"cached_tokens": 10, "cache_write_tokens": 5})),
        response(_using(completion_tokens_details={"reasoning_tokens": 2, "rejected_prediction_tokens": 2})),
    ],
)
def usage_details_sum_too_large(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """Parts of the tokens that exclude each other add up to more than the whole.

    ## Why it matters
    Tokens are charged twice, or the whole is too small.

    ## Known exceptions
    None known.
    """
    usage = _usage(reading)
    for whole, names in _SUMS:
        details, limit = usage.get(f"{whole}_details"), _count(usage, whole)
        if not details or not isinstance(details, dict) or limit is None:
            continue
        parts = [part for name in names if name in details and (part := _count(details, name)) is not None]
        if parts and max(parts) <= limit < sum(parts):
            text = f"expected at most {short(limit)} for {', '.join(names)} together, got {short(sum(parts))}"
            yield Finding(f"/usage/{whole}_details", text, details)


@rule(
    "CC506",
    anchor=f"{_USAGE}/completion_tokens",
    part=Part.RESPONSE,
    severity=Severity.WARNING,
    basis=Basis.OBSERVED,
    source="https://github.com/router-for-me/CLIProxyAPI/issues/5733",
    since="0.1",
    needs=("uncounted",),
    passes=[response(), response({**_using(completion=0), "/choices/0/message/content": ""})],
    fails=[response(_using(completion=0))],
    breaks=[("crewAI, clarifai", "bill nothing")],
)
def completion_tokens_zero(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The answer has text or calls, and no completion token was counted.

    ## Why it matters
    Costs and limits take the answer for free.

    ## Known exceptions
    Answers from a cache, or made without the model; streams that an error ended have zeros.
    """
    if _count(_usage(reading), "completion_tokens") != 0 or not is_complete(reading):
        return
    if any(_speaks(message) for _, _, message in reading.choices):
        yield Finding("/usage/completion_tokens", "expected the tokens of the answer, got 0", 0)


def _speaks(message: dict[str, JSON]) -> bool:
    return bool(message.get("content") or message.get("refusal") or has_call(message))


@rule(
    "CC507",
    anchor=f"{_USAGE}/prompt_tokens",
    part=Part.RESPONSE,
    severity=Severity.WARNING,
    basis=Basis.OBSERVED,
    source="https://github.com/router-for-me/CLIProxyAPI/issues/5733",
    since="0.1",
    needs=("uncounted",),
    passes=[response()],
    fails=[response(_using(prompt=0))],
)
def prompt_tokens_zero(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """No prompt token was counted.

    ## Why it matters
    A request has one message at least: costs and limits take it for free.

    ## Known exceptions
    Servers that count only what their cache did not hold.
    """
    none = _count(_usage(reading), "prompt_tokens") == 0
    if none and reading.choices and is_complete(reading):
        yield Finding("/usage/prompt_tokens", "expected the tokens of the messages, got 0", 0)


@rule(
    "CC508",
    anchor="#/components/schemas/CreateChatCompletionRequest/properties/max_completion_tokens",
    part=Part.RESPONSE,
    severity=Severity.WARNING,
    basis=Basis.DOCUMENTED,
    source=_API,
    since="0.1",
    needs=("limited",),
    passes=[
        response(request={"/max_completion_tokens": 3}),
        response(request={}),
        response(request={"/n": None}),
    ],
    fails=[
        response(request={"/max_completion_tokens": 2}),
        response(request={"/model": "gpt-4.1", "/max_tokens": 1}),
        response({"/usage": GONE, **_LOGGED}, request={"/model": "gpt-4.1", "/max_tokens": 1}),
    ],
)
def completion_tokens_above_limit(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """More tokens were generated than the request allows.

    ## Why it matters
    The limit bounds costs and time; it was ignored, or does not count the reasoning.

    ## Known exceptions
    Servers that count the end token, or reasoning in addition.
    """
    asked = reading.asked
    limit = asked.get("max_completion_tokens") or asked.get("max_tokens")
    if type(limit) is not int or limit < 1:
        return
    tokens = _count(_usage(reading), "completion_tokens")
    allowed = limit * max(1, len(reading.choices))
    if tokens is not None and tokens > allowed:
        text = f"expected at most {short(allowed)}, the limit of the request, got {short(tokens)}"
        yield Finding("/usage/completion_tokens", text, tokens)
        return
    for pointer, _, entries, _ in token_lists(reading):
        if len(entries) > limit + 1:
            text = f"expected at most {short(limit)} tokens, the limit of the request, got {len(entries)}"
            yield Finding(pointer, text)


@rule(
    "CC509",
    anchor="#/components/schemas/CompletionUsage",
    part=Part.RESPONSE,
    severity=Severity.ERROR,
    basis=Basis.INTEROP,
    source="https://github.com/siyuan-note/siyuan/issues/14787",
    since="0.1",
    passes=[response()],
    fails=[
        response({"/usage/prompt_tokens": 14.0}),
        response(_using(prompt_tokens_details={"cached_tokens": 0.0})),
    ],
    breaks=[
        ("pydantic strict ChatCompletion", "raises"),
        ("go-openai, siyuan", "cannot unmarshal the number"),
        ("async-openai", "fails to deserialize: invalid type"),
    ],
    needs=("floats",),
)
def token_count_written_as_float(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """A number of tokens is written with a fraction of zero, such as `12.0`.

    ## Why it matters
    JSON Schema takes it for an integer; typed clients refuse the text.

    ## Known exceptions
    None known.
    """
    usage = _usage(reading)
    places = [(f"/usage/{name}", usage.get(name)) for name in _COUNTS]
    for holder in _DETAILS:
        details = members(usage.get(holder))
        named = [(name, value) for name, value in details.items() if name.endswith("_tokens")]
        places += [(f"/usage/{holder}/{escape(name)}", value) for name, value in named]
    for pointer, value in places:
        if isinstance(value, float) and value.is_integer():
            text = f"expected digits alone, got {short(value)}"
            yield Finding(pointer, text, value, hint="write it without `.0`")
