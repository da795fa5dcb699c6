"""Documents as frameworks and people write them: legal but unusual, or wrong in a way that is plain."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from chatcontract import Contract
from chatcontract.exceptions import SpecError
from chatcontract.model import Engine

ENGINES = pytest.mark.parametrize("engine", ["jsonschema-rs", "jsonschema"])
Tree = dict[str, Any]
load = partial(Contract.load, select=["CC0"])
QUESTION: Tree = {"type": "object", "required": ["question"], "properties": {"question": {"type": "string"}}}
ANSWER: Tree = {"type": "object", "required": ["answer"], "properties": {"answer": {"type": "string"}}}
NODE: Tree = {
    "type": "object",
    "required": ["name"],
    "properties": {
        "name": {"type": "string"},
        "children": {"type": "array", "items": {"$ref": "#/components/schemas/Node"}},
    },
}
PIECE: Tree = {"type": "object", "required": ["piece"], "properties": {"piece": {"type": "string"}}}
JSON_TYPE = "application/json"


def content(schema: Any, media_type: str = JSON_TYPE) -> Tree:
    return {"content": {media_type: {"schema": schema}}}


def openapi(request: Any = QUESTION, response: Any = ANSWER, *, path: str = "/chat/completions", **more: Any) -> Tree:
    post = {"requestBody": content(request), "responses": {"200": {"description": "", **content(response)}}}
    return {"openapi": "3.1.0", "info": {"title": "T", "version": "1"}, "paths": {path: {"post": post}}, **more}


def saved(folder: Path, tree: Tree, name: str = "openapi.json") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(tree), encoding="utf-8")
    return path


def places(contract: Contract, body: Any) -> list[str]:
    return [v.pointer for v in contract.check_request(body) if v.rule != "CC004"]


def judges(contract: Contract) -> bool:
    """Whether the contract knows the question and the answer of this file's documents."""
    right = contract.is_valid_request({"question": "?"}) and contract.is_valid_response({"answer": "!"})
    wrong = contract.is_valid_request({"question": 1}) or contract.is_valid_response({})
    return right and not wrong and places(contract, {"question": 1}) == ["/question"]


def components(**schemas: Any) -> Tree:
    return {"components": {"schemas": schemas}}


def operation(**more: Any) -> Tree:
    """A document whose operation has these members beside, or instead of, the usual ones."""
    made = openapi()
    made["paths"]["/chat/completions"]["post"] |= more
    return made


def answering(**media: Any) -> Tree:
    held = {name.replace("_", "/", 1): {"schema": schema} for name, schema in media.items()}
    return operation(responses={"200": {"description": "", "content": held}})


def refused(spec: Any) -> str:
    with pytest.raises(SpecError) as raised:
        load(spec)
    return str(raised.value)


# Where the operation is


@pytest.mark.parametrize(
    ("path", "more"),
    [
        ("/completions", {"servers": [{"url": "https://host.test/v1/chat"}]}),
        ("/completions", {"servers": [{"url": "/api/chat/"}]}),
        ("/", {"servers": [{"url": "https://{host}/v1/chat/completions"}]}),
        ("/v1/Chat/Completions", {}), ("/v1/chat/completions#stream", {}), ("/v1/chat/completions{?version}", {}),
    ],
)  # fmt: skip
def test_the_path_counts_from_the_server_and_without_its_ornaments(path: str, more: Tree) -> None:
    contract = load(openapi(path=path, **more))
    assert judges(contract)
    assert contract.facts["path"] == path


@pytest.mark.parametrize("name", ["create_chat_completion", "ChatCompletions", "proxy_v1_chat_completions_post"])
def test_an_operation_is_known_by_the_ids_that_frameworks_write(name: str) -> None:
    made = openapi(path="/sonar")
    made["paths"]["/sonar"]["post"]["operationId"] = name
    assert judges(load(made))


@pytest.mark.parametrize("name", ["listChatCompletions", "getChatCompletion", 5, None, ["chatCompletion"]])
def test_an_operation_of_another_use_is_not_taken(name: Any) -> None:
    made = openapi(path="/sonar")
    made["paths"]["/sonar"]["post"]["operationId"] = name
    assert "no POST" in refused(made)


@pytest.mark.parametrize("path", ["/chat/completions", "/completions"])
def test_other_operations_are_not_read_and_may_be_broken(tmp_path: Path, path: str) -> None:
    made = openapi(path=path, servers=[{"url": "/v1/chat"}])
    made["paths"] |= {"/a": {"$ref": "#/paths/~1a"}, "/b": {"post": {"$ref": "gone.yaml"}}, "/c": [], "/d": None}
    contract = load(saved(tmp_path, made))
    assert judges(contract)
    assert contract.facts["files"] == 1


# What a body and an answer hold


@pytest.mark.parametrize(
    "media_type",
    [
        "application/json; charset=utf-8", "Application/JSON", "application/*", "*/*", "text/json",
        "application/vnd.host+json",
    ],
)  # fmt: skip
def test_json_is_known_by_any_of_its_names(media_type: str) -> None:
    made = operation(
        requestBody=content(QUESTION, media_type),
        responses={"200": {"description": "", **content(ANSWER, media_type)}},
    )
    assert judges(load(made))


@pytest.mark.parametrize(
    "other", ["application/problem+json", "application/json-patch+json", "application/x-ndjson", "text/json", "*/*"]
)
def test_plain_json_goes_before_its_relatives(other: str) -> None:
    media = {other: {"schema": {"type": "array"}}, JSON_TYPE: {"schema": QUESTION}}
    answers = {other: {"schema": {"type": "array"}}, JSON_TYPE: {"schema": ANSWER}}
    made = operation(requestBody={"content": media}, responses={"200": {"description": "", "content": answers}})
    assert judges(load(made))


@pytest.mark.parametrize("status", ["200", "2XX", "201", "202", "default"])
def test_the_answer_stands_at_any_status_of_success(status: str) -> None:
    contract = load(operation(responses={status: {"description": "", **content(ANSWER)}}))
    assert judges(contract)
    assert contract._shapes["error"].verdict({"error": {"message": "", "type": "", "param": None, "code": None}})


@ENGINES
def test_an_error_may_have_the_form_that_any_status_gives_it(engine: Engine) -> None:
    plain = {"type": "object", "required": ["error"], "properties": {"error": {"type": "string"}}}
    listed = {"type": "object", "required": ["detail"], "properties": {"detail": {"type": "array"}}}
    answers = {"400": content(plain), "404": content(plain), "422": content(listed)}
    made = operation(responses={"200": {"description": "", **content(ANSWER)}, **answers})
    verdict = load(made, engine=engine)._shapes["error"].verdict
    assert verdict({"error": "x"})
    assert verdict({"detail": []})
    assert not verdict({"error": 1})
    assert not verdict({})


def test_a_document_that_describes_the_request_alone_is_judged_by_it() -> None:
    for made in (
        operation(responses={"200": {"description": "a stream"}}),
        operation(responses={}),
        openapi(response={"title": "Response"}),
    ):
        contract = load(made)
        assert places(contract, {"question": 1}) == ["/question"]
        assert not contract.is_valid_response({"answer": "!"})
        assert "own-response-schema" in contract.facts["fixes"]


# Where the chunk is


CHUNK: Tree = {
    "type": "object",
    "required": ["object", "piece"],
    "properties": {"object": {"enum": ["chat.completion.chunk"]}, "piece": {"type": "string"}},
}
WHOLE: Tree = {
    "type": "object",
    "required": ["object", "answer"],
    "properties": {"object": {"enum": ["chat.completion"]}, "answer": {"type": "string"}},
}
A_CHUNK, A_WHOLE = {"object": "chat.completion.chunk", "piece": "a"}, {"object": "chat.completion", "answer": "a"}


@ENGINES
@pytest.mark.parametrize("is_named", [True, False])
@pytest.mark.parametrize("union", ["oneOf", "anyOf"])
def test_of_an_answer_in_both_forms_each_is_judged_by_its_own(union: str, is_named: bool, engine: Engine) -> None:
    branches = [{"$ref": "#/components/schemas/W"}, {"$ref": "#/components/schemas/C"}] if is_named else [WHOLE, CHUNK]
    contract = load(openapi(response={union: branches}, **components(W=WHOLE, C=CHUNK)), engine=engine)
    assert contract.is_valid_response(A_WHOLE)
    assert contract.is_valid_chunk(A_CHUNK)
    assert not contract.is_valid_response(A_CHUNK)
    assert not contract.is_valid_chunk(A_WHOLE)
    assert [v.pointer for v in contract.check_chunk({**A_CHUNK, "piece": 1})] == ["/piece"]


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "array", "items": CHUNK},
        {"oneOf": [CHUNK, {"type": "string", "const": "[DONE]"}]},
        {"type": "object", "properties": {"data": {"$ref": "#/components/schemas/Loop"}}},
        {"type": "object", "properties": {"data": {"type": "string", "contentSchema": CHUNK}}},
        {"oneOf": [{"type": "object", "properties": {"data": {"type": "string", "contentSchema": CHUNK}}}]},
    ],
)
def test_a_stream_may_be_described_around_its_chunks(schema: Tree) -> None:
    loop = {**CHUNK, "properties": {**CHUNK["properties"], "next": {"$ref": "#/components/schemas/Loop"}}}
    made = answering(application_json=ANSWER, **{"text_event-stream": schema}) | components(Loop=loop)
    contract = load(made)
    assert contract.is_valid_chunk(A_CHUNK)
    assert not contract.is_valid_chunk({**A_CHUNK, "piece": 1})
    assert not contract.is_valid_chunk({"data": A_CHUNK})


def test_of_a_stream_described_as_a_text_the_chunk_is_found_elsewhere() -> None:
    made = answering(application_json=ANSWER, **{"text_event-stream": {"type": "string"}})
    assert load(made | components(Piece=CHUNK)).is_valid_chunk(A_CHUNK)
    assert load(made | components(ChatCompletionChunk=PIECE)).is_valid_chunk({"piece": "a"})
    own = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": []}
    assert load(made).is_valid_chunk(own)
    assert not load(made).is_valid_chunk(A_CHUNK)


# References


@ENGINES
@pytest.mark.parametrize(
    ("request_schema", "schemas"),
    [
        ({"$ref": "#question"}, {"Q": {**QUESTION, "$anchor": "question"}}),
        ({"$ref": "https://host.test/question.json"}, {"Q": {**QUESTION, "$id": "https://host.test/question.json"}}),
        (
            {"$ref": "#/components/schemas/Q"},
            {"Q": {
                "$id": "https://host.test/a/question.json", "type": "object", "required": ["question"],
                "properties": {"question": {"$ref": "#/$defs/text"}},
                "$defs": {"text": {"$ref": "../text.json"}},
            }, "T": {"$id": "https://host.test/text.json", "type": "string"}},
        ),
        (
            {"type": "object", "required": ["question"], "properties": {"question": {"$dynamicRef": "#text"}}},
            {"T": {"$dynamicAnchor": "text", "type": "string"}},
        ),
        (
            {"type": "object", "required": ["question"], "properties": {"question": {"$ref": "#/definitions/text"}},
                "definitions": {"text": {"type": "string"}}},
            {},
        ),
        ({"$ref": "#/components/schemas/Q", "description": "d"}, {"Q": {**QUESTION, "$schema": "https://host.test"}}),
    ],
)  # fmt: skip
def test_a_reference_may_name_a_schema_in_any_way(request_schema: Tree, schemas: Tree, engine: Engine) -> None:
    assert judges(load(openapi(request_schema, **components(**schemas)), engine=engine))


def test_inside_a_pasted_schema_a_bare_hash_is_its_root() -> None:
    node = {**NODE, "properties": {"name": {"type": "string"}, "children": {"type": "array", "items": {"$ref": "#"}}}}
    contract = load(openapi(node))
    assert contract.facts["fixes"]["local-definitions"] >= 1
    assert places(contract, {"name": "a", "children": [{"name": 1}]}) == ["/children/0/name"]


def test_references_go_through_folders_with_any_name(tmp_path: Path) -> None:
    saved(tmp_path, {"Q": {"$ref": "../texts%20of%20all/b c.json#/Q"}}, "schemas/50%25 a.yaml")
    saved(tmp_path, {"Q": QUESTION}, "texts of all/b c.json")
    path = saved(tmp_path, openapi({"$ref": "schemas/50%2525%20a.yaml#/Q"}))
    contract = load(path)
    assert judges(contract)
    assert contract.facts["files"] == 3


def test_references_that_only_lead_to_each_other_are_told() -> None:
    body = {"$ref": "#/components/requestBodies/B"}
    made = operation(requestBody=body) | {"components": {"requestBodies": {"B": body}}}
    assert "/post/requestBody: the $ref leads back to itself" in refused(made)


# Slips of the pen


@pytest.mark.parametrize(
    "schema",
    [
        {**QUESTION, "required": None}, {**QUESTION, "additionalProperties": None},
        {"type": "object", "properties": {**QUESTION["properties"], "more": None}},
        {"type": "object", "properties": {"question": {"type": "string", "required": True}}},
    ],
)  # fmt: skip
def test_a_plain_slip_costs_the_keyword_alone(schema: Tree) -> None:
    contract = load(openapi(schema))
    assert contract.check_request({"question": "?"}) == ()
    assert places(contract, {"question": 1}) == ["/question"]


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (operation(responses=[1]), "/post/responses: list where a dict belongs"),
        (operation(requestBody={"content": [JSON_TYPE]}), "/requestBody/content: list where a dict belongs"),
        (operation(requestBody=None, responses=None), "no JSON schema for its request"),
    ],
)
def test_a_part_of_the_wrong_kind_is_told_at_its_place(made: Tree, words: str) -> None:
    assert words in refused(made)


# Verdict and list of violations agree


def strict(schema: Any, engine: Engine, **more: Any) -> Contract:
    return load(openapi(schema, **more), engine=engine, profile="strict")


@ENGINES
@pytest.mark.parametrize(
    ("schema", "body", "is_valid"),
    [
        ({"type": "object", "properties": {"a": {}}, "required": ["b"]}, {"b": 1}, True),
        ({"not": {"properties": {"a": {"type": "string"}}, "required": ["b"]}}, {"a": "x", "b": 1}, False),
        ({"type": "object", "properties": {"a": {}}, "anyOf": [
            {"type": "object", "properties": {"b": {}}}, {"type": "integer"}]}, {"a": 1, "b": 1}, True),
        ({"type": "object", "properties": {"a": {"items": {}}}, "dependentSchemas": {
            "a": {"properties": {"b": {"type": "string"}}}}}, {"a": 1, "b": "x"}, True),
        ({"contains": {"type": "object", "properties": {"a": {}}}}, [{"a": 1, "b": 1}], True),
        ({"anyOf": [{"properties": {"a": {}}, "type": "object"}], "unevaluatedProperties": False}, {"a": 1}, True),
        ({"oneOf": [{"type": "object", "required": ["k"], "properties": {"k": {"enum": ["x"]}}},
            {"type": "object", "required": ["k"], "properties": {"k": {"enum": ["y"]}}}],
            "unevaluatedProperties": False}, {"k": "x", "z": 1}, False),
        ({"$ref": "#/components/schemas/Any", "maxItems": 1}, [1, 2], False),
        ({"properties": {"a": {"oneOf": [True, {"properties": {"b": {}}}]}}}, {"a": 1}, False),
        ({"properties": {"a": {"allOf": [{"type": "string"}, {"type": "integer"}]}}}, {"a": 1}, False),
        ({"allOf": [{"properties": {"a": {}}, "additionalProperties": False},
            {"patternProperties": {"^x": {}}}]}, {"xa": 1}, False),
        ({"allOf": [{"anyOf": [{"items": {"type": "string"}}], "prefixItems": [{}]}]}, [1], False),
        ({"$ref": "#/components/schemas/Rest", "if": {"items": {}}}, [1], False),
    ],
)  # fmt: skip
def test_a_schema_of_any_form_is_judged_alike_in_verdict_and_list(
    schema: Any, body: Any, is_valid: bool, engine: Engine
) -> None:
    contract = strict(schema, engine, **components(Any=True, Rest={"unevaluatedItems": {"type": "string"}}))
    assert contract.is_valid_request(body) is is_valid
    assert (not contract.check_request(body).errors) is is_valid


@ENGINES
def test_an_undocumented_member_behind_a_reference_is_no_error(engine: Engine) -> None:
    contract = strict({"$ref": "#/components/schemas/Node"}, engine, **components(Node=NODE))
    found = contract.check_request({"name": "a", "children": [{"name": "b", "extra": 1}]})
    assert [(v.rule, v.pointer) for v in found] == [("CC004", "/children/0/extra")]


def test_the_reference_engine_reads_named_groups() -> None:
    contract = load(openapi({"pattern": "^(?<word>a+)$"}), engine="jsonschema")
    assert contract.is_valid_request('"aa"')
    assert not contract.is_valid_request('"b"')


@ENGINES
def test_what_is_no_json_is_not_valid_even_where_anything_is(engine: Engine) -> None:
    contract = load(openapi({"maxLength": 5}), engine=engine)
    assert contract.is_valid_request(b"{}")
    assert not contract.is_valid_request(b"{")
    assert not contract.is_valid_request(b"")
