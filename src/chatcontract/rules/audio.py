"""Spoken answers (CC36): what their audio holds, and how it is told."""

from collections.abc import Iterator

from chatcontract.completeness import is_complete
from chatcontract.declare import SpecView, rule
from chatcontract.examples import Example, response
from chatcontract.model import JSON, Basis, Finding, Part, Severity
from chatcontract.reading import Reading, members
from chatcontract.redact import short

_GUIDE = "https://developers.openai.com/api/docs/guides/audio"
_AUDIO = "#/components/schemas/ChatCompletionResponseMessage/properties/audio/properties"
_STARTS = {
    "flac": (b"fLaC",),
    "mp3": (b"ID3", *(bytes((0xFF, low)) for low in range(0xE0, 0x100))),
    "opus": (b"OggS",),
    "wav": (b"RIFF", b"RF64"),
}
"""How the bytes of a format begin; `pcm16` and `aac` may begin with anything."""
_LEAST = 64
"""Characters that every recording has; what is shorter was shortened by who stored the answer."""
_MILLISECONDS = 10**11
_WAV = "UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAIA+AAACABAAZGF0YQIAAAAAAA=="
_ID3 = "SUQzBAAAAAAAI1RTU0UAAAAPAAADTGF2ZjU4Ljc2LjEwMAAAAAAAAAAAAAAA//tA"


def _spoken(form: str = "wav", **audio: JSON) -> Example:
    sound = {"id": "audio_1", "data": _WAV, "expires_at": 1763703600, "transcript": "Four.", **audio}
    asked = {"/modalities": ["text", "audio"], "/audio": {"voice": "alloy", "format": form}}
    return response({"/choices/0/message/content": None, "/choices/0/message/audio": sound}, request=asked)


def _sounds(reading: Reading) -> Iterator[tuple[str, dict[str, JSON]]]:
    for position, _, message in reading.choices:
        if message.get("audio"):
            yield f"/choices/{position}/message/audio", members(message["audio"])


@rule(
    "CC363",
    anchor=f"{_AUDIO}/id",
    part=Part.RESPONSE,
    severity=Severity.ERROR,
    basis=Basis.DOCUMENTED,
    source=_GUIDE,
    since="0.1",
    needs=("audio",),
    passes=[_spoken()],
    fails=[_spoken(id=""), _spoken(data="")],
    compatible=Severity.WARNING,
)
def audio_empty(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """A spoken answer has an empty id, or no sound.

    ## Why it matters
    The next request names the answer by its id; without sound there is nothing to play.

    ## Known exceptions
    Empty data are a warning: who stores answers leaves them out.
    """
    if not is_complete(reading):
        return
    for pointer, audio in _sounds(reading):
        for name, severity in (("id", None), ("data", Severity.WARNING)):
            if audio.get(name) == "":
                yield Finding(f"{pointer}/{name}", "expected a text that is not empty", "", severity=severity)


@rule(
    "CC364",
    anchor="#/components/schemas/CreateChatCompletionRequest/properties/audio/properties/format",
    part=Part.RESPONSE,
    severity=Severity.WARNING,
    basis=Basis.DOCUMENTED,
    source=_GUIDE,
    since="0.1",
    needs=("/audio", "audio"),
    passes=[_spoken(), _spoken(form="pcm16"), _spoken(form="mp3", data=_ID3), _spoken(form="flac", data="QUJDRA==")],
    fails=[_spoken(form="flac"), _spoken(data=_ID3)],
)
def audio_in_other_format(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The sound does not begin as the asked format does.

    ## Why it matters
    What was told the format plays noise, or refuses the file.

    ## Known exceptions
    `pcm16` and `aac` have no such beginning; data too short to be a recording were shortened by who stored them.
    """
    form = members(reading.asked.get("audio")).get("format")
    starts = _STARTS.get(form) if isinstance(form, str) else None
    for pointer, audio in _sounds(reading) if starts else ():
        data = audio.get("data")
        begun = _begun(data) if isinstance(data, str) and _is_recording(data) else b""
        if begun and not begun.startswith(starts or ()):
            text = f"expected {form}, got data that begin with {short(begun.hex(' '))} in hexadecimal"
            yield Finding(f"{pointer}/data", text, str(data)[:40])


def _is_recording(data: str) -> bool:
    """Whether it is as long as a recording, and no word in capitals over and over."""
    return len(data) >= _LEAST and not data[:_LEAST].strip("A").isupper()


def _begun(data: str) -> bytes:
    """The first bytes of base64; none where it is no base64."""
    from binascii import Error, a2b_base64

    try:
        return a2b_base64(data[:16], strict_mode=True)
    except (Error, ValueError):
        return b""


@rule(
    "CC365",
    anchor=f"{_AUDIO}/expires_at",
    part=Part.RESPONSE,
    severity=Severity.ERROR,
    basis=Basis.DOCUMENTED,
    source=_GUIDE,
    since="0.1",
    needs=("audio",),
    passes=[_spoken()],
    fails=[_spoken(expires_at=1763703600000)],
)
def audio_expiry_not_in_seconds(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """`expires_at` of a spoken answer counts milliseconds, or something finer, instead of seconds.

    ## Why it matters
    Clients turn the number into a date: those that check the range throw, the others use the id long after its end.

    ## Known exceptions
    None known.
    """
    for pointer, audio in _sounds(reading):
        expires = audio.get("expires_at")
        if type(expires) is int and expires >= _MILLISECONDS:
            text = f"expected seconds since 1970, got {short(expires)}, which is too large for seconds"
            yield Finding(f"{pointer}/expires_at", text, expires, hint="divide by 1000 and drop the fraction")
