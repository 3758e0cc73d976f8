"""The handler of audit tests: writes the found rows, and keeps the figures in the summary."""

from __future__ import annotations

from typing import Any

from job_runner.attempt import JobContext
from job_runner.handlers.result_tables import QUERY_SHARE, rows_outcome
from parquet_tables.progress import progress_part
from parquet_tables.rows import ordinals_of
from profiling_engine.audit_tests import run_test
from profiling_engine.audit_tests.answers import MARKED
from profiling_engine.audit_tests.marking import mark_rows
from profiling_engine.audit_tests.tested import FoundTable
from service.tables.audit_tests import ReadyTest, ready_test_of_job
from storage.jobs.kinds import AUDIT_TEST
from storage.jobs.publishing import Outcome
from storage.versions.manifests import StoredTable

FOUND_SHARE = 0.8
"""Share of the progress for the found rows; the rest is for marks, if there are some."""


def run_audit_test(context: JobContext) -> Outcome:
    """Run a test of a table."""
    ready = ready_test_of_job(context.service, context.job)
    found = run_test(
        context.parquet,
        ready.test,
        context.scratch.folder,
        on_progress=progress_part(context.on_progress, 0.0, FOUND_SHARE),
    )
    marked: list[StoredTable] = []
    more: dict[str, Any] = {"audit_test": found.result.as_json()}
    if context.job.run_parameters.get("mark_rows"):
        table, more["mark"] = _marked(context, ready, found)
        marked.append(table)
    return rows_outcome(context, found.files, found.columns, marked, notes=[], **more)


def _marked(context: JobContext, ready: ReadyTest, found: FoundTable) -> tuple[StoredTable, str]:
    """The tested table with a column of marks, and the column's name."""
    paths = [str(file.path) for file in found.files]
    with context.parquet.cursor() as cursor:
        ordinals = ordinals_of(cursor, paths, has_sides=ready.other is not None)
    rows = mark_rows(
        context.parquet,
        ready.table.files,
        ordinals,
        context.scratch.folder,
        on_progress=progress_part(context.on_progress, FOUND_SHARE, QUERY_SHARE),
    )
    files = tuple(context.adopt(file.written, file.rows) for file in rows.files)
    return StoredTable(MARKED, rows.columns, files), rows.mark


HANDLERS = {AUDIT_TEST: run_audit_test}
