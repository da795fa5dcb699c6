"""HTTP messages as recorders keep them → exchanges: chat or not, without content encoding, without keys.

What is not chat is counted by its name, never dropped silently.
"""

from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from typing import IO, NamedTuple

from chatcontract.exceptions import SourceError
from chatcontract.jsontext import MAX_BYTES
from chatcontract.model import JSON, Exchange, Headers, Part, Request, Response
from chatcontract.reading import header
from chatcontract.recording import Recorded, Unreadable

MAX_NAMES = 50
"""Names of what was passed over that are told apart; further ones are counted as `others`."""
OTHERS = "others"
PATH = "/chat/completions"
_OTHER_CHATS = ("/v1/messages", "/api/chat")
"""Operations of other services that have `messages`, too."""
Items = Iterator[Recorded | Unreadable]
"""What a source yields, in the order of the file."""


class Input(NamedTuple):
    """What a reader is given: the name of the file for people, its unpacked bytes, and how it is to be read.

    `wanted` is the part that every record is said to be (None: to be found out); `passed_over` counts what is not
    yielded, by name.
    """

    name: str
    stream: IO[bytes]
    wanted: Part | None
    passed_over: "Counter[str]"


def is_chat(method: str, url: str) -> bool:
    """Whether a request asks for a chat completion.

    >>> is_chat("POST", "https://h/openai/deployments/d/chat/completions?api-version=1"), is_chat("GET", "/v1/models")
    (True, False)
    """
    return method.upper() == "POST" and url.partition("?")[0].partition("#")[0].rstrip("/").endswith(PATH)


def is_foreign(request: Request) -> bool:
    """Whether a request says itself that it asks for something else than a chat completion.

    Gateways have chat under addresses of their own, so that the address alone is believed only where it is that of
    another operation, or where nothing in the body is said to a model.

    >>> is_foreign(Request("GET", "/v1/chat/completions")), is_foreign(Request("POST", ""))
    (True, False)
    >>> is_foreign(Request("POST", "/invocations", (), b'{"messages": []}'))
    False
    """
    if request.method.upper() != "POST":
        return True
    path = request.url.partition("?")[0].split("://", 1)[-1].partition("/")[2]
    if not path or is_chat("POST", request.url):
        return False
    return f"/{path}".endswith(_OTHER_CHATS) or bool(request.body and b'"messages"' not in request.body)


def pass_over(counts: "Counter[str]", name: str) -> None:
    """Count a record that is not checked."""
    from chatcontract.cleaning import without

    name = without(name)[:120]
    counts[name if name in counts or len(counts) < MAX_NAMES else OTHERS] += 1


def address(method: str, url: str) -> str:
    """How a request that is no chat is named: without its query.

    >>> address("get", "https://me:pw@api.example/v1/models?key=1")
    'GET api.example/v1/models'
    """
    place = url.partition("?")[0].partition("#")[0].partition("://")
    return f"{method.upper()} {(place[2] or place[0]).rpartition('@')[2]}"


def host(url: str) -> str:
    """Host and port of an address; empty if it has none."""
    return url.split("://", 1)[1].split("/", 1)[0].rpartition("@")[2] if "://" in url else ""


def plain_headers(pairs: Headers) -> Headers:
    """The headers without the pseudo headers of HTTP/2, which recorders list beside them."""
    return tuple((name, value) for name, value in pairs if not name.startswith(":"))


def undone(data: bytes, headers: Headers, *, sure: bool) -> bytes:
    """A body without its content encoding.

    Args:
        data: the body as the recorder keeps it.
        headers: those of its message.
        sure: whether it is known to be encoded still; otherwise a body that cannot be undone is plain already.

    Raises:
        SourceError: it is known to be encoded, and cannot be undone.
    """
    encoding = header(headers, "content-encoding")
    if not data or not encoding or (not sure and data.lstrip()[:1] in (b"{", b"[", b"d", b":")):
        return data
    from chatcontract.encodings import decoded

    try:
        return decoded(data, encoding, MAX_BYTES)
    except SourceError as error:
        if sure or "pip install" in str(error):
            raise
        return data


def kept(exchange: Exchange) -> Exchange:
    """The exchange as it may go on: without keys, where it holds any that HTTP carries."""
    request, response = exchange.request, exchange.response
    sent = request.headers if request is not None else ()
    got = response.headers if response is not None else ()
    if not (any(_is_secret(name) for name, _ in (*sent, *got)) or (request is not None and _has_secret(request.url))):
        return exchange
    from chatcontract.cleaning import clean

    return clean(exchange)


@lru_cache(1024)
def _is_secret(name: str) -> bool:
    from chatcontract.cleaning import is_secret

    return is_secret(name)


@lru_cache(1024)
def _has_secret(address: str) -> bool:
    if "@" not in address and "=" not in address:
        return False
    from chatcontract.cleaning import url

    return url(address) != address


def recorded(name: str, request: Request, response: Response | None, origin: str, form: str) -> Recorded:
    """A request and its answer as a record of that form."""
    exchange = kept(Exchange(name, request, response, origin, "", host(request.url)))
    return Recorded(Part.EXCHANGE, exchange, form if response is not None else f"{form} without an answer")


def text(value: JSON) -> str:
    """The value if it is a string, else an empty one."""
    return value if isinstance(value, str) else ""


def status(value: JSON) -> int | None:
    """A status code, be it a number or its digits; None for what is none (0 where nothing came)."""
    if isinstance(value, str) and value.isdecimal() and len(value) == 3:
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 100 <= value < 1000 else None


def from_base64(value: str, what: str) -> bytes:
    """The bytes; raises SourceError where the text is no base64."""
    import base64
    import binascii

    try:
        return base64.b64decode("".join(value.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise SourceError(f"{what} is not base64: {error}.") from None
