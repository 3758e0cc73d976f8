"""The passes over a table that a draw needs, whichever engine makes them, and the draw's state.

An engine finds rows and counts them. The exact cut, the sample and its publication are made
elsewhere, so a draw gives the same bytes on every engine. Rows that are named by their ordinals are
always read by DuckDB.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

import duckdb
import numpy as np

from contract.words import EngineName
from domain_errors import Loc
from parquet_tables.progress import ProgressCallback, ignore_progress, progress_part
from parquet_tables.row_keys.digests import KeyDigests, RowKey
from parquet_tables.tables import Column, TableFiles
from sampling_engine.engines.duckdb_engine import DUCKDB, DrawTable
from sampling_engine.selection.keyed import OrderByKey
from sampling_engine.selection.order import Int64s
from sampling_engine.selection.strata import MAX_STRATA, ColumnStrata, Strata, WholeTable
from sampling_engine.spec import RowFilter, Strategy
from sampling_engine.sql.passes import (
    CountRows,
    CountStrata,
    KeyedUnits,
    Pass,
    RankedRows,
    Result,
    ScanUnits,
    UnitRows,
)
from sampling_engine.sql.statements import one_stratum
from sampling_engine.sql.units import Units

StrataKey = tuple[tuple[Column, ...], str | None]


class Engine(Protocol):
    """Runs the passes over all rows of a draw's table."""

    name: EngineName
    strategy: Strategy | None
    """How rows are chosen that must be read to be known; None lets the planner choose."""

    def run(self, state: DrawState, wanted: Pass[Result], on_progress: ProgressCallback) -> Result:
        """Make a pass and return its result."""

    def list_rows(
        self,
        state: DrawState,
        row_filter: RowFilter,
        count: int | None,
        on_progress: ProgressCallback,
    ) -> Int64s | None:
        """The ordinals of the rows that pass a filter, ascending; None if they aren't listed.

        An engine lists them where they are few enough to be ranked here. ``count`` is their
        number, if it is known.
        """

    def ordinals_at(
        self, state: DrawState, row_filter: RowFilter, places: Int64s, on_progress: ProgressCallback
    ) -> Int64s:
        """The ordinals of the rows at ascending places, from 0, among those that aren't taken.

        Places beyond the last row are left out.
        """

    def keys_of(
        self, state: DrawState, key: RowKey, on_progress: ProgressCallback, loc: Loc
    ) -> KeyDigests:
        """The digests of the table's keys, which aren't checked yet."""

    def ranked_by_key(
        self,
        state: DrawState,
        order: OrderByKey,
        strata: Strata,
        wanted: Int64s,
        limits: Int64s,
        on_progress: ProgressCallback,
    ) -> RankedRows:
        """The rows of the ``wanted`` strata, not taken, whose rank by their key is below a limit.

        ``limits`` are by wanted stratum.
        """

    def units_by_key(
        self,
        state: DrawState,
        order: OrderByKey,
        wanted: ScanUnits,
        on_progress: ProgressCallback,
    ) -> Iterator[KeyedUnits]:
        """The rows that ``wanted`` asks for by their ranks in the order of keys, in pieces.

        Other rows below ``wanted.below`` units may be among them.
        """

    def check_units(
        self, state: DrawState, units: Units, row_filter: RowFilter | None, found: UnitRows
    ) -> None:
        """Raise DomainError unless these rows pass the filter and have these units."""


class DrawState(DrawTable):
    """The state that the rounds of one draw share: engine, cursor, taken rows and strata."""

    def __init__(
        self,
        cursor: duckdb.DuckDBPyConnection,
        table: TableFiles,
        strategy: Strategy | None = None,
        counts_dir: Path | None = None,
        max_strata: int = MAX_STRATA,
        amount: Column | None = None,
        engine: Engine = DUCKDB,
        *,
        lists_rows: bool = False,
    ) -> None:
        super().__init__(cursor, table, counts_dir)
        self.lists_rows = lists_rows and strategy is None
        self.amount = amount
        self.engine = engine if table.file_rows else DUCKDB
        self.strategy, self.max_strata = strategy, max_strata
        self._strata: dict[StrataKey, Strata] = {}
        self._digests: dict[RowKey, KeyDigests] = {}

    def run(self, wanted: Pass[Result], on_progress: ProgressCallback) -> Result:
        """Make a pass over all rows by the draw's engine."""
        return self.engine.run(self, wanted, on_progress)

    def digests_of(
        self,
        key: RowKey,
        on_progress: ProgressCallback = ignore_progress,
        loc: Loc = (),
    ) -> KeyDigests:
        """The digests of the table's keys, computed and checked once a draw.

        Raises
        ------
        KeyMissing, KeyNotUnique
            The key doesn't identify each row of the table.
        """
        if key not in self._digests:
            step = progress_part(on_progress, 0.0, 0.8)
            found = self.engine.keys_of(self, key, step, loc)
            found.require(progress_part(on_progress, 0.8, 1.0))
            self._digests[key] = found
        return self._digests[key]

    def strata_of(
        self,
        columns: Sequence[Column],
        row_filter: RowFilter | None,
        on_progress: ProgressCallback,
        *,
        lists_rows: bool = False,
    ) -> Strata:
        """The strata of these columns among the rows that pass the filter, counted once a draw.

        With ``lists_rows`` the pass that counts the rows of a filter also lists them, if these are
        few, so that a draw from them needs no other pass.
        """
        if not self.table.file_rows or not (columns or row_filter):
            return WholeTable(self.table)
        key = (tuple(columns), row_filter.text if row_filter else None)
        if key not in self._strata:
            name = f"strata_{len(self._strata)}"
            counting: CountStrata | CountRows = (
                CountRows(row_filter, name)
                if row_filter is not None and not columns
                else CountStrata(tuple(columns), row_filter, name, self.max_strata)
            )
            self._strata[key] = ColumnStrata(
                self.cursor,
                self.table,
                counting,
                self.counts_dir,
                lambda: self._count(counting, lists_rows, on_progress),
            )
        return self._strata[key]

    def _count(
        self, counting: CountStrata | CountRows, lists_rows: bool, on_progress: ProgressCallback
    ) -> Int64s | None:
        if lists_rows and isinstance(counting, CountRows):
            listed = self.engine.list_rows(self, counting.row_filter, None, on_progress)
            if listed is not None:
                self.cursor.execute(*one_stratum(counting.table_name, len(listed)))
                return listed
        self.run(counting, on_progress)
        return None

    def eligible_of(self, strata: Strata, on_progress: ProgressCallback) -> Int64s:
        """Rows of each stratum that aren't taken, shape (strata,)."""
        if not len(self.taken):
            return strata.rows
        numbers = strata.of(self.taken, on_progress)
        taken = np.bincount(numbers[numbers >= 0], minlength=len(strata.rows))
        eligible: Int64s = strata.rows - taken
        return eligible
