"""Usage (CC51): numbers of tokens that cannot be those of the texts."""

from collections.abc import Iterator

from chatcontract import asked as asks
from chatcontract.declare import SpecView, rule
from chatcontract.examples import GONE, Changes, response
from chatcontract.model import JSON, Basis, Finding, Part, Severity
from chatcontract.reading import Reading, items, members
from chatcontract.redact import short
from chatcontract.tokens import token_lists
from chatcontract.toolcalls import has_call
from chatcontract.traits import FEW_TOKENS, LONGEST_TOKEN, MANY_TOKENS

_API = "https://developers.openai.com/api/reference/resources/chat/subresources/completions/methods/create"
_USAGE = "#/components/schemas/CompletionUsage/properties"
_UNDERCOUNTS = "https://github.com/mozilla-ai/any-llm/issues/1290"
_LONG = "The sea is wide. " * 250
_PREDICTIONS = ("accepted_prediction_tokens", "rejected_prediction_tokens")


def _using(prompt: int = 14, completion: int = 3, **rest: JSON) -> Changes:
    counts = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
    return {"/usage": {**counts, **rest}}


def _tokens(reading: Reading, name: str) -> int:
    """A number of tokens; 0 where there is none."""
    value = members(reading.completion.get("usage")).get(name)
    return value if type(value) is int else 0


def _details(reading: Reading, name: str) -> dict[str, JSON]:
    return members(members(reading.completion.get("usage")).get(name))


def _said(reading: Reading) -> int:
    """Characters of the texts of the answer."""
    texts = [message.get(name) for _, _, message in reading.choices for name in ("content", "refusal")]
    return sum(len(text) for text in texts if isinstance(text, str))


@rule(
    "CC511",
    anchor=f"{_USAGE}/completion_tokens",
    part=Part.RESPONSE,
    severity=Severity.WARNING,
    basis=Basis.OBSERVED,
    source=_UNDERCOUNTS,
    since="0.1",
    needs=("lopsided",),
    passes=[response(), response({"/choices/0/message/content": _LONG, **_using(completion=1000)})],
    fails=[response({"/choices/0/message/content": _LONG, **_using(completion=1)})],
    compatible=Severity.INFO,
)
def completion_tokens_below_text(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The answer has more text than the counted tokens can hold.

    ## Why it matters
    Costs and limits take the answer for shorter than it is.

    ## Known exceptions
    No token of a known vocabulary has more than 128 characters. Gateways that count pieces in place of tokens.
    """
    tokens, said = _tokens(reading, "completion_tokens"), _said(reading)
    if 0 < LONGEST_TOKEN * tokens < said:
        text = f"expected the tokens of {said} characters, got {short(tokens)}"
        yield Finding("/usage/completion_tokens", text, tokens)


@rule(
    "CC512",
    anchor=f"{_USAGE}/completion_tokens",
    part=Part.RESPONSE,
    severity=Severity.INFO,
    basis=Basis.OBSERVED,
    source=_API,
    since="0.1",
    needs=("lopsided",),
    passes=[
        response(_using(completion=100000)),
        response(_using(completion=100000, completion_tokens_details={"reasoning_tokens": 99990})),
    ],
    fails=[response(_using(completion=100000, completion_tokens_details={"reasoning_tokens": 0}))],
)
def completion_tokens_above_text(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """Far more tokens were counted than the text can have, and none of them for reasoning.

    ## Why it matters
    The answer is paid for many times over, or the reasoning was left out of the details.

    ## Known exceptions
    Calls, spoken answers, and usage that does not tell of reasoning at all are not judged.
    """
    tokens, details = _tokens(reading, "completion_tokens"), _details(reading, "completion_tokens_details")
    if type(details.get("reasoning_tokens")) is not int or any(
        has_call(message) or message.get("audio") for _, _, message in reading.choices
    ):
        return
    shown = tokens - sum(part for part in details.values() if type(part) is int and part > 0)
    said = _said(reading)
    if reading.choices and shown > MANY_TOKENS + 16 * said:
        text = f"expected the tokens of {said} characters, got {short(shown)} beside those of the reasoning"
        yield Finding("/usage/completion_tokens", text, tokens)


@rule(
    "CC513",
    anchor=f"{_USAGE}/prompt_tokens",
    part=Part.RESPONSE,
    severity=Severity.INFO,
    basis=Basis.OBSERVED,
    source=_UNDERCOUNTS,
    since="0.1",
    needs=("asked", "lopsided"),
    passes=[response(_using(prompt=2), request={}), response(_using(prompt=2))],
    fails=[response(_using(prompt=2), request={"/messages/0/content": _LONG})],
)
def prompt_tokens_below_text(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The messages have more text than the counted tokens can hold.

    ## Why it matters
    Costs and limits take the request for shorter than it is.

    ## Known exceptions
    Servers that count only what their cache did not hold.
    """
    tokens = _tokens(reading, "prompt_tokens")
    if not 0 < tokens < FEW_TOKENS:
        return
    said = sum(map(len, asks.texts(reading.asked)))
    if said > LONGEST_TOKEN * tokens:
        text = f"expected the tokens of {said} characters, got {short(tokens)}"
        yield Finding("/usage/prompt_tokens", text, tokens)


@rule(
    "CC514",
    anchor="#/components/schemas/CompletionUsage",
    part=Part.RESPONSE,
    severity=Severity.INFO,
    basis=Basis.OBSERVED,
    source=_API,
    since="0.1",
    needs=("asked", "details"),
    passes=[
        response(_using(completion_tokens_details={"accepted_prediction_tokens": 2})),
        response(
            _using(completion_tokens_details={"accepted_prediction_tokens": 2}),
            request={"/model": "gpt-4.1", "/prediction": {"type": "content", "content": "Four."}},
        ),
    ],
    fails=[
        response(_using(completion_tokens_details={"accepted_prediction_tokens": 2}), request={}),
        response(_using(prompt_tokens_details={"audio_tokens": 4}), request={}),
        response(_using(completion_tokens_details={"audio_tokens": 2}), request={}),
    ],
)
def tokens_not_asked_for(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """Tokens of a prediction or of sound are counted, and the request has neither.

    ## Why it matters
    They are charged at rates of their own.

    ## Known exceptions
    None known.
    """
    asked = reading.asked
    if not asked:
        return
    prompt, written = _details(reading, "prompt_tokens_details"), _details(reading, "completion_tokens_details")
    counted = [("completion", name, written) for name in _PREDICTIONS] if asked.get("prediction") is None else []
    if not _has_sound(reading):
        counted += [("prompt", "audio_tokens", prompt), ("completion", "audio_tokens", written)]
    for side, name, details in counted:
        tokens = details.get(name)
        if type(tokens) is int and tokens > 0:
            what = "sound" if name == "audio_tokens" else "prediction"
            text = f"expected none, since the request has no {what}, got {short(tokens)}"
            yield Finding(f"/usage/{side}_tokens_details/{name}", text, tokens)


def _has_sound(reading: Reading) -> bool:
    """Whether a message or the answer may hold sound."""
    if "audio" in items(reading.asked.get("modalities")) or "audio" in reading.traits:
        return True
    is_told = any(message.get("audio") for _, message in reading.messages)
    return is_told or any(part.value.get("type") != "text" for part in asks.parts(reading.asked))


def _logged(count: int) -> Changes:
    entry = {"token": "4", "logprob": -0.1, "bytes": [52], "top_logprobs": []}
    logprobs = {"content": [entry] * count, "refusal": None}
    return {"/choices/0/logprobs": logprobs, "/choices/0/message/content": "4" * count}


@rule(
    "CC510",
    anchor=f"{_USAGE}/completion_tokens",
    part=Part.RESPONSE,
    severity=Severity.WARNING,
    basis=Basis.OBSERVED,
    source=_API,
    since="0.1",
    needs=("logprobs",),
    passes=[response(_logged(3)), response(_logged(2)), response({**_logged(4), "/usage": GONE})],
    fails=[response(_logged(4))],
)
def completion_tokens_below_logprobs(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """More tokens have a log probability than were counted.

    ## Why it matters
    The count that is paid by is too small, or the list of tokens is wrong.

    ## Known exceptions
    Servers that list the end token and do not count it.
    """
    tokens = members(reading.completion.get("usage")).get("completion_tokens")
    if not isinstance(tokens, int | float):
        return
    listed = sum(len(entries) for _, _, entries, _ in token_lists(reading))
    if listed > max(tokens, 0):
        text = f"expected at least {listed}, the tokens that have a log probability, got {short(tokens)}"
        yield Finding("/usage/completion_tokens", text, tokens)
