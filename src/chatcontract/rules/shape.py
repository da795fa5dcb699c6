"""Shape (CC0): what the schema and the grammar of JSON say about a payload."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from chatcontract import pointer, redact
from chatcontract.jsontext import TextFault
from chatcontract.model import JSON, Basis, Finding, Part, Rule, Severity
from chatcontract.schema import Mismatch
from chatcontract.unions import accepted_types, type_of

MAX_MESSAGE = 300
"""Characters of a message."""
MAX_NAMED = 20
"""Undocumented members of one object that are named one by one."""

_REFERENCE = "https://developers.openai.com/api/reference/resources/chat/subresources/completions/methods/create"
_RFC8259 = "https://www.rfc-editor.org/rfc/rfc8259"


def _rule(code: str, name: str, summary: str, severity: Severity, basis: Basis, source: str, doc: str) -> Rule:
    return Rule(code, name, summary, "#", Part.EXCHANGE, severity, basis, source, "0.1", doc)


RULES: tuple[Rule, ...] = (
    _rule(
        "CC001", "schema-mismatch", "A value is not what the schema asks for.", Severity.ERROR, Basis.SCHEMA, _REFERENCE,
        "A member is missing, has another type, or lies outside its enumeration, pattern or bounds.",
    ),
    _rule(
        "CC002", "null-member", "Null stands where the schema lets a member be absent, but not null.",
        Severity.ERROR, Basis.SCHEMA, _REFERENCE,
        "Clients that make classes of the schema fail on null; the service refuses such requests.",
    ),
    _rule(
        "CC003", "absent-member", "A member is absent that the schema always asks for, null if there is no value.",
        Severity.ERROR, Basis.SCHEMA, _REFERENCE,
        "Where measured clients survive the absence, a tolerance lowers the severity by profile.",
    ),
    _rule(
        "CC004", "undocumented-member", "A member is not documented.", Severity.INFO, Basis.SCHEMA, _REFERENCE,
        "Extensions are legal; the inventory shows what a client must not rely on. Silent in profile `compatible`.",
    ),
    _rule(
        "CC005", "duplicate-key", "An object has the same member twice.", Severity.ERROR, Basis.DOCUMENTED, _RFC8259,
        "Readers disagree about which one counts.",
    ),
    _rule(
        "CC006", "invalid-json", "The payload is not JSON.", Severity.ERROR, Basis.DOCUMENTED, _RFC8259,
        "Nothing inside it can be read.",
    ),
    _rule(
        "CC007", "non-finite-number", "NaN or Infinity stands where a number belongs.", Severity.ERROR, Basis.DOCUMENTED,
        _RFC8259, "JSON has no such numbers: most parsers refuse the whole payload.",
    ),
    _rule(
        "CC008", "invalid-utf8", "Bytes are not UTF-8, or half a surrogate pair is escaped.", Severity.ERROR,
        Basis.DOCUMENTED, _RFC8259, "Strict parsers refuse the payload, lenient ones change the text.",
    ),
    _rule(
        "CC009", "excessive-nesting", "Arrays and objects are nested beyond what is read.", Severity.ERROR, Basis.INTEROP,
        _RFC8259 + "#section-9", "Parsers stop at depths between 254 and a thousand.",
    ),
    _rule(
        "CC010", "excessive-size", "The payload is larger than what is read.", Severity.ERROR, Basis.INTEROP,
        _RFC8259 + "#section-9", "It was not read: split the recording or raise the limit.",
    ),
)  # fmt: skip

SCHEMA_MISMATCH, NULL_MEMBER, ABSENT_MEMBER, UNDOCUMENTED_MEMBER = RULES[:4]
_BY_NAME = {rule.name: rule for rule in RULES}



class Found(NamedTuple):
    """A finding with its rule.

    `amiss` is `absent`, `null` or `empty` where a tolerance may excuse it, for the member `pointer` or, if it is
    the absent one, `member` inside of it.
    """

    rule: Rule
    finding: Finding
    amiss: str = ""
    member: str = ""


def text_findings(faults: Iterable[TextFault]) -> Iterator[Found]:
    """What is wrong with the JSON text itself."""
    for fault in faults:
        yield Found(_BY_NAME[fault.kind], Finding(fault.pointer, _cut(fault.message)))


def schema_findings(mismatches: Iterable[Mismatch], instance: JSON, schema: JSON) -> Iterator[Found]:
    """What the schema's mismatches mean; repetitions of the same one (from `allOf`) are folded.

    Args:
        mismatches: as the engine lists them for `instance`.
        schema: the schema that they came from, to tell null from absent members.
    """
    seen: set[tuple[str, str]] = set()
    for mismatch in mismatches:
        for found in _findings(mismatch, instance, schema):
            key = found.finding.pointer, found.finding.message
            if key not in seen:
                seen.add(key)
                yield found


def _findings(mismatch: Mismatch, instance: JSON, schema: JSON) -> Iterator[Found]:
    keyword = mismatch.keyword
    if keyword in ("additionalProperties", "unevaluatedProperties") and isinstance(mismatch.expected, list):
        yield from _undocumented(mismatch, instance)
        return
    place = pointer.join(mismatch.tokens)
    if keyword == "required":
        yield _missing(mismatch, place, schema)
        return
    value = pointer.resolve(instance, mismatch.tokens)
    finding = Finding(place, _cut(_MESSAGES.get(keyword, _other)(mismatch, value)), value)
    if value is None:
        yield Found(NULL_MEMBER if _may_be_absent(mismatch, schema) else SCHEMA_MISMATCH, finding, "null")
    else:
        yield Found(SCHEMA_MISMATCH, finding, "empty" if keyword == "minItems" and not value else "")


def _missing(mismatch: Mismatch, place: str, schema: JSON) -> Found:
    name = mismatch.expected
    rule = ABSENT_MEMBER if _may_be_null(mismatch, schema) else SCHEMA_MISMATCH
    finding = Finding(place, _cut(f'"{name}" is missing'), hint=_hint_missing(mismatch, schema))
    return Found(rule, finding, "absent", name)


def _undocumented(mismatch: Mismatch, instance: JSON) -> Iterator[Found]:
    names: Sequence[str] = mismatch.expected
    holder = pointer.resolve(instance, mismatch.tokens)
    place = pointer.join(mismatch.tokens)
    for name in names[:MAX_NAMED]:
        at = f"{place}/{pointer.escape(name)}"
        yield Found(UNDOCUMENTED_MEMBER, Finding(at, _cut(f'"{name}" is not documented'), holder.get(name)))
    if len(names) > MAX_NAMED:
        rest = f"{len(names) - MAX_NAMED} more members are not documented"
        yield Found(UNDOCUMENTED_MEMBER, Finding(place, rest))


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


def _type(mismatch: Mismatch, value: JSON) -> str:
    expected = list(dict.fromkeys(mismatch.expected))
    met = type_of(value)
    if met == "number" and isinstance(value, float) and "integer" in expected:
        met = "a number with a fraction"
    return f"expected {_listed(expected)}, got {met}"


def _enum(mismatch: Mismatch, value: JSON) -> str:
    expected = mismatch.expected
    if isinstance(expected, list) and len(expected) == 1:
        expected = expected[0]
    if mismatch.keyword == "const" or not isinstance(expected, list):
        return f"expected {redact.short(expected)}, got {redact.short(value, 60)}"
    return f"expected one of {_values(expected)}, got {redact.short(value, 60)}"


def _values(values: Sequence[JSON]) -> str:
    shown = ", ".join(redact.short(value, 40) for value in values[:12])
    return shown if len(values) <= 12 else f"{shown} and {len(values) - 12} more"


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _other(mismatch: Mismatch, value: JSON) -> str:
    words = _BOUNDS.get(mismatch.keyword)
    if words is None:
        return f'does not satisfy "{mismatch.keyword}": {redact.short(value, 60)}'
    return f"expected {words.format(redact.short(mismatch.expected, 80))}, got {_measured(mismatch.keyword, value)}"


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


_MESSAGES = {"type": _type, "enum": _enum, "const": _enum, "anyOf": _union, "oneOf": _union, "propertyNames": _member_name}
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

