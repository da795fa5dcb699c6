"""An instance of a JSON Schema, from a seed: all that strict structured output can say, and more.

A schema is given a *height*: how many levels its shortest instance has. Deep inside, the shortest way out is
taken, so that recursion ends. What was made is held against the schema, and made anew where it does not fit.
"""

from collections.abc import Mapping

from chatcontract import json_schema
from chatcontract.model import JSON
from chatcontract.server.dice import Dice
from chatcontract.server.heights import ENDLESS, Heights, types
from chatcontract.server.scalars import Impossible, number, text

TRIES = 12
"""How often an instance is made before a schema is given up."""
ROOMY = 3
"""Levels within which an instance may be more than the shortest."""
MAX_VALUES = 20_000
"""Values in one instance."""
_TIGHTEST = {"minimum": max, "exclusiveMinimum": max, "minLength": max, "minItems": max, "minProperties": max,
             "maximum": min, "exclusiveMaximum": min, "maxLength": min, "maxItems": min,
             "maxProperties": min}  # fmt: skip
_ALL_TYPES = ("null", "boolean", "integer", "number", "string", "array", "object")


def instance(schema: JSON, *seed: object) -> JSON:
    """A value that fits the schema, the same for the same seed.

    Raises:
        Impossible: none was found.

    >>> instance({"type": "object", "properties": {"n": {"const": 4}}, "required": ["n"]}, "seed")
    {'n': 4}
    """
    heights, reason = Heights(schema), "no instance of the schema was found"
    for attempt in range(TRIES):
        try:
            made = _Maker(heights, Dice(*seed, attempt), attempt).make(schema, 0)
        except (RecursionError, OverflowError):
            continue
        except Impossible as error:
            reason = str(error)
            continue
        if not json_schema.mismatches(schema, made):
            return made
    raise Impossible(reason)


class _Maker:
    """Makes one instance."""

    def __init__(self, heights: Heights, dice: Dice, attempt: int) -> None:
        self._heights = heights
        self._dice = dice
        self._attempt = attempt
        self._left = MAX_VALUES

    def make(self, schema: JSON, level: int) -> JSON:
        """A value for the schema at this level."""
        self._left -= 1
        if self._left < 0:
            raise Impossible("an instance of the schema would be too large")
        if schema is False or (level == 0 and self._heights.of(schema) >= ENDLESS):
            raise Impossible("no instance of the schema comes to an end")
        if not isinstance(schema, dict) or not schema:
            return self._dice.pick(("amber", "birch", "cedar"))
        flat = self._flat(schema, level)
        if "const" in flat:
            return flat["const"]
        if "enum" in flat:
            return self._dice.pick(self._fitting(flat))
        return self._of_type(flat, level)

    def _fitting(self, flat: dict[str, JSON]) -> list[JSON]:
        kinds = types(flat) if "type" in flat else _ALL_TYPES
        fitting = [value for value in flat["enum"] if any(_is_a(kind, value) for kind in kinds)]
        return fitting or list(flat["enum"])

    def _flat(self, schema: dict[str, JSON], level: int) -> dict[str, JSON]:
        """The schema with references followed, one branch of each union chosen, and all of it merged."""
        flat: dict[str, JSON] = {}
        waiting: list[JSON] = [schema]
        for _ in range(200):
            if not waiting:
                return flat
            part = waiting.pop()
            if part is False:
                raise Impossible("no value fits the schema")
            if isinstance(part, dict):
                _merge(flat, part)
                waiting += self._implied(part, level)
        raise Impossible("a reference leads back to itself")

    def _implied(self, part: dict[str, JSON], level: int) -> list[JSON]:
        found = list(part.get("allOf") or ())
        if "$ref" in part:
            found.append(self._heights.target(part["$ref"]))
        for name in ("anyOf", "oneOf"):
            if part.get(name):
                found.append(self._branch(part[name], level))
        if "if" in part and "then" in part and self._dice.below(2):
            found += [part["if"], part["then"]]
        return found

    def _branch(self, branches: list[JSON], level: int) -> JSON:
        heights = [self._heights.of(branch) for branch in branches]
        bound = min(heights) if level >= ROOMY else ENDLESS - 1
        return self._dice.pick([b for b, height in zip(branches, heights, strict=True) if height <= bound] or branches)

    def _of_type(self, schema: dict[str, JSON], level: int) -> JSON:
        kinds = [kind for kind in types(schema) if self._heights.as_type(kind, schema) < ENDLESS]
        if level >= ROOMY:
            kinds = sorted(kinds, key=lambda kind: self._heights.as_type(kind, schema))[:1]
        kind = self._dice.pick(kinds or ["null"])
        if kind == "object":
            return self._object(schema, level)
        if kind == "array":
            return self._array(schema, level)
        if kind in ("integer", "number"):
            return number(schema, self._dice, is_whole=kind == "integer")
        if kind == "string":
            return text(schema, self._dice, self._attempt)
        return None if kind == "null" else bool(self._dice.below(2))

    def _object(self, schema: dict[str, JSON], level: int) -> dict[str, JSON]:
        known = schema.get("properties") or {}
        names = self._names(schema, known, level)
        patterns = schema.get("patternProperties") or {}
        return {name: self.make(known.get(name, _other(schema, patterns)), level + 1) for name in names}

    def _names(self, schema: dict[str, JSON], known: Mapping[str, JSON], level: int) -> list[str]:
        required = dict.fromkeys(schema.get("required") or ())
        names = [name for name in known if name in required or self._wants(known[name], level)]
        names += [name for name in required if name not in known]
        for name in list(names):
            names += [more for more in (schema.get("dependentRequired") or {}).get(name, ()) if more not in names]
        most = schema.get("maxProperties", len(names))
        names = sorted(names, key=lambda name: name not in required)[:most] if most < len(names) else names
        return names + self._filling(schema, known, len(names))

    def _wants(self, schema: JSON, level: int) -> bool:
        return schema is not False and level < ROOMY and self._heights.of(schema) < ENDLESS and self._dice.below(2) == 1

    def _filling(self, schema: dict[str, JSON], known: Mapping[str, JSON], size: int) -> list[str]:
        missing = min(int(schema.get("minProperties", 0)), MAX_VALUES) - size
        optional = [name for name in known if name not in (schema.get("required") or ())]
        rule = schema.get("propertyNames")
        fresh = (self.make({"type": "string", **rule}, ROOMY) if isinstance(rule, dict) else None for _ in range(99))
        made = [name or f"member_{number}" for number, name in zip(range(max(0, missing)), fresh, strict=False)]
        return list(dict.fromkeys((*optional[: max(0, missing)], *made)))[: max(0, missing)]

    def _array(self, schema: dict[str, JSON], level: int) -> list[JSON]:
        first = schema.get("prefixItems") or ()
        least, most = int(schema.get("minItems", 0)), schema.get("maxItems")
        size = least if level >= ROOMY else max(least, len(first), 1) + self._dice.below(2)
        size = min(size, MAX_VALUES, size if most is None else int(most))
        rest = schema.get("items", {})
        if rest is False or self._heights.of(rest) >= ENDLESS:
            size = min(size, max(least, len(first)))
        made = [self.make(first[at] if at < len(first) else rest, level + 1) for at in range(size)]
        if "contains" in schema and made:
            made[-1] = self.make(schema["contains"], level + 1)
        return self._distinct(made, rest, level) if schema.get("uniqueItems") else made

    def _distinct(self, made: list[JSON], rest: JSON, level: int) -> list[JSON]:
        kept: list[JSON] = []
        for value in made:
            for _ in range(50):
                if value not in kept:
                    kept.append(value)
                    break
                value = self.make(rest, level + 1)
        return kept


def _other(schema: dict[str, JSON], patterns: Mapping[str, JSON]) -> JSON:
    rest = schema.get("additionalProperties", schema.get("unevaluatedProperties", {}))
    return rest if rest is not False else next(iter(patterns.values()), {})


def _is_a(kind: str, value: JSON) -> bool:
    if kind in ("integer", "number"):
        return isinstance(value, int | float) and not isinstance(value, bool)
    known = {"string": str, "boolean": bool, "array": list, "object": dict, "null": type(None)}
    return isinstance(value, known.get(kind, object))


def _merge(flat: dict[str, JSON], part: dict[str, JSON]) -> None:
    """Add what a schema says to what is known, so that both hold."""
    for name, value in part.items():
        if name not in flat:
            flat[name] = dict(value) if name == "properties" and isinstance(value, dict) else value
        elif name == "properties":
            for member, inner in value.items():
                known = flat[name].get(member)
                flat[name][member] = inner if known is None else {"allOf": [known, inner]}
        elif name in ("required", "type", "enum"):
            flat[name] = _both(name, flat[name], value)
        elif name in _TIGHTEST:
            flat[name] = _TIGHTEST[name](flat[name], value)


def _both(name: str, known: JSON, value: JSON) -> JSON:
    if name == "required":
        return list(dict.fromkeys((*known, *value)))
    listed = [known] if isinstance(known, str) else known
    others = [value] if isinstance(value, str) else value
    if name == "type" and "number" in others and "integer" in listed:
        return "integer"
    common = [item for item in listed if item in others]
    if not common:
        raise Impossible(f"no value fits both of two {name} keywords")
    return common
