"""Routes of schedules: requests that the server submits again and again."""

from __future__ import annotations

from typing import Any

from apiflask import Schema
from marshmallow import fields, validate

from application.schedules import registering
from application.schedules.times import explained, upcoming
from http_api.access import SignedInBlueprint, caller, service
from http_api.schemas import out
from http_api.schemas.base import (
    MessageOut,
    PageOut,
    PageQuery,
    SentenceOut,
    StrictQuery,
    StrictSchema,
    name_text,
    page_of,
    text,
)
from http_api.schemas.fields import BoundedList, QueryInteger, StrictBoolean, StrictString
from storage.jobs.schedules import MISFIRES, Schedule, list_schedules
from storage.sqlite.clock import timestamp

blueprint = SignedInBlueprint("schedules", __name__, url_prefix="/api/schedules", tag="Schedules")
CRON = "Minute, hour, day of the month, month, day of the week: `0 6 * * 1` is Monday at 6."
ZONE = "An IANA time zone, such as Europe/Berlin."
EXCLUDE = (
    "The columns of a key, by which a run excludes the rows that earlier runs drew. Without a "
    "column it excludes none."
)
MAX_KEY_COLUMNS = 20
MISFIRE = "At a time at which the server didn't run: `run` once late, or `skip` it."


class ScheduleOut(Schema):
    id = out.integer()
    name = out.string()
    dataset_id = out.integer()
    user_soeid = out.string("Its jobs are this user's.")
    run_type = out.string()
    job_id = out.string("The job whose request it repeats.")
    request = out.json_object("The parameters of each job.")
    cron = out.string()
    zone = out.string()
    explanation = out.string("`cron` in words.")
    misfire = out.string()
    exclude_drawn_by = out.list_of(fields.String(), EXCLUDE)
    paused_at = out.string(null=True)
    next_runs = out.list_of(fields.String(), "The next times in UTC; empty while paused.")
    last_run_at = out.string(null=True)
    last_job_id = out.string(null=True)
    problem = out.string(
        "Why the latest run wasn't submitted; until a run is, or the key is changed.", null=True
    )
    problem_template = out.nested(SentenceOut, "`problem` as data.", null=True)
    created_at = out.string()


class SchedulesOut(PageOut):
    schedules = out.list_of(ScheduleOut)


class SchedulesQuery(PageQuery):
    dataset_id = QueryInteger(required=True)


def key_columns(**options: Any) -> BoundedList:
    """The key of a schedule."""
    return BoundedList(
        text(1, 1000), most=MAX_KEY_COLUMNS, metadata={"description": EXCLUDE}, **options
    )


class ScheduleIn(StrictSchema):
    job_id = text(
        1, 64, required=True, description="A draw or a profile, whose request is repeated."
    )
    name = name_text(64, required=True, description="Samples are named by it and their time.")
    cron = text(1, 100, required=True, description=CRON)
    zone = text(1, 64, load_default="UTC", description=ZONE)
    misfire = StrictString(
        load_default="run", validate=validate.OneOf(MISFIRES), description=MISFIRE
    )
    exclude_drawn_by = key_columns(load_default=list)


class ScheduleChangeIn(StrictSchema):
    cron = text(1, 100, description=CRON)
    zone = text(1, 64, description=ZONE)
    misfire = StrictString(validate=validate.OneOf(MISFIRES), description=MISFIRE)
    paused = StrictBoolean(description="Whether it pauses.")
    exclude_drawn_by = key_columns()


class PreviewQuery(StrictQuery):
    cron = text(1, 100, required=True, description=CRON)
    zone = text(1, 64, load_default="UTC", description=ZONE)


class PreviewOut(Schema):
    explanation = out.string()
    next_runs = out.list_of(fields.String())


class RunOut(Schema):
    job_id = out.string()


class ExcludedSampleOut(Schema):
    job_id = out.string()
    name = out.string()
    rows = out.integer("Drawn rows.")


class ExclusionOut(Schema):
    key = out.list_of(fields.String())
    commit_id = out.string("The version that a run would read now.")
    table_key = out.string()
    source_rows = out.integer("Rows of the table.")
    excluded_rows = out.integer("Rows that the samples have; rows that left the table don't count.")
    remaining_rows = out.integer("Rows that a run would draw from.")
    samples = out.list_of(ExcludedSampleOut, "Oldest first.")


@blueprint.get("", query=SchedulesQuery, output=SchedulesOut)
def schedules(query: dict[str, int]) -> dict[str, Any]:
    """The schedules of a dataset, oldest first."""
    caller().dataset(query["dataset_id"], "read")
    with service().database.read() as tx:
        found = list_schedules(tx, query["dataset_id"])
    page = page_of("schedules", found, query)
    return {**page, "schedules": [_shown(one) for one in page["schedules"]]}


@blueprint.post("", body=ScheduleIn, output=ScheduleOut)
def create_schedule(given: dict[str, Any]) -> dict[str, Any]:
    """Repeat the request of a draw or a profile at times of a cron expression.

    Each run reads the newest version of its `source_ref` and draws new seeds.
    """
    job = caller().job(given.pop("job_id"))
    return _shown(registering.create(caller(), job, **given))


@blueprint.get("/preview", query=PreviewQuery, output=PreviewOut)
def preview(query: dict[str, str]) -> dict[str, Any]:
    """The next times of a cron expression, in UTC, and the expression in words."""
    return {"explanation": explained(**query), "next_runs": _times(**query)}


@blueprint.patch("/<int:schedule_id>", body=ScheduleChangeIn, output=ScheduleOut)
def change_schedule(schedule_id: int, given: dict[str, Any]) -> dict[str, Any]:
    """Change when a schedule runs, pause or resume it.

    The next run is the first time from now on: what a pause has missed isn't run.
    """
    return _shown(registering.change(caller(), schedule_id, given))


@blueprint.delete("/<int:schedule_id>", output=MessageOut)
def delete_schedule(schedule_id: int) -> dict[str, str]:
    """Delete a schedule; its jobs and samples stay."""
    registering.delete(caller(), schedule_id)
    return {"message": "Schedule deleted"}


@blueprint.post("/<int:schedule_id>/run", output=RunOut)
def run_now(schedule_id: int) -> dict[str, str]:
    """Submit a job of the schedule now; its next times stay."""
    return {"job_id": registering.run_at_once(caller(), schedule_id).id}


@blueprint.get("/<int:schedule_id>/exclusion", output=ExclusionOut)
def exclusion(schedule_id: int) -> dict[str, Any]:
    """The rows of earlier samples that a run would exclude now.

    It reads the key's columns of the whole table.
    """
    return registering.excluded_next(caller(), schedule_id).as_json()


def _times(cron: str, zone: str) -> list[str]:
    return [timestamp(at) for at in upcoming(cron, zone, service().clock())]


def _shown(schedule: Schedule) -> dict[str, Any]:
    times = [] if schedule.paused_at else _times(schedule.cron, schedule.zone)
    explanation = explained(schedule.cron, schedule.zone)
    problem = schedule.problem
    return {
        **vars(schedule),
        "explanation": explanation,
        "next_runs": times,
        "problem": None if problem is None else problem.message,
        "problem_template": problem,
    }
