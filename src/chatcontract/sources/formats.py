"""The formats of recordings: each declared once; help, messages and `docs/traffic.md` come from here."""

from collections.abc import Callable
from importlib import import_module
from typing import NamedTuple

from chatcontract.patterns import pattern
from chatcontract.reading import looks_like_events
from chatcontract.sources.files import PACKED
from chatcontract.sources.messages import Input, Items

_SPACE = b"\xef\xbb\xbf \r\n\t"
_HAR = pattern(rb'\{(?:\s*"(?!log")[^"\\]*"\s*:\s*"(?:[^"\\]|\\.)*+"\s*,)*+\s*"log"\s*:\s*\{')
_VCR_JSON = pattern(rb'\{\s*(?:"[a-z_]+"\s*:\s*(?:\d+|"[^"\\]*")\s*,\s*)*"(?:http_)?interactions"\s*:\s*\[')
_VCR_YAML = pattern(rb"(?m)^(?:http_)?interactions:\s*(?:\[\]\s*)?$|\Arequests:\s*\n *- body:")
_TEST_PROXY = pattern(rb'\{\s*"Entries"\s*:\s*\[')
_FLOWS = pattern(rb"\d{1,12}:\d{1,6}:[a-z_]+;")
_EVENT = pattern(rb'\{\s*"(?:Initialize|EngineStarted|LoadingStarted|PhaseStarted|ScenarioStarted)"\s*:\s*\{')


class Format(NamedTuple):
    """A kind of file.

    `title` is how people call it, `suffixes` what its names end in, `sniff` tells it by its first bytes (without
    byte order mark and blanks), `reader` is the function that reads it (`module:function`), `about` what is
    read, in a sentence.
    """

    name: str
    title: str
    suffixes: tuple[str, ...]
    sniff: Callable[[bytes], bool]
    reader: str
    about: str

    def read(self, source: Input) -> Items:
        """The records of a file; what is needed for it is imported by this call."""
        module, _, function = self.reader.partition(":")
        items: Items = getattr(import_module(f"chatcontract.sources.{module}"), function)(source)
        return items


def _is_event(head: bytes) -> bool:
    return (b"Started" in head[:40] or b"Initialize" in head[:40]) and _EVENT.match(head) is not None


def _is_lines(head: bytes) -> bool:
    """Whether the first line is complete in itself and another one follows, or it goes beyond the head."""
    first, newline, more = head.partition(b"\n")
    if not first.startswith(b"{"):
        return False
    return first.rstrip().endswith(b"}") and bool(more.strip()) if newline else len(head) >= 2**19


SSE = Format(
    "sse", "event stream", (".sse",), looks_like_events, "bodies:read_stream",
    "A streamed answer as `curl -N` writes it.",
)  # fmt: skip
JSON = Format(
    "json", "JSON", (".json",), lambda head: head[:1] in (b"{", b"["), "bodies:read_json",
    "One request, response, chunk or error; or an array of records of any form.",
)  # fmt: skip
LINES = Format(
    "jsonl", "JSON lines", (".jsonl", ".ndjson"), _is_lines, "lines:read",
    "Native lines, bare pairs, single bodies, lines of OpenAI Batch input and output files; one a line.",
)  # fmt: skip
VCR = Format(
    "vcr", "VCR cassette", (".yaml", ".yml"),
    lambda head: head[:1] not in (b"{", b"[") and _VCR_YAML.search(head) is not None, "vcr:read_yaml",
    "YAML of vcrpy, Ruby's VCR, go-vcr, cassetter, langchain-tests, and schemathesis (`--report vcr`).",
)  # fmt: skip
FORMATS = (
    Format(
        "har", "HAR 1.2", (".har",), lambda head: b'"log"' in head and _HAR.match(head) is not None, "har:read",
        "As browsers, proxies and HTTP clients export it, best with the bodies ('with content').",
    ),
    VCR,
    Format(
        "vcr-json", "VCR cassette in JSON", (),
        lambda head: b'interactions"' in head and _VCR_JSON.match(head) is not None, "vcr:read_json",
        "JSON of vcrpy, Ruby's VCR, cassetter and ReqCassette.",
    ),
    Format(
        "test-proxy", "test proxy recording", (), lambda head: _TEST_PROXY.match(head) is not None, "testproxy:read",
        "JSON of the test proxy that the Azure SDKs and OpenAI's .NET library are tested with.",
    ),
    Format(
        "schemathesis", "schemathesis events", (), _is_event,
        "schemathesis:read", "The NDJSON of schemathesis (`--report ndjson`).",
    ),
    Format(
        "flows", "mitmproxy flows", (".flow", ".flows", ".mitm"), lambda head: _FLOWS.match(head) is not None,
        "flows:read", "What `mitmdump -w` writes; needs the extra `mitmproxy`.",
    ),
    SSE, LINES, JSON,
)  # fmt: skip
"""Every format; the first whose `sniff` says yes is taken, then the first that the name ends in."""


def found(head: bytes, name: str) -> Format | None:
    """The format of a file by its first bytes, then by its name; None if it is of no known one."""
    start = head.lstrip(_SPACE)
    by_content = next((form for form in FORMATS if form.sniff(start)), None)
    return by_content or next((form for form in FORMATS if stem(name).endswith(form.suffixes or "\0")), None)


def is_guess(form: Format, head: bytes) -> bool:
    """Whether nothing but its name says that a file is of this format."""
    return not form.sniff(head.lstrip(_SPACE))


def stem(name: str) -> str:
    """The name in small letters, without the ending of a packed file.

    >>> stem("Traffic.HAR.gz")
    'traffic.har'
    """
    name = name.lower()
    return next((name.removesuffix(ending) for ending in PACKED if name.endswith(ending)), name)


def titles() -> str:
    """The titles as one phrase."""
    *rest, last = [form.title for form in FORMATS]
    return f"{', '.join(rest)} and {last}"


def listed() -> str:
    """The formats as lines of a help text."""
    return "\n".join(f"  {form.title:21} {_usual(form)}" for form in FORMATS)


def _usual(form: Format) -> str:
    """The names that files of the format usually have, without marks."""
    return ", ".join(form.suffixes) or "known by its content"


def table() -> str:
    """The formats as rows of Markdown, as `docs/traffic.md` has them."""
    rows = [
        f"| {form.title} | {', '.join(f'`{suffix}`' for suffix in form.suffixes) or '–'} | {form.about} |"
        for form in FORMATS
    ]
    return "\n".join(["| Format | Usual names | What is read |", "| --- | --- | --- |", *rows]) + "\n"
