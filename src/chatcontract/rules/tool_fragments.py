"""Streams (CC64): the fragments of tool calls, which clients join by their index."""

from collections.abc import Iterator
from typing import Any

from chatcontract.declare import SpecView, rule
from chatcontract.examples import GONE, Example, stream
from chatcontract.findings import breaches, of_breach, of_breaches
from chatcontract.losses import is_behind_loss
from chatcontract.model import JSON, Basis, Finding, Part, Severity
from chatcontract.reading import Reading
from chatcontract.redact import short

_GUIDE = "https://developers.openai.com/api/docs/guides/function-calling"
_ACCUMULATOR = "https://github.com/openai/openai-python/blob/main/src/openai/lib/streaming/_deltas.py"
_FRAGMENT = "#/components/schemas/ChatCompletionMessageToolCallChunk"
_FUNCTION = f"{_FRAGMENT}/properties/function/properties"
_CALLS = "/1/choices/0/delta/tool_calls"
_MORE = "/2/choices/0/delta/tool_calls"


def _begun(index: int = 0, ident: str = "call_C0ffee1", name: str = "get_weather") -> dict[str, Any]:
    function = {"name": name, "arguments": ""}
    return {"index": index, "id": ident, "type": "function", "function": function}


def _rest(index: int = 0, **members: Any) -> dict[str, Any]:
    return {"index": index, "function": {"arguments": '{"city": "Bonn"}'}, **members}


def _called(changes: dict[str, JSON] | None = None) -> Example:
    """A stream of one call in two fragments."""
    deltas: dict[str, JSON] = {
        "/1/choices/0/delta": {"tool_calls": [_begun()]},
        "/2/choices/0/delta": {"tool_calls": [_rest()]},
        "/3/choices/0/finish_reason": "tool_calls",
    }
    return stream({**deltas, **(changes or {})})


@rule(
    "CC640",
    anchor=f"{_FRAGMENT}/properties/index",
    part=Part.STREAM,
    severity=Severity.ERROR,
    basis=Basis.INTEROP,
    source="https://github.com/ollama/ollama/issues/15457",
    since="0.1",
    passes=[_called(), _called({f"{_CALLS}/-": _begun(1, "call_2"), f"{_MORE}/-": _rest(1)})],
    fails=[_called({f"{_MORE}/-": _begun(0, "call_2"), f"{_MORE}/1/function/arguments": "{}"})],
    breaks=[("ai-sdk", "merges the calls or drops the second")],
    needs=("breached",),
)
def fragment_index_reused(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """A new tool call begins at the index of another.

    ## Why it matters
    The index says which call a fragment belongs to: two calls at one index become one with broken arguments.

    ## Known exceptions
    None known.
    """
    says = "expected an index of its own for a new call, got {} again"
    yield from of_breaches(reading, "tool-index-reused", says=says)


@rule(
    "CC641",
    anchor=f"{_FRAGMENT}/properties/index",
    part=Part.STREAM,
    severity=Severity.ERROR,
    basis=Basis.INTEROP,
    source=_GUIDE,
    since="0.1",
    passes=[_called()],
    fails=[
        _called({f"{_CALLS}/0/index": 1, f"{_MORE}/0/index": 1}),
        _called({f"{_CALLS}/-": _begun(2, "call_2"), f"{_MORE}/-": _rest(2)}),
    ],
    breaks=[("openai-python .stream()", "raises"), ("openai-node .stream()", "raises")],
    needs=("breached",),
)
def fragment_index_gap(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The indices of the tool calls of a choice do not begin at 0 or leave a number out.

    ## Why it matters
    Clients use the index as the place in a list, and the place before it is not there.

    ## Known exceptions
    Where a chunk before cannot be read, the call may have been in it.
    """
    for position, breach in breaches(reading, "tool-index-gap"):
        if not is_behind_loss(reading, position):
            wanted = "expected the calls of a choice to be counted from 0 without gaps"
            yield of_breach(position, breach._replace(message=f"{wanted}, got the index {short(breach.value, 60)}"))


@rule(
    "CC642",
    anchor=f"{_FRAGMENT}/properties/id",
    part=Part.STREAM,
    severity=Severity.ERROR,
    basis=Basis.INTEROP,
    source="https://github.com/NVIDIA/nim-deploy/issues/182",
    since="0.1",
    passes=[_called()],
    fails=[
        _called({f"{_CALLS}/0/id": GONE}),
        _called({f"{_CALLS}/0/id": ""}),
        _called({f"{_CALLS}/0/id": GONE, f"{_MORE}/0/id": "call_C0ffee1"}),
    ],
    breaks=[("ai-sdk", "raises: the id should be a string"), ("gptel, opencode", "fail: missing id")],
    needs=("breached",),
)
def fragment_without_id(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The first fragment of a tool call has no `id`, or an empty one.

    ## Why it matters
    The result of the call is sent back under its id: without one the conversation cannot go on.

    ## Known exceptions
    None known. An id that comes in a later fragment comes too late for clients that open the call at the
    first.
    """
    yield from _absent(reading, "tool-first-without-id", "an id in the first fragment of the call")


@rule(
    "CC643",
    anchor=f"{_FRAGMENT}/properties/type",
    part=Part.STREAM,
    severity=Severity.ERROR,
    basis=Basis.INTEROP,
    source="https://github.com/vercel/ai/pull/12901",
    since="0.1",
    passes=[_called()],
    fails=[_called({f"{_CALLS}/0/type": GONE})],
    breaks=[("openai-node .stream()", "raises"), ("ai-sdk", "raises InvalidResponseDataError")],
    needs=("breached",),
)
def fragment_without_type(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The first fragment of a tool call has no `type`.

    ## Why it matters
    The type says whether a function or a custom tool is called; clients refuse to guess.

    ## Known exceptions
    None known; Mistral's own streams leave it out.
    """
    yield from _absent(reading, "tool-first-without-type", 'the type ("function") in the first fragment of the call')


@rule(
    "CC644",
    anchor=f"{_FUNCTION}/name",
    part=Part.STREAM,
    severity=Severity.ERROR,
    basis=Basis.INTEROP,
    source=_GUIDE,
    since="0.1",
    passes=[_called()],
    fails=[
        _called({f"{_CALLS}/0/function/name": GONE}),
        _called({f"{_CALLS}/0/function/name": ""}),
        _called({f"{_CALLS}/0/function/name": GONE, f"{_MORE}/0/function/name": "get_weather"}),
    ],
    breaks=[("@ai-sdk/openai-compatible", "raises"), ("@ai-sdk/openai", "raises")],
    needs=("breached",),
)
def fragment_without_name(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The first fragment of a call has no name, or an empty one.

    ## Why it matters
    Clients begin the call with its name; one that comes later comes too late for them.

    ## Known exceptions
    None known.
    """
    yield from _absent(reading, "tool-first-without-name", "a name in the first fragment of the call")


@rule(
    "CC645",
    anchor=f"{_FRAGMENT}/properties/id",
    part=Part.STREAM,
    severity=Severity.ERROR,
    basis=Basis.INTEROP,
    source="https://github.com/anomalyco/opencode/issues/37841",
    since="0.1",
    passes=[_called(), _called({f"{_MORE}/0/id": "call_C0ffee1"})],
    fails=[_called({f"{_MORE}/0/id": ""})],
    breaks=[("gptel, opencode", "fail: missing id or name")],
    compatible=Severity.WARNING,
    needs=("breached",),
)
def fragment_id_blank(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """A later fragment of a tool call has an empty `id` where it should have none.

    ## Why it matters
    Clients that take over each id they meet replace the real one.

    ## Known exceptions
    None known; null in its place is a matter of the schema.
    """
    yield from _blank(reading, "tool-id-blank", "no id in a later fragment of the call")


@rule(
    "CC646",
    anchor=f"{_FUNCTION}/name",
    part=Part.STREAM,
    severity=Severity.ERROR,
    basis=Basis.INTEROP,
    source="https://github.com/lmstudio-ai/lmstudio-bug-tracker/issues/649",
    since="0.1",
    passes=[_called()],
    fails=[_called({f"{_MORE}/0/function/name": ""})],
    breaks=[("gptel, opencode", "fail: missing id or name")],
    compatible=Severity.WARNING,
    needs=("breached",),
)
def fragment_name_blank(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """A later fragment of a call has an empty name where it should have none.

    ## Why it matters
    Clients that take over each name they meet replace the real one.

    ## Known exceptions
    None known; null in its place is a matter of the schema.
    """
    yield from _blank(reading, "tool-name-blank", "no name in a later fragment of the call")


@rule(
    "CC647",
    anchor=f"{_FRAGMENT}/properties/id",
    part=Part.STREAM,
    severity=Severity.WARNING,
    basis=Basis.INTEROP,
    source=_ACCUMULATOR,
    since="0.1",
    passes=[_called()],
    fails=[_called({f"{_MORE}/0/id": "call_C0ffee1"})],
    needs=("breached",),
)
def fragment_id_repeated(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """A later fragment of a tool call tells its `id` again.

    ## Why it matters
    Accumulators that join all texts of a call, openai-python's among them, join the ids as well.

    ## Known exceptions
    Most clients keep the first one.
    """
    says = "expected the id in the first fragment only, got {} again"
    yield from of_breaches(reading, "tool-id-repeated", says=says)


@rule(
    "CC648",
    anchor=f"{_FUNCTION}/name",
    part=Part.STREAM,
    severity=Severity.ERROR,
    basis=Basis.INTEROP,
    source="https://github.com/NousResearch/hermes-agent/issues/8259",
    since="0.1",
    passes=[_called(), _called({f"{_MORE}/0/index": 1, f"{_MORE}/0": _begun(1, "call_2")})],
    fails=[_called({f"{_MORE}/0/function/name": "get_weather"})],
    breaks=[
        (
            "openai-python .stream(), hermes-agent, AstrBot, open-webui",
            "join the names to one that no tool has",
        )
    ],
    needs=("breached",),
)
def fragment_name_repeated(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """A later fragment of a call tells its name again.

    ## Why it matters
    Accumulators that join all texts of a call call a tool of that name twice over, which does not exist.

    ## Known exceptions
    The SDKs for JavaScript and Go keep the first one.
    """
    says = "expected the name in the first fragment only, got {} again"
    yield from of_breaches(reading, "tool-name-repeated", says=says)


@rule(
    "CC649",
    anchor=f"{_FRAGMENT}/properties/id",
    part=Part.STREAM,
    severity=Severity.ERROR,
    basis=Basis.DOCUMENTED,
    source=_GUIDE,
    since="0.1",
    passes=[_called()],
    fails=[_called({f"{_MORE}/0/id": "call_2"})],
    needs=("breached",),
)
def fragment_id_changed(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """A later fragment of a tool call has another `id`, but begins no call of its own.

    ## Why it matters
    The arguments go to one call or to another, depending on whether a client goes by id or by index.

    ## Known exceptions
    None known.
    """
    yield from of_breaches(reading, "tool-id-changed", says="expected the id of the first fragment, got {}")


@rule(
    "CC650",
    anchor=f"{_FUNCTION}/name",
    part=Part.STREAM,
    severity=Severity.ERROR,
    basis=Basis.DOCUMENTED,
    source=_GUIDE,
    since="0.1",
    passes=[_called()],
    fails=[_called({f"{_MORE}/0/function/name": "get_time"})],
    needs=("breached",),
)
def fragment_name_changed(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """A later fragment of a call has another name.

    ## Why it matters
    One client calls the first tool, another the second, a third one whose name is both joined.

    ## Known exceptions
    None known.
    """
    yield from of_breaches(reading, "tool-name-changed", says="expected the name of the first fragment, got {}")


def _absent(reading: Reading, tag: str, wanted: str) -> Iterator[Finding]:
    for position, breach in breaches(reading, tag):
        if (breach.value is None or breach.value == "") and not is_behind_loss(reading, position):
            got = "none" if breach.value is None else short(breach.value)
            yield of_breach(position, breach._replace(message=f"expected {wanted}, got {got}"))


def _blank(reading: Reading, tag: str, wanted: str) -> Iterator[Finding]:
    for position, breach in breaches(reading, tag):
        if breach.value == "":
            yield of_breach(position, breach._replace(message=f'expected {wanted}, got ""'))
