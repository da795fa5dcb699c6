"""Every record that crosses a module boundary.

Records are named tuples: immutable, comparable, and cheap enough to import and to build that a check of one
file stays within a few times the start of the interpreter (`benchmarks/`, start-up).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, Literal, NamedTuple

JSON = Any
"""A parsed JSON value: dict, list, str, int, float, bool or None."""

Profile = Literal["openai", "strict", "compatible"]
Engine = Literal["jsonschema-rs", "jsonschema"]


class Part(StrEnum):
    """The part of an exchange that a rule looks at."""

    REQUEST = "request"
    RESPONSE = "response"
    CHUNK = "chunk"
    STREAM = "stream"
    ERROR = "error"
    EXCHANGE = "exchange"


class Severity(StrEnum):
    """What a violation means for the exit code."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class Basis(StrEnum):
    """Why a rule is believed."""

    SCHEMA = "schema"
    DOCUMENTED = "documented"
    OBSERVED = "observed"
    INTEROP = "interop"


class Verdict(StrEnum):
    """The outcome of one exchange or probe; the five are never merged."""

    PASSED = "passed"
    FAILED = "failed"
    ERRORED = "errored"
    SKIPPED = "skipped"
    INCONCLUSIVE = "inconclusive"


Headers = tuple[tuple[str, str], ...]


class Request(NamedTuple):
    """One HTTP request; `body` holds the bytes as they were sent."""

    method: str = "POST"
    url: str = ""
    headers: Headers = ()
    body: bytes = b""


class Arrival(NamedTuple):
    """A piece of a body: it begins at byte `offset` and came `time` seconds after the request was sent."""

    offset: int
    time: float


class Response(NamedTuple):
    """One HTTP response; `status` is None where the recording does not tell it."""

    status: int | None = None
    headers: Headers = ()
    body: bytes = b""
    arrivals: tuple[Arrival, ...] = ()


class Exchange(NamedTuple):
    """One request and its response; either may be absent from a recording.

    `origin` says where it was read (file and line), `provider` and `host` whom it went to.
    """

    id: str
    request: Request | None = None
    response: Response | None = None
    origin: str = ""
    provider: str = ""
    host: str = ""


class Oddity(NamedTuple):
    """Something unusual in the framing of a stream.

    `name` is one of `sse.ODDITIES`; `offset` is the byte at which it begins, `detail` says what was met.
    """

    name: str
    offset: int
    detail: str = ""


class Event(NamedTuple):
    """One event of a `text/event-stream` body.

    `offset` and `length` bound its bytes in the stream, its closing blank line included; `arrival` is the time in
    seconds at which its last byte came, or None; `newline` is the line ending of its first line.
    """

    data: str
    event: str = ""
    id: str = ""
    retry: int | None = None
    offset: int = 0
    length: int = 0
    arrival: float | None = None
    newline: str = "\n"
    oddities: tuple[Oddity, ...] = ()


class Finding(NamedTuple):
    """What a rule yields: a place and a sentence; it knows no codes.

    `pointer` is an RFC 6901 pointer into the part, `chunk` the position of the chunk in its stream (from 0),
    `value` what was met (raw: it is shortened and redacted before it leaves the library).
    """

    pointer: str
    message: str
    value: JSON = None
    chunk: int | None = None
    hint: str = ""
    part: Part | None = None
    severity: Severity | None = None


class Violation(NamedTuple):
    """A finding with the rule that made it.

    `value` is JSON text, shortened and with keys redacted. `chunk` counts the data events of a stream from 0.
    """

    rule: str
    name: str
    severity: Severity
    basis: Basis
    part: Part
    pointer: str
    message: str
    chunk: int | None = None
    value: str = ""
    hint: str = ""
    exchange: str = ""

    @property
    def side(self) -> Literal["client", "server"]:
        """`client` when a request is at fault, `server` when an answer is."""
        return "client" if self.part is Part.REQUEST else "server"

    @property
    def fingerprint(self) -> str:
        """Code, part and pointer with indices starred: equal for the same fault in other exchanges.

        >>> Violation("CC001", "schema-mismatch", Severity.ERROR, Basis.SCHEMA, Part.REQUEST, "/messages/3/role",
        ...           "").fingerprint
        'CC001:request:/messages/*/role'
        """
        return f"{self.rule}:{self.part}:{starred(self.pointer)}"


def starred(pointer: str) -> str:
    """The pointer with every array index replaced by `*`.

    >>> starred("/choices/0/delta/tool_calls/12/id")
    '/choices/*/delta/tool_calls/*/id'
    """
    return "/".join("*" if token.isdecimal() else token for token in pointer.split("/"))


class Violations(tuple[Violation, ...]):
    """The violations of one check: a tuple, empty (and false) when all is well."""

    __slots__ = ()

    @property
    def errors(self) -> "Violations":
        """Only those of severity error."""
        return Violations(v for v in self if v.severity is Severity.ERROR)


class Result(NamedTuple):
    """The outcome of one exchange: what `results` of the JSON report holds."""

    id: str
    verdict: Verdict
    violations: Violations = Violations()
    origin: str = ""
    probe: str | None = None
    elapsed: float | None = None
    error: str | None = None
    provider: str = ""
    host: str = ""


class Break(NamedTuple):
    """A client known to fail on a violation, and how."""

    client: str
    effect: str


RuleCheck = Callable[[Any, Any], Iterator[Finding]]


class Rule(NamedTuple):
    """One thing that the tool can find, declared once.

    `anchor` is a pointer into the spec, `source` the public URL it rests on, `passes` and `fails` are minimal
    examples (they run as tests), `doc` is the page's text in Markdown, `check` None for a rule that the schema
    or the reader of bytes finds on its own, `compatible` the severity in that profile where it differs,
    `needs` the traits of a reading (`traits.TRAITS`) without which it has nothing to say.
    """

    code: str
    name: str
    summary: str
    anchor: str
    part: Part
    severity: Severity
    basis: Basis
    source: str
    since: str
    doc: str = ""
    passes: Sequence[Any] = ()
    fails: Sequence[Any] = ()
    breaks: Sequence[Break] = ()
    check: RuleCheck | None = None
    compatible: Severity | None = None
    needs: frozenset[str] = frozenset()

    @property
    def section(self) -> str:
        """The section of the catalogue that the code belongs to."""
        return SECTIONS[self.code[2]]


SECTIONS: Mapping[str, str] = {
    "0": "shape",
    "1": "http",
    "2": "request",
    "3": "choices",
    "4": "tools",
    "5": "usage",
    "6": "stream",
    "7": "errors",
    "8": "structured",
}
