"""What a table is to an engine: columns and an ordered list of Parquet files.

Invariant: a row's *ordinal* is its position, from 0, over the files in their order; it never
changes when files are rewritten in the same row order.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from domain_errors import DomainError, choices_sentence
from parquet_tables.columns import Column, DataFile
from parquet_tables.writing import ROW_GROUP_ROWS

__all__ = ["Column", "DataFile", "Int64s", "TableFiles", "UnknownColumn"]

Int64s = NDArray[np.int64]
COSTLY_CHUNKS = 2_000
"""To read the footer of a file with so many columns of row groups takes some 2.5 ms, each time."""


class UnknownColumn(DomainError):
    """A column was asked for that the table doesn't have."""

    code = "unknown_column"


@dataclass(frozen=True)
class TableFiles:
    """A table as ordered Parquet files that all have the same columns.

    Parameters
    ----------
    left_out : array of int64, sorted, no value twice
        Ordinals of rows in the files that are not in the table: a residual is its source's own
        files without the drawn rows. The other rows keep their ordinals.
    """

    columns: tuple[Column, ...]
    files: tuple[DataFile, ...]
    deletion_vector: Int64s = field(
        default_factory=lambda: np.empty(0, dtype=np.int64), compare=False
    )

    @cached_property
    def file_rows(self) -> int:
        """Rows over all files, those left out among them: ordinals run from 0 to this."""
        return sum(file.rows for file in self.files)

    @cached_property
    def row_count(self) -> int:
        """Rows of the table."""
        return self.file_rows - len(self.deletion_vector)

    @cached_property
    def has_costly_footers(self) -> bool:
        """Whether a file has so much to tell of its parts that it should be read once."""
        most = max((file.rows for file in self.files), default=0)
        return most / ROW_GROUP_ROWS * len(self.columns) >= COSTLY_CHUNKS

    def ordinal_at(self, position: int) -> int:
        """The ordinal of the row at a position, from 0, among the table's own rows.

        One past the last row gives an ordinal past all of them.
        """
        return int(self.ordinals_at(np.array([position], dtype=np.int64))[0])

    def ordinals_at(self, positions: Int64s) -> Int64s:
        """The ordinals of the rows at some positions, as :meth:`ordinal_at` of each."""
        # Row number i of the table stands behind those left-out ordinals that have at most i
        # kept rows before them.
        kept_before = self.deletion_vector - np.arange(len(self.deletion_vector))
        return positions + np.searchsorted(kept_before, positions, side="right")

    def with_starts(self) -> Iterator[tuple[DataFile, int]]:
        """Each file that has rows, with the ordinal of its first row."""
        start = 0
        for file in self.files:
            if file.rows:
                yield file, start
            start += file.rows

    def column(self, name: str) -> Column:
        """Find a column by its exact name, or else by its name in any case.

        Raises
        ------
        UnknownColumn
            Names the columns there are, and the closest one.
        """
        for column in self.columns:
            if column.name == name:
                return column
        for column in self.columns:
            if column.name.lower() == name.lower():
                return column
        names = [column.name for column in self.columns]
        raise UnknownColumn(f'There is no column "{name}". {choices_sentence(name, names)}')

    def select(self, names: tuple[str, ...]) -> tuple[Column, ...]:
        """The named columns in the order asked for, each once; all of them when none is named."""
        if not names:
            return self.columns
        return tuple(dict.fromkeys(self.column(name) for name in names))
