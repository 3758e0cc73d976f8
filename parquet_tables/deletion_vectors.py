"""Deletion vectors: sorted ordinals in a small Parquet file.

The file has one BIGINT column ``ordinal``, ascending and distinct; 1,000 ordinals of 60 million
rows take about 3 KB.
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
    with registered(cursor, {"deleted": {"ordinal": np.unique(ordinals)}}):
        return write_parquet(cursor, "SELECT ordinal FROM deleted ORDER BY ordinal", [], path)


def read_ordinals(cursor: duckdb.DuckDBPyConnection, path: Path) -> Int64s:
    """Read a file of :func:`write_ordinals`."""
    rows = cursor.execute(
        "SELECT f.ordinal FROM read_parquet(?) AS f ORDER BY f.ordinal", [str(path)]
    ).fetchnumpy()
    return np.asarray(rows["ordinal"], dtype=np.int64)
