"""What every test shares: a cache of its own, and properties that no slow machine can fail."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("daily", deadline=None)
settings.register_profile("nightly", deadline=None, max_examples=5000)
settings.load_profile("nightly" if os.environ.get("CHATCONTRACT_NIGHTLY") else "daily")


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of compiled documents: never the user's own, shared by the tests of one process."""
    folder = tmp_path_factory.getbasetemp() / "cache"
    monkeypatch.setenv("CHATCONTRACT_CACHE", str(folder))
    yield folder
