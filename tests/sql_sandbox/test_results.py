"""What comes of a query: a table of its own, first rows, progress, or an error with its place."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from parquet_tables.columns import Column, DataFile
from parquet_tables.progress import ignore_progress
from parquet_tables.writing import read_columns
from sql_sandbox.errors import InvalidSql, SqlError, SqlFailed, SqlRefused
from sql_sandbox.request import SourceTable
from sql_sandbox.sandbox import Sandbox


def test_a_result_is_a_table_of_its_own(
    sandbox: Sandbox, tables: tuple[SourceTable, ...], tmp_path: Path
) -> None:
    sql = """
        SELECT sum(id) AS total, 1 AS a, 2 AS A, 3 AS file_row_number, INTERVAL 3 DAY AS wait,
               [1, NULL] AS l, uuid_extract_version(NULL) AS v, max(amount)
        FROM orders"""
    shape = sandbox.check(sql, tables)
    written = sandbox.write_result(sql, tables, tmp_path / "result.parquet", ignore_progress)
    at_once = sandbox.first_rows(sql, tables, 10, timeout_s=30)
    assert shape == written.shape == at_once.shape
    assert shape.columns == (
        Column("total", "DECIMAL(38,0)"),
        Column("a", "INTEGER"),
        Column("A_1", "INTEGER"),
        Column("file_row_number_1", "INTEGER"),
        Column("wait", "VARCHAR"),
        Column("l", "VARCHAR"),
        Column("v", "UINTEGER"),
        Column("max(amount)", "DOUBLE"),
    )
    assert [note.split(":")[0] for note in shape.notes] == [
        'Column 4 ("file_row_number") is named "file_row_number_1"',
        'Column "wait" was INTERVAL; it is stored as text.',
        'Column "l" holds nested values; they are stored as JSON text.',
    ]
    assert at_once.rows == [[1999000, 1, 2, 3, "3 days", "[1,null]", None, 24.75]]
    with duckdb.connect() as connection:
        assert read_columns(connection, written.file.path) == shape.columns
    assert written.file.rows == 1


def test_a_result_keeps_the_order_that_it_asks_for(
    sandbox: Sandbox, tables: tuple[SourceTable, ...], tmp_path: Path
) -> None:
    sql = "SELECT hash(range) AS h FROM range(150000) ORDER BY h DESC"
    written = sandbox.write_result(sql, tables, tmp_path / "result.parquet", ignore_progress)
    with duckdb.connect() as connection:
        rows = connection.execute("SELECT h FROM read_parquet(?)", [str(written.file.path)])
        found = [row[0] for row in rows.fetchall()]
    assert found == sorted(found, reverse=True)
    assert written.file.rows == len(found) == 150_000


def test_first_rows_report_more_rows(sandbox: Sandbox, tables: tuple[SourceTable, ...]) -> None:
    found = sandbox.first_rows("SELECT id FROM orders ORDER BY id", tables, 3, timeout_s=30)
    assert (found.rows, found.has_more) == ([[0], [1], [2]], True)


@pytest.mark.parametrize(
    ("sql", "kind", "message"),
    [
        ("SELEC 1", InvalidSql, 'Line 1, column 1: syntax error at or near "SELEC".'),
        ("SELECT 'ä😀',\n  FROM FROM", InvalidSql, "Line 2, column 8: syntax error at or near"),
        ("SELECT ids FROM orders", InvalidSql, "Line 1, column 8: "),
        ("SELECT\n  sum(day) FROM orders", InvalidSql, "Line 2, column 3: No function matches"),
        ("FROM order", InvalidSql, 'Line 1, column 6: syntax error at or near "order".'),
        ("FROM primary", InvalidSql, 'Write the name of the table in quotes: "primary".'),
        ("FROM oders", InvalidSql, 'column 6: there is no table "oders". Did you mean "orders"?'),
        ("SELECT uper(name) FROM orders", SqlRefused, 'offered. Did you mean "upper"?'),
        ('SELECT "order state"::DATE FROM orders', SqlFailed, "Line 1, column 21: "),
        ("SELECT amount // 0 FROM orders", SqlFailed, "Division by zero"),
        ("SELECT (SELECT id FROM orders)", SqlFailed, "More than one row"),
    ],
)
def test_errors_name_line_and_column(
    sandbox: Sandbox,
    tables: tuple[SourceTable, ...],
    sql: str,
    kind: type[SqlError],
    message: str,
) -> None:
    with pytest.raises(kind) as caught:
        sandbox.first_rows(sql, tables, 10, timeout_s=30)
    assert message in caught.value.message
    assert "SET" not in caught.value.message


def test_a_damaged_file_is_reported_without_its_path(
    sandbox: Sandbox, tables: tuple[SourceTable, ...], tmp_path: Path
) -> None:
    broken = tmp_path / "broken.parquet"
    broken.write_bytes(b"PAR1 and nothing more")
    table = replace(tables[0], files=(DataFile(broken, 3),))
    with pytest.raises(SqlFailed, match="jobsvc check") as caught:
        sandbox.check("FROM orders", (table,))
    assert str(tmp_path) not in caught.value.message


def test_progress_never_decreases(
    sandbox: Sandbox, tables: tuple[SourceTable, ...], tmp_path: Path
) -> None:
    fractions: list[float] = []
    sql = "SELECT range % 7 AS k, count(*) AS n FROM range(60000000) GROUP BY k"
    sandbox.write_result(
        sql, tables, tmp_path / "result.parquet", lambda fraction, _: fractions.append(fraction)
    )
    assert fractions == sorted(fractions)
    assert fractions[0] == 0.0
