"""What only a question asked on purpose can show: these rules belong to the probes of an audit.

Their codes stand at the end of the sections that they fit: CC19, CC29, CC39, CC59, CC69 and CC79.
"""

from chatcontract.model import Basis, Part, Rule, Severity

_REFERENCE = "https://developers.openai.com/api/reference/resources/chat/subresources/completions/methods/create"
_ERRORS = "https://developers.openai.com/api/docs/guides/error-codes"
_OPERATION = "#/paths/~1chat~1completions/post"
_REQUEST = "#/components/schemas/CreateChatCompletionRequest"
_USAGE = "#/components/schemas/CompletionUsage"
_ERROR = "#/components/schemas/Error"
_STREAM = "https://developers.openai.com/api/reference/resources/chat/subresources/completions/streaming-events"


def _rule(code: str, name: str, summary: str, severity: Severity, basis: Basis, doc: str, **rest: str) -> Rule:
    anchor, source = rest.get("anchor", _OPERATION), rest.get("source", _REFERENCE)
    why, _, exceptions = doc.partition(" || ")
    page = f"## Why it matters\n{why}\n\n## Known exceptions\n{exceptions or 'None known.'}"
    return Rule(code, name, summary, anchor, Part.EXCHANGE, severity, basis, source, "0.1", page)


RULES: tuple[Rule, ...] = (
    _rule(
        "CC191",
        "valid-request-refused",
        "A request that every server must answer was refused.",
        Severity.ERROR,
        Basis.DOCUMENTED,
        "Clients that use no more than the plainest request cannot be served.",
    ),
    _rule(
        "CC192",
        "valid-request-crashes",
        "A valid request was answered with a status of 5xx.",
        Severity.ERROR,
        Basis.DOCUMENTED,
        "Clients take it for an outage and send the same request again and again; a feature that is not "
        "there is to be refused with a status of 4xx. || 501 counts as a refusal; 502, 503, 504 and 529 "
        "as an outage.",
        source=_ERRORS,
    ),
    _rule(
        "CC193",
        "authentication-not-enforced",
        "A request without a valid key was answered.",
        Severity.WARNING,
        Basis.DOCUMENTED,
        "A key that is not looked at protects nothing, and the mistake is noticed only when it has been "
        "used. || Servers that have no keys ignore one that is sent all the same.",
        source=_ERRORS,
    ),
    _rule(
        "CC194",
        "unknown-address-answered",
        "An address or method that does not exist was answered with success.",
        Severity.WARNING,
        Basis.INTEROP,
        "A misspelt address looks like a working one, and clients read an answer that means nothing. || "
        "Gateways that lead every address to one handler.",
    ),
    _rule(
        "CC195",
        "answer-compressed",
        "The body is compressed although the request accepts identity alone.",
        Severity.WARNING,
        Basis.DOCUMENTED,
        "A client that asked for plain bytes shows garbage, and a compressed stream is often held back.",
        source="https://www.rfc-editor.org/rfc/rfc9110#field.accept-encoding",
    ),
    _rule(
        "CC196",
        "broken-after-abort",
        "After a client hung up in the middle of a stream the next request is not answered.",
        Severity.WARNING,
        Basis.INTEROP,
        "Every user who presses stop takes a slot of the server away.",
    ),
    _rule(
        "CC197",
        "models-list-malformed",
        "The list of models is not a list of objects with an id.",
        Severity.WARNING,
        Basis.DOCUMENTED,
        "Clients offer their users the models that they find there.",
        source="https://developers.openai.com/api/reference/resources/models/methods/list",
    ),
    _rule(
        "CC198",
        "answer-not-whole",
        "A request got no whole answer: silence, a connection closed or reset, a stream without an event or an end.",
        Severity.ERROR,
        Basis.INTEROP,
        "Whoever may send requests can hang or end the service with one, and clients wait until their own clock "
        "runs out. || A model that is slower than the time that a run gives it.",
        source="https://www.rfc-editor.org/rfc/rfc9110#status.5xx",
    ),
    _rule(
        "CC199",
        "failure-beside-others",
        "A request was cut or crashed while others were asked, and is answered when it is asked for alone.",
        Severity.ERROR,
        Basis.INTEROP,
        "One user breaks the answer of another: agents and editors ask several things at a time, and what fails now "
        "and then is the hardest to find. || A network that drops connections at random. Some servers give up one "
        "answer for the next by intention, and have a switch for it.",
        source="https://github.com/abetlen/llama-cpp-python/issues/897",
    ),
    _rule(
        "CC295",
        "parameter-ignored",
        "A parameter was accepted, and the answer is as if it had not been there.",
        Severity.ERROR,
        Basis.DOCUMENTED,
        "The worst of the three ways to treat a parameter: a client cannot notice, where a refusal tells "
        "it to do without. || Where the model decides whether a parameter shows, its answers prove "
        "nothing and the probe is inconclusive.",
        anchor=_REQUEST,
    ),
    _rule(
        "CC395",
        "seed-without-effect",
        "The same request with the same seed and temperature 0 gave different answers.",
        Severity.INFO,
        Basis.DOCUMENTED,
        "Tests and evaluations cannot be repeated. || The seed is no promise.",
        anchor=f"{_REQUEST}/properties/seed",
    ),
    _rule(
        "CC396",
        "finish-reason-unfit",
        "`finish_reason` does not tell how the answer ended.",
        Severity.WARNING,
        Basis.DOCUMENTED,
        "Clients go on after `length` and are done after `stop`: they lose the rest of the answer, or ask"
        " for one that is not there. || A model may come to its end just at the limit.",
        anchor="#/components/schemas/CreateChatCompletionResponse/properties/choices",
    ),
    _rule(
        "CC595",
        "prompt-tokens-unstable",
        "The same prompt was counted with different numbers of tokens.",
        Severity.WARNING,
        Basis.INTEROP,
        "Nobody can tell beforehand what a request costs, or whether it fits. || Servers that add the "
        "time or other changing text to the prompt.",
        anchor=f"{_USAGE}/properties/prompt_tokens",
    ),
    _rule(
        "CC596",
        "prompt-tokens-not-growing",
        "A longer conversation was counted with no more tokens than a shorter one.",
        Severity.WARNING,
        Basis.INTEROP,
        "The number does not count the prompt, so limits and costs that are reckoned with it are wrong. "
        "|| Cached tokens that are left out of the number, against the documentation.",
        anchor=f"{_USAGE}/properties/prompt_tokens",
    ),
    _rule(
        "CC597",
        "prompt-tokens-depend-on-form",
        "The same text as a string and as one text part has different numbers of tokens.",
        Severity.INFO,
        Basis.INTEROP,
        "The two forms mean the same; libraries change between them unasked.",
        anchor=f"{_USAGE}/properties/prompt_tokens",
    ),
    _rule(
        "CC598",
        "streamed-usage-differs",
        "The same prompt has another number of tokens when the answer is streamed.",
        Severity.WARNING,
        Basis.INTEROP,
        "The cost of a conversation changes with the way in which it is shown.",
        anchor=f"{_USAGE}/properties/prompt_tokens",
    ),
    _rule(
        "CC695",
        "stream-left-open",
        "The connection stays open after the end of the stream.",
        Severity.WARNING,
        Basis.INTEROP,
        "Clients that read to the end of the body hang after the answer is whole.",
        source="https://github.com/EricLBuehler/mistral.rs/issues/1874",
    ),
    _rule(
        "CC696",
        "stream-differs",
        "With temperature 0 and a seed the streamed answer differs from the one that is not.",
        Severity.INFO,
        Basis.INTEROP,
        "Two code paths of one server that disagree. || Sampling is seldom exactly repeatable.",
        source=_STREAM,
    ),
    _rule(
        "CC795",
        "invalid-request-accepted",
        "A request that breaks the contract was answered as if it were valid.",
        Severity.ERROR,
        Basis.DOCUMENTED,
        "The mistake of a client stays unseen until it meets a server that looks. || Ranges are wider on "
        "some servers by intention.",
        source=_ERRORS,
        anchor=_ERROR,
    ),
    _rule(
        "CC796",
        "invalid-request-crashes",
        "A request that breaks the contract was answered with a status of 5xx.",
        Severity.ERROR,
        Basis.DOCUMENTED,
        "The service blames itself for a mistake of the client, which therefore tries again, in vain.",
        source=_ERRORS,
        anchor=_ERROR,
    ),
    _rule(
        "CC797",
        "refusal-status-unusual",
        "A request was refused with another status of 4xx than the documented one.",
        Severity.INFO,
        Basis.DOCUMENTED,
        "Clients map statuses to exceptions. || 422 has a rule of its own.",
        source=_ERRORS,
        anchor=_ERROR,
    ),
    _rule(
        "CC798",
        "refusal-names-other-parameter",
        "`param` of an error names another member than the one at fault.",
        Severity.INFO,
        Basis.OBSERVED,
        "Forms and libraries show the message beside the wrong field.",
        source=_ERRORS,
        anchor=f"{_ERROR}/properties/param",
    ),
    _rule(
        "CC799",
        "error-form-inconsistent",
        "The same refusal has another form when a stream was asked for.",
        Severity.WARNING,
        Basis.INTEROP,
        "A client must read two kinds of errors of one server.",
        source="https://github.com/sgl-project/sglang/issues/33504",
        anchor=_ERROR,
    ),
)
