"""What only several exchanges of one run can tell."""

import json
from pathlib import Path
from typing import Any

from chatcontract import Contract, rules
from chatcontract.across import Across
from chatcontract.examples import GONE, Changes, response, stream
from chatcontract.model import Exchange
from chatcontract.reading import Reading
from chatcontract.report import Collector
from chatcontract.runner import Run

OTHER = {"/choices/0/message/content": "Five."}


def fed(*exchanges: Exchange, limit: int = 100) -> list[int]:
    """The positions of the exchanges with a finding."""
    across = Across(limit)
    return [at for at, exchange in enumerate(exchanges) if list(across.feed(Reading(exchange)))]


def answer(changes: Changes | None = None, host: str = "") -> Exchange:
    return response(changes).exchange()._replace(host=host)


def test_another_answer_with_the_same_id_is_found_each_time() -> None:
    assert fed(answer(), answer(OTHER), answer(), answer({"/created": 1763700001})) == [1, 3]


def test_inputs_of_custom_calls_make_other_answers() -> None:
    calls = [[{"id": "call_1", "type": "custom", "custom": {"name": "run", "input": text}}] for text in ("1", "2")]
    assert fed(*[answer({"/choices/0/message/tool_calls": call}) for call in calls]) == [1]


def test_the_same_answer_again_is_a_recording_of_it() -> None:
    assert fed(answer(), answer({"/usage": GONE, "/choices/0/logprobs": GONE})) == []


def test_the_same_answer_to_another_request_is_another_one_where_that_counts() -> None:
    asked = [response(request=changes).exchange() for changes in ({}, {}, {"/temperature": 0})]
    across = Across(by_request=True)
    assert [len(list(across.feed(Reading(exchange)))) for exchange in asked] == [0, 0, 1]
    assert fed(*asked) == []


def test_an_answer_and_its_stream_are_one_answer() -> None:
    assert fed(answer(), stream().exchange()) == []
    assert fed(answer(), stream({"/1/choices/0/delta/content": "Five"}).exchange()) == [1]


def test_a_cut_stream_and_an_empty_id_prove_nothing() -> None:
    assert fed(answer(), stream({"/2": GONE, "/3": GONE}).exchange()) == []
    assert fed(answer({"/id": ""}), answer({"/id": "", **OTHER}), answer({"/id": 5}), answer({"/id": 5, **OTHER})) == []


def test_ids_of_different_hosts_are_different() -> None:
    assert fed(answer(host="a"), answer(OTHER, host="b"), answer(host="b")) == [2]


def test_memory_is_bounded() -> None:
    others = [answer({"/id": f"chatcmpl-{number}"}) for number in range(5)]
    assert fed(answer(), *others, answer(OTHER), limit=5) == []
    assert fed(answer(), *others, answer(OTHER), limit=6) == [6]


def lines(tmp_path: Path, *contents: str) -> str:
    path = tmp_path / "traffic.jsonl"
    records = [
        {"request": {}, "response": response({"/choices/0/message/content": text}).payload()} for text in contents
    ]
    path.write_text("".join(json.dumps({**record, "request": None}) + "\n" for record in records))
    return str(path)


def codes(contract: Contract, name: str) -> list[list[Any]]:
    run = Run(contract, Collector({}, rules.get))
    return [[v["rule"] for v in result["violations"]] for result in run.results([name])]


def test_a_run_puts_the_violation_on_the_later_exchange(tmp_path: Path) -> None:
    name = lines(tmp_path, "a", "b", "a")
    assert [("CC190" in found) for found in codes(Contract.load(), name)] == [False, True, False]


def test_a_silenced_rule_is_silent_in_a_run_too(tmp_path: Path) -> None:
    name = lines(tmp_path, "a", "b")
    assert not any("CC190" in found for found in codes(Contract.load(ignore=["duplicate-response-id"]), name))
