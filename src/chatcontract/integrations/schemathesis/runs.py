"""Schemathesis as a process of its own, set up with the bridge: the engine behind `fuzz --engine schemathesis`."""

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from chatcontract.integrations.schemathesis import available
from chatcontract.redact import FILTERED, SECRET_HEADERS
from chatcontract.target import base_of, is_secret

REPORTS = ("junit", "vcr", "har", "ndjson", "json")
"""Reports that schemathesis writes and `run` offers."""
PHASES = ("examples", "fuzzing")
_HOOKS = "chatcontract.integrations.schemathesis"
_NOTHING, _OURS, _INTERRUPTED = 3, 4, 130
_EXITS = {0: 0, 1: 1, 2: _NOTHING, _INTERRUPTED: _INTERRUPTED}
"""Exit codes of schemathesis and what they are here."""
_SUMMARY = "chatcontract-summary.json"
_SHORTEST_SECRET = 6
_MARKERS = ("key", "secret", "password", "passwd", "auth", "session", "credential", "access_token", "access-token")
_PATIENCE = 30.0


class Plan(NamedTuple):
    """What a run is to do.

    `base_url` is the address without `/chat/completions`, `model` the one to ask (None: any), `key_env` the variable
    that holds the key (not set: no key), `headers` go with every request. `mode` is `positive` (valid requests),
    `negative` (breaches) or `all`. Of the phases, `examples` enumerates requests that take every branch of the
    contract and every labelled breach, more than a thousand in all; `fuzzing` draws `max_examples` by the `seed`.
    `profile`, `spec` and `fail_on` are those of `schema`; `select`, `ignore`, `severity` and `no_fix` those of the
    settings file `config` (`none`: no file, None: the one that is found). An answer may take `timeout` seconds;
    `max_failures` ends the run early.
    """

    base_url: str
    model: str | None = None
    key_env: str = "OPENAI_API_KEY"
    headers: Sequence[tuple[str, str]] = ()
    seed: int | None = None
    max_examples: int = 100
    mode: str = "all"
    phases: Sequence[str] = PHASES
    profile: str | None = None
    spec: str | None = None
    fail_on: str | None = None
    select: Sequence[str] | None = None
    ignore: Sequence[str] | None = None
    severity: Mapping[str, str] | None = None
    no_fix: Sequence[str] | None = None
    config: str | None = None
    timeout: float = 60.0
    max_failures: int | None = None


def run(base_url: str, *, reports: Mapping[str, str] | None = None, **wishes: Any) -> int:
    """Test a server with schemathesis and the bridge; its output goes to standard output as it comes.

    Keys reach it through the environment alone, and do not stay in the reports. Ctrl-C ends it with what was found.

    Args:
        base_url: address of the server, without `/chat/completions`.
        reports: format (one of REPORTS) → path.
        wishes: the other members of `Plan`, by name.

    Returns:
        0 clean; 1 something was found; 3 nothing could be tested, as where nobody answers or the key is refused;
        130 interrupted.

    Raises:
        ValueError: schemathesis is not installed or of another version; a word or address is wrong.
    """
    available.require()
    plan = Plan(base_of(base_url), **wishes)
    paths = _checked(plan, reports or {})
    secrets = _secrets(plan)
    with tempfile.TemporaryDirectory(prefix="chatcontract-") as folder:
        told = Path(paths.get("json", f"{folder}/{_SUMMARY}"))
        command = _command(plan, {**paths, "json": str(told)}, Path(folder))
        code = _awaited(command, _environment(plan), secrets)
        tested = code == _INTERRUPTED or _has_tested(told)
    for path in paths.values():
        _clean(Path(path), secrets)
    return _EXITS.get(code, _OURS) if tested or code not in _EXITS else _NOTHING


def _checked(plan: Plan, reports: Mapping[str, str]) -> Mapping[str, str]:
    for words, known in ((reports, REPORTS), (plan.phases, PHASES), ((plan.mode,), ("positive", "negative", "all"))):
        for word in words:
            if word not in known:
                raise ValueError(f"the engine schemathesis knows {', '.join(known)}, not {word!r}")
    return reports


def _command(plan: Plan, reports: Mapping[str, str], folder: Path) -> list[str]:
    settings, document = folder / "schemathesis.toml", folder / "openapi.json"
    settings.write_text(_settings(plan), encoding="utf-8")
    document.write_text(json.dumps(_STUB), encoding="utf-8")
    words = [
        sys.executable, "-m", "schemathesis.cli", "--config-file", str(settings), "run", str(document),
        f"--url={plan.base_url}", f"--phases={','.join(plan.phases)}", f"--mode={plan.mode}",
        f"--max-examples={plan.max_examples}", f"--request-timeout={plan.timeout}", "--continue-on-failure",
    ]  # fmt: skip
    words += [f"--report-{name}-path={path}" for name, path in reports.items()]
    words.append("--force-color" if sys.stdout.isatty() and not os.environ.get("NO_COLOR") else "--no-color")
    words += [f"--seed={plan.seed}"] if plan.seed is not None else []
    return words + ([f"--max-failures={plan.max_failures}"] if plan.max_failures is not None else [])


_STUB = {
    "openapi": "3.1.0",
    "info": {"title": "Chat Completions", "version": "1"},
    "paths": {"/chat/completions": {"post": {"responses": {}}}},
}
"""A document for the hooks to fill in."""


def _settings(plan: Plan) -> str:
    """The settings file; values of headers stand in it as names of environment variables."""
    lines = [f"{json.dumps(name)} = {json.dumps(value)}" for name, value in _header_settings(plan)]
    keys = sorted({*SECRET_HEADERS, *(name.lower() for name, _ in plan.headers if is_secret(name))})
    sanitized = f"keys-to-sanitize = {json.dumps(keys)}\nsensitive-markers = {json.dumps(_MARKERS)}"
    return "\n".join(["[headers]", *lines, "", "[output.sanitization]", sanitized, ""])


def _header_settings(plan: Plan) -> Iterator[tuple[str, str]]:
    given = {name.lower() for name, _ in plan.headers}
    if os.environ.get(plan.key_env) and "authorization" not in given:
        yield "Authorization", "Bearer ${" + _variable("KEY") + "}"
    for number, (name, _) in enumerate(plan.headers):
        yield name, "${" + _variable(str(number)) + "}"


def _environment(plan: Plan) -> dict[str, str]:
    """The environment of the process: ours, the bridge, and the values of headers."""
    levels = plan.severity and [f"{rule}={level}" for rule, level in plan.severity.items()]
    lists = {"SELECT": plan.select, "IGNORE": plan.ignore, "NO_FIX": plan.no_fix, "SEVERITY": levels}
    wishes = {"MODEL": plan.model, "PROFILE": plan.profile, "SPEC": plan.spec, "FAIL_ON": plan.fail_on}
    wishes |= {"CONFIG": plan.config, **{name: ",".join(words) for name, words in lists.items() if words}}
    made = {**os.environ, "SCHEMATHESIS_HOOKS": _HOOKS, _variable("KEY"): os.environ.get(plan.key_env, "")}
    made |= {f"CHATCONTRACT_{name}": value for name, value in wishes.items() if value is not None}
    return made | {_variable(str(number)): value for number, (_, value) in enumerate(plan.headers)}


def _variable(name: str) -> str:
    return f"CHATCONTRACT_HEADER_{name}"


def _awaited(command: Sequence[str], environment: Mapping[str, str], secrets: Sequence[str]) -> int:
    """The exit code of the process, whose output is shown without the secrets.

    It shares our terminal, so that an interrupt reaches it as well, and is given time to report.
    """
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", errors="replace"
    ) as process:
        try:
            _show(process.stdout or (), secrets)
            return process.wait()
        except KeyboardInterrupt:
            ending = threading.Timer(_PATIENCE, process.kill)
            ending.start()
            _show(process.stdout or (), secrets)
            ending.cancel()
            return _INTERRUPTED


def _has_tested(summary: Path) -> bool:
    """Whether anything was answered, by the summary that schemathesis writes."""
    try:
        told = json.loads(summary.read_bytes())
        cases = told["test_cases"]
        return cases["errored"] < cases["generated"] and not told["warnings"]["missing_auth"]
    except (OSError, ValueError, LookupError, TypeError):
        return False


def _show(lines: Iterable[str], secrets: Sequence[str]) -> None:
    for line in lines:
        if _SUMMARY in line:
            continue
        for secret in secrets:
            line = line.replace(secret, FILTERED)
        sys.stdout.write(line)
        sys.stdout.flush()


def _secrets(plan: Plan) -> tuple[str, ...]:
    values = [os.environ.get(plan.key_env, ""), *(value for name, value in plan.headers if is_secret(name))]
    parts = {part for value in values for part in (value, value.rpartition(" ")[2])}
    return tuple(sorted((part for part in parts if len(part) >= _SHORTEST_SECRET), key=len, reverse=True))


def _clean(path: Path, secrets: Sequence[str]) -> None:
    """Take keys out of a report: servers repeat them in messages, which schemathesis keeps as they are."""
    if not secrets or not path.is_file():
        return
    text = path.read_bytes()
    cleaned = text
    for secret in secrets:
        cleaned = cleaned.replace(secret.encode(), FILTERED.encode())
    if cleaned != text:
        path.write_bytes(cleaned)
