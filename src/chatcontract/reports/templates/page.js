"use strict";
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const one = (id) => document.getElementById(id);

  const remembered = { get() { try { return localStorage.getItem("chatcontract-theme"); } catch { return null; } },
                       set(value) { try { localStorage.setItem("chatcontract-theme", value); } catch { /* not allowed here */ } } };
  const theme = one("theme");
  const dark = () => document.documentElement.dataset.theme
    ? document.documentElement.dataset.theme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
  const name = () => { theme.textContent = dark() ? "Light" : "Dark";
                       theme.setAttribute("aria-label", `Switch to ${dark() ? "light" : "dark"} colours`); };
  const chosen = remembered.get();
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
  theme.addEventListener("click", () => {
    const next = dark() ? "light" : "dark";
    document.documentElement.dataset.theme = next;
    remembered.set(next);
    name();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", name);
  name();
  theme.hidden = false;

  const violations = all("#violation-list article");
  const results = all("#result-list article");
  const texts = new Map();
  const text = (article) => {
    if (!texts.has(article)) texts.set(article, article.textContent.toLowerCase());
    return texts.get(article);
  };
  const words = one("words"), section = one("section"), verdict = one("verdict");
  const severities = all('input[name="severity"]');

  function apply() {
    const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
    const levels = new Set(severities.filter((box) => box.checked).map((box) => box.value));
    const known = new Set(severities.map((box) => box.value));
    const found = (article) => wanted.every((word) => text(article).includes(word));
    let shown = 0, kept = 0;
    for (const article of violations) {
      const { severity, section: of, verdict: outcome } = article.dataset;
      article.hidden = !((levels.has(severity) || !known.has(severity)) && (!section.value || of === section.value)
        && (!verdict.value || outcome === verdict.value) && found(article));
      shown += !article.hidden;
    }
    for (const article of results) {
      const data = article.dataset;
      const inside = !section.value || data.section === section.value || data.sections.split(" ").includes(section.value);
      article.hidden = !(inside && (!verdict.value || data.verdict === verdict.value) && found(article));
      kept += !article.hidden;
    }
    one("shown").textContent =
      `${shown} of ${violations.length} violations and ${kept} of ${results.length} ${one("results-title").textContent.toLowerCase()} shown`;
  }
  const filters = one("filters");
  filters.addEventListener("input", apply);
  filters.addEventListener("submit", (event) => event.preventDefault());
  filters.hidden = false;
  apply();

  const expand = one("expand");
  expand.addEventListener("click", () => {
    const open = expand.getAttribute("aria-pressed") !== "true";
    for (const article of violations) if (!article.hidden) article.querySelector("details").open = open;
    expand.setAttribute("aria-pressed", String(open));
    expand.textContent = open ? "Collapse all" : "Expand all";
  });

  function reveal() {
    const target = location.hash.length > 1 && one(decodeURIComponent(location.hash.slice(1)));
    if (!target || target.tagName !== "DETAILS") return;
    target.closest("article").hidden = false;
    target.open = true;
    target.scrollIntoView();
    target.querySelector("summary").focus({ preventScroll: true });
  }
  addEventListener("hashchange", reveal);
  reveal();

  async function copy(button) {
    const code = button.closest(".block").querySelector("code");
    try { await navigator.clipboard.writeText(code.textContent); }
    catch {
      getSelection().selectAllChildren(code);
      document.execCommand("copy");
      getSelection().removeAllRanges();
    }
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  }
  for (const button of all(".copy")) {
    button.hidden = false;
    button.addEventListener("click", () => copy(button));
  }

  addEventListener("keydown", (event) => {
    if (event.key === "/" && !/^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName)) {
      event.preventDefault();
      words.focus();
    }
    if (event.key === "Escape" && document.activeElement === words) { words.value = ""; apply(); }
  });

  let opened = [];
  addEventListener("beforeprint", () => {
    opened = all(".violation details:not([open])");
    for (const details of opened) details.open = true;
  });
  addEventListener("afterprint", () => { for (const details of opened) details.open = false; });
})();
