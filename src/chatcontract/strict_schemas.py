"""The schemas of a request that strict mode has to take."""

from chatcontract import json_schema
from chatcontract.asked import Schema
from chatcontract.json_schema import Node
from chatcontract.reading import Reading


def strict_schemas(reading: Reading) -> list[tuple[Schema, list[Node]]]:
    """The strict schemas, each with all its nodes; rules ask for it with `Reading.once`."""
    found = reading.in_request(json_schema.of_request)
    return [(schema, nodes) for schema, nodes in found if schema.strict and nodes]
