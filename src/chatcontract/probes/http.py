"""HTTP: keys, media types, addresses, the list of models."""

from collections.abc import Iterator

from chatcontract.probe import Ask, Level, Section, Shortfall, Unclear, answered, each, honoured, refused
from chatcontract.reading import Reading, items, members

SECTION = Section("http", anchor="#/paths/~1chat~1completions/post", level=Level.SHOULD)
_MODELS = "https://developers.openai.com/api/reference/resources/models/methods/list"


def _listed(reading: Reading) -> Iterator[Shortfall | Unclear]:
    listed = items(members(reading.answer.value).get("data"))
    if not listed or not all(isinstance(members(one).get("id"), str) for one in listed):
        message = "expected data to be a list of objects with an id, got " + ("another list" if listed else "none")
        yield Shortfall("models-list-malformed", message, "/data")


SECTION.probe(
    "models",
    "GET /models lists the models",
    Ask(method="GET", path="/models"),
    honoured(each(_listed)),
    provides="list of models",
    why="Clients offer their users the models that they find there.",
    source=_MODELS,
)
SECTION.probe(
    "key-missing",
    "a request without a key is refused",
    Ask(key="none"),
    refused(401, 403, fault="authentication-not-enforced"),
    needs="key",
    why="A key that is not looked at protects nothing.",
)
SECTION.probe(
    "key-wrong",
    "a request with a wrong key is refused",
    Ask(key="wrong"),
    refused(401, 403, fault="authentication-not-enforced"),
    needs="key",
    why="A key that is not looked at protects nothing.",
)
SECTION.probe(
    "key-missing-streamed",
    "a stream without a key is refused",
    Ask({"/stream": True}, key="none"),
    refused(401, 403, fault="authentication-not-enforced"),
    needs=("key", "streaming"),
    why="Streams often take another way through a server.",
)
SECTION.probe(
    "charset",
    "a charset beside the media type is accepted",
    Ask(media="application/json; charset=utf-8"),
    answered(),
    level=Level.MUST,
    why="Many HTTP libraries add it.",
)
SECTION.probe(
    "media-type-wrong",
    "a body of another media type is refused",
    Ask(media="text/plain"),
    refused(400, 415),
    level=Level.INFO,
    why="Browsers may send text/plain to other sites unasked, JSON not.",
)
SECTION.probe(
    "address-unknown",
    "an unknown address is not answered",
    Ask(path="/chat/completions-of-nobody"),
    refused(404, 405, fault="unknown-address-answered"),
    why="A misspelt address must not look like a working one.",
)
SECTION.probe(
    "method-wrong",
    "another method is not answered with a completion",
    Ask(method="PUT"),
    refused(405, 404, fault="unknown-address-answered"),
    why="What is not defined must not seem to work.",
)


def _plain(reading: Reading) -> Iterator[Shortfall | Unclear]:
    encoding = reading.header("content-encoding")
    if encoding not in ("", "identity"):
        yield Shortfall("answer-compressed", f"expected a body as it is, got one in {encoding[:40]!r}")


SECTION.probe(
    "identity",
    "an answer is not compressed when only identity is accepted",
    {},
    answered(each(_plain)),
    why="The client cannot read it.",
)
