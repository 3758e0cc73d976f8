"""A report of a table as a job of the run type ``exploration``.

Owns: a report's acceptance and its handler. Invariant: commit and table are fixed before the job is
accepted. The result isn't copied into the job: it is what is kept of the table, and is computed
again should it be gone.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from job_runner.acceptance import Submission, accept
from job_runner.context import JobContext
from job_runner.lanes import lane_of_profile
from job_runner.service import Service
from job_runner.tables.open_tables import OpenTable, open_table, source_of
from job_runner.tables.reports import alerts_by_severity, compute
from job_runner.tables.table_comparison import compared_with, comparison_of
from parquet_tables.progress import progress_part
from storage.accounts.datasets import Dataset
from storage.errors import NotFound
from storage.jobs.jobs import Job
from storage.jobs.publishing import Outcome
from storage.jobs.submission import NewJob
from storage.sqlite.database import Transaction
from storage.versions.manifests import get_commit

COMPARISON_STARTS = 0.8
"""Of the whole progress."""


@dataclass(frozen=True)
class CompareTo:
    """Another table of the same dataset."""

    ref: str
    table_key: str | None = None


@dataclass(frozen=True)
class ReportRequest:
    """What a user asks for."""

    source_ref: str = "main"
    table_key: str | None = None
    compare_to: CompareTo | None = None


def is_report(job: Job) -> bool:
    """Whether an exploration makes a report; else it runs a SELECT."""
    return job.run_type == "exploration" and "sql" not in job.run_parameters


def submit_report(
    service: Service, by: Submission, dataset: Dataset, request: ReportRequest
) -> Job:
    """Fix the table, and the one to compare it with; accept the job.

    Raises
    ------
    NotFound
        A ref or a table isn't there; names the valid choices.
    """
    source = open_table(service, dataset.id, request.source_ref, request.table_key)
    other = _other(service, dataset, request.compare_to)

    def make(tx: Transaction, job_id: str) -> NewJob:
        if other is not None:
            get_commit(tx, dataset.id, other.commit_id)  # a prune may have been quicker
        return NewJob(
            id=job_id,
            run_type="exploration",
            dataset_id=dataset.id,
            user_id=by.user.id,
            source_commit_id=source.commit_id,
            run_parameters=_parameters(request, source, other),
            lane=lane_of_profile(source.files.row_count, len(source.files.columns)),
            priority=by.priority,
            origin=by.origin,
        )

    return accept(service, by, make)


def _other(service: Service, dataset: Dataset, asked: CompareTo | None) -> OpenTable | None:
    if asked is None:
        return None
    try:
        return open_table(service, dataset.id, asked.ref, asked.table_key)
    except NotFound as error:
        error.loc = ("compare_to",)
        raise


def _parameters(
    request: ReportRequest, source: OpenTable, other: OpenTable | None
) -> dict[str, Any]:
    """What the job is a function of, as ``run_parameters`` shows it."""
    given: dict[str, Any] = {"source_ref": request.source_ref, "table_key": source.key}
    if request.compare_to is not None and other is not None:
        ref = request.compare_to.ref
        given["compare_to"] = {"ref": ref, "table_key": other.key, "commit_id": other.commit_id}
    return given


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
        on_progress=progress_part(context.on_progress, 0.0, COMPARISON_STARTS),
        longer=True,
    )
    profile = computed.profile
    summary: dict[str, Any] = {
        "rows": profile["rows"],
        "columns": len(profile["columns"]),
        "estimated_columns": profile.get("estimated_columns", []),
        "alerts": alerts_by_severity(profile),
    }
    if (asked := job.run_parameters.get("compare_to")) is not None:
        compared = comparison_of(
            service,
            job.dataset_id,
            source,
            compared_with(service, job.dataset_id, asked),
            database=context.parquet,
            on_progress=progress_part(context.on_progress, COMPARISON_STARTS, 1.0),
        )
        summary |= {"verdict": compared["verdict"], "stand_out": len(compared["stand_out"])}
    summary["execution_time_seconds"] = round(time.perf_counter() - began, 3)
    return Outcome(summary=summary)
