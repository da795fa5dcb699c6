"""JSON Pointers (RFC 6901)."""

from collections.abc import Iterable

from chatcontract.model import JSON


def escape(token: str) -> str:
    """One reference token as it stands in a pointer.

    >>> escape("a/b~c")
    'a~1b~0c'
    """
    return token.replace("~", "~0").replace("/", "~1")


def join(tokens: Iterable[str | int]) -> str:
    """The pointer made of raw tokens.

    >>> join(["choices", 0, "a/b"])
    '/choices/0/a~1b'
    """
    raw = list(map(str, tokens))
    joined = "/".join(["", *raw])
    if "~" not in joined and joined.count("/") == len(raw):
        return joined
    return "".join(["/" + escape(token) for token in raw])


def split(pointer: str) -> list[str]:
    """The raw tokens of a pointer.

    >>> split("/a~1b/0")
    ['a/b', '0']
    """
    return [token.replace("~1", "/").replace("~0", "~") for token in pointer.split("/")[1:]]


def resolve(value: JSON, tokens: Iterable[str | int]) -> JSON:
    """What the tokens lead to; raises LookupError when nothing is there.

    >>> resolve({"a": [{"b": 1}]}, ["a", "0", "b"])
    1
    """
    for token in tokens:
        if isinstance(value, dict):
            value = value[str(token)]
        elif isinstance(value, list | tuple) and str(token).isdecimal() and len(str(token)) < 19:
            value = value[int(token)]
        else:
            raise LookupError(token)
    return value
