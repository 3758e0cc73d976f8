"""What an import gives back.

Owns: the imported table and its key. Every reader of the room makes them; the caller moves the
files into its store.
"""

from __future__ import annotations

from dataclasses import dataclass

from parquet_tables.tables import TableFiles

PRIMARY = "primary"
"""The key of the only table of a file."""


@dataclass(frozen=True)
class ImportedTable:
    """One table of the imported file.

    Parameters
    ----------
    key : str
        ``primary``, or the sheet's name in a workbook of several sheets.
    table : TableFiles
        The columns and the Parquet files written, in the file's row order.
    notes : tuple of str
        Sentences on what was done to the data's form.
    without_value : tuple of str
        The columns that are text since no row has a value in them, which would settle their type.
    """

    key: str
    table: TableFiles
    notes: tuple[str, ...] = ()
    without_value: tuple[str, ...] = ()
