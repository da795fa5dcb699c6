"""What may be asked of a model, by its name, so that no rule about models is broken."""

from functools import cache
from typing import NamedTuple

from chatcontract import closures, model_names
from chatcontract.model import JSON

USUAL = (
    "gpt-4o", "gpt-5.2", "gpt-4.1-mini", "gpt-5-mini", "o3-mini", "gpt-audio", "gpt-4o-search-preview",
    "gpt-3.5-turbo", "my-org/own-model:latest", "ft:gpt-4o-mini-2024-07-18:acme::a1B2c3",
)  # fmt: skip
"""Models that differ in what they take; the first is the simplest."""
_EFFORTS = ("low", "medium", "high", "minimal", "none", "xhigh", "max")


class Traits(NamedTuple):
    """What a model takes; true where nothing is known against it.

    `speaks`: it must hear sound or be asked for it; `text_images`: it took the URL of an image as plain text;
    `pensive`: it reasons unless told not to, and takes no tools then; `newer`: it is GPT-5.1 or later, and reasons;
    `toolless`: it takes no function tools at all; `latest`: it takes fewer parameters than those before it;
    `predicts`: it takes predicted output;
    `in_memory`: it may cache a prompt in memory only.
    """

    reasons: bool
    stop: bool
    sampling: bool
    effort: bool
    instructions: bool
    images: bool
    sound: bool
    speaks: bool
    searches: bool
    tool_images: bool
    text_images: bool
    parallel: bool
    verbosity: bool
    efforts: tuple[str, ...]
    pensive: bool
    chats: bool
    newer: bool
    toolless: bool
    latest: bool
    predicts: bool
    in_memory: bool


@cache
def traits(model: str) -> Traits:
    """What the model of that name takes."""
    base = model_names.base(model)
    return Traits(
        reasons=model_names.reasons(base),
        stop=model_names.takes_stop(base),
        sampling=model_names.samples_freely(base) and not model_names.is_preview_of_search(base),
        effort=model_names.has_effort(base),
        instructions=model_names.takes_instructions(base),
        images=not model_names.is_blind(base),
        sound=not model_names.is_deaf(base),
        speaks=model_names.speaks(base),
        searches=model_names.searches(base),
        tool_images=not base.startswith("gpt-4o"),
        text_images=base.startswith("gpt-4-vision"),
        parallel=model_names.takes_parallel(base),
        verbosity=model_names.takes_verbosity(base),
        efforts=model_names.efforts(base) or _EFFORTS,
        pensive=model_names.refuses_tools(base, {}),
        chats=model_names.chats(base),
        newer=model_names.generation(base) > 0,
        toolless=not model_names.takes_tools(base)
        or (model_names.refuses_tools(base, {}) and "none" not in (model_names.efforts(base) or _EFFORTS)),
        latest=model_names.is_latest(base),
        predicts=model_names.predicts(base),
        in_memory=model_names.caches_in_memory(base),
    )


@cache
def known() -> tuple[str, ...]:
    """Every model that the document names."""
    request = closures.own().json("document")["components"]["schemas"]["CreateChatCompletionRequest"]
    branches: list[JSON] = request["properties"]["model"]["anyOf"]
    return tuple(name for branch in branches for name in branch.get("enum", ()))
