"""Routes of schedules: requests that the server submits again and again."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from application.excluding import ExclusionFacts
from application.schedules import registering
from application.schedules.figures import ScheduleFigures, schedule_figures
from application.schedules.times import explained, upcoming
from contract.declarations import Help
from contract.requests.automation import (
    CronRequest,
    ScheduleChangeRequest,
    ScheduleRequest,
    ScheduleRunsRequest,
    SchedulesRequest,
)
from contract.requests.pooling import ScheduleFiguresRequest
from http_api.access import SignedInBlueprint, caller, service
from http_api.schemas.base import MessageOut
from http_api.schemas.contract import Listing, list_schema, listed, page_of
from lazy_dataclasses import dataclass
from storage.jobs.schedule_runs import ScheduleRun, list_runs
from storage.jobs.schedules import Schedule, list_schedules
from storage.sqlite.clock import timestamp

blueprint = SignedInBlueprint("schedules", "Schedules", "/api/schedules")


@dataclass(frozen=True)
class ShownSchedule(Schedule):
    """A schedule with its next times."""

    explanation: Annotated[str, Help("`cron` in words.")]
    next_runs: Annotated[list[str], Help("The next times in UTC; empty while paused.")]

    @classmethod
    def of(cls, schedule: Schedule) -> ShownSchedule:
        """A schedule as the API shows it."""
        times = (schedule.cron, schedule.zone)
        next_runs = _times(*times) if schedule.enabled else []
        return cls(**vars(schedule), explanation=explained(*times), next_runs=next_runs)


@dataclass(frozen=True)
class NextRuns:
    """The next times of a cron expression."""

    explanation: str
    next_runs: list[str]


@dataclass(frozen=True)
class StartedRun:
    """The job of a run."""

    job_id: str


@blueprint.get("", output=list_schema("schedules", ShownSchedule))
def schedules(query: SchedulesRequest) -> Listing:
    """The schedules of a dataset, oldest first."""
    caller().dataset(query.dataset_id, "read")
    with service().database.read() as tx:
        page = page_of(list_schedules(tx, query.dataset_id), query)
    return replace(page, items=[ShownSchedule.of(schedule) for schedule in page.items])


@blueprint.post("")
def create_schedule(given: ScheduleRequest) -> ShownSchedule:
    """Repeat the request of a draw or a profile at times of a cron expression.

    Each run reads the newest version of its `source_ref` and draws new seeds.
    """
    return ShownSchedule.of(registering.create(caller(), given))


@blueprint.get("/preview")
def preview(query: CronRequest) -> NextRuns:
    """The next times of a cron expression, in UTC, and the expression in words."""
    return NextRuns(explained(query.cron, query.zone), _times(query.cron, query.zone))


@blueprint.patch("/<int:schedule_id>")
def change_schedule(schedule_id: int, given: ScheduleChangeRequest) -> ShownSchedule:
    """Change when a schedule runs, pause or resume it.

    The next run is the first time from now on: what a pause has missed isn't run.
    """
    return ShownSchedule.of(registering.change(caller(), schedule_id, given))


@blueprint.delete("/<int:schedule_id>", output=MessageOut)
def delete_schedule(schedule_id: int) -> dict[str, str]:
    """Delete a schedule; its jobs and samples stay."""
    registering.delete(caller(), schedule_id)
    return {"message": "Schedule deleted"}


@blueprint.post("/<int:schedule_id>/run")
def run_now(schedule_id: int) -> StartedRun:
    """Submit a job of the schedule now; its next times stay."""
    return StartedRun(registering.run_at_once(caller(), schedule_id).id)


@blueprint.get("/<int:schedule_id>/exclusion")
def exclusion(schedule_id: int) -> ExclusionFacts:
    """The rows of earlier samples that a run would exclude now.

    It reads the key's columns of the whole table.
    """
    return registering.excluded_next(caller(), schedule_id).facts()


@blueprint.get("/<int:schedule_id>/runs", output=list_schema("runs", ScheduleRun))
def runs(schedule_id: int, query: ScheduleRunsRequest) -> Listing:
    """The runs of a schedule that begins with data, newest first: each step with its job."""
    registering.readable_schedule(caller(), schedule_id)
    with service().database.read() as tx:
        return listed(list_runs(tx, schedule_id, query.offset, query.limit), query)


@blueprint.post("/<int:schedule_id>/figures", only_reads=True)
def figures(schedule_id: int, given: ScheduleFiguresRequest) -> ScheduleFigures:
    """A figure of each run of a schedule, with its interval, and of all runs together.

    Of the columns of the table, or of the findings. `pooling` says what the runs are together, and
    a note what that assumes.
    """
    return schedule_figures(caller(), schedule_id, given)


def _times(cron: str, zone: str) -> list[str]:
    return [timestamp(at) for at in upcoming(cron, zone, service().clock())]
