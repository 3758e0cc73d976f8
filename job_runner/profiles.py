"""Profiles of tables, computed once and shared by everything that asks.

Owns: the files that keep them. Invariant: a profile is kept under a digest of its table's files, so
two commits that hold the same table share it; a file is put in its place whole or not at all, and
any may be deleted at any time, for the profile can be computed again. A profile in which the time
budget left something estimated is kept, too, until a longer look replaces it.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from job_runner.open_tables import OpenTable
from job_runner.service import Service
from parquet_tables.database import ParquetDatabase
from parquet_tables.progress import Report, no_report
from parquet_tables.tables import TableFiles
from profiling_engine import PROFILE_VERSION, design_hints, profile_table

SEED = "profile"
HINTS_FOR_ROWS = 1_000
"""The size of the sample that the hints' cut-offs are for."""

_computing = threading.Lock()
"""One profile at a time: whoever else asks for the same finds it kept afterwards."""


def kept_profile(service: Service, files: TableFiles) -> dict[str, Any] | None:
    """The profile that is kept of a table; None when there is none that can be read."""
    path = _kept_file(service.directory.counts_dir, files)
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    with suppress(OSError):
        os.utime(path)  # a file's time is that of its last use
    return found if isinstance(found, dict) else None


def profile_of(
    service: Service,
    table: OpenTable,
    *,
    database: ParquetDatabase,
    budget_s: float,
    report: Report = no_report,
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
            database, table.files, seed=SEED, budget_s=budget_s or None, report=report
        )
        made = {
            "profile": profile.as_json(),
            "hints": design_hints(profile, HINTS_FOR_ROWS).as_json(),
        }
        _keep(_kept_file(service.directory.counts_dir, table.files), made)
        return made


def of_columns(profile: dict[str, Any], columns: Sequence[str]) -> dict[str, Any]:
    """A profile with these columns alone, in this order; all when none is named."""
    if not columns:
        return profile
    by_name = {column["name"]: column for column in profile["columns"]}
    return {**profile, "columns": [by_name[name] for name in columns]}


def _kept_file(directory: Path, files: TableFiles) -> Path:
    """Named for the table's first file, so that it can be told when it is of no use any more."""
    named = [
        PROFILE_VERSION,
        SEED,
        [[file.path.stem, file.rows] for file in files.files],
        hashlib.sha256(files.left_out.tobytes()).hexdigest(),
        [[column.name, column.type] for column in files.columns],
    ]
    digest = hashlib.sha256(json.dumps(named).encode()).hexdigest()
    first = files.files[0].path.stem if files.files else "none"
    return directory / f"{first}-{digest}.json"


def _keep(path: Path, made: dict[str, Any]) -> None:
    part = path.with_suffix(f".{secrets.token_hex(8)}.part")
    try:
        part.write_text(json.dumps(made, ensure_ascii=False), encoding="utf-8")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
