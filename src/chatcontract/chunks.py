"""Chunks of a streamed answer → the completion that they add up to, and what is newly wrong with their order.

How chunks follow each other is described in
https://developers.openai.com/api/reference/resources/chat/subresources/completions/streaming-events.
"""

from chatcontract.breaches import BREACHES, Breach, Subject
from chatcontract.deltas import Choice, is_expiry, whole
from chatcontract.envelopes import is_bare
from chatcontract.model import JSON

__all__ = ["BREACHES", "Breach", "Folder", "as_documented"]

_CONSTANT = frozenset(("created", "id", "model", "object", "service_tier", "system_fingerprint"))
_OF_STREAM = tuple(sorted(_CONSTANT))
_NAMES = ("id", "model", "object")
_PADDING = frozenset(("choices", "obfuscation", "usage"))
_USUAL = _PADDING.union(_OF_STREAM)
_LONG = 10**60
_SCALAR = str | int | float | None
_AZURE_FIRST = ("prompt_filter_results", "prompt_annotations")
_AZURE_FILTERED = ("content_filter_results", "content_filter_offsets")


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
        self._choices: dict[int, Choice] = {}
        self._flows: dict[int, tuple[dict[str, JSON], dict[str, JSON], list[JSON]]] = {}
        self._usage: JSON = None

    def feed(self, chunk: JSON) -> tuple[Breach, ...]:
        """What this chunk makes newly wrong."""
        self._flows.clear()
        if isinstance(chunk, dict) and _is_failure(chunk):
            self._failed = True
        elif isinstance(chunk, dict):
            choices = chunk.get("choices")
            choices = choices if isinstance(choices, list) else None
            self._take_members(chunk, choices)
            if not choices or self._usage is not None or chunk.get("usage") is not None:
                self._take_usage(chunk, choices)
            if choices and len(choices) > 1:
                self._compare_indices(choices)
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
                if not choice.is_over:
                    choice.tell("finish-missing", f"/choices/{position}/finish_reason", detail=f" {index}")
                choice.close(f"/choices/{position}")
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

    def _choice(self, raw: dict[str, JSON], position: int) -> Choice:
        told = whole(raw.get("index"))
        index = position if told is None else told
        choice = self._choices.get(index)
        if choice is None:
            if self._choices and not position:
                self._compare_beginning(index, f"/choices/{position}/index")
            choice = self._choices[index] = Choice(self._found)
        if told is not None and isinstance(raw["index"], float):
            choice.tell("choice-index-float", f"/choices/{position}/index", raw["index"])
        return choice

    def _compare_beginning(self, index: int, pointer: str) -> None:
        if index < max(self._choices):
            self._stream.tell("choice-index-late", pointer, index)
        if all(choice.is_over for choice in self._choices.values()):
            self._stream.tell("choice-begun-late", pointer, index)

    def _compare_indices(self, choices: list[JSON]) -> None:
        seen: set[int] = set()
        for position, choice in enumerate(choices):
            index = whole(choice.get("index")) if isinstance(choice, dict) else None
            if index is not None and index in seen:
                self._stream.tell("choice-index-twice", f"/choices/{position}/index", index)
            elif index is not None:
                seen.add(index)
        if len(seen) > 1:
            self._stream.tell("choices-together", "/choices", len(choices))

    def _take_members(self, chunk: dict[str, JSON], choices: list[JSON] | None) -> None:
        envelope = tuple(map(chunk.get, _OF_STREAM))
        if envelope == self._envelope and _USUAL.issuperset(chunk):
            return
        nameless = (self._first and choices == []) or not any(map(chunk.get, _NAMES)) or _is_filter(chunk, choices)
        flat = not nameless and all(isinstance(value, _SCALAR) for value in envelope)
        self._envelope = envelope if flat else None
        if "error" in chunk:
            self._take_error(chunk["error"], choices)
        for name, value in chunk.items():
            if value is not None and name not in _PADDING:
                self._take_member(name, value, nameless)

    def _take_error(self, error: JSON, choices: list[JSON] | None) -> None:
        self._failed = self._failed or bool(error)
        if choices is not None and not error:
            self._stream.tell("error-hollow", "/error", error)

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
        other = self._failed or chunk.get("moderation") is not None or bool(choices and all(map(is_expiry, choices)))
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


def as_documented(chunk: JSON) -> JSON:
    """The chunk of a spoken answer with what the reference service leaves out of one.

    It sends chunks with nothing in them, not even choices, while it makes the sound, and no reason with the expiry.

    >>> as_documented({"id": "chatcmpl-1", "usage": None})
    {'id': 'chatcmpl-1', 'usage': None, 'choices': []}
    >>> as_documented({"id": "chatcmpl-1", "text": "Hi"})
    {'id': 'chatcmpl-1', 'text': 'Hi'}
    """
    if not isinstance(chunk, dict):
        return chunk
    choices = chunk.get("choices")
    if "choices" not in chunk and chunk.get("usage") is None and _USUAL.issuperset(chunk):
        return {**chunk, "choices": []}
    if isinstance(choices, list) and choices and all(map(is_expiry, choices)):
        return {**chunk, "choices": [{"finish_reason": None, **choice} for choice in choices]}
    return chunk


def _is_azure_preface(chunk: dict[str, JSON]) -> bool:
    return not chunk.get("id") or any(name in chunk for name in _AZURE_FIRST)


def _is_filter(chunk: dict[str, JSON], choices: list[JSON] | None) -> bool:
    """Whether it is one of Azure's chunks about the content filter, which belong to no answer by their id."""
    if chunk.get("id") != "" or choices is None:
        return False
    if not choices:
        return any(name in chunk for name in _AZURE_FIRST)
    return all(isinstance(c, dict) and all(isinstance(c.get(n), dict) for n in _AZURE_FILTERED) for c in choices)


def _brief(value: JSON) -> str:
    return "a long number" if isinstance(value, int) and abs(value) > _LONG else f"`{value!s:.60}`"


def _is_failure(chunk: dict[str, JSON]) -> bool:
    return ("choices" not in chunk and chunk.get("error") is not None) or is_bare(chunk)
