"""Faults of the bytes of a stream."""

import json

from chatcontract.model import JSON
from chatcontract.server.faults import Stage, fault


@fault("CC660", "CC606", stage=Stage.FRAMES, request="plain-stream")
def frame_cut(frames: JSON) -> JSON:
    """The stream ends in the middle of an event."""
    return [*frames[:4], frames[4][: len(frames[4]) // 2]]


@fault("CC661", stage=Stage.FRAMES, request="stream")
def final_blank_line_missing(frames: JSON) -> JSON:
    """No blank line closes the last event."""
    return [*frames[:-1], frames[-1].rstrip(b"\n")]


@fault("CC662", stage=Stage.FRAMES, request="stream")
def data_after_done(frames: JSON) -> JSON:
    """Data follow the terminator."""
    value = json.loads(frames[1].removeprefix(b"data: "))
    value["choices"][0]["delta"] = {}
    return [*frames, b"data: " + json.dumps(value).encode() + b"\n\n"]


@fault("CC663", stage=Stage.FRAMES, request="stream")
def done_twice(frames: JSON) -> JSON:
    """The terminator comes twice."""
    return [*frames, frames[-1]]


@fault("CC664", stage=Stage.FRAMES, request="stream")
def done_lower_case(frames: JSON) -> JSON:
    """The terminator is written in small letters."""
    return [*frames[:-1], b"data: [done]\n\n"]


@fault("CC664", stage=Stage.FRAMES, request="stream")
def done_quoted(frames: JSON) -> JSON:
    """The terminator is a JSON text."""
    return [*frames[:-1], b'data: "[DONE]"\n\n']


@fault("CC665", stage=Stage.FRAMES, request="stream")
def json_outside_data(frames: JSON) -> JSON:
    """An error stands in the stream without `data:`."""
    return [*frames[:3], b'{"error": {"message": "overloaded"}}\n\n', *frames[3:]]


@fault("CC666", stage=Stage.FRAMES, request="stream")
def markup_in_stream(frames: JSON) -> JSON:
    """The error page of a gateway stands in the stream."""
    return [*frames[:3], b"<html><body>502 Bad Gateway</body></html>\n\n", *frames[3:]]


@fault("CC667", stage=Stage.FRAMES, request="stream")
def field_misspelt(frames: JSON) -> JSON:
    """A field is called `Data`."""
    return [*frames[:3], b"Data: {}\n\n", *frames[3:]]


@fault("CC668", stage=Stage.FRAMES, request="stream")
def field_unknown(frames: JSON) -> JSON:
    """A line has a field that readers ignore."""
    return [*frames[:3], b"trace: 0af7651916cd43dd\n", *frames[3:]]


@fault("CC669", stage=Stage.FRAMES, request="stream")
def event_without_data(frames: JSON) -> JSON:
    """An event `ping` has no data."""
    return [b"event: ping\n\n", *frames]


@fault("CC673", stage=Stage.FRAMES, request="stream")
def comment_before_blank_line(frames: JSON) -> JSON:
    """A comment keeps the connection alive, and a blank line follows it."""
    return [*frames[:3], b": ping\n\n", *frames[3:]]


@fault("CC670", stage=Stage.FRAMES, request="stream")
def blank_line_with_spaces(frames: JSON) -> JSON:
    """A line of blanks stands between two events."""
    return [*frames[:3], b"  \n", *frames[3:]]


@fault("CC671", stage=Stage.FRAMES, request="stream")
def byte_order_mark(frames: JSON) -> JSON:
    """The stream begins with a byte order mark."""
    return [b"\xef\xbb\xbf", *frames]


@fault("CC671", stage=Stage.FRAMES, request="stream")
def line_ends_mixed(frames: JSON) -> JSON:
    """The lines end in different ways."""
    return [*frames[:3], *(frame.replace(b"\n", b"\r\n") for frame in frames[3:])]


@fault("CC675", stage=Stage.FRAMES, request="stream")
def data_empty(frames: JSON) -> JSON:
    """An event has empty data."""
    return [*frames[:3], b"data:\n\n", *frames[3:]]


@fault("CC676", stage=Stage.FRAMES, request="stream")
def comment_as_data(frames: JSON) -> JSON:
    """A keep-alive comes as data."""
    return [*frames[:3], b"data: : keep-alive\n\n", *frames[3:]]


@fault("CC677", stage=Stage.FRAMES, request="stream")
def data_wrapped_twice(frames: JSON) -> JSON:
    """An event has its field twice."""
    return [*frames[:3], b"data: " + frames[3], *frames[4:]]


@fault("CC678", stage=Stage.FRAMES, request="stream")
def events_merged(frames: JSON) -> JSON:
    """Two chunks stand in one event."""
    return [*frames[:2], frames[2].rstrip(b"\n") + frames[3].removeprefix(b"data: "), *frames[4:]]


@fault("CC679", stage=Stage.FRAMES, request="stream")
def data_on_several_lines(frames: JSON) -> JSON:
    """The JSON of an event stands on several lines."""
    value = json.loads(frames[1].removeprefix(b"data: "))
    lines = json.dumps(value, indent=1).splitlines()
    return [frames[0], "".join(f"data: {line}\n" for line in lines).encode() + b"\n", *frames[2:]]


@fault("CC680", stage=Stage.FRAMES, request="stream", audited=("CC802",))
def stream_latin1(frames: JSON) -> JSON:
    """The text has bytes that are not UTF-8."""
    return [*frames[:1], frames[1].replace(b'"content":"', b'"content":"\xe9'), *frames[2:]]


@fault("CC006", stage=Stage.FRAMES, request="stream")
def chunk_not_json(frames: JSON) -> JSON:
    """The data of an event are no JSON."""
    return [*frames[:3], b"data: overloaded\n\n", *frames[3:]]


@fault("CC681", stage=Stage.FRAMES, request="stream")
def framing_garbage(frames: JSON) -> JSON:
    """A thousand lines that mean nothing stand in the stream."""
    return [*frames, b"x\n\n" * 1100]


@fault("CC683", stage=Stage.FRAMES, request="stream")
def line_long(frames: JSON) -> JSON:
    """A chunk stands on a line of more than 64 KiB."""
    return [frames[0], b"data: " + b" " * 65536 + frames[1].removeprefix(b"data: "), *frames[2:]]
