"""Faults of streamed tool calls."""

from collections.abc import Iterator
from copy import deepcopy

from chatcontract.model import JSON
from chatcontract.server.faults import Stage, fault


def _fragments(data: list[JSON]) -> Iterator[JSON]:
    for chunk in data:
        for choice in chunk.get("choices", ()) if isinstance(chunk, dict) else ():
            yield from choice["delta"].get("tool_calls", ())


def _first(data: list[JSON]) -> JSON:
    return next(_fragments(data))


def _later(data: list[JSON]) -> list[JSON]:
    return [fragment for fragment in _fragments(data) if "id" not in fragment]


@fault("CC001", stage=Stage.CHUNKS, request="tools-stream")
def fragment_index_missing(data: JSON) -> None:
    """The fragments of a call have no index."""
    for fragment in _fragments(data):
        del fragment["index"]


@fault("CC640", stage=Stage.CHUNKS, request="parallel-stream")
def fragment_index_always_zero(data: JSON) -> None:
    """Every fragment has index 0, whichever call it belongs to."""
    for fragment in _fragments(data):
        fragment["index"] = 0


@fault("CC641", stage=Stage.CHUNKS, request="tools-stream")
def fragment_index_from_one(data: JSON) -> None:
    """The calls are counted from 1."""
    for fragment in _fragments(data):
        fragment["index"] += 1


@fault("CC642", stage=Stage.CHUNKS, request="tools-stream")
def fragment_id_empty(data: JSON) -> None:
    """The id of a streamed call is empty."""
    _first(data)["id"] = ""


@fault("CC642", stage=Stage.CHUNKS, request="tools-stream")
def fragment_id_missing(data: JSON) -> None:
    """The id of a streamed call never comes."""
    del _first(data)["id"]


@fault("CC643", stage=Stage.CHUNKS, request="tools-stream")
def fragment_type_missing(data: JSON) -> None:
    """The type of a streamed call never comes."""
    del _first(data)["type"]


@fault("CC644", stage=Stage.CHUNKS, request="tools-stream")
def fragment_name_missing(data: JSON) -> None:
    """The name of a streamed call never comes."""
    del _first(data)["function"]["name"]


@fault("CC645", "CC646", stage=Stage.CHUNKS, request="tools-stream")
def fragment_padded(data: JSON) -> None:
    """Later fragments have an empty id and an empty name."""
    for fragment in _later(data):
        fragment["id"] = ""
        fragment["function"]["name"] = ""


@fault("CC002", stage=Stage.CHUNKS, request="tools-stream")
def fragment_null_padded(data: JSON) -> None:
    """Later fragments have null for id, type and name."""
    for fragment in _later(data):
        fragment.update({"id": None, "type": None})
        fragment["function"]["name"] = None


@fault("CC647", stage=Stage.CHUNKS, request="tools-stream", audited=("CC649",))
def fragment_id_repeated(data: JSON) -> None:
    """Every fragment tells the id."""
    for fragment in _later(data):
        fragment["id"] = _first(data)["id"]


@fault("CC648", stage=Stage.CHUNKS, request="tools-stream")
def fragment_name_repeated(data: JSON) -> None:
    """Every fragment tells the name."""
    for fragment in _later(data):
        fragment["function"]["name"] = _first(data)["function"]["name"]


@fault("CC649", stage=Stage.CHUNKS, request="tools-stream")
def fragment_id_changes(data: JSON) -> None:
    """A later fragment of a call has another id."""
    _later(data)[0]["id"] = "call_other"


@fault("CC650", stage=Stage.CHUNKS, request="tools-stream", audited=("CC648",))
def fragment_name_changes(data: JSON) -> None:
    """A later fragment of a call has another name."""
    _later(data)[0]["function"]["name"] = "get_time"


@fault("CC002", stage=Stage.CHUNKS, request="tools-stream")
def fragment_arguments_null(data: JSON) -> None:
    """The arguments of the first fragment are null."""
    _first(data)["function"]["arguments"] = None


@fault("CC001", "CC421", stage=Stage.CHUNKS, request="tools-stream")
def fragment_arguments_object(data: JSON) -> None:
    """A piece of the arguments is an object."""
    _later(data)[0]["function"]["arguments"] = {"city": "Bonn"}


@fault("CC659", "CC421", stage=Stage.CHUNKS, request="tools-stream")
def fragment_arguments_again(data: JSON) -> None:
    """The last piece of the arguments tells all of them once more."""
    whole = "".join(fragment["function"]["arguments"] for fragment in _fragments(data))
    at = max(at for at, chunk in enumerate(data) if isinstance(chunk, dict) and list(_fragments([chunk])))
    again = deepcopy(data[at])
    _first([again])["function"] = {"arguments": whole}
    data.insert(at + 1, again)


@fault("CC659", "CC421", stage=Stage.CHUNKS, request="tools-stream")
def fragment_arguments_cumulative(data: JSON) -> None:
    """Each piece of the arguments tells all that came before it too."""
    so_far = ""
    for fragment in _fragments(data):
        so_far += fragment["function"]["arguments"]
        fragment["function"]["arguments"] = so_far


@fault("CC421", stage=Stage.CHUNKS, request="tools-stream")
def fragment_lost(data: JSON) -> None:
    """A piece of the arguments is lost."""
    _later(data)[-1]["function"]["arguments"] = ""


@fault("CC325", stage=Stage.CHUNKS, request="tools-stream", audited=("CC412",))
def streamed_calls_lost(data: JSON) -> None:
    """The stream says that tools are called, and the calls are lost."""
    for chunk in data:
        if isinstance(chunk, dict) and chunk.get("choices"):
            chunk["choices"][0]["delta"].pop("tool_calls", None)


@fault("CC326", stage=Stage.CHUNKS, request="tools-stream")
def streamed_calls_finish_stop(data: JSON) -> None:
    """The stream calls tools and ends with stop."""
    for chunk in data:
        if isinstance(chunk, dict) and chunk.get("choices") and chunk["choices"][0]["finish_reason"]:
            chunk["choices"][0]["finish_reason"] = "stop"


@fault("CC687", stage=Stage.CHUNKS, request="tools-stream")
def fragment_without_body(data: JSON) -> None:
    """A fragment of a call has nothing but its index."""
    at = _places(data)[-1]
    empty = deepcopy(data[at])
    _first([empty]).pop("function")
    data.insert(at + 1, empty)


@fault("CC688", stage=Stage.CHUNKS, request="parallel-stream")
def fragments_interleaved(data: JSON) -> None:
    """The second call begins before the first is whole."""
    places = _places(data)
    second = next(at for at in places if _first([data[at]])["index"] == 1)
    data.insert(places[1], data.pop(second))


@fault("CC689", stage=Stage.CHUNKS, request="parallel-stream")
def fragments_of_calls_together(data: JSON) -> None:
    """One delta has the end of a call and the beginning of the next."""
    second = next(at for at in _places(data) if _first([data[at]])["index"] == 1)
    data[second - 1]["choices"][0]["delta"]["tool_calls"] += _fragments([data.pop(second)])


@fault("CC689", stage=Stage.CHUNKS, request="tools-stream")
def fragments_of_call_together(data: JSON) -> None:
    """One delta has two fragments of the same call."""
    first, second, *_ = _places(data)
    data[first]["choices"][0]["delta"]["tool_calls"] += _fragments([data.pop(second)])


def _places(data: list[JSON]) -> list[int]:
    """Where the chunks with fragments are."""
    return [at for at, chunk in enumerate(data) if isinstance(chunk, dict) and list(_fragments([chunk]))]
