"""Faults of the usage."""

from chatcontract.examples import GONE
from chatcontract.model import JSON
from chatcontract.server.faults import Stage, edit, fault

FAULTS = (
    edit("usage-absent", "There is no usage.", {"/usage": GONE}, "CC502", audited=("CC610",)),
    edit("usage-null", "`usage` is null.", {"/usage": None}, "CC002", audited=("CC610",)),
    edit("usage-total-wrong", "`total_tokens` is not the sum.", {"/usage/total_tokens": 7}, "CC501"),
    edit("usage-total-missing", "`total_tokens` is left out.", {"/usage/total_tokens": GONE}, "CC001"),
    edit("usage-as-text", "`prompt_tokens` is a text.", {"/usage/prompt_tokens": "12"}, "CC001"),
    edit("usage-negative", "`total_tokens` is below zero.", {"/usage/total_tokens": -1}, "CC001", "CC501"),
    edit(
        "usage-details-null",
        "The details of the prompt are null.",
        {"/usage/prompt_tokens_details": None},
        "CC002",
    ),
    edit(
        "usage-cached-too-many",
        "More tokens are cached than the prompt has.",
        {"/usage/prompt_tokens_details/cached_tokens": 100000},
        "CC503",
    ),
    edit(
        "usage-reasoning-too-many",
        "More reasoning than tokens at all.",
        {"/usage/completion_tokens_details/reasoning_tokens": 100000},
        "CC504",
    ),
)


def _counted(made: JSON, prompt: int | None = None, written: int | None = None) -> None:
    usage = made["usage"]
    usage["prompt_tokens"] = usage["prompt_tokens"] if prompt is None else prompt
    usage["completion_tokens"] = usage["completion_tokens"] if written is None else written
    usage["total_tokens"] = usage["prompt_tokens"] + usage["completion_tokens"]


@fault("CC505", stage=Stage.COMPLETION)
def usage_parts_too_large(made: JSON) -> None:
    """The parts of the answer's tokens add up to more than the whole."""
    written = made["usage"]["completion_tokens"]
    made["usage"]["completion_tokens_details"] |= {
        "reasoning_tokens": written,
        "rejected_prediction_tokens": written,
    }


@fault("CC506", stage=Stage.COMPLETION, audited=("CC504",))
def usage_completion_zero(made: JSON) -> None:
    """No token of the answer is counted."""
    _counted(made, written=0)


@fault("CC507", stage=Stage.COMPLETION)
def usage_prompt_zero(made: JSON) -> None:
    """No token of the request is counted."""
    _counted(made, prompt=0)


@fault("CC508", stage=Stage.COMPLETION, request="limit", audited=("CC295",))
def usage_above_limit(made: JSON) -> None:
    """More tokens are counted than the request allows."""
    _counted(made, written=1000)


@fault("CC509", stage=Stage.COMPLETION)
def usage_as_float(made: JSON) -> None:
    """The numbers of tokens are written with a fraction of zero."""
    for name in ("prompt_tokens", "completion_tokens", "total_tokens"):
        made["usage"][name] = float(made["usage"][name])


@fault("CC510", stage=Stage.COMPLETION, request="logprobs", audited=("CC504",))
def usage_below_logprobs(made: JSON) -> None:
    """Fewer tokens are counted than have a log probability."""
    _counted(made, written=1)
