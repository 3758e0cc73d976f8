"""Runs an audit test: finds the rows, computes its figures and writes the rows with their reasons.

A test writes the ordinals of its found rows with their reasons to a file, in the order of the
result. The rows themselves are then read and written slice by slice, so memory doesn't follow
their number.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from decimal import Decimal
from itertools import chain
from pathlib import Path
from typing import Any, ClassVar

import duckdb
import numpy as np
from numpy.typing import NDArray

from contract.requests.audit_tests import AUDIT_TESTS, AuditTestKind
from domain_errors import Sentence
from lazy_dataclasses import dataclass
from parquet_tables.columns import DataFile
from parquet_tables.database import ParquetDatabase
from parquet_tables.names import settle_names
from parquet_tables.progress import (
    ProgressCallback,
    execute_watched,
    ignore_progress,
    progress_part,
    watched,
)
from parquet_tables.quoting import quote_identifier, quote_path, quote_text
from parquet_tables.rows import RowSet, Statement, rows_at
from parquet_tables.tables import Column, TableFiles
from parquet_tables.writing import write_parquet
from profiling_engine.audit_tests.answers import (
    Assumption,
    AuditFigure,
    AuditTestResult,
    FigureTable,
    NotTested,
    ReasonColumn,
)
from profiling_engine.audit_tests.values import AmountValue, ColumnValue, cell, key_values

ROW_ID = ReasonColumn("_logical_row_id", "VARCHAR", "The row's id in the tested table.")
SLICE_CELLS, MIN_SLICE_ROWS = 5_000_000, 1_000
NO_AMOUNT = "CAST(NULL AS BIGINT)"
FOUND = 0.7
"""Share of the progress until the rows are found."""


@dataclass(frozen=True)
class WrittenRows:
    """Found rows of one table: a file of ``ordinal`` and ``r0…``, in the order of the result.

    Parameters
    ----------
    key : str
        The table key, with which the ids of its rows begin.
    prefix : str
        What the names of its columns begin with in the result.
    """

    table: TableFiles
    key: str
    file: DataFile
    prefix: str = ""


@dataclass(frozen=True)
class AuditTestFindings:
    """What a test found, and what it says of it; see :class:`AuditTestResult`.

    ``shown`` are the tables whose columns the result has, each with the prefix of their names.
    """

    rows: Sequence[WrittenRows]
    tested_rows: int
    not_tested: Sequence[NotTested]
    conclusion: str
    figures: Sequence[AuditFigure] = ()
    tables: Sequence[FigureTable] = ()
    assumptions: Sequence[Assumption] = ()


@dataclass(frozen=True)
class FoundTable:
    """The found rows as Parquet files with these columns, and the result."""

    files: tuple[DataFile, ...]
    columns: tuple[Column, ...]
    result: AuditTestResult


@dataclass(frozen=True)
class Work:
    """Where a test works: its cursor, a folder for files, and its progress."""

    cursor: duckdb.DuckDBPyConnection
    folder: Path
    on_progress: ProgressCallback

    def write(self, statement: Statement, name: str, message: str = "finding rows") -> DataFile:
        """Write the rows of a statement to a file."""
        path = self.folder / f"{name}.parquet"
        return write_parquet(
            self.cursor, *statement, path, on_progress=self.on_progress, message=message
        )

    def keep(self, statement: Statement, name: str, message: str = "reading rows") -> None:
        """Keep the rows of a statement as a temporary table of the cursor."""
        sql, params = statement
        sql = f"CREATE OR REPLACE TEMP TABLE {name} AS {sql}"
        execute_watched(self.cursor, sql, params, self.on_progress, message)

    def read(self, statement: Statement, message: str = "counting rows") -> list[tuple[Any, ...]]:
        """Read the few rows of a statement."""
        return execute_watched(self.cursor, *statement, self.on_progress, message)

    def read_column(self, statement: Statement, message: str) -> NDArray[Any]:
        """Read a statement's only column without NULLs."""
        sql, params = statement
        with watched(self.cursor, self.on_progress, message):
            (values,) = self.cursor.execute(sql, params).fetchnumpy().values()
        return np.asarray(values)


class TableTest(ABC):
    """A test of one table, which is ready to run.

    Parameters
    ----------
    table, key : TableFiles, str
        The tested table and its key.
    request : AuditTestRequest
        Of the class that the test declares.
    other : tuple of TableFiles and str, optional
        The other table and its key, of a test that compares two.

    Raises
    ------
    DomainError
        A column doesn't exist, or doesn't have the type that the test needs.
    """

    name: ClassVar[str]
    reasons: Sequence[ReasonColumn]
    """The columns of the result that say why a row was found, after that of its id."""
    amount: AmountValue | None = None
    """The amount of a row, if the test has amounts."""

    def __init__(
        self,
        table: TableFiles,
        key: str,
        request: Any,
        other: tuple[TableFiles, str] | None = None,
    ) -> None:
        self.table, self.key, self.other = table, key, other
        self.request = request
        self.prepare()

    @property
    def kind(self) -> AuditTestKind:
        """How the test is declared."""
        return AUDIT_TESTS[self.name]

    @abstractmethod
    def prepare(self) -> None:
        """Find the columns and check their types."""

    @abstractmethod
    def find(self, work: Work) -> AuditTestFindings:
        """Find the rows and compute the figures."""

    @property
    def read_columns(self) -> Sequence[Column]:
        """The columns that the test reads, each once."""
        own = (each if isinstance(each, list) else [each] for each in vars(self).values())
        tested = (each for each in chain.from_iterable(own) if isinstance(each, ColumnValue))
        return list(dict.fromkeys(each.column for each in tested))

    @property
    def result_tables(self) -> Sequence[tuple[TableFiles, str]]:
        """The tables whose columns the result has, with the prefix of their names."""
        return [(self.table, "")]

    def written(self, file: DataFile) -> list[WrittenRows]:
        """The found rows of a test that finds rows of its table alone."""
        return [WrittenRows(self.table, self.key, file)]

    @property
    def amount_value(self) -> str:
        """The SQL of the amount of a row; NULL without one."""
        return NO_AMOUNT if self.amount is None else self.amount.value

    def amount_summed(self, value: str) -> str:
        """The SQL of what is summed of the amount of a row; NULL without one."""
        return value if self.amount is None else self.amount.summed(value)

    def amount_text(self, total: int | Decimal | str | None) -> str | None:
        """A sum of amounts, as a text; None if the test has no amounts."""
        return None if self.amount is None else self.amount.shown(total)

    def amount_figures(self, work: Work, found: DataFile, of: str = "") -> list[AuditFigure]:
        """The sum of the amounts ``a`` of found rows, if the test has some; ``of`` names them."""
        if self.amount is None:
            return []
        total_sql = f"sum({self.amount_summed('p.a')}), count(*) - count(p.a)"
        ((total, without),) = work.read(
            (f"SELECT {total_sql} FROM read_parquet(?) AS p", [str(found.path)])
        )
        figures = [
            AuditFigure("amount", f"Amount of the found rows{of}", self.amount_text(total or 0))
        ]
        if without:
            title = f"Found rows{of} without an amount"
            figures.append(AuditFigure("without_amount", title, without))
        return figures


@dataclass(frozen=True)
class Untested:
    """Why rows aren't tested: conditions over ``s``, each with its column and its reason.

    ``s`` are the rows of a scan of :meth:`values`.
    """

    conditions: Sequence[tuple[str, str, str]]

    @classmethod
    def of(
        cls, columns: Sequence[ColumnValue], further: Sequence[tuple[str, str, str]] = ()
    ) -> Untested:
        """The conditions of columns without a value, and ``further`` ones."""
        found: list[tuple[str, str, str]] = []
        for at, each in enumerate(columns):
            name, missing = each.column.name, f"s.m{at}" if each.unread else f"s.k{at} IS NULL"
            found.append((missing, name, "the value is missing"))
            if each.unread:
                found.append((f"s.k{at} IS NULL", name, f"the value {each.unread}"))
        return cls((*found, *further))

    @staticmethod
    def values(columns: Sequence[ColumnValue]) -> list[str]:
        """The SQL of the values ``k0…``, and of whether one that is NULL is missing, ``m0…``."""
        unread = (f"{each.cell} IS NULL AS m{at}" for at, each in enumerate(columns) if each.unread)
        return [*key_values(columns), *unread]

    def place(self, otherwise: str = "NULL") -> str:
        """The SQL of the first condition that a row meets, as its place from 0.

        ``otherwise`` is that of a row that is tested.
        """
        cases = " ".join(
            f"WHEN {condition} THEN {place}"
            for place, (condition, *_) in enumerate(self.conditions)
        )
        return f"CASE {cases} ELSE {otherwise} END"

    def counted(
        self, rows: Sequence[tuple[Any, ...]], all_rows: int
    ) -> tuple[int, list[NotTested]]:
        """The tested rows, and the others, of the counts of the others by place."""
        counts = dict(rows)
        not_tested = [
            NotTested(name, reason, counts[place])
            for place, (_, name, reason) in enumerate(self.conditions)
            if counts.get(place)
        ]
        return all_rows - sum(each.rows for each in not_tested), not_tested


def run_test(
    database: ParquetDatabase,
    test: TableTest,
    folder: Path,
    *,
    slice_cells: int = SLICE_CELLS,
    on_progress: ProgressCallback = ignore_progress,
) -> FoundTable:
    """Run a test, and write the rows that it found.

    Parameters
    ----------
    folder : Path
        An existing folder for the files of the result.
    slice_cells : int
        The cells of one file of the result, which are in memory together.
    """
    others = () if test.other is None else (test.other[0],)
    with database.cursor(test.table, *others) as cursor:
        finding = progress_part(on_progress, 0.0, FOUND)
        found = test.find(Work(cursor, folder, finding))
        columns = _result_columns(test)
        database.require_free(_estimated_bytes(found.rows))
        files: list[DataFile] = []
        step = max(slice_cells // len(columns), MIN_SLICE_ROWS)
        for part in found.rows:
            for start in range(0, part.file.rows, step):
                sql, params = _slice(cursor, test, part, columns, start, start + step)
                path = folder / f"result-{len(files)}.parquet"
                files.append(write_parquet(cursor, sql, params, path, message="writing rows"))
        if not files:
            empty = (
                f"CAST(NULL AS {each.type}) AS {quote_identifier(each.name)}" for each in columns
            )
            sql = f"SELECT {', '.join(empty)} LIMIT 0"
            files.append(write_parquet(cursor, sql, [], folder / "result-0.parquet"))
    for part in found.rows:
        part.file.written.unlink()
    on_progress(1.0, "writing rows")
    result = AuditTestResult(
        test.name,
        found.tested_rows,
        found.not_tested,
        sum(part.file.rows for part in found.rows),
        found.conclusion,
        found.figures,
        found.tables,
        found.assumptions,
        (ROW_ID, *test.reasons),
    )
    return FoundTable(tuple(files), columns, result)


def _result_columns(test: TableTest) -> tuple[Column, ...]:
    """The columns of the result: id, reasons, and those of its tables under their names."""
    every = [Column(each.name, each.type) for each in (ROW_ID, *test.reasons)]
    every += [
        Column(f"{prefix}{column.name}", column.type)
        for table, prefix in test.result_tables
        for column in table.columns
    ]
    names, _ = settle_names([column.name for column in every])
    return tuple(Column(name, column.type) for name, column in zip(names, every, strict=True))


def _slice(
    cursor: duckdb.DuckDBPyConnection,
    test: TableTest,
    part: WrittenRows,
    columns: Sequence[Column],
    start: int,
    stop: int,
) -> Statement:
    """The rows ``start`` to ``stop`` of a part, under the names of the result."""
    reasons = [f"r{place}" for place in range(len(test.reasons))]
    source = (
        f"(SELECT {', '.join(['p.ordinal', *(f'p.{name}' for name in reasons)])}, "
        f"p.file_row_number AS number FROM read_parquet({quote_path(part.file.written)}, "
        f"file_row_number = true) AS p WHERE p.file_row_number >= {start:d} "
        f"AND p.file_row_number < {stop:d})"
    )
    ordinals = cursor.execute(f"SELECT s.ordinal FROM {source} AS s").fetchnumpy()["ordinal"]
    cells = [f"{cell(column)} AS c{at}" for at, column in enumerate(part.table.columns)]
    rows = RowSet.of(source, np.asarray(ordinals, dtype=np.int64))
    read, params = rows_at(part.table, ", ".join(cells), rows, ["ordinal", "number", *reasons])
    values = [f"{quote_text(f'{part.key}:')} || t.ordinal", *(f"t.{name}" for name in reasons)]
    for table, prefix in test.result_tables:
        is_own = prefix == part.prefix
        values += [f"t.c{at}" if is_own else "NULL" for at in range(len(table.columns))]
    selected = ", ".join(
        f"CAST({value} AS {column.type}) AS {quote_identifier(column.name)}"
        for value, column in zip(values, columns, strict=True)
    )
    return f"SELECT {selected} FROM ({read}) AS t ORDER BY t.number", params


def _estimated_bytes(parts: Sequence[WrittenRows]) -> int:
    """The size of the result, by the share of the tables' rows that are in it."""
    return sum(
        sum(file.size_bytes for file in part.table.files)
        * 2
        * part.file.rows
        // max(part.table.file_rows, 1)
        for part in parts
    )


def rows_found(rows: int, what: Sentence) -> Sentence:
    """A conclusion that counts the found rows.

    >>> rows_found(2, Sentence("in 1 group")), rows_found(0, Sentence(""))
    ('2 rows found in 1 group.', 'No row found.')
    """
    if not rows:
        return Sentence("No row found.")
    return Sentence("{rows} {rows|row|rows} found {what}.", rows=rows, what=what)


def sizes_of_groups(work: Work, found: DataFile) -> tuple[int, FigureTable]:
    """The number of groups, and the table of their sizes ``r1``."""
    sizes = work.read(
        (
            "SELECT p.r1, count(*) // p.r1, count(*) FROM read_parquet(?) AS p "
            "GROUP BY p.r1 ORDER BY p.r1",
            [str(found.path)],
        )
    )
    titles = {"group_rows": "Rows of a group", "groups": "Groups", "rows": "Rows"}
    table = FigureTable.of("sizes", "Sizes of groups", titles, sizes)
    return sum(row[1] for row in sizes), table
