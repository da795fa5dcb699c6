"""A document → the schemas that the validators are compiled from, as JSON text, one per root and tier.

This runs when the package is built for our own document, and when somebody brings another one.
"""

import json
from collections.abc import Callable, Collection, Iterable
from typing import NamedTuple

from chatcontract.exceptions import SpecError
from chatcontract.model import JSON
from chatcontract.spec import operation, tiers
from chatcontract.spec.document import Document
from chatcontract.spec.fixes import FIXES, Fixer, Schema
from chatcontract.spec.forms import Form, admitting
from chatcontract.spec.media import Root
from chatcontract.spec.operation import ROOTS
from chatcontract.spec.reduce import Reducer
from chatcontract.spec.references import Resolver
from chatcontract.spec.tolerances import PROFILES, Tolerance, relaxed, tightened

BELOW_ERROR = frozenset(("warning", "info", "ignore"))
IGNORED = frozenset(("ignore",))


class Closure(NamedTuple):
    """Everything that the validators need of one document.

    `texts` has JSON text by file stem: `{root}.precise`, `{profile}.{root}.verdict`,
    `{profile}.{root}.silent`; `facts` says what was read: title, version, openapi, origin, digest, path,
    fixes (id → count), roots.
    """

    texts: dict[str, str]
    facts: dict[str, JSON]


def compile_document(
    document: Document,
    tolerances: Iterable[Tolerance],
    forms: Iterable[Form] = (),
    *,
    ours: Document | None = None,
    network: bool = False,
    without: Collection[str] = (),
    is_pattern: Callable[[str], bool] = lambda pattern: True,
) -> Closure:
    """The closure of any document.

    Args:
        document: as `document.load` gave it.
        tolerances: members to be excused by profile.
        forms: payloads to be excused by profile.
        ours: our own document, which lends the roots that this document lacks; None for our own.
        network: follow references into the network.
        without: ids of fixes (see `fixes.FIXES`) to leave out.
        is_pattern: whether the engine can read a regular expression.

    Raises:
        SpecError: the document cannot be used; the message names place and cure.
    """
    if unknown := set(without) - FIXES.keys():
        raise SpecError(f"no fix is called {', '.join(sorted(unknown))}. Known: {', '.join(FIXES)}.")
    fixer = Fixer(legacy=document.tree["openapi"].startswith("3.0"), without=frozenset(without))
    _note_document_fixes(document, fixer)
    resolver = Resolver(document, network=network, on=fixer.on)
    try:
        found = operation.find(document, resolver, fixer.on)
        reducer = Reducer(resolver, fixer, is_pattern)
        lent = dict(_lent(found.roots, fixer, ours)) if ours else {}
        schemas = {**dict(_reduced(found.roots, reducer, fixer, lent)), **lent}
        texts = dict(_texts(schemas, list(tolerances), list(forms), own=lent if ours else ROOTS))
    except RecursionError:
        raise SpecError(f"{document.origin}: schemas are nested too deeply. Reduce the document.") from None
    return Closure(texts, {**_facts(document, found.path, fixer), "files": resolver.files})


def _note_document_fixes(document: Document, fixer: Fixer) -> None:
    for fix, places in (("duplicate-key", document.repeated), ("yaml-date", document.dates)):
        if not places:
            continue
        if not fixer.on(fix):
            raise SpecError(f"{document.origin}: fix {fix} is switched off, but line {places[0]} needs it.")
        fixer.applied[fix] = len(places)


def _lent(roots: dict[str, Root], fixer: Fixer, ours: Document) -> Iterable[tuple[str, Schema]]:
    """The schemas of our own document that stand in for those that the document lacks."""
    if all(root.node is None for name, root in roots.items() if name != "error"):
        return
    resolver = Resolver(ours)
    own = operation.find(ours, resolver).roots
    for name in ROOTS:
        if roots[name].node is None:
            plain = Reducer(resolver, Fixer(legacy=False), lambda pattern: True).root(own[name].node, own[name].place)
            yield name, plain if fixer.on(f"own-{name}-schema") else {}


def _reduced(
    roots: dict[str, Root], reducer: Reducer, fixer: Fixer, lent: Collection[str]
) -> Iterable[tuple[str, Schema]]:
    for name in ROOTS:
        root = roots[name]
        if name in lent:
            continue
        if root.node is None:
            raise SpecError(f"{root.place}: the operation has no JSON schema for its {name}. Complete the document.")
        schema = reducer.root(root.node, root.place)
        yield name, _unwrapped(schema, fixer) if name == "chunk" else schema


def _unwrapped(schema: Schema, fixer: Fixer) -> Schema:
    """The chunk inside a schema that describes the event around it."""
    branches: list[JSON] = schema.get("oneOf") or schema.get("anyOf") or [schema]
    named: Schema = schema.get("$defs", {})
    inside = [_target(branch["properties"]["data"], named) for branch in branches if _is_envelope(branch)]
    chunks = [member for member in inside if isinstance(member, dict) and "properties" in member]
    if len(inside) != len(branches) or not chunks or not fixer.on("stream-envelope"):
        return schema
    return {**chunks[0], "$defs": schema["$defs"]} if "$defs" in schema else chunks[0]


def _target(schema: JSON, named: Schema) -> JSON:
    reference = schema.get("$ref") if isinstance(schema, dict) else None
    return named[reference.rsplit("/", 1)[-1]] if reference else schema


def _is_envelope(branch: JSON) -> bool:
    members = branch.get("properties") if isinstance(branch, dict) else None
    return isinstance(members, dict) and "data" in members and "choices" not in members


def _texts(
    schemas: dict[str, Schema], tolerances: list[Tolerance], forms: list[Form], *, own: Collection[str]
) -> Iterable[tuple[str, str]]:
    for root, schema in schemas.items():
        mine = [tolerance for tolerance in tolerances if tolerance.root == root]
        taken = [form for form in forms if form.root == root]
        strict = tightened(schema, mine) if root in own else schema
        yield f"{root}.precise", _text(tiers.precise(tiers.closed(strict)))
        for profile in PROFILES:
            verdict = tiers.fast(relaxed(strict, mine, profile, BELOW_ERROR))
            yield f"{profile}.{root}.verdict", _text(admitting(verdict, taken, profile, BELOW_ERROR))
            silent = relaxed(strict, mine, profile, IGNORED)
            if profile == "compatible":
                silent = admitting(tiers.fast(silent), taken, profile, IGNORED)
            else:  # what a form has beyond the document is told as undocumented
                silent = tiers.fast(tiers.closed(silent))
            yield f"{profile}.{root}.silent", _text(silent)


def _text(schema: Schema) -> str:
    return json.dumps(schema, separators=(",", ":"), ensure_ascii=False)


def _facts(document: Document, path: str, fixer: Fixer) -> dict[str, JSON]:
    info = document.tree.get("info")
    info = info if isinstance(info, dict) else {}
    return {
        "title": str(info.get("title", "")),
        "version": str(info.get("version", "")),
        "openapi": document.tree["openapi"],
        "origin": document.origin,
        "hash": document.digest,
        "path": path,
        "fixes": dict(sorted(fixer.applied.items())),
    }
