"""Jobs: one, and lists of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from apiflask import APIBlueprint
from marshmallow import RAISE, ValidationError, validate

from http_api.access import bearer, job_for, service, user
from http_api.job_schemas import JobOut, JobsOut
from http_api.strict_fields import QueryInteger, QueryList, StrictString
from http_api.strict_schemas import PageQuery, text
from storage.clock import timestamp
from storage.job_lists import ORDERS, JobFilters, list_jobs
from storage.jobs import RUN_TYPES, STATUSES

blueprint = APIBlueprint("jobs", __name__, url_prefix="/api/jobs", tag="Jobs")


class Moment(StrictString):
    """A time in ISO 8601; one without an offset is UTC."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        given = super()._deserialize(value, attr, data, **kwargs)
        try:
            # An unescaped "+" of an offset arrives as a blank.
            moment = datetime.fromisoformat(given.replace(" ", "+") if "T" in given else given)
            return timestamp(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
        except (ValueError, OverflowError):
            raise ValidationError(
                f'Must be a time such as 2025-07-07T02:45:47+00:00, not "{given[:50]}".'
            ) from None


class JobsQuery(PageQuery):
    user_id = QueryInteger()
    user_soeid = text(1, 100)
    dataset_id = QueryInteger()
    status = QueryList(
        validate=validate.ContainsOnly(STATUSES),
        metadata={"description": "One or more, separated by commas or repeated."},
    )
    run_type = StrictString(validate=validate.OneOf(RUN_TYPES))
    created_after = Moment()
    created_before = Moment()
    order = StrictString(load_default="newest", validate=validate.OneOf(list(ORDERS)))


@blueprint.get("")
@blueprint.auth_required(bearer)
@blueprint.input(JobsQuery, location="query", unknown=RAISE, arg_name="query")
@blueprint.output(JobsOut)
@blueprint.doc(summary="Find jobs", description="Filters combine; `total` counts all that pass.")
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
@blueprint.output(JobOut)
@blueprint.doc(summary="One job in full")
def job(job_id: str) -> Any:
    return job_for(job_id)
