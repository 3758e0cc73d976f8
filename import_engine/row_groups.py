"""How much memory a Parquet file's row groups take.

Owns: the estimate. The footer tells what pages unpack to, but not how often a value of a dictionary
is there: a text of 50 KB that comes in each of 100,000 rows is 50 KB by the footer. So some rows
are looked at. Called by ``parquet``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from import_engine.work import ImportWork
from parquet_tables.progress import execute_watched, without_progress

CELL_BYTES = 16
"""What a value takes in DuckDB's memory at the least, a text beside its own bytes."""
GROUPS_LOOKED_AT = 8
ROWS_LOOKED_AT = 100
_LENGTH = {"VARCHAR": "strlen", "BLOB": "octet_length"}


def largest_group_bytes(work: ImportWork, path: Path, scan: str, types: Sequence[str]) -> int:
    """About what the largest row group of a file takes in memory.

    Parameters
    ----------
    scan : str
        The SQL of the file as a table, with the path as its only parameter.
    types : sequence of str
        DuckDB's types of its columns, in their order.
    """
    groups = _asked(
        work,
        "SELECT max(row_group_num_rows), sum(total_uncompressed_size) FROM parquet_metadata(?) "
        "GROUP BY row_group_id ORDER BY row_group_id",
        [str(path)],
    )
    if not groups:
        return 0
    texts = _text_bytes_a_row(work, path, scan, types, [rows for rows, _ in groups])
    return max(int(size + rows * (len(types) * CELL_BYTES + texts)) for rows, size in groups)


def _text_bytes_a_row(
    work: ImportWork,
    path: Path,
    scan: str,
    types: Sequence[str],
    group_rows: Sequence[int],
) -> float:
    """The bytes of a row's texts in the row group that has most of them, of those looked at."""
    texts = [f"coalesce({_LENGTH[t]}(c{i}), 0)" for i, t in enumerate(types) if t in _LENGTH]
    if not texts:
        return 0.0
    columns = ", ".join(f"c{i}" for i in range(len(types)))
    look = (
        f"SELECT avg({' + '.join(texts)}) AS bytes FROM {scan} AS source({columns}) "
        "WHERE file_row_number >= ? AND file_row_number < ?"
    )
    step = -(-len(group_rows) // GROUPS_LOOKED_AT)
    looks, params = [], []
    first = 0
    for number, rows in enumerate(group_rows):
        if number % step == 0:
            looks.append(look)
            params += [str(path), first, first + min(rows, ROWS_LOOKED_AT)]
        first += rows
    ((most,),) = _asked(work, f"SELECT max(bytes) FROM ({' UNION ALL '.join(looks)})", params)
    return float(most or 0)


def _asked(work: ImportWork, sql: str, params: Sequence[object]) -> list[tuple[Any, ...]]:
    report = without_progress(work.report)
    return execute_watched(work.cursor, sql, params, report, "looking at row groups")
