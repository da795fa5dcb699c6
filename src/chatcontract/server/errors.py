"""Error answers: what is said instead of a completion, in OpenAI's spelling."""

import re
from collections.abc import Mapping

from chatcontract.model import JSON, Headers, Violation
from chatcontract.pointer import split

_BELOW, _ABOVE = re.compile(r"expected (at least|more than) "), re.compile(r"expected (at most|less than) ")
_TYPES = "string|integer|number|boolean|array|object|null"
_TYPE = re.compile(rf"expected ((({_TYPES})(, | or )?)+), got (({_TYPES})$|a number with)")
_MISSING = re.compile(r'"(.+)" is missing$')
_NOT_ALLOWED = re.compile(r'".+" is not allowed here$')
_FRACTIONS = ("temperature", "top_p", "frequency_penalty", "presence_penalty", "logit_bias")
_BY_RULE: Mapping[str, str | None] = {
    "output-limit-below-one": "integer_below_min_value",
    "output-limits-together": "invalid_parameter_combination",
    "parameter-unknown": "unknown_parameter",
    "json-word-missing": None,
    "tool-call-unanswered": None,
    "tool-message-orphaned": None,
    "tool-call-id-unmatched": None,
    "tool-choice-undeclared": None,
    "allowed-tools-undeclared": None,
    "image-url-as-text": "invalid_type",
    "image-url-invalid": "invalid_image_url",
    "role-unsupported": "unsupported_value",
}
"""Codes of rules, where the service is known to have one of its own, or none."""
_TEXT_FAULTS = "CC005"
"""The first of the rules about the JSON text itself: the service has no codes for those."""
_SCHEMAS = re.compile(r"^(tools\[\d+\]\.function\.parameters|functions\[\d+\]\.parameters|response_format)\b.*")


class Refused(Exception):
    """A request that gets an error answer.

    `code` and `param` are None where there is none to name.
    """

    def __init__(
        self,
        status: int,
        message: str,
        code: str | None = None,
        param: str | None = None,
        *,
        kind: str = "invalid_request_error",
        headers: Headers = (),
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers
        self.body: Mapping[str, JSON] = {"error": {"message": message, "type": kind, "param": param, "code": code}}


def spelt(pointer: str, member: str = "") -> str | None:
    """A pointer as OpenAI spells it; None for the whole request.

    >>> spelt("/messages/0/content", "type")
    'messages[0].content.type'
    """
    tokens = [*split(pointer), *([member] if member else [])]
    path = "".join(f"[{token}]" if token.isdecimal() else f".{token}" for token in tokens)
    return path.removeprefix(".") or None


def of_violation(violation: Violation) -> Refused:
    """The error answer to a request with this violation."""
    missing = _MISSING.search(violation.message)
    param = spelt(violation.pointer, missing[1] if missing else "")
    if violation.rule.startswith("CC0"):
        return Refused(400, _worded(violation, param), _of_shape(violation, bool(missing)), param)
    schema = _SCHEMAS.match(param or "")
    if schema is not None:
        code = None if schema[1] == "response_format" else "invalid_function_parameters"
        return Refused(400, _worded(violation, param), code, schema[1])
    return Refused(400, _worded(violation, param), _of_rule(violation.name), param)


def _of_rule(name: str) -> str | None:
    if name in _BY_RULE:
        return _BY_RULE[name]
    return "unsupported_parameter" if name.endswith("-unsupported") else "invalid_value"


def _of_shape(violation: Violation, is_missing: bool) -> str | None:
    message = violation.message
    if violation.rule >= _TEXT_FAULTS:
        return None
    if is_missing:
        return "missing_required_parameter"
    if _NOT_ALLOWED.search(message):
        return "unknown_parameter"
    if _BELOW.search(message) or _ABOVE.search(message):
        return _of_bound(violation)
    if _TYPE.search(message) or "fits none of the forms" in message:
        return "invalid_type"
    return "invalid_value"


def _of_bound(violation: Violation) -> str:
    side = "below_min" if _BELOW.search(violation.message) else "above_max"
    if " items," in violation.message:
        return "empty_array" if violation.message.endswith("got 0") else f"array_{side}_length"
    if " characters," in violation.message:
        return f"string_{side}_length"
    if " members," in violation.message:
        return f"object_{side}_properties"
    is_fraction = violation.pointer.split("/")[1] in _FRACTIONS
    return f"{'decimal' if is_fraction else 'integer'}_{side}_value"


def _worded(violation: Violation, param: str | None) -> str:
    if _MISSING.search(violation.message):
        return f"The parameter '{param}' is required and was not given."
    return f"Invalid '{param}': {violation.message}." if param else f"Invalid request: {violation.message}."
