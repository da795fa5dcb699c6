"""A tokenizer that needs no vocabulary: what usage, log probabilities and the limits of length count.

Tokens of a text put together are the text, and the tokens of a text that is cut behind a token are the first
tokens of the whole.
"""

import json
import math
import re
from collections.abc import Iterator, Mapping

from chatcontract.model import JSON
from chatcontract.reading import items, members
from chatcontract.server.dice import Dice

_TOKEN = re.compile(r" ?[^\W\d_]{1,7}|\d{1,3}|_+| ?[^\w\s]|\s+|.", re.DOTALL)
_PART_TOKENS = {"image_url": 85, "input_audio": 50, "file": 100}
_PER_MESSAGE = 3
_OTHERS = (
    " the", " a", "\n", ",", " and", ".", " of", " to", " in", " is", "!", "?", " it", " that", " was",
    " for", " on", " are", " as", " with", " his", " they", " at", " be",
)  # fmt: skip


def tokens(text: str) -> list[str]:
    """The text in pieces.

    >>> tokens("Hello, world")
    ['Hello', ',', ' world']
    """
    return _TOKEN.findall(text)


def count(text: JSON) -> int:
    """How many tokens a text has; of another value, those of its JSON text, and none of null."""
    if text is None:
        return 0
    whole = text if isinstance(text, str) else json.dumps(text, ensure_ascii=False)
    return sum(1 for _ in _TOKEN.finditer(whole))


def prompt_tokens(asked: Mapping[str, JSON]) -> int:
    """How many tokens a request has.

    One text part counts as the string that it holds, and a further message never makes it fewer.
    """
    messages = sum(_of_message(members(message)) for message in items(asked.get("messages")))
    wanted = members(members(asked.get("response_format")).get("json_schema")).get("schema")
    return messages + _PER_MESSAGE + count(asked.get("tools")) + count(asked.get("functions")) + count(wanted)


def _of_message(message: dict[str, JSON]) -> int:
    extra = sum(count(message.get(name)) for name in ("name", "refusal", "tool_calls", "function_call"))
    return _PER_MESSAGE + count(message.get("role")) + _of_content(message.get("content")) + extra


def _of_content(content: JSON) -> int:
    if not isinstance(content, list):
        return count(content)
    return sum(_of_part(part) for part in content)


def _of_part(part: JSON) -> int:
    if not isinstance(part, dict):
        return count(part)
    if "text" in part or "refusal" in part:
        return count(part.get("text")) + count(part.get("refusal"))
    return _PART_TOKENS.get(str(part.get("type")), 1)


def logprobs(pieces: list[str], top: int) -> list[JSON]:
    """One entry for each token, with its `top` likeliest rivals; the token itself is the likeliest."""
    return [_entry(token, top, Dice("logprob", position, token)) for position, token in enumerate(pieces)]


def _entry(token: str, top: int, dice: Dice) -> JSON:
    likelihood = 0.5 + 0.49 * dice.share()
    rivals = [(token, likelihood), *_rivals(token, 1 - likelihood, dice)][:top]
    return {**_of_token(token, likelihood), "top_logprobs": [_of_token(*rival) for rival in rivals]}


def _rivals(token: str, rest: float, dice: Dice) -> Iterator[tuple[str, float]]:
    start = dice.below(len(_OTHERS))
    for rival in (*_OTHERS[start:], *_OTHERS[:start]):
        if rival != token:
            rest /= 2
            yield rival, rest


def _of_token(token: str, likelihood: float) -> dict[str, JSON]:
    return {"token": token, "logprob": round(math.log(likelihood), 6), "bytes": list(token.encode())}
