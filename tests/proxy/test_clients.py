"""Real clients through the proxy, changed in nothing but their base URL."""

import asyncio
import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from chatcontract.server import running

Start = Callable[..., Any]
KEY = "sk-of-the-test-0123456789"
TOOL: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
MESSAGES: Any = [{"role": "user", "content": "What is the weather in Oslo?"}]


@pytest.fixture
def recorder(record: Start) -> Iterator[Any]:
    with running(api_key=KEY) as server:
        yield record(server.url)


@pytest.fixture
def client(recorder: Any) -> Iterator[Any]:
    openai = pytest.importorskip("openai", reason="the official SDK is in the test group")
    with openai.OpenAI(base_url=recorder.url, api_key=KEY, max_retries=0) as made:
        yield made


def test_the_official_sdk_gets_an_answer(client: Any, recorder: Any) -> None:
    raw = client.chat.completions.with_raw_response.create(model="reference-1", messages=MESSAGES)
    assert raw.headers["x-chatcontract-violations"] == "0"
    assert raw.parse().choices[0].message.content
    (line,) = recorder.lines()
    assert line["response"]["body"]["id"] == raw.parse().id


def test_the_official_sdk_streams(client: Any, recorder: Any) -> None:
    with client.chat.completions.create(
        model="reference-1", messages=MESSAGES, stream=True, stream_options={"include_usage": True}
    ) as events:
        chunks = list(events)
    assert chunks[-1].usage.total_tokens > 0
    text = "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)
    assert text
    (line,) = recorder.lines()
    assert "".join(piece["text"] for piece in line["response"]["chunks"]).endswith("data: [DONE]\n\n")


def test_the_official_sdk_calls_tools_and_goes_on(client: Any, recorder: Any) -> None:
    first = client.chat.completions.create(
        model="reference-1", messages=MESSAGES, tools=[TOOL], tool_choice="required"
    ).choices[0]
    (call,) = first.message.tool_calls
    assert call.function.name == "get_weather"
    answered = {"role": "tool", "tool_call_id": call.id, "content": "7 degrees"}
    messages = [*MESSAGES, first.message.to_dict(), answered]
    with client.chat.completions.stream(model="reference-1", messages=messages, tools=[TOOL]) as events:
        assert events.get_final_completion().choices[0].finish_reason
    assert len(recorder.lines()) == 2


def test_the_official_sdk_meets_the_upstream_s_errors(client: Any, recorder: Any) -> None:
    openai = pytest.importorskip("openai")
    with pytest.raises(openai.NotFoundError, match="nobody") as caught:
        client.chat.completions.create(model="nobody", messages=MESSAGES)
    assert caught.value.code == "model_not_found"
    with pytest.raises(openai.AuthenticationError):
        client.with_options(api_key="sk-wrong").chat.completions.create(model="reference-1", messages=MESSAGES)
    assert [line["response"]["status"] for line in recorder.lines()] == [404, 401]
    assert KEY not in recorder.path.read_text()


def test_the_official_sdk_lists_models(client: Any, recorder: Any) -> None:
    assert "reference-1" in {model.id for model in client.models.list()}
    assert recorder.proxy.others == 1


def test_the_official_sdk_gets_our_refusal_as_an_error_of_the_api(record: Start) -> None:
    openai = pytest.importorskip("openai")
    with running() as server:
        recorder = record(server.url, enforces=True)
        with (
            openai.OpenAI(base_url=recorder.url, api_key=KEY) as client,
            pytest.raises(openai.BadRequestError, match="CC001") as caught,
        ):
            client.chat.completions.create(model="reference-1", messages=[{"role": "tool", "content": "4"}])
    assert (caught.value.code, caught.value.type) == ("contract_violation", "invalid_request_error")
    assert caught.value.body["violations"][0]["rule"] == "CC001"


def test_the_asynchronous_sdk_streams_many_at_a_time(recorder: Any) -> None:
    openai = pytest.importorskip("openai")

    async def one(client: Any, number: int) -> str:
        events = await client.chat.completions.create(
            model="reference-1", messages=[{"role": "user", "content": f"Say: line {number}."}], stream=True
        )
        return "".join([chunk.choices[0].delta.content or "" async for chunk in events])

    async def all_of_them() -> list[str]:
        async with openai.AsyncOpenAI(base_url=recorder.url, api_key=KEY, max_retries=0) as client:
            return list(await asyncio.gather(*(one(client, number) for number in range(20))))

    assert asyncio.run(all_of_them()) == [f"line {number}." for number in range(20)]
    assert len(recorder.lines()) == 20


SCRIPT = """
import OpenAI from "openai";
const client = new OpenAI({baseURL: process.argv[2], apiKey: process.argv[3], maxRetries: 0});
const messages = [{role: "user", content: "What is the weather in Oslo?"}];
const tools = JSON.parse(process.argv[4]);
const plain = await client.chat.completions.create({model: "reference-1", messages});
console.log("plain", plain.choices[0].finish_reason);
let text = "", pieces = 0;
for await (const chunk of await client.chat.completions.create({model: "reference-1", messages, stream: true})) {
  text += chunk.choices[0]?.delta?.content ?? ""; pieces += 1;
}
console.log("stream", text.length > 0 && pieces > 2);
const called = await client.chat.completions.create({model: "reference-1", messages, tools, tool_choice: "required"});
console.log("tool", called.choices[0].message.tool_calls[0].function.name);
try { await client.chat.completions.create({model: "nobody", messages}); }
catch (error) { console.log("error", error.status, error.code); }
"""


@pytest.mark.node
def test_the_official_npm_package_works_unchanged(recorder: Any, tmp_path: Path) -> None:
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        pytest.skip("npm is not installed")
    installed = subprocess.run(
        [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", "openai@6"], cwd=tmp_path, capture_output=True
    )
    if installed.returncode:
        pytest.skip("npm cannot install openai: no registry is in reach")
    (tmp_path / "ask.mjs").write_text(SCRIPT)
    tools = json.dumps([TOOL])
    ran = subprocess.run(
        [node, "ask.mjs", recorder.url, KEY, tools], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert ran.stdout.splitlines() == [
        "plain stop", "stream true", "tool get_weather", "error 404 model_not_found"
    ], ran.stderr  # fmt: skip
    assert [line["response"]["status"] for line in recorder.lines()] == [200, 200, 200, 404]
