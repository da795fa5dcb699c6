"""Numbers and texts that fit a JSON Schema."""

import math
from collections.abc import Callable, Mapping
from fractions import Fraction

from chatcontract import json_schema
from chatcontract.model import JSON
from chatcontract.server.dice import Dice
from chatcontract.server.patterns import Unsupported, matching

SPAN = 100
"""How far a number lies from the bound that there is."""
MAX_TEXT = 5000
"""The longest text that a `minLength` may ask for."""
PATTERN_TRIES = 66
"""Texts that are made of one pattern before it is given up."""
_EAGERNESS = (2, 0, 1, 3, 5, 8, 13, 21, 34, 55, 100)
_WORDS = (
    "amber",
    "birch",
    "cedar",
    "delta",
    "ember",
    "fjord",
    "grove",
    "harbor",
    "island",
    "juniper",
    "kestrel",
    "lagoon",
)
_HEX = "0123456789abcdef"


class Impossible(ValueError):
    """No value fits, or none that is small enough."""


def number(schema: Mapping[str, JSON], dice: Dice, *, is_whole: bool) -> int | float:
    """A number within the bounds.

    >>> number({"minimum": 3, "exclusiveMaximum": 4, "multipleOf": 0.5}, Dice(2), is_whole=False) in (3, 3.5)
    True
    """
    step = _step(schema.get("multipleOf"), is_whole)
    low, high = _bounds(schema)
    least, most = math.ceil(low / step), math.floor(high / step)
    if "exclusiveMinimum" in schema and least * step <= _exact(schema["exclusiveMinimum"]):
        least += 1
    if "exclusiveMaximum" in schema and most * step >= _exact(schema["exclusiveMaximum"]):
        most -= 1
    if least > most:
        if is_whole or "multipleOf" in schema:
            raise Impossible("no number fits the bounds")
        return float((low + high) / 2)
    made = (least + dice.below(min(most - least, SPAN) + 1)) * step
    return int(made) if made.denominator == 1 else float(made)


def _exact(value: JSON) -> Fraction:
    return Fraction(str(value))


def _step(multiple: JSON, is_whole: bool) -> Fraction:
    if not multiple:
        return Fraction(1) if is_whole else Fraction(1, 4)
    step = _exact(multiple)
    return Fraction(step.numerator) if is_whole else step


def _bounds(schema: Mapping[str, JSON]) -> tuple[Fraction, Fraction]:
    lows = [_exact(schema[name]) for name in ("minimum", "exclusiveMinimum") if name in schema]
    highs = [_exact(schema[name]) for name in ("maximum", "exclusiveMaximum") if name in schema]
    if not lows and not highs:
        return Fraction(0), Fraction(SPAN)
    if not lows:
        highest = min(highs)
        return highest - _room(highest), highest
    lowest = max(lows)
    return lowest, min(highs, default=lowest + _room(lowest))


def _room(bound: Fraction) -> Fraction:
    """How far to go from the only bound: far enough to be another number where it is a large one."""
    return abs(bound) if abs(bound) > SPAN else Fraction(SPAN)


def text(schema: Mapping[str, JSON], dice: Dice, attempt: int) -> str:
    """A text with the pattern, format and length asked for."""
    least, most = int(schema.get("minLength", 0)), schema.get("maxLength")
    if least > MAX_TEXT:
        raise Impossible("a text of the schema would be too long")
    if isinstance(schema.get("pattern"), str):
        return _of_pattern(schema, dice)
    made = _FORMATS[schema["format"]](dice) if schema.get("format") in _FORMATS else _plain(dice)
    while len(made) < least:
        made += " " + dice.pick(_WORDS)
    return made if most is None else made[: max(int(most), least)]


def _plain(dice: Dice) -> str:
    return " ".join(dice.pick(_WORDS) for _ in range(1 + dice.below(2)))


def _of_pattern(schema: Mapping[str, JSON], dice: Dice) -> str:
    pattern, least, most = schema["pattern"], schema.get("minLength", 0), schema.get("maxLength", MAX_TEXT)
    try:
        for attempt in range(PATTERN_TRIES):
            made = matching(pattern, dice, _EAGERNESS[attempt % len(_EAGERNESS)])
            if least <= len(made) <= most and not json_schema.mismatches({"pattern": pattern}, made):
                return made
    except Unsupported as error:
        raise Impossible(f"the pattern {pattern[:60]!r} cannot be read: {error}") from None
    raise Impossible(f"no text was found for the pattern {pattern[:60]!r}")


def _hex(dice: Dice, length: int) -> str:
    return "".join(dice.pick(_HEX) for _ in range(length))


def _date(dice: Dice) -> str:
    return f"20{dice.below(30):02}-{1 + dice.below(12):02}-{1 + dice.below(28):02}"


def _time(dice: Dice) -> str:
    return f"{dice.below(24):02}:{dice.below(60):02}:{dice.below(60):02}Z"


def _uuid(dice: Dice) -> str:
    return f"{_hex(dice, 8)}-{_hex(dice, 4)}-4{_hex(dice, 3)}-a{_hex(dice, 3)}-{_hex(dice, 12)}"


def _host(dice: Dice) -> str:
    return f"{dice.pick(_WORDS)}.example.com"


_FORMATS: Mapping[str, Callable[[Dice], str]] = {
    "date": _date,
    "time": _time,
    "date-time": lambda dice: f"{_date(dice)}T{_time(dice)}",
    "duration": lambda dice: f"P{1 + dice.below(9)}DT{1 + dice.below(23)}H",
    "email": lambda dice: f"{dice.pick(_WORDS)}@example.com",
    "hostname": _host,
    "ipv4": lambda dice: f"192.0.2.{dice.below(256)}",
    "ipv6": lambda dice: f"2001:db8::{_hex(dice, 3)}1",
    "uuid": _uuid,
    "uri": lambda dice: f"https://{_host(dice)}/{dice.pick(_WORDS)}",
    "uri-reference": lambda dice: f"/{dice.pick(_WORDS)}",
    "iri": lambda dice: f"https://{_host(dice)}/{dice.pick(_WORDS)}",
    "json-pointer": lambda dice: f"/{dice.pick(_WORDS)}/{dice.below(9)}",
    "regex": lambda dice: f"^{dice.pick(_WORDS)}$",
}
