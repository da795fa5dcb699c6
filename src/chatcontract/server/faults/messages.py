"""Faults of the message and its text."""

import json

from chatcontract.examples import GONE
from chatcontract.model import JSON
from chatcontract.server.faults import Stage, edit, fault

_MESSAGE = "/choices/0/message"
_TEXT = f"{_MESSAGE}/content"
_THOUGHTS = "<think>\nThe caller wants to hear of the sea.\n</think>\n\nIt is wide."
_CITATION = {
    "type": "url_citation",
    "url_citation": {"start_index": 0, "end_index": 99999, "url": "https://example.com/", "title": "A page"},
}

FAULTS = (
    edit("role-missing", "The message has no `role`.", {f"{_MESSAGE}/role": GONE}, "CC001", audited=("CC602",)),
    edit("role-user", "The message is the user's.", {f"{_MESSAGE}/role": "user"}, "CC001", audited=("CC605",)),
    edit("content-missing", "`content` is left out.", {_TEXT: GONE}, "CC003"),
    edit(
        "content-as-parts",
        "`content` is a list of parts.",
        {_TEXT: [{"type": "text", "text": "Wide."}]},
        "CC001",
    ),
    edit("refusal-missing", "`refusal` is left out.", {f"{_MESSAGE}/refusal": GONE}, "CC003"),
    edit(
        "message-missing",
        "A choice has no `message`.",
        {_MESSAGE: GONE},
        "CC001",
        audited=("CC325", "CC412", "CC602"),
    ),
    edit("message-empty", "The message has neither content nor anything in its place.", {_TEXT: None}, "CC329"),
    edit(
        "answer-inside-reasoning",
        "The answer is told as reasoning, and the text is empty.",
        {_TEXT: "", f"{_MESSAGE}/reasoning_content": "It is wide."},
        "CC387",
        audited=("CC801",),
    ),
    edit(
        "reasoning-as-parts",
        "The reasoning is told as a list of parts.",
        {f"{_MESSAGE}/reasoning_content": [{"type": "text", "text": "Hm"}]},
        "CC331",
    ),
    edit("refusal-empty", "`refusal` is an empty text.", {f"{_MESSAGE}/refusal": ""}, "CC332"),
    edit(
        "refusal-beside-content",
        "A refusal stands beside the text.",
        {f"{_MESSAGE}/refusal": "I won't."},
        "CC330",
        audited=("CC351",),
    ),
    edit("annotations-null", "`annotations` is null.", {f"{_MESSAGE}/annotations": None}, "CC002"),
    edit(
        "function-call-null",
        "`function_call` is null.",
        {f"{_MESSAGE}/function_call": None},
        "CC002",
        audited=("CC412",),
    ),
    edit(
        "tool-calls-null",
        "`tool_calls` is null.",
        {f"{_MESSAGE}/tool_calls": None},
        "CC002",
        audited=("CC325", "CC412"),
    ),
    edit(
        "tool-calls-empty",
        "`tool_calls` is an empty list.",
        {f"{_MESSAGE}/tool_calls": []},
        "CC328",
        audited=("CC325", "CC412"),
    ),
    edit(
        "citation-out-of-bounds",
        "A citation ends behind the text.",
        {f"{_MESSAGE}/annotations": [_CITATION]},
        "CC348",
    ),
    edit(
        "thoughts-in-content",
        "The reasoning stands in the text.",
        {_TEXT: _THOUGHTS},
        "CC381",
        audited=("CC295", "CC801"),
    ),
    edit(
        "thoughts-in-member",
        "The reasoning has a member of its own.",
        {f"{_MESSAGE}/reasoning_content": "The caller wants to hear of the sea."},
        "CC385",
    ),
    edit(
        "harmony-in-content",
        "The text has tokens of the harmony format.",
        {_TEXT: "<|channel|>final<|message|>It is wide.<|return|>"},
        "CC382",
        audited=("CC295", "CC801"),
    ),
    edit(
        "template-in-content",
        "The text has tokens of a chat template.",
        {_TEXT: "It is wide.<|im_end|>\n<|im_start|>user\nThank you"},
        "CC383",
        audited=("CC295", "CC801"),
    ),
    edit(
        "audio-not-base64",
        "The sound is no base64.",
        {f"{_MESSAGE}/audio/data": "not base64!"},
        "CC346",
        request="audio",
    ),
    edit(
        "audio-expired",
        "The id of the sound expired long ago.",
        {f"{_MESSAGE}/audio/expires_at": 1},
        "CC347",
        request="audio",
    ),
    edit(
        "audio-dropped",
        "Sound is asked for, and text comes.",
        {f"{_MESSAGE}/audio": GONE, _TEXT: "It is wide."},
        "CC345",
        request="audio",
    ),
    edit(
        "audio-unasked",
        "Sound comes although text is asked for.",
        {
            f"{_MESSAGE}/audio": {
                "id": "audio_1",
                "data": "AAAA",
                "expires_at": 4000000000,
                "transcript": "Wide.",
            }
        },
        "CC344",
    ),
    edit(
        "json-as-prose",
        "JSON is asked for, and prose comes.",
        {_TEXT: "The answer is four."},
        "CC801",
        request="json",
        audited=("CC295",),
    ),
    edit(
        "json-as-list",
        "A JSON object is asked for, and an array comes.",
        {_TEXT: "[1, 2]"},
        "CC803",
        request="json",
        audited=("CC295", "CC804"),
    ),
    edit(
        "schema-broken",
        "The content breaks the schema of the request.",
        {_TEXT: '{"name": "Ada", "age": "old"}'},
        "CC804",
        request="schema",
        audited=("CC295",),
    ),
    edit(
        "schema-member-extra",
        "The content has a member more than the schema allows.",
        {_TEXT: '{"name": "Ada", "age": 36, "city": "London"}'},
        "CC804",
        request="schema",
        audited=("CC295",),
    ),
    edit(
        "schema-answered-with-prose",
        "A schema is given, and prose comes.",
        {_TEXT: "Ada, 36 years."},
        "CC801",
        request="schema",
        audited=("CC295",),
    ),
)


@fault("CC802", stage=Stage.COMPLETION, request="json")
def json_in_fence(made: JSON) -> None:
    """JSON comes inside of a code fence."""
    message = made["choices"][0]["message"]
    message["content"] = f"```json\n{message['content']}\n```"


@fault("CC384", stage=Stage.COMPLETION, request="tools", audited=("CC412",))
def tool_call_as_text(made: JSON) -> None:
    """A tool is called inside of the text."""
    choice = made["choices"][0]
    body = choice["message"].pop("tool_calls")[0]["function"]
    text = json.dumps({"name": body["name"], "arguments": json.loads(body["arguments"])})
    choice["message"]["content"] = f"<tool_call>\n{text}\n</tool_call>"
    choice["finish_reason"] = "stop"
