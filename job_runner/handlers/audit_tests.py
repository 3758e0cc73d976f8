"""The handler of audit tests: writes the found rows, and keeps the figures in the summary."""

from __future__ import annotations

from job_runner.attempt import JobContext
from job_runner.handlers.result_tables import QUERY_SHARE, rows_outcome
from parquet_tables.progress import progress_part
from profiling_engine.audit_tests import run_test
from service.tables.audit_tests import ready_test_of_job
from storage.jobs.kinds import AUDIT_TEST
from storage.jobs.publishing import Outcome


def run_audit_test(context: JobContext) -> Outcome:
    """Run a test of a table."""
    ready = ready_test_of_job(context.service, context.job)
    found = run_test(
        context.parquet,
        ready.test,
        context.scratch.folder,
        on_progress=progress_part(context.on_progress, 0.0, QUERY_SHARE),
    )
    return rows_outcome(
        context, found.files, found.columns, notes=[], audit_test=found.result.as_json()
    )


HANDLERS = {AUDIT_TEST: run_audit_test}
