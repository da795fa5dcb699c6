"""The page in a real browser: it runs under its own policy, and hostile data stay text."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage",
    "--enable-logging=stderr", "--virtual-time-budget=3000",
)  # fmt: skip
HOSTILE = (
    "</script><script>window.pwned = 1</script>", '"><img src=x onerror="window.pwned = 2">', "{{ 7 * 7 }}",
    "<svg onload=window.pwned=3>", "\x1b[31m\x1b]0;x\x07", "javascript:window.pwned=4",
)  # fmt: skip
DRIVER = """<script>addEventListener("load", () => {
  const one = (id) => document.getElementById(id), told = {};
  const count = (list) => document.querySelectorAll(`#${list} article:not([hidden])`).length;
  const shown = () => [count("violation-list"), count("result-list")];
  const set = (id, value) => {
    one(id).value = value;
    one(id).dispatchEvent(new Event("input", { bubbles: true }));
  };
  told.all = shown();
  set("words", "created-not-in"); told.search = shown(); set("words", "");
  set("section", "usage"); told.section = shown(); set("section", "");
  set("verdict", "skipped"); told.verdict = shown(); set("verdict", "");
  document.querySelector('input[value="error"]').click(); told.severity = shown()[0];
  document.querySelector('input[value="error"]').click();
  one("expand").click(); told.open = document.querySelectorAll(".violation details[open]").length;
  one("theme").click(); told.theme = document.documentElement.dataset.theme;
  told.ink = getComputedStyle(document.body).color;
  location.hash = "#r2";
  setTimeout(() => {
    told.focus = document.activeElement.parentElement.id; told.revealed = one("r2").open;
    told.wide = document.documentElement.scrollWidth > innerWidth;
    told.pwned = window.pwned ?? null; told.status = one("shown").textContent;
    document.body.innerHTML = ""; document.body.append(`TOLD${JSON.stringify(told)}TOLD`);
  }, 100);
});</script>"""

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed (apt-get install chromium)"),
]
Browse = Callable[..., tuple[str, list[str]]]


@pytest.fixture
def browse(tmp_path: Path) -> Browse:
    """Opens a page of that text; gives the document afterwards and what the console said."""

    def opened(text: str, *flags: str) -> tuple[str, list[str]]:
        page = tmp_path / "page.html"
        page.write_text(text, encoding="utf-8")
        done = subprocess.run(
            [str(CHROMIUM), *FLAGS, f"--user-data-dir={tmp_path / 'profile'}",
             *(flags or ("--dump-dom",)), page.as_uri()],
            capture_output=True, timeout=120, check=True,
        )  # fmt: skip
        said = [line for line in done.stderr.decode(errors="replace").splitlines() if "CONSOLE" in line]
        return done.stdout.decode(), said

    return opened


def driven(text: str) -> str:
    """The page with a script that uses it as a reader would; its own policy would forbid that script."""
    without = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", text)
    return without.replace("</body>", f"{DRIVER}</body>")


def told(dom: str) -> dict[str, Any]:
    found = re.search(r"TOLD(.*)TOLD", dom)
    assert found is not None, dom[:2000]
    made: dict[str, Any] = json.loads(found[1])
    return made


@pytest.mark.parametrize("kind", ["audit", "check"])
def test_the_page_runs_under_its_policy_without_a_complaint(
    kind: str, request: pytest.FixtureRequest, written: Callable[..., str], browse: Browse
) -> None:
    dom, said = browse(written("html", request.getfixturevalue(f"{kind}_report")))
    assert said == []
    assert re.search(r'id="filters"[^>]*>', dom)
    assert "hidden" not in re.search(r'<form[^>]*id="filters"[^>]*>', dom)[0]  # type: ignore[index]
    assert re.search(r'id="shown"[^>]*>\d+ of \d+ violations', dom)


def test_filters_theme_and_links_do_what_they_say(
    audit_report: dict[str, Any], written: Callable[..., str], browse: Browse
) -> None:
    groups = len({it["fingerprint"] for result in audit_report["results"] for it in result["violations"]})
    dom, said = browse(driven(written("html", audit_report)))
    found = told(dom)
    assert said == []
    assert found["all"] == [groups, 16]
    assert found["search"] == [1, 1]
    assert 0 < found["section"][0] < groups
    assert 0 < found["section"][1] < 16
    assert found["verdict"] == [0, 2]
    assert 0 < found["severity"] < groups
    assert found["open"] == groups
    assert (found["theme"], found["ink"]) == ("dark", "rgb(229, 231, 234)")
    assert (found["focus"], found["revealed"]) == ("r2", True)
    assert found["status"].startswith(f"{groups} of {groups} violations and 16 of 16 probes")


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_overflows_a_narrow_window(
    width: int, audit_report: dict[str, Any], written: Callable[..., str], browse: Browse
) -> None:
    dom, _ = browse(driven(written("html", audit_report)), "--dump-dom", f"--window-size={width},900")
    assert told(dom)["wide"] is False


def test_hostile_answers_stay_text_even_without_the_policy(
    audit_report: dict[str, Any], poison: Any, written: Callable[..., str], browse: Browse
) -> None:
    class Given:
        def draw(self, strategy: Any) -> list[str]:
            return list(HOSTILE)

    dom, said = browse(driven(written("html", poison(Given(), audit_report))))
    assert told(dom)["pwned"] is None
    assert said == []


def test_a_screenshot_has_the_colours_of_both_themes(
    audit_report: dict[str, Any], written: Callable[..., str], browse: Browse, tmp_path: Path
) -> None:
    text = written("html", audit_report)
    for name, flags in (("light", ()), ("dark", ("--blink-settings=preferredColorScheme=0",))):
        browse(text, f"--screenshot={tmp_path / name}.png", "--window-size=1280,1600", *flags)
    light, dark = ((tmp_path / f"{name}.png").read_bytes() for name in ("light", "dark"))
    assert light.startswith(b"\x89PNG")
    assert light != dark
