"""Schemathesis with the contract: its schemas, its rules as a check, its requests as test data.

Three ways to use it:

* `SCHEMATHESIS_HOOKS=chatcontract.integrations.schemathesis schemathesis run openapi.json --url …`
* `schema(base_url)` with `@schema.parametrize()` in pytest
* `chatcontract fuzz --engine schemathesis`, which calls `run`

Importing this registers the hooks; they leave operations other than `POST …/chat/completions` alone.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from chatcontract.integrations.schemathesis import available
from chatcontract.integrations.schemathesis.bridges import Bridge, Wishes, keep
from chatcontract.integrations.schemathesis.runs import run
from chatcontract.model import JSON, Profile

if TYPE_CHECKING:
    from schemathesis.specs.openapi.schemas import OpenApiSchema

__all__ = ["run", "schema"]

available.require()
from chatcontract.integrations.schemathesis import hooks as _hooks  # noqa: E402, F401  # registers itself


def schema(
    base_url: str,
    *,
    model: str | None = None,
    spec: str | Mapping[str, JSON] | None = None,
    profile: Profile | None = None,
    fail_on: str | None = None,
    select: Sequence[str] | None = None,
    ignore: Sequence[str] | None = None,
    severity: Mapping[str, str] | None = None,
    config: Any = None,
) -> "OpenApiSchema":
    """A schemathesis schema of the one operation, whose cases are conversations and labelled breaches.

    What is None comes from the settings file (`chatcontract.toml`, `[tool.chatcontract]`).

    Args:
        base_url: address of the server without `/chat/completions`.
        model: the model to ask; None for any, which only few servers answer.
        spec: another OpenAPI document than ours, as `Contract.load` takes it.
        profile: `openai`, `strict` or `compatible`.
        fail_on: the severity from which on a violation fails a case: `error`, `warning`, `info` or `never`.
        select, ignore: codes, prefixes of codes or names of the only rules to apply, and of those to leave out.
        severity: other severities, by code, prefix or name.
        config: a `schemathesis.Config`; None for the one that schemathesis finds.

    Raises:
        ImportError: schemathesis is not installed, or of another version.
        ValueError: no profile, rule or severity is called that.
        SpecError: the document cannot be used.
    """
    from schemathesis import openapi

    bridge = Bridge(Wishes(model, profile, spec, fail_on, select, ignore, severity))
    made = openapi.from_dict(bridge.document(keep(bridge)), config=config)
    made.config.update(base_url=base_url)
    return made
