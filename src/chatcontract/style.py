"""Colours of a terminal, or none."""

_COLOURS: dict[str, str] = {
    "error": "31",
    "warning": "33",
    "info": "36",
    "good": "32",
    "strong": "1",
    "faint": "2",
}


class Style:
    """Dresses text in the colour of a kind, or leaves it as it is.

    >>> Style(colour=False)("a", "error")
    'a'
    """

    def __init__(self, colour: bool) -> None:
        self._colour = colour

    def __call__(self, text: str, kind: str) -> str:
        """The text, dressed."""
        return f"\x1b[{_COLOURS[kind]}m{text}\x1b[0m" if self._colour else text
