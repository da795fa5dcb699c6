"""Request (CC265 to CC270): images, sound and files in messages."""

from collections.abc import Iterator

from chatcontract import asked as asks
from chatcontract import model_names
from chatcontract.declare import SpecView, rule
from chatcontract.examples import CALL, Example, Insert, request
from chatcontract.model import JSON, Basis, Finding, Part, Severity
from chatcontract.reading import Reading
from chatcontract.redact import short

_GUIDE = "https://developers.openai.com/api/docs/guides/"
_PART = "#/components/schemas/ChatCompletionRequestMessageContentPart"
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_= \t\r\n"
_SEEN = ("image/png", "image/jpeg", "image/jpg", "image/gif", "image/webp")
_TOOK_TEXT = ("gpt-4-vision", "gpt-4-1106-vision")
"""How the names of the models begin that took the URL of an image as plain text."""
_STARTS = {"wav": ("UklGR",), "mp3": ("SUQz", "//", "/+")}
_SHOWN = Insert(
    {
        "role": "tool",
        "tool_call_id": CALL["id"],
        "content": [{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}],
    }
)
_NO_URL = "upload the file, or send its data: file_url belongs to another operation"
_PDF = "data:application/pdf;base64,JVBERi0xLjQ="


def _image(url: str) -> Example:
    return request({"/messages/0/content": [{"type": "image_url", "image_url": {"url": url}}]})


def _image_as_text(model: str, url: str = "https://example.com/a.png") -> Example:
    return request({"/model": model, "/messages/0/content": [{"type": "image_url", "image_url": url}]})


def _file(**file: JSON) -> Example:
    return request({"/messages/0/content": [{"type": "file", "file": file}]})


def _sound(data: str, form: str = "wav") -> Example:
    part = {"type": "input_audio", "input_audio": {"data": data, "format": form}}
    return request({"/model": "gpt-audio", "/messages/0/content": [part]})


def _bodies(reading: Reading, kind: str) -> Iterator[tuple[str, dict[str, JSON]]]:
    """Pointer and value of what the parts of a kind hold."""
    for part in reading.in_request(asks.parts):
        body = part.value.get(kind)
        if part.value.get("type") == kind and isinstance(body, dict):
            yield f"{part.pointer}/{kind}", body


def _is_base64(text: str) -> bool:
    """Whether it may be base64: judged by its characters and length, not decoded."""
    bare = text.rstrip("= \t\r\n")
    return bool(bare) and not bare.strip(_ALPHABET) and (len(bare) % 4 != 1 or any(c in bare for c in " \t\r\n"))


@rule(
    "CC265",
    anchor=_PART + "Image/properties/image_url/anyOf/0/properties/url",
    part=Part.REQUEST,
    severity=Severity.ERROR,
    basis=Basis.OBSERVED,
    source="https://github.com/Alibaba-NLP/OmniSearch/issues/3",
    since="0.1",
    passes=[
        _image("https://example.com/a.png"),
        _image("HTTP://example.com/a"),
        _image("data:image/png;base64,iVBORw0KGgo="),
        _image("data:image/jpeg;charset=utf-8;base64,/9j_-A"),
    ],
    fails=[
        _image(url)
        for url in (
            "/home/me/a.png", "iVBORw0KGgo=", "data:application/pdf;base64,JVBERi0=",
            "data:image/png;base64,", "data:image/png;base64,{…}",
            "data:image/png,abc", "", "data:image/svg+xml;base64,PHN2Zz4=",
        )
    ],
    needs=("/messages/*/content/*",),
)  # fmt: skip
def image_url_invalid(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The URL of an image is neither an http(s) URL nor a data URL with an image in base64.

    ## Why it matters
    The service refuses the request. Paths of files and bare base64 are the usual mistakes.

    ## Known exceptions
    Types of image other than PNG, JPEG, GIF and WebP are a warning. CC270 is about a URL without its object.
    """
    for place, body in _bodies(reading, "image_url"):
        url = body.get("url")
        if isinstance(url, str) and (fault := _image_fault(url)):
            severity = Severity.WARNING if fault.startswith("models see") else None
            yield Finding(f"{place}/url", fault, url, severity=severity)


def _image_fault(url: str) -> str:
    head = url[:200].lower()
    if head.startswith(("http://", "https://")):
        return ""
    if not head.startswith("data:"):
        return f"expected an http(s) URL or a data URL with base64, got {short(url, 60)}"
    media, comma, data = url[5:].partition(",")
    kind = media.split(";")[0].strip().lower()
    if not kind.startswith("image/"):
        return f"expected a data URL with an image type, got {short(kind, 60)}"
    if not comma or not media.lower().endswith(";base64") or not _is_base64(data):
        return f"expected base64 in a data URL, got {short(url, 60)}"
    return "" if kind in _SEEN else f"models see PNG, JPEG, GIF and WebP, got {short(kind, 60)}"


@rule(
    "CC266",
    anchor=_PART + "Image",
    part=Part.REQUEST,
    severity=Severity.ERROR,
    basis=Basis.OBSERVED,
    source="https://github.com/OpenHands/OpenHands/issues/7700",
    since="0.1",
    passes=[_image("https://example.com/a.png")],
    fails=[
        request({
            "/model": model,
            "/messages/-": {"role": "assistant", "tool_calls": [CALL]},
            "/messages/2": _SHOWN,
        })
        for model in ("gpt-4o-mini", "gpt-5-nano")
    ],
    compatible=Severity.INFO,
    needs=("/messages/*/content/*",),
)  # fmt: skip
def tool_message_image(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """A tool message holds an image.

    ## Why it matters
    The reference allows text alone. Models of the GPT-4o family refuse the request; some later ones accept
    it, and then may not see the image.

    ## Known exceptions
    Newer models take it: a note only, except for GPT-4o.
    """
    for part in reading.in_request(asks.parts):
        if part.role == "tool" and part.value.get("type") == "image_url":
            is_refused = model_names.asked_model(reading.asked, reading.exchange.request).startswith("gpt-4o")
            severity = None if is_refused else Severity.INFO
            said = "images are only taken in user messages" if is_refused else "the reference allows text alone here"
            hint = "send the image in a user message after the answers"
            yield Finding(part.pointer, said, severity=severity, hint=hint)


@rule(
    "CC267",
    anchor=_PART + "Audio/properties/input_audio",
    part=Part.REQUEST,
    severity=Severity.WARNING,
    basis=Basis.DOCUMENTED,
    source=_GUIDE + "audio",
    since="0.1",
    passes=[_sound("UklGRiQA"), _sound("SUQzBAAA", "mp3"), _sound("//tUxAAA", "mp3"), _sound("/+MYxAAA", "mp3")],
    fails=[
        _sound("https://example.com/a.wav"),
        _sound("data:audio/wav;base64,UklGRiQA"),
        _sound("UklGRiQA", "mp3"),
    ],
    needs=("/messages/*/content/*",),
)
def input_audio_invalid(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """A recording is not plain base64, or not in the container that its format names.

    ## Why it matters
    The service can't decode it. URLs and data URLs are the usual mistakes.

    ## Known exceptions
    None known.
    """
    for place, body in _bodies(reading, "input_audio"):
        data, form = body.get("data"), body.get("format")
        if not isinstance(data, str):
            continue
        if not _is_base64(data):
            yield Finding(f"{place}/data", f"expected base64, got {short(data, 60)}", data)
        elif isinstance(form, str) and not data.startswith(_STARTS.get(form, "")):
            yield Finding(f"{place}/format", f"is {form}, but the data begins otherwise", form)


@rule(
    "CC268",
    anchor=_PART + "File/properties/file",
    part=Part.REQUEST,
    severity=Severity.ERROR,
    basis=Basis.OBSERVED,
    source="https://github.com/openai/openai-agents-python/pull/1513",
    since="0.1",
    passes=[_file(file_id="file-abc"), _file(file_data=_PDF, filename="a.pdf")],
    fails=[
        _file(),
        _file(file_data=_PDF),
        _file(filename="a.pdf"),
        _file(file_id="file-a", file_data=_PDF, filename="a"),
        _file(file_id="0b6d3ac8-1111-4222-8333-444455556666"),
    ],
    compatible=Severity.WARNING,
    needs=("/messages/*/content/*",),
)
def file_part_incomplete(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """A file has neither an id, nor data together with a name.

    ## Why it matters
    The service refuses the request; if the name is missing it complains about the id. The ids that it gives to
    files begin with `file`.

    ## Known exceptions
    Both an id and data are a warning, and so is an id that doesn't begin with `file`; other servers have other ids.
    """
    for place, body in _bodies(reading, "file"):
        has = {name for name in ("file_id", "file_data", "filename") if body.get(name) is not None}
        if "file_id" in has and "file_data" in has:
            said = "expected either file_id or file_data, got both"
            yield Finding(place, said, severity=Severity.WARNING)
        elif "file_id" not in has and not has >= {"file_data", "filename"}:
            got = f"only {', '.join(sorted(has))}" if has else "neither"
            said = f"expected file_id, or file_data with filename, got {got}"
            hint = _NO_URL if "file_url" in body else ""
            yield Finding(place, said, severity=model_names.lenient(reading.exchange.request), hint=hint)
        elif _is_foreign(body.get("file_id")) and spec.profile != "compatible":
            if not model_names.goes_elsewhere(reading.exchange.request):
                said = f"expected an id that begins with file, got {short(body['file_id'], 60)}"
                yield Finding(f"{place}/file_id", said, body["file_id"], severity=Severity.WARNING)


def _is_foreign(file_id: JSON) -> bool:
    return isinstance(file_id, str) and not file_id.startswith("file")


@rule(
    "CC269",
    anchor=_PART + "File/properties/file/properties/file_data",
    part=Part.REQUEST,
    severity=Severity.ERROR,
    basis=Basis.OBSERVED,
    source="https://github.com/trpc-group/trpc-agent-go/issues/1816",
    since="0.1",
    passes=[_file(file_data=_PDF, filename="a.pdf"), _file(file_id="file-abc")],
    fails=[
        _file(file_data=data, filename="a.txt")
        for data in (
            "data:text/plain;base64,eA==",
            "JVBERi0xLjQ=",
            "https://example.com/a.pdf",
            "data:application/pdf,x",
        )
    ],
    compatible=Severity.INFO,
    needs=("/messages/*/content/*",),
)
def file_data_unsupported(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """The data of a file is no data URL with a PDF in base64.

    ## Why it matters
    This operation takes PDF files only, and refuses other types as well as bare base64 and URLs.

    ## Known exceptions
    Other servers take more types.
    """
    for place, body in _bodies(reading, "file"):
        data = body.get("file_data")
        if not isinstance(data, str):
            continue
        media, _, content = data.partition(",")
        is_pdf = media.lower().startswith("data:application/pdf") and media.lower().endswith(";base64")
        if not is_pdf or not _is_base64(content):
            said = f"expected a data URL with a PDF in base64, got {short(data, 60)}"
            yield Finding(f"{place}/file_data", said, data, severity=model_names.lenient(reading.exchange.request))


@rule(
    "CC270",
    anchor=_PART + "Image/properties/image_url",
    part=Part.REQUEST,
    severity=Severity.ERROR,
    basis=Basis.OBSERVED,
    source="https://github.com/dataprofessor/builder/issues/3",
    since="0.1",
    passes=[_image("https://example.com/a.png")],
    fails=[_image_as_text("gpt-4o"), _image_as_text("gpt-5.2", "a.png")],
    compatible=Severity.WARNING,
    needs=("/messages/*/content/*",),
)
def image_url_as_text(reading: Reading, spec: SpecView) -> Iterator[Finding]:
    """An image is given as bare text, not as an object with its URL.

    ## Why it matters
    The service refuses the request: models since GPT-4 Turbo ask for the object.

    ## Known exceptions
    The first vision models (`gpt-4-vision-preview`, `gpt-4-1106-vision-preview`) took text: a note only. Other
    servers take it too: a warning in profile `compatible`.
    """
    model = reading.asked.get("model")
    severity = Severity.INFO if isinstance(model, str) and model.startswith(_TOOK_TEXT) else None
    for part in reading.in_request(asks.parts):
        url = part.value.get("image_url")
        if part.value.get("type") == "image_url" and isinstance(url, str):
            said = "expected an object with `url`, got text"
            hint = 'send {"url": "…"} in place of the text'
            yield Finding(f"{part.pointer}/image_url", said, url, severity=severity, hint=hint)
