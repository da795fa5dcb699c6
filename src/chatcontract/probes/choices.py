"""Choices: how many, where they end, and the log probabilities."""

from collections.abc import Iterator, Mapping, Sequence

from chatcontract.looks import calls, count, finish, text
from chatcontract.model import JSON, Severity
from chatcontract.probe import (
    GONE,
    LIMIT,
    RESPONSE,
    SEED,
    Ask,
    Check,
    Context,
    Level,
    Section,
    Shortfall,
    Then,
    Unclear,
    each,
    honoured,
    user,
)
from chatcontract.reading import Reading

SECTION = Section("choices", anchor=RESPONSE)
_LONG = "Count from one to fifty in words."
_STREAM: Mapping[str, JSON] = {"/stream": True}
_WHY_N = "Who asks for several answers and silently gets one loses them all."
_WHY_STOP = "Templates and parsers rely on the text ending there; what runs on is shown to users."
_WHY_LIMIT = "The bound protects from costs; a client goes on with `length` and not with `stop`."

SECTION.probe(
    "n-two",
    "n = 2 gives two choices",
    {"/n": 2},
    honoured(rules=("choice-count-mismatch",)),
    provides="n",
    anchor="n",
    why=_WHY_N,
)
SECTION.probe(
    "n-one",
    "n = 1 gives one choice",
    {"/n": 1},
    honoured(rules=("choice-count-mismatch",)),
    anchor="n",
    why=_WHY_N,
)
SECTION.probe(
    "n-two-streamed",
    "n = 2 gives two choices in a stream",
    {"/n": 2, **_STREAM},
    honoured(rules=("choice-count-mismatch", "finish-missing")),
    needs=("n", "streaming"),
    anchor="n",
    why=_WHY_N,
)


def _halt(given: str) -> str:
    """A piece of the middle of a text that does not occur before."""
    for size in range(3, 12):
        for start in range(len(given) // 3, len(given) - size):
            piece = given[start : start + size]
            if piece.strip() == piece and given.find(piece) == start:
                return piece
    return ""


def _stops(form: str, streamed: bool = False) -> Then:
    def then(context: Context, readings: Sequence[Reading]) -> Ask | Unclear:
        piece = _halt(text(readings[0]))
        if not piece:
            return Unclear("the answer to be stopped was too short")
        stop: JSON = piece if form == "text" else ["\u2603\u2603", piece, "\u2604\u2604", "\u2605\u2605"][: int(form)]
        asked = dict(_REPEATABLE, **{"/stop": stop})
        return Ask({**asked, "/stream": True} if streamed else asked)

    return then


def _stopped(readings: Sequence[Reading]) -> Iterator[Shortfall | Unclear]:
    whole, given = text(readings[0]), text(readings[1])
    stop = readings[1].asked.get("stop")
    pieces = [stop] if isinstance(stop, str) else stop or []
    met = [piece for piece in pieces if piece in whole]
    if any(given.rstrip() == whole[: whole.find(piece) + len(piece)].rstrip() for piece in met):
        message = f"expected the text without the stop sequence {met[0]!r}, got it with it"
        yield Shortfall("stop-sequence-in-content", message, "/stop", severity=Severity.WARNING)
    elif any(piece in given for piece in met):
        yield Shortfall("parameter-ignored", f"expected the text to end before {met[0]!r}, got more", "/stop")
    elif not any(given.rstrip() == whole[: whole.find(piece)].rstrip() for piece in met):
        yield Unclear("the model wrote another text the second time, so that the stop sequence may not have come up")
    elif finish(readings[1]) == "length":
        message = "expected finish_reason stop at a stop sequence, got length"
        yield Shortfall("finish-reason-unfit", message, "/stop", severity=Severity.WARNING)


_REPEATABLE: Mapping[str, JSON] = {
    "/temperature": 0,
    "/seed": SEED,
    "/messages": [user(_LONG)],
    f"/{LIMIT}": 32,
}
_STOPS = {"stop-text": "stop as a text", "stop-list": "stop"}
for _id, _title, _form, _streamed in (
    ("stop-text", "a stop sequence ends the text and is not part of it", "text", False),
    ("stop-list", "one of two stop sequences ends the text", "2", False),
    ("stop-four", "four stop sequences are accepted", "4", False),
    ("stop-streamed", "a stop sequence ends a stream, also at the border of two chunks", "text", True),
):
    SECTION.probe(
        _id,
        _title,
        _REPEATABLE,
        honoured(_stopped),
        then=_stops(_form, _streamed),
        needs=["streaming"] if _streamed else [],
        without={"temperature": {"/temperature": GONE}, "seed": {"/seed": GONE}},
        provides=_STOPS.get(_id, ""),
        uncertain=True,
        anchor="stop",
        why=_WHY_STOP,
    )
SECTION.probe(
    "stop-unmet",
    "a stop sequence that does not come up changes nothing",
    {"/stop": "\u2603\u2604\u2603"},
    honoured(),
    anchor="stop",
    level=Level.SHOULD,
    why="Templates send their stop sequences with every request.",
)


_SHORT, _LONGER = 4, 7


def _bounded(readings: Sequence[Reading]) -> Iterator[Shortfall | Unclear]:
    """Twice with different limits: nobody comes to a natural end at both of them."""
    ends = []
    for turn, (reading, limit) in enumerate(zip(readings, (_SHORT, _LONGER), strict=True), -len(readings)):
        used, words, place = (
            count(reading, "completion_tokens"),
            len(text(reading).split()),
            f"/{_bound(reading)}",
        )
        ends.append((finish(reading), used == limit))
        if used is not None and used > limit:
            yield Shortfall("parameter-ignored", f"expected at most {limit} tokens, got {used}", place, turn=turn)
        elif words > 3 * limit:
            message = f"expected at most {limit} tokens, got {words} words"
            yield Shortfall("parameter-ignored", message, place, turn=turn)
    if ends == [("stop", True)] * 2:
        message = f"expected finish_reason length at limits of {_SHORT} and {_LONGER} tokens, got stop twice"
        yield Shortfall("finish-reason-unfit", message, f"/{_bound(readings[0])}", severity=Severity.WARNING)
    elif not any(end == "length" for end, _ in ends):
        told = all(count(reading, "completion_tokens") is not None for reading in readings)
        untold = "the model came to an end by itself, and no usage counts its tokens"
        yield Unclear("the model came to an end by itself before the limit" if told else untold)


def _bound(reading: Reading) -> str:
    return next((name for name in ("max_completion_tokens", "max_tokens") if name in reading.asked), "max_tokens")


for _name in ("max_tokens", "max_completion_tokens"):
    for _streamed in (False, True):
        _asked = {"/messages": [user(_LONG)], **(_STREAM if _streamed else {})}
        SECTION.probe(
            f"{_name.replace('_', '-')}-bounds{'-streamed' * _streamed}",
            f"{_name} bounds the answer{' of a stream' * _streamed}, which then ends with length",
            {**_asked, f"/{_name}": _SHORT},
            honoured(_bounded),
            then={**_asked, f"/{_name}": _LONGER},
            needs=(_name, *(["streaming"] if _streamed else [])),
            provides="" if _streamed else f"{_name} kept",
            uncertain=True,
            anchor=_name,
            why=_WHY_LIMIT,
        )

# Log probabilities
_LOGPROBS = ("logprobs-missing", "logprobs-of-legacy-shape")
_WHY_LOGPROBS = "Scores and classifiers are computed from them; where they are missing the computation fails later."


def _worded(reading: Reading) -> Iterator[Shortfall | Unclear]:
    """Unclear where there is nothing that could have log probabilities."""
    if not any(message.get("content") or message.get("refusal") for _, _, message in reading.choices):
        yield Unclear("the answer has no text")


def _voiced(reading: Reading) -> Iterator[Shortfall | Unclear]:
    """Unclear where there is nothing to be spoken."""
    if calls(reading):
        yield Unclear("the model called a tool in place of speaking")


def _alternatives(wanted: int) -> Check:
    def check(reading: Reading) -> Iterator[Shortfall | Unclear]:
        for _, choice, _ in reading.choices:
            logprobs = choice.get("logprobs")
            tokens = logprobs.get("content") if isinstance(logprobs, dict) else None
            listed = [len(token.get("top_logprobs") or ()) for token in tokens or () if isinstance(token, dict)]
            if listed and wanted and not any(listed):
                yield Shortfall(
                    "parameter-ignored",
                    f"expected {wanted} alternatives of each token, got none",
                    "/top_logprobs",
                )

    return each(check)


SECTION.probe(
    "logprobs",
    "logprobs are told when asked for",
    {"/logprobs": True},
    honoured(each(_worded), rules=_LOGPROBS),
    provides="logprobs",
    anchor="logprobs",
    why=_WHY_LOGPROBS,
)
SECTION.probe(
    "logprobs-off",
    "no logprobs are told when they are turned off",
    {"/logprobs": False},
    honoured(rules=("logprobs-not-asked-for",)),
    anchor="logprobs",
    level=Level.INFO,
    why="They make an answer ten times as large.",
)
for _number in (0, 3, 20):
    SECTION.probe(
        f"top-logprobs-{_number}",
        f"top_logprobs = {_number} lists as many alternatives",
        {"/logprobs": True, "/top_logprobs": _number},
        honoured(each(_worded), _alternatives(_number), rules=(*_LOGPROBS, "top-logprobs-count")),
        needs="logprobs",
        provides="top_logprobs" if _number == 3 else "",
        anchor="top_logprobs",
        why=_WHY_LOGPROBS,
        level=Level.SHOULD if _number == 20 else Level.MUST,
    )
SECTION.probe(
    "logprobs-streamed",
    "logprobs are told in a stream",
    {"/logprobs": True, "/top_logprobs": 2, **_STREAM},
    honoured(each(_worded), rules=(*_LOGPROBS, "logprobs-interrupted")),
    needs=("logprobs", "streaming"),
    anchor="logprobs",
    why=_WHY_LOGPROBS,
)

# Sound
for _streamed, _form in ((False, "wav"), (True, "pcm16")):
    SECTION.probe(
        f"spoken{'-streamed' * _streamed}",
        f"an answer is spoken when asked for{', streamed' * _streamed}",
        {
            "/modalities": ["text", "audio"],
            f"/{LIMIT}": 96,
            "/audio": {"voice": "alloy", "format": _form},
            **(_STREAM if _streamed else {}),
        },
        honoured(each(_voiced), rules=("audio-missing",)),
        needs=("spoken answers", "streaming") if _streamed else (),
        provides="" if _streamed else "spoken answers",
        anchor="audio",
        level=Level.INFO,
        why="A model that cannot speak must say so.",
    )
