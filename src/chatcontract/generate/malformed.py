"""Bodies that are no JSON, or JSON that strict readers refuse."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from chatcontract.jsontext import MAX_BYTES, MAX_DEPTH

Object = dict[str, Any]


class Text(NamedTuple):
    """A body that cannot be read, or not by everybody: in words, as bytes, by its rule and where."""

    words: str
    body: bytes
    rule: str
    pointer: str = ""


def written(body: Mapping[str, Any]) -> bytes:
    """The JSON text of a request, in UTF-8."""
    return json.dumps(body, ensure_ascii=False).encode()


def texts(body: Mapping[str, Any], *, oversized: bool) -> Iterator[Text]:
    """The text of a valid request spoilt in each way; `oversized` adds one of more than 64 MiB."""
    good = written(body)
    model = json.dumps(body["model"]).encode()
    for words, spoil, rule, pointer in _WAYS:
        yield Text(words, spoil(good, model), rule, pointer)
    deep = b"[" * MAX_DEPTH + b"]" * MAX_DEPTH
    yield Text(f"{MAX_DEPTH + 1} levels deep", good[:-1] + b', "metadata": ' + deep + b"}", "CC009")
    if oversized:
        yield Text(f"more than {MAX_BYTES} bytes", good + b" " * (MAX_BYTES + 1 - len(good)), "CC010")


_WAYS: tuple[tuple[str, Callable[[bytes, bytes], bytes], str, str], ...] = (
    ("empty", lambda good, model: b"", "CC006", ""),
    ("cut in the middle", lambda good, model: good[: len(good) // 2], "CC006", ""),
    ("without its last brace", lambda good, model: good[:-1], "CC006", ""),
    ("two values", lambda good, model: good + good, "CC006", ""),
    ("a comma at the end", lambda good, model: good[:-1] + b",}", "CC006", ""),
    ("a comment", lambda good, model: b"/* hi */" + good, "CC006", ""),
    ("single quotes", lambda good, model: b"{'model': 'x'}", "CC006", ""),
    ("a raw line feed in a text", lambda good, model: good[:-1] + b', "user": "a\nb"}', "CC006", ""),
    ("a number with leading zeros", lambda good, model: good[:-1] + b', "n": 01}', "CC006", ""),
    ("a byte order mark", lambda good, model: b"\xef\xbb\xbf" + good, "CC006", ""),
    ("form data", lambda good, model: b"model=x&messages=%5B%5D", "CC006", ""),
    ("a member twice", lambda good, model: b'{"model": ' + model + b", " + good[1:], "CC005", "/model"),
    ("NaN", lambda good, model: good[:-1] + b', "temperature": NaN}', "CC007", "/temperature"),
    ("Infinity", lambda good, model: good[:-1] + b', "temperature": Infinity}', "CC007", "/temperature"),
    ("UTF-16", lambda good, model: good.decode().encode("utf-16"), "CC008", ""),
    ("Latin-1", lambda good, model: good[:-1] + b', "user": "\xfc"}', "CC008", ""),
    ("half of a surrogate pair", lambda good, model: good[:-1] + b', "user": "\\ud800"}', "CC008", "/user"),
)
