"""An HTTP answer before it is sent: status, headers, and the body in pieces that may take their time."""

import json
from collections.abc import Callable, Iterable
from typing import NamedTuple

from chatcontract.model import JSON, Headers

JSON_TYPE = "application/json"
STREAM_TYPE = "text/event-stream; charset=utf-8"


class Piece(NamedTuple):
    """Bytes of a body, sent after a wait in seconds; `is_cut`: the connection is closed instead."""

    data: bytes
    wait: float = 0.0
    is_cut: bool = False


class Answer(NamedTuple):
    """One answer; `is_stream` tells whether its pieces are sent as they come, without a length.

    `of_stream`: the request asks for a stream. `after_abort`: a caller hung up a moment ago.
    `is_overtaken` tells whether another request has come meanwhile.
    """

    status: int
    headers: Headers
    pieces: Iterable[Piece]
    is_stream: bool = False
    is_endless: bool = False
    of_stream: bool = False
    after_abort: bool = False
    is_overtaken: Callable[[], bool] = lambda: False

    def header(self, name: str) -> str:
        """The value of a header by its lower-case name; empty if there is none."""
        return next((value for key, value in self.headers if key.lower() == name), "")

    def with_header(self, name: str, value: str | None) -> "Answer":
        """The same answer with another value of a header; None leaves it out."""
        others = tuple((key, known) for key, known in self.headers if key.lower() != name)
        return self._replace(headers=others if value is None else (*others, (name, value)))

    def whole(self) -> tuple[Piece, ...]:
        """All pieces; raises ValueError where they have no end."""
        if self.is_endless:
            raise ValueError("the body has no end")
        return tuple(self.pieces)

    @property
    def body(self) -> bytes:
        """The whole body; raises ValueError where it has no end."""
        return b"".join(piece.data for piece in self.whole())

    def with_body(self, body: bytes) -> "Answer":
        """The same answer with another body, in one piece."""
        return self._replace(pieces=(Piece(body),))


def as_json(value: JSON, status: int = 200, headers: Headers = ()) -> Answer:
    """A JSON answer."""
    body = json.dumps(value, ensure_ascii=False, indent=2).encode(errors="surrogatepass")
    return Answer(status, (("content-type", JSON_TYPE), *headers), (Piece(body),))


def as_stream(frames: Iterable[bytes], pace: float) -> Answer:
    """An event stream, a frame at a time."""
    pieces = tuple(Piece(frame, pace) for frame in frames)
    headers = (("content-type", STREAM_TYPE), ("cache-control", "no-cache"))
    return Answer(200, headers, pieces, is_stream=True)
