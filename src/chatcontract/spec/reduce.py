"""One root of the operation → a schema complete in itself: fixed, references followed, annotations gone."""

import re
from collections.abc import Callable, Iterator

from chatcontract.exceptions import SpecError
from chatcontract.model import JSON
from chatcontract.redact import short
from chatcontract.spec.fixes import Fixer, Schema
from chatcontract.spec.keywords import misfit
from chatcontract.spec.references import Place, Resolver
from chatcontract.spec.simplify import intersect_all, simplify

MAX_NODES = 200_000
"""Schema objects of one root after following every reference."""

_SCALAR = frozenset((
    "type", "enum", "const", "multipleOf", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum",
    "minLength", "maxLength", "pattern", "minItems", "maxItems", "uniqueItems", "minContains",
    "maxContains", "minProperties", "maxProperties", "required", "dependentRequired",
))  # fmt: skip
_ONE = frozenset((
    "items", "additionalProperties", "not", "if", "then", "else", "propertyNames", "contains",
    "unevaluatedProperties", "unevaluatedItems",
))  # fmt: skip
_MANY = frozenset(("allOf", "anyOf", "oneOf", "prefixItems"))
_NAMED = frozenset(("properties", "patternProperties", "dependentSchemas"))


class Reducer:
    """Reduces roots of one document; circular references end up in `$defs` of the result.

    `is_pattern` says whether the engine can read a regular expression.
    """

    def __init__(self, resolver: Resolver, fixer: Fixer, is_pattern: Callable[[str], bool]) -> None:
        self._resolver = resolver
        self._fixer = fixer
        self._is_pattern = is_pattern
        self._done: dict[Place, tuple[JSON, int]] = {}
        self._open: dict[Place, str] = {}
        self._circular: dict[str, JSON] = {}
        self._count = 0

    def root(self, node: JSON, place: Place) -> Schema:
        """The schema at `place`, complete in itself.

        Raises:
            SpecError: a reference is broken, something is not a schema, or the whole is beyond MAX_NODES.
        """
        self._circular, self._done, self._count = {}, {}, 0
        made = self._schema(node, place)
        made = made if isinstance(made, dict) else ({} if made else {"not": {}})
        if name := _endless(self._circular):
            raise SpecError(f'{place}: the schema "{name}" is defined by itself alone. Correct the document.')
        return {**made, "$defs": self._circular} if self._circular else made

    def _schema(self, node: JSON, place: Place) -> JSON:
        self._spend(1, place)
        if isinstance(node, bool):
            return node
        if not isinstance(node, dict):
            raise SpecError(f"{place}: {type(node).__name__} where a schema belongs. Correct the document.")
        node = self._fixer.fixed(node)
        for name, value in node.items():
            if taken := misfit(name, value):
                raise SpecError(f"{place.child(name)}: {short(value, 60)} where {taken} belongs. Correct the document.")
        if "$ref" in node:
            return self._reference(node, place)
        return simplify({name: self._keyword(name, value, place) for name, value in node.items() if _known(name)})

    def _spend(self, nodes: int, place: Place) -> None:
        self._count += nodes
        if self._count > MAX_NODES:
            raise SpecError(f"{place}: the schema grows beyond {MAX_NODES} objects. Reduce the document.")

    def _reference(self, node: Schema, place: Place) -> JSON:
        target, at = self._resolver.follow(node["$ref"], place)
        made = self._target(target, at)
        siblings = {name: self._keyword(name, value, place) for name, value in node.items() if _known(name)}
        if made is False or not siblings:
            return made
        return intersect_all([simplify(siblings), made if isinstance(made, dict) else {}])

    def _target(self, target: JSON, at: Place) -> JSON:
        if at in self._open:
            plain = re.sub(r"\W", "_", at.pointer.rsplit("/", 1)[-1], flags=re.ASCII)
            name = self._open[at] = self._open[at] or f"{plain}-{len(self._circular)}"
            self._circular.setdefault(name, True)
            return {"$ref": f"#/$defs/{name}"}
        if at in self._done:
            made, size = self._done[at]
            self._spend(size, at)
            return made
        return self._first_visit(target, at)

    def _first_visit(self, target: JSON, at: Place) -> JSON:
        before = self._count
        self._open[at] = ""
        made = self._schema(target, at)
        name = self._open.pop(at)
        if name:
            self._circular[name] = made
            made = {"$ref": f"#/$defs/{name}"}
        self._done[at] = made, self._count - before
        return made

    def _keyword(self, name: str, value: JSON, place: Place) -> JSON:
        at = place.child(name)
        if name in _ONE:
            return self._schema(value, at)
        if name in _MANY:
            _expect(value, list, at)
            return [self._schema(item, at.child(index)) for index, item in enumerate(value)]
        if name in _NAMED:
            _expect(value, dict, at)
            patterns = [*value] if name == "patternProperties" else []
            self._expect_patterns(patterns, at)
            return {key: self._schema(item, at.child(key)) for key, item in value.items()}
        if name == "pattern":
            self._expect_patterns([value], at)
        return value

    def _expect_patterns(self, patterns: list[str], at: Place) -> None:
        for pattern in patterns:
            if not self._is_pattern(pattern):
                raise SpecError(f"{at}: {short(pattern, 60)} is no regular expression. Correct the document.")


def _endless(definitions: dict[str, JSON]) -> str:
    """The name of a definition that rests on nothing but itself, or nothing."""
    asked = {name: set(_asked(schema)) for name, schema in definitions.items()}
    for name in asked:
        reached, fresh = set[str](), asked[name]
        while fresh:
            reached |= fresh
            fresh = set().union(*(asked.get(other, ()) for other in fresh)) - reached
        if name in reached:
            return name
    return ""


def _asked(schema: JSON) -> Iterator[str]:
    """The definitions that a schema holds the same value against."""
    if not isinstance(schema, dict):
        return
    if "$ref" in schema:
        yield schema["$ref"].rsplit("/", 1)[-1]
    for name in ("allOf", "anyOf", "oneOf"):
        for branch in schema.get(name, ()):
            yield from _asked(branch)
    for name in ("not", "if", "then", "else"):
        yield from _asked(schema.get(name))
    for branch in schema.get("dependentSchemas", {}).values():
        yield from _asked(branch)


def _known(name: str) -> bool:
    return name in _SCALAR or name in _ONE or name in _MANY or name in _NAMED


def _expect(value: JSON, kind: type, at: Place) -> None:
    if not isinstance(value, kind):
        raise SpecError(f"{at}: {type(value).__name__} where a {kind.__name__} belongs. Correct the document.")


def children(node: Schema, change: Callable[[JSON], JSON]) -> Schema:
    """The schema object with `change` applied to each schema directly inside it."""
    made: Schema = {}
    for name, value in node.items():
        if name in _ONE and isinstance(value, dict):
            made[name] = change(value)
        elif name in _MANY:
            made[name] = [change(item) if isinstance(item, dict) else item for item in value]
        elif name in _NAMED or name == "$defs":
            made[name] = {key: change(item) if isinstance(item, dict) else item for key, item in value.items()}
        else:
            made[name] = value
    return made
