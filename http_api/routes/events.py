"""A job's changes as Server-Sent Events.

Owns: the streams. Invariant: a stream holds a thread for as long as its client reads, so it counts
as slow work; a stream ends with its job, after an hour, when its client has left,
when the service stops, or as soon as its token has ended or its user may not see the job any more.
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

LOOK_INTERVAL_S = 0.25
KEEP_ALIVE_S = 15.0
MAX_DURATION_S = 3600.0


def stream(job: Job, as_json: Callable[[Job], Any]) -> Response:
    """Answer with an event for each change of the job, until it has ended.

    Raises
    ------
    TooManyStreams
        As many are open as may be, for the user or in all.
    """
    here, who, streams = service(), holder().user.id, limits().streams
    streams.begin(who)
    gone = request.environ.get("waitress.client_disconnected", lambda: False)
    events = _events(here, job.id, holder().token_id, as_json, gone)
    response = Response(events, mimetype="text/event-stream")
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"
    response.call_on_close(lambda: streams.end(who))
    return response


def _events(
    here: Service,
    job_id: str,
    token_id: int,
    as_json: Callable[[Job], Any],
    gone: Callable[[], bool],
) -> Iterator[str]:
    began = spoke = time.monotonic()
    last = ""
    while time.monotonic() - began < MAX_DURATION_S and not gone() and not here.stopping.is_set():
        try:
            job = _still_seen(here, job_id, token_id)
        except NotFound:
            return
        text = json.dumps(as_json(job), ensure_ascii=False)
        if text != last:
            last, spoke = text, time.monotonic()
            yield f"event: job\ndata: {text}\n\n"
        elif time.monotonic() - spoke > KEEP_ALIVE_S:
            spoke = time.monotonic()
            yield ": still here\n\n"
        if job.status in ("completed", "failed"):
            return
        here.stopping.wait(LOOK_INTERVAL_S)


def _still_seen(here: Service, job_id: str, token_id: int) -> Job:
    """The job, as long as the token holds and its user may see the job's dataset."""
    with here.database.read() as tx:
        job = get_job(tx, job_id)
        viewer = find_token_user(tx, token_id, here.clock)
        if viewer is None:
            raise NotFound("The token has ended.")
        get_dataset(tx, job.dataset_id, viewer)
    return job
