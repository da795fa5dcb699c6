"""Log probabilities, each by itself (CC35, CC36): in range, in order, with the bytes of their token."""

import math
from collections.abc import Iterator
from itertools import pairwise

from chatcontract.declare import SpecView, rule
from chatcontract.examples import logged, response, token
from chatcontract.model import JSON, Basis, Finding, Part, Severity
from chatcontract.reading import Reading, items, members
from chatcontract.redact import short
from chatcontract.tokens import (
    bytes_of,
    logprob_of,
    logprob_values,
    text_of,
    token_entries,
    with_rivals,
)

_API = "https://developers.openai.com/api/reference/resources/chat/subresources/completions/methods/create"
_COOKBOOK = "https://cookbook.openai.com/examples/using_logprobs"
_LOGPROBS = "#/components/schemas/ChatCompletionLogprobs"
_ENTRY = "#/components/schemas/ChatCompletionTokenLogprob"
_ASKED = {"/logprobs": True}
_TOLERANCE = 1e-4
"""What rounding may add to a log probability of zero."""
_LEAST = -9999.0
"""What stands for a very unlikely token."""
_MOST = 1.05
"""What rounding may add to a sum of probabilities."""
_GOOD = logged(token("Four"), token("."))
_TOP = logged(token("Four", -0.1, {"Four": -0.1, "4": -2.5}), token(".", -0.2, {".": -0.2, "!": -3.0}))
_ASKED_TOP = {"/logprobs": True, "/top_logprobs": 2}


@rule(
    "CC353",
    anchor=f"{_ENTRY}/properties/logprob",
    part=Part.RESPONSE,
    severity=Severity.ERROR,
    basis=Basis.DOCUMENTED,
    source="https://github.com/openvinotoolkit/model_server/pull/4522",
    since="0.1",
    needs=("logprobs",),
    passes=[response(_GOOD), response(logged(token("Four", 0), token(".", 1e-7)))],
    fails=[
        response(logged(token("Four", 0.7), token("."))),
        response(logged(token("Four", -0.1, {"Four": -0.1, "4": 1.5}), token("."))),
    ],
    compatible=Severity.WARNING,
)
def logprob_positive(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """A log probability is above zero.

    ## Why it matters
    It stands for a probability above one: thresholds and perplexities made of it are wrong.

    ## Known exceptions
    Rounding may leave a tiny positive number.
    """
    for pointer, value in logprob_values(reading):
        if value > _TOLERANCE:
            yield Finding(pointer, f"expected at most 0, got {short(value)}", value)


@rule(
    "CC354",
    anchor=f"{_ENTRY}/properties/logprob",
    part=Part.RESPONSE,
    severity=Severity.WARNING,
    basis=Basis.DOCUMENTED,
    source="https://github.com/vllm-project/vllm/pull/4149",
    since="0.1",
    needs=("logprobs",),
    passes=[response(_GOOD), response(logged(token("Four", -9999.0), token(".")))],
    fails=[response(logged(token("Four", -3.4028234663852886e38), token(".")))],
)
def logprob_sentinel(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """A log probability is a stand-in other than the documented -9999.0.

    ## Why it matters
    Sums and means over the tokens are swallowed by it.

    ## Known exceptions
    None known.
    """
    for pointer, value in logprob_values(reading):
        if value < _LEAST or value != value:
            yield Finding(pointer, f"expected at least {_LEAST}, got {short(value)}", value)


@rule(
    "CC355",
    anchor=f"{_ENTRY}/properties/top_logprobs",
    part=Part.RESPONSE,
    severity=Severity.WARNING,
    basis=Basis.DOCUMENTED,
    source=_COOKBOOK,
    since="0.1",
    needs=("logprobs",),
    passes=[
        response(_TOP),
        response(logged(token("Four", -0.1, {"4": -0.1, "Four": -0.1}), token("."))),
    ],
    fails=[response(logged(token("Four", -2.0, {"Four": -2.0, "4": -0.5}), token(".")))],
)
def top_logprobs_unsorted(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The likeliest tokens do not stand in the order of their probability.

    ## Why it matters
    Classifiers take the first one.

    ## Known exceptions
    Differences that rounding explains are no finding. Some servers put the sampled token last.
    """
    for pointer, entry in token_entries(reading):
        values = [logprob_of(rival) for rival in items(entry.get("top_logprobs"))]
        for number, (before, value) in enumerate(pairwise(values), 1):
            if before is not None and value is not None and value > before + _TOLERANCE:
                text = f"expected at most {short(before)}, the one before it, got {short(value)}"
                yield Finding(f"{pointer}/top_logprobs/{number}/logprob", text, value)


@rule(
    "CC357",
    anchor="#/components/schemas/ChatCompletionTokenBytes",
    part=Part.RESPONSE,
    severity=Severity.WARNING,
    basis=Basis.DOCUMENTED,
    source=_COOKBOOK,
    since="0.1",
    needs=("logprobs",),
    passes=[
        response(_GOOD),
        response(logged({**token("\\xf0\\x9f"), "bytes": [240, 159]})),
        response(logged({**token("<|end|>"), "bytes": None})),
    ],
    fails=[response(logged({**token("Four"), "bytes": [70, 105, 118, 101]}, token(".")))],
)
def token_bytes_mismatch(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The bytes of a token are not those of its text.

    ## Why it matters
    The bytes are there to put a text together that tokens cut inside of a character.

    ## Known exceptions
    Bytes that are no text by themselves have a token that only stands for them.
    """
    for pointer, entry in token_entries(reading):
        for place, holder in with_rivals(pointer, entry):
            token, data = members(holder).get("token"), bytes_of(members(holder).get("bytes"))
            text = None if data is None else text_of(data)
            if text is not None and isinstance(token, str) and text != token:
                message = f"expected the bytes of {short(token, 60)}, got those of {short(text, 60)}"
                yield Finding(f"{place}/bytes", message)


@rule(
    "CC361",
    anchor=f"{_ENTRY}/properties/logprob",
    part=Part.RESPONSE,
    severity=Severity.WARNING,
    basis=Basis.OBSERVED,
    source=_COOKBOOK,
    since="0.1",
    needs=("logprobs",),
    passes=[response(_TOP), response(logged(token("Four", -0.1, {"4": -0.2}), token(".")))],
    fails=[response(logged(token("Four", -0.1, {"Four": -1.5}), token(".")))],
)
def sampled_token_contradicted(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """A token has one log probability by itself and another one in its own list.

    ## Why it matters
    One of the two was taken before temperature or masks, and nobody can tell which.

    ## Known exceptions
    Texts that stand for several tokens: one equal entry is enough.
    """
    for pointer, entry in token_entries(reading):
        value, token = logprob_of(entry), entry.get("token")
        listed = [
            logprob_of(rival) for rival in items(entry.get("top_logprobs")) if members(rival).get("token") == token
        ]
        own = [other for other in listed if other is not None]
        if value is not None and own and not any(abs(other - value) <= 0.01 for other in own):
            yield Finding(f"{pointer}/logprob", f"expected {short(own[0])} as in its list, got {short(value)}", value)


@rule(
    "CC362",
    anchor=f"{_ENTRY}/properties/top_logprobs",
    part=Part.RESPONSE,
    severity=Severity.WARNING,
    basis=Basis.DOCUMENTED,
    source=_COOKBOOK,
    since="0.1",
    needs=("logprobs",),
    passes=[
        response(_TOP),
        response(logged(token("Four", -0.2, {"4": -0.1, "Four": -0.2}), token("."))),
        response(logged({**token("Four", -0.1), "top_logprobs": [token("Four"), token("Four")]}, token("."))),
    ],
    fails=[response(logged(token("Four", -0.1, {"Four": -0.1, "4": -0.2, "four": -0.3}), token(".")))],
)
def top_logprobs_exceed_certainty(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The probabilities of the likeliest tokens add up to more than one.

    ## Why it matters
    They are no probabilities of one place in the text: scores and thresholds made of them are wrong.

    ## Known exceptions
    A token that is listed twice, and the sampled one that some servers append, are not counted.
    """
    for pointer, entry in token_entries(reading):
        total = _certainty(entry, items(entry.get("top_logprobs")))
        if total > _MOST:
            yield Finding(f"{pointer}/top_logprobs", f"expected probabilities of 1 at most together, got {total:.2f}")


def _certainty(entry: dict[str, JSON], rivals: list[JSON]) -> float:
    """The sum of the probabilities; 0 where a token is listed twice or a value is none that may be."""
    if len(rivals) > 1 and members(rivals[-1]).get("token") == entry.get("token"):
        rivals = rivals[:-1]
    values = [value for rival in rivals if (value := logprob_of(rival)) is not None and value <= _TOLERANCE]
    names = {name for rival in rivals if isinstance(name := members(rival).get("token"), str)}
    return sum(map(math.exp, values)) if len(values) == len(names) == len(rivals) else 0
