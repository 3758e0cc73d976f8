"""Submit the jobs of schedules when they are due.

A run uses the user, the rights and the data of its time. The job and the schedule's next time are
written in one transaction.
"""

from __future__ import annotations

import logging
import threading
from datetime import UTC, datetime, timedelta

from application.excluding import EarlierRunUnfinished
from application.panels.drawing import NoNewVersion, WaveUnfinished
from application.schedules.pipeline import advance_runs
from application.schedules.running import submit_run
from application.schedules.times import next_time
from domain_errors import DomainError
from service.errors import ServiceStopping, transient_error, unexpected_error
from service.service import Service
from storage.errors import NotFound
from storage.jobs.jobs import get_job
from storage.jobs.schedules import (
    Problem,
    Schedule,
    ScheduleChanged,
    active_schedules,
    advance_schedule,
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
    if advance_runs(service):
        times.append(service.clock() + UNFINISHED_PAUSE)
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


def _run(service: Service, schedule: Schedule, due: datetime, now: datetime) -> datetime:
    """Submit the job of a due schedule, or note why not; return its next time."""
    is_late = now - due > LATE and not _has_waited(service, schedule, due)
    if is_late and schedule.misfire == "skip":
        return _advance(service, schedule, now, MISSED)
    following = next_time(schedule.cron, schedule.zone, now)

    def record(tx: Transaction, job_id: str) -> None:
        advance_schedule(tx, schedule, now, following, job_id=job_id)

    try:
        submit_run(service, schedule, f"{schedule.name}-{due.astimezone(UTC):%Y%m%dT%H%MZ}", record)
    except ScheduleChanged:
        return now  # read it again
    except (EarlierRunUnfinished, WaveUnfinished):
        return now + UNFINISHED_PAUSE
    except NoNewVersion:
        return _advance(service, schedule, now, None)
    except DomainError as error:
        return _advance(service, schedule, now, Problem.of(error))
    return following


def _has_waited(service: Service, schedule: Schedule, due: datetime) -> bool:
    """Whether the run before hadn't ended at the time of this one, which waits for it."""
    waits = bool(schedule.exclude_drawn_by) or schedule.source is not None
    if not waits or schedule.last_job_id is None:
        return False
    try:
        with service.database.read() as tx:
            ended_at = get_job(tx, schedule.last_job_id, with_position=False).completed_at
    except NotFound:  # pruned
        return False
    return ended_at is None or datetime.fromisoformat(ended_at) > due


def _advance(
    service: Service, schedule: Schedule, now: datetime, problem: Problem | None
) -> datetime:
    """Set the next time without a job."""
    following = next_time(schedule.cron, schedule.zone, now)
    if problem is not None:
        logger.info("schedule %d: %s", schedule.id, problem.message)
    try:
        with service.database.write() as tx:
            advance_schedule(tx, schedule, now, following, problem=problem)
    except ScheduleChanged:
        return now
    service.wake_sender()
    return following
