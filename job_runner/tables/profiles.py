"""Profiles of tables, computed one at a time and cached.

A profile with estimated columns is cached until a longer computation replaces it.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from job_runner.service import Service
from job_runner.tables.cache import cache_path, read_cached, write_cached
from job_runner.tables.open_tables import OpenTable
from parquet_tables.database import ParquetDatabase
from parquet_tables.progress import ProgressCallback, ignore_progress
from parquet_tables.tables import TableFiles
from profiling_engine import PROFILE_VERSION, design_hints, profile_table

SEED = "profile"
HINTS_SAMPLE_SIZE = 1_000
"""The sample size of the design hints."""

_computing = threading.Lock()
"""Serialises profiles, so that concurrent requests share one computation."""


def cached_profile(service: Service, files: TableFiles) -> dict[str, Any] | None:
    """The cached profile of a table; None if there is none."""
    return read_cached(_cache_path(service, files))


def profile_of(
    service: Service,
    table: OpenTable,
    *,
    database: ParquetDatabase,
    budget_s: float,
    on_progress: ProgressCallback = ignore_progress,
) -> dict[str, Any]:
    """A table's ``profile`` and ``hints`` from the cache, or computed within ``budget_s``."""
    found = cached_profile(service, table.files)
    if found is not None and not found["profile"].get("estimated_columns"):
        return found
    with _computing:
        found = cached_profile(service, table.files)
        if found is not None and not found["profile"].get("estimated_columns"):
            return found
        profile = profile_table(
            database, table.files, seed=SEED, budget_s=budget_s or None, on_progress=on_progress
        )
        result = {
            "profile": profile.as_json(),
            "hints": design_hints(profile, HINTS_SAMPLE_SIZE).as_json(),
        }
        write_cached(_cache_path(service, table.files), result)
        return result


def of_columns(profile: dict[str, Any], columns: Sequence[str]) -> dict[str, Any]:
    """A profile with only these columns, in this order; all if empty."""
    if not columns:
        return profile
    by_name = {column["name"]: column for column in profile["columns"]}
    return {**profile, "columns": [by_name[name] for name in columns]}


def _cache_path(service: Service, files: TableFiles) -> Path:
    return cache_path(service.directory.counts_dir, files, PROFILE_VERSION, SEED)
