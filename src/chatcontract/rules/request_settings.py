"""Request (CC209, CC210, CC214 to CC219): sizes, forms, and the settings of sound."""

from collections.abc import Iterator

from chatcontract import asked as asks
from chatcontract import model_names
from chatcontract.declare import SpecView, rule
from chatcontract.examples import Example, request
from chatcontract.model import JSON, Basis, Finding, Part, Severity
from chatcontract.reading import Reading, items, members
from chatcontract.redact import short

_API = "https://developers.openai.com/api/reference/resources/chat/subresources/completions/methods/create"
_GUIDE = "https://developers.openai.com/api/docs/guides/"
_OF = "#/components/schemas/CreateChatCompletionRequest/properties/"
_LONG_IDENTIFIER = 64
_LONG_DESCRIPTION = 1024
_MAX_BREAKPOINTS = 4
_VOICE = {"voice": "alloy", "format": "wav"}
_SOUND = {"/modalities": ["text", "audio"], "/audio": _VOICE, "/model": "gpt-audio"}


def _near(approximate: JSON) -> Example:
    """The minimal request that searches from this place."""
    place: JSON = {"type": "approximate", "approximate": approximate}
    return request({"/model": "gpt-5-search-api", "/web_search_options": {"user_location": place}})


@rule(
    "CC209",
    anchor=_OF + "safety_identifier",
    part=Part.REQUEST,
    severity=Severity.WARNING,
    basis=Basis.DOCUMENTED,
    source=_API,
    since="0.1",
    passes=[request({"/safety_identifier": "a" * 64})],
    fails=[request({"/safety_identifier": "a" * 65})],
    compatible=Severity.INFO,
    needs=("/safety_identifier",),
)
def safety_identifier_long(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """`safety_identifier` has more than 64 characters.

    ## Why it matters
    The published document allows 64, the text of the client libraries 128: only the shorter is safe.

    ## Known exceptions
    None known.
    """
    identifier = reading.asked.get("safety_identifier")
    if isinstance(identifier, str) and _LONG_IDENTIFIER < len(identifier) <= 2 * _LONG_IDENTIFIER:
        yield Finding(
            "/safety_identifier", f"expected at most 64 characters, got {len(identifier)}", hint="send a hash"
        )


@rule(
    "CC278",
    anchor=_OF + "user",
    part=Part.REQUEST,
    severity=Severity.WARNING,
    basis=Basis.OBSERVED,
    source="https://github.com/maximhq/bifrost/pull/1000",
    since="0.1",
    passes=[request({"/user": "a" * 64})],
    fails=[request({"/user": "a" * 65})],
    compatible=Severity.INFO,
    needs=("/user",),
)
def user_long(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """`user` has more than 64 characters.

    ## Why it matters
    The service was seen to refuse it (`string_above_max_length`).

    ## Known exceptions
    Servers that count to 256.
    """
    user = reading.asked.get("user")
    if isinstance(user, str) and len(user) > _LONG_IDENTIFIER:
        yield Finding("/user", f"expected at most 64 characters, got {len(user)}", hint="send a hash")


@rule(
    "CC210",
    anchor="#/components/schemas/WebSearchLocation",
    part=Part.REQUEST,
    severity=Severity.WARNING,
    basis=Basis.DOCUMENTED,
    source=_GUIDE + "tools-web-search",
    since="0.1",
    passes=[
        _near(approximate)
        for approximate in ({"country": "DE", "timezone": "America/Argentina/Salta"}, {"timezone": "UTC"})
    ],
    fails=[_near(approximate) for approximate in ({"country": "Germany"}, {"timezone": "central european time"})],
    needs=("/web_search_options",),
)
def user_location_unclear(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """A location names its country or time zone in another form than the documented one.

    ## Why it matters
    Countries are two letters (ISO 3166-1), time zones have IANA names; anything else is refused or ignored.

    ## Known exceptions
    None known.
    """
    location = members(members(reading.asked.get("web_search_options")).get("user_location"))
    approximate = members(location.get("approximate"))
    at = "/web_search_options/user_location/approximate"
    country, zone = approximate.get("country"), approximate.get("timezone")
    if isinstance(country, str) and not (len(country) == 2 and country.isascii() and country.isalpha()):
        yield Finding(f"{at}/country", f"expected a code of two letters, got {short(country, 60)}", country)
    if isinstance(zone, str) and not _is_zone(zone):
        yield Finding(f"{at}/timezone", f"expected an IANA name such as Europe/Berlin, got {short(zone, 60)}", zone)


def _is_zone(name: str) -> bool:
    """Whether it has the form of a name in the time zone database; its files are not asked."""
    words = name.replace("_", "").replace("-", "").replace("+", "")
    return words.replace("/", "").isalnum() and words.isascii() and ("/" in words or len(words) <= 9)


@rule(
    "CC214",
    anchor="#/components/schemas/PromptCacheBreakpointParam",
    part=Part.REQUEST,
    severity=Severity.WARNING,
    basis=Basis.DOCUMENTED,
    source=_GUIDE + "prompt-caching",
    since="0.1",
    passes=[request()],
    fails=[
        request({"/messages/0/content": [
            {"type": "text", "text": "x", "prompt_cache_breakpoint": {"mode": "explicit"}} for _ in range(5)
        ]})
    ],
    needs=("/messages/*/content/*",),
)  # fmt: skip
def cache_breakpoints_many(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """More than four parts mark the end of a cached prefix.

    ## Why it matters
    Four are written for a request; the others cost attention and bring nothing.

    ## Known exceptions
    None known.
    """
    marked = [
        part.pointer
        for part in reading.in_request(asks.parts)
        if isinstance(part.value.get("prompt_cache_breakpoint"), dict)
    ]
    for place in marked[_MAX_BREAKPOINTS:]:
        yield Finding(f"{place}/prompt_cache_breakpoint", f"expected at most 4 breakpoints, got {len(marked)}")


@rule(
    "CC215",
    anchor=_OF + "prompt_cache_key",
    part=Part.REQUEST,
    severity=Severity.ERROR,
    basis=Basis.OBSERVED,
    source="https://github.com/theopenco/llmgateway/pull/3110",
    since="0.1",
    passes=[request({"/prompt_cache_key": "a" * 64}), request({"/prompt_cache_key": None})],
    fails=[request({"/prompt_cache_key": "a" * 65})],
    compatible=Severity.INFO,
    needs=("/prompt_cache_key",),
)
def prompt_cache_key_long(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """`prompt_cache_key` has more than 64 characters.

    ## Why it matters
    The service refuses the request (`string_above_max_length`). Agents that put several ids together pass the bound
    only when one of their names is long.

    ## Known exceptions
    Other servers may take more: a note only where the request is known to go elsewhere.
    """
    key = reading.asked.get("prompt_cache_key")
    if isinstance(key, str) and len(key) > _LONG_IDENTIFIER:
        said, lenient = f"expected at most 64 characters, got {len(key)}", model_names.lenient(reading.exchange.request)
        yield Finding("/prompt_cache_key", said, hint="send a hash", severity=lenient)


@rule(
    "CC216",
    anchor="#/components/schemas/FunctionObject/properties/description",
    part=Part.REQUEST,
    severity=Severity.WARNING,
    basis=Basis.OBSERVED,
    source="https://github.com/nanbingxyz/5ire/issues/33",
    since="0.1",
    passes=[request({"/tools": [{"type": "custom", "custom": {"name": "f", "description": "x" * 1024}}]})],
    fails=[
        request({"/tools": [{"type": "custom", "custom": {"name": "f", "description": "x" * 1025}}]}),
        request({"/model": "gpt-4o", "/functions": [{"name": "f", "description": "x" * 1025}]}),
    ],
    compatible=Severity.INFO,
    needs=("brought",),
)
def tool_description_long(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The description of a tool has more than 1024 characters.

    ## Why it matters
    Models before 2025 refuse the request (`string_above_max_length`).

    ## Known exceptions
    Later models accept more.
    """
    for place, body in reading.in_request(asks.offers):
        text = body.get("description")
        if isinstance(text, str) and len(text) > _LONG_DESCRIPTION:
            said = f"expected at most 1024 characters, got {len(text)}"
            yield Finding(f"{place}/description", said, hint="older models refuse more")


@rule(
    "CC217",
    anchor=_OF + "audio",
    part=Part.REQUEST,
    severity=Severity.ERROR,
    basis=Basis.DOCUMENTED,
    source=_GUIDE + "audio",
    since="0.1",
    passes=[
        request({"/modalities": ["text", "audio"], "/audio": _VOICE}),
        request({"/modalities": ["text"]}),
    ],
    fails=[request({"/modalities": ["text", "audio"]}), request({"/modalities": ["audio"], "/audio": None})],
    needs=("/modalities",),
)
def audio_settings_missing(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """Sound is asked for without `audio`, which says how it is made.

    ## Why it matters
    The service refuses the request: voice and format have no default.

    ## Known exceptions
    None known.
    """
    if "audio" in items(reading.asked.get("modalities")) and reading.asked.get("audio") is None:
        yield Finding("/audio", "is missing, but modalities has audio", hint="give a voice and a format")


@rule(
    "CC218",
    anchor=_OF + "audio",
    part=Part.REQUEST,
    severity=Severity.WARNING,
    basis=Basis.DOCUMENTED,
    source=_GUIDE + "audio",
    since="0.1",
    passes=[request({"/modalities": ["text", "audio"], "/audio": _VOICE}), request({"/audio": None})],
    fails=[request({"/audio": _VOICE}), request({"/audio": _VOICE, "/modalities": ["text"]})],
    needs=("/audio",),
)
def audio_settings_unused(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """`audio` is given, but no sound is asked for.

    ## Why it matters
    The answer is text alone.

    ## Known exceptions
    None known.
    """
    if isinstance(reading.asked.get("audio"), dict) and "audio" not in items(reading.asked.get("modalities")):
        yield Finding("/audio", "is given, but modalities has no audio", hint='set modalities to ["text", "audio"]')


@rule(
    "CC219",
    anchor=_OF + "audio/properties/format",
    part=Part.REQUEST,
    severity=Severity.ERROR,
    basis=Basis.OBSERVED,
    source="https://github.com/Agent-Field/agentfield/issues/584",
    since="0.1",
    passes=[
        request({**_SOUND, "/audio": {**_VOICE, "format": "pcm16"}, "/stream": True}),
        request({**_SOUND, "/stream": False}),
    ],
    fails=[request({**_SOUND, "/stream": True})],
    needs=("/modalities",),
)
def streamed_audio_format(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """Streamed sound is asked for in another format than `pcm16`.

    ## Why it matters
    The service refuses it: only raw samples can be cut into chunks.

    ## Known exceptions
    None known.
    """
    asked = reading.asked
    if asked.get("stream") is not True or "audio" not in items(asked.get("modalities")):
        return
    wanted = members(asked.get("audio")).get("format")
    if isinstance(wanted, str) and wanted != "pcm16":
        yield Finding("/audio/format", f'expected "pcm16" in a stream, got {short(wanted, 60)}', wanted)
