"""The probes as pages."""

import json
from collections.abc import Iterator, Sequence

from chatcontract.catalogue import TITLES
from chatcontract.examples import GONE
from chatcontract.model import SECTIONS, Verdict
from chatcontract.probe import LIMIT, LIMITS, SEED, Ask, Expectation, Probe

GENERATED = "<!-- Made by `make docs` from the declarations of the probes. -->"
_INTRODUCTION = (
    "What `chatcontract audit` asks. A probe passes when the answer is as it should be; a feature that is "
    "refused cleanly is skipped, one that is ignored in silence fails."
)
_PLACES = {f"/{LIMIT}": "/" + " or /".join(LIMITS)}
_LONGEST = 600


def pages(probes: Sequence[Probe]) -> dict[str, str]:
    """Every generated page: path below `docs/` → text."""
    made = {"probes/README.md": _index(probes)}
    for section in dict.fromkeys(probe.section for probe in probes):
        own = [probe for probe in probes if probe.section == section]
        made[f"probes/{section}.md"] = _section(section, own)
    return made


def _index(probes: Sequence[Probe]) -> str:
    lines = [GENERATED, "", "# Probes", "", _INTRODUCTION, ""]
    lines += ["| section | must | should | info | probes |", "| --- | --: | --: | --: | --: |"]
    for section in (name for name in SECTIONS.values() if any(probe.section == name for probe in probes)):
        own = [probe for probe in probes if probe.section == section]
        levels = [sum(probe.level == level for probe in own) for level in ("must", "should", "info")]
        lines.append(f"| [{section}]({section}.md) | {' | '.join(map(str, levels))} | {len(own)} |")
    lines += ["", f"{len(probes)} probes.", "", "## Capabilities", ""]
    lines += ["| capability | shown by |", "| --- | --- |"]
    lines += [f"| {p.provides} | [{p.id}]({p.section}.md#{p.id}) |" for p in probes if p.provides]
    return "\n".join(lines) + "\n"


def _section(section: str, probes: Sequence[Probe]) -> str:
    parts = [GENERATED, "", f"# {TITLES[section]}"]
    for probe in probes:
        parts += ["", *page(probe)]
    return "\n".join(parts) + "\n"


def page(probe: Probe) -> Iterator[str]:
    """The page of one probe, line by line, in Markdown."""
    yield f"## {probe.id}"
    yield ""
    yield f"*{probe.title}*. {probe.why}"
    yield ""
    yield f"* level: **{probe.level}**, anchor: `{probe.anchor}`, source: <{probe.source}>"
    if probe.needs:
        yield f"* needs: {', '.join(probe.needs)}"
    if probe.without:
        yield f"* adapted where the target lacks: {', '.join(probe.without)}"
    if probe.provides:
        yield f"* shows the capability: {probe.provides}"
    yield f"* expected: {_expected(probe.expect)}"
    if probe.then is not None:
        yield "* has a second turn"
    yield ""
    yield from _sent(probe.request)


def _expected(expect: Expectation) -> str:
    if expect.answer is Verdict.FAILED:
        return f"refused with status {' or '.join(map(str, expect.statuses))}; an answer is `{expect.fault}`"
    refusal = {
        Verdict.SKIPPED: "a clean refusal with a status of 4xx means that it is unsupported",
        Verdict.FAILED: "a refusal is `valid-request-refused`",
        Verdict.PASSED: "a clean refusal is as good",
    }[expect.refusal]
    rules = f", without {', '.join(f'`{rule}`' for rule in expect.rules)}" if expect.rules else ""
    return f"answered{rules}; {refusal}"


def _sent(ask: Ask) -> Iterator[str]:
    head = [] if (ask.method, ask.path) == ("POST", "/chat/completions") else [f"{ask.method} {ask.path}"]
    head += [] if ask.media == "application/json" else [f"content-type: {ask.media}"]
    head += [] if ask.key == "own" else [f"key: {ask.key}"]
    head += [f"{_PLACES.get(place, place)}  {_shown(value)}" for place, value in ask.changes.items()]
    head += [] if ask.raw is None else [_cut(ask.raw.decode(errors="backslashreplace"))]
    head += [f"{ask.blanks:,} blanks before its end"] if ask.blanks else []
    yield "The minimal request" + (" with:" if head else ".")
    if head:
        yield ""
        yield "```text"
        yield from head
        yield "```"


def _shown(value: object) -> str:
    if value == SEED:
        return "= (the seed of the run)"
    if value is GONE:
        return "(absent)"
    return f"= {_cut(json.dumps(value, ensure_ascii=False).encode(errors='backslashreplace').decode())}"


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… ({len(text)} characters)"
