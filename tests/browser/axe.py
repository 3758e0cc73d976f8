"""axe-core's violations; the contrast of a look that has passed isn't measured again.

A look is what the contrast depends on: the text's colour, size and weight, and the background.
Contrasts take most of axe-core's time, and a few hundred looks serve thousands of texts.
"""

from __future__ import annotations

from typing import Any

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

LAYOUT_RULES = [
    "color-contrast",
    "link-in-text-block",
    "scrollable-region-focusable",
    "target-size",
]
"""The rules that need colours and sizes, not the page's structure alone."""
ONCE = r"""
(() => {
  const IN_FLOW = ['static', 'relative'];
  const OPAQUE = /^rgb\(/;

  // All that the contrast depends on, or null if the background isn't one flat colour.
  const look = (element) => {
    const own = getComputedStyle(element);
    const parts = [own.color, own.webkitTextFillColor, own.webkitTextStroke, own.textShadow];
    parts.push(own.fontSize, own.fontWeight);
    let ground = false;
    for (let at = element; at; at = at.parentElement) {
      const style = getComputedStyle(at);
      const { opacity, filter, mixBlendMode } = style;
      if (opacity !== '1' || filter !== 'none' || mixBlendMode !== 'normal') return null;
      if (ground) continue;
      if (style.backgroundImage !== 'none') return null;
      parts.push(style.backgroundColor);
      ground = OPAQUE.test(style.backgroundColor);
      if (!ground && !IN_FLOW.includes(style.position)) return null;
    }
    return parts.join('|');
  };

  window.passedLooks = new Set();
  const rule = axe._audit.rules.find((one) => one.id === 'color-contrast');
  const check = axe._audit.checks['color-contrast'];
  const { matches } = rule;
  const { evaluate } = check;
  rule.matches = (element, ...given) =>
    !window.passedLooks.has(look(element)) && matches.call(rule, element, ...given);
  check.evaluate = function (element, ...given) {
    const key = look(element);
    if (window.passedLooks.has(key)) return true;  // an element of the same page has passed
    let measured = null;
    const data = (found) => { measured = found; this.data(found); };
    const passes = evaluate.call(Object.assign(Object.create(this), { data }), element, ...given);
    if (passes === true && measured?.contrastRatio && key !== null) window.passedLooks.add(key);
    return passes;
  };
})();
"""
RUN = """async ([options, passed]) => {
  for (const look of passed) window.passedLooks.add(look);
  const found = await axe.run({ ...options, resultTypes: ['violations'] });
  return [found.violations, [...window.passedLooks].filter((look) => !passed.includes(look))];
}"""

_passed_looks: list[str] = []


def violations(page: Page, rules: list[str] | None = None) -> list[Any]:
    """Find the violations of these rules, or of all, with their HTML and summaries."""
    options: dict[str, Any] = {"rules": {"target-size": {"enabled": True}}}
    if rules is not None:
        options["runOnly"] = rules
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT + ONCE)
    found, passed = page.evaluate(RUN, [options, _passed_looks])
    _passed_looks.extend(passed)
    return [
        (rule["id"], [(node["html"][:200], node["failureSummary"]) for node in rule["nodes"]])
        for rule in found
    ]
