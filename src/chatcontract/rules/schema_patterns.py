"""Request (CC296, CC297): regular expressions in schemas and in the grammars of tools."""

import re
from _thread import allocate_lock
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice

from chatcontract import asked as asks
from chatcontract import json_schema
from chatcontract.declare import SpecView, rule
from chatcontract.examples import Example, request
from chatcontract.model import JSON, Basis, Finding, Part, Severity
from chatcontract.patterns import pattern
from chatcontract.pointer import escape
from chatcontract.reading import Reading, members
from chatcontract.redact import short

_FORMAT = "#/components/schemas/CustomToolChatCompletions/properties/custom/properties/format"
_MAX_TEXT = 1000
_MOST = 50
"""Expressions of one request that are judged."""
_FLAGGED = pattern(r"\(\?[a-zA-Z-]*i")
_LOOKING = pattern(r"(?<!\\)\(\?<?[=!]")
_QUIET = allocate_lock()


def _given(schema: JSON, strict: bool = False) -> Example:
    """The minimal request with a function that has a parameter of this schema."""
    parameters = {"type": "object", "properties": {"a": schema}, "required": ["a"], "additionalProperties": False}
    body = {"name": "f", "parameters": parameters, "strict": strict}
    return request({"/tools": [{"type": "function", "function": body}], "/parallel_tool_calls": False})


def _grammar(definition: str, syntax: str = "regex") -> Example:
    """The minimal request with a custom tool that has this grammar."""
    form = {"type": "grammar", "grammar": {"syntax": syntax, "definition": definition}}
    return request({"/tools": [{"type": "custom", "custom": {"name": "run", "format": form}}]})


@lru_cache(maxsize=256)
def _fault(text: str) -> str:
    """Why Python can't compile the expression; empty where it can, or where finding out would take too long."""
    import warnings

    if len(text) > _MAX_TEXT or _FLAGGED.search(text):
        return ""
    try:
        with _QUIET, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            re.compile(text)
    except (re.error, OverflowError) as error:
        return str(error)
    except RecursionError:
        return ""
    return ""


@lru_cache(maxsize=256)
def _is_readable(text: str, *, looking: bool) -> bool:
    """Whether an engine for the expressions of ECMAScript can compile it, one with look-arounds or without them."""
    from jsonschema_rs import Draft202012Validator, FancyRegexOptions, RegexOptions

    options = FancyRegexOptions(backtrack_limit=1000) if looking else RegexOptions()
    try:
        Draft202012Validator({"pattern": text}, pattern_options=options)
    except ValueError:
        return False
    return True


def _expressions(reading: Reading) -> Iterator[tuple[str, str, bool]]:
    """Pointer, text and strictness of the expressions in the schemas."""
    for schema, nodes in reading.in_request(json_schema.of_request):
        for node in nodes:
            if "pattern" in node.value and isinstance(text := node.value["pattern"], str):
                yield f"{schema.pointer}{node.pointer}/pattern", text, schema.strict
            if "patternProperties" in node.value:
                for name in members(node.value["patternProperties"]):
                    yield f"{schema.pointer}{node.pointer}/patternProperties/{escape(name)}", name, False


@rule(
    "CC296",
    anchor="#/components/schemas/FunctionParameters",
    part=Part.REQUEST,
    severity=Severity.ERROR,
    basis=Basis.OBSERVED,
    source="https://github.com/pleaseai/shunt/pull/488",
    since="0.1",
    passes=[
        _given({"type": "string", "pattern": "^(?!a)[a-z]+$"}),
        _given({"type": "string", "pattern": "^[(?=]+$"}, strict=True),
        _given({"type": "object", "properties": {"pattern": {"type": "string", "enum": ["[a-"]}}}),
    ],
    fails=[
        _given({"type": "string", "pattern": "[a-"}),
        _given({"type": "string", "pattern": r"^\p{L}+$"}),
        _given({"type": "string", "pattern": "^(?<year>[0-9]+)$"}),
        _given({"type": "string", "pattern": "^(?!a)[a-z]+$"}, strict=True),
        _given({"type": "object", "properties": {}, "patternProperties": {"(": {"type": "string"}}}),
    ],
    compatible=Severity.WARNING,
    needs=("brought",),
)
def schema_pattern_unreadable(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    r"""A regular expression in a schema can't be compiled.

    ## Why it matters
    The service compiles it with Python's `re` and refuses the request where that fails (`is not a 'regex'`). What
    other engines take, such as `\p{L}` and `(?<name>…)`, is a warning, and a note in the profile `compatible`. Strict
    mode refuses look-arounds on some models.

    ## Known exceptions
    Texts of more than 1000 characters, those that ignore case by a flag, and all beyond the first 50 are passed over.
    """
    milder = Severity.INFO if spec.profile == "compatible" else Severity.WARNING
    for place, text, is_strict in islice(_expressions(reading), _MOST):
        if fault := _fault(text):
            severity = milder if _is_readable(text, looking=True) else None
            yield Finding(place, f"{short(text, 60)} can't be compiled: {fault}", text, severity=severity)
        elif is_strict and _LOOKING.search(text) and not _is_readable(text, looking=False):
            said = f"{short(text, 60)} looks ahead or behind, which strict mode doesn't list"
            yield Finding(place, said, text, severity=milder)


@rule(
    "CC297",
    anchor=_FORMAT,
    part=Part.REQUEST,
    severity=Severity.WARNING,
    basis=Basis.DOCUMENTED,
    source="https://developers.openai.com/api/docs/guides/function-calling",
    since="0.1",
    passes=[_grammar("^[a-z]{1,9}$"), _grammar(r"\p{L}+"), _grammar("[a-", syntax="lark")],
    fails=[_grammar("[a-"), _grammar("^(?!a)[a-z]+$")],
    needs=("brought", "/tools"),
)
def grammar_regex_unreadable(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The regular expression that the input of a custom tool must match can't be compiled, or looks ahead or behind.

    ## Why it matters
    The service refuses the request: it compiles it with Rust's `regex`, which has no look-arounds.

    ## Known exceptions
    Texts of more than 1000 characters are passed over.
    """
    for tool in islice(reading.in_request(asks.tools), _MOST):
        grammar = members(members(tool.body.get("format")).get("grammar"))
        text = grammar.get("definition")
        if tool.kind != "custom" or grammar.get("syntax") != "regex" or not isinstance(text, str):
            continue
        if len(text) <= _MAX_TEXT and not _is_readable(text, looking=False) and (_fault(text) or _LOOKING.search(text)):
            said = f"{short(text, 60)} can't be compiled: {_fault(text) or 'it looks ahead or behind'}"
            yield Finding(f"/tools/{tool.position}/custom/format/grammar/definition", said, text)
