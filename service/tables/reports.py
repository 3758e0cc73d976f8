"""Profiles and reports of tables: bounded JSON documents, computed once and cached.

A profile with estimated columns is cached until a longer computation replaces it.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, NotRequired, TypedDict, cast

from contract.answers import JsonOf
from contract.declarations import Help
from parquet_tables.cached_files import cache_path, read_cached, write_cached
from parquet_tables.database import ParquetDatabase
from parquet_tables.progress import ProgressCallback, ignore_progress, progress_part
from parquet_tables.tables import TableFiles
from profiling_engine import (
    PROFILE_VERSION,
    Alert,
    ColumnProfile,
    Figure,
    design_hints,
    profile_table,
)
from profiling_engine.tables.report_parts import (
    MAX_CATEGORIES,
    correlate,
    example_rows,
    missing_patterns,
)
from service.service import Service
from service.tables.open_tables import OpenTable, open_commit, open_source
from service.tables.table_comparison import CachedComparison, compared_with, comparison_of
from storage.jobs.jobs import JobRecord

SEED = "profile"
HINTS_SAMPLE_SIZE = 1_000
PARTS_VERSION = REPORT_VERSION = "jobsvc-report-1"
ORDERED = ("number", "moment")
GROUPED = ("text", "boolean", "number", "moment")
PROFILE_END, CORRELATIONS_END = 0.7, 0.88
"""Shares of the progress."""
DETAILED_COLUMNS = 200
"""The number of columns with all figures."""
BRIEF_COLUMNS = 1_000
"""The number of further columns in short form; the rest is counted."""
BRIEF_FIELDS = ("name", "type", "kind", "nulls", "distinct", "minimum", "maximum", "alerts")

Part = Mapping[str, Any]
"""A part of a profile or a report, as ``as_json`` gives it."""


class ProfileJson(TypedDict):
    """A profile as JSON; the last fields are those of a shortened one."""

    rows: int
    columns: Annotated[Sequence[Part], JsonOf(tuple[ColumnProfile, ...])]
    seed: int | str
    estimated_columns: Sequence[str]
    repeated_rows: NotRequired[Annotated[Part, JsonOf(Figure)]]
    alerts: Annotated[Sequence[Part], JsonOf(tuple[Alert, ...])]
    version: str
    further_columns: NotRequired[Sequence[Part]]
    columns_not_told: NotRequired[int]


class CachedProfile(TypedDict):
    """A profile with its hints for a design."""

    profile: ProfileJson
    hints: Annotated[Part, Help("Columns that suit a sampling design.")]


class ReportParts(TypedDict):
    """What a report adds to a profile; no patterns of missing values at the end of the budget."""

    correlations: Part
    missing: Part | None
    rows: Part


class CachedReport(CachedProfile, ReportParts):
    """The report of a table."""


class ReportOverview(TypedDict):
    """The table of a report."""

    dataset: str
    source_ref: str
    commit_id: str
    table_key: str
    rows: int
    columns: int
    size_bytes: int
    committed_at: str
    committed_by: str
    reported_at: str | None
    alerts: Mapping[str, int]


class ExampleJson(TypedDict):
    """Some rows of a report."""

    columns: Sequence[str]
    positions: Sequence[int]
    rows: Sequence[Sequence[Any]]


class JobReport(TypedDict):
    """The report of a job."""

    version: str
    job_id: str
    dataset_id: int
    overview: ReportOverview
    profile: ProfileJson
    correlations: Part
    missing: Part | None
    repeated_rows: Annotated[Part | None, JsonOf(Figure | None)]
    head: Annotated[Part, JsonOf(ExampleJson)]
    tail: Annotated[Part, JsonOf(ExampleJson)]
    sample: Annotated[Part, JsonOf(ExampleJson)]
    hints: Part
    comparison: CachedComparison | None


def cached_profile(service: Service, files: TableFiles) -> CachedProfile | None:
    """The cached profile of a table; None if there is none."""
    cached: CachedProfile | None = read_cached(_profile_path(service, files))
    return cached


def _profile_path(service: Service, files: TableFiles) -> Path:
    return cache_path(service.directory.counts_dir, files, PROFILE_VERSION, SEED)


def profile_of(
    service: Service,
    table: OpenTable,
    *,
    database: ParquetDatabase,
    budget_s: float,
    on_progress: ProgressCallback = ignore_progress,
) -> CachedProfile:
    """A table's ``profile`` and ``hints`` from the cache, or computed within ``budget_s``."""

    def complete_profile() -> CachedProfile | None:
        found = cached_profile(service, table.files)
        return None if found is None or found["profile"].get("estimated_columns") else found

    if (found := complete_profile()) is not None:
        return found
    with service.results.profiling:
        if (found := complete_profile()) is not None:  # another thread computed it
            return found
        profile = profile_table(
            database, table.files, seed=SEED, budget_s=budget_s or None, on_progress=on_progress
        )
        result: CachedProfile = {
            "profile": cast(ProfileJson, profile.as_json()),
            "hints": design_hints(profile, HINTS_SAMPLE_SIZE).as_json(),
        }
        write_cached(_profile_path(service, table.files), result)
        return result


def of_columns(profile: ProfileJson, columns: Sequence[str]) -> ProfileJson:
    """A profile with only these columns, in this order; all if empty."""
    if not columns:
        return profile
    by_name = {column["name"]: column for column in profile["columns"]}
    return {**profile, "columns": [by_name[name] for name in columns]}


def compute_report(
    service: Service,
    source: OpenTable,
    *,
    database: ParquetDatabase,
    budget_s: float,
    on_progress: ProgressCallback = ignore_progress,
    longer: bool = False,
) -> CachedReport:
    """A table's ``profile``, ``hints``, ``correlations``, ``missing`` and example ``rows``.

    ``longer`` computes again what the time budget left out of a cached profile.
    """
    found = None if longer else cached_profile(service, source.files)
    if found is None:
        found = profile_of(
            service,
            source,
            database=database,
            budget_s=budget_s,
            on_progress=progress_part(on_progress, 0.0, PROFILE_END),
        )
    versions = (PARTS_VERSION, PROFILE_VERSION, SEED)
    path = cache_path(service.directory.counts_dir, source.files, *versions)
    parts: ReportParts | None = read_cached(path)
    if parts is None:
        profile = found["profile"]
        parts = _compute_parts(database, source.files, profile, budget_s, on_progress)
        if parts["missing"] is not None and not profile.get("estimated_columns"):
            write_cached(path, parts)
    return {**found, **parts}


def _compute_parts(
    database: ParquetDatabase,
    files: TableFiles,
    profile: ProfileJson,
    budget_s: float,
    on_progress: ProgressCallback,
) -> ReportParts:
    deadline = time.monotonic() + budget_s
    varying = [column for column in profile["columns"] if column["distinct"]["value"] > 1]
    correlations = correlate(
        database,
        files,
        [column["name"] for column in varying if column["kind"] in ORDERED],
        [
            column["name"]
            for column in varying
            if column["kind"] in GROUPED and column["distinct"]["value"] <= MAX_CATEGORIES
        ],
        seed=SEED,
        on_progress=progress_part(on_progress, PROFILE_END, CORRELATIONS_END),
    )
    missing = missing_patterns(
        database,
        files,
        _columns_with_nulls(profile),
        budget_s=max(deadline - time.monotonic(), 0.0) if budget_s else None,
        on_progress=progress_part(on_progress, CORRELATIONS_END, 1.0),
    )
    return {
        "correlations": correlations.as_json(),
        "missing": None if missing is None else missing.as_json(),
        "rows": example_rows(database, files, seed=SEED).as_json(),
    }


def _columns_with_nulls(profile: ProfileJson) -> list[str]:
    """Columns that may have NULLs, those with the most first."""
    columns = [
        column
        for column in profile["columns"]
        if column["nulls"]["value"] or column["nulls"]["accuracy"]["kind"] != "exact"
    ]
    columns.sort(key=lambda column: -column["nulls"]["value"])
    return [column["name"] for column in columns]


def job_report(service: Service, job: JobRecord, budget_s: float) -> JobReport:
    """A completed job's report."""
    source = open_source(service, job)
    database = service.parquet
    computed = compute_report(service, source, database=database, budget_s=budget_s)
    profile, rows = computed["profile"], computed["rows"]
    return {
        "version": REPORT_VERSION,
        "job_id": job.id,
        "dataset_id": job.dataset_id,
        "overview": _overview(service, job, source, profile),
        "profile": shortened(profile),
        "correlations": computed["correlations"],
        "missing": computed["missing"],
        "repeated_rows": profile.get("repeated_rows"),
        "head": {"columns": rows["columns"], **rows["head"]},
        "tail": {"columns": rows["columns"], **rows["tail"]},
        "sample": {"columns": rows["columns"], **rows["sample"]},
        "hints": computed["hints"],
        "comparison": _comparison(service, job, source),
    }


def _overview(
    service: Service, job: JobRecord, source: OpenTable, profile: ProfileJson
) -> ReportOverview:
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


def shortened(
    profile: ProfileJson, detailed: int = DETAILED_COLUMNS, listed: int = BRIEF_COLUMNS
) -> ProfileJson:
    """A profile with the columns beyond the first ``detailed`` in short form."""
    columns = profile["columns"]
    brief = [
        {name: column[name] for name in BRIEF_FIELDS if name in column}
        for column in columns[detailed : detailed + listed]
    ]
    return {
        **profile,
        "columns": columns[:detailed],
        "further_columns": brief,
        "columns_not_told": max(len(columns) - detailed - listed, 0),
    }


def _comparison(service: Service, job: JobRecord, source: OpenTable) -> CachedComparison | None:
    compare_to = job.run_parameters.get("compare_to")
    if compare_to is None:
        return None
    other = compared_with(service, job.dataset_id, compare_to)
    compared = comparison_of(service, job.dataset_id, source, other, database=service.parquet)
    return {**compared, "other": {**compare_to, **compared["other"]}}


def alerts_by_severity(profile: ProfileJson) -> dict[str, int]:
    """The number of alerts of each severity."""
    owners = (profile, *profile["columns"])
    count = Counter(alert["severity"] for owner in owners for alert in owner.get("alerts", []))
    return {severity: count[severity] for severity in ("warning", "notice", "info")}
