"""Settings from `chatcontract.toml` or from `[tool.chatcontract]` in `pyproject.toml`.

The file is looked for in the working directory and its parents; arguments win over it. Its JSON Schema is
`docs/config.schema.json`.
"""

import os
from collections.abc import Mapping
from typing import Any, NamedTuple

from chatcontract.model import Severity
from chatcontract.reports import RENDERERS

FILES = ("chatcontract.toml", "pyproject.toml")
_TABLE = b"[tool.chatcontract"
_LISTS = ("select", "ignore", "no-fix")
_WORDS: Mapping[str, tuple[str, ...]] = {
    "profile": ("openai", "strict", "compatible"),
    "engine": ("jsonschema-rs", "jsonschema"),
    "fail-on": ("error", "warning", "info", "never"),
    "format": tuple(RENDERERS),
}
KEYS = (*_WORDS, *_LISTS, "spec", "severity")
"""Every key that a settings file may have."""


class Settings(NamedTuple):
    """What a file says: `values` by key (see KEYS), `origin` its path, empty if there is none."""

    values: Mapping[str, Any] = {}
    origin: str = ""


def find(folder: str) -> Settings:
    """The settings that hold in `folder`.

    Raises:
        ValueError: the file is no TOML, or has an unknown key or value.
    """
    while True:
        for name in FILES:
            path = os.path.join(folder, name)
            if os.path.isfile(path) and (found := read(path)).origin:
                return found
        parent = os.path.dirname(folder)
        if parent == folder:
            return Settings()
        folder = parent


def read(path: str) -> Settings:
    """The settings of one file; raises ValueError as `find` does, OSError if it cannot be read."""
    with open(path, "rb") as file:
        data = file.read()
    in_project = os.path.basename(path) == "pyproject.toml"
    if in_project and _TABLE not in data:
        return Settings()
    import tomllib

    try:
        values: Any = tomllib.loads(data.decode("utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: not TOML: {error}") from None
    if in_project:
        tool = values.get("tool")
        values = tool.get("chatcontract", {}) if isinstance(tool, dict) else {}
        if not isinstance(values, dict):
            raise ValueError(f"{path}: [tool.chatcontract] is one table, not a list of them")
    _check(values, path)
    return Settings(_resolved(values, path), path)


def _resolved(values: Mapping[str, Any], path: str) -> Mapping[str, Any]:
    """The values with `spec` read from the file's own folder, as paths in settings files are."""
    spec = values.get("spec")
    if spec is None or "://" in spec:
        return values
    return {**values, "spec": os.path.join(os.path.dirname(path), spec)}


def _check(values: Mapping[str, Any], path: str) -> None:
    for key, value in values.items():
        if key not in KEYS:
            raise ValueError(f"{path}: no setting is called {key!r}; there are {', '.join(KEYS)}")
        if problem := _problem(key, value):
            raise ValueError(f"{path}: {key} {problem}")


def _problem(key: str, value: Any) -> str:
    if key in _WORDS:
        return "" if value in _WORDS[key] else f"is one of {', '.join(_WORDS[key])}, not {value!r}"
    if key in _LISTS:
        texts = isinstance(value, list) and all(isinstance(item, str) for item in value)
        return "" if texts else "is a list of texts"
    if key == "spec":
        return "" if isinstance(value, str) else "is a text"
    return _severity_problem(value)


def _severity_problem(value: Any) -> str:
    if not isinstance(value, dict):
        return 'is a table such as { "CC501" = "warning" }'
    bad = next((name for name, level in value.items() if level not in (*(s.value for s in Severity), "ignore")), None)
    return "" if bad is None else f"of {bad} is one of error, warning, info, ignore, not {value[bad]!r}"


def schema() -> dict[str, Any]:
    """The JSON Schema of a settings file."""
    texts = {"type": "array", "items": {"type": "string"}}
    levels = {"enum": [*(severity.value for severity in Severity), "ignore"]}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "chatcontract settings",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            **{key: {"enum": list(words)} for key, words in _WORDS.items()},
            **dict.fromkeys(_LISTS, texts),
            "spec": {"type": "string"},
            "severity": {"type": "object", "additionalProperties": levels},
        },
    }
