"""What the reference server answers: no model, and yet an answer that keeps every promise of the request.

The text depends on the messages, the seed and the position of the choice alone: limits, stop sequences and
streaming show the same text, cut where they say. A message may ask for more:

* `Say: …`, `Repeat: …` (or `Say exactly: …`, `Repeat after me: …`): just that text;
* `count to 9`, `numbers from 3 to 9`: these numbers with commas between;
* `[refuse]`, or the model `reference-refusal`: a refusal;
* tools: see `tool_calls`; a response format: an instance of it.
"""

import json
import re
from collections.abc import Mapping
from typing import NamedTuple

from chatcontract.asked import answer_schema, messages
from chatcontract.model import JSON
from chatcontract.reading import items, members
from chatcontract.server.dice import Dice
from chatcontract.server.structured import instance
from chatcontract.server.tokens import count, logprobs, tokens
from chatcontract.server.tool_calls import Call, chosen
from chatcontract.toolcalls import demand

REFUSAL = "I'm sorry, but I can't help with that request."
REFUSING_MODEL = "reference-refusal"
MAX_COUNT = 500
"""Numbers of one count."""
_SAY = re.compile(r"(?is)\b(?:say|repeat|echo)(?: exactly| after me)?: *(.+)$")
_COUNT = re.compile(r"(?i)\b(?:count|numbers?|integers?)\b[^\d]{0,40}?(?:from (\d+) )?(?:to|through) (\d+)\b")
_WHO = (
    "The reference server", "A careful reader", "The old lighthouse keeper", "Every client",
    "A patient tester", "The café in Zürich", "One small program", "The night train",
)  # fmt: skip
_DOES = ("counts", "remembers", "writes down", "repeats", "follows", "describes", "compares", "collects")
_WHAT = (
    "the tokens of a sentence", "what the contract says", "a naïve question", "the colour of the sea ☕",
    "seven quiet mornings", "the shape of an answer", "each promise that was made", "a map of the harbour",
)  # fmt: skip
_HOW = (
    "with great care", "before the rain begins", "and never tires of it", "as the seed decides",
    "at its own pace", "without asking why", "one line at a time", "for anyone who listens",
)  # fmt: skip


class Reply(NamedTuple):
    """What a choice says: a text, a refusal or calls, cut by the limit of length or not.

    `most`: so many tokens are counted at most; a call that was demanded has its whole name, be it longer.
    """

    text: str | None = None
    refusal: str | None = None
    calls: tuple[Call, ...] = ()
    is_cut: bool = False
    most: int | None = None

    @property
    def tokens(self) -> list[str]:
        """The tokens of the text or the refusal."""
        return tokens(self.text or self.refusal or "")

    @property
    def size(self) -> int:
        """The tokens of all of it."""
        whole = len(self.tokens) + sum(_size(call) for call in self.calls)
        return whole if self.most is None else min(whole, self.most)


def reply(asked: Mapping[str, JSON], position: int, canned: Reply | None = None) -> Reply:
    """What the choice at this position says."""
    whole = canned or _whole(asked, position)
    return _limited(_stopped(whole, asked.get("stop")), _limit(asked))


def _whole(asked: Mapping[str, JSON], position: int) -> Reply:
    request, seed = last_request(asked), (theme(asked), position)
    if asked.get("model") == REFUSING_MODEL or "[refuse]" in request:
        return Reply(refusal=REFUSAL)
    calls = chosen(asked, request, *seed)
    return Reply(calls=calls) if calls else Reply(_text(asked, request, *seed))


def theme(asked: Mapping[str, JSON]) -> tuple[object, ...]:
    """What a text depends on: who said what, and the seed."""
    said = [(message.get("role"), _said(message.get("content"))) for _, message in messages(asked)]
    return (*said, asked.get("seed"))


def _said(content: JSON) -> str:
    parts = content if isinstance(content, list) else [content]
    return "".join(part if isinstance(part, str) else str(members(part).get("text") or "") for part in parts)


def last_request(asked: Mapping[str, JSON]) -> str:
    """The text of the last message if it is the user's; empty otherwise."""
    last = messages(asked)[-1:]
    return _said(last[0][1].get("content")) if last and last[0][1].get("role") == "user" else ""


def _text(asked: Mapping[str, JSON], request: str, *seed: object) -> str:
    wanted = members(asked.get("response_format")).get("type")
    schema = answer_schema(asked)
    if schema is not None:
        return json.dumps(instance(schema.value, *seed), ensure_ascii=False)
    if wanted in ("json_object", "json_schema"):
        return json.dumps(
            {"answer": _sentence(Dice("text", *seed)), "count": Dice(*seed).below(100)}, ensure_ascii=False
        )
    if said := _SAY.search(request):
        return said[1].strip()
    if counted := _COUNT.search(request):
        return _numbers(int(counted[1][:6]) if counted[1] else 1, int(counted[2][:6]))
    return _prose(asked, *seed)


def _numbers(first: int, last: int) -> str:
    return ", ".join(map(str, range(first, min(last, first + MAX_COUNT) + 1)))


def _prose(asked: Mapping[str, JSON], *seed: object) -> str:
    dice = Dice("text", *seed)
    told = " ".join(_sentence(dice) for _ in range(3))
    last = messages(asked)[-1:]
    if last and last[0][1].get("role") in ("tool", "function"):
        return f"The tool returned: {_said(last[0][1].get('content'))[:200]} {told}"
    return told


def _sentence(dice: Dice) -> str:
    return f"{dice.pick(_WHO)} {dice.pick(_DOES)} {dice.pick(_WHAT)} {dice.pick(_HOW)}."


def _stopped(whole: Reply, stop: JSON) -> Reply:
    """The reply up to the stop sequence that is complete first."""
    texts = [stop] if isinstance(stop, str) else [text for text in items(stop) if isinstance(text, str)]
    found = [
        (whole.text.find(text) + len(text), len(text)) for text in texts if text and whole.text and text in whole.text
    ]
    if not found or whole.text is None:
        return whole
    end, length = min(found, key=lambda place: (place[0], -place[1]))
    return whole._replace(text=whole.text[: end - length])


def _limit(asked: Mapping[str, JSON]) -> int | None:
    limits = [asked.get("max_completion_tokens"), asked.get("max_tokens")]
    return next((int(limit) for limit in limits if isinstance(limit, int | float)), None)


def _limited(whole: Reply, limit: int | None) -> Reply:
    if limit is None or whole.size < limit:
        return whole
    spoken = "".join(whole.tokens[:limit])
    cut = whole._replace(calls=_some_calls(whole.calls, limit), is_cut=True, most=limit)
    return cut._replace(text=spoken) if whole.text is not None else cut._replace(refusal=spoken or whole.refusal)


def _some_calls(calls: tuple[Call, ...], limit: int) -> tuple[Call, ...]:
    kept: list[Call] = []
    for call in calls:
        room = limit - sum(map(_size, kept)) - count(call.name)
        if kept and room < 1:
            break
        kept.append(call._replace(text="".join(tokens(call.text)[: max(0, room)])))
    return tuple(kept)


def _size(call: Call) -> int:
    return count(call.name) + count(call.text)


def finish(asked: Mapping[str, JSON], said: Reply) -> str:
    """Why the choice ended: a call of a tool that the request names ends with `stop`, as at OpenAI."""
    if said.is_cut:
        return "length"
    if not said.calls or demand(asked).named is not None:
        return "stop"
    return "function_call" if said.calls[0].kind == "legacy" else "tool_calls"


def logged(asked: Mapping[str, JSON], said: Reply) -> JSON:
    """The log probabilities of a choice; None where they are not asked for, or nothing is said."""
    if asked.get("logprobs") is not True or said.calls:
        return None
    entries = logprobs(said.tokens, int(asked.get("top_logprobs") or 0))
    return {
        "content": entries if said.refusal is None else None,
        "refusal": None if said.refusal is None else entries,
    }
