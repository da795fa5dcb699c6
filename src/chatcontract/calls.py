"""Fragments of one streamed tool call → the call that they add up to."""

import json

from chatcontract.breaches import Breach, Subject
from chatcontract.model import JSON

_OF_CALL = frozenset(("custom", "function", "id", "index", "type"))
_TEXTS = frozenset(("arguments", "input"))
_RIVALS = {"custom": "function", "function": "custom"}


def joined(pieces: list[JSON]) -> JSON:
    """What the pieces of one member make: texts joined, lists put together, of anything else the last.

    >>> joined(["a", "b"]), joined([[1], [2]]), joined([{"a": 1}, {"b": 2}]), joined([])
    ('ab', [1, 2], {'b': 2}, None)
    """
    if not pieces:
        return None
    try:
        return "".join(pieces)
    except TypeError:
        pass
    if all(isinstance(piece, str | list) for piece in pieces):
        return [item for piece in pieces for item in (piece if isinstance(piece, list) else [piece])]
    return pieces[-1]


def is_text(value: JSON) -> bool:
    """Whether it is a string that isn't empty."""
    return isinstance(value, str) and value != ""


class Call(Subject):
    """One tool call, or the deprecated `function_call`, which has the body of one.

    The first `id`, `type` and name that aren't empty hold; `arguments` (custom: `input`) are joined.
    """

    __slots__ = ("begun", "body", "kind", "members", "pieces")

    def __init__(self, found: list[Breach]) -> None:
        super().__init__(found)
        self.begun = False
        self.kind = "function"
        self.members: dict[str, JSON] = {}
        self.body: dict[str, JSON] = {}
        self.pieces: dict[str, list[JSON]] = {}

    def feed(self, fragment: dict[str, JSON], at: str) -> None:
        """Take in a fragment that stands at the pointer `at`."""
        self._once(self.members, "id", fragment, at)
        self._take_type(fragment, at)
        if isinstance(fragment.get("custom"), dict):
            self.kind = "custom"
        body = fragment.get(self.kind)
        self.members.update((key, value) for key, value in fragment.items() if key not in _OF_CALL)
        if self.begun and _RIVALS.keys().isdisjoint(fragment):
            self.tell("tool-body-missing", at, fragment)
        self.feed_body(body if isinstance(body, dict) else {}, f"{at}/{self.kind}")

    def feed_body(self, body: dict[str, JSON], at: str) -> None:
        """Take in the `function` or `custom` member of a fragment."""
        self._once(self.body, "name", body, at)
        self.begun = True
        for key, value in body.items():
            if key in _TEXTS:
                self._take_text(key, value, f"{at}/{key}")
            elif key != "name" and value is not None:
                self.body[key] = value

    def begins_another(self, fragment: dict[str, JSON]) -> bool:
        """Whether a fragment at the index of this call has another id and a name of its own."""
        body = fragment.get("custom") or fragment.get("function")
        named = isinstance(body, dict) and is_text(body.get("name"))
        return named and self.has_other_id(fragment)

    def has_other_id(self, fragment: dict[str, JSON]) -> bool:
        """Whether both have an id and the ids differ."""
        known, given = self.members.get("id"), fragment.get("id")
        return is_text(known) and is_text(given) and known != given

    def folded_body(self) -> dict[str, JSON]:
        """Name and arguments so far."""
        text = {key: joined(pieces) for key, pieces in self.pieces.items()}
        return {**self.body, **(text or {"input" if self.kind == "custom" else "arguments": ""})}

    def folded(self) -> dict[str, JSON]:
        """The entry of `tool_calls` so far."""
        return {**self.members, self.kind: self.folded_body()}

    def _once(self, known: dict[str, JSON], member: str, given: dict[str, JSON], at: str) -> None:
        value, pointer = given.get(member), f"{at}/{member}"
        if not is_text(value):
            if not self.begun:
                self.tell(f"tool-first-without-{member}", at, value)
            elif member in given:
                self.tell(f"tool-{member}-blank", pointer, value)
        elif member not in known:
            known[member] = value
            if self.begun:
                self.tell(f"tool-{member}-late", pointer, value)
        elif known[member] == value:
            self.tell(f"tool-{member}-repeated", pointer, value)
        else:
            self.tell(f"tool-{member}-changed", pointer, value, f": `{known[member]:.60}`, now `{value:.60}`")

    def close(self, at: str) -> None:
        """Tell what only the whole call shows, which ends up at the pointer `at`."""
        is_custom = self.members.get("type") == "custom" and "tool-kind-contradicted" not in self.told
        if is_custom and not self.pieces.get("input"):
            self.tell("tool-custom-without-input", f"{at}/custom")
        pieces = [piece for piece in self.pieces.get("arguments", ()) if is_text(piece)]
        if len(pieces) > 1 and _are_told_again(pieces):
            self.tell("tool-arguments-again", f"{at}/function/arguments", "".join(pieces))

    def _take_type(self, fragment: dict[str, JSON], at: str) -> None:
        kind = fragment.get("type")
        if is_text(kind):
            known = self.members.setdefault("type", kind)
            if known != kind:
                self.tell("tool-kind-contradicted", f"{at}/type", kind)
        elif not self.begun:
            self.tell("tool-first-without-type", at, kind)
        rival = _RIVALS.get(self.members.get("type", ""))
        if rival is not None and fragment.get(rival) is not None:
            self.tell("tool-kind-contradicted", f"{at}/{rival}", fragment[rival])

    def _take_text(self, key: str, value: JSON, pointer: str) -> None:
        pieces = self.pieces.setdefault(key, [])
        if value is None:
            self.tell("tool-arguments-null", pointer)
            return
        if not isinstance(value, str):
            self.tell("tool-arguments-not-text", pointer, value)
        pieces.append(value)


def _are_told_again(pieces: list[str]) -> bool:
    """Whether the last piece is all of the arguments: once more, or as each piece is, with what came before."""
    last = pieces[-1]
    if not (last.startswith("{") and last.endswith("}")):
        return False
    before = "".join(pieces[:-1])
    is_more = before.replace(last, "") != "" and not all(map(str.startswith, pieces[1:], pieces))
    return not is_more and _is_json(last)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
