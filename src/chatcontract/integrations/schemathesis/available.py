"""Whether a schemathesis is installed that the bridge fits."""

import re
from importlib.metadata import PackageNotFoundError, version

OLDEST = (4, 32)
NEWEST = (5, 0)
INSTALL = "run: pip install 'chatcontract[fuzz]'"


class Unavailable(ImportError, ValueError):
    """Schemathesis is missing or of another version; the message says what to run."""


def require() -> None:
    """Raise `Unavailable` unless a schemathesis is installed that the bridge fits."""
    try:
        found = version("schemathesis")
    except PackageNotFoundError:
        raise Unavailable(f"schemathesis is not installed; {INSTALL}", name="schemathesis") from None
    if not fits(found):
        wanted = f"{'.'.join(map(str, OLDEST))} or later and older than {NEWEST[0]}"
        message = f"schemathesis {found} is installed, the bridge needs {wanted}; {INSTALL} --upgrade"
        raise Unavailable(message, name="schemathesis")


def fits(found: str) -> bool:
    """Whether the bridge fits that version.

    >>> fits("4.32.5"), fits("4.31.0"), fits("5.0.0a1"), fits("odd")
    (True, False, False, False)
    """
    numbers = re.match(r"(\d+)\.(\d+)", found)
    return numbers is not None and OLDEST <= (int(numbers[1]), int(numbers[2])) < NEWEST
