"""The handlers of queries and row diffs: run a SELECT, or write the rows that differ.

The result is a commit with the one table ``result``, with or without a ref, so that it is paged,
downloaded and sampled like any table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from job_runner.attempt import JobContext
from parquet_tables.columns import Column, DataFile
from parquet_tables.progress import progress_part
from profiling_engine.comparison.row_diff import diff_rows, resolve_keys
from service.sql_queries import query_tables, sandbox_of
from service.tables.open_tables import RESULT, open_commit, open_source, source_of
from service.tables.table_comparison import compared_with
from storage.jobs.kinds import QUERY, ROW_DIFF
from storage.jobs.publishing import NewCommit, Outcome
from storage.versions.manifests import StoredTable

QUERY_SHARE = 0.95
"""Share of the progress for the rows; the rest is for hashing and syncing the file."""


def run_query(context: JobContext) -> Outcome:
    """Run the SELECT in its own process, and store its rows."""
    service, job = context.service, context.job
    parameters = job.run_parameters
    source = source_of(job)
    with service.database.read() as tx:
        commit = open_commit(tx, job.dataset_id, source)
    with query_tables(service, commit, parameters.get("joined", ()), parameters["sql"]) as tables:
        written = sandbox_of(service).write_result(
            parameters["sql"],
            tables,
            context.scratch.file("result.parquet"),
            progress_part(context.on_progress, 0.0, QUERY_SHARE),
        )
    return rows_outcome(
        context, (written.file,), written.shape.columns, notes=list(written.shape.notes)
    )


def run_row_diff(context: JobContext) -> Outcome:
    """Write the rows that differ between two tables, into the scratch folder."""
    service, job = context.service, context.job
    parameters = job.run_parameters
    base = open_source(service, job).files
    other = compared_with(service, job.dataset_id, parameters["compare_to"]).files
    found = diff_rows(
        context.parquet,
        base,
        other,
        resolve_keys(base, other, parameters["keys"]),
        context.scratch.folder,
        duplicates=parameters.get("duplicates", "refuse"),
        cache_dir=service.directory.counts_dir,
        on_progress=progress_part(context.on_progress, 0.0, QUERY_SHARE),
    )
    return rows_outcome(context, found.files, found.columns, notes=[], row_diff=found.as_json())


def rows_outcome(
    context: JobContext,
    files: Sequence[DataFile],
    columns: tuple[Column, ...],
    others: Sequence[StoredTable] = (),
    **more: Any,
) -> Outcome:
    """Store rows as the table ``result`` of a commit, with ``others`` beside it."""
    context.on_progress(QUERY_SHARE, "storing the result")
    stored = tuple(context.adopt(file.written, file.rows) for file in files)
    parameters = context.job.run_parameters
    return Outcome(
        summary={
            "rows": sum(file.rows for file in stored),
            "columns": [asdict(column) for column in columns],
            "size_bytes": sum(file.size_bytes for file in stored),
            **more,
        },
        commit=NewCommit(
            ref_name=parameters["output_ref"],
            message=parameters["commit_message"],
            tables=[StoredTable(RESULT, columns, stored), *others],
            parent_id=source_of(context.job),
            new_ref=True,
        ),
    )


HANDLERS = {QUERY: run_query, ROW_DIFF: run_row_diff}
