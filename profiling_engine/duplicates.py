"""Rows that are there more than once.

Owns: how they are counted. Invariant: that a table has none is only said when it was proven: by a
unique column, or because no two rows have the same 64-bit hash. What is counted otherwise goes by
hashes of whole rows, of large tables by a part of the hashes, which is a random choice of distinct
rows.
"""

from __future__ import annotations

from math import ceil, sqrt

from parquet_tables.quoting import quote_identifier
from parquet_tables.tables import TableFiles
from profiling_engine.accuracy import CONFIDENCE, Accuracy, Figure
from profiling_engine.run import Run
from profiling_engine.sources import Statement, rows_of

MOST_HASHES = 1_000_000
"""Of so many rows every hash is counted."""
SOME_HASHES = 500_000
"""Of more rows, about so many are."""
NORMAL = 1.96
NONE_FOUND = 3.0
"""Up to so many are likely (95 %) when none was found."""


def repeated_rows(table: TableFiles, part: int) -> Statement:
    """Of one in ``part`` hashes of rows: rows beyond the first of each, and their squares' sum."""
    names = ", ".join(f"f.{quote_identifier(column.name)}" for column in table.columns)
    rows, params = rows_of(table, table.columns, f"hash({names}) AS h")
    among = f" WHERE h % {part} = 0" if part > 1 else ""
    return (
        "SELECT coalesce(sum(n - 1), 0), coalesce(sum((n - 1) * (n - 1)), 0) FROM ("
        f"SELECT count(*) AS n FROM ({rows}){among} GROUP BY h HAVING count(*) > 1)",
        params,
    )


def count_repeated_rows(run: Run) -> Figure:
    """Rows that could be left out without losing a distinct row."""
    rows = run.table.row_count
    part = -(-rows // SOME_HASHES) if rows > MOST_HASHES else 1
    ((found, squares),) = run.fetch(repeated_rows(run.table, part))
    if part == 1:
        if not found:
            return Figure(0)
        # Any two of 1,000,000 different rows share a hash with a chance of one in 37 million.
        told = Accuracy("approximate", "64-bit hashes of whole rows", found, found, 0.999999)
        return Figure(int(found), told)
    method = f"hashes of whole rows, one in {part} of them"
    value = int(found) * part
    if not found:
        return Figure(0, Accuracy("approximate", method, 0, ceil(NONE_FOUND * part), CONFIDENCE))
    # Each repeated row's hash is looked at with a chance of 1/part, independently of the others.
    half = NORMAL * part * sqrt(int(squares) * (1 - 1 / part))
    low, high = max(round(value - half), int(found)), min(round(value + half), rows - 1)
    return Figure(value, Accuracy("approximate", method, low, high, CONFIDENCE))
