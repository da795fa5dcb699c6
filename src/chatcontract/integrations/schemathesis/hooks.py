"""The hooks, the check and the deserializer by which schemathesis tests the operation as the contract knows it."""

from collections.abc import Mapping
from typing import Any

import schemathesis
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.core.parameters import ParameterLocation
from schemathesis.generation.meta import (
    CaseMetadata,
    ComponentInfo,
    ExamplesPhaseData,
    GenerationInfo,
    PhaseInfo,
    TestPhase,
)

from chatcontract.integrations.schemathesis import documents
from chatcontract.integrations.schemathesis.bridges import Bridge, configured, keep, kept
from chatcontract.integrations.schemathesis.failures import ContractFailure
from chatcontract.integrations.schemathesis.verdicts import Case, found
from chatcontract.jsontext import ABSENT
from chatcontract.model import Exchange, Request, Response
from chatcontract.reading import Reading
from chatcontract.sse import read_events

MAX_STREAM_EVENTS = 100_000
"""Chunks of a stream that are read; schemathesis itself stops after 20."""
_JSON = "application/json"
_POSITIVE, _NEGATIVE = schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE
_JUDGED_HERE = frozenset(("not_a_server_error", "positive_data_acceptance", "negative_data_rejection"))


def bridge_of(operation: Any) -> Bridge | None:
    """The bridge that an operation is tested by; None for operations that the contract does not know."""
    raw = operation.definition.raw if operation is not None else None
    return kept(raw.get(documents.MARK)) if isinstance(raw, Mapping) else None


@schemathesis.hook
def before_load_schema(context: schemathesis.HookContext, raw_schema: dict[str, Any]) -> None:
    """Put the contract's operation in the place of the one in the document."""
    if documents.chat_paths(raw_schema) and not any(map(documents.is_marked, documents.paths(raw_schema).values())):
        bridge = configured()
        documents.convert(raw_schema, bridge.document(keep(bridge)))


@schemathesis.hook
def after_load_schema(context: schemathesis.HookContext, schema: schemathesis.BaseSchema) -> None:
    """Read streams to their end, unless the user has set another limit; spare a phase that `filter_case` empties."""
    items = documents.paths(schema.raw_schema).values()
    if not any(map(documents.is_marked, items)):
        return
    if schema.config.max_stream_events is None:
        schema.config.max_stream_events = MAX_STREAM_EVENTS
    if all(documents.is_marked(item) and item.keys() == {"post"} for item in items):
        schema.config.phases.coverage.enabled = False


@schemathesis.hook
def before_generate_body(context: schemathesis.HookContext, strategy: Any) -> Any:
    """Generate valid requests of chat, labelled breaches, or both, as the mode says."""
    bridge = bridge_of(context.operation)
    if bridge is None:
        return strategy
    modes = _modes(context.operation, TestPhase.FUZZING)
    return bridge.bodies(valid=_POSITIVE in modes, broken=_NEGATIVE in modes)


@schemathesis.hook
def before_add_examples(context: schemathesis.HookContext, examples: list[Any]) -> None:
    """Enumerate: requests that take every branch, and every labelled breach."""
    operation = context.operation
    bridge = bridge_of(operation)
    if bridge is None or operation is None:
        return
    modes = _modes(operation, TestPhase.EXAMPLES)
    examples.clear()
    if _POSITIVE in modes:
        examples += [_example(operation, body, _POSITIVE, "a branch of the contract") for body in bridge.covering]
    if _NEGATIVE in modes:
        broken = bridge.negatives.items()
        examples += [_example(operation, body, _NEGATIVE, negative.label) for body, negative in broken]


def _example(operation: Any, body: Any, mode: schemathesis.GenerationMode, label: str) -> Any:
    headers = operation.schema.config.headers_for(operation=operation) or {}
    phase = PhaseInfo(TestPhase.EXAMPLES, ExamplesPhaseData(label, None, ParameterLocation.BODY, None))
    meta = CaseMetadata(GenerationInfo(0.0, mode), {ParameterLocation.BODY: ComponentInfo(mode)}, phase)
    return operation.Case(body=body, media_type=_JSON, headers=dict(headers), _meta=meta)


@schemathesis.hook
def filter_case(context: schemathesis.HookContext, case: schemathesis.Case[Any]) -> bool:
    """Leave out the cases of the phase `coverage`: single values, which make no conversation."""
    meta = case.meta
    return meta is None or meta.phase.name is not TestPhase.COVERAGE or bridge_of(case.operation) is None


@schemathesis.hook
def map_case(context: schemathesis.HookContext, case: schemathesis.Case[Any]) -> schemathesis.Case[Any]:
    """Mark a labelled breach as negative, with its label as description."""
    bridge, meta = bridge_of(case.operation), case.meta
    if bridge is not None and meta is not None and isinstance(case.body, bytes):
        meta.generation.mode = _NEGATIVE
        meta.components[ParameterLocation.BODY].mode = _NEGATIVE
        negative = bridge.negatives.get(case.body)
        meta.phase.data.description = negative.label if negative is not None else "a breach of the contract"
    return case


@schemathesis.hook
def filter_failure(context: schemathesis.HookContext, failure: Failure, case: Any, response: Any) -> bool:
    """Leave out what the contract judges more exactly: whether a request was to be answered or refused."""
    return bridge_of(case.operation) is None or not _JUDGED_HERE.intersection(failure.checks)


@schemathesis.check
def chatcontract(ctx: schemathesis.CheckContext, response: schemathesis.Response, case: Any) -> bool | None:
    """Hold the answer against the contract; every violation of sufficient severity is a failure with its code."""
    bridge = bridge_of(case.operation)
    if bridge is None:
        return True
    exchange = exchange_of(response, case.id)
    negative = bridge.negatives.get(case.body) if isinstance(case.body, bytes) else None
    judged = Case(exchange, negative, response.stream_cut_short, bridge.model is None)
    failures = {
        violation.fingerprint: ContractFailure(violation, case.operation.label, negative)
        for violation in found(bridge.contract, judged, bridge.whole)
        if bridge.fails(violation.severity)
    }
    if failures:
        raise FailureGroup(list(failures.values()))
    return None


@schemathesis.deserializer("text/event-stream")
def events(context: schemathesis.DeserializationContext, response: schemathesis.Response) -> list[Any]:
    """The chunks of a stream, without those that report an error; of other operations the events."""
    if bridge_of(context.operation) is not None:
        chunks = Reading(exchange_of(response)).chunks
        return [chunk.text.value for chunk in chunks if chunk.text.value is not ABSENT and not chunk.is_error]
    read, _ = read_events(response.content)
    told = [event for event in read if event.data]
    return [
        {"data": event.data, "event": event.event or "message"}
        | ({"id": event.id} if event.id else {})
        | ({"retry": event.retry} if event.retry is not None else {})
        for event in told
    ]


_UNPACKED = frozenset(("content-encoding", "content-length", "transfer-encoding"))


def exchange_of(response: schemathesis.Response, name: str = "") -> Exchange:
    """The exchange that an answer ends; its body is that of HTTP with any compression undone."""
    asked: Any = response.request
    body = asked.body or b""
    request = Request(
        asked.method, asked.url, tuple(asked.headers.items()), body.encode() if isinstance(body, str) else body
    )
    left_out = _UNPACKED if "content-encoding" in response.headers else ()
    headers = [(key, value) for key, values in response.headers.items() if key not in left_out for value in values]
    return Exchange(name, request, Response(response.status_code, tuple(headers), response.content or b""))


def _modes(operation: Any, phase: TestPhase) -> list[schemathesis.GenerationMode]:
    modes: list[schemathesis.GenerationMode] = operation.schema.config.generation_for(
        operation=operation, phase=phase.value
    ).modes
    return modes
