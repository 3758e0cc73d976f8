"""The strata of a table: how many rows each has, and which stratum a row is of.

Owns: the strata's temporary tables. Invariant: strata are numbered from 0 in the order of their
values, NULL last, so their numbers are the same in every run; a row's values are never Python
objects, only its stratum's number is. Called by the draw (one object a list of columns, kept over
the rounds) and by the walk.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import duckdb
import numpy as np

from parquet_tables.progress import Report, watched
from parquet_tables.tables import Column, TableFiles
from sampling_engine import statements
from sampling_engine.errors import RowsMissing, TooManyStrata
from sampling_engine.kept_counts import keep_counts, kept_file, load_counts
from sampling_engine.order import Int64s

MOST_STRATA = 1_000_000


class Strata(Protocol):
    """What the draw of a round needs to know of strata."""

    @property
    def rows(self) -> Int64s:
        """Rows of each stratum, shape (strata,)."""

    @property
    def table_name(self) -> str | None:
        """The temporary table of their values, if there is one."""

    @property
    def columns(self) -> Sequence[Column]:
        """The columns whose values make a stratum."""

    def of(self, ordinals: Int64s, report: Report) -> Int64s:
        """The stratum's number of each row, shape as ``ordinals``."""

    def keys(self, numbers: Int64s) -> list[dict[str, str | None]]:
        """The values of some strata, by column name, in the order of their numbers."""


class WholeTable:
    """All rows as one stratum, number 0; no row has to be looked at to tell."""

    table_name = None
    columns: Sequence[Column] = ()

    def __init__(self, table: TableFiles) -> None:
        self.rows: Int64s = np.array([table.row_count], dtype=np.int64)

    def of(self, ordinals: Int64s, report: Report) -> Int64s:
        """0 for each row."""
        return np.zeros(len(ordinals), dtype=np.int64)

    def keys(self, numbers: Int64s) -> list[dict[str, str | None]]:
        """No column's value makes this stratum."""
        return [{} for _ in numbers]


class ColumnStrata:
    """The combinations of values of some columns.

    Parameters
    ----------
    cursor : DuckDBPyConnection
        The draw's own; it holds the temporary table.
    table : TableFiles
        Not empty.
    columns : sequence of Column
    table_name : str
        A plain word, new to this cursor.
    counts_dir : Path or None
        Where counts are kept for the next draw, below the database's root.
    report : Report
        Takes the progress of the count, the only pass over all rows.

    Raises
    ------
    TooManyStrata
        There are more than 1,000,000.
    RowsMissing
        The files hold fewer rows than they are said to.
    """

    def __init__(
        self,
        cursor: duckdb.DuckDBPyConnection,
        table: TableFiles,
        columns: Sequence[Column],
        table_name: str,
        counts_dir: Path | None,
        report: Report,
    ) -> None:
        self.columns, self.table_name = columns, table_name
        self._cursor, self._table = cursor, table
        kept = counts_dir and kept_file(counts_dir, table, columns)
        loaded = kept is not None and load_counts(cursor, kept, table_name, table)
        if not loaded:
            with watched(cursor, report, "counting strata"):
                cursor.execute(*statements.count_strata(table, columns, table_name))
        count, rows = cursor.execute(*statements.totals_of_strata(table_name)).fetchall()[0]
        if count > MOST_STRATA:
            names = ", ".join(f'"{column.name}"' for column in columns)
            raise TooManyStrata(
                f"{names} would make {count:,} strata; up to {MOST_STRATA:,} are taken."
            )
        if rows < table.row_count:
            raise RowsMissing(table.row_count - rows)
        sizes = cursor.execute(*statements.sizes_of_strata(table_name)).fetchnumpy()
        self.rows: Int64s = sizes["rows"]
        if kept is not None and not loaded:
            keep_counts(cursor, table_name, kept)

    def of(self, ordinals: Int64s, report: Report) -> Int64s:
        """Fetch the rows' columns by ordinal and look their stratum up."""
        found = np.empty(len(ordinals), dtype=np.int64)
        if not len(ordinals):
            return found
        picked = {"position": np.arange(len(ordinals)), "ordinal": ordinals}
        self._cursor.register("picked", picked)
        sql, params = statements.strata_of_picked(self._table, self.columns, self.table_name)
        with watched(self._cursor, report, "reading strata"):
            rows = self._cursor.execute(sql, params).fetchnumpy()
        self._cursor.unregister("picked")
        found[rows["position"]] = rows["stratum"]
        return found

    def keys(self, numbers: Int64s) -> list[dict[str, str | None]]:
        """The values of some strata, by column name, in the order of their numbers."""
        sql, params = statements.keys_of_strata(
            self.table_name, len(self.columns), numbers.tolist()
        )
        names = [column.name for column in self.columns]
        rows = self._cursor.execute(sql, params).fetchall()
        return [dict(zip(names, values, strict=True)) for values in rows]
