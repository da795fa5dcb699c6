"""Parameters that stand by themselves or beside a few others: what a request may set for a model."""

from collections.abc import Callable, Collection
from functools import lru_cache
from typing import Any, NamedTuple

from chatcontract import model_names
from chatcontract.generate.draws import Draws
from chatcontract.generate.models import Traits, traits
from chatcontract.generate.schemas import parameters

Object = dict[str, Any]
Fill = Callable[[Draws, Object], None]
VOICES: tuple[str | Object, ...] = ("alloy", "marin", {"id": "voice_C0ffee"})
SOUND_FORMATS = ("wav", "aac", "mp3", "flac", "opus", "pcm16")


class Setting(NamedTuple):
    """A parameter: what fills it in, and when it may stand.

    `needs`: traits of the model; `null`: whether null may stand in its place; `deprecated`: only on request;
    `beside_prediction`: false where it does not go with predicted output.
    """

    name: str
    fill: Fill
    needs: str = ""
    null: bool = True
    deprecated: bool = False
    beside_prediction: bool = True


def _to(name: str, value: Callable[[Draws], Any]) -> Fill:
    def fill(draws: Draws, asked: Object) -> None:
        asked[name] = value(draws)

    return fill


def _logprobs(draws: Draws, asked: Object) -> None:
    asked["logprobs"] = kind = draws.choose((True, True, False))
    if kind and draws.chance(60):
        asked["top_logprobs"] = draws.bounded(0, 20)


def _effort(draws: Draws, asked: Object) -> None:
    asked["reasoning_effort"] = draws.choose(traits(asked["model"]).efforts)


def _metadata(draws: Draws, asked: Object) -> None:
    asked["metadata"] = {key: draws.text() for key in draws.some(("a", "k" * 64, "über", "x.y"), 3)}
    if asked["metadata"]:
        asked["store"] = True


def _stream_options(draws: Draws, asked: Object) -> None:
    made: Object = {}
    for name in ("include_usage", "include_obfuscation"):
        if draws.chance(60):
            made[name] = draws.chance(60)
    asked["stream_options"] = made


def _stop(draws: Draws) -> str | list[str]:
    texts = ("\n\n", "END", "###", "😀", " the ")
    return draws.choose(texts) if draws.chance(40) else (draws.some(texts, 4) or ["END"])


def _location(draws: Draws) -> Object:
    places = {"country": "DE", "region": "NRW", "city": "Bonn", "timezone": "Europe/Berlin"}
    return {"type": "approximate", "approximate": {name: places[name] for name in draws.some(tuple(places), 4)}}


def _search(draws: Draws) -> Object:
    made: Object = {}
    if draws.chance(50):
        made["search_context_size"] = draws.choose(("medium", "low", "high"))
    if draws.chance(50):
        made["user_location"] = None if draws.chance(20) else _location(draws)
    return made


def _moderation(draws: Draws) -> Object:
    made: Object = {"model": "omni-moderation-latest"}
    if draws.chance(60):
        sides: Object = {}
        for side in draws.some(("input", "output"), 2):
            sides[side] = None if draws.chance(25) else {"mode": draws.choose(("score", "block"))}
        made["policy"] = None if draws.chance(20) else sides
    return made


def _cache(draws: Draws) -> Object:
    made: Object = {}
    if draws.chance(50):
        made["mode"] = draws.choose(("implicit", "explicit"))
    if draws.chance(50):
        made["ttl"] = "30m"
    return made


def response_format(draws: Draws) -> Object:
    """A response format of any kind; `json_object` needs the word JSON in a message."""
    kind = draws.integer(0, 4)
    if kind < 2:
        return {"type": "json_object" if kind else "text"}
    strict = draws.choose((True, True, False, None))
    given: Object = {"name": "answer", "schema": parameters(draws, strict=strict is True)}
    if strict is not False or draws.chance(50):
        given["strict"] = strict
    if draws.chance(20):
        given["description"] = draws.text()
    return {"type": "json_schema", "json_schema": given}


def sound(draws: Draws, asked: Object) -> None:
    """Ask for sound."""
    form = "pcm16" if asked.get("stream") else draws.choose(SOUND_FORMATS)
    asked["modalities"] = ["text", "audio"]
    voice = draws.choose(VOICES)
    asked["audio"] = {"voice": dict(voice) if isinstance(voice, dict) else voice, "format": form}


def prediction(draws: Draws, asked: Object) -> None:
    """Add predicted output, as a text or in parts."""
    content: Any = draws.text()
    asked["prediction"] = {
        "type": "content",
        "content": [{"type": "text", "text": content}] if draws.chance(40) else content,
    }


SETTINGS = (
    Setting("temperature", _to("temperature", lambda d: d.fraction(0, 2)), needs="sampling"),
    Setting("max_completion_tokens", _to("max_completion_tokens", lambda d: d.choose((16, 1, 4096))),
            beside_prediction=False),
    Setting("top_p", _to("top_p", lambda d: d.fraction(0, 1)), needs="sampling"),
    Setting("n", _to("n", lambda d: d.choose((1, 1, 2, 2, 3, 5, 128))), beside_prediction=False),
    Setting("response_format", _to("response_format", response_format), null=False),
    Setting("logprobs", _logprobs, needs="sampling", beside_prediction=False),
    Setting("presence_penalty", _to("presence_penalty", lambda d: d.fraction(-2, 2)), needs="sampling",
            beside_prediction=False),
    Setting("frequency_penalty", _to("frequency_penalty", lambda d: d.fraction(-2, 2)), needs="sampling",
            beside_prediction=False),
    Setting("logit_bias", _to("logit_bias", lambda d: {"50256": d.bounded(-100, 100)}), needs="sampling"),
    Setting("stop", _to("stop", _stop), needs="stop"),
    Setting("reasoning_effort", _effort, needs="effort"),
    Setting("verbosity", _to("verbosity", lambda d: d.choose(("medium", "low", "high"))), needs="verbosity"),
    Setting("metadata", _metadata),
    Setting("store", _to("store", lambda d: d.chance(60))),
    Setting("service_tier", _to("service_tier", lambda d: d.choose(
        ("auto", "default", "flex", "scale", "priority", "fast")))),
    Setting("safety_identifier", _to("safety_identifier", lambda d: d.choose(("user-1", "", "h" * 64)))),
    Setting("prompt_cache_key", _to("prompt_cache_key", lambda d: d.text())),
    Setting("prompt_cache_options", _to("prompt_cache_options", _cache), null=False),
    Setting("moderation", _to("moderation", _moderation)),
    Setting("modalities", _to("modalities", lambda d: ["text"])),
    Setting("web_search_options", _to("web_search_options", _search), needs="searches", null=False),
    Setting("max_tokens", _to("max_tokens", lambda d: d.choose((16, 1, 4096))), deprecated=True,
            beside_prediction=False),
    Setting("seed", _to("seed", lambda d: d.bounded(-(2**63), 2**63 - 1)), deprecated=True),
    Setting("user", _to("user", lambda d: d.text()), null=False, deprecated=True),
    Setting("prompt_cache_retention", _to("prompt_cache_retention", lambda d: d.choose(("in_memory", "24h"))),
            deprecated=True),
)  # fmt: skip
_STREAM_OPTIONS = Setting("stream_options", _stream_options)
_MOST = 5
_NOT_TAKEN_BY_THE_LATEST = frozenset(("presence_penalty", "frequency_penalty", "logit_bias", "logprobs", "n"))


@lru_cache(maxsize=4096)
def _fitting(model: str, deprecated: bool, predicted: bool, without: frozenset[str]) -> tuple[Setting, ...]:
    taken = traits(model)
    return tuple(
        one
        for one in SETTINGS
        if one.name not in without
        and not (one.name == "metadata" and "store" in without)
        and (not one.needs or getattr(taken, one.needs))
        and (deprecated or not one.deprecated)
        and (one.beside_prediction or not predicted)
        and not (one.name == "max_tokens" and taken.reasons)
        and not (taken.latest and one.name in _NOT_TAKEN_BY_THE_LATEST)
        and (taken.in_memory or one.name != "prompt_cache_retention")
    )


def settle(draws: Draws, asked: Object, taken: Traits, deprecated: bool, without: Collection[str]) -> None:
    """Set some parameters; those already there stay."""
    fitting = _fitting(asked["model"], deprecated, "prediction" in asked, frozenset(without))
    chosen = draws.some(fitting, _MOST)
    if asked.get("stream") and "stream_options" not in without and draws.chance(40):
        chosen.append(_STREAM_OPTIONS)
    for one in chosen:
        if one.name in asked:
            continue
        if one.null and draws.chance(10):
            asked[one.name] = None
        else:
            one.fill(draws, asked)
    if asked.get("max_tokens") is not None:
        asked.pop("max_completion_tokens", None)
    if asked.get("metadata") and not asked.get("store"):
        asked["store"] = True
    if asked.get("logprobs") is not True:
        asked.pop("top_logprobs", None)
    if taken.newer and (taken.pensive or "reasoning_effort" in asked):
        _fit_effort(asked, model_names.base(asked["model"]))
    if asked.get("response_format"):
        _fit_format(asked, asked["response_format"]["type"])


def _fit_format(asked: Object, kind: str) -> None:
    """Drop what may cut JSON anywhere, or the format where the model does not take it."""
    if kind != "text":
        asked.pop("stop", None)
    if not model_names.takes_format(model_names.base(asked["model"]), kind, asked["model"]):
        asked["response_format"] = {"type": "text"}


def _fit_effort(asked: Object, model: str) -> None:
    """Drop what a model of the fifth generation or later does not take while it reasons."""
    if asked.get("reasoning_effort", "") is None and not model_names.takes_null_effort(model):
        del asked["reasoning_effort"]
    if asked.get("tools") and model_names.refuses_tools(model, asked):
        asked["reasoning_effort"] = "none"
    if model_names.is_told_to_reason(model, asked):
        for name in ("temperature", "top_p", "logprobs", "top_logprobs"):
            asked.pop(name, None)
