"""Forms: whole payloads that the document forbids, and that some service sends by design."""

from collections.abc import Iterable
from typing import NamedTuple

from chatcontract.exceptions import SpecError
from chatcontract.model import JSON, starred
from chatcontract.spec.fixes import Schema
from chatcontract.spec.operation import ROOTS
from chatcontract.spec.tolerances import PROFILES, Level


class Form(NamedTuple):
    """One form: the schema of the whole payload, and what is said of it, where, and how bad it is in each profile."""

    name: str
    root: str
    at: str
    says: str
    severity: dict[str, Level]
    schema: Schema


def read(entries: Iterable[dict[str, JSON]]) -> list[Form]:
    """The forms of a parsed file.

    Raises:
        SpecError: an entry is incomplete, or names no root.
    """
    found: list[Form] = []
    for entry in entries:
        try:
            name, root, at, says, schema = (entry[key] for key in ("name", "root", "at", "says", "form"))
            severity: dict[str, Level] = {profile: entry["severity"][profile] for profile in PROFILES}
            found.append(Form(name, ROOTS[ROOTS.index(root)], at, says, severity, schema))
        except (KeyError, TypeError, ValueError) as error:
            raise SpecError(f"forms: {error} is unknown or missing in {entry}") from None
    return found


def levels(forms: Iterable[Form]) -> dict[str, dict[str, Level]]:
    """What a violation is rated at, by profile and by `root:pointer:name`; see `tolerances.levels`."""
    listed = list(forms)
    return {
        profile: {f"{form.root}:{starred(form.at)}:{form.name}": form.severity[profile] for form in listed}
        for profile in PROFILES
    }


def admitting(schema: Schema, forms: Iterable[Form], profile: str, levels: frozenset[str]) -> Schema:
    """The schema that also takes the forms which the profile rates at one of `levels`."""
    taken = [form.schema for form in forms if form.severity[profile] in levels]
    if not taken:
        return schema
    inner = {name: value for name, value in schema.items() if name != "$defs"}
    return {**{name: schema[name] for name in ("$defs",) if name in schema}, "anyOf": [inner, *taken]}
