"""Jobs as JSON: the fields of the guide and more."""

from __future__ import annotations

from apiflask import Schema
from marshmallow import fields, validate

from http_api.schemas.base import PageOut, PlainSchema
from http_api.schemas.fields import StrictString
from storage.jobs.jobs import PRIORITIES


class JobAcceptedOut(Schema):
    """The response to a request that creates a job."""

    job_id = fields.String(required=True)
    status = fields.String(required=True)
    message = fields.String(required=True)


class JobInListOut(PlainSchema):
    id = fields.String(required=True)
    job_id = fields.String(required=True, attribute="id", dump_only=True)
    run_type = fields.String(required=True)
    status = fields.String(required=True)
    dataset_id = fields.Integer(required=True)
    dataset_name = fields.String(required=True)
    user_id = fields.Integer(required=True)
    user_soeid = fields.String(required=True)
    created_at = fields.String(required=True)
    started_at = fields.String(allow_none=True, required=True)
    completed_at = fields.String(allow_none=True, required=True)
    duration_seconds = fields.Float(allow_none=True, required=True)
    error_message = fields.String(allow_none=True, required=True)
    error_code = fields.String(allow_none=True, required=True)
    progress = fields.Float(required=True, metadata={"description": "0 to 100."})
    progress_message = fields.String(required=True)
    attempt = fields.Integer(required=True)


class JobOut(JobInListOut):
    source_commit_id = fields.String(allow_none=True, required=True)
    run_parameters = fields.Dict(required=True)
    output_summary = fields.Dict(
        allow_none=True,
        required=True,
        metadata={
            "description": "Null until the job has completed. That of a sampling job has "
            "`warnings` on the whole draw and `rounds`, each with its `seed` and `effective_seed`."
        },
    )
    retry_of = fields.String(allow_none=True, required=True)
    queue_position = fields.Integer(
        allow_none=True, required=True, metadata={"description": "1 starts next in its lane."}
    )
    lane = fields.String(required=True, metadata={"description": "`short` or `long`."})
    priority = fields.String(required=True, metadata={"description": "`interactive` or `batch`."})


def priority_field() -> StrictString:
    """The priority field of every body that creates a job."""
    return StrictString(
        load_default="interactive",
        validate=validate.OneOf(PRIORITIES),
        metadata={"description": "`batch` jobs start after all interactive ones."},
    )


class LogEntryOut(Schema):
    at = fields.String(required=True)
    message = fields.String(required=True)


class LogOut(PageOut):
    job_id = fields.String(required=True)
    logs = fields.List(fields.Nested(LogEntryOut), required=True)


class JobsOut(PlainSchema, PageOut):
    jobs = fields.List(fields.Nested(JobInListOut), required=True)
