"""The input of custom tools (CC42): what the grammar of the tool asks for."""

from collections.abc import Callable, Iterator
from functools import lru_cache

from chatcontract import asked as asks
from chatcontract.declare import SpecView, rule
from chatcontract.examples import Changes, response
from chatcontract.model import Basis, Finding, Part, Severity
from chatcontract.reading import Reading, members
from chatcontract.redact import short
from chatcontract.toolcalls import tool_calls

_GUIDE = "https://developers.openai.com/api/docs/guides/function-calling"
_CUT = ("length", "content_filter")
_MAX_DEFINITION = 16 * 1024
_MAX_INPUT = 256 * 1024


def _tool(definition: str, syntax: str = "regex") -> Changes:
    form = {"type": "grammar", "grammar": {"syntax": syntax, "definition": definition}}
    return {"/tools": [{"type": "custom", "custom": {"name": "run", "format": form}}]}


def _called(text: str, finish: str = "tool_calls") -> Changes:
    return {
        "/choices/0/message/content": None,
        "/choices/0/message/tool_calls": [
            {"id": "call_C0ffee2", "type": "custom", "custom": {"name": "run", "input": text}}
        ],
        "/choices/0/finish_reason": finish,
    }


@rule(
    "CC424",
    anchor="#/components/schemas/CustomToolChatCompletions/properties/custom/properties/format",
    part=Part.RESPONSE,
    severity=Severity.WARNING,
    basis=Basis.DOCUMENTED,
    source=_GUIDE,
    since="0.1",
    needs=("/tools", "calls"),
    passes=[
        response(_called("go left"), request=_tool("go (left|right)")),
        response(_called("go le", finish="length"), request=_tool("go (left|right)")),
        response(_called("go up"), request=_tool('start: "go left"', "lark")),
        response(_called("go up"), request=_tool("go (?=left)")),
    ],
    fails=[
        response(_called("go up"), request=_tool("go (left|right)")),
        response(_called("go left!"), request=_tool("go (left|right)")),
    ],
    compatible=Severity.INFO,
)
def custom_input_breaks_grammar(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The input of a custom tool breaks the regular expression that the tool declares.

    ## Why it matters
    The grammar is what the tool is promised; it reads the input without looking.

    ## Known exceptions
    Only regular expressions that can be matched in linear time are judged, no Lark grammars. Input that was cut is
    not judged.
    """
    grammars = reading.in_request(_grammars)
    for call in tool_calls(reading) if grammars else ():
        is_whole = call.kind == "custom" and call.finish not in _CUT
        if not is_whole or not isinstance(call.text, str) or len(call.text) > _MAX_INPUT:
            continue
        for definition in (definition for name, definition in grammars if name == call.name):
            if not _may_match(definition, call.text):
                text = f"expected text that matches {short(definition, 100)}, got {short(call.text, 80)}"
                yield Finding(f"{call.body}/input", text, call.text)


def _grammars(asked: dict[str, object]) -> Iterator[tuple[object, str]]:
    """Name and regular expression of each custom tool that has one."""
    for tool in asks.tools(asked):
        grammar = members(members(tool.body.get("format")).get("grammar")) if tool.kind == "custom" else {}
        definition = grammar.get("definition")
        if grammar.get("syntax") == "regex" and isinstance(definition, str) and len(definition) <= _MAX_DEFINITION:
            yield tool.body.get("name"), definition


def _may_match(definition: str, text: str) -> bool:
    """Whether the whole text matches; classes are those of ASCII here, so of another text they prove nothing."""
    matches = _matcher(definition)
    if matches is None or (not text.isascii() and "\\" in definition):
        return True
    try:
        return matches(text)
    except UnicodeEncodeError:
        return True  # half of a surrogate pair, which has a finding of its own


@lru_cache(maxsize=64)
def _matcher(definition: str) -> Callable[[str], bool] | None:
    """Tells in linear time whether a whole text matches; None where the expression cannot be compiled so."""
    from jsonschema_rs import Draft202012Validator, RegexOptions

    try:
        is_valid: Callable[[str], bool] = Draft202012Validator(
            {"pattern": f"^(?:{definition})$"}, pattern_options=RegexOptions()
        ).is_valid
    except ValueError:
        return None
    return is_valid
