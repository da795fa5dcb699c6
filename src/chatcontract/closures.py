"""The compiled form of a document at hand: of our own from the package, of any other made once and kept."""

import json
import os
from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from chatcontract.exceptions import SpecError
from chatcontract.model import JSON

if TYPE_CHECKING:
    from chatcontract.spec.compile import Closure
    from chatcontract.spec.document import Document

OWN = os.path.join(os.path.dirname(__file__), "contract")
FORMAT = 5
"""Raised when what a closure holds changes, so that kept ones are made anew."""


class Texts:
    """The texts of a closure by file stem: given, or read from `folder` when they are asked for."""

    def __init__(self, folder: str, texts: Mapping[str, str] | None = None) -> None:
        self._folder = folder
        self._texts = texts or {}

    def text(self, stem: str) -> str:
        """The JSON text of that stem, as `spec.compile.Closure.texts` names them."""
        if stem in self._texts:
            return self._texts[stem]
        try:
            with open(os.path.join(self._folder, stem + ".json"), encoding="utf-8") as file:
                return file.read()
        except FileNotFoundError:
            raise SpecError(f"{self._folder}: incomplete (no {stem}.json). Install the package anew.") from None

    def json(self, stem: str) -> JSON:
        """The parsed text of that stem."""
        return json.loads(self.text(stem))


def own() -> Texts:
    """The closure of our own document, made when the package was built."""
    return Texts(OWN)


def of(spec: str | Mapping[str, JSON], *, network: bool = False, without: Collection[str] = ()) -> Texts:
    """The closure of a user's document.

    A document that is complete in itself is kept by the hash of its bytes, under `CHATCONTRACT_CACHE` or in
    the user's cache folder.

    Raises:
        SpecError: the document cannot be used.
    """
    from chatcontract.spec import document

    given = document.given(spec)
    kept = _folder("-".join([given.digest, *sorted(without)]))
    try:
        facts = Texts(kept).json("facts")
    except (SpecError, OSError, ValueError):
        pass
    else:
        return Texts(kept, {"facts": json.dumps({**facts, "origin": given.origin})})
    closure = _compiled(document.read(given), network, without)
    if closure.facts["files"] == 1:
        with suppress(OSError):  # a cache that cannot be written costs time, not the check
            write(closure, kept)
    return Texts(kept, {**closure.texts, "facts": json.dumps(closure.facts)})


def _compiled(read: "Document", network: bool, without: Collection[str]) -> "Closure":
    from chatcontract import schema
    from chatcontract.spec.compile import compile_document
    from chatcontract.spec.document import Document
    from chatcontract.spec.forms import Form
    from chatcontract.spec.tolerances import Tolerance

    texts = own()
    ours = Document(texts.json("document"), "spec/openapi.yaml", "")
    tolerances = [Tolerance(*entry) for entry in texts.json("tolerances")]
    forms = [Form(*entry) for entry in texts.json("forms")]
    closure = compile_document(
        read, tolerances, forms, ours=ours, network=network, without=without, is_pattern=schema.is_pattern
    )
    for text in closure.texts.values():
        try:
            schema.RustCompiler().verdict(text)
        except SpecError as error:
            raise SpecError(f"{read.origin}: {error} Correct the document.") from None
    return closure


def _folder(name: str) -> str:
    base = os.environ.get("CHATCONTRACT_CACHE") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "chatcontract"
    )
    return os.path.join(base, f"spec-{FORMAT}", name)


def write(closure: "Closure", folder: str) -> None:
    """Write the closure into `folder`; its facts come last, so that a folder with them is whole."""
    os.makedirs(folder, exist_ok=True)
    for stem, text in {**closure.texts, "facts": json.dumps(closure.facts)}.items():
        path = os.path.join(folder, stem + ".json")
        with open(f"{path}.{os.getpid()}", "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(file.name, path)
