"""Schedules: requests that the server submits again and again.

The job of a run and the schedule's next time are written in one transaction, so that a crash
neither loses nor repeats a run.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, field
from datetime import datetime
from typing import Annotated, Any, Literal

from contract.answers import Hidden, Named
from contract.declarations import Help
from contract.requests.automation import EXCLUDE
from contract.words import Misfire
from domain_errors import DomainError, render
from lazy_dataclasses import dataclass
from storage.errors import Conflict, NotFound
from storage.jobs.jobs import JobRecord, get_job
from storage.sqlite.clock import Clock, timestamp
from storage.sqlite.database import Transaction
from storage.sqlite.queries import (
    Records,
    all_rows,
    first,
    json_text,
    only,
    required,
    run,
    run_each,
)

MAX_SCHEDULES = 100
"""Schedules of a dataset."""


class ScheduleChanged(Conflict):
    """The schedule was changed, paused or deleted since it was read."""

    template = "The schedule was changed meanwhile."


@dataclass(frozen=True)
class Problem:
    """Why a run wasn't submitted, as data: surfaces render their own sentence."""

    code: str
    template: str
    parameters: Mapping[str, object] = field(default_factory=dict)

    @classmethod
    def of(cls, error: DomainError) -> Problem:
        """The problem of a refused request."""
        return cls(error.code, error.template, error.parameters)

    @property
    def message(self) -> str:
        """The sentence with the API's names."""
        return render(self.template, self.parameters)


@dataclass(frozen=True)
class ScheduleSource:
    """The attachment or the import with which each run of a schedule begins.

    Parameters
    ----------
    parameters : dict
        The run parameters of the job whose request is repeated.
    """

    job_id: Annotated[str, Help("The attachment or the import whose request is repeated.")]
    uri: Annotated[list[str], Help("The URI of each run, with the date; empty: that of the job.")]
    profile: Annotated[bool, Help("Whether the new version is profiled.")]
    parameters: Hidden[dict[str, Any]]


@dataclass(frozen=True)
class Schedule:
    """A schedule.

    Parameters
    ----------
    request : dict
        The parameters of each job, without seeds and without the name of the sample.
    misfire : {"run", "skip"}
        What happens at a time at which the server didn't run: one run late, or none.
    counted_from : str
        ``next_run_at`` is the first time of the schedule after this one.
    problem : Problem or None
        Why the latest run wasn't submitted; until a run is, or the key is changed.
    job_id : str
        The job whose request is repeated; it may have been pruned.
    exclude_drawn_by : list of str
        The key columns by which a run excludes the rows of earlier runs; empty to exclude none.
    """

    id: int
    dataset_id: int
    user_id: Hidden[int]
    name: str
    run_type: Literal["sampling", "profiling"]
    request: Annotated[dict[str, Any], Help("The parameters of each job.")]
    cron: str
    zone: str
    misfire: Misfire
    created_at: str
    counted_from: Hidden[str]
    next_run_at: Hidden[str]
    paused_at: str | None
    last_run_at: str | None
    last_job_id: str | None
    problem: Annotated[Problem | None, Named("problem_template"), Help("`problem` as data.")]
    job_id: Annotated[str, Help("The job whose request it repeats.")]
    exclude_drawn_by: Annotated[list[str], Help(EXCLUDE)]
    source: Annotated[ScheduleSource | None, Help("The data with which a run begins.")]
    user_soeid: Annotated[str, Help("Its jobs are this user's.")]

    @property
    def enabled(self) -> Annotated[bool, Help("False while it is paused.")]:
        """Whether it runs at its times."""
        return self.paused_at is None

    @property
    def problem_text(
        self,
    ) -> Annotated[
        str | None,
        Named("problem"),
        Help("Why the latest run wasn't submitted; until a run is, or the key is changed."),
    ]:
        """The sentence of the problem."""
        return None if self.problem is None else self.problem.message


def read_problem(text: str | None) -> Problem | None:
    """The problem of its stored form."""
    return None if text is None else Problem(**json.loads(text))


def problem_text(problem: Problem | None) -> str | None:
    """The stored form of a problem."""
    return None if problem is None else json.dumps(asdict(problem), default=str)


def _source(text: str | None) -> ScheduleSource | None:
    return None if text is None else ScheduleSource(**json.loads(text))


_SCHEDULES = Records(
    Schedule,
    request=json.loads,
    exclude_drawn_by=json.loads,
    problem=read_problem,
    source=_source,
)


@dataclass(frozen=True)
class NewSchedule:
    """A schedule to add, which repeats the request of the job ``job_id``."""

    job_id: str
    dataset_id: int
    user_id: int
    name: str
    run_type: str
    request: dict[str, Any]
    cron: str
    zone: str
    misfire: str
    next_run_at: datetime
    exclude_drawn_by: Sequence[str] = ()
    source: ScheduleSource | None = None


@dataclass(frozen=True)
class Times:
    """The times of a schedule, and the time from which ``next_run_at`` was computed."""

    cron: str
    zone: str
    misfire: str
    now: datetime
    next_run_at: datetime
    is_paused: bool


def add_schedule(tx: Transaction, new: NewSchedule, clock: Clock) -> Schedule:
    """Add a schedule; raise Conflict if the name is in use or the dataset has too many."""
    known = list_schedules(tx, new.dataset_id)
    taken = [schedule.name for schedule in known if _in_ref(schedule.name) == _in_ref(new.name)]
    if taken:
        raise Conflict(
            'There is a schedule "{name}" already, whose samples would have the same names.',
            loc=("name",),
            name=taken[0],
        )
    if len(known) >= MAX_SCHEDULES:
        raise Conflict("The dataset has {most} schedules, the limit.", most=MAX_SCHEDULES)
    values = {
        **vars(new),
        "request": json_text(new.request),
        "next_run_at": timestamp(new.next_run_at),
        "exclude_drawn_by": json_text(new.exclude_drawn_by),
        "source": _source_text(new.source),
    }
    row = only(tx, "insert_schedule", **values, now=timestamp(clock()))
    return get_schedule(tx, row["id"])


def _source_text(source: ScheduleSource | None) -> str | None:
    return None if source is None else json_text(vars(source))


def _in_ref(name: str) -> str:
    """A name as the refs of samples have it: with ``-`` for white space; in lower case."""
    return "-".join(name.split()).casefold()


def get_schedule(tx: Transaction, schedule_id: int) -> Schedule:
    """Return a schedule, without a check of permissions."""
    missing = NotFound("Schedule {schedule} not found.", schedule=str(schedule_id))
    every = {"dataset_id": None, "active": False}
    return _SCHEDULES.get(tx, "list_schedules", missing, id=schedule_id, **every)


def list_schedules(tx: Transaction, dataset_id: int) -> list[Schedule]:
    """Return the schedules of a dataset, oldest first."""
    return _SCHEDULES.all(tx, "list_schedules", id=None, dataset_id=dataset_id, active=False)


def active_schedules(tx: Transaction) -> list[Schedule]:
    """Return all schedules that aren't paused."""
    return _SCHEDULES.all(tx, "list_schedules", id=None, dataset_id=None, active=True)


def draws_of(tx: Transaction, schedule: Schedule) -> tuple[JobRecord, ...]:
    """Return the draws of a schedule that haven't ended or whose sample a ref names, oldest first.

    The first may be the draw whose request the schedule repeats.
    """
    rows = all_rows(tx, "draws_of_schedule", schedule_id=schedule.id, job_id=schedule.job_id)
    return tuple(get_job(tx, row["id"], with_position=False) for row in rows)


def sampled_runs(tx: Transaction, schedule_id: int, limit: int) -> tuple[JobRecord, ...]:
    """Return the newest completed draws of a schedule's runs whose sample is kept, oldest first."""
    rows = all_rows(tx, "sampled_runs", schedule_id=schedule_id, limit=limit)
    return tuple(get_job(tx, row["id"], with_position=False) for row in reversed(rows))


def is_run_of_schedule(tx: Transaction, job_id: str) -> bool:
    """Return whether a schedule submitted a job."""
    return first(tx, "schedule_of_job", job_id=job_id) is not None


def change_schedule(
    tx: Transaction,
    schedule: Schedule,
    times: Times,
    exclude_drawn_by: Sequence[str],
    source: ScheduleSource | None,
    request: Mapping[str, Any],
) -> Schedule:
    """Change when a schedule runs, the key by which it excludes rows, its data and its request."""
    paused_at = (schedule.paused_at or timestamp(times.now)) if times.is_paused else None
    run(
        tx,
        "update_schedule",
        id=schedule.id,
        cron=times.cron,
        zone=times.zone,
        misfire=times.misfire,
        paused_at=paused_at,
        now=timestamp(times.now),
        next_run_at=timestamp(times.next_run_at),
        exclude_drawn_by=json_text(exclude_drawn_by),
        source=_source_text(source),
        request=json_text(request),
    )
    if exclude_drawn_by != schedule.exclude_drawn_by:
        run(tx, "forget_schedule_problem", id=schedule.id)
    return get_schedule(tx, schedule.id)


def advance_schedule(
    tx: Transaction,
    schedule: Schedule,
    now: datetime,
    next_run_at: datetime,
    *,
    job_id: str | None = None,
    problem: Problem | None = None,
) -> None:
    """Set the next run, in the transaction of the job or with the problem; or ScheduleChanged."""
    required(
        tx,
        "advance_schedule",
        ScheduleChanged(),
        id=schedule.id,
        due=schedule.next_run_at,
        now=timestamp(now),
        next_run_at=timestamp(next_run_at),
        job_id=job_id,
        problem=problem_text(problem),
    )
    run(tx, "note_schedule_of_job", schedule_id=schedule.id, job_id=job_id)


def note_run(tx: Transaction, schedule: Schedule, job_id: str, clock: Clock) -> None:
    """Note a job that was submitted out of turn; the next time stays."""
    entry = {"id": schedule.id, "job_id": job_id, "now": timestamp(clock())}
    required(tx, "note_run", ScheduleChanged(), **entry)
    run(tx, "note_schedule_of_job", schedule_id=schedule.id, job_id=job_id)


def remove_schedule(tx: Transaction, schedule: Schedule) -> None:
    """Delete a schedule and the list of its runs; its jobs stay."""
    run_each(tx, ("delete_runs_of_schedule", "delete_schedule"), id=schedule.id)
