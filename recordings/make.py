"""Makes the recordings in this folder: `python recordings/make.py` (chatcontract must be installed).

Nothing in them was fetched: they are the project's own minimal exchanges, once as the reference service answers
and once as a careless compatible server might.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from chatcontract.examples import (
    CALL,
    ERROR,
    GONE,
    REQUEST,
    RESPONSE,
    STREAM,
    TOOL,
    changed,
    chunk,
    events,
    usage_chunk,
)

HERE = Path(__file__).parent
CARELESS = "llm.example.net"

ASKED_TOOL = changed(REQUEST, {"/messages/0/content": "What is the weather in Bonn?", "/tools": [TOOL]})
CALLED = changed(
    RESPONSE,
    {
        "/choices/0/message/content": None,
        "/choices/0/message/tool_calls": [CALL],
        "/choices/0/finish_reason": "tool_calls",
        "/usage": {"prompt_tokens": 51, "completion_tokens": 16, "total_tokens": 67},
    },
)
TURN = {"role": "assistant", "content": None, "tool_calls": [CALL]}
RESULT = {"role": "tool", "tool_call_id": CALL["id"], "content": '{"celsius": 9}'}
ANSWERED = changed(ASKED_TOOL, {"/messages/-": TURN})
ANSWERED["messages"].append(RESULT)
STREAMED = changed(REQUEST, {"/stream": True, "/stream_options": {"include_usage": True}})
CHUNKS = [{**data, "usage": None} if isinstance(data, dict) else data for data in STREAM]
WITH_USAGE = [*CHUNKS[:-1], usage_chunk(), CHUNKS[-1]]
FRAGMENT = {"index": 0, "id": CALL["id"], "type": "function", "function": {"name": "get_weather", "arguments": ""}}
PIECES = [{"index": 0, "function": {"arguments": text}} for text in ('{"city":', ' "Bonn"}')]
CALL_STREAM = [
    chunk({"role": "assistant", "content": None, "tool_calls": [FRAGMENT]}),
    *(chunk({"tool_calls": [piece]}) for piece in PIECES),
    chunk(finish="tool_calls"),
    "[DONE]",
]


def own_id(name: str, answer: Any) -> Any:
    """The answer with an id of its own in place of the minimal one."""
    if isinstance(answer, list):
        return [own_id(name, data) for data in answer]
    if isinstance(answer, dict) and answer.get("id") == RESPONSE["id"]:
        return {**answer, "id": f"chatcmpl-{name}"}
    return answer


def native(name: str, request: Any, answer: Any, status: int = 200, host: str = "api.openai.com") -> dict[str, Any]:
    """One exchange in the native form."""
    answer = own_id(name, answer)
    media = "text/event-stream; charset=utf-8" if isinstance(answer, list) else "application/json"
    headers = {"content-type": media, "x-request-id": f"req_{name}"}
    response: dict[str, Any] = {"status": status, "headers": headers}
    if isinstance(answer, list):
        frames = events(answer).decode().split("\n\n")[:-1]
        response["chunks"] = [{"t": round(0.2 + n / 20, 2), "text": f"{text}\n\n"} for n, text in enumerate(frames)]
    else:
        response["body"] = answer
    url = f"https://{host}/v1/chat/completions"
    sent = {"method": "POST", "url": url, "headers": {"content-type": "application/json"}, "body": request}
    return {"id": name, "request": sent, "response": response}


def reference() -> list[dict[str, Any]]:
    """Exchanges without fault."""
    bad_request = changed(REQUEST, {"/messages/0/role": "usr"})
    refused = changed(
        ERROR,
        {"/error/message": "no such role", "/error/param": "messages[0].role", "/error/code": "invalid_value"},
    )
    asked_stream = changed(ASKED_TOOL, {"/stream": True})
    return [
        native("text", REQUEST, RESPONSE),
        native("tool-call", ASKED_TOOL, CALLED),
        native("tool-result", ANSWERED, changed(RESPONSE, {"/choices/0/message/content": "Nine degrees."})),
        native("stream", STREAMED, WITH_USAGE),
        native("stream-tool-call", asked_stream, CALL_STREAM),
        native("refused", bad_request, refused, 400),
    ]


def careless() -> list[dict[str, Any]]:
    """Exchanges with the faults that compatible servers are known for."""
    parsed = changed(CALLED, {"/choices/0/message/tool_calls/0/function/arguments": {"city": "Bonn"}})
    odd = changed(RESPONSE, {"/choices/0/finish_reason": "eos", "/usage/total_tokens": 14, "/created": 1763700000123})
    bare = changed(RESPONSE, {"/choices/0/message/refusal": GONE, "/choices/0/logprobs": GONE, "/id": GONE})
    silent = [{**data, "id": f"chatcmpl-{n}"} for n, data in enumerate(CHUNKS[:-1]) if isinstance(data, dict)]
    unanswered = changed(ANSWERED, {"/messages/2": {"role": "user", "content": "And in Rome?"}})
    return [
        native("arguments-object", ASKED_TOOL, parsed, host=CARELESS),
        native("odd-answer", REQUEST, odd, host=CARELESS),
        native("bare-answer", REQUEST, bare, host=CARELESS),
        native("stream-without-end", STREAMED, silent, host=CARELESS),
        native("call-unanswered", unanswered, RESPONSE, host=CARELESS),
        native("error-as-text", REQUEST, {"error": "model not loaded"}, 500, host=CARELESS),
    ]


def write(name: str, lines: Iterable[Any]) -> None:
    """Write JSON lines."""
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    (HERE / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write("reference.jsonl", reference())
    write("careless-server.jsonl", careless())
    (HERE / "stream.sse").write_bytes(events(WITH_USAGE))
    (HERE / "response.json").write_text(json.dumps(RESPONSE, indent=2) + "\n")
