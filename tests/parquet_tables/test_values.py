"""A column's values for menus: the frequent ones first, bounded work, NULL separate."""

from __future__ import annotations

from pathlib import Path

from parquet_tables.database import ParquetDatabase
from parquet_tables.rows import frequent_values
from parquet_tables.tables import Column, TableFiles
from parquet_tables.writing import read_columns, write_parquet


def table_of(parquet: ParquetDatabase, path: Path, query: str) -> TableFiles:
    with parquet.cursor() as cursor:
        file = write_parquet(cursor, query, [], path)
        return TableFiles(read_columns(cursor, path), (file,))


def test_the_most_frequent_values_come_first(parquet: ParquetDatabase, tmp_path: Path) -> None:
    query = """SELECT unnest(['b', 'a', 'b', NULL, 'b', 'a', 'c']) AS "x y" """
    table = table_of(parquet, tmp_path / "t.parquet", query)
    with parquet.cursor() as cursor:
        all_of_them = frequent_values(cursor, table, table.columns[0], 3)
        some = frequent_values(cursor, table, table.columns[0], 2)
    assert all_of_them.values == ("b", "a", "c")
    assert (all_of_them.complete, all_of_them.has_nulls) == (True, True)
    assert (some.values, some.complete) == (("b", "a"), False)


def test_a_large_sorted_table_is_met_all_over(parquet: ParquetDatabase, tmp_path: Path) -> None:
    query = "SELECT range // 20000 AS x FROM range(400000)"
    table = table_of(parquet, tmp_path / "t.parquet", query)
    with parquet.cursor() as cursor:
        found = frequent_values(
            cursor, table, table.columns[0], 20, max_rows=50_000, run_rows=1_000
        )
    assert sorted(found.values) == list(range(20))
    assert not found.complete


def test_an_empty_table_has_zero_values(parquet: ParquetDatabase) -> None:
    empty = TableFiles((Column("x", "VARCHAR"),), ())
    with parquet.cursor() as cursor:
        found = frequent_values(cursor, empty, empty.columns[0], 5)
    assert (found.values, found.complete, found.has_nulls) == ((), True, False)
