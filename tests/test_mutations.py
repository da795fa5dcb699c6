"""Valid payloads, changed in one place: what the document forbids is found there, by both engines alike.

The judge is the document as it stands in `spec/openapi.yaml`, asked by jsonschema; nothing of the loader is
in it.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from chatcontract import Contract, Exchange, Response, Severity, Violation, Violations
from chatcontract.model import Engine, Profile
from chatcontract.pointer import escape, join, resolve

HERE = Path(__file__).parent
SPEC = HERE.parent / "spec"
DOCUMENT: dict[str, Any] = yaml.safe_load((SPEC / "openapi.yaml").read_text(encoding="utf-8"))
SCHEMAS: dict[str, Any] = DOCUMENT["components"]["schemas"]
VALID: dict[str, dict[str, Any]] = yaml.safe_load((HERE / "valid.yaml").read_text(encoding="utf-8"))
TOLERANCES: list[dict[str, Any]] = yaml.safe_load((SPEC / "tolerances.yaml").read_text(encoding="utf-8"))
ROOTS = {
    "request": "CreateChatCompletionRequest",
    "response": "CreateChatCompletionResponse",
    "chunk": "CreateChatCompletionStreamResponse",
    "error": "ErrorResponse",
}
PAYLOADS = [(root, name, payload) for root in ROOTS for name, payload in VALID[root + "s"].items()]
TAGGED = [
    [f"/{target.rsplit('/', 1)[-1]}" for target in mapping.values()]
    for mapping in (
        SCHEMAS["CreateChatCompletionRequest"]["properties"]["tools"]["items"]["discriminator"]["mapping"],
        SCHEMAS["ResponseFormat"]["discriminator"]["mapping"],
        SCHEMAS["ChatCompletionRequestUserMessageContentPart"]["discriminator"]["mapping"]
        | SCHEMAS["ChatCompletionRequestAssistantMessageContentPart"]["discriminator"]["mapping"],
    )
]
"""Components that stand in the same place, told apart by a tag that may be another one."""
PROFILES: tuple[Profile, ...] = ("strict", "openai", "compatible")
ENGINES: tuple[Engine, ...] = ("jsonschema-rs", "jsonschema")
ONE_EACH = pytest.mark.parametrize(("root", "name", "payload"), PAYLOADS, ids=[f"{p[0]}: {p[1]}" for p in PAYLOADS])
SAMPLES = {
    "null": None, "boolean": True, "integer": 7, "number": 1.5, "string": "text", "array": [], "object": {},
}  # fmt: skip
SCHEMA_RULES = ("CC001", "CC002", "CC003")
TOLERATED: dict[tuple[str, str | int, str], dict[str, str]] = {
    (entry["schema"].removeprefix("#/components/schemas"), entry["member"], entry["may_be"]): entry["severity"]
    for entry in TOLERANCES
}


@cache
def contract(profile: Profile, engine: Engine) -> Contract:
    return Contract.load(profile=profile, engine=engine, select=["CC0"])


@cache
def judge(name: str) -> Draft202012Validator:
    schema = {"$ref": f"#/components/schemas/{name}", "components": {"schemas": SCHEMAS}}
    return Draft202012Validator(json.loads(json.dumps(schema).replace('$"', '\\\\Z"')))  # as ECMAScript means `$`


def check(root: str, payload: Any, profile: Profile, engine: Engine) -> Violations:
    if root == "error":
        return contract(profile, engine).check(Exchange("", None, Response(400, (), json.dumps(payload).encode())))
    found: Violations = getattr(contract(profile, engine), f"check_{root}")(payload)
    return found


def is_valid(root: str, payload: Any, profile: Profile, engine: Engine) -> bool:
    if root == "error":
        return not check(root, payload, profile, engine).errors
    verdict: bool = getattr(contract(profile, engine), f"is_valid_{root}")(payload)
    return verdict


class Spot(NamedTuple):
    """A value inside a payload with the schema objects that apply to it, by their places in the document."""

    tokens: tuple[str | int, ...]
    value: Any
    nodes: dict[str, dict[str, Any]]


class Mutant(NamedTuple):
    """A payload changed in one place: how, which value, and where a violation of it belongs."""

    change: str
    tokens: tuple[str | int, ...]
    payload: Any
    place: str


def applying(place: str, node: dict[str, Any], value: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """The schema object and those that it leads to for this value, by reference or as a fitting branch."""
    yield place, node
    if "$ref" in node:
        name = node["$ref"].rsplit("/", 1)[-1]
        yield from applying(f"/{name}", SCHEMAS[name], value)
    for union in ("anyOf", "oneOf"):
        for index, branch in enumerate(node.get(union, ())):
            if accepts(branch, value):
                yield from applying(f"{place}/{union}/{index}", branch, value)


def accepts(node: dict[str, Any], value: Any) -> bool:
    return Draft202012Validator({**node, "components": {"schemas": SCHEMAS}}).is_valid(value)


def spots(tokens: tuple[str | int, ...], value: Any, starts: dict[str, dict[str, Any]]) -> Iterator[Spot]:
    nodes = {at: node for place, start in starts.items() for at, node in applying(place, start, value)}
    yield Spot(tokens, value, nodes)
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for token, member in items:
        inside = {}
        for place, node in nodes.items():
            inside.update(below(place, node, token))
        yield from spots((*tokens, token), member, inside)


def below(place: str, node: dict[str, Any], token: str | int) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(token, int):
        found = [("items", node.get("items"))]
    elif token in node.get("properties", {}):
        found = [(f"properties/{token}", node["properties"][token])]
    else:
        found = [("additionalProperties", node.get("additionalProperties"))]
    yield from ((f"{place}/{keyword}", child) for keyword, child in found if isinstance(child, dict))


def all_spots(root: str, payload: Any) -> list[Spot]:
    return list(spots((), payload, {f"/{ROOTS[root]}": SCHEMAS[ROOTS[root]]}))


def replaced(value: Any, tokens: tuple[str | int, ...], change: Callable[[Any], Any]) -> Any:
    if not tokens:
        return change(value)
    made = dict(value) if isinstance(value, dict) else list(value)
    made[tokens[0]] = replaced(value[tokens[0]], tokens[1:], change)
    return made


def json_type(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return "null" if value is None else "boolean"
    return {int: "integer", float: "number", str: "string", list: "array", dict: "object"}[type(value)]


def mutants(root: str, payload: Any) -> list[Mutant]:
    """The payload changed in every place, each outcome once."""
    made = {json.dumps(payload): None}
    for spot in all_spots(root, payload):
        if spot.nodes:
            for mutant in changes(spot):
                changed = replaced(payload, spot.tokens, lambda _, new=mutant.payload: new)
                made.setdefault(json.dumps(changed), mutant._replace(payload=changed))
    return [mutant for mutant in made.values() if mutant is not None]


def changes(spot: Spot) -> Iterator[Mutant]:
    """The changes of one value; `payload` of each holds only what takes the value's place."""
    yield from other_types(spot)
    if isinstance(spot.value, dict):
        yield from other_members(spot)
    for node in spot.nodes.values():
        yield from leaving(spot, node)
        yield from leaving_size(spot, node)


def other_types(spot: Spot) -> Iterator[Mutant]:
    samples = {**SAMPLES, "string": '"text"' if not spot.tokens else "text"}
    for name, sample in samples.items():
        if name != json_type(spot.value) and not (name == "integer" and isinstance(spot.value, float)):
            yield Mutant(f"{name} in its place", spot.tokens, sample, join(spot.tokens))


def other_members(spot: Spot) -> Iterator[Mutant]:
    here = join(spot.tokens)
    for name in spot.value:
        rest = {key: value for key, value in spot.value.items() if key != name}
        yield Mutant("a member less", (*spot.tokens, name), rest, here)
    more = {**spot.value, "x-more": 1}
    yield Mutant("a member more", (*spot.tokens, "x-more"), more, f"{here}/x-more")


def leaving(spot: Spot, node: dict[str, Any]) -> Iterator[Mutant]:
    """The changes that break one keyword of the schema object."""
    here, value = join(spot.tokens), spot.value
    options = [node["const"]] if "const" in node else node.get("enum", [])
    if value in options and isinstance(value, str):
        for other in ("no-such-value", value.upper() + "X", f"{value} ", ""):
            yield Mutant("outside the enumeration", spot.tokens, other, here)
    for bound, step in (("minimum", -1), ("maximum", 1)):
        if bound in node and isinstance(value, int | float):
            yield Mutant(bound, spot.tokens, node[bound] + step, here)
            yield Mutant(f"{bound} itself", spot.tokens, node[bound], here)
            yield Mutant(f"beyond 64 bits past {bound}", spot.tokens, step * 2**70, here)
    if "pattern" in node and isinstance(value, str):
        for other in ("", "a b", "x" * 65, f"{value}\n", "é", f" {value}"):
            yield Mutant("pattern", spot.tokens, other, here)


def leaving_size(spot: Spot, node: dict[str, Any]) -> Iterator[Mutant]:
    here, value = join(spot.tokens), spot.value
    if "maxLength" in node and isinstance(value, str):
        yield Mutant("maxLength", spot.tokens, "é" * (node["maxLength"] + 1), here)
        yield Mutant("maxLength itself", spot.tokens, "😀" * node["maxLength"], here)
    if isinstance(value, list) and value:
        if "minItems" in node:
            yield Mutant("minItems", spot.tokens, value[: node["minItems"] - 1], here)
        if "maxItems" in node:
            yield Mutant("maxItems", spot.tokens, (value * (node["maxItems"] + 1))[: node["maxItems"] + 1], here)
    if isinstance(value, dict) and "maxProperties" in node:
        more = {f"k{n}": "v" for n in range(node["maxProperties"] + 1)}
        yield Mutant("maxProperties", spot.tokens, more, here)
    names = node.get("propertyNames")
    if isinstance(value, dict) and names:
        name = "é" * (names["maxLength"] + 1) if "maxLength" in names else "a/b"
        more = {**value, name: next(iter(value.values()))}
        yield Mutant("propertyNames", spot.tokens, more, f"{here}/{escape(name)}")


def switched_tags(root: str, payload: Any) -> Iterator[Mutant]:
    """Each tag of a union set to that of every other branch."""
    for spot in all_spots(root, payload):
        for node in spot.nodes.values():
            tag = node.get("discriminator", {}).get("propertyName")
            for other in node["discriminator"]["mapping"] if tag else ():
                if isinstance(spot.value, dict) and spot.value.get(tag) not in (None, other):
                    made = {**spot.value, tag: other}
                    changed = replaced(payload, spot.tokens, lambda _, new=made: new)
                    yield Mutant(f"{tag} of another branch", (*spot.tokens, tag), changed, join(spot.tokens))


def rating(mutant: Mutant, holders: list[str], forbidden: bool, profile: Profile) -> str:
    """How bad the profile finds the change: as a tolerance of the member says, else as the document does."""
    kind = {"a member less": "absent", "null in its place": "null"}.get(mutant.change, "")
    if mutant.change in ("array in its place", "minItems"):
        kind = "empty"
    name = mutant.tokens[-1] if mutant.tokens else ""
    if mutant.change in ("maximum", "maxItems", "beyond 64 bits past maximum") or is_hot(mutant):
        kind = "beyond"
    if mutant.change in ("outside the enumeration", "string in its place") and resolve(mutant.payload, mutant.tokens):
        kind = "other" if forbidden else ""
        holders = [*holders, *(other for place in holders for other in same_place(place, mutant.tokens))]
    levels = [TOLERATED.get((place, "*" if isinstance(name, int) else name, kind)) for place in holders]
    return next((level[profile] for level in levels if level), "error" if forbidden else "ignore")


def is_hot(mutant: Mutant) -> bool:
    """Whether a sample of another type is beyond the one bound that is a tolerance's and less than the sample."""
    return mutant.change == "integer in its place" and mutant.tokens == ("temperature",)


def same_place(place: str, tokens: tuple[str | int, ...]) -> Iterator[str]:
    """The other components that the tag of a union puts in the place of this one."""
    if tokens[0] == "prediction":
        return
    for group in TAGGED:
        if place in group:
            yield from group


def expected_rule(mutant: Mutant, holders: list[dict[str, Any]]) -> str:
    name = mutant.tokens[-1] if mutant.tokens else 0
    if mutant.change == "a member less":
        members = [node["properties"][name] for node in holders if name in node.get("properties", {})]
        return "CC003" if all(accepts(member, None) for member in members) else "CC001"
    if mutant.change == "null in its place" and isinstance(name, str):
        demanded = any(name in node.get("required", ()) for node in holders)
        declared = any(name in node.get("properties", {}) for node in holders)
        return "CC002" if declared and not demanded else "CC001"
    return "CC001"


def expects_several(mutant: Mutant) -> bool:
    """Changes that are several faults at once: an empty object lacks each required member by itself, and with
    the tag of another branch an object lacks all that the other branch asks for and has members that it
    forbids.
    """
    return mutant.change == "object in its place" or mutant.change.endswith("of another branch")


def told_well(mutant: Mutant, errors: list[Violation]) -> bool:
    if mutant.change.endswith("of another branch"):
        return all(v.pointer == mutant.place or v.pointer.startswith(f"{mutant.place}/") for v in errors)
    return all(v.pointer == mutant.place for v in errors)


class Tried(NamedTuple):
    """One mutant with what is to be expected of it."""

    mutant: Mutant
    forbidden: bool
    rated: dict[Profile, str]
    rule: str


@cache
def tried(root: str, name: str) -> list[Tried]:
    payload = VALID[root + "s"][name]
    holders = {spot.tokens: spot.nodes for spot in all_spots(root, payload)}
    made = []
    for mutant in [*mutants(root, payload), *switched_tags(root, payload)]:
        nodes = holders.get(mutant.tokens[:-1], {}) if mutant.tokens else {}
        forbidden = not judge(ROOTS[root]).is_valid(mutant.payload)
        rated = {profile: rating(mutant, list(nodes), forbidden, profile) for profile in PROFILES}
        made.append(Tried(mutant, forbidden, rated, expected_rule(mutant, list(nodes.values()))))
    return made


@ONE_EACH
def test_a_valid_payload_has_nothing_to_say_about(root: str, name: str, payload: Any) -> None:
    assert judge(ROOTS[root]).is_valid(payload)
    for engine in ENGINES:
        for profile in PROFILES:
            assert check(root, payload, profile, engine) == ()
            assert is_valid(root, payload, profile, engine)


def test_the_valid_payloads_reach_every_schema_object() -> None:
    reached = {place for root, _, payload in PAYLOADS for spot in all_spots(root, payload) for place in spot.nodes}
    assert set(every_schema_object()) - reached == UNREACHABLE


# Branches for null that profile `strict` refuses; tests/test_contract.py goes through the tolerances.
UNREACHABLE = {
    "/CreateChatCompletionRequest/properties/response_format/anyOf/1",
    "/CreateChatCompletionRequest/properties/tool_choice/anyOf/1",
}


def every_schema_object() -> Iterator[str]:
    for name, schema in SCHEMAS.items():
        yield from inside(f"/{name}", schema)


def inside(place: str, node: Any) -> Iterator[str]:
    if not isinstance(node, dict):
        return
    yield place
    for union in ("anyOf", "oneOf"):
        for index, branch in enumerate(node.get(union, ())):
            yield from inside(f"{place}/{union}/{index}", branch)
    for keyword in ("items", "additionalProperties"):
        yield from inside(f"{place}/{keyword}", node.get(keyword))
    for name, member in node.get("properties", {}).items():
        yield from inside(f"{place}/properties/{name}", member)


@ONE_EACH
def test_what_the_document_forbids_is_found_in_its_place_by_both_engines(root: str, name: str, payload: Any) -> None:
    for mutant, forbidden, rated, rule in tried(root, name):
        told = {engine: check(root, mutant.payload, "strict", engine) for engine in ENGINES}
        errors = schema_errors(told["jsonschema-rs"])
        assert sorted(told["jsonschema"]) == sorted(told["jsonschema-rs"]), mutant
        assert errors or not forbidden, mutant
        assert told_well(mutant, errors), (mutant, errors)
        if not expects_several(mutant):
            assert [v.rule for v in errors] == ([rule] if rated["strict"] == "error" else []), (
                mutant,
                errors,
            )
        for violation in told["jsonschema-rs"]:
            assert len(violation.message) <= 300
            assert "under any of the given schemas" not in violation.message


@ONE_EACH
@pytest.mark.parametrize("profile", PROFILES)
def test_profiles_differ_from_the_document_by_their_tolerances_alone(
    root: str, name: str, payload: Any, profile: Profile
) -> None:
    for mutant, forbidden, rated, _ in tried(root, name):
        verdicts = {is_valid(root, mutant.payload, profile, engine) for engine in ENGINES}
        found = check(root, mutant.payload, profile, "jsonschema-rs")
        assert verdicts == {not found.errors}, mutant
        if not expects_several(mutant):
            assert {v.severity for v in schema_findings(found)} == {rated[profile]} - {"ignore"}, (
                mutant,
                found,
            )
        elif profile != "strict":
            assert forbidden or verdicts == {True}, mutant


def schema_errors(violations: Violations) -> list[Violation]:
    return [v for v in schema_findings(violations) if v.severity is Severity.ERROR]


def schema_findings(violations: Violations) -> list[Violation]:
    return [v for v in violations if v.rule in SCHEMA_RULES]


@ONE_EACH
def test_an_undocumented_member_is_named_and_is_no_error(root: str, name: str, payload: Any) -> None:
    for mutant, forbidden, _, _ in tried(root, name):
        if mutant.change == "a member more" and not forbidden:
            found = check(root, mutant.payload, "openai", "jsonschema-rs")
            named = [("CC004", mutant.place, Severity.INFO)]
            assert [(v.rule, v.pointer, v.severity) for v in found] == (named if is_closed(mutant) else []), mutant
            assert check(root, mutant.payload, "compatible", "jsonschema-rs") == ()


def is_closed(mutant: Mutant) -> bool:
    """Whether the members of the object are listed: those of maps and JSON Schemas are the caller's own."""
    own = {"parameters", "schema", "properties", "metadata", "logit_bias"}
    listed = own.isdisjoint(map(str, mutant.tokens)) and not re.search(r"/(category_|categories)", mutant.place)
    return listed and "/allowed_tools/tools/" not in mutant.place


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["", "text", "function", "user", "tool", "auto", "é\n"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["type", "role", "content", "id", "function", "x"]), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@given(data=st.data(), position=st.integers(0, len(PAYLOADS) - 1), profile=st.sampled_from(PROFILES))
def test_engines_agree_on_payloads_changed_in_several_places(
    data: st.DataObject, position: int, profile: Profile
) -> None:
    root, _, payload = PAYLOADS[position]
    for _ in range(data.draw(st.integers(1, 3))):
        tokens = data.draw(st.sampled_from([spot.tokens for spot in all_spots(root, payload) if spot.tokens]))
        new = data.draw(ANY_JSON)
        payload = replaced(payload, tokens, lambda _, new=new: new)
    told = [check(root, payload, profile, engine) for engine in ENGINES]
    assert sorted(told[0]) == sorted(told[1])
    assert {is_valid(root, payload, profile, engine) for engine in ENGINES} == {not told[0].errors}
    if profile == "strict" and not judge(ROOTS[root]).is_valid(payload):
        assert told[0].errors
    if profile == "openai" and judge(ROOTS[root]).is_valid(payload):
        assert not told[0].errors


def test_the_mutants_are_thousands(record_property: Callable[[str, object], None]) -> None:
    """Their number is what the other tests of this file stand on."""
    made = [each for root, name, _ in PAYLOADS for each in tried(root, name)]
    changes = Counter(each.mutant.change for each in made)
    forbidden = sum(each.forbidden for each in made)
    print(
        f"{len(made)} mutants of {len(PAYLOADS)} payloads, {forbidden} of them forbidden:",
        *changes.most_common(),
    )
    record_property("mutants", len(made))
    record_property("forbidden mutants", forbidden)
    assert len(made) > 7000
    assert forbidden > 6000
    assert min(changes[change] for change in CHANGES) > 0


CHANGES = (
    *(f"{name} in its place" for name in SAMPLES), "a member less", "a member more",
    "outside the enumeration",
    "minimum", "maximum", "pattern", "maxLength", "minItems", "maxItems", "maxProperties", "propertyNames",
    "type of another branch", "role of another branch",
)  # fmt: skip
