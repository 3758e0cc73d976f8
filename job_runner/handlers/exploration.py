"""The handler of run type ``exploration``: run a SELECT, diff two tables, or report on a table.

The result of a SELECT or a row diff is a commit with the one table ``result``, with or without a
ref, so that it is paged, downloaded and sampled like any table. A report is cached by table, not
copied into the job.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from job_runner.attempt import JobContext
from parquet_tables.columns import Column, DataFile
from parquet_tables.progress import progress_part
from profiling_engine.comparison.row_diff import diff_rows, resolve_keys
from service.sql_queries import sandbox_of, source_tables
from service.tables.open_tables import RESULT, open_commit, open_source, source_of
from service.tables.reports import alerts_by_severity, compute_report
from service.tables.table_comparison import compared_with, comparison_of
from storage.jobs.kinds import REPORT, ROW_DIFF
from storage.jobs.publishing import NewCommit, Outcome
from storage.versions.manifests import StoredTable

QUERY_SHARE = 0.95
"""Share of the progress for the rows; the rest is for hashing and syncing the file."""
REPORT_SHARE = 0.8
"""Share of the progress for the report; the rest is for the comparison."""


def run_exploration(context: JobContext) -> Outcome:
    """Make the report, or the table of rows with its ref, if it has a name."""
    kind = context.job.kind
    if kind is REPORT:
        return _run_report(context)
    return _run_row_diff(context) if kind is ROW_DIFF else _run_query(context)


def _run_query(context: JobContext) -> Outcome:
    service, job = context.service, context.job
    parameters = job.run_parameters
    began = time.perf_counter()
    source = source_of(job)
    with service.database.read() as tx:
        commit = open_commit(tx, job.dataset_id, source)
    written = sandbox_of(service).write_result(
        parameters["sql"],
        source_tables(service, commit),
        context.scratch.file("result.parquet"),
        progress_part(context.on_progress, 0.0, QUERY_SHARE),
    )
    return _rows_outcome(
        context, (written.file,), written.shape.columns, began, notes=list(written.shape.notes)
    )


def _run_row_diff(context: JobContext) -> Outcome:
    """Write the rows that differ between two tables, into the scratch folder."""
    service, job = context.service, context.job
    parameters = job.run_parameters
    began = time.perf_counter()
    base = open_source(service, job).files
    other = compared_with(service, job.dataset_id, parameters["compare_to"]).files
    found = diff_rows(
        context.parquet,
        base,
        other,
        resolve_keys(base, other, parameters["keys"]),
        context.scratch.folder,
        on_progress=progress_part(context.on_progress, 0.0, QUERY_SHARE),
    )
    return _rows_outcome(
        context, found.files, found.columns, began, notes=[], row_diff=found.as_json()
    )


def _rows_outcome(
    context: JobContext,
    files: Sequence[DataFile],
    columns: tuple[Column, ...],
    began: float,
    **more: Any,
) -> Outcome:
    """Store rows as the table ``result`` of a commit."""
    context.on_progress(QUERY_SHARE, "storing the result")
    stored = tuple(context.adopt(file.written, file.rows) for file in files)
    parameters = context.job.run_parameters
    return Outcome(
        summary={
            "rows": sum(file.rows for file in stored),
            "columns": [asdict(column) for column in columns],
            "size_bytes": sum(file.size_bytes for file in stored),
            **more,
            "execution_time_seconds": round(time.perf_counter() - began, 3),
        },
        commit=NewCommit(
            ref_name=parameters["output_ref"],
            message=parameters["commit_message"],
            tables=[StoredTable(RESULT, columns, stored)],
            parent_id=source_of(context.job),
            new_ref=True,
        ),
    )


def _run_report(context: JobContext) -> Outcome:
    service, job = context.service, context.job
    began = time.perf_counter()
    source = open_source(service, job)
    computed = compute_report(
        service,
        source,
        database=context.parquet,
        budget_s=service.settings.profile_budget_s,
        on_progress=progress_part(context.on_progress, 0.0, REPORT_SHARE),
        longer=True,
    )
    profile = computed["profile"]
    summary: dict[str, Any] = {
        "rows": profile["rows"],
        "columns": len(profile["columns"]),
        "estimated_columns": profile.get("estimated_columns", []),
        "alerts": alerts_by_severity(profile),
    }
    if (compare_to := job.run_parameters.get("compare_to")) is not None:
        compared = comparison_of(
            service,
            job.dataset_id,
            source,
            compared_with(service, job.dataset_id, compare_to),
            database=context.parquet,
            on_progress=progress_part(context.on_progress, REPORT_SHARE, 1.0),
        )
        summary |= {"verdict": compared["verdict"], "stand_out": len(compared["stand_out"])}
    summary["execution_time_seconds"] = round(time.perf_counter() - began, 3)
    return Outcome(summary=summary)
