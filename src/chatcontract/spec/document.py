"""OpenAPI documents as they are read: from a file, a URL or a dict, as YAML or JSON."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from chatcontract.exceptions import SpecError
from chatcontract.model import JSON

if TYPE_CHECKING:
    from chatcontract.spec.plain_yaml import PlainLoader

MAX_BYTES = 64 * 2**20
"""Bytes of one document."""
TIMEOUT = 30.0
"""Seconds that a document may take to arrive from a URL."""


class Document(NamedTuple):
    """A parsed document.

    `origin` is how people call it (path or URL), `digest` the SHA-256 of its bytes, `repeated` the mapping
    keys that stood twice as `(line, key)`, `dates` the lines of scalars that YAML would have made a date.
    """

    tree: dict[str, JSON]
    origin: str
    digest: str
    repeated: tuple[tuple[int, str], ...] = ()
    dates: tuple[int, ...] = ()


class Given(NamedTuple):
    """A document that was not parsed yet; `digest` is the SHA-256 of its bytes."""

    origin: str
    digest: str
    data: bytes


def load(spec: str | Path | Mapping[str, JSON]) -> Document:
    """Read a document.

    Args:
        spec: a path, an http(s) URL, or the parsed document.

    Raises:
        SpecError: it cannot be read, is not YAML or JSON, or is not an OpenAPI 3.0 or 3.1 document.
    """
    return read(given(spec))


def given(spec: str | Path | Mapping[str, JSON]) -> Given:
    """The document's bytes; raises SpecError where there are none."""
    origin, data = ("(dict)", _written(dict(spec))) if isinstance(spec, Mapping) else (str(spec), fetch(str(spec)))
    return Given(origin, hashlib.sha256(data).hexdigest(), data)


def read(given: Given) -> Document:
    """The document, parsed; raises SpecError on what is not OpenAPI 3.0 or 3.1."""
    return checked(parse(given.data, given.origin))


def _written(tree: dict[str, JSON]) -> bytes:
    try:
        return json.dumps(tree, default=str).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise SpecError(f"the document given as a dict is not JSON: {error}. Give plain dicts and lists.") from None


def fetch(origin: str) -> bytes:
    """The bytes at a path or URL, at most MAX_BYTES; raises SpecError."""
    try:
        data = _download(origin) if is_url(origin) else _read(Path(origin))
    except FileNotFoundError:
        raise SpecError(f"{origin}: no such file. Give the path or URL of an OpenAPI document.") from None
    except (OSError, ValueError) as error:
        raise SpecError(f"{origin}: cannot be read: {error}. Give the path or URL of an OpenAPI document.") from None
    if len(data) > MAX_BYTES:
        raise SpecError(f"{origin}: larger than {MAX_BYTES} bytes. Reduce it to the operation first.")
    return data


def is_url(origin: str) -> bool:
    """Whether the origin is reached over the network."""
    return origin.startswith(("http://", "https://"))


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MAX_BYTES + 1)


def _download(url: str) -> bytes:
    from http.client import HTTPException
    from urllib.error import HTTPError
    from urllib.request import urlopen

    try:
        with urlopen(url, timeout=TIMEOUT) as answer:  # noqa: S310 - is_url let only http and https through
            data: bytes = answer.read(MAX_BYTES + 1)
    except HTTPError as error:
        error.close()
        raise OSError(str(error)) from None
    except HTTPException as error:
        raise OSError(str(error)) from None
    return data


def parse(data: bytes, origin: str) -> Document:
    """The document in `data`, JSON or YAML; raises SpecError with line and column."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SpecError(f"{origin}: byte {error.start} is not UTF-8. Save the document as UTF-8.") from None
    digest = hashlib.sha256(data).hexdigest()
    if not text.strip():
        raise SpecError(f"{origin}: empty. Give an OpenAPI document.")
    if text.lstrip().startswith("{"):
        try:
            return _parse_json(text, origin, digest)
        except (ValueError, RecursionError):
            pass  # YAML's flow style begins with a brace too
    return _parse_yaml(text, origin, digest)


def _parse_json(text: str, origin: str, digest: str) -> Document:
    repeated: list[tuple[int, str]] = []

    def members(pairs: list[tuple[str, JSON]]) -> dict[str, JSON]:
        made = dict(pairs)
        if len(made) < len(pairs):
            names = [name for name, _ in pairs]
            repeated.extend((1, name) for name in made if names.count(name) > 1)
        return made

    tree = json.loads(text, object_pairs_hook=members)
    return Document(_object(tree, origin), origin, digest, tuple(repeated))


def _parse_yaml(text: str, origin: str, digest: str) -> Document:
    loader, tree = _loaded(text, origin)
    return Document(_object(tree, origin), origin, digest, tuple(loader.repeated), tuple(loader.dates))


def parse_yaml(text: str, origin: str) -> JSON:
    """What a YAML text holds, read as JSON; raises SpecError with line and column."""
    return _loaded(text, origin)[1]


def _loaded(text: str, origin: str) -> "tuple[PlainLoader, JSON]":
    import yaml

    from chatcontract.spec.plain_yaml import loader_for

    try:
        loader = loader_for(text)
        return loader, loader.get_single_data()
    except yaml.MarkedYAMLError as error:
        raise SpecError(f"{origin}{_place(error)}: not YAML or JSON: {error.problem}. Mend the syntax.") from None
    except (yaml.YAMLError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        # PyYAML lets through whatever its constructors stumble over, as with `!!float` and nothing behind it.
        raise SpecError(f"{origin}: not YAML or JSON: {error}. Mend the syntax.") from None


def _place(error: Any) -> str:
    mark = error.problem_mark or error.context_mark
    return f":{mark.line + 1}:{mark.column + 1}" if mark else ""


def _object(tree: JSON, origin: str) -> dict[str, JSON]:
    if not isinstance(tree, dict):
        raise SpecError(f"{origin}: holds {type(tree).__name__}, not an object. Give an OpenAPI document.")
    return tree


def checked(document: Document) -> Document:
    """The document itself if it is OpenAPI 3.0 or 3.1 (3.2 is read as 3.1); else raises SpecError."""
    version = document.tree.get("openapi")
    if isinstance(version, float):
        version = document.tree["openapi"] = str(version)
    if not isinstance(version, str) or not version.startswith(("3.0", "3.1", "3.2")):
        found = f'openapi: "{version}"' if version else 'swagger: "2.0"' if "swagger" in document.tree else "no version"
        raise SpecError(f"{document.origin}: {found}. Only OpenAPI 3.0 and 3.1 are read: convert the document first.")
    return document
