// The progress of an unfinished job. The page reloads when the job ends.

import { one } from "./dom.js";
import { duration } from "./format.js";
import { watchJob } from "./live.js";
import { announce } from "./notices.js";

const TICK_MS = 1000;
const card = one("#progress");
const ahead = Date.now() - Date.parse(card.dataset.now); // the browser's clock minus the server's
let seen = null;
let announced = 0;

/** The progress text, as progress_of in web_ui/job_texts.py writes it. */
function progressText(job) {
  if (job.status === "pending") {
    const place = job.queue_position ? `, number ${job.queue_position} in the queue` : "";
    return `Waiting${place}. ${job.progress_message}`;
  }
  const elapsed = Math.max(0, Date.now() - ahead - Date.parse(job.started_at)) / 1000;
  return [`${job.progress.toFixed()} %`, job.progress_message, `${duration(elapsed)} elapsed`].filter(Boolean).join(", ");
}

/** Announce a new state and every 25 % to screen readers. */
function announceProgress(job) {
  const quarter = 25 * Math.floor(job.progress / 25);
  if (job.status !== seen?.status) announce(`The job is ${job.status}.`);
  else if (quarter > announced) announce(`${quarter} % done.`);
  announced = quarter;
}

function show(job) {
  if (job.status === "completed" || job.status === "failed") {
    announce("The job has ended.");
    location.reload();
    return;
  }
  one("progress", card).value = job.progress;
  one("#progress-message").textContent = progressText(job);
  const state = one("#state > .state");
  state.className = `state ${job.status}`;
  state.textContent = job.status;
  announceProgress(job);
  seen = job;
}

setInterval(() => { if (seen?.status === "running") one("#progress-message").textContent = progressText(seen); }, TICK_MS);
watchJob(card.dataset.job, show, (lost) => { one("#lost").hidden = !lost; });
