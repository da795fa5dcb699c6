"""OpenAI's own document as schemas, made plainly: components under `$defs`, and `nullable` made real."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

JSON = Any

ENVIRONMENT = "CHATCONTRACT_PUBLISHED"
BESIDE = Path(__file__).parents[2] / "shared" / "documents" / "openai-2026-08-21.yaml"
ROOTS = {
    "request": "CreateChatCompletionRequest",
    "response": "CreateChatCompletionResponse",
    "chunk": "CreateChatCompletionStreamResponse",
}
_DROPPED = ("discriminator", "nullable")
_COMPONENTS = "#/components/schemas/"


class _Loader(yaml.CSafeLoader):
    """Reads dates as the text that they are."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


def find(given: str | None) -> Path | None:
    """The published document: the path given, that of the environment, or the one beside the checkout."""
    named = given or os.environ.get(ENVIRONMENT)
    if named:
        return Path(named)
    return BESIDE if BESIDE.is_file() else None


def closures(path: Path) -> dict[str, str]:
    """The JSON text of the schema of each root."""
    with path.open("rb") as file:
        document = yaml.load(file, Loader=_Loader)  # a safe loader with fewer resolvers
    components = document["components"]["schemas"]
    return {root: json.dumps(_closure(name, components)) for root, name in ROOTS.items()}


def _closure(root: str, components: Mapping[str, JSON]) -> JSON:
    collected: dict[str, JSON] = {}
    wanted = [root]
    while wanted:
        name = wanted.pop()
        if name not in collected:
            collected[name] = _plain(components[name], wanted)
    return {"$ref": f"#/$defs/{root}", "$defs": collected}


def _plain(node: JSON, wanted: list[str]) -> JSON:
    if isinstance(node, list):
        return [_plain(item, wanted) for item in node]
    if not isinstance(node, dict):
        return node
    made = {name: _plain(value, wanted) for name, value in node.items() if name not in _DROPPED}
    reference = made.get("$ref")
    if isinstance(reference, str) and reference.startswith(_COMPONENTS):
        name = reference.removeprefix(_COMPONENTS)
        wanted.append(name)
        made["$ref"] = f"#/$defs/{name}"
    return {"anyOf": [made, {"type": "null"}]} if node.get("nullable") is True else made
