"""Usage (CC5): cases beyond the rules' own examples."""

from typing import Any

import pytest

from chatcontract import Contract
from chatcontract.examples import Changes, chunk, response, usage_chunk
from chatcontract.model import Severity

CONTRACT = Contract.load(select=["CC5"])


def using(prompt: Any, completion: Any, total: Any, **details: Any) -> Changes:
    counts = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": total}
    return {"/usage": {**counts, **details}}


def found(changes: Changes, request: Changes | None = None) -> dict[str, list[str]]:
    """Pointers by name of rule."""
    pointers: dict[str, list[str]] = {}
    for violation in CONTRACT.check(response(changes, request=request).exchange()):
        pointers.setdefault(violation.name, []).append(violation.pointer)
    return pointers


@pytest.mark.parametrize("total", [0, 16, 18, 10**30])
def test_a_total_that_is_not_the_sum_is_found(total: int) -> None:
    assert found(using(14, 3, total))["usage-total-mismatch"] == ["/usage/total_tokens"]


@pytest.mark.parametrize("usage", [None, {}, [], "17", {"total_tokens": 17}, {"prompt_tokens": "14"}])
def test_counts_that_are_missing_or_of_another_type_are_left_to_the_schema(usage: Any) -> None:
    assert not found({"/usage": usage})


def test_sums_are_right_whatever_the_spelling_of_the_numbers() -> None:
    assert set(found(using(14.0, 3, 17))) == {"token-count-written-as-float"}


@pytest.mark.parametrize(
    ("part", "name"),
    [
        ("cached_tokens", "prompt"),
        ("cache_write_tokens", "prompt"),
        ("image_tokens", "prompt"),
        ("a/b_tokens", "prompt"),
        ("reasoning_tokens", "completion"),
        ("accepted_prediction_tokens", "completion"),
        ("audio_tokens", "completion"),
    ],
)
def test_no_part_may_be_larger_than_its_whole(part: str, name: str) -> None:
    names = found(using(14, 3, 17, **{f"{name}_tokens_details": {part: 15}}))
    pointer = f"/usage/{name}_tokens_details/{part.replace('/', '~1')}"
    assert names[f"{name}-details-exceed-{name}"] == [pointer]


def test_a_part_that_is_too_large_does_not_make_the_sum_too_large_as_well() -> None:
    names = found(using(14, 3, 17, completion_tokens_details={"reasoning_tokens": 9, "text_tokens": 3}))
    assert list(names) == ["completion-details-exceed-completion"]


def test_reasoning_may_be_counted_in_text_and_cache_in_everything() -> None:
    details = {
        "completion_tokens_details": {"reasoning_tokens": 3, "text_tokens": 3, "audio_tokens": 0},
        "prompt_tokens_details": {"cached_tokens": 14, "text_tokens": 14},
    }
    assert not found(using(14, 3, 17, **details))


def test_third_parties_are_warned_of_details() -> None:
    lenient = Contract.load(profile="compatible", select=["CC503", "CC504"])
    changes = using(14, 3, 17, completion_tokens_details={"reasoning_tokens": 9})
    assert [v.severity for v in lenient.check(response(changes).exchange())] == [Severity.WARNING]


@pytest.mark.parametrize(
    ("request_", "above"),
    [
        ({"/max_completion_tokens": 2}, True),
        ({"/max_completion_tokens": 3, "/max_tokens": 1}, False),
        ({"/max_completion_tokens": None, "/max_tokens": 2}, True),
        ({"/max_tokens": "2"}, False),
        ({"/max_tokens": 0}, False),
        ({}, False),
    ],
)
def test_the_limit_of_the_request_bounds_the_tokens(request_: Changes, above: bool) -> None:
    assert ("completion-tokens-above-limit" in found({}, request_)) is above


def test_every_choice_has_a_limit_of_its_own() -> None:
    second = {
        "index": 1,
        "message": {"role": "assistant", "content": "4", "refusal": None},
        "finish_reason": "stop",
    }
    assert not found({"/choices/-": second, **using(14, 4, 18)}, {"/n": 2, "/max_completion_tokens": 2})


def test_zeros_count_in_a_whole_stream_and_not_in_one_that_an_error_ended() -> None:
    zeros = usage_chunk({"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0})
    chunks = [chunk({"role": "assistant", "content": "4"}), chunk(finish="stop"), zeros, "[DONE]"]
    names = {violation.name for violation in CONTRACT.check_stream(chunks)}
    assert names == {"prompt-tokens-zero", "completion-tokens-zero"}
    chunks.insert(1, {"error": {"message": "no", "type": "server_error", "param": None, "code": None}})
    assert not CONTRACT.check_stream(chunks)


def test_a_stream_without_usage_is_fine() -> None:
    chunks = [chunk({"role": "assistant", "content": "4"}), chunk(finish="stop"), "[DONE]"]
    assert not CONTRACT.check_stream(chunks)


@pytest.mark.parametrize(
    ("total", "details", "severity"),
    [
        (135, {"completion_tokens_details": {"reasoning_tokens": 94}}, Severity.WARNING),
        (135, {}, Severity.WARNING),
        (135, {"completion_tokens_details": {"reasoning_tokens": 90}}, Severity.ERROR),
        (135, {"completion_tokens_details": {}}, Severity.ERROR),
        (40, {}, Severity.ERROR),
    ],
)
def test_reasoning_counted_apart_is_a_warning_for_other_servers(total: int, details: Any, severity: Severity) -> None:
    example = response(using(32, 9, total, **details))
    for profile, wanted in (("compatible", severity), ("openai", Severity.ERROR)):
        contract = Contract.load(profile=profile, select=["CC501"])  # type: ignore[arg-type]
        assert [v.severity for v in contract.check(example.exchange())] == [wanted]


@pytest.mark.parametrize(("tokens", "length", "found_it"), [(1, 128, False), (1, 129, True), (0, 500, False)])
def test_text_that_no_tokens_can_hold_is_found(tokens: int, length: int, found_it: bool) -> None:
    names = found({"/choices/0/message/content": "x" * length, **using(14, tokens, 14 + tokens)})
    assert ("completion-tokens-below-text" in names) is found_it


def test_sound_is_not_asked_for_where_nothing_may_hold_it() -> None:
    sound = using(14, 3, 17, prompt_tokens_details={"audio_tokens": 4})
    part = {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}}
    assert "tokens-not-asked-for" in found(sound, {})
    assert "tokens-not-asked-for" not in found(sound, {"/messages/0/content": [part]})
    assert "tokens-not-asked-for" not in found(sound, {"/modalities": ["text", "audio"]})
