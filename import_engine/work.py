"""The context of one import and its results.

A reader writes files in the work's destination alone. A written file is read back with the columns
that it was written with.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import duckdb

from contract.declarations import Help
from domain_errors import Sentence
from lazy_dataclasses import dataclass
from parquet_tables.columns import Column, DataFile
from parquet_tables.progress import (
    ProgressCallback,
    execute_watched,
    progress_part,
    without_progress,
)
from parquet_tables.writing import read_columns, write_parquet

if TYPE_CHECKING:
    from parquet_tables.tables import TableFiles

PRIMARY = "primary"
"""The key of the only table of a file."""
SAMPLE_ROWS = 20_480
"""First rows in which types and the delimiter are found; all other rows are checked later."""


@dataclass(frozen=True)
class ColumnReading:
    """How a column was read: its name in the file, and the changes to the form of its values."""

    name: str
    source_name: str
    changes: tuple[str, ...] = ()


@dataclass(frozen=True)
class OptionChoice:
    """An answer to a question about a file."""

    label: str
    options: Annotated[Mapping[str, Any], Help("Import options that make this choice.")]


@dataclass(frozen=True)
class Question:
    """A question about a file's values or rows, which stay as they are until an option decides."""

    code: Annotated[
        str,
        Help(
            "`ambiguous_date`, `ambiguous_number`, `digits`, `mixed_values`, `nested_values` or "
            "`totals`."
        ),
    ]
    column: Annotated[str, Help("The column's name in the file.")]
    text: str
    choices: tuple[OptionChoice, ...] = ()


@dataclass(frozen=True)
class TablePlace:
    """Where a table stands in its file, as a spreadsheet program shows it.

    Parameters
    ----------
    first_row : int
        The row of the table's first row, from 1: 2 below a header in row 1.
    empty_formulas : tuple
        The cells whose formula has no stored result, so that they were read as empty: the number
        of the table's row and of its column, from 0, and the cell's name, such as ``G10``.
    """

    first_row: int = 1
    empty_formulas: tuple[tuple[int, int, str], ...] = ()


@dataclass(frozen=True)
class RowBelow:
    """A row that was left out below the table: its number in the file, and its cells as texts."""

    row: int
    cells: tuple[str, ...]


@dataclass(frozen=True)
class TotalComparison:
    """A total of the file and the sum of its rows, as decimal numbers.

    ``difference`` is the file's total less the sum; null if there is no comparison.
    """

    row: Annotated[int, Help("The row of the total in the file, from 1.")]
    label: Annotated[str, Help("What the file calls the row; empty if it has no words.")]
    column: str
    of_all_rows: Annotated[bool, Help("False for a subtotal: of the rows since an earlier total.")]
    file_total: str | None
    rows_sum: str | None
    difference: str | None
    state: Annotated[str, Help("`agrees`, `differs` or `not_compared`.")]
    reason: Annotated[str, Help("Why there is no comparison; otherwise empty.")] = ""


@dataclass(frozen=True)
class TotalSentence:
    """A sentence on the totals of a file."""

    state: Annotated[str, Help("`agrees`, `differs`, `not_compared`, `left_out` or `counted`.")]
    text: str
    template: Annotated[str, Help("Of the text; empty if an older version imported it.")] = ""
    parameters: Annotated[
        Mapping[str, Any],
        Help("The values of the template: numbers, texts, `figure` texts, or templates again."),
    ] = field(default_factory=dict)

    @classmethod
    def of(cls, state: str, sentence: Sentence) -> TotalSentence:
        """A sentence with its template, for other languages."""
        return cls(state, str(sentence), sentence.template, sentence.values)

    @property
    def sentence(self) -> str:
        """The text with its template, if it has one."""
        if not self.template:
            return self.text
        return Sentence.from_json(self.template, self.parameters)


@dataclass(frozen=True)
class FileTotals:
    """The totals that a file itself has, compared with its rows.

    Parameters
    ----------
    left_out_rows, counted_rows : int
        Totals and subtotals within the table: those that were left out, and those that are rows of
        the table and count in its sums.
    file_count : int or None
        The number of rows by the file, such as of ``Records: 1234``.
    comparisons : tuple
        Of totals of all rows, then of subtotals that differ, then of others; 100 at most.
    """

    left_out_rows: int = 0
    counted_rows: int = 0
    file_count: int | None = None
    comparisons: tuple[TotalComparison, ...] = ()
    sentences: tuple[TotalSentence, ...] = ()


@dataclass(frozen=True)
class ImportedTable:
    """One table of the imported file, in its row order.

    The ``key`` is ``primary``, or the sheet's name in a workbook of several sheets. ``notes`` are
    sentences on changes to the data's form; ``empty_columns`` have no value and are text;
    ``detected`` are the import options that were used, given or detected; each column has one of
    the ``readings``.
    """

    key: str
    columns: tuple[Column, ...]
    files: tuple[DataFile, ...]
    notes: tuple[str, ...] = ()
    empty_columns: tuple[str, ...] = ()
    detected: Mapping[str, Any] = field(default_factory=dict)
    readings: tuple[ColumnReading, ...] = ()
    questions: tuple[Question, ...] = ()
    place: TablePlace = TablePlace()
    below: tuple[RowBelow, ...] = ()
    totals: FileTotals = FileTotals()

    @property
    def rows(self) -> int:
        """The number of its rows."""
        return sum(file.rows for file in self.files)

    @property
    def table(self) -> TableFiles:
        """The table for the engines."""
        from parquet_tables.tables import TableFiles  # loads numpy, which a workbook doesn't need

        return TableFiles(self.columns, self.files)


@dataclass(frozen=True)
class ImportWork:
    """The context of one import.

    Parameters
    ----------
    destination : Path
        An empty directory for the Parquet files and for temporary copies.
    thread_memory_bytes : int
        The memory of each DuckDB thread when all are busy.
    sample_rows : int
        First rows in which the delimiter and the columns' types are found.
    require_free : callable
        Takes the number of bytes to be written; raises OSError (ENOSPC) if the disk has no space.
    whole_file : bool
        Whether the file is whole: the beginning of a file has no end to examine.
    has_all_rows : bool
        Whether the file has all rows; false for its beginning and its end together.
    """

    cursor: duckdb.DuckDBPyConnection
    destination: Path
    on_progress: ProgressCallback
    row_group_rows: int
    thread_memory_bytes: int
    sample_rows: int = SAMPLE_ROWS
    require_free: Callable[[int], None] = lambda coming_bytes: None
    whole_file: bool = True
    has_all_rows: bool = True

    def scratch(self, name: str) -> Path:
        """Return the path of a temporary copy; ``read_as_utf8`` deletes it."""
        return self.destination / f"{name}.scratch"

    def part(self, start: float, end: float) -> ImportWork:
        """Return this work with progress from ``start`` to ``end``."""
        return replace(self, on_progress=progress_part(self.on_progress, start, end))

    def short_step(self) -> ImportWork:
        """Return this work without progress; ``on_progress`` can still stop it."""
        return replace(self, on_progress=without_progress(self.on_progress))

    def run(self, sql: str, params: Sequence[object], message: str) -> list[tuple[Any, ...]]:
        """Run a statement that reports progress under ``message``, and return its rows."""
        return execute_watched(self.cursor, sql, params, self.on_progress, message)

    def ask(self, sql: str, params: Sequence[object], message: str) -> list[tuple[Any, ...]]:
        """Like :meth:`run`, without progress."""
        return self.short_step().run(sql, params, message)

    def write_table(
        self,
        query: str,
        params: Sequence[object],
        columns: Sequence[Column],
        *,
        notes: Sequence[str],
        key: str = PRIMARY,
        file_stem: str = PRIMARY,
        one_thread: bool = False,
    ) -> ImportedTable:
        """Write a query's rows to a file, and check that the file has ``columns``."""
        path = self.destination / f"{file_stem}.parquet"
        file = write_parquet(
            self.cursor,
            query,
            params,
            path,
            on_progress=self.on_progress,
            row_group_rows=self.row_group_rows,
            one_thread=one_thread,
        )
        written = read_columns(self.cursor, path)
        if written != tuple(columns):
            raise AssertionError(f"DuckDB wrote other columns than expected: {written}")
        return ImportedTable(key, written, (file,), tuple(notes))
