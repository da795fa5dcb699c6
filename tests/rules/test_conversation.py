"""Messages of a request: calls and their answers, and what each message holds."""

import json
from functools import cache
from typing import Any

import pytest

from chatcontract import Contract
from chatcontract.model import Exchange, Profile, Request, Severity

JSON = Any
USER = {"role": "user", "content": "x"}


@cache
def contract() -> Contract:
    return Contract.load()


def found(*messages: JSON, model: str = "gpt-5.2") -> list[tuple[str, str]]:
    """Code and pointer of the errors and warnings that the messages get from the rules."""
    violations = contract().check_request({"model": model, "messages": list(messages)})
    return [(v.rule, v.pointer) for v in violations if v.rule.startswith("CC2") and v.severity is not Severity.INFO]


def calling(*ids: str, arguments: str = "{}") -> JSON:
    calls = [{"id": i, "type": "function", "function": {"name": "f", "arguments": arguments}} for i in ids]
    return {"role": "assistant", "content": None, "tool_calls": calls}


def answer(identifier: JSON) -> JSON:
    return {"role": "tool", "tool_call_id": identifier, "content": "4"}


def user(*parts: JSON) -> JSON:
    return {"role": "user", "content": list(parts)}


def image(url: str) -> JSON:
    return {"type": "image_url", "image_url": {"url": url}}


@pytest.mark.parametrize(
    "messages",
    [
        [USER, calling("a", "b"), answer("b"), answer("a"), USER],
        [USER, calling("a"), answer("a"), calling("b"), answer("b")],
        [calling("a"), answer("a"), {"role": "assistant", "content": "x"}, USER, calling("b"), answer("b")],
        [USER, {"role": "assistant", "content": "x"}, USER],
    ],
)
def test_calls_that_are_answered_at_once_in_any_order_are_right(messages: list[JSON]) -> None:
    assert found(*messages) == []


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        ([USER, calling("a", "b"), answer("a"), USER], [("CC250", "/messages/3")]),
        ([USER, calling("a", "b"), USER], [("CC250", "/messages/2"), ("CC250", "/messages/2")]),
        ([USER, calling("a", "b"), answer("a")], [("CC250", "/messages/1")]),
        ([USER, calling("a"), calling("b"), answer("b")], [("CC250", "/messages/2")]),
        ([USER, calling("a"), USER, answer("a")], [("CC250", "/messages/2"), ("CC251", "/messages/3/role")]),
        ([answer("a"), answer("b")], [("CC251", "/messages/0/role"), ("CC251", "/messages/1/role")]),
        ([calling("a"), answer("b")], [("CC250", "/messages/0"), ("CC252", "/messages/1/tool_call_id")]),
        ([calling("a"), answer("a"), answer("a")], [("CC253", "/messages/2/tool_call_id")]),
        ([calling("a", "a"), answer("a"), answer("a")], [("CC254", "/messages/0/tool_calls/1/id")]),
    ],
)
def test_calls_and_answers_that_miss_each_other_are_all_found(messages: list[JSON], expected: JSON) -> None:
    assert found(*messages) == expected


def test_a_call_without_an_id_leaves_the_rest_to_the_schema() -> None:
    broken = calling("a")
    del broken["tool_calls"][0]["id"]
    assert found(USER, broken, answer("b")) == []
    assert found(USER, calling("a"), {"role": "tool", "content": "4"}) == []


def test_the_same_id_in_a_later_answer_is_a_warning() -> None:
    body = {"model": "m", "messages": [calling("a"), answer("a"), calling("a"), answer("a")]}
    violations = contract().check_request(body)
    assert [(v.rule, v.severity, v.pointer) for v in violations if v.severity is not Severity.INFO] == [
        ("CC254", Severity.WARNING, "/messages/2/tool_calls/0/id")
    ]


def test_long_ids_are_named_on_both_sides() -> None:
    long = "c" * 41
    assert [place for _, place in found(calling(long), answer(long))] == [
        "/messages/0/tool_calls/0/id",
        "/messages/1/tool_call_id",
    ]


@pytest.mark.parametrize(
    "message",
    [
        {"role": "assistant", "content": ""},
        {"role": "assistant", "content": []},
        {"role": "assistant", "content": None, "refusal": "No."},
        {"role": "assistant", "content": None, "audio": {"id": "a"}},
        {"role": "user", "content": None},
    ],
)
def test_only_an_assistant_with_nothing_at_all_is_empty(message: JSON) -> None:
    assert ("CC255", "/messages/0/content") not in found(message)


def test_an_assistant_with_an_empty_list_of_calls_is_empty() -> None:
    assert ("CC255", "/messages/0/content") in found({"role": "assistant", "content": None, "tool_calls": []})


@pytest.mark.parametrize(
    ("name", "severity"),
    [
        ("a b", Severity.ERROR), ("a\u00a0b", Severity.ERROR), ("", Severity.ERROR), ("a<b", Severity.ERROR),
        ("a.b", Severity.WARNING), ("a" * 65, Severity.WARNING), ("名", Severity.WARNING), ("a\n",
        Severity.ERROR),
    ],
)  # fmt: skip
def test_names_are_judged_by_what_was_always_refused_and_what_once_was(name: str, severity: Severity) -> None:
    body = {"model": "m", "messages": [{**USER, "name": name}, {"role": "tool", "name": name, "content": ""}]}
    violations = [v for v in contract().check_request(body) if v.rule == "CC258"]
    assert [(v.pointer, v.severity) for v in violations] == [("/messages/0/name", severity)]


def test_empty_arguments_are_only_worth_a_note() -> None:
    body = {"model": "m", "messages": [calling("a", arguments=""), answer("a")]}
    assert ("CC259", Severity.INFO) in [(v.rule, v.severity) for v in contract().check_request(body)]


def test_arguments_nested_a_thousand_deep_are_read_without_harm() -> None:
    text = '{"a": ' * 100_000
    assert found(calling("a", arguments=text), answer("a")) == [
        ("CC259", "/messages/0/tool_calls/0/function/arguments")
    ]


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/a?b=c,d;base64", "http://[::1]/a", "data:image/webp;base64,UklG\nUlA=",
        "DATA:image/png;BASE64,iVBORw0KGgo=", "data:image/png;name=a.png;base64,iVBO",
        "data:image/jpeg;base64,_-8=",
    ],
)  # fmt: skip
def test_legal_image_urls_pass(url: str) -> None:
    assert found(user(image(url))) == []


@pytest.mark.parametrize(
    "url",
    [
        "file:///tmp/a.png", "a.png", "//example.com/a.png", "data:image/png;base64,iVBOR",
        "data:;base64,iVBO",
        "data:text/html;base64,iVBO", "data:image/png;base64,<img>", "data:image/png;base64,====",
        "ftp://a/b",
    ],
)  # fmt: skip
def test_other_image_urls_are_errors(url: str) -> None:
    violations = contract().check_request(
        {"model": "gpt-5.2", "messages": [USER, user({"type": "text", "text": "x"}, image(url))]}
    )
    assert [(v.rule, v.severity, v.pointer) for v in violations] == [
        ("CC265", Severity.ERROR, "/messages/1/content/1/image_url/url")
    ]


@pytest.mark.parametrize(
    ("model", "severity"),
    [
        ("gpt-4-vision-preview", Severity.INFO),
        ("gpt-4-1106-vision-preview", Severity.INFO),
        ("gpt-4-turbo", Severity.ERROR),
        ("gpt-4-1106-preview", Severity.ERROR),
        ("gpt-3.5-turbo", Severity.ERROR),
        ("llava", Severity.ERROR),
    ],
)
@pytest.mark.parametrize("url", ["https://example.com/a.png", "a.png", ""])
def test_an_image_as_text_is_one_finding_and_a_note_for_the_first_models(
    model: str, severity: Severity, url: str
) -> None:
    shown = user({"type": "text", "text": "x"}, {"type": "image_url", "image_url": url})
    violations = contract().check_request({"model": model, "messages": [shown]})
    assert [(v.rule, v.severity, v.pointer) for v in violations] == [
        ("CC270", severity, "/messages/0/content/1/image_url")
    ]


def test_an_image_as_text_is_told_at_other_hosts_too() -> None:
    body = {"model": "llava", "messages": [user({"type": "image_url", "image_url": "a.png"})]}
    request = Request("POST", "http://localhost:11434/v1/chat/completions", (), json.dumps(body).encode())
    levels: dict[Profile, str] = {"openai": "error", "compatible": "warning"}
    for profile, level in levels.items():
        found = Contract.load(profile=profile).check(Exchange("x", request))
        assert [(v.rule, v.severity, v.pointer) for v in found] == [("CC270", level, "/messages/0/content/0/image_url")]


@pytest.mark.parametrize("value", [None, 7, [], ["a.png"]])
def test_an_image_that_is_neither_object_nor_text_is_left_to_the_schema(value: JSON) -> None:
    assert found(user({"type": "image_url", "image_url": value})) == []


@pytest.mark.parametrize(
    ("model", "expected"), [("gpt-4o", ["CC266"]), ("gpt-4o-mini-2024-07-18", ["CC266"]), ("gpt-4.1", [])]
)
def test_an_image_in_a_tool_message_is_refused_by_one_family(model: str, expected: list[str]) -> None:
    shown = {**answer("a"), "content": [image("https://example.com/a.png")]}
    assert [rule for rule, _ in found(calling("a"), shown, model=model)] == expected


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ({"file_id": "file-1"}, []),
        ({"file_id": None}, ["CC268"]),
        ({"file_data": "data:application/pdf;base64,JVBE", "filename": "a"}, []),
        ({"file_data": "data:application/pdf;name=a.pdf;base64,JVBE", "filename": "a"}, []),
        ({"file_data": "JVBE"}, ["CC268", "CC269"]),
        ({"file_data": "", "filename": "a"}, ["CC269"]),
    ],
)
def test_a_file_is_an_id_or_a_named_pdf(file: JSON, expected: list[str]) -> None:
    assert [rule for rule, _ in found(user({"type": "file", "file": file}))] == expected


def test_empty_ids_are_told_on_both_sides_also_where_they_match() -> None:
    assert found(calling(""), answer("")) == [
        ("CC263", "/messages/0/tool_calls/0/id"),
        ("CC263", "/messages/1/tool_call_id"),
    ]


def test_calls_without_tools_are_a_note_said_once() -> None:
    body = {"model": "m", "messages": [calling("a", "b"), answer("a"), answer("b")]}
    told = [v for v in contract().check_request(body) if v.rule == "CC264"]
    assert [(v.pointer, v.severity) for v in told] == [("/messages/0/tool_calls/0", Severity.INFO)]
    for offered in ({"tools": []}, {"functions": [{"name": "f"}]}):
        assert not [v for v in contract().check_request({**body, **offered}) if v.rule == "CC264"]


def test_ids_of_files_begin_with_file_at_the_service_alone() -> None:
    part = {"type": "file", "file": {"file_id": "0b6d3ac8-1111-4222-8333-444455556666"}}
    assert found(user(part)) == [("CC268", "/messages/0/content/0/file/file_id")]
    assert found(user({"type": "file", "file": {"file_id": "file_abc"}})) == []
    body = {"model": "m", "messages": [user(part)]}
    sent = Request("POST", "https://example.com/v1/chat/completions", (), json.dumps(body).encode())
    assert not contract().check(Exchange("1", sent))
    assert not Contract.load(profile="compatible").check_request(body)
