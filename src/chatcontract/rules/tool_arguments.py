"""The arguments of calls (CC42): JSON, an object, and what the tool declares."""

from collections.abc import Iterator, Mapping
from itertools import islice

from chatcontract.declare import SpecView, rule
from chatcontract.examples import CALL, TOOL, Changes, response
from chatcontract.jsontext import ABSENT, lenient_value, parse
from chatcontract.losses import losses
from chatcontract.model import JSON, Basis, Finding, Part, Severity
from chatcontract.pointer import resolve, split
from chatcontract.reading import Reading
from chatcontract.redact import short
from chatcontract.toolcalls import Offer, ToolCall, all_calls, offered

_GUIDE = "https://developers.openai.com/api/docs/guides/function-calling"
_ARGUMENTS = "#/components/schemas/ChatCompletionMessageToolCall/properties/function/properties/arguments"
_CUT = ("length", "content_filter")
_NONE = Offer("function")
_MAX_ARGUMENTS = 4 * 2**20
_MAX_CALLS = 256
"""Calls of one answer that are held against schemas, each of which may be large."""
_STRICT = {**TOOL, "function": {**TOOL["function"], "strict": True}}


def _called(arguments: str, finish: str = "tool_calls") -> Changes:
    call: Mapping[str, JSON] = {**CALL, "function": {"name": "get_weather", "arguments": arguments}}
    return {
        "/choices/0/message/content": None,
        "/choices/0/message/tool_calls": [call],
        "/choices/0/finish_reason": finish,
    }


def _arguments(reading: Reading) -> list[tuple[ToolCall, str]]:
    """The function calls whose arguments are a text, and the text; none of a stream that lost pieces."""
    if losses(reading):
        return []
    return [
        (call, call.text)
        for call in all_calls(reading)
        if call.kind != "custom" and isinstance(call.text, str) and len(call.text) <= _MAX_ARGUMENTS
    ]


def _values(reading: Reading) -> list[JSON]:
    """The values of the arguments in which nothing is wrong but that a member is repeated, else ABSENT."""
    return [lenient_value(text) for _, text in reading.once(_arguments)]


def _offer(reading: Reading, call: ToolCall) -> Offer:
    return offered(reading).get(call.name, _NONE) if isinstance(call.name, str) else _NONE


def _graver(offer: Offer) -> Severity | None:
    """An error where the service promises the schema, else what the rule says."""
    return Severity.ERROR if offer.strict else None


@rule(
    "CC421",
    anchor=_ARGUMENTS,
    part=Part.RESPONSE,
    severity=Severity.WARNING,
    basis=Basis.DOCUMENTED,
    source="https://github.com/ggml-org/llama.cpp/issues/22072",
    since="0.1",
    needs=("calls",),
    passes=[
        response(_called("{}")),
        response(_called('{"city": "Bo', finish="length")),
        response(_called(' {"city": "Bonn"}\n')),
    ],
    fails=[
        response(_called("")),
        response(_called("{'city': 'Bonn'}")),
        response(_called('{"city": "Bonn"}{"city": "Bonn"}')),
        response(_called('{"city": NaN}')),
        response(_called('{"city": "Bo'), request={"/tools": [_STRICT]}),
    ],
    breaks=[("ChatWise", "fails")],
)
def arguments_not_json(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The arguments of a call are not JSON; an error where the tool is strict.

    ## Why it matters
    Clients parse them before they look at anything else, and fail there.

    ## Known exceptions
    Without `strict` the model promises nothing; an answer that was cut is not judged, nor a stream with chunks that
    cannot be read.
    """
    for (call, text), lenient in zip(reading.once(_arguments), reading.once(_values), strict=True):
        if lenient is not ABSENT:
            continue
        value, faults = parse(text)
        fault = next((f for f in faults if value is ABSENT or f.kind in ("non-finite-number", "invalid-json")), None)
        is_open = call.finish is None and reading.kind == "stream"
        if fault is not None and not is_open and call.finish not in _CUT:
            message = f"expected JSON, got {short(text, 80)}: {fault.message}"
            hint = "" if text else "a call without arguments has `{}`"
            severity = _graver(_offer(reading, call))
            yield Finding(f"{call.body}/arguments", message[:300], text, hint=hint, severity=severity)


@rule(
    "CC422",
    anchor=_ARGUMENTS,
    part=Part.RESPONSE,
    severity=Severity.WARNING,
    basis=Basis.DOCUMENTED,
    source=_GUIDE,
    since="0.1",
    needs=("calls",),
    passes=[response(_called("{}")), response(_called("")), response(_called('{"a"'))],
    fails=[
        response(_called('"{\\"city\\": \\"Bonn\\"}"')),
        response(_called("null")),
        response(_called('["Bonn"]'), request={"/tools": [_STRICT]}),
    ],
)
def arguments_not_an_object(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The arguments of a call are JSON, but no object; an error where the tool is strict.

    ## Why it matters
    Arguments are looked up by name: a list, null, or JSON that was put into a string once too often has none.

    ## Known exceptions
    None known.
    """
    for call, text in reading.once(_arguments):
        if text.lstrip()[:1] in ("{", ""):
            continue
        value = parse(text)[0]
        if value is not ABSENT and not isinstance(value, dict):
            message = f"expected a JSON object, got {short(value, 80)}"
            hint = "the arguments were encoded twice" if isinstance(value, str) and value[:1] == "{" else ""
            severity = _graver(_offer(reading, call))
            yield Finding(f"{call.body}/arguments", message, text, hint=hint, severity=severity)


@rule(
    "CC423",
    anchor="#/components/schemas/FunctionParameters",
    part=Part.RESPONSE,
    severity=Severity.WARNING,
    basis=Basis.DOCUMENTED,
    source=_GUIDE,
    since="0.1",
    needs=("asked", "calls"),
    passes=[
        response(_called('{"city": "Bonn"}'), request={"/tools": [_STRICT]}),
        response(_called('{"town": "Bonn"}')),
        response(_called("{}"), request={"/tools": [{"type": "function", "function": {"name": "get_weather"}}]}),
    ],
    fails=[
        response(_called('{"town": "Bonn"}'), request={"/tools": [TOOL]}),
        response(_called('{"city": 53}'), request={"/tools": [_STRICT]}),
    ],
)
def arguments_mismatch(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The arguments of a call do not fit the declared parameters; an error where the tool is strict.

    ## Why it matters
    The tool is run with missing or wrong arguments, or the client refuses the call.

    ## Known exceptions
    Without `strict` the schema is advice to the model.
    """
    if not (reading.asked.get("tools") or reading.asked.get("functions")):
        return
    by_name = offered(reading)
    for (call, text), lenient in islice(zip(reading.once(_arguments), reading.once(_values), strict=True), _MAX_CALLS):
        offer = by_name.get(call.name) if isinstance(call.name, str) else None
        if offer is None or not isinstance(offer.parameters, dict):
            continue
        value = parse(text)[0] if lenient is ABSENT else lenient
        if isinstance(value, dict):
            yield from _mismatches(call, offer, value)


def _mismatches(call: ToolCall, offer: Offer, value: JSON) -> Iterator[Finding]:
    from chatcontract.json_schema import mismatches

    for fault in mismatches(offer.parameters, value):
        place = fault.pointer or "/"
        met = short(_at(value, fault.pointer), 60)
        head = f"arguments of {short(call.name, 60)} at {short(place, 60)}"
        text = f"{head}: expected what the tool declares, got {met}, which {fault.message}"
        yield Finding(f"{call.body}/arguments", text[:300], call.text, severity=_graver(offer))


def _at(value: JSON, place: str) -> JSON:
    try:
        return resolve(value, split(place))
    except LookupError:
        return None
