"""Hostile and careless JSON: every fault is named with its place, by either reader, and nothing raises."""

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatcontract import Contract, jsontext
from chatcontract.jsontext import ABSENT, MAX_DEPTH, TextFault, lone_surrogates, object_faults, parse
from chatcontract.model import Engine

FAST_AND_SLOW = pytest.mark.parametrize("read", [parse, jsontext._parse_slowly], ids=["fast", "slow"])
Read = Callable[[bytes | str], tuple[Any, tuple[TextFault, ...]]]


def faults(data: bytes | str) -> list[tuple[str, str]]:
    return [(fault.kind, fault.pointer) for fault in parse(data)[1]]


def nested(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


@FAST_AND_SLOW
@pytest.mark.parametrize(
    ("text", "places"),
    [
        ('{"a": 1, "a": 2}', ["/a"]),
        ('{"a": {"b": 1, "b": 1}}', ["/a/b"]),
        ('{"a": [{}, {"b": 1, "c": 2, "b": 1}]}', ["/a/1/b"]),
        ('{"a": 1, "a": 2, "a": 3, "b": 1, "b": 2}', ["/a", "/b"]),
        ('{"a/b": 1, "a/b": 2}', ["/a~1b"]),
        ('{"": 1, "": 2}', ["/"]),
        (r'{"a": 1, "\u0061": 2}', ["/a"]),
        (r'{"a\"": 1, "a\u0022": "\u0022"}', ['/a"']),
        (r'{"x": "\u0022\u0022", "a": 1, "a": 1}', ["/a"]),
        ('{"a": {"b": 1}, "c": {"b": 1}}', []),
        ('[{"a": 1}, {"a": 1}]', []),
        (r'{"a": "\"a\": 1, \"a\": 2"}', []),
    ],
)
def test_a_repeated_member_is_named_where_it_stands(read: Read, text: str, places: list[str]) -> None:
    for data in (text, text.encode()):
        value, found = read(data)
        assert value == json.loads(text)
        assert [(fault.kind, fault.pointer) for fault in found] == [("duplicate-key", place) for place in places]


def test_of_a_repeated_member_the_last_one_counts() -> None:
    assert parse(b'{"a": 1, "a": 2}')[0] == {"a": 2}


@FAST_AND_SLOW
@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity"])
def test_numbers_that_json_lacks_are_named(read: Read, word: str) -> None:
    value, (fault,) = read(f'{{"a": [1, {word}]}}')
    assert value["a"][0] == 1
    assert fault[:2] == ("non-finite-number", "/a/1")


@pytest.mark.parametrize(
    ("data", "byte"),
    [(b'{"a": "\xff"}', 7), (b'"\xed\xa0\x80"', 1), (b"\xff\xfe{\x00}\x00", 0), (b'"\xc3', 1)],
)
def test_bytes_that_are_no_utf8_are_named_by_their_position(data: bytes, byte: int) -> None:
    fault = parse(data)[1][0]
    assert fault.kind == "invalid-utf8"
    assert f"byte {byte} " in fault.message


@pytest.mark.parametrize("text", ["\ufeff{}", "\ufeff".encode() + b"{}"])
def test_a_byte_order_mark_is_named_and_read_over(text: bytes | str) -> None:
    assert parse(text)[0] == {}
    assert faults(text) == [("invalid-json", "")]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (r'{"a": "\ud800"}', "/a"),
        (r'{"a": ["\udc00x"]}', "/a/0"),
        (r'{"\ud83d": 1}', "/\ud83d"),
        (r'"\ud800\ud800"', ""),
    ],
)
def test_half_a_surrogate_pair_is_named_where_it_stands(text: str, place: str) -> None:
    assert faults(text) == faults(text.encode()) == [("invalid-utf8", place)]
    assert [fault.pointer for fault in lone_surrogates(json.loads(text))] == [place]


def test_a_whole_surrogate_pair_is_fine() -> None:
    assert parse(rb'"\ud83d\ude00"') == ("😀", ())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"), (" \n", "empty"), ("{", "line 1 column 2"), ('{"a": 1,}', "line 1 column"),
        ("{}{}", "Extra data"),
        ("{'a': 1}", "line 1 column 2"), ("// x\n{}", "line 1 column 1"),
        ('{"a":\n oops}', "line 2 column 2"),
        ("nul", "Expecting value"), ('"\x00"', "control character"), ("[1 2]", "delimiter"),
        ("01", "Extra data"),
        ('"\\x"', "escape"), ("data: {}", "Expecting value"), ("<html>", "Expecting value"),
    ],
)  # fmt: skip
def test_a_text_that_is_no_json_is_refused_with_its_place(text: str, words: str) -> None:
    for data in (text, text.encode()):
        value, (fault,) = parse(data)
        assert value is ABSENT
        assert (fault.kind, fault.pointer) == ("invalid-json", "")
        assert words in fault.message


def test_nesting_is_read_up_to_its_bound_and_refused_beyond() -> None:
    assert faults(nested(MAX_DEPTH)) == []
    assert faults(nested(MAX_DEPTH + 1)) == [("excessive-nesting", "")]
    assert faults(b'{"a":' * MAX_DEPTH + b"1" + b"}" * MAX_DEPTH) == []
    assert faults(b'{"a":' * (MAX_DEPTH + 1) + b"1" + b"}" * (MAX_DEPTH + 1)) == [("excessive-nesting", "")]
    assert faults(b'["' + b"[" * 1000 + b'"]') == []


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (nested(1_000_000), "excessive-nesting"),
        (b'{"a":' * 1_000_000 + b"1" + b"}" * 1_000_000, "excessive-nesting"),
        (b'[{"a":' * 500_000 + b"1" + b"}]" * 500_000, "excessive-nesting"),
        (b"[" * 1_000_000, "excessive-nesting"),
        (b"]" * 1_000_000, "invalid-json"),
        (b"[" * 200 + b"}" * 1_000_000, "invalid-json"),
        (b'"' + b"[" * 1_000_000, "invalid-json"),
        (b'"' + b'\\"' * 500_000, "invalid-json"),
        (b"[" * 300 + b'"\\' * 300_000, "excessive-nesting"),
    ],
    ids=["arrays", "objects", "mixed", "open", "closed", "mismatched", "in a text", "escapes", "open texts"],
)
def test_a_million_brackets_are_refused(data: bytes, kind: str) -> None:
    for text in (data, data.decode()):
        assert faults(text) == [(kind, "")]


def test_brackets_inside_of_texts_do_not_count() -> None:
    text = json.dumps(["[" * 300_000, "\\" * 3, '"' + "{" * 300_000])
    assert parse(text) == (json.loads(text), ())


def test_a_body_beyond_the_bound_is_refused_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsontext, "MAX_BYTES", 1000)
    monkeypatch.setattr("chatcontract.bodies.MAX_BYTES", 1000)
    contract = Contract.load(select=["CC0"])
    body = b'{"model": "' + b"x" * 1000 + b'"}'
    (violation,) = contract.check_request(body)
    assert (violation.rule, violation.pointer) == ("CC010", "")
    assert "1013 bytes, more than the 1000" in violation.message
    assert not contract.is_valid_request(body)


@pytest.mark.parametrize("name", ["a", r"\\u0022"], ids=["fast", "slow"])
def test_reading_needs_memory_in_proportion_to_the_text(name: str) -> None:
    code = f"""
import resource
from chatcontract.jsontext import parse
text = b'{{"{name}": "' + b"x" * 40_000_000 + b'"}}'
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
assert parse(text)[1] == ()
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 / len(text))
"""
    ran = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert float(ran.stdout) < 6


def test_the_faults_of_one_text_are_bounded() -> None:
    text = ",".join('{"a": 1, "a": "\\ud800"}' for _ in range(2000))
    found = faults(f"[{text}]")
    assert {kind for kind, _ in found} == {"duplicate-key", "invalid-utf8"}
    assert len(found) == 2 * jsontext.MAX_FAULTS


@pytest.mark.parametrize("digits", [400, 4000, 5000])
def test_a_huge_integer_is_read_or_clearly_refused(digits: int) -> None:
    contract = Contract.load(select=["CC0"])
    text = f'{{"model": "m", "messages": [{{"role": "user", "content": ""}}], "seed": {"9" * digits}}}'
    (violation,) = contract.check_request(text)
    assert (violation.rule, violation.pointer) in (("CC001", "/seed"), ("CC007", "/seed"), ("CC006", ""))
    assert len(violation.message) <= 300
    assert not contract.is_valid_request(text)


@pytest.mark.parametrize("seed", [2**63, 2**64, 2**70, -(2**63) - 1])
def test_an_integer_just_past_64_bits_is_too_large_from_text_as_from_an_object(seed: int) -> None:
    contract = Contract.load(select=["CC0"])
    body = {"model": "m", "messages": [{"role": "user", "content": ""}], "seed": seed}
    for given_body in (body, json.dumps(body), json.dumps(body).encode()):
        assert [(v.rule, v.pointer) for v in contract.check_request(given_body)] == [("CC001", "/seed")]
        assert not contract.is_valid_request(given_body)


@pytest.mark.parametrize("text", ["1e400", "-1e400"])
def test_a_number_beyond_doubles_is_named(text: str) -> None:
    body = f'{{"model": "m", "messages": [{{"role": "user", "content": ""}}], "temperature": {text}}}'
    (violation,) = Contract.load(select=["CC0"]).check_request(body)
    assert (violation.rule, violation.pointer) == ("CC007", "/temperature")


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False,
        allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)  # fmt: skip


@given(JSON_VALUES, st.booleans(), st.sampled_from([None, 2]))
def test_json_without_a_fault_is_read_the_same_fast_and_slowly(
    value: Any, ascii_only: bool, indent: int | None
) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    assert parse(text) == parse(text.encode()) == jsontext._parse_slowly(text) == (value, ())


PIECES = st.sampled_from(
    [
        '{"a":1',
        '"a":2',
        ",",
        ":",
        "}",
        "[",
        "]",
        '"',
        "\\",
        '"\\u0022"',
        '"\\ud800"',
        "NaN",
        "-",
        "1e400",
        "é",
        "\x00",
        "0",
        " ",
    ]
)


@given(st.lists(PIECES, max_size=12).map("".join) | st.text())
def test_any_text_gives_the_same_value_and_faults_fast_and_slowly(text: str) -> None:
    fast, slow = parse(text), jsontext._parse_slowly(text)
    assert repr(fast) == repr(slow)
    assert repr(parse(text.encode(errors="surrogatepass"))[0]) == repr(fast[0])
    assert (fast[0] is ABSENT) <= bool(fast[1])


@given(st.lists(st.lists(PIECES, max_size=6).map("".join) | JSON_VALUES.map(json.dumps), max_size=5))
def test_texts_are_read_together_as_they_are_one_by_one(texts: list[str]) -> None:
    assert repr(jsontext.parse_each(texts)) == repr([parse(text) for text in texts])
    in_bytes = [text.encode(errors="surrogatepass") for text in texts]
    assert repr(jsontext.parse_each(in_bytes)) == repr([parse(data) for data in in_bytes])


@given(st.binary())
def test_no_bytes_make_the_reader_or_a_check_raise(data: bytes) -> None:
    parse(data)
    contract = Contract.load(select=["CC0"])
    contract.check_request(data)
    contract.check_stream(data)
    assert contract.is_valid_request(data) is False


def test_without_the_fast_parser_texts_are_read_the_same() -> None:
    """A short text in a fresh process does not import the fast parser; it is read by the other."""
    code = """
import sys
from chatcontract.jsontext import parse
assert parse(b'{"a": 1}') == ({"a": 1}, ())
assert [fault.kind for fault in parse(b'{"a": 1, "a": 2}')[1]] == ["duplicate-key"]
assert "orjson" not in sys.modules
assert parse(b"[" + b"1," * 600_000 + b"1]")[1] == ()
assert "orjson" in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


ENGINES = pytest.mark.parametrize("engine", ["jsonschema-rs", "jsonschema"])
MESSAGES = [{"role": "user", "content": "Hi"}]


@ENGINES
@pytest.mark.parametrize("strange", [b"x", {1, 2}, object(), 1 + 2j, {1: 2}], ids=lambda it: type(it).__name__)
def test_python_values_that_json_lacks_give_a_clear_type_error(engine: Engine, strange: object) -> None:
    contract = Contract.load(engine=engine, select=["CC0"])
    body: Any = {"model": strange, "messages": MESSAGES}
    with pytest.raises(TypeError, match=r"'/model'.* Give a dict of plain values, or JSON text\."):
        contract.check_request(body)


@ENGINES
def test_deep_python_lists_are_refused_as_deep_texts_are(engine: Engine) -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    circle: dict[str, Any] = {}
    circle["messages"] = [circle]
    contract = Contract.load(engine=engine, select=["CC0"])
    for body in ({"model": deep, "messages": MESSAGES}, circle):
        assert "CC009" in {v.rule for v in contract.check_request(body)}
        assert not contract.is_valid_request(body)
    while deep:
        deep = deep.pop()


@ENGINES
def test_half_a_surrogate_pair_in_a_python_text_is_named_beside_the_other_faults(engine: Engine) -> None:
    body = {"model": 1, "messages": [{"role": "\ud800"}], "x\udc00": 1}
    found = [(v.rule, v.pointer) for v in Contract.load(engine=engine, select=["CC0"]).check_request(body)]
    assert ("CC008", "/messages/0/role") in found
    assert ("CC008", "/x\\udc00") in found
    assert ("CC001", "/model") in found


@ENGINES
@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_a_python_number_that_json_lacks_is_named(engine: Engine, number: float) -> None:
    body: Any = {"model": "m", "messages": MESSAGES, "temperature": number, "seed": number}
    found = [(v.rule, v.pointer) for v in Contract.load(engine=engine, select=["CC0"]).check_request(body)]
    assert sorted(found) == [("CC007", "/seed"), ("CC007", "/temperature")]


@ENGINES
def test_a_fault_of_the_text_is_told_once(engine: Engine) -> None:
    text = r'{"model": "\ud800", "messages": [], "temperature": NaN, "temperature": NaN}'
    found = [(v.rule, v.pointer) for v in Contract.load(engine=engine, select=["CC0"]).check_request(text)]
    assert sorted(found) == [
        ("CC001", "/messages"),
        ("CC005", "/temperature"),
        ("CC007", "/temperature"),
        ("CC008", "/model"),
    ]


@pytest.mark.parametrize("text", ['{"a": 1, "a": 2}', '{"a": NaN}', "\ufeff{}", r'{"a": "\ud800"}'])
def test_a_verdict_is_false_on_what_is_not_json(text: str) -> None:
    own = {"model": "m", "messages": MESSAGES}
    contract = Contract.load(select=["CC0"])
    merged = text.replace(
        "{",
        '{"model": "m", "messages": [{"role": "user", "content": "Hi"}]' + (", " if "a" in text else ""),
        1,
    )
    is_json = "NaN" not in text and "\ufeff" not in text and "\\u" not in text
    assert contract.is_valid_request(own)
    assert contract.is_valid_request(merged) is is_json
    assert [v.rule for v in contract.check_request(merged).errors] != []


def test_objects_without_a_fault_have_none() -> None:
    assert object_faults({"a": [1, "é", None, True, 1.5, ("x",)]}) == ()


def test_the_fast_parser_is_held_to_the_same_depth() -> None:
    assert orjson.loads(nested(1000))
    assert faults(nested(1000)) == [("excessive-nesting", "")]
