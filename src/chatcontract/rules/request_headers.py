"""Request (CC261, CC262): the headers that a request is sent with."""

from collections.abc import Iterator

from chatcontract.declare import SpecView, rule
from chatcontract.examples import request
from chatcontract.model import Basis, Finding, Part, Severity
from chatcontract.reading import Reading
from chatcontract.redact import short

_BODY = "#/paths/~1chat~1completions/post/requestBody/content"
_UNSET = frozenset(("", "undefined", "null", "none", "nil"))
_DENIED = (None, 401, 403)


def _sent(reading: Reading) -> dict[str, str]:
    """The last value of every header of the request by its lower-case name."""
    asked = reading.exchange.request
    return {name.lower(): value for name, value in asked.headers} if asked is not None else {}


@rule(
    "CC261",
    anchor=_BODY,
    part=Part.REQUEST,
    severity=Severity.ERROR,
    basis=Basis.OBSERVED,
    source="https://github.com/meta-models/meta-oss-cookbook/pull/2",
    since="0.1",
    needs=("sent",),
    passes=[
        request(headers=(("Content-Type", media),))
        for media in ("Application/JSON; charset=utf-8", "application/vnd.api+json", "[Filtered]")
    ],
    fails=[
        request(headers=(("Content-Type", media),))
        for media in (
            "application/x-www-form-urlencoded",
            "text/plain;charset=UTF-8",
            "multipart/form-data; boundary=x",
        )
    ],
    breaks=[("vLLM", "refuses the request before it reads the body")],
)
def request_media_type(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """A request is sent with a media type that is not JSON's.

    ## Why it matters
    Servers refuse it, or read no body and miss the model. `curl -d` sends a form's type unless told otherwise.

    ## Known exceptions
    Recorders that replace the header or leave it out. Some servers don't look at it.
    """
    media = reading.once(_sent).get("content-type", "").partition(";")[0].partition(",")[0].strip().lower()
    if "/" in media and media != "application/json" and not media.endswith("+json"):
        said = f"expected the media type application/json, got {short(media, 80)}"
        yield Finding("", said, media, hint='send the header "Content-Type: application/json"')


@rule(
    "CC262",
    anchor=_BODY,
    part=Part.REQUEST,
    severity=Severity.WARNING,
    basis=Basis.OBSERVED,
    source="https://developers.openai.com/api/docs/guides/error-codes",
    since="0.1",
    needs=("sent",),
    passes=[
        request(headers=(("authorization", "Bearer sk-C0ffee"),)),
        request(headers=(("authorization", "REDACTED"),)),
    ],
    fails=[
        request(headers=(("authorization", "Bearer undefined"),)),
        request(headers=(("Authorization", "Bearer None"),)),
        request(headers=(("authorization", "Bearer "),)),
    ],
)
def api_key_unset(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The key of a request is what a program writes where it has no value.

    ## Why it matters
    A variable wasn't set: `undefined`, `null` or `None` is sent in its place, and the server says that the key is
    wrong.

    ## Known exceptions
    Servers that ask for no key take any: nothing is said where the answer is known and not 401 or 403.
    """
    scheme, _, key = reading.once(_sent).get("authorization", "").strip().partition(" ")
    if scheme.lower() == "bearer" and key.strip().lower() in _UNSET and reading.status in _DENIED:
        yield Finding("", f"expected a key in the header Authorization, got {short(key.strip(), 20)}")
