"""Suggested keys: columns, or pairs of columns, that are unique and complete in both tables."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from parquet_tables.database import ParquetDatabase
from parquet_tables.tables import TableFiles
from parquet_tables.writing import read_columns, write_parquet
from profiling_engine.comparison.shared_columns import match_columns, suggest_keys


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("keys")


@pytest.fixture(scope="module")
def database(root: Path) -> Iterator[ParquetDatabase]:
    with ParquetDatabase(root, root / "spill", memory_mb=256, threads=2) as opened:
        yield opened


def suggested(database: ParquetDatabase, folder: Path, *queries: str) -> list[tuple[str, ...]]:
    tables = []
    with database.cursor() as cursor:
        for place, query in enumerate(queries):
            path = folder / f"{place}.parquet"
            file = write_parquet(cursor, query, [], path)
            tables.append(TableFiles(read_columns(cursor, path), (file,)))
        shared = match_columns(tables[0].columns, tables[1].columns).shared
        return list(suggest_keys(cursor, tables[0], tables[1], shared))


@pytest.fixture
def folder(root: Path, request: pytest.FixtureRequest) -> Path:
    made = root / str(request.node.name)
    made.mkdir()
    return made


TABLE = (
    'SELECT range AS ordinal, \'k\' || range AS "Customer ""ID", range + 0.5::DOUBLE AS amount, '
    "DATE '2000-01-01' + range::INTEGER AS day, range % 50 AS few, "
    "if(range = 3, NULL, range) AS holes FROM range(500)"
)


def test_unique_and_complete_columns_are_suggested_ids_first(
    database: ParquetDatabase, folder: Path
) -> None:
    assert suggested(database, folder, TABLE, TABLE) == [('Customer "ID',), ("ordinal",)]


def test_a_column_must_be_unique_in_both_tables(database: ParquetDatabase, folder: Path) -> None:
    later = TABLE.replace("'k' || range", "'k' || range // 2")
    assert suggested(database, folder, TABLE, later) == [("ordinal",)]


def test_pairs_are_suggested_where_no_column_is_unique(
    database: ParquetDatabase, folder: Path
) -> None:
    lines = "SELECT range // 5 AS document, range % 5 AS line, 'x' AS text FROM range(500)"
    assert suggested(database, folder, lines, lines) == [("document", "line")]
    twice = f"{lines} UNION ALL {lines}"
    assert suggested(database, folder, lines, twice) == []


def test_a_table_without_rows_or_columns_has_no_key(
    database: ParquetDatabase, folder: Path
) -> None:
    assert suggested(database, folder, TABLE, f"{TABLE} LIMIT 0") == []
    assert suggested(database, folder, TABLE, "SELECT 1 AS other") == []
