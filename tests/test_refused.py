"""What the service refused for its form gets an error where it saw it; what it accepted gets none."""

import gzip
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from chatcontract import Contract
from chatcontract.model import Exchange, Part, Request, Violation

CORPUS = Path(__file__).parents[2] / "shared" / "corpus" / "dev.jsonl.gz"
EXCEPTIONS = yaml.safe_load((Path(__file__).parent / "refused_exceptions.yaml").read_text())
SHARE = 0.8

pytestmark = [
    pytest.mark.corpus,
    pytest.mark.skipif(not CORPUS.exists(), reason="the recorded traffic is not beside the checkout"),
]


@cache
def requests(*statuses: int) -> tuple[dict[str, Any], ...]:
    """The recorded requests to api.openai.com that were answered with one of the statuses."""
    return tuple(record for record in _records() if record["status"] in statuses and _body(record))


def _records() -> Iterator[dict[str, Any]]:
    with gzip.open(CORPUS, "rt") as lines:
        for line in lines:
            record = json.loads(line)
            if record["provider"] == "openai" and record["host"] == "api.openai.com":
                yield record


def _body(record: dict[str, Any]) -> bytes:
    given = record.get("request")
    return json.dumps(given).encode() if given is not None else (record.get("request_raw") or "").encode()


@cache
def contract() -> Contract:
    return Contract.load()


def errors(record: dict[str, Any]) -> list[Violation]:
    """The errors that the request gets by itself."""
    request = Request("POST", f"https://{record['host']}{record['path']}", (), _body(record))
    found = contract().check(Exchange(record["id"], request))
    return [violation for violation in found.errors if violation.part is Part.REQUEST]


def tokens(param: str) -> list[str]:
    """`messages.[3].content[0].type` as the tokens of a pointer."""
    return re.findall(r"[^.\[\]]+", param)


def is_there(violation: Violation, param: str | None) -> bool:
    """Whether the violation is at the place, around it or inside of it; without a place any will do."""
    if param is None:
        return True
    wanted, place = tokens(param), violation.pointer.split("/")[1:]
    if not place:
        return f'"{wanted[0]}"' in violation.message
    shared = min(len(wanted), len(place))
    return wanted[:shared] == place[:shared] or (len(wanted) == 1 and wanted[0] in place)


def refusal(record: dict[str, Any]) -> dict[str, Any]:
    answer = record.get("response")
    error = answer.get("error") if isinstance(answer, dict) else None
    return error if isinstance(error, dict) else {}


def test_most_requests_refused_for_their_form_get_an_error_where_the_service_saw_it() -> None:
    table = []
    for record in requests(400, 422):
        param = refusal(record).get("param")
        hits = [violation for violation in errors(record) if is_there(violation, param)]
        table.append((record["id"], refusal(record).get("code"), param, [f"{v.rule}{v.pointer}" for v in hits[:2]]))
    for row in table:
        print(*row, sep="  ")
    missed = {row[0] for row in table if not row[3]}
    print(f"{len(table) - len(missed)} of {len(table)}")
    assert len(table) - len(missed) >= SHARE * len(table)
    assert missed == EXCEPTIONS["refused"].keys() & {row[0] for row in table}


def test_no_accepted_request_gets_an_error() -> None:
    found = {record["id"]: [f"{v.rule} {v.pointer} {v.message}" for v in errors(record)] for record in requests(200)}
    assert {key: said for key, said in found.items() if said and key not in EXCEPTIONS["accepted"]} == {}


@pytest.mark.parametrize(
    ("param", "pointer"),
    [
        ("messages.[2].role", "/messages/2"),
        ("messages[0].content[1].type", "/messages/0/content/1/type"),
        ("messages", "/messages/3/content"),
        ("file_id", "/messages/0/content/1/file/file_id"),
    ],
)
def test_a_place_is_found_by_its_param(param: str, pointer: str) -> None:
    assert is_there(contract().check_request(b"{}")[0]._replace(pointer=pointer), param)


def test_another_place_is_told_apart() -> None:
    assert not is_there(contract().check_request(b"{}")[0]._replace(pointer="/messages/1/role"), "messages.[2].role")
