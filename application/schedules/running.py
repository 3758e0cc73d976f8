"""Submit a job of a schedule, with the user, the rights and the data of this time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from application.excluding import ExcludedRows
from application.job_submission import Submission
from application.panels.drawing import submit_new_wave
from application.profiling import submit_profiling
from application.sampling import SamplingRequest, submit_sampling
from application.schedules.excluding import drawn_rows, require_rows
from service.errors import ServiceStopping
from service.sampling_parameters import stated_rounds
from service.service import Service
from storage.accounts.authority import Authority, require_level
from storage.accounts.users import get_user
from storage.jobs.jobs import JobRecord
from storage.jobs.schedules import Schedule, ScheduleChanged, draws_of, get_schedule, note_run
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
    with service.database.read() as tx:
        user = get_user(tx, schedule.user_id)
        dataset = require_level(tx, user, schedule.dataset_id, "write")

    drawn: ExcludedRows | None = None
    own: list[str] = []

    def check_and_record(tx: Transaction, job_id: str) -> None:
        require_level(tx, get_user(tx, user.id), dataset.id, "write")
        if drawn is not None and [job.id for job in draws_of(tx, schedule)] != own:
            raise ScheduleChanged
        record(tx, job_id)

    by = Submission(user, "batch", authority=authority, record=check_and_record)
    given: dict[str, Any] = schedule.request
    if "panel_id" in given:
        return submit_new_wave(service, by, dataset, given["panel_id"], given["source_ref"])
    if schedule.run_type == "profiling":
        return submit_profiling(service, by, dataset, **given)
    is_out_of_turn = authority is not None
    request = SamplingRequest(
        **{**given, "rounds": stated_rounds(given["rounds"], recorded=True)},
        output_name=name,
        numbers_name=is_out_of_turn,
        allow_empty=True,  # there may be nothing new
        now=service.clock().astimezone(ZoneInfo(schedule.zone)),
    )
    if schedule.exclude_drawn_by:
        with service.database.read() as tx:
            own = [job.id for job in draws_of(tx, schedule)]
        drawn = drawn_rows(service, schedule, partial(_stop_with, service))
        require_rows(drawn)
        request = replace(request, excluded=drawn)
    return submit_sampling(service, by, dataset, request)


def _stop_with(service: Service, _: float, __: str) -> None:
    """End a long scan when the service stops."""
    if service.stopping.is_set():
        raise ServiceStopping
