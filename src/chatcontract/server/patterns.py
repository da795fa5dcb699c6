"""Texts that match a regular expression of ECMA 262, as JSON Schema's `pattern` has them.

What a text must not be (`(?!…)`, `\\B`) and what stands around it is left to the caller, who tries again.
"""

from collections.abc import Callable, Sequence

from chatcontract.server.dice import Dice

MAX_LENGTH = 5000
"""Characters of one text; a longer one is given up."""
MAX_REPETITIONS = 10_000
"""Repetitions in one text."""
_DIGITS, _LOWER, _UPPER = "0123456789", "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_WORD = _LOWER + _UPPER + _DIGITS + "_"
_SPACE = " \t\n\r\f\v"
_OTHERS = " -.,:;!?/()[]{}<>@#$%&*+='\"|~^`\\"
_SOUND = _WORD + _OTHERS
_SETS = {"d": _DIGITS, "w": _WORD, "s": _SPACE}
_CONTROLS = {"t": "\t", "n": "\n", "r": "\r", "f": "\f", "v": "\v", "0": "\0"}
_CATEGORIES = {
    "L": _LOWER + _UPPER, "Lu": _UPPER, "Ll": _LOWER, "N": _DIGITS, "Nd": _DIGITS, "P": "-.,:;!?",
    "S": "+<=>", "Z": " ", "Zs": " ",
}  # fmt: skip
_WIDE = "äöüéñçøßλжя中文日本語한글→€"

Make = Callable[["_Making"], str]


class Unsupported(ValueError):
    """A pattern that cannot be read."""


class _Making:
    """One text in the making: what the groups matched, and how many repetitions are left to be made."""

    def __init__(self, dice: Dice, eagerness: int) -> None:
        self.dice = dice
        self.eagerness = eagerness
        self.groups: dict[str, str] = {}
        self._left = MAX_REPETITIONS

    def times(self, least: int, room: int) -> int:
        """How often to repeat something."""
        times = least + self.dice.below(room + 1)
        self._left -= times
        if self._left < 0:
            raise Unsupported("too many repetitions")
        return times


def matching(pattern: str, dice: Dice, eagerness: int = 2) -> str:
    """A text that matches; open repetitions are made up to `eagerness` times more often than they must.

    >>> matching("^[a-c]{3}-\\\\d$", Dice(1))[3]
    '-'
    """
    make = _Reader(pattern).whole()
    return make(_Making(dice, eagerness))


class _Reader:
    """Reads a pattern into functions that make a text each."""

    def __init__(self, pattern: str) -> None:
        self._text = pattern
        self._at = 0
        self._count = 0
        self._depth = 0

    def whole(self) -> Make:
        made = self._union()
        if self._at < len(self._text):
            raise Unsupported(f"unexpected {self._text[self._at]!r} at {self._at}")
        return made

    def _peek(self, ahead: int = 1) -> str:
        return self._text[self._at : self._at + ahead]

    def _take(self, expected: str = "") -> str:
        char = self._peek()
        if not char or (expected and char != expected):
            raise Unsupported(f"expected {expected or 'more'} at {self._at}")
        self._at += 1
        return char

    def _skip(self, text: str) -> bool:
        found = self._text.startswith(text, self._at)
        self._at += len(text) if found else 0
        return found

    def _until(self, end: str) -> str:
        stop = self._text.find(end, self._at)
        if stop < 0:
            raise Unsupported(f"{end} is missing")
        found, self._at = self._text[self._at : stop], stop + len(end)
        return found

    def _union(self) -> Make:
        branches = [self._sequence()]
        while self._skip("|"):
            branches.append(self._sequence())
        return branches[0] if len(branches) == 1 else lambda making: making.dice.pick(branches)(making)

    def _sequence(self) -> Make:
        pieces: list[Make] = []
        while self._peek() and self._peek() not in "|)":
            pieces.append(self._repeated(self._atom()))
        return lambda making: "".join(piece(making) for piece in pieces)

    def _repeated(self, make: Make) -> Make:
        least, most = self._bounds()
        if (least, most) == (1, 1):
            return make
        self._skip("?")
        if least > MAX_LENGTH:
            raise Unsupported("too many repetitions")

        def repeated(making: _Making) -> str:
            room = making.eagerness if most is None else min(most - least, making.eagerness)
            return _bounded("".join(make(making) for _ in range(making.times(least, room))))

        return repeated

    def _bounds(self) -> tuple[int, int | None]:
        for sign, bounds in {"*": (0, None), "+": (1, None), "?": (0, 1)}.items():
            if self._skip(sign):
                return bounds
        start = self._at
        if self._skip("{"):
            least, comma, most = self._until("}").partition(",") if "}" in self._text[self._at :] else ("", "", "")
            if least.isdecimal() and (not most or most.isdecimal()):
                return int(least), (int(most) if most else None) if comma else int(least)
            self._at = start
        return 1, 1

    def _atom(self) -> Make:
        char = self._take()
        if char == "(":
            return self._group()
        if char == "[":
            return _any_of(self._class())
        if char == "\\":
            return self._escape()
        if char in "^$":
            return _fixed("")
        if char in "*+?":
            raise Unsupported(f"nothing to repeat at {self._at}")
        return _any_of(_LOWER + _DIGITS) if char == "." else _fixed(char)

    def _group(self) -> Make:
        self._depth += 1
        if self._depth > 50:
            raise Unsupported("nested too deeply")
        name, made = self._named(), self._union()
        self._take(")")
        self._depth -= 1
        if name == "!":
            return _fixed("")
        return _kept(made, name) if name else made

    def _named(self) -> str:
        """The name of a group: empty for one that is not captured, `!` for one that must not match."""
        if not self._skip("?"):
            self._count += 1
            return str(self._count)
        if any(map(self._skip, (":", "="))):
            return ""
        if any(map(self._skip, ("!", "<!", "<="))):
            return "!"
        if self._skip("<") or self._skip("P<"):
            self._count += 1
            return self._until(">")
        raise Unsupported(f"unknown group at {self._at}")

    def _escape(self) -> Make:
        char = self._peek()
        if char in "bBAZ":
            self._take()
            return _fixed("")
        if char == "k" or char in "123456789":
            return self._reference()
        return _any_of(self._escaped())

    def _reference(self) -> Make:
        char = self._take()
        name = char
        if char == "k":
            self._take("<")
            name = self._until(">")
        return lambda making: making.groups.get(name, "")

    def _escaped(self) -> str:
        """The characters that an escape stands for."""
        char = self._take()
        if char.lower() in _SETS:
            found = _SETS[char.lower()]
            return found if char.islower() else _except(found)
        if char in "pP":
            return self._category(is_negated=char == "P")
        if char in "xu":
            return self._code_point(4 if char == "u" else 2)
        return chr(ord(self._take()) % 32) if char == "c" else _CONTROLS.get(char, char)

    def _category(self, *, is_negated: bool) -> str:
        self._take("{")
        name = self._until("}").rpartition("=")[2]
        found = _CATEGORIES.get(name) or _CATEGORIES.get(name[:1], _LOWER)
        return _except(found) if is_negated else found

    def _code_point(self, digits: int) -> str:
        text = self._until("}") if self._skip("{") else "".join(self._take() for _ in range(digits))
        try:
            return chr(int(text, 16))
        except (ValueError, OverflowError):
            raise Unsupported(f"{text!r} is no character") from None

    def _class(self) -> str:
        is_negated = self._skip("^")
        found = ""
        while not self._skip("]"):
            first = self._member()
            if self._peek() == "-" and self._peek(2)[1:] not in ("]", "") and len(first) == 1:
                self._take()
                found += _between(first, self._member())
            else:
                found += first
        return _except(found) if is_negated else found or "\0"

    def _member(self) -> str:
        if not self._skip("\\"):
            return self._take()
        return "\b" if self._skip("b") else self._escaped()


def _between(first: str, last: str) -> str:
    if len(last) != 1:
        return first + "-" + last
    span = range(ord(first), ord(last) + 1)
    if not span:
        raise Unsupported("a range runs backwards")
    step = max(1, len(span) // 128)
    return "".join(map(chr, (code for code in span[::step] if not 0xD800 <= code < 0xE000)))


def _except(found: str) -> str:
    rest = [char for char in _SOUND + _WIDE if char not in found]
    return "".join(rest) or "\uffff"


def _any_of(chars: Sequence[str]) -> Make:
    return lambda making: making.dice.pick(chars)


def _fixed(text: str) -> Make:
    return lambda making: text


def _kept(make: Make, name: str) -> Make:
    def kept(making: _Making) -> str:
        made = making.groups[name] = make(making)
        return made

    return kept


def _bounded(text: str) -> str:
    if len(text) > MAX_LENGTH:
        raise Unsupported("the text becomes too long")
    return text
