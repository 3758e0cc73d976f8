"""A table is written the same by several threads or streamed by one."""

from __future__ import annotations

import time
from pathlib import Path

import duckdb
import pytest

from parquet_tables.database import ParquetDatabase
from parquet_tables.writing import read_columns, write_parquet

ROWS = "SELECT i AS ordinal, 'row ' || i AS text, i % 7 AS \"a_\", i / 3 AS A FROM range(?) t(i)"


def test_a_streamed_file_holds_the_same_rows_in_the_same_order(
    parquet: ParquetDatabase, tmp_path: Path
) -> None:
    source, streamed = tmp_path / "source.parquet", tmp_path / "streamed.parquet"
    with parquet.cursor() as cursor:
        write_parquet(cursor, ROWS, [300_000], source, row_group_rows=10_000)
        query = "SELECT * FROM read_parquet(?)"
        written = write_parquet(
            cursor, query, [str(source)], streamed, row_group_rows=20_000, one_thread=True
        )
        assert (written.path, written.rows) == (streamed, 300_000)
        assert read_columns(cursor, streamed) == read_columns(cursor, source)
        differing = cursor.execute(
            "SELECT count(*) FROM read_parquet(?, file_row_number = true) "
            "WHERE ordinal <> file_row_number OR text <> 'row ' || ordinal",
            [str(streamed)],
        ).fetchall()
        largest = cursor.execute(
            "SELECT max(row_group_num_rows), any_value(compression) FROM parquet_metadata(?)",
            [str(streamed)],
        ).fetchall()
    assert differing == [(0,)]
    assert largest == [(20_480, "ZSTD")]
    assert sorted(file.name for file in tmp_path.glob("str*")) == ["streamed.parquet"]


def test_a_table_without_a_row_is_streamed(parquet: ParquetDatabase, tmp_path: Path) -> None:
    path = tmp_path / "none.parquet"
    with parquet.cursor() as cursor:
        assert write_parquet(cursor, ROWS, [0], path, one_thread=True).rows == 0
        assert [column.name for column in read_columns(cursor, path)] == [
            "ordinal", "text", "a_", "A",
        ]  # fmt: skip


def test_what_stops_a_streamed_file_leaves_nothing_of_it(
    parquet: ParquetDatabase, tmp_path: Path
) -> None:
    query = f"SELECT ordinal, error('no') AS text FROM ({ROWS})"
    with parquet.cursor() as cursor, pytest.raises(duckdb.InvalidInputException):
        write_parquet(cursor, query, [1000], tmp_path / "none.parquet", one_thread=True)
    assert not list(tmp_path.glob("none*"))


class Enough(Exception):
    """Stops the query from the progress callback."""


def test_a_huge_row_group_streams_and_stops_at_once(
    parquet: ParquetDatabase, tmp_path: Path
) -> None:
    # 4 GB of text in a file of a kilobyte.
    source = tmp_path / "source.parquet"
    with parquet.cursor() as cursor:
        cursor.execute(
            f"COPY (SELECT repeat('y', 2000) AS c FROM range(2_000_000)) TO '{source}' "
            "(FORMAT parquet, ROW_GROUP_SIZE 100_000_000)"
        )
    stop_at = time.monotonic() + 0.3

    def on_progress(_fraction: float, _message: str) -> None:
        if time.monotonic() > stop_at:
            raise Enough

    path, query = tmp_path / "none.parquet", "SELECT * FROM read_parquet(?)"
    with parquet.cursor() as cursor, pytest.raises(Enough):
        write_parquet(cursor, query, [str(source)], path, on_progress=on_progress, one_thread=True)
    assert time.monotonic() - stop_at < 8  # on several threads it is 34
    assert parquet.memory_use().spilled_bytes == 0
    assert not list(tmp_path.glob("none*"))
