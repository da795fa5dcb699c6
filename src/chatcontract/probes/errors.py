"""Errors: what breaks the contract is refused, with a status of 4xx and the documented body."""

from collections.abc import Iterator, Sequence

from chatcontract.probe import ERRORS, Ask, Level, Section, Shortfall, Unclear, either, refused, user
from chatcontract.reading import Reading, members

SECTION = Section("errors")
_BODY = "#/components/schemas/CreateChatCompletionRequest"
_WHY_BODY = "A broken client must learn it from the answer, not from an outage or from nonsense."

# The body as a whole
for _id, _title, _body in (
    (
        "json-malformed",
        "malformed JSON is refused",
        b'{"model": "%MODEL%", "messages": [{"role": "user", "content": "Hi"}',
    ),
    (
        "json-trailing-comma",
        "a trailing comma is refused",
        b'{"model": "%MODEL%", "max_tokens": 8, "messages": [{"role": "user", "content": "Hi"}],}',
    ),
    (
        "json-single-quotes",
        "single quotes are refused",
        b"{'model': '%MODEL%', 'max_tokens': 8, 'messages': [{'role': 'user', 'content': 'Hi'}]}",
    ),
    ("body-empty", "an empty body is refused", b""),
    (
        "body-array",
        "an array as body is refused",
        b'[{"model": "%MODEL%", "messages": [{"role": "user", "content": "Hi"}]}]',
    ),
    ("body-text", "a text as body is refused", b'"Hi"'),
    ("body-null", "null as body is refused", b"null"),
    ("body-empty-object", "an empty object as body is refused", b"{}"),
):
    SECTION.probe(_id, _title, _body, refused(400, 415), why=_WHY_BODY, anchor=_BODY, source=ERRORS)
for _id, _title, _body in (
    (
        "json-nan",
        "NaN is refused",
        b'{"model": "%MODEL%", "max_tokens": 8, "n": NaN, "messages": [{"role": "user", "content": "H"}]}',
    ),
    (
        "utf8-invalid",
        "bytes that are no UTF-8 are refused",
        b'{"model": "%MODEL%", "max_tokens": 8, "messages": [{"role": "user", "content": "\xff\xfe\xc3"}]}',
    ),
    (
        "json-deep",
        "nesting without end is refused",
        b'{"model": "%MODEL%", "messages": ' + b"[" * 20000 + b"]" * 20000 + b"}",
    ),
):
    SECTION.probe(_id, _title, _body, refused(400, 413), why=_WHY_BODY, anchor=_BODY, level=Level.SHOULD, source=ERRORS)

# Half of an emoji: what is left where a program cuts a text by its UTF-16 units
_HALF = {"/messages": [user("Say hello \ud83d")]}
for _id, _title, _changes, _needs in (
    ("surrogate-lone", "half of a surrogate pair is refused or survived", _HALF, ()),
    (
        "surrogate-lone-streamed",
        "half of a surrogate pair is refused or survived where a stream is asked for",
        {**_HALF, "/stream": True},
        ("streaming",),
    ),
):
    SECTION.probe(
        _id,
        _title,
        _changes,
        either(),
        level=Level.SHOULD,
        anchor="messages",
        needs=_needs,
        why="Programs that shorten texts cut emoji in two; the conversation then fails for good.",
        source="https://github.com/Aider-AI/aider/issues/3693",
    )

SECTION.probe(
    "model-unknown",
    "an unknown model is refused, and not answered by another one",
    {"/model": "chatcontract-no-such-model"},
    refused(404, names="model"),
    anchor="model",
    level=Level.SHOULD,
    why="Bills, logs and comparisons name a model that never answered.",
    source=ERRORS,
)


def _same_form(readings: Sequence[Reading]) -> Iterator[Shortfall | Unclear]:
    plain, streamed = (_form(reading) for reading in readings)
    if plain != streamed:
        yield Shortfall(
            "error-form-inconsistent",
            f"expected an error with {plain}, got {streamed} where a stream was asked for",
        )


def _form(reading: Reading) -> str:
    """The members of an error and of what is in it."""
    error = reading.error.get("error")
    inner = ", ".join(sorted(members(error))) or type(error).__name__
    return f"{', '.join(sorted(reading.error)) or 'no JSON object'} ({inner})"


SECTION.probe(
    "form-when-streamed",
    "an error has the same form when a stream was asked for",
    {"/messages": []},
    refused(400)._replace(checks=(_same_form,)),
    then=Ask({"/messages": [], "/stream": True}),
    anchor="messages",
    level=Level.SHOULD,
    why="A client reads errors in one place.",
    source=ERRORS,
)
