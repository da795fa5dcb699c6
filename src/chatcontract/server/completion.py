"""The completion as JSON: choices, usage and what else the request asks for."""

import base64
from collections.abc import Mapping, Sequence

from chatcontract.model import JSON
from chatcontract.reading import items, members
from chatcontract.server.dialogue import Reply, finish, logged, reply
from chatcontract.server.tokens import prompt_tokens
from chatcontract.server.tool_calls import Call

FINGERPRINT = "fp_reference"
SECONDS_OF_AUDIO = 3600
"""How long the id of a spoken answer is of use."""
_SILENCE = bytes(480)
_HEADS = {"flac": b"fLaC", "mp3": b"ID3\x04", "opus": b"OggS", "wav": b"RIFF\xff\xff\xff\xffWAVE"}
"""How the bytes of a spoken answer begin, by format."""
_TIERS = {"flex": "flex", "priority": "priority", "fast": "priority", "scale": "scale"}


def completion(asked: Mapping[str, JSON], identity: str, created: int, canned: Reply | None = None) -> dict[str, JSON]:
    """The answer to a valid request."""
    said = [reply(asked, position, canned) for position in range(int(asked.get("n") or 1))]
    made: dict[str, JSON] = {
        "id": identity,
        "object": "chat.completion",
        "created": created,
        "model": asked["model"],
        "choices": [_choice(asked, position, one, created) for position, one in enumerate(said)],
        "usage": _usage(asked, said),
        "service_tier": _TIERS.get(str(asked.get("service_tier")), "default"),
        "system_fingerprint": FINGERPRINT,
    }
    if asked.get("metadata"):
        made["metadata"] = asked["metadata"]
    if asked.get("moderation"):
        made["moderation"] = _moderation(asked["moderation"])
    return made


def _choice(asked: Mapping[str, JSON], position: int, said: Reply, created: int) -> dict[str, JSON]:
    is_spoken = _is_spoken(asked, said)
    return {
        "index": position,
        "message": _message(
            said, position, created, is_spoken=is_spoken, form=members(asked.get("audio")).get("format")
        ),
        "logprobs": None if is_spoken else logged(asked, said),
        "finish_reason": finish(asked, said),
    }


def _is_spoken(asked: Mapping[str, JSON], said: Reply) -> bool:
    return "audio" in items(asked.get("modalities")) and said.text is not None


def _message(said: Reply, position: int, created: int, *, is_spoken: bool, form: JSON) -> dict[str, JSON]:
    made: dict[str, JSON] = {
        "role": "assistant",
        "content": None if is_spoken else said.text,
        "refusal": said.refusal,
    }
    if said.calls and said.calls[0].kind == "legacy":
        made["function_call"] = {"name": said.calls[0].name, "arguments": said.calls[0].text}
    elif said.calls:
        made["tool_calls"] = [_call(call) for call in said.calls]
    if is_spoken:
        made["audio"] = _audio(str(said.text), position, created, form)
    return {**made, "annotations": []}


def _call(call: Call) -> dict[str, JSON]:
    text = "input" if call.kind == "custom" else "arguments"
    return {"id": call.id, "type": call.kind, call.kind: {"name": call.name, text: call.text}}


def _audio(text: str, position: int, created: int, form: JSON) -> dict[str, JSON]:
    silence = base64.b64encode(_HEADS.get(str(form), b"") + _SILENCE).decode()
    identity = f"audio_reference{created}{position}"
    return {"id": identity, "data": silence, "expires_at": created + SECONDS_OF_AUDIO, "transcript": text}


def _usage(asked: Mapping[str, JSON], said: Sequence[Reply]) -> dict[str, JSON]:
    prompt, written = prompt_tokens(asked), sum(one.size for one in said)
    spoken = sum(one.size for one in said if _is_spoken(asked, one))
    return {
        "prompt_tokens": prompt,
        "completion_tokens": written,
        "total_tokens": prompt + written,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": 0,
            "audio_tokens": spoken,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _moderation(wanted: JSON) -> dict[str, JSON]:
    model = str(wanted.get("model"))
    categories = ("harassment", "hate", "self-harm", "sexual", "violence")
    verdict = {
        "type": "moderation_result",
        "model": model,
        "flagged": False,
        "categories": dict.fromkeys(categories, False),
        "category_scores": dict.fromkeys(categories, 0.0001),
        "category_applied_input_types": {category: ["text"] for category in categories},
    }
    side = {"type": "moderation_results", "model": model, "results": [verdict]}
    return {"input": side, "output": side}
