"""A reference for comparisons: all rows of a table, or a cached random draw.

A cached file is written whole or not at all and may be deleted at any time. Its name begins with
that of the table's first file, and its time is that of its last use.
"""

from __future__ import annotations

from pathlib import Path

import duckdb

from lazy_dataclasses import dataclass
from parquet_tables.cached_files import cache_path, mark_used, temporary_file
from parquet_tables.database import ParquetDatabase
from parquet_tables.progress import ProgressCallback, ignore_progress, progress_part
from parquet_tables.quoting import quote_identifier
from parquet_tables.tables import DataFile, TableFiles
from parquet_tables.writing import write_parquet
from sampling_engine.draw import draw_sample
from sampling_engine.methods.method import Round
from sampling_engine.methods.random import RandomMethod
from sampling_engine.plan import plan_draw
from sampling_engine.spec import RowFilter

# The draw's seed, too: a seed of its own, so that no sample shares its order by chance.
VERSION = "jobsvc-reference-1"
WHOLE_ROWS = 200_000
# Shares in so many drawn rows are off by 0.3 percentage points.
DRAWN_ROWS = 100_000


@dataclass(frozen=True)
class Reference:
    """Rows that represent the ``rows`` rows of a table that pass a filter."""

    table: TableFiles
    rows: int

    @property
    def is_whole(self) -> bool:
        """Whether it has all rows that it represents."""
        return self.table.row_count == self.rows


def reference_of(
    database: ParquetDatabase,
    table: TableFiles,
    row_filter: RowFilter | None = None,
    *,
    counts_dir: Path,
    on_progress: ProgressCallback = ignore_progress,
) -> Reference:
    """All rows up to 200,000; else 100,000 drawn by a fixed seed, cached in ``counts_dir``."""
    if row_filter is None and table.row_count <= WHOLE_ROWS and not len(table.deletion_vector):
        return Reference(table, table.row_count)
    step = progress_part(on_progress, 0.0, 0.3)
    counted = _random_round(1, row_filter)
    (plan,) = plan_draw(database, table, [counted], on_progress=step, counts_dir=counts_dir)
    if not plan.eligible_rows:
        return Reference(TableFiles(table.columns, ()), 0)
    rows = plan.eligible_rows if plan.eligible_rows <= WHOLE_ROWS else DRAWN_ROWS
    text = row_filter and row_filter.text
    file = cache_path(counts_dir, table, VERSION, text, suffix=".parquet")
    if not _holds(database, file, rows):
        step = progress_part(on_progress, 0.3, 1.0)
        _draw(database, table, _random_round(rows, row_filter), file, step)
    return Reference(TableFiles(table.columns, (DataFile(file, rows),)), plan.eligible_rows)


def _random_round(rows: int, row_filter: RowFilter | None) -> Round:
    method = RandomMethod(sample_size=rows)
    return Round(round_number=1, method=method, seed=VERSION, filter=row_filter)


def _holds(database: ParquetDatabase, file: Path, rows: int) -> bool:
    """Whether a cached file can be read and has so many rows."""
    if not file.is_file():
        return False
    try:
        with database.cursor() as cursor:
            found = cursor.execute("SELECT count(*) FROM read_parquet(?)", [str(file)]).fetchall()
    except (duckdb.IOException, duckdb.InvalidInputException):
        return False
    mark_used(file)
    return bool(found[0][0] == rows)


def _draw(
    database: ParquetDatabase,
    table: TableFiles,
    round_spec: Round,
    file: Path,
    on_progress: ProgressCallback,
) -> None:
    """Draw the rows and cache them under the table's own column names."""
    with temporary_file(file) as part, temporary_file(file) as plain:
        drawn = draw_sample(
            database,
            table,
            [round_spec],
            table_key="",
            destination=part,
            on_progress=on_progress,
            counts_dir=file.parent,
        )
        renamed = drawn.renamed_columns
        if not renamed:
            part.replace(file)
            return
        columns = ", ".join(
            f"{quote_identifier(renamed.get(column.name, column.name))} "
            f"AS {quote_identifier(column.name)}"
            for column in table.columns
        )
        with database.cursor() as cursor:
            write_parquet(cursor, f"SELECT {columns} FROM read_parquet(?)", [str(part)], plain)
        plain.replace(file)
