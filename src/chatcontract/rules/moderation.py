"""Moderation (CC31): the verdicts, there when asked for, and of one mind."""

from collections.abc import Iterator

from chatcontract.completeness import is_complete
from chatcontract.declare import SpecView, rule
from chatcontract.examples import Changes, response
from chatcontract.model import JSON, Basis, Finding, Part, Severity
from chatcontract.pointer import escape
from chatcontract.reading import Reading, items, members
from chatcontract.redact import short

_API = "https://developers.openai.com/api/reference/resources/chat/subresources/completions/methods/create"
_MODERATION = "#/components/schemas/CreateChatCompletionResponse/properties/moderation"
_RESULT = "#/components/schemas/ModerationResultBody/properties"
_ASKED = {"/moderation": {"model": "omni-moderation-latest"}}
_FAILED = {"type": "error", "code": "unavailable", "message": "Try again."}


def _verdict(score: float = 0.01, found: bool = False, flagged: bool = False, model: str = "omni") -> Changes:
    result = {
        "type": "moderation_result", "model": model, "flagged": flagged, "categories": {"violence": found},
        "category_scores": {"violence": score}, "category_applied_input_types": {"violence": ["text"]},
    }  # fmt: skip
    side = {"type": "moderation_results", "model": model, "results": [result]}
    return {"/moderation": {"input": side, "output": _FAILED}}


_GOOD = _verdict(model="omni-moderation-2024-09-26")


def _outcomes(reading: Reading) -> Iterator[tuple[str, dict[str, JSON]]]:
    """Pointer and outcome of each side that has verdicts."""
    moderation = members(reading.completion.get("moderation"))
    for side in ("input", "output"):
        outcome = members(moderation.get(side))
        if outcome.get("type") != "error":
            yield f"/moderation/{side}", outcome


def _results(reading: Reading) -> Iterator[tuple[str, dict[str, JSON]]]:
    for pointer, outcome in _outcomes(reading):
        for number, result in enumerate(items(outcome.get("results"))):
            if isinstance(result, dict):
                yield f"{pointer}/results/{number}", result


@rule(
    "CC312",
    anchor=_MODERATION,
    part=Part.RESPONSE,
    severity=Severity.WARNING,
    basis=Basis.DOCUMENTED,
    source=_API,
    since="0.1",
    needs=("/moderation",),
    passes=[response(_GOOD, request=_ASKED), response(request={"/moderation": None}), response(request={})],
    fails=[response(request=_ASKED), response({"/moderation": None}, request=_ASKED)],
    compatible=Severity.INFO,
)
def moderation_missing(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """A moderation verdict is asked for, and none comes.

    ## Why it matters
    Who asks for it takes an answer without a verdict for a harmless one.

    ## Known exceptions
    A moderation that failed is told as an outcome of type `error`.
    """
    wanted = isinstance(reading.asked.get("moderation"), dict)
    if wanted and reading.choices and reading.completion.get("moderation") is None and is_complete(reading):
        yield Finding("", 'expected "moderation", since the request asks for it, got none')


@rule(
    "CC313",
    anchor=f"{_RESULT}/category_scores",
    part=Part.RESPONSE,
    severity=Severity.WARNING,
    basis=Basis.DOCUMENTED,
    source="https://developers.openai.com/api/docs/guides/moderation",
    since="0.1",
    needs=("moderation",),
    passes=[response(_GOOD), response(_verdict(0.9, found=True, flagged=True)), response(_verdict(1))],
    fails=[
        response(_verdict(1.5)),
        response(_verdict(-0.1)),
        response(_verdict(found=True)),
        response(_verdict(flagged=True)),
    ],
)
def moderation_contradictory(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """A moderation verdict contradicts itself, or has a score outside of 0 to 1.

    ## Why it matters
    Some callers look at `flagged`, others at the categories, others compare the scores with thresholds of their own.

    ## Known exceptions
    None known.
    """
    for pointer, result in _results(reading):
        flagged, categories = result.get("flagged"), members(result.get("categories"))
        if isinstance(flagged, bool) and flagged is not any(met is True for met in categories.values()):
            wanted = "a category that is true" if flagged else "no category that is true"
            yield Finding(f"{pointer}/flagged", f"expected {wanted} where flagged is {short(flagged)}", flagged)
        for name, score in members(result.get("category_scores")).items():
            if isinstance(score, int | float) and not isinstance(score, bool) and not 0 <= score <= 1:
                place = f"{pointer}/category_scores/{escape(name)}"
                yield Finding(place, f"expected a score from 0 to 1, got {short(score)}", score)


@rule(
    "CC314",
    anchor="#/components/schemas/ModerationParam/properties/model",
    part=Part.RESPONSE,
    severity=Severity.INFO,
    basis=Basis.DOCUMENTED,
    source=_API,
    since="0.1",
    needs=("/moderation", "moderation"),
    passes=[response(_GOOD, request=_ASKED), response(_GOOD)],
    fails=[response(_verdict(model="text-moderation-007"), request=_ASKED)],
)
def moderation_by_other_model(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The verdict comes from another moderation model than the one asked for.

    ## Why it matters
    Models have other categories, and thresholds are set for one of them.

    ## Known exceptions
    A name that ends in `-latest` stands for the snapshots of its model.
    """
    asked = members(reading.asked.get("moderation")).get("model")
    for pointer, outcome in _outcomes(reading):
        model = outcome.get("model")
        if isinstance(asked, str) and isinstance(model, str) and not model.startswith(asked.removesuffix("-latest")):
            text = f"expected {short(asked, 60)} or a snapshot of it, got {short(model, 60)}"
            yield Finding(f"{pointer}/model", text, model)
