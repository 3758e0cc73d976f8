"""Pages as JSON rows, whatever their cells hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from parquet_tables.database import ParquetDatabase
from parquet_tables.rows import MAX_PAGE_BYTES, PageTooLarge, read_page
from parquet_tables.tables import TableFiles
from parquet_tables.writing import read_columns, write_parquet

MIB = 1024**2


def table_of(parquet: ParquetDatabase, path: Path, query: str) -> TableFiles:
    with parquet.cursor() as cursor:
        file = write_parquet(cursor, query, [], path)
        return TableFiles(read_columns(cursor, path), (file,))


@pytest.mark.parametrize(
    ("value", "is_text"),
    [("repeat('é', 512 * 1024)", True), ("repeat('\\x00', 1024 * 1024)::BLOB", False)],
)
def test_a_page_with_too_much_text_is_refused(
    parquet: ParquetDatabase, tmp_path: Path, value: str, is_text: bool
) -> None:
    query = f"SELECT range AS i, {value} AS bytes_so_far, NULL::VARCHAR AS n FROM range(40)"
    table = table_of(parquet, tmp_path / "t.parquet", query)
    most = MAX_PAGE_BYTES // MIB
    with parquet.cursor() as cursor:
        for limit in (most + 1, 40):
            with pytest.raises(PageTooLarge, match="32 MiB"):
                read_page(cursor, table, table.columns, 0, limit)
        page = read_page(cursor, table, table.columns, 40 - most, most)
        assert [row["i"] for row in page] == list(range(40 - most, 40))
        assert {row["n"] for row in page} == {None}
        (text,) = {row["bytes_so_far"] for row in page}
        assert len(text) == (MIB // 2 if is_text else -(-MIB // 3) * 4)
        whole = read_page(cursor, table, table.columns[:1], 0, 40)
        assert whole == [{"i": i} for i in range(40)]


def test_a_name_that_differs_in_case_alone_is_no_other_column(
    parquet: ParquetDatabase, tmp_path: Path
) -> None:
    query = """SELECT 'x' AS "BYTES_so_far", 'y' AS "bytes_so_far_" """
    table = table_of(parquet, tmp_path / "t.parquet", query)
    with parquet.cursor() as cursor:
        rows = read_page(cursor, table, table.columns, 0, 10)
    assert rows == [{"BYTES_so_far": "x", "bytes_so_far_": "y"}]
