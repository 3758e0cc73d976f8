"""The row diff of a job: the tables and keys that its parameters name."""

from __future__ import annotations

from job_runner.attempt import JobContext
from job_runner.tables.open_tables import open_table, source_of
from job_runner.tables.table_comparison import compared_with
from parquet_tables.progress import ProgressCallback
from profiling_engine.comparison.row_diff import RowDiff, diff_rows, resolve_keys

__all__ = ["resolve_keys", "row_diff_of"]


def row_diff_of(context: JobContext, on_progress: ProgressCallback) -> RowDiff:
    """Write the rows that differ between the tables of a job, into its scratch folder."""
    service, job = context.service, context.job
    parameters = job.run_parameters
    base = open_table(service, job.dataset_id, source_of(job), parameters["table_key"]).files
    other = compared_with(service, job.dataset_id, parameters["compare_to"]).files
    keys = resolve_keys(base, other, parameters["keys"])
    return diff_rows(
        context.parquet, base, other, keys, context.scratch.folder, on_progress=on_progress
    )
