// A job that runs, as it changes; the page is loaded anew when it has ended.

import { one } from "./dom.js";
import { watch } from "./live.js";
import { announce } from "./notices.js";

const card = one("#progress");
let last = "";

function show(job) {
  if (job.status === "completed" || job.status === "failed") {
    announce("The job has ended.");
    location.reload();
    return;
  }
  one("progress", card).value = job.progress;
  const place = job.queue_position ? `, number ${job.queue_position} of its lane` : "";
  const text = job.status === "pending" ? `Waits${place}. ${job.progress_message}` : job.progress_message;
  one("#progress-message").textContent = text;
  const state = one("#state > .state");
  state.className = `state ${job.status}`;
  state.textContent = job.status;
  if (job.status !== last) announce(`The job is ${job.status}.`);
  last = job.status;
}

watch(card.dataset.job, show, (lost) => { one("#lost").hidden = !lost; });
