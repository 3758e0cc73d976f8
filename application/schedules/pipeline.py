"""Runs of schedules that begin with data: attach or import, profile, then draw.

Each step is a job of the schedule's user, submitted when the step before has ended. A step that
fails ends the run. A version that doesn't meet its data contract stops it until the version is
accepted, or until another run begins.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from application.excluding import EarlierRunUnfinished
from application.job_submission import Submission
from application.panels.drawing import NoNewVersion, WaveUnfinished
from application.profiling import submit_profiling
from application.schedules.sources import submit_data
from application.schedules.submitting import submit_repeated
from contract.words import RunState
from domain_errors import DomainError
from service.errors import ServiceStopping, transient_error, unexpected_error
from service.service import Service
from storage.accounts.authority import Authority, require_level
from storage.accounts.users import get_user
from storage.errors import NotFound
from storage.jobs.jobs import JobRecord, get_job
from storage.jobs.schedule_runs import (
    ScheduleRun,
    insert_run,
    note_problem,
    open_runs,
    set_run,
)
from storage.jobs.schedules import (
    Problem,
    Schedule,
    ScheduleChanged,
    ScheduleSource,
    get_schedule,
    note_run,
)
from storage.sqlite.database import Transaction
from storage.versions.data_contracts import find_kept_apart
from storage.versions.refs import find_ref

logger = logging.getLogger("jobsvc.schedules")

STEP_FAILED = "The {step} of the run failed (job {job_id}): {reason}"
KEPT_APART = (
    "The new version doesn't meet its data contract, so it is kept apart and nothing was drawn "
    "(job {job_id}): {reason} Accept it, or correct the data and run the schedule again."
)
NOT_ACCEPTED = "The version that was kept apart was deleted (job {job_id})."
ENDED_OTHERWISE = "The {step} of the run was pruned before the run went on (job {job_id})."


def begin_run(
    service: Service,
    schedule: Schedule,
    source: ScheduleSource,
    name: str,
    record: Callable[[Transaction, str], None],
    authority: Authority | None = None,
) -> JobRecord:
    """Submit the first job of a run; ``authority`` is of the user who runs it out of turn.

    Raises
    ------
    EarlierRunUnfinished
        A job of the run before hasn't ended.
    DomainError
        As for a request of the user.
    """
    with service.database.read() as tx:
        user = get_user(tx, schedule.user_id)
        dataset = require_level(tx, user, schedule.dataset_id, "write")
    now = service.clock()

    def check_and_record(tx: Transaction, job_id: str) -> None:
        require_level(tx, get_user(tx, user.id), dataset.id, "write")
        for found in open_runs(tx, schedule.id):
            if found.state == "running":
                raise EarlierRunUnfinished(job_id=found.job_id or found.data_job_id)
        record(tx, job_id)
        insert_run(tx, schedule, name, job_id, now, numbers_name=authority is not None)

    by = Submission(user, "batch", authority=authority, record=check_and_record)
    return submit_data(service, by, dataset, source, now.astimezone(ZoneInfo(schedule.zone)))


def advance_runs(service: Service) -> bool:
    """Submit the next step of each run whose step has ended; return whether a run has a job.

    A transient fault repeats the step soon. Another one ends the run, and delays no other.
    """
    with service.database.read() as tx:
        found = open_runs(tx)
    are_running = False
    for each in found:
        step = _Step(service, each)
        try:
            are_running |= step.advance()
        except ServiceStopping:
            raise
        except (ScheduleChanged, EarlierRunUnfinished, WaveUnfinished):
            are_running = True  # read it again
        except Exception as error:
            fault = unexpected_error(error)
            if transient_error(error) is None:
                logger.error("run %d of a schedule failed", each.id, exc_info=error)
                step.end("failed", Problem(fault.code, fault.message), notes=True)
            else:
                logger.warning("run %d met a transient error: %s", each.id, fault.code)
                are_running = True
    return are_running


class _Step:
    """The next step of a run."""

    def __init__(self, service: Service, found: ScheduleRun) -> None:
        self.service, self.run = service, found

    def advance(self) -> bool:
        """Submit it if the step before has ended; return whether a job of the run runs."""
        try:
            with self.service.database.read() as tx:
                schedule = get_schedule(tx, self.run.schedule_id)
        except NotFound:
            return False  # it was deleted since
        run = self.run
        if not self._has_ended("data", run.data_job_id):
            return self.run.state == "running"
        if not self._may_go_on(schedule):
            return False
        source = schedule.source
        if source is not None and source.profile and run.profile_job_id is None:
            return self._submit(schedule, self._profile)
        if run.profile_job_id is not None and not self._has_ended("profile", run.profile_job_id):
            return self.run.state == "running"
        if run.job_id is None:
            return self._submit(schedule, self._draw)
        if self._has_ended("draw", run.job_id):
            self.end("completed")
        return self.run.state == "running"

    def end(self, state: RunState, problem: Problem | None = None, *, notes: bool = False) -> None:
        """Set the state; ``notes`` the problem at the schedule, which messages report."""
        with self.service.database.write() as tx:
            self.run = set_run(tx, self.run, self.service.clock, state=state, problem=problem)
            if notes and problem is not None:
                note_problem(tx, self.run.schedule_id, problem, self.service.clock)
        self.service.wake_sender()

    def _has_ended(self, step: str, job_id: str) -> bool:
        """Whether a job has completed; a failed one ends the run, which its messages report."""
        if step == "data":
            step = "attachment or import"
        try:
            with self.service.database.read() as tx:
                job = get_job(tx, job_id, with_position=False)
        except NotFound:
            about = {"step": step, "job_id": job_id[:8]}
            self.end("failed", Problem("pruned", ENDED_OTHERWISE, about), notes=True)
            return False
        if job.status == "failed":
            about = {"step": step, "job_id": job_id[:8], "reason": job.error_message or ""}
            self.end("failed", Problem(job.error_code or "", STEP_FAILED, about))
        return job.status == "completed"

    def _may_go_on(self, schedule: Schedule) -> bool:
        """Whether the version of the run is the ref's, or was accepted."""
        with self.service.database.read() as tx:
            kept = find_kept_apart(tx, schedule.dataset_id, self.run.data_job_id)
        if kept is None or kept.state == "accepted":
            return True
        about = {"job_id": kept.job_id[:8], "reason": kept.failures[0]["text"]}
        if kept.state == "deleted":
            self.end("failed", Problem("not_accepted", NOT_ACCEPTED, about))
        elif self.run.state == "running":
            self.end("kept_apart", Problem("kept_apart", KEPT_APART, about), notes=True)
        return False

    def _submit(self, schedule: Schedule, submit: Callable[[Schedule], JobRecord | None]) -> bool:
        """Submit a step; a refused one ends the run."""
        try:
            submit(self._on_new_version(schedule))
        except NoNewVersion:
            self.end("completed")
            return False
        except (ScheduleChanged, EarlierRunUnfinished, WaveUnfinished):
            raise
        except DomainError as error:
            self.end("failed", Problem.of(error), notes=True)
            return False
        return True

    def _on_new_version(self, schedule: Schedule) -> Schedule:
        """The schedule with the version of this run, if its ref names another one by now."""
        with self.service.database.read() as tx:
            data = get_job(tx, self.run.data_job_id, with_position=False)
            ref = find_ref(tx, schedule.dataset_id, schedule.request["source_ref"])
        if ref is not None and ref.commit_id == data.output_commit_id:
            return schedule
        request = {**schedule.request, "source_ref": data.output_commit_id}
        return replace(schedule, request=request)

    def _profile(self, schedule: Schedule) -> JobRecord:
        service = self.service
        with service.database.read() as tx:
            user = get_user(tx, schedule.user_id)
            dataset = require_level(tx, user, schedule.dataset_id, "write")

        def record(tx: Transaction, job_id: str) -> None:
            require_level(tx, get_user(tx, user.id), dataset.id, "write")
            set_run(tx, self.run, service.clock, profile_job_id=job_id)
            note_run(tx, schedule, job_id, service.clock)

        by = Submission(user, "batch", record=record)
        given = {name: schedule.request[name] for name in ("source_ref", "table_key")}
        return submit_profiling(service, by, dataset, **given, columns=[])

    def _draw(self, schedule: Schedule) -> JobRecord:
        service = self.service
        began_at = datetime.fromisoformat(self.run.began_at).astimezone(UTC)

        def record(tx: Transaction, job_id: str) -> None:
            set_run(tx, self.run, service.clock, job_id=job_id)
            note_run(tx, schedule, job_id, service.clock)

        return submit_repeated(
            service,
            schedule,
            self.run.name,
            record,
            now=began_at,
            numbers_name=self.run.numbers_name,
        )
