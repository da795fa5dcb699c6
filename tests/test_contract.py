"""The public face: what goes in, what comes out, and that the choices of a user mean what they say."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

import chatcontract
from chatcontract import (
    Contract,
    ContractViolation,
    Exchange,
    Request,
    Response,
    Severity,
    Violations,
    closures,
)
from chatcontract.model import Basis, Engine, Part, Profile
from chatcontract.pointer import resolve, split

HERE = Path(__file__).parent
VALID: dict[str, dict[str, Any]] = yaml.safe_load((HERE / "valid.yaml").read_text(encoding="utf-8"))
ENTRIES: list[dict[str, Any]] = yaml.safe_load((HERE.parent / "spec" / "tolerances.yaml").read_text(encoding="utf-8"))
TOLERANCES: list[list[Any]] = closures.own().json("tolerances")
PROFILES: tuple[Profile, ...] = ("strict", "openai", "compatible")
ENGINES = pytest.mark.parametrize("engine", ["jsonschema-rs", "jsonschema"])
REQUEST: dict[str, Any] = {"model": "gpt-5", "messages": [{"role": "user", "content": "Hi"}]}
RESPONSE: dict[str, Any] = VALID["responses"]["a text"]
CHUNK: dict[str, Any] = VALID["chunks"]["the first"]
LAST: dict[str, Any] = VALID["chunks"]["the end of a choice"]
DONE = b"data: [DONE]\n\n"


def stream(*chunks: Any) -> bytes:
    return b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks) + DONE


def places(violations: Violations) -> list[tuple[str, str]]:
    return [(v.rule, v.pointer) for v in violations]


def test_a_sound_payload_gives_an_empty_false_tuple() -> None:
    found = Contract.load().check_request(REQUEST)
    assert isinstance(found, tuple)
    assert found == ()
    assert not found
    assert found.errors == ()


def test_a_broken_payload_gives_a_tuple_of_violations_that_say_everything() -> None:
    found = Contract.load().check_request({**REQUEST, "n": "two"})
    assert found
    assert isinstance(found, Violations)
    (violation,) = found
    assert violation._asdict() == {
        "rule": "CC001", "name": "schema-mismatch", "severity": Severity.ERROR, "basis": Basis.SCHEMA,
        "part": Part.REQUEST, "pointer": "/n", "message": "expected integer or null, got string",
        "chunk": None,
        "value": '"two"', "hint": "", "exchange": "",
    }  # fmt: skip
    assert violation.side == "client"
    assert violation.fingerprint == "CC001:request:/n"


@ENGINES
def test_a_body_may_be_a_dict_or_text_of_any_kind(engine: Engine) -> None:
    contract = Contract.load(engine=engine)
    sound, broken = json.dumps(REQUEST), json.dumps({**REQUEST, "n": 0})
    for body in (REQUEST, sound, sound.encode(), bytearray(sound.encode()), memoryview(sound.encode())):
        assert contract.check_request(body) == ()  # type: ignore[arg-type]
        assert contract.is_valid_request(body)  # type: ignore[arg-type]
    for body in ({**REQUEST, "n": 0}, broken, broken.encode(), bytearray(broken.encode())):
        assert places(contract.check_request(body)) == [("CC001", "/n")]  # type: ignore[arg-type]
        assert not contract.is_valid_request(body)  # type: ignore[arg-type]


@ENGINES
@pytest.mark.parametrize("body", [None, [], 5, 1.5, True, "null", "[]", '"text"', "5", b"true"])
def test_a_body_that_is_no_object_is_told_at_the_top(engine: Engine, body: Any) -> None:
    contract = Contract.load(engine=engine)
    for check in (contract.check_request, contract.check_response, contract.check_chunk):
        assert places(check(body)) == [("CC001", "")]
    for is_valid in (contract.is_valid_request, contract.is_valid_response, contract.is_valid_chunk):
        assert is_valid(body) is False


def test_a_payload_is_left_as_it_was() -> None:
    body = {**REQUEST, "n": 0, "x": [1]}
    before = deepcopy(body)
    Contract.load().check_request(body)
    assert body == before


@ENGINES
def test_a_member_missing_at_the_top_does_not_hide_what_is_wrong_below(engine: Engine) -> None:
    contract = Contract.load(engine=engine, select=["CC0"])
    found = contract.check_request({"messages": [{"role": "usr", "content": "Hi"}], "n": "1", "x-more": 1})
    assert {(v.rule, v.pointer) for v in found} == {
        ("CC001", ""), ("CC001", "/messages/0/role"), ("CC001", "/n"), ("CC004", "/x-more"),
    }  # fmt: skip
    assert [v.message for v in found if not v.pointer] == ['"model" is missing']


DEEP: Any = [[{"a": [1]}]]
TOOL = {"type": "function", "function": {"name": "f"}}


@pytest.mark.parametrize(
    ("messages", "places"),
    [
        ([{"role": "usr", "content": "Hi"}], {"/messages/0/role"}),
        ([{"content": "Hi"}, {"role": "usr"}], {"/messages/0", "/messages/1/role"}),
        ([{"role": "usr"}, {"role": "user"}], {"/messages/0/role", "/messages/1"}),
        ([{"role": "usr", "content": DEEP}], {"/messages/0/role"}),
        ([{"role": "usr", "content": ""}], {"/messages/0/role"}),
        ([{"role": None}, {"role": 5}, {"role": ["user"]}], {f"/messages/{n}/role" for n in range(3)}),
        ([{"role": "usr"}, "Hi", None], {"/messages/0/role", "/messages/1", "/messages/2"}),
        ([{"role": "user", "content": "Hi"}] * 9 + [{"role": "usr"}, {}], {"/messages/9/role", "/messages/10"}),
        ("usr", {"/messages"}),
    ],
)
@pytest.mark.parametrize("more", [{}, {"model": 1}, {"tools": [{"type": "fn"}, TOOL, {}]}], ids=["", "model", "tools"])
def test_wrong_tags_hide_nothing_and_engines_agree(messages: Any, places: set[str], more: dict[str, Any]) -> None:
    body = {"model": "gpt-4o", "messages": messages, **more}
    rust, reference = (Contract.load(engine=engine, select=["CC0"]).check_request(body) for engine in get_args(Engine))
    assert sorted(rust) == sorted(reference)
    assert {v.pointer for v in rust if v.pointer.startswith("/messages")} == places
    beside = {v.pointer for v in rust} - places
    assert beside == {"model": {"/model"}, "tools": {"/tools/0/type", "/tools/2"}}.get(next(iter(more), ""), set())


@ENGINES
@pytest.mark.parametrize("role", ["usr", "sk-abcdefgh12345678", "a\x1b[31mb", "u" * 61, 'us"er', ""])
def test_what_was_told_before_is_told_again_where_it_is_met_again(engine: Engine, role: str) -> None:
    contract = Contract.load(engine=engine, select=["CC0"])
    requests = [{**REQUEST, "messages": [*REQUEST["messages"] * ahead, {"role": role}]} for ahead in (0, 1, 0)]
    first, second, third = map(contract.check_request, requests)
    assert first == third == Contract.load(engine=engine, select=["CC0"]).check_request(requests[0])
    assert first[0].pointer == "/messages/0/role"
    assert second == tuple(v._replace(pointer="/messages/1/role") for v in first)


@ENGINES
def test_a_fault_told_before_shows_the_value_that_is_there_now(engine: Engine) -> None:
    contract = Contract.load(engine=engine, select=["CC0"])
    given: list[Any] = [{"a": 1}, {"api_key": "secret"}, {"a": float("nan")}, ["x"], ("y",), {}, "dict", "x", 1, 1.5]
    asked = [{**REQUEST, "store": value} for value in given]
    told = [contract.check_request(request) for request in asked]
    assert told == [Contract.load(engine=engine, select=["CC0"]).check_request(request) for request in asked]
    shown = ['{"a": 1}', '{"api_key": "[Filtered]"}', '{"a": NaN}', '["x"]', '["y"]', "{}", '"dict"', '"x"', "1", "1.5"]
    assert [[one.value for one in found] for found in told] == [[value] for value in shown]


def test_each_chunk_with_the_same_fault_is_told_with_its_own_position() -> None:
    wrong = {**CHUNK, "object": "chunk"}
    exchanges = [Exchange(name, None, Response(200, (), stream(CHUNK, wrong, wrong))) for name in "ab"]
    contract = Contract.load(select=["CC001"])
    told = [(v.exchange, v.chunk, v.pointer) for exchange in exchanges for v in contract.check(exchange)]
    assert told == [("a", 1, "/object"), ("a", 2, "/object"), ("b", 1, "/object"), ("b", 2, "/object")]


def test_each_part_names_itself_and_its_side() -> None:
    contract = Contract.load()
    parts = [contract.check_request({})[0], contract.check_response({})[0], contract.check_chunk({})[0]]
    assert [v.part for v in parts] == [Part.REQUEST, Part.RESPONSE, Part.CHUNK]
    assert [v.side for v in parts] == ["client", "server", "server"]


def test_a_response_of_old_is_excused_by_profile_and_a_broken_one_by_none() -> None:
    old = deepcopy(RESPONSE)
    del old["choices"][0]["message"]["refusal"]
    severities = {
        profile: [v.severity for v in Contract.load(profile=profile).check_response(old)] for profile in PROFILES
    }
    assert severities == {"strict": [Severity.ERROR], "openai": [Severity.INFO], "compatible": []}
    for profile in PROFILES:
        assert Contract.load(profile=profile).check_response({**old, "id": 1}).errors


# Streams


@pytest.mark.parametrize(
    "form", ["bytes", "str", "pieces", "single bytes", "bytearrays", "dicts", "texts", "generator"]
)
def test_a_stream_may_come_in_any_form(form: str) -> None:
    contract = Contract.load(select=["CC0"])
    chunks: list[Any] = [CHUNK, {**CHUNK, "created": "now"}, LAST]
    data = stream(*chunks)
    forms: dict[str, Any] = {
        "bytes": data,
        "str": data.decode(),
        "pieces": [data[:7], data[7:100], data[100:]],
        "single bytes": [data[at : at + 1] for at in range(len(data))],
        "bytearrays": [bytearray(data[:50]), bytearray(data[50:])],
        "dicts": chunks,
        "texts": [json.dumps(chunk) for chunk in chunks],
        "generator": (data[at : at + 9] for at in range(0, len(data), 9)),
    }
    (violation,) = contract.check_stream(forms[form])
    assert (violation.rule, violation.pointer, violation.chunk, violation.part) == (
        "CC001",
        "/created",
        1,
        Part.CHUNK,
    )


def test_the_chunks_of_a_stream_are_counted_by_data_events_from_zero() -> None:
    data = b": hello\n\n" + stream({}, CHUNK, {"choices": 1})
    found = Contract.load(select=["CC001"]).check_stream(data)
    assert {v.chunk for v in found} == {0, 2}


def test_an_error_inside_a_stream_is_held_against_the_error_schema() -> None:
    contract = Contract.load(select=["CC0"])
    sound = {"error": {"message": "Overloaded.", "type": "server_error", "param": None, "code": None}}
    assert contract.check_stream(stream(CHUNK, sound)) == ()
    (violation,) = contract.check_stream(stream(CHUNK, {"error": {**sound["error"], "message": 5}}))
    assert (violation.part, violation.pointer, violation.chunk) == (Part.ERROR, "/error/message", 1)


def test_a_chunk_that_is_no_json_is_told_with_its_position() -> None:
    found = Contract.load(select=["CC0"]).check_stream(b'data: {"id"\n\n' + DONE)
    assert [(v.rule, v.chunk) for v in found] == [("CC006", 0)]


def test_chunks_that_json_cannot_hold_give_a_clear_type_error() -> None:
    circle: dict[str, Any] = {}
    circle["a"] = circle
    for chunks in ([{"id": {1, 2}}], [circle], [{"id": b"x"}]):
        with pytest.raises(TypeError, match="JSON"):
            Contract.load().check_stream(chunks)


# Exchanges


def exchange(request: Any = REQUEST, status: int | None = 200, answer: Any = RESPONSE) -> Exchange:
    def body(value: Any) -> bytes:
        return value if isinstance(value, bytes) else json.dumps(value).encode()

    response = None if answer is None else Response(status, (), body(answer))
    return Exchange("e1", None if request is None else Request(body=body(request)), response)


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (exchange(), []),
        (exchange(request={**REQUEST, "n": 0}), [(Part.REQUEST, "/n")]),
        (exchange(answer={**RESPONSE, "id": 1}), [(Part.RESPONSE, "/id")]),
        (exchange(request={**REQUEST, "n": 0}, answer={**RESPONSE, "id": 1}),
            [(Part.REQUEST, "/n"), (Part.RESPONSE, "/id")]),
        (exchange(status=400, answer={"error": {"message": "x", "type": 1, "param": None, "code": None}}),
            [(Part.ERROR, "/error/type")]),
        (exchange(answer=stream(CHUNK, {**LAST, "id": 1})), [(Part.CHUNK, "/id")]),
        (exchange(request=None, answer=None), []),
        (exchange(request=None, status=None, answer={**RESPONSE, "id": 1}), [(Part.RESPONSE, "/id")]),
        (exchange(request=None, status=None, answer={"error": {"message": 1}}),
            [(Part.ERROR, "/error/message")]),
    ],
)  # fmt: skip
def test_an_exchange_is_checked_by_what_its_parts_are(made: Exchange, expected: list[tuple[Part, str]]) -> None:
    found = Contract.load(select=["CC001"]).check(made)
    assert [(v.part, v.pointer) for v in found if "missing" not in v.message] == expected
    assert {v.exchange for v in found} <= {"e1"}


# Profiles


def test_every_entry_of_the_tolerances_concerns_a_place_in_a_payload() -> None:
    read = {(t[1].rsplit("/", 1)[-1], t[2], json.dumps(t[3], sort_keys=True)) for t in TOLERANCES}
    assert read == {(e["member"], e["may_be"], json.dumps(e["severity"], sort_keys=True)) for e in ENTRIES}


def deviating(root: str, pointer: str, may_be: str) -> tuple[Any, str]:
    """A valid payload with that one deviation, and the place where it is to be told."""
    for payload in VALID[root + "s"].values():
        for tokens in matching(payload, split(pointer)):
            changed = deepcopy(payload)
            holder = resolve(changed, tokens[:-1])
            if may_be == "absent":
                del holder[tokens[-1]]
            else:
                holder[tokens[-1]] = deviation(holder[tokens[-1]], may_be)
            told = tokens[:-1] if may_be == "absent" else tokens
            return changed, "".join(f"/{token}" for token in told)
    raise AssertionError(f"no valid {root} has {pointer}")


def deviation(value: Any, may_be: str) -> Any:
    if may_be == "beyond":
        return value * 129 if isinstance(value, list) else 21
    return {"null": None, "empty": [], "other": "of-its-own"}.get(may_be, may_be[1:])


def matching(value: Any, pointer: list[str]) -> Iterator[list[str | int]]:
    if not pointer:
        yield []
    elif isinstance(value, list) and pointer[0] == "*":
        for index, item in enumerate(value):
            yield from ([index, *rest] for rest in matching(item, pointer[1:]))
    elif isinstance(value, dict) and pointer[0] in value:
        yield from ([pointer[0], *rest] for rest in matching(value[pointer[0]], pointer[1:]))


@ENGINES
@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("tolerance", TOLERANCES, ids=lambda t: f"{t[0]}{t[1]}:{t[2]}")
def test_a_tolerated_deviation_has_the_severity_that_is_declared(
    tolerance: list[Any], profile: Profile, engine: Engine
) -> None:
    root, pointer, may_be, severity = tolerance[:4]
    payload, place = deviating(root, pointer, may_be)
    contract = Contract.load(profile=profile, engine=engine, select=["CC0"])
    if root == "error":
        found = contract.check(exchange(None, 400, payload))
    else:
        found = getattr(contract, f"check_{root}")(payload)
        assert getattr(contract, f"is_valid_{root}")(payload) == (severity[profile] != "error")
    told = [] if severity[profile] == "ignore" else [(place, severity[profile])]
    assert [(v.pointer, v.severity) for v in found] == told


FILTERED: dict[str, Any] = {
    "index": 0,
    "finish_reason": None,
    "content_filter_results": {},
    "content_filter_offsets": {},
}
NOBODY: dict[str, Any] = {"id": "", "object": "", "created": 0, "model": ""}
GATEWAY: dict[str, Any] = {"code": 502, "message": "Bad gateway.", "param": None, "type": "cf_bad_gateway"}
SEEN: dict[str, Any] = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1701103876,
    "model": "gpt-4-1106-vision-preview",
    "choices": [
        {"index": 0, "message": {"role": "assistant", "content": "A lake."}, "finish_details": {"type": "max_tokens"}}
    ],
    "usage": {"prompt_tokens": 11, "completion_tokens": 5, "total_tokens": 16},
}
FORMS: dict[str, tuple[str, Any]] = {
    "vision-preview": ("response", SEEN),
    "azure-prompt-filter": ("chunk", {**NOBODY, "choices": [], "prompt_filter_results": [{"prompt_index": 0}]}),
    "azure-later-filter": ("chunk", {**NOBODY, "choices": [FILTERED]}),
    "cloudflare": ("error", {"error": GATEWAY}),
}
NO_FORMS: dict[str, tuple[str, Any]] = {
    "details of another model": ("response", {**SEEN, "model": "gpt-4"}),
    "details that are a text": ("response", {**SEEN, "choices": [{**SEEN["choices"][0], "finish_details": "stop"}]}),
    "a filter chunk with an id": ("chunk", {**FORMS["azure-prompt-filter"][1], "id": "chatcmpl-1"}),
    "a filter chunk without results": ("chunk", {**NOBODY, "choices": []}),
    "a later filter without offsets": ("chunk", {**NOBODY, "choices": [{**FILTERED, "content_filter_offsets": None}]}),
    "a later filter with a null delta": ("chunk", {**NOBODY, "choices": [{**FILTERED, "delta": None}]}),
    "one choice of two is filtered": ("chunk", {**NOBODY, "choices": [FILTERED, {"index": 1, "finish_reason": None}]}),
    "a number from another gateway": ("error", {"error": {**GATEWAY, "type": "bad_gateway"}}),
    "a list from the network": ("error", {"error": {**GATEWAY, "code": [502]}}),
    "true from the network": ("error", {"error": {**GATEWAY, "code": True}}),
}


def told_of(root: str, payload: Any, profile: Profile, engine: Engine) -> list[tuple[str, str, str]]:
    contract = Contract.load(profile=profile, engine=engine, select=["CC0"])
    if root == "error":
        found = contract.check(exchange(None, 502, payload))
    else:
        found = getattr(contract, f"check_{root}")(payload)
        assert found == getattr(contract, f"check_{root}")(json.dumps(payload))
        assert getattr(contract, f"is_valid_{root}")(payload) == (not found.errors)
    if root == "chunk":
        streamed = contract.check_stream(stream(payload))
        assert [v._replace(chunk=None) for v in streamed] == list(found)
    return [(v.rule, v.pointer, v.severity) for v in found if v.rule != "CC004"]


@ENGINES
@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("form", closures.own().json("forms"), ids=lambda form: form[0])
def test_a_payload_of_a_form_has_the_severity_that_is_declared(form: Any, profile: Profile, engine: Engine) -> None:
    name, root, at, _, severity, _ = form
    told = told_of(root, FORMS[name][1], profile, engine)
    if severity[profile] == "error":
        assert {level for _, _, level in told} == {"error"}
    else:
        assert told == ([] if severity[profile] == "ignore" else [("CC001", at, severity[profile])])


@ENGINES
@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("name", NO_FORMS)
def test_what_only_resembles_a_form_stays_an_error(name: str, profile: Profile, engine: Engine) -> None:
    assert "error" in {level for _, _, level in told_of(*NO_FORMS[name], profile, engine)}


DEPLOYED = {"messages": REQUEST["messages"]}
AZURE = "https://x.openai.azure.com/openai/deployments/d/chat/completions?api-version=2024-10-21"


@pytest.mark.parametrize("profile", PROFILES)
def test_the_address_of_a_deployment_stands_for_the_model(profile: Profile) -> None:
    contract = Contract.load(profile=profile)
    for body in (DEPLOYED, {**DEPLOYED, "model": None}):
        assert contract.check(Exchange("", Request("POST", AZURE, (), json.dumps(body).encode()))) == ()
    assert contract.check(Exchange("", Request("POST", AZURE, (), b"{}"))).errors
    assert contract.check(
        Exchange("", Request("POST", AZURE, (), json.dumps({**DEPLOYED, "model": 1}).encode()))
    ).errors


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("address", ["/v1/chat/completions", "/deployments/chat/completions"])
def test_elsewhere_a_request_without_a_model_is_told(address: str, profile: Profile) -> None:
    contract = Contract.load(profile=profile)
    for body in (DEPLOYED, {**DEPLOYED, "model": None}):
        request = Request("POST", f"https://h{address}", (), json.dumps(body).encode())
        for told in (contract.check(Exchange("", request)), contract.check_request(body)):
            assert [(v.rule, v.severity) for v in told] == [
                ("CC001", "warning" if profile == "compatible" else "error"),
            ]


def test_the_compatible_profile_is_silent_about_extensions() -> None:
    body = {**RESPONSE, "x_vendor": 1}
    assert Contract.load(profile="compatible").check_response(body) == ()
    for profile in ("openai", "strict"):
        assert places(Contract.load(profile=profile).check_response(body)) == [("CC004", "/x_vendor")]


def test_the_names_of_many_undocumented_members_do_not_flood() -> None:
    found = Contract.load().check_response({**RESPONSE, **{f"x{n}": n for n in range(500)}})
    assert len(found) == 21
    assert found[-1].message == "480 more members are not documented"


def test_a_payload_with_very_many_faults_is_cut_short() -> None:
    found = Contract.load().check_request({"model": "m", "messages": [{"role": "x"}] * 5000})
    assert len(found) == 1000


# Choosing rules


BROKEN: dict[str, Any] = {
    "model": 1,
    "messages": [{"role": "user", "content": "Hi", "x": 1}],
    "parallel_tool_calls": None,
}


@pytest.mark.parametrize(
    ("select", "ignore", "rules"),
    [
        (None, None, {"CC001", "CC002", "CC004"}),
        (["CC001"], None, {"CC001"}),
        (["cc001", "null-member"], None, {"CC001", "CC002"}),
        (["CC0"], None, {"CC001", "CC002", "CC004"}),
        (["CC00"], ["undocumented-member"], {"CC001", "CC002"}),
        (None, ["CC001"], {"CC002", "CC004"}),
        (["CC001"], ["CC0"], set()),
        ([], None, set()),
        (iter(["CC004"]), iter(["CC001"]), {"CC004"}),
    ],
)
def test_rules_are_chosen_by_code_prefix_or_name(select: Any, ignore: Any, rules: set[str]) -> None:
    contract = Contract.load(select=select, ignore=ignore)
    assert {v.rule for v in contract.check_request(BROKEN)} == rules
    assert {rule.code for rule in contract.rules} >= rules


@pytest.mark.parametrize("word", ["CC999", "no-such-rule", "", "C", "schema mismatch"])
@pytest.mark.parametrize("option", ["select", "ignore"])
def test_an_unknown_rule_gives_an_error_with_its_cure(option: Any, word: str) -> None:
    with pytest.raises(ValueError, match=r"no rule is called .*chatcontract rules"):
        Contract.load(**{option: [word]})


def test_an_unknown_profile_or_engine_gives_an_error_that_lists_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"'lax'.*openai, strict, compatible"):
        Contract.load(profile="lax")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"'ajv'.*jsonschema-rs, jsonschema"):
        Contract.load(engine="ajv")  # type: ignore[arg-type]


# assert_ok


def test_assert_ok_raises_an_assertion_error_that_carries_the_violations() -> None:
    contract = Contract.load()
    with pytest.raises(ContractViolation) as raised:
        contract.assert_ok({**RESPONSE, "id": 1})
    assert isinstance(raised.value, AssertionError)
    assert places(raised.value.violations) == [("CC001", "/id")]
    assert str(raised.value) == "CC001 schema-mismatch (error) at response#/id: expected string, got number"


def test_assert_ok_takes_an_exchange_a_body_or_violations_and_is_silent_below_error() -> None:
    contract = Contract.load()
    contract.assert_ok(exchange())
    contract.assert_ok(json.dumps(RESPONSE))
    contract.assert_ok(RESPONSE, REQUEST)
    contract.assert_ok({**RESPONSE, "x": 1})
    with pytest.raises(ContractViolation, match="request#/n"):
        contract.assert_ok(exchange(request={**REQUEST, "n": 0}))
    with pytest.raises(ContractViolation, match="request#/n"):
        contract.assert_ok(contract.check_request({**REQUEST, "n": 0}))


# Engines, threads, other documents


def test_a_contract_serves_many_threads() -> None:
    contract = Contract.load()
    bodies: list[dict[str, Any]] = [{**REQUEST, "n": n % 3} for n in range(300)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(contract.check_request, bodies))
        verdicts = list(pool.map(contract.is_valid_request, bodies))
    assert [places(each) for each in found] == [[] if n % 3 else [("CC001", "/n")] for n in range(300)]
    assert verdicts == [bool(n % 3) for n in range(300)]


def small_document() -> dict[str, Any]:
    def content(schema: dict[str, Any]) -> dict[str, Any]:
        return {"content": {"application/json": {"schema": schema}}}

    question = {"type": "object", "required": ["question"], "properties": {"question": {"type": "string"}}}
    answer = {
        "type": "object",
        "required": ["answer"],
        "properties": {"answer": {"type": ["string", "null"]}},
    }
    operation = {
        "requestBody": content(question),
        "responses": {"200": {"description": "", **content(answer)}},
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "Small", "version": "7"},
        "paths": {"/v1/chat/completions": {"post": operation}},
    }


@ENGINES
@pytest.mark.parametrize("profile", PROFILES)
def test_another_document_is_held_against_its_own_words(engine: Engine, profile: Profile) -> None:
    contract = Contract.load(small_document(), engine=engine, profile=profile, select=["CC0"])
    assert contract.facts["title"] == "Small"
    assert contract.facts["path"] == "/v1/chat/completions"
    assert contract.check_request({"question": "?"}) == ()
    assert places(contract.check_request({"question": None})) == [("CC001", "/question")]
    assert places(contract.check_response({})) == [("CC003", "")]
    assert contract.is_valid_response({"answer": None})
    assert contract.is_valid_chunk(CHUNK)
    assert places(contract.check_chunk({**CHUNK, "id": 1})) == [("CC001", "/id")]


def test_the_facts_of_our_own_document_say_what_it_is() -> None:
    facts = Contract.load().facts
    assert facts["openapi"].startswith("3.1")
    assert facts["path"] == "/chat/completions"
    assert facts["fixes"] == {}
    assert facts["origin"] == "spec/openapi.yaml"


def test_the_version_is_that_of_the_project() -> None:
    import tomllib

    project = tomllib.loads((HERE.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert chatcontract.__version__ == project["version"]


def test_an_answer_is_not_blamed_for_what_it_repeats_of_its_request() -> None:
    deep = b"[" * 300 + b"]" * 300
    request = Request(body=b'{"model": "m", "messages": ' + deep + b"}")
    echo = Response(
        422, (), b'{"error": {"message": "m", "type": "t", "param": null, "code": null, "input": ' + deep + b"}}"
    )
    assert "CC009" in {violation.rule for violation in Contract.load().check_answer(Exchange("1", None, echo))}
    assert "CC009" not in {violation.rule for violation in Contract.load().check_answer(Exchange("1", request, echo))}


def test_a_redirection_needs_no_body() -> None:
    exchange = Exchange("1", None, Response(307, (("location", "/v1/chat/completions"),), b""))
    assert [violation.rule for violation in Contract.load().check_answer(exchange)] == ["CC113"]


@ENGINES
def test_of_branches_without_a_tag_the_one_that_lacks_no_member_was_meant(engine: Engine) -> None:
    branches = [{"type": "object", "required": [n], "properties": {n: {"type": "integer"}}} for n in ("x", "y")]
    request = {"type": "object", "properties": {"a": {"anyOf": branches}}}
    media = {"application/json": {"schema": {"type": "object"}}}
    document: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": "T", "version": "1"},
        "paths": {
            "/v1/chat/completions": {
                "post": {
                    "requestBody": {"content": {"application/json": {"schema": request}}},
                    "responses": {"200": {"description": "", "content": media}},
                }
            }
        },
    }
    contract = Contract.load(document, engine=engine, select=["CC0"])
    assert [v.pointer for v in contract.check_request({"a": {"x": "1"}})] == ["/a/x"]
    assert [v.pointer for v in contract.check_request({"a": {"z": "1"}})] == ["/a"]


@pytest.mark.parametrize(("chunks", "place"), [([object()], "the top"), ([{"choices": [object()]}], "'/choices/0'")])
def test_a_chunk_that_is_no_json_value_is_named_by_its_type_and_place(chunks: Any, place: str) -> None:
    with pytest.raises(TypeError, match=f"^object at {place} is no JSON value. Give a dict"):
        Contract.load().check_stream(chunks)
