"""The forms that the body of an error answer takes where it is not the documented one."""

from collections.abc import Sequence
from typing import Literal

from chatcontract.jsontext import ABSENT, TextFault
from chatcontract.model import JSON

Form = Literal["", "not-json", "array", "completion", "detail", "flat"]
"""`not-json` is no JSON text, `array` wraps the documented form, the others have no member `error`."""

_FLAT = ("message", "msg", "errors", "error_message", "error_code")
_WORDS = ("message", "msg", "detail", "error_message")
_OF_ANSWERS = frozenset(("id", "model", "object", "usage"))


def form(value: JSON, faults: Sequence[TextFault] = ()) -> Form:
    """The form of a parsed body; empty for the documented one, and for any that only the schema can name.

    >>> form({"error": {"message": "no"}}), form({"detail": "no"}), form([{"error": {}}]), form({})
    ('', 'detail', 'array', '')
    """
    if value is ABSENT:
        return "not-json" if any(fault.kind == "invalid-json" for fault in faults) else ""
    if isinstance(value, list):
        return "array" if any(isinstance(item, dict) and "error" in item for item in value) else ""
    if not isinstance(value, dict) or "error" in value:
        return ""
    if "choices" in value or value.get("object") == "chat.completion":
        return "completion"
    if "detail" in value:
        return "detail"
    return "flat" if value.get("object") == "error" or any(name in value for name in _FLAT) else ""


def is_bare(value: JSON) -> bool:
    """Whether an object in the place of an answer is an error that lacks the member `error`.

    >>> is_bare({"code": 429, "message": "slow down"}), is_bare({"error_message": "no", "choices": None})
    (True, True)
    >>> is_bare({"model": "m", "message": {"role": "assistant"}}), is_bare({"choices": [], "message": "no"})
    (False, False)
    """
    if value.__class__ is not dict or value.get("error") is not None or isinstance(value.get("choices"), list):
        return False
    if value.get("object") != "error" and not _OF_ANSWERS.isdisjoint(value):
        return False
    return any(isinstance(value.get(name), str) for name in _WORDS)
