"""The passes of a draw in DuckDB, on the draw's own cursor."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import numpy as np

from contract.words import EngineName
from domain_errors import Loc
from parquet_tables.database import registered
from parquet_tables.progress import ProgressCallback, progress_part, watched
from parquet_tables.row_keys.digests import KeyDigests, RowKey
from parquet_tables.rows import RowSet
from parquet_tables.tables import TableFiles
from sampling_engine.selection.keyed import OrderByKey
from sampling_engine.selection.order import Int64s, in_sorted
from sampling_engine.spec import RowFilter, Strategy
from sampling_engine.sql import statements
from sampling_engine.sql.passes import (
    KeyedUnits,
    Pass,
    PassingRows,
    RankedRows,
    Result,
    RowsOfStrata,
    ScanUnits,
    StrataOfRows,
    UnitRows,
    UnitsOfPiece,
)
from sampling_engine.sql.statements import StrataTable
from sampling_engine.sql.units import Units

# Rows of one piece of the pass over a filter's columns.
PIECE_ROWS = 1 << 22
LISTED_PIECE_ROWS = 1 << 25
"""Rows of one piece where few pass; all of them would take 268 MB. A LIMIT doubles the time."""
MAX_LISTED = 1 << 22
"""Rows that are listed and ranked outside DuckDB: 34 MB of ordinals, and as much of ranks."""
PROBE_ROWS = 1 << 18
"""The first rows, by which the share of rows that pass a filter is estimated."""
DENSE = 16
"""Of so many rows one passes a filter from which on counting and walking costs less."""


class DrawTable:
    """A draw's table on the draw's own cursor, and the rows of it that are taken."""

    def __init__(
        self,
        cursor: duckdb.DuckDBPyConnection,
        table: TableFiles,
        counts_dir: Path | None = None,
    ) -> None:
        self._cursor, self.table, self.counts_dir = cursor, table, counts_dir
        self.taken: Int64s = table.deletion_vector
        self._registered: Int64s | None = None

    @property
    def cursor(self) -> duckdb.DuckDBPyConnection:
        """The draw's own, with ``taken`` as it is now."""
        if self._registered is not self.taken:
            self._cursor.register("taken", {"ordinal": self.taken})
            self._registered = self.taken
        return self._cursor

    @property
    def signed_rows(self) -> list[tuple[RowSet | None, int]]:
        """The rows that add up to the eligible ones: all (None), less the table ``taken``."""
        taken = self.taken_rows
        return [(None, 1)] if taken is None else [(None, 1), (taken, -1)]

    @property
    def taken_rows(self) -> RowSet | None:
        """The table ``taken``, if it has rows."""
        return RowSet("taken", self.taken) if len(self.taken) else None

    def units_of(
        self, units: Units, row_filter: RowFilter | None, ordinals: Int64s
    ) -> tuple[Int64s, Int64s]:
        """Places in ``ordinals`` and units of the rows that pass the filter and have some."""
        picked = {"position": np.arange(len(ordinals)), "ordinal": ordinals}
        rows = RowSet.of("picked", ordinals)
        statement = statements.units_of_picked(self.table, units, rows, row_filter)
        with registered(self.cursor, {"picked": picked}):
            found = self.cursor.execute(*statement).fetchnumpy()
        return found["position"], found["v"]

    def take(self, ordinals: Int64s) -> None:
        """No later round draws these rows."""
        self.taken = np.sort(np.concatenate([self.taken, ordinals]))

    @contextmanager
    def without_taking(self, ordinals: Int64s) -> Iterator[None]:
        """The state as if these rows weren't taken."""
        taken = self.taken
        self.taken = np.setdiff1d(taken, ordinals)
        try:
            yield
        finally:
            self.taken = taken


class DuckDbEngine:
    """Runs every pass as one statement or, for places, as one for each piece of the table."""

    name: EngineName = "duckdb"
    strategy: Strategy | None = None

    def __init__(
        self,
        *,
        max_listed: int = MAX_LISTED,
        probe_rows: int = PROBE_ROWS,
        piece_rows: int = LISTED_PIECE_ROWS,
    ) -> None:
        self._max_listed, self._probe_rows, self._piece_rows = max_listed, probe_rows, piece_rows

    def run(self, state: DrawTable, wanted: Pass[Result], on_progress: ProgressCallback) -> Result:
        cursor = state.cursor
        with registered(cursor, wanted.inputs), watched(cursor, on_progress, wanted.message):
            return wanted.result(cursor.execute(*wanted.statement(state.table)))

    def list_rows(
        self,
        state: DrawTable,
        row_filter: RowFilter,
        count: int | None,
        on_progress: ProgressCallback,
    ) -> Int64s | None:
        most, rows, probe = self._max_listed, state.table.file_rows, self._probe_rows
        if count is None and rows > probe:
            step = progress_part(on_progress, 0.0, 0.0)
            found = len(self.run(state, PassingRows(row_filter, 0, probe), step))
            count = found * rows // probe
            if found > probe // DENSE:
                return None
        if count is not None and count > most:
            return None
        listed = np.empty(0, dtype=np.int64)
        for first in range(0, rows, self._piece_rows):
            stop = min(first + self._piece_rows, rows)
            step = progress_part(on_progress, first / rows, stop / rows)
            listed = np.append(listed, self.run(state, PassingRows(row_filter, first, stop), step))
            if len(listed) > most:
                return None
        return listed

    def ordinals_at(
        self, state: DrawTable, row_filter: RowFilter, places: Int64s, on_progress: ProgressCallback
    ) -> Int64s:
        parts: list[Int64s] = [np.empty(0, dtype=np.int64)]
        counted, done = 0, 0
        for ordinals in eligible_pieces(state, row_filter, on_progress):
            stop = int(np.searchsorted(places, counted + len(ordinals)))
            parts.append(ordinals[places[done:stop] - counted])
            counted, done = counted + len(ordinals), stop
        return np.concatenate(parts)

    def keys_of(
        self, state: DrawTable, key: RowKey, on_progress: ProgressCallback, loc: Loc
    ) -> KeyDigests:
        return KeyDigests(state.cursor, state.table, key, state.counts_dir, on_progress, loc)

    def ranked_by_key(
        self,
        state: DrawTable,
        order: OrderByKey,
        strata: StrataTable,
        wanted: Int64s,
        limits: Int64s,
        on_progress: ProgressCallback,
    ) -> RankedRows:
        parts = [RankedRows(*(np.empty(0, dtype=np.int64) for _ in RankedRows._fields))]
        for ordinals, numbers in stratum_pieces(state, strata, wanted, on_progress):
            ranks = order.rank_in(ordinals, numbers)
            places = np.searchsorted(wanted, numbers)
            below = ranks < limits[places]
            parts.append(RankedRows(ordinals[below], numbers[below], ranks[below]))
        return RankedRows(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))

    def units_by_key(
        self,
        state: DrawTable,
        order: OrderByKey,
        wanted: ScanUnits,
        on_progress: ProgressCallback,
    ) -> Iterator[KeyedUnits]:
        rows = state.table.file_rows
        for first in range(0, rows, PIECE_ROWS):
            stop = min(first + PIECE_ROWS, rows)
            step = progress_part(on_progress, first / rows, stop / rows)
            piece = UnitsOfPiece(wanted.units, wanted.row_filter, wanted.below, first, stop)
            ordinals, units = self.run(state, piece, step)
            yield KeyedUnits(ordinals, units, order.rank(ordinals))

    def check_units(
        self, state: DrawTable, units: Units, row_filter: RowFilter | None, found: UnitRows
    ) -> None:
        """DuckDB found them itself."""


DUCKDB = DuckDbEngine()


def stratum_pieces(
    state: DrawTable, strata: StrataTable, wanted: Int64s, on_progress: ProgressCallback
) -> Iterator[RowsOfStrata]:
    """Ordinals and strata of the rows of some strata that aren't taken, piece by piece."""
    rows = state.table.file_rows
    for first in range(0, rows, PIECE_ROWS):
        stop = min(first + PIECE_ROWS, rows)
        step = progress_part(on_progress, first / rows, stop / rows)
        yield DUCKDB.run(state, StrataOfRows(strata, wanted, first, stop), step)


def eligible_pieces(
    state: DrawTable, row_filter: RowFilter, on_progress: ProgressCallback
) -> Iterator[Int64s]:
    """The ordinals of the rows that pass a filter and aren't taken, in order, piece by piece."""
    rows = state.table.file_rows
    for first in range(0, rows, PIECE_ROWS):
        on_progress(first / rows, "counting the grid's places")
        stop = min(first + PIECE_ROWS, rows)
        sql, params = statements.numbered_rows(state.table, "", row_filter, first, stop)
        found = state.cursor.execute(sql, params).fetchnumpy()
        ordinals = np.sort(found["ordinal"])
        yield ordinals[~in_sorted(ordinals, state.taken)]
