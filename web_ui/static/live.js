// A job as it changes: Server-Sent Events, and polling where no stream is to be had.

import { ask } from "./api.js";

const POLL_MS = 5000;
const LOST_MS = 1000;
const ended = (job) => job.status === "completed" || job.status === "failed";

/**
 * Call onJob whenever the job has changed, until it has ended. onLost is called with true while the
 * server doesn't answer, and with false once it does again. Returns a function that stops it.
 */
export function watch(jobId, onJob, onLost = () => {}) {
  let stopped = false;
  let source = null;
  let timer = 0;

  const take = (job) => {
    onLost(false);
    onJob(job);
    if (ended(job)) stop();
  };
  const poll = async () => {
    if (stopped) return;
    let lost = false;
    try {
      take(await ask(`/api/jobs/${jobId}`));
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
  source.addEventListener("job", (event) => take(JSON.parse(event.data)));
  // No stream free, or the server is gone: ask now and then instead.
  source.addEventListener("error", () => {
    source.close();
    if (!stopped && !timer) timer = setTimeout(poll, 500);
  });
  return stop;
}

/** Call f every few seconds while the page is looked at. Returns a function that stops it. */
export function whileSeen(f, everyMs = POLL_MS) {
  let timer = 0;
  let stopped = false;
  const round = async () => {
    if (document.visibilityState === "visible") await f();
    if (!stopped) timer = setTimeout(round, everyMs);
  };
  timer = setTimeout(round, everyMs);
  return () => {
    stopped = true;
    clearTimeout(timer);
  };
}
