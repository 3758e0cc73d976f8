"""Profiles of tables: submitting a profiling job, and a profile as JSON.

A job doesn't copy its profile: the profile belongs to the table and is computed again when it was
removed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from application.job_submission import Submission, submit
from job_runner.lanes import lane_of_profile
from parquet_tables.tables import UnknownColumn
from service.service import Service
from service.tables.open_tables import OpenTable, open_source, open_table
from service.tables.reports import of_columns, profile_of
from storage.accounts.datasets import Dataset
from storage.jobs.jobs import Job


def submit_profiling(
    service: Service,
    by: Submission,
    dataset: Dataset,
    *,
    source_ref: str = "main",
    table_key: str | None = None,
    columns: Sequence[str] = (),
) -> Job:
    """Fix the table and the columns of a profile; no columns select all of the table's."""
    source = open_table(service, dataset.id, source_ref, table_key)
    parameters = {
        "source_ref": source_ref,
        "table_key": source.key,
        "columns": _exact_names(source, columns),
    }
    lane = lane_of_profile(source.files.row_count, len(source.files.columns))
    new = by.new_job(service, "profiling", dataset, source.commit_id, parameters, lane)
    return submit(service, by, new)


def profile_result(service: Service, job: Job, budget_s: float) -> dict[str, Any]:
    """The profile of a completed job with hints, as JSON."""
    return analysis(service, open_source(service, job), job.run_parameters["columns"], budget_s)


def analysis(
    service: Service, source: OpenTable, columns: Sequence[str], budget_s: float
) -> dict[str, Any]:
    """A table's profile with hints for a design, as JSON; UnknownColumn lists the columns."""
    names = _exact_names(source, columns)
    found = profile_of(service, source, database=service.parquet, budget_s=budget_s)
    return {
        "commit_id": source.commit_id,
        "table_key": source.key,
        **of_columns(found["profile"], names),
        "hints": found["hints"],
    }


def _exact_names(source: OpenTable, columns: Sequence[str]) -> list[str]:
    """The columns' names as the table writes them; an empty list for all columns."""
    if not columns:
        return []
    try:
        return [column.name for column in source.files.select(tuple(columns))]
    except UnknownColumn as error:
        error.loc = ("columns",)
        raise
