"""The rules as pages: for `explain`, for `docs/`, and as a map from the spec's members to the rules about them."""

import json
from collections.abc import Iterator, Mapping, Sequence

from chatcontract.contract import Contract
from chatcontract.examples import GONE, Example, Insert
from chatcontract.model import JSON, SECTIONS, Part, Rule, Violations
from chatcontract.redact import short

TITLES: Mapping[str, str] = {
    "shape": "Shape: what the schema and the grammar of JSON say",
    "http": "HTTP: status, headers, media types",
    "request": "Requests: parameters, combinations, conversations, strict schemas",
    "choices": "Choices: the envelope, finish reasons, messages, log probabilities",
    "tools": "Tools: calls, names, arguments",
    "usage": "Usage: the arithmetic of tokens",
    "stream": "Streams: order, identity, framing",
    "errors": "Errors: the envelope, members, statuses",
    "structured": "Structured output: content that keeps the format asked for",
}
GENERATED = "<!-- Made by `make docs` from the declarations of the rules. -->"


def pages(contract: Contract) -> dict[str, str]:
    """Every generated page: path below `docs/` → text."""
    made = {"rules/README.md": _index(contract.rules), "coverage.md": _coverage(contract)}
    for section in SECTIONS.values():
        rules = [rule for rule in contract.rules if rule.section == section]
        made[f"rules/{section}.md"] = _section(section, rules, contract)
    return made


def _index(rules: Sequence[Rule]) -> str:
    lines = [GENERATED, "", "# Rules", "", f"{len(rules)} rules in {len(SECTIONS)} sections.", ""]
    lines += ["| code | name | severity | basis | part | what |", "| --- | --- | --- | --- | --- | --- |"]
    for rule in rules:
        link = f"[{rule.name}]({rule.section}.md#{rule.code.lower()}-{rule.name})"
        lines.append(f"| {rule.code} | {link} | {rule.severity} | {rule.basis} | {rule.part} | {_cell(rule.summary)} |")
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _section(section: str, rules: Sequence[Rule], contract: Contract) -> str:
    parts = [GENERATED, "", f"# {TITLES[section]}"]
    for rule in rules:
        parts += ["", *page(rule, contract)]
    return "\n".join(parts) + "\n"


def page(rule: Rule, contract: Contract) -> Iterator[str]:
    """The page of one rule, line by line, in Markdown."""
    yield f"## {rule.code} {rule.name}"
    yield ""
    yield rule.summary
    yield ""
    lenient = f" ({rule.compatible} in profile `compatible`)" if rule.compatible else ""
    yield f"* severity: **{rule.severity}**{lenient}, basis: {rule.basis}, part: {rule.part}, since {rule.since}"
    yield f"* anchor: `{rule.anchor}`"
    yield f"* source: <{rule.source}>"
    yield from _doc(rule.doc)
    yield from _breaks(rule)
    yield from _examples("Example that fails", rule.fails, rule, contract)
    yield from _examples("Example that passes", rule.passes, rule, contract)
    yield ""
    yield "### How to silence it"
    yield ""
    yield f"`--ignore {rule.name}`, or another severity: `--severity {rule.code}=info`."


def _doc(doc: str) -> Iterator[str]:
    text = "\n".join(line.strip() for line in doc.strip().splitlines())
    if text:
        yield ""
        yield from text.replace("## ", "### ").splitlines()


def _breaks(rule: Rule) -> Iterator[str]:
    if rule.breaks:
        yield ""
        yield "### Whom it breaks"
        yield ""
        yield from (f"* {broken.client}: {broken.effect}" for broken in rule.breaks)


def _examples(title: str, examples: Sequence[Example], rule: Rule, contract: Contract) -> Iterator[str]:
    for example in examples[:1]:
        yield ""
        yield f"### {title}"
        yield ""
        yield from _shown(example)
        found = [v for v in _checked(example, contract) if v.rule == rule.code]
        for violation in found[:1]:
            place = f"{violation.part} {violation.pointer or '(the whole)'}"
            chunk = "" if violation.chunk is None else f", chunk {violation.chunk}"
            yield f"> {place}{chunk}: {violation.message}"


def _checked(example: Example, contract: Contract) -> Violations:
    return contract.check(example.exchange())


def _shown(example: Example) -> Iterator[str]:
    minimal = {Part.REQUEST: "request", Part.STREAM: "stream", Part.ERROR: "error answer"}.get(example.part, "response")
    yield f"The minimal {minimal}" + (" with" if example.changes else ", unchanged") + (":" if example.changes else ".")
    yield ""
    yield from _changes(example.changes)
    if example.request:
        yield "answering the minimal request with:"
        yield ""
        yield from _changes(example.request)
    if example.status not in (200, 400):
        yield f"and status {example.status}."
        yield ""
    if example.headers:
        yield "and the headers " + ", ".join(f"`{name}: {value}`" for name, value in example.headers) + "."
        yield ""
    if example.body is not None:
        yield "```text"
        yield from example.body[:1500].decode(errors="backslashreplace").splitlines()
        yield "```"
        yield ""


def _changes(changes: Mapping[str, JSON]) -> Iterator[str]:
    if not changes:
        return
    yield "```text"
    for place, value in changes.items():
        yield f"{place}  {_value(value)}"
    yield "```"
    yield ""


def _value(value: JSON) -> str:
    if value is GONE:
        return "(absent)"
    if isinstance(value, Insert):
        return f"← {short(value.value, 400)} (put before)"
    text = json.dumps(value, ensure_ascii=False)
    return f"= {text if len(text) <= 400 else short(value, 400)}"


def find(word: str, rules: Sequence[Rule]) -> Rule | None:
    """The rule of that code or name."""
    return next((rule for rule in rules if word.upper() == rule.code or word.lower() == rule.name), None)


def _coverage(contract: Contract) -> str:
    schemas: Mapping[str, JSON] = contract.document["components"]["schemas"]
    lines = [
        GENERATED, "", "# Coverage", "",
        "Component → member → the rules about it. Its type, presence, enumeration and bounds are always checked by the "
        "rules of section shape; a dash means that nothing else is.", "",
    ]  # fmt: skip
    for name, schema in schemas.items():
        lines += _component(name, schema, contract.rules)
    other = [rule for rule in contract.rules if not rule.anchor.startswith("#/components/schemas/")]
    lines += ["## Elsewhere", "", *(f"* {rule.code} {rule.name}: `{rule.anchor}`" for rule in other)]
    return "\n".join(lines) + "\n"


def _component(name: str, schema: JSON, rules: Sequence[Rule]) -> list[str]:
    here = f"#/components/schemas/{name}"
    lines = [f"## {name}", ""]
    own = [rule for rule in rules if rule.anchor == here]
    if own:
        lines += ["whole: " + ", ".join(f"{rule.code} {rule.name}" for rule in own), ""]
    members = schema.get("properties", {})
    if members:
        lines += ["| member | rules |", "| --- | --- |"]
        lines += [f"| `{member}` | {_about(f'{here}/properties/{member}', rules)} |" for member in members]
        lines.append("")
    return lines


def _about(anchor: str, rules: Sequence[Rule]) -> str:
    found = [rule for rule in rules if rule.anchor == anchor or rule.anchor.startswith(anchor + "/")]
    return ", ".join(f"{rule.code} {rule.name}" for rule in found) or "–"
