"""Faults of error answers."""

import json

from chatcontract.model import JSON
from chatcontract.server.answers import Answer
from chatcontract.server.faults import Stage, fault


def _error(answer: Answer) -> dict[str, JSON]:
    error: dict[str, JSON] = json.loads(answer.body)["error"]
    return error


def _with(answer: Answer, value: JSON) -> Answer:
    return answer.with_body(json.dumps(value).encode())


def _changed(answer: Answer, **members: JSON) -> Answer:
    return _with(answer, {"error": {**_error(answer), **members}})


@fault("CC001", stage=Stage.ERROR, request="invalid")
def error_as_text(answer: Answer) -> JSON:
    """`error` is a text."""
    return _with(answer, {"error": _error(answer)["message"]})


@fault("CC701", stage=Stage.ERROR, request="invalid")
def error_as_html(answer: Answer) -> JSON:
    """The error is a page."""
    return answer.with_body(b"<html><body>400 Bad Request</body></html>").with_header("content-type", "text/html")


@fault("CC701", stage=Stage.ERROR, request="invalid")
def error_as_plain_text(answer: Answer) -> JSON:
    """The error is plain text."""
    return answer.with_body(b"bad request").with_header("content-type", "text/plain")


@fault("CC702", stage=Stage.ERROR, request="invalid")
def error_as_detail(answer: Answer) -> JSON:
    """The error is a member `detail`, as web frameworks write it."""
    return _with(answer, {"detail": _error(answer)["message"]})


@fault("CC702", stage=Stage.ERROR, request="invalid")
def error_flat(answer: Answer) -> JSON:
    """The members of the error stand at the top."""
    return _with(answer, {"object": "error", **_error(answer), "code": answer.status})


@fault("CC709", stage=Stage.ERROR, request="invalid")
def error_overflow_unnamed(answer: Answer) -> JSON:
    """Only the words of the error say that the prompt is too long."""
    return _changed(answer, message="This model's maximum context length is 8192 tokens.", code=None)


@fault("CC703", stage=Stage.ERROR, request="invalid")
def error_in_array(answer: Answer) -> JSON:
    """The error stands in an array."""
    return _with(answer, [{"error": _error(answer)}])


@fault("CC704", stage=Stage.ERROR, request="invalid")
def error_without_words(answer: Answer) -> JSON:
    """The message of the error is empty."""
    return _changed(answer, message="")


@fault("CC001", stage=Stage.ERROR, request="invalid")
def error_message_missing(answer: Answer) -> JSON:
    """The error has no message."""
    return _with(answer, {"error": {"type": "invalid_request_error", "param": None, "code": None}})


@fault("CC001", stage=Stage.ERROR, request="invalid")
def error_code_number(answer: Answer) -> JSON:
    """The code of the error is a number."""
    return _changed(answer, code=answer.status)


@fault("CC003", stage=Stage.ERROR, request="invalid")
def error_members_missing(answer: Answer) -> JSON:
    """The error has no `param` and no `code`."""
    return _with(answer, {"error": {"message": _error(answer)["message"], "type": "invalid_request_error"}})


@fault("CC705", stage=Stage.ERROR, request="invalid", audited=("CC796",))
def error_with_500(answer: Answer) -> JSON:
    """A request that breaks the contract is answered with status 500."""
    return answer._replace(status=500)


@fault("CC706", stage=Stage.ERROR, request="invalid")
def error_with_422(answer: Answer) -> JSON:
    """A request that breaks the contract is answered with status 422."""
    return answer._replace(status=422)


@fault("CC707", stage=Stage.ERROR, request="unauthorized")
def unauthorized_code_odd(answer: Answer) -> JSON:
    """The code of a status 401 is a number in a text."""
    return _changed(answer, code="401")


@fault("CC103", stage=Stage.ERROR, request="invalid")
def error_media_type_wrong(answer: Answer) -> JSON:
    """An error in JSON is sent as plain text."""
    return answer.with_header("content-type", "text/plain")


@fault("CC112", stage=Stage.ERROR, request="invalid")
def error_with_200(answer: Answer) -> JSON:
    """An error is sent with status 200."""
    return answer._replace(status=200)


@fault("CC112", "CC702", stage=Stage.ERROR, request="invalid")
def error_bare_with_200(answer: Answer) -> JSON:
    """An error without the member `error` is sent with status 200."""
    body = b'{"code": "rate_limit_daily", "message": "The limit of the day is reached."}'
    return answer.with_body(body)._replace(status=200)


@fault("CC122", stage=Stage.ANSWER, request="busy")
def retry_after_malformed(answer: Answer) -> JSON:
    """`Retry-After` holds no whole number of seconds."""
    return answer.with_header("retry-after", "2.5 seconds")


@fault(
    "CC123",
    stage=Stage.ANSWER,
    request="busy",
    unseen="nobody can make a server busy on purpose; where one is busy during an audit, the rule looks at its answer",
)
def retry_after_missing(answer: Answer) -> JSON:
    """A status of 429 does not say when to try again."""
    kept = [pair for pair in answer.headers if not pair[0].startswith(("retry-after", "x-ratelimit"))]
    return answer._replace(headers=tuple(kept))
