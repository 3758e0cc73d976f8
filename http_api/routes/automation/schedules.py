"""Routes of schedules: requests that the server submits again and again."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Annotated, Any

from marshmallow import validate

from application.schedules import registering
from application.schedules.excluding import ExclusionFacts
from application.schedules.times import explained, upcoming
from contract.declarations import Help
from http_api.access import SignedInBlueprint, caller, service
from http_api.schemas.base import (
    MessageOut,
    PageQuery,
    StrictQuery,
    StrictSchema,
    name_text,
    text,
)
from http_api.schemas.contract import Listing, list_schema, page_of
from http_api.schemas.fields import BoundedList, QueryInteger, StrictBoolean, StrictString
from storage.jobs.schedules import MISFIRES, Problem, Schedule, list_schedules
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


@dataclass(frozen=True)
class ShownSchedule:
    """A schedule with its next times."""

    id: int
    name: str
    dataset_id: int
    user_soeid: Annotated[str, Help("Its jobs are this user's.")]
    run_type: str
    job_id: Annotated[str, Help("The job whose request it repeats.")]
    request: Annotated[dict[str, Any], Help("The parameters of each job.")]
    cron: str
    zone: str
    explanation: Annotated[str, Help("`cron` in words.")]
    misfire: str
    exclude_drawn_by: Annotated[list[str], Help(EXCLUDE)]
    paused_at: str | None
    next_runs: Annotated[list[str], Help("The next times in UTC; empty while paused.")]
    last_run_at: str | None
    last_job_id: str | None
    problem: Annotated[
        str | None,
        Help("Why the latest run wasn't submitted; until a run is, or the key is changed."),
    ]
    problem_template: Annotated[Problem | None, Help("`problem` as data.")]
    created_at: str

    @classmethod
    def of(cls, schedule: Schedule) -> ShownSchedule:
        """A schedule as the API shows it."""
        kept = {each.name for each in fields(cls)}
        own = {name: value for name, value in vars(schedule).items() if name in kept}
        problem = schedule.problem
        own |= {
            "explanation": explained(schedule.cron, schedule.zone),
            "next_runs": [] if schedule.paused_at else _times(schedule.cron, schedule.zone),
            "problem": None if problem is None else problem.message,
            "problem_template": problem,
        }
        return cls(**own)


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


@dataclass(frozen=True)
class NextRuns:
    """The next times of a cron expression."""

    explanation: str
    next_runs: list[str]


@dataclass(frozen=True)
class StartedRun:
    """The job of a run."""

    job_id: str


@blueprint.get("", query=SchedulesQuery, output=list_schema("schedules", ShownSchedule))
def schedules(query: dict[str, int]) -> Listing:
    """The schedules of a dataset, oldest first."""
    caller().dataset(query["dataset_id"], "read")
    with service().database.read() as tx:
        found = list_schedules(tx, query["dataset_id"])
    page = page_of(found, query)
    return replace(page, items=[ShownSchedule.of(one) for one in page.items])


@blueprint.post("", body=ScheduleIn, output=ShownSchedule)
def create_schedule(given: dict[str, Any]) -> ShownSchedule:
    """Repeat the request of a draw or a profile at times of a cron expression.

    Each run reads the newest version of its `source_ref` and draws new seeds.
    """
    job = caller().job(given.pop("job_id"))
    return ShownSchedule.of(registering.create(caller(), job, **given))


@blueprint.get("/preview", query=PreviewQuery, output=NextRuns)
def preview(query: dict[str, str]) -> NextRuns:
    """The next times of a cron expression, in UTC, and the expression in words."""
    return NextRuns(explained(**query), _times(**query))


@blueprint.patch("/<int:schedule_id>", body=ScheduleChangeIn, output=ShownSchedule)
def change_schedule(schedule_id: int, given: dict[str, Any]) -> ShownSchedule:
    """Change when a schedule runs, pause or resume it.

    The next run is the first time from now on: what a pause has missed isn't run.
    """
    return ShownSchedule.of(registering.change(caller(), schedule_id, given))


@blueprint.delete("/<int:schedule_id>", output=MessageOut)
def delete_schedule(schedule_id: int) -> dict[str, str]:
    """Delete a schedule; its jobs and samples stay."""
    registering.delete(caller(), schedule_id)
    return {"message": "Schedule deleted"}


@blueprint.post("/<int:schedule_id>/run", output=StartedRun)
def run_now(schedule_id: int) -> StartedRun:
    """Submit a job of the schedule now; its next times stay."""
    return StartedRun(registering.run_at_once(caller(), schedule_id).id)


@blueprint.get("/<int:schedule_id>/exclusion", output=ExclusionFacts)
def exclusion(schedule_id: int) -> ExclusionFacts:
    """The rows of earlier samples that a run would exclude now.

    It reads the key's columns of the whole table.
    """
    return registering.excluded_next(caller(), schedule_id).facts()


def _times(cron: str, zone: str) -> list[str]:
    return [timestamp(at) for at in upcoming(cron, zone, service().clock())]
