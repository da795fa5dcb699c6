"""Deltas of one streamed choice → the choice that they add up to."""

from typing import Any

from chatcontract.breaches import Breach, Subject
from chatcontract.calls import Call, is_text, joined
from chatcontract.model import JSON
from chatcontract.pointer import escape

_USUAL_IN_CHOICE = frozenset(("delta", "finish_reason", "index", "logprobs", "message", "obfuscation"))
_PLAIN_IN_CHOICE = _USUAL_IN_CHOICE - {"message"}
_RIVAL = {"content": "refusal", "refusal": "content"}
_CUT = ("length", "content_filter")
_SOUND = ("data", "transcript")
_WRITTEN = ("content", "refusal", "reasoning_content", "reasoning")
_LEAST_AGAIN, _LEAST_GROWN = 8, 4
_IN_PLACE_OF_CONTENT = frozenset(("audio", "function_call", "tool_calls"))


class Choice(Subject):
    """One choice: its message in pieces and what was said of its role, end and logprobs."""

    __slots__ = (
        "audio", "begun", "calls", "ended", "finish", "flowing", "function_call", "last_call", "logged", "logprobs",
        "order", "pieces", "role", "spoken", "told_logprobs", "unlogged", "vendor",
    )  # fmt: skip

    def __init__(self, found: list[Breach]) -> None:
        super().__init__(found)
        self.begun = self.ended = self.flowing = self.logged = self.told_logprobs = self.unlogged = False
        self.role = ""
        self.spoken: set[str] = set()
        self.finish: JSON = None
        self.pieces: dict[str, list[JSON]] = {"content": [], "refusal": []}
        self.audio: dict[str, list[JSON]] = {}
        self.calls: dict[int, Call] = {}
        self.order: list[Call] = []
        self.last_call = 0
        self.function_call: Call | None = None
        self.logprobs: dict[str, Any] = {}
        self.vendor: dict[str, JSON] = {}

    def feed(self, raw: dict[str, JSON], at: str) -> None:
        """Take in what a chunk has of the choice, at the pointer `at`."""
        delta = raw.get("delta")
        delta = delta if isinstance(delta, dict) else {}
        if "role" in delta or not self.begun:
            self._take_role(delta, at)
        for name, value in delta.items():
            if value is not None and name != "role":
                self._take_member(name, value, at)
        self._take_logprobs(raw, delta, at)
        if "message" in raw:
            self.tell("message-in-chunk", f"{at}/message", raw["message"])
        if not _USUAL_IN_CHOICE.issuperset(raw):
            self._take_others(raw)
        if raw.get("finish_reason") is not None:
            self._take_finish(raw["finish_reason"], f"{at}/finish_reason")
        self.flowing = self.unlogged and not (self.ended or self.logged or "refusal" in self.spoken)

    def close(self, at: str) -> None:
        """Tell what only the whole choice shows, which ends up at the pointer `at`."""
        for number, call in enumerate(self.order if self.ended and self.finish not in _CUT else ()):
            call.close(f"{at}/message/tool_calls/{number}")
        for name in _WRITTEN:
            if len(self.pieces.get(name, ())) > 2:
                self._compare_pieces(self.pieces[name], f"{at}/message/{name}")

    def goes_on(self, raw: dict[str, JSON]) -> bool:
        """Whether there is nothing to be seen to but more content, which the choice has; else nothing is taken in."""
        told = self.told_logprobs or "logprobs" not in raw
        if not (told and self.flowing) or len(raw["delta"]) != 1 or not _PLAIN_IN_CHOICE.issuperset(raw):
            return False
        if raw.get("logprobs") is not None or raw.get("finish_reason") is not None:
            return False
        self.pieces["content"].append(raw["delta"]["content"])
        return True

    def _take_others(self, raw: dict[str, JSON]) -> None:
        self.ended = self.ended or raw.get("finish_details") is not None
        for name, value in raw.items():
            if value is not None and name not in _USUAL_IN_CHOICE:
                _keep(self.vendor, name, value)

    def _take_role(self, delta: dict[str, JSON], at: str) -> None:
        first, self.begun = not self.begun, True
        role, pointer = delta.get("role", ""), f"{at}/delta/role"
        if "role" not in delta:
            if first:
                self.tell("role-missing", f"{at}/delta")
        elif not role:
            self.tell("role-null", pointer, role)
        elif role != "assistant":
            self.tell("role-not-assistant", pointer, role)
        elif not first and not (self.role and delta.get("audio")):
            self.tell("role-repeated" if self.role else "role-late", pointer, role)
        if is_text(role):
            self.role = self.role or role

    def _take_member(self, name: str, value: JSON, at: str) -> None:
        if isinstance(value, str):
            self._take_piece(name, value, at)
        elif name == "tool_calls" and isinstance(value, list):
            if not value:
                self.tell("tool-calls-empty", f"{at}/delta/tool_calls", value)
            self._take_calls(value, f"{at}/delta/tool_calls")
        elif name == "function_call" and isinstance(value, dict):
            self._go_on("tool-call-after-finish", f"{at}/delta/function_call", value)
            self.function_call = self.function_call or Call(self.found)
            self.function_call.feed_body(value, f"{at}/delta/function_call")
        elif name == "audio" and isinstance(value, dict):
            self._take_audio(value, f"{at}/delta/audio")
        else:
            is_loose = isinstance(value, list) and name not in _RIVAL and not _are_indexed(value)
            if is_loose and _has_objects(self.pieces.get(name)):
                self.tell("delta-list-unindexed", f"{at}/delta/{escape(name)}", value)
            self._take_piece(name, value, at)

    def _take_piece(self, name: str, value: JSON, at: str) -> None:
        if value:
            if self.ended and not isinstance(value, int | float):
                self.tell("content-after-finish", f"{at}/delta/{escape(name)}", value)
            if name in _RIVAL:
                self.spoken.add(name)
                if _RIVAL[name] in self.spoken:
                    self.tell("content-and-refusal", f"{at}/delta/{name}", value)
        self.pieces.setdefault(name, []).append(value)

    def _compare_pieces(self, pieces: list[JSON], at: str) -> None:
        if set(map(type, pieces)) != {str}:
            return
        texts: list[str] = pieces
        text = "".join(texts)
        if not text:
            return
        last = next(piece for piece in reversed(texts) if piece)
        is_again = len(last) >= _LEAST_AGAIN and 2 * len(last) == len(text) and text.startswith(last)
        if is_again and sum(map(bool, texts)) > 2:
            self.tell("content-again", at, last)
        if _grown(texts):
            self.tell("content-cumulative", at, text)

    def _go_on(self, tag: str, pointer: str, value: JSON) -> None:
        if self.ended:
            self.tell(tag, pointer, value)

    def _take_audio(self, audio: dict[str, JSON], at: str) -> None:
        if not _tells_expiry_only(audio):
            self._go_on("content-after-finish", at, audio)
        self._order_audio(audio, at)
        for name, value in audio.items():
            if value is not None:
                self.audio.setdefault(name, []).append(value)

    def _order_audio(self, audio: dict[str, JSON], at: str) -> None:
        known, given = self.audio.get("id", [None])[0], audio.get("id")
        sound = [name for name in _SOUND if audio.get(name)]
        if sound and "expires_at" in self.audio:
            self.tell("audio-after-expiry", f"{at}/{sound[0]}")
        if sound and not known and not given:
            self.tell("audio-before-id", f"{at}/{sound[0]}")
        if is_text(known) and is_text(given) and known != given:
            self.tell("audio-id-changed", f"{at}/id", given)

    def _take_calls(self, fragments: list[JSON], at: str) -> None:
        if len(fragments) > 1:
            self.tell("tool-fragments-together" if _is_cut(fragments) else "tool-calls-together", at, len(fragments))
        for position, fragment in enumerate(fragments):
            if isinstance(fragment, dict):
                pointer = f"{at}/{position}"
                self._go_on("tool-call-after-finish", pointer, fragment)
                self._call_of(fragment, pointer).feed(fragment, pointer)

    def _call_of(self, fragment: dict[str, JSON], at: str) -> Call:
        index = whole(fragment.get("index"))
        if index is None:
            self.tell("tool-index-missing", at, fragment.get("index"))
            index = self._guess(fragment)
        elif isinstance(fragment["index"], float):
            self.tell("tool-index-float", f"{at}/index", fragment["index"])
        call = self.calls.get(index)
        if call is None:
            if index != len(self.calls):
                self.tell("tool-index-gap", f"{at}/index", index)
        elif not call.begins_another(fragment):
            if index != self.last_call:
                self.tell("tool-calls-interleaved", f"{at}/index", index)
            self.last_call = index
            return call
        else:
            self.tell("tool-index-reused", f"{at}/index", index)
        self.last_call = index
        self.calls[index] = call = Call(self.found)
        self.order.append(call)
        return call

    def _guess(self, fragment: dict[str, JSON]) -> int:
        """The index of the last call, or the next one for a fragment with another id."""
        last = self.calls.get(self.last_call)
        return len(self.calls) if last is not None and last.has_other_id(fragment) else self.last_call

    def _take_logprobs(self, raw: dict[str, JSON], delta: dict[str, JSON], at: str) -> None:
        logprobs = raw.get("logprobs")
        if isinstance(logprobs, dict):
            self.logged = self.logged or any(logprobs.values())
            for name, entries in logprobs.items():
                _keep(self.logprobs, name, entries)
        elif not self.told_logprobs and "logprobs" in raw:
            self.told_logprobs = True
        if self.unlogged and not self.logged:
            return
        if not (isinstance(logprobs, dict) and any(logprobs.values())):
            self.unlogged = self.unlogged or bool(delta.get("content") or delta.get("refusal"))
        if self.logged and self.unlogged:
            self.tell("logprobs-missing", f"{at}/logprobs", logprobs)

    def _take_finish(self, reason: JSON, pointer: str) -> None:
        if reason == "":
            self.tell("finish-blank", pointer, reason)
            return
        self._go_on("finish-repeated" if reason == self.finish else "finish-contradicted", pointer, reason)
        self.finish, self.ended = reason, True

    @property
    def is_over(self) -> bool:
        """Whether it has its end: a reason, or the expiry of what was spoken."""
        return self.ended or ("expires_at" in self.audio and any(map(self.audio.get, _SOUND)))

    def folded(self, index: int) -> dict[str, JSON]:
        """The choice of a `chat.completion`."""
        logprobs = {"logprobs": self.logprobs or None} if self.logprobs or self.told_logprobs else {}
        return {
            **self.vendor,
            "index": index,
            "message": self._message(),
            **logprobs,
            "finish_reason": self.finish,
        }

    def _message(self) -> dict[str, JSON]:
        message: dict[str, JSON] = {"role": self.role} if self.role else {}
        message |= {name: joined(pieces) for name, pieces in self.pieces.items()}
        if self.order:
            message["tool_calls"] = [call.folded() for call in self.order]
        if self.function_call is not None:
            message["function_call"] = self.function_call.folded_body()
        if self.audio:
            message["audio"] = {name: _audio_member(name, pieces) for name, pieces in self.audio.items()}
        message["refusal"] = message["refusal"] or None
        if not message["content"] and len(message.keys() & _IN_PLACE_OF_CONTENT) + bool(message["refusal"]):
            message["content"] = None
        return message


def is_expiry(choice: JSON) -> bool:
    """Whether the choice of a chunk tells when the sound of a spoken answer expires, and nothing else.

    >>> is_expiry({"index": 0, "delta": {"audio": {"expires_at": 1763703600}}})
    True
    """
    delta = choice.get("delta") if isinstance(choice, dict) else None
    if not isinstance(delta, dict) or choice.get("finish_reason") is not None:
        return False
    told = {name: value for name, value in delta.items() if value is not None}
    return told.keys() == {"audio"} and _tells_expiry_only(told["audio"])


def _tells_expiry_only(audio: JSON) -> bool:
    return isinstance(audio, dict) and {name for name, value in audio.items() if value is not None} == {"expires_at"}


def whole(value: JSON) -> int | None:
    """The whole number, however it is written; None if it is none.

    >>> whole(1.0), whole(True), whole("1")
    (1, None, None)
    """
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _is_cut(fragments: list[JSON]) -> bool:
    """Whether a fragment goes on with the call of one before it."""
    seen: set[int | None] = set()
    for fragment in fragments:
        index = whole(fragment.get("index")) if isinstance(fragment, dict) else None
        if index is not None and index in seen and not is_text(fragment.get("id")):
            return True
        seen.add(index)
    return False


def _are_indexed(entries: list[JSON]) -> bool:
    return all(isinstance(entry, dict) and type(entry.get("index")) is int for entry in entries)


def _has_objects(pieces: list[JSON] | None) -> bool:
    """Whether the last piece is a list with an object in it."""
    last = pieces[-1] if pieces else None
    return isinstance(last, list) and dict in map(type, last)


def _audio_member(name: str, pieces: list[JSON]) -> JSON:
    return joined(pieces) if name in _SOUND else pieces[-1]


def _keep(members: dict[str, JSON], name: str, value: JSON) -> None:
    known = members.get(name)
    if isinstance(known, list) and isinstance(value, list):
        known.extend(value)
    elif isinstance(known, dict) and isinstance(value, dict):
        known.update(value)
    elif value is not None or name not in members:
        members[name] = value.copy() if isinstance(value, dict | list) else value


def _grown(pieces: list[str]) -> bool:
    """Whether the first pieces each begin with the one before; a run of one character, as of blanks, is no text."""
    text, grown = "", 0
    for piece in filter(None, pieces):
        if not piece.startswith(text):
            return False
        grown += len(text) >= _LEAST_GROWN and piece != text and text.strip(text[0]) != ""
        if grown > 1:
            return True
        text = piece
    return False
