"""A reference for comparisons: all rows of a table, or a cached random draw.

A cached file is written whole or not at all and may be deleted at any time. Its name begins with
that of the table's first file, and its time is that of its last use.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import duckdb

from parquet_tables.database import ParquetDatabase
from parquet_tables.progress import ProgressCallback, ignore_progress, progress_part
from parquet_tables.quoting import quote_identifier
from parquet_tables.tables import DataFile, TableFiles
from parquet_tables.writing import write_parquet
from sampling_engine.draw import draw_sample
from sampling_engine.methods.random import RandomMethod
from sampling_engine.plan import plan_draw
from sampling_engine.spec import Round, RowFilter

VERSION = "jobsvc-reference-1"
"""The draw's seed, too: a seed of its own, so that no sample shares its order by chance."""
WHOLE_ROWS = 200_000
DRAWN_ROWS = 100_000
"""Of a larger table so many rows are drawn: their shares are off by 0.3 percentage points."""


@dataclass(frozen=True)
class Reference:
    """Rows that represent the ``rows`` rows of a table that pass a filter."""

    table: TableFiles
    rows: int

    @property
    def is_whole(self) -> bool:
        """Whether it has all rows that it stands for."""
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
    one = Round(round_number=1, method=RandomMethod(sample_size=1), seed=VERSION, filter=row_filter)
    step = progress_part(on_progress, 0.0, 0.3)
    (plan,) = plan_draw(database, table, [one], on_progress=step, counts_dir=counts_dir)
    if not plan.eligible_rows:
        return Reference(TableFiles(table.columns, ()), 0)
    rows = plan.eligible_rows if plan.eligible_rows <= WHOLE_ROWS else DRAWN_ROWS
    kept = _kept_file(counts_dir, table, row_filter)
    if not _holds(database, kept, rows):
        method = RandomMethod(sample_size=rows)
        drawn = Round(round_number=1, method=method, seed=VERSION, filter=row_filter)
        _draw(database, table, drawn, kept, progress_part(on_progress, 0.3, 1.0))
    return Reference(TableFiles(table.columns, (DataFile(kept, rows),)), plan.eligible_rows)


def _kept_file(directory: Path, table: TableFiles, row_filter: RowFilter | None) -> Path:
    named = [
        VERSION,
        [[file.path.stem, file.rows] for file in table.files],
        hashlib.sha256(table.deletion_vector.tobytes()).hexdigest(),
        [[column.name, column.type] for column in table.columns],
        row_filter and row_filter.text,
    ]
    digest = hashlib.sha256(json.dumps(named).encode()).hexdigest()
    return directory / f"{table.files[0].path.stem}-{digest}.parquet"


def _holds(database: ParquetDatabase, file: Path, rows: int) -> bool:
    """Whether a kept file is there, can be read and has so many rows."""
    if not file.is_file():
        return False
    try:
        with database.cursor() as cursor:
            found = cursor.execute("SELECT count(*) FROM read_parquet(?)", [str(file)]).fetchall()
    except (duckdb.IOException, duckdb.InvalidInputException):
        return False
    with suppress(FileNotFoundError):  # deleted just now
        os.utime(file)
    return bool(found[0][0] == rows)


def _draw(
    database: ParquetDatabase,
    table: TableFiles,
    one: Round,
    kept: Path,
    on_progress: ProgressCallback,
) -> None:
    """Draw the rows and keep them under the table's own column names."""
    part = kept.with_suffix(f".{secrets.token_hex(8)}.part")
    plain = part.with_suffix(".plain.part")
    try:
        drawn = draw_sample(
            database,
            table,
            [one],
            table_key="",
            destination=part,
            on_progress=on_progress,
            counts_dir=kept.parent,
        )
        renamed = drawn.renamed_columns
        if not renamed:
            part.replace(kept)
            return
        columns = ", ".join(
            f"{quote_identifier(renamed.get(column.name, column.name))} "
            f"AS {quote_identifier(column.name)}"
            for column in table.columns
        )
        with database.cursor() as cursor:
            write_parquet(cursor, f"SELECT {columns} FROM read_parquet(?)", [str(part)], plain)
        plain.replace(kept)
    finally:
        part.unlink(missing_ok=True)
        plain.unlink(missing_ok=True)
