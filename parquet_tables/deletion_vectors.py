"""Sorted ordinals as a small Parquet file: what a residual leaves out.

Invariant: one BIGINT column ``ordinal``, ascending, no value twice; packed as differences, 1,000
ordinals of 60 million rows take about 3 KB.
"""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np

from parquet_tables.tables import DataFile, Int64s
from parquet_tables.temporary_tables import registered
from parquet_tables.writing import write_parquet


def write_ordinals(cursor: duckdb.DuckDBPyConnection, ordinals: Int64s, path: Path) -> DataFile:
    """Write ordinals, given in any order, to a file."""
    with registered(cursor, {"left_out": {"ordinal": np.unique(ordinals)}}):
        return write_parquet(cursor, "SELECT ordinal FROM left_out ORDER BY ordinal", [], path)


def read_ordinals(cursor: duckdb.DuckDBPyConnection, path: Path) -> Int64s:
    """Read what :func:`write_ordinals` wrote."""
    rows = cursor.execute(
        "SELECT f.ordinal FROM read_parquet(?) AS f ORDER BY f.ordinal", [str(path)]
    ).fetchnumpy()
    return np.asarray(rows["ordinal"], dtype=np.int64)
