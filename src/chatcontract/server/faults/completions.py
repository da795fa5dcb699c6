"""Faults of the envelope and of the choices."""

import json

from chatcontract.examples import GONE
from chatcontract.model import JSON
from chatcontract.server.answers import Piece
from chatcontract.server.faults import Stage, edit, fault

_ERROR = {"message": "The model is overloaded.", "type": "server_error", "param": None, "code": None}

FAULTS = (
    edit("created-missing", "`created` is left out.", {"/created": GONE}, "CC001"),
    edit("created-zero", "`created` is 0.", {"/created": 0}, "CC302"),
    edit("created-fraction", "`created` has a fraction.", {"/created": 1763700000.25}, "CC001"),
    edit("created-as-string", "`created` is a text.", {"/created": "1763700000"}, "CC001"),
    edit("id-missing", "`id` is left out.", {"/id": GONE}, "CC001"),
    edit("id-empty", "`id` is an empty text.", {"/id": ""}, "CC305"),
    edit("id-without-prefix", "`id` does not begin with chatcmpl-.", {"/id": "cmpl-0123456789"}, "CC306"),
    edit("object-missing", "`object` is left out.", {"/object": GONE}, "CC001"),
    edit("object-wrong", "`object` is that of text completions.", {"/object": "text_completion"}, "CC001"),
    edit("model-missing", "`model` is left out.", {"/model": GONE}, "CC001"),
    edit("model-name-empty", "`model` is an empty text.", {"/model": ""}, "CC307"),
    edit("other-model-named", "`model` is another one than the one asked for.", {"/model": "other-2"}, "CC308"),
    edit(
        "service-tier-unknown",
        "`service_tier` is none of the tiers.",
        {"/service_tier": "on_demand"},
        "CC001",
    ),
    edit(
        "service-tier-auto",
        "`service_tier` repeats the way to choose one.",
        {"/service_tier": "auto"},
        "CC309",
    ),
    edit(
        "metadata-unasked",
        "`metadata` that the request did not give.",
        {"/metadata": {"team": "blue"}},
        "CC310",
    ),
    edit("choices-missing", "`choices` is left out.", {"/choices": GONE}, "CC001", audited=("CC321",)),
    edit("choices-null", "`choices` is null.", {"/choices": None}, "CC001", audited=("CC321",)),
    edit("choices-empty", "`choices` is an empty list.", {"/choices": []}, "CC321"),
    edit("choice-index-missing", "A choice has no `index`.", {"/choices/0/index": GONE}, "CC001"),
    edit(
        "choice-index-from-one", "The choices are counted from 1.", {"/choices/0/index": 1}, "CC323", audited=("CC322",)
    ),
    edit(
        "choice-index-always-zero",
        "Every choice has index 0.",
        {"/choices/1/index": 0},
        "CC323",
        request="n",
        audited=("CC322",),
    ),
    edit(
        "finish-missing",
        "A choice has no `finish_reason`.",
        {"/choices/0/finish_reason": GONE},
        "CC001",
        audited=("CC606",),
    ),
    edit(
        "finish-null",
        "`finish_reason` is null in a whole answer.",
        {"/choices/0/finish_reason": None},
        "CC001",
        audited=("CC606",),
    ),
    edit("finish-eos", "`finish_reason` is eos.", {"/choices/0/finish_reason": "eos"}, "CC001"),
    edit(
        "finish-empty",
        "`finish_reason` is an empty text.",
        {"/choices/0/finish_reason": ""},
        "CC001",
        audited=("CC606",),
    ),
    edit(
        "finish-without-calls",
        "`finish_reason` is tool_calls, and there is none.",
        {"/choices/0/finish_reason": "tool_calls"},
        "CC325",
    ),
    edit(
        "finish-stop-at-limit",
        "`finish_reason` is stop although the limit cut the text.",
        {"/choices/0/finish_reason": "stop"},
        "CC343",
        request="limit",
        audited=("CC396",),
    ),
    edit(
        "finish-length-early",
        "`finish_reason` is length although there was room.",
        {"/choices/0/finish_reason": "length"},
        "CC342",
        request="room",
    ),
    edit("vendor-member", "The answer has a member of the vendor's own.", {"/provider": "acme"}, "CC004"),
    edit("error-beside-choices", "A successful answer reports an error.", {"/error": _ERROR}, "CC320"),
    edit(
        "lone-surrogate",
        "The text has half a surrogate pair.",
        {"/choices/0/message/content": "Four \ud83d"},
        "CC008",
        audited=("CC295", "CC680", "CC801"),
    ),
)


@fault("CC301", stage=Stage.COMPLETION)
def created_in_milliseconds(made: JSON) -> None:
    """`created` counts milliseconds."""
    made["created"] *= 1000


@fault("CC303", stage=Stage.COMPLETION)
def created_as_float(made: JSON) -> None:
    """`created` is written with a fraction of zero."""
    made["created"] = float(made["created"])


@fault("CC304", stage=Stage.COMPLETION)
def created_in_future(made: JSON) -> None:
    """`created` is two hours from now."""
    made["created"] += 7200


@fault("CC311", stage=Stage.COMPLETION)
def moderation_unasked(made: JSON) -> None:
    """A moderation verdict that the request did not ask for."""
    side = {"type": "moderation_results", "model": "omni-moderation-latest", "results": []}
    made["moderation"] = {"input": side, "output": side}


@fault("CC324", stage=Stage.COMPLETION, request="n")
def choices_reversed(made: JSON) -> None:
    """The choices stand in falling order of their indices."""
    made["choices"].reverse()


@fault("CC112", stage=Stage.ANSWER)
def error_in_200(answer: JSON) -> JSON:
    """An error with status 200."""
    return answer.with_body(json.dumps({"error": _ERROR}).encode())


@fault(
    "CC006",
    stage=Stage.ANSWER,
    audited=("CC606", "CC660", "CC701"),
)
def body_cut(answer: JSON) -> JSON:
    """The JSON of the answer ends in the middle."""
    return answer.with_body(answer.body[: len(answer.body) // 2])


@fault("CC005", stage=Stage.ANSWER)
def member_twice(answer: JSON) -> JSON:
    """The answer has the member `model` twice."""
    return answer.with_body(answer.body.replace(b"{", b'{"model": "reference-0",', 1))


@fault("CC007", stage=Stage.COMPLETION, request="logprobs")
def logprob_nan(made: JSON) -> None:
    """A log probability is NaN."""
    made["choices"][0]["logprobs"]["content"][0]["logprob"] = float("nan")


@fault("CC008", stage=Stage.ANSWER, audited=("CC802",))
def body_latin1(answer: JSON) -> JSON:
    """The body is not UTF-8."""
    return answer.with_body(answer.body.replace(b'"content": "', b'"content": "caf\xe9 ', 1))


@fault(
    "CC010",
    stage=Stage.ANSWER,
    unseen="it reads 8 MiB of an answer and then hangs up, so the probe is errored and not failed",
)
def body_huge(answer: JSON) -> JSON:
    """The body has 65 MiB, most of them blanks."""
    return answer._replace(pieces=(*[Piece(b" " * 2**20)] * 65, *answer.whole()), is_stream=True)


@fault("CC009", stage=Stage.ANSWER, audited=("CC660",))
def nested_too_deep(answer: JSON) -> JSON:
    """The answer has arrays within arrays, more than a thousand of them."""
    deep = b"[" * 1100 + b"]" * 1100
    return answer.with_body(answer.body.rstrip()[:-1] + b', "extra": ' + deep + b"}")
