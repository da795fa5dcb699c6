"""Drift: what changed in shape between two answers to the same request.

Values are compared only where a kind of drift says so; everything else that an answer says is wording. What may
change its type or come and go as well is declared in VOLATILE, with the reason.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Literal, NamedTuple

from chatcontract import outline
from chatcontract.model import Severity
from chatcontract.outline import Facts, Places
from chatcontract.reading import Reading

MAX_DRIFT = 100
"""Entries of one exchange; one more says that there were more."""


class Drift(NamedTuple):
    """One change: its kind, where it is (indices starred), and both sides in words."""

    kind: str
    severity: Severity
    pointer: str
    before: str
    after: str


class Kind(NamedTuple):
    """A kind of drift: its name, what it finds, why one should care.

    `facts` gives what is compared, `of` the answers that have such facts: both must be of these.
    """

    name: str
    summary: str
    why: str
    facts: Callable[[Reading], Facts] | None = None
    of: frozenset[str] = frozenset()
    severity: Severity = Severity.INFO


class Volatile(NamedTuple):
    """Places whose value changes from answer to answer; `also` is what else of them is not compared."""

    pattern: str
    reason: str
    also: Literal["", "null", "integer or number"] = ""


_ALL = frozenset(("response", "stream", "error", "none"))
_SPEAKING = frozenset(("response", "stream"))
_STREAM = frozenset(("stream",))
_ERROR = frozenset(("error",))

_KINDS = (
    Kind("status-changed", "The status is another one.",
         "Clients decide by it whether to read on, to try again or to give up.", outline.status, _ALL),
    Kind("media-type-changed", "The media type is another one.",
         "Clients choose the reader of the body by it.", outline.media_type, _ALL),
    Kind("kind-changed", "A completion became a stream, an error or something else, or the other way round.",
         "Nothing else of such answers can be compared but what both say.", outline.kind, _ALL),
    Kind("member-appeared", "An object has a member that it had not.",
         "Readers that allow no unknown member fail; others may want to use it."),
    Kind("member-vanished", "An object lacks a member that it had.",
         "Clients that read it find nothing."),
    Kind("type-changed", "A value is of another type: a number for an integer, null for a text.",
         "Typed clients fail on it, untyped ones later."),
    Kind("object-changed", "`object` names something else.",
         "Some clients tell chunks and completions by it.", outline.objects, _SPEAKING),
    Kind("choices-changed", "There are more or fewer choices.",
         "The request asks for their number.", outline.choices, _SPEAKING),
    Kind("role-changed", "A choice is of another role.",
         "Clients send the message back as it is.", outline.roles, _SPEAKING),
    Kind("finish-reason-changed", "A choice ended for another reason.",
         "Clients branch on it: call tools, go on, or warn.", outline.finishes, _SPEAKING),
    Kind("tool-calls-changed", "Other tools are called, or the same more or less often.",
         "The next step of an agent depends on it; their arguments are wording.", outline.calls, _SPEAKING),
    Kind("stream-length-changed", "A stream has none, one or many chunks where it was otherwise.",
         "One chunk means that the answer is no longer streamed, none that it is lost.",
         outline.stream_length, _STREAM),
    Kind("stream-role-changed", "The role is told in another delta, in several of them or in none.",
         "Clients that add up texts make `assistantassistant` of a repeated role.", outline.stream_role, _STREAM),
    Kind("stream-usage-changed", "Usage is told elsewhere in the stream, or no longer.",
         "Cost accounting reads it from a last chunk without choices.", outline.stream_usage, _STREAM),
    Kind("stream-choices-changed", "Chunks have several choices where they had one, or the other way round.",
         "Clients that read only the first choice of a chunk lose the others.", outline.stream_choices, _STREAM),
    Kind("stream-end-changed", "`[DONE]` ends the stream, or no longer does.",
         "Some clients wait for it until the connection ends.", outline.stream_end, _STREAM),
    Kind("stream-error-changed", "The stream reports an error, or no longer does.",
         "The answer before it is not whole.", outline.stream_failure, _STREAM),
    Kind("error-type-changed", "An error is of another type.",
         "Clients choose the exception by it.", outline.error_type, _ERROR),
    Kind("error-code-changed", "An error has another code.",
         "Clients choose by it what to tell the user, and whether to try again.", outline.error_code, _ERROR),
    Kind("more-drift", "There is more than is listed.",
         "The answers have little in common; look at both in the journal and in the recording."),
)  # fmt: skip
KINDS: Mapping[str, Kind] = {known.name: known for known in _KINDS}
"""Every kind of drift by its name."""

VOLATILE = (
    Volatile("/id", "every answer has its own"),
    Volatile("/created", "the time of the answer"),
    Volatile("/model", "names the snapshot that answered; --model asks another one on purpose"),
    Volatile("/system_fingerprint", "names the backend that happened to answer, if it tells one", "null"),
    Volatile("/service_tier", "the tier that happened to be free, if it tells one", "null"),
    Volatile("/obfuscation", "padding of random length"),
    Volatile("/usage/*", "tokens are counted; how many depends on the text"),
    Volatile("/choices/*/message/content", "the text"),
    Volatile("/choices/*/message/refusal", "the text"),
    Volatile("/choices/*/message/reasoning*", "the text"),
    Volatile("/choices/*/message/annotations/*", "places of the text, and what it cites"),
    Volatile("/choices/*/message/audio/*", "the sound, its id and its time"),
    Volatile("/choices/*/message/tool_calls/*/id", "every call has its own"),
    Volatile("/choices/*/message/tool_calls/*/arguments", "wording; that it is JSON is for the rules"),
    Volatile("/choices/*/message/tool_calls/*/input", "wording"),
    Volatile("/choices/*/message/function_call/arguments", "wording; that it is JSON is for the rules"),
    Volatile("/choices/*/logprobs/*/token", "a piece of the text"),
    Volatile("/choices/*/logprobs/*/bytes", "a piece of the text; null for tokens that are none", "null"),
    Volatile("/choices/*/logprobs/*/bytes/*", "a piece of the text"),
    Volatile("/choices/*/logprobs/*/logprob", "measured anew, and at times exactly 0", "integer or number"),
    Volatile("/error/message", "a sentence for people"),
)
"""What is not compared, by pointers with indices starred; `message` stands for `delta` too, `*` for any depth."""


def compare(before: Reading, after: Reading, levels: Mapping[str, Severity | None] | None = None) -> list[Drift]:
    """What changed in shape from one answer to the other, in the order of KINDS.

    Args:
        before: the recorded exchange; an answer that was not recorded has no drift.
        after: the new one.
        levels: other severities of kinds; None leaves a kind out.

    >>> from chatcontract.examples import response
    >>> old, new = response(), response({"/choices/0/finish_reason": "length"})
    >>> [(one.kind, one.before, one.after) for one in compare(Reading(old.exchange()), Reading(new.exchange()))]
    [('finish-reason-changed', '"stop"', '"length"')]
    """
    if before.exchange.response is None or before.kind == "none":
        return []
    table = {known.name: known.severity for known in _KINDS} | dict(levels or {})
    found: list[Drift] = []
    for name, pointer, old, new in _changes(before, after):
        severity = table[name]
        if severity is not None:
            found.append(Drift(name, severity, pointer, old, new))
    order = list(KINDS)
    found.sort(key=lambda one: (order.index(one.kind), one.pointer))
    return found[:MAX_DRIFT] + list(_rest(found, table["more-drift"]))


_Change = tuple[str, str, str, str]


def _rest(found: list[Drift], severity: Severity | None) -> Iterator[Drift]:
    if len(found) > MAX_DRIFT and severity is not None:
        yield Drift("more-drift", severity, "", f"{MAX_DRIFT} changes are listed", f"{len(found)} were found")


def _changes(before: Reading, after: Reading) -> Iterator[_Change]:
    for known in _KINDS:
        if known.facts is not None and {before.kind, after.kind} <= known.of:
            yield from _differing(known.name, known.facts(before), known.facts(after))
    if outline.form(before) == outline.form(after):
        yield from _of_members(outline.places(before), outline.places(after))


def _differing(name: str, old: Facts, new: Facts) -> Iterator[_Change]:
    for pointer, was in old.items():
        now = new.get(pointer)
        if was is not None and now is not None and was != now:
            yield name, pointer, was, now


def _of_members(old: Places, new: Places) -> Iterator[_Change]:
    if max(len(old), len(new)) >= outline.MAX_PLACES:
        told = f"only {outline.MAX_PLACES} different places of an answer are compared"
        yield "more-drift", "", told, told
    for pointer in {**old, **new}:
        was, now = old.get(pointer), new.get(pointer)
        if was is not None and now is not None:
            if not _alike(pointer, was, now):
                yield "type-changed", pointer, _words(was), _words(now)
        elif _is_member_of_both(pointer, old, new):
            if now is None:
                yield "member-vanished", pointer, _words(was or ()), "absent"
            elif was is None:
                yield "member-appeared", pointer, "absent", _words(now)


def _is_member_of_both(pointer: str, old: Places, new: Places) -> bool:
    """Whether both answers have the object that the member belongs to; items come and go with the text."""
    parent, _, name = pointer.rpartition("/")
    return name != "*" and all("object" in side.get(parent, ()) for side in (old, new))


def _words(types: Iterable[str]) -> str:
    return " or ".join(sorted(types))


def _alike(pointer: str, was: set[str], now: set[str]) -> bool:
    if was == now:
        return True
    also = _also(pointer)
    if also == "null":
        was, now = was - {"null"}, now - {"null"}
        return was == now or not was or not now
    if also:
        was, now = ({"number" if name == "integer" else name for name in side} for side in (was, now))
    return was == now


@lru_cache(4096)
def _also(pointer: str) -> str:
    pointer = pointer.replace("/delta/", "/message/", 1)
    return next((known.also for known in VOLATILE if known.also and fnmatchcase(pointer, known.pattern)), "")


def severities(pairs: Iterable[tuple[str, str]]) -> dict[str, Severity | None]:
    """Levels by kind from `KIND=LEVEL` pairs; `all` is every kind, `ignore` leaves one out.

    Raises:
        ValueError: there is no such kind or level.

    >>> severities([("all", "ignore"), ("status-changed", "error")])["status-changed"]
    <Severity.ERROR: 'error'>
    """
    found: dict[str, Severity | None] = {}
    for name, level in pairs:
        if name != "all" and name not in KINDS:
            raise ValueError(f"no kind of drift is called {name!r}; there are all, {', '.join(KINDS)}")
        if level not in (*(known.value for known in Severity), "ignore"):
            raise ValueError(f"{level!r} for {name} is no severity; there are error, warning, info and ignore")
        chosen = None if level == "ignore" else Severity(level)
        found |= dict.fromkeys(KINDS if name == "all" else (name,), chosen)
    return found
