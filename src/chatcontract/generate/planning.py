"""Requests that together reach every branch of the document's request."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from chatcontract.contract import Contract
from chatcontract.generate.branches import Branch, Coverage, Way, touched
from chatcontract.generate.grammar import Options
from chatcontract.generate.minimal import payload
from chatcontract.generate.offers import name_of
from chatcontract.generate.repairs import OF_MODELS, repaired
from chatcontract.generate.values import TWICE
from chatcontract.model import Severity
from chatcontract.toolcalls import demand

Object = dict[str, Any]
_FIXED = "the model is fixed by the options"
_DEPRECATED = "deprecated; reached with deprecated=True"
_BARRED = "ruled out by the options"
_STRICT = " in profile strict; reached with undocumented=True"
_UNDOCUMENTED = ": accepted, but undocumented; reached with undocumented=True"
_RANKS = (Severity.INFO, Severity.WARNING, Severity.ERROR)
_ACCEPTED = ("tool-message-image", "image-url-as-text")
"""Notes about what some models accept and nothing documents."""
STRING_PART = "#/components/schemas/ChatCompletionRequestUserMessage/properties/content/oneOf/1/items/oneOf/1"
"""A text among the parts of a message, which no rule has anything against."""
_REFUSED = OF_MODELS | {"prediction-conflict"}
"""Warnings about what servers refuse."""


class Plan(NamedTuple):
    """The requests, each with the branch that it was made for, and the branches left out, with reasons."""

    bodies: tuple[tuple[Branch, Object], ...]
    excluded: dict[Branch, str]


@lru_cache(maxsize=16)
def plan(options: Options) -> Plan:
    """Which requests reach what the options leave open; deepest branches first, as they reach others on the way."""
    return _Planner(options).plan()


class _Planner:
    def __init__(self, options: Options) -> None:
        self._options = options
        self._contract = Contract.load()
        self._strict = None if options.undocumented else Contract.load(profile="strict")
        self._coverage = Coverage()
        self._ruled_out = options.without | ({"tools", "functions"} if options.tools is False else set())

    def plan(self) -> Plan:
        bodies: list[tuple[Branch, Object]] = []
        excluded: dict[Branch, str] = {}
        for branch, ways in reversed(self._coverage.ways.items()):
            if branch not in self._coverage.seen:
                body, reason = self._tried(branch, ways)
                if reason:
                    excluded[branch] = reason
                else:
                    self._coverage.see(body)
                    bodies.append((branch, body))
        late = {branch: reason for branch, reason in excluded.items() if branch not in self._coverage.seen}
        return Plan(tuple(bodies), late)

    def _tried(self, branch: Branch, ways: Sequence[Way]) -> tuple[Object, str]:
        """A request by the first of the ways that leads to one, or why none does."""
        reasons: list[str] = []
        for way in ways:
            reason = self._barred(branch, way)
            body = {} if reason else self._body(branch, way)
            reason = reason or self._refused(body, branch)
            if not reason:
                return body, ""
            reasons.append(reason)
        return {}, max(reasons, key=lambda reason: reason not in (_BARRED, _DEPRECATED))

    def _barred(self, branch: Branch, way: Way) -> str:
        options = self._options
        if options.model is not None and _is_of_model(branch):
            return _FIXED
        if branch.anchor == STRING_PART and not options.undocumented:
            return f"string-part{_UNDOCUMENTED}"
        names = [str(step.token) for step in way if step.keyword == "properties"]
        kinds = [value.get("const") for step in way for value in _tags(step.node.schema)]
        if branch.kind == "present":
            names.append(branch.anchor.rpartition("/")[2])
        if options.without & {*names, *filter(None, kinds)} or (options.tools is False and "tools" in names):
            return _BARRED
        return "" if options.deprecated or not _is_deprecated(branch, way, self._coverage) else _DEPRECATED

    def _body(self, branch: Branch, way: Way) -> Object:
        body: Object = payload(self._coverage.document, branch, way)
        messages = body["messages"]
        if not any(message.get("role") == "user" for message in messages):
            first = messages[0].get("role") in ("developer", "system")
            body["messages"] = [*messages, _user()] if first else [_user(), *messages]
        if self._options.model is not None:
            body["model"] = self._options.model
        if self._options.stream is not None:
            body["stream"] = self._options.stream
        if self._options.tools:
            body.setdefault("tools", [{"type": "function", "function": {"name": "f"}}])
        fixed = self._options.model is not None or _is_of_model(branch)
        return _provoking(repaired(body, self._contract, fixed_model=fixed))

    def _refused(self, body: Object, branch: Branch) -> str:
        for contract in filter(None, (self._contract, self._strict)):
            for found in contract.check_request(body):
                level = Severity.WARNING if found.name in _REFUSED else Severity.ERROR
                if _RANKS.index(found.severity) >= _RANKS.index(level):
                    hint = "" if contract is self._contract else _STRICT
                    return f"{found.rule} {found.name}: {found.message}{hint}"
                if found.name in _ACCEPTED and not self._options.undocumented:
                    return f"{found.rule} {found.name}{_UNDOCUMENTED}"
        is_reached = branch in touched(self._coverage.document, self._coverage.node, body)
        return "" if is_reached and not self._ruled_out & _occurring(body) else _BARRED


def _occurring(body: Object) -> set[str]:
    """What `without` may name: the members of a request, its roles, the kinds of its parts and tools."""
    messages, tools = body.get("messages") or (), body.get("tools") or ()
    contents = [message["content"] for message in messages if isinstance(message.get("content"), list)]
    parts = [part for content in contents for part in content if isinstance(part, dict)]
    calls = [call for message in messages for call in message.get("tool_calls") or ()]
    return {*body, *(message["role"] for message in messages), *(one["type"] for one in (*parts, *calls, *tools))}


def _is_of_model(branch: Branch) -> bool:
    return "CreateChatCompletionRequest/properties/model/" in branch.anchor


def _user() -> Object:
    return {"role": "user", "content": "Hi"}


def _provoking(body: Object) -> Object:
    """The request; where it offers tools, demands no call and ends with the plainest message, that asks for two."""
    if body.get("tools") and not demand(body).forced and body["messages"][-1] == _user():
        name = name_of(body["tools"][0])
        body["messages"][-1] = {"role": "user", "content": TWICE.format(first=name)}
    return body


def _tags(schema: Any) -> Iterator[Any]:
    members = schema.get("properties", {})
    return (members[name] for name in ("type", "role") if name in members)


def _is_deprecated(branch: Branch, way: Way, coverage: Coverage) -> bool:
    if any(step.node.schema.get("deprecated") for step in way):
        return True
    steps = [step for step in way if step.keyword]
    if any(step.node.at(step.keyword, *_rest(step)).schema.get("deprecated") for step in steps):
        return True
    holder = way[-1].node
    if branch.kind == "branch":
        return bool(coverage.document.follow(_under(holder, branch)).schema.get("deprecated"))
    return branch.kind == "present" and bool(_under(holder, branch).schema.get("deprecated"))


def _rest(step: Any) -> tuple[Any, ...]:
    return () if step.token == "" else (step.token,)


def _under(holder: Any, branch: Branch) -> Any:
    tokens = branch.anchor.removeprefix(holder.anchor + "/").split("/")
    return holder.at(*(int(token) if token.isdecimal() else token for token in tokens))


def bodies(options: Options) -> Iterator[Object]:
    """The requests of the plan, each a copy of its own."""
    from copy import deepcopy

    return (deepcopy(body) for _, body in plan(options).bodies)
