"""A report of a table as a job of the run type ``exploration``.

Owns: a report's acceptance and its handler. Invariant: commit and table are fixed before the job is
accepted. The result isn't copied into the job: it is what is kept of the table, and is computed
again should it be gone.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from job_runner.context import JobContext
from job_runner.lanes import lane_of_profile
from job_runner.open_tables import open_table, source_of
from job_runner.reports import alerts_by_severity, compute
from job_runner.service import Service
from storage.audit import THIS_PROCESS, Origin
from storage.datasets import Dataset
from storage.idempotency import IdempotencyKey, job_of_key, keep_key
from storage.jobs import Job, NewJob, Priority, get_job, insert_job
from storage.publishing import Outcome
from storage.users import User


@dataclass(frozen=True)
class ReportRequest:
    """What a user asks for."""

    source_ref: str = "main"
    table_key: str | None = None


def is_report(job: Job) -> bool:
    """Whether an exploration makes a report; else it runs a SELECT."""
    return job.run_type == "exploration" and "sql" not in job.run_parameters


def submit_report(
    service: Service,
    user: User,
    dataset: Dataset,
    request: ReportRequest,
    priority: Priority = "interactive",
    key: IdempotencyKey | None = None,
    origin: Origin = THIS_PROCESS,
) -> Job:
    """Fix the table, accept the job.

    Raises
    ------
    NotFound
        The ref or the table isn't there; names the valid choices.
    """
    source = open_table(service, dataset.id, request.source_ref, request.table_key)
    job_id = service.new_id()
    with service.database.write() as tx:
        kept = job_of_key(tx, user.id, key, service.clock)
        if kept is not None:
            return get_job(tx, kept)
        insert_job(
            tx,
            NewJob(
                id=job_id,
                run_type="exploration",
                dataset_id=dataset.id,
                user_id=user.id,
                source_commit_id=source.commit_id,
                run_parameters={"source_ref": request.source_ref, "table_key": source.key},
                lane=lane_of_profile(source.files.row_count, len(source.files.columns)),
                priority=priority,
                origin=origin,
            ),
            service.clock,
            service.settings.waiting_jobs_max,
        )
        keep_key(tx, user.id, key, job_id, service.clock)
        job = get_job(tx, job_id)
    service.wake_runner()
    return job


def run_report(context: JobContext) -> Outcome:
    """Compute what the report tells, unless it is kept."""
    service, job = context.service, context.job
    began = time.perf_counter()
    source = open_table(service, job.dataset_id, source_of(job), job.run_parameters["table_key"])
    computed = compute(
        service,
        source,
        database=context.parquet,
        budget_s=service.settings.profile_budget_s,
        report=context.report,
        longer=True,
    )
    profile = computed.profile
    summary: dict[str, Any] = {
        "rows": profile["rows"],
        "columns": len(profile["columns"]),
        "estimated_columns": profile.get("estimated_columns", []),
        "alerts": alerts_by_severity(profile),
        "execution_time_seconds": round(time.perf_counter() - began, 3),
    }
    return Outcome(summary=summary)
