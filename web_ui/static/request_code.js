// "Show as code": the choice of a language, copying, and the texts of a request that a form changes.

import { callApi } from "./api.js";
import { all, debounce, one } from "./dom.js";
import { announce, reportProblem } from "./notices.js";
import { setCookie } from "./zone.js";

const NO_COMMAND = "# No command has options for all of this request. Use Python or curl.";
const CODE_PATH = "/request-code";

document.addEventListener("change", (event) => {
  if (event.target.name === "code-kind") setCookie("code", event.target.value);
});

document.addEventListener("click", async (event) => {
  const button = event.target.closest?.("[data-copy-code]");
  if (!button) return;
  const shown = all("[data-code]", button.closest(".code-texts")).find((text) => text.offsetParent);
  getSelection().selectAllChildren(shown);
  const copied = await navigator.clipboard.writeText(shown.textContent).then(() => true, () => document.execCommand("copy"));
  announce(copied ? "Copied." : "The text is selected. Press Ctrl C.");
});

/**
 * Keep the texts of a "Show as code" up to date.
 * @param {HTMLDetailsElement} panel
 * @returns a function that takes the request: {path, body, file?, new_dataset?}, or null while there is none
 */
export function requestCode(panel) {
  let request = null;
  let turn = 0;
  const show = (kind, text) => { one(`[data-code="${kind}"] code`, panel).textContent = text; };
  const load = debounce(async () => {
    if (!panel.open || !request) return;
    const current = (turn += 1);
    try {
      const code = await callApi(CODE_PATH, { json: request });
      if (current !== turn) return;
      for (const kind of ["python", "command", "curl"]) show(kind, code[kind] ?? NO_COMMAND);
    } catch (problem) { reportProblem(problem); }
  }, 150);
  panel.addEventListener("toggle", load);
  return (changed) => {
    request = changed;
    panel.hidden = !request;
    if (!request) return;
    show("json", JSON.stringify(request.body, null, 2));
    load();
  };
}
