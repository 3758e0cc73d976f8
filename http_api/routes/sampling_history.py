"""Routes of sampling jobs by dataset and by user."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint
from marshmallow import RAISE, fields, validate

from http_api.auth.access import bearer, dataset_for, require_role, service, user
from http_api.schemas.base import PageOut, PageQuery, text
from http_api.schemas.fields import QueryList
from http_api.schemas.jobs import JobInListOut
from http_api.schemas.sampling import SeededRoundOut
from http_api.schemas.times import EndTimestamp, Timestamp
from job_runner.sampling_parameters import seeded_rounds
from storage.errors import NotFound
from storage.jobs.jobs import STATUSES, Job
from storage.jobs.lists import JobFilters, list_jobs

blueprint = APIBlueprint("sampling_history", __name__, url_prefix="/api/sampling", tag="Sampling")


class HistoryQuery(PageQuery):
    ref_name = text(1, 100, metadata={"description": "The ref that was drawn from."})
    status = QueryList(validate=validate.ContainsOnly(STATUSES))
    start_date = Timestamp()
    end_date = EndTimestamp(
        metadata={"description": "Exclusive; a date without a time includes that day."}
    )


class DrawOut(JobInListOut):
    source_ref = fields.String(required=True)
    table_key = fields.String(required=True)
    output_ref = fields.String(required=True)
    methods = fields.List(fields.String(), required=True)
    rounds = fields.List(fields.Nested(SeededRoundOut), required=True)
    total_sampled = fields.Integer(allow_none=True, required=True)


class HistoryOut(PageOut):
    jobs = fields.List(fields.Nested(DrawOut), required=True)


@blueprint.get("/datasets/<int:dataset_id>/history")
@blueprint.auth_required(bearer)
@blueprint.input(HistoryQuery, location="query", unknown=RAISE, arg_name="query")
@blueprint.output(HistoryOut)
@blueprint.doc(summary="The draws from a dataset, newest first")
def of_dataset(dataset_id: int, query: dict[str, Any]) -> dict[str, Any]:
    dataset_for(dataset_id, "read")
    return _history(query, dataset_id=dataset_id)


@blueprint.get("/users/<user_id>/history")
@blueprint.auth_required(bearer)
@blueprint.input(HistoryQuery, location="query", unknown=RAISE, arg_name="query")
@blueprint.output(HistoryOut)
@blueprint.doc(
    summary="The draws of a user, newest first", description="`me`, or an id for admins."
)
def of_user(user_id: str, query: dict[str, Any]) -> dict[str, Any]:
    if user_id == "me":
        return _history(query, user_id=user().id)
    if not (user_id.isascii() and user_id.isdigit() and len(user_id) <= 18):
        raise NotFound('There is no user "{id}". Give an id or "me".', id=user_id)
    if int(user_id) != user().id:
        require_role("admin")
    return _history(query, user_id=int(user_id))


def _history(
    query: dict[str, Any], *, dataset_id: int | None = None, user_id: int | None = None
) -> dict[str, Any]:
    page = {"offset": query["offset"], "limit": query["limit"]}
    statuses = query.get("status")
    filters = JobFilters(
        run_type="sampling",
        statuses=None if statuses is None else tuple(statuses),
        source_ref=query.get("ref_name"),
        created_after=query.get("start_date"),
        created_before=query.get("end_date"),
        dataset_id=dataset_id,
        user_id=user_id,
    )
    with service().database.read() as tx:
        jobs, total = list_jobs(tx, user(), filters, **page)
    return {"jobs": [_draw(job) for job in jobs], "total": total, **page}


def _draw(job: Job) -> dict[str, Any]:
    parameters = job.run_parameters
    return {
        **vars(job),
        "duration_seconds": job.duration_seconds,
        "source_ref": parameters["source_ref"],
        "table_key": parameters["table_key"],
        "output_ref": parameters["output_ref"],
        "methods": list(dict.fromkeys(each["method"] for each in parameters["rounds"])),
        "rounds": seeded_rounds(parameters),
        "total_sampled": (job.output_summary or {}).get("total_sampled"),
    }
