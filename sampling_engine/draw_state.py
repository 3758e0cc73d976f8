"""What the rounds of one draw share: the cursor, the rows that are taken and the strata.

Owns: the cursor's table ``taken``. Invariant: a row that is taken, left out of the table or drawn,
is never drawn again. One object a draw; every kind of round works on it. The table is made when
somebody asks for the cursor: a round that looks no row up needs none.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import duckdb
import numpy as np

from parquet_tables.progress import ProgressCallback
from parquet_tables.tables import Column, TableFiles
from sampling_engine.results import Strategy
from sampling_engine.selection.order import Int64s
from sampling_engine.selection.strata import ColumnStrata, Strata, WholeTable
from sampling_engine.spec import RowFilter

StrataKey = tuple[tuple[Column, ...], str | None]


class DrawState:
    """One draw under way.

    Parameters
    ----------
    cursor : DuckDBPyConnection
        The draw's own.
    strategy : {"walk", "scan"} or None
        Forces how rows are chosen.
    counts_dir : Path or None
        Where counts of strata are kept for the next draw.
    """

    def __init__(
        self,
        cursor: duckdb.DuckDBPyConnection,
        table: TableFiles,
        strategy: Strategy | None = None,
        counts_dir: Path | None = None,
    ) -> None:
        self._cursor, self.table = cursor, table
        self.strategy, self.counts_dir = strategy, counts_dir
        self.taken: Int64s = table.deletion_vector
        self._registered: Int64s | None = None
        self._strata: dict[StrataKey, Strata] = {}

    @property
    def cursor(self) -> duckdb.DuckDBPyConnection:
        """The draw's own, with ``taken`` as it is now."""
        if self._registered is not self.taken:
            self._cursor.register("taken", {"ordinal": self.taken})
            self._registered = self.taken
        return self._cursor

    @property
    def taken_rows(self) -> str | None:
        """The name of the table ``taken``, if it has rows."""
        return "taken" if len(self.taken) else None

    def take(self, ordinals: Int64s) -> None:
        """No later round draws these rows."""
        self.taken = np.sort(np.concatenate([self.taken, ordinals]))

    def strata_of(
        self, columns: Sequence[Column], row_filter: RowFilter | None, on_progress: ProgressCallback
    ) -> Strata:
        """The strata of these columns among the rows that pass the filter, counted once a draw."""
        if not self.table.file_rows or not (columns or row_filter):
            return WholeTable(self.table)
        key = (tuple(columns), row_filter.text if row_filter else None)
        if key not in self._strata:
            self._strata[key] = ColumnStrata(
                self.cursor,
                self.table,
                tuple(columns),
                row_filter,
                f"strata_{len(self._strata)}",
                self.counts_dir,
                on_progress,
            )
        return self._strata[key]

    def eligible_of(self, strata: Strata, on_progress: ProgressCallback) -> Int64s:
        """Rows of each stratum that aren't taken, shape (strata,)."""
        if not len(self.taken):
            return strata.rows
        numbers = strata.of(self.taken, on_progress)
        gone = np.bincount(numbers[numbers >= 0], minlength=len(strata.rows))
        eligible: Int64s = strata.rows - gone
        return eligible
