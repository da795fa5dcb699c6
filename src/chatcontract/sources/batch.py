"""OpenAI's Batch: lines of its input and output files.

The form: https://platform.openai.com/docs/guides/batch
"""

from chatcontract.model import JSON, Exchange, Part, Request, Response
from chatcontract.reading import members
from chatcontract.recording import Recorded, dumped
from chatcontract.sources.messages import Input, address, is_chat, kept, pass_over, status


def is_line(value: JSON) -> bool:
    """Whether a value is a line of an input or an output file."""
    return isinstance(value, dict) and "custom_id" in value and (is_input(value) or _is_output(value))


def is_input(value: dict[str, JSON]) -> bool:
    """Whether a line is one of an input file."""
    return "body" in value and "url" in value


def _is_output(value: dict[str, JSON]) -> bool:
    return "response" in value or "error" in value


def recorded(value: dict[str, JSON], request: JSON, origin: str, source: Input) -> Recorded | None:
    """A line as a record; None if it is of another endpoint, or has no answer and no request.

    Args:
        value: the line.
        request: the line of the input file that an output line belongs to; None if there is none.
        origin: where the line stands.
        source: counts what is passed over.
    """
    name = value.get("custom_id")
    name = name if isinstance(name, str) and name else origin
    asked = value if is_input(value) else members(request)
    method, url = str(asked.get("method") or "POST"), str(asked.get("url") or "")
    if asked and not is_chat(method, url):
        pass_over(source.passed_over, address(method, url))
        return None
    sent = Request(method, url, (), dumped(asked["body"])) if asked else None
    answer = None if value is asked else _answer(value)
    if answer is None and value is not asked:
        why = members(value.get("error")).get("code")
        pass_over(source.passed_over, f"batch line without an answer{f': {why}' if isinstance(why, str) else ''}")
        if sent is None:
            return None
    form = "batch request" if answer is None else "batch answer" if sent is None else "batch pair"
    return Recorded(Part.EXCHANGE, kept(Exchange(name, sent, answer, origin)), form)


def _answer(value: dict[str, JSON]) -> Response | None:
    response = value.get("response")
    if not isinstance(response, dict) or response.get("body") is None:
        return None
    body = response["body"]
    data = body.encode(errors="surrogatepass") if isinstance(body, str) else dumped(body)
    return Response(status(response.get("status_code")), (), data)
