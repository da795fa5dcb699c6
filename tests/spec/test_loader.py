"""Documents as people have them: in any place and form, with references, circles, gaps and mistakes."""

import json
import os
import threading
from collections.abc import Iterator, Mapping
from copy import deepcopy
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from chatcontract import Contract, SpecError, closures
from chatcontract.model import Engine
from chatcontract.spec import document as spec_document
from chatcontract.spec.fixes import FIXES
from chatcontract.spec.plain_yaml import loader_for

ENGINES = pytest.mark.parametrize("engine", ["jsonschema-rs", "jsonschema"])
Tree = dict[str, Any]
load = partial(Contract.load, select=["CC0"])
QUESTION: Tree = {"type": "object", "required": ["question"], "properties": {"question": {"type": "string"}}}
ANSWER: Tree = {"type": "object", "required": ["answer"], "properties": {"answer": {"type": "string"}}}


def content(schema: Any, media_type: str = "application/json") -> Tree:
    return {"content": {media_type: {"schema": schema}}}


def openapi(
    request: Any = QUESTION,
    response: Any = ANSWER,
    *,
    path: str = "/chat/completions",
    version: str = "3.1.0",
    **more: Any,
) -> Tree:
    post = {"requestBody": content(request), "responses": {"200": {"description": "", **content(response)}}}
    return {
        "openapi": version,
        "info": {"title": "T", "version": "1"},
        "paths": {path: {"post": post}},
        **more,
    }


def with_chunk(chunk: Any, **more: Any) -> Tree:
    made = openapi(**more)
    made["paths"]["/chat/completions"]["post"]["responses"]["200"]["content"]["text/event-stream"] = {"schema": chunk}
    return made


def saved(folder: Path, tree: Any, name: str = "openapi.yaml") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        json.dumps(tree) if name.endswith("json") else yaml.safe_dump(tree, sort_keys=False), encoding="utf-8"
    )
    return path


def places(contract: Contract, body: Any) -> list[str]:
    return [v.pointer for v in contract.check_request(body) if v.rule != "CC004"]


def judges(contract: Contract) -> bool:
    """Whether the contract knows the question and the answer of this file's documents."""
    right = contract.is_valid_request({"question": "?"}) and contract.is_valid_response({"answer": "!"})
    wrong = contract.is_valid_request({"question": 1}) or contract.is_valid_response({})
    return right and not wrong and places(contract, {"question": 1}) == ["/question"]


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """The URL of a server on this machine that hands out the files of `tmp_path`."""
    serving = ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(tmp_path)))
    thread = threading.Thread(target=serving.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{serving.server_port}"
    serving.shutdown()
    serving.server_close()
    thread.join()


# Where documents come from


@ENGINES
def test_a_document_may_be_a_path_a_dict_or_a_url_in_yaml_or_json(tmp_path: Path, server: str, engine: Engine) -> None:
    tree = openapi()
    in_yaml, in_json = saved(tmp_path, tree), saved(tmp_path, tree, "openapi.json")
    for spec in (tree, in_yaml, str(in_yaml), in_json, f"{server}/openapi.yaml", f"{server}/openapi.json"):
        assert judges(load(spec, engine=engine))


def test_json_in_a_file_of_any_name_and_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    path = tmp_path / "openapi.txt"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(openapi()).encode())
    assert judges(load(path))


def test_the_facts_name_the_document(tmp_path: Path) -> None:
    path = saved(tmp_path, openapi())
    facts = load(path).facts
    assert (facts["origin"], facts["title"], facts["version"], facts["openapi"]) == (
        str(path),
        "T",
        "1",
        "3.1.0",
    )
    assert facts["path"] == "/chat/completions"
    assert len(facts["hash"]) == 64


@pytest.mark.parametrize(
    "path",
    [
        "/chat/completions", "/v1/chat/completions", "/api/v1/chat/completions", "/chat/completions/",
        "/openai/deployments/{deployment-id}/chat/completions", "/v1/chat/completions?api-version=1",
    ],
)  # fmt: skip
def test_the_operation_is_found_wherever_a_provider_puts_it(path: str) -> None:
    contract = load(openapi(path=path))
    assert contract.facts["path"] == path
    assert judges(contract)


def test_the_operation_is_found_by_its_id_under_a_path_of_another_name() -> None:
    tree = openapi(path="/converse")
    tree["paths"]["/converse"]["post"]["operationId"] = "createChatCompletion"
    assert judges(load(tree))


def test_among_several_operations_the_shortest_path_counts() -> None:
    tree = openapi(path="/deployments/{id}/chat/completions", request={"type": "object"})
    tree["paths"]["/chat/completions"] = openapi()["paths"]["/chat/completions"]
    tree["paths"]["/chat/completions/{id}"] = {"post": {"operationId": "updateChatCompletion"}}
    tree["paths"]["/chat/completions/stored"] = {"get": {}}
    assert load(tree).facts["path"] == "/chat/completions"


def test_a_version_written_as_a_number_is_read(tmp_path: Path) -> None:
    path = tmp_path / "openapi.yaml"
    path.write_text(yaml.safe_dump(openapi()).replace("3.1.0", "3.1"), encoding="utf-8")
    assert judges(load(path))


# References


@ENGINES
def test_references_lead_into_other_files_of_either_form(tmp_path: Path, engine: Engine) -> None:
    saved(tmp_path, {"defs": {"a/b": {"$ref": "deeper/text.json#/string"}}}, "parts/schemas.yaml")
    saved(tmp_path, {"string": {"type": "string"}}, "parts/deeper/text.json")
    saved(
        tmp_path,
        {**ANSWER, "properties": {"answer": {"$ref": "schemas.yaml#/defs/a~1b"}}},
        "parts/answer.yaml",
    )
    request = {**QUESTION, "properties": {"question": {"$ref": "./parts/schemas.yaml#/defs/a%7E1b"}}}
    contract = load(saved(tmp_path, openapi(request, {"$ref": "parts/answer.yaml"})), engine=engine)
    assert judges(contract)
    assert contract.facts["files"] == 4


def test_references_stand_for_path_items_bodies_responses_and_media_types(tmp_path: Path) -> None:
    tree = openapi()
    post = tree["paths"]["/chat/completions"]["post"]
    tree["components"] = {
        "requestBodies": {"Q": post["requestBody"]},
        "responses": {"A": post["responses"]["200"]},
        "pathItems": {"Chat": {"post": post}},
    }
    post["requestBody"] = {"$ref": "#/components/requestBodies/Q"}
    post["responses"]["200"] = {"$ref": "#/components/responses/A"}
    tree["paths"]["/chat/completions"] = {"$ref": "#/components/pathItems/Chat"}
    assert judges(load(tree))
    saved(tmp_path, tree, "whole.yaml")
    outside = openapi()
    outside["paths"]["/chat/completions"] = {"$ref": "whole.yaml#/components/pathItems/Chat"}
    assert judges(load(saved(tmp_path, outside)))


def test_a_reference_to_the_network_is_refused_unless_it_is_asked_for(tmp_path: Path, server: str) -> None:
    saved(tmp_path, QUESTION, "question.json")
    path = saved(tmp_path, openapi({"$ref": f"{server}/question.json"}))
    with pytest.raises(SpecError, match=r"openapi.yaml#/paths/.*leads to the network, which is refused.*network=True"):
        load(path)
    assert judges(load(path, network=True))
    with pytest.raises(SpecError, match="network"):
        load(path)


def test_a_document_from_a_url_may_refer_to_files_beside_it_and_to_no_other_server(tmp_path: Path, server: str) -> None:
    saved(tmp_path, QUESTION, "question.json")
    saved(tmp_path, openapi({"$ref": "question.json"}))
    assert judges(load(f"{server}/openapi.yaml"))
    saved(tmp_path, openapi({"$ref": "http://127.0.0.2:9/question.json"}))
    with pytest.raises(SpecError, match="refused"):
        load(f"{server}/openapi.yaml")


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("#/components/schemas/Nowhere", "nothing is there"),
        ("#/components/schemas/Nowhere/0", "nothing is there"),
        ("#anchor", "nothing is there"), ("gone.yaml", "no such file"),
        ("gone.yaml#/a", "no such file"),
        ("#/paths/0", "nothing is there"), (f"#/tags/{'9' * 5000}", "nothing is there"),
        ("http://[::1", "broken"),
        ("a\0b.yaml", "cannot be read"), (".", "cannot be read"), ("file:///etc/hosts", "no such file"),
    ],
)  # fmt: skip
def test_a_broken_reference_is_told_with_the_place_that_has_it(tmp_path: Path, reference: str, words: str) -> None:
    path = saved(tmp_path, openapi({"properties": {"x": {"$ref": reference}}}, tags=[{}]))
    with pytest.raises(SpecError) as raised:
        load(path)
    message = str(raised.value)
    assert words in message
    assert "/requestBody/content/application~1json/schema/properties/x" in message
    assert str(path) in message


# Circles


NODE: Tree = {
    "type": "object",
    "required": ["name"],
    "properties": {
        "name": {"type": "string"},
        "children": {"type": "array", "items": {"$ref": "#/components/schemas/Node"}},
    },
}


@ENGINES
def test_a_schema_may_contain_itself(engine: Engine) -> None:
    contract = load(
        openapi({"$ref": "#/components/schemas/Node"}, components={"schemas": {"Node": NODE}}), engine=engine
    )
    tree: Tree = {"name": "a", "children": [{"name": "b", "children": [{"name": "c"}]}]}
    assert contract.check_request(tree) == ()
    tree["children"][0]["children"][0] = {"name": 1, "children": {}}
    assert places(contract, tree) == ["/children/0/children/0/name", "/children/0/children/0/children"]
    assert [v.rule for v in contract.check_request({"name": "a", "children": None})] == ["CC002"]
    assert [v.rule for v in contract.check_request({"name": "a", "children": [{"name": "b", "children": None}]})] == [
        "CC002"
    ]


@ENGINES
def test_schemas_may_contain_each_other_through_unions_files_and_strange_names(tmp_path: Path, engine: Engine) -> None:
    either = {"anyOf": [{"type": "null"}, {"type": "string"}, {"$ref": "other.json#/a~1b%20c"}]}
    saved(
        tmp_path,
        {"a/b c": {"type": "object", "properties": {"back": {"$ref": "openapi.yaml#/components/schemas/E"}}}},
        "other.json",
    )
    path = saved(
        tmp_path,
        openapi({"properties": {"x": {"$ref": "#/components/schemas/E"}}}, components={"schemas": {"E": either}}),
    )
    contract = load(path, engine=engine)
    assert contract.check_request({"x": {"back": {"back": {"back": None}}}}) == ()
    assert places(contract, {"x": {"back": {"back": {"back": 5}}}}) == ["/x/back/back/back"]


@pytest.mark.parametrize(
    "schemas",
    [
        {"A": {"$ref": "#/components/schemas/A"}},
        {"A": {"$ref": "#/components/schemas/B"}, "B": {"$ref": "#/components/schemas/A"}},
        {"A": {"allOf": [{"$ref": "#/components/schemas/A"}, {"type": "object"}]}},
        {"A": {"anyOf": [{"type": "null"}, {"not": {"$ref": "#/components/schemas/A"}}]}},
    ],
)
def test_a_schema_defined_by_itself_alone_is_refused(schemas: Tree) -> None:
    with pytest.raises(SpecError, match=r"defined by itself alone.*Correct the document"):
        load(openapi({"$ref": "#/components/schemas/A"}, components={"schemas": schemas}))


# OpenAPI 3.0


@ENGINES
def test_the_words_of_openapi_3_0_keep_their_meaning(engine: Engine) -> None:
    request = {
        "type": "object",
        "properties": {
            "a": {"type": "string", "nullable": True},
            "b": {"type": "string", "nullable": True, "enum": ["x", "y"]},
            "c": {
                "type": "number",
                "minimum": 0,
                "exclusiveMinimum": True,
                "maximum": 9,
                "exclusiveMaximum": False,
            },
            "d": {"allOf": [{"$ref": "#/components/schemas/D"}], "nullable": True},
        },
    }
    tree = openapi(request, version="3.0.3", components={"schemas": {"D": {"type": "integer"}}})
    contract = load(tree, engine=engine)
    assert contract.facts["fixes"] == {"own-chunk-schema": 1, "own-error-schema": 1}
    assert contract.check_request({"a": None, "b": None, "c": 0.5, "d": None}) == ()
    assert contract.check_request({"c": 9, "d": 4}) == ()
    for body in ({"a": 1}, {"b": "z"}, {"c": 0}, {"c": 9.5}, {"d": "4"}):
        assert places(contract, body) == [f"/{next(iter(body))}"]


# Documents that cannot be used


def refused(spec: Any, **options: Any) -> str:
    with pytest.raises(SpecError) as raised:
        load(spec, **options)
    return str(raised.value)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"), (b"  \n", "empty"), (b"# nothing\n", "not an object"), (b"- a\n- b\n", "holds list"),
        (b"just words", "holds str"), (b"42", "holds int"), (b"[]", "holds list"),
        (b"openapi: 3.1.0\npaths:\n\t/x: {}\n", ":3:1"), (b"openapi: '3.1.0\npaths: {}\n", ":3:1"),
        (b"a: b: c\n", ":1:5"), (b"{openapi: 3.1.0\npaths", ":3:1"), (b'{"openapi": "3.1.0",, }', ":1:21"),
        (b"\x00\x01\x02\xff\xfe binary", "not UTF-8"), (b"\x00\x01\x02", "not YAML"),
        (b"a: *nowhere\n", "undefined alias"),
        (b"? [a, b]\n: c\n", "name that is not a scalar"), (b"a: !!python/object:os.system x\n", ":1:4"),
        (b"a: !!binary aGk=\n", "binary, which JSON does not have"),
        (b"a: !!set {b}\n", "set, which JSON does not have"),
        (b"--- {}\n--- {}\n", "another document"), (b"swagger: '2.0'\npaths: {}\n", 'swagger: "2.0"'),
        (b"openapi: 2.5.0\n", 'openapi: "2.5.0"'), (b"openapi: [3]\n", "3.0 and 3.1"), (b"{}", "no version"),
        (b"openapi: 3.1.0\n", "no POST"), (b"openapi: 3.1.0\npaths: []\n", "no POST"),
        (b"openapi: 3.1.0\npaths: {/chat: {post: {}}}\n", "found: /chat"),
        (b"openapi: 3.1.0\npaths: {/chat/completions: {get: {}}}\n", "no POST"),
        (b"openapi: 3.1.0\npaths: {/chat/completions: {post: {x: 1}}}\n", "no JSON schema for its request"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_usable_document_is_refused_with_its_name_and_a_cure(
    tmp_path: Path, data: bytes, words: str
) -> None:
    path = tmp_path / "openapi.yaml"
    path.write_bytes(data)
    message = refused(path)
    assert words in message
    assert message.startswith(str(path))
    assert message.endswith(".")


def test_what_is_no_file_is_refused(tmp_path: Path, server: str) -> None:
    assert "no such file" in refused(tmp_path / "gone.yaml")
    assert "cannot be read" in refused(tmp_path)
    assert "cannot be read" in refused("a\0b")
    assert "404" in refused(f"{server}/gone.yaml")
    assert "cannot be read" in refused("http://127.0.0.1:1/openapi.yaml")
    assert "cannot be read" in refused("http://[::1/openapi.yaml")
    assert "no such file" in refused("ftp://127.0.0.1/openapi.yaml")
    (tmp_path / "secret.yaml").write_text("openapi: 3.1.0", encoding="utf-8")


@pytest.mark.parametrize(
    ("schema", "place", "words"),
    [
        ({"type": "strin"}, "/type", "type of JSON"), ({"type": []}, "/type", "type of JSON"),
        ({"type": ["string", "string"]}, "/type", "type of JSON"),
        ({"properties": []}, "/properties", "dict belongs"),
        ({"properties": {"x": {"pattern": "["}}}, "/properties/x/pattern", "no regular expression"),
        ({"properties": {"x": 5}}, "/properties/x", "int where a schema belongs"),
        ({"items": [{}]}, "/items", "list where a schema belongs"),
        ({"required": "x"}, "/required", "list of different names"),
        ({"required": [1]}, "/required", "list of different names"),
        ({"required": [{}, {}]}, "/required", "different names"),
        ({"enum": "x"}, "/enum", "a list"), ({"minimum": "0"}, "/minimum", "a number"),
        ({"minimum": True}, "/minimum", "a number"),
        ({"maxLength": -1}, "/maxLength", "whole number"), ({"maxLength": 1.5}, "/maxLength", "whole number"),
        ({"multipleOf": 0}, "/multipleOf", "above 0"),
        ({"uniqueItems": "yes"}, "/uniqueItems", "true or false"),
        ({"oneOf": {}}, "/oneOf", "list belongs"), ({"oneOf": [1]}, "/oneOf/0", "schema belongs"),
        ({"$ref": 5}, "/$ref", "a reference"),
        ({"patternProperties": {"(": {}}}, "/patternProperties", "no regular expression"),
        ({"additionalProperties": "no"}, "/additionalProperties", "schema belongs"),
        ("text", "", "str where a schema belongs"),
        ({"dependentRequired": {"a": "b"}}, "/dependentRequired", "lists of different names"),
    ],
)  # fmt: skip
def test_a_wrong_schema_is_refused_at_its_place(tmp_path: Path, schema: Any, place: str, words: str) -> None:
    path = saved(tmp_path, openapi(schema))
    message = refused(path)
    assert words in message
    assert message.startswith(
        f"{path}#/paths/~1chat~1completions/post/requestBody/content/application~1json/schema{place}: "
    )
    assert message.endswith("Correct the document.")


def test_a_number_that_json_lacks_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path, openapi({"enum": [float("inf")]}))
    assert "openapi.yaml" in refused(path)
    assert "/maximum: " in refused(saved(tmp_path, openapi({"maximum": float("inf")})))


def test_a_dict_that_is_no_json_is_refused() -> None:
    circle: Tree = {"openapi": "3.1.0"}
    circle["paths"] = circle
    assert "not JSON" in refused(circle)
    assert "not JSON" in refused({("a", "b"): 1})


def test_an_unknown_fix_is_told_with_the_known_ones() -> None:
    assert "no fix is called mend-all. Known: nullable-keyword" in refused(openapi(), without_fixes=["mend-all"])


def deep(schema: Any, depth: int) -> Any:
    for _ in range(depth):
        schema = {"properties": {"a": schema}}
    return schema


@pytest.mark.parametrize("depth", [100, 300, 1000, 20_000])
def test_a_deep_document_is_read_or_refused(tmp_path: Path, depth: int) -> None:
    text = '{"properties":{"a":' * depth + "{}" + "}}" * depth
    path = tmp_path / "openapi.json"
    path.write_text(json.dumps(openapi("HERE")).replace('"HERE"', text), encoding="utf-8")
    try:
        contract = load(path)
    except SpecError as error:
        if str(path) not in str(error):
            raise
    else:
        assert contract.is_valid_request({"a": {"a": {}}})


def test_the_same_schema_referred_to_by_many_grows_only_to_a_bound(tmp_path: Path) -> None:
    schemas: Tree = {"S0": {"type": "string"}}
    for level in range(1, 40):
        schemas[f"S{level}"] = {
            "properties": {f"p{n}": {"$ref": f"#/components/schemas/S{level - 1}"} for n in range(9)}
        }
    message = refused(openapi({"$ref": "#/components/schemas/S39"}, components={"schemas": schemas}))
    assert "grows beyond" in message


@pytest.mark.parametrize("kind", ["lists", "mappings", "merges", "circle"])
def test_an_alias_bomb_is_bounded(tmp_path: Path, kind: str) -> None:
    lines = {
        "lists": [
            "a0: &a0 [x, x]",
            *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30)),
        ],
        "mappings": ["a0: &a0 {x: {}}"]
        + [f"a{n}: &a{n} {{properties: {{{', '.join(f'k{m}: *a{n - 1}' for m in range(9))}}}}}" for n in range(1, 30)],
        "merges": [
            "a0: &a0 {x: 1, y: 2}",
            *(f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}" for n in range(1, 30)),
        ],
        "circle": ["a29: &a {properties: {x: *a}}"],
    }[kind]
    bomb = "\n".join(f"  {line}" for line in lines)
    head = yaml.safe_dump(openapi({"$ref": "#/x-bomb/a29"}))
    path = tmp_path / "openapi.yaml"
    path.write_text(f"{head}x-bomb:\n{bomb}\n", encoding="utf-8")
    assert str(path) in refused(path)


def test_words_mean_what_they_mean_in_yaml_1_2() -> None:
    words = ["on, no, y, true, False, 1:30, 0o17, 010, 1e3, -1.5, .5, 1_000, =, <<"]
    words += ["2024-01-01, 2024-01-01T00:00:00Z, ~, null"]
    loader = loader_for(f"[{', '.join(words)}]")
    assert loader.get_single_data() == [
        "on", "no", "y", True, False, "1:30", 15, 10, 1000.0, -1.5, 0.5, "1_000", "=", "<<",
        "2024-01-01", "2024-01-01T00:00:00Z", None, None,
    ]  # fmt: skip
    assert loader.dates == [1, 1]


def test_merged_mappings_are_no_repetition() -> None:
    loader = loader_for("a: &a {x: 1, y: 2}\nb: {<<: *a, x: 3}\nc: {x: 1, x: 2}")
    assert loader.get_single_data() == {"a": {"x": 1, "y": 2}, "b": {"x": 3, "y": 2}, "c": {"x": 2}}
    assert loader.repeated == [(3, "x")]


# Anything at all


JSON_TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
    | st.sampled_from(["#/components/schemas/A", "#/paths", "#", "string", "object", "null", "3.1.0",
        "a.yaml#/b"]),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(
        st.sampled_from(
            ["type", "properties", "items", "$ref", "anyOf", "oneOf", "allOf", "enum", "const", "nullable",
                "required", "additionalProperties", "discriminator", "minimum", "exclusiveMinimum",
                "pattern", "format", "default", "not", "if", "then", "propertyNames", "$recursiveRef",
                "content", "schema", "application/json", "text/event-stream", "data", "choices", "schemas",
                "responses", "200", "4XX", "default", "post", "requestBody", "a", "b"]
        )
        | st.text(max_size=3),
        inner,
        max_size=5,
    ),
    max_leaves=25,
)  # fmt: skip


def loads_or_is_refused(spec: Any) -> None:
    """Load for good, with every validator compiled and used once, or refuse with the one error."""
    try:
        contract = load(spec)
        for check in (contract.check_request, contract.check_response, contract.check_chunk):
            check({"a": {"a": None}, "b": [1, "x"]})
    except SpecError as error:
        if not str(error).strip():
            raise


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(schema=JSON_TREES, other=JSON_TREES, version=st.sampled_from(["3.0.3", "3.1.0"]))
@example({"anyOf": [{"$ref": "#/components/schemas/A"}]}, {"anyOf": [{"$ref": "#/components/schemas/A"}]}, "3.1.0")
@example({"properties": {"a": True, "b": {}}}, {"type": "object", "properties": {"a": {"const": 1}}}, "3.1.0")
def test_any_tree_as_a_schema_is_read_or_refused(schema: Any, other: Any, version: str) -> None:
    loads_or_is_refused(
        with_chunk(other, request=schema, version=version, components={"schemas": {"A": other, "B": schema}})
    )


@given(
    tree=JSON_TREES,
    part=st.sampled_from(["paths", "path", "post", "requestBody", "responses", "200", "components", "info"]),
)
def test_any_tree_in_the_place_of_a_part_is_read_or_refused(tree: Any, part: str) -> None:
    made = openapi()
    post = made["paths"]["/chat/completions"]["post"]
    holders: dict[str, Any] = {
        "path": (made["paths"], "/chat/completions"), "post": (made["paths"]["/chat/completions"], "post"),
        "requestBody": (post, "requestBody"), "responses": (post, "responses"),
        "200": (post["responses"], "200"),
    }  # fmt: skip
    holder, name = holders.get(part, (made, part))
    holder[name] = tree
    loads_or_is_refused(made)


YAML_WORDS = st.sampled_from(
    ["openapi: 3.1.0\n", "paths:\n", "  ", "\t", "- ", ": ", "{", "}", "[", "]", "&a ", "*a ", "<<: ", "? ",
        "| ", "> ", "!!set ",
     "!!int ", "!!float ", "'", '"', "#", "---\n", "...\n", "%YAML 1.2\n", "\n", "a", "2024-01-01", "1:30",
     ".inf", "~", "\x00", "\ufeff", "é"]
)  # fmt: skip


@given(text=st.lists(YAML_WORDS, max_size=25).map("".join) | st.text())
def test_any_text_as_a_document_is_refused_or_read(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(text.encode(errors="surrogatepass"))
    loads_or_is_refused(path)


@given(data=st.binary())
def test_any_bytes_as_a_document_are_refused_or_read(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.bin"
    path.write_bytes(data)
    loads_or_is_refused(path)


@given(
    at=st.floats(0, 1),
    piece=st.sampled_from(["", "\t", "x", "{", "]", '"', ": ", "\n", "&a", "- "]),
    length=st.integers(0, 9),
)
def test_a_document_with_a_slip_of_the_pen_is_refused_or_read(
    tmp_path_factory: pytest.TempPathFactory, at: float, piece: str, length: int
) -> None:
    text = yaml.safe_dump(with_chunk({"$ref": "#/components/schemas/Node"}, components={"schemas": {"Node": NODE}}))
    place = int(at * len(text))
    path = tmp_path_factory.getbasetemp() / "slip.yaml"
    path.write_text(text[:place] + piece + text[place + length :], encoding="utf-8")
    loads_or_is_refused(path)


# Fixes: what each changes, and what is left when it is switched off


def chunk_component(schema: Any) -> Tree:
    return openapi(components={"schemas": {"CreateChatCompletionStreamResponse": schema}})


def envelope(schema: Any) -> Tree:
    return {"type": "object", "properties": {"data": schema, "event": {"type": "string"}}}


def with_operation(more: Tree) -> Tree:
    made = openapi()
    made["paths"]["/chat/completions"]["post"] |= more
    return made


def without(name: str) -> Tree:
    made = openapi()
    del made["paths"]["/chat/completions"]["post"][name]
    return made


CHUNK_MEMBERS: Tree = {"object": {"const": "chat.completion.chunk"}, "choices": {"type": "array"}}
NAMED: Tree = {"type": "object", "required": ["choices"], "properties": {"choices": {"type": "array"}}}
TAGGED: Tree = {
    "oneOf": [
        {"type": "object", "required": ["k"], "properties": {"k": {"const": "x"}, "v": {"type": "string"}}},
        {"type": "object", "required": ["k"], "properties": {"k": {"const": "y"}, "v": {"type": "number"}}},
    ],
    "discriminator": {"propertyName": "k"},
}
OFF_IS_REFUSED = "refused"


def only(name: str, schema: Any, version: str = "3.1.0") -> Tree:
    return openapi({"type": "object", "properties": {name: schema}}, version=version)


# id → document, root, body; then: is the body valid with the fix, and what without: valid, invalid, or no
# document at all
FIXED: dict[str, tuple[Any, str, Any, bool, bool | str]] = {
    "nullable-keyword": (only("a", {"type": "string", "nullable": True}), "request", {"a": None}, True,
        False),
    "nullable-branch": (
        only("a", {"allOf": [{"type": "string"}, {"nullable": True}]}), "request", {"a": None}, True, False,
    ),
    "discriminator-mapping": (only("a", TAGGED), "request", {"a": {"k": "x", "v": "text"}}, True, True),
    "integer-bounds": (
        only("a", {"type": "integer", "maximum": 9223372036854776000}), "request", {"a": 2**63}, False, True,
    ),
    "duplicate-required": (
        openapi({"type": "object", "required": ["a", "a"]}), "request", {"a": 1}, True, OFF_IS_REFUSED,
    ),
    "boolean-exclusive-bound": (
        only("a", {"type": "number", "minimum": 0, "exclusiveMinimum": True}), "request", {"a": 0}, False,
        OFF_IS_REFUSED,
    ),
    "unregistered-format": (only("a", {"type": "integer", "format": "unixtime"}), "request", {"a": 1}, True,
        True),
    "null-default": (only("a", {"type": "string", "default": None}), "request", {}, True, True),
    "recursive-reference": (
        openapi({"type": "object", "properties": {"a": {"$recursiveRef": "#/components/schemas/Node"}}},
            components={"schemas": {"Node": NODE}}),
        "request", {"a": 5}, False, True,
    ),
    "yaml-date": ("info: {title: T, version: 2024-01-01}", "request", {"question": "?"}, True,
        OFF_IS_REFUSED),
    "duplicate-key": ("info: {title: S, version: '1'}\ninfo: {title: T, version: '2'}", "request",
        {"question": "?"}, True, OFF_IS_REFUSED),
    "local-definitions": (
        openapi({"type": "object", "properties": {"a": {"$ref": "#/$defs/A"}}, "$defs": {"A": {"type": "string"}}}),
        "request", {"a": 1}, False, OFF_IS_REFUSED,
    ),
    "boolean-required": (only("a", {"type": "string", "required": True}), "request", {}, True, OFF_IS_REFUSED),
    "empty-keyword": (only("a", {"type": "object", "properties": None}), "request", {"a": 1}, False,
        OFF_IS_REFUSED),
    "stream-as-text": (with_chunk({"type": "string"}), "chunk", {"choices": []}, False, False),
    "stream-as-list": (with_chunk({"type": "array", "items": NAMED}), "chunk", {"choices": []}, True, False),
    "stream-in-answer": (
        openapi(response={"anyOf": [ANSWER, {**NAMED, "properties": CHUNK_MEMBERS}]}), "response",
        {"object": "chat.completion.chunk", "choices": []}, False, True,
    ),
    "stream-by-extension": (
        with_operation({"x-fern-streaming": {"response-stream": NAMED}}), "chunk", {"choices": []}, True, False,
    ),
    "own-request-schema": (without("requestBody"), "request", {}, False, True),
    "own-response-schema": (openapi(response={}), "response", {}, False, True),
    "stream-by-component-name": (chunk_component(NAMED), "chunk", {"choices": []}, True, False),
    "stream-envelope": (with_chunk(envelope(NAMED)), "chunk", {"data": 1}, False, False),
    "own-chunk-schema": (openapi(), "chunk", {}, False, True),
    "own-error-schema": (openapi(), "error", {}, False, True),
}  # fmt: skip


def fixed(fix: str, folder: Path, **options: Any) -> Contract:
    given_document = FIXED[fix][0]
    if isinstance(given_document, str):
        tree = openapi()
        del tree["info"]
        path = folder / "openapi.yaml"
        path.write_text(f"{yaml.safe_dump(tree)}{given_document}\n", encoding="utf-8")
        given_document = path
    return load(given_document, **options)


def verdict(contract: Contract, root: str, body: Any) -> bool:
    if root == "error":
        return contract._shapes["error"].verdict(body)
    answer: bool = getattr(contract, f"is_valid_{root}")(body)
    return answer


def test_every_fix_is_tried() -> None:
    assert FIXED.keys() == FIXES.keys()


@pytest.mark.parametrize("fix", FIXED)
def test_a_fix_is_counted_and_has_its_effect(fix: str, tmp_path: Path) -> None:
    _, root, body, expected, _ = FIXED[fix]
    contract = fixed(fix, tmp_path)
    assert contract.facts["fixes"][fix] == 1
    assert verdict(contract, root, body) is expected


@pytest.mark.parametrize("fix", FIXED)
def test_without_a_fix_the_document_is_read_to_the_letter(fix: str, tmp_path: Path) -> None:
    _, root, body, _, expected = FIXED[fix]
    if expected == OFF_IS_REFUSED:
        with pytest.raises(SpecError):
            fixed(fix, tmp_path, without_fixes=[fix])
        return
    contract = fixed(fix, tmp_path, without_fixes=[fix])
    assert fix not in contract.facts["fixes"]
    assert verdict(contract, root, body) is expected


def test_inside_an_envelope_the_chunk_is_judged() -> None:
    contract = load(with_chunk({"oneOf": [envelope(NAMED), envelope({"type": "string", "const": "[DONE]"})]}))
    assert contract.is_valid_chunk({"choices": []})
    assert not contract.is_valid_chunk({"choices": 1})
    assert not contract.is_valid_chunk({})


def test_repeated_members_of_a_json_document_are_counted_too(tmp_path: Path) -> None:
    path = tmp_path / "openapi.json"
    path.write_text(json.dumps(openapi()).replace('"title": "T"', '"title": "S", "title": "T"'), encoding="utf-8")
    assert load(path).facts["fixes"]["duplicate-key"] == 1
    assert load(path).facts["title"] == "T"


def test_the_schemas_that_we_lend_are_open_and_tolerant_as_our_own_are() -> None:
    chunk: Tree = {
        "id": "c",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "delta": {}}],
    }
    lent, own = load(openapi(), profile="compatible"), load(profile="compatible")
    for extra in ({}, {"x_vendor": 1}, {"system_fingerprint": None}, {"usage": 5}):
        assert lent.check_chunk({**chunk, **extra}) == own.check_chunk({**chunk, **extra})
        assert lent.is_valid_chunk({**chunk, **extra}) == own.is_valid_chunk({**chunk, **extra})


# The cache


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The origins of the documents that were parsed, in order."""
    seen: list[str] = []
    real = spec_document.parse

    def observed(data: bytes, origin: str) -> Any:
        seen.append(origin)
        return real(data, origin)

    monkeypatch.setattr(spec_document, "parse", observed)
    return seen


def test_a_document_is_parsed_once_and_anew_when_it_changed(tmp_path: Path, parsed: list[str]) -> None:
    path = saved(tmp_path, openapi(tags=[{"name": str(tmp_path)}]))
    assert judges(load(path))
    assert judges(load(path))
    assert len(parsed) == 1
    saved(tmp_path, openapi({"type": "object", "required": ["other"]}))
    assert not load(path).is_valid_request({"question": "?"})
    assert len(parsed) == 2


def test_each_choice_of_fixes_is_kept_by_itself(tmp_path: Path) -> None:
    path = saved(tmp_path, only("a", {"type": "string", "nullable": True}))
    for _ in range(2):
        assert load(path).is_valid_request({"a": None})
        assert not load(path, without_fixes=["nullable-keyword"]).is_valid_request({"a": None})


def test_a_copy_of_a_known_document_keeps_its_own_name(tmp_path: Path) -> None:
    for name in ("a.yaml", "b.yaml"):
        path = saved(tmp_path, openapi(), name)
        assert load(path).facts["origin"] == str(path)


def test_a_document_in_several_files_sees_changes_of_each(tmp_path: Path) -> None:
    path = saved(tmp_path, openapi({"$ref": "question.json"}))
    saved(tmp_path, QUESTION, "question.json")
    assert judges(load(path))
    saved(tmp_path, {"type": "object"}, "question.json")
    assert load(path).is_valid_request({})


@pytest.mark.parametrize("obstacle", ["a file in its place", "no permission", "spoilt"])
def test_without_a_usable_cache_everything_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, obstacle: str
) -> None:
    cache = tmp_path / "cache"
    monkeypatch.setenv("CHATCONTRACT_CACHE", str(cache))
    path = saved(tmp_path, openapi())
    if obstacle == "a file in its place":
        cache.write_text("", encoding="utf-8")
    elif obstacle == "no permission":
        monkeypatch.setattr(os, "makedirs", _refuse)
    else:
        load(path)
        for facts in cache.rglob("facts.json"):
            facts.write_text("{", encoding="utf-8")
    assert judges(load(path))
    assert judges(load(path))


def _refuse(*args: Any, **options: Any) -> None:
    raise PermissionError("read-only")


def test_the_cache_is_where_the_user_wants_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CHATCONTRACT_CACHE", "XDG_CACHE_HOME"):
        folder = tmp_path / name
        monkeypatch.setenv(name, str(folder))
        load(openapi(path=f"/{name}/chat/completions"))
        assert list(folder.rglob("facts.json"))
        monkeypatch.delenv(name)


def test_a_document_is_not_changed_by_loading(tmp_path: Path) -> None:
    tree = only("a", {"type": "string", "nullable": True})
    before = deepcopy(tree)
    load(tree)
    assert tree == before


def test_our_own_document_loads_as_anybodys_does() -> None:
    path = Path(__file__).parents[2] / "spec" / "openapi.yaml"
    theirs, own = load(path), closures.own()
    assert theirs.facts["fixes"] == {}
    assert isinstance(own, closures.Texts)
    assert isinstance(theirs.facts, Mapping)
    request = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}
    assert theirs.check_request(request) == ()
    assert [v.pointer for v in theirs.check_request({**request, "n": 0})] == ["/n"]
