"""No key, wherever it was recorded or comes from, is in anything that a replay writes or says."""

import json
import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chatcontract.cli import main
from chatcontract.examples import REQUEST, RESPONSE, changed
from chatcontract.server import running

FORMATS = ("text", "json", "jsonl", "junit", "markdown", "html")
OWN, TEAM = "own-key-0123456789abcdef", "team-secret-0123456789"
SIGNS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
KEYS = st.text(SIGNS, min_size=16, max_size=30)
HEADERS = st.sampled_from(
    ["Authorization", "authorization", "api-key", "X-API-Key", "Cookie", "x-goog-api-key", "Proxy-Authorization",
     "Ocp-Apim-Subscription-Key", "x-auth-token"]
)  # fmt: skip
ANSWER_HEADERS = st.sampled_from(["Set-Cookie", "x-api-key", "Authorization"])
PARAMETERS = st.sampled_from(["api-key", "key", "access_token", "sig", "api%2Dkey"])
FORMS = st.sampled_from(["sk-{}", "sk-proj-{}", "Bearer {}", "gsk_{}", "xai-{}"])


@pytest.fixture(scope="module")
def echoing() -> Iterator[str]:
    """A server that lets in only who has the key, and says back what it was asked."""
    with running(api_key=OWN) as server:
        yield server.url


def exchange(header: str, answer_header: str, parameter: str, form: str, keys: list[str]) -> dict[str, object]:
    """A recorded exchange with a key in every place where one may be."""
    spoken = f"Say: here is {form.format(keys[3])} and again {keys[0]}"
    request = changed(REQUEST, {"/messages/0/content": spoken, "/metadata": {"api_key": keys[4]}, "/store": True})
    response = changed(RESPONSE, {"/choices/0/message/content": form.format(keys[3]), "/" + form.format(keys[3]): 1})
    url = f"https://me:{keys[5]}@old.example/v1/chat/completions?{parameter}={keys[1]}"
    headers = {header: f"Bearer {keys[0]}" if "uthor" in header else keys[0], "content-type": "application/json"}
    return {
        "id": "one",
        "request": {"method": "POST", "url": url, "headers": headers, "body": request},
        "response": {"status": 200, "headers": {answer_header: f"session={keys[2]}; Path=/"}, "body": response},
    }


@settings(
    max_examples=200 if os.environ.get("CHATCONTRACT_NIGHTLY") else 8,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    header=HEADERS, answer_header=ANSWER_HEADERS, parameter=PARAMETERS, form=FORMS,
    keys=st.lists(KEYS, min_size=6, max_size=6, unique=True), with_key=st.booleans(),
)  # fmt: skip
def test_no_key_is_in_anything_written_or_said(
    header: str, answer_header: str, parameter: str, form: str, keys: list[str], with_key: bool,
    echoing: str, tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    folder = tmp_path_factory.mktemp("secrets")
    traffic = folder / "traffic.jsonl"
    traffic.write_text(json.dumps(exchange(header, answer_header, parameter, form, keys)) + "\n")
    monkeypatch.setenv("REPLAY_KEY", OWN if with_key else f"wrong-{OWN}")
    reports = [f"--report={form}={folder / 'out' / form}" for form in FORMATS]
    main(["replay", str(traffic), "--to", echoing, "--output", str(folder / "out"), "--api-key-env", "REPLAY_KEY",
          "--header", f"x-team-key: {TEAM}", "-v", *reports])  # fmt: skip
    told = capsys.readouterr()
    written = {path.name: path.read_text(encoding="utf-8") for path in (folder / "out").rglob("*") if path.is_file()}
    assert len(written) == len(FORMATS) + 5
    for name, text in {**written, "stdout": told.out, "stderr": told.err}.items():
        for key in (*keys, OWN, TEAM):
            assert key not in text, f"{key} in {name}"
