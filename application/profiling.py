"""Profiles of tables: submitting a profiling job, and a profile as JSON.

A job doesn't copy its profile: the profile belongs to the table and is computed again when it was
removed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from application.job_submission import Submission, submit
from contract.declarations import Help
from service.service import Service
from service.tables.open_tables import OpenTable, open_requested, open_source
from service.tables.reports import Part, ProfileJson, of_columns, profile_of
from storage.accounts.datasets import DatasetRecord
from storage.jobs.jobs import JobRecord
from storage.jobs.kinds import PROFILE, values_read


def submit_profiling(
    service: Service,
    by: Submission,
    dataset: DatasetRecord,
    *,
    source_ref: str = "main",
    table_key: str | None = None,
    columns: Sequence[str] = (),
) -> JobRecord:
    """Fix the table and the columns of a profile; no columns select all of the table's."""
    source = open_requested(service, dataset.id, source_ref, table_key)
    parameters = {
        "source_ref": source_ref,
        "table_key": source.key,
        "columns": _exact_names(source, columns),
    }
    size = values_read(source.files.row_count, len(source.files.columns))
    new = by.new_job(service, PROFILE, dataset, source.commit_id, parameters, size)
    return submit(service, by, new)


class TableAnalysis(ProfileJson):
    """A profile with its table, and hints for a design."""

    dataset_id: int
    commit_id: str
    table_key: str
    hints: Annotated[Part, Help("Columns that suit a sampling design.")]


class ProfileResult(TableAnalysis):
    """The profile of a job."""

    job_id: str


def profile_result(service: Service, job: JobRecord, budget_s: float) -> ProfileResult:
    """The profile of a completed job with hints, as JSON."""
    source, columns = open_source(service, job), job.run_parameters["columns"]
    return {"job_id": job.id, **analysis(service, job.dataset_id, source, columns, budget_s)}


def analysis(
    service: Service,
    dataset_id: int,
    source: OpenTable,
    columns: Sequence[str],
    budget_s: float,
) -> TableAnalysis:
    """A table's profile with hints for a design, as JSON; UnknownColumn lists the columns."""
    names = _exact_names(source, columns)
    found = profile_of(service, source, database=service.parquet, budget_s=budget_s)
    return {
        "dataset_id": dataset_id,
        "commit_id": source.commit_id,
        "table_key": source.key,
        **of_columns(found["profile"], names),
        "hints": found["hints"],
    }


def _exact_names(source: OpenTable, columns: Sequence[str]) -> list[str]:
    """The columns' names as the table writes them; an empty list for all columns."""
    if not columns:
        return []
    return [column.name for column in source.files.select(tuple(columns), ("columns",))]
