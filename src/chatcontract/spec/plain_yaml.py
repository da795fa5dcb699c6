"""YAML read as JSON: no dates, no doubled keys unnoticed, names always text."""

import yaml

try:
    from yaml import CSafeLoader as _Loader
except ImportError:  # PyYAML built without libyaml
    from yaml import SafeLoader as _Loader  # type: ignore[assignment]

_TIMESTAMP = "tag:yaml.org,2002:timestamp"
_MERGE = "tag:yaml.org,2002:merge"


class PlainLoader(_Loader):
    """Keeps the lines of dates (read as text) and of keys that stand twice in one mapping."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.repeated: list[tuple[int, str]] = []
        self.dates: list[int] = []

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[str, object]:
        if any(key.tag == _MERGE for key, _ in node.value):
            self.flatten_mapping(node)
        made: dict[str, object] = {}
        for key_node, value_node in node.value:
            key = self._name(key_node)
            if key in made:
                self.repeated.append((key_node.start_mark.line + 1, key))
            made[key] = self.construct_object(value_node, deep=deep)
        return made

    def _name(self, node: yaml.Node) -> str:
        if not isinstance(node, yaml.ScalarNode):
            raise yaml.constructor.ConstructorError(None, None, "a name that is not a scalar", node.start_mark)
        return str(node.value)

    def construct_date(self, node: yaml.ScalarNode) -> str:
        self.dates.append(node.start_mark.line + 1)
        return str(node.value)


PlainLoader.add_constructor(_TIMESTAMP, PlainLoader.construct_date)


def loader_for(text: str) -> PlainLoader:
    """A loader over the text; its `get_single_data` gives the tree, `repeated` and `dates` the oddities."""
    return PlainLoader(text)
