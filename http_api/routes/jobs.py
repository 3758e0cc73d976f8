"""Routes of jobs: list, show, log, events, cancel, retry."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint
from flask import Response
from marshmallow import RAISE, validate

from application.lifecycle import cancel, retry
from http_api.auth.access import authority, bearer, dataset_for, job_for, service, user
from http_api.auth.auditing import origin
from http_api.routes.events import stream
from http_api.routes.submissions import submission
from http_api.schemas.base import PageQuery, text
from http_api.schemas.fields import QueryInteger, QueryList, StrictString
from http_api.schemas.jobs import JobAcceptedOut, JobOut, JobsOut, LogOut
from http_api.schemas.times import Timestamp
from http_api.server.etags import with_etag
from storage.jobs.jobs import RUN_TYPES, STATUSES, list_log
from storage.jobs.lists import ORDERS, JobFilters, list_jobs

blueprint = APIBlueprint("jobs", __name__, url_prefix="/api/jobs", tag="Jobs")
DUMPED = JobOut()


class JobsQuery(PageQuery):
    user_id = QueryInteger()
    user_soeid = text(1, 100)
    dataset_id = QueryInteger()
    status = QueryList(
        validate=validate.ContainsOnly(STATUSES),
        metadata={"description": "One or more, separated by commas or repeated."},
    )
    run_type = StrictString(validate=validate.OneOf(RUN_TYPES))
    created_after = Timestamp()
    created_before = Timestamp()
    order = StrictString(load_default="newest", validate=validate.OneOf(list(ORDERS)))


@blueprint.get("")
@blueprint.auth_required(bearer)
@with_etag
@blueprint.input(JobsQuery, location="query", unknown=RAISE, arg_name="query")
@blueprint.output(JobsOut)
@blueprint.doc(
    summary="Find jobs", description="Filters combine; `total` counts all matching jobs."
)
def jobs(query: dict[str, Any]) -> dict[str, Any]:
    page = {"offset": query.pop("offset"), "limit": query.pop("limit")}
    order = query.pop("order")
    statuses = query.pop("status", None)
    filters = JobFilters(statuses=None if statuses is None else tuple(statuses), **query)
    with service().database.read() as tx:
        found, total = list_jobs(tx, user(), filters, order=order, **page)
    return {"jobs": found, "total": total, **page}


@blueprint.get("/<job_id>")
@blueprint.auth_required(bearer)
@with_etag
@blueprint.output(JobOut)
@blueprint.doc(summary="One job in full")
def job(job_id: str) -> Any:
    return job_for(job_id)


@blueprint.get("/<job_id>/logs")
@blueprint.auth_required(bearer)
@blueprint.input(PageQuery, location="query", unknown=RAISE, arg_name="page")
@blueprint.output(LogOut)
@blueprint.doc(summary="The log of a job")
def logs(job_id: str, page: dict[str, int]) -> dict[str, Any]:
    found = job_for(job_id)
    with service().database.read() as tx:
        entries, total = list_log(tx, found.id, page["offset"], page["limit"])
    return {"job_id": found.id, "logs": entries, "total": total, **page}


STREAM: Any = {
    200: {
        "description": "The stream",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}


@blueprint.get("/<job_id>/events")
@blueprint.auth_required(bearer)
@blueprint.doc(
    summary="A job's status and progress as they change",
    description="Server-Sent Events: an event `job` with the job's JSON at each change; the stream "
    "ends with the job. If too many streams are open, the response is 429: poll instead.",
    responses=STREAM,
)
def events(job_id: str) -> Response:
    return stream(job_for(job_id), DUMPED.dump)


@blueprint.post("/<job_id>/cancel")
@blueprint.auth_required(bearer)
@blueprint.output(JobOut)
@blueprint.doc(
    summary="Cancel a pending or running job",
    description="It ends as `failed` with the `error_code` `cancelled`; a running query stops.",
)
def cancel_one(job_id: str) -> Any:
    found = job_for(job_id)
    dataset_for(found.dataset_id, "write")
    return cancel(service(), user(), found, origin(), authority())


@blueprint.post("/<job_id>/retry")
@blueprint.auth_required(bearer)
@blueprint.output(JobAcceptedOut)
@blueprint.doc(
    summary="Retry a failed job", description="As a new job whose `retry_of` is the old one."
)
def retry_one(job_id: str) -> dict[str, str]:
    found = job_for(job_id)
    dataset_for(found.dataset_id, "write")
    by = submission(found.priority, path=f"/api/jobs/{found.id}/retry")
    made = retry(service(), by, found)
    return {"job_id": made.id, "status": made.status, "message": f"Job {found.id} is done again"}
