"""Runs of schedules that begin with data: their steps, each with its job.

A job of a step is written in the transaction that notes it, so that a crash neither loses nor
repeats a step.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Annotated

from contract.answers import Hidden, Named
from contract.declarations import Help
from contract.words import RunState
from lazy_dataclasses import dataclass
from storage.jobs.schedules import (
    Problem,
    Schedule,
    ScheduleChanged,
    problem_text,
    read_problem,
)
from storage.sqlite.clock import Clock, timestamp
from storage.sqlite.database import Transaction
from storage.sqlite.queries import Records, required, run


@dataclass(frozen=True)
class ScheduleRun:
    """A run of a schedule that begins with data.

    Parameters
    ----------
    began_at : str
        Relative dates are those of this time.
    data_job_id, profile_job_id, job_id : str or None
        The jobs of its steps, None of a step that hasn't begun; they may have been pruned.
    ended_at : str or None
        None while a job runs, or while the version may still be accepted.
    """

    id: int
    schedule_id: int
    name: Annotated[str, Help("The name of its sample.")]
    numbers_name: Hidden[bool]
    began_at: Annotated[str, Help("The dates of the URI and of filters are those of this time.")]
    state: Annotated[
        RunState, Help("`kept_apart`: the version doesn't meet its data contract; see `problem`.")
    ]
    data_job_id: Annotated[str, Help("The attachment or the import.")]
    profile_job_id: Annotated[str | None, Help("The profile of the new version.")]
    job_id: Annotated[str | None, Help("The draw or the profile that the schedule repeats.")]
    problem: Annotated[Problem | None, Named("problem_template"), Help("`problem` as data.")]
    ended_at: str | None

    @property
    def problem_text(
        self,
    ) -> Annotated[str | None, Named("problem"), Help("Why it stopped, and at which step.")]:
        """The sentence of the problem."""
        return None if self.problem is None else self.problem.message


_RUNS = Records(ScheduleRun, problem=read_problem, numbers_name=bool)


def insert_run(
    tx: Transaction,
    schedule: Schedule,
    name: str,
    job_id: str,
    now: datetime,
    *,
    numbers_name: bool,
) -> None:
    """Note a run in the transaction of its first job; runs that wait for an acceptance end."""
    at = timestamp(now)
    run(tx, "end_runs_kept_apart", schedule_id=schedule.id, now=at)
    run(
        tx,
        "insert_run",
        schedule_id=schedule.id,
        name=name,
        numbers_name=numbers_name,
        began_at=at,
        data_job_id=job_id,
    )


def list_runs(
    tx: Transaction, schedule_id: int, offset: int, limit: int
) -> tuple[list[ScheduleRun], int]:
    """A page of the runs of a schedule, newest first, and their number."""
    return _RUNS.page(tx, "list_runs", offset, limit, schedule_id=schedule_id)


def open_runs(tx: Transaction, schedule_id: int | None = None) -> list[ScheduleRun]:
    """The runs that haven't ended, or those of a schedule; oldest first."""
    return _RUNS.all(tx, "open_runs", schedule_id=schedule_id)


def set_run(
    tx: Transaction,
    found: ScheduleRun,
    clock: Clock,
    *,
    state: RunState = "running",
    profile_job_id: str | None = None,
    job_id: str | None = None,
    problem: Problem | None = None,
) -> ScheduleRun:
    """Change a run that is as it was read, or raise ScheduleChanged."""
    ended_at = timestamp(clock()) if state in ("completed", "failed") else None
    required(
        tx,
        "set_run",
        ScheduleChanged(),
        id=found.id,
        state=state,
        profile_job_id=profile_job_id,
        job_id=job_id,
        problem=problem_text(problem),
        ended_at=ended_at,
        state_before=found.state,
        profile_before=found.profile_job_id,
        job_before=found.job_id,
    )
    return replace(
        found,
        state=state,
        profile_job_id=profile_job_id or found.profile_job_id,
        job_id=job_id or found.job_id,
        problem=problem,
        ended_at=ended_at,
    )


def note_problem(tx: Transaction, schedule_id: int, problem: Problem, clock: Clock) -> None:
    """Note the problem of a run at its schedule, which receivers of messages are sent."""
    values = {"id": schedule_id, "now": timestamp(clock()), "problem": problem_text(problem)}
    run(tx, "note_schedule_problem", **values)
