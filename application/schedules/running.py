"""Run a schedule: submit its job, or the first job of a run that begins with data."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC

from application.schedules.pipeline import begin_run
from application.schedules.submitting import submit_repeated
from service.service import Service
from storage.accounts.authority import Authority
from storage.jobs.jobs import JobRecord
from storage.jobs.schedules import Schedule, ScheduleChanged, get_schedule, note_run
from storage.sqlite.database import Transaction


def run_now(
    service: Service,
    schedule: Schedule,
    authority: Authority,
    record_more: Callable[[Transaction, str], None],
) -> JobRecord:
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
            return submit_run(service, schedule, name, record, authority)
        except ScheduleChanged:  # another run ended its draw, or the schedule was deleted
            with service.database.read() as tx:
                schedule = get_schedule(tx, schedule.id)


def submit_run(
    service: Service,
    schedule: Schedule,
    name: str,
    record: Callable[[Transaction, str], None],
    authority: Authority | None = None,
) -> JobRecord:
    """Submit a job; ``authority`` is of the user who runs the schedule out of turn."""
    if schedule.source is not None:
        return begin_run(service, schedule, schedule.source, name, record, authority)
    is_out_of_turn = authority is not None
    return submit_repeated(service, schedule, name, record, authority, numbers_name=is_out_of_turn)
