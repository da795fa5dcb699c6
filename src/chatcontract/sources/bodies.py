"""Files that hold one body, or a JSON array of records."""

from chatcontract.jsontext import MAX_BYTES
from chatcontract.model import Part
from chatcontract.recording import Unreadable, payload
from chatcontract.sources.lines import record
from chatcontract.sources.messages import Input, Items

_SPACE = b"\xef\xbb\xbf \r\n\t"


def read_stream(source: Input) -> Items:
    """The one event stream."""
    data = _whole(source)
    yield data if isinstance(data, Unreadable) else payload(Part.STREAM, data, source.name)


def read_json(source: Input) -> Items:
    """The one body, or the records of the array."""
    peek = getattr(source.stream, "peek", None)
    if peek is not None and peek(64).lstrip(_SPACE).startswith(b"["):
        yield from _array(source)
        return
    data = _whole(source)
    made = data if isinstance(data, Unreadable) else record(data, source.name, source)
    if made is not None:
        yield made


def _whole(source: Input) -> bytes | Unreadable:
    try:
        data = source.stream.read(MAX_BYTES + 1)
    except (OSError, EOFError) as error:
        return Unreadable(source.name, f"cannot be read: {error}. Is the file complete?")
    if len(data) > MAX_BYTES:
        return Unreadable(source.name, f"more than {MAX_BYTES} bytes in one body. Split the recording.")
    return data


def _array(source: Input) -> Items:
    from chatcontract.sources.json_items import items

    for item in items(source.stream):
        origin = f"{source.name}#/{item.position}"
        made = Unreadable(origin, item.fault) if item.fault else record(item.data, origin, source)
        if made is not None:
            yield made
