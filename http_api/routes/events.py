"""A job's changes as Server-Sent Events.

A stream occupies a thread, so it counts as slow work. It ends with its job, after an hour, when its
client disconnects, when the service stops, or when the token or the permission ends.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

from flask import Response, request

from http_api.auth.access import holder, service
from http_api.server.work_limits import limits
from job_runner.service import Service
from storage.accounts.datasets import get_dataset
from storage.accounts.tokens import find_token_user
from storage.errors import NotFound
from storage.jobs.jobs import Job, get_job

POLL_INTERVAL_S = 0.25
KEEP_ALIVE_S = 15.0
MAX_DURATION_S = 3600.0


def stream(job: Job, as_json: Callable[[Job], Any]) -> Response:
    """Send an event for each change of the job until it ends.

    Raises
    ------
    TooManyStreams
        Too many streams are open, of the user or in total.
    """
    running, who, streams = service(), holder().user.id, limits().streams
    streams.begin(who)
    gone = request.environ.get("waitress.client_disconnected", lambda: False)
    events = _events(running, job.id, holder().token_id, as_json, gone)
    response = Response(events, mimetype="text/event-stream")
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"
    response.call_on_close(lambda: streams.end(who))
    return response


def _events(
    running: Service,
    job_id: str,
    token_id: int,
    as_json: Callable[[Job], Any],
    gone: Callable[[], bool],
) -> Iterator[str]:
    began = sent_at = time.monotonic()
    last = ""
    while (
        time.monotonic() - began < MAX_DURATION_S and not gone() and not running.stopping.is_set()
    ):
        try:
            job = _visible_job(running, job_id, token_id)
        except NotFound:
            return
        text = json.dumps(as_json(job), ensure_ascii=False)
        if text != last:
            last, sent_at = text, time.monotonic()
            yield f"event: job\ndata: {text}\n\n"
        elif time.monotonic() - sent_at > KEEP_ALIVE_S:
            sent_at = time.monotonic()
            yield ": still here\n\n"
        if job.status in ("completed", "failed"):
            return
        running.stopping.wait(POLL_INTERVAL_S)


def _visible_job(running: Service, job_id: str, token_id: int) -> Job:
    """Return the job if the token is valid and its user can still see the dataset."""
    with running.database.read() as tx:
        job = get_job(tx, job_id)
        viewer = find_token_user(tx, token_id, running.clock)
        if viewer is None:
            raise NotFound("The token is no longer valid.")
        get_dataset(tx, job.dataset_id, viewer)
    return job
