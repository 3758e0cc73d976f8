"""The handlers of profiles and reports: compute that of a table, unless it is cached.

The job's summary holds counts only; profile and report are cached by table.
"""

from __future__ import annotations

from job_runner.attempt import JobContext
from parquet_tables.progress import progress_part
from service.tables.open_tables import open_source
from service.tables.reports import (
    ProfileJson,
    alerts_by_severity,
    compute_report,
    of_columns,
    profile_of,
)
from service.tables.table_comparison import compared_with, comparison_of
from storage.jobs.kinds import PROFILE, REPORT
from storage.jobs.publishing import Outcome

REPORT_SHARE = 0.8
"""Share of the progress for the report; the rest is for the comparison."""


def run_profile(context: JobContext) -> Outcome:
    """Profile the table, and summarise the profile."""
    service, job = context.service, context.job
    computed = profile_of(
        service,
        open_source(service, job),
        database=context.parquet,
        budget_s=service.settings.profile_budget_s,
        on_progress=context.on_progress,
    )
    profile = of_columns(computed["profile"], job.run_parameters["columns"])
    return _outcome(profile, alerts=sum(alerts_by_severity(profile).values()))


def run_report(context: JobContext) -> Outcome:
    """Compute the report, and the comparison with another table."""
    service, job = context.service, context.job
    source = open_source(service, job)
    computed = compute_report(
        service,
        source,
        database=context.parquet,
        budget_s=service.settings.profile_budget_s,
        on_progress=progress_part(context.on_progress, 0.0, REPORT_SHARE),
        longer=True,
    )
    more: dict[str, object] = {}
    if (compare_to := job.run_parameters.get("compare_to")) is not None:
        compared = comparison_of(
            service,
            job.dataset_id,
            source,
            compared_with(service, job.dataset_id, compare_to),
            database=context.parquet,
            on_progress=progress_part(context.on_progress, REPORT_SHARE, 1.0),
        )
        more = {"verdict": compared["verdict"], "stand_out": len(compared["stand_out"])}
    profile = computed["profile"]
    return _outcome(profile, alerts=alerts_by_severity(profile), **more)


def _outcome(profile: ProfileJson, **more: object) -> Outcome:
    return Outcome(
        summary={
            "rows": profile["rows"],
            "columns": len(profile["columns"]),
            "estimated_columns": profile.get("estimated_columns", []),
            **more,
        }
    )


HANDLERS = {PROFILE: run_profile, REPORT: run_report}
