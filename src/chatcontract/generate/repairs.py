"""What makes a payload whole that breaks a rule: one small change for each rule, by the rule's name."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

from chatcontract.contract import Contract
from chatcontract.generate.models import USUAL
from chatcontract.generate.values import PDF, SOUNDS, WAV
from chatcontract.model import Severity, Violation
from chatcontract.pointer import resolve, split

Object = dict[str, Any]
Repair = Callable[[Object, Violation], None]
MODELS = (*USUAL, "gpt-4-vision-preview", "o4-mini")
_MAX_REPAIRS = 12
_SOUND = {"voice": "alloy", "format": "pcm16"}
_FUNCTION = {"type": "function", "function": {"name": "f"}}
_CUSTOM = {"type": "custom", "custom": {"name": "f"}}
_NOTHING = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}


def _put(name: str, value: Any) -> Repair:
    def repair(body: Object, violation: Violation) -> None:
        body[name] = deepcopy(value)

    return repair


def _say_json(body: Object, violation: Violation) -> None:
    body["messages"].append({"role": "user", "content": "Answer as JSON."})


def _offer(body: Object, violation: Violation) -> None:
    choice = body.get("tool_choice")
    body["tools"] = [deepcopy(_CUSTOM if isinstance(choice, dict) and choice.get("type") == "custom" else _FUNCTION)]


def _allow(body: Object, violation: Violation) -> None:
    body["tool_choice"]["allowed_tools"]["tools"] = [deepcopy(_FUNCTION)]


def _speak(body: Object, violation: Violation) -> None:
    body["modalities"] = ["text", "audio"]
    body.setdefault("audio", dict(_SOUND))


def _set_format(body: Object, violation: Violation) -> None:
    body["audio"]["format"] = "pcm16"


def _message_of(violation: Violation) -> int:
    return int(split(violation.pointer)[1])


def _answer(body: Object, violation: Violation) -> None:
    """Put the missing answers behind the last message with calls."""
    messages = body["messages"]
    caller = max(at for at, message in enumerate(messages) if message.get("tool_calls"))
    answers = [{"role": "tool", "tool_call_id": call["id"], "content": "Hi"} for call in messages[caller]["tool_calls"]]
    body["messages"] = [*messages[: caller + 1], *answers]


def _ask_before(body: Object, violation: Violation) -> None:
    at = _message_of(violation)
    identifier = body["messages"][at]["tool_call_id"]
    call = {"id": identifier, "type": "function", "function": {"name": "f", "arguments": "{}"}}
    body["messages"].insert(at, {"role": "assistant", "tool_calls": [call]})


def _call_before(body: Object, violation: Violation) -> None:
    at = _message_of(violation)
    called = {"name": body["messages"][at]["name"], "arguments": "{}"}
    body["messages"].insert(at, {"role": "assistant", "content": None, "function_call": called})


def _number_calls(body: Object, violation: Violation) -> None:
    for at, call in enumerate(body["messages"][_message_of(violation)]["tool_calls"]):
        call["id"] = f"call_{at}"


def _number_tools(body: Object, violation: Violation) -> None:
    if violation.pointer.startswith("/functions"):
        for at, function in enumerate(body["functions"][1:]):
            function["name"] = f"f{at}"
        return
    for at, tool in enumerate(body["tools"]):
        tool[tool["type"]]["name"] = f"f{at}"


def _take_nothing(body: Object, violation: Violation) -> None:
    """Give a strict function that names no parameters the schema of none."""
    resolve(body, split(violation.pointer)).setdefault("parameters", deepcopy(_NOTHING))


def _say(body: Object, violation: Violation) -> None:
    message = body["messages"][_message_of(violation)]
    message["refusal" if "content" in message else "content"] = "No."


def _record_otherwise(body: Object, violation: Violation) -> None:
    sound = resolve(body, split(violation.pointer)[:-1])
    sound["data"] = dict(SOUNDS).get(sound["format"], WAV)


def _complete_file(body: Object, violation: Violation) -> None:
    file = resolve(body, split(violation.pointer.removesuffix("/file_id")))
    if file and "file_id" not in file:
        file.update({"filename": "a.pdf", "file_data": PDF})
    else:
        file["file_id"] = "file-C0ffee"


REPAIRS: Mapping[str, Repair] = {
    "top-logprobs-without-logprobs": _put("logprobs", True),
    "stream-options-without-stream": _put("stream", True),
    "json-word-missing": _say_json,
    "metadata-without-store": _put("store", True),
    "audio-settings-missing": _put("audio", _SOUND),
    "audio-settings-unused": _speak,
    "audio-absent": _speak,
    "streamed-audio-format": _set_format,
    "tool-choice-without-tools": _offer,
    "parallel-calls-without-tools": _offer,
    "allowed-tools-undeclared": _allow,
    "function-call-without-functions": _put("functions", [{"name": "f"}]),
    "tool-call-unanswered": _answer,
    "tool-message-orphaned": _ask_before,
    "function-message-unmatched": _call_before,
    "tool-call-id-reused": _number_calls,
    "tool-name-repeated": _number_tools,
    "strict-object-open": _take_nothing,
    "assistant-message-empty": _say,
    "file-part-incomplete": _complete_file,
    "input-audio-invalid": _record_otherwise,
}
OF_MODELS = frozenset(
    {"max-tokens-unsupported", "sampling-unsupported", "stop-unsupported", "role-unsupported",
     "reasoning-effort-unsupported", "audio-input-unsupported", "image-input-unsupported",
     "web-search-unsupported", "instruction-roles-mixed", "tool-message-image", "image-url-as-text",
     "reasoning-effort-value", "tools-beside-reasoning", "parallel-calls-unsupported", "search-model-sampling",
     "response-format-unsupported", "verbosity-unsupported", "output-limit-above-model",
     "function-message-unsupported", "cache-retention-unsupported", "latest-model-parameter",
     "tools-unsupported", "prediction-unsupported"}
)  # fmt: skip
"""Rules that another model keeps."""


def repaired(body: Object, contract: Contract, *, fixed_model: bool) -> Object:
    """The body, changed until no error or warning is left that is known how to repair.

    Args:
        body: a request; it is not changed itself.
        contract: what finds the violations.
        fixed_model: whether the model must stay.
    """
    made = deepcopy(body)
    for _ in range(_MAX_REPAIRS):
        broken = [found for found in contract.check_request(made) if found.severity is not Severity.INFO]
        mended = next((found for found in broken if found.name in REPAIRS), None)
        if mended is not None:
            REPAIRS[mended.name](made, mended)
        elif not fixed_model and any(found.name in OF_MODELS for found in broken):
            return _with_other_model(made, contract)
        else:
            break
    return made


def _with_other_model(body: Object, contract: Contract) -> Object:
    for model in MODELS:
        other = {**body, "model": model}
        names = {found.name for found in contract.check_request(other) if found.severity is not Severity.INFO}
        if model.startswith("gpt-audio") and "audio-absent" in names:
            continue
        if not names & OF_MODELS and not (model.startswith("gpt-4-vision") and "image_url" not in str(body)):
            return other
    return body
