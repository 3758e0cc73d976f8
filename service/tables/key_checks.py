"""Whether a row key holds in a version, and which keys came and went since the version before.

A check reads all keys once, so it runs in the background or in the job of an import. Its result is
cached beside the counts of the table; a version whose result isn't there wasn't checked yet.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, TypedDict

from contract.declarations import Help
from domain_errors import DomainError, counted
from parquet_tables.cached_files import cache_path, read_cached, table_identity, write_cached
from parquet_tables.database import ParquetDatabase
from parquet_tables.progress import ProgressCallback, ignore_progress, progress_part
from parquet_tables.row_keys.digests import (
    EXAMPLES,
    MAX_NUMBERED,
    KeyDigests,
    KeyMissing,
    KeyNotUnique,
    RowKey,
    compare_keys,
    repeated_keys,
)
from parquet_tables.tables import Column, TableFiles
from service.tables.row_names import columns_of_key

CHECK_VERSION = "jobsvc-key-check-1"
MAX_ROWS_SHOWN = 5
"""Rows that an example of a repeated key lists."""


class SharedKey(TypedDict):
    """A key that several rows have."""

    key: str
    rows: Annotated[list[int], Help("The first rows that have it, counted from 0.")]


class KeyCheck(TypedDict):
    """The rows of a table that a key doesn't identify, and the keys that came and went."""

    rows: int
    missing: Annotated[int, Help("Rows without a value in a column of the key.")]
    missing_rows: Annotated[list[int], Help("Three of them, counted from 0.")]
    repeated: Annotated[int, Help("Rows that share their key with another row.")]
    repeated_keys: Annotated[list[SharedKey], Help("Three of their keys.")]
    new: Annotated[int | None, Help("Keys that the version before doesn't have; null without one.")]
    gone: Annotated[int | None, Help("Keys that only the version before has.")]
    kept: Annotated[int | None, Help("Keys that both versions have.")]


def cached_check(
    directory: Path, table: TableFiles, key: RowKey, before: TableFiles | None
) -> KeyCheck | None:
    """The result of a check; None if it wasn't made or is no longer stored."""
    columns = columns_of_key(table, key)
    if not columns:
        return None
    found: KeyCheck | None = read_cached(_cache_path(directory, table, columns, key, before))
    return found


def check_key(
    database: ParquetDatabase,
    directory: Path,
    table: TableFiles,
    key: RowKey,
    before: TableFiles | None,
    on_progress: ProgressCallback = ignore_progress,
) -> KeyCheck:
    """Check a key in a version, and compare its keys with those of the version before.

    Parameters
    ----------
    directory : Path
        The directory of cached results.
    before : TableFiles or None
        The table in the version before; it isn't compared if it can't have the key.

    Raises
    ------
    UnknownColumn, InvalidKey
        The table can't have the key.
    """
    columns = key.of(table)
    path = _cache_path(directory, table, columns, key, before)
    cached: KeyCheck | None = read_cached(path)
    if cached is not None:
        return cached
    tables = [table] if before is None else [table, before]
    share = 1.0 / len(tables)
    with database.cursor(*tables) as cursor:
        now = KeyDigests(cursor, table, key, directory, progress_part(on_progress, 0.0, share))
        faults = now.faults()
        shared = repeated_keys(cursor, table, columns, faults)
        change = None
        if before is not None and columns_of_key(before, key):
            step = progress_part(on_progress, share, 1.0)
            earlier = KeyDigests(cursor, before, key, directory, step)
            for keyed in (earlier, now):
                if key.duplicates == "number":
                    with suppress(KeyMissing, KeyNotUnique):  # then equal keys count once
                        keyed.require()
            change = compare_keys(earlier, now)
    is_listed = faults.repeated <= MAX_NUMBERED
    found: KeyCheck = {
        "rows": table.row_count,
        "missing": faults.missing,
        "missing_rows": faults.missing_rows.tolist(),
        "repeated": sum(len(each.rows) for each in shared) if is_listed else faults.repeated,
        "repeated_keys": [
            {"key": each.shown, "rows": list(each.rows[:MAX_ROWS_SHOWN])}
            for each in sorted(shared, key=lambda each: each.rows)[:EXAMPLES]
        ],
        "new": None if change is None else change.births,
        "gone": None if change is None else change.deaths,
        "kept": None if change is None else change.kept,
    }
    write_cached(path, found)
    return found


def _are_told_apart(check: KeyCheck, key: RowKey) -> bool:
    is_numbered = key.duplicates == "number" and check["repeated"] <= MAX_NUMBERED
    return not check["repeated"] or is_numbered


def fault_of(check: KeyCheck, key: RowKey) -> DomainError | None:
    """Why the key doesn't hold, with examples; None if it holds."""
    if check["missing"]:
        return KeyMissing.of_rows(key.name, check["missing"], check["missing_rows"])
    if _are_told_apart(check, key):
        return None
    can_number = key.duplicates == "refuse" and check["repeated"] <= MAX_NUMBERED
    keys = [each["key"] for each in check["repeated_keys"]]
    return KeyNotUnique.of_keys(key.name, check["repeated"], keys, can_number=can_number)


def check_text(check: KeyCheck, key: RowKey) -> str:
    """The result of a check in a sentence.

    >>> key = RowKey(("account",), "number")
    >>> check = KeyCheck(rows=100, missing=0, missing_rows=[], repeated=4, repeated_keys=[],
    ...     new=10, gone=0, kept=90)
    >>> check_text(check, key)
    'Each row has a key; 4 rows share theirs and are numbered.'
    """
    problem = fault_of(check, key)
    if problem is not None:
        return problem.message
    if not check["repeated"]:
        return "Each row has a key of its own."
    return f"Each row has a key; {counted(check['repeated'], 'row')} share theirs and are numbered."


def change_text(check: KeyCheck) -> str | None:
    """The keys that came and went, in a sentence; None if there is no version before.

    >>> check = KeyCheck(rows=100, missing=0, missing_rows=[], repeated=0, repeated_keys=[],
    ...     new=2000, gone=0, kept=28000)
    >>> change_text(check)
    'New keys: 2,000. Gone: 0. Kept: 28,000.'
    """
    if check["kept"] is None:
        return None
    return f"New keys: {check['new']:,}. Gone: {check['gone']:,}. Kept: {check['kept']:,}."


def _cache_path(
    directory: Path,
    table: TableFiles,
    columns: Sequence[Column],
    key: RowKey,
    before: TableFiles | None,
) -> Path:
    def keyed(of: TableFiles) -> TableFiles:
        return TableFiles(columns_of_key(of, key), of.files, of.deletion_vector)

    compared = None if before is None else table_identity(keyed(before))
    # Numbers depend on all columns of the rows.
    rows = [[column.name, column.type] for column in table.columns]
    named = (CHECK_VERSION, key.duplicates, rows if key.duplicates == "number" else [], compared)
    return cache_path(directory, keyed(table), *named)
