"""The input of a custom tool: free text, or text that follows a grammar (Lark's, or a regular expression)."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from chatcontract.model import JSON
from chatcontract.reading import members
from chatcontract.server.dice import Dice
from chatcontract.server.patterns import Unsupported, matching
from chatcontract.server.scalars import Impossible, text

FREE_TEXT = "print('Hello from the reference server')"
MAX_STEPS = 2000
"""Rules applied in one text."""
MAX_LEVELS = 50
"""Rules inside each other."""
_SHALLOW = 6
_RULE = re.compile(r"(?m)^[ \t]*[?!]*(_?[a-zA-Z]\w*)(?:\.-?\d+)?[ \t]*:(.*(?:\n[ \t]*\|.*)*)")
_SYMBOL = re.compile(
    r'\s*(?:(?P<text>"(?:\\.|[^"\\])*"i?)|/(?P<pattern>(?:\\.|[^/\\])+)/[imslux]*|(?P<name>[A-Za-z_]\w*)'
    r"|(?P<sign>\.\.|[()\[\]|*+?])|(?P<times>~\s*\d+(?:\.\.\d+)?)|(?P<alias>->\s*\w+))"
)
_COMMON = {
    "CNAME": "[a-z_]{3,8}", "DIGIT": r"\d", "ESCAPED_STRING": '"[a-z]{3,8}"', "FLOAT": r"\d\.\d",
    "INT": r"\d{1,3}", "LCASE_LETTER": "[a-z]", "LETTER": "[a-z]", "NEWLINE": r"\n", "NUMBER": r"\d{1,3}",
    "SIGNED_INT": r"-?\d{1,3}", "SIGNED_NUMBER": r"-?\d{1,3}", "UCASE_LETTER": "[A-Z]", "WORD": "[a-z]{3,8}",
    "WS": " ", "WS_INLINE": " ",
}  # fmt: skip


def written(form: JSON, dice: Dice) -> str:
    """A text in the form that a custom tool asks for.

    >>> grammar = {"syntax": "lark", "definition": 'start: "go" " " ("left" | "right")'}
    >>> written({"type": "grammar", "grammar": grammar}, Dice(1))
    'go left'
    """
    grammar = members(members(form).get("grammar"))
    definition = grammar.get("definition")
    if not isinstance(definition, str):
        return FREE_TEXT
    if grammar.get("syntax") == "regex":
        return text({"pattern": f"^(?:{definition})$"}, dice, 0)
    return _Lark(definition, dice).text()


class _Term(NamedTuple):
    """Alternatives, each a row of terms; or a literal (`text`), a pattern or the name of a rule."""

    kind: str
    value: str = ""
    rows: "tuple[tuple[_Term, ...], ...]" = ()
    least: int = 1
    most: int = 1


class _Lark:
    """Writes a text by the rules of a grammar, the shortest way where it is deep inside."""

    def __init__(self, definition: str, dice: Dice) -> None:
        plain = re.sub(r"(?m)^\s*//.*$", "", definition)
        self._rules = {name: _terms(body) for name, body in _RULE.findall(plain)}
        self._heights: dict[str, int] = {}
        self._dice = dice
        self._steps = 0
        for _ in range(min(len(self._rules) + 1, 100)):
            self._heights = {name: 1 + self._height(term) for name, term in self._rules.items()}

    def text(self) -> str:
        """The text that the rule `start` makes."""
        return self._made(_Term("name", "start"), 0)

    def _height(self, term: _Term) -> int:
        if term.least == 0:
            return 0
        if term.kind == "name":
            return self._heights.get(term.value, 1 if term.value in _COMMON else 1000)
        return min((max(map(self._height, row), default=0) for row in term.rows), default=0)

    def _made(self, term: _Term, level: int) -> str:
        self._steps += 1
        if self._steps > MAX_STEPS or level > MAX_LEVELS:
            raise Impossible("no short text of the grammar was found")
        extra = min(term.most - term.least, 0 if level > _SHALLOW else 1)
        return "".join(self._once(term, level) for _ in range(term.least + self._dice.below(extra + 1)))

    def _once(self, term: _Term, level: int) -> str:
        if term.kind == "text":
            return term.value
        if term.kind == "pattern":
            return _match(term.value, self._dice)
        if term.kind == "name":
            return self._named(term.value, level)
        rows = term.rows
        if level > _SHALLOW:
            rows = (min(rows, key=lambda row: max(map(self._height, row), default=0)),)
        return "".join(self._made(inner, level + 1) for inner in self._dice.pick(rows))

    def _named(self, name: str, level: int) -> str:
        if name in self._rules:
            return self._made(self._rules[name], level + 1)
        if name in _COMMON:
            return _match(_COMMON[name], self._dice)
        raise Impossible(f"the grammar has no rule {name!r}")


def _match(pattern: str, dice: Dice) -> str:
    try:
        return matching(pattern, dice)
    except Unsupported as error:
        raise Impossible(f"a pattern of the grammar cannot be read: {error}") from None


def _terms(body: str) -> _Term:
    symbols = _symbols(body)
    return _union(list(symbols), [0])


def _symbols(body: str) -> Iterator[tuple[str, str]]:
    at = 0
    while at < len(body) and (found := _SYMBOL.match(body, at)) is not None:
        at = found.end()
        kind = str(found.lastgroup)
        if kind != "alias":
            yield kind, found[kind]
    if body[at:].strip():
        raise Impossible(f"the grammar cannot be read near {body[at:].strip()[:40]!r}")


def _union(symbols: list[tuple[str, str]], at: list[int], end: str = "") -> _Term:
    """The alternatives up to the closing sign; `at` holds the place of reading."""
    rows: list[list[_Term]] = [[]]
    while at[0] < len(symbols):
        kind, value = symbols[at[0]]
        at[0] += 1
        if kind == "sign" and value == end:
            break
        if kind == "sign" and value == "|":
            rows.append([])
        elif kind in ("times", "sign") and value[0] not in "([":
            if rows[-1]:
                rows[-1][-1] = _times(rows[-1][-1], value)
        else:
            rows[-1].append(_term(kind, value, symbols, at))
    return _Term("union", rows=tuple(map(tuple, rows)))


def _term(kind: str, value: str, symbols: list[tuple[str, str]], at: list[int]) -> _Term:
    if value == "(" and kind == "sign":
        return _union(symbols, at, ")")
    if value == "[" and kind == "sign":
        return _union(symbols, at, "]")._replace(least=0)
    if kind == "text":
        return _Term("text", re.sub(r"\\(.)", _unescaped, value.removesuffix("i")[1:-1]))
    return _Term(kind, value)


def _unescaped(found: re.Match[str]) -> str:
    return {"n": "\n", "t": "\t"}.get(found[1], found[1])


def _times(term: _Term, sign: str) -> _Term:
    if sign.startswith("~"):
        first, _, last = sign[1:].strip().partition("..")
        return term._replace(least=int(first), most=int(last or first))
    least, most = {"*": (0, 2), "+": (1, 2), "?": (0, 1)}.get(sign, (1, 1))
    return term._replace(least=least, most=most)
