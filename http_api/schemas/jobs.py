"""Jobs as JSON: the fields of the guide and more."""

from __future__ import annotations

from apiflask import Schema
from marshmallow import validate

from http_api.schemas import out
from http_api.schemas.base import PageOut, PlainSchema
from http_api.schemas.fields import StrictString
from storage.jobs.jobs import PRIORITIES, Job
from storage.jobs.kinds import KINDS

NOUNS = tuple(dict.fromkeys(kind.noun for kind in KINDS))
"""Attachments are imports, as the guide's run types have it."""


class JobAcceptedOut(Schema):
    """The response to a request that creates a job."""

    job_id = out.string()
    status = out.string()
    message = out.string()


def accepted(job: Job, message: str) -> dict[str, str]:
    """The body of that response."""
    return {"job_id": job.id, "status": job.status, "message": message}


class JobInListOut(PlainSchema):
    id = out.string()
    job_id = out.string(attribute="id", dump_only=True)
    run_type = out.string()
    job_kind = out.string(
        f"What the job makes: {', '.join(dict.fromkeys(kind.noun for kind in KINDS))}."
    )
    output_name = out.string("The name of the sample or the saved query.", null=True)
    purpose = out.string("The `commit_message` of the request.", null=True)
    status = out.string()
    dataset_id = out.integer()
    dataset_name = out.string()
    user_id = out.integer()
    user_soeid = out.string()
    created_at = out.string()
    started_at = out.string(null=True)
    completed_at = out.string(null=True)
    duration_seconds = out.number(null=True)
    error_message = out.string(null=True)
    error_code = out.string(null=True)
    progress = out.number("0 to 100.")
    progress_message = out.string()
    attempt = out.integer()
    dismissed_at = out.string("When a failure was retried or dismissed.", null=True)


class JobOut(JobInListOut):
    source_commit_id = out.string(null=True)
    run_parameters = out.json_object()
    output_summary = out.json_object(
        "Null until the job has completed. That of a sampling job has "
        "`warnings` on the whole draw and `rounds`, each with its `seed` and `effective_seed`; "
        "`continues` names an examined sample whose `findings` came along.",
        null=True,
    )
    retry_of = out.string(null=True)
    queue_position = out.integer("1 starts next in its lane.", null=True)
    lane = out.string("`short` or `long`.")
    priority = out.string("`interactive` or `batch`.")


def priority_field() -> StrictString:
    """The priority field of every body that creates a job."""
    return StrictString(
        load_default="interactive",
        validate=validate.OneOf(PRIORITIES),
        description="`batch` jobs start after all interactive ones.",
    )


class LogEntryOut(Schema):
    at = out.string()
    message = out.string()


class LogOut(PageOut):
    job_id = out.string()
    logs = out.list_of(LogEntryOut)


class JobsOut(PlainSchema, PageOut):
    jobs = out.list_of(JobInListOut)
