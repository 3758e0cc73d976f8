"""Two tables of a dataset side by side, for a report.

Owns: how much of a table is read for it, and what is kept. Invariant: a comparison is a function of
the two tables' files: a table of up to 200,000 rows is read whole, of a larger one the rows of the
profile's seeded sample are, and the result says how many were. Computed once for each pair.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from job_runner.kept_results import keep, kept_path, read_kept, table_identity
from job_runner.open_tables import OpenTable, open_table
from job_runner.profiles import SEED
from job_runner.service import Service
from parquet_tables.database import ParquetDatabase
from parquet_tables.pages import page_statement, rows_at
from parquet_tables.progress import Report, no_report, share_of
from parquet_tables.quoting import quote_identifier
from parquet_tables.tables import TableFiles
from parquet_tables.writing import write_parquet
from profiling_engine.comparison import compare_tables
from profiling_engine.comparison_sides import Side
from profiling_engine.sample import choose_rows

COMPARISON_VERSION = "jobsvc-comparison-1"
WHOLE_ROWS = 200_000
BASE_READ, OTHER_READ = 0.2, 0.4
"""Of the whole progress."""


def compared_with(service: Service, dataset_id: int, asked: dict[str, Any]) -> OpenTable:
    """The other table, from a job's ``compare_to``.

    Raises
    ------
    NotFound
        It isn't there, or not any more.
    """
    return open_table(service, dataset_id, asked["commit_id"], asked["table_key"])


def comparison_of(
    service: Service,
    base: OpenTable,
    other: OpenTable,
    *,
    database: ParquetDatabase,
    report: Report = no_report,
) -> dict[str, Any]:
    """The comparison of two tables, kept or computed now, as JSON.

    Returns
    -------
    dict
        The comparison, and ``base`` and ``other`` with ``rows`` and ``rows_read``.
    """
    named = (COMPARISON_VERSION, SEED, table_identity(other.files))
    path = kept_path(service.directory.counts_dir, base.files, *named)
    found = read_kept(path)
    if found is not None:
        return found
    with tempfile.TemporaryDirectory(dir=service.directory.scratch_dir) as folder:
        sides = [
            _side(database, table.files, Path(folder) / name, share_of(report, start, end))
            for table, name, start, end in (
                (base, "base.parquet", 0.0, BASE_READ),
                (other, "other.parquet", BASE_READ, OTHER_READ),
            )
        ]
        compared = compare_tables(
            database, *sides, purpose="tables", report=share_of(report, OTHER_READ, 1.0)
        )
    told = [
        {"rows": table.files.row_count, "rows_read": side.table.row_count}
        for table, side in zip((base, other), sides, strict=True)
    ]
    made = {**compared.as_json(), "base": told[0], "other": told[1]}
    keep(path, made)
    return made


def _side(database: ParquetDatabase, table: TableFiles, path: Path, report: Report) -> Side:
    """A table, whole or by a sample of its rows, without rows that are left out."""
    whole = table.row_count <= WHOLE_ROWS
    if whole and not len(table.left_out):
        return Side(table, float(table.row_count))
    with database.cursor() as cursor:
        if whole:
            sql, params = page_statement(table, table.columns)
        else:
            choose_rows(table, SEED).register(cursor)
            names = ", ".join(f"f.{quote_identifier(column.name)}" for column in table.columns)
            sql, params = rows_at(table, names, "picked")
        part = write_parquet(
            cursor, sql, params, path, report=report, message="reading rows to compare"
        )
    return Side(TableFiles(table.columns, (part,)), float(part.rows))
