"""The run type ``profiling``: a table's columns looked at, once for each table.

Owns: a profile's acceptance and its handler. Invariant: the result isn't copied into the job: it is
the profile that is kept of the job's table, and is computed again should it be gone.
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
from job_runner.tables.profiles import of_columns, profile_of
from parquet_tables.tables import UnknownColumn
from storage.accounts.datasets import Dataset
from storage.jobs.jobs import Job
from storage.jobs.publishing import Outcome
from storage.jobs.submission import NewJob
from storage.sqlite.database import Transaction


@dataclass(frozen=True)
class ProfilingRequest:
    """What a user asks for; without columns, all of the table's."""

    source_ref: str = "main"
    table_key: str | None = None
    columns: tuple[str, ...] = ()


def submit_profiling(
    service: Service, by: Submission, dataset: Dataset, request: ProfilingRequest
) -> Job:
    """Fix the table and the columns, accept the job.

    Raises
    ------
    NotFound, UnknownColumn
        Names the valid choices.
    """
    source = open_table(service, dataset.id, request.source_ref, request.table_key)
    columns = _names(source, request.columns)

    def make(tx: Transaction, job_id: str) -> NewJob:
        return NewJob(
            id=job_id,
            run_type="profiling",
            dataset_id=dataset.id,
            user_id=by.user.id,
            source_commit_id=source.commit_id,
            run_parameters={
                "source_ref": request.source_ref,
                "table_key": source.key,
                "columns": columns,
            },
            lane=lane_of_profile(source.files.row_count, len(source.files.columns)),
            priority=by.priority,
            origin=by.origin,
        )

    return accept(service, by, make)


def run_profiling(context: JobContext) -> Outcome:
    """Profile the table, unless its profile is kept."""
    service, job = context.service, context.job
    began = time.perf_counter()
    source = open_table(service, job.dataset_id, source_of(job), job.run_parameters["table_key"])
    found = profile_of(
        service,
        source,
        database=context.parquet,
        budget_s=service.settings.profile_budget_s,
        on_progress=context.on_progress,
    )
    profile = of_columns(found["profile"], job.run_parameters["columns"])
    alerts = [
        {"column": column["name"], **alert}
        for column in profile["columns"]
        for alert in column.get("alerts", [])
    ]
    return Outcome(
        summary={
            "rows": profile["rows"],
            "columns": len(profile["columns"]),
            "estimated_columns": profile.get("estimated_columns", []),
            "alerts": len(alerts) + len(profile.get("alerts", [])),
            "execution_time_seconds": round(time.perf_counter() - began, 3),
        }
    )


def profile_result(service: Service, job: Job, budget_s: float) -> dict[str, Any]:
    """A completed job's profile with the hints, as JSON."""
    source = open_table(service, job.dataset_id, source_of(job), job.run_parameters["table_key"])
    return analysis(service, source, job.run_parameters["columns"], budget_s)


def analysis(
    service: Service, source: OpenTable, columns: list[str], budget_s: float
) -> dict[str, Any]:
    """A table's profile with the hints for a sample's design, as JSON.

    Raises
    ------
    UnknownColumn
        Names the columns there are.
    """
    names = _names(source, columns)
    found = profile_of(service, source, database=service.parquet, budget_s=budget_s)
    return {
        "commit_id": source.commit_id,
        "table_key": source.key,
        **of_columns(found["profile"], names),
        "hints": found["hints"],
    }


def _names(source: OpenTable, columns: tuple[str, ...] | list[str]) -> list[str]:
    """The columns' exact names; none stands for all."""
    if not columns:
        return []
    try:
        return [column.name for column in source.files.select(tuple(columns))]
    except UnknownColumn as error:
        error.loc = ("columns",)
        raise
