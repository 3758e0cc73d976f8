"""What a report tells of a table beside its profile: correlations, missing values, rows.

Owns: which columns are looked at for what, and when it is computed. Invariant: computed once for
each table as long as it is kept, with the seed of the profile, so two reports of one table tell the
same. What there was no time for is None, and isn't kept.
"""

from __future__ import annotations

import time
from typing import Any

from job_runner.kept_results import keep, kept_path, read_kept
from job_runner.open_tables import OpenTable
from job_runner.profiles import SEED
from job_runner.service import Service
from parquet_tables.database import ParquetDatabase
from parquet_tables.progress import Report, no_report, share_of
from profiling_engine import PROFILE_VERSION
from profiling_engine.correlations import MOST_CATEGORIES, correlate
from profiling_engine.missing import missing_patterns
from profiling_engine.shown_rows import rows_to_see

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
    report: Report = no_report,
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
        report=share_of(report, 0.0, CORRELATIONS_END),
    )
    missing = missing_patterns(
        database,
        source.files,
        columns_with_nulls(profile),
        budget_s=max(ends - time.monotonic(), 0.0) if budget_s else None,
        report=share_of(report, CORRELATIONS_END, 1.0),
    )
    made = {
        "correlations": correlations.as_json(),
        "missing": None if missing is None else missing.as_json(),
        "rows": rows_to_see(database, source.files, seed=SEED).as_json(),
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
            if column["kind"] in GROUPED and column["distinct"]["value"] <= MOST_CATEGORIES
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
