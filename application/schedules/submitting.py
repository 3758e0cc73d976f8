"""Submit the draw or the profile of a schedule: with the user, rights and data of this time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from application.excluding import ExcludedRows
from application.job_submission import Submission
from application.panels.drawing import submit_new_wave
from application.profiling import submit_profiling
from application.sampling import SamplingRequest, submit_sampling
from application.schedules.asking import questions_of_run
from application.schedules.excluding import drawn_rows, require_rows
from service.errors import ServiceStopping
from service.sampling_parameters import stated_rounds
from service.service import Service
from storage.accounts.authority import Authority, require_level
from storage.accounts.users import get_user
from storage.jobs.jobs import JobRecord
from storage.jobs.schedules import Schedule, ScheduleChanged, draws_of
from storage.sqlite.database import Transaction


def submit_repeated(
    service: Service,
    schedule: Schedule,
    name: str,
    record: Callable[[Transaction, str], None],
    authority: Authority | None = None,
    *,
    now: datetime | None = None,
    numbers_name: bool = False,
) -> JobRecord:
    """Submit the draw or the profile that a schedule repeats.

    Parameters
    ----------
    authority : Authority, optional
        Of the user who runs the schedule out of turn.
    now : datetime, optional
        The time of relative dates, by default the present.
    numbers_name : bool
        Whether the sample gets a number if there is one of its name.

    Raises
    ------
    DomainError
        As for a request of the user.
    """
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
    questions = questions_of_run(service, schedule)
    if "panel_id" in given:
        return submit_new_wave(
            service, by, dataset, given["panel_id"], given["source_ref"], questions
        )
    if schedule.run_type == "profiling":
        return submit_profiling(service, by, dataset, **given)
    request = SamplingRequest(
        **{
            **given,
            "rounds": stated_rounds(given["rounds"], recorded=True),
            "questions": questions,
        },
        output_name=name,
        numbers_name=numbers_name,
        allow_empty=True,  # there may be nothing new
        now=(now or service.clock()).astimezone(ZoneInfo(schedule.zone)),
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
