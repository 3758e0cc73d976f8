"""DuckDB reads attached files through the process; a changed version is an error of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb
import pytest

from domain_errors import DomainError
from parquet_tables.attached import AttachedFiles, _FileSystem
from parquet_tables.columns import AttachedPath, DataFile
from parquet_tables.database import ParquetDatabase
from parquet_tables.rows import page_statement
from parquet_tables.tables import TableFiles
from parquet_tables.writing import read_columns, write_parquet

ROWS = 100_000


class Changed(DomainError):
    code = "source_changed"


class Reader:
    """Reads a file, or only what follows ``changed_before_byte``."""

    def __init__(self, path: Path, open_files: list[int], changed_before_byte: int) -> None:
        self._file = os.open(path, os.O_RDONLY)
        self._open_files = open_files
        self._changed_before_byte = changed_before_byte
        open_files.append(self._file)

    def read(self, start: int, size_bytes: int) -> bytes:
        if start < self._changed_before_byte:
            raise Changed("{name} has changed.", name="lake/x.parquet")
        return os.pread(self._file, size_bytes, start)

    def close(self) -> None:
        os.close(self._file)
        self._open_files.remove(self._file)


class Stage:
    """An instance with one attached file outside its root."""

    def __init__(self, folder: Path) -> None:
        root = folder / "root"
        root.mkdir()
        self.files = AttachedFiles()
        self.parquet = ParquetDatabase(
            root, root / "spill", memory_mb=256, threads=4, attached=self.files
        )
        with self.parquet.cursor() as cursor:
            written = write_parquet(
                cursor,
                f"SELECT range AS id, 'é' || range AS word FROM range({ROWS})",
                [],
                root / "x.parquet",
            )
            self.columns = read_columns(cursor, written.written)
        self.source = written.written.rename(folder / "x.parquet")
        self.open_files: list[int] = []
        self.changed_before_byte = 0
        self.path = AttachedPath("0f", self.source.stat().st_size)
        self.files.add(self.path, self.open, name="lake/x.parquet")

    def open(self) -> Reader:
        return Reader(self.source, self.open_files, self.changed_before_byte)

    def one(self, sql: str, *params: object) -> tuple[object, ...]:
        with self.parquet.cursor() as cursor:
            (row,) = cursor.execute(sql, list(params)).fetchall()
        found: tuple[object, ...] = row
        return found


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    made = Stage(tmp_path)
    with made.parquet:
        yield made


COUNT = "SELECT count(*), sum(id), min(word) FROM read_parquet(?)"


def test_threads_read_the_same_rows_at_once(stage: Stage) -> None:
    expected = (8 * ROWS, 8 * ROWS * (ROWS - 1) // 2, "é0")
    names = [str(stage.path)] * 8
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda _: stage.one(COUNT, names), range(8)))
    assert found == [expected] * 8
    assert stage.open_files == []


def test_rows_have_their_positions(stage: Stage) -> None:
    table = TableFiles(stage.columns, (DataFile(stage.path, ROWS), DataFile(stage.path, ROWS)))
    sql, params = page_statement(table, table.columns, ROWS - 1, 2)
    with stage.parquet.cursor() as cursor:
        rows = cursor.execute(sql, params).fetchall()
    assert rows == [(ROWS - 1, f"é{ROWS - 1}"), (0, "é0")]


def test_error_of_a_reader_replaces_the_error_of_duckdb(stage: Stage) -> None:
    # The footer, at the end of the file, is read; the values before it have changed.
    stage.changed_before_byte = stage.source.stat().st_size // 2
    with pytest.raises(Changed) as raised:
        stage.one(COUNT, [str(stage.path)])
    assert raised.value.message == "lake/x.parquet has changed."


def test_error_at_open_has_its_own_code(stage: Stage) -> None:
    def refuse() -> Reader:
        raise Changed("gone")

    stage.files.add(stage.path, refuse, name="lake/x.parquet")
    with pytest.raises(Changed):
        stage.one(COUNT, [str(stage.path)])


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM read_parquet('attached://other.parquet')",
        "SELECT * FROM read_parquet('attached://*.parquet')",
        "COPY (SELECT 1) TO 'attached://0f.parquet'",
        "COPY (SELECT 1) TO 'attached://new.parquet'",
    ],
)
def test_only_added_versions_are_read(stage: Stage, statement: str) -> None:
    with pytest.raises(duckdb.Error):
        stage.one(statement)
    assert stage.one(COUNT, [str(stage.path)])[0] == ROWS


def test_path_of_an_attached_file_is_refused(stage: Stage) -> None:
    with pytest.raises(duckdb.PermissionException):
        stage.one(COUNT, [str(stage.source)])


def test_file_is_released_once(stage: Stage) -> None:
    opened = _FileSystem(stage.files).open(str(stage.path))
    opened.close()
    taken = os.open(stage.source, os.O_RDONLY)  # the descriptor that is free now
    opened.close()
    del opened
    assert os.read(taken, 4) == b"PAR1"
    os.close(taken)


def test_interrupted_and_unfinished_reads_release_files(stage: Stage) -> None:
    sql = "SELECT * FROM read_parquet(?)"
    with stage.parquet.cursor() as cursor:
        cursor.execute(sql, [[str(stage.path)] * 20]).fetchone()
    assert stage.open_files == []


def test_oldest_version_is_dropped_beyond_the_limit(stage: Stage) -> None:
    files = AttachedFiles(max_versions=2)
    paths = [AttachedPath(str(at), 1) for at in range(3)]
    for path in paths:
        files.add(path, stage.open, name="lake/x.parquet")
    assert files.version(str(paths[2]))[0] == 1
    with pytest.raises(OSError, match="no such attached file"):
        files.version(str(paths[0]))
