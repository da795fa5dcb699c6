"""Recorded traffic: the reference service is right about its own contract, and both engines read it alike."""

from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from chatcontract import Contract, Exchange, Severity, Violations
from chatcontract.model import Engine
from chatcontract.recording import Recorded
from chatcontract.sources import open_source

HERE = Path(__file__).parent
CORPUS = HERE.parents[1] / "shared" / "corpus" / "dev.jsonl.gz"
EXCEPTIONS: dict[str, str] = yaml.safe_load((HERE / "corpus_exceptions.yaml").read_text(encoding="utf-8"))
SIZE = 4372
STEP = 5
"""Every how-manieth exchange the slower engine reads."""

pytestmark = [
    pytest.mark.corpus,
    pytest.mark.skipif(not CORPUS.is_file(), reason="no recorded traffic beside the checkout"),
]


class Checked(NamedTuple):
    exchange: Exchange
    found: Violations


@cache
def exchanges() -> list[Exchange]:
    with open_source(str(CORPUS)) as source:
        items = list(source.items)
    assert all(isinstance(item, Recorded) for item in items)
    return [item.exchange for item in items if isinstance(item, Recorded)]


@cache
def checked() -> list[Checked]:
    contract = Contract.load()
    return [Checked(exchange, contract.check(exchange)) for exchange in exchanges()]


def is_reference(exchange: Exchange) -> bool:
    status = exchange.response.status if exchange.response else None
    return (exchange.provider, exchange.host, status) == ("openai", "api.openai.com", 200)


def test_every_recorded_exchange_is_read_and_checked(record_property: Callable[[str, object], None]) -> None:
    rules = Counter(violation.rule for each in checked() for violation in each.found)
    print(f"{len(checked())} exchanges:", *sorted(rules.items()))
    record_property("violations", dict(rules))
    assert len(checked()) == SIZE
    assert len({each.exchange.id for each in checked()}) == SIZE
    for exchange, found in checked():
        assert {violation.exchange for violation in found} <= {exchange.id}
        assert all(len(violation.message) <= 300 for violation in found)


def test_the_reference_service_keeps_its_own_contract(record_property: Callable[[str, object], None]) -> None:
    reference = [each for each in checked() if is_reference(each.exchange)]
    faulty = {exchange.id: found.errors for exchange, found in reference if found.errors}
    unexplained = {name: errors[:3] for name, errors in faulty.items() if name not in EXCEPTIONS}
    print(f"{len(reference)} exchanges with the reference service, {len(faulty)} with an error")
    record_property("reference exchanges", len(reference))
    assert len(reference) > 1600
    assert unexplained == {}


def test_every_exception_is_needed_and_has_its_reason() -> None:
    faulty = {each.exchange.id for each in checked() if is_reference(each.exchange) and each.found.errors}
    assert EXCEPTIONS.keys() - faulty == set()
    assert all(len(reason) > 20 for reason in EXCEPTIONS.values())


@pytest.mark.parametrize("share", range(4))
def test_both_engines_find_the_same_in_recorded_traffic(share: int) -> None:
    contracts: dict[Engine, Contract] = {
        engine: Contract.load(engine=engine, profile="strict",
            select=["CC0"]) for engine in ("jsonschema-rs", "jsonschema")
    }  # fmt: skip
    sample = exchanges()[::STEP][share::4]
    assert len(sample) * 4 >= 600
    for exchange in sample:
        told = [sorted(contract.check(exchange)) for contract in contracts.values()]
        assert told[0] == told[1], exchange.id


def test_the_sample_for_both_engines_has_every_large_provider() -> None:
    met = Counter(exchange.provider for exchange in exchanges()[::STEP])
    assert {"openai", "openrouter", "mistral", "ollama", "azure", "deepseek", "xai"} <= met.keys()


def test_other_servers_keep_the_contract_worse_than_the_reference_service() -> None:
    """What the profiles are for: the letter is kept by few, the tolerances by most."""
    shares = {}
    others = [exchange for exchange in exchanges() if exchange.provider != "openai"]
    for profile in ("strict", "openai", "compatible"):
        contract = Contract.load(profile=profile, select=["CC0"])
        answers = [contract.check(exchange._replace(request=None)) for exchange in others]
        shares[profile] = sum(any(v.severity is Severity.ERROR for v in found) for found in answers) / len(others)
    print(*(f"{profile}: {share:.0%}" for profile, share in shares.items()))
    assert shares["strict"] > shares["openai"] > shares["compatible"]
