"""Profiles of tables, computed once and shared by everything that asks.

Owns: when a profile is computed. Invariant: one at a time, and once for each table as long as it is
kept. A profile in which the time budget left something estimated is kept, too, until a longer look
replaces it.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from job_runner.service import Service
from job_runner.tables.cache import keep, kept_path, read_kept
from job_runner.tables.open_tables import OpenTable
from parquet_tables.database import ParquetDatabase
from parquet_tables.progress import ProgressCallback, ignore_progress
from parquet_tables.tables import TableFiles
from profiling_engine import PROFILE_VERSION, design_hints, profile_table

SEED = "profile"
HINTS_FOR_ROWS = 1_000
"""The size of the sample that the hints' cut-offs are for."""

_computing = threading.Lock()
"""One profile at a time: whoever else asks for the same finds it kept afterwards."""


def kept_profile(service: Service, files: TableFiles) -> dict[str, Any] | None:
    """The profile that is kept of a table; None when there is none that can be read."""
    return read_kept(_kept_path(service, files))


def profile_of(
    service: Service,
    table: OpenTable,
    *,
    database: ParquetDatabase,
    budget_s: float,
    on_progress: ProgressCallback = ignore_progress,
) -> dict[str, Any]:
    """A table's profile, kept or computed now, as JSON: ``profile`` and ``hints``.

    Parameters
    ----------
    budget_s : float
        Seconds after which what is left is estimated and labelled so.
    """
    found = kept_profile(service, table.files)
    if found is not None and not found["profile"].get("estimated_columns"):
        return found
    with _computing:
        found = kept_profile(service, table.files)
        if found is not None and not found["profile"].get("estimated_columns"):
            return found
        profile = profile_table(
            database, table.files, seed=SEED, budget_s=budget_s or None, on_progress=on_progress
        )
        made = {
            "profile": profile.as_json(),
            "hints": design_hints(profile, HINTS_FOR_ROWS).as_json(),
        }
        keep(_kept_path(service, table.files), made)
        return made


def of_columns(profile: dict[str, Any], columns: Sequence[str]) -> dict[str, Any]:
    """A profile with these columns alone, in this order; all when none is named."""
    if not columns:
        return profile
    by_name = {column["name"]: column for column in profile["columns"]}
    return {**profile, "columns": [by_name[name] for name in columns]}


def _kept_path(service: Service, files: TableFiles) -> Path:
    return kept_path(service.directory.counts_dir, files, PROFILE_VERSION, SEED)
