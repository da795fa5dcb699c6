"""Faults of the log probabilities."""

from chatcontract.examples import GONE
from chatcontract.model import JSON
from chatcontract.server.faults import Stage, edit, fault

_FIRST = "/choices/0/logprobs/content/0"

FAULTS = (
    edit(
        "logprobs-dropped",
        "Log probabilities are asked for, and do not come.",
        {"/choices/0/logprobs": None},
        "CC351",
        request="logprobs",
    ),
    edit("logprob-null", "A log probability is null.", {f"{_FIRST}/logprob": None}, "CC001", request="logprobs"),
    edit(
        "logprob-sentinel",
        "A log probability is a stand-in.",
        {f"{_FIRST}/logprob": -1e30, f"{_FIRST}/top_logprobs": []},
        "CC354",
        request="logprobs",
    ),
    edit(
        "logprob-contradicted",
        "A token has one log probability by itself and another one in its list.",
        {f"{_FIRST}/logprob": -5.5},
        "CC361",
        request="logprobs",
    ),
    edit(
        "logprob-bytes-wrong",
        "The bytes of a token are not its own.",
        {f"{_FIRST}/bytes": [88]},
        "CC357",
        request="logprobs",
    ),
    edit(
        "logprobs-token-lost",
        "The first token has no log probability.",
        {_FIRST: GONE},
        "CC358",
        request="logprobs",
    ),
    edit(
        "logprobs-unlisted",
        "The sampled token is not among the likeliest.",
        {f"{_FIRST}/top_logprobs/0": GONE},
        "CC359",
        request="logprobs",
    ),
    edit(
        "logprobs-legacy",
        "The log probabilities have the shape of text completions.",
        {
            "/choices/0/logprobs": {
                "tokens": ["It"],
                "token_logprobs": [-0.1],
                "top_logprobs": [{"It": -0.1}],
                "text_offset": [0],
                "content": None,
                "refusal": None,
            }
        },
        "CC360",
        "CC351",
        request="logprobs",
    ),
)


def _entries(made: JSON) -> list[JSON]:
    entries: list[JSON] = made["choices"][0]["logprobs"]["content"]
    return entries


@fault("CC353", stage=Stage.COMPLETION, request="logprobs", audited=("CC295",))
def logprob_positive(made: JSON) -> None:
    """The log probabilities are above zero."""
    for entry in _entries(made):
        entry["logprob"] = -entry["logprob"]
        entry["top_logprobs"] = []


@fault("CC355", stage=Stage.COMPLETION, request="logprobs")
def top_logprobs_unsorted(made: JSON) -> None:
    """The likeliest tokens stand in rising order."""
    for entry in _entries(made):
        entry["top_logprobs"].reverse()


@fault("CC356", stage=Stage.COMPLETION, request="logprobs")
def top_logprobs_too_many(made: JSON) -> None:
    """More of the likeliest tokens than asked for."""
    for entry in _entries(made):
        entry["top_logprobs"] += [
            {**entry["top_logprobs"][-1], "token": text, "bytes": list(text.encode())} for text in "xyz"
        ]


@fault("CC352", stage=Stage.COMPLETION, audited=("CC295",))
def logprobs_unasked(made: JSON) -> None:
    """Log probabilities come without being asked for."""
    from chatcontract.server.tokens import logprobs, tokens

    for choice in made["choices"]:
        choice["logprobs"] = {"content": logprobs(tokens(choice["message"]["content"]), 0), "refusal": None}
