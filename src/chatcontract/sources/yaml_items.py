"""The items of a list in a YAML document of any size, with one of them in memory at a time.

Values are text, bytes, lists and dicts only: tags other than `!!binary` mean nothing here, merge keys are
ordinary names, and an alias is the very value that its anchor names, so nothing multiplies.
"""

from collections.abc import Iterator
from typing import IO, Any, NamedTuple

from chatcontract.jsontext import MAX_BYTES
from chatcontract.sources.files import taken

MAX_DEPTH = 50
MAX_TEXT = 2 * MAX_BYTES
"""Bytes of one entry as it is written."""
MAX_ANCHORS = 10_000
"""Values that a document may name for later use."""
_BINARY = ("tag:yaml.org,2002:binary", "!binary", "!!binary")


class Plain(str):
    """A text that stood without quotation marks: where values are meant, perhaps a number or a truth value."""

    __slots__ = ()


class Item(NamedTuple):
    """One item, or why there is none; `line` counts from 1."""

    line: int
    value: Any
    fault: str = ""


def items(stream: IO[bytes], names: tuple[str, ...], halves: tuple[str, str] | None = None) -> Iterator[Item]:
    """The items of the list under one of these names of the outermost mapping, in order.

    The last one is a fault where the document cannot be read on.

    Args:
        stream: the document.
        names: of the list.
        halves: names of two lists that stand for one: the items of the first, all of them in memory, are put
            together with those of the second as `{"request": …, "response": …}`.
    """
    import yaml

    text = _Text(stream)
    safe: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    loader = safe(text)
    reader = _Reader(loader, yaml, text)
    try:
        yield from reader.items(names, halves)
    except (yaml.YAMLError, ValueError, OSError, EOFError) as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or str(error)
        yield Item(mark.line + 1 if mark else reader.line, None, f"the YAML cannot be read on: {problem}")
    finally:
        loader.dispose()


class _Text:
    """The text of the document; the parser keeps what belongs to one value, however long that is, so it is bounded."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._room = MAX_TEXT

    def begin(self) -> None:
        """From here on there is room for another value."""
        self._room = MAX_TEXT

    def read(self, size: int) -> bytes:
        """The next bytes; raises OSError where a value has too many."""
        if self._room < 0:
            raise OSError(f"an entry of more than {MAX_TEXT} bytes")
        piece = taken(self._stream, size)
        self._room -= len(piece)
        return piece


class _Reader:
    def __init__(self, loader: Any, yaml: Any, text: _Text) -> None:
        self._loader = loader
        self._yaml = yaml
        self._text = text
        self._anchors: dict[str, Any] = {}
        self._room = 0
        self.line = 1

    def items(self, names: tuple[str, ...], halves: tuple[str, str] | None) -> Iterator[Item]:
        name = self._found((*names, *(halves or ())[:1])) if self._enter() else ""
        if name in names:
            yield from self._list()
        elif halves and name:
            yield from self._joined(halves[1])
        else:
            yield Item(1, None, f"it has no list {' or '.join(names)}")

    def _list(self) -> Iterator[Item]:
        while not self._loader.check_event(self._yaml.SequenceEndEvent):
            line = self._loader.peek_event().start_mark.line + 1
            self._begin()
            yield Item(line, self._value(0))

    def _joined(self, second: str) -> Iterator[Item]:
        """The items of the list here, each with that of the same place in the list under `second`."""
        self._room, waiting = MAX_BYTES, []
        while not self._loader.check_event(self._yaml.SequenceEndEvent):
            waiting.append(self._value(0))
        self._event()
        waiting.reverse()
        if not self._found((second,)):
            yield Item(self.line, None, f"it has no list {second}")
            return
        for item in self._list():
            if not waiting:
                yield Item(item.line, None, f"{second} has more items than the list before it")
                return
            yield item._replace(value={"request": waiting.pop(), "response": item.value})
        if waiting:
            yield Item(self.line, None, f"{second} lacks {len(waiting)} items of the list before it")

    def _enter(self) -> bool:
        """Whether the document is a mapping; it is entered."""
        event = self._event()
        while isinstance(event, self._yaml.StreamStartEvent | self._yaml.DocumentStartEvent):
            event = self._event()
        return isinstance(event, self._yaml.MappingStartEvent)

    def _found(self, names: tuple[str, ...]) -> str:
        """The next of these names with a list, which is entered; empty if there is none."""
        while not self._loader.check_event(self._yaml.MappingEndEvent):
            self._begin()
            name = self._value(0)
            if name in names and self._loader.check_event(self._yaml.SequenceStartEvent):
                self._event()
                return str(name)
            self._value(0)
        return ""

    def _begin(self) -> None:
        self._room = MAX_BYTES
        self._text.begin()

    def _event(self) -> Any:
        event = self._loader.get_event()
        self.line = event.start_mark.line + 1
        return event

    def _value(self, depth: int) -> Any:
        event = self._event()
        if depth > MAX_DEPTH:
            raise ValueError(f"more than {MAX_DEPTH} levels")
        if isinstance(event, self._yaml.AliasEvent):
            return self._named(event.anchor)
        self._room -= 20
        if isinstance(event, self._yaml.ScalarEvent):
            made: Any = self._scalar(event)
        else:
            made = [] if isinstance(event, self._yaml.SequenceStartEvent) else {}
        self._remember(event.anchor, made)
        if isinstance(made, list):
            self._fill_list(made, depth)
        elif isinstance(made, dict):
            self._fill_dict(made, depth)
        return made

    def _fill_list(self, made: list[Any], depth: int) -> None:
        while not self._loader.check_event(self._yaml.SequenceEndEvent):
            made.append(self._value(depth + 1))
        self._event()

    def _fill_dict(self, made: dict[str, Any], depth: int) -> None:
        while not self._loader.check_event(self._yaml.MappingEndEvent):
            name = self._value(depth + 1)
            made[name if isinstance(name, str) else str(name)[:100]] = self._value(depth + 1)
        self._event()

    def _scalar(self, event: Any) -> str | bytes | None:
        value: str = event.value
        self._room -= len(value)
        if self._room < 0:
            raise ValueError(f"an entry of more than {MAX_BYTES} bytes")
        if event.tag in _BINARY:
            import base64
            import binascii

            try:
                return base64.b64decode("".join(value.split()), validate=True)
            except binascii.Error as error:
                raise ValueError(f"a binary text is not base64: {error}") from None
        if not event.implicit[0]:
            return value
        return None if value in ("null", "~", "") else Plain(value)

    def _named(self, anchor: str) -> Any:
        if anchor not in self._anchors:
            raise ValueError(f"no value is named {anchor[:40]!r}")
        return self._anchors[anchor]

    def _remember(self, anchor: str | None, value: Any) -> None:
        if anchor is None:
            return
        if len(self._anchors) >= MAX_ANCHORS and anchor not in self._anchors:
            raise ValueError(f"more than {MAX_ANCHORS} values are named for later use")
        self._anchors[anchor] = value
