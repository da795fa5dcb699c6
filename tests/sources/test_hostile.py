"""Whatever JSON stands where a recording should be: records, reasons, never a crash."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatcontract import har, native
from chatcontract.recording import Recorded, Unreadable
from chatcontract.sources import open_source

URL = "https://h/v1/chat/completions"
names = st.sampled_from(
    ["request", "response", "method", "url", "uri", "headers", "name", "value", "postData", "text", "params", "content",
     "encoding", "status", "code", "status_code", "body", "string", "base64_string", "$base64", "custom_id", "error",
     "_chatcontract", "absent", "part", "host", "arrivals", "request_base64", "_eventSourceMessages", "chunks", "t"]
)  # fmt: skip
scalars = st.none() | st.booleans() | st.integers(-5, 700) | st.just(1e30) | st.sampled_from(
    [URL, "POST", "", "\ud800", "base64", "gzip", "chunk", "eyJ", "*", "content-encoding"]
)  # fmt: skip
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=5), max_leaves=25
)
chat = st.fixed_dictionaries({"method": st.just("POST"), "url": st.just(URL), "uri": st.just(URL)}, optional={
    "headers": values, "postData": values, "body": values,
})  # fmt: skip
entries = values | st.fixed_dictionaries(
    {"request": chat | values, "response": values},
    optional={"_chatcontract": values, "custom_id": values, "part": values},
)


@given(st.lists(entries, max_size=3), st.sampled_from(["har", "interactions", "http_interactions", "lines", "events"]))
def test_any_entry_is_a_record_or_a_reason_and_can_be_written(
    tmp_path_factory: pytest.TempPathFactory, found: list[object], form: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "hostile"
    write(path, found, form)
    with open_source(str(path)) as source:
        for item in source.items:
            assert isinstance(item, Recorded | Unreadable)
            if isinstance(item, Recorded):
                assert json.loads(har.entry(item.exchange, item.part, item.form))
                assert json.loads(native.line(item.exchange))


def write(path: Path, found: list[object], form: str) -> None:
    if form == "har":
        text = json.dumps({"log": {"entries": found}})
    elif form == "lines":
        text = "".join(
            json.dumps({"x": 1, "custom_id": one, **(one if isinstance(one, dict) else {})}) + "\n" for one in found
        )
        text += "{}\n{}\n"
    elif form == "events":
        interactions = {str(number): one for number, one in enumerate(found)}
        text = '{"Initialize": {}}\n' + json.dumps({"ScenarioFinished": {"recorder": {"interactions": interactions}}})
    else:
        text = json.dumps({form: found})
    path.write_text(text)
