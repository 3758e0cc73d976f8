// Updates of a job by Server-Sent Events, and by polling where no stream is available.

import { callApi } from "./api.js";

const POLL_MS = 5000;
const LOST_MS = 1000;
const ended = (job) => job.status === "completed" || job.status === "failed";

/**
 * Call onJob for each change until the job ends. Call onLost with true while the server does not
 * respond, and then with false. Returns a function that stops the updates.
 */
export function watchJob(jobId, onJob, onLost = () => {}) {
  let stopped = false;
  let source = null;
  let timer = 0;

  const update = (job) => {
    onLost(false);
    onJob(job);
    if (ended(job)) stop();
  };
  const poll = async () => {
    if (stopped) return;
    let lost = false;
    try {
      update(await callApi(`/api/jobs/${jobId}`));
    } catch (problem) {
      if (problem.status === 404) return stop();
      lost = !problem.status;
      onLost(lost);
    }
    if (!stopped) timer = setTimeout(poll, lost ? LOST_MS : POLL_MS);
  };
  const stop = () => {
    stopped = true;
    source?.close();
    clearTimeout(timer);
  };

  source = new EventSource(`/api/jobs/${jobId}/events`);
  source.addEventListener("job", (event) => update(JSON.parse(event.data)));
  // Poll if no stream is free or no connection.
  source.addEventListener("error", () => {
    source.close();
    if (!stopped && !timer) timer = setTimeout(poll, 500);
  });
  return stop;
}

/** Call f every few seconds while the page is visible. Returns a function that stops the calls. */
export function pollWhileVisible(f, everyMs = POLL_MS) {
  let timer = 0;
  let stopped = false;
  const poll = async () => {
    if (document.visibilityState === "visible") await f();
    if (!stopped) timer = setTimeout(poll, everyMs);
  };
  timer = setTimeout(poll, everyMs);
  return () => {
    stopped = true;
    clearTimeout(timer);
  };
}
