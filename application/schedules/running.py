"""Submit the jobs of schedules when they are due.

A run uses the user, the rights and the data of its time. The job and the schedule's next time are
written in one transaction.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from application.job_submission import Submission
from application.profiling import submit_profiling
from application.sampling import SamplingRequest, submit_sampling
from application.schedules.excluding import (
    DrawnRows,
    EarlierRunUnfinished,
    drawn_rows,
    exclude,
)
from application.schedules.times import next_time
from domain_errors import DomainError
from job_runner.attempt import ServiceStopping
from service.errors import transient_error, unexpected_error
from service.sampling_parameters import stated_rounds
from service.service import Service
from storage.accounts.authority import Authority, require_level
from storage.accounts.users import get_user
from storage.errors import NotFound
from storage.jobs.jobs import Job, get_job
from storage.jobs.schedules import (
    Problem,
    Schedule,
    ScheduleChanged,
    active_schedules,
    advance_schedule,
    draws_of,
    get_schedule,
    note_run,
)
from storage.sqlite.database import Transaction

logger = logging.getLogger("jobsvc.schedules")

LATE = timedelta(minutes=2)
"""A run that is later than this was missed, and the misfire rule applies."""
SET_BACK = timedelta(hours=1)
"""When the clock was set back by more than this, the next time is computed anew; by less, no run is
repeated."""
MIN_PAUSE_S, MAX_PAUSE_S = 0.01, 60.0
"""Bounds of the wait for the next run: a change of the clock is found in a minute."""
FAULT_PAUSE = timedelta(seconds=5)
"""Pause after a fault of the machine, before the run is tried again."""
UNFINISHED_PAUSE = timedelta(seconds=2)
"""How long a run waits before it looks again whether the run before has ended."""

CLOCK_SET_BACK = Problem("clock_set_back", "The clock of the server was set back.")
MISSED = Problem("missed", "The run was skipped: its time was missed.")


class Scheduler:
    """The thread that submits what is due."""

    def __init__(self) -> None:
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, service: Service) -> None:
        """Start with what became due while no server ran."""
        self._thread = threading.Thread(
            target=self._run, args=(service,), name="scheduler", daemon=True
        )
        self._thread.start()

    def wake(self) -> None:
        """Signal that a schedule was created or changed."""
        self._wake.set()

    def stop(self) -> None:
        """Join the thread; ``service.stopping`` must be set before."""
        self.wake()
        if self._thread is not None:
            self._thread.join()

    def _run(self, service: Service) -> None:
        while not service.stopping.is_set():
            try:
                pause_s = run_due(service)
            except ServiceStopping:
                return
            except Exception:
                logger.exception("running schedules failed")
                pause_s = FAULT_PAUSE.total_seconds()
            self._wake.wait(pause_s)
            self._wake.clear()


def run_due(service: Service) -> float:
    """Submit the jobs of all schedules that are due; return the seconds until the next one."""
    now = service.clock()
    with service.database.read() as tx:
        found = active_schedules(tx)
    times = []
    for schedule in found:
        try:
            times.append(_next_run(service, schedule, now))
        except ServiceStopping:
            raise
        except Exception as error:
            times.append(_after_fault(service, schedule, now, error))
    if not times:
        return MAX_PAUSE_S
    return min(max((min(times) - service.clock()).total_seconds(), MIN_PAUSE_S), MAX_PAUSE_S)


def _next_run(service: Service, schedule: Schedule, now: datetime) -> datetime:
    """Run a schedule if it is due; return its next time."""
    due = datetime.fromisoformat(schedule.next_run_at)
    if datetime.fromisoformat(schedule.counted_from) > now + SET_BACK:
        return _advance(service, schedule, now, CLOCK_SET_BACK)
    return _run(service, schedule, due, now) if due <= now else due


def _after_fault(service: Service, schedule: Schedule, now: datetime, error: Exception) -> datetime:
    """Return the next time of a schedule whose run met a fault, which delays no other schedule.

    A transient fault repeats the run soon. Another one is noted, and the run is given up.
    """
    fault = unexpected_error(error)
    if transient_error(error) is not None:
        logger.warning("schedule %d met a transient error: %s", schedule.id, fault.code)
        return now + FAULT_PAUSE
    logger.error("a run of schedule %d failed", schedule.id, exc_info=error)
    return _advance(service, schedule, now, Problem(fault.code, fault.message))


def run_now(
    service: Service,
    schedule: Schedule,
    authority: Authority,
    record_more: Callable[[Transaction, str], None],
) -> Job:
    """Submit a new job out of turn, as the schedule's user; its next time stays.

    Its sample's name has the seconds, so that no run of a schedule's time has it. ``authority`` and
    ``record_more`` are of the user who submits it.

    Raises
    ------
    DomainError
        As for a request of the user.
    """

    def record(tx: Transaction, job_id: str) -> None:
        note_run(tx, schedule, job_id, service.clock)
        record_more(tx, job_id)

    while True:
        now = service.clock()
        name = f"{schedule.name}-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}"
        try:
            return _submit(service, schedule, name, record, authority)
        except ScheduleChanged:  # another run ended its draw, or the schedule was deleted
            with service.database.read() as tx:
                schedule = get_schedule(tx, schedule.id)


def _run(service: Service, schedule: Schedule, due: datetime, now: datetime) -> datetime:
    """Submit the job of a due schedule, or note why not; return its next time."""
    is_late = now - due > LATE and not _has_waited(service, schedule, due)
    if is_late and schedule.misfire == "skip":
        return _advance(service, schedule, now, MISSED)
    following = next_time(schedule.cron, schedule.zone, now)

    def record(tx: Transaction, job_id: str) -> None:
        advance_schedule(tx, schedule, now, following, job_id=job_id)

    try:
        _submit(service, schedule, f"{schedule.name}-{due.astimezone(UTC):%Y%m%dT%H%MZ}", record)
    except ScheduleChanged:
        return now  # read it again
    except EarlierRunUnfinished:
        return now + UNFINISHED_PAUSE
    except DomainError as error:
        return _advance(service, schedule, now, Problem.of(error))
    return following


def _has_waited(service: Service, schedule: Schedule, due: datetime) -> bool:
    """Whether the run before hadn't ended at the time of this one, which excludes its rows."""
    if not schedule.exclude_drawn_by or schedule.last_job_id is None:
        return False
    try:
        with service.database.read() as tx:
            ended_at = get_job(tx, schedule.last_job_id, with_position=False).completed_at
    except NotFound:  # pruned
        return False
    return ended_at is None or datetime.fromisoformat(ended_at) > due


def _advance(service: Service, schedule: Schedule, now: datetime, problem: Problem) -> datetime:
    """Set the next time without a job."""
    following = next_time(schedule.cron, schedule.zone, now)
    logger.info("schedule %d: %s", schedule.id, problem.message)
    try:
        with service.database.write() as tx:
            advance_schedule(tx, schedule, now, following, problem=problem)
    except ScheduleChanged:
        return now
    service.wake_sender()
    return following


def _submit(
    service: Service,
    schedule: Schedule,
    name: str,
    record: Callable[[Transaction, str], None],
    authority: Authority | None = None,
) -> Job:
    """Submit a job; ``authority`` is of the user who runs the schedule out of turn."""
    with service.database.read() as tx:
        user = get_user(tx, schedule.user_id)
        dataset = require_level(tx, user, schedule.dataset_id, "write")

    drawn: DrawnRows | None = None

    def check_and_record(tx: Transaction, job_id: str) -> None:
        require_level(tx, get_user(tx, user.id), dataset.id, "write")
        if drawn is not None and [job.id for job in draws_of(tx, schedule)] != drawn.job_ids:
            raise ScheduleChanged
        record(tx, job_id)

    by = Submission(user, "batch", authority=authority, record=check_and_record)
    given: dict[str, Any] = schedule.request
    if schedule.run_type == "profiling":
        return submit_profiling(service, by, dataset, **given)
    is_out_of_turn = authority is not None
    request = SamplingRequest(
        **{**given, "rounds": stated_rounds(given["rounds"], recorded=True)},
        output_name=name,
        numbers_name=is_out_of_turn,
        allow_empty=True,  # there may be nothing new
    )
    if schedule.exclude_drawn_by:
        drawn = drawn_rows(service, schedule, partial(_stop_with, service))
        request = replace(request, excluded=exclude(service, user, schedule, drawn))
    return submit_sampling(service, by, dataset, request)


def _stop_with(service: Service, _: float, __: str) -> None:
    """End a long scan when the service stops."""
    if service.stopping.is_set():
        raise ServiceStopping
