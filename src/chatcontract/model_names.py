"""What is known of OpenAI's models by their names; of any other model nothing is said.

Names mean something only at OpenAI itself: elsewhere a name is an alias that anything may hide behind.
"""

from collections.abc import Mapping
from functools import lru_cache

from chatcontract.model import JSON, Request, Severity

_HOST = "openai.com"
_OLD = ("gpt-3.5", "gpt-4", "chatgpt-4o")
_BLIND = frozenset(
    {"gpt-4", "gpt-4-0314", "gpt-4-0613", "gpt-4-32k", "gpt-4-32k-0314", "gpt-4-32k-0613",
     "gpt-4-1106-preview", "gpt-4-0125-preview", "gpt-4-turbo-preview",
     "o1-mini", "o1-preview", "o3-mini"}
)  # fmt: skip
_WITHOUT_STOP = frozenset({"o1-mini", "o1-preview", "o3", "o4-mini"})
_FIXED_SAMPLING = frozenset({"gpt-5", "gpt-5-mini", "gpt-5-nano"})
_OF_O_SERIES = frozenset({"", "-mini", "-pro", "-preview", "-deep-research", "-mini-deep-research"})
_USUAL_EFFORTS = ("low", "medium", "high")
_EFFORTS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("o1", "o3", "o3-mini", "o4-mini"), _USUAL_EFFORTS),
    **dict.fromkeys(("gpt-5", "gpt-5-mini", "gpt-5-nano"), ("minimal", *_USUAL_EFFORTS)),
    "gpt-5.1": ("none", *_USUAL_EFFORTS),
    **dict.fromkeys(
        ("gpt-5.2", "gpt-5.4", "gpt-5.4-mini", "gpt-5.4-nano", "gpt-5.5", "gpt-5.6", "gpt-5.6-luna", "gpt-5.6-sol",
         "gpt-5.6-terra"),
        ("none", *_USUAL_EFFORTS, "xhigh"),
    ),
    **dict.fromkeys(("gpt-6-luna", "gpt-6-sol"), ("none", *_USUAL_EFFORTS, "xhigh")),
    **dict.fromkeys(("gpt-6-astra", "gpt-6.1-sol"), (*_USUAL_EFFORTS, "xhigh")),
    **dict.fromkeys(("gpt-5.1-chat-latest", "gpt-5.2-chat-latest"), ("medium",)),
}  # fmt: skip
_LENGTHS: Mapping[str, int] = {
    **dict.fromkeys(("gpt-3.5-turbo", "gpt-3.5-turbo-0125", "gpt-3.5-turbo-1106", "gpt-4-turbo", "gpt-4-turbo-preview",
                     "gpt-4-0125-preview", "gpt-4-1106-preview"), 4096),
    "gpt-4o": 16384,
    "gpt-4.1": 32768,
}  # fmt: skip
_LATEST = frozenset({6, 100, 101})
_WITHOUT_TOOLS = _LATEST | {4, 5}
_DAY_LONG = _LATEST | {5}
_STOP_AGAIN = 5
_SIXTH = 100
_OLDEST_4O = "gpt-4o-2024-05-13"
_RESPONSES_ONLY = frozenset({"o1-pro", "o3-pro", "o3-deep-research", "o4-mini-deep-research", "codex-mini-latest"})
_NOT_FOR_CHAT = (
    "text-embedding-", "tts-1", "whisper-1", "dall-e-", "gpt-image-", "gpt-realtime", "computer-use-preview",
    "gpt-3.5-turbo-instruct", "babbage-002", "davinci-002", "omni-moderation-", "text-moderation-", "sora-2",
)  # fmt: skip
_LISTED = frozenset({"codex-mini-latest", "gpt-5.2-pro"})
_OF_SPEECH = ("-realtime", "-transcribe", "-tts")
_GENERATIONS = tuple(f"gpt-{major}{end}" for major in (5, 6) for end in (".", "-"))
_WITHOUT_EFFORT = frozenset({"gpt-5-chat-latest", "o1-mini", "o1-preview"})
_WITHOUT_ANY_TOOLS = frozenset({"chatgpt-4o-latest", "gpt-5-chat-latest", "o1-mini", "o1-preview"})
_PREDICTING = frozenset({"gpt-4o", "gpt-4o-mini", "gpt-4.1", "gpt-4.1-mini", "gpt-4.1-nano"})


def asked_model(asked: Mapping[str, JSON], request: Request | None) -> str:
    """The asked model of OpenAI without the date of its snapshot; empty where it is no name of OpenAI's.

    The base of a fine-tuned model stands for it.
    """
    name = asked.get("model")
    return base(name) if isinstance(name, str) and name and not goes_elsewhere(request) else ""


def goes_elsewhere(request: Request | None) -> bool:
    """Whether the request is known to go to another server than OpenAI's."""
    return request is not None and request.url != "" and _is_elsewhere(request.url)


@lru_cache(maxsize=64)
def _is_elsewhere(url: str) -> bool:
    from urllib.parse import urlsplit

    try:
        host = urlsplit(url).hostname or ""
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
    """o1, o3, o4-mini and their kin, but no other name that begins like theirs.

    >>> is_o_series("o3-mini"), is_o_series("o3-deployment-with-gpt4o")
    (True, False)
    """
    return name[:2] in ("o1", "o3", "o4") and name[2:] in _OF_O_SERIES


def is_gpt5(name: str) -> bool:
    """The reasoning models of the fifth generation and the sixth; its chat and search models are none."""
    is_of_them = name in ("gpt-5", "gpt-6") or name.startswith(_GENERATIONS)
    return is_of_them and "chat" not in name and "search" not in name


def generation(name: str) -> int:
    """The number behind `gpt-5.` of a reasoning model, zero where there is none; -1 for any other model.

    The sixth generation counts on from a hundred.

    >>> generation("gpt-5.4-mini"), generation("gpt-5-nano"), generation("gpt-5.1-chat-latest")
    (4, 0, -1)
    >>> generation("gpt-6-sol"), generation("gpt-6.1-sol")
    (100, 101)
    """
    if not is_gpt5(name):
        return -1
    number = name[6:].partition("-")[0] if name[5:6] == "." else ""
    minor = int(number) if number.isdecimal() and len(number) < 3 else 0
    return minor + _SIXTH * name.startswith("gpt-6")


def is_latest(name: str) -> bool:
    """Whether the model is GPT-5.6, GPT-6 or GPT-6.1, which reason untold and take fewer parameters."""
    return generation(name) in _LATEST


def is_told_to_reason(name: str, asked: Mapping[str, JSON]) -> bool:
    """Whether a model that may also do without is known to reason over this request; GPT-5.6 and later do so untold."""
    if "reasoning_effort" not in asked:
        return is_latest(name)
    effort = asked["reasoning_effort"]
    return isinstance(effort, str) and effort != "none" and generation(name) > 0


def refuses_tools(name: str, asked: Mapping[str, JSON]) -> bool:
    """Whether the model is known to take no function tools while it reasons, as this request has it do."""
    return generation(name) in _WITHOUT_TOOLS and is_told_to_reason(name, asked)


def takes_tools(name: str) -> bool:
    """Whether the model may take tools at all: false only for those known to refuse them."""
    return name not in _WITHOUT_ANY_TOOLS and not is_preview_of_search(name)


def changes(name: str) -> bool:
    """Whether the name stands for one model after another, so that what was seen of it may have changed."""
    return name.endswith("-latest")


def efforts(name: str) -> tuple[str, ...]:
    """The efforts that the model takes; none where they are not known."""
    return _EFFORTS.get(name, ())


def reasons(name: str) -> bool:
    """Whether the model is known to reason."""
    return is_o_series(name) or is_gpt5(name)


def has_effort(name: str) -> bool:
    """Whether the model may take `reasoning_effort`: false only for those known to refuse it."""
    return not name.startswith(_OLD) and name not in _WITHOUT_EFFORT


def takes_stop(name: str) -> bool:
    """Whether the model may take `stop`: false only for those known to refuse it."""
    return name not in _WITHOUT_STOP and not is_gpt5(name) and not is_preview_of_search(name)


def takes_null_effort(name: str) -> bool:
    """Whether the model may take null for an effort: false only for the one known to refuse it."""
    return name != "gpt-5.1"


def may_take_stop(name: str) -> bool:
    """Whether it is disputed that the model takes no `stop`: from GPT-5.5 on."""
    return generation(name) >= _STOP_AGAIN


def caches_in_memory(name: str) -> bool:
    """Whether the model may cache a prompt in memory only: false only for those known to refuse it."""
    return generation(name) not in _DAY_LONG


def samples_freely(name: str) -> bool:
    """Whether the model may take sampling parameters: false only for those documented to refuse them."""
    return not is_o_series(name) and name not in _FIXED_SAMPLING


def takes_instructions(name: str) -> bool:
    """Whether the model may take system and developer messages: false only for those known to refuse them."""
    return name not in ("o1-mini", "o1-preview")


def is_known(name: str) -> bool:
    """Whether the name belongs to a family of OpenAI's chat models."""
    return name.startswith((*_OLD, "gpt-5", "gpt-6")) or is_o_series(name)


def speaks(name: str) -> bool:
    """Whether the model is one of those made for sound."""
    return name.startswith("gpt-") and "audio" in name


def is_deaf(name: str) -> bool:
    """Whether the model is known to take no sound."""
    return is_known(name) and "audio" not in name and "realtime" not in name


def is_blind(name: str) -> bool:
    """Whether the model is known to take no images."""
    return name in _BLIND or name.startswith("gpt-3.5") or speaks(name)


def searches(name: str) -> bool:
    """Whether the model may take `web_search_options`: false only for those known to have no search."""
    return not is_known(name) or "search" in name


def is_preview_of_search(name: str) -> bool:
    """Whether the model is one of those that search: they take no parameters of sampling, no `stop`, no JSON mode."""
    return name in ("gpt-4o-search-preview", "gpt-4o-mini-search-preview")


def takes_parallel(name: str) -> bool:
    """Whether the model may take `parallel_tool_calls`: false only for those known to refuse it."""
    return not is_o_series(name)


def takes_verbosity(name: str) -> bool:
    """Whether the model may take another `verbosity` than medium: false only for those known to refuse it."""
    return not (name.startswith(_OLD) or is_o_series(name) or name == "gpt-5-chat-latest")


def takes_format(name: str, kind: JSON, given: JSON) -> bool:
    """Whether the model may take a response format of that kind: false only for those known to refuse it.

    The snapshot counts, too: `given` is the name as the request has it.
    """
    if kind == "json_object":
        is_old = name == "gpt-4" or name.startswith(("gpt-4-0314", "gpt-4-0613", "gpt-4-32k"))
        return not (is_old or is_preview_of_search(name))
    if kind != "json_schema":
        return True
    is_old = name == "gpt-4" or name.startswith(("gpt-3.5", "gpt-4-"))
    return not (is_old or speaks(name) or given == _OLDEST_4O)


def longest(name: str, given: JSON) -> int:
    """The most tokens that an answer of the model may have; zero where that is not known. `given` as above."""
    if not name or (isinstance(given, str) and given.startswith("ft:")):
        return 0
    return 4096 if given == _OLDEST_4O else _LENGTHS.get(name, 0)


@lru_cache(maxsize=64)
def chats(name: str) -> bool:
    """Whether the model may take part in this operation: false only for those known to be of others."""
    is_of_responses = name.startswith("gpt-5") and ("-codex" in name or name.endswith("-pro"))
    is_of_speech = name.startswith("gpt-4o") and any(kind in name for kind in _OF_SPEECH)
    return not (name in _RESPONSES_ONLY or is_of_responses or is_of_speech or name.startswith(_NOT_FOR_CHAT))


def is_listed(name: str) -> bool:
    """Whether the published document lists the model for this operation although the service refuses it."""
    return "-codex" in name or name in _LISTED


def predicts(name: str) -> bool:
    """Whether the model may take `prediction`: false only for those that the guide doesn't name."""
    return not is_known(name) or name in _PREDICTING or name == "chatgpt-4o-latest"
