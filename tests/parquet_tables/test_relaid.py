"""Files whose end is written anew: constants of every type, other names, missing columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parquet_tables.footers.relaid import encoded, relaid_end
from parquet_tables.footers.structures import StrangeFooter, read_footer_bytes
from parquet_tables.layouts import FileLayout, LaidColumn

VALUES = {
    "BOOLEAN": "true",
    "TINYINT": "-128",
    "SMALLINT": "32767",
    "INTEGER": "-70000",
    "BIGINT": "9007199254740993",
    "UTINYINT": "200",
    "USMALLINT": "60000",
    "UINTEGER": "4000000000",
    "UBIGINT": "18446744073709551615",
    "FLOAT": "1.5",
    "DOUBLE": "-2.25",
    "VARCHAR": "größe, '\"",
    "BLOB": "00ff",
    "DATE": "1950-02-28",
    "TIME": "12:34:56.000001",
    "TIMESTAMP": "2024-02-29 12:00:00.000001",
    "TIMESTAMP_NS": "2024-02-29T12:00:00",
    "TIMESTAMP WITH TIME ZONE": "1950-02-28 14:00:00+02:00",
    "DECIMAL(12,2)": "-12.3",
    "DECIMAL(38,5)": "123456789012345678901234567890.12345",
}
ROWS = 5_000


@pytest.fixture(scope="module")
def cursor() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        yield connection


@pytest.fixture(scope="module")
def content(cursor: duckdb.DuckDBPyConnection, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("relaid") / "own.parquet"
    cursor.execute(
        f"COPY (SELECT range AS id, 'n' || range AS name FROM range({ROWS})) "
        f"TO '{path}' (FORMAT parquet, ROW_GROUP_SIZE 2048)"
    )
    return path.read_bytes()


def written(content: bytes, path: Path, layout: FileLayout) -> str:
    """Write the file as its readers see it."""
    start, footer = read_footer_bytes(lambda at, size: content[at : at + size], len(content))
    path.write_bytes(content[:start] + relaid_end(footer, start, layout))
    return str(path)


def rows(cursor: duckdb.DuckDBPyConnection, sql: str, path: str) -> Sequence[Any]:
    return cursor.execute(sql, [path]).fetchall()


def test_every_type_is_a_constant(
    cursor: duckdb.DuckDBPyConnection, content: bytes, tmp_path: Path
) -> None:
    columns = (
        LaidColumn("title", "VARCHAR", "name"),
        *(LaidColumn(f"value {type_}", type_) for type_ in VALUES),
        LaidColumn("id", "BIGINT", "id"),
        *(LaidColumn(f"missing {type_}", type_, "no such column") for type_ in VALUES),
    )
    values = tuple((f"value {type_}", value) for type_, value in VALUES.items())
    path = written(content, tmp_path / "all.parquet", FileLayout(columns, values))
    described = rows(cursor, "DESCRIBE SELECT * FROM read_parquet(?)", path)
    assert [(row[0], row[1]) for row in described] == [(each.name, each.type) for each in columns]
    for type_, value in VALUES.items():
        literal = f"unhex('{value}')" if type_ == "BLOB" else "'" + value.replace("'", "''") + "'"
        (found,) = rows(
            cursor,
            f'SELECT count(*) FILTER ("value {type_}" = CAST({literal} AS {type_})), '
            f'count("missing {type_}"), count(*) FROM read_parquet(?)',
            path,
        )
        assert found == (ROWS, 0, ROWS), type_
    (found,) = rows(
        cursor, "SELECT sum(id), count(DISTINCT title), min(title) FROM read_parquet(?)", path
    )
    assert found == (ROWS * (ROWS - 1) // 2, ROWS, "n0")


def test_columns_swap_their_names(
    cursor: duckdb.DuckDBPyConnection, content: bytes, tmp_path: Path
) -> None:
    columns = (LaidColumn("id", "VARCHAR", "name"), LaidColumn("name", "BIGINT", "id"))
    path = written(content, tmp_path / "swapped.parquet", FileLayout(columns))
    assert rows(cursor, "SELECT * FROM read_parquet(?) LIMIT 1", path) == [("n0", 0)]
    listed = rows(cursor, "SELECT DISTINCT path_in_schema FROM parquet_metadata(?)", path)
    assert {name for (name,) in listed} == {"id", "name"}
    other = FileLayout(columns, (), (("id", None), ("name", None)))
    path = written(content, tmp_path / "none.parquet", other)
    assert rows(cursor, "SELECT count(id), count(name), count(*) FROM read_parquet(?)", path) == [
        (0, 0, ROWS)
    ]


def test_other_values_read_no_page(
    cursor: duckdb.DuckDBPyConnection, content: bytes, tmp_path: Path
) -> None:
    """A filter by a constant skips the row groups, whose pages may be damaged then."""
    columns = (LaidColumn("id", "BIGINT", "id"), LaidColumn("year", "BIGINT"))
    path = tmp_path / "pruned.parquet"
    written(content, path, FileLayout(columns, (("year", "2024"),)))
    changed = bytearray(path.read_bytes())
    changed[4:2_000] = bytes(1_996)
    path.write_bytes(changed)
    found = rows(cursor, "SELECT sum(id) FROM read_parquet(?) WHERE year = 2025", str(path))
    assert found == [(None,)]
    with pytest.raises(duckdb.Error):
        rows(cursor, "SELECT sum(id) FROM read_parquet(?) WHERE year = 2024", str(path))


@given(st.binary(max_size=200), st.integers(0, 10_000))
def test_damaged_footers_are_noticed(junk: bytes, at: int) -> None:
    """Any bytes are a footer that is refused or read, without another error."""
    layout = FileLayout((LaidColumn("year", "BIGINT"),), (("year", "2024"),))
    with suppress(StrangeFooter):
        relaid_end(junk, at, layout)


@given(st.sampled_from(sorted(VALUES)), st.text(max_size=30))
def test_values_of_other_types_are_refused(type_: str, text: str) -> None:
    try:
        found = encoded(type_, text)
    except (ValueError, ArithmeticError, KeyError):
        return
    assert isinstance(found, bytes)
    assert type_ in ("VARCHAR", "BLOB") or text.strip()
