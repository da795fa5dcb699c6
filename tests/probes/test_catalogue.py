"""The catalogue of probes: declared once, anchored, needed capabilities provided, valid where it says so."""

from functools import cache

import pytest

from chatcontract import Contract, pointer
from chatcontract.judging import Judgement
from chatcontract.model import SECTIONS, Severity, Verdict, Violation
from chatcontract.probe import Context, Level, Probe
from chatcontract.probes import FIRST, load, select
from chatcontract.rules import load as rules

CONTEXT = Context("tiny", "max_tokens", 7)
BY_ID = {probe.id: probe for probe in load()}
CHAT = [probe for probe in load() if probe.request.is_chat and probe.request.raw is None]
TOLERATED = {"request-unknown-parameter": {"CC212"}, "errors-content-empty-list": {"CC001"}}
ON_PURPOSE = {"http-media-type-wrong", "errors-model-unknown", "stream-refused-model"}


def name(probe: Probe) -> str:
    return probe.id


@cache
def contract() -> Contract:
    return Contract.load()


def found(probe: Probe) -> list[Violation]:
    return list(contract().check_request(probe.request.payload(CONTEXT)))


def test_there_are_at_least_eighty_probes_in_the_sections_of_the_rules() -> None:
    assert len(load()) >= 80
    assert {probe.section for probe in load()} <= set(SECTIONS.values())
    assert load()[0].id == FIRST


@pytest.mark.parametrize("probe", load(), ids=name)
def test_a_probe_says_what_and_why_and_where_it_is_anchored(probe: Probe) -> None:
    assert probe.id.startswith(f"{probe.section}-")
    assert not probe.title.endswith(".")
    assert probe.why.endswith(".")
    assert probe.source.startswith("https://")
    assert pointer.resolve(contract().document, pointer.split(probe.anchor.removeprefix("#"))) is not None


@pytest.mark.parametrize("probe", load(), ids=name)
def test_every_need_is_provided_by_a_probe_that_does_not_need_this_one(probe: Probe) -> None:
    providers = {other.provides: other for other in load() if other.provides}
    waiting, met = [probe], set()
    while waiting:
        probe_or_provider = waiting.pop()
        for need in (*probe_or_provider.needs, *probe_or_provider.without):
            if need != "key" and need not in met:
                met.add(need)
                waiting.append(providers[need])
    assert probe.provides not in met or not probe.provides


@pytest.mark.parametrize("probe", [probe for probe in CHAT if probe.without], ids=name)
def test_what_is_sent_without_a_helper_is_valid_and_another_request(probe: Probe) -> None:
    for capability in probe.without:
        adapted = probe.adapted([capability])
        assert adapted.request != probe.request
        assert not [v for v in found(adapted) if v.severity is not Severity.INFO]
    assert probe.adapted([]) is probe


@pytest.mark.parametrize("probe", load(), ids=name)
def test_the_rules_that_a_probe_names_exist(probe: Probe) -> None:
    known = {rule.name for rule in rules()}
    assert {*probe.expect.rules, probe.expect.fault} <= known


@pytest.mark.parametrize("probe", [probe for probe in CHAT if not probe.is_negative], ids=name)
def test_what_should_be_answered_is_valid(probe: Probe) -> None:
    bad = {v.rule for v in found(probe) if v.severity is not Severity.INFO}
    assert bad <= TOLERATED.get(probe.id, set())


@pytest.mark.parametrize("probe", [probe for probe in CHAT if probe.is_negative], ids=name)
def test_what_should_be_refused_breaks_the_contract(probe: Probe) -> None:
    if probe.request.key != "own" or probe.id in ON_PURPOSE:
        return
    worst = min((list(Severity).index(v.severity) for v in found(probe)), default=None)
    assert worst == 0 or (worst == 1 and probe.level is Level.INFO)


@pytest.mark.parametrize("probe", load(), ids=name)
def test_a_probe_makes_the_same_request_every_time(probe: Probe) -> None:
    assert probe.request.payload(CONTEXT) == probe.request.payload(CONTEXT)
    assert probe.request.tokens(CONTEXT) < 20_000


def test_a_selection_by_section_or_id_always_has_the_first_probe() -> None:
    chosen = select(load(), ["usage"], ["tools-named-second"])
    assert chosen[0].id == FIRST
    assert {probe.section for probe in chosen[1:]} == {"usage", "tools"}
    assert [probe.id for probe in chosen if probe.section == "tools"] == [
        "tools-named-second", "tools-named-second-streamed",
    ]  # fmt: skip


def test_an_unknown_section_or_probe_is_said_so() -> None:
    with pytest.raises(ValueError, match="no section"):
        select(load(), ["usages"])
    with pytest.raises(ValueError, match="no probe"):
        select(load(), [], ["tools-of-nobody"])


def test_a_judgement_is_silent_unless_something_is_wrong() -> None:
    assert Judgement(Verdict.PASSED) == Judgement(Verdict.PASSED, "", (), "unknown")
