"""Log probabilities (CC35, CC36): there when asked for, in range, in order, and of the text that was sent."""

from collections.abc import Iterator

from chatcontract.declare import SpecView, rule
from chatcontract.examples import CALL, logged, response, stream, token
from chatcontract.model import Basis, Finding, Part, Severity
from chatcontract.reading import Reading, items, members
from chatcontract.redact import short
from chatcontract.tokens import (
    LISTS,
    piece_of,
    token_entries,
    token_lists,
)

_API = "https://developers.openai.com/api/reference/resources/chat/subresources/completions/methods/create"
_COOKBOOK = "https://cookbook.openai.com/examples/using_logprobs"
_LOGPROBS = "#/components/schemas/ChatCompletionLogprobs"
_ENTRY = "#/components/schemas/ChatCompletionTokenLogprob"
_ASKED = {"/logprobs": True}
_TOLERANCE = 1e-4
"""What rounding may add to a log probability of zero."""
_LEAST = -9999.0
"""What stands for a very unlikely token."""
_GOOD = logged(token("Four"), token("."))
_TOP = logged(token("Four", -0.1, {"Four": -0.1, "4": -2.5}), token(".", -0.2, {".": -0.2, "!": -3.0}))
_ASKED_TOP = {"/logprobs": True, "/top_logprobs": 2}


@rule(
    "CC351",
    anchor="#/components/schemas/CreateChatCompletionRequest/properties/logprobs",
    part=Part.RESPONSE,
    severity=Severity.ERROR,
    basis=Basis.DOCUMENTED,
    source=_API,
    since="0.1",
    needs=("/logprobs",),
    passes=[
        response(_GOOD, request=_ASKED),
        response(request={}),
        response({"/choices/0/message/content": ""}, request=_ASKED),
        response(
            {
                "/choices/0/message/content": None,
                "/choices/0/message/tool_calls": [CALL],
                "/choices/0/finish_reason": "tool_calls",
            },
            request={"/logprobs": True, "/tools": []},
        ),
    ],
    fails=[response(request=_ASKED), response(logged(), request=_ASKED), stream(request=_ASKED)],
)
def logprobs_missing(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The request asks for log probabilities, and a text comes without them.

    ## Why it matters
    Classifiers and graders read their scores there; the parameter was ignored without a word.

    ## Known exceptions
    Tool calls and empty texts have none. A server without them should refuse the request.
    """
    if reading.asked.get("logprobs") is not True:
        return
    for position, choice, message in reading.choices:
        logprobs = members(choice.get("logprobs"))
        for name in LISTS:
            if message.get(name) and isinstance(message[name], str) and not logprobs.get(name):
                pointer = f"/choices/{position}/logprobs" if "logprobs" in choice else f"/choices/{position}"
                met = choice.get("logprobs")
                shown = short(met, 60) if "logprobs" in choice else "no logprobs"
                text = f"expected an entry for each token of the {name}, got {shown}"
                yield Finding(pointer, text, met)


@rule(
    "CC352",
    anchor="#/components/schemas/CreateChatCompletionRequest/properties/logprobs",
    part=Part.RESPONSE,
    severity=Severity.INFO,
    basis=Basis.DOCUMENTED,
    source=_API,
    since="0.1",
    needs=("asked", "logprobs"),
    passes=[
        response(request={}),
        response(_GOOD, request=_ASKED),
        response(_GOOD),
        response(logged(), request={}),
    ],
    fails=[response(_GOOD, request={}), response(_GOOD, request={"/logprobs": False})],
)
def logprobs_not_asked_for(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """Log probabilities come without being asked for.

    ## Why it matters
    They make an answer many times larger.

    ## Known exceptions
    None known.
    """
    if not reading.asked or reading.asked.get("logprobs") is True:
        return
    for pointer, _, entries, _ in token_lists(reading):
        yield Finding(pointer, f"expected null, since the request asks for none, got {len(entries)} entries")


@rule(
    "CC356",
    anchor="#/components/schemas/CreateChatCompletionRequest/properties/top_logprobs",
    part=Part.RESPONSE,
    severity=Severity.WARNING,
    basis=Basis.DOCUMENTED,
    source=_API,
    since="0.1",
    needs=("/top_logprobs", "logprobs"),
    passes=[
        response(_TOP, request=_ASKED_TOP),
        response(_TOP, request={"/logprobs": True, "/top_logprobs": 3}),
        response(_GOOD, request=_ASKED),
        response(_TOP),
    ],
    fails=[
        response(_TOP, request={"/logprobs": True, "/top_logprobs": 1}),
        response(_GOOD, request=_ASKED_TOP),
    ],
)
def top_logprobs_count(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """There are more of the likeliest tokens than asked for, or none at all.

    ## Why it matters
    The parameter is ignored: scores of the alternatives are missing, or the answer swells.

    ## Known exceptions
    Fewer are allowed: the model may know no more, or equal texts are merged. Some servers list the sampled
    token besides; one more than asked for is still reported.
    """
    wanted = reading.asked.get("top_logprobs")
    if type(wanted) is not int or reading.asked.get("logprobs") is not True:
        return
    for pointer, entry in token_entries(reading):
        rivals = entry.get("top_logprobs")
        if isinstance(rivals, list) and (len(rivals) > wanted or (wanted > 0 and not rivals)):
            text = f"expected {short(wanted)} of the likeliest tokens, got {len(rivals)}"
            yield Finding(f"{pointer}/top_logprobs", text, len(rivals))


@rule(
    "CC358",
    anchor=f"{_LOGPROBS}/properties/content",
    part=Part.RESPONSE,
    severity=Severity.WARNING,
    basis=Basis.DOCUMENTED,
    source=_COOKBOOK,
    since="0.1",
    needs=("logprobs",),
    passes=[response(_GOOD), response(logged(token("Four"), token("."), token("")))],
    fails=[
        response(logged(token("Four"))),
        response(logged(token("Four"), token("."), token("<|end|>"))),
    ],
)
def logprobs_of_other_text(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The tokens with log probabilities do not add up to the text of the message.

    ## Why it matters
    Scores are laid over the text by adding up the tokens; a missing one shifts all that follow.

    ## Known exceptions
    Servers that list the end token, or that strip the text.
    """
    for pointer, name, entries, message in token_lists(reading):
        text = message.get(name)
        pieces = [piece_of(entry) for entry in entries]
        if not isinstance(text, str) or not all(piece is not None for piece in pieces):
            continue
        joined, sent = b"".join(filter(None, pieces)), text.encode(errors="surrogatepass")
        if joined != sent:
            at = next((n for n, (a, b) in enumerate(zip(joined, sent, strict=False)) if a != b), None)
            differ = f"from byte {at} on" if at is not None else "in length alone"
            met = f"got {len(joined)} bytes that differ {differ}"
            yield Finding(pointer, f"expected the tokens of the {name} ({len(sent)} bytes), {met}")


@rule(
    "CC359",
    anchor=f"{_ENTRY}/properties/top_logprobs",
    part=Part.RESPONSE,
    severity=Severity.INFO,
    basis=Basis.OBSERVED,
    source=_COOKBOOK,
    since="0.1",
    needs=("logprobs",),
    passes=[response(_TOP), response(_GOOD)],
    fails=[response(logged(token("Four", -3.0, {"4": -0.1}), token(".")))],
)
def sampled_token_unlisted(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The token that was sampled is not among the likeliest ones that are listed.

    ## Why it matters
    Code that looks the token up in the list finds nothing.

    ## Known exceptions
    Legal: an unlikely token may be sampled.
    """
    for pointer, entry in token_entries(reading):
        rivals, token = items(entry.get("top_logprobs")), entry.get("token")
        listed = any(members(rival).get("token") == token for rival in rivals)
        if rivals and isinstance(token, str) and not listed:
            yield Finding(f"{pointer}/top_logprobs", f"{short(token, 60)} was sampled and is not listed", token)


@rule(
    "CC360",
    anchor=_LOGPROBS,
    part=Part.RESPONSE,
    severity=Severity.ERROR,
    basis=Basis.DOCUMENTED,
    source=_API,
    since="0.1",
    needs=("logprobs",),
    passes=[response(_GOOD)],
    fails=[
        response(
            {
                "/choices/0/logprobs": {
                    "content": None,
                    "refusal": None,
                    "tokens": ["Four"],
                    "token_logprobs": [-1],
                }
            }
        )
    ],
)
def logprobs_of_legacy_shape(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The log probabilities have the shape of the older text completions.

    ## Why it matters
    Clients look for `content` and find no score.

    ## Known exceptions
    None known.
    """
    for position, choice, _ in reading.choices:
        logprobs = choice.get("logprobs")
        if logprobs and isinstance(logprobs, dict) and ("token_logprobs" in logprobs or "text_offset" in logprobs):
            names = short(sorted(map(str, logprobs))[:8], 100)
            yield Finding(f"/choices/{position}/logprobs", f'expected "content" and "refusal", got {names}')
