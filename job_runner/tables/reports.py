"""What a report tells of a table beside its profile: correlations, missing values, rows.

Owns: which columns are looked at for what, and when it is computed. Invariant: computed once for
each table as long as it is kept, with the seed of the profile, so two reports of one table tell the
same. What there was no time for is None, and isn't kept.

A report of a table as one JSON document.

Owns: what it consists of, and its bounds. Invariant: it is put together from what is kept of the
table, and whatever is gone is computed again; a table of any width gives a report of bounded size.
Called by report jobs and by the route that shows a report.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from typing import Any

from job_runner.service import Service
from job_runner.tables.cache import keep, kept_path, read_kept
from job_runner.tables.open_tables import OpenTable, open_commit, open_table, source_of
from job_runner.tables.profiles import SEED, kept_profile, profile_of
from job_runner.tables.table_comparison import compared_with, comparison_of
from parquet_tables.database import ParquetDatabase
from parquet_tables.progress import ProgressCallback, ignore_progress, progress_part
from profiling_engine import PROFILE_VERSION
from profiling_engine.tables.example_rows import example_rows
from profiling_engine.tables.relations import MAX_CATEGORIES, correlate, missing_patterns
from storage.jobs.jobs import Job

PARTS_VERSION = "jobsvc-report-1"
ORDERED = ("number", "moment")
GROUPED = ("text", "boolean", "number", "moment", "other")
CORRELATIONS_END = 0.6
"""Of the whole progress."""

Profile = dict[str, Any]


def report_parts(
    service: Service,
    source: OpenTable,
    profile: Profile,
    *,
    database: ParquetDatabase,
    budget_s: float,
    on_progress: ProgressCallback = ignore_progress,
) -> dict[str, Any]:
    """``correlations``, ``missing`` and ``rows`` of a table, kept or computed now, as JSON."""
    path = kept_path(
        service.directory.counts_dir,
        source.files,
        PARTS_VERSION,
        PROFILE_VERSION,
        SEED,
    )
    found = read_kept(path)
    if found is not None:
        return found
    ends = time.monotonic() + budget_s
    numbers, categories = related_columns(profile)
    correlations = correlate(
        database,
        source.files,
        numbers,
        categories,
        seed=SEED,
        on_progress=progress_part(on_progress, 0.0, CORRELATIONS_END),
    )
    missing = missing_patterns(
        database,
        source.files,
        columns_with_nulls(profile),
        budget_s=max(ends - time.monotonic(), 0.0) if budget_s else None,
        on_progress=progress_part(on_progress, CORRELATIONS_END, 1.0),
    )
    made = {
        "correlations": correlations.as_json(),
        "missing": None if missing is None else missing.as_json(),
        "rows": example_rows(database, source.files, seed=SEED).as_json(),
    }
    if missing is not None and not profile.get("estimated_columns"):
        keep(path, made)
    return made


def related_columns(profile: Profile) -> tuple[list[str], list[str]]:
    """Columns of numbers and moments that vary, and columns of 2 to 50 values."""
    varied = [column for column in profile["columns"] if column["distinct"]["value"] > 1]
    return (
        [column["name"] for column in varied if column["kind"] in ORDERED],
        [
            column["name"]
            for column in varied
            if column["kind"] in GROUPED and column["distinct"]["value"] <= MAX_CATEGORIES
        ],
    )


def columns_with_nulls(profile: Profile) -> list[str]:
    """Columns that have NULLs or may have, those with the most first."""
    may_have = [
        column
        for column in profile["columns"]
        if column["nulls"]["value"] or column["nulls"]["accuracy"]["kind"] != "exact"
    ]
    may_have.sort(key=lambda column: -column["nulls"]["value"])
    return [column["name"] for column in may_have]


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
    on_progress: ProgressCallback = ignore_progress,
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
            on_progress=progress_part(on_progress, 0.0, PROFILE_ENDS),
        )
    parts = report_parts(
        service,
        source,
        found["profile"],
        database=database,
        budget_s=budget_s,
        on_progress=progress_part(on_progress, PROFILE_ENDS, 1.0),
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
