"""Negatives: each is refused at its labelled place, by its labelled rule, by both engines."""

import json
from collections import Counter
from functools import cache
from itertools import islice
from typing import Any

import pytest

from chatcontract import Contract, Severity, rules
from chatcontract.generate import Negative, negatives
from chatcontract.generate.grammar import Options
from chatcontract.generate.mutations import applied, changes
from chatcontract.generate.nodes import Document
from chatcontract.generate.planning import plan
from chatcontract.generate.spoiling import spellings
from chatcontract.model import Engine, Part, starred
from chatcontract.pointer import resolve, split

ENGINES: tuple[Engine, ...] = ("jsonschema-rs", "jsonschema")
EVERYTHING: dict[str, Any] = {"deprecated": True, "undocumented": True}


@cache
def contract(engine: Engine = "jsonschema-rs") -> Contract:
    return Contract.load(engine=engine)


@cache
def made() -> tuple[Negative, ...]:
    return tuple(negatives(**EVERYTHING))


def test_every_negative_is_refused_at_its_place_by_its_rule(capsys: pytest.CaptureFixture[str]) -> None:
    for negative in made():
        told = {(error.pointer, error.rule) for error in contract().check_request(negative.body).errors}
        assert (negative.pointer, negative.rule) in told, negative.label
        assert {pointer for pointer, _ in told} == {negative.pointer} or negative.kind in ("rule", "bytes"), (
            negative.label
        )
    with capsys.disabled():
        kinds = Counter(negative.kind for negative in made())
        print(f"\n{len(made())} negatives: {', '.join(f'{n} {kind}' for kind, n in kinds.most_common())}")
    assert len(made()) > 1000


def test_both_engines_refuse_what_the_schema_forbids() -> None:
    shaped = [negative for negative in made() if negative.kind not in ("rule", "bytes")]
    for negative in shaped[::6]:
        for engine in ENGINES:
            assert not contract(engine).is_valid_request(negative.body), negative.label
            told = contract(engine).check_request(negative.body).errors
            assert negative.pointer in {error.pointer for error in told}, negative.label


@pytest.mark.nightly
def test_both_engines_say_the_same_of_every_negative() -> None:
    for negative in made():
        told = [
            {(e.pointer, e.rule) for e in contract(engine).check_request(negative.body).errors} for engine in ENGINES
        ]
        assert told[0] == told[1], negative.label


def test_a_breach_of_a_rule_breaks_no_other_rule() -> None:
    for negative in made():
        if negative.kind == "rule":
            told = contract().check_request(negative.body).errors
            assert {error.rule for error in told} == {negative.rule}, negative.label


def test_nearly_every_breach_is_of_one_rule_alone() -> None:
    shaped = [negative for negative in made() if negative.kind != "bytes"]
    several = [n.label for n in shaped if len({e.rule for e in contract().check_request(n.body).errors}) > 1]
    unmatched = ("tool_choice/function/name", "function_call/name")  # no function can have that name
    assert several == [f"{place}: pattern missed (FunctionName)" for place in unmatched]


def test_every_rule_of_requests_is_broken() -> None:
    wanted = {
        rule.code
        for rule in rules.load()
        if rule.part is Part.REQUEST and rule.severity is Severity.ERROR and rule.code.startswith("CC2")
        if "sent" not in rule.needs  # no body breaks a rule about headers
    }
    assert wanted - {negative.rule for negative in made()} == set()


def test_everything_that_the_document_forbids_in_covering_requests_is_among_them() -> None:
    document = Document()
    root = document.root("request")
    found = {(starred(n.pointer), n.anchor) for n in made()}
    for _, body in plan(Options.of(**EVERYTHING)).bodies[::5]:
        for change in changes(document, root, body):
            if "additionalProperties" not in change.anchor and (starred(change.pointer), change.anchor) not in found:
                assert contract().is_valid_request(applied(body, change.tokens, change.value)), change


def test_labels_are_unique_and_stable() -> None:
    labels = [negative.label for negative in made()]
    assert len(set(labels)) == len(labels)
    assert labels[:200] == [negative.label for negative in islice(negatives(**EVERYTHING), 200)]
    assert "messages/0/role: const left (UserMessage)" in labels


def test_an_anchor_leads_to_something_in_the_document() -> None:
    for negative in made():
        resolve(contract().document, split(negative.anchor[1:]))


def test_the_place_of_a_missing_member_may_be_named_by_the_member() -> None:
    missing = next(negative for negative in made() if negative.label.startswith("body: messages left out"))
    assert (missing.pointer, missing.kind, missing.param) == ("", "missing", ("messages",))


def test_param_may_be_spelt_in_several_ways_and_name_what_holds_the_place() -> None:
    assert spellings("/messages/0/role") == (
        "messages[0].role", "messages.[0].role", "messages.0.role",
        "messages[0]", "messages.[0]", "messages.0", "messages",
    )  # fmt: skip
    assert spellings("") == (None,)


@pytest.mark.parametrize("code", ["CC005", "CC006", "CC007", "CC008", "CC009", "CC010"])
def test_texts_that_are_no_good_json_are_among_them(code: str) -> None:
    oversized = negatives({"model": "m", "messages": [{"role": "user", "content": "Hi"}]}, oversized=code == "CC010")
    assert code in {negative.rule for negative in oversized if negative.kind == "bytes"}


def test_a_given_request_is_spoilt_in_its_own_places_only() -> None:
    body = {"model": "my/model", "messages": [{"role": "user", "content": "Hi"}], "temperature": 0.5}
    found = list(negatives(body))
    assert len(found) > 50
    assert {negative.pointer.split("/")[1] for negative in found if negative.pointer} == {*body, "user"}
    assert {negative.kind for negative in found} == {"missing", "type", "enum", "bound", "bytes"}


def test_a_fixed_model_stands_in_every_negative_but_those_about_the_model() -> None:
    for negative in negatives(model="llama-3"):
        if negative.kind != "bytes" and "/model" not in negative.pointer and negative.pointer:
            assert json.loads(negative.body)["model"] == "llama-3", negative.label


def test_random_negatives_are_refused_where_they_say_and_the_same_for_a_seed() -> None:
    drawn = list(islice(negatives(mode="random", seed=3), 150))
    assert drawn == list(islice(negatives(mode="random", seed=3), 150))
    assert len({negative.label for negative in drawn}) > 80
    for negative in drawn:
        told = {(error.pointer, error.rule) for error in contract().check_request(negative.body).errors}
        assert (negative.pointer, negative.rule) in told, negative.label


@pytest.mark.parametrize("arguments", [{"mode": "wild"}, {"mode": "random", "request": {"model": "m"}}])
def test_a_mode_that_does_not_go_here_is_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="does not go here"):
        negatives(**arguments)
