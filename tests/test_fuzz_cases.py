"""The requests of a fuzzing run: valid or broken once, cheap, the same for the same seed, within the budget."""

import json

import pytest

from chatcontract import Contract, generate
from chatcontract.fuzz_cases import ALL_TOKENS, ANSWER_TOKENS, SHARE, Menu, Wish, menu, place_of, spread
from chatcontract.generate import Negative
from chatcontract.probe import LIMITS

CONTRACT = Contract.load()
MODEL = "reference-1"


def made(most: int | None = None, tokens: int | None = None, limit: str = "max_tokens", **wish: object) -> Menu:
    return menu(MODEL, limit, Wish(**wish), most, tokens)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def positive() -> Menu:
    return made(modes=("positive",))


@pytest.fixture(scope="module")
def negative() -> Menu:
    return made(modes=("negative",))


def test_what_covers_the_contract_comes_first_and_is_whole(positive: Menu) -> None:
    counted = generate.coverage(model=MODEL)
    for case in positive.cases[: positive.whole["positive"]]:
        counted.see(case.value)
    assert counted.unreached == ()
    assert len(positive.cases) > positive.whole["positive"] > 100


def test_positive_cases_are_valid_and_cheap(positive: Menu) -> None:
    for case in positive.cases:
        assert not CONTRACT.check_request(case.body).errors, case.body
        bounds = [case.value[name] for name in LIMITS if case.value.get(name) is not None]
        assert all(bound <= ANSWER_TOKENS for bound in bounds), case.body
    assert sum(any(name in case.value for name in LIMITS) for case in positive.cases) > 0.95 * len(positive.cases)


def test_no_answer_may_be_long_however_many_choices_are_asked_for(positive: Menu) -> None:
    many = [case for case in positive.cases if (case.value.get("n") or 1) > 100]
    assert many
    for case in many:
        limits = [case.value[name] for name in LIMITS if case.value.get(name) is not None]
        assert max(limits) * case.value["n"] <= ALL_TOKENS


def test_negative_cases_have_their_breach_and_no_other_in_spite_of_the_bound(negative: Menu) -> None:
    shown = [case for case in negative.cases if case.breach and case.breach.kind != "bytes"]
    assert len(shown) > 1000
    for case in shown:
        assert case.breach is not None
        assert place_of(case.body, case.breach), case.breach.label
    bounded = [case for case in shown if isinstance(case.value, dict) and any(name in case.value for name in LIMITS)]
    assert len(bounded) > 0.95 * len(shown)


def test_a_second_breach_beside_the_first_is_not_the_same() -> None:
    call = {"id": [], "type": "function", "function": {"name": "f", "arguments": "{}"}}
    body = {"model": "m", "messages": [{"role": "assistant", "tool_calls": [call]}]}
    breach = Negative("", b"", "/messages/4/tool_calls/2/id", "CC001", (None,), "#", "type", "shape")
    assert place_of(body, breach)
    call["function"] = {}
    assert not place_of(body, breach)


def test_the_same_seed_gives_the_same_requests_and_another_one_others() -> None:
    one, same, other = (made(modes=("positive",), size=220, seed=seed) for seed in (5, 5, 6))
    assert one.cases == same.cases
    assert one.cases != other.cases
    assert one.cases[:156] == other.cases[:156]


def test_a_short_run_takes_evenly_from_what_covers_the_contract() -> None:
    short = made(modes=("negative",), size=50)
    assert len(short.cases) == 50
    assert len({case.breach.kind for case in short.cases if case.breach}) >= 4
    assert short.whole["negative"] > 1000


def test_a_budget_of_requests_is_shared_between_the_modes_and_leaves_some_for_findings() -> None:
    small = made(most=100)
    modes = [case.mode for case in small.cases]
    assert modes.count("positive") == modes.count("negative") == int(100 * SHARE) // 2


def test_a_budget_of_tokens_leaves_requests_out() -> None:
    small = made(modes=("positive",), tokens=20_000)
    assert small.cost.tokens <= 20_000 * SHARE
    assert small.left_out > 0
    assert len(small.cases) > 20


@pytest.mark.parametrize(("ratio", "few", "many"), [(0.0, 0, 0), (1.0, 100, 100), (0.5, 30, 70)])
def test_the_ratio_of_streams_is_kept_by_what_is_drawn(ratio: float, few: int, many: int) -> None:
    run = made(modes=("positive",), size=257, stream_ratio=ratio)
    drawn = run.cases[run.whole["positive"] :]
    assert few <= sum(case.value.get("stream") is True for case in drawn) * 100 / len(drawn) <= many


def test_a_section_restricts_the_breaches() -> None:
    run = made(modes=("negative",), sections=("request",), size=40)
    assert {case.breach.section for case in run.cases if case.breach} == {"request"}
    assert made(modes=("negative",), sections=("usage",)).cases == ()


def test_what_a_target_lacks_can_be_left_out() -> None:
    run = made(modes=("positive",), size=260, without=("image_url", "n"))
    assert not any("n" in case.value or "image_url" in json.dumps(case.value["messages"]) for case in run.cases)


def test_both_modes_have_their_share_of_what_a_tight_budget_reaches() -> None:
    run = made()
    shares = {mode: sum(case.mode == mode for case in run.cases) / len(run.cases) for mode in ("positive", "negative")}
    for part in (run.cases[:100], run.cases[: len(run.cases) // 2], made(tokens=60_000).cases):
        for mode, share in shares.items():
            assert abs(sum(case.mode == mode for case in part) / len(part) - share) < 0.1
    assert [case for case in run.cases if case.mode == "positive"] == list(made(modes=("positive",)).cases)


def test_the_cost_counts_choices_and_bounds() -> None:
    case = made(modes=("positive",), size=1).cases[0]
    dear = case._replace(body=b'{"model": "m", "messages": [], "max_tokens": 10, "n": 4}')
    assert dear.cost.tokens == len(dear.body) + 40
    assert case._replace(body=b"[[[").cost.tokens == 3 + ANSWER_TOKENS


def test_an_even_spread_has_no_item_twice() -> None:
    assert spread(range(10), 4) == [0, 2, 5, 7]
    assert spread(range(3), 9) == [0, 1, 2]
