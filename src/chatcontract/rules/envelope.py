"""The envelope of an answer (CC30, CC31): identity, time and what else stands beside the choices."""

from collections.abc import Iterator
from functools import lru_cache

from chatcontract.declare import SpecView, rule
from chatcontract.examples import response
from chatcontract.model import JSON, Basis, Finding, Part, Severity
from chatcontract.reading import Reading, items, members
from chatcontract.redact import short
from chatcontract.traits import PLAUSIBLE

_API = "https://developers.openai.com/api/reference/resources/chat/subresources/completions/methods/create"
_RESPONSE = "#/components/schemas/CreateChatCompletionResponse"
_MILLISECONDS = 10**11
"""Seconds reach it in the year 5138, milliseconds have been past it since 1973."""
_FIRST, _LAST = PLAUSIBLE.start, PLAUSIBLE.stop
_AHEAD = 3600


@rule(
    "CC301",
    anchor=f"{_RESPONSE}/properties/created",
    part=Part.RESPONSE,
    severity=Severity.ERROR,
    basis=Basis.INTEROP,
    source="https://github.com/mlc-ai/web-llm/issues/829",
    since="0.1",
    needs=("untypical",),
    passes=[response(), response({"/created": 4102444799})],
    fails=[response({"/created": 1763700000123})],
    breaks=[("Microsoft.Extensions.AI", "throws: the time is out of range")],
)
def created_not_in_seconds(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """`created` counts milliseconds, or something finer, instead of seconds.

    ## Why it matters
    Clients turn the number into a date: those that check the range throw, the others show a year far away.

    ## Known exceptions
    None known.
    """
    created = _number(reading.completion.get("created"))
    if created is not None and created >= _MILLISECONDS:
        message = f"expected seconds since 1970, got {short(created)}, which is too large for seconds"
        yield Finding("/created", message, created, hint="divide by 1000 and drop the fraction")


@rule(
    "CC302",
    anchor=f"{_RESPONSE}/properties/created",
    part=Part.RESPONSE,
    severity=Severity.WARNING,
    basis=Basis.DOCUMENTED,
    source=_API,
    since="0.1",
    needs=("untypical",),
    passes=[response(), response({"/created": 1677649420})],
    fails=[response({"/created": 0}), response({"/created": 86400}), response({"/created": 9999999999})],
)
def created_implausible(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """`created` lies before the endpoint existed, or after this century.

    ## Why it matters
    Logs and caches sort by it: zero, an uptime or a made-up number puts the answer where nobody looks.

    ## Known exceptions
    Recordings and test servers with a fixed clock.
    """
    created = _number(reading.completion.get("created"))
    if created is not None and (0 <= created < _FIRST or _LAST <= created < _MILLISECONDS):
        message = f"expected the time of the answer in seconds since 1970, got {short(created)}"
        yield Finding("/created", message, created)


@rule(
    "CC303",
    anchor=f"{_RESPONSE}/properties/created",
    part=Part.RESPONSE,
    severity=Severity.ERROR,
    basis=Basis.INTEROP,
    source="https://github.com/siyuan-note/siyuan/issues/14787",
    since="0.1",
    passes=[response()],
    fails=[response({"/created": 1763700000.0}), response({"/choices/0/index": 0.0})],
    breaks=[
        ("pydantic strict ChatCompletion", "raises"),
        ("generated Python", "raises"),
        ("siyuan, baml, envoy ai-gateway", "cannot unmarshal the number"),
    ],
    needs=("floats",),
)
def integer_written_as_float(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """A whole number is written with a fraction of zero, such as `1700000000.0`.

    JSON Schema counts such a number as an integer, so the schema alone does not see it. Token counts have
    a rule of their own.

    ## Why it matters
    Typed clients read the member into an integer and refuse the text `1700000000.0`.

    ## Known exceptions
    None known.
    """
    for pointer, value in _integers(reading):
        if isinstance(value, float) and value.is_integer():
            text = f"expected digits alone, got {short(value)}"
            yield Finding(pointer, text, value, hint="write it without `.0`")


def _integers(reading: Reading) -> Iterator[tuple[str, JSON]]:
    yield "/created", reading.completion.get("created")
    for position, choice, message in reading.choices:
        yield f"/choices/{position}/index", choice.get("index")
        if message.get("audio"):
            yield f"/choices/{position}/message/audio/expires_at", members(message["audio"]).get("expires_at")
        for number, annotation in enumerate(items(message.get("annotations"))):
            citation = members(members(annotation).get("url_citation"))
            for name in ("start_index", "end_index"):
                pointer = f"/choices/{position}/message/annotations/{number}/url_citation/{name}"
                yield pointer, citation.get(name)


@rule(
    "CC304",
    anchor=f"{_RESPONSE}/properties/created",
    part=Part.RESPONSE,
    severity=Severity.WARNING,
    basis=Basis.OBSERVED,
    source=_API,
    since="0.1",
    passes=[
        response(),
        response(headers=(("date", "Fri, 21 Nov 2025 04:40:02 GMT"),)),
        response(headers=(("date", "Sun, 21 Dec 2025 04:40:02 GMT"),)),
        response(headers=(("date", "yesterday"),)),
    ],
    fails=[response(headers=(("date", "Thu, 20 Nov 2025 04:40:02 GMT"),))],
    needs=("dated",),
)
def created_in_future(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """`created` is more than an hour later than the `Date` header of the same answer.

    ## Why it matters
    A local time is given as if it were UTC, or a clock is wrong: what was created cannot be sent before.

    ## Known exceptions
    An earlier `created` is no finding: answers from a cache keep theirs.
    """
    date = reading.header("date")
    created = _number(reading.completion.get("created"))
    if not date or created is None or not _FIRST <= created < _LAST:
        return
    sent = _seconds(date)
    if sent is not None and created > sent + _AHEAD:
        message = f"expected a time not after the Date header ({sent}), got {short(created)}"
        yield Finding("/created", message, created)


@lru_cache(maxsize=64)
def _seconds(date: str) -> int | None:
    """An HTTP date in seconds since 1970; None if it is none."""
    from email.utils import mktime_tz, parsedate_tz

    try:
        parts = parsedate_tz(date)
        return None if parts is None else int(mktime_tz(parts))
    except (ValueError, OverflowError, TypeError, IndexError):
        return None


@rule(
    "CC305",
    anchor=f"{_RESPONSE}/properties/id",
    part=Part.RESPONSE,
    severity=Severity.ERROR,
    basis=Basis.DOCUMENTED,
    source=_API,
    since="0.1",
    needs=("untypical",),
    passes=[response(), response({"/id": "1"})],
    fails=[response({"/id": ""}), response({"/id": " "})],
    compatible=Severity.WARNING,
)
def id_empty(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The `id` of the answer is empty.

    ## Why it matters
    Logs, traces and stores key on it: answers without one overwrite each other.

    ## Known exceptions
    Azure's first chunk has an empty id; the chunks after it tell the real one.
    """
    ident = reading.completion.get("id")
    if isinstance(ident, str) and not ident.strip():
        yield Finding("/id", f"expected a unique id, got {short(ident)}", ident)


@rule(
    "CC306",
    anchor=f"{_RESPONSE}/properties/id",
    part=Part.RESPONSE,
    severity=Severity.INFO,
    basis=Basis.OBSERVED,
    source=_API,
    since="0.1",
    needs=("untypical",),
    passes=[response()],
    fails=[response({"/id": "cmpl-1"})],
)
def id_without_prefix(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The `id` of the answer does not begin with `chatcmpl-`.

    ## Why it matters
    It tells that the answer did not come from OpenAI itself; no client relies on it.

    ## Known exceptions
    Legal everywhere; silent in profile `compatible`.
    """
    ident = reading.completion.get("id")
    if spec.profile == "compatible" or not isinstance(ident, str) or not ident.strip():
        return
    if not ident.startswith("chatcmpl-"):
        text = f'expected "chatcmpl-…", as the service writes it, got {short(ident, 60)}'
        yield Finding("/id", text, ident)


@rule(
    "CC307",
    anchor=f"{_RESPONSE}/properties/model",
    part=Part.RESPONSE,
    severity=Severity.WARNING,
    basis=Basis.DOCUMENTED,
    source=_API,
    since="0.1",
    needs=("untypical",),
    passes=[response()],
    fails=[response({"/model": ""})],
)
def model_name_empty(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The `model` of the answer is empty.

    ## Why it matters
    Costs and metrics are booked by model.

    ## Known exceptions
    Azure's first chunk has an empty model; the chunks after it tell the real one.
    """
    model = reading.completion.get("model")
    if isinstance(model, str) and not model.strip():
        yield Finding("/model", f"expected the id of the model that answered, got {short(model)}", model)


@rule(
    "CC308",
    anchor=f"{_RESPONSE}/properties/model",
    part=Part.RESPONSE,
    severity=Severity.INFO,
    basis=Basis.INTEROP,
    source="https://github.com/ddalcu/mlx-serve/issues/257",
    since="0.1",
    needs=("asked",),
    passes=[
        response(request={}),
        response({"/model": "gpt-5.2-2025-12-11"}, request={}),
        response({"/model": "anthropic/claude-4.5"}, request={"/model": "claude-4.5"}),
        response({"/model": "Llama-3"}, request={"/model": "meta/llama-3:free"}),
        response({"/model": ""}, request={}),
    ],
    fails=[response({"/model": "llama-3"}, request={}), response({"/model": "gpt-5"}, request={})],
    breaks=[("metrics and evaluations by model", "silently book the answer under the wrong model")],
)
def model_not_asked_for(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The answer comes from another model than the one asked for, and from no snapshot of it.

    ## Why it matters
    A server that swaps unknown models falsifies costs, metrics and evaluations.

    ## Known exceptions
    Aliases and routers answer with the name of the model behind them.
    """
    asked, model = reading.asked.get("model"), reading.completion.get("model")
    if model == asked or not (isinstance(asked, str) and isinstance(model, str)):
        return
    if asked.strip() and model.strip() and not _bare(model).startswith(_bare(asked)):
        text = f"expected {short(asked, 60)} or a snapshot of it, got {short(model, 60)}"
        yield Finding("/model", text, model)


def _bare(model: str) -> str:
    """The id without the route before it and the variant behind it."""
    return model.rsplit("/", 1)[-1].partition(":")[0].lower() if not model.startswith("ft:") else model


@rule(
    "CC309",
    anchor=f"{_RESPONSE}/properties/service_tier",
    part=Part.RESPONSE,
    severity=Severity.WARNING,
    basis=Basis.DOCUMENTED,
    source=_API,
    since="0.1",
    needs=("untypical",),
    passes=[response(), response({"/service_tier": None}), response({"/service_tier": "priority"})],
    fails=[response({"/service_tier": "auto"}), response({"/service_tier": "fast"})],
)
def service_tier_unresolved(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The answer names a way to choose a tier where it should name the tier that was used.

    ## Why it matters
    The price depends on the tier; `auto` and `fast` are wishes that stand for several.

    ## Known exceptions
    None known.
    """
    tier = reading.completion.get("service_tier")
    if tier == "auto" or tier == "fast":
        yield Finding("/service_tier", f"expected the tier that was used, got {short(tier)}", tier)


@rule(
    "CC310",
    anchor=f"{_RESPONSE}/properties/metadata",
    part=Part.RESPONSE,
    severity=Severity.INFO,
    basis=Basis.DOCUMENTED,
    source=_API,
    since="0.1",
    needs=("asked",),
    passes=[
        response(request={}),
        response({"/metadata": {}}, request={}),
        response({"/metadata": {"a": "1"}}),
        response({"/metadata": {"a": "1"}}, request={"/store": True, "/metadata": {"a": "1"}}),
    ],
    fails=[
        response({"/metadata": {"a": "1"}}, request={}),
        response({"/metadata": {"a": "2"}}, request={"/store": True, "/metadata": {"a": "1"}}),
    ],
)
def metadata_not_asked_for(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The answer has metadata that its request did not give.

    ## Why it matters
    Metadata is the caller's own: other values come from another caller or from the server itself.

    ## Known exceptions
    Gateways that add their own pairs.
    """
    metadata = reading.completion.get("metadata")
    if not isinstance(metadata, dict) or not metadata or not reading.asked:
        return
    given = members(reading.asked.get("metadata"))
    strange = [name for name, value in metadata.items() if given.get(name) != value]
    if strange:
        message = f"expected the metadata of the request, got other values of {short(strange, 100)}"
        yield Finding("/metadata", message, metadata)


@rule(
    "CC311",
    anchor=f"{_RESPONSE}/properties/moderation",
    part=Part.RESPONSE,
    severity=Severity.INFO,
    basis=Basis.DOCUMENTED,
    source=_API,
    since="0.1",
    needs=("asked",),
    passes=[response({"/moderation": None}, request={})],
    fails=[
        response(
            {
                "/moderation": {
                    "input": {"type": "error", "code": "a", "message": "b"},
                    "output": {"type": "error", "code": "a", "message": "b"},
                }
            },
            request={},
        )
    ],
)
def moderation_not_asked_for(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The answer has a moderation verdict that was not asked for.

    ## Why it matters
    Clients made before the member existed meet it unprepared.

    ## Known exceptions
    None known.
    """
    moderation, asked = reading.completion.get("moderation"), reading.asked
    if moderation is not None and asked and asked.get("moderation") is None:
        yield Finding("/moderation", "expected no verdict, since the request asks for none", moderation)


def _number(value: JSON) -> int | float | None:
    """The value if it is a whole number, however it is written."""
    if isinstance(value, float):
        return value if value.is_integer() else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None
