"""The range of a sheet that is its table: titles, two rows of names, totals and notes are outside.

fastexcel parses the sheet for each load, so its first rows are loaded again only if a name is
missing, and its rows only if some are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import duckdb
import fastexcel

from contract.requests.importing import ReadOptions
from import_engine.options import InvalidOption
from import_engine.table_edges import (
    HEAD_ROWS,
    JOINED,
    footer_rows,
    header_place,
    kept_total_note,
    left_out_note,
)
from lazy_dataclasses import dataclass
from parquet_tables.database import registered
from parquet_tables.quoting import positional_names

_PART = "sheet_part"
CHECKED_ROWS = 1000
"""The last rows of a sheet in which totals and notes are searched."""


@dataclass(frozen=True)
class SheetRange:
    """The rows of a table within a sheet.

    Parameters
    ----------
    header_row : int or None
        The row with the names, counted from 0; None if there is none. 0 is the first filled row.
    first_row : int
        The first row of the table if there are no names, counted from 0.
    row_count : int or None
        The rows below the names, if some are left out at the end.
    names : sequence or None
        The names, if two rows make them.
    below : tuple
        The filled rows that are left out at the end, each with its distance from the last row.
    """

    header_row: int | None = 0
    first_row: int = 0
    row_count: int | None = None
    names: Sequence[str | None] | None = None
    notes: tuple[str, ...] = ()
    skip_below: int = 0
    below: tuple[tuple[int, tuple[str, ...]], ...] = ()

    def load(self, reader: fastexcel.ExcelReader, sheet: int, **how: Any) -> fastexcel.ExcelSheet:
        """Load the cells of the table."""
        skip = self.first_row if self.header_row is None else None
        loaded: fastexcel.ExcelSheet = reader.load_sheet(
            sheet,
            header_row=self.header_row,
            skip_rows=skip,
            n_rows=self.row_count,
            schema_sample_rows=None,
            **how,
        )
        return loaded

    @property
    def detected(self) -> dict[str, int]:
        """The options of this range."""
        if self.header_row is None:
            return {"header_row": 0, "skip_above": self.first_row, "skip_below": self.skip_below}
        above = self.header_row
        return {"header_row": above + 1, "skip_above": above, "skip_below": self.skip_below}


def given_range(options: ReadOptions) -> SheetRange | None:
    """The start of the table by the options; None if they don't say."""
    if options.header_row:
        return SheetRange(header_row=options.header_row - 1)
    if options.header_row == 0:
        return SheetRange(header_row=None, first_row=options.skip_above or 0)
    if options.skip_above is not None:
        return SheetRange(header_row=options.skip_above)
    return None


def found_range(
    cursor: duckdb.DuckDBPyConnection,
    reader: fastexcel.ExcelReader,
    sheet: int,
    cells: fastexcel.ExcelSheet,
) -> SheetRange:
    """Find titles above the names, and names in two rows, in the first rows of a sheet."""
    if all(column.column_name_from == "looked_up" for column in cells.selected_columns):
        return SheetRange()
    head = reader.load_sheet(
        sheet,
        header_row=None,
        skip_rows=0,
        n_rows=HEAD_ROWS,
        dtypes="string",
        schema_sample_rows=None,
    )
    rows = _texts(cursor, head, 0)
    first = next((place for place, row in enumerate(rows) if any(row)), 0)
    place, names = header_place(rows[first:])
    above = rows[first : first + place - (1 if names else 0)]
    left_out = [_shown(row) for row in above if any(row)]
    notes = [left_out_note(left_out, "above the table")] if left_out else []
    if names:
        notes.append(JOINED)
    elif not left_out:
        return SheetRange()
    return SheetRange(first + place, names=names, notes=tuple(notes))


def without_footer(
    cursor: duckdb.DuckDBPyConnection,
    cells: fastexcel.ExcelSheet,
    options: ReadOptions,
    within: SheetRange,
) -> SheetRange:
    """Return the range without totals and notes at its end."""
    height, count = int(cells.height), options.skip_below
    if count == 0 or not height:
        return within
    if count is not None and count > height:
        raise InvalidOption(
            "The sheet has only {rows} {rows|row|rows}.", loc=("options", "skip_below"), rows=height
        )
    rows = _texts(cursor, cells, max(0, height - (count or CHECKED_ROWS)))
    if count is None:
        count = footer_rows(rows, cells.width, whole=len(rows) == height)
    below = tuple(
        (at, tuple(row)) for at, row in enumerate(rows[len(rows) - count :], 1) if any(row)
    )
    if not below:
        kept = None if options.skip_below is not None else kept_total_note(rows)
        return replace(within, notes=(*within.notes, kept)) if kept else within
    notes = (*within.notes, left_out_note([_shown(row) for _, row in below], "at the end"))
    return replace(within, row_count=height - count, skip_below=count, notes=notes, below=below)


def _texts(
    cursor: duckdb.DuckDBPyConnection, cells: fastexcel.ExcelSheet, offset: int
) -> list[list[str]]:
    """Return the rows from ``offset`` as texts; missing cells are empty."""
    wanted = ", ".join(f"coalesce(CAST(c{i} AS VARCHAR), '')" for i in range(cells.width))
    with registered(cursor, {_PART: cells}):
        source = f"{_PART} AS cells({positional_names(cells.width)})"
        sql = f"SELECT {wanted} FROM {source} OFFSET {offset:d}"
        return [list(row) for row in cursor.execute(sql).fetchall()]


def _shown(row: Sequence[str]) -> str:
    return " | ".join(cell for cell in row if cell)
