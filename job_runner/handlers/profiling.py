"""The handler of run type ``profiling``: compute a table's profile, unless it is cached.

A job for row proofs computes the table's row root instead.

The job's summary holds counts only; the profile itself is cached by table.
"""

from __future__ import annotations

import time

from job_runner.attempt import JobContext
from job_runner.handlers.row_roots import build_row_root
from service.tables.open_tables import open_source
from service.tables.reports import alerts_by_severity, of_columns, profile_of
from storage.jobs.kinds import ROW_PROOFS
from storage.jobs.publishing import Outcome


def run_profiling(context: JobContext) -> Outcome:
    """Profile the table and summarise the profile, or build the table's row root."""
    if context.job.kind is ROW_PROOFS:
        return build_row_root(context)
    service, job = context.service, context.job
    began = time.perf_counter()
    source = open_source(service, job)
    found = profile_of(
        service,
        source,
        database=context.parquet,
        budget_s=service.settings.profile_budget_s,
        on_progress=context.on_progress,
    )
    profile = of_columns(found["profile"], job.run_parameters["columns"])
    return Outcome(
        summary={
            "rows": profile["rows"],
            "columns": len(profile["columns"]),
            "estimated_columns": profile.get("estimated_columns", []),
            "alerts": sum(alerts_by_severity(profile).values()),
            "execution_time_seconds": round(time.perf_counter() - began, 3),
        }
    )
