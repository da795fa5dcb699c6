"""Chunks of a streamed answer → the completion that they add up to, and what is newly wrong with their order.

How chunks follow each other is described in
https://developers.openai.com/api/reference/resources/chat/subresources/completions/streaming-events.
"""

from typing import Any

from chatcontract.breaches import BREACHES, Breach, Subject
from chatcontract.calls import Call, is_text, joined
from chatcontract.model import JSON
from chatcontract.pointer import escape

__all__ = ["BREACHES", "Breach", "Folder"]

_CONSTANT = frozenset(("created", "id", "model", "object", "system_fingerprint"))
_OF_STREAM = (*sorted(_CONSTANT), "service_tier")
_NAMES = ("id", "model", "object")
_PADDING = frozenset(("choices", "obfuscation", "usage"))
_USUAL = _PADDING.union(_OF_STREAM)
_LONG = 10**60
_SCALAR = str | int | float | None
_USUAL_IN_CHOICE = frozenset(("delta", "finish_reason", "index", "logprobs", "message", "obfuscation"))
_AZURE_FIRST = ("prompt_filter_results", "prompt_annotations")
_RIVAL = {"content": "refusal", "refusal": "content"}
_IN_PLACE_OF_CONTENT = frozenset(("audio", "function_call", "tool_calls"))


class _Choice(Subject):
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
        delta = raw.get("delta")
        delta = delta if isinstance(delta, dict) else {}
        if "role" in delta or not self.begun:
            self._take_role(delta, at)
        for name, value in delta.items():
            if value is not None and name != "role":
                self._take_member(name, value, at)
        self._take_logprobs(raw, delta, at)
        if not _USUAL_IN_CHOICE.issuperset(raw):
            self._take_others(raw)
        if raw.get("finish_reason") is not None:
            self._take_finish(raw["finish_reason"], f"{at}/finish_reason")
        self.flowing = self.unlogged and not (self.ended or self.logged or "refusal" in self.spoken)

    def goes_on(self, raw: dict[str, JSON]) -> bool:
        """Whether there is nothing to be seen to but more content, which the choice has; else nothing is taken in."""
        told = self.told_logprobs or "logprobs" not in raw
        if not (told and self.flowing) or len(raw["delta"]) != 1 or not _USUAL_IN_CHOICE.issuperset(raw):
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
        elif not first:
            self.tell("role-repeated" if self.role else "role-late", pointer, role)
        if is_text(role):
            self.role = self.role or role

    def _take_member(self, name: str, value: JSON, at: str) -> None:
        if isinstance(value, str):
            self._take_piece(name, value, at)
        elif name == "tool_calls" and isinstance(value, list):
            self._take_calls(value, f"{at}/delta/tool_calls")
        elif name == "function_call" and isinstance(value, dict):
            self._go_on("tool-call-after-finish", f"{at}/delta/function_call", value)
            self.function_call = self.function_call or Call(self.found)
            self.function_call.feed_body(value, f"{at}/delta/function_call")
        elif name == "audio" and isinstance(value, dict):
            self._take_audio(value, f"{at}/delta/audio")
        else:
            self._take_piece(name, value, at)

    def _take_piece(self, name: str, value: JSON, at: str) -> None:
        if value:
            if self.ended:
                self.tell("content-after-finish", f"{at}/delta/{escape(name)}", value)
            if name in _RIVAL:
                self.spoken.add(name)
                if _RIVAL[name] in self.spoken:
                    self.tell("content-and-refusal", f"{at}/delta/{name}", value)
        self.pieces.setdefault(name, []).append(value)

    def _go_on(self, tag: str, pointer: str, value: JSON) -> None:
        if self.ended:
            self.tell(tag, pointer, value)

    def _take_audio(self, audio: dict[str, JSON], at: str) -> None:
        self._go_on("content-after-finish", at, audio)
        self._order_audio(audio, at)
        for name, value in audio.items():
            if value is not None:
                self.audio.setdefault(name, []).append(value)

    def _order_audio(self, audio: dict[str, JSON], at: str) -> None:
        known, given = self.audio.get("id", [None])[0], audio.get("id")
        sound = [name for name in ("data", "transcript") if audio.get(name)]
        if sound and "expires_at" in self.audio:
            self.tell("audio-after-expiry", f"{at}/{sound[0]}")
        if sound and not known and not given:
            self.tell("audio-before-id", f"{at}/{sound[0]}")
        if is_text(known) and is_text(given) and known != given:
            self.tell("audio-id-changed", f"{at}/id", given)

    def _take_calls(self, fragments: list[JSON], at: str) -> None:
        for position, fragment in enumerate(fragments):
            if isinstance(fragment, dict):
                pointer = f"{at}/{position}"
                self._go_on("tool-call-after-finish", pointer, fragment)
                self._call_of(fragment, pointer).feed(fragment, pointer)

    def _call_of(self, fragment: dict[str, JSON], at: str) -> Call:
        index = _whole(fragment.get("index"))
        if index is None:
            self.tell("tool-index-missing", at, fragment.get("index"))
            index = self._guess(fragment)
        call = self.calls.get(index)
        if call is None:
            if index != len(self.calls):
                self.tell("tool-index-gap", f"{at}/index", index)
        elif not call.begins_another(fragment):
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
        self._go_on("finish-repeated", pointer, reason)
        self.finish, self.ended = reason, True

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


class Folder:
    """Folds the chunks of one answer, each looked at once, into the completion that they add up to.

    Each kind of breach is told once of a stream, a choice or a tool call, at its first place. Whatever JSON
    the chunks are, no method raises. What is null adds nothing; `obfuscation` is dropped. The chunks of a
    content filter, which have no `id`, `model` and `object`, may stand anywhere.

    >>> folder = Folder()
    >>> for text in "Hel", "lo":
    ...     delta = {"role": "assistant", "content": text}
    ...     breaches = folder.feed({"choices": [{"index": 0, "delta": delta}]})
    >>> breaches[0].tag, breaches[0].pointer
    ('role-repeated', '/choices/0/delta/role')
    >>> folder.completion()["choices"][0]["message"]
    {'role': 'assistant', 'content': 'Hello', 'refusal': None}
    >>> [breach.tag for breach in folder.close()]
    ['finish-missing']
    """

    __slots__ = ("_choices", "_envelope", "_failed", "_first", "_flows", "_found", "_members", "_stream", "_usage")

    def __init__(self) -> None:
        self._found: list[Breach] = []
        self._stream = Subject(self._found)
        self._first = True
        self._envelope: tuple[JSON, ...] | None = None
        self._failed = False
        self._members: dict[str, JSON] = {}
        self._choices: dict[int, _Choice] = {}
        self._flows: dict[int, tuple[dict[str, JSON], dict[str, JSON], list[JSON]]] = {}
        self._usage: JSON = None

    def feed(self, chunk: JSON) -> tuple[Breach, ...]:
        """What this chunk makes newly wrong."""
        self._flows.clear()
        if isinstance(chunk, dict) and "choices" not in chunk and chunk.get("error") is not None:
            self._failed = True
        elif isinstance(chunk, dict):
            choices = chunk.get("choices")
            choices = choices if isinstance(choices, list) else None
            self._take_members(chunk, choices)
            if not choices or self._usage is not None or chunk.get("usage") is not None:
                self._take_usage(chunk, choices)
            for position, choice in enumerate(choices or ()):
                if isinstance(choice, dict):
                    self._choice(choice, position).feed(choice, f"/choices/{position}")
            self._first = False
        return self._told() if self._found else ()

    def goes_on(self, chunk: JSON) -> bool:
        """Take in a chunk that goes on with the content of one choice and does nothing else, as most do.

        False where that is not plain: then nothing was taken in, and `feed` has to be asked.
        """
        choices = chunk.get("choices") if chunk.__class__ is dict else None
        if choices.__class__ is not list or len(choices) != 1 or not isinstance(raw := choices[0], dict):
            return False
        index, delta = raw.get("index"), raw.get("delta")
        content = delta.get("content") if delta.__class__ is dict else None
        if index.__class__ is not int or content.__class__ is not str:
            return False
        if index in self._flows:
            # Most chunks are the one before with another content, which one comparison tells.
            like, text, pieces = self._flows[index]
            text["content"] = content
            if "obfuscation" in chunk:
                like["obfuscation"] = chunk["obfuscation"]
            if like == chunk:
                pieces.append(content)
                return True
        return self._flows_on(chunk, raw, index)

    def _flows_on(self, chunk: dict[str, JSON], raw: dict[str, JSON], index: int) -> bool:
        choice = self._choices.get(index)
        is_plain = self._usage is None and chunk.get("usage") is None and _USUAL.issuperset(chunk)
        is_plain = is_plain and tuple(map(chunk.get, _OF_STREAM)) == self._envelope
        if choice is None or not is_plain or not choice.goes_on(raw):
            return False
        text = {**raw["delta"]}
        self._flows[index] = {**chunk, "choices": [{**raw, "delta": text}]}, text, choice.pieces["content"]
        return True

    def close(self) -> tuple[Breach, ...]:
        """What the end of the stream makes wrong; nothing when an `error` payload ended it."""
        if not self._failed and not self._first:
            if not self._choices:
                self._stream.tell("no-choices", "/choices")
            elif max(self._choices) != len(self._choices) - 1 or min(self._choices) < 0:
                self._stream.tell("choice-index-gap", "/choices", sorted(self._choices))
            for position, (index, choice) in enumerate(sorted(self._choices.items())):
                if not choice.ended:
                    choice.tell("finish-missing", f"/choices/{position}/finish_reason", detail=f" {index}")
        return self._told()

    def completion(self) -> dict[str, JSON]:
        """The `chat.completion` so far; what no chunk had is absent, save `content` and `refusal`."""
        choices = [choice.folded(index) for index, choice in sorted(self._choices.items())]
        usage = {} if self._usage is None else {"usage": self._usage}
        return {**self._members, "object": "chat.completion", "choices": choices, **usage}

    def _told(self) -> tuple[Breach, ...]:
        found = tuple(self._found)
        self._found.clear()
        return found

    def _choice(self, raw: dict[str, JSON], position: int) -> _Choice:
        index = _whole(raw.get("index"))
        index = position if index is None else index
        choice = self._choices.get(index)
        if choice is None:
            choice = self._choices[index] = _Choice(self._found)
        return choice

    def _take_members(self, chunk: dict[str, JSON], choices: list[JSON] | None) -> None:
        envelope = tuple(map(chunk.get, _OF_STREAM))
        if envelope == self._envelope and _USUAL.issuperset(chunk):
            return
        nameless = (self._first and choices == []) or not any(map(chunk.get, _NAMES))
        flat = not nameless and all(isinstance(value, _SCALAR) for value in envelope)
        self._envelope = envelope if flat else None
        self._failed = self._failed or chunk.get("error") is not None
        for name, value in chunk.items():
            if value is not None and name not in _PADDING:
                self._take_member(name, value, nameless)

    def _take_member(self, name: str, value: JSON, nameless: bool) -> None:
        if name not in _CONSTANT:
            self._members[name] = value
        elif value or not nameless:
            self._keep_constant(name, value)

    def _keep_constant(self, name: str, value: JSON) -> None:
        known = self._members.setdefault(name, value)
        if isinstance(value, _SCALAR) and isinstance(known, _SCALAR) and known != value:
            tag = f"{name.replace('_', '-')}-changed"
            self._stream.tell(tag, f"/{name}", value, f": {_brief(known)}, now {_brief(value)}")

    def _take_usage(self, chunk: dict[str, JSON], choices: list[JSON] | None) -> None:
        usage = chunk.get("usage")
        other = self._failed or chunk.get("moderation") is not None
        if usage is not None:
            if self._usage is not None:
                self._stream.tell("usage-repeated", "/usage", usage)
            if choices:
                self._stream.tell("usage-with-choices", "/usage", usage)
            self._usage = usage
        elif self._usage is not None and not other:
            self._stream.tell("chunk-after-usage", "")
        elif choices == [] and not other and not (self._first and _is_azure_preface(chunk)):
            self._stream.tell("choices-empty", "/choices", choices)


def _is_azure_preface(chunk: dict[str, JSON]) -> bool:
    return not chunk.get("id") or any(name in chunk for name in _AZURE_FIRST)


def _brief(value: JSON) -> str:
    return "a long number" if isinstance(value, int) and abs(value) > _LONG else f"`{value!s:.60}`"


def _whole(value: JSON) -> int | None:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _audio_member(name: str, pieces: list[JSON]) -> JSON:
    return joined(pieces) if name in ("data", "transcript") else pieces[-1]


def _keep(members: dict[str, JSON], name: str, value: JSON) -> None:
    known = members.get(name)
    if isinstance(known, list) and isinstance(value, list):
        known.extend(value)
    elif isinstance(known, dict) and isinstance(value, dict):
        known.update(value)
    elif value is not None or name not in members:
        members[name] = value.copy() if isinstance(value, dict | list) else value
