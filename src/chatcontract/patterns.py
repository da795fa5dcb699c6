"""Regular expressions that are compiled when they are first used: a start of the program needs few of them."""

import re
from typing import Any, AnyStr, cast

_METHODS = frozenset(("finditer", "fullmatch", "match", "search", "split", "sub"))


class _Pattern:
    def __init__(self, pattern: Any, flags: int) -> None:
        self._given = pattern, flags

    def __getattr__(self, name: str) -> Any:
        if name not in _METHODS:
            raise AttributeError(name)
        method = self.__dict__[name] = getattr(re.compile(*self._given), name)
        return method


def pattern(text: AnyStr, flags: int = 0) -> "re.Pattern[AnyStr]":
    """What `re.compile` gives, as far as its methods to search go, compiled at the first call of one.

    >>> pattern("[0-9]+").search("a12")[0]
    '12'
    """
    return cast("re.Pattern[AnyStr]", _Pattern(text, flags))
