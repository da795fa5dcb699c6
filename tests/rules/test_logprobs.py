"""Log probabilities (CC35, CC36): cases beyond the rules' own examples."""

from typing import Any

import pytest

from chatcontract import Contract
from chatcontract.examples import Changes, chunk, logged, response, token

CONTRACT = Contract.load(select=["CC35", "CC36"])
ASKED = {"/logprobs": True}


def found(changes: Changes, request: Changes | None = None) -> dict[str, list[str]]:
    """Pointers by name of rule."""
    pointers: dict[str, list[str]] = {}
    for violation in CONTRACT.check(response(changes, request=request).exchange()):
        pointers.setdefault(violation.name, []).append(violation.pointer)
    return pointers


def test_good_log_probabilities_give_nothing() -> None:
    good = logged(token("Four", -0.1, {"Four": -0.1, "4": -2.0}), token(".", 0.0, {".": 0.0, "!": -9999.0}))
    assert not found(good, {**ASKED, "/top_logprobs": 2})


@pytest.mark.parametrize("logprobs", [None, {}, {"content": None, "refusal": None}, {"content": [], "refusal": []}])
def test_a_text_without_any_of_the_forms_of_log_probabilities_misses_them(logprobs: Any) -> None:
    assert found({"/choices/0/logprobs": logprobs}, ASKED)["logprobs-missing"] == ["/choices/0/logprobs"]


def test_a_refusal_has_log_probabilities_of_its_own() -> None:
    refused = {"/choices/0/message/content": None, "/choices/0/message/refusal": "No."}
    assert "logprobs-missing" in found({**refused, **logged(token("No."))}, ASKED)
    own = {"/choices/0/logprobs": {"content": None, "refusal": [token("No.")]}}
    assert not found({**refused, **own}, ASKED)


@pytest.mark.parametrize("asked", [False, None, "true", 1])
def test_only_true_asks_for_log_probabilities(asked: Any) -> None:
    assert "logprobs-missing" not in found({}, {"/logprobs": asked})


@pytest.mark.parametrize("value", [1, 0.001, 1e300, float("inf")])
def test_positive_values_are_found_among_rivals_too(value: float) -> None:
    entry = token("Four", -0.1)
    entry["top_logprobs"] = [{"token": "4", "logprob": value, "bytes": None}]
    changes = logged(token("."), entry)
    assert found(changes)["logprob-positive"] == ["/choices/0/logprobs/content/1/top_logprobs/0/logprob"]


@pytest.mark.parametrize("value", ["1", None, True, [1], 10**400])
def test_values_that_are_no_usable_numbers_are_left_to_the_schema(value: Any) -> None:
    assert not {"logprob-positive", "logprob-sentinel"} & set(found(logged({**token("Four."), "logprob": value})))


@pytest.mark.parametrize("value", [-1e30, -10000, float("-inf")])
def test_stand_ins_below_the_documented_one_are_found(value: float) -> None:
    assert "logprob-sentinel" in found(logged(token("Four.", value)))


def test_every_step_up_in_the_list_is_named() -> None:
    entry = token("Four.", -3, {"a": -3, "b": -1, "Four.": -3, "d": -2})
    assert found(logged(entry))["top-logprobs-unsorted"] == [
        "/choices/0/logprobs/content/0/top_logprobs/1/logprob",
        "/choices/0/logprobs/content/0/top_logprobs/3/logprob",
    ]


@pytest.mark.parametrize(
    ("wanted", "rivals", "wrong"),
    [(2, 2, False), (3, 2, False), (1, 2, True), (0, 2, True), (5, 0, True), (0, 0, False)],
)
def test_fewer_rivals_are_fine_more_or_none_are_not(wanted: int, rivals: int, wrong: bool) -> None:
    listed = {f"t{number}": -1.0 - number for number in range(rivals)}
    names = found(logged(token("Four.", -1.0, listed)), {**ASKED, "/top_logprobs": wanted})
    assert ("top-logprobs-count" in names) is wrong


@pytest.mark.parametrize(
    ("text", "data", "wrong"),
    [
        ("ä", [195, 164], False),
        ("ä", [228], False),
        ("a", [98], True),
        ("", [], False),
        ("a", [97, 97], True),
        ("\\xc3", [195], False),
        ("a", None, False),
        ("a", [300], False),
        ("a", ["a"], False),
    ],
)
def test_bytes_are_held_against_their_token(text: str, data: Any, wrong: bool) -> None:
    assert ("token-bytes-mismatch" in found(logged({**token(text), "bytes": data}))) is wrong


def test_a_character_cut_into_two_tokens_adds_up() -> None:
    pieces = [{**token("\\xc3"), "bytes": [195]}, {**token("\\xa4"), "bytes": [164]}]
    assert not found({"/choices/0/message/content": "ä", **logged(*pieces)})


def test_tokens_without_bytes_are_added_up_by_their_text() -> None:
    pieces = [{**token("Four"), "bytes": None}, {**token("!"), "bytes": None}]
    assert "logprobs-of-other-text" in found(logged(*pieces))


def test_entries_of_another_type_are_left_to_the_schema() -> None:
    assert not found(logged(7, "Four.", None))


@pytest.mark.parametrize("member", ["token_logprobs", "text_offset"])
def test_the_shape_of_text_completions_is_named(member: str) -> None:
    changes = {"/choices/0/logprobs": {"content": None, "refusal": None, member: []}}
    assert found(changes)["logprobs-of-legacy-shape"] == ["/choices/0/logprobs"]


def test_log_probabilities_of_a_stream_are_judged_by_what_they_add_up_to() -> None:
    first, last = chunk({"role": "assistant", "content": "Four"}), chunk({"content": "."})
    first["choices"][0]["logprobs"] = {"content": [token("Four")], "refusal": None}
    last["choices"][0]["logprobs"] = {"content": [token("!", 0.5)], "refusal": None}
    names = {v.name: v.pointer for v in CONTRACT.check_stream([first, last, chunk(finish="stop"), "[DONE]"])}
    assert names == {
        "logprob-positive": "/choices/0/logprobs/content/1/logprob",
        "logprobs-of-other-text": "/choices/0/logprobs/content",
    }


@pytest.mark.parametrize(
    ("rivals", "found_it"),
    [
        ({"Four": -0.1, "4": -0.2}, True),
        ({"Four": -0.1, "4": -2.5}, False),
        ({"4": -0.05, "!": -3.5, "Four": -0.1}, False),
        ({"Four": -0.1, "4": -9999.0, "!": -9999.0}, False),
        ({"Four": -0.1, "4": 0.2}, False),
        ({"Four": -0.1}, False),
        ({}, False),
    ],
)
def test_probabilities_of_one_place_add_up_to_one_at_most(rivals: dict[str, float], found_it: bool) -> None:
    names = found(logged(token("Four", -0.1, rivals), token(".")))
    assert ("top-logprobs-exceed-certainty" in names) is found_it


def test_a_token_that_is_listed_twice_proves_nothing() -> None:
    twice = [{"token": "Four", "logprob": -0.1, "bytes": None}] * 3
    assert "top-logprobs-exceed-certainty" not in found(logged({**token("Four"), "top_logprobs": twice}, token(".")))
