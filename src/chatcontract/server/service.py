"""From a request to its answer: routing, keys, the contract, and the faults that are asked for."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import cache
from hmac import compare_digest
from itertools import count
from typing import NamedTuple
from urllib.parse import unquote

from chatcontract.contract import Contract
from chatcontract.jsontext import parse
from chatcontract.model import JSON, Exchange, Headers, Request, Severity
from chatcontract.pointer import split
from chatcontract.reading import header
from chatcontract.server.answers import Answer, as_json, as_stream
from chatcontract.server.canned import Canned
from chatcontract.server.completion import completion
from chatcontract.server.dialogue import REFUSING_MODEL
from chatcontract.server.dice import Dice
from chatcontract.server.errors import Refused, of_violation
from chatcontract.server.faults import Fault, Skip, Stage, named
from chatcontract.server.scalars import Impossible
from chatcontract.server.streams import chunks, frame

MODEL = "reference-1"
MODELS = (MODEL, REFUSING_MODEL, "gpt-*", "o1*", "o3*", "o4*", "chatgpt-*", "ft:*")
"""Names of models that are answered, with `*` for any text."""
FAULT_HEADER = "x-chatcontract-fault"
STATUS_HEADER = "x-chatcontract-status"
STATUS_MODEL = "reference-"
MAX_BODY = 8 * 1024 * 1024
ANSWERLESS = ("tool-choice-undeclared", "allowed-tools-undeclared")
"""Rules of less severity than error that leave no right answer to a request."""
_COMPLETIONS = "/v1/chat/completions"
PACE = 0.001
"""Seconds between the chunks of a stream, so that it can be seen to be one."""
SHOCK = 3.0
"""Seconds for which a caller that hung up is remembered."""
SINCE = 1763700000
"""When the models were made, they say."""
_MESSAGES = {
    429: ("The rate limit is reached; try again later.", "requests", "rate_limit_exceeded"),
    500: ("The server had an error while it worked on the request.", "server_error", None),
    503: ("The server is overloaded; try again later.", "server_error", None),
}  # fmt: skip


class Settings(NamedTuple):
    """What a server does for every request.

    `api_key`: the only one that is let in, None lets everybody in. `pace`: seconds between chunks.
    `models`: names that are answered, with `*` for any text. `clock`: tells the time.
    """

    faults: Sequence[str] = ()
    api_key: str | None = None
    latency: float = 0.0
    pace: float = PACE
    models: Sequence[str] = MODELS
    canned: Sequence[Canned] = ()
    max_body: int = MAX_BODY
    clock: Callable[[], float] = time.time


class Service:
    """Answers requests; what it remembers is how many there were, and whether the last caller hung up."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._faults = named(settings.faults)
        self._numbers = count(1)
        self._latest = 0
        self._aborted_at: float | None = None

    def answer(self, request: Request) -> Answer:
        """The answer to a request whose URL is a path."""
        started, number = time.perf_counter(), next(self._numbers)
        faults, self._latest = self._faults, number
        try:
            path, faults = self._asked_for(request)
            made = self._routed(path, request, faults, number)
        except Refused as refused:
            made = _error(refused, faults, of_stream=_wants_stream(request))
        made = self._finished(made, number, started)
        for fault in _of(faults, Stage.ANSWER):
            made = fault.commit(made)
        return made

    def too_large(self) -> Answer:
        """The answer to a request whose body is larger than is read."""
        text = f"The body of the request is larger than the {self.settings.max_body} bytes that are read."
        refused = Refused(413, text, "request_too_large", headers=(("connection", "close"),))
        return self._finished(_error(refused, self._faults, of_stream=False), next(self._numbers), time.perf_counter())

    def _asked_for(self, request: Request) -> tuple[str, tuple[Fault, ...]]:
        """The path without its prefix, and the faults: those of the server, the path and the header."""
        path = request.url.partition("?")[0]
        names = header(request.headers, FAULT_HEADER).split(",")
        if path.startswith("/fault/"):
            wanted, _, rest = path.removeprefix("/fault/").partition("/")
            path, names = f"/{rest}", [*wanted.split(","), *names]
        try:
            return path, (*self._faults, *named(name.strip() for name in names if name.strip()))
        except ValueError as error:
            raise Refused(400, str(error), "unknown_fault") from None

    def _finished(self, made: Answer, number: int, started: float) -> Answer:
        spent = max(1, round((time.perf_counter() - started) * 1000))
        after_abort = self._aborted_at is not None and time.monotonic() - self._aborted_at < SHOCK
        headers = (*made.headers, *_common(number, spent))
        return made._replace(headers=headers, after_abort=after_abort, is_overtaken=lambda: self._latest != number)

    def note_abort(self) -> None:
        """Remember that a caller hung up."""
        self._aborted_at = time.monotonic()

    def _routed(self, path: str, request: Request, faults: tuple[Fault, ...], number: int) -> Answer:
        route = {_COMPLETIONS: "POST", "/v1/models": "GET"}.get(path)
        if route is None and _skips(faults, Skip.PATH):
            return self._completed(request._replace(method="POST"), faults, number)
        if route is None and path.startswith("/v1/models/"):
            route = "GET"
        if route is None:
            raise Refused(404, f"There is nothing at {request.method} {path[:200]}.", "unknown_url")
        if request.method != route:
            text = f"The method {request.method[:20]} is not allowed on {path[:200]}; use {route}."
            raise Refused(405, text, "method_not_allowed", headers=(("allow", route),))
        self._let_in(request, faults)
        if route == "GET":
            return self._models(path)
        return self._completed(request, faults, number)

    def _let_in(self, request: Request, faults: tuple[Fault, ...]) -> None:
        wanted = self.settings.api_key
        if wanted is None or _skips(faults, Skip.KEY):
            return
        scheme, _, given = header(request.headers, "authorization").partition(" ")
        known = scheme.lower() == "bearer" and compare_digest(given.strip().encode(), wanted.encode())
        if not known:
            text = "The API key is not right." if given else "No API key was given; send it as a bearer token."
            realm = (("www-authenticate", 'Bearer realm="chatcontract"'),)
            raise Refused(401, text, "invalid_api_key" if given else None, headers=realm)

    def _models(self, path: str) -> Answer:
        name = unquote(path.removeprefix("/v1/models").removeprefix("/"))
        if not name:
            return as_json(
                {
                    "object": "list",
                    "data": [_model(model) for model in self.settings.models if "*" not in model],
                }
            )
        self._expect_model(name)
        return as_json(_model(name))

    def _expect_model(self, name: str) -> None:
        if not any(fnmatchcase(name, pattern) for pattern in self.settings.models):
            raise Refused(404, f"The model '{name[:100]}' does not exist.", "model_not_found", "model")

    def _completed(self, request: Request, faults: tuple[Fault, ...], number: int) -> Answer:
        asked = self._valid(request, faults)
        _fail_on_request(asked, request)
        if not _skips(faults, Skip.MODEL):
            self._expect_model(str(asked.get("model")))
        for fault in _of(faults, Stage.REQUEST):
            asked = fault.commit(asked)
        made = self._made(asked, number)
        for fault in _of(faults, Stage.COMPLETION):
            made = fault.commit(made)
        for fault in _of(faults, Stage.REPLY):
            made = fault.commit((asked, made))[1]
        return self._streamed(made, asked, faults) if asked.get("stream") else as_json(made)

    def _valid(self, request: Request, faults: tuple[Fault, ...]) -> dict[str, JSON]:
        """The request's body if the contract allows it; if that is not looked at, without what breaks it."""
        if not _skips(faults, Skip.MEDIA):
            _expect_json(request.headers)
        is_lax = _skips(faults, Skip.CONTRACT)
        if not request.body.strip() and not is_lax:
            raise Refused(400, "The request has no body; send a JSON object.")
        value = parse(request.body)[0] if request.body.strip() else None
        asked = {**_ANYTHING, **value} if isinstance(value, dict) else dict(_ANYTHING)
        for violation in contract().check(Exchange("", request._replace(url="", headers=()))):
            if violation.severity is not Severity.ERROR and violation.name not in ANSWERLESS:
                continue
            if not is_lax:
                raise of_violation(violation)
            _forget(asked, violation.pointer)
        return asked

    def _made(self, asked: Mapping[str, JSON], number: int) -> dict[str, JSON]:
        said = next((canned for canned in self.settings.canned if canned.fits(asked)), None)
        if said is not None and said.error is not None:
            raise said.error
        dice = Dice("id", number, self.settings.clock())
        identity = "chatcmpl-" + "".join(dice.pick(_ALPHABET) for _ in range(24))
        try:
            return completion(asked, identity, int(self.settings.clock()), None if said is None else said.reply)
        except Impossible as error:
            raise Refused(400, f"The schema or grammar cannot be followed: {error}.", "invalid_schema") from None

    def _streamed(self, made: dict[str, JSON], asked: Mapping[str, JSON], faults: tuple[Fault, ...]) -> Answer:
        data = chunks(made, asked)
        for fault in _of(faults, Stage.CHUNKS):
            data = fault.commit(data)
        frames = [frame(piece) for piece in data]
        for fault in _of(faults, Stage.FRAMES):
            frames = fault.commit(frames)
        return as_stream(frames, self.settings.pace)


_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


_ANYTHING: Mapping[str, JSON] = {"model": MODEL, "messages": [{"role": "user", "content": ""}]}


def _forget(asked: dict[str, JSON], pointer: str) -> None:
    """Drop the member that a pointer leads into, or put a plain one in its place."""
    name = (split(pointer) or [""])[0]
    asked.pop(name, None)
    if name in _ANYTHING:
        asked[name] = _ANYTHING[name]


@cache
def contract() -> Contract:
    """The contract that requests are held against."""
    return Contract.load()


def _of(faults: Iterable[Fault], stage: Stage) -> list[Fault]:
    return [fault for fault in faults if fault.stage is stage]


def _skips(faults: Iterable[Fault], check: Skip) -> bool:
    return any(check in fault.skips for fault in faults)


def _wants_stream(request: Request) -> bool:
    value = parse(request.body)[0] if request.body else None
    return isinstance(value, dict) and value.get("stream") is True


def _error(refused: Refused, faults: Iterable[Fault], *, of_stream: bool) -> Answer:
    made = as_json(dict(refused.body), refused.status, refused.headers)._replace(of_stream=of_stream)
    for fault in _of(faults, Stage.ERROR):
        made = fault.commit(made)
    return made


def _expect_json(headers: Headers) -> None:
    media = header(headers, "content-type")
    if header(headers, "content-encoding") not in ("", "identity"):
        raise Refused(415, "The body is encoded; send it as it is.", "unsupported_content_encoding")
    if media.partition(";")[0].strip().lower() != "application/json":
        text = f"The content type '{media[:100]}' is not supported; send application/json."
        raise Refused(400, text, "unsupported_content_type")


def _fail_on_request(asked: Mapping[str, JSON], request: Request) -> None:
    """Fail with the status that a header or the name of the model asks for."""
    model = str(asked.get("model"))
    wanted = header(request.headers, STATUS_HEADER) or model.removeprefix(STATUS_MODEL)
    if len(wanted) != 3 or not wanted.isdecimal() or not 400 <= int(wanted) <= 599:
        return
    status = int(wanted)
    text, kind, code = _MESSAGES.get(status, ("The request asked for this error.", "invalid_request_error", None))
    wait = (("retry-after", "1"),) if status in (429, 503) else ()
    raise Refused(status, text, code, kind=kind, headers=wait)


def _model(name: str) -> dict[str, JSON]:
    return {"id": name, "object": "model", "created": SINCE, "owned_by": "chatcontract"}


def _common(number: int, spent: int) -> Headers:
    dice = Dice("request", number)
    identity = "req_" + "".join(dice.pick("0123456789abcdef") for _ in range(32))
    return (
        ("x-request-id", identity),
        ("openai-processing-ms", str(spent)),
        ("openai-version", "2020-10-01"),
        ("x-ratelimit-limit-requests", "10000"),
        ("x-ratelimit-limit-tokens", "2000000"),
        ("x-ratelimit-remaining-requests", "9999"),
        ("x-ratelimit-remaining-tokens", "1999000"),
        ("x-ratelimit-reset-requests", "6ms"),
        ("x-ratelimit-reset-tokens", "30ms"),
    )
