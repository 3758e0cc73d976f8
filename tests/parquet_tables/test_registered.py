"""Arrays as tables of one cursor."""

from __future__ import annotations

import duckdb
import numpy as np
import pytest

from parquet_tables.database import ParquetDatabase, registered


def test_tables_are_there_in_the_block_alone(parquet: ParquetDatabase) -> None:
    with parquet.cursor() as cursor:
        with registered(cursor, {"mine": {"x": np.arange(3)}, "other": {"y": np.arange(4)}}):
            rows = cursor.execute("SELECT sum(x), max(y) FROM mine, other").fetchall()
        assert rows == [(12, 3)]
        for name in ("mine", "other"):
            with pytest.raises(duckdb.CatalogException):
                cursor.execute(f"SELECT * FROM {name}")


def test_an_error_with_an_open_result_is_raised(parquet: ParquetDatabase) -> None:
    def fail(cursor: duckdb.DuckDBPyConnection) -> None:
        with registered(cursor, {"mine": {"x": np.arange(100_000)}}):
            cursor.execute("SELECT * FROM mine").fetchone()
            raise KeyError("mine own")

    with parquet.cursor() as cursor, pytest.raises(KeyError, match="mine own"):
        fail(cursor)
