"""Messages: instructions, turns of users and assistants, calls and the messages that answer them."""

from functools import lru_cache
from typing import Any

from chatcontract.generate.draws import Draws
from chatcontract.generate.models import Traits
from chatcontract.generate.offers import call, function_call, name_of
from chatcontract.generate.values import CALLING, IMAGE, NAMES, PDF, SOUNDS

Object = dict[str, Any]
DETAILS = (None, "auto", "low", "high", "original")
_URLS = (IMAGE, IMAGE, "https://example.com/a.png")
_ROLES = ("developer", "system")
_MAX_MARKS = 4
_CALLING_PERCENT = 60
JSON_WORD = "Answer as JSON."
_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


class Conversation:
    """Writes the messages of one request.

    Args:
        draws: where choices come from.
        traits: what the model takes.
        tools: tools that the conversation may have called; functions: the same in the older form.
        undocumented: whether forms that are accepted without being documented may occur.
        without: kinds of parts and roles that must not occur.
    """

    def __init__(
        self,
        draws: Draws,
        traits: Traits,
        tools: list[Object],
        functions: list[Object],
        undocumented: bool,
        without: frozenset[str],
    ) -> None:
        self._draws = draws
        self._traits = traits
        self._tools = tools
        self._functions = functions
        self._undocumented = undocumented
        self._without = without
        self._marks = 0
        self._calls = 0

    def messages(self, *, hears: bool, says_json: bool) -> list[Object]:
        """The conversation; `hears`: it holds a recording, `says_json`: it holds that word."""
        draws = self._draws
        made = self._instructions()
        made.append(self._user(hears, says_json))
        for _ in range(draws.choose((0, 0, 0, 1, 2))):
            made += self._turn()
            made.append(self._user())
        if (self._tools or self._functions) and draws.chance(45):
            made += self._round() if self._tools else self._older_round()
        elif (self._tools or self._functions) and not (hears or says_json) and draws.chance(_CALLING_PERCENT):
            made[-1]["content"] = self._order()
        return made

    def _order(self) -> str:
        """A text that asks for calls of what is offered."""
        names = [*map(name_of, self._tools), *(function["name"] for function in self._functions)]
        return self._draws.choose(CALLING).format(first=names[0], last=names[-1])

    def _instructions(self) -> list[Object]:
        if not self._traits.instructions:
            return []
        roles = tuple(role for role in _ROLES if role not in self._without) if self._without else _ROLES
        if not roles or not self._draws.chance(40):
            return []
        return [self._named({"role": self._draws.choose(roles), "content": self._texts()})]

    def _user(self, hears: bool = False, says_json: bool = False) -> Object:
        draws = self._draws
        content: Any = None
        if hears:
            content = [*([{"type": "text", "text": JSON_WORD}] if says_json else []), self._part("input_audio")]
        elif says_json:
            content = JSON_WORD
        elif draws.chance(25):
            kinds = _part_kinds(self._traits.images, self._traits.sound, self._undocumented, self._without)
            content = [self._part(draws.choose(kinds)) for _ in range(draws.integer(1, 3))]
        return self._named({"role": "user", "content": draws.text() if content is None else content})

    def _turn(self) -> list[Object]:
        """What an assistant did, answers to its calls included."""
        kind = self._draws.integer(0, 9)
        if kind > 6 and self._tools:
            return self._round()
        if kind > 6 and self._functions:
            return self._older_round()
        return [self._named(self._assistant(kind))]

    def _assistant(self, kind: int) -> Object:
        draws = self._draws
        if kind == 4:
            return {"role": "assistant", "content": None, "refusal": draws.text() or "No."}
        if kind == 5 and "refusal" not in self._without:
            return {"role": "assistant", "content": [{"type": "refusal", "refusal": draws.text()}]}
        if kind == 6 and self._traits.speaks:
            return {"role": "assistant", "audio": {"id": "audio_1"}}
        message: Object = {"role": "assistant", "content": self._texts()}
        if kind == 3:
            message["refusal"] = None
            message["audio"] = None
        return message

    def _round(self) -> list[Object]:
        """A message with calls, and the answers to them in any order."""
        draws = self._draws
        chosen = [draws.choose(self._tools) for _ in range(draws.choose((1, 1, 2, 3)))]
        calls = [call(draws, tool, self._identifier()) for tool in chosen]
        message: Object = {"role": "assistant", "tool_calls": calls}
        kind = draws.integer(0, 3)
        if kind:
            message["content"] = None if kind == 1 else "" if kind == 2 else draws.text()
        order = calls[::-1] if draws.chance(25) else calls
        answers = [{"role": "tool", "tool_call_id": one["id"], "content": self._result()} for one in order]
        return [self._named(message), *answers]

    def _older_round(self) -> list[Object]:
        called = function_call(self._draws, self._draws.choose(self._functions))
        result = self._draws.choose(("4", None, ""))
        return [
            {"role": "assistant", "content": None, "function_call": called},
            {"role": "function", "name": called["name"], "content": result},
        ]

    def _result(self) -> str | list[Object]:
        draws = self._draws
        if self._undocumented and self._traits.images and self._traits.tool_images and draws.chance(10):
            return [self._part("image_url")]
        return '{"ok": true}' if draws.chance(30) else self._texts()

    def _identifier(self) -> str:
        """An id that no other call of the conversation has."""
        self._calls += 1
        length = self._draws.choose((1, 24, 34))
        return f"call_{self._calls}{_LETTERS[self._draws.integer(0, 61)] * (length - len(str(self._calls)))}"

    def _named(self, message: Object) -> Object:
        if self._draws.chance(8):
            message["name"] = self._draws.choose(NAMES)
        return message

    def _texts(self) -> str | list[Object]:
        draws = self._draws
        if draws.chance(15):
            return [self._part("text") for _ in range(draws.integer(1, 2))]
        return draws.text()

    def _part(self, kind: str) -> Any:
        if kind == "string":
            return self._draws.text()
        made = _PARTS[kind](self)
        if self._marks < _MAX_MARKS and self._draws.chance(6):
            self._marks += 1
            made["prompt_cache_breakpoint"] = {"mode": "explicit"}
            if self._draws.chance(50):
                made["prompt_cache_breakpoint"]["ttl"] = self._draws.choose(("30m", "12h"))
        return made

    def _text_part(self) -> Object:
        return {"type": "text", "text": self._draws.text()}

    def _image_part(self) -> Object:
        url = self._draws.choose(_URLS)
        if self._undocumented and self._traits.text_images and self._draws.chance(50):
            return {"type": "image_url", "image_url": url}
        image: Object = {"url": url}
        if detail := self._draws.choose(DETAILS):
            image["detail"] = detail
        return {"type": "image_url", "image_url": image}

    def _sound_part(self) -> Object:
        form, data = self._draws.choose(SOUNDS)
        return {"type": "input_audio", "input_audio": {"data": data, "format": form}}

    def _file_part(self) -> Object:
        kept = {"file_id": "file-C0ffee"}
        return {"type": "file", "file": kept if self._draws.chance(50) else {"filename": "a.pdf", "file_data": PDF}}


@lru_cache
def _part_kinds(sees: bool, hears: bool, undocumented: bool, without: frozenset[str]) -> tuple[str, ...]:
    """The kinds of parts that a user's message may have; usual ones more often."""
    taken = {"image_url": sees, "input_audio": hears, "file": True}
    kinds = [kind for kind, is_taken in taken.items() if is_taken and kind not in without]
    return ("text", "text", *kinds, *(("string",) if undocumented else ()))


_PARTS = {
    "text": Conversation._text_part,
    "image_url": Conversation._image_part,
    "input_audio": Conversation._sound_part,
    "file": Conversation._file_part,
}
