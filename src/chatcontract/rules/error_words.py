"""Errors (CC7): what their words say, and whether status and code say it too."""

import re
from collections.abc import Iterator

from chatcontract.declare import SpecView, rule
from chatcontract.examples import error
from chatcontract.model import Basis, Finding, Part, Severity
from chatcontract.patterns import pattern
from chatcontract.reading import Reading, members
from chatcontract.redact import short
from chatcontract.refusals import message

_CODE = "context_length_exceeded"
_OVERFLOW = pattern(
    r"maximum (?:context|input|prompt) length|maximum allowed input length|context (?:length|window|size)"
    r"|prompt (?:is )?too long|input (?:is )?too long",
    re.IGNORECASE,
)
_TOO_LONG = {"/error/message": "This model's maximum context length is 8192 tokens. You asked for 9000."}


@rule(
    "CC709",
    anchor="#/components/schemas/Error/properties/code",
    part=Part.ERROR,
    severity=Severity.WARNING,
    basis=Basis.INTEROP,
    source="https://github.com/kortix-ai/suna/pull/6368",
    since="0.1",
    passes=[
        error(status=400),
        error({**_TOO_LONG, "/error/code": _CODE}, status=400),
        error({"/error/message": "The server is overloaded.", "/error/type": "server_error"}, status=503),
    ],
    fails=[error(_TOO_LONG, status=400), error({**_TOO_LONG, "/error/code": "400"}, status=400)],
    breaks=[
        ("opencode, goose, codex", "do not shorten the conversation, and end it"),
        ("OpenAI's SDKs, with status 500", "send the same prompt again"),
    ],
)
def overflow_unnamed(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The words of an error say that the prompt is too long, and its code or status does not.

    ## Why it matters
    Agents shorten the conversation and go on when they read the code; an error that only people understand ends the
    session. With status 500 and above the prompt, which can never succeed, is sent again and again.

    ## Known exceptions
    Most other servers have no codes: in profile `compatible` it is for information where the status is right.
    """
    reported = reading.error.get("error")
    code = members(reported).get("code")
    if code == _CODE or reading.status == 429 or _OVERFLOW.search(message(reading)) is None:
        return
    is_retried = reading.status is not None and reading.status >= 500
    text = f"expected the code {_CODE} with a prompt that is too long, got {short(code, 60)}"
    text += f" and status {reading.status}" if is_retried else ""
    is_note = spec.profile == "compatible" and not is_retried
    pointer = "/error/code" if isinstance(reported, dict) else ""
    yield Finding(pointer, text, code, severity=Severity.INFO if is_note else None)
