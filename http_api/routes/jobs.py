"""Routes of jobs: list, show, log, events, cancel, retry; with conditional GET."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from functools import wraps
from hashlib import sha256
from typing import Any, cast

from flask import Response, make_response, request

from application.identity.column_reports import ColumnChanges, job_changes
from application.lifecycle import cancel, dismiss, retry
from contract.requests.jobs import JobChangeRequest, JobsRequest
from contract.requests.pages import PageRequest
from http_api.access import SignedInBlueprint, View, access, caller, service
from http_api.routes.submissions import submission
from http_api.schemas.contract import Listing, answer_schema, list_schema, listed
from http_api.schemas.jobs import JobAccepted, accepted
from http_api.state import state
from lazy_dataclasses import dataclass
from service.service import Service
from storage.accounts.datasets import get_dataset
from storage.accounts.tokens import find_token_user
from storage.errors import NotFound
from storage.jobs.jobs import JobRecord, LogEntry, get_job, list_log
from storage.jobs.lists import JobFilters, list_jobs

blueprint = SignedInBlueprint("jobs", "Jobs", "/api/jobs")
DUMPED = answer_schema(JobRecord)()


def with_etag(view: View) -> View:
    """Add an ETag to a GET view that reads the request and the database alone.

    Stands between the view's authentication and its input, so a 304 costs no query, and neither
    does a body that was sent under the same ETag.
    """

    @wraps(view)
    def conditional(*args: Any, **values: Any) -> Response:
        etag = _etag()  # before the view reads: a later commit must change it
        known = request.if_none_match
        if known.contains_weak(etag) and not known.star_tag:
            response = Response(status=304)
        else:
            body = state().bodies.get(etag, lambda: make_response(view(*args, **values)).get_data())
            response = Response(body, mimetype="application/json")
        response.set_etag(etag)
        response.headers["Cache-Control"] = "private, no-cache"  # revalidate before each use
        return response

    return cast(View, conditional)


def _etag() -> str:
    """Digest of the database version, the token, and the URL after the host."""
    server = state()
    version = (server.instance_id, server.access.service.database.version)
    parts = (version, caller().holder.token_id, request.path, request.query_string)
    return sha256(repr(parts).encode()).hexdigest()[:32]


@blueprint.get("", output=list_schema("jobs", JobRecord), guard=with_etag)
def jobs(query: JobsRequest) -> Listing:
    """Find jobs.

    Filters combine; `total` counts all matching jobs.
    """
    filters = JobFilters(
        user_id=query.user_id,
        user_soeid=query.user_soeid,
        dataset_id=query.dataset_id,
        statuses=None if query.status is None else tuple(query.status),
        run_type=query.run_type,
        created_after=query.created_after,
        created_before=query.created_before,
        unresolved=bool(query.unresolved),
    )
    with service().database.read() as tx:
        page = list_jobs(
            tx, caller().user, filters, order=query.order, offset=query.offset, limit=query.limit
        )
    return listed(page, query)


@blueprint.get("/<job_id>", guard=with_etag)
def job(job_id: str) -> JobRecord:
    """One job in full."""
    return caller().job(job_id)


@blueprint.get("/<job_id>/logs", output=list_schema("logs", LogEntry, of_job=True))
def logs(job_id: str, query: PageRequest) -> Listing:
    """The log of a job."""
    job = caller().job(job_id)
    with service().database.read() as tx:
        return listed(list_log(tx, job.id, query.offset, query.limit), query, job.id)


STREAM: Any = {
    200: {
        "description": "The stream",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}


@blueprint.get("/<job_id>/events")
@blueprint.doc(responses=STREAM)
def events(job_id: str) -> Response:
    """A job's status and progress as they change.

    Server-Sent Events: an event `job` with the job's JSON at each change; the stream ends with the
    job. If too many streams are open, the response is 429: poll instead.
    """
    return stream(caller().job(job_id), DUMPED.dump)


@dataclass(frozen=True)
class JobColumnChanges:
    """What an import changed in the columns of its ref."""

    job_id: str
    column_changes: ColumnChanges | None


@blueprint.get("/<job_id>/column-changes")
def changes_of_columns(job_id: str) -> JobColumnChanges:
    """What a completed import changed in the columns of its ref.

    `column_changes` is null if the import replaced no version.
    """
    job = caller().job(job_id)
    return JobColumnChanges(job.id, job_changes(caller(), job))


def _writable(job_id: str) -> JobRecord:
    """A job that the caller may change."""
    job = caller().job(job_id)
    caller().dataset(job.dataset_id, "write")
    return job


@blueprint.patch("/<job_id>")
def change(job_id: str, given: JobChangeRequest) -> JobRecord:
    """Dismiss a failed job, or undo it.

    Lists of unresolved failures omit a dismissed job.
    """
    return dismiss(caller(), _writable(job_id), undo=not given.dismissed)


@blueprint.post("/<job_id>/cancel")
def cancel_one(job_id: str) -> JobRecord:
    """Cancel a pending or running job.

    It ends as `failed` with the `error_code` `cancelled`; a running query stops.
    """
    return cancel(caller(), _writable(job_id))


@blueprint.post("/<job_id>/retry")
def retry_one(job_id: str) -> JobAccepted:
    """Retry a failed job.

    As a new job whose `retry_of` is the old one.
    """
    job = _writable(job_id)
    by = submission(job.priority, path=f"/api/jobs/{job.id}/retry")
    return accepted(retry(service(), by, job), f"Retry of job {job.id} created")


POLL_INTERVAL_S = 0.25
KEEP_ALIVE_S = 15.0
MAX_DURATION_S = 3600.0


def stream(job: JobRecord, as_json: Callable[[JobRecord], Any]) -> Response:
    """Send an event for each change of the job until it ends."""
    running, who, streams = service(), caller().holder.user.id, access().work_limits.streams
    streams.begin(who)
    token_id, is_disconnected = caller().holder.token_id, caller().is_disconnected
    events = _events(running, job.id, token_id, as_json, is_disconnected)
    response = Response(events, mimetype="text/event-stream")
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"
    response.call_on_close(lambda: streams.end(who))
    return response


def _events(
    running: Service,
    job_id: str,
    token_id: int,
    as_json: Callable[[JobRecord], Any],
    is_disconnected: Callable[[], bool],
) -> Iterator[str]:
    began = sent_at = time.monotonic()
    last = ""
    while (
        time.monotonic() - began < MAX_DURATION_S
        and not is_disconnected()
        and not running.stopping.is_set()
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


def _visible_job(running: Service, job_id: str, token_id: int) -> JobRecord:
    """Return the job if the token is valid and its user can still see the dataset."""
    with running.database.read() as tx:
        job = get_job(tx, job_id)
        viewer = find_token_user(tx, token_id, running.clock)
        if viewer is None:
            raise NotFound("The token is no longer valid.")
        get_dataset(tx, job.dataset_id, viewer)
    return job
