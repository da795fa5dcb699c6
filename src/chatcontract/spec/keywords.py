"""What the keywords of JSON Schema take; a schema object with anything else is refused at its place."""

import json
import math
from collections.abc import Callable

from chatcontract.model import JSON
from chatcontract.unions import TYPES

_NAMES = frozenset((*TYPES, "integer"))


def _is_type(value: JSON) -> bool:
    names = [value] if isinstance(value, str) else value
    return _are_texts(names) and bool(names) and set(names) <= _NAMES and len(set(names)) == len(names)


def _are_texts(value: JSON) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _are_names(value: JSON) -> bool:
    return _are_texts(value) and len(set(value)) == len(value)


def _is_number(value: JSON) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_json(value: JSON) -> bool:
    try:
        json.dumps(value, allow_nan=False)
    except ValueError:
        return False
    return True


def _are_values(value: JSON) -> bool:
    return isinstance(value, list) and _is_json(value)


def _is_positive(value: JSON) -> bool:
    return _is_number(value) and value > 0


def _is_count(value: JSON) -> bool:
    return _is_number(value) and value >= 0 and value == int(value)


def _is_flag(value: JSON) -> bool:
    return isinstance(value, bool)


def _is_text(value: JSON) -> bool:
    return isinstance(value, str)


def _are_dependencies(value: JSON) -> bool:
    return isinstance(value, dict) and all(map(_are_names, value.values()))


_COUNTS = [
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "minContains",
    "maxContains",
    "minProperties",
    "maxProperties",
]
_BOUNDS = ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"]
_TAKEN: dict[str, tuple[Callable[[JSON], bool], str]] = {
    "type": (_is_type, "a type of JSON or a list of them"),
    "enum": (_are_values, "a list of JSON values"),
    "const": (_is_json, "a JSON value"),
    "required": (_are_names, "a list of different names"),
    "pattern": (_is_text, "a regular expression"),
    "multipleOf": (_is_positive, "a number above 0"),
    "uniqueItems": (_is_flag, "true or false"),
    "dependentRequired": (_are_dependencies, "lists of different names"),
    "$ref": (_is_text, "a reference"),
    **dict.fromkeys(_BOUNDS, (_is_number, "a number")),
    **dict.fromkeys(_COUNTS, (_is_count, "a whole number from 0 on")),
}


def misfit(keyword: str, value: JSON) -> str:
    """What the keyword takes, if the value is not of that kind; else an empty text.

    >>> misfit("type", "strin")
    'a type of JSON or a list of them'
    """
    fits, taken = _TAKEN.get(keyword, (None, ""))
    return "" if fits is None or fits(value) else taken
