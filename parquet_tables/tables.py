"""What a table is to an engine: columns and an ordered list of Parquet files.

Invariant: a row's *ordinal* is its position, from 0, over the files in their order; it never
changes when files are rewritten in the same row order.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from domain_errors import DomainError, choices_sentence


class UnknownColumn(DomainError):
    """A column was asked for that the table doesn't have."""

    code = "unknown_column"


@dataclass(frozen=True)
class Column:
    """A column: its name as in the file, and its DuckDB type, for example ``DECIMAL(12,2)``."""

    name: str
    type: str


@dataclass(frozen=True)
class DataFile:
    """One Parquet file and the number of rows in it."""

    path: Path
    rows: int


@dataclass(frozen=True)
class TableFiles:
    """A table as ordered Parquet files that all have the same columns."""

    columns: tuple[Column, ...]
    files: tuple[DataFile, ...]

    @cached_property
    def row_count(self) -> int:
        """Rows over all files."""
        return sum(file.rows for file in self.files)

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
