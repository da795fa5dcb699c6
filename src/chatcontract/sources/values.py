"""Bodies that a recorder keeps as values, not as text → the JSON text that they stand for.

The forms: `parsed_body` (https://github.com/pydantic/pydantic-ai/issues/4051), a body with its `type`
(https://pypi.org/project/cassetter) and `body_json` (https://hexdocs.pm/req_cassette).
"""

import json
from typing import Any

from chatcontract.exceptions import SourceError
from chatcontract.jsontext import MAX_BYTES
from chatcontract.model import JSON
from chatcontract.patterns import pattern
from chatcontract.sources.yaml_items import MAX_DEPTH, Plain

_NUMBER = pattern(r"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-][0-9]++)?")
"""As writers of YAML write numbers; without a sign in its exponent it is an id such as `12e345`, written as text."""
_WORDS = ("true", "false")
_LEAST = 20
"""Bytes that a value counts for at least."""


def text(value: Any) -> bytes:
    """The JSON text of a value; raises SourceError where it is too large or too deep.

    >>> text({"n": Plain("1.50"), "stream": Plain("true"), "stop": None, "zip": "00501"})
    b'{"n": 1.50, "stream": true, "stop": null, "zip": "00501"}'
    """
    writer = _Writer()
    writer.write(value, 0)
    return "".join(writer.pieces).encode(errors="surrogatepass")


class _Writer:
    """The pieces of the text; every value counts, as one that YAML names may stand in many places."""

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self._room = MAX_BYTES

    def write(self, value: Any, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise SourceError(f"a body of more than {MAX_DEPTH} levels")
        if isinstance(value, dict):
            self._object(value, depth)
        elif isinstance(value, list):
            self._array(value, depth)
        else:
            self._add(_scalar(value))

    def _add(self, piece: str) -> None:
        self._room -= len(piece) + _LEAST
        if self._room < 0:
            raise SourceError(f"a body of more than {MAX_BYTES} bytes")
        self.pieces.append(piece)

    def _object(self, value: dict[str, Any], depth: int) -> None:
        self._add("{")
        for number, (name, inner) in enumerate(value.items()):
            self._add(f"{', ' if number else ''}{json.dumps(name, ensure_ascii=False)}: ")
            self.write(inner, depth + 1)
        self._add("}")

    def _array(self, value: list[Any], depth: int) -> None:
        self._add("[")
        for number, inner in enumerate(value):
            if number:
                self._add(", ")
            self.write(inner, depth + 1)
        self._add("]")


def _scalar(value: JSON) -> str:
    """A number or a truth value that stood without quotation marks is one; all other texts are texts."""
    if isinstance(value, Plain) and (value in _WORDS or _NUMBER.fullmatch(value)):
        return str(value)
    return json.dumps(value.decode("latin-1") if isinstance(value, bytes) else value, ensure_ascii=False)
