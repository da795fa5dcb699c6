"""Documents as providers publish them: they load as they are, and judge ordinary traffic as it is meant."""

from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from chatcontract import Contract, Violations
from chatcontract.model import Engine, Part
from chatcontract.recording import Recorded
from chatcontract.sources import open_source

HERE = Path(__file__).parent
SHARED = HERE.parents[2] / "shared"
DOCUMENTS = SHARED / "documents"
CORPUS = SHARED / "corpus" / "dev.jsonl.gz"
NEW, OLD, OTHER = "openai-2026-08-21", "openai-2024-12-18", "together"
VALID: dict[str, dict[str, Any]] = yaml.safe_load((HERE.parent / "valid.yaml").read_text(encoding="utf-8"))
EXCEPTIONS: dict[str, str] = yaml.safe_load((HERE.parent / "corpus_exceptions.yaml").read_text(encoding="utf-8"))
ENGINES: tuple[Engine, ...] = ("jsonschema-rs", "jsonschema")

pytestmark = [
    pytest.mark.corpus,
    pytest.mark.skipif(not DOCUMENTS.is_dir(), reason="no published documents beside the checkout"),
]


@cache
def contract(name: str, engine: Engine = "jsonschema-rs") -> Contract:
    return Contract.load(DOCUMENTS / f"{name}.yaml", engine=engine, select=["CC0"])


def check(name: str, root: str, payload: Any, engine: Engine = "jsonschema-rs") -> Violations:
    found: Violations = getattr(contract(name, engine), f"check_{root}")(payload)
    return found


@pytest.mark.parametrize(
    ("name", "version", "fixes"),
    [
        (NEW, "3.1.0",
            {"nullable-keyword", "discriminator-mapping", "integer-bounds", "null-default",
                "unregistered-format", "yaml-date"}),
        (OLD, "3.0.0", {"integer-bounds", "null-default", "own-error-schema", "stream-by-component-name"}),
        (OTHER, "3.1.0",
            {"nullable-keyword", "nullable-branch", "discriminator-mapping", "stream-envelope", "yaml-date"}),
    ],
)  # fmt: skip
def test_a_published_document_loads_with_the_fixes_that_it_needs(name: str, version: str, fixes: set[str]) -> None:
    facts = contract(name).facts
    assert facts["openapi"] == version
    assert facts["path"] == "/chat/completions"
    assert facts["fixes"].keys() == fixes
    assert facts["files"] == 1


def test_without_the_fix_for_nullable_the_newest_document_refuses_every_ordinary_chunk() -> None:
    letter = Contract.load(DOCUMENTS / f"{NEW}.yaml", without_fixes=["nullable-keyword"])
    ordinary = VALID["chunks"]["the first"]
    assert contract(NEW).is_valid_chunk(ordinary)
    assert not letter.is_valid_chunk(ordinary)


# What the newest document refuses of the payloads that ours takes; README.md in spec/ says why we differ.
REFUSED_BY_NEW = {
    ("request", "every part of a user message"): {"/messages/0/content/4"},  # a plain string among the parts
    ("request", "an image as the first vision models took it"): {"/messages/0/content/0/image_url"},
    ("request", "calls and their results"): {
        "/messages/3/content/1",
        "/messages/3/content/1/type",
    },  # an image
    ("request", "every number and switch"): {"/logit_bias/11"},  # a fraction
    ("request", "everything null that may be"): {"/top_logprobs"},  # no null in that document
    ("chunk", "pieces of calls"): {"/choices/0/delta/tool_calls/1/type"},  # a custom call
}
# The document of 2024 does not know what came later.
REFUSED_BY_OLD = REFUSED_BY_NEW | {
    ("request", "every part of a user message"): {"/messages/0/content/3/type", "/messages/0/content/4"},
    ("request", "tools of every kind"): {"/tools/2", "/tools/2/type", "/tools/3", "/tools/3/type"},
    ("request", "tool choice by custom tool"): {
        "/tools/0",
        "/tools/0/type",
        "/tool_choice",
        "/tool_choice/type",
    },
    ("request", "tool choice among allowed ones"): {"/tool_choice", "/tool_choice/type"},
    ("request", "format by schema"): {"/response_format/json_schema"},  # asks for a `type` that nobody sends
    ("request", "everything null that may be"): {"/reasoning_effort"},
    ("response", "calls"): {"/choices/0/message/tool_calls/1", "/choices/0/message/tool_calls/1/type"},
}


@pytest.mark.parametrize(("name", "refused"), [(NEW, REFUSED_BY_NEW), (OLD, REFUSED_BY_OLD)])
def test_the_documents_of_openai_take_what_ours_takes(name: str, refused: dict[tuple[str, str], set[str]]) -> None:
    for root in ("request", "response", "chunk"):
        for title, payload in VALID[root + "s"].items():
            errors = {v.pointer for v in check(name, root, payload).errors}
            if (root, title) in refused:
                assert errors >= refused[root, title], title
            elif name == NEW:
                assert errors == set(), title


SIMPLE: dict[str, Any] = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hi"}]}
TOOL = {"type": "function", "function": {"name": "ping", "parameters": {"type": "object", "properties": {}}}}
ORDINARY_REQUESTS: dict[str, dict[str, Any]] = {
    "simple": SIMPLE,
    "with settings": {**SIMPLE, "temperature": 0.5, "max_tokens": 9, "n": 1, "stream": True,
        "stop": ["END"], "user": "u"},
    "with a system message": {**SIMPLE,
        "messages": [{"role": "system", "content": "Be brief."}, *SIMPLE["messages"]]},
    "with a tool": {**SIMPLE, "tools": [TOOL], "tool_choice": "auto"},
    "with an image": {
        **SIMPLE,
        "messages": [{"role": "user", "content": [
            {"type": "text", "text": "What?"}, {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
        ]}],
    },
    "with JSON": {**SIMPLE, "response_format": {"type": "json_object"}},
}  # fmt: skip
HEAD = {"id": "chatcmpl-1", "created": 1700000000, "model": "gpt-4o"}
USAGE = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
CALL = {"id": "call_1", "type": "function", "function": {"name": "ping", "arguments": "{}"}}


def response(message: dict[str, Any], **more: Any) -> dict[str, Any]:
    choice = {
        "index": 0,
        "finish_reason": "stop",
        "logprobs": None,
        "message": {"role": "assistant", "refusal": None, **message},
    }
    return {**HEAD, "object": "chat.completion", "choices": [choice], "usage": USAGE, **more}


def chunk(delta: dict[str, Any], finish_reason: str | None = None, **more: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return {**HEAD, "object": "chat.completion.chunk", "choices": [choice], **more}


ORDINARY_ANSWERS: dict[str, tuple[str, dict[str, Any]]] = {
    "a text": ("response", response({"content": "Hi"}, system_fingerprint="fp_1")),
    "no fingerprint": ("response", response({"content": "Hi"}, system_fingerprint=None)),
    "a call": ("response", response({"content": None, "tool_calls": [CALL]})),
    "no logprobs": ("response",
        {**response({}),
            "choices": [{"index": 0, "finish_reason": "stop",
                "message": {"role": "assistant", "content": "Hi", "refusal": None}}]}),
    "a first chunk": ("chunk", chunk({"role": "assistant", "content": ""}, usage=None)),
    "a chunk": ("chunk", chunk({"content": "Hi"}, system_fingerprint=None)),
    "a last chunk": ("chunk", chunk({}, "stop")),
    "a piece of a call": ("chunk", chunk({"tool_calls": [{"index": 0, **CALL}]})),
    "a further piece of a call": ("chunk",
        chunk({"tool_calls": [{"index": 0, "function": {"arguments": "{"}}]})),
    "the usage": ("chunk", {**chunk({}), "choices": [], "usage": USAGE}),
}  # fmt: skip


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("title", ORDINARY_REQUESTS)
@pytest.mark.parametrize("name", [NEW, OLD, OTHER])
def test_ordinary_requests_are_taken_and_broken_ones_refused_at_the_leaf(name: str, title: str, engine: Engine) -> None:
    request = ORDINARY_REQUESTS[title]
    assert check(name, "request", request, engine).errors == ()
    assert contract(name, engine).is_valid_request(request)
    broken = {
        "/model": {**request, "model": 5},
        "/messages": {**request, "messages": "Hi"},
        "/messages/0/role": {**request, "messages": [{**request["messages"][0], "role": "wizard"}]},
        "/messages/0/content": {**request, "messages": [{**request["messages"][0], "content": 5}]},
        "/messages/0": {**request, "messages": [{"role": "user"}]},
        "/temperature": {**request, "temperature": "hot"},
        "/tools/0": {**request, "tools": [5]},
        "/tools/0/function/name": {**request, "tools": [{"type": "function", "function": {"name": 5}}]},
    }
    for place, payload in broken.items():
        assert [v.pointer for v in check(name, "request", payload, engine).errors] == [place]
        assert not contract(name, engine).is_valid_request(payload)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("title", ORDINARY_ANSWERS)
@pytest.mark.parametrize("name", [NEW, OLD])
def test_ordinary_answers_are_taken_and_broken_ones_refused_at_the_leaf(name: str, title: str, engine: Engine) -> None:
    root, answer = ORDINARY_ANSWERS[title]
    assert check(name, root, answer, engine).errors == ()
    assert getattr(contract(name, engine), f"is_valid_{root}")(answer)
    broken: dict[str, dict[str, Any]] = {
        "/id": {**answer, "id": None},
        "/created": {**answer, "created": "now"},
        "/object": {**answer, "object": "chat"},
        "/choices": {**answer, "choices": None},
        "/choices/0": {**answer, "choices": [5]},
        "/usage/total_tokens": {**answer, "usage": {**USAGE, "total_tokens": "2"}},
        "": {key: value for key, value in answer.items() if key != "model"},
    }
    for place, payload in broken.items():
        assert [v.pointer for v in check(name, root, payload, engine).errors] == [place]


def test_a_tool_message_without_its_call_and_arguments_as_an_object_are_found_two_unions_deep() -> None:
    history = [
        {"role": "assistant", "tool_calls": [{**CALL, "function": {"name": "ping", "arguments": {}}}]},
        {"role": "tool", "content": "pong"},
    ]
    for name in (NEW, OLD):
        told = [(v.pointer, v.message) for v in check(name, "request", {**SIMPLE, "messages": history}).errors]
        assert told == [
            ("/messages/0/tool_calls/0/function/arguments", "expected string, got object"),
            ("/messages/1", '"tool_call_id" is missing'),
        ]
        (wrong,) = check(name, "request", {**SIMPLE, "tools": [TOOL], "tool_choice": "always"})
        assert (wrong.pointer, wrong.message) == (
            "/tool_choice", 'expected one of "none", "auto", "required", got "always"',
        )  # fmt: skip


def test_the_errors_of_the_newest_document_are_judged_by_its_own_schema() -> None:
    from chatcontract import Exchange, Response

    def told(body: bytes) -> list[str]:
        return [v.pointer for v in contract(NEW).check(Exchange("", None, Response(400, (), body))).errors]

    assert told(b'{"error": {"message": "m", "type": "t", "param": null, "code": null}}') == []
    assert told(b'{"error": {"message": 1, "type": "t", "param": null, "code": null}}') == ["/error/message"]
    assert told(b"{}") == [""]


@pytest.mark.parametrize("name", [NEW, OLD, OTHER])
def test_both_engines_read_a_published_document_alike(name: str) -> None:
    for root in ("request", "response", "chunk"):
        for payload in VALID[root + "s"].values():
            for changed in one_change_each(payload):
                told = [sorted(check(name, root, changed, engine)) for engine in ENGINES]
                assert told[0] == told[1]
                assert not any("fits none" in v.message for v in told[0])


def one_change_each(payload: dict[str, Any]) -> list[dict[str, Any]]:
    """The payload with each member of its own and of its first message or choice broken in turn."""
    made = [{**payload, name: value} for name in payload for value in ({"x": 1}, None)]
    for group in ("messages", "choices", "tools"):
        for holder in payload.get(group) or ():
            made += [{**payload, group: [{**holder, name: 5}]} for name in holder]
            made += [{**payload, group: [{key: holder[key] for key in holder if key != name}]} for name in holder]
    return made


@pytest.mark.skipif(not CORPUS.is_file(), reason="no recorded traffic beside the checkout")
def test_the_newest_document_judges_the_traffic_of_its_own_service(
    record_property: Callable[[str, object], None],
) -> None:
    judge = contract(NEW)
    reasons: Counter[str] = Counter()
    parts: Counter[Part] = Counter()
    total, answers = 0, set()
    with open_source(str(CORPUS)) as source:
        for item in source.items:
            exchange = item.exchange if isinstance(item, Recorded) else None
            if exchange is None or (exchange.host, exchange.provider) != ("api.openai.com", "openai"):
                continue
            if exchange.response is None or exchange.response.status != 200:
                continue
            total += 1
            errors = judge.check(exchange).errors
            reasons.update({f"{v.fingerprint} {v.message[:70]}" for v in errors})
            parts.update({v.part for v in errors})
            if any(v.part is not Part.REQUEST for v in errors):
                answers.add(exchange.id)
    print(f"{total} exchanges; with errors:", dict(parts), *reasons.most_common(8), sep="\n")
    record_property("share of requests with errors", parts[Part.REQUEST] / total)
    assert total > 1600
    assert answers <= EXCEPTIONS.keys()
    # Images in tool messages, strings among the parts: the service takes them, its document does not say so.
    assert parts[Part.REQUEST] / total < 0.02
