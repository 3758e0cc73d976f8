"""Small tables in any layout, a draw from them in one call, and two tables to draw from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, pairwise
from pathlib import Path

import pytest

from parquet_tables.database import ParquetDatabase
from parquet_tables.quoting import quote_identifier
from parquet_tables.tables import DataFile, TableFiles
from parquet_tables.writing import ROW_GROUP_ROWS, read_columns, write_parquet
from sampling_engine import DrawnSample, Round, Strategy, draw_sample
from sampling_engine.engines.duckdb_engine import DUCKDB
from sampling_engine.engines.engine import Engine
from sampling_engine.selection.strata import MAX_STRATA

Rows = list[tuple[object, ...]]


@dataclass
class Workshop:
    """Makes tables below one directory and draws from them."""

    database: ParquetDatabase
    root: Path

    def __post_init__(self) -> None:
        self._numbers = count()

    def new_path(self) -> Path:
        return self.root / f"{next(self._numbers)}.parquet"

    def table_of(
        self,
        query: str,
        params: Sequence[object] = (),
        *,
        row_group_rows: int = ROW_GROUP_ROWS,
        splits: Sequence[int] = (),
    ) -> TableFiles:
        """A query's rows, cut into files before the ordinals in ``splits``."""
        whole = self.new_path()
        files: list[DataFile] = []
        with self.database.cursor() as cursor:
            rows = write_parquet(cursor, query, params, whole, row_group_rows=row_group_rows).rows
            columns = read_columns(cursor, whole)
            if not splits:
                return TableFiles(columns, (DataFile(whole, rows),))
            cuts = [0, *splits, rows]
            for start, stop in pairwise(cuts):
                files.append(
                    write_parquet(
                        cursor,
                        "SELECT * EXCLUDE (file_row_number) FROM read_parquet(?, "
                        "file_row_number = true) WHERE file_row_number >= ? "
                        "AND file_row_number < ? ORDER BY file_row_number",
                        [str(whole), start, stop],
                        self.new_path(),
                        row_group_rows=row_group_rows,
                    )
                )
        return TableFiles(columns, tuple(files))

    def table(
        self,
        columns: Mapping[str, tuple[str, Sequence[object]]],
        *,
        splits: Sequence[int] = (),
    ) -> TableFiles:
        """Columns given as name: (type, values)."""
        selected = ", ".join(
            f"unnest(CAST(? AS {kind}[])) AS {quote_identifier(name)}"
            for name, (kind, _) in columns.items()
        )
        return self.table_of(
            f"SELECT {selected}", [list(values) for _, values in columns.values()], splits=splits
        )

    def draw(
        self,
        table: TableFiles,
        *rounds: Round,
        strategy: Strategy | None = None,
        counts_dir: Path | None = None,
        max_strata: int = MAX_STRATA,
        engine: Engine = DUCKDB,
    ) -> DrawnSample:
        destination = self.new_path()
        sample = draw_sample(
            self.database,
            table,
            rounds,
            table_key="primary",
            destination=destination,
            strategy=strategy,
            counts_dir=counts_dir,
            max_strata=max_strata,
            engine=engine,
        )
        with self.database.cursor() as cursor:
            for file in sample.table.files:
                assert sample.table.columns == read_columns(cursor, file.path)
        return sample

    def rows(self, table: TableFiles, selected: str = "*") -> Rows:
        """A table's rows in file order."""
        paths = [str(file.path) for file in table.files]
        with self.database.cursor() as cursor:
            return cursor.execute(f"SELECT {selected} FROM read_parquet(?)", [paths]).fetchall()

    def ordinals(self, sample: DrawnSample) -> list[int]:
        """The drawn ordinals in order of round, then rank."""
        ids = self.rows(sample.table, "_logical_row_id")
        return [int(str(row_id).removeprefix("primary:")) for (row_id,) in ids]


@pytest.fixture(scope="session")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    root = tmp_path_factory.mktemp("draws")
    with ParquetDatabase(root, root / "spill", memory_mb=512, threads=2) as database:
        yield Workshop(database, root)


@pytest.fixture(scope="session")
def cities(workshop: Workshop) -> TableFiles:
    """20,000 rows: 60 % a, 30 % b, 10 % without a city, 5 rows of c."""
    return workshop.table_of(
        "SELECT i AS id, CASE WHEN i % 4000 = 9 THEN 'c' WHEN i % 10 < 6 THEN 'a' "
        "WHEN i % 10 < 9 THEN 'b' END AS city FROM range(20000) AS r(i)",
        splits=[7_000],
    )


@pytest.fixture(scope="session")
def shops(workshop: Workshop) -> TableFiles:
    """1,000 rows: shop a (600, values 0 or 10), b (300, 0 or 40), none (100, all 5)."""
    return workshop.table_of(
        "SELECT i AS id, CASE WHEN i < 600 THEN 'a' WHEN i < 900 THEN 'b' END AS shop, "
        "CASE WHEN i < 600 THEN i % 2 * 10 WHEN i < 900 THEN i % 2 * 40 ELSE 5 END AS value, "
        "CASE WHEN i < 600 THEN 1.0 WHEN i < 900 THEN 4.0 ELSE 9.0 END AS cost "
        "FROM range(1000) AS r(i)",
        splits=[450],
    )
