"""Pages and exports hold the requested rows, in order and without loss."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import nanoarrow as na
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nanoarrow import ipc

from parquet_tables.database import ParquetDatabase
from parquet_tables.exports import ExportFormat, export_rows
from parquet_tables.json_values import json_value
from parquet_tables.rows import page_statement, read_page
from parquet_tables.tables import Column, DataFile, TableFiles, UnknownColumn
from parquet_tables.writing import read_columns, write_parquet

SIZES = (5000, 0, 1, 70_000, 2049)


@pytest.fixture(scope="module")
def parquet(tmp_path_factory: pytest.TempPathFactory) -> Any:
    root = tmp_path_factory.mktemp("reading")
    with ParquetDatabase(root, root / "spill", memory_mb=256, threads=4) as opened:
        yield opened, root


@pytest.fixture(scope="module")
def table(parquet: tuple[ParquetDatabase, Path]) -> TableFiles:
    """Several files, one of them empty; column n is the ordinal."""
    database, root = parquet
    files: list[DataFile] = []
    start = 0
    with database.cursor() as cursor:
        for number, rows in enumerate(SIZES):
            query = "SELECT range + ? AS n, 'row ' || (range + ?) AS \"a b\" FROM range(?)"
            path = root / f"{number}.parquet"
            files.append(write_parquet(cursor, query, [start, start, rows], path))
            start += rows
        columns = read_columns(cursor, files[0].path)
    return TableFiles(columns, tuple(files))


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(offset=st.integers(0, sum(SIZES) + 10), limit=st.integers(1, 10_000))
def test_a_page_has_the_rows_at_its_place_in_order(
    parquet: tuple[ParquetDatabase, Path], table: TableFiles, offset: int, limit: int
) -> None:
    with parquet[0].cursor() as cursor:
        sql, params = page_statement(table, table.columns[:1], offset, limit)
        rows = [row[0] for row in cursor.execute(sql, params).fetchall()]
    assert rows == list(range(offset, min(offset + limit, sum(SIZES))))


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    deletion_vector=st.sets(st.integers(0, sum(SIZES) - 1), max_size=50)
    | st.builds(lambda first: set(range(first, sum(SIZES), 2)), st.integers(0, 70_000))
    | st.just(set(range(sum(SIZES)))),
    offset=st.integers(0, sum(SIZES) + 10),
    limit=st.integers(1, 10_000) | st.none(),
)
def test_a_page_of_a_residual_has_the_rows_that_are_left(
    parquet: tuple[ParquetDatabase, Path],
    table: TableFiles,
    deletion_vector: set[int],
    offset: int,
    limit: int | None,
) -> None:
    deleted = np.array(sorted(deletion_vector), dtype=np.int64)
    residual = TableFiles(table.columns, table.files, deleted)
    remaining = np.setdiff1d(np.arange(sum(SIZES)), deleted)
    assert residual.row_count == len(remaining)
    with parquet[0].cursor() as cursor:
        sql, params = page_statement(residual, table.columns[:1], offset, limit)
        rows = [row[0] for row in cursor.execute(sql, params).fetchall()]
    end = None if limit is None else offset + limit
    assert rows == remaining[offset:end].tolist()
    for position in range(0, len(remaining), max(len(remaining) // 7, 1)):
        assert residual.ordinal_at(position) == remaining[position]


def test_a_deep_page_reads_only_the_row_groups_it_touches(
    parquet: tuple[ParquetDatabase, Path], table: TableFiles
) -> None:
    with parquet[0].cursor() as cursor:
        sql, params = page_statement(table, table.columns, 60_000, 10)
        assert sql.count("read_parquet") == 1
        explained = f"EXPLAIN (ANALYZE, FORMAT json) {sql}"
        profile = json.loads(cursor.execute(explained, params).fetchall()[0][1])["query"]
    assert profile["total_row_groups_scanned"] == 1
    assert profile["total_rows_scanned"] == 10


def test_columns_follow_the_request_order(table: TableFiles) -> None:
    assert [column.name for column in table.select(("A B", "n", "n"))] == ["a b", "n"]
    with pytest.raises(UnknownColumn, match=r'no column "ab".*Did you mean "a b".*n, a b'):
        table.column("ab")


def test_rows_are_flat_objects_in_file_order(
    parquet: tuple[ParquetDatabase, Path], table: TableFiles
) -> None:
    with parquet[0].cursor() as cursor:
        rows = read_page(cursor, table, table.columns, 4999, 2)
    assert rows == [{"n": 4999, "a b": "row 4999"}, {"n": 5000, "a b": "row 5000"}]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("9007199254740991", 9007199254740991),
        ("9007199254740993", "9007199254740993"),
        ("0.1::DECIMAL(20,10)", 0.1),
        ("1234567890.1234567891::DECIMAL(30,10)", "1234567890.1234567891"),
        ("'NaN'::DOUBLE", "NaN"),
        ("'-inf'::FLOAT", "-Infinity"),
        ("DATE '2024-02-29'", "2024-02-29"),
        ("DATE 'infinity'", "infinity"),
        ("DATE '99999-01-01'", "99999-01-01"),
        ("TIMESTAMP '2024-02-29 10:00:00.5'", "2024-02-29T10:00:00.5"),
        ("TIMESTAMPTZ '2024-02-29 12:00:00+02'", "2024-02-29T10:00:00+00:00"),
        ("TIMESTAMP_NS '2024-02-29 10:00:00.123456789'", "2024-02-29T10:00:00.123456789"),
        ("INTERVAL '1 month 3 days'", "1 month 3 days"),
        ("TIME '10:00:00'", "10:00:00"),
        ("'\\xFF\\x00'::BLOB", "/wA="),
        ("[DATE '2024-01-01', NULL]", ["2024-01-01", None]),
        ("{'a': 1, 'b': [true]}", {"a": 1, "b": [True]}),
        ("MAP {7: 'x'}", {"7": "x"}),
        ("'😀 ä'", "😀 ä"),
        ("NULL::INTEGER", None),
    ],
)
def test_a_value_reaches_json_without_loss(
    parquet: tuple[ParquetDatabase, Path], tmp_path: Path, expression: str, expected: object
) -> None:
    database, root = parquet
    with database.cursor() as cursor:
        path = root / "value.parquet"
        file = write_parquet(cursor, f"SELECT {expression} AS v", [], path)
        one = TableFiles(read_columns(cursor, path), (file,))
        (row,) = read_page(cursor, one, one.columns, 0, 1)
        path.unlink()
    assert row == {"v": expected}
    json.dumps(row, allow_nan=False)


def test_an_unforeseen_value_is_sent_as_text() -> None:
    assert json_value(complex(1, 2)) == "(1+2j)"


@pytest.mark.parametrize("export_format", ["csv", "parquet", "arrow"])
def test_an_export_holds_every_row_in_order(
    parquet: tuple[ParquetDatabase, Path], table: TableFiles, export_format: ExportFormat
) -> None:
    database, root = parquet
    path = root / f"export.{export_format}"
    with database.cursor() as cursor:
        export_rows(cursor, table, table.columns, path, export_format, offset=10)
        if export_format == "csv":
            with path.open(newline="", encoding="utf-8") as file:
                got = [int(row["n"]) for row in csv.DictReader(file)]
        elif export_format == "parquet":
            sql = "SELECT n FROM read_parquet(?)"
            got = [row[0] for row in cursor.execute(sql, [str(path)]).fetchall()]
        else:
            with ipc.InputStream.from_path(path) as stream:
                got = na.ArrayStream(stream).read_all().child(0).to_pylist()
    assert got == list(range(10, sum(SIZES)))


def test_a_csv_distinguishes_null_from_empty_text(parquet: tuple[ParquetDatabase, Path]) -> None:
    database, root = parquet
    with database.cursor() as cursor:
        path = root / "nulls.parquet"
        query = "SELECT * FROM (VALUES (NULL, 'a,\"b\"'), ('', 'c\nd')) t(x, \"y,z\")"
        file = write_parquet(cursor, query, [], path)
        columns = read_columns(cursor, path)
        assert columns[0] == Column("x", "VARCHAR")
        target = root / "nulls.csv"
        export_rows(cursor, TableFiles(columns, (file,)), columns, target, "csv")
    assert target.read_text() == 'x,"y,z"\n,"a,""b"""\n"","c\nd"\n'


def test_an_empty_table_keeps_its_columns(parquet: tuple[ParquetDatabase, Path]) -> None:
    database, root = parquet
    empty = TableFiles((Column("x", "DECIMAL(9,2)"), Column("y z", "VARCHAR")), ())
    with database.cursor() as cursor:
        assert read_page(cursor, empty, empty.columns, 0, 10) == []
        path = root / "empty.csv"
        export_rows(cursor, empty, empty.columns, path, "csv")
        assert path.read_text() == "x,y z\n"
