"""A table for the engines: columns and an ordered list of Parquet files.

A row's *ordinal* is its position, from 0, over the files in their order; it doesn't change when
files are rewritten in the same row order.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from domain_errors import DomainError, Loc, choices_sentence
from lazy_dataclasses import dataclass
from parquet_tables.columns import Column, DataFile
from parquet_tables.writing import ROW_GROUP_ROWS

__all__ = ["Column", "DataFile", "Int64s", "TableFiles", "UnknownColumn"]

Int64s = NDArray[np.int64]
MANY_COLUMN_CHUNKS = 2_000
"""Column chunks (columns times row groups) of a file whose footer takes 2.5 ms to read."""


class UnknownColumn(DomainError):
    code = "unknown_column"


@dataclass(frozen=True)
class TableFiles:
    """A table as ordered Parquet files that all have the same columns.

    Parameters
    ----------
    deletion_vector : array of int64, sorted and distinct
        Ordinals of rows in the files that aren't in the table: a residual has its source's files
        without the drawn rows. The other rows keep their ordinals.
    """

    columns: tuple[Column, ...]
    files: tuple[DataFile, ...]
    deletion_vector: Int64s = field(
        default_factory=lambda: np.empty(0, dtype=np.int64), compare=False
    )

    @cached_property
    def file_rows(self) -> int:
        """Rows of all files, including deleted ones; ordinals run from 0 to this."""
        return sum(file.rows for file in self.files)

    @cached_property
    def row_count(self) -> int:
        return self.file_rows - len(self.deletion_vector)

    @cached_property
    def has_costly_footers(self) -> bool:
        """Whether reading a footer is slow, so that footers should be cached."""
        largest = max((file.rows for file in self.files), default=0)
        return largest / ROW_GROUP_ROWS * len(self.columns) >= MANY_COLUMN_CHUNKS

    @property
    def paths(self) -> list[str]:
        """The files with rows, as DuckDB names them."""
        return [str(file.path) for file in self.files if file.rows]

    def ordinal_at(self, position: int) -> int:
        """Return the ordinal of the row at a position, from 0, among the table's rows."""
        return int(self.ordinals_at(np.array([position], dtype=np.int64))[0])

    def ordinals_at(self, positions: Int64s) -> Int64s:
        # Row i of the table follows the deleted ordinals that have at most i rows before them.
        remaining_before = self.deletion_vector - np.arange(len(self.deletion_vector))
        return positions + np.searchsorted(remaining_before, positions, side="right")

    @cached_property
    def _ends(self) -> Int64s:
        """The ordinal after the last row of each file."""
        return np.cumsum([file.rows for file in self.files], dtype=np.int64)

    def with_starts(
        self, first: int = 0, stop: int | None = None
    ) -> Iterator[tuple[DataFile, int]]:
        """Yield each non-empty file with the ordinal of its first row.

        Only files with a row of ordinal ``first`` to ``stop``, if given.
        """
        last = self.file_rows if stop is None else min(stop, self.file_rows)
        begin = int(np.searchsorted(self._ends, first, side="right"))
        end = int(np.searchsorted(self._ends, last)) + 1 if first < last else begin
        for at in range(begin, min(end, len(self.files))):
            file = self.files[at]
            if file.rows:
                yield file, int(self._ends[at]) - file.rows

    def files_of(self, ordinals: Int64s) -> Int64s:
        """Return the position among the files of each row; of rows beyond the last, their count."""
        return np.searchsorted(self._ends, ordinals, side="right")

    def column(self, name: str, loc: Loc = ()) -> Column:
        """Find a column by its exact name, or else by its name in any case.

        ``loc`` is where a request names it, for the error.

        Raises
        ------
        UnknownColumn
            The message lists the columns and suggests the closest one.
        """
        for column in self.columns:
            if column.name == name:
                return column
        for column in self.columns:
            if column.name.lower() == name.lower():
                return column
        names = [column.name for column in self.columns]
        raise UnknownColumn(
            'There is no column "{column}". {choices}',
            loc=loc,
            column=name,
            choices=choices_sentence(name, names),
        )

    def select(self, names: tuple[str, ...], loc: Loc = ()) -> tuple[Column, ...]:
        """Return the named columns in the given order, each once; without names, all columns."""
        if not names:
            return self.columns
        return tuple(dict.fromkeys(self.column(name, loc) for name in names))
