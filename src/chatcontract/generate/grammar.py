"""The grammar of requests: one function that writes a request from a source of choices."""

from functools import cache
from typing import Any, NamedTuple

from chatcontract import closures
from chatcontract.generate import settings
from chatcontract.generate.conversation import Conversation
from chatcontract.generate.draws import Draws
from chatcontract.generate.models import USUAL, Traits, known, traits
from chatcontract.generate.offers import NAMES, choice, function, tools

Object = dict[str, Any]
_TOOLS_PERCENT, _SOUND_PERCENT, _PREDICTION_PERCENT = 42, 50, 4
_OLDER_PERCENT = 30
_WHOLE = (*["absent"] * 7, False, None)
_STREAMING = (*_WHOLE, *[True] * 7)
"""What `stream` may be, as often as it shall."""
_OF_SOUND = frozenset({"audio", "modalities"})
_PARTS_AND_ROLES = frozenset({"image_url", "input_audio", "file", "refusal", "custom", "developer", "system"})


class Options(NamedTuple):
    """What the requests are to be like.

    `model`: this one, else any; `stream`, `tools`: true always, false never, None sometimes; `deprecated`: also
    forms that have a successor; `undocumented`: also what is accepted although the reference does not say so;
    `without`: parameters, kinds of content parts and roles that must not occur.
    """

    model: str | None = None
    stream: bool | None = None
    tools: bool | None = None
    deprecated: bool = False
    undocumented: bool = False
    without: frozenset[str] = frozenset()

    @classmethod
    def of(cls, **given: Any) -> "Options":
        """Options from keywords.

        Raises:
            ValueError: the options contradict each other, or one of them is unknown.
        """
        unknown = given.keys() - set(cls._fields)
        if unknown:
            raise ValueError(f"no option is called {min(unknown)!r}; there are {', '.join(cls._fields)}")
        made = cls(**{**given, "without": frozenset(given.get("without") or ())})
        if made.model is not None and not made.model.strip():
            raise ValueError("model is empty; give the id of a model, or None for any")
        if isinstance(given.get("without"), str) or not made.without <= removable():
            raise ValueError(f"`without` takes a set of {', '.join(sorted(removable()))}")
        for name in ("tools", "stream"):
            if getattr(made, name) and name in made.without:
                raise ValueError(f"{name} is both asked for and ruled out; change `without`")
        if made.model and traits(made.model).speaks and is_mute(made.without):
            raise ValueError(f"{made.model} needs sound; leave audio or input_audio out of `without`")
        return made


@cache
def removable() -> frozenset[str]:
    """What requests may be without: optional parameters, and kinds of parts, tools and roles."""
    schema = closures.own().json("document")["components"]["schemas"]["CreateChatCompletionRequest"]
    optional: set[str] = schema["properties"].keys() - set(schema["required"])
    return _PARTS_AND_ROLES | optional


def is_mute(without: frozenset[str]) -> bool:
    """Whether neither sound that is sent nor sound that is asked for is left."""
    return "input_audio" in without and bool(_OF_SOUND & without)


def request(draws: Draws, options: Options) -> Object:
    """A request that the contract has nothing against."""
    asked: Object = {"model": options.model or _model(draws, options)}
    known_of = traits(asked["model"])
    asked["messages"] = []
    offered, functions = _offers(draws, asked, options)
    if options.stream:
        asked["stream"] = True
    elif "stream" not in options.without:
        kind = draws.choose(_STREAMING if options.stream is None else _WHOLE)
        if kind != "absent":
            asked["stream"] = kind
    hears = _sound(draws, asked, known_of, options)
    quiet = not offered and not functions and "audio" not in asked and "prediction" not in options.without
    if quiet and draws.chance(_PREDICTION_PERCENT) and known_of.predicts:
        settings.prediction(draws, asked)
    settings.settle(draws, asked, known_of, options.deprecated, options.without)
    _nulls(draws, asked, options)
    if options.without:
        for name in options.without & asked.keys():
            del asked[name]
    called = [] if known_of.reasons else functions
    writer = Conversation(draws, known_of, offered, called, options.undocumented, options.without)
    says_json = (asked.get("response_format") or {}).get("type") == "json_object"
    asked["messages"] = writer.messages(hears=hears, says_json=says_json)
    return asked


def _model(draws: Draws, options: Options) -> str:
    name = draws.choose(known()) if draws.chance(25) else draws.choose(USUAL)
    known_of = traits(name)
    is_mute_one = known_of.speaks and is_mute(options.without)
    is_pensive_one = known_of.pensive and "reasoning_effort" in options.without
    is_toolless_one = known_of.toolless and options.tools is True
    return USUAL[0] if is_mute_one or is_pensive_one or is_toolless_one or not known_of.chats else name


def _offers(draws: Draws, asked: Object, options: Options) -> tuple[list[Object], list[Object]]:
    """Offer tools, or functions in the older form, with a choice among them."""
    wanted, known_of = options.tools, traits(asked["model"])
    if wanted is None:
        wanted = "tools" not in options.without and draws.chance(_TOOLS_PERCENT) and not known_of.toolless
    if not wanted:
        return [], []
    if options.deprecated and "functions" not in options.without and draws.chance(_OLDER_PERCENT):
        return [], _functions(draws, asked)
    offered = asked["tools"] = tools(draws, custom="custom" not in options.without)
    if "tool_choice" not in options.without and draws.chance(55):
        asked["tool_choice"] = choice(draws, offered)
    if "parallel_tool_calls" not in options.without and draws.chance(25) and known_of.parallel:
        asked["parallel_tool_calls"] = draws.chance(50)
    return offered, []


def _functions(draws: Draws, asked: Object) -> list[Object]:
    made = [function(draws, name, legacy=True) for name in draws.some(NAMES, 2) or NAMES[:1]]
    asked["functions"] = made
    if draws.chance(60):
        asked["function_call"] = draws.choose(("auto", "none", {"name": made[0]["name"]}))
    return made


def _sound(draws: Draws, asked: Object, model: Traits, options: Options) -> bool:
    """Ask a model made for sound for some, or let it hear some: whether it is to hear."""
    if not model.speaks:
        return False
    may_speak = not _OF_SOUND & options.without
    if "input_audio" in options.without or (may_speak and draws.chance(_SOUND_PERCENT)):
        settings.sound(draws, asked)
        return False
    return True


def _nulls(draws: Draws, asked: Object, options: Options) -> None:
    """Null where it is accepted without being documented."""
    if options.undocumented and draws.chance(25):
        for name in draws.some(("response_format", "tools"), 2):
            asked.setdefault(name, None)
        if asked.get("tools"):
            asked.setdefault("tool_choice", None)
