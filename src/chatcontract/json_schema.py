"""JSON Schemas of users: what is wrong with one, what in a value breaks it, and the nodes it is made of.

Nothing is ever fetched, the effort is bounded, and what was compiled is kept by its text.
"""

import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import islice
from typing import Any, NamedTuple

from chatcontract import asked
from chatcontract.model import JSON
from chatcontract.pointer import join, resolve, split
from chatcontract.redact import short

MAX_TEXT = 512 * 1024
"""Characters of a schema's text; a longer one is not compiled."""
MAX_FAULTS = 20
"""Faults of one schema or value that are named."""
MAX_NODES = 100_000
"""Nodes of one schema that are visited."""
MAX_LEVELS = 200
"""Schemas inside each other that are visited."""
MAX_EFFORT = 2_000_000
"""Schemas applied to one value; where it may take more, nothing is judged."""
_NEWEST = "Draft202012"
_DRAFTS = {
    "https://json-schema.org/draft/2020-12/schema": _NEWEST,
    "https://json-schema.org/draft/2019-09/schema": "Draft201909",
    "http://json-schema.org/draft-07/schema": "Draft7",
    "http://json-schema.org/draft-06/schema": "Draft6",
    "http://json-schema.org/draft-04/schema": "Draft4",
}
_ONE = (
    "additionalItems", "additionalProperties", "contains", "else", "if", "items", "not", "propertyNames",
    "then", "unevaluatedItems", "unevaluatedProperties",
)  # fmt: skip
_LISTED = ("allOf", "anyOf", "oneOf", "prefixItems", "items")
_NAMED = ("$defs", "definitions", "dependentSchemas", "patternProperties", "properties")
_HOLDERS = tuple(dict.fromkeys((*_ONE, *_LISTED, *_NAMED)))
_HOLDING = frozenset(_HOLDERS)
_APPLIED = ("$ref", *(keyword for keyword in _HOLDERS if keyword not in ("$defs", "definitions")))


class Fault(NamedTuple):
    """Something wrong at a pointer, in words."""

    pointer: str
    message: str


class Node(NamedTuple):
    """A schema inside a schema: its raw tokens, the levels of objects down to it, and the schema."""

    tokens: tuple[str, ...]
    depth: int
    value: dict[str, JSON]

    @property
    def pointer(self) -> str:
        """Where it stands in the outermost schema."""
        return join(self.tokens)

    def may_be(self, kind: str) -> bool:
        """Whether `type` is this type, or lists it."""
        given = self.value.get("type")
        return given == kind or (isinstance(given, list) and kind in given)


_Place = tuple[tuple[str, ...], int, JSON]


def nodes(schema: JSON) -> Iterator[Node]:
    """Every schema in a schema that is an object, the outermost first; at most MAX_NODES.

    >>> [node.pointer for node in nodes({"properties": {"a": {"items": {}}, "b": True}})]
    ['', '/properties/a', '/properties/a/items']
    """
    waiting: list[_Place] = [((), 1, schema)]
    for _ in range(MAX_NODES):
        if not waiting:
            return
        tokens, depth, value = waiting.pop()
        if isinstance(value, dict) and len(tokens) <= 2 * MAX_LEVELS:
            yield Node(tokens, depth, value)
            if not _HOLDING.isdisjoint(value):
                waiting.extend(reversed(list(_inside(tokens, depth, value))))


def of_request(request: Mapping[str, JSON]) -> Iterator[tuple[asked.Schema, list[Node]]]:
    """Every JSON Schema that a request brings along, with all schemas in it."""
    return ((schema, list(nodes(schema.value))) for schema in asked.schemas(request))


def _inside(tokens: tuple[str, ...], depth: int, schema: dict[str, JSON]) -> Iterator[_Place]:
    for keyword in _HOLDERS:
        if keyword not in schema:
            continue
        held = schema[keyword]
        if isinstance(held, dict):
            deeper = depth + (keyword == "properties")
            if keyword in _NAMED:
                yield from (((*tokens, keyword, name), deeper, inner) for name, inner in held.items())
            else:
                yield (*tokens, keyword), deeper, held
        elif isinstance(held, list | tuple) and keyword in _LISTED:
            yield from (((*tokens, keyword, str(at)), depth, inner) for at, inner in enumerate(held))


def faults(schema: JSON) -> tuple[Fault, ...]:
    """Where the value is no valid JSON Schema (2020-12, unless it names another draft that is known)."""
    if _quick_text(schema) is not None and _is_sound(schema):
        return ()
    text = text_of(schema)
    return () if text is None else _faults(text)


def mismatches(schema: JSON, value: JSON) -> tuple[Fault, ...]:
    """Where the value breaks the schema; nothing if the schema cannot be used or would take too long."""
    quick = _quick_text(schema)
    text = text_of(schema) if quick is None else quick
    prepared = None if text is None else _prepared(text)
    if prepared is None or (steps := _steps(prepared.weight, value)) > MAX_EFFORT:
        return ()
    validator = prepared.validator
    try:
        if validator.is_valid(value):
            return ()
        if steps > MAX_EFFORT // 100:
            return (Fault("", "does not fit, in one of too many ways to be told"),)
        return tuple(_some(validator.iter_errors(value)))
    except (ValueError, RecursionError):
        return ()


def effort(schema: JSON, value: JSON) -> int:
    """About how many schemas are applied to judge a value: unions of references may multiply without end."""
    return _steps(_Weigher(schema).weigh(schema), value)


def _steps(weighed: tuple[int, int], value: JSON) -> int:
    weight, returns = weighed
    depth, size = _measure(value)
    steps: int = weight * max(1, returns) ** min(depth, 64) + weight * size
    return min(MAX_EFFORT + 1, steps)


def _measure(value: JSON) -> tuple[int, int]:
    """How deep a value is and how many values are in it."""
    level, depth, size = [value], 0, 0
    while level:
        depth, size = depth + 1, size + len(level)
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer if isinstance(outer, list) else ())
        ]
    return depth, size


def _held(value: dict[str, JSON] | list[JSON]) -> Iterator[JSON]:
    return iter(value.values() if isinstance(value, dict) else value)


class _Weigher:
    """How many schemas one value meets, and how many of them lead back to where they came from."""

    def __init__(self, root: JSON) -> None:
        self._root = root
        self._known: dict[int, tuple[int, int]] = {}

    def weigh(self, schema: JSON, level: int = 0) -> tuple[int, int]:
        """Weight of a schema and its returns; a schema that is being weighed already is a return."""
        if not isinstance(schema, dict) or level > MAX_LEVELS:
            return 1, 0
        if id(schema) not in self._known:
            self._known[id(schema)] = (1, 1)
            found = [self._of(keyword, schema[keyword], level + 1) for keyword in _APPLIED if keyword in schema]
            self._known[id(schema)] = (1 + sum(w for w, _ in found), sum(r for _, r in found))
        return self._known[id(schema)]

    def _of(self, keyword: str, held: JSON, level: int) -> tuple[int, int]:
        if keyword == "$ref":
            return self.weigh(_target(self._root, held), level)
        inner = list(_held(held)) if keyword in _NAMED or isinstance(held, list) else [held]
        found = [self.weigh(schema, level) for schema in inner if isinstance(schema, dict)]
        together = max if keyword == "properties" else sum
        return together([w for w, _ in found] or [0]), together([r for _, r in found] or [0])


def _target(root: JSON, reference: JSON) -> JSON:
    """What a reference into the same schema leads to; None if it leads nowhere or elsewhere."""
    if not isinstance(reference, str) or not reference.startswith("#"):
        return None
    from urllib.parse import unquote

    try:
        return resolve(root, split(unquote(reference[1:])))
    except LookupError:
        return None


def text_of(schema: JSON) -> str | None:
    """The schema as text; None if it is no schema's type or too large to be worked on."""
    import json

    if not isinstance(schema, dict | bool):
        return None
    if (quick := _quick_text(schema)) is not None:
        return quick.decode()
    try:
        text = json.dumps(schema)
    except (ValueError, TypeError, RecursionError):
        return None
    return text if len(text) <= MAX_TEXT else None


def _some(errors: Iterable[Any]) -> Iterator[Fault]:
    meant = (inner for error in errors for inner in _meant(error, 0))
    told = (Fault(join(error.instance_path), _words(error)) for error in islice(meant, 10 * MAX_FAULTS))
    return islice(dict.fromkeys(told), MAX_FAULTS)


def _meant(error: Any, level: int) -> Iterator[Any]:
    """The error, or those of the one branch of a union whose type fits."""
    context = getattr(error.kind, "context", None) or ()
    fitting = [branch for branch in context if not any(_is_other_type(inner, error) for inner in branch)]
    if len(fitting) > 1:
        fitting = [branch for branch in fitting if not any(_is_text_wanted(inner, error) for inner in branch)]
    if len(fitting) != 1 or level > MAX_LEVELS:
        yield error
        return
    for inner in fitting[0]:
        yield from _meant(inner, level + 1)


def _is_other_type(inner: Any, outer: Any) -> bool:
    return inner.kind.name == "type" and len(inner.instance_path) == len(outer.instance_path)


def _is_text_wanted(inner: Any, outer: Any) -> bool:
    """Whether a branch fails because the value itself is no text, where only texts are listed."""
    if inner.kind.name != "enum" or len(inner.instance_path) != len(outer.instance_path):
        return False
    return not isinstance(inner.instance, str) and all(isinstance(option, str) for option in inner.kind.options)


def _words(error: Any) -> str:
    """What was expected, without the values met, which may be long."""
    kind = error.kind
    for name in (
        "property",
        "types",
        "options",
        "expected_value",
        "limit",
        "unexpected",
        "pattern",
        "format",
    ):
        if hasattr(kind, name):
            return f'breaks "{kind.name}" ({short(getattr(kind, name), 80)})'
    return f'breaks "{kind.name}"'


@lru_cache(maxsize=128)
def _faults(text: str) -> tuple[Fault, ...]:
    import json

    schema = json.loads(text)
    try:
        return () if _is_sound(schema) else tuple(_some(_judge(schema).iter_errors(schema)))
    except (ValueError, RecursionError):
        return ()


def _judge(schema: JSON) -> Any:
    """The validator of schemas of the draft that the schema names."""
    draft = schema.get("$schema") if isinstance(schema, dict) else None
    return _draft(_DRAFTS.get(draft.rstrip("#"), _NEWEST) if isinstance(draft, str) else _NEWEST)


def _is_sound(schema: JSON) -> bool:
    """Whether it is certainly a valid JSON Schema."""
    try:
        sound: bool = _judge(schema).is_valid(schema)
    except (ValueError, RecursionError):
        return False
    return sound


def _quick_text(schema: JSON) -> bytes | None:
    """The text by the faster writer; None where that is not at hand, or the text not certainly short enough."""
    orjson = sys.modules.get("orjson")
    if orjson is None or not isinstance(schema, dict | bool):
        return None
    try:
        text: bytes = orjson.dumps(schema)
    except (TypeError, RecursionError):
        return None
    return text if 4 * len(text) <= MAX_TEXT else None


@lru_cache(maxsize=8)
def _draft(name: str) -> Any:
    """The validator of schemas of a draft."""
    import jsonschema_rs

    url = next(url for url, draft in _DRAFTS.items() if draft == name)
    return getattr(jsonschema_rs, f"{name}Validator")({"$ref": url}, offline=True)


class _Prepared(NamedTuple):
    validator: Any
    weight: tuple[int, int]


@lru_cache(maxsize=128)
def _prepared(text: str | bytes) -> _Prepared | None:
    """The validator of the schema, and its weight; None if it cannot be compiled."""
    import json

    from jsonschema_rs import Draft202012Validator, FancyRegexOptions, ReferencingError

    try:
        validator = Draft202012Validator(
            text if isinstance(text, str) else text.decode(),
            validate_formats=False,
            offline=True,
            pattern_options=FancyRegexOptions(backtrack_limit=100_000),
        )
    except (ValueError, RecursionError, ReferencingError):
        return None
    schema = json.loads(text)
    return _Prepared(validator, _Weigher(schema).weigh(schema))
