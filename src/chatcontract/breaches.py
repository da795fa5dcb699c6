"""What can be wrong with the order of a stream's chunks: the tags, and how they are told."""

from collections.abc import Mapping
from typing import NamedTuple

from chatcontract.model import JSON


class Breach(NamedTuple):
    """A place where a sequence of chunks stops to be one answer; how grave that is, the rules say.

    `tag` is one of `BREACHES`; `pointer` (RFC 6901) leads into the chunk at hand, or, when it comes from
    `Folder.close`, into the completion; `value` is what was met, raw.
    """

    tag: str
    pointer: str
    message: str
    value: JSON = None


BREACHES: Mapping[str, str] = {
    "audio-after-expiry": "audio goes on after its `expires_at`",
    "audio-before-id": "audio begins before its `id` was told",
    "audio-id-changed": "the `id` of the audio differs from the one told before",
    "choice-begun-late": "a choice begins after all choices before it have ended",
    "choice-index-float": "the `index` of a choice is a whole number with a fraction",
    "choice-index-gap": "the indices of the choices aren't 0, 1, 2 …",
    "choice-index-late": "a choice begins after one with a higher index",
    "choice-index-twice": "two entries of one chunk have the same `index`",
    "choices-empty": "`choices` is empty in a chunk that has neither usage nor moderation",
    "choices-together": "one chunk has pieces of several choices",
    "chunk-after-usage": "a chunk without usage follows the one that had it",
    "content-after-finish": "a choice goes on after its `finish_reason`",
    "content-again": "the last delta repeats the whole text",
    "content-and-refusal": "a choice has both content and a refusal",
    "content-cumulative": "each delta begins with the text of all before it",
    "created-changed": "`created` differs from that of the first chunk",
    "delta-list-unindexed": "pieces of a list have entries without an `index`",
    "error-hollow": "`error` is null or empty beside choices, where it should be absent",
    "finish-blank": "`finish_reason` is an empty string",
    "finish-contradicted": "a choice has a second `finish_reason`, which is another one",
    "finish-missing": "the stream ends without a `finish_reason` for the choice",
    "finish-repeated": "a choice has its `finish_reason` a second time",
    "id-changed": "`id` differs from that of the first chunk",
    "logprobs-missing": "some of the content comes with logprobs, some without",
    "message-in-chunk": "a choice of a chunk has a `message`, as an answer that is not streamed has",
    "model-changed": "`model` differs from that of the first chunk",
    "no-choices": "no chunk of the stream has a choice",
    "object-changed": "`object` differs from that of the first chunk",
    "role-late": "the role comes in a later delta than the first",
    "role-missing": "the first delta of a choice has no role",
    "role-not-assistant": "the role isn't `assistant`",
    "role-null": "the role is null or empty",
    "role-repeated": "the role is told again",
    "service-tier-changed": "`service_tier` differs from that of the chunks before",
    "system-fingerprint-changed": "`system_fingerprint` differs from that of the first chunk",
    "tool-arguments-again": "the last piece of the arguments tells all of them, and pieces of it came before",
    "tool-arguments-not-text": "a piece of the arguments isn't a string",
    "tool-arguments-null": "a piece of the arguments is null",
    "tool-body-missing": "a later fragment of a tool call has neither `function` nor `custom`",
    "tool-call-after-finish": "a tool call goes on after the choice's `finish_reason`",
    "tool-calls-empty": "`tool_calls` is an empty list",
    "tool-calls-interleaved": "a tool call goes on after another one has begun",
    "tool-calls-together": "one delta has fragments of several tool calls",
    "tool-custom-without-input": "no fragment of a custom call has an `input`",
    "tool-first-without-id": "the first fragment of a tool call has no `id`",
    "tool-first-without-name": "the first fragment of a tool call has no name",
    "tool-first-without-type": "the first fragment of a tool call has no `type`",
    "tool-fragments-together": "one delta has several fragments of the same tool call",
    "tool-id-blank": "a later fragment of a tool call has an `id` that is null or empty",
    "tool-id-changed": "a later fragment of a tool call has another `id`",
    "tool-id-late": "the `id` of a tool call comes in a later fragment than the first",
    "tool-id-repeated": "a later fragment of a tool call tells its `id` again",
    "tool-index-float": "the `index` of a fragment is a whole number with a fraction",
    "tool-index-gap": "the indices of the tool calls don't begin at 0 and go up by one",
    "tool-index-missing": "a fragment of a tool call has no `index`",
    "tool-index-reused": "a new tool call begins at the index of another",
    "tool-kind-contradicted": "the type of a tool call and its members contradict each other",
    "tool-name-blank": "a later fragment of a tool call has a name that is null or empty",
    "tool-name-changed": "a later fragment of a tool call has another name",
    "tool-name-late": "the name of a tool call comes in a later fragment than the first",
    "tool-name-repeated": "a later fragment of a tool call tells its name again",
    "usage-repeated": "a second chunk has usage",
    "usage-with-choices": "usage stands on a chunk that has choices",
}
"""Every tag with what it means, as the start of a message."""


class Subject:
    """Something of which each kind of breach is told once: the stream, a choice, a tool call."""

    __slots__ = ("found", "told")

    def __init__(self, found: list[Breach]) -> None:
        self.found = found
        self.told: set[str] = set()

    def tell(self, tag: str, pointer: str, value: JSON = None, detail: str = "") -> None:
        """Note a breach, unless one with its tag was noted of this subject; `detail` ends the message."""
        if tag not in self.told:
            self.told.add(tag)
            self.found.append(Breach(tag, pointer, BREACHES[tag] + detail, value))
