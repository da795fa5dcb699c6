"""The older `function_call` (CC36): how the choice says that it ended."""

from collections.abc import Iterator

from chatcontract.declare import SpecView, rule
from chatcontract.examples import TOOL, Changes, response
from chatcontract.model import Basis, Finding, Part, Severity
from chatcontract.reading import Reading
from chatcontract.redact import short
from chatcontract.toolcalls import demanded

_CALL = {"name": "get_weather", "arguments": '{"city": "Bonn"}'}
_OFFER = {"/functions": [TOOL["function"]]}
_ENDS = ("function_call", "length", "content_filter", "tool_calls", None)
"""Reasons that fit, that tell of a cut, or that are wrong by themselves where there are no tool calls."""


def _called(finish: str) -> Changes:
    return {
        "/choices/0/message/content": None,
        "/choices/0/message/function_call": _CALL,
        "/choices/0/finish_reason": finish,
    }


@rule(
    "CC366",
    anchor="#/components/schemas/ChatCompletionFinishReason",
    part=Part.RESPONSE,
    severity=Severity.WARNING,
    basis=Basis.DOCUMENTED,
    source="https://developers.openai.com/api/docs/guides/function-calling",
    since="0.1",
    needs=("calls",),
    passes=[
        response(_called("function_call"), request=_OFFER),
        response(_called("length"), request=_OFFER),
        response(_called("stop"), request={**_OFFER, "/function_call": {"name": "get_weather"}}),
    ],
    fails=[response(_called("stop"), request=_OFFER), response(_called("stop"))],
)
def function_call_with_other_finish(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The message calls a function of its own choice, but `finish_reason` is not `function_call`.

    ## Why it matters
    Loops that go by `finish_reason` take the turn for ended and drop the call.

    ## Known exceptions
    `stop` is what the service itself says where `function_call` names the function; `length` and `content_filter`
    tell that the call was cut. Without the request `stop` is for information. Rules of tool calls judge a message
    that has those as well.
    """
    for position, choice, message in reading.choices:
        reason, call = choice.get("finish_reason"), message.get("function_call")
        if not call or not isinstance(call, dict) or message.get("tool_calls") or reason in _ENDS:
            continue
        if not (reason == "stop" and demanded(reading).forced):
            text = f'expected "function_call" beside a function call, got {short(reason, 60)}'
            severity = None if reason != "stop" or reading.asked else Severity.INFO
            yield Finding(f"/choices/{position}/finish_reason", text, reason, severity=severity)
