"""Files to import, and what comes out of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from contract.requests.importing import ReadOptions
from import_engine.errors import UnreadableFile
from import_engine.importer import import_file
from import_engine.options import DETECT_ALL
from import_engine.work import SAMPLE_ROWS, ImportedTable
from parquet_tables.database import ParquetDatabase
from parquet_tables.progress import ProgressCallback, ignore_progress


@dataclass(frozen=True)
class Outcome:
    """An imported table, read back."""

    key: str
    names: list[str]
    types: list[str]
    rows: list[tuple[object, ...]]
    notes: tuple[str, ...]

    def column(self, name: str) -> list[object]:
        place = self.names.index(name)
        return [row[place] for row in self.rows]


class Importing:
    """Imports bytes under a name."""

    def __init__(self, database: ParquetDatabase, root: Path) -> None:
        self.database = database
        self.root = root
        self.count = 0
        self.destination = root
        self.sample_rows = SAMPLE_ROWS

    def tables(
        self,
        content: bytes | str,
        name: str = "file.csv",
        on_progress: ProgressCallback = ignore_progress,
        row_group_rows: int = 32_768,
        options: ReadOptions = DETECT_ALL,
    ) -> tuple[ImportedTable, ...]:
        """Import and return the tables, their files still there."""
        self.count += 1
        source = self.root / f"upload-{self.count}"
        source.write_bytes(content if isinstance(content, bytes) else content.encode())
        self.destination = self.root / f"destination-{self.count}"
        self.destination.mkdir()
        return import_file(
            self.database,
            source,
            name,
            self.destination,
            on_progress=on_progress,
            row_group_rows=row_group_rows,
            sample_rows=self.sample_rows,
            options=options,
        )

    def all(self, content: bytes | str, name: str = "file.csv") -> list[Outcome]:
        """Import and read every table back."""
        return [self.read(table) for table in self.tables(content, name)]

    def one(self, content: bytes | str, name: str = "file.csv") -> Outcome:
        """Import a file of one table and read it back."""
        (outcome,) = self.all(content, name)
        return outcome

    def read(self, table: ImportedTable) -> Outcome:
        columns = table.table.columns
        paths = [str(file.path) for file in table.table.files]
        with self.database.cursor() as cursor:
            rows = cursor.execute("SELECT * FROM read_parquet(?)", [paths]).fetchall()
        assert len(rows) == table.table.row_count
        return Outcome(
            table.key,
            [column.name for column in columns],
            [column.type for column in columns],
            rows,
            table.notes,
        )

    def refusal(self, content: bytes | str, name: str = "file.csv") -> str:
        """The sentence that a file is refused with, which may not show the server's side."""
        with pytest.raises(UnreadableFile) as caught:
            self.tables(content, name)
        message = caught.value.message
        assert caught.value.code == "unreadable_file"
        for hidden in (str(self.root), "read_csv", "strict_mode", "sample_size", "LINE 1"):
            assert hidden not in message
        return message


@pytest.fixture(scope="session")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ParquetDatabase]:
    root = tmp_path_factory.getbasetemp()
    spill_dir = tmp_path_factory.mktemp("spill")
    with ParquetDatabase(root, spill_dir, memory_mb=512, threads=2) as database:
        yield database


@pytest.fixture
def importing(database: ParquetDatabase, tmp_path: Path) -> Importing:
    return Importing(database, tmp_path)


def lines(header: str, first: Callable[[int], str], count: int, late: Sequence[str]) -> str:
    """A header, ``count`` rows, and rows that come after DuckDB's sample."""
    return "\n".join([header, *(first(i) for i in range(count)), *late]) + "\n"
