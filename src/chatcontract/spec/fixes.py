"""Named corrections of documents that do not say what they mean.

Each fix has an id, a reason, and can be switched off. Our own document needs none of them.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

from chatcontract.model import JSON

Schema = dict[str, JSON]

INT64 = 2**63


class Fix(NamedTuple):
    """A named correction: what it changes and why that is right."""

    id: str
    change: str
    reason: str


FIXES: dict[str, Fix] = {
    fix.id: fix
    for fix in (
        Fix(
            "nullable-keyword",
            "`nullable: true` in a 3.1 document allows null",
            "The keyword means nothing in OpenAPI 3.1; to the letter, ordinary stream chunks are refused.",
        ),
        Fix(
            "nullable-branch",
            "an `allOf` branch that holds only `nullable: true` makes the whole schema nullable",
            "Null would have to satisfy the other branches too, so the branch could never have an effect.",
        ),
        Fix(
            "discriminator-mapping",
            "a discriminator without usable mapping gets its mapping from the branches' tags",
            "Without mapping a tag has to be the name of a component, which `user` or `function` never are.",
        ),
        Fix(
            "integer-bounds",
            "bounds of integers beyond 64 bits become those of 64 bits",
            "They are the 64-bit bounds after a trip through floating point.",
        ),
        Fix("duplicate-required", "a name stands once in `required`", "JSON Schema forbids the repetition."),
        Fix(
            "boolean-exclusive-bound",
            "a boolean `exclusiveMinimum` or `exclusiveMaximum` in a 3.1 document becomes a number",
            "The boolean form belongs to OpenAPI 3.0; 2020-12 wants a number.",
        ),
        Fix(
            "unregistered-format",
            "formats without a registered meaning, such as `unixtime`, are not asserted",
            "Nothing defines them, and tools refuse or ignore them as they like.",
        ),
        Fix(
            "null-default",
            "`default: null` beside a type without null is dropped",
            "Tools that apply defaults would then refuse their own value.",
        ),
        Fix(
            "recursive-reference",
            "`$recursiveRef` and `$dynamicRef` are read as `$ref`",
            "In a document with one anchor of that name they lead to the same schema.",
        ),
        Fix(
            "local-definitions",
            "`#/$defs/…`, `#/definitions/…` and `#` lead into the schema around them if nothing else is there",
            "A JSON Schema that is pasted into a document keeps references that counted from its own root.",
        ),
        Fix(
            "boolean-required",
            "`required: true` or `required: false` of a member is dropped",
            "OpenAPI has a list of names at the object instead; the boolean is from a draft before it.",
        ),
        Fix(
            "empty-keyword",
            "a keyword or a member without a value is dropped, or takes anything",
            "YAML makes null of a name with nothing behind it, and no keyword takes null for a schema.",
        ),
        Fix(
            "yaml-date",
            "scalars that look like dates stay text",
            "YAML 1.1 makes them dates, a type that JSON does not have.",
        ),
        Fix(
            "duplicate-key",
            "of a mapping key that stands twice the last one counts",
            "YAML and JSON forbid the repetition; most readers keep the last silently.",
        ),
        Fix(
            "stream-by-component-name",
            "the schema of a stream chunk is taken from the component of that name or with that `object`",
            "Older documents describe the chunk and never say that the operation answers with a stream.",
        ),
        Fix(
            "stream-as-text",
            "a stream described as a text counts as not described",
            "The text is the stream as a whole; a chunk in it is JSON, and none would be taken.",
        ),
        Fix(
            "stream-as-list",
            "of a stream described as an array, the items are the chunks",
            "No event holds the array: it stands for the sequence of events.",
        ),
        Fix(
            "stream-in-answer",
            "a branch of the JSON answer whose `object` is `chat.completion.chunk` describes the chunks alone",
            "Frameworks list both forms of the answer under one media type.",
        ),
        Fix(
            "stream-by-extension",
            "the schema of a stream chunk is taken from `response-stream` of `x-fern-streaming`",
            "Before OpenAPI 3.2 the two forms of an answer could not be told apart otherwise.",
        ),
        Fix(
            "stream-envelope",
            "the schema of a stream event is reduced to its `data` member",
            "Some documents describe the event (`data: …`) where others describe the JSON inside it.",
        ),
        Fix(
            "own-request-schema",
            "a document without a schema of the request, or with one that says nothing, gets ours",
            "Requests could not be judged otherwise.",
        ),
        Fix(
            "own-response-schema",
            "a document without a schema of the answer, or with one that says nothing, gets ours",
            "Frameworks write an empty schema where a handler names no model; answers could not be judged otherwise.",
        ),
        Fix(
            "own-chunk-schema",
            "a document without a schema of a chunk, or with one that says nothing, gets ours",
            "Streams could not be judged otherwise.",
        ),
        Fix(
            "own-error-schema",
            "a document without a schema of error bodies gets ours",
            "Error answers could not be judged otherwise.",
        ),
    )
}

_FORMATS = frozenset((
    "date-time", "date", "time", "duration", "email", "idn-email", "hostname", "idn-hostname", "ipv4",
    "ipv6", "uri", "uri-reference", "iri", "iri-reference", "uuid", "uri-template", "json-pointer",
    "relative-json-pointer", "regex", "int32", "int64", "float", "double", "byte", "binary", "password",
))  # fmt: skip
_UNIONS = ("anyOf", "oneOf")
_MAY_BE_NULL = frozenset(("const", "default", "example", "examples", "title", "description", "externalDocs", "xml"))


class Fixer:
    """Applies the fixes to one schema object at a time and counts what it did.

    Args:
        legacy: the document is OpenAPI 3.0, where `nullable` and boolean bounds are no mistake.
        without: ids of fixes that are switched off.
    """

    def __init__(self, *, legacy: bool, without: frozenset[str] = frozenset()) -> None:
        self.applied: Counter[str] = Counter()
        self._legacy = legacy
        self._without = without
        self._steps: tuple[Callable[[Schema], Schema], ...] = (
            self.without_slips, self._nullable_branch, self._nullable, self._exclusive, self._bounds, self._required,
            self._recursive, self._note_annotations,
        )  # fmt: skip

    def on(self, fix: str) -> bool:
        """Whether the fix is switched on; counts it as applied if so."""
        if fix in self._without:
            return False
        self.applied[fix] += 1
        return True

    def fixed(self, node: Schema) -> Schema:
        """The schema object with every fix applied to its own level."""
        for step in self._steps:
            node = step(node)
        return node

    def _correct(self, fix: str) -> bool:
        return self._legacy or self.on(fix)

    def without_slips(self, node: Schema) -> Schema:
        """The schema object without keywords that hold nothing or, by mistake, a boolean."""
        empty = [name for name, value in node.items() if value is None and name not in _MAY_BE_NULL]
        if empty and self.on("empty-keyword"):
            node = {name: value for name, value in node.items() if name not in empty}
        if isinstance(node.get("required"), bool) and self.on("boolean-required"):
            node = {name: value for name, value in node.items() if name != "required"}
        members = node.get("properties")
        if isinstance(members, dict) and None in members.values() and self.on("empty-keyword"):
            members = {name: {} if member is None else member for name, member in members.items()}
            node = {**node, "properties": members}
        return node

    def _nullable_branch(self, node: Schema) -> Schema:
        branches = node.get("allOf")
        if not isinstance(branches, list):
            return node
        kept = [branch for branch in branches if not _only_nullable(branch)]
        if len(kept) == len(branches) or not kept or not self.on("nullable-branch"):
            return node
        return {**node, "allOf": kept, "nullable": True}

    def _nullable(self, node: Schema) -> Schema:
        if node.get("nullable") is not True or not self._correct("nullable-keyword"):
            return node
        rest = {name: value for name, value in node.items() if name != "nullable"}
        return nullable(rest)

    def _exclusive(self, node: Schema) -> Schema:
        for exclusive, bound in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
            flag = node.get(exclusive)
            if isinstance(flag, bool) and self._correct("boolean-exclusive-bound"):
                node = {name: value for name, value in node.items() if name != exclusive}
                if flag and bound in node:
                    node[exclusive] = node.pop(bound)
        return node

    def _bounds(self, node: Schema) -> Schema:
        if "integer" not in types(node):
            return node
        low: Any = node.get("minimum")
        high: Any = node.get("maximum")
        if _number(low) and low < -INT64 and self.on("integer-bounds"):
            node = {**node, "minimum": -INT64}
        if _number(high) and high > INT64 - 1 and self.on("integer-bounds"):
            node = {**node, "maximum": INT64 - 1}
        return node

    def _required(self, node: Schema) -> Schema:
        names = node.get("required")
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            return node
        if len(set(names)) != len(names) and self.on("duplicate-required"):
            return {**node, "required": list(dict.fromkeys(names))}
        return node

    def _recursive(self, node: Schema) -> Schema:
        for name in ("$recursiveRef", "$dynamicRef"):
            if isinstance(node.get(name), str) and "$ref" not in node and self.on("recursive-reference"):
                return {**{other: value for other, value in node.items() if other != name}, "$ref": node[name]}
        return node

    def _note_annotations(self, node: Schema) -> Schema:
        if isinstance(node.get("format"), str) and node["format"] not in _FORMATS:
            self.on("unregistered-format")
        discriminator = node.get("discriminator")
        if isinstance(discriminator, dict) and not discriminator.get("mapping"):
            self.on("discriminator-mapping")
        if "default" in node and node["default"] is None and "null" not in types(node):
            self.on("null-default")
        return node


def _only_nullable(branch: JSON) -> bool:
    return isinstance(branch, dict) and branch.get("nullable") is True and set(branch) <= {"nullable", "description"}


def _number(value: JSON) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def types(node: Schema) -> list[str]:
    """The value of `type` as a list; empty if there is none."""
    declared = node.get("type", [])
    return declared if isinstance(declared, list) else [declared]


def nullable(node: Schema) -> Schema:
    """The schema that allows null beside what `node` allows."""
    if any(name in node for name in ("$ref", "allOf", "not", "if")) or ("type" not in node and "enum" not in node):
        return _with_null_branch(node)
    made = dict(node)
    if "type" in node and "null" not in types(node):
        made["type"] = [*types(node), "null"]
    if "const" in made:
        made["enum"] = [made.pop("const")]
    if isinstance(made.get("enum"), list) and None not in made["enum"]:
        made["enum"] = [*made["enum"], None]
    for union in _UNIONS:
        if isinstance(made.get(union), list):
            made[union] = [*made[union], {"type": "null"}]
    return made


def _with_null_branch(node: Schema) -> Schema:
    if set(node) == {"anyOf"} and isinstance(node["anyOf"], list):
        return {"anyOf": [*node["anyOf"], {"type": "null"}]}
    return {"anyOf": [node, {"type": "null"}]}
