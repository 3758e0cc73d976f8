"""Create, change and delete schedules.

A schedule repeats the request of a job, so that it has passed the checks of a request once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from application.access import Caller
from application.excluding import ExcludedRows, with_filters
from application.relative_filters import requested_rounds
from application.schedules.asking import asked_of, checked_questions
from application.schedules.excluding import FIELD, drawn_rows, find_drawn
from application.schedules.running import run_now
from application.schedules.sources import source_of_schedule
from application.schedules.times import next_time, zone_of
from contract.fields import NotGiven
from contract.jobs import RunType
from contract.requests.automation import (
    ScheduleChangeRequest,
    ScheduleRequest,
    ScheduleSourceRequest,
)
from contract.words import Action
from service.tables.open_tables import filters_of
from storage.audit.reviewing import recorded_questions
from storage.errors import Conflict, NotFound
from storage.jobs.jobs import JobRecord
from storage.jobs.kinds import PROFILE
from storage.jobs.schedules import (
    NewSchedule,
    Schedule,
    ScheduleSource,
    Times,
    add_schedule,
    change_schedule,
    get_schedule,
    remove_schedule,
)
from storage.sqlite.database import Transaction
from storage.versions.refs import SAMPLE_PREFIX, parse_ref_name

SAMPLING_FIELDS = (
    *("source_ref", "table_key", "export_residual", "commit_message", "amount_column", "engine"),
)
PROFILING_FIELDS = ("source_ref", "table_key", "columns")
OF_REQUEST = ("questions", "same_questions")
"""Fields that a schedule has in its request."""


def repeated_request(job: JobRecord) -> dict[str, Any]:
    """The request of a job, to be repeated with new seeds, on the data of each run's time.

    Of a wave it names the panel, whose next waves are drawn.

    Raises
    ------
    Conflict
        The job is no draw and no profile.
    """
    given = job.run_parameters
    if job.kind is PROFILE:
        return {name: given[name] for name in PROFILING_FIELDS}
    if job.run_type != "sampling":
        raise Conflict("Only draws and profiles can be scheduled.", loc=("body", "job_id"))
    rounds = [
        {
            **{name: value for name, value in one.items() if name != "round_number"},
            "parameters": {k: v for k, v in one["parameters"].items() if k != "seed"},
        }
        for one in requested_rounds(given)
    ]
    own = {name: given[name] for name in SAMPLING_FIELDS if name in given}
    if "panel" in given:
        own["panel_id"] = given["panel"]["panel_id"]
    return {"rounds": with_filters(rounds, filters_of(job)), **own}


def create(by: Caller, asked: ScheduleRequest) -> Schedule:
    """Create a schedule that repeats the request of a job.

    A run excludes the rows of earlier runs by the key, and of the job if it is a draw.

    Raises
    ------
    Conflict
        The name is in use, or the job can't be scheduled.
    InvalidValue
        The expression, the zone or the name isn't valid.
    InvalidKey, UnknownColumn
        The table has no such key.
    Forbidden
        The user can't write to the dataset.
    """
    job = by.job(asked.job_id)
    by.dataset(job.dataset_id, "write")
    parse_ref_name(f"{SAMPLE_PREFIX}{'-'.join(asked.name.split())}", loc=("body", "name"))
    clock = by.service.clock
    request = repeated_request(job)
    if asked.exclude_drawn_by:
        _require_key(by, job.dataset_id, job.run_type, request, asked.exclude_drawn_by)
    if (questions := asked_of(by, job, asked)) is not None:
        checked = checked_questions(by, job.dataset_id, request, questions)
        request["questions"] = checked.given()
    given = {name: value for name, value in vars(asked).items() if name not in OF_REQUEST}
    new = NewSchedule(
        **{
            **given,
            "job_id": job.id,
            "source": _source(by, job.dataset_id, request, asked.zone, asked.source),
        },
        dataset_id=job.dataset_id,
        user_id=by.user.id,
        run_type=job.run_type,
        request=request,
        next_run_at=next_time(asked.cron, asked.zone, clock()),
    )
    with by.writing() as tx:
        schedule = add_schedule(tx, new, clock)
        _audit(by, tx, "schedule_made", schedule)
    by.service.wake_scheduler()
    return schedule


def _source(
    by: Caller,
    dataset_id: int,
    request: dict[str, Any],
    zone: str,
    asked: ScheduleSourceRequest | None,
) -> ScheduleSource | None:
    """The data with which runs begin, checked with the dates of now."""
    if asked is None:
        return None
    now = by.service.clock().astimezone(zone_of(zone))
    return source_of_schedule(by, dataset_id, request["source_ref"], asked, now)


def _require_key(
    by: Caller, dataset_id: int, run_type: RunType, request: dict[str, Any], key: Sequence[str]
) -> None:
    """Require that a key names each row of the newest version."""
    if run_type != "sampling":
        raise Conflict("Only draws can exclude drawn rows.", loc=("body", FIELD))
    if "panel_id" in request:
        raise Conflict("The waves of a panel exclude no rows.", loc=("body", FIELD))
    with by.reading():
        find_drawn(by.service, dataset_id, request, key, ())


def excluded_next(by: Caller, schedule_id: int) -> ExcludedRows:
    """The rows that a run of a schedule would exclude now; see :func:`drawn_rows`."""
    found = readable_schedule(by, schedule_id)
    with by.reading():
        return drawn_rows(by.service, found)


def readable_schedule(by: Caller, schedule_id: int) -> Schedule:
    """Return a schedule of a dataset that the user can read, else NotFound."""
    with by.service.database.read() as tx:
        found = get_schedule(tx, schedule_id)
    try:
        by.dataset(found.dataset_id, "read")
    except NotFound:
        raise NotFound("Schedule {schedule} not found.", schedule=str(schedule_id)) from None
    return found


def own_schedule(by: Caller, schedule_id: int) -> Schedule:
    """Return a schedule that the user may change: the user's own, or as the dataset's owner.

    Raises
    ------
    NotFound, Forbidden
        It doesn't exist, or is of another user.
    """
    found = readable_schedule(by, schedule_id)
    by.dataset(found.dataset_id, "write" if found.user_id == by.user.id else "admin")
    return found


def change(by: Caller, schedule_id: int, changes: ScheduleChangeRequest) -> Schedule:
    """Change the times or the key, pause or resume; the next run is the first time from now on."""
    schedule = own_schedule(by, schedule_id)
    key = changes.exclude_drawn_by
    if key and list(key) != schedule.exclude_drawn_by:
        _require_key(by, schedule.dataset_id, schedule.run_type, schedule.request, key)
    request = _changed_request(by, schedule, changes)
    asked, source = changes.source, None
    if not isinstance(asked, NotGiven):
        zone = changes.zone or schedule.zone
        source = _source(by, schedule.dataset_id, schedule.request, zone, asked)
    with by.writing() as tx:
        before = get_schedule(tx, schedule_id)
        now = by.service.clock()
        cron, zone = changes.cron or before.cron, changes.zone or before.zone
        is_paused = before.paused_at is not None
        times = Times(
            cron,
            zone,
            changes.misfire or before.misfire,
            now,
            next_time(cron, zone, now),
            is_paused if changes.enabled is None else not changes.enabled,
        )
        changed = change_schedule(
            tx,
            before,
            times,
            before.exclude_drawn_by if key is None else key,
            before.source if isinstance(asked, NotGiven) else source,
            before.request if request is None else request,
        )
        _audit(by, tx, "schedule_changed", changed)
    by.service.wake_scheduler()
    return changed


def _changed_request(
    by: Caller, schedule: Schedule, changes: ScheduleChangeRequest
) -> dict[str, Any] | None:
    """The request with other questions; None if they stay."""
    if isinstance(changes.questions, NotGiven):
        return None
    request = {name: value for name, value in schedule.request.items() if name != "questions"}
    if changes.questions is None:
        return request
    checked = checked_questions(by, schedule.dataset_id, request, changes.questions)
    return {**request, "questions": checked.given()}


def delete(by: Caller, schedule_id: int) -> None:
    """Delete a schedule; its jobs and samples stay."""
    own_schedule(by, schedule_id)
    with by.writing() as tx:
        found = get_schedule(tx, schedule_id)
        remove_schedule(tx, found)
        _audit(by, tx, "schedule_deleted", found)


def run_at_once(by: Caller, schedule_id: int) -> JobRecord:
    """Submit a job of a schedule now, as its user."""
    schedule = own_schedule(by, schedule_id)

    def record(tx: Transaction, job_id: str) -> None:
        by.audit(
            tx,
            "schedule_run",
            dataset_id=schedule.dataset_id,
            about=("schedule", schedule.id),
            name=schedule.name,
            job_id=job_id,
        )

    with by.reading():
        return run_now(by.service, schedule, by.authority(), record)


def _audit(by: Caller, tx: Transaction, action: Action, schedule: Schedule) -> None:
    by.audit(
        tx,
        action,
        dataset_id=schedule.dataset_id,
        about=("schedule", schedule.id),
        name=schedule.name,
        cron=schedule.cron,
        zone=schedule.zone,
        paused=schedule.paused_at is not None,
        exclude_drawn_by=schedule.exclude_drawn_by or None,
        questions=_question_names(schedule),
        begins_with=None if schedule.source is None else schedule.source.uri,
    )


def _question_names(schedule: Schedule) -> str | None:
    found = recorded_questions(schedule.request)
    return None if found is None else ", ".join(each.name for each in found.questions)
