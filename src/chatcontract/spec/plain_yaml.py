"""YAML read as JSON: no dates, no doubled keys unnoticed, names always text, words as YAML 1.2 means them."""

import re
from collections import Counter
from collections.abc import Hashable
from typing import Any

import yaml

try:
    from yaml import CSafeLoader as _Loader
except ImportError:  # PyYAML built without libyaml
    from yaml import SafeLoader as _Loader  # type: ignore[assignment]

MAX_MEMBERS = 100_000
"""Members of one mapping; more come only from mappings that are merged again and again."""
MAX_DEPTH = 500
"""Mappings and lists inside each other: the C loader has no bound of its own and would end the process."""

_TAG = "tag:yaml.org,2002:"


def _refusal(what: str, met: Any) -> yaml.constructor.ConstructorError:
    return yaml.constructor.ConstructorError(None, None, what, met.start_mark)


class PlainLoader(_Loader):
    """Keeps the lines of dates (read as text) and of keys that stand twice in one mapping."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.repeated: list[tuple[int, str]] = []
        self.dates: list[int] = []

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Merge the mappings named by `<<`, up to MAX_MEMBERS."""
        super().flatten_mapping(node)
        if len(node.value) > MAX_MEMBERS:
            raise _refusal(f"a mapping of more than {MAX_MEMBERS} members", node)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """The mapping with names as text; those that stand twice are noted."""
        own = Counter(self._name(key) for key, _ in node.value)
        if any(key.tag == f"{_TAG}merge" for key, _ in node.value):
            self.flatten_mapping(node)
        made: dict[Hashable, Any] = {}
        for key_node, value_node in node.value:
            key = self._name(key_node)
            if key in made and own[key] > 1:
                self.repeated.append((key_node.start_mark.line + 1, key))
            made[key] = self.construct_object(value_node, deep=deep)
        return made

    def _name(self, node: yaml.Node) -> str:
        if not isinstance(node, yaml.ScalarNode):
            raise _refusal("a name that is not a scalar", node)
        return str(node.value)

    def construct_date(self, node: yaml.ScalarNode) -> str:
        """The text of what looks like a date; its line is noted."""
        self.dates.append(node.start_mark.line + 1)
        return str(node.value)

    def construct_whole(self, node: yaml.ScalarNode) -> int:
        """The integer; zeros in front mean nothing."""
        text = str(node.value)
        return int(text, 0) if text[:2] in ("0x", "0o") else int(text)

    def construct_word(self, node: yaml.ScalarNode) -> str:
        """The text of a scalar that YAML 1.1 has another use for, such as `=`."""
        return str(node.value)

    def construct_foreign(self, node: yaml.Node) -> object:
        """Refuse a value that JSON does not have."""
        raise _refusal(f"{node.tag.rsplit(':', 1)[-1]}, which JSON does not have", node)


_WORDS = {
    "bool": r"^(?:true|True|TRUE|false|False|FALSE)$",
    "int": r"^(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$",
    "float": r"^(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$",
}
PlainLoader.yaml_implicit_resolvers = {
    first: [pair for pair in pairs if pair[0].removeprefix(_TAG) not in _WORDS]
    for first, pairs in _Loader.yaml_implicit_resolvers.items()
}
for _name, _form in _WORDS.items():
    _first = list("tTfF" if _name == "bool" else "-+0123456789.")
    PlainLoader.add_implicit_resolver(f"{_TAG}{_name}", re.compile(_form), _first)
PlainLoader.add_constructor(f"{_TAG}timestamp", PlainLoader.construct_date)
PlainLoader.add_constructor(f"{_TAG}int", PlainLoader.construct_whole)
for _name in ("value", "merge"):
    PlainLoader.add_constructor(f"{_TAG}{_name}", PlainLoader.construct_word)
for _name in ("binary", "set", "omap", "pairs"):
    PlainLoader.add_constructor(f"{_TAG}{_name}", PlainLoader.construct_foreign)


def loader_for(text: str) -> PlainLoader:
    """A loader over the text; its `get_single_data` gives the tree, `repeated` and `dates` the oddities."""
    depth = 0
    for event in yaml.parse(text, _Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            what = f"more than {MAX_DEPTH} mappings and lists inside each other"
            raise _refusal(what, event)
    return PlainLoader(text)
