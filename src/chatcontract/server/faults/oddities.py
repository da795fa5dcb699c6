"""Faults of what is right by itself, and wrong beside something else."""

import json

from chatcontract.examples import GONE
from chatcontract.model import JSON
from chatcontract.server.answers import Answer
from chatcontract.server.faults import Stage, edit, fault

_AUDIO = "/choices/0/message/audio"
_VERDICT = "/moderation/output/results/0"
_UNASKED = "no probe asks for a moderation verdict"

FAULTS = (
    edit("audio-id-empty", "The id of the sound is empty.", {f"{_AUDIO}/id": ""}, "CC363", request="audio"),
    edit(
        "audio-in-other-format",
        "WAV is asked for, and MP3 comes.",
        {f"{_AUDIO}/data": "SUQzBAAA" * 16},
        "CC364",
        request="audio-wav",
    ),
    edit(
        "function-call-finish-stop",
        "`finish_reason` is stop although a function is called in the older form.",
        {"/choices/0/finish_reason": "stop"},
        "CC366",
        request="functions",
    )._replace(unseen="its only probe of `functions` names one, where stop is right"),
    edit(
        "moderation-dropped",
        "A verdict is asked for, and none comes.",
        {"/moderation": GONE},
        "CC312",
        request="moderation",
    )._replace(unseen=_UNASKED),
    edit(
        "moderation-contradictory",
        "A text is flagged, and no category is true.",
        {f"{_VERDICT}/flagged": True},
        "CC313",
        request="moderation",
    )._replace(unseen=_UNASKED),
    edit(
        "moderation-by-other-model",
        "The verdict comes from another model than the one asked for.",
        {"/moderation/output/model": "text-moderation-007"},
        "CC314",
        request="moderation",
    )._replace(unseen=_UNASKED),
    edit(
        "custom-input-breaks-grammar",
        "The input of a custom tool breaks its regular expression.",
        {"/choices/0/message/tool_calls/0/custom/input": "go up!"},
        "CC424",
        request="grammar",
    )._replace(unseen="no probe declares a grammar"),
    edit(
        "usage-prediction-unasked",
        "Tokens of a prediction that the request does not have.",
        {"/usage/completion_tokens_details/accepted_prediction_tokens": 1},
        "CC514",
    ),
)


@fault("CC365", stage=Stage.COMPLETION, request="audio")
def audio_expiry_in_milliseconds(made: JSON) -> None:
    """The end of the sound's id counts milliseconds."""
    made["choices"][0]["message"]["audio"]["expires_at"] *= 1000


@fault("CC362", stage=Stage.COMPLETION, request="logprobs")
def top_logprobs_too_certain(made: JSON) -> None:
    """Every one of the likeliest tokens is all but certain."""
    for entry in made["choices"][0]["logprobs"]["content"]:
        for holder in (entry, *entry["top_logprobs"]):
            holder["logprob"] = -0.01


def _counted(made: JSON, side: str, tokens: int) -> None:
    usage = made["usage"]
    usage[side] = tokens
    usage["total_tokens"] = usage["prompt_tokens"] + usage["completion_tokens"]


@fault("CC511", stage=Stage.COMPLETION, audited=("CC504",))
def usage_below_text(made: JSON) -> None:
    """One token is counted, whatever is said."""
    _counted(made, "completion_tokens", 1)


@fault("CC512", stage=Stage.COMPLETION, audited=("CC295",))
def usage_above_text(made: JSON) -> None:
    """A hundred thousand tokens are counted, whatever is said."""
    _counted(made, "completion_tokens", 100_000)


@fault("CC513", stage=Stage.COMPLETION, request="long")
def usage_prompt_below_text(made: JSON) -> None:
    """Two tokens of the request are counted, whatever is asked."""
    _counted(made, "prompt_tokens", 2)


@fault("CC384", stage=Stage.COMPLETION, request="tools", audited=("CC412",))
def tool_call_as_python(made: JSON) -> None:
    """A tool is called in the text, in the notation of Python."""
    choice = made["choices"][0]
    body = choice["message"].pop("tool_calls")[0]["function"]
    given = ", ".join(f"{name}={value!r}" for name, value in json.loads(body["arguments"]).items())
    choice["message"]["content"] = f"[{body['name']}({given})]"
    choice["finish_reason"] = "stop"


@fault("CC705", stage=Stage.ERROR, request="invalid")
def error_type_of_other_status(answer: Answer) -> JSON:
    """A request that breaks the contract is said to be one too many."""
    error = json.loads(answer.body)["error"]
    return answer.with_body(json.dumps({"error": {**error, "type": "rate_limit_error", "code": None}}).encode())


@fault("CC708", stage=Stage.ANSWER, audited=("CC192",))
def completion_with_500(answer: Answer) -> JSON:
    """A good answer is sent with status 500."""
    return answer._replace(status=500) if answer.status == 200 and not answer.is_stream else answer


@fault("CC122", stage=Stage.ANSWER, request="busy")
def retry_after_iso(answer: Answer) -> JSON:
    """`Retry-After` holds a date as JSON has it."""
    return answer.with_header("retry-after", "2030-11-21T15:47:00Z")
