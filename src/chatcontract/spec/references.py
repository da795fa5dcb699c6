"""`$ref`: into the document, into other files, and into the network only where that was asked for."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

from chatcontract import pointer
from chatcontract.exceptions import SpecError
from chatcontract.model import JSON
from chatcontract.spec.document import Document, fetch, is_url, parse

_ANCHORS = ("$anchor", "$dynamicAnchor")


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
    """Follows references, reading each file once.

    `on` says whether a fix is switched on.
    """

    def __init__(
        self, document: Document, *, network: bool = False, on: Callable[[str], bool] = lambda fix: True
    ) -> None:
        self._root = document
        self._network = network
        self._on = on
        self._trees: dict[str, JSON] = {document.origin: document.tree}
        self._named: dict[str, dict[str, str]] = {}

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
            base = self._base(target, at)
        except ValueError as error:
            raise SpecError(f'{at}: broken $ref "{reference}": {error}. Correct the reference.') from None
        tree = self._tree(base.origin, reference, at)
        for place in self._candidates(base, unquote(fragment), at, is_here=not target):
            try:
                return pointer.resolve(tree, pointer.split(place.pointer)), place
            except LookupError:
                continue
        raise SpecError(f'{at}: broken $ref "{reference}": nothing is there. Correct the reference.')

    def _base(self, target: str, at: Place) -> Place:
        """The document, or the schema with an `$id`, that the target names."""
        if not target:
            return Place(at.origin, "")
        for origin in (at.origin, self._root.origin):
            for name in (target, urljoin(self._id_around(Place(origin, at.pointer)), target)):
                if (found := self._names(origin).get(name)) is not None:
                    return Place(origin, found)
        return Place(self._origin(target, at), "")

    def _candidates(self, base: Place, fragment: str, at: Place, *, is_here: bool) -> Iterator[Place]:
        """Where a fragment may lead, the place that it names by the letter first."""
        if fragment and not fragment.startswith("/"):
            names = self._names(base.origin)
            found = [place for name, place in names.items() if name == f"#{fragment}"]
            yield from (Place(base.origin, place) for place in found)
            return
        is_alone = not fragment and is_here and base.origin == self._root.origin
        if not is_alone:
            yield Place(base.origin, base.pointer + fragment)
        if is_here:
            yield from self._around(fragment, at, is_alone)

    def _around(self, fragment: str, at: Place, is_alone: bool) -> Iterator[Place]:
        """The schemas around the reference that have what it names, as where a whole JSON Schema was pasted in."""
        tree, tokens = self._trees[at.origin], pointer.split(at.pointer)
        above = [tokens[:length] for length in range(len(tokens), 0, -1)]
        if is_alone:
            above = [found for found in above if _is_whole(found) or "$id" in pointer.resolve(tree, found)]
        for found in above:
            place = Place(at.origin, pointer.join(found) + fragment)
            holder = pointer.resolve(tree, found)
            try:
                pointer.resolve(tree, pointer.split(place.pointer))
            except LookupError:
                continue
            if (isinstance(holder, dict) and "$id" in holder) or self._on("local-definitions"):
                yield place

    def _id_around(self, at: Place) -> str:
        """The `$id` of the innermost schema around a place; an empty text without one."""
        inside = [(place, name) for name, place in self._names(at.origin).items() if name[:1] != "#"]
        around = [(len(place), name) for place, name in inside if f"{at.pointer}/".startswith(f"{place}/")]
        return max(around, default=(0, ""))[1]

    def _names(self, origin: str) -> dict[str, str]:
        """The pointers of the schemas with a name of their own, by `$id` or by `#` and the anchor."""
        if origin not in self._named:
            self._named[origin] = dict(_named(self._trees[origin]))
        return self._named[origin]

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


def _is_whole(tokens: list[str]) -> bool:
    """Whether a whole schema stands there, and not a part of one."""
    return tokens[-1] in ("schema", "itemSchema") or (len(tokens) == 3 and tokens[:2] == ["components", "schemas"])


def _named(tree: JSON) -> Iterator[tuple[str, str]]:
    waiting: list[tuple[JSON, str, str]] = [(tree, "", "")]
    while waiting:
        node, place, base = waiting.pop()
        if isinstance(node, dict):
            if isinstance(node.get("$id"), str) and node["$id"][:1] != "#":
                base = urljoin(base, node["$id"].removesuffix("#"))
                yield base, place
            yield from ((f"#{node[name]}", place) for name in _ANCHORS if isinstance(node.get(name), str))
        items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
        waiting.extend((value, place + pointer.join([name]), base) for name, value in items)
