"""Shape (CC0): what the schema and the grammar of JSON say about a payload."""

import math
from collections.abc import Hashable, Iterable, Iterator, Sequence
from typing import NamedTuple

from chatcontract import pointer, redact
from chatcontract.jsontext import NON_FINITE, TextFault
from chatcontract.model import JSON, Basis, Part, Rule, Severity
from chatcontract.schema import Mismatch
from chatcontract.unions import accepted_types, type_of

MAX_MESSAGE = 300
"""Characters of a message."""
MAX_NAMED = 20
"""Unexpected members of one object that are named one by one."""
MAX_PLACES = 10_000
"""Places in a schema that are remembered; one that refers to itself has no end of them."""

_REFERENCE = "https://developers.openai.com/api/reference/resources/chat/subresources/completions/methods/create"
_RFC8259 = "https://www.rfc-editor.org/rfc/rfc8259"


def _rule(code: str, name: str, summary: str, severity: Severity, basis: Basis, source: str, doc: str) -> Rule:
    return Rule(code, name, summary, "#", Part.EXCHANGE, severity, basis, source, "0.1", doc)


RULES: tuple[Rule, ...] = (
    _rule(
        "CC001", "schema-mismatch", "A value is not what the schema asks for.",
        Severity.ERROR, Basis.SCHEMA, _REFERENCE,
        "A member is missing, has another type, or lies outside its enumeration, pattern or bounds.",
    ),
    _rule(
        "CC002", "null-member", "Null stands where the schema lets a member be absent, but not null.",
        Severity.ERROR, Basis.SCHEMA, _REFERENCE,
        "Clients that make classes of the schema fail on null; the service refuses such requests.",
    ),
    _rule(
        "CC003", "absent-member",
        "A member is absent that the schema always asks for, null if there is no value.",
        Severity.ERROR, Basis.SCHEMA, _REFERENCE,
        "Where measured clients survive the absence, a tolerance lowers the severity by profile.",
    ),
    _rule(
        "CC004", "undocumented-member", "A member is not documented.",
        Severity.INFO, Basis.SCHEMA, _REFERENCE,
        "Extensions are legal; the inventory shows what a client must not rely on. "
        "Silent in profile `compatible`.",
    ),
    _rule(
        "CC005", "duplicate-key", "An object has the same member twice.",
        Severity.ERROR, Basis.DOCUMENTED, _RFC8259,
        "Readers disagree about which one counts.",
    ),
    _rule(
        "CC006", "invalid-json", "The payload is not JSON.", Severity.ERROR, Basis.DOCUMENTED, _RFC8259,
        "Nothing inside it can be read.",
    ),
    _rule(
        "CC007", "non-finite-number", "NaN or Infinity stands where a number belongs.",
        Severity.ERROR, Basis.DOCUMENTED, _RFC8259,
        "JSON has no such numbers: most parsers refuse the whole payload.",
    ),
    _rule(
        "CC008", "invalid-utf8", "Bytes are not UTF-8, or half a surrogate pair is escaped.", Severity.ERROR,
        Basis.DOCUMENTED, _RFC8259, "Strict parsers refuse the payload, lenient ones change the text.",
    ),
    _rule(
        "CC009", "excessive-nesting", "Arrays and objects are nested beyond what is read.",
        Severity.ERROR, Basis.INTEROP, _RFC8259 + "#section-9",
        "Parsers stop at depths between 254 and a thousand.",
    ),
    _rule(
        "CC010", "excessive-size", "The payload is larger than what is read.", Severity.ERROR, Basis.INTEROP,
        _RFC8259 + "#section-9", "It was not read: split the recording or raise the limit.",
    ),
    _rule(
        "CC011", "undecoded-body", "The body has a content encoding that cannot be undone here.",
        Severity.WARNING, Basis.INTEROP, "https://www.rfc-editor.org/rfc/rfc9110#section-8.4",
        "It was not read: install `chatcontract[traffic]`, or record with `accept-encoding: gzip`.",
    ),
)  # fmt: skip

_CLOSING = ("additionalProperties", "unevaluatedProperties")
SCHEMA_MISMATCH, NULL_MEMBER, ABSENT_MEMBER, UNDOCUMENTED_MEMBER = RULES[:4]
_BY_NAME = {rule.name: rule for rule in RULES}


class Found(NamedTuple):
    """A rule with what it found.

    `amiss` is `absent`, `null`, `empty`, `other` or `beyond` where a tolerance may excuse it, for the member
    `pointer` or, if it is the absent one, `member` inside of it; or the name of a form that does.
    """

    rule: Rule
    pointer: str
    message: str
    value: JSON = None
    hint: str = ""
    amiss: str = ""
    member: str = ""


def text_findings(faults: Iterable[TextFault]) -> Iterator[Found]:
    """What is wrong with the JSON text itself."""
    for fault in faults:
        yield Found(_BY_NAME[fault.kind], fault.pointer, _cut(fault.message))


def reached(value: JSON, tokens: Sequence[str | int]) -> JSON:
    """What the tokens of a mismatch lead to."""
    for token in tokens:
        try:
            value = value[token]
        except KeyError:  # an engine may say a member's name as a number
            value = value[str(token)]
    return value


def of_form(name: str, at: str, says: str) -> Found:
    """What is said of a payload that has a form."""
    return Found(SCHEMA_MISMATCH, at, says, None, "", name)


class Meanings:
    """What the mismatches of one schema mean.

    What depends on the place in the schema alone is worked out once for each place.
    """

    def __init__(self, schema: JSON) -> None:
        self._schema = schema
        self._places: dict[tuple[Hashable, ...], _Place] = {}

    def findings(self, mismatch: Mismatch, instance: JSON) -> list[Found]:
        """What a mismatch of `instance` means: one finding, or one for each unexpected member."""
        if mismatch.keyword in _CLOSING and isinstance(mismatch.expected, list):
            rule = UNDOCUMENTED_MEMBER if self.is_open(mismatch) else SCHEMA_MISMATCH
            return list(_unexpected(mismatch, instance, rule))
        return [self._found(mismatch, instance)]

    def is_open(self, mismatch: Mismatch) -> bool:
        """Whether it is about members that are not documented, where the document allows others."""
        return mismatch.keyword in _CLOSING and "$comment" in _node(self._schema, mismatch.path[:-1])

    def _found(self, mismatch: Mismatch, instance: JSON) -> Found:
        keyword, tokens, path, expected, _, _ = mismatch
        name = expected if keyword == "required" else ""
        known = self._places.get((keyword, name, *path)) or self._learnt(mismatch, (keyword, name, *path))
        at = pointer.join(tokens)
        if name:
            return Found(known.rule, at, known.message, None, known.hint, "absent", name)
        value = reached(instance, tokens)
        if isinstance(value, float) and not math.isfinite(value):
            return Found(_BY_NAME["non-finite-number"], at, NON_FINITE.format(value))
        message = _message(mismatch, value, known.message)
        if value is None:
            return Found(known.rule, at, message, None, "", "null")
        return Found(SCHEMA_MISMATCH, at, message, value, "", _amiss(keyword, expected, value))

    def _learnt(self, mismatch: Mismatch, key: tuple[Hashable, ...]) -> "_Place":
        if len(self._places) >= MAX_PLACES:
            self._places.clear()
        self._places[key] = known = _place(mismatch, self._schema)
        return known


def _amiss(keyword: str, expected: JSON, value: JSON) -> str:
    """The kind of tolerance that may excuse a value which is there, and not null."""
    if keyword in ("enum", "const") and isinstance(value, str) and value:
        options = expected if isinstance(expected, list) else [expected]
        return "other" if all(option is None or isinstance(option, str) for option in options) else ""
    if keyword in ("maximum", "maxItems"):
        return "beyond"
    return "empty" if keyword == "minItems" and not value else ""


class _Place(NamedTuple):
    """What is said of each mismatch at one place in the schema.

    `message` ends where the value met begins, or is empty where more of it depends on the value; `rule` is
    that of an absent member, or of null.
    """

    rule: Rule
    message: str
    hint: str = ""


def _place(mismatch: Mismatch, schema: JSON) -> _Place:
    if mismatch.keyword == "required":
        rule = ABSENT_MEMBER if _may_be_null(mismatch, schema) else SCHEMA_MISMATCH
        return _Place(rule, _cut(f'"{mismatch.expected}" is missing'), _hint_missing(mismatch, schema))
    start = _STARTS.get(mismatch.keyword)
    rule = NULL_MEMBER if _may_be_absent(mismatch, schema) else SCHEMA_MISMATCH
    return _Place(rule, "" if start is None else _cut(f"expected {start(mismatch)}, got "))


def _message(mismatch: Mismatch, value: JSON, start: str) -> str:
    if not start:
        return _cut(_MESSAGES.get(mismatch.keyword, _other)(mismatch, value))
    met = _type_met(mismatch, value) if mismatch.keyword == "type" else redact.short(value, 60)
    message = start + met
    return message if len(message) <= MAX_MESSAGE else message[: MAX_MESSAGE - 1] + "…"


def _unexpected(mismatch: Mismatch, instance: JSON, rule: Rule) -> Iterator[Found]:
    names: Sequence[str] = mismatch.expected
    fault = "not documented" if rule is UNDOCUMENTED_MEMBER else "not allowed here"
    holder = pointer.resolve(instance, mismatch.tokens)
    place = pointer.join(mismatch.tokens)
    for name in names[:MAX_NAMED]:
        at = f"{place}/{pointer.escape(name)}"
        yield Found(rule, at, _cut(f'"{name}" is {fault}'), holder.get(name))
    if len(names) > MAX_NAMED:
        yield Found(rule, place, f"{len(names) - MAX_NAMED} more members are {fault}")


def _may_be_null(mismatch: Mismatch, schema: JSON) -> bool:
    holder = _node(schema, mismatch.path[:-1])
    member = holder.get("properties", {}).get(mismatch.expected)
    return member is not None and "null" in accepted_types(member, schema.get("$defs", {})) and member != {}


def _may_be_absent(mismatch: Mismatch, schema: JSON) -> bool:
    """Whether the member that holds null is one that its object does not require."""
    path, name = mismatch.path, mismatch.tokens[-1] if mismatch.tokens else None
    for position in range(len(path) - 2, -1, -1):
        if path[position] == "properties" and path[position + 1] == name:
            return name not in _node(schema, path[:position]).get("required", ())
    return False


def _node(schema: JSON, path: Sequence[str | int]) -> dict[str, JSON]:
    try:
        node = pointer.resolve(schema, path)
    except LookupError:
        return {}
    return node if isinstance(node, dict) else {}


def _hint_missing(mismatch: Mismatch, schema: JSON) -> str:
    member = _node(schema, mismatch.path[:-1]).get("properties", {}).get(mismatch.expected)
    if not isinstance(member, dict):
        return ""
    values = [member["const"]] if "const" in member else member.get("enum")
    return _cut(f"one of {_values(values)}") if isinstance(values, list) else ""


def _types(mismatch: Mismatch) -> str:
    return _listed(sorted(set(mismatch.expected), key=_TYPES.index))


def _type_met(mismatch: Mismatch, value: JSON) -> str:
    fraction = isinstance(value, float) and "integer" in mismatch.expected
    return "a number with a fraction" if fraction else type_of(value)


def _type(mismatch: Mismatch, value: JSON) -> str:
    return f"expected {_types(mismatch)}, got {_type_met(mismatch, value)}"


def _options(mismatch: Mismatch) -> str:
    expected = mismatch.expected
    if isinstance(expected, list) and len(expected) == 1:
        expected = expected[0]
    if mismatch.keyword == "const" or not isinstance(expected, list):
        return redact.short(expected)
    return f"one of {_values(expected)}"


def _enum(mismatch: Mismatch, value: JSON) -> str:
    return f"expected {_options(mismatch)}, got {redact.short(value, 60)}"


def _values(values: Sequence[JSON]) -> str:
    shown = ", ".join(redact.short(value, 40) for value in values[:12])
    return shown if len(values) <= 12 else f"{shown} and {len(values) - 12} more"


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _other(mismatch: Mismatch, value: JSON) -> str:
    words = _BOUNDS.get(mismatch.keyword)
    if words is None:
        return f'does not satisfy "{mismatch.keyword}": {redact.short(value, 60)}'
    wanted = words.format(redact.short(mismatch.expected, 80))
    return f"expected {wanted}, got {_measured(mismatch.keyword, value)}"


def _measured(keyword: str, value: JSON) -> str:
    if keyword.endswith(("Items", "Length", "Properties")) and isinstance(value, list | str | dict):
        return str(len(value))
    return redact.short(value, 60)


def _member_name(mismatch: Mismatch, value: JSON) -> str:
    keyword, expected = mismatch.expected
    inner = Mismatch(keyword, [], [], expected)
    return "as a member name: " + _MESSAGES.get(keyword, _other)(inner, mismatch.tokens[-1])


def _union(mismatch: Mismatch, value: JSON) -> str:
    wanted = sorted({name for branch in mismatch.branches for inner in branch for name in _wanted(inner, mismatch)})
    forms = f" ({', '.join(wanted)})" if wanted else ""
    return f"fits none of the forms allowed here{forms}: {redact.short(value, 60)}"


def _wanted(inner: Mismatch, outer: Mismatch) -> list[str]:
    here = len(inner.tokens) == len(outer.tokens)
    if inner.keyword == "type" and here:
        return list(inner.expected)
    return [f'object with "{inner.expected}"'] if inner.keyword == "required" and here else []


def _barred(mismatch: Mismatch, value: JSON) -> str:
    return f"is not allowed here: {redact.short(value, 60)}"


_TYPES = ("string", "integer", "number", "boolean", "array", "object", "null")
_MESSAGES = {
    "type": _type,
    "enum": _enum,
    "const": _enum,
    "anyOf": _union,
    "oneOf": _union,
    "propertyNames": _member_name,
    "falseSchema": _barred,
}
_STARTS = {"type": _types, "enum": _options, "const": _options}
_BOUNDS = {
    "minimum": "at least {}",
    "maximum": "at most {}",
    "exclusiveMinimum": "more than {}",
    "exclusiveMaximum": "less than {}",
    "minItems": "at least {} items",
    "maxItems": "at most {} items",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minProperties": "at least {} members",
    "maxProperties": "at most {} members",
    "pattern": "text that matches {}",
    "multipleOf": "a multiple of {}",
}


def _cut(message: str) -> str:
    message = redact.printable(redact.text(message))
    return message if len(message) <= MAX_MESSAGE else message[: MAX_MESSAGE - 1] + "…"
