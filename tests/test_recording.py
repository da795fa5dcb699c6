"""Records of every form → exchanges."""

import base64
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatcontract import Contract, SourceError, cli, native, rules
from chatcontract.examples import REQUEST, RESPONSE, STREAM, events
from chatcontract.jsontext import ABSENT, parse, plain_value, prefer_speed
from chatcontract.model import Arrival, Exchange, Part, Request, Response
from chatcontract.reading import Reading
from chatcontract.recording import Recorded, Unreadable, recorded
from chatcontract.report import Collector
from chatcontract.runner import Run
from chatcontract.sources import bodies, lines, open_source

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["request", "response", "stream", "body", "chunks", "t", "text", "headers", "status", "url",
                         "id", "messages", "choices", "error", "base64", "body_base64", "host", "response_raw"]),
        inner, max_size=5,
    ),
    max_leaves=20,
)  # fmt: skip


def exchange(value: object) -> Exchange:
    return recorded(value, json.dumps(value).encode(), "here").exchange


def items(path: Path, wanted: Part | None = None) -> list[Recorded | Unreadable]:
    with open_source(str(path), wanted) as source:
        return list(source.items)


@given(st.dictionaries(st.sampled_from(["request", "response", "stream", "status", "id"]), json_values, max_size=4))
def test_the_values_that_are_handed_on_are_those_of_the_bodies(value: dict[str, object]) -> None:
    prefer_speed()
    text = json.dumps(value).encode()
    plain = plain_value(text)
    if plain is ABSENT or not {"request", "response", "stream"} & value.keys():
        return
    try:
        made = recorded(plain, text, "here", Part.EXCHANGE, plain=True)
    except SourceError:
        return
    for message, handed in ((made.exchange.request, made.asked), (made.exchange.response, made.answered)):
        if handed is not ABSENT:
            assert message is not None
            assert parse(message.body) == (handed, ())


@pytest.mark.parametrize("form", ["pair", "native"])
def test_a_record_without_faults_hands_on_both_bodies(form: str) -> None:
    prefer_speed()
    body = {"request": REQUEST, "response": RESPONSE}
    native = {"request": {"url": "u", "body": REQUEST}, "response": {"status": 200, "body": RESPONSE}}
    value = body if form == "pair" else native
    made = recorded(value, b"", "here", plain=True)
    assert (made.asked, made.answered) == (REQUEST, RESPONSE)
    assert recorded(value, b"", "here").asked is ABSENT


def test_a_native_stream_keeps_its_bytes_and_the_time_of_every_piece() -> None:
    pieces = [{"t": 0.2, "text": "data: {}\n"}, {"t": 0.5, "base64": base64.b64encode(b"\n\xff").decode()}]
    response = exchange(
        {"request": {"url": "https://h/v1", "body": {}}, "response": {"status": 200, "chunks": pieces}}
    ).response
    assert response is not None
    assert response.body == b"data: {}\n\n\xff"
    assert response.arrivals == (Arrival(0, 0.2), Arrival(9, 0.5))


def test_a_native_body_may_be_json_text_or_base64() -> None:
    for body, wanted in (({"a": 1}, b'{"a":1}'), ("<html>", b"<html>")):
        made = exchange({"request": {"url": "u"}, "response": {"status": 500, "body": body}}).response
        assert made is not None
        assert made.body == wanted
    coded = base64.b64encode(b"\xff\x00").decode()
    made = exchange({"request": {"url": "u"}, "response": {"status": 200, "body_base64": coded}}).response
    assert made is not None
    assert made.body == b"\xff\x00"


def test_headers_are_an_object_or_pairs_and_the_host_comes_from_the_url() -> None:
    for headers in ({"A": "1"}, [["A", "1"]], {"A": ["1"]}):
        made = exchange({"request": {"url": "https://user@host:1/v1/x", "headers": headers}, "response": None})
        assert made.request is not None
        assert made.request.headers == (("A", "1"),)
        assert made.host == "host:1"


def test_a_bare_stream_is_framed_as_events_whatever_its_data_holds() -> None:
    made = exchange({"request": REQUEST, "stream": ['{"a":\n1}', "[DONE]", {"b": 2}]})
    reading = Reading(made)
    assert reading.kind == "stream"
    assert [event.data for event in reading.events] == ['{"a":\n1}', "[DONE]", '{"b":2}']


def test_a_bare_pair_may_lack_its_answer_or_its_request() -> None:
    assert exchange({"request": REQUEST, "response": None}).response is None
    assert exchange({"request": None, "response": RESPONSE}).request is None
    assert exchange({"request_raw": "{", "request": None, "response": None, "stream": None}).request is not None


@pytest.mark.parametrize(
    ("status", "answer", "kind"),
    [
        (200, RESPONSE, "response"),
        (None, RESPONSE, "response"),
        (None, {"error": {"message": "x"}}, "error"),
        (404, {"detail": "x"}, "error"),
        (200, None, "none"),
        (500, None, "error"),
        (None, None, "none"),
    ],
)
def test_status_and_bytes_say_what_an_answer_is(status: int | None, answer: object, kind: str) -> None:
    value = {"request": REQUEST, "response": answer, "status": status}
    assert Reading(exchange(value)).kind == kind


def test_a_wrong_base64_is_an_unreadable_record_with_its_place(tmp_path: Path) -> None:
    bad = {"request": {"url": "u"}, "response": {"body_base64": "*"}}
    (tmp_path / "t.jsonl").write_text(json.dumps(bad) + "\n" + json.dumps(bad) + "\n")
    found = items(tmp_path / "t.jsonl")
    assert [item.origin for item in found if isinstance(item, Unreadable)] == [
        f"{tmp_path}/t.jsonl:{n}" for n in (1, 2)
    ]


def test_lines_of_bodies_are_told_apart_one_by_one(tmp_path: Path) -> None:
    lines = [REQUEST, RESPONSE, STREAM[0], {"error": {"message": "x"}}]
    (tmp_path / "t.jsonl").write_text("".join(json.dumps(line) + "\r\n" for line in lines))
    assert [item.form for item in items(tmp_path / "t.jsonl") if isinstance(item, Recorded)] == [
        "request", "response", "chunk", "error",
    ]  # fmt: skip


def test_an_array_holds_records_too(tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text(json.dumps([REQUEST, 1, {"request": REQUEST, "response": RESPONSE}], indent=1))
    forms = [item.form if isinstance(item, Recorded) else "unreadable" for item in items(tmp_path / "t.json")]
    assert forms == ["request", "unreadable", "bare pair"]


def test_the_user_may_say_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("{}")
    found = items(tmp_path / "x", Part.RESPONSE)[0]
    assert isinstance(found, Recorded)
    assert found.part is Part.RESPONSE
    (tmp_path / "y").write_bytes(b"\xef\xbb\xbf\r\n" + events(list(STREAM)))
    assert [item.form for item in items(tmp_path / "y") if isinstance(item, Recorded)] == ["stream"]


def test_a_payload_that_is_no_json_is_still_checked_when_its_part_is_known(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b'{"model": NaN, "model": "\xff"}')
    found = items(tmp_path / "x", Part.REQUEST)[0]
    assert isinstance(found, Recorded)
    names = {violation.name for violation in Contract.load().check(found.exchange)}
    assert {"duplicate-key", "non-finite-number", "invalid-utf8"} <= names


def test_a_line_or_body_beyond_the_bound_is_refused_without_being_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (lines, bodies):
        monkeypatch.setattr(module, "MAX_BYTES", 2**21)
    good = json.dumps({"request": REQUEST, "response": RESPONSE})
    long = json.dumps({"request": REQUEST, "response": {"x": "y" * 2**23}})
    (tmp_path / "t.jsonl").write_text(f"{good}\n{long}\n{good}\n")
    assert [type(item).__name__ for item in items(tmp_path / "t.jsonl")] == ["Recorded", "Unreadable", "Recorded"]
    (tmp_path / "t.json").write_text(json.dumps(REQUEST, indent=1) + " " * 2**22)
    (found,) = items(tmp_path / "t.json")
    assert isinstance(found, Unreadable)
    assert "more than" in found.reason


@given(json_values)
@settings(max_examples=300)
def test_any_json_is_a_record_or_a_clear_refusal_and_can_be_checked(value: object) -> None:
    try:
        item = recorded(value, json.dumps(value).encode(), "here")
    except SourceError as error:
        if "here" not in str(error):
            raise
    else:
        Contract.load().check(item.exchange)


@given(st.binary(max_size=200))
@settings(max_examples=200)
def test_any_bytes_are_recorded_or_refused(data: bytes) -> None:
    import tempfile

    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        try:
            found = items(Path(file.name))
        except SourceError as error:
            if file.name not in str(error):
                raise
        else:
            assert found


@pytest.mark.parametrize("form", ["jsonl", "har"])
def test_an_answer_that_the_client_cut_is_not_held_against_the_server(form: str, tmp_path: Path) -> None:
    exchange = Exchange(
        "1", Request("POST", "http://h/v1/chat/completions", (), b'{"model":"m","messages":[]}'),
        Response(200, (("content-type", "text/event-stream"),), b'data: {"id": "x"'),
    )  # fmt: skip
    recording, converted = tmp_path / "cut.jsonl", tmp_path / f"converted.{form}"
    recording.write_bytes(native.line(exchange, cut="client"))
    assert cli.main(["convert", str(recording), str(converted), "--quiet"]) == 0
    run = Run(Contract.load(), Collector({}, rules.get))
    (result,) = run.results([str(converted)])
    assert {violation["side"] for violation in result["violations"]} == {"client"}
    run = Run(Contract.load(ignore=["CC2", "CC0"]), Collector({}, rules.get))
    (result,) = run.results([str(converted)])
    assert (result["verdict"], result["error"][:10]) == ("inconclusive", "the client")
    with open_source(str(converted)) as source:
        (item,) = source.items
    assert isinstance(item, Recorded)
    assert item.exchange.response is not None
    assert item.exchange.response.body == b'data: {"id": "x"'
