"""`$ref`: into the document, into other files, and into the network only where that was asked for."""

from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

from chatcontract import pointer
from chatcontract.exceptions import SpecError
from chatcontract.model import JSON
from chatcontract.spec.document import Document, fetch, is_url, parse


class Place(NamedTuple):
    """Where a node stands: the document's origin and the pointer inside it."""

    origin: str
    pointer: str

    def __str__(self) -> str:
        return f"{self.origin}#{self.pointer}"

    def child(self, *tokens: str | int) -> "Place":
        """The place of a node inside this one."""
        return Place(self.origin, self.pointer + pointer.join(tokens))


class Resolver:
    """Follows references, reading each file once."""

    def __init__(self, document: Document, *, network: bool = False) -> None:
        self._root = document
        self._network = network
        self._trees: dict[str, JSON] = {document.origin: document.tree}

    @property
    def files(self) -> int:
        """How many files were read, the document itself included."""
        return len(self._trees)

    def follow(self, reference: str, at: Place) -> tuple[JSON, Place]:
        """The node that `reference`, standing at `at`, leads to, and where that is.

        Raises:
            SpecError: nothing is there, the file cannot be read, or it is in the network and that is not
            allowed.
        """
        try:
            target, fragment = urldefrag(reference)
            origin = self._origin(target, at) if target else at.origin
        except ValueError as error:
            raise SpecError(f'{at}: broken $ref "{reference}": {error}. Correct the reference.') from None
        place = Place(origin, unquote(fragment))
        try:
            if fragment and not fragment.startswith("/"):
                raise LookupError(fragment)
            return pointer.resolve(self._tree(origin, reference, at), pointer.split(place.pointer)), place
        except LookupError:
            why = "nothing is there" if not fragment or fragment.startswith("/") else "anchors are not followed"
            raise SpecError(f'{at}: broken $ref "{reference}": {why}. Correct the reference.') from None

    def _origin(self, target: str, at: Place) -> str:
        if is_url(target) or is_url(at.origin):
            return urljoin(at.origin, target)
        if at.origin == "(dict)":
            return unquote(target)
        return str(Path(at.origin).parent / unquote(target))

    def _is_beside(self, origin: str) -> bool:
        """Whether the file comes from the server that the document itself was asked for at."""
        return urlsplit(origin)[:2] == urlsplit(self._root.origin)[:2]

    def _tree(self, origin: str, reference: str, at: Place) -> JSON:
        if origin not in self._trees:
            if is_url(origin) and not self._network and not self._is_beside(origin):
                raise SpecError(
                    f'{at}: $ref "{reference}" leads to the network, which is refused. '
                    "Allow it with network=True (--allow-network), or put the file beside the document."
                )
            try:
                self._trees[origin] = parse(fetch(origin), origin).tree
            except SpecError as error:
                raise SpecError(f'{at}: $ref "{reference}": {error}') from None
        return self._trees[origin]
