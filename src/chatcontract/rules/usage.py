"""Usage (CC5): the arithmetic of tokens."""

from collections.abc import Iterator

from chatcontract.declare import SpecView, rule
from chatcontract.examples import response
from chatcontract.model import Basis, Finding, Part, Severity
from chatcontract.reading import Reading, members

_API = "https://developers.openai.com/api/reference/resources/chat/subresources/completions/methods/create"


@rule(
    "CC501",
    anchor="#/components/schemas/CompletionUsage/properties/total_tokens",
    part=Part.RESPONSE,
    severity=Severity.ERROR,
    basis=Basis.DOCUMENTED,
    source=_API,
    since="0.1",
    passes=[response(), response({"/usage": None})],
    fails=[response({"/usage/total_tokens": 6})],
)
def usage_total_mismatch(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """`total_tokens` is not the sum of prompt and completion tokens.

    ## Why it matters
    Cost accounting adds the parts, quota accounting reads the total: the two disagree.

    ## Known exceptions
    Gateways that count reasoning apart from completion tokens report a larger total.
    """
    usage = members(reading.completion.get("usage"))
    counted = [usage.get(name) for name in ("prompt_tokens", "completion_tokens", "total_tokens")]
    if all(type(count) is int for count in counted) and counted[0] + counted[1] != counted[2]:
        message = f"total_tokens is {counted[2]}, but {counted[0]} + {counted[1]} = {counted[0] + counted[1]}"
        yield Finding("/usage/total_tokens", message, counted[2])
