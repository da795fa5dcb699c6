"""Settings files."""

import json
from pathlib import Path

import jsonschema
import pytest

from chatcontract import settings

SCHEMA = Path(__file__).parents[1] / "docs" / "config.schema.json"


def test_the_nearest_file_that_speaks_of_us_wins(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    (tmp_path / "chatcontract.toml").write_text('profile = "strict"')
    (tmp_path / "a" / "pyproject.toml").write_text("[tool.other]\nx = 1")
    assert settings.find(str(inner)).values == {"profile": "strict"}
    (tmp_path / "a" / "pyproject.toml").write_text('[tool.chatcontract]\nprofile = "compatible"')
    assert settings.find(str(inner)).values == {"profile": "compatible"}


def test_no_file_means_no_settings(tmp_path: Path) -> None:
    assert settings.find(str(tmp_path)).values == {}


def test_a_spec_is_looked_for_beside_the_file(tmp_path: Path) -> None:
    path = tmp_path / "chatcontract.toml"
    path.write_text('spec = "api/openapi.yaml"')
    assert settings.read(str(path)).values["spec"] == str(tmp_path / "api" / "openapi.yaml")
    path.write_text('spec = "https://example.com/openapi.yaml"')
    assert settings.read(str(path)).values["spec"] == "https://example.com/openapi.yaml"


@pytest.mark.parametrize(
    "text",
    ["profile = ", 'profile = "x"', "unknown = 1", 'select = "CC0"', "select = [1]", "spec = 1", 'severity = "x"',
     'severity = { CC001 = "grave" }', '"fail-on" = "sometimes"'],
)  # fmt: skip
def test_a_wrong_file_is_named_with_its_problem(text: str, tmp_path: Path) -> None:
    path = tmp_path / "chatcontract.toml"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"chatcontract\.toml"):
        settings.find(str(tmp_path))


def test_the_published_schema_is_the_one_in_force() -> None:
    schema = json.loads(SCHEMA.read_text())
    assert schema == settings.schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    good = {"profile": "strict", "severity": {"CC501": "warning"}, "select": ["CC0"], "fail-on": "info"}
    jsonschema.validate(good, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"profile": "x"}, schema)
