"""How deep the shortest instance of each schema in a JSON Schema is, so that recursion has an end."""

from itertools import islice
from urllib.parse import unquote

from chatcontract import json_schema
from chatcontract.model import JSON
from chatcontract.pointer import resolve, split
from chatcontract.server.scalars import Impossible

ENDLESS = 10_000
"""The height of a schema whose instances have no end."""
MAX_ROUNDS = 30
"""Rounds in which heights are passed on."""
MAX_SCHEMAS = 20_000
"""Schemas inside of one."""
_BY_KEYWORD = (
    ("object", ("properties", "required", "additionalProperties", "minProperties", "patternProperties")),
    ("array", ("items", "prefixItems", "minItems", "contains")),
    ("number", ("minimum", "maximum", "multipleOf", "exclusiveMinimum", "exclusiveMaximum")),
)


def types(schema: dict[str, JSON]) -> list[str]:
    """The types that a value may have, the one that its keywords speak of if none is said."""
    said = schema.get("type")
    if said is None:
        told = (kind for kind, words in _BY_KEYWORD if any(word in schema for word in words))
        said = next(told, "string")
    return [said] if isinstance(said, str) else [kind for kind in said if isinstance(kind, str)]


class Heights:
    """The heights of all schemas in a root, found by identity; they are approached from above.

    >>> schema = {"properties": {"next": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}}, "required": ["next"]}
    >>> Heights(schema).of(schema)
    2
    """

    def __init__(self, root: JSON) -> None:
        self._root = root
        self._known: dict[int, int] = {}
        schemas = [node.value for node in islice(json_schema.nodes(root), MAX_SCHEMAS + 1)]
        if len(schemas) > MAX_SCHEMAS:
            raise Impossible("the schema is too large")
        self._names = {
            schema[word]: schema for schema in schemas for word in ("$id", "$anchor") if _is_name(schema, word)
        }
        for _ in range(min(len(schemas) + 1, MAX_ROUNDS)):
            before = dict(self._known)
            for schema in reversed(schemas):
                self._known[id(schema)] = self._measured(schema)
            if before == self._known:
                break

    def of(self, schema: JSON) -> int:
        """The height of a schema in the root; that of any other dict is as if it had no end."""
        return self._known.get(id(schema), ENDLESS) if isinstance(schema, dict) else 1

    def target(self, reference: JSON) -> JSON:
        """What a reference leads to."""
        text = str(reference)
        if text in self._names or text.removeprefix("#") in self._names:
            return self._names.get(text) or self._names[text.removeprefix("#")]
        try:
            return resolve(self._root, split(unquote(text.removeprefix("#"))))
        except (LookupError, ValueError):
            raise Impossible(f"the reference {text[:100]!r} leads nowhere") from None

    def _measured(self, schema: dict[str, JSON]) -> int:
        if "const" in schema or "enum" in schema:
            return 1
        found = [self._of_reference(schema["$ref"])] if "$ref" in schema else []
        found += [min(map(self.of, schema[name])) for name in ("anyOf", "oneOf") if schema.get(name)]
        found += map(self.of, schema.get("allOf") or ())
        if found and not any(name in schema for name in ("type", "properties", "items")):
            return max(found)
        return max([*found, min((self.as_type(kind, schema) for kind in types(schema)), default=1)])

    def _of_reference(self, reference: JSON) -> int:
        try:
            return self.of(self.target(reference))
        except Impossible:
            return ENDLESS

    def as_type(self, kind: str, schema: dict[str, JSON]) -> int:
        """The height of the instances of one type."""
        inner: list[JSON] = []
        if kind == "object":
            known = schema.get("properties") or {}
            inner = [known[name] for name in schema.get("required") or () if name in known]
        elif kind == "array" and schema.get("minItems"):
            inner = [schema.get("items"), *(schema.get("prefixItems") or ())]
        return min(ENDLESS, 1 + max(map(self.of, inner), default=0))


def _is_name(schema: dict[str, JSON], word: str) -> bool:
    return isinstance(schema.get(word), str)
