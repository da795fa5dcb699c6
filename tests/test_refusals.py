"""What an error answer says is read in every form that servers give it, and none of them breaks the reader."""

import json

import pytest

from chatcontract.model import JSON, Exchange, Response
from chatcontract.reading import Reading
from chatcontract.refusals import MAX_SHOWN, message, param, said

FORMS: dict[str, tuple[JSON, str]] = {
    "documented": ({"error": {"message": "No n.", "type": "x", "param": "n", "code": None}}, "No n."),
    "a string": ({"error": "No n.", "error_type": "validation"}, "No n."),
    "flat": ({"object": "error", "message": "No n.", "type": "BadRequestError", "param": "n", "code": 400}, "No n."),
    "a title and a message": ({"status": 400, "error": "Bad Request", "message": "No n."}, "Bad Request: No n."),
    "a list": ([{"error": {"code": 400, "message": "No n.", "status": "INVALID_ARGUMENT", "param": "n"}}], "No n."),
    "a detail": ({"detail": "No n."}, "No n."),
    "details": (
        {"detail": [{"type": "extra", "loc": ["body", "messages", 0, "name"], "msg": "Extra input", "input": "x"}]},
        "messages.0.name: Extra input",
    ),
    "details in a message": (
        {"object": "error", "message": {"detail": [{"loc": ["body", "n"], "msg": "Extra"}]}, "param": None},
        "n: Extra",
    ),
    "the same twice": ({"error": {"message": "No n."}, "message": "No n."}, "No n."),
    "a text in JSON": ("No n.", "No n."),
    "nothing": ({"code": 3}, ""),
    "other types": ({"error": {"message": 3, "detail": [None, True, {"loc": "n", "msg": []}]}, "message": {}}, ""),
}
PLAIN = {
    "text": (b"Failed to parse: missing field `n` at line 1\n", "Failed to parse: missing field `n` at line 1"),
    "text with accents": ("n n'est pas accepté".encode(), "n n'est pas accepté"),
    "a page": (b"<html><body>No n.</body></html>", ""),
    "broken JSON": (b'{"error": {"message": "No', ""),
    "bytes": (b"\x1f\x8b\x08\x00\x00n", ""),
    "nothing": (b"", ""),
}


def refusal(body: bytes, status: int = 422) -> Reading:
    return Reading(Exchange("1", None, Response(status, (), body)))


@pytest.mark.parametrize("form", FORMS)
def test_the_words_of_a_refusal_are_read_in_every_form(form: str) -> None:
    value, words = FORMS[form]
    reading = refusal(json.dumps(value).encode())
    assert message(reading) == words
    assert param(reading) == ("n" if '"param": "n"' in json.dumps(value) else "")
    assert said(reading) == (f"status 422: {words}" if words else "status 422")


@pytest.mark.parametrize("form", PLAIN)
def test_plain_text_is_read_and_nothing_else_that_is_no_json(form: str) -> None:
    body, words = PLAIN[form]
    assert message(refusal(body)) == words


def test_what_is_shown_is_short_without_keys_and_without_control_characters() -> None:
    told = said(refusal(json.dumps({"error": "sk-0123456789abcdef \x1b[31m " + "a" * 10**6}).encode()))
    assert "sk-0123" not in told
    assert "\x1b" not in told
    assert len(told) <= MAX_SHOWN + len("status 422: ")


@pytest.mark.parametrize("opening", [b'{"detail":', b'[{"error":', b"["])
def test_a_refusal_that_is_nested_deeply_is_bounded(opening: bytes) -> None:
    body = opening * 500 + b'"x"' + b"".join(b"}" if one == b"{" else b"]" for one in _brackets(opening)) * 500
    assert len(message(refusal(body))) <= 400


def test_many_details_are_bounded() -> None:
    detail = [{"loc": ["body", *["n"] * 100], "msg": "No." * 100}] * 1000
    assert len(message(refusal(json.dumps({"detail": detail}).encode()))) <= 400


def test_an_answer_that_is_no_error_says_nothing() -> None:
    assert message(refusal(b'{"model": "m", "message": "Hi"}', 200)) == ""


def _brackets(opening: bytes) -> list[bytes]:
    return [opening[at : at + 1] for at in reversed(range(len(opening))) if opening[at : at + 1] in b"{["]
