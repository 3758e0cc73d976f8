"""A job's changes as Server-Sent Events.

Owns: the streams and how many there may be. Invariant: a stream holds one of waitress's threads for
as long as its client reads, so at most half of them are given to streams; a stream ends with its
job, after an hour, when its client has left, when the service stops, or as soon as its token has
ended or its user may not see the job any more.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from flask import Response, current_app, request

from domain_errors import DomainError
from http_api.access import holder, service
from job_runner.service import Service
from job_runner.settings import Settings
from storage.datasets import get_dataset
from storage.errors import NotFound
from storage.jobs import Job, get_job
from storage.tokens import find_token_user

LOOK_INTERVAL_S = 0.25
KEEP_ALIVE_S = 15.0
LONGEST_S = 3600.0

SLOTS = "jobsvc.stream_slots"


class StreamSlots:
    """As many streams as a server may have; kept in the app's extensions."""

    def __init__(self, settings: Settings) -> None:
        self.most = max(settings.http_threads // 2, 1)
        self._lock = threading.Lock()
        self._open = 0

    @property
    def open(self) -> int:
        """How many streams there are."""
        return self._open

    def take(self) -> bool:
        """Take a slot if one is free."""
        with self._lock:
            free = self._open < self.most
            self._open += free
        return free

    def release(self) -> None:
        """Give a slot back."""
        with self._lock:
            self._open -= 1


class TooManyStreams(DomainError):
    """All threads that streams may hold are held."""

    code = "too_many_streams"
    retry_after_s = 5


def stream(job: Job, as_json: Callable[[Job], Any]) -> Response:
    """Answer with an event for each change of the job, until it has ended.

    Raises
    ------
    TooManyStreams
        Half of the server's threads hold a stream already.
    """
    here = service()
    slots: StreamSlots = current_app.extensions[SLOTS]
    if not slots.take():
        raise TooManyStreams("Too many event streams are open. Ask for the job now and then.")
    gone = request.environ.get("waitress.client_disconnected", lambda: False)
    events = _events(here, job.id, holder().token_id, as_json, gone)
    response = Response(events, mimetype="text/event-stream")
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"
    response.call_on_close(slots.release)
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
    while time.monotonic() - began < LONGEST_S and not gone() and not here.stopping.is_set():
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
