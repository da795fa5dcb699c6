"""Compiled validators: a verdict at the speed of the engine, and the mismatches behind a failed one."""

import json
import math
import re
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property, lru_cache
from itertools import chain
from typing import Any, NamedTuple, Protocol

from chatcontract import pointer
from chatcontract.exceptions import SpecError
from chatcontract.jsontext import ABSENT, object_faults
from chatcontract.model import JSON, Engine
from chatcontract.patterns import pattern
from chatcontract.pointer import resolve, split
from chatcontract.redact import short
from chatcontract.unions import TAG

ENGINES: tuple[Engine, ...] = ("jsonschema-rs", "jsonschema")
MAX_MISMATCHES = 1000
"""Mismatches of one payload that are read; a payload with more is broken enough."""
MAX_SEARCHED = 4
"""Items of an array whose tags are searched: for more the engine's own list costs less."""
MAX_TAGS, MAX_TAG = 64, 60
"""Wrong tags that are remembered, and characters of one."""


class Mismatch(NamedTuple):
    """One keyword of the schema that a value fails.

    `tokens` lead to the value in the instance, `path` to the keyword in the schema; `expected` is what the
    keyword asked for, `branches` the mismatches of each branch of a union that types and tags cannot decide; `met` is
    the value, if it is a text, or its class, if it is an array or object of the wrong type.
    """

    keyword: str
    tokens: list[str | int]
    path: list[str | int]
    expected: JSON
    branches: tuple[tuple["Mismatch", ...], ...] = ()
    met: str | type | None = None


class Known(Mismatch):
    """A mismatch that is the same object wherever it is met again, and equal to nothing else."""

    __slots__ = ()
    __eq__ = object.__eq__
    __hash__ = object.__hash__


Verdict = Callable[[JSON], bool]
Lister = Callable[[JSON], Iterable[Mismatch]]


class Compiler(Protocol):
    """What an engine offers; both take a schema as JSON text and raise SpecError on one that is unusable."""

    def verdict(self, text: str) -> Verdict:
        """A function that tells whether a value satisfies the schema."""

    def lister(self, text: str) -> Lister:
        """A function that lists the mismatches of a value."""


def compiler(engine: Engine) -> Compiler:
    """The engine of that name; raises ValueError for another name."""
    if engine == "jsonschema-rs":
        return RustCompiler()
    if engine == "jsonschema":
        return ReferenceCompiler()
    raise ValueError(f"no engine is called {engine!r}; there are {', '.join(ENGINES)}")


class RustCompiler:
    """jsonschema-rs: the engine of every day."""

    def verdict(self, text: str) -> Verdict:
        """See Compiler."""
        check: Verdict = self._compiled(text).is_valid
        return check

    def lister(self, text: str) -> Lister:
        """See Compiler."""
        return _RustLister(text, self._compiled).mismatches

    @staticmethod
    def _compiled(text: str) -> Any:
        from jsonschema_rs import Draft202012Validator, FancyRegexOptions

        try:
            return Draft202012Validator(
                text,
                validate_formats=False,
                offline=True,
                pattern_options=FancyRegexOptions(backtrack_limit=100_000),
            )
        except ValueError as error:
            reason = short(getattr(error, "message", str(error)), 200)
            raise SpecError(f"the schema cannot be compiled: {reason}.") from None


class _RustLister:
    """Lists mismatches by jsonschema-rs.

    One error of the engine costs as much as a dozen verdicts on a small payload, for it copies all that the error is
    about: the whole payload where a member at its top is missing. So members missing at the top are found here, and
    tags missing or unknown in the items of short arrays there; the engine tells whether that was all.
    """

    def __init__(self, text: str, compiled: Callable[[str], Any]) -> None:
        self._text, self._compiled = text, compiled
        schema = json.loads(text)
        self._schema: dict[str, JSON] = schema if isinstance(schema, dict) else {}
        self._missing = {n: Known("required", [], ["required"], n) for n in self._schema.get("required", ())}
        self._required = frozenset(self._missing)
        self._searches = [(tag.member, tag.search) for tag in _tags(self._schema)]

    @cached_property
    def _whole(self) -> Any:
        return self._compiled(self._text)

    @cached_property
    def _below(self) -> Any:
        return self._compiled(json.dumps({**self._schema, "required": []}))

    @cached_property
    def _beside_tags(self) -> Any:
        rest = {**json.loads(self._text), "required": []}
        for tag in _tags(rest):
            tag.drop(rest)
        return self._compiled(json.dumps(rest)).is_valid

    def mismatches(self, instance: JSON) -> Iterable[Mismatch]:
        """See Lister."""
        if not isinstance(instance, dict):
            return map(_from_rust, self._whole.iter_errors(instance))
        is_whole = self._required <= instance.keys()
        missing = [] if is_whole else [one for name, one in self._missing.items() if name not in instance]
        wrong = self._with_wrong_tags(instance) if self._searches else []
        if wrong and self._beside_tags(instance):
            return missing + wrong if missing else wrong
        rest = self._below if missing else self._whole
        if missing and rest.is_valid(instance):
            return missing
        return chain(missing, map(_from_rust, rest.iter_errors(instance)))

    def _with_wrong_tags(self, instance: dict[str, JSON]) -> list[Mismatch]:
        """What is wrong with the tags; nothing where the engine has to tell it."""
        found: list[Mismatch] = []
        for member, search in self._searches:
            if member in instance and not search(instance[member], found):
                return []
        return found


_PLAIN = {"type": ["string", "integer", "boolean", "null"], "not": {"const": ""}}
"""What may stand beside a wrong tag: nothing deep, and texts that the engine has to read to compare them."""


class _Tag:
    """The member that tells the items of an array at the top apart, and the place in the schema that has its values."""

    def __init__(self, member: str, path: list[str | int], node: dict[str, JSON]) -> None:
        self.member = member
        ((self._name, options),) = node["properties"].items()
        self._path, self._expected, self._options = path, options["enum"], frozenset(options["enum"])
        self._missing = [
            Known("required", [member, index], [*path, "required"], self._name) for index in range(MAX_SEARCHED)
        ]
        self._unknown: dict[tuple[int, str], Known] = {}

    def search(self, items: JSON, found: list[Mismatch]) -> bool:
        """Add what is wrong with the tags of the items; False where the engine has to tell it."""
        if items.__class__ is not list or len(items) > MAX_SEARCHED:
            return False
        name = self._name
        for index, item in enumerate(items):
            if item.__class__ is not dict:
                return False
            tag = item.get(name)
            if tag is None:
                if name in item:
                    return False
                found.append(self._missing[index])
            elif tag.__class__ is not str:
                return False
            elif tag not in self._options:
                found.append(self._unknown.get((index, tag)) or self._learnt(index, tag))
        return True

    def _learnt(self, index: int, tag: str) -> Known:
        path = [*self._path, "properties", self._name, "enum"]
        made = Known("enum", [self.member, index, self._name], path, self._expected, (), tag)
        if len(self._unknown) < MAX_TAGS and len(tag) <= MAX_TAG:
            self._unknown[index, tag] = made
        return made

    def drop(self, schema: JSON) -> None:
        """Let what `search` finds pass in the schema, and take out the question whether an item is in order at all."""
        node = pointer.resolve(schema, self._path)
        node.clear()
        node["additionalProperties"] = _PLAIN
        held = schema["properties"][self.member]
        if held["items"].keys() == {"if", "else"}:
            held["items"] = held["items"]["else"]


def _tags(schema: dict[str, JSON]) -> Iterator[_Tag]:
    """The tags of items at the top, where the end of a chain of `if` is marked as being about the tag."""
    for member, held in schema.get("properties", {}).items():
        node = held.get("items") if isinstance(held, dict) else None
        path: list[str | int] = ["properties", member, "items"]
        while isinstance(node, dict) and "if" in node:
            step = "then" if node["if"] == {"type": "object"} else "else"
            node, path = node.get(step), [*path, step]
        if isinstance(node, dict) and node.get("$comment") == TAG:
            yield _Tag(member, path, node)


_EXPECTED = {
    "required": "property", "type": "types", "enum": "options", "const": "expected_value",
    "pattern": "pattern", "additionalProperties": "unexpected", "unevaluatedProperties": "unexpected",
    "propertyNames": "error", "multipleOf": "multiple_of", "contains": "contains",
}  # fmt: skip

_NESTED = frozenset(("anyOf", "oneOf", "oneOfMultipleValid", "oneOfNotValid", "propertyNames"))


def _from_rust(error: Any) -> Mismatch:
    kind = error.kind
    name = kind.name
    if name in _NESTED:
        return _nested(error, kind, name)
    expected = getattr(kind, _EXPECTED.get(name, "limit"), None)
    value = error.instance
    kind_of = value.__class__
    met = value if kind_of is str else kind_of if name == "type" and kind_of in (dict, list) else None
    # As Mismatch() does it, without a call between: a third less for what is made of every error
    return tuple.__new__(Mismatch, (name, error.instance_path, error.schema_path, expected, (), met))


def _nested(error: Any, kind: Any, name: str) -> Mismatch:
    if name == "propertyNames":
        inner = _from_rust(kind.error)
        return _of_name(inner, [*error.instance_path, kind.error.instance], error.schema_path)
    branches = tuple(tuple(map(_from_rust, branch)) for branch in getattr(kind, "context", None) or ())
    keyword = "anyOf" if name == "anyOf" else "oneOf"
    return Mismatch(keyword, error.instance_path, error.schema_path, None, branches)


def _of_name(inner: Mismatch, tokens: list[str | int], path: list[str | int]) -> Mismatch:
    return Mismatch("propertyNames", tokens, path, (inner.keyword, inner.expected))


def is_pattern(text: str) -> bool:
    """Whether the engine can read the regular expression."""
    try:
        RustCompiler().verdict(json.dumps({"pattern": text}))
    except SpecError:
        return False
    return True


class ReferenceCompiler:
    """jsonschema: slower by orders of magnitude, what the engine is held against."""

    def verdict(self, text: str) -> Verdict:
        """See Compiler."""
        check: Verdict = self._compiled(text).is_valid

        def judged(instance: JSON) -> bool:
            if instance is ABSENT:
                raise ValueError("no JSON value")
            return check(instance)

        return judged

    def lister(self, text: str) -> Lister:
        """See Compiler."""
        validator = self._compiled(text)

        def listed(instance: JSON) -> Iterator[Mismatch]:
            if object_faults(instance):
                raise ValueError("no JSON text can hold the value")
            for error in validator.iter_errors(instance):
                yield from _from_reference(error, validator.schema)

        return listed

    @staticmethod
    def _compiled(text: str) -> Any:
        from jsonschema import Draft202012Validator, FormatChecker, validators
        from jsonschema.exceptions import SchemaError

        schema = json.loads(text)
        try:
            Draft202012Validator.check_schema(schema, FormatChecker([]))
        except SchemaError as error:
            raise SpecError(f"the schema cannot be compiled: {short(error.message, 200)}.") from None
        checker = Draft202012Validator.TYPE_CHECKER.redefine_many({"array": _is_array, "number": _is_number})
        extend: Any = validators.extend
        return extend(Draft202012Validator, {"pattern": _pattern}, type_checker=checker)(schema)


def _is_array(checker: Any, instance: JSON) -> bool:
    return isinstance(instance, list | tuple)


def _is_number(checker: Any, instance: JSON) -> bool:
    if isinstance(instance, float):
        return math.isfinite(instance)
    return isinstance(instance, int) and not isinstance(instance, bool)


def _pattern(validator: Any, pattern: str, instance: JSON, schema: JSON) -> Iterator[Any]:
    """The keyword as JSON Schema means it: Python's own `$` would also match before a last line feed."""
    from jsonschema.exceptions import ValidationError

    if isinstance(instance, str) and not _regex(pattern).search(instance):
        yield ValidationError("the pattern does not match")


@lru_cache
def _regex(pattern: str) -> re.Pattern[str]:
    def python(match: re.Match[str]) -> str:
        return {"$": r"\Z", "(?<": "(?P<"}.get(match[0], match[0])

    try:
        return re.compile(_ECMA.sub(python, pattern), re.ASCII)
    except re.error as error:
        raise SpecError(f"the engine `jsonschema` cannot read the pattern {pattern!r}: {error}.") from None


_ECMA = pattern(r"\\.|\[(?:\\.|[^\]\\])*\]|\$|\(\?<(?![=!])", re.S)


def _from_reference(error: Any, schema: JSON) -> Iterator[Mismatch]:
    keyword, expected = error.validator, error.validator_value
    tokens, path = list(error.absolute_path), _landed(error.absolute_schema_path, schema)
    if keyword == "required":
        # The engine says one error for each missing name, but names it in its message alone.
        expected = next(n for n in expected if n not in error.instance and error.message.startswith(repr(n) + " is"))
    elif keyword == "type":
        expected = expected if isinstance(expected, list) else [expected]
    elif keyword in ("additionalProperties", "unevaluatedProperties"):
        expected = [name for name in error.instance if name not in error.schema.get("properties", {})]
    if len(path) > 1 and path[-2] == "propertyNames":
        yield _of_name(Mismatch(keyword, [], [], expected), [*tokens, error.instance], path[:-1])
        return
    branches: dict[int, list[Mismatch]] = {}
    for inner in error.context or ():
        branches.setdefault(inner.schema_path[0], []).extend(_from_reference(inner, schema))
    yield Mismatch(keyword, tokens, path, expected, tuple(tuple(branches[key]) for key in sorted(branches)))


def _landed(path: Iterable[str | int], schema: JSON) -> list[str | int]:
    """The path as it stands in the schema: the engine leaves out the references that it followed."""
    made: list[str | int] = []
    node = schema
    for token in path:
        while isinstance(node, dict) and token not in node and isinstance(node.get("$ref"), str):
            made = [*split(node["$ref"][1:])]
            node = resolve(schema, made)
        made.append(token)
        node = resolve(node, [token])
    return made


def meant(mismatches: Iterable[Mismatch]) -> Iterator[Mismatch]:
    """The mismatches; those of undecided unions give way to the ones of the branch that was meant."""
    for mismatch in mismatches:
        branch = _branch_meant(mismatch) if mismatch.branches else None
        if branch is None:
            yield mismatch
        else:
            yield from meant(branch)


def _branch_meant(mismatch: Mismatch) -> tuple[Mismatch, ...] | None:
    here = len(mismatch.tokens)
    fitting = [branch for branch in mismatch.branches if not any(_excludes(inner, here) for inner in branch)]
    if len(fitting) > 1:
        fitting = [branch for branch in fitting if not any(_is_lacking(inner, here) for inner in branch)]
    return fitting[0] if len(fitting) == 1 else None


def _is_lacking(inner: Mismatch, here: int) -> bool:
    """Whether the value lacks a member that the branch asks for: one that lacks none was rather meant."""
    return inner.keyword == "required" and len(inner.tokens) == here


def _excludes(inner: Mismatch, here: int) -> bool:
    """Whether the branch cannot have been meant: another type here, or another constant directly below."""
    depth = len(inner.tokens) - here
    return (depth == 0 and inner.keyword == "type") or (depth <= 1 and inner.keyword in ("const", "enum"))
