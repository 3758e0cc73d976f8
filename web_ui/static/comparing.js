// Two tables that are still being compared: request the comparison until it is ready, then reload.

import { callApi } from "./api.js";
import { one } from "./dom.js";

const note = one("#comparing");

async function wait() {
  try {
    await callApi(note.dataset.url);
    location.reload();
  } catch (problem) {
    if (problem.status === 409) setTimeout(wait, 1000 * (problem.retryAfter || 2));
    else one("p", note).textContent = problem.message;
  }
}

wait();
