"""`chatcontract serve`, and canned replies."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from chatcontract.cli import main
from chatcontract.model import Exchange
from chatcontract.server import canned

pytest.importorskip("uvicorn", reason="the extra `serve` is not installed")

Send = Callable[..., Exchange]
ASK = {"model": "reference-1", "messages": [{"role": "user", "content": "I want a REFUND now."}]}
REPLIES = """
- when: {contains: refund, model: gpt-5}
  say: Never used.
- when: {contains: refund}
  say: Your money is on its way.
- when: {contains: angry}
  refuse: I won't.
- when: {contains: weather}
  call: [{name: get_weather, arguments: {city: Bonn}}]
- when: {contains: limit}
  error: {status: 429, message: Slow down., code: rate_limit_exceeded, headers: {retry-after: "2"}}
"""


@contextmanager
def served(*arguments: str, **environment: str) -> Iterator[str]:
    """The base URL of the command as a process of its own."""
    command = [sys.executable, "-m", "chatcontract", "serve", "--listen", "127.0.0.1:0", *arguments]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**os.environ, **environment}) as process:
        try:
            line = process.stderr.readline() if process.stderr else ""
            found = re.search(r"listening on (\S+)", line)
            assert found, line
            yield found[1]
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=20)


def test_the_command_serves_until_it_is_interrupted(sender: Send) -> None:
    with served("--fault", "usage-total-wrong", "--api-key-env", "KEY", KEY="sk-abc") as url:
        right = sender(f"{url}/chat/completions", ASK, {"authorization": "Bearer sk-abc"}).response
        wrong = sender(f"{url}/chat/completions", ASK).response

    assert json.loads(right.body)["usage"]["total_tokens"] == 7
    assert wrong.status == 401


def test_canned_replies_are_told_by_the_last_message(sender: Send, tmp_path: Path) -> None:
    path = tmp_path / "replies.yaml"
    path.write_text(REPLIES)
    with served("--canned", str(path)) as url:

        def said(text: str) -> Exchange:
            body = {"model": "reference-1", "messages": [{"role": "user", "content": text}]}
            return sender(f"{url}/chat/completions", body)

        money, angry, weather, limit, other = map(said, ("Refund!", "angry", "weather", "limit", "hello"))

    def message(exchange: Exchange) -> dict[str, object]:
        told: dict[str, object] = json.loads(exchange.response.body)["choices"][0]["message"]
        return told

    assert message(money)["content"] == "Your money is on its way."
    assert message(angry)["refusal"] == "I won't."
    assert message(weather)["tool_calls"][0]["function"] == {
        "name": "get_weather",
        "arguments": '{"city": "Bonn"}',
    }
    assert (limit.response.status, dict(limit.response.headers)["retry-after"]) == (429, "2")
    assert message(other)["content"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("say: hello", "expected a list"),
        ("- {}", "entry 1: expected one of"),
        ("- {say: a, refuse: b}", "entry 1: expected one of"),
        ("- {say: a}\n- {say: b, wenn: {}}", "entry 2: 'wenn' is not known"),
        ("- [", "cannot be read"),
    ],
)
def test_a_file_of_replies_that_is_wrong_is_named_with_its_entry(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "replies.yaml"
    path.write_text(text)

    with pytest.raises(ValueError, match=re.escape(said)):
        canned.read(str(path))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--fault", "usage-total-wrnog"], "usage-total-wrong"),
        (["--listen", ":8080"], "expected HOST:PORT"),
        (["--listen", "localhost"], "expected HOST:PORT"),
        (["--api-key-env", "NO_SUCH_VARIABLE_HERE"], "is not set"),
        (["--canned", "no-such-file.yaml"], "cannot be read"),
    ],
)
def test_what_cannot_be_served_is_told_with_exit_code_2(
    capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert main(["serve", *arguments]) == 2
    assert said in capsys.readouterr().err


def test_an_address_in_use_is_told(capsys: pytest.CaptureFixture[str], server: str) -> None:
    assert main(["serve", "--listen", server.removeprefix("http://").removesuffix("/v1")]) == 2
    assert "cannot listen" in capsys.readouterr().err


def test_the_faults_are_listed_with_their_rules(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--list-faults"]) == 0
    assert re.search(r"tool-arguments-object +CC001 +The arguments are an object", capsys.readouterr().out)

    assert main(["serve", "--list-faults", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["done-missing"]["rules"] == ["CC601"]
