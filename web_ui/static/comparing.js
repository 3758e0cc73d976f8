// A comparison that isn't computed yet: request it until it is, then show it.
// data-part is the part of the page to load again; the default is the whole page.

import { callApi } from "./api.js";
import { one } from "./dom.js";
import { reloadPart } from "./forms.js";

const note = one("#comparing");

async function wait() {
  try {
    await callApi(note.dataset.url);
    if (note.dataset.part) await reloadPart(note.dataset.part);
    else location.reload();
  } catch (problem) {
    if (problem.code === "comparison_not_ready") setTimeout(wait, 1000 * (problem.retryAfter || 2));
    else note.textContent = problem.message;
  }
}

wait();
