"""A document as plain data for other tools: no aliases of YAML, and references counted from its root."""

from typing import Any, TypeAlias
from urllib.parse import quote

from chatcontract import pointer
from chatcontract.exceptions import SpecError
from chatcontract.model import JSON
from chatcontract.spec.document import Document, is_url
from chatcontract.spec.references import Place, Resolver

MAX_VALUES = 2_000_000
"""Values of a document with its aliases written out."""
Path: TypeAlias = "tuple[Path, str | int] | None"


def legible(document: Document) -> dict[str, JSON]:
    """A copy of the document's tree.

    Raises:
        SpecError: it holds more than MAX_VALUES.
    """
    resolver = Resolver(document)
    made: dict[str, JSON] = {}
    waiting: list[tuple[Any, Any, Path]] = [(document.tree, made, None)]
    count = 0
    while waiting:
        node, copy, path = waiting.pop()
        count += len(node)
        if count > MAX_VALUES:
            raise SpecError(f"{document.origin}: more than {MAX_VALUES} values. Reduce it to the operation first.")
        for key, value in node.items() if isinstance(node, dict) else enumerate(node):
            if isinstance(value, dict | list):
                copy[key] = {} if isinstance(value, dict) else [None] * len(value)
                waiting.append((value, copy[key], (path, key)))
            else:
                is_reference = key == "$ref" and isinstance(value, str)
                copy[key] = _from_root(value, path, document, resolver) if is_reference else value
    return made


def _from_root(reference: str, path: Path, document: Document, resolver: Resolver) -> str:
    """The reference as it leads from the document's root, where it stays inside the document."""
    if not reference.startswith("#") and not is_url(reference):
        return reference
    tokens: list[str | int] = []
    while path is not None:
        path, token = path
        tokens.append(token)
    try:
        place = resolver.follow(reference, Place(document.origin, pointer.join(reversed(tokens))))[1]
    except SpecError:
        return reference
    return "#" + quote(place.pointer, safe="/~$") if place.origin == document.origin else reference
