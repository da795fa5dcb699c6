"""What is known of OpenAI's models by their names; of any other model nothing is said.

Names mean something only at OpenAI itself: elsewhere a name is an alias that anything may hide behind.
"""

from collections.abc import Mapping

from chatcontract.model import JSON, Request, Severity

_HOST = "openai.com"
_OLD = ("gpt-3.5", "gpt-4", "chatgpt-4o")
_BEFORE_IMAGES = frozenset(
    {"gpt-4", "gpt-4-0314", "gpt-4-0613", "gpt-4-32k", "gpt-4-32k-0314", "gpt-4-32k-0613",
     "gpt-4-1106-preview", "gpt-4-0125-preview", "gpt-4-turbo-preview", "o1-mini", "o1-preview", "o3-mini"}
)  # fmt: skip
_WITHOUT_STOP = frozenset({"o1-mini", "o1-preview", "o3", "o4-mini"})
_FIXED_SAMPLING = frozenset({"gpt-5", "gpt-5-mini", "gpt-5-nano"})


def asked_model(asked: Mapping[str, JSON], request: Request | None) -> str:
    """The asked model of OpenAI without the date of its snapshot; empty where it is no name of OpenAI's.

    The base of a fine-tuned model stands for it.
    """
    name = asked.get("model")
    return base(name) if isinstance(name, str) and name and not goes_elsewhere(request) else ""


def goes_elsewhere(request: Request | None) -> bool:
    """Whether the request is known to go to another server than OpenAI's."""
    if request is None or not request.url:
        return False
    from urllib.parse import urlsplit

    try:
        host = urlsplit(request.url).hostname or ""
    except ValueError:
        return True
    return host != _HOST and not host.endswith("." + _HOST)


def lenient(request: Request | None) -> Severity | None:
    """The severity of what only OpenAI refuses, in a request that goes elsewhere; else None."""
    return Severity.INFO if goes_elsewhere(request) else None


def base(name: str) -> str:
    """The name without `ft:` and the date of a snapshot.

    >>> base("gpt-4o-2024-08-06"), base("ft:gpt-4o-mini-2024-07-18:acme::x1"), base("gpt-4-0613")
    ('gpt-4o', 'gpt-4o-mini', 'gpt-4-0613')
    """
    if name.startswith("ft:"):
        name = name.split(":")[1]
    date = name[-11:]
    if len(date) < 11 or not date[0] == date[5] == date[8] == "-":
        return name
    return name[:-11] if (date[1:5] + date[6:8] + date[9:]).isdecimal() else name


def is_o_series(name: str) -> bool:
    """o1, o3, o4-mini and their kin."""
    return name[:2] in ("o1", "o3", "o4") and (len(name) == 2 or name[2] == "-")


def is_gpt5(name: str) -> bool:
    """The reasoning models of the fifth generation; its chat and search models are none."""
    return name.startswith("gpt-5") and "chat" not in name and "search" not in name


def reasons(name: str) -> bool:
    """Whether the model is known to reason."""
    return is_o_series(name) or is_gpt5(name)


def has_effort(name: str) -> bool:
    """Whether the model may take `reasoning_effort`: false only for those known to refuse it."""
    return not name.startswith(_OLD)


def takes_stop(name: str) -> bool:
    """Whether the model may take `stop`: false only for those known to refuse it."""
    return name not in _WITHOUT_STOP and not is_gpt5(name)


def samples_freely(name: str) -> bool:
    """Whether the model may take sampling parameters: false only for those documented to refuse them."""
    return not is_o_series(name) and name not in _FIXED_SAMPLING


def takes_instructions(name: str) -> bool:
    """Whether the model may take system and developer messages: false only for those known to refuse them."""
    return name not in ("o1-mini", "o1-preview")


def is_known(name: str) -> bool:
    """Whether the name belongs to a family of OpenAI's chat models."""
    return name.startswith((*_OLD, "gpt-5")) or is_o_series(name)


def speaks(name: str) -> bool:
    """Whether the model is one of those made for sound."""
    return name.startswith("gpt-") and "audio" in name


def is_deaf(name: str) -> bool:
    """Whether the model is known to take no sound."""
    return is_known(name) and "audio" not in name and "realtime" not in name


def is_blind(name: str) -> bool:
    """Whether the model is known to take no images."""
    return name in _BEFORE_IMAGES or name.startswith("gpt-3.5")


def searches(name: str) -> bool:
    """Whether the model may take `web_search_options`: false only for those known to have no search."""
    return not is_known(name) or "search" in name
