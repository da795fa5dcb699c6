"""Where the value of a pointer stands in a JSON text."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatcontract.jsontext import walk
from chatcontract.spans import locate

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=20,
)


@given(values, st.sampled_from([None, 1]))
def test_every_value_is_found_at_its_place(value: object, indent: int | None) -> None:
    text = json.dumps(value, indent=indent)
    for tokens, node in walk(value):
        span = locate(text, list(map(str, tokens)))
        assert span is not None
        assert not span.absent
        shown = text[span.start : span.end]
        named = bool(tokens) and isinstance(tokens[-1], str)
        assert json.loads("{" + shown + "}") == {tokens[-1]: node} if named else json.loads(shown) == node


@given(st.text(alphabet='{}[]",:a1 \\\n'), st.lists(st.sampled_from(["a", "0", "1", ""]), max_size=4))
def test_no_text_makes_it_raise_or_leave_the_text(text: str, tokens: list[str]) -> None:
    span = locate(text, tokens)
    assert span is None or 0 <= span.start <= span.end <= len(text)


def test_of_a_repeated_member_the_last_one_is_found() -> None:
    text = '{"a": 1, "a": 2}'
    span = locate(text, ["a"])
    assert span is not None
    assert text[span.start : span.end] == '"a": 2'


@pytest.mark.parametrize(
    ("text", "tokens", "absent", "cut"),
    [
        ('{"a": {"b": 1}}', ["a", "c"], "c", False),
        ('{"a": {"b": 1', ["a", "c"], "c", True),
        ('{"a": [1, 2]}', ["a", "2"], "2", False),
        ('{"a": [1, 2', ["a", "2"], "2", True),
        ('{"a": 1}', ["a", "b"], "b", False),
        ("[]", ["0"], "0", False),
    ],
)
def test_an_absent_place_is_told_from_one_behind_the_cut(text: str, tokens: list[str], absent: str, cut: bool) -> None:
    span = locate(text, tokens)
    assert span is not None
    assert (span.absent, span.cut) == (absent, cut)


def test_a_million_brackets_take_no_time_and_no_depth() -> None:
    assert locate("[" * 1_000_000, ["0", "0"]) is not None
    assert locate('{"a": "' + "x" * 1_000_000, ["b"]) is not None
