"""The model of a request, as far as it is one of OpenAI's."""

from chatcontract import model_names
from chatcontract.reading import Reading


def asked_model(reading: Reading) -> str:
    """What `model_names.asked_model` says of a reading; rules ask for it with `Reading.once`."""
    return model_names.asked_model(reading.asked, reading.exchange.request)
