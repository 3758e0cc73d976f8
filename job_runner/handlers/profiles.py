"""The handlers of profiles and reports: compute that of a table, unless it is cached.

The job's summary holds counts only; profile and report are cached by table.
"""

from __future__ import annotations

import time
from typing import Any

from job_runner.attempt import JobContext
from parquet_tables.progress import progress_part
from service.tables.open_tables import open_source
from service.tables.reports import alerts_by_severity, compute_report, of_columns, profile_of
from service.tables.table_comparison import compared_with, comparison_of
from storage.jobs.kinds import PROFILE, REPORT
from storage.jobs.publishing import Outcome

REPORT_SHARE = 0.8
"""Share of the progress for the report; the rest is for the comparison."""


def run_profile(context: JobContext) -> Outcome:
    """Profile the table, and summarise the profile."""
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


def run_report(context: JobContext) -> Outcome:
    """Compute the report, and the comparison with another table."""
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


HANDLERS = {PROFILE: run_profile, REPORT: run_report}
