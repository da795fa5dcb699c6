"""The faults and the rules that find them, as a page."""

from collections.abc import Iterator, Mapping, Sequence

from chatcontract.model import Rule
from chatcontract.server.faults import SECTIONS, Fault, declared, load

_GENERATED = "<!-- Made by `make docs` from the declarations of the faults. -->"
_TITLES = {
    "completions": "The envelope and the choices",
    "messages": "The message and its text",
    "tools": "Tool calls",
    "usage": "Usage",
    "logprobs": "Log probabilities",
    "chunks": "Chunks of a stream",
    "fragments": "Streamed tool calls",
    "pieces": "Pieces of text, sound and calls",
    "frames": "The bytes of a stream",
    "parameters": "Parameters that are ignored",
    "errors": "Error answers",
    "http": "Status, headers and delivery",
    "oddities": "What contradicts something else",
    "audits": "What only an audit can see",
    "refusals": "Valid requests that are refused",
    "legal": "Unusual, and legal",
}


def page(rules: Sequence[Rule]) -> str:
    """The page of all faults."""
    known = {rule.code: rule for rule in rules}
    return "\n".join(_lines(known)) + "\n"


def _lines(rules: Mapping[str, Rule]) -> Iterator[str]:
    faults = load().values()
    alone, legal = sum(fault.seen_by == "rules" for fault in faults), len(_of("legal"))
    yield from (_GENERATED, "", "# Faults", "")
    yield (
        f"{len(faults)} faults that `chatcontract serve` commits on request, the last {legal} of them legal: "
        "with `--fault NAME`, with the header `x-chatcontract-fault: NAME`, or at the address `/fault/NAME/v1/…`. "
        f"{alone} of them show in "
        "a single exchange; the others are for an audit, which knows what it asked for and when. The tests "
        "provoke each over the wire and expect the rules named here, and no other of severity error; `make nightly` "
        f"expects the same of a whole audit of each. {sum(bool(fault.unseen) for fault in faults)} of them an audit "
        "cannot see from outside, and the table says why."
    )
    for section in SECTIONS:
        yield from ("", f"## {_TITLES[section]}", "", "| fault | what | found by |", "| --- | --- | --- |")
        yield from (_row(fault, rules) for fault in _of(section))
    yield from ("", "## Rules without a fault", "")
    used = {code for fault in faults for code in (*fault.rules, *fault.audited)}
    for rule in rules.values():
        if rule.code not in used and rule.part != "request":
            yield f"* {rule.code} {rule.name}"
    yield "* every rule of requests: a server cannot break it"


def _of(section: str) -> list[Fault]:
    from importlib import import_module

    return declared(import_module(f"chatcontract.server.faults.{section}"))


def _row(fault: Fault, rules: Mapping[str, Rule]) -> str:
    found = ", ".join(_link(rules[code]) for code in fault.rules) or "–"
    if fault.unseen:
        found += f"; an audit cannot: {fault.unseen}"
    if fault.audited:
        found += "; in an audit also " + ", ".join(_link(rules[code]) for code in fault.audited)
    return f"| `{fault.name}` | {fault.summary.replace('|', chr(92) + '|')} | {found} |"


def _link(rule: Rule) -> str:
    return f"[{rule.code}](rules/{rule.section}.md#{rule.code.lower()}-{rule.name}) {rule.name}"
