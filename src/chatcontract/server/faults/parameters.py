"""Faults of the request's parameters: they are taken, and ignored."""

from chatcontract.model import JSON
from chatcontract.server.faults import Fault, Stage, fault


def _ignored(name: str, parameter: str, *rules: str, request: str, audited: tuple[str, ...] = ()) -> Fault:
    def apply(asked: JSON) -> None:
        asked.pop(parameter, None)

    summary = f"`{parameter}` is ignored."
    return Fault(name, summary, rules, Stage.REQUEST, apply, request, audited=audited)


FAULTS = (
    _ignored("n-ignored", "n", "CC322", request="n"),
    _ignored("n-ignored-in-stream", "n", "CC322", request="n-stream"),
    _ignored("stop-ignored", "stop", "CC341", request="stop", audited=("CC295",)),
    _ignored("limit-ignored", "max_completion_tokens", "CC508", request="limit", audited=("CC295",)),
    _ignored("logprobs-ignored", "logprobs", "CC351", request="logprobs"),
    _ignored("top-logprobs-ignored", "top_logprobs", "CC356", request="logprobs", audited=("CC295",)),
    _ignored(
        "tool-choice-ignored",
        "tool_choice",
        "CC412",
        request="required",
        audited=("CC411", "CC413"),
    ),
    _ignored(
        "tool-choice-none-ignored",
        "tool_choice",
        "CC411",
        request="forbidden",
        audited=("CC412", "CC413"),
    ),
    _ignored("tools-ignored", "tools", "CC412", request="required"),
    _ignored("parallel-ignored", "parallel_tool_calls", "CC415", request="single"),
    _ignored("response-format-ignored", "response_format", "CC801", request="json"),
    _ignored("schema-ignored", "response_format", "CC801", request="schema"),
    _ignored("stream-ignored", "stream", "CC110", request="stream"),
    _ignored("stream-options-ignored", "stream_options", "CC620", request="stream"),
    _ignored("modalities-ignored", "modalities", "CC345", request="audio"),
    _ignored("old-limit-ignored", "max_tokens", "CC508", request="old-limit", audited=("CC295",)),
)


@fault("CC111", stage=Stage.REQUEST)
def stream_unasked(asked: JSON) -> None:
    """The answer is streamed although nobody asked for it."""
    asked["stream"] = True


@fault("CC341", stage=Stage.REPLY, request="stop")
def stop_included(pair: JSON) -> None:
    """The stop sequence is left in the text."""
    asked, made = pair
    stop, choice = asked["stop"], made["choices"][0]
    if choice["finish_reason"] == "stop":
        choice["message"]["content"] += stop if isinstance(stop, str) else stop[0]
