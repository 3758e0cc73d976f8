"""How the columns of a table lie in its files: under another name, or as a constant of each file.

Partition columns of Hive folders, Delta and Iceberg aren't in the files; columns that were added
later are in some; column mapping gives them other names. It loads neither numpy nor DuckDB.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from lazy_dataclasses import dataclass


@dataclass(frozen=True)
class LaidColumn:
    """A column of a table and its source in the table's files.

    Parameters
    ----------
    name, type : str
        The column of the table.
    source : str or None
        The name in the files, where a file without it has NULL; None if each file has a constant.
    """

    name: str
    type: str
    source: str | None = None


@dataclass(frozen=True)
class FileLayout:
    """The columns of a table in one file.

    Parameters
    ----------
    columns : tuple of LaidColumn
        All columns of the table in their order; the same for each of its files.
    values : tuple of pairs
        The constants of the file by column, as texts: a number in decimal digits, a date or
        timestamp in ISO 8601 (UTC), ``true`` or ``false``, bytes in hexadecimal; None is NULL.
    sources : tuple of pairs
        The columns whose source in this file is another one than in the table.
    """

    columns: tuple[LaidColumn, ...]
    values: tuple[tuple[str, str | None], ...] = ()
    sources: tuple[tuple[str, str | None], ...] = ()

    @cached_property
    def constants(self) -> Mapping[str, str | None]:
        """The constants by the names of their columns."""
        return dict(self.values)

    @cached_property
    def source_of(self) -> Mapping[str, str | None]:
        """The source of each column in this file; of None it has its constant, or NULL."""
        return {column.name: column.source for column in self.columns} | dict(self.sources)
