// A job that runs, as it changes; the page is loaded anew when it has ended.

import { one } from "./dom.js";
import { duration } from "./format.js";
import { watch } from "./live.js";
import { announce } from "./notices.js";

const TICK_MS = 1000;
const card = one("#progress");
const ahead = Date.now() - Date.parse(card.dataset.now); // the reader's clock, of the server's
let seen = null;
let told = 0;

/** How far it is; web_ui/job_words.py says it so before any script runs. */
function words(job) {
  if (job.status === "pending") {
    const place = job.queue_position ? `, number ${job.queue_position} of its lane` : "";
    return `Waits${place}. ${job.progress_message}`;
  }
  const ran = Math.max(0, Date.now() - ahead - Date.parse(job.started_at)) / 1000;
  return [`${job.progress.toFixed()} %`, job.progress_message, `${duration(ran)} so far`].filter(Boolean).join(", ");
}

/** To whoever listens: a new state, and each quarter of the way, but not each step. */
function tell(job) {
  const quarter = 25 * Math.floor(job.progress / 25);
  if (job.status !== seen?.status) announce(`The job is ${job.status}.`);
  else if (quarter > told) announce(`${quarter} % done.`);
  told = quarter;
}

function show(job) {
  if (job.status === "completed" || job.status === "failed") {
    announce("The job has ended.");
    location.reload();
    return;
  }
  one("progress", card).value = job.progress;
  one("#progress-message").textContent = words(job);
  const state = one("#state > .state");
  state.className = `state ${job.status}`;
  state.textContent = job.status;
  tell(job);
  seen = job;
}

setInterval(() => { if (seen?.status === "running") one("#progress-message").textContent = words(seen); }, TICK_MS);
watch(card.dataset.job, show, (lost) => { one("#lost").hidden = !lost; });
