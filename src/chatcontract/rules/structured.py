"""Structured output (CC8): content held against the asked format."""

from collections.abc import Iterator
from functools import lru_cache

from chatcontract import asked as asks
from chatcontract import json_schema
from chatcontract.declare import SpecView, rule
from chatcontract.examples import response
from chatcontract.jsontext import ABSENT, parse
from chatcontract.losses import losses
from chatcontract.model import JSON, Basis, Finding, Part, Severity
from chatcontract.reading import Reading, members
from chatcontract.redact import short

_API = "https://developers.openai.com/api/reference/resources/chat/subresources/completions/methods/create"
_GUIDE = "https://developers.openai.com/api/docs/guides/structured-outputs"
_FORMAT = "#/components/schemas/ResponseFormat"
_CONTENT = "/choices/0/message/content"
_HARMLESS = ("duplicate-key", "invalid-utf8")
_SCHEMA = {
    "type": "object", "properties": {"sum": {"type": "integer"}}, "required": ["sum"],
    "additionalProperties": False,
}  # fmt: skip
_OBJECT = {
    "/response_format": {"type": "json_object"},
    "/messages/0/content": "What is 2 + 2? Answer as JSON.",
}


def _by(strict: JSON) -> dict[str, JSON]:
    given = {"name": "answer", "schema": _SCHEMA, "strict": strict}
    return {"/response_format": {"type": "json_schema", "json_schema": given}}


def _kind(reading: Reading) -> JSON:
    return members(reading.asked.get("response_format")).get("type")


def _is_binding(reading: Reading) -> bool:
    """Whether the content is promised to be JSON: a schema that isn't strict is a hint."""
    schema = asks.answer_schema(reading.asked)
    return _kind(reading) == "json_object" or (schema is not None and schema.strict)


def _contents(reading: Reading) -> Iterator[tuple[str, str]]:
    """Pointer and text of every content that is complete: not cut, refused or said beside a call, no piece lost."""
    if _kind(reading) not in ("json_object", "json_schema") or losses(reading):
        return
    for at, choice, message in reading.choices:
        content = message.get("content")
        is_whole = choice.get("finish_reason") == "stop" and not message.get("refusal")
        if is_whole and isinstance(content, str) and not (message.get("tool_calls") or message.get("function_call")):
            yield f"/choices/{at}/message/content", content


@lru_cache(maxsize=8)
def _parsed(text: str) -> tuple[JSON, bool]:
    """The value and whether the text is JSON; repeated members and halves of surrogate pairs do no harm here."""
    value, faults = parse(text)
    return value, value is not ABSENT and all(fault.kind in _HARMLESS for fault in faults)


def _wrapped(text: str) -> str:
    """What stands around the JSON in a text that is none itself; empty if there is no JSON in it."""
    bare = text.strip()
    if bare.startswith("```"):
        inner = bare.partition("\n")[2].rpartition("```")[0]
        return "a code fence" if _parsed(inner)[1] else ""
    starts = [at for at in (bare.find("{"), bare.find("[")) if at >= 0]
    end = max(bare.rfind("}"), bare.rfind("]"))
    inner = bare[min(starts) : end + 1] if starts else ""
    return "other text" if inner and inner != bare and _parsed(inner)[1] else ""


@rule(
    "CC801",
    anchor=_FORMAT,
    part=Part.RESPONSE,
    severity=Severity.ERROR,
    basis=Basis.DOCUMENTED,
    source=_API,
    since="0.1",
    needs=("/response_format",),
    passes=[
        response({_CONTENT: ' {"sum": 4}\n'}, request=_OBJECT),
        response({_CONTENT: '{"su', "/choices/0/finish_reason": "length"}, request=_OBJECT),
        response({_CONTENT: None, "/choices/0/message/refusal": "No."}, request=_by(True)),
        response({_CONTENT: '{"sum": "\\ud83d"}'}, request=_OBJECT),
        response({_CONTENT: '{"sum'}, request={**_OBJECT, "/model": "gpt-4o", "/stop": ['"']}),
        response(request={}),
    ],
    fails=[
        response(request=_OBJECT),
        response(request={**_OBJECT, "/model": "gpt-4o", "/stop": ["5"]}),
        response({_CONTENT: '{"sum": 4'}, request=_by(True)),
        response({_CONTENT: ""}, request=_by(None)),
    ],
)
def content_not_json(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The content is no JSON, though JSON was asked for.

    ## Why it matters
    Code that asked for JSON parses the content and fails. Servers that ignore `response_format` show it here.

    ## Known exceptions
    Answers that were cut off, refused or are calls are exempt, and JSON that begins where a `stop` sequence may
    have ended it. A schema that isn't strict is a hint, and its breach a warning.
    """
    severity = None if _is_binding(reading) else Severity.WARNING
    for place, content in _contents(reading):
        if reading.asked.get("stop") and content.lstrip()[:1] in ("", "{", "["):
            continue
        if not _parsed(content)[1] and not _wrapped(content):
            said = f"expected JSON, as {_kind(reading)} was asked for, got {short(content, 80)}"
            yield Finding(place, said, content, severity=severity)


@rule(
    "CC802",
    anchor=_FORMAT,
    part=Part.RESPONSE,
    severity=Severity.ERROR,
    basis=Basis.DOCUMENTED,
    source=_API,
    since="0.1",
    needs=("/response_format",),
    passes=[
        response({_CONTENT: '{"code": "```"}'}, request=_OBJECT),
        response({_CONTENT: "```json\n{}\n```"}, request={}),
    ],
    fails=[
        response({_CONTENT: '```json\n{"sum": 4}\n```'}, request=_by(True)),
        response({_CONTENT: 'Here it is: {"sum": 4}'}, request=_OBJECT),
    ],
)
def json_content_wrapped(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """JSON was asked for, and comes inside a code fence or other text.

    ## Why it matters
    Code that asked for JSON parses the whole content and fails.

    ## Known exceptions
    A schema that isn't strict is a hint, and its breach a warning.
    """
    severity = None if _is_binding(reading) else Severity.WARNING
    for place, content in _contents(reading):
        if not _parsed(content)[1] and (around := _wrapped(content)):
            said = f"expected JSON alone, got {around} around it: {short(content, 80)}"
            yield Finding(place, said, content, severity=severity)


@rule(
    "CC803",
    anchor=_FORMAT + "JsonObject",
    part=Part.RESPONSE,
    severity=Severity.WARNING,
    basis=Basis.DOCUMENTED,
    source=_API,
    since="0.1",
    needs=("/response_format",),
    passes=[response({_CONTENT: "{}"}, request=_OBJECT)],
    fails=[response({_CONTENT: text}, request=_OBJECT) for text in ("[4]", "4", "null")],
)
def json_content_not_object(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """`json_object` was asked for, and the content is other JSON.

    ## Why it matters
    The format is named for objects, and code that asked for one looks for members.

    ## Known exceptions
    None known.
    """
    if _kind(reading) != "json_object":
        return
    for place, content in _contents(reading):
        value, is_json = _parsed(content)
        if is_json and not isinstance(value, dict):
            yield Finding(place, f"expected a JSON object, got {short(content, 80)}", content)


@rule(
    "CC804",
    anchor=_FORMAT + "JsonSchema",
    part=Part.RESPONSE,
    severity=Severity.ERROR,
    basis=Basis.DOCUMENTED,
    source=_GUIDE,
    since="0.1",
    needs=("/response_format",),
    passes=[
        response({_CONTENT: '{"sum": 4}'}, request=_by(True)),
        response({_CONTENT: '{"sum": "4"}', "/choices/0/finish_reason": "length"}, request=_by(True)),
        response({_CONTENT: '{"sum": "4"}'}, request=_OBJECT),
    ],
    fails=[
        response({_CONTENT: '{"sum": "4"}'}, request=_by(True)),
        response({_CONTENT: '{"sum": 4, "more": 1}'}, request=_by(True)),
        response({_CONTENT: "{}"}, request=_by(False)),
    ],
)
def content_breaks_schema(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The content breaks the schema that the request gave.

    ## Why it matters
    Strict mode promises that it never happens; code reads the members without looking.

    ## Known exceptions
    A schema that isn't strict is a hint, and its breach a warning. Formats are not judged, and neither are
    schemas that aren't valid themselves or would take too long.
    """
    schema = asks.answer_schema(reading.asked)
    if schema is None:
        return
    for place, content in _contents(reading):
        value, is_json = _parsed(content)
        for fault in json_schema.mismatches(schema.value, value) if is_json else ():
            where = f"at {short(fault.pointer, 100)} " if fault.pointer else ""
            yield Finding(place, f"{where}{fault.message}", severity=None if schema.strict else Severity.WARNING)
