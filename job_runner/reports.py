"""A report of a table as one JSON document.

Owns: what it consists of, and its bounds. Invariant: it is put together from what is kept of the
table, and whatever is gone is computed again; a table of any width gives a report of bounded size.
Called by report jobs and by the route that shows a report.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from job_runner.open_tables import OpenTable, open_commit, open_table, source_of
from job_runner.profiles import kept_profile, profile_of
from job_runner.report_parts import report_parts
from job_runner.service import Service
from job_runner.side_by_side import compared_with, comparison_of
from parquet_tables.database import ParquetDatabase
from parquet_tables.progress import Report, no_report, share_of
from storage.jobs import Job

REPORT_VERSION = "jobsvc-report-1"
WHOLE_COLUMNS = 200
"""Columns that are told with all figures."""
SHORT_COLUMNS = 1_000
"""Further columns that are told in short form; the rest is counted."""
SHORT_FORM = ("name", "type", "kind", "nulls", "distinct", "minimum", "maximum", "alerts")
PROFILE_ENDS = 0.7
"""Of the whole progress."""

Found = dict[str, Any]


@dataclass(frozen=True)
class Computed:
    """Everything that is computed of a table."""

    profile: Found
    hints: Found
    parts: Found


def compute(
    service: Service,
    source: OpenTable,
    *,
    database: ParquetDatabase,
    budget_s: float,
    report: Report = no_report,
    longer: bool = False,
) -> Computed:
    """A table's profile, hints and parts, kept or computed now.

    Parameters
    ----------
    longer : bool
        Whether to look again at what there was no time for; else whatever is kept will do.
    """
    found = None if longer else kept_profile(service, source.files)
    if found is None:
        found = profile_of(
            service,
            source,
            database=database,
            budget_s=budget_s,
            report=share_of(report, 0.0, PROFILE_ENDS),
        )
    parts = report_parts(
        service,
        source,
        found["profile"],
        database=database,
        budget_s=budget_s,
        report=share_of(report, PROFILE_ENDS, 1.0),
    )
    return Computed(found["profile"], found["hints"], parts)


def job_report(service: Service, job: Job, budget_s: float) -> Found:
    """A completed job's report."""
    source = open_table(service, job.dataset_id, source_of(job), job.run_parameters["table_key"])
    database = service.parquet
    computed = compute(service, source, database=database, budget_s=budget_s)
    profile, rows = computed.profile, computed.parts["rows"]
    return {
        "version": REPORT_VERSION,
        "job_id": job.id,
        "dataset_id": job.dataset_id,
        "overview": _overview(service, job, source, profile),
        "profile": shortened(profile),
        "correlations": computed.parts["correlations"],
        "missing": computed.parts["missing"],
        "repeated_rows": profile.get("repeated_rows"),
        **{name: {"columns": rows["columns"], **rows[name]} for name in ("head", "tail", "sample")},
        "hints": computed.hints,
        "comparison": _comparison(service, job, source),
    }


def _comparison(service: Service, job: Job, source: OpenTable) -> Found | None:
    asked = job.run_parameters.get("compare_to")
    if asked is None:
        return None
    other = compared_with(service, job.dataset_id, asked)
    compared = comparison_of(service, job.dataset_id, source, other, database=service.parquet)
    return {**compared, "other": {**asked, **compared["other"]}}


def alerts_by_severity(profile: Found) -> dict[str, int]:
    """How many alerts there are of each severity."""
    every = [*profile.get("alerts", [])]
    every += [alert for column in profile["columns"] for alert in column.get("alerts", [])]
    found = Counter(alert["severity"] for alert in every)
    return {severity: found[severity] for severity in ("warning", "notice", "info")}


def shortened(profile: Found) -> Found:
    """A profile whose columns beyond the first 200 are told in short form."""
    columns = profile["columns"]
    short = [
        {name: column[name] for name in SHORT_FORM if name in column}
        for column in columns[WHOLE_COLUMNS : WHOLE_COLUMNS + SHORT_COLUMNS]
    ]
    return {
        **profile,
        "columns": columns[:WHOLE_COLUMNS],
        "further_columns": short,
        "columns_not_told": max(len(columns) - WHOLE_COLUMNS - SHORT_COLUMNS, 0),
    }


def _overview(service: Service, job: Job, source: OpenTable, profile: Found) -> Found:
    with service.database.read() as tx:
        commit = open_commit(tx, job.dataset_id, source.commit_id)
    table = commit.manifest.table(source.key)
    return {
        "dataset": job.dataset_name,
        "source_ref": job.run_parameters["source_ref"],
        "commit_id": commit.id,
        "table_key": source.key,
        "rows": profile["rows"],
        "columns": len(table.columns),
        "size_bytes": table.size_bytes,
        "committed_at": commit.manifest.created_at,
        "committed_by": commit.manifest.author,
        "reported_at": job.completed_at,
        "alerts": alerts_by_severity(profile),
    }
