"""Fragments of tool calls, at odd places and of both kinds."""

from typing import Any

import pytest

from chatcontract import Contract
from chatcontract.examples import chunk, events
from chatcontract.model import Violation

CONTRACT = Contract.load(select=["CC64", "CC65"])


def fragment(index: Any = 0, kind: str = "function", text: str = "{}", **members: Any) -> dict[str, Any]:
    key = "arguments" if kind == "function" else "input"
    body = {key: text}
    if "name" in members:
        body["name"] = members.pop("name")
    return {"index": index, **members, kind: body}


def opened(index: Any = 0, ident: Any = "call_1", name: Any = "f", kind: str = "function") -> dict[str, Any]:
    return fragment(index, kind, "", id=ident, type=kind, name=name)


def found(*fragments: Any, choice: int = 0) -> list[Violation]:
    """The findings for fragments that come in a chunk each, in the choice of that index."""
    chunks = [chunk({"role": "assistant", "content": None}, index=at) for at in range(choice + 1)]
    chunks += [chunk({"tool_calls": [one]}, index=choice) for one in fragments]
    chunks += [chunk(finish="tool_calls", index=at) for at in range(choice + 1)]
    return list(CONTRACT.check_stream(events([*chunks, "[DONE]"])))


def names(*fragments: Any, choice: int = 0) -> list[str]:
    return [violation.name for violation in found(*fragments, choice=choice)]


@pytest.mark.parametrize("kind", ["function", "custom"])
def test_calls_one_after_another_are_right(kind: str) -> None:
    first, second = opened(kind=kind), opened(1, "call_2", kind=kind)
    assert not names(first, fragment(kind=kind), second, fragment(1, kind))
    assert not names(first, second, fragment(1, kind), fragment(0, kind))


@pytest.mark.parametrize("kind", ["function", "custom"])
@pytest.mark.parametrize("choice", [0, 1])
def test_calls_that_all_have_index_zero_are_found(kind: str, choice: int) -> None:
    calls = [opened(0, f"call_{number}", kind=kind) for number in range(3)]
    assert names(*calls, choice=choice) == ["fragment-index-reused"]


def test_a_third_call_that_skips_an_index_is_found() -> None:
    (violation,) = found(opened(), opened(1, "call_2"), opened(3, "call_3"))
    assert violation.name == "fragment-index-gap"
    assert violation.message.endswith("3")


@pytest.mark.parametrize(
    ("member", "name"),
    [("id", "fragment-without-id"), ("type", "fragment-without-type")],
)
def test_a_member_that_the_first_fragment_lacks_is_found_for_each_call(member: str, name: str) -> None:
    calls = [opened(), opened(1, "call_2")]
    for call in calls:
        del call[member]
    assert names(*calls) == [name, name]


@pytest.mark.parametrize("name", ["", None])
def test_a_first_fragment_without_a_usable_name_is_found(name: Any) -> None:
    assert names(opened(name=name)) == ["fragment-without-name"]


@pytest.mark.parametrize("ident", [5, {}, []])
def test_an_id_of_another_type_is_left_to_the_schema(ident: Any) -> None:
    assert not names(opened(ident=ident))


def test_a_late_id_and_a_late_name_are_told_by_the_first_fragment() -> None:
    late = fragment(id="call_1", name="f")
    assert names(fragment(text="", type="function"), late) == ["fragment-without-id", "fragment-without-name"]


@pytest.mark.parametrize(
    ("members", "name"),
    [
        ({"id": ""}, "fragment-id-blank"),
        ({"name": ""}, "fragment-name-blank"),
        ({"id": "call_1"}, "fragment-id-repeated"),
        ({"name": "f"}, "fragment-name-repeated"),
        ({"id": "call_9"}, "fragment-id-changed"),
        ({"name": "g"}, "fragment-name-changed"),
    ],
)
@pytest.mark.parametrize("kind", ["function", "custom"])
def test_what_a_later_fragment_should_not_say_is_found_once_a_call(members: Any, name: str, kind: str) -> None:
    later = fragment(kind=kind, text=" ", **members)
    assert names(opened(kind=kind), later, later, later) == [name]


@pytest.mark.parametrize("members", [{"id": None}, {"name": None}, {"type": "function"}])
def test_null_and_a_repeated_type_are_no_matter_of_order(members: Any) -> None:
    assert not names(opened(), fragment(**members))


def test_the_older_function_call_is_held_to_its_name_as_well() -> None:
    deltas = [{"role": "assistant", "content": None, "function_call": {"arguments": "{}"}}]
    chunks = [chunk(delta) for delta in deltas] + [chunk(finish="function_call")]
    found_names = [violation.name for violation in CONTRACT.check_stream(events([*chunks, "[DONE]"]))]
    assert found_names == ["fragment-without-name"]
