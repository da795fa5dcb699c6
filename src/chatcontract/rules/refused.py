"""Refusals (CC33): what a message may have beside one, and how it says that there is none."""

from collections.abc import Iterator

from chatcontract.declare import SpecView, rule
from chatcontract.examples import CALL, response, stream
from chatcontract.model import Basis, Finding, Part, Severity
from chatcontract.reading import Reading

_REFUSAL = "#/components/schemas/ChatCompletionResponseMessage/properties/refusal"
_CALLS = ("tool_calls", "function_call")
_REFUSED = {"/choices/0/message/content": None, "/choices/0/message/refusal": "No."}
_CALLED = {**_REFUSED, "/choices/0/message/tool_calls": [CALL], "/choices/0/finish_reason": "tool_calls"}


@rule(
    "CC330",
    anchor=_REFUSAL,
    part=Part.RESPONSE,
    severity=Severity.WARNING,
    basis=Basis.DOCUMENTED,
    source="https://developers.openai.com/api/docs/guides/structured-outputs",
    since="0.1",
    passes=[response(_REFUSED), response({**_REFUSED, "/choices/0/message/content": ""})],
    fails=[response({"/choices/0/message/refusal": "No."}), response(_CALLED)],
    breaks=[
        ("pydantic-ai", "raises IndexError where calls are streamed beside it"),
        ("instructor", "raises although the tool is called"),
    ],
    needs=("refusal",),
)
def refusal_with_content(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The message has a refusal, and content or calls as well.

    ## Why it matters
    Clients look at one of the two: some show the content of an answer that was refused, or run its calls.

    ## Known exceptions
    None known.
    """
    for position, _, message in reading.choices:
        refusal, content = message.get("refusal"), message.get("content")
        if not (refusal and isinstance(refusal, str)):
            continue
        if content and isinstance(content, str):
            text = f"expected null content beside a refusal, got {len(content)} characters"
            yield Finding(f"/choices/{position}/message/content", text, content)
        for name in _CALLS:
            if message.get(name):
                text = f"expected no {name} beside a refusal, got some"
                yield Finding(f"/choices/{position}/message/{name}", text)


@rule(
    "CC332",
    anchor=_REFUSAL,
    part=Part.RESPONSE,
    severity=Severity.ERROR,
    basis=Basis.INTEROP,
    source="https://github.com/567-labs/instructor",
    since="0.1",
    passes=[response(), response(_REFUSED), stream()],
    fails=[response({"/choices/0/message/refusal": ""})],
    breaks=[("instructor", "raises: unable to generate a response due to nothing")],
    compatible=Severity.WARNING,
    needs=("refusal",),
)
def refusal_empty(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The `refusal` of an answer that is not streamed is an empty text, where null says that there is none.

    ## Why it matters
    Clients ask whether it is null, and take the answer for refused.

    ## Known exceptions
    Deltas, where an empty text begins a refusal.
    """
    if reading.kind == "stream":
        return
    for position, _, message in reading.choices:
        if message.get("refusal") == "":
            yield Finding(f"/choices/{position}/message/refusal", 'expected null or a refusal, got ""', "")
