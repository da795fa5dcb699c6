"""Client generators write the same page for the operation as in the pages we started from.

The skeletons in `seeds/` are those pages without their prose: `skeleton` made them.
"""

import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from chatcontract.spec.export import project

HERE = Path(__file__).parent
DOCUMENT = HERE.parents[1] / "spec/openapi.yaml"
RELEASE = "7.18.0"
PAGES = {
    "kotlin": ("docs/ChatApi.md", ""),
    "typescript-fetch": ("docs/ChatApi.md", ""),
    "rust-server": ("docs/chat_api.md", "packageName=openapi_openai"),
    "python": ("docs/ChatApi.md", "packageName=openapiopenai"),
    "ruby": (
        "docs/ChatApi.md",
        "gemName=openapi_openai,moduleName=OpenApiOpenAIClient",
    ),
}


def skeleton(page: str) -> str:
    """Put a placeholder for the operation's summary and for the banner, wherever they stand."""
    row = re.search(r"\*\*POST\*\* /chat/completions \| (.*?)\s*\|?$", page, re.MULTILINE)
    assert row, "the page has no row for the operation"
    page = page.replace(row[1], "{summary}")
    page = re.sub(r"\{summary\} +", "{summary} ", page)
    page = re.sub(r"\{summary\} $", "{summary}", page, flags=re.MULTILINE)
    return re.sub(r'console\.log\(".* Testing', 'console.log("{banner} Testing', page)


@pytest.fixture(scope="module")
def generator() -> str:
    """Find the generator's console script, or say what is missing."""
    if not shutil.which("java"):
        pytest.skip("needs Java")
    try:
        release = importlib.metadata.version("openapi-generator-cli")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip(f"needs openapi-generator-cli {RELEASE}")
    if release != RELEASE:
        pytest.skip(f"needs openapi-generator-cli {RELEASE}, found {release}")
    places = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    script = shutil.which("openapi-generator-cli", path=places)
    if not script:
        pytest.skip("needs the console script openapi-generator-cli")
    return script


@pytest.fixture(scope="module")
def projection(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write what the generators read: version 3.0, the JSON answer only."""
    document = yaml.safe_load(DOCUMENT.read_text(encoding="utf-8"))
    small = project(document, openapi="3.0", statuses={"200"}, media_types={"application/json"})
    path = tmp_path_factory.mktemp("projection") / "openapi.json"
    path.write_text(json.dumps(small), encoding="utf-8")
    return path


@pytest.mark.seeds
@pytest.mark.parametrize("language", PAGES)
def test_a_generated_page_equals_its_seed(language: str, generator: str, projection: Path, tmp_path: Path) -> None:
    page, properties = PAGES[language]
    command = [generator, "generate", "-i", str(projection), "-g", language, "-o", str(tmp_path)]
    if properties:
        command += ["--additional-properties", properties]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    # The console script ends with 0 even when the generator fails.
    assert (tmp_path / page).exists(), run.stdout + run.stderr
    generated = skeleton((tmp_path / page).read_text(encoding="utf-8"))
    assert generated == (HERE / "seeds" / f"{language}.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("language", PAGES)
def test_a_kept_skeleton_has_no_prose_left(language: str) -> None:
    page = (HERE / "seeds" / f"{language}.md").read_text(encoding="utf-8")
    assert page.isascii()
    assert "{summary}" in page
    assert page == skeleton(page)


def test_a_skeleton_hides_the_summary_and_nothing_else() -> None:
    page = "| a | **POST** /chat/completions | Some words.  |\n\nSome words. \n> Answer a(request)\n"
    assert skeleton(page) == ("| a | **POST** /chat/completions | {summary} |\n\n{summary}\n> Answer a(request)\n")
